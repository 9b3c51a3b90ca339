"""Who may see a picture's files: what its post says, what a face is, and what is still on its owner's desk."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import actors, posts
from server.models import Actor, Media, Post, Purpose, Rendition


async def find(tx: AsyncSession, media_id: int, hash_start: str, width: int, form: str) -> Rendition | None:
    """The file that an address names: `hash_start` is the beginning of its hash, `form` its format ("webp")."""
    this = (
        Rendition.media_id == media_id,
        Rendition.hash.startswith(hash_start),
        Rendition.width == width,
        Rendition.format == form,
    )
    found: Rendition | None = await tx.scalar(select(Rendition).where(*this).limit(1))
    return found


async def may_see(tx: AsyncSession, media_id: int, viewer: Actor | None) -> bool:
    """Whether `viewer` (None: a stranger) may see the picture at this moment.

    A picture of a post follows `posts.visible_to`; a face is public while it is worn; what has no post yet is its owner's alone.
    """
    of_post = select(Media.id).join(Post, Post.id == Media.post_id)
    of_post = of_post.where(Media.id == media_id, posts.visible_to(viewer))
    worn = select(Media.id).join(Actor, Actor.face_id == Media.id)
    worn = worn.where(Media.id == media_id, Media.purpose == Purpose.FACE, actors.in_good_standing())
    if await tx.scalar(of_post) is not None or await tx.scalar(worn) is not None:
        return True
    own = select(Media.id).where(Media.id == media_id, Media.post_id.is_(None))
    return viewer is not None and await tx.scalar(own.where(Media.owner_id == viewer.id)) is not None


async def person(tx: AsyncSession, actor_id: int) -> Actor | None:
    """The person whom a signed address names, if they may still come in."""
    query = select(Actor).where(Actor.id == actor_id, actors.in_good_standing())
    found: Actor | None = await tx.scalar(query)
    return found
