"""A house of ours inside the test's own process, at https://NAME behind the front, with its worker running beside it.

Its transport is the real one: it goes out through TLS, trusts the front's CA, and may reach 127.0.0.0/8. The fixture
`resolving` must be in use. Every house has another name, because peers remember keys.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select

from server import clock, posts
from server.app import JOBS, build_site, close, create_app
from server.models import Account, Actor, Job, Post, Received, ReceivedState
from server.site import Site
from server.worker import Worker
from tests.conftest import make_account, settings_for
from tests.peers.front import Front
from tests.peers.kit import serving

T = TypeVar("T")
_numbers = itertools.count(1)


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 20, what: str = "") -> T:
    """What `look` finds, asked again until it finds something."""
    until = asyncio.get_running_loop().time() + seconds
    while not (found := await look()):
        assert asyncio.get_running_loop().time() < until, f"not within {seconds} s: {what or look}"
        await asyncio.sleep(0.02)
    return found


@dataclass
class Home:
    """One running house."""

    name: str
    site: Site

    def url(self, path: str) -> str:
        return f"https://{self.name}{path}"

    async def person(self, handle: str, **more: Any) -> Account:
        """Somebody who lives here."""
        return await make_account(self.site, handle, **more)

    async def find(self, handle: str) -> Actor:
        """The row of somebody elsewhere, found as a signed-in person's search finds them."""
        number = await self.site.network.find_person(self.site, handle)
        return await self.row(Actor, number)

    async def row(self, model: type[T], key: Any) -> T:
        async with self.site.db.read() as tx:
            return await tx.get_one(model, key)

    async def known(self, uri: str) -> Actor:
        """The row of somebody elsewhere of whom something has come."""
        async with self.site.db.read() as tx:
            return (await tx.scalars(select(Actor).where(Actor.uri == uri))).one()

    async def post(self, key: int | str, viewer: Account) -> Post | None:
        """A post as `viewer` sees it, by its id or by its uri; None where there is none."""
        async with self.site.db.read() as tx:
            number = key if isinstance(key, int) else await tx.scalar(select(Post.id).where(Post.uri == key))
            return None if number is None else await posts.get(tx, number, viewer.actor)

    async def count(self, model: Any, *conditions: Any) -> int:
        async with self.site.db.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(model).where(*conditions)) or 0)

    async def settled(self, activity: str, seconds: float = 20) -> tuple[ReceivedState, str]:
        """What became of a received activity, and why, once something did."""

        async def look() -> Any:
            async with self.site.db.read() as tx:
                row = select(Received.state, Received.reason).where(Received.activity_uri == activity)
                return (await tx.execute(row.where(Received.state != ReceivedState.WAITING))).one_or_none()

        state, reason = await eventually(look, seconds, f"{activity} is settled")
        return state, reason

    async def done(self, activity: str) -> None:
        """Wait until a received activity has been done."""
        state, reason = await self.settled(activity)
        assert state is ReceivedState.DONE, (activity, state, reason)

    async def rest(self, seconds: float = 30) -> None:
        """Wait until nothing is left to do; the AVIF sizes, which nobody waits for, aside."""

        async def look() -> bool:
            due = (Job.failed_at.is_(None), Job.due_at <= clock.now(), Job.lane != "idle")
            return not await self.count(Job, *due)

        await eventually(look, seconds, "the house comes to rest")


@contextlib.asynccontextmanager
async def living(front: Front, folder: Path, database_url: str, **environ: str) -> AsyncIterator[Home]:
    """A new house, answering and working until the test is over."""
    name = f"art{next(_numbers)}.test"
    wanted = {
        "CARTELLINO_BASE_URL": f"https://{name}",
        "CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.0/8",
        "CARTELLINO_NETWORK_CA_FILE": str(front.ca_file),
        **environ,
    }
    site = build_site(settings_for(folder, database_url, **wanted))
    worker = Worker(site, JOBS)
    async with serving(front, name, create_app(site)):
        working = asyncio.create_task(worker.run())
        try:
            yield Home(name, site)
        finally:
            worker.stop()
            await working
            await close(site)
