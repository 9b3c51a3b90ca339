"""Collections of other servers: answers below a post, the latest of somebody, what they pinned.

A collection may be endless, grow while it is read, or lead elsewhere (security.md row 87): at most PAGES pages and ITEMS items in
SECONDS seconds, each page once, all on one server.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select, update

from federation import parse
from federation.remote import people, pieces
from federation.remote.documents import Spent, plain, read, within
from federation.vocabulary import Json
from server import clock, origins
from server.errors import GiveUp, TryLater
from server.models import Actor, Origin, Post, Tombstone
from server.site import Site

log = logging.getLogger(__name__)

PAGES, ITEMS, SECONDS = 10, 500, 60
# What one conversation brings here, and what is shown of somebody whom nobody here knew.
MOST_ANSWERS, NEWEST, PINNED = 200, 20, 20


@dataclass
class Found:
    """What a crawl found: items as they stood in the collection, at the origin that served all of them."""

    origin: str
    items: list[str | Json] = field(default_factory=list)


async def crawl(site: Site, start: str | Json, home: str, *, pages: int = PAGES, items: int = ITEMS) -> Found:
    """Read a collection that lies at `start`, or begins embedded in a document of `home`'s server.

    Never raises for what is wrong with the collection: what was read until then is the answer.
    """
    found = Found(origins.origin(start if isinstance(start, str) else home))
    seen: set[str] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            try:
                await _pages(site, start, found, seen, pages, items)
            except (GiveUp, TryLater) as wrong:
                log.info("collection not read to its end", extra={"origin": found.origin, "reason": str(wrong)})
    return found


async def _pages(site: Site, start: str | Json, found: Found, seen: set[str], pages: int, items: int) -> None:
    at = start
    # The collection itself is no page; it may hold the first one, or only name it.
    for _ in range(pages + 1):
        if isinstance(at, str):
            address = plain(at)
            if address in seen or origins.origin(address) != found.origin:
                return
            seen.add(address)
            document, answered = await read(site, address)
            if origins.origin(answered) != found.origin:
                return
        else:
            document = at
        page = parse.collection(document)
        found.items += page.items[: items - len(found.items)]
        if not page.next or len(found.items) >= items:
            return
        at = page.next


async def thread(site: Site, uri: str) -> None:
    """Read what a post answers, level by level, and have what answers it fetched, as its own server lists that."""
    with within():
        post = await pieces.known(site, origins.canonical(uri))
        if post is None:
            post = await pieces.post(site, uri, depth=0)
        if post is None or post.deleted_at is not None or post.uri is None:
            return
        try:
            await pieces.climb(site, post)
        except Spent:
            async with site.db.write() as tx:
                await pieces.queue(tx, "thread", [post.uri])
            return
        await replies(site, post)


async def replies(site: Site, post: Post) -> None:
    """Have the answers fetched that a post's own server lists in `replies`, or in its conversation (FEP-7888)."""
    if post.uri is None:
        return
    async with site.db.read() as tx:
        raw = await tx.scalar(select(Origin.raw).where(Origin.post_id == post.id)) or {}
    listed: dict[str, None] = {}
    for term in ("replies", "context"):
        start = raw.get(term)
        if not isinstance(start, str | dict) or not start or (isinstance(start, str) and site.urls.is_ours(start)):
            continue
        if term == "context" and (not isinstance(start, str) or not start.startswith(("https://", "http://"))):
            continue
        try:
            found = await crawl(site, start, post.uri)
        except GiveUp:
            continue
        listed |= dict.fromkeys(_uris(found.items))
    await _queue_unknown(site, list(listed))


async def outbox(site: Site, uri: str) -> None:
    """The newest posts of somebody of whom nothing is here yet: at most NEWEST, boosts left out."""
    with within():
        author = await people.actor(site, uri)
        if not author.outbox:
            return
        found = await crawl(site, author.outbox, author.outbox, pages=3, items=3 * NEWEST)
        taken = 0
        later: list[str] = []
        for item in found.items:
            if taken + len(later) >= NEWEST:
                break
            thing = item
            if isinstance(item, dict):
                if item.get("type") == "Announce":
                    continue
                thing = item.get("object", "") if item.get("type") == "Create" else item
            if isinstance(thing, dict) and _is_trusted(found, author, thing):
                taken += await _take(site, thing)
            else:
                later += _uris([thing])
    await _queue_unknown(site, later)


async def featured(site: Site, uri: str) -> None:
    """What somebody pinned to the top of their profile; what is not in the list any more is not pinned any more."""
    with within():
        author = await people.actor(site, uri)
        if not author.featured:
            return
        found = await crawl(site, author.featured, author.featured, pages=2, items=PINNED)
        uris = list(dict.fromkeys(_uris(found.items)))
        for item in found.items:
            try:
                if isinstance(item, dict) and _is_trusted(found, author, item):
                    await _take(site, item)
                else:
                    for one in _uris([item]):
                        await pieces.post(site, one, depth=0)
            except (GiveUp, TryLater) as wrong:
                log.info("pinned post not read", extra={"actor": uri, "reason": str(wrong)})
    async with site.db.write() as tx:
        theirs = (Post.author_id == author.id, Post.deleted_at.is_(None))
        loose = update(Post).where(*theirs, Post.pinned_at.is_not(None), Post.uri.not_in(uris)).values(pinned_at=None)
        await tx.execute(loose.execution_options(synchronize_session=False))
        for place, one in enumerate(uris):
            pinned = (
                update(Post).where(*theirs, Post.uri == one).values(pinned_at=clock.now() - timedelta(seconds=place))
            )
            await tx.execute(pinned.execution_options(synchronize_session=False))


async def _take(site: Site, document: Json) -> int:
    """Write down a post that stood whole in its author's own collection; 1 where there is one afterwards."""
    try:
        return int(await pieces.put(site, document, str(document["id"])) is not None)
    except GiveUp as wrong:
        log.info("post not taken", extra={"post": str(document.get("id"))[:200], "reason": str(wrong)})
        return 0


def _is_trusted(found: Found, author: Actor, document: Json) -> bool:
    """Whether a document inside a collection is as good as one at its own address: its author's server showed it."""
    uri = document.get("id")
    try:
        places = {found.origin, origins.origin(author.uri or ""), origins.origin(uri if isinstance(uri, str) else "")}
    except GiveUp:
        return False
    return len(places) == 1 and document.get("attributedTo") == author.uri


def _uris(items: list[str | Json]) -> list[str]:
    """The ids of items, in their one spelling; what is no address is left out."""
    uris = []
    for item in items:
        uri = item.get("id") if isinstance(item, dict) else item
        if isinstance(uri, str) and uri:
            with suppress(GiveUp):
                uris.append(origins.canonical(uri))
    return uris


async def _queue_unknown(site: Site, uris: list[str]) -> None:
    theirs = [uri for uri in uris if not site.urls.is_ours(uri)][:ITEMS]
    async with site.db.write() as tx:
        here = set(await tx.scalars(select(Post.uri).where(Post.uri.in_(theirs))))
        here |= set(await tx.scalars(select(Tombstone.uri).where(Tombstone.uri.in_(theirs))))
        await pieces.queue(tx, "post", [uri for uri in theirs if uri not in here][:MOST_ANSWERS])
