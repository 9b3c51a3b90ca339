"""Work for later: a job is a frozen dataclass here, a typed row in the table, a handler in server.app's JOBS.

A job runs at least once, so every handler may run twice. Jobs sharing a `key` run one at a time and in order. Success deletes
the row; TryLater and the unknown retry by SCHEDULE; a Problem or GiveUp keeps the row with its reason.
"""

import random
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server import clock
from server.models import Job as Row


@dataclass(frozen=True)
class Job:
    """What every job has: the lane whose concurrency it shares, and the key in whose order it runs."""

    LANE: ClassVar[str] = ""

    @property
    def lane(self) -> str:
        return self.LANE

    @property
    def key(self) -> str | None:
        return None


@dataclass(frozen=True)
class Render(Job):
    """Make the public sizes of one picture."""

    media_id: int
    LANE: ClassVar[str] = "render"

    @property
    def key(self) -> str:
        return f"media:{self.media_id}"


@dataclass(frozen=True)
class RenderAvif(Job):
    """Make the AVIF sizes of one picture: smaller, but dear; in a lane of its own that never holds up an artist."""

    media_id: int
    LANE: ClassVar[str] = "idle"

    @property
    def key(self) -> str:
        return f"media:{self.media_id}"


@dataclass(frozen=True)
class Mail(Job):
    """Send one letter. The text is kept only until it is sent."""

    to: str
    subject: str
    text: str
    LANE: ClassVar[str] = "mail"


@dataclass(frozen=True)
class Sweep(Job):
    """Remove files without a row, old throttles, expired letters and sign-ins. Enqueues itself for the next hour."""

    LANE: ClassVar[str] = "idle"

    @property
    def key(self) -> str:
        return "sweep"


@dataclass(frozen=True)
class Federate(Job):
    """Tell other servers what `actor_id`, one of ours, did: rendered once, then one delivery for each inbox.

    `verb` is a key of federation.outbox.VERBS. `uri` is their activity that is answered (Accept, Reject); `subject_id` the row
    that a verb of its own is about: a gallery (Add, Remove) or a report (Flag).
    """

    verb: str
    actor_id: int
    post_id: int | None = None
    person_id: int | None = None
    subject_id: int | None = None
    uri: str = ""
    LANE: ClassVar[str] = "federate"

    @property
    def key(self) -> str:
        return f"actor:{self.actor_id}"


@dataclass(frozen=True)
class Process(Job):
    """Do what a received activity asks for. In order for each of their actors; `actor` is a short hash of its uri."""

    received_id: int
    actor: str
    LANE: ClassVar[str] = "inbox"

    @property
    def key(self) -> str:
        return f"inbox:{self.actor}"


@dataclass(frozen=True)
class Deliver(Job):
    """Send what waits for one host. A host has one such job however much waits for it: the queue is the table `deliveries`."""

    host: str
    slow: bool = False

    @property
    def lane(self) -> str:
        return "slow" if self.slow else "deliver"

    @property
    def key(self) -> str:
        return f"deliver:{self.host}"


@dataclass(frozen=True)
class Fetch(Job):
    """Fetch something of another server: `what` is "post", "thread", "actor", "host" or "featured"."""

    what: str
    uri: str
    LANE: ClassVar[str] = "fetch"

    @property
    def key(self) -> str:
        return f"fetch:{self.what}:{self.uri}"[:200]


@dataclass(frozen=True)
class Cache(Job):
    """Fetch a picture of another server and make its sizes here."""

    media_id: int
    LANE: ClassVar[str] = "fetch"

    @property
    def key(self) -> str:
        return f"media:{self.media_id}"


KINDS: dict[str, type[Job]] = {
    kind.__name__: kind for kind in (Render, RenderAvif, Mail, Sweep, Federate, Process, Deliver, Fetch, Cache)
}
# How many jobs of a lane run at the same time in one process. Hosts that answered within the last hour are served in "deliver",
# the others in "slow": the dead never stand in the way of the living (decision 24).
LANES = {"render": 2, "idle": 1, "mail": 2, "inbox": 8, "federate": 4, "deliver": 64, "slow": 256, "fetch": 6}
# A claim lasts this long and is renewed while the job runs: after a crash others may have the job that soon.
LEASE = timedelta(seconds=12)
# Waiting time after the first, second, … failure; then the job is given up.
SCHEDULE = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))


@dataclass(frozen=True)
class Claimed:
    """A job that this process may run until its lease ends."""

    id: int
    job: Job
    attempts: int


def enqueue(tx: AsyncSession, job: Job, due: datetime | None = None) -> None:
    """Write `job` in the caller's transaction: it exists exactly when what it follows from exists."""
    name = type(job).__name__
    tx.add(Row(kind=name, lane=job.lane, key=job.key, payload=asdict(job), due_at=due or clock.now()))
    tx.info["jobs"] = True


async def claim(tx: AsyncSession, lane: str, limit: int = 1) -> list[Claimed]:
    """Take up to `limit` due jobs of `lane`. The same statement serves both databases; SQLite leaves the lock clause out
    and is already alone inside `write()`."""
    now = clock.now()
    other = aliased(Row)
    # Somebody else's job with the same key runs, or is older: in order, one at a time.
    ahead = (
        select(other.id)
        .where(
            other.key == Row.key,
            other.id != Row.id,
            other.failed_at.is_(None),
            or_(other.id < Row.id, other.locked_until > now),
        )
        .exists()
    )
    due = (
        select(Row.id)
        .where(
            Row.lane == lane,
            Row.failed_at.is_(None),
            Row.due_at <= now,
            or_(Row.locked_until.is_(None), Row.locked_until <= now),
            or_(Row.key.is_(None), ~ahead),
        )
        .order_by(Row.due_at, Row.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Row)
        .where(Row.id.in_(due.scalar_subquery() if limit == 1 else due))
        .values(locked_until=now + LEASE, attempts=Row.attempts + 1)
        .returning(Row.id, Row.kind, Row.payload, Row.attempts)
        .execution_options(synchronize_session=False)
    )
    # RETURNING has an order of its own; whoever runs them one after the other wants the oldest first.
    rows = sorted((await tx.execute(taken)).all(), key=lambda row: row.id)
    return [Claimed(row.id, KINDS[row.kind](**row.payload), row.attempts) for row in rows]


async def finish(tx: AsyncSession, job_id: int) -> None:
    """The job did what it should; its row goes."""
    await tx.execute(delete(Row).where(Row.id == job_id))


async def postpone(tx: AsyncSession, claimed: Claimed, reason: str, at: datetime | None = None) -> bool:
    """Try again at `at`, or by SCHEDULE with a fifth of jitter. False when the schedule is used up: the job is given up."""
    if at is None and claimed.attempts > len(SCHEDULE):
        await give_up(tx, claimed.id, reason)
        return False
    if at is None:
        wait = SCHEDULE[claimed.attempts - 1]
        at = clock.now() + wait * random.uniform(0.8, 1.2)  # jitter, not a secret
    values: dict[str, Any] = {"due_at": at, "locked_until": None, "error": reason[:500]}
    await tx.execute(update(Row).where(Row.id == claimed.id).values(**values))
    return True


async def give_up(tx: AsyncSession, job_id: int, reason: str) -> None:
    """Keep the job with its reason; it never runs again unless an administrator says so."""
    values = {"failed_at": clock.now(), "locked_until": None, "error": reason[:500]}
    await tx.execute(update(Row).where(Row.id == job_id).values(**values))


async def release(tx: AsyncSession, job_ids: list[int]) -> None:
    """Give claimed jobs back, unharmed: the process that had them is stopping."""
    values = {"locked_until": None, "attempts": Row.attempts - 1}
    await tx.execute(update(Row).where(Row.id.in_(job_ids)).values(**values))


async def renew(tx: AsyncSession, job_ids: list[int]) -> None:
    """Keep the leases of jobs that are still running."""
    await tx.execute(update(Row).where(Row.id.in_(job_ids)).values(locked_until=clock.now() + LEASE))
