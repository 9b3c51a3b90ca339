"""Who shows somebody's post to their own followers. A boost is a post of its own kind, without words."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import actors, clock, ids, jobs, notifications, posts
from server.db import insert_once
from server.errors import Forbidden, NotFound
from server.models import Actor, Audience, Hearing, Kind, Post

# What came this long after it was made was waiting somewhere.
LATE = timedelta(minutes=1)


async def add(
    tx: AsyncSession, actor: Actor, post: Post, *, uri: str | None = None, at: datetime | None = None
) -> bool:
    """`actor` boosts `post`, which the caller found as that actor, with its author. Twice is once; True when it is new.

    `uri` and `at` are those of an Announce of somebody elsewhere. Raises Forbidden for what is not public (row 49) and for
    whoever is suspended, NotFound for what is deleted and for a boost, which shows nothing of its own.
    """
    actors.check_may_act(actor)
    if post.kind is Kind.BOOST or post.deleted_at is not None or post.ready_at is None:
        raise NotFound
    if post.audience not in posts.OPEN:
        raise Forbidden("Only public posts can be boosted.")
    now = clock.now()
    if uri is not None and await tx.scalar(select(Post.id).where(Post.uri == uri)) is not None:
        return False  # that very Announce is here already
    # Walls are sorted by id: a boost that comes late stands where it was made, but never in the future.
    late = at is not None and ids.EPOCH < at < now - LATE
    post_id = ids.at(at) | secrets.randbits(ids.RANDOM_BITS) if at is not None and late else ids.new()
    row = Post(
        id=post_id,
        kind=Kind.BOOST,
        author_id=actor.id,
        uri=uri,
        audience=Audience.EVERYONE,
        boost_of_id=post.id,
        thread_id=post_id,
        published_at=min(at or now, now),
        ready_at=now,
    )
    if not await insert_once(tx, row):
        return False
    await _count(tx, post, 1)
    await notifications.notify(tx, post.author, Hearing.BOOST, actor, post)
    if actor.is_local:
        jobs.enqueue(tx, jobs.Federate("Announce", actor.id, post_id=post.id))
    return True


async def remove(tx: AsyncSession, actor: Actor, post: Post) -> bool:
    """`actor` does not boost `post` any more; True when they did."""
    this = delete(Post).where(Post.author_id == actor.id, Post.boost_of_id == post.id, Post.kind == Kind.BOOST)
    gone = await tx.execute(this.returning(Post.id).execution_options(synchronize_session=False))
    if gone.first() is None:
        return False
    await _count(tx, post, -1)
    if actor.is_local:
        jobs.enqueue(tx, jobs.Federate("UndoAnnounce", actor.id, post_id=post.id))
    return True


async def boosted(tx: AsyncSession, actor: Actor, post_ids: Collection[int]) -> set[int]:
    """Which of these posts `actor` boosts."""
    if not post_ids:
        return set()
    mine = select(Post.boost_of_id).where(Post.author_id == actor.id, Post.boost_of_id.in_(post_ids))
    return {post_id for post_id in await tx.scalars(mine) if post_id is not None}


async def _count(tx: AsyncSession, post: Post, step: int) -> None:
    """Count in the database, not in Python: two boosts at the same moment are two."""
    counted = update(Post).where(Post.id == post.id).values(boosts=Post.boosts + step)
    await tx.execute(counted.execution_options(synchronize_session=False))
    await tx.refresh(post, ["boosts"])
