"""What people keep to find it again. Nobody else learns of it: nothing is counted, nobody is told, nothing leaves the house."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from server import posts
from server.db import changed, insert_once
from server.errors import NotFound
from server.models import Actor, Bookmark, Kind, Post


async def add(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` keeps `post`, which the caller found as that actor. Twice is once; True when it is new.

    Raises NotFound for what cannot be kept: a boost, a draft, and what is deleted.
    """
    if post.kind is Kind.BOOST or post.deleted_at is not None or post.published_at is None:
        raise NotFound
    return await insert_once(tx, Bookmark(actor_id=actor.id, post_id=post.id))


async def remove(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` does not keep `post` any more; True when they did."""
    this = (Bookmark.actor_id == actor.id, Bookmark.post_id == post.id)
    return bool(await changed(tx, delete(Bookmark).where(*this)))


async def kept(tx: AsyncSession, actor: Actor, post_ids: Collection[int]) -> set[int]:
    """Which of these posts `actor` keeps."""
    if not post_ids:
        return set()
    rows = select(Bookmark.post_id).where(Bookmark.actor_id == actor.id, Bookmark.post_id.in_(post_ids))
    return set(await tx.scalars(rows))


async def of(tx: AsyncSession, actor: Actor, before: int | None, limit: int) -> dict[int, Post]:
    """What `actor` keeps, as far as they may see it now, by the id of the bookmark, the latest first; `before` is such an id.

    What they may not see any more stays kept, and comes back with the right to see it.
    """
    query: Any = select(Bookmark.id, Post).join(Post, Post.id == Bookmark.post_id)
    query = query.where(Bookmark.actor_id == actor.id, posts.visible_to(actor)).order_by(Bookmark.id.desc())
    if before is not None:
        query = query.where(Bookmark.id < before)
    rows = await tx.execute(posts.listing(query.limit(limit)))
    return {row[0]: row[1] for row in rows.unique()}
