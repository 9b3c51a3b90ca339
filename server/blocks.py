"""Who does not want to see, or be seen by, whom. A block works both ways: neither sees the other's posts anywhere."""

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.db import changed, insert_once
from server.errors import Invalid
from server.models import Actor, Block, Follow, Media


async def block(tx: AsyncSession, blocker: Actor, blocked: Actor) -> bool:
    """`blocker` blocks `blocked`; both stop following each other. True when it is new.

    Raises Invalid for oneself.
    """
    if blocker.id == blocked.id:
        raise Invalid("You cannot block yourself.")
    new = await insert_once(tx, Block(blocker_id=blocker.id, blocked_id=blocked.id))
    await tx.execute(
        delete(Follow).where(
            or_(
                and_(Follow.follower_id == blocker.id, Follow.followed_id == blocked.id),
                and_(Follow.follower_id == blocked.id, Follow.followed_id == blocker.id),
            )
        )
    )
    return new


async def unblock(tx: AsyncSession, blocker: Actor, blocked: Actor) -> bool:
    """`blocker` takes the block back; follows do not return by themselves. True when there was one."""
    this = (Block.blocker_id == blocker.id, Block.blocked_id == blocked.id)
    return bool(await changed(tx, delete(Block).where(*this)))


async def blocking(tx: AsyncSession, a: Actor, b: Actor) -> bool:
    """Whether one of the two blocks the other."""
    return bool(
        await tx.scalar(
            select(
                exists().where(
                    or_(
                        and_(Block.blocker_id == a.id, Block.blocked_id == b.id),
                        and_(Block.blocker_id == b.id, Block.blocked_id == a.id),
                    )
                )
            )
        )
    )


async def blocks(tx: AsyncSession, blocker: Actor, blocked: Actor) -> bool:
    """Whether `blocker` blocks `blocked`; the other direction does not count."""
    return await tx.get(Block, (blocker.id, blocked.id)) is not None


async def of(tx: AsyncSession, blocker: Actor) -> list[Actor]:
    """Whom `blocker` blocks, the latest first."""
    rows = await tx.scalars(
        select(Actor)
        .join(Block, Block.blocked_id == Actor.id)
        .where(Block.blocker_id == blocker.id)
        .order_by(Block.created_at.desc(), Actor.id.desc())
        .options(selectinload(Actor.face).selectinload(Media.renditions))
    )
    return list(rows)
