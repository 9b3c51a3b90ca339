"""Stamping anew: a work's rights, its title or its artist's name changed, so every file of it says so within seconds.

The files are not made again: what they say is exchanged, pixel for pixel the same pictures. It may meet the making of files
(`server.renditions`); both look, under the lock of the picture's row, whether what they wrote is still what the row says.
"""

import asyncio
import logging
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import artworks, clock, jobs, renditions, seals, stamps, uploads
from server.errors import TryLater
from server.media import metadata
from server.media import stamps as packets
from server.media.containers import Broken
from server.media.orders import Refused
from server.media.sealing import Sealer
from server.models import Media, MediaState, Rendition
from server.site import Site
from server.stamps import AVIF, Finished, Stamp

log = logging.getLogger(__name__)

# A run that meets changes begins again so often, and then a moment later.
TRIES = 5


async def stamp(site: Site, job: jobs.Stamp) -> None:
    """Write what a work says of its rights now into every file of one picture. May run twice.

    All files are made and put first; then one transaction gives all of them their new addresses, while the old ones answer on
    for 30 days (decision 11). AVIF is dropped and made again. Other servers are told of a work when all its pictures are done.
    """
    await seals.current(site)  # made before the first file names it
    for _ in range(TRIES):
        found = await _to_stamp(site, job.media_id)
        if found is None:
            return
        what, rows = found
        await asyncio.to_thread(site.pixels.scratch.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="order-stamp-", dir=site.pixels.scratch) as folder:
            async with site.sealers.take(alone=bool(what.media.manifest)) as sealer:
                plain = [row for row in rows if row.format != AVIF]
                done = {row.id: await _stamped(site, what, row, Path(folder), sealer) for row in plain}
        stale = await _exchange(site, what, rows, done)
        if stale is not None:
            await renditions.clear(site, stale)
            return
    raise TryLater("The work changes at this moment.", clock.after(seconds=2))


@dataclass(frozen=True)
class _Stamped:
    """What became of one file: put under another key, not there to be stamped, or no picture any more."""

    finished: Finished | None = None
    key: str = ""
    is_broken: bool = False


async def _to_stamp(site: Site, media_id: int) -> tuple[Stamp, list[Rendition]] | None:
    """What the files of a picture have to carry, and which they are; None where there is nothing to do."""
    async with site.db.read() as tx:
        media = await tx.get(Media, media_id)
        rows = list(await tx.scalars(select(Rendition).where(Rendition.media_id == media_id).order_by(Rendition.id)))
    if media is None:
        return None
    if not media.stamp and not media.credits and not media.source and rows:
        await _take_credits(site, media_id, rows[0])
    async with site.db.read() as tx:
        media = await tx.get(Media, media_id)
        what = await stamps.of(tx, site, media) if media is not None else None
    return (what, rows) if what is not None and what.mark != what.media.stamp else None


async def _take_credits(site: Site, media_id: int, row: Rendition) -> None:
    """Earlier editions wrote what an uploaded file said of its maker into its copies and nowhere else: keep that."""
    try:
        packet = await asyncio.to_thread(lambda: packets.read(site.storage.path(row.key), row.format))
    except (OSError, Broken):
        return
    if packet is None or b"WebStatement" in packet:  # what we wrote ourselves
        return
    said = {name: words for name, words in asdict(metadata.from_xmp(packet)).items() if words}
    async with site.db.write() as tx:
        await tx.execute(update(Media).where(Media.id == media_id).values(credits=said))


async def _stamped(site: Site, what: Stamp, row: Rendition, folder: Path, sealer: Sealer) -> _Stamped:
    try:
        file = await asyncio.to_thread(site.storage.path, row.key)
        finished = await stamps.finish(site, what, file, folder, row.format, row.purpose, row.width, sealer)
    except FileNotFoundError:
        log.warning("a file to be stamped is missing", extra={"media": row.media_id, "key": row.key})
        return _Stamped()
    except Refused as refused:
        log.warning("a file cannot be stamped", extra={"media": row.media_id, "detail": refused.detail})
        return _Stamped(is_broken=True)
    new = Rendition(media_id=row.media_id, format=row.format, width=row.width, hash=finished.sha256)
    key = f"media/{row.media_id}/{site.urls.rendition_name(new)}"
    await asyncio.to_thread(site.storage.put, key, finished.file)
    return _Stamped(finished, key)


async def _exchange(site: Site, what: Stamp, rows: list[Rendition], done: dict[int, _Stamped]) -> list[str] | None:
    """Give the files their new addresses, if nothing changed meanwhile. Returns the keys that no row names afterwards; None where
    it has to be done again."""
    put = [one.key for one in done.values() if one.key]
    async with site.db.write() as tx:
        media = await renditions.locked(tx, what.media.id)
        now = await stamps.of(tx, site, media) if media is not None else None
        kept = list(await tx.scalars(select(Rendition).where(Rendition.media_id == what.media.id)))
        is_same = {(row.id, row.hash) for row in kept} == {(row.id, row.hash) for row in rows}
        stale: list[str] | None = None
        if media is not None and now is not None and now.mark == what.mark and is_same:
            stale = await _enter_all(tx, media, what, kept, done)
    if stale is None:
        named = [key for key in put if await renditions.is_named(site, key)]
        await renditions.clear(site, [key for key in put if key not in named])
        return [] if now is None else None
    return stale


async def _enter_all(
    tx: AsyncSession, media: Media, what: Stamp, rows: list[Rendition], done: dict[int, _Stamped]
) -> list[str]:
    stale: list[str] = []
    current: set[str] = set()
    for row in rows:
        one = done.get(row.id, _Stamped())
        is_new = one.finished is not None and one.finished.sha256 != row.hash
        if is_new or one.is_broken or row.format == AVIF:
            await stamps.remember(tx, row)
            stale.append(row.key)
        if one.is_broken or row.format == AVIF:
            await tx.delete(row)
            continue
        if one.finished is not None and is_new:
            row.key, row.hash, row.bytes = one.key, one.finished.sha256, one.finished.size
            row.is_sealed = one.finished.is_sealed
        current.add(row.key)
    media.stamp, media.avif_at = what.mark, None
    await tx.flush()
    if media.state is MediaState.READY and not media.source:
        await uploads.enqueue_once(tx, jobs.RenderAvif(media.id))
    if any(one.finished is None for one in done.values()) and media.master_key:
        await uploads.enqueue_once(tx, jobs.Render(media.id))
    if media.post_id is not None:
        await artworks.settle(tx, media.post_id)
    return [key for key in stale if key not in current]
