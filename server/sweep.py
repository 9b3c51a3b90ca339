"""The hourly round: what nobody needs any more is thrown away. Everything here may run twice, or stop anywhere."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, jobs, joining, letters, posts, sign_ins, throttle
from server.models import Actor, Job, Media, Purpose, Rendition
from server.site import Site

log = logging.getLogger(__name__)

# A file without a row may belong to an upload that is being written down at this moment, or to a backup's database (C3).
GRACE = timedelta(hours=24)
EVERY = timedelta(hours=1)
NAME = jobs.Sweep.__name__


async def sweep(site: Site, job: jobs.Sweep) -> None:
    """One round. The next one is written down first, so that a round that fails does not end the rounds."""
    async with site.db.write() as tx:
        others = (Job.kind == NAME, or_(Job.locked_until.is_(None), Job.locked_until <= clock.now()))
        await tx.execute(delete(Job).where(*others))
        jobs.enqueue(tx, job, due=clock.now() + EVERY)
    files = await asyncio.to_thread(_old_arrivals, site)
    keys = await _forgotten_pictures(site)
    keys += await _keys_without_row(site)
    for key in keys:
        await asyncio.to_thread(site.storage.delete, key)
    async with site.db.write() as tx:
        kept = clock.after(days=-site.settings.jobs.keep_failed_days)
        await tx.execute(delete(Job).where(Job.failed_at < kept))
        for noun in (letters, sign_ins, throttle, joining):
            await noun.forget(tx)
    if files or keys:
        log.info("swept", extra={"arrivals": files, "files": len(keys)})


async def ensure(tx: AsyncSession) -> None:
    """Begin the rounds where none is to come; at the start of the worker."""
    known = select(func.count(Job.id)).where(Job.kind == NAME, Job.failed_at.is_(None))
    if not await tx.scalar(known):
        jobs.enqueue(tx, jobs.Sweep())


def _old_arrivals(site: Site) -> int:
    """Remove what an upload left behind when the process was killed."""
    oldest = (clock.now() - GRACE).timestamp()
    removed = 0
    for file in site.incoming.glob("*"):
        try:
            if file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # taken over at this moment
    return removed


async def _forgotten_pictures(site: Site) -> list[str]:
    """Pictures that were uploaded and never joined a work, and faces that nobody wears any more."""
    worn = select(Actor.id).where(Actor.face_id == Media.id).exists()
    loose = or_(Media.purpose == Purpose.WORK, ~worn)
    async with site.db.write() as tx:
        query = select(Media).where(Media.post_id.is_(None), loose, Media.created_at < clock.now() - GRACE)
        return await posts.drop_pictures(tx, list(await tx.scalars(query.limit(1000))))


async def _keys_without_row(site: Site) -> list[str]:
    """Files that no row names. Their age is looked at first, so that a file which is put again meanwhile is not taken for old."""
    orphans: list[str] = []
    oldest = (clock.now() - GRACE).timestamp()
    for prefix in ("masters", "media"):
        found = await asyncio.to_thread(_keys_before, site, prefix, oldest)
        for keys in _in_batches(found, 500):
            async with site.db.read() as tx:
                known = set(await tx.scalars(select(Media.master_key).where(Media.master_key.in_(keys))))
                known |= set(await tx.scalars(select(Rendition.key).where(Rendition.key.in_(keys))))
            orphans += [key for key in keys if key not in known]
    return orphans


def _keys_before(site: Site, prefix: str, oldest: float) -> list[str]:
    return [key for key, at in site.storage.keys(prefix) if at < oldest]


def _in_batches(keys: list[str], size: int) -> Iterable[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
