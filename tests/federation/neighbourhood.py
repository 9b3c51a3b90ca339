"""Other servers, as many as one likes, on real sockets: each is an address of 127.0.0.0/8, one listener speaks for all of them.

What a server does with a request is decided by its `Mood`: take it, refuse it, break off, say nothing, or answer bit by bit.
"""

import asyncio
import ipaddress
import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select

from federation import deliver, policy
from federation.transport import Transport
from server import clock, ids, jobs, worker
from server.db import Session
from server.models import Activity, Actor, Delivery, DeliveryState, Host, Job
from server.site import Site

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
HANDLERS: worker.Handlers = {jobs.Deliver: deliver.deliver}


async def host_of(tx: Session, name: str) -> Host:
    """The row of a host, made where it is new."""
    await policy.know(tx, [name])
    return await tx.get_one(Host, name)


@dataclass(frozen=True)
class Letter:
    """One request as it arrived, and what was answered: a status, or 0 for nothing."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer: int = 0

    @property
    def id(self) -> str:
        return str(json.loads(self.body)["id"])


# A status; a status with a Retry-After; "reset", "hang" or "drip" for servers in trouble.
Mood = int | tuple[int, str] | str


@dataclass
class Neighbourhood:
    """The listener. `mood` decides each answer; `letters` is everything that came, in order."""

    mood: Callable[[Letter], Mood] = lambda letter: 202
    letters: list[Letter] = field(default_factory=list)
    port: int = 0
    open: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_open: int = 0

    async def __aenter__(self) -> "Neighbourhood":
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "0.0.0.0", 0, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def host(self, number: int) -> str:
        return f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}:{self.port}"

    def taken(self, host: str | None = None) -> list[Letter]:
        """What was taken in, in order."""
        return [letter for letter in self.letters if 200 <= letter.answer < 300 and host in (None, letter.host)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        name = "{}:{}".format(*writer.get_extra_info("sockname"))
        self.open[name] += 1
        self.most_open = max(self.most_open, self.open[name])
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self.open[name] -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        letter = Letter(headers["host"], method, path, headers, body)
        mood = self.mood(letter)
        status, wait = mood if isinstance(mood, tuple) else (mood, "")
        if status == "reset":
            self.letters.append(letter)
            writer.transport.abort()
            return False
        if status == "hang":
            self.letters.append(letter)
            await asyncio.sleep(3600)
        if status == "drip":
            self.letters.append(letter)
            writer.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.5)
        self.letters.append(replace(letter, answer=int(status)))
        extra = f"Retry-After: {wait}\r\n" if wait else ""
        text = b"It is broken." if int(status) >= 400 else b""
        writer.write(f"HTTP/1.1 {status} Word\r\nContent-Length: {len(text)}\r\n{extra}\r\n".encode() + text)
        await writer.drain()
        return True


class Impatient:
    """The real transport with less patience, so that tests of silence are short."""

    def __init__(self, total: float) -> None:
        self.real = Transport(user_agent="Cartellino/test", private=LOOPBACK)
        self.total = total

    async def get(self, url: str, **more: Any) -> Any:
        return await self.real.get(url, **more, total=self.total)

    async def post(self, url: str, body: bytes, **more: Any) -> Any:
        return await self.real.post(url, body, **more, total=self.total)

    async def download(self, url: str, file: Path, **more: Any) -> Any:
        return await self.real.download(url, file, **more)

    async def close(self) -> None:
        await self.real.close()


def connected(site: Site, total: float = 2) -> Site:
    """The same house with a line to the neighbourhood; close `transport` at the end."""
    return replace(site, transport=Impatient(total))


async def write(
    site: Site,
    author: Actor,
    hosts: list[str],
    count: int = 1,
    *,
    kind: str = "Create",
    about: int | None = None,
    first: bool = False,
) -> list[str]:
    """Put `count` activities of `author` on their way to each of `hosts`; returns their ids in order."""
    made = []
    for _ in range(count):
        async with site.db.write() as tx:
            activity = Activity(id=ids.new(), type=kind, actor_id=author.id)
            activity.uri = site.urls.activity_of(activity.id)
            activity.subject = f"{kind}:{about or activity.id}"
            activity.bodies = {
                "": {"id": activity.uri, "type": kind, "actor": site.urls.actor(author), "object": "é 0.5"}
            }
            tx.add(activity)
            await tx.flush()
            await policy.know(tx, hosts)
            for host in hosts:
                tx.add(
                    Delivery(
                        activity_id=activity.id,
                        actor_id=author.id,
                        host=host,
                        inbox=f"http://{host}/inbox",
                        first=first,
                    )
                )
            await tx.flush()
            await jobs.ensure(tx, [jobs.Deliver(host, slow=True) for host in hosts])
        made.append(activity.uri)
    return made


async def states(site: Site) -> dict[str, int]:
    """How many deliveries are in which state."""
    async with site.db.read() as tx:
        rows = await tx.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return {state.value: count for state, count in rows}


async def go(site: Site) -> None:
    """Send everything that is due now, host after host."""
    await worker.drain(site, HANDLERS, ("deliver", "slow"))


async def work(site: Site, seconds: float = 30) -> None:
    """Run a worker until nothing is due and nothing runs."""
    running = worker.Worker(site, HANDLERS)
    task = asyncio.create_task(running.run())
    try:
        async with asyncio.timeout(seconds):
            while await _busy(site):
                await asyncio.sleep(0.02)
    finally:
        running.stop()
        await task


async def _busy(site: Site) -> bool:
    async with site.db.read() as tx:
        now = clock.now()
        busy = select(func.count(Job.id)).where(or_(Job.due_at <= now, Job.locked_until > now), Job.kind == "Deliver")
        return bool(await tx.scalar(busy))


class Later:
    """A clock that goes on, and that a test puts forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        clock.set_source(lambda: datetime.now(UTC) + self.ahead)

    def pass_(self, **parts: float) -> None:
        self.ahead += timedelta(**parts)

    async def to_next(self, site: Site, **parts: float) -> None:
        """On to the moment when the next job is due, and `parts` beyond it."""
        async with site.db.read() as tx:
            due = await tx.scalar(select(func.min(Job.due_at)).where(Job.failed_at.is_(None)))
        if due is not None:
            self.ahead += max(due - clock.now(), timedelta(0)) + timedelta(seconds=0.01)
        self.pass_(**parts)


async def waiting(site: Site) -> int:
    return (await states(site)).get(DeliveryState.WAITING.value, 0)
