"""Posts of other servers: one with its author, and what it answers, level by level.

Nothing recurses (security.md row 89): one loop climbs, at most LEVELS steps from where it began, and what its budget does not
reach goes on as a job of its own (row 88).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import parse
from federation.remote import people
from federation.remote.documents import Absent, Spent, Vanished, get_document, within
from federation.vocabulary import Json
from server import clock, elsewhere, jobs, origins
from server.errors import GiveUp, TryLater
from server.models import Actor, Job, Origin, Post, Tombstone
from server.site import Site

log = logging.getLogger(__name__)

LEVELS = 20
# A post that was read within this time is not read again, whoever hints that it changed.
JUST_NOW = timedelta(seconds=30)
# Activities at whose address the thing itself was meant.
WRAPPERS = ("Create", "Update")


async def post(site: Site, uri: str, *, depth: int = LEVELS, fresh: bool = False) -> Post | None:
    """The post with that uri, read from its own server where it is not here (or `fresh`), and up to `depth` levels above it.

    None for what is deleted. What cannot be read now of the conversation follows as a job. Raises GiveUp and TryLater for the
    post itself.
    """
    uri = origins.canonical(uri)
    with within():
        row = await known(site, uri)
        if row is not None and row.deleted_at is not None:
            return None
        if site.urls.is_ours(uri):
            return row
        if row is None or (fresh and await _is_old(site, row)):
            row = await fetch_one(site, uri)
        if row is None:
            return None
        try:
            await climb(site, row, depth)
        except TryLater as later:
            async with site.db.write() as tx:
                at = None if isinstance(later, Spent) else later.at or clock.after(minutes=5)
                await queue(tx, "thread", [row.uri or uri], at)
        return row


async def fetch_one(site: Site, uri: str) -> Post | None:
    """Read one post and its author and write both down, whatever is here already; None for what is deleted."""
    try:
        document = await get_document(site, uri)
        if document.get("type") in WRAPPERS:
            inner = document.get("object")
            inner = inner.get("id") if isinstance(inner, dict) else inner
            if not isinstance(inner, str):
                raise GiveUp("The activity is about nothing that could be read.")
            document = await get_document(site, inner)
        if document.get("type") == "Tombstone":
            raise Vanished("It was deleted.")
    except Vanished:
        await _bury(site, uri)
        return None
    return await put(site, document, str(document["id"]))


async def put(site: Site, document: Json, uri: str) -> Post | None:
    """Write down a post that the server of `uri` itself showed; its author is read where they are not known."""
    piece = parse.piece(document, uri)
    author = await people.actor(site, piece.author)
    async with site.db.write() as tx:
        return await elsewhere.put_post(tx, piece, author, urls=site.urls)


async def climb(site: Site, leaf: Post, depth: int = LEVELS) -> None:
    """Read what `leaf` answers, and what that answers, at most `depth` levels up. Raises Spent or TryLater where it cannot go on.

    What is here already counts as a level too, so that going on later never leads higher.
    """
    at, seen = leaf.id, {leaf.id}
    for _ in range(depth):
        parent, missing = await _parent(site, at)
        if parent is None and missing and not site.urls.is_ours(missing):
            try:
                above = await known(site, missing) or await fetch_one(site, missing)
            except GiveUp as wrong:
                log.info("conversation ends here", extra={"post": missing, "reason": str(wrong)})
                return
            parent = above.id if above is not None else None
        if parent is None or parent in seen:
            return
        seen.add(parent)
        at = parent


async def known(site: Site, uri: str) -> Post | None:
    """The row of that uri, ours or theirs, deleted or not."""
    async with site.db.read() as tx:
        if not site.urls.is_ours(uri):
            found: Post | None = await tx.scalar(select(Post).where(Post.uri == uri))
            return found
        row = await tx.get(Post, site.urls.parse_post(uri) or 0)
        return row if row is not None and row.uri is None else None


async def queue(tx: AsyncSession, what: str, uris: Iterable[str], due: datetime | None = None) -> None:
    """Have these fetched later, each once however often it is asked for."""
    made = {job.key: job for job in (jobs.Fetch(what, uri) for uri in uris)}
    waiting = (Job.kind == jobs.Fetch.__name__, Job.failed_at.is_(None), Job.locked_until.is_(None))
    there = set(await tx.scalars(select(Job.key).where(*waiting, Job.key.in_(made))))
    for key, job in made.items():
        if key not in there:
            jobs.enqueue(tx, job, due)


async def _parent(site: Site, post_id: int) -> tuple[int | None, str]:
    """What a post answers: the row, or the address where that is not here."""
    async with site.db.read() as tx:
        query = select(Post.reply_to_id, Origin.reply_to_uri).outerjoin(Origin, Origin.post_id == Post.id)
        row = (await tx.execute(query.where(Post.id == post_id))).one_or_none()
        if row is None:
            return None, ""
        missing = row[1] or ""
        if missing and await tx.get(Tombstone, missing) is not None:
            missing = ""
        return row[0], missing


async def _is_old(site: Site, row: Post) -> bool:
    async with site.db.read() as tx:
        origin = await tx.get(Origin, row.id)
    return origin is None or origin.fetched_at < clock.now() - JUST_NOW


async def _bury(site: Site, uri: str) -> None:
    """The author's server says that a post is gone: so it is here."""
    async with site.db.write() as tx:
        row = await tx.scalar(select(Post).where(Post.uri == uri, Post.deleted_at.is_(None)))
        if row is None:
            return
        author = await tx.get_one(Actor, row.author_id)
        if author.uri is None or origins.origin(author.uri) != origins.origin(uri):
            raise Absent("It is not there.")
        await elsewhere.forget_post(tx, uri, author)
