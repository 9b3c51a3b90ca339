"""What a post of another server shows: pictures, title, and what is said of its rights (docs/rights.md, duties 1 to 7)."""

import logging
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import cache, clock, ids, jobs, posts, rights, stamps
from server.elsewhere.read import Picture, Piece
from server.models import Artwork, Kind, Licence, Media, MediaState, Post, Purpose, Rendition, Reservation
from server.rights import history
from server.rights.stated import as_json, merge

log = logging.getLogger(__name__)

_ARTWORKS: Any = Artwork.__table__

# security.md, table D.
MOST = 32
# From laxest to strictest.
TIERS = tuple(Reservation)
BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


async def put_work(tx: AsyncSession, post: Post, piece: Piece, *, is_new: bool = False) -> None:
    """The row that only a work has: title, licence and reservation, and which of the two its author stated.

    Of what is stated for the post and for its pictures the strictest holds (duty 3). Where nothing is stated, the customary is
    assumed: all rights reserved, not for AI (duty 4). A change goes into the history, and into the files that are here; but what
    becomes laxer holds for new copies only, so then they are thrown away (duty 7).
    """
    kept = None if is_new else await tx.get(Artwork, post.id, populate_existing=True)
    if piece.kind is not Kind.WORK:
        if kept is not None:
            await tx.delete(kept)
            await tx.flush()
        return
    said = merge(piece.rights, *(picture.rights for picture in piece.pictures))
    licence, reservation = said.licence, said.reservation
    values: dict[str, Any] = {
        "title": piece.title[:200],
        "licence": licence or Licence.ARR,
        "licence_stated": licence is not None or bool(said.licence_text),
        "licence_text": "" if licence else said.licence_text[:500],
        "reservation": reservation or Reservation.NO_AI,
        "reservation_stated": reservation is not None,
        "stated": as_json(piece.rights),
        "source_type": said.source_type,
    }
    if kept is None:
        await tx.execute(insert(_ARTWORKS), {"post_id": post.id, **values})
    else:
        before, held = {name: getattr(kept, name) for name in values}, rights.describe(kept, holder="", year=0)
        for name, value in values.items():
            setattr(kept, name, value)
        await tx.flush()
        if before == values:
            return
        history.record(tx, post, held, rights.describe(kept, holder="", year=0))
        _log_change(post, before, values)
        if TIERS.index(kept.reservation) < TIERS.index(held.reservation):
            await _throw_away(tx, Media.post_id == post.id)
        await stamps.renew(tx, post.id)


async def put_pictures(tx: AsyncSession, post: Post, piece: Piece, *, wanted: bool, is_new: bool = False) -> None:
    """The pictures, in their order. A picture whose address is known stays, with its cached sizes; others go and come.

    Terms that become stricter hold at once for the sizes that are here. Terms that become laxer hold for new copies only, so the
    old ones are thrown away (duty 7). `wanted` fetches all of them now, since somebody here follows the author; else the first.
    """
    if is_new and not piece.pictures:
        return
    query = select(Media).where(Media.post_id == post.id).order_by(Media.position)
    before = [] if is_new else list(await tx.scalars(query))
    unclaimed = {media.id: media for media in before}
    kept: list[tuple[Media, Picture]] = []
    for picture in piece.pictures[:MOST]:
        same = next((media for media in unclaimed.values() if media.source == picture.url), None)
        if same is not None:
            del unclaimed[same.id]
            await _restate(tx, post, same, picture)
        else:
            same = Media(id=ids.new(), owner_id=post.author_id, post_id=post.id, source=picture.url, width=1, height=1)
            same.state, same.stated = MediaState.WAITING, as_json(picture.rights)
            same.created_at = clock.now()
            tx.add(same)
        kept.append((same, picture))
    await posts.drop_pictures(tx, unclaimed.values())  # the files are left to `sweep`
    for position, (media, picture) in enumerate(kept):
        media.position, media.alt = position, picture.alt
        media.focus_x, media.focus_y = picture.focus_x, picture.focus_y
        if media.state is not MediaState.READY:
            media.width, media.height = max(1, picture.width), max(1, picture.height)
            media.blurhash = picture.blurhash[:64]
            media.colour = average(picture.blurhash) or "#8a8a8a"
    for media, _ in kept if wanted else kept[:1]:
        if is_new:
            jobs.enqueue(tx, jobs.Cache(media.id))  # nobody can be fetching it yet
        elif media.state is MediaState.WAITING:
            await cache.want(tx, media.id)
    await tx.flush()


def average(blurhash: str) -> str:
    """The average colour that a BlurHash begins with, as `#rrggbb`; empty where there is none to read."""
    digits = [BASE83.find(character) for character in blurhash[2:6]]
    if len(digits) < 4 or min(digits) < 0:
        return ""
    value = 0
    for digit in digits:
        value = value * 83 + digit
    return f"#{value:06x}" if value < 1 << 24 else ""


async def _restate(tx: AsyncSession, post: Post, media: Media, picture: Picture) -> None:
    said = as_json(picture.rights)
    if said == media.stated:
        return
    _log_change(post, media.stated, said, media.id)
    if _tier(said) < _tier(media.stated) and media.state is MediaState.READY:
        await _throw_away(tx, Media.id == media.id)
        media.state = MediaState.WAITING
    media.stated = said
    await tx.flush()
    await stamps.again(tx, media)


async def _throw_away(tx: AsyncSession, these: ColumnElement[bool]) -> None:
    """The cached copies of some pictures; they come back when somebody wants them."""
    cached = select(Media.id).where(these, Media.source != "", Media.purpose == Purpose.WORK)
    gone = delete(Rendition).where(Rendition.media_id.in_(cached))
    await tx.execute(gone.execution_options(synchronize_session=False))
    empty = update(Media).where(Media.id.in_(cached), Media.state == MediaState.READY).values(state=MediaState.WAITING)
    await tx.execute(empty.execution_options(synchronize_session="fetch"))


def _tier(said: dict[str, Any]) -> int:
    """How strict a statement is; where there is none, as strict as what is assumed then."""
    return TIERS.index(Reservation(said.get("reservation", Reservation.NO_AI)))


def _log_change(post: Post, before: dict[str, Any], after: dict[str, Any], media_id: int | None = None) -> None:
    """Duty 7: every change of what is said of a work's rights, with the old and the new value."""
    old, new = ({name: str(value) for name, value in said.items()} for said in (before, after))
    log.info("rights changed", extra={"post": post.id, "media": media_id, "before": old, "after": new})
