"""How far a post has come: which servers have it, which do not have it yet, and why (the artist's own view)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock
from server.models import Activity, Delivery, DeliveryState, Host, Post

# What carries the post itself; likes of it, or its removal, say nothing about whether a server has it.
CARRIES = ("Create", "Update")
WORDS = {
    DeliveryState.REFUSED: "It refused the post.",
    DeliveryState.EXPIRED: "It did not answer for 14 days.",
    DeliveryState.FORGOTTEN: "An administrator gave it up.",
}


@dataclass(frozen=True)
class Waiting:
    """A server that does not have the post yet, why, in words, and since when it is due."""

    host: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Refused:
    """A server that will not get the post, and why, in words."""

    host: str
    reason: str


@dataclass(frozen=True)
class Reach:
    """“Reached 61 of 63 servers”, with the names of the two."""

    total: int
    reached: int
    waiting: tuple[Waiting, ...] = ()
    refused: tuple[Refused, ...] = ()


async def of(tx: AsyncSession, post: Post) -> Reach:
    """How far `post`, one of ours, has come; each server counts once, whatever number of inboxes it has there."""
    query = (
        select(Delivery.host, Delivery.state, Delivery.reason, Delivery.created_at)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(Activity.post_id == post.id, Activity.actor_id == post.author_id, Activity.type.in_(CARRIES))
        .order_by(Delivery.id)
    )
    by_host: dict[str, list[tuple[DeliveryState, str, datetime]]] = {}
    for host, state, reason, created_at in await tx.execute(query):
        by_host.setdefault(host, []).append((state, reason, created_at))
    missing = {host: rows for host, rows in by_host.items() if all(row[0] is not DeliveryState.DONE for row in rows)}
    known = (
        {host.name: host for host in await tx.scalars(select(Host).where(Host.name.in_(missing)))} if missing else {}
    )
    waiting, refused = [], []
    for name in sorted(missing):
        due = [row for row in missing[name] if row[0] is DeliveryState.WAITING]
        if due:
            waiting.append(Waiting(name, _why(known.get(name), due[0][1]), due[0][2]))
        else:
            state, reason, _ = missing[name][-1]
            refused.append(Refused(name, reason or WORDS[state]))
    return Reach(len(by_host), len(by_host) - len(missing), tuple(waiting), tuple(refused))


def _why(host: Host | None, reason: str) -> str:
    """Why a server does not have it yet: what an administrator did, what its server says, or that it is simply on its way."""
    if host is not None and host.paused_at is not None:
        return "An administrator paused what goes there."
    if reason:
        return reason
    if host is not None and host.resting_until is not None and host.resting_until > clock.now():
        return host.reason or "It did not answer lately."
    return "On its way."
