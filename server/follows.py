"""Who wants to see whose new work, and who has to agree first."""

from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server import actors, blocks, jobs, notifications
from server.db import changed, insert_once
from server.errors import Forbidden, Invalid, NotFound
from server.models import Actor, Follow, Hearing, Media

State = Literal["none", "requested", "following"]


async def follow(tx: AsyncSession, follower: Actor, followed: Actor, *, uri: str | None = None) -> State:
    """`follower` follows `followed`, or asks to where that person approves each follower. Twice is once.

    Of people elsewhere their own server decides, so that the answer is "requested" until it accepts. `uri` is the Follow of
    somebody elsewhere; a repeated one is answered again, since its first answer may have been lost.

    Returns how it stands afterwards. Raises Invalid for oneself, Forbidden where one blocks the other or the follower may not
    act here, NotFound for somebody who is not in good standing.
    """
    if follower.id == followed.id:
        raise Invalid("You cannot follow yourself.")
    if not await _stands(tx, followed):
        raise NotFound
    if not await _stands(tx, follower):
        raise Forbidden
    if await blocks.blocking(tx, follower, followed):
        raise Forbidden("You cannot follow each other.")
    accepted = followed.is_local and not followed.approves_follows
    if uri is not None and await tx.scalar(_of_uri(uri, follower, followed)) is not None:
        uri = None  # somebody else's Follow has this id; it counts all the same, but cannot be undone by its id
    is_new = await insert_once(tx, Follow(follower_id=follower.id, followed_id=followed.id, accepted=accepted, uri=uri))
    if not is_new and uri is not None:
        await changed(tx, _quietly(update(Follow).where(*_pair(follower, followed)).values(uri=uri)))
    if is_new:
        await notifications.notify(tx, followed, Hearing.FOLLOW if accepted else Hearing.ASK, follower)
    if is_new and follower.is_local and not followed.is_local:
        jobs.enqueue(tx, jobs.Federate("Follow", follower.id, person_id=followed.id))
    now = await state(tx, follower, followed)
    if now == "following" and (is_new or uri is not None):
        _answer(tx, "Accept", follower, followed, uri)
    return now


async def unfollow(tx: AsyncSession, follower: Actor, followed: Actor) -> bool:
    """`follower` stops following `followed`, or takes the request back; True when there was something to end."""
    return bool(await blocks.sever(tx, follower, [followed.id], followers=False))


async def accept(tx: AsyncSession, follower: Actor, followed: Actor) -> None:
    """`followed` agrees; a second time changes nothing. Raises NotFound where nobody asked (row 28)."""
    asked = update(Follow).where(*_pair(follower, followed), Follow.accepted.is_(False))
    if not await changed(tx, _quietly(asked.values(accepted=True))):
        if await state(tx, follower, followed) == "none":
            raise NotFound("There is no such request any more.")
        return
    await notifications.unlearn(tx, followed, Hearing.ASK, follower)
    await notifications.notify(tx, follower, Hearing.ACCEPTED, followed)
    _answer(tx, "Accept", follower, followed, await tx.scalar(select(Follow.uri).where(*_pair(follower, followed))))


async def reject(tx: AsyncSession, follower: Actor, followed: Actor) -> bool:
    """`followed` does not agree, or sends a follower away; True when there was one. Their server is told."""
    return bool(await blocks.sever(tx, followed, [follower.id], following=False))


async def remove_follower(tx: AsyncSession, followed: Actor, follower: Actor) -> bool:
    """`followed` sends `follower` away, silently for people here; True when they followed, or asked to."""
    return await reject(tx, follower, followed)


async def approve_each(tx: AsyncSession, actor: Actor, wanted: bool) -> None:
    """From now on people follow `actor` only after asking, or without. Who already follows or waits stays as they are."""
    await tx.execute(update(Actor).where(Actor.id == actor.id).values(approves_follows=wanted))
    actors.tell(tx, actor)


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
        .where(near == actor.id, Follow.accepted.is_(accepted), actors.in_good_standing())
        .order_by(Actor.id.desc())
        .limit(limit)
        .options(selectinload(Actor.face).selectinload(Media.renditions))
    )
    if before is not None:
        query = query.where(Actor.id < before)
    return list(await tx.scalars(query))


async def _count(tx: AsyncSession, *conditions: object) -> int:
    return int(await tx.scalar(select(func.count()).select_from(Follow).where(*conditions)) or 0)  # type: ignore[arg-type]


def _pair(follower: Actor, followed: Actor) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Follow.follower_id == follower.id, Follow.followed_id == followed.id


def _of_uri(uri: str, follower: Actor, followed: Actor) -> Select[Any]:
    """A Follow with that id between other people."""
    other = or_(Follow.follower_id != follower.id, Follow.followed_id != followed.id)
    return select(Follow.follower_id).where(Follow.uri == uri, other)


async def _stands(tx: AsyncSession, actor: Actor) -> bool:
    return bool(await tx.scalar(select(exists().where(Actor.id == actor.id, actors.in_good_standing()))))


def _answer(tx: AsyncSession, verb: str, follower: Actor, followed: Actor, uri: str | None) -> None:
    """Tell the server of a follower elsewhere; `uri` is their Follow."""
    if followed.is_local and not follower.is_local:
        jobs.enqueue(tx, jobs.Federate(verb, followed.id, person_id=follower.id, uri=uri or ""))


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
