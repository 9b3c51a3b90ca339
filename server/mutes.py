"""Whom, and which servers, somebody does not want to meet. A mute is silent: who is muted notices nothing.

A muted person is left out of home and of what one is told; their pages stay where they are. A whole server is muted the same
way, or blocked like a person (both ways, see blocks.between).
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server import blocks, hosts
from server.db import changed, insert_once
from server.errors import Invalid
from server.models import Actor, HostBlock, Media, Mute


async def mute(tx: AsyncSession, muter: Actor, muted: Actor) -> bool:
    """`muter` does not want to meet `muted`. True when it is new. Raises Invalid for oneself."""
    if muter.id == muted.id:
        raise Invalid("You cannot mute yourself.")
    return await insert_once(tx, Mute(muter_id=muter.id, muted_id=muted.id))


async def unmute(tx: AsyncSession, muter: Actor, muted: Actor) -> bool:
    """`muter` takes it back. True when there was something to take back."""
    return bool(await changed(tx, delete(Mute).where(Mute.muter_id == muter.id, Mute.muted_id == muted.id)))


async def muted(tx: AsyncSession, muter: Actor, other: Actor) -> bool:
    """Whether `muter` mutes this very person; their server does not count."""
    this = (Mute.muter_id == muter.id, Mute.muted_id == other.id)
    return bool(await tx.scalar(select(exists().where(*this))))


async def of(tx: AsyncSession, muter: Actor) -> list[Actor]:
    """Whom `muter` mutes, the latest first."""
    rows = await tx.scalars(
        select(Actor)
        .join(Mute, Mute.muted_id == Actor.id)
        .where(Mute.muter_id == muter.id)
        .order_by(Mute.created_at.desc(), Actor.id.desc())
        .options(selectinload(Actor.face).selectinload(Media.renditions))
    )
    return list(rows)


async def block_host(tx: AsyncSession, actor: Actor, host: str, mutes_only: bool = False, *, own: str = "") -> str:
    """`actor` blocks, or only mutes, a whole server; its name as it is kept. The last word counts.

    A block ends follows in both directions. `own` is this house's host. Raises Invalid(host=…) for what is no server, and for
    one's own.
    """
    name = hosts.check_host(host)
    if name == own:
        raise Invalid(host="This is the server that you are on.")
    if not await insert_once(tx, HostBlock(actor_id=actor.id, host=name, mutes_only=mutes_only)):
        this = (HostBlock.actor_id == actor.id, HostBlock.host == name)
        await tx.execute(update(HostBlock).where(*this).values(mutes_only=mutes_only))
    if not mutes_only:
        await blocks.sever(tx, actor, select(Actor.id).where(or_(Actor.host == name, Actor.domain == name)))
    return name


async def unblock_host(tx: AsyncSession, actor: Actor, host: str) -> bool:
    """`actor` neither blocks nor mutes `host` any more. True when they did."""
    this = (HostBlock.actor_id == actor.id, HostBlock.host == host.strip().lower())
    return bool(await changed(tx, delete(HostBlock).where(*this)))


async def hosts_of(tx: AsyncSession, actor: Actor) -> list[HostBlock]:
    """The servers that `actor` blocks or mutes, by name."""
    rows = select(HostBlock).where(HostBlock.actor_id == actor.id).order_by(HostBlock.host)
    return list(await tx.scalars(rows))


def unwanted(viewer: Actor, person: Any, entity: Any) -> ColumnElement[bool]:
    """Whether `viewer` does not want to meet whoever the column `person` of `entity` names, by their own mute or by that of
    their server. A condition for a query over `entity`."""
    by_name = exists().where(Mute.muter_id == viewer.id, Mute.muted_id == person)
    return or_(by_name.correlate(entity), blocks.server_unwanted(viewer, person, entity))
