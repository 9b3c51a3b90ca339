"""Pictures of other servers: fetched once, decoded in the sandbox alone, kept in our sizes, thrown away when nobody looks.

The row of a picture (`Media` with a `source`) belongs to its post and stays; its files are a cache and come back when somebody
wants them. Nothing of the file as it came is ever shown: what we serve was made here, so that it holds no position, no camera and
nothing else that was inside. Its author's rights are written into it again (docs/rights.md 2.4, duties 1 and 6), and nothing is
ever sealed in the name of somebody elsewhere.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, hosts, jobs, origins, stamps
from server.errors import Full, GiveUp, TryLater
from server.media.orders import Facts, Made, Plan, Refused
from server.models import Actor, Job, Media, MediaState, Purpose, Rendition, RenditionPurpose
from server.site import Site
from server.stamps import Finished, Stamp

log = logging.getLogger(__name__)

LARGEST = 40_000_000  # bytes; security.md, table D
LONGEST_SIDE = 2048  # as for our own works, unless their artist wants otherwise
# Whoever waits for a page waits this long for a picture in it, in seconds; the fetch itself goes on.
PATIENCE = 8.0
# Pictures that people wait for, at the same time in this process; the jobs have a lane of their own.
AT_ONCE = 8
# What failed is not asked again within this time because somebody looks.
PAUSE = timedelta(minutes=10)
HOUR = timedelta(hours=1)
EVICTED_AT_ONCE = 200

NOT_WELCOME = "Pictures of this server are not shown here."
UNREADABLE = "What its server sends for this picture cannot be read."
NO_ROOM = "There is no room for this picture on this server at the moment."


@dataclass
class _Running:
    """What this process fetches now, and what failed lately; the latter bounded (security.md row 96)."""

    fetches: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    failed: OrderedDict[int, datetime] = field(default_factory=OrderedDict)
    most: int = 10_000


_running = _Running()


async def want(tx: AsyncSession, media_id: int) -> None:
    """Have a picture fetched soon, unless that waits to be done already."""
    job = jobs.Cache(media_id)
    waiting = select(Job.id).where(Job.kind == jobs.Cache.__name__, Job.key == job.key, Job.failed_at.is_(None))
    if await tx.scalar(waiting.limit(1)) is None:
        jobs.enqueue(tx, job)


async def cache(site: Site, job: jobs.Cache) -> None:
    """Fetch one picture and make its sizes. Raises TryLater where its server, or our disk, is not ready for it."""
    async with site.db.read() as tx:
        media = await tx.get(Media, job.media_id)
    if media is None or not media.source or media.state is MediaState.READY:
        return
    await _once(site, job.media_id)


async def ensure(site: Site, media: Media) -> None:
    """Somebody looks at a picture: note it, and fetch the picture where its files are gone. Waits a bounded time.

    One fetch at a time for each picture. Returns in any case; whether there is something to show, the rows say afterwards.
    """
    if not media.source:
        return
    if media.state is MediaState.READY:
        if media.seen_at is None or media.seen_at < clock.now() - HOUR:
            async with site.db.write() as tx:
                await tx.execute(update(Media).where(Media.id == media.id).values(seen_at=clock.now()))
        return
    failed = _running.failed.get(media.id)
    is_waiting = media.id in _running.fetches
    if not is_waiting and (len(_running.fetches) >= AT_ONCE or (failed and failed > clock.now() - PAUSE)):
        return
    with contextlib.suppress(TimeoutError, TryLater, Full):
        await asyncio.wait_for(_once(site, media.id), PATIENCE)


async def evict(site: Site) -> int:
    """Throw away what nobody looked at for `federation.cache_days`, and then what nobody looked at longest until the rest fits
    into `federation.cache_gigabytes`. Returns the number of pictures; for the hourly sweep."""
    wanted = site.settings.federation
    oldest = clock.after(days=-wanted.cache_days)
    room = wanted.cache_gigabytes * 1_000_000_000
    evicted = 0
    while True:
        async with site.db.write() as tx:
            total = await _size(tx)
            some = await _unseen(tx, oldest, too_much=total - room)
            keys = await _drop(tx, some)
        for key in keys:
            await asyncio.to_thread(site.storage.delete, key)
        evicted += len(some)
        if not some:
            break
        await asyncio.sleep(0)  # one transaction after the other: others write in between
    if evicted:
        log.info("pictures of other servers evicted", extra={"pictures": evicted})
    return evicted


# -- fetching ------------------------------------------------------------------------------------------------------------
async def _once(site: Site, media_id: int) -> None:
    """Fetch, or wait for the fetch that is under way. Whoever stops waiting does not stop the fetch."""
    task = _running.fetches.get(media_id)
    if task is None:
        task = asyncio.create_task(_fetch(site, media_id))
        _running.fetches[media_id] = task
        task.add_done_callback(lambda ended: _ended(media_id, ended))
    await asyncio.shield(task)


def _ended(media_id: int, task: asyncio.Task[None]) -> None:
    _running.fetches.pop(media_id, None)
    if not task.cancelled() and task.exception() is not None:
        log.info("picture not fetched", extra={"media": media_id, "reason": str(task.exception())})


async def _fetch(site: Site, media_id: int) -> None:
    async with site.db.read() as tx:
        media = await tx.get(Media, media_id)
        if media is None:
            return
        owner = await tx.get_one(Actor, media.owner_id)
        unwelcome = await hosts.unwelcome_names(tx)

    def admit(address: str) -> None:
        """Whether the house takes pictures from there, where a redirect may have led."""
        if not unwelcome.isdisjoint(hosts.names(origins.host(address))):
            raise GiveUp(NOT_WELCOME)

    file = site.incoming.absolute() / f"cache-{media.id}-{secrets.token_hex(6)}"
    try:
        for place in {owner.host or "", owner.domain or ""} - {""}:
            admit(f"https://{place}")
        await _check_room(site)
        await site.transport.download(media.source, file, limit=LARGEST, admit=admit)
        await _make(site, media, file)
    except Refused as refused:
        log.info("picture refused", extra={"media": media.id, "detail": refused.detail})
        await _fail(site, media, UNREADABLE)
    except GiveUp as never:
        await _fail(site, media, str(never))
    except (TryLater, Full) as later:
        await _fail(site, media, NO_ROOM if isinstance(later, Full) else str(later))
        raise
    finally:
        await asyncio.to_thread(file.unlink, missing_ok=True)


async def _check_room(site: Site) -> None:
    """Whether this fetch, and those under way, leave what is reserved for the artists: each may take LARGEST, and as much again
    for its sizes. Raises Full, or TryLater where they have room one after the other (P11)."""
    reserve = site.settings.uploads.reserve_megabytes * 1_000_000
    room = await asyncio.to_thread(site.storage.free) - reserve
    if room < 2 * LARGEST:
        raise Full
    if room < 2 * LARGEST * len(_running.fetches):
        raise TryLater(NO_ROOM, clock.after(seconds=30))


async def _make(site: Site, media: Media, file: Path) -> None:
    plan = Plan(public_max=LONGEST_SIDE, kind="face" if media.purpose is Purpose.FACE else "work")
    facts: Facts | None = None
    stamp: Stamp | None = None
    made: list[Rendition] = []
    try:
        async with contextlib.aclosing(site.pixels.render(file, plan)) as items:
            async for item in items:
                if isinstance(item, Facts):
                    facts = item
                elif item.purpose != "federation":  # the author's own server gives that to others
                    stamp = stamp or await _stamp(site, media, facts)
                    made.append(await _put(site, media.id, item, stamp))
        stale = await _write(site, media, facts, made, stamp)
    except BaseException:
        stale = await asyncio.shield(_unnamed(site, [rendition.key for rendition in made]))
        raise
    finally:
        for key in stale:
            await asyncio.to_thread(site.storage.delete, key)


async def _stamp(site: Site, media: Media, facts: Facts | None) -> Stamp | None:
    """What the author states of the picture's rights, and what the file itself says of its maker."""
    async with site.db.read() as tx:
        now = await tx.get(Media, media.id)
        if now is None:
            return None
        tx.expunge(now)  # it is written down with the rest
        now.credits = stamps.credits_of(facts.probe) if facts is not None else {}
        return await stamps.of(tx, site, now)


async def _put(site: Site, media_id: int, made: Made, stamp: Stamp | None) -> Rendition:
    purpose = RenditionPurpose(made.purpose)
    finished = Finished(made.file, made.size, made.sha256)
    if stamp is not None:
        finished = await stamps.finish(site, stamp, made.file, made.file.parent, made.format, purpose, made.width)
    rendition = Rendition(
        media_id=media_id,
        purpose=purpose,
        format=made.format,
        width=made.width,
        height=made.height,
        bytes=finished.size,
        hash=finished.sha256,
    )
    rendition.key = f"media/{media_id}/{site.urls.rendition_name(rendition)}"
    await asyncio.to_thread(site.storage.put, rendition.key, finished.file)
    return rendition


async def _write(
    site: Site, media: Media, facts: Facts | None, made: list[Rendition], stamp: Stamp | None
) -> list[str]:
    """The rows of what was made, all at once. Returns the keys that no row names afterwards."""
    new = {rendition.key for rendition in made}
    async with site.db.write() as tx:
        kept = await tx.scalar(select(Media).where(Media.id == media.id).with_for_update())
        if kept is None or kept.source != media.source:  # deleted, or another picture by now
            return sorted(new)
        old = await tx.scalars(delete(Rendition).where(Rendition.media_id == media.id).returning(Rendition.key))
        stale = sorted(set(old) - new)
        tx.add_all(made)
        kept.state, kept.failure, kept.seen_at = MediaState.READY, "", clock.now()
        if facts is not None:
            kept.colour, kept.blurhash = facts.average_colour, facts.blurhash
            kept.format, kept.frames = facts.probe.format, facts.probe.frames
            kept.width, kept.height = facts.probe.width, facts.probe.height
            kept.credits = stamps.credits_of(facts.probe)
        kept.stamp = stamp.mark if stamp is not None else ""
        await tx.flush()
        now = await stamps.of(tx, site, kept)
        if now is not None and now.mark != kept.stamp:
            await stamps.again(tx, kept)  # the author stated something else while it was made
    _running.failed.pop(media.id, None)
    return stale


async def _unnamed(site: Site, keys: list[str]) -> list[str]:
    async with site.db.read() as tx:
        named = set(await tx.scalars(select(Rendition.key).where(Rendition.key.in_(keys))))
    return [key for key in keys if key not in named]


async def _fail(site: Site, media: Media, sentence: str) -> None:
    _running.failed[media.id] = clock.now()
    _running.failed.move_to_end(media.id)
    while len(_running.failed) > _running.most:
        _running.failed.popitem(last=False)
    this = update(Media).where(Media.id == media.id, Media.state != MediaState.READY)
    async with site.db.write() as tx:
        await tx.execute(this.values(state=MediaState.FAILED, failure=sentence[:300]))


# -- throwing away -------------------------------------------------------------------------------------------------------
async def _size(tx: AsyncSession) -> int:
    """Bytes of all cached sizes."""
    query = select(func.sum(Rendition.bytes)).join(Media, Media.id == Rendition.media_id).where(Media.source != "")
    return int(await tx.scalar(query) or 0)


async def _unseen(tx: AsyncSession, oldest: datetime, too_much: int) -> list[int]:
    """The pictures to throw away next: unseen for too long, else those unseen longest until `too_much` bytes are gone."""
    seen = func.coalesce(Media.seen_at, Media.created_at)
    weight = func.sum(Rendition.bytes)
    query: Any = select(Media.id, weight).join(Rendition, Rendition.media_id == Media.id).where(Media.source != "")
    query = query.group_by(Media.id).order_by(seen, Media.id).limit(EVICTED_AT_ONCE)
    if found := [row[0] for row in (await tx.execute(query.where(seen < oldest))).all()]:
        return found
    chosen: list[int] = []
    if too_much > 0:
        for media_id, size in (await tx.execute(query)).all():
            if too_much <= 0:
                break
            chosen.append(media_id)
            too_much -= int(size)
    return chosen


async def _drop(tx: AsyncSession, media_ids: list[int]) -> list[str]:
    keys = list(await tx.scalars(select(Rendition.key).where(Rendition.media_id.in_(media_ids))))
    gone = delete(Rendition).where(Rendition.media_id.in_(media_ids))
    await tx.execute(gone.execution_options(synchronize_session=False))
    empty = update(Media).where(Media.id.in_(media_ids)).values(state=MediaState.WAITING)
    await tx.execute(empty.execution_options(synchronize_session=False))
    return keys
