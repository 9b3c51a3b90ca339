"""Pins: the public posts that somebody keeps at the top of their profile."""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, jobs
from server.db import changed
from server.errors import Invalid, NotFound
from server.models import Actor, Kind, Post
from server.posts import OPEN, listing, visible_to

# What a profile shows at its top; more is shown by few other servers.
MAX_PINNED = 5


async def pin(tx: AsyncSession, post: Post, actor: Actor) -> bool:
    """`actor` pins a public post of theirs to the top of their profile; True when it is new.

    Raises NotFound for what is not theirs (row 27), Invalid for what not everybody may see, and beyond MAX_PINNED.
    """
    if (
        post.author_id != actor.id
        or post.kind is Kind.BOOST
        or post.deleted_at is not None
        or post.published_at is None
    ):
        raise NotFound
    if post.audience not in OPEN:
        raise Invalid("Only public posts can be pinned.")
    # Two pins at once follow each other: otherwise both would count before either is there.
    await tx.execute(select(Actor.id).where(Actor.id == actor.id).with_for_update())
    pinned = select(func.count(Post.id)).where(Post.author_id == actor.id, Post.pinned_at.is_not(None))
    if post.pinned_at is None and int(await tx.scalar(pinned) or 0) >= MAX_PINNED:
        raise Invalid(f"{MAX_PINNED} posts are pinned, and more do not fit. Take one down first.")
    fresh = update(Post).where(Post.id == post.id, Post.pinned_at.is_(None)).values(pinned_at=clock.now())
    if not await changed(tx, fresh.execution_options(synchronize_session="evaluate")):
        return False
    if actor.is_local:
        jobs.enqueue(tx, jobs.Federate("Add", actor.id, post_id=post.id))
    return True


async def unpin(tx: AsyncSession, post: Post, actor: Actor) -> bool:
    """`actor` takes a pinned post down; True when it was pinned. Raises NotFound for what is not theirs."""
    if post.author_id != actor.id:
        raise NotFound
    this = update(Post).where(Post.id == post.id, Post.pinned_at.is_not(None)).values(pinned_at=None)
    if not await changed(tx, this.execution_options(synchronize_session="evaluate")):
        return False
    if actor.is_local:
        jobs.enqueue(tx, jobs.Federate("Remove", actor.id, post_id=post.id))
    return True


async def pinned(tx: AsyncSession, actor: Actor, viewer: Actor | None) -> list[Post]:
    """What `actor` pinned, as far as `viewer` may see it, the latest pin first."""
    query = select(Post).where(Post.author_id == actor.id, Post.pinned_at.is_not(None), visible_to(viewer))
    return list(await tx.scalars(listing(query.order_by(Post.pinned_at.desc(), Post.id.desc()).limit(MAX_PINNED))))
