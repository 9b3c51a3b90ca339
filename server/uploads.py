"""How a file becomes a picture of this house: looked at, counted, put in its place, and written down in one transaction.

The order is that of security.md C3: the file lies whole on our own disk and is synced, a confined child has looked at it, there
is room; then it is renamed to its storage key, and only then a row tells of it. Whatever stops this at any point leaves either
the picture with its job, or nothing but a file that `sweep` removes.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server import clock, generated, ids, jobs, posts, text
from server.errors import Full, Invalid, NotFound, TooLarge
from server.media import markers, storage
from server.media.orders import Probe, Refused
from server.media.sealing import NotSealed, Sealer
from server.models import (
    Account,
    Actor,
    Job,
    Media,
    MediaState,
    Post,
    Purpose,
    Rendition,
    RenditionPurpose,
)
from server.site import Site

log = logging.getLogger(__name__)

# The sizes that the artist's public maximum bounds.
BOUNDED = (RenditionPurpose.WALL, RenditionPurpose.STAGE, RenditionPurpose.FEDERATION)
MAX_PICTURES = 16  # of one work; security.md, table D
# Work that must end once it has begun. The set keeps a reference, so that nothing is collected half-way.
_running: set[asyncio.Task[Media]] = set()


async def accept(
    site: Site, actor: Actor, file: Path, name: str, *, post_id: int | None = None, purpose: Purpose = Purpose.WORK
) -> Media:
    """Take over `file`, which lies in `site.incoming`, as a picture of `actor`; `name` is what it was called on their disk.

    With `post_id` it joins that post of the actor as its last picture. `file` is gone afterwards, whatever happens. A caller that
    is cancelled half-way (the browser hung up) leaves all or nothing: from the rename on the work is shielded.

    Raises Invalid (field `files`, one sentence) for what is no picture, and for what a generator made where the house refuses
    that; TooLarge, and Full for the quota or the disk.
    """
    mine = file.with_name(f"taken-{secrets.token_hex(8)}")
    # Not in a thread: a cancellation must not come between the rename and the `try` that cleans up.
    file.rename(mine)  # noqa: ASYNC240
    try:
        size = await asyncio.to_thread(_sync, mine)
        await _check_room(site, actor, size)
        probe = await _look(site, mine)
        manifest = await _manifest(mine)
        marks = [asdict(mark) for mark in markers.together(probe.markers, markers.of_manifest(manifest))]
        if purpose is Purpose.WORK:
            generated.check_upload(site.settings.rights.generated, marks)
        digest = await asyncio.to_thread(_hash, mine)
    except BaseException:
        mine.unlink(missing_ok=True)
        raise
    media = Media(
        id=ids.new(),
        owner_id=actor.id,
        post_id=post_id,
        purpose=purpose,
        state=MediaState.WAITING,
        name=text.line(name.replace("\\", "/").rsplit("/", 1)[-1])[-255:] or "picture",
        master_hash=digest,
        master_bytes=size,
        format=probe.format,
        width=probe.width,
        height=probe.height,
        frames=probe.frames,
        profile=(probe.profile or "")[:120],
        credits=_credits(probe, manifest),
        markers=marks,
        manifest=manifest,
    )
    media.master_key = f"masters/{media.id}-{digest}"
    task = asyncio.create_task(_keep(site, actor, mine, media))
    _running.add(task)
    task.add_done_callback(_ended)
    return await asyncio.shield(task)


async def retry(tx: AsyncSession, media: Media) -> None:
    """Try again to make the sizes of a picture that failed."""
    changed = update(Media).where(Media.id == media.id, Media.state == MediaState.FAILED)
    changed = changed.values(state=MediaState.WAITING, failure="").returning(Media.id)
    if (await tx.execute(changed)).first() is not None:
        await enqueue_once(tx, jobs.Render(media.id))


async def discard(tx: AsyncSession, media: Media) -> list[str]:
    """Remove a picture and give its room back. Returns the storage keys to delete after the commit."""
    return await posts.drop_pictures(tx, [media])


async def mine(tx: AsyncSession, media_id: int, actor: Actor) -> Media:
    """A picture of `actor`, with or without a post; NotFound for everybody else's."""
    media: Media | None = await tx.scalar(select(Media).where(Media.id == media_id, Media.owner_id == actor.id))
    if media is None:
        raise NotFound
    return media


async def of(tx: AsyncSession, media_ids: Iterable[int], actor: Actor) -> dict[int, Media]:
    """Those of these pictures that are the actor's own and made for works, by id, with their sizes loaded."""
    mine = (Media.id.in_(list(media_ids)), Media.owner_id == actor.id, Media.purpose == Purpose.WORK)
    query = select(Media).where(*mine).options(selectinload(Media.renditions))
    return {media.id: media for media in await tx.scalars(query)}


async def loose(tx: AsyncSession, media_id: int, actor: Actor) -> Media:
    """A picture of `actor` that is in no published work; NotFound otherwise: those leave with the work's own form."""
    media = await mine(tx, media_id, actor)
    published = select(Post.id).where(Post.id == media.post_id, Post.published_at.is_not(None))
    if media.purpose is not Purpose.WORK or await tx.scalar(published) is not None:
        raise NotFound
    return media


async def again(tx: AsyncSession, post_id: int, *, full_size: bool) -> None:
    """Make the pictures of a work again, because its full size is allowed now, or not any more.

    What is not allowed any more loses its address in this very transaction.
    """
    pictures = list(await tx.scalars(select(Media.id).where(Media.post_id == post_id)))
    if not full_size:
        wrong = (Rendition.media_id.in_(pictures), Rendition.purpose == RenditionPurpose.FULL)
        await tx.execute(delete(Rendition).where(*wrong).execution_options(synchronize_session=False))
    for media_id in pictures:
        await enqueue_once(tx, jobs.Render(media_id))


async def narrow(tx: AsyncSession, actor: Actor) -> None:
    """Make all works of `actor` again after a change of `public_max`; what is larger now loses its address at once."""
    works = select(Media.id).where(Media.owner_id == actor.id, Media.purpose == Purpose.WORK)
    larger = (
        Rendition.media_id.in_(works),
        Rendition.purpose.in_(BOUNDED),
        (Rendition.width > actor.public_max) | (Rendition.height > actor.public_max),
    )
    await tx.execute(delete(Rendition).where(*larger).execution_options(synchronize_session=False))
    for media_id in await tx.scalars(works.order_by(Media.id.desc())):
        await enqueue_once(tx, jobs.Render(media_id))


async def enqueue_once(tx: AsyncSession, job: jobs.Render | jobs.RenderAvif) -> None:
    """Enqueue unless the same job waits already: it reads what is wanted when it runs. One that runs may have read too early.

    One that waits for hours, after many failures, is due now: jobs of one picture run in order, so a second would wait behind it.
    """
    waiting = (Job.kind == type(job).__name__, Job.key == job.key, Job.failed_at.is_(None), Job.locked_until.is_(None))
    hurried = update(Job).where(*waiting).values(due_at=clock.now()).returning(Job.id)
    if (await tx.execute(hurried)).first() is None:
        jobs.enqueue(tx, job)
    else:
        tx.info["jobs"] = True  # the worker need not wait for its next look


async def _check_room(site: Site, actor: Actor, size: int) -> None:
    limit = site.settings.uploads.max_megabytes * 1_000_000
    if size > limit:
        raise TooLarge(f"This file is larger than {site.settings.uploads.max_megabytes} MB.")
    if size == 0:
        raise Invalid(files="This file is empty.")
    # A decoded picture needs scratch and several sizes: about as much again as the file itself.
    if await asyncio.to_thread(site.storage.free) - 2 * size < site.settings.uploads.reserve_megabytes * 1_000_000:
        raise Full
    async with site.db.read() as tx:
        account = await tx.scalar(select(Account).where(Account.actor_id == actor.id))
    if account is not None and account.used_bytes + size > quota(site, account):
        raise _no_quota(site, account)


async def _look(site: Site, file: Path) -> Probe:
    try:
        return await site.pixels.probe(file.absolute())  # noqa: ASYNC240
    except Refused as refused:
        log.info("upload refused", extra={"detail": refused.detail})
        raise Invalid(files=str(refused)) from refused


async def _manifest(file: Path) -> dict[str, Any]:
    """What the C2PA manifest in a file says, in short; empty where it carries none, and where the library is not installed."""
    async with Sealer() as sealer:
        try:
            found = await sealer.read(file.absolute())  # noqa: ASYNC240
        except NotSealed as wrong:
            log.info("manifest not read", extra={"reason": str(wrong)})
            return {}
    return found.as_json() if found is not None else {}


def _credits(probe: Probe, manifest: dict[str, Any]) -> dict[str, str]:
    """What the file says of its maker and of how it came to be, as far as it says anything."""
    said = {name: getattr(probe, name) for name in ("creator", "rights", "credit", "source_type", "camera")}
    said["source_type"] = said["source_type"] or markers.declared_in(manifest)
    return {name: value for name, value in said.items() if value}


async def _keep(site: Site, actor: Actor, file: Path, media: Media) -> Media:
    """Put the master and write its row. Runs to its end even when nobody waits for it any more."""
    try:
        await asyncio.to_thread(site.storage.put, media.master_key, file)
    except BaseException:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        raise
    try:
        async with site.db.write() as tx:
            await _take_room(tx, site, actor, media.master_bytes)
            if media.post_id is not None:
                media.position = await _last_place(tx, media.post_id, actor)
            tx.add(media)
            jobs.enqueue(tx, jobs.Render(media.id))
    except BaseException:
        await asyncio.to_thread(site.storage.delete, media.master_key)
        raise
    return media


async def _take_room(tx: AsyncSession, site: Site, actor: Actor, size: int) -> None:
    """Count the file, if it fits: one statement, so that two uploads at once cannot both take the last room."""
    house = site.settings.accounts.quota_megabytes * 1_000_000
    fits = Account.used_bytes + size <= func.coalesce(Account.quota_bytes, house)
    counted = update(Account).where(Account.actor_id == actor.id, fits).values(used_bytes=Account.used_bytes + size)
    if (await tx.execute(counted.returning(Account.id))).first() is not None:
        return
    account = await tx.scalar(select(Account).where(Account.actor_id == actor.id))
    if account is not None:
        raise _no_quota(site, account)


async def _last_place(tx: AsyncSession, post_id: int, actor: Actor) -> int:
    owned = select(Post.id).where(Post.id == post_id, Post.author_id == actor.id, Post.deleted_at.is_(None))
    if await tx.scalar(owned.with_for_update()) is None:
        raise NotFound
    places = select(func.count(Media.id), func.coalesce(func.max(Media.position), -1)).where(Media.post_id == post_id)
    count, last = (await tx.execute(places)).one()
    if count >= MAX_PICTURES:
        raise Invalid(files=f"A work has at most {MAX_PICTURES} images.")
    return int(last) + 1


def quota(site: Site, account: Account) -> int:
    """Bytes that the original files of `account` may take: their own number, nought included, or the house's."""
    house = site.settings.accounts.quota_megabytes * 1_000_000
    return house if account.quota_bytes is None else account.quota_bytes


def _no_quota(site: Site, account: Account) -> Full:
    return Full(
        f"Your room on this server is used up ({account.used_bytes / 1_000_000:,.0f} of "
        f"{quota(site, account) / 1_000_000:,.0f} MB). Delete a work, or ask the people who run this server for more."
    )


def _sync(file: Path) -> int:
    try:
        storage.fsync(file)
    except OSError as wrong:  # some file systems find the room for what was written only now
        raise storage.full(wrong) from wrong
    return file.stat().st_size


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _ended(task: asyncio.Task[Media]) -> None:
    _running.discard(task)
    if not task.cancelled() and (wrong := task.exception()) is not None:
        log.info("upload not kept", extra={"reason": type(wrong).__name__})
