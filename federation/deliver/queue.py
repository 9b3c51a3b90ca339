"""What waits for one host, and whose turn it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from federation import policy
from server.db import Among, Session
from server.models import Activity, Delivery, Host

# How long a delivery is tried. What takes something back must not be missed, so it is kept longer (P7).
LIFETIME, LASTING_LIFETIME = timedelta(days=14), timedelta(days=30)
LASTING = ("Delete", "Undo", "Block")
# So many rows of one author are looked at in one turn.
PER_AUTHOR = 20
# After so many answers that a host cannot digest an activity, others need not wait behind it: about four and a half hours.
POISON = 6
# Word for word as in the partial index: a parameter in its place would hide the index.
WAITS = text("deliveries.state = 'waiting'")


class Waiting(NamedTuple):
    """A delivery that waits, with what decides its turn."""

    id: int
    host: str
    activity_id: int
    actor_id: int
    inbox: str
    dialect: str
    attempts: int
    due_at: datetime
    first: bool
    created_at: datetime
    type: str
    subject: str
    post_id: int | None

    @property
    def about(self) -> str:
        """What must stay in order even behind an activity that stepped aside: a post, a person."""
        return str(self.post_id or self.subject.rpartition(":")[2])

    @property
    def lifetime(self) -> timedelta:
        return LASTING_LIFETIME if self.type in LASTING else LIFETIME


@dataclass(frozen=True)
class Queue:
    """What waits for one host: at most PER_AUTHOR rows of each author, oldest first."""

    host: Host | None
    suspended: bool
    rows: list[Waiting]


def turns(rows: Sequence[Waiting], now: datetime) -> tuple[list[Waiting], datetime | None]:
    """What of one author's rows may go now, in order, and when the next one is due. Pure; see the package's first words."""
    ready: list[Waiting] = []
    held: set[str] = set()
    due: datetime | None = None
    for row in rows:
        if row.about in held:
            continue
        if row.due_at > now:
            due = min(due, row.due_at) if due else row.due_at
            if row.attempts < POISON:
                break
            held.add(row.about)
            continue
        ready.append(row)
    return ready, due


async def load(tx: Session, names: list[str]) -> list[Queue]:
    """The queues of many hosts, read at once."""
    wanted = list(dict.fromkeys(names))
    hosts = {host.name: host for host in await tx.scalars(_HOSTS, {"names": wanted})}
    suspended = await policy.suspended(tx, wanted)
    rows: dict[str, list[Waiting]] = {}
    for row in await (await tx.connection()).execute(_WAITING, {"names": wanted}):
        rows.setdefault(row.host, []).append(Waiting._make(row))
    return [Queue(hosts.get(name), name in suspended, rows.get(name, [])) for name in names]


# Built once: every few deliveries ask them.
_HOSTS = select(Host).where(Among(Host.name, "names"))


def _waiting() -> Any:
    delivery, activity = Delivery.__table__.c, Activity.__table__.c
    place = func.row_number().over(partition_by=(delivery.host, delivery.actor_id), order_by=delivery.id)
    ranked = select(delivery.id, place.label("place")).where(Among(delivery.host, "names"), WAITS).subquery()
    columns: list[Any] = [delivery[name] for name in Waiting._fields[:10]]
    return (
        select(*columns, activity.type, activity.subject, activity.post_id)
        .join(ranked, ranked.c.id == delivery.id)
        .join(Activity.__table__, activity.id == delivery.activity_id)
        .where(ranked.c.place <= PER_AUTHOR)
        .order_by(delivery.id)
    )


_WAITING = _waiting()
