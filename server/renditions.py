"""The public sizes of a picture: made from its master, kept under their hash, shown as soon as the small ones exist.

WAITING → MADE (being made) → SHOWN (320 and 640 exist: the work may appear) → READY (all but AVIF), or FAILED with a sentence for
the artist. Every step is one short transaction after its file is safe, and every file is found again by its hash: a run that was
killed anywhere is simply run again and ends in the same place.

What a file says of rights is written when it is finished (`server.stamps`). Making files and stamping anew may meet: both look,
under the lock of the picture's row, whether what they wrote is still what the row says.
"""

import asyncio
import contextlib
import logging

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import actors, artworks, clock, jobs, seals, stamps, uploads
from server.errors import Full, GiveUp, TryLater
from server.media.orders import Facts, Made, Plan, Refused
from server.media.sealing import Sealer
from server.models import Actor, Artwork, Media, MediaState, Post, Purpose, Rendition, RenditionPurpose
from server.site import Site
from server.stamps import AVIF, Finished, Stamp

log = logging.getLogger(__name__)

# From this width on a picture can be shown on a wall; a smaller picture is shown when its ladder is complete.
SHOWN_FROM = 640

NO_ROOM = "There is no room left on this server for the sizes of this image. It is tried again by itself."
OUR_FAULT = (
    "Something went wrong on this server. It is tried again by itself; you can also try again now, or remove the image."
)

# What identifies one file of a picture.
Place = tuple[RenditionPurpose, str, int]


async def render(site: Site, job: jobs.Render) -> None:
    """Make every size of one picture but AVIF. May run twice, and again after a change of what the public may see."""
    await seals.current(site)  # made before the first file names it
    begun = await _begin(site, job.media_id)
    if begun is None:
        return
    media, plan, before = begun
    try:
        master = await asyncio.to_thread(site.storage.path, media.master_key)
    except FileNotFoundError:
        await _fail(site, media.id, before, "The original file is missing on this server. Please upload it again.")
        raise GiveUp("the master is missing") from None
    made: set[Place] = set()
    stale: list[str] = []
    try:
        async with (
            site.sealers.take(alone=bool(media.manifest)) as sealer,
            contextlib.aclosing(site.pixels.render(master, plan)) as items,
        ):
            async for item in items:
                if isinstance(item, Facts):
                    await _note(site, media.id, item)
                    continue
                old = await _keep(site, media.id, item, sealer)
                if old is None:
                    return  # deleted in the meantime
                stale += old
                made.add(_place(item))
    except Refused as refused:
        await _fail(site, media.id, before, str(refused))
        log.info("picture refused", extra={"media": media.id, "detail": refused.detail})
        return
    except Full as full:
        await _fail(site, media.id, before, NO_ROOM)
        raise TryLater(str(full)) from full
    except Exception:
        # The worker tries again by itself; until then the artist shall not look at a picture that is "being made" for ever.
        await _fail(site, media.id, before, OUR_FAULT)
        raise
    stale += await _finish(site, media, made)
    await clear(site, stale)


async def render_avif(site: Site, job: jobs.RenderAvif) -> None:
    """Add the AVIF sizes, where they are smaller than what exists."""
    async with site.db.read() as tx:
        media = await tx.get(Media, job.media_id)
        if media is None or media.state is not MediaState.READY or media.purpose is not Purpose.WORK:
            return
        stamp = await stamps.of(tx, site, media)
        if stamp is None or stamp.mark != media.stamp:
            return  # stamping enqueues it, when it is done
        plan = await _plan(tx, media, stamp)
        query = select(Rendition).where(Rendition.media_id == media.id, Rendition.format == "webp")
        existing = {
            rendition.width: rendition.bytes
            for rendition in await tx.scalars(query)
            if rendition.purpose in (RenditionPurpose.WALL, RenditionPurpose.STAGE)
        }
    made: set[Place] = set()
    stale: list[str] = []
    try:
        master = await asyncio.to_thread(site.storage.path, media.master_key)
        async with (
            site.sealers.take(alone=bool(media.manifest)) as sealer,
            contextlib.aclosing(site.pixels.render_avif(master, plan, existing)) as items,
        ):
            async for item in items:
                old = await _keep(site, media.id, item, sealer, stamp)
                if old is None:
                    return
                stale += old
                made.add(_place(item))
    except (Refused, FileNotFoundError) as wrong:
        raise GiveUp(f"no AVIF: {wrong}") from wrong  # the work is complete without it
    async with site.db.write() as tx:
        stale += await _drop_others(tx, media.id, made, avif=True)
        await tx.execute(update(Media).where(Media.id == media.id).values(avif_at=clock.now()))
    await clear(site, stale)


async def clear(site: Site, keys: list[str]) -> None:
    """Remove files that no row names any more. Call it after the commit; what it misses, `sweep` finds."""
    for key in dict.fromkeys(keys):
        await asyncio.to_thread(site.storage.delete, key)


async def _begin(site: Site, media_id: int) -> tuple[Media, Plan, MediaState] | None:
    async with site.db.write() as tx:
        media = await tx.get(Media, media_id)
        if media is None:
            return None
        before = media.state
        if before in (MediaState.WAITING, MediaState.FAILED):
            media.state = MediaState.MADE
        has_files = await tx.scalar(select(Rendition.id).where(Rendition.media_id == media_id).limit(1))
        if not media.stamp and has_files is None and (stamp := await stamps.of(tx, site, media)) is not None:
            media.stamp = stamp.mark  # true of every file there is
        return media, await _plan(tx, media), before


async def _plan(tx: AsyncSession, media: Media, stamp: Stamp | None = None) -> Plan:
    public_max = await tx.scalar(select(Actor.public_max).where(Actor.id == media.owner_id))
    full = await tx.scalar(select(Artwork.full_size).where(Artwork.post_id == media.post_id))
    kind = "face" if media.purpose is Purpose.FACE else "work"
    packets = {"packet": stamp.packet.decode(), "short_packet": stamp.short.decode()} if stamp else {}
    return Plan(public_max=public_max or 2048, full=bool(full), kind=kind, **packets)  # type: ignore[arg-type]


async def _note(site: Site, media_id: int, facts: Facts) -> None:
    values = {
        "colour": facts.average_colour,
        "blurhash": facts.blurhash,
        "width": facts.probe.width,
        "height": facts.probe.height,
        "frames": facts.probe.frames,
        "profile": (facts.probe.profile or "")[:120],
    }
    async with site.db.write() as tx:
        await tx.execute(update(Media).where(Media.id == media_id).values(**values))
        media = await tx.get(Media, media_id, populate_existing=True)
        if media is not None and not media.credits:  # uploaded before this was kept
            media.credits = stamps.credits_of(facts.probe)


async def _keep(
    site: Site, media_id: int, made: Made, sealer: Sealer, encoded: Stamp | None = None
) -> list[str] | None:
    """Stamp one finished file and put it and its row in place; AVIF carries the stamp `encoded` already.

    Returns the keys that it replaced; None when the picture is gone, or when an AVIF says what does not hold any more.
    """
    stamp = encoded
    if stamp is None:
        async with site.db.read() as tx:
            media = await tx.get(Media, media_id)
            stamp = await stamps.of(tx, site, media) if media is not None else None
    purpose = RenditionPurpose(made.purpose)
    finished = Finished(made.file, made.size, made.sha256)
    if stamp is not None:
        finished = await stamps.finish(
            site, stamp, made.file, made.file.parent, made.format, purpose, made.width, sealer
        )
    rendition = Rendition(
        media_id=media_id,
        purpose=purpose,
        format=made.format,
        width=made.width,
        height=made.height,
        bytes=finished.size,
        hash=finished.sha256,
        is_sealed=finished.is_sealed,
    )
    rendition.key = f"media/{media_id}/{site.urls.rendition_name(rendition)}"
    await asyncio.to_thread(site.storage.put, rendition.key, finished.file)
    async with site.db.write() as tx:
        media = await locked(tx, media_id)
        is_old = media is not None and bool(media.stamp) and media.stamp != (stamp.mark if stamp else "")
        if media is None or (encoded is not None and (is_old or not media.stamp)):
            replaced = None  # for AVIF: a Stamp came in between, or is to come, and has it made again
        else:
            replaced = await _enter(tx, media, rendition, made)
            if is_old:
                await stamps.again(tx, media)
    if replaced is None and not await is_named(site, rendition.key):
        await clear(site, [rendition.key])
    return replaced


async def _enter(tx: AsyncSession, media: Media, rendition: Rendition, made: Made) -> list[str]:
    """The row of a finished file, in the place of the one before. Returns the keys of that."""
    same = (
        Rendition.media_id == media.id,
        Rendition.purpose == rendition.purpose,
        Rendition.format == rendition.format,
        Rendition.width == rendition.width,
    )
    gone = list(await tx.scalars(select(Rendition).where(*same)))
    for row in gone:
        if row.hash != rendition.hash:
            await stamps.remember(tx, row)
        await tx.delete(row)
    await tx.flush()
    tx.add(rendition)
    if _is_enough(made) and media.state in (MediaState.WAITING, MediaState.MADE):
        media.state = MediaState.SHOWN
        await tx.flush()
        if media.post_id is not None:
            await artworks.settle(tx, media.post_id)
    return [row.key for row in gone if row.key != rendition.key]


async def locked(tx: AsyncSession, media_id: int) -> Media | None:
    """A picture's row, locked after that of its post: whoever edits a work takes them in this order, too."""
    this = select(Media).where(Media.id == media_id).with_for_update().execution_options(populate_existing=True)
    while True:
        its = await tx.scalar(select(Media.post_id).where(Media.id == media_id))
        async with tx.begin_nested() as attempt:
            if its is not None:
                await tx.execute(select(Post.id).where(Post.id == its).with_for_update())
            found: Media | None = await tx.scalar(this)
            if found is None or found.post_id in (its, None):
                return found
            await attempt.rollback()  # it was hung meanwhile: let go, and take its post first


async def is_named(site: Site, key: str) -> bool:
    """Whether a row names the file at `key`."""
    async with site.db.read() as tx:
        return await tx.scalar(select(Rendition.id).where(Rendition.key == key).limit(1)) is not None


def _is_enough(made: Made) -> bool:
    return made.purpose in ("stage", "face") or (made.purpose == "wall" and made.width >= SHOWN_FROM)


async def _finish(site: Site, media: Media, made: set[Place]) -> list[str]:
    async with site.db.write() as tx:
        found = await locked(tx, media.id)
        if found is None:
            return []
        found.state, found.failure = MediaState.READY, ""
        await tx.flush()
        stale = await _drop_others(tx, media.id, made, avif=False)
        # AVIF copies of sizes that are not public any more must not outlive them.
        widest = max((width for _, _, width in made), default=0)
        too_wide = (Rendition.media_id == media.id, Rendition.format == AVIF, Rendition.width > widest)
        stale += list(await tx.scalars(delete(Rendition).where(*too_wide).returning(Rendition.key)))
        if found.post_id is not None:
            await artworks.settle(tx, found.post_id)
        if found.purpose is Purpose.WORK:
            if found.stamp:  # before it is published AVIF could not say what will hold then
                await uploads.enqueue_once(tx, jobs.RenderAvif(media.id))
        elif worn := await tx.scalar(select(Actor).where(Actor.face_id == media.id)):
            actors.tell(tx, worn)  # what others were told when it was chosen could not name it yet
        return stale


async def _drop_others(tx: AsyncSession, media_id: int, made: set[Place], *, avif: bool) -> list[str]:
    """Delete the rows of sizes that this run did not make; AVIF and the rest are made by different runs."""
    kind = Rendition.format == AVIF if avif else Rendition.format != AVIF
    rows = list(await tx.scalars(select(Rendition).where(Rendition.media_id == media_id, kind)))
    others = [row for row in rows if (row.purpose, row.format, row.width) not in made]
    await tx.execute(delete(Rendition).where(Rendition.id.in_([row.id for row in others])))
    return [row.key for row in others]


async def _fail(site: Site, media_id: int, before: MediaState, sentence: str) -> None:
    """Say why. A picture that is complete from an earlier run stays what it is."""
    if before is MediaState.READY:
        log.warning("a picture could not be made again", extra={"media": media_id})
        return
    async with site.db.write() as tx:
        values = {"state": MediaState.FAILED, "failure": sentence[:300]}
        await tx.execute(update(Media).where(Media.id == media_id).values(**values))


def _place(made: Made) -> Place:
    return RenditionPurpose(made.purpose), made.format, made.width
