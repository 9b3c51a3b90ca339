"""Who does not want to see, or be seen by, whom. A block works both ways: neither sees the other's posts anywhere.

People block people, and whole servers (mutes.block_host); what both mean is asked here.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, selectinload

from server import jobs
from server.db import changed, insert_once
from server.errors import Invalid
from server.models import Actor, Block, Follow, Hearing, HostBlock, Media, Notification

# Whoever is on the other side of a wall against a whole server.
_THEM: Any = aliased(Actor)


async def block(tx: AsyncSession, blocker: Actor, blocked: Actor, *, uri: str | None = None) -> bool:
    """`blocker` blocks `blocked`; both stop following each other. True when it is new.

    `uri` is the Block of somebody elsewhere. The server of whom one of ours blocks learns that the follows are over, and of the
    block itself only where the blocker wants that. Raises Invalid for oneself.
    """
    if blocker.id == blocked.id:
        raise Invalid("You cannot block yourself.")
    if uri is not None and await tx.scalar(select(Block.blocker_id).where(Block.uri == uri)) is not None:
        uri = None  # an id names one block; a second one with the same id counts all the same
    new = await insert_once(tx, Block(blocker_id=blocker.id, blocked_id=blocked.id, uri=uri))
    await sever(tx, blocker, [blocked.id])
    if new and blocker.is_local and not blocked.is_local and blocker.announces_blocks:
        jobs.enqueue(tx, jobs.Federate("Block", blocker.id, person_id=blocked.id))
    return new


async def unblock(tx: AsyncSession, blocker: Actor, blocked: Actor) -> bool:
    """`blocker` takes the block back; follows do not return by themselves. True when there was one."""
    this = (Block.blocker_id == blocker.id, Block.blocked_id == blocked.id)
    if not await changed(tx, delete(Block).where(*this)):
        return False
    if blocker.is_local and not blocked.is_local:
        # Only what was told is taken back: without a Block that went out, the post office has nothing to undo.
        jobs.enqueue(tx, jobs.Federate("UndoBlock", blocker.id, person_id=blocked.id))
    return True


async def sever(
    tx: AsyncSession,
    by: Actor,
    others: Collection[int] | Select[Any],
    *,
    following: bool = True,
    followers: bool = True,
) -> int:
    """`by` ends following `others`, being followed by them, or both; how many follows and requests ended.

    The one place where a person's follows end, so that servers elsewhere always hear of it: an Undo where `by` followed, a
    Reject of their Follow where they did. What people elsewhere end themselves is not echoed.
    """
    mine, theirs = [], []
    if following:
        gone = delete(Follow).where(Follow.follower_id == by.id, Follow.followed_id.in_(others))
        mine = list(await tx.scalars(_quietly(gone.returning(Follow.followed_id))))
    if followers:
        gone = delete(Follow).where(Follow.followed_id == by.id, Follow.follower_id.in_(others))
        theirs = [
            (row[0], row[1]) for row in await tx.execute(_quietly(gone.returning(Follow.follower_id, Follow.uri)))
        ]
    asked = and_(
        Notification.hearing == Hearing.ASK,
        or_(
            and_(Notification.actor_id.in_(mine), Notification.from_id == by.id),
            and_(Notification.actor_id == by.id, Notification.from_id.in_([person for person, _ in theirs])),
        ),
    )
    if mine or theirs:
        await tx.execute(_quietly(delete(Notification).where(asked)))
    if by.is_local and (mine or theirs):
        everybody = [*mine, *(person for person, _ in theirs)]
        remote = set(await tx.scalars(select(Actor.id).where(Actor.id.in_(everybody), Actor.uri.is_not(None))))
        for person in mine:
            if person in remote:
                jobs.enqueue(tx, jobs.Federate("UndoFollow", by.id, person_id=person))
        for person, uri in theirs:
            if person in remote:
                jobs.enqueue(tx, jobs.Federate("Reject", by.id, person_id=person, uri=uri or ""))
    return len(mine) + len(theirs)


def between(viewer: Actor, person: Any, entity: Any) -> ColumnElement[bool]:
    """Whether a block stands between `viewer` and whoever the column `person` of `entity` names: of the one by the other, or
    of the one's whole server. A condition for a query over `entity`."""
    people = exists().where(
        or_(
            and_(Block.blocker_id == person, Block.blocked_id == viewer.id),
            and_(Block.blocker_id == viewer.id, Block.blocked_id == person),
        )
    )
    if viewer.is_local:
        servers = server_unwanted(viewer, person, entity, HostBlock.mutes_only.is_(False))
    else:
        servers = exists().where(HostBlock.actor_id == person, _names_server_of(viewer)).correlate(entity)
    return or_(people.correlate(entity), servers)


def server_unwanted(viewer: Actor, person: Any, entity: Any, *how: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether `viewer` blocks or mutes (`how` narrows it) the server of whoever the column `person` of `entity` names."""
    names_it = or_(HostBlock.host == _THEM.host, HostBlock.host == _THEM.domain)
    return exists().where(HostBlock.actor_id == viewer.id, _THEM.id == person, names_it, *how).correlate(entity)


async def blocking(tx: AsyncSession, a: Actor, b: Actor) -> bool:
    """Whether one of the two blocks the other, or the other's whole server."""
    return await shuts_out(tx, a, b) or await shuts_out(tx, b, a)


async def shuts_out(tx: AsyncSession, person: Actor, viewer: Actor) -> bool:
    """Whether `person` does not want to be seen by `viewer`: blocks them, or their whole server."""
    if await blocks(tx, person, viewer):
        return True
    if viewer.is_local:
        return False
    wall = select(HostBlock.host).where(HostBlock.actor_id == person.id, _names_server_of(viewer))
    return await tx.scalar(wall.limit(1)) is not None


async def blocks(tx: AsyncSession, blocker: Actor, blocked: Actor) -> bool:
    """Whether `blocker` blocks this very person; neither the other direction nor their server counts."""
    this = (Block.blocker_id == blocker.id, Block.blocked_id == blocked.id)
    return bool(await tx.scalar(select(exists().where(*this))))


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


def _names_server_of(viewer: Actor) -> ColumnElement[bool]:
    # People know a server by the domain in its handles, which may differ from the host that speaks for it.
    return and_(HostBlock.host.in_([viewer.host, viewer.domain]), HostBlock.mutes_only.is_(False))


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
