"""Who may see a picture's files: what its post says, what a face is, and what is still on its owner's desk."""

from dataclasses import dataclass

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import actors, posts, stamps
from server.models import Account, AccountState, Actor, Audience, Media, Post, Purpose, Rendition, Role

STAFF = (Role.MODERATOR, Role.ADMIN)


@dataclass(frozen=True)
class Found:
    """What answers at an address. One of before names other bytes than it gives: it is to be asked again soon (decision 11)."""

    rendition: Rendition
    is_former: bool = False


async def find(tx: AsyncSession, media_id: int, hash_start: str, width: int, form: str) -> Found | None:
    """The file that an address names, or named within the last 30 days before it was stamped anew: `hash_start` is the beginning
    of its hash, `form` its format ("webp")."""
    this = (
        Rendition.media_id == media_id,
        Rendition.hash.startswith(hash_start),
        Rendition.width == width,
        Rendition.format == form,
    )
    found: Rendition | None = await tx.scalar(select(Rendition).where(*this).limit(1))
    if found is not None:
        return Found(found)
    found = await stamps.former(tx, media_id, hash_start, width, form)
    return Found(found, is_former=True) if found is not None else None


async def nearest(tx: AsyncSession, media_id: int, width: int) -> Rendition | None:
    """The file where about `width` pixels are wanted: the narrowest that is as wide, else the widest; None without any."""
    rows = await tx.scalars(select(Rendition).where(Rendition.media_id == media_id).order_by(Rendition.width))
    # WebP, which every living browser reads; of a moving picture there may be nothing else than what moves.
    found = sorted(rows, key=lambda row: (row.format not in ("webp", "gif"), row.width))
    plain = [row for row in found if row.format == found[0].format]
    return next((row for row in plain if row.width >= width), plain[-1] if plain else None)


async def may_see(tx: AsyncSession, media_id: int, viewer: Actor | None) -> bool:
    """Whether `viewer` (None: a stranger) may see the picture at this moment.

    A picture of a post follows `posts.visible_to`; a face is public while it is worn; what has no post yet is its owner's alone.
    Of a work that is held for them moderators see the pictures.
    """
    of_post = select(Media.id).join(Post, Post.id == Media.post_id)
    of_post = of_post.where(Media.id == media_id, posts.visible_to(viewer))
    worn = select(Media.id).join(Actor, Actor.face_id == Media.id)
    worn = worn.where(Media.id == media_id, Media.purpose == Purpose.FACE, actors.in_good_standing())
    if await tx.scalar(of_post) is not None or await tx.scalar(worn) is not None:
        return True
    if viewer is None:
        return False
    own = select(Media.id).where(Media.id == media_id, Media.post_id.is_(None), Media.owner_id == viewer.id)
    return await tx.scalar(own) is not None or await tx.scalar(_held_for(viewer, media_id)) is not None


def _held_for(viewer: Actor, media_id: int) -> Select[int]:
    """The picture, where its work waits for a moderator and `viewer` is one."""
    staff = (Account.actor_id == viewer.id, Account.role.in_(STAFF), Account.state == AccountState.ACTIVE)
    waits = (Post.held_at.is_not(None), Post.deleted_at.is_(None))
    held = select(Media.id).join(Post, Post.id == Media.post_id).where(Media.id == media_id, *waits)
    return held.where(exists().where(*staff))


async def whose(tx: AsyncSession, media: Media) -> tuple[Post | None, Actor]:
    """The post of a picture, with its author and its artwork, and the picture's owner: what is needed to say its rights."""
    query = select(Post).where(Post.id == media.post_id).options(joinedload(Post.author), joinedload(Post.artwork))
    post: Post | None = await tx.scalar(query) if media.post_id is not None else None
    return post, post.author if post is not None else await tx.get_one(Actor, media.owner_id)


async def audience(tx: AsyncSession, media_id: int) -> Audience | None:
    """Whom the work of a picture is for at this moment; None for one that is not out, or not any more."""
    query = (
        select(Post.audience)
        .join(Media, Media.post_id == Post.id)
        .join(Actor, Actor.id == Post.author_id)
        .where(Media.id == media_id, Post.published_at.is_not(None), Post.ready_at.is_not(None))
        .where(Post.deleted_at.is_(None), actors.in_good_standing())
    )
    found: Audience | None = await tx.scalar(query)
    return found


async def person(tx: AsyncSession, actor_id: int) -> Actor | None:
    """The person whom a signed address names, if they may still come in."""
    query = select(Actor).where(Actor.id == actor_id, actors.in_good_standing())
    found: Actor | None = await tx.scalar(query)
    return found
