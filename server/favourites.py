"""Who likes what."""

from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import actors, jobs, notifications
from server.db import changed, insert_once
from server.errors import NotFound
from server.models import Actor, Favourite, Hearing, Kind, Post


async def add(tx: AsyncSession, actor: Actor, post: Post, *, emoji: str = "", uri: str | None = None) -> bool:
    """`actor` likes `post`, which the caller found as that actor, with its author. Twice is once; True when it is new.

    `emoji` is what somebody elsewhere reacted with instead of a plain like (FEP-c0e0), `uri` the id of what they sent; a second
    reaction takes the place of the first and is not counted again (row 36). Raises NotFound for what cannot be liked, a boost or
    what is deleted, and Forbidden for whoever is suspended.
    """
    actors.check_may_act(actor)
    if post.kind is Kind.BOOST or post.deleted_at is not None:
        raise NotFound
    if uri is not None and await tx.scalar(select(Favourite.post_id).where(Favourite.uri == uri)) is not None:
        uri = None  # an id names one like; a second one with the same id counts all the same
    if not await insert_once(tx, Favourite(actor_id=actor.id, post_id=post.id, emoji=emoji[:64], uri=uri)):
        if uri is not None:
            latest = update(Favourite).where(Favourite.actor_id == actor.id, Favourite.post_id == post.id)
            latest = latest.values(emoji=emoji[:64], uri=uri).execution_options(synchronize_session=False)
            await tx.execute(latest)
        return False
    await _count(tx, post, 1)
    await notifications.notify(tx, post.author, Hearing.LIKE, actor, post)
    if actor.is_local and not post.is_local:
        jobs.enqueue(tx, jobs.Federate("Like", actor.id, post_id=post.id))
    return True


async def remove(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` does not like `post` any more; True when they did."""
    this = (Favourite.actor_id == actor.id, Favourite.post_id == post.id)
    if not await changed(tx, delete(Favourite).where(*this)):
        return False
    await _count(tx, post, -1)
    if actor.is_local and not post.is_local:
        jobs.enqueue(tx, jobs.Federate("UndoLike", actor.id, post_id=post.id))
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
