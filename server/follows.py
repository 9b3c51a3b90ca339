"""Who wants to see whose new work, and who has to agree first."""

from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server import blocks
from server.db import changed, insert_once
from server.errors import Forbidden, Invalid, NotFound
from server.models import Actor, Follow, Media

State = Literal["none", "requested", "following"]


async def follow(tx: AsyncSession, follower: Actor, followed: Actor) -> State:
    """`follower` follows `followed`, or asks to where that person approves each follower. Twice is once.

    Returns how it stands afterwards. Raises Invalid for oneself, Forbidden where one blocks the other, NotFound for
    somebody who is suspended.
    """
    if follower.id == followed.id:
        raise Invalid("You cannot follow yourself.")
    if followed.suspended_at is not None:
        raise NotFound
    if await blocks.blocking(tx, follower, followed):
        raise Forbidden("You cannot follow each other.")
    await insert_once(
        tx, Follow(follower_id=follower.id, followed_id=followed.id, accepted=not followed.approves_follows)
    )
    return await state(tx, follower, followed)


async def unfollow(tx: AsyncSession, follower: Actor, followed: Actor) -> bool:
    """`follower` stops following `followed`, or takes the request back; True when there was something to end."""
    this = (Follow.follower_id == follower.id, Follow.followed_id == followed.id)
    return bool(await changed(tx, delete(Follow).where(*this)))


async def accept(tx: AsyncSession, follower: Actor, followed: Actor) -> None:
    """`followed` agrees. Raises NotFound where nobody asked."""
    asked = update(Follow).where(Follow.follower_id == follower.id, Follow.followed_id == followed.id)
    if not await changed(tx, asked.values(accepted=True).execution_options(synchronize_session=False)):
        raise NotFound("There is no such request any more.")


async def reject(tx: AsyncSession, follower: Actor, followed: Actor) -> bool:
    """`followed` does not agree, or sends a follower away; True when there was one."""
    return await unfollow(tx, follower, followed)


async def approve_each(tx: AsyncSession, actor: Actor, wanted: bool) -> None:
    """From now on people follow `actor` only after asking, or without. Who already follows or waits stays as they are."""
    await tx.execute(update(Actor).where(Actor.id == actor.id).values(approves_follows=wanted))


async def state(tx: AsyncSession, viewer: Actor | None, actor: Actor) -> State:
    """How `viewer` stands to `actor`."""
    if viewer is None:
        return "none"
    accepted = await tx.scalar(
        select(Follow.accepted).where(Follow.follower_id == viewer.id, Follow.followed_id == actor.id)
    )
    return "none" if accepted is None else "following" if accepted else "requested"


async def followers(tx: AsyncSession, actor: Actor, before: int | None = None, limit: int = 40) -> list[Actor]:
    """Accepted followers of `actor` by id, the greatest first; `before` is the last id of the page before."""
    return await _people(tx, actor, accepted=True, mine=False, before=before, limit=limit)


async def following(tx: AsyncSession, actor: Actor, before: int | None = None, limit: int = 40) -> list[Actor]:
    """Whom `actor` follows, by id, the greatest first."""
    return await _people(tx, actor, accepted=True, mine=True, before=before, limit=limit)


async def waiting(tx: AsyncSession, actor: Actor, before: int | None = None, limit: int = 40) -> list[Actor]:
    """Who asks to follow `actor` and has no answer yet."""
    return await _people(tx, actor, accepted=False, mine=False, before=before, limit=limit)


async def count_waiting(tx: AsyncSession, actor: Actor) -> int:
    """How many people wait for `actor` to agree."""
    return await _count(tx, Follow.followed_id == actor.id, Follow.accepted.is_(False))


async def count_followers(tx: AsyncSession, actor: Actor) -> int:
    """How many accepted followers `actor` has."""
    return await _count(tx, Follow.followed_id == actor.id, Follow.accepted.is_(True))


async def count_following(tx: AsyncSession, actor: Actor) -> int:
    """How many people `actor` follows."""
    return await _count(tx, Follow.follower_id == actor.id, Follow.accepted.is_(True))


async def _people(
    tx: AsyncSession, actor: Actor, *, accepted: bool, mine: bool, before: int | None, limit: int
) -> list[Actor]:
    near, far = (Follow.follower_id, Follow.followed_id) if mine else (Follow.followed_id, Follow.follower_id)
    query = (
        select(Actor)
        .join(Follow, far == Actor.id)
        .where(near == actor.id, Follow.accepted.is_(accepted), Actor.suspended_at.is_(None))
        .order_by(Actor.id.desc())
        .limit(limit)
        .options(selectinload(Actor.face).selectinload(Media.renditions))
    )
    if before is not None:
        query = query.where(Actor.id < before)
    return list(await tx.scalars(query))


async def _count(tx: AsyncSession, *conditions: object) -> int:
    return int(await tx.scalar(select(func.count()).select_from(Follow).where(*conditions)) or 0)  # type: ignore[arg-type]
