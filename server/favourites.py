"""Who likes what."""

from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.db import changed, insert_once
from server.models import Actor, Favourite, Post


async def add(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` likes `post`, which the caller found as that actor. Liking twice is liking once; True when it is new."""
    if not await insert_once(tx, Favourite(actor_id=actor.id, post_id=post.id)):
        return False
    await _count(tx, post, 1)
    return True


async def remove(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` does not like `post` any more; True when they did."""
    this = (Favourite.actor_id == actor.id, Favourite.post_id == post.id)
    if not await changed(tx, delete(Favourite).where(*this)):
        return False
    await _count(tx, post, -1)
    return True


async def liked(tx: AsyncSession, actor: Actor, post_ids: Collection[int]) -> set[int]:
    """Which of these posts `actor` likes."""
    if not post_ids:
        return set()
    rows = await tx.scalars(
        select(Favourite.post_id).where(Favourite.actor_id == actor.id, Favourite.post_id.in_(post_ids))
    )
    return set(rows)


async def _count(tx: AsyncSession, post: Post, step: int) -> None:
    """Count in the database, not in Python: two likes at the same moment are two."""
    await tx.execute(
        update(Post)
        .where(Post.id == post.id)
        .values(likes=Post.likes + step)
        .execution_options(synchronize_session=False)
    )
    await tx.refresh(post, ["likes"])
