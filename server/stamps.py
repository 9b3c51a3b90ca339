"""What a work's files say of its rights inside: which packet each file carries, and that no file keeps an old one.

A file is stamped when its work is published, never before: until then nobody but its artist sees it, and what it will say is not
settled. `Media.stamp` names what every file of a picture carries; empty means that a `jobs.Stamp` is on its way, and neither does
a new work appear nor is another server told before it has run. Faces are no works and carry no stamp.
"""

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import clock, jobs, rights, seals
from server.media import stamps, storage
from server.media.containers import Broken
from server.media.orders import FAILED, SHORT_UP_TO, Credits, Format, Probe, Refused
from server.media.sealing import Sealer
from server.models import (
    Actor,
    Artwork,
    FormerName,
    Job,
    Media,
    MediaState,
    Post,
    Purpose,
    Rendition,
    RenditionPurpose,
)
from server.rights import Rights
from server.rights.channels import COPY, FULL_SIZE, iptc, xmp, xmp_short
from server.site import Site

# Raised when the packet is written differently: then every file is stamped anew, some hundred pictures an hour.
EDITION = "1"
# How long an address answers after its file was stamped anew (decision 11).
KEPT = timedelta(days=30)
AVIF = "avif"
# The columns of a work that its files repeat.
WRITTEN = ("title", "licence", "reservation", "year", "source_type", "marked")


@dataclass(frozen=True)
class Stamp:
    """What the files of one picture carry; `mark` is what its row says of that."""

    media: Media
    rights: Rights
    mark: str
    packet: bytes
    short: bytes
    exif: Credits
    iim: Credits


@dataclass(frozen=True)
class Finished:
    """A file as the public gets it; `size` in bytes, `sha256` in hexadecimal digits."""

    file: Path
    size: int
    sha256: str
    is_sealed: bool = False


async def of(tx: AsyncSession, site: Site, media: Media) -> Stamp | None:
    """What the files of `media` carry by what is stored now; None for a face and for what is not published (yet, or any more)."""
    if media.purpose is not Purpose.WORK or media.post_id is None:
        return None
    query = select(Post).where(Post.id == media.post_id).options(joinedload(Post.author), joinedload(Post.artwork))
    post = await tx.scalar(query.execution_options(populate_existing=True))
    if post is None or post.published_at is None or post.deleted_at is not None:
        return None
    described = rights.of_media(media, post, site.urls, rights.minimum(site))
    return _made(media, described, await _beginning(tx, site) if described.is_local else f"{EDITION}.")


def credits_of(probe: Probe) -> dict[str, str]:
    """What the uploaded file says of its maker, as the picture's row keeps it."""
    said = {name: getattr(probe, name) for name in ("creator", "rights", "credit")}
    return {name: words for name, words in said.items() if words}


def _made(media: Media, described: Rights, beginning: str) -> Stamp:
    packet, short = xmp(described, media.credits).encode(), xmp_short(described, media.credits).encode()
    old = iptc(described, media.credits)
    said = b"\n".join((packet, short, json.dumps(old, sort_keys=True).encode()))
    return Stamp(
        media,
        described,
        beginning + hashlib.sha256(said).hexdigest()[:24],
        packet,
        short,
        exif=Credits(old["Artist"], old["Copyright"]),
        iim=Credits(old["2:80"], old["2:116"], old["2:110"]),
    )


async def _beginning(tx: AsyncSession, site: Site) -> str:
    """How the marks of all pictures of this house begin: what changes for all of them at once can then be asked for. It is the
    edition, the least reservation of the house, and the seal that signs."""
    seal = await seals.newest(tx)
    return f"{EDITION}.{rights.minimum(site)}.{seal.id if seal else 0:x}."


# -- files ---------------------------------------------------------------------------------------------------------------
def is_whole(purpose: RenditionPurpose, width: int) -> bool:
    """Whether a file carries the whole packet, or only the least of it (decision 14)."""
    return purpose is not RenditionPurpose.WALL or width > SHORT_UP_TO


async def finish(
    site: Site,
    stamp: Stamp,
    file: Path,
    into: Path,
    kind: str,
    purpose: RenditionPurpose,
    width: int,
    sealer: Sealer | None = None,
) -> Finished:
    """Stamp, and where it belongs seal, a finished copy of a picture; without a `sealer` nothing is sealed. What comes of it lies
    in the folder `into`; `file` stays as it is, and AVIF, which was stamped when it was encoded, may be `file` itself.

    Raises Refused where the file is no whole picture, and Full.
    """
    is_full = is_whole(purpose, width)
    target = file if kind == AVIF else into / f"stamped-{purpose}-{width}.{kind}"
    try:
        if kind != AVIF:
            packet = stamp.packet if is_full else stamp.short
            await asyncio.to_thread(stamps.stamp, file, target, kind, xmp=packet, exif=stamp.exif, iim=stamp.iim)
        sealed = into / f"sealed-{purpose}-{width}.{kind}"
        is_sealed = bool(sealer and is_full and await _seal(site, stamp, target, sealed, kind, purpose, sealer))
        return await asyncio.to_thread(_measured, sealed if is_sealed else target, is_sealed=is_sealed)
    except Broken as wrong:
        raise Refused(FAILED, f"stamp: {wrong}") from wrong
    except OSError as wrong:
        raise storage.full(wrong) from wrong


async def _seal(
    site: Site, stamp: Stamp, source: Path, target: Path, kind: str, purpose: RenditionPurpose, sealer: Sealer
) -> bool:
    """The last thing that is done to a file: a manifest signed by this house. Whether there is one."""
    media = stamp.media
    if not stamp.rights.is_local or (signing := await seals.current(site)) is None:
        return False
    is_largest = purpose is not RenditionPurpose.WALL
    master, form = None, cast(Format, media.format)
    if seals.keeps_parent(int(media.manifest.get("size", 0)), is_largest=is_largest):
        with suppress(FileNotFoundError):
            master = await asyncio.to_thread(site.storage.path, media.master_key)
    # The full size has the master's own pixels, unless its format is one that browsers do not show.
    steps = FULL_SIZE if purpose is RenditionPurpose.FULL and kind == media.format else COPY
    return await seals.seal(
        sealer,
        signing,
        stamp.rights,
        source,
        target,
        cast(Format, kind),
        steps=steps,
        master=master,
        master_kind=form if master else None,
    )


def _measured(file: Path, *, is_sealed: bool = False) -> Finished:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Finished(file, file.stat().st_size, digest, is_sealed)


# -- what is not true any more ---------------------------------------------------------------------------------------------
def written(artwork: Artwork) -> tuple[Any, ...]:
    """What the files of a work repeat of its row; compare before and after a change."""
    return tuple(getattr(artwork, name) for name in WRITTEN)


async def renew(tx: AsyncSession, post_id: int, *, only_new: bool = False) -> None:
    """Have the files of a published work stamped: all of them, or with `only_new` those of pictures that carry nothing yet."""
    these = (Media.post_id == post_id, Media.purpose == Purpose.WORK)
    await _renew(tx, *these, Media.stamp == "" if only_new else Media.stamp.is_not(None))


async def again(tx: AsyncSession, media: Media) -> None:
    """Have the files of one picture stamped: one of them was made while its work changed."""
    await _renew(tx, Media.id == media.id)


async def rename(tx: AsyncSession, actor: Actor) -> None:
    """Have the files of all works of `actor` stamped, after they took another name or language. In the background: it may be a
    thousand works, and somebody's change of one work must not wait for them."""
    out = exists().where(Post.id == Media.post_id, Post.published_at.is_not(None), Post.deleted_at.is_(None))
    await _renew(tx, Media.owner_id == actor.id, Media.purpose == Purpose.WORK, out, is_urgent=False)


async def overdue(tx: AsyncSession, site: Site, most: int = 1000) -> int:
    """Have files stamped that carry what an earlier edition of this server wrote, what held under another least reservation of
    the house, or the seal of before; up to `most` pictures, the latest first. Their number."""
    out = exists().where(Post.id == Media.post_id, Post.published_at.is_not(None), Post.deleted_at.is_(None))
    old = or_(
        and_(Media.source == "", ~Media.stamp.startswith(await _beginning(tx, site), autoescape=True)),
        and_(Media.source != "", ~Media.stamp.startswith(f"{EDITION}.", autoescape=True)),
    )
    query = select(Media.id).where(Media.purpose == Purpose.WORK, Media.state == MediaState.READY, out, old)
    found = list(await tx.scalars(query.order_by(Media.id.desc()).limit(most)))
    await jobs.ensure(tx, [jobs.Stamp(number, is_urgent=False) for number in found])
    return len(found)


async def _renew(tx: AsyncSession, *these: Any, is_urgent: bool = True) -> None:
    blank = update(Media).where(*these).values(stamp="").returning(Media.id)
    found = sorted(await tx.scalars(blank.execution_options(synchronize_session="fetch")))
    if is_urgent:  # one that waits among many goes to the front
        keys = [jobs.Stamp(number).key for number in found]
        waiting = update(Job).where(Job.key.in_(keys), Job.locked_until.is_(None), Job.failed_at.is_(None))
        waiting = waiting.values(lane=jobs.Stamp.LANE).execution_options(synchronize_session=False)
        await tx.execute(waiting)
        tx.info["jobs"] = True
    await jobs.ensure(tx, [jobs.Stamp(number, is_urgent=is_urgent) for number in found])


# -- addresses -------------------------------------------------------------------------------------------------------------
async def remember(tx: AsyncSession, row: Rendition) -> None:
    """The file of `row` gets another address, or is thrown away until it is made again: its address answers for 30 days."""
    same = (
        FormerName.media_id == row.media_id,
        FormerName.purpose == row.purpose,
        FormerName.format == row.format,
        FormerName.width == row.width,
        FormerName.hash == row.hash,
    )
    await tx.execute(delete(FormerName).where(*same).execution_options(synchronize_session=False))
    place = {"media_id": row.media_id, "purpose": row.purpose, "format": row.format, "width": row.width}
    tx.add(FormerName(**place, hash=row.hash, until=clock.now() + KEPT))


async def former(tx: AsyncSession, media_id: int, hash_start: str, width: int, form: str) -> Rendition | None:
    """The file that answers now at an address of before; None where it is too long ago, or where there never was such a file.

    AVIF is made again in the background, or not at all where it saves nothing: until then the WebP of the next width answers.
    """
    this = (
        FormerName.media_id == media_id,
        FormerName.hash.startswith(hash_start, autoescape=True),
        FormerName.width == width,
        FormerName.format == form,
        FormerName.until > clock.now(),
    )
    place = await tx.scalar(select(FormerName).where(*this).limit(1))
    if place is None:
        return None
    rows = list(await tx.scalars(select(Rendition).where(Rendition.media_id == media_id).order_by(Rendition.width)))
    for row in rows:
        if (row.purpose, row.format, row.width) == (place.purpose, place.format, place.width):
            return row
    webp = [row for row in rows if row.format == "webp" and form == AVIF]
    return next((row for row in webp if row.width >= width), webp[-1] if webp else None)


async def has_moved(tx: AsyncSession, post: Post) -> bool:
    """Whether a file of `post` has another address than the last time other servers were told of it."""
    if post.told_at is None:
        return False
    moved = select(FormerName.id).join(Media, Media.id == FormerName.media_id)
    moved = moved.where(Media.post_id == post.id, FormerName.until > post.told_at + KEPT)
    return await tx.scalar(moved.limit(1)) is not None


async def forget(tx: AsyncSession) -> None:
    """Remove addresses of before that do not answer any more."""
    await tx.execute(delete(FormerName).where(FormerName.until < clock.now()))
