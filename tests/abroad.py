"""People and posts of other servers as rows, for tests of what this house does with them; nobody asks the network."""

import itertools
from typing import Any

from sqlalchemy import select

from server import clock, hosts, ids, jobs
from server.models import Actor, Artwork, Audience, Job, Kind, Origin, Post
from server.site import Site

_numbers = itertools.count(1)


async def person(site: Site, handle: str = "mia", host: str = "far.example", **changes: Any) -> Actor:
    """Somebody elsewhere, as `elsewhere.put_person` leaves them."""
    uri = f"https://{host}/users/{handle}"
    async with site.db.write() as tx:
        row = Actor(
            id=ids.new(), uri=uri, handle=handle, domain=host, host=host, name=handle.capitalize(), inbox=f"{uri}/inbox",
            shared_inbox=f"https://{host}/inbox", followers=f"{uri}/followers",
            host_level=await hosts.level(tx, host), **changes,
        )  # fmt: skip
        tx.add(row)
    return row


async def post(
    site: Site,
    author: Actor,
    text: str = "Hello from afar",
    *,
    kind: Kind = Kind.NOTE,
    audience: Audience = Audience.EVERYONE,
    above: Post | None = None,
    **changes: Any,
) -> Post:
    """A post of somebody elsewhere, as `elsewhere.put_post` leaves it; a work has a title and no pictures yet."""
    post_id, now = ids.new(), clock.now()
    async with site.db.write() as tx:
        row = Post(
            id=post_id, kind=kind, author_id=author.id, uri=f"https://{author.host}/posts/{next(_numbers)}",
            audience=audience, text=text, html=f"<p>{text}</p>", reply_to_id=above.id if above else None,
            thread_id=above.thread_id if above else post_id,
            **{"published_at": now, "ready_at": now, "was_public": True} | changes,
        )  # fmt: skip
        tx.add(row)
        await tx.flush()
        tx.add(Origin(post_id=post_id, page=f"https://{author.host}/@{author.handle}/{post_id}", fetched_at=now))
        if kind is Kind.WORK:
            tx.add(Artwork(post_id=post_id, title=text))
    return row


async def told(site: Site, *verbs: str) -> list[jobs.Federate]:
    """What waits to be told to other servers, oldest first; of these verbs where some are named."""
    async with site.db.read() as tx:
        rows = await tx.scalars(select(Job).where(Job.kind == "Federate").order_by(Job.id))
        found = [jobs.Federate(**row.payload) for row in rows]
    return [job for job in found if not verbs or job.verb in verbs]


async def nothing_told(site: Site) -> None:
    """Forget what waits to be told, so that a test sees what comes after."""
    async with site.db.write() as tx:
        for row in await tx.scalars(select(Job).where(Job.kind == "Federate")):
            await tx.delete(row)
