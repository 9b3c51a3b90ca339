"""What waits for one host, and whose turn it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from federation import policy
from server.db import Session
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
    wanted = sorted(set(names))
    hosts = {host.name: host for host in await tx.scalars(select(Host).where(Host.name.in_(wanted)))}
    suspended = await policy.suspended(tx, wanted)
    place = func.row_number().over(partition_by=(Delivery.host, Delivery.actor_id), order_by=Delivery.id)
    ranked = select(Delivery.id, place.label("place")).where(Delivery.host.in_(wanted), WAITS).subquery()
    columns: list[Any] = [getattr(Delivery, name) for name in Waiting._fields[:10]]
    query = (
        select(*columns, Activity.type, Activity.subject, Activity.post_id)
        .join(ranked, ranked.c.id == Delivery.id)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(ranked.c.place <= PER_AUTHOR)
        .order_by(Delivery.id)
    )
    rows: dict[str, list[Waiting]] = {}
    for row in await tx.execute(query):
        rows.setdefault(row.host, []).append(Waiting._make(row))
    return [Queue(hosts.get(name), name in suspended, rows.get(name, [])) for name in names]
