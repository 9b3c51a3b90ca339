"""Work for later: a job is a frozen dataclass here, a typed row in the table, a handler in server.app's JOBS.

A job runs at least once, so every handler may run twice. Jobs sharing a `key` run one at a time and in order. Success deletes
the row; TryLater and the unknown retry by the kind's schedule; a Problem or GiveUp keeps the row with its reason.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, ClassVar

from sqlalchemy import Integer, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, ids
from server.db import Among, changed
from server.errors import TryLater
from server.models import Job as Row
from server.models.base import Moment

# Waiting time after the first, second, … failure; then the job is given up.
SCHEDULE = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))


@dataclass(frozen=True)
class Job:
    """What every job has: the lane whose concurrency it shares, and the key in whose order it runs."""

    LANE: ClassVar[str] = ""
    # Pauses after its failures, and how often it may take the process down in a row.
    SCHEDULE: ClassVar[tuple[timedelta, ...]] = SCHEDULE
    CRASHES: ClassVar[int] = 2 * len(SCHEDULE)
    # A job that must not be given up goes on with the last pause for ever: what it works through ends by rules of its own.
    ENDLESS: ClassVar[bool] = False

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
class Stamp(Job):
    """Write what a work says of its rights now into the files of one picture. Not in order with making them: that takes longer
    than somebody who changed their mind shall wait."""

    media_id: int
    # False where it is one of many, such as all works of somebody who took another name.
    is_urgent: bool = True
    LANE: ClassVar[str] = "stamp"

    @property
    def lane(self) -> str:
        return "stamp" if self.is_urgent else "idle"

    @property
    def key(self) -> str:
        return f"stamp:{self.media_id}"


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

    `id` is that of the activity that comes of it: a job that runs twice finds what it made the first time.

    `verb` is a key of federation.outbox.VERBS. `uri` is their activity that is answered (Accept, Reject); `subject_id` the row
    that a verb of its own is about: a gallery (Add, Remove) or a report (Flag).
    """

    verb: str
    actor_id: int
    post_id: int | None = None
    person_id: int | None = None
    subject_id: int | None = None
    uri: str = ""
    # Who else is told: people elsewhere who liked or boosted what is gone, and of whom no row speaks any more.
    people: tuple[int, ...] = ()
    id: int = field(default_factory=ids.new, compare=False)
    LANE: ClassVar[str] = "federate"

    @property
    def key(self) -> str:
        return f"actor:{self.actor_id}"


@dataclass(frozen=True)
class Process(Job):
    """Do what a received activity asks for. In order for each of their actors; `actor` is a short hash of its uri, or empty for
    one that waits for another server and lets its actor's next ones pass."""

    received_id: int
    actor: str
    LANE: ClassVar[str] = "inbox"
    CRASHES: ClassVar[int] = 3

    @classmethod
    def of(cls, received_id: int, actor_uri: str) -> "Process":
        """The job in whose turn `actor_uri` is: the same few characters for the same actor."""
        return cls(received_id, hashlib.sha256(actor_uri.encode()).hexdigest()[:32])

    @property
    def key(self) -> str | None:
        return f"inbox:{self.actor}" if self.actor else None


@dataclass(frozen=True)
class Deliver(Job):
    """Send what waits for one host. A host has one such job however much waits for it: the queue is the table `deliveries`."""

    host: str
    slow: bool = False
    ENDLESS: ClassVar[bool] = True

    @property
    def lane(self) -> str:
        return "slow" if self.slow else "deliver"

    @property
    def key(self) -> str:
        # A column's width is shorter than the longest host; two hosts must never share a key.
        tail = hashlib.sha256(self.host.encode()).hexdigest()[:32] if len(self.host) > 180 else ""
        return f"deliver:{self.host[:150]}{tail}" if tail else f"deliver:{self.host}"


@dataclass(frozen=True)
class Fetch(Job):
    """Fetch something of another server: `what` is "post", "thread", "actor", "host" or "featured"."""

    what: str
    uri: str
    LANE: ClassVar[str] = "fetch"
    SCHEDULE: ClassVar[tuple[timedelta, ...]] = SCHEDULE[1:5]

    @property
    def key(self) -> str:
        # As for hosts: what is asked for twice is one job, and two addresses that begin alike are two.
        found = f"fetch:{self.what}:{self.uri}"
        return found if len(found) <= 200 else found[:150] + hashlib.sha256(found.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Cache(Job):
    """Fetch a picture of another server and make its sizes here."""

    media_id: int
    LANE: ClassVar[str] = "fetch"
    # Most of what breaks off is there a moment later, and people look at a new work in its first minute.
    SCHEDULE: ClassVar[tuple[timedelta, ...]] = (timedelta(seconds=30), *SCHEDULE[1:5])

    @property
    def key(self) -> str:
        return f"media:{self.media_id}"


KINDS: dict[str, type[Job]] = {
    kind.__name__: kind for kind in (Render, RenderAvif, Stamp, Mail, Sweep, Federate, Process, Deliver, Fetch, Cache)
}
# How many jobs of a lane run at the same time in one process. Hosts that answered within the last hour are served in "deliver",
# the others in "slow": the dead never stand in the way of the living (decision 24).
LANES = {
    "render": 2,
    "stamp": 2,
    "idle": 1,
    "mail": 2,
    "inbox": 8,
    "federate": 4,
    "deliver": 64,
    "slow": 256,
    "fetch": 6,
}
# A claim lasts this long and is renewed while the job runs: after a crash others may have the job that soon.
LEASE = timedelta(seconds=12)
# So many rows are named in one statement.
CHUNK = 500


class Again(TryLater):
    """Later, and as `job`, which has the same key: another lane, other facts."""

    def __init__(self, job: Job, reason: str, at: datetime) -> None:
        super().__init__(reason, at)
        self.job = job


@dataclass(frozen=True)
class Claimed:
    """A job that this process may run until its lease ends."""

    id: int
    job: Job
    attempts: int


def enqueue(tx: AsyncSession, job: Job, due: datetime | None = None) -> None:
    """Write `job` in the caller's transaction: it exists exactly when what it follows from exists."""
    tx.add(Row(**values(job, due)))
    tx.info["jobs"] = True


def values(job: Job, due: datetime | None = None) -> dict[str, Any]:
    """The row of `job`, for whoever writes many at once and then sets `tx.info["jobs"]`."""
    name = type(job).__name__
    return {"kind": name, "lane": job.lane, "key": job.key, "payload": asdict(job), "due_at": due or clock.now()}


async def ensure(tx: AsyncSession, wanted: Sequence[Job], due: datetime | None = None) -> None:
    """Write those of `wanted`, jobs with keys, of which nobody is waiting to begin yet.

    One that runs already does not count: it may have looked before there was anything to see. One that waits is kept as it is,
    and kept from beginning until the caller's transaction is committed.
    """
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        waiting = select(Row.key).where(
            Row.key.in_([job.key for job in chunk]), Row.locked_until.is_(None), Row.failed_at.is_(None)
        )
        known = set(await tx.scalars(waiting.order_by(Row.id).with_for_update()))
        fresh = [values(job, due) for job in chunk if job.key not in known]
        if fresh:
            await tx.execute(insert(Row), fresh)
            tx.info["jobs"] = True


async def wake(tx: AsyncSession, key: str) -> bool:
    """Let what waits under `key` begin now; True where something waited."""
    waiting = update(Row).where(Row.key == key, Row.locked_until.is_(None), Row.failed_at.is_(None))
    woken = await changed(tx, waiting.values(due_at=clock.now()).execution_options(synchronize_session=False))
    tx.info["jobs"] = True
    return bool(woken)


async def due_lanes(tx: AsyncSession, lanes: Sequence[str]) -> list[str]:
    """Which of `lanes` have something to begin, as it seems; what waits for its key is not looked at."""
    connection = await tx.connection()
    found = await connection.execute(_due_lanes(tuple(lanes)), {"now": clock.now()})
    return [lane for lane, is_due in zip(lanes, found.one(), strict=True) if is_due]


async def claim(tx: AsyncSession, lane: str, limit: int = 1) -> list[Claimed]:
    """Take up to `limit` due jobs of `lane`. The same statement serves both databases; SQLite leaves the lock clause out
    and is already alone inside `write()`."""
    now = clock.now()
    connection = await tx.connection()
    found = await connection.execute(_CLAIM, {"now": now, "in_lane": lane, "most": limit, "until": now + LEASE})
    # RETURNING has an order of its own; whoever runs them one after the other wants the oldest first.
    rows = sorted(found.all(), key=itemgetter(0))
    return [Claimed(number, KINDS[kind](**payload), attempts) for number, kind, payload, attempts in rows]


async def finish(tx: AsyncSession, *job_ids: int) -> None:
    """These jobs did what they should; their rows go."""
    connection = await tx.connection()
    await connection.execute(_FINISH, {"ids": list(job_ids)})


@dataclass(frozen=True)
class Postponed:
    """A job that is tried again at `at`, or by its schedule with a fifth of jitter; as `job` if one is given."""

    claimed: Claimed
    reason: str
    at: datetime | None = None
    job: Job | None = None


async def postpone(tx: AsyncSession, *postponed: Postponed) -> list[bool]:
    """Try these again later; a list in their order.

    False where the schedule is used up: the job is given up. One that knows `at` came back in good order, so that its attempts
    are counted anew.
    """
    kept, rows = [], []
    for one in postponed:
        kind, attempts, at = type(one.claimed.job), one.claimed.attempts, one.at
        is_over = at is None and attempts > len(kind.SCHEDULE) and not kind.ENDLESS
        kept.append(not is_over)
        if is_over:
            await give_up(tx, one.claimed.id, one.reason)
            continue
        if at is None:
            wait = kind.SCHEDULE[min(attempts, len(kind.SCHEDULE)) - 1]
            at = clock.now() + wait * random.uniform(0.8, 1.2)  # jitter, not a secret
        else:
            attempts = 0
        job = one.job or one.claimed.job
        values = {"due": at, "tried": attempts, "why": one.reason[:500], "in_lane": job.lane, "what": asdict(job)}
        rows.append({"number": one.claimed.id, **values})
    if rows:
        await (await tx.connection()).execute(_POSTPONE, rows)
    return kept


async def give_up(tx: AsyncSession, job_id: int, reason: str) -> None:
    """Keep the job with its reason; it never runs again unless an administrator says so."""
    values = {"failed_at": clock.now(), "locked_until": None, "error": reason[:500]}
    await tx.execute(update(Row).where(Row.id == job_id).values(**values))


async def release(tx: AsyncSession, job_ids: list[int]) -> None:
    """Give claimed jobs back, unharmed: the process that had them is stopping."""
    await (await tx.connection()).execute(_RELEASE, {"ids": job_ids})


async def renew(tx: AsyncSession, job_ids: list[int]) -> None:
    """Keep the leases of jobs that are still running."""
    await (await tx.connection()).execute(_RENEW, {"ids": job_ids, "until": clock.now() + LEASE})


# -- statements ------------------------------------------------------------------------------------------------------------
# Built once, and of tables rather than classes: a queue asks them for every job, and building costs more than running (G12).
_TABLE: Any = Row.__table__
_NOW: Any = bindparam("now", type_=Moment())


def _free(row: Any) -> list[Any]:
    locked = row.c.locked_until
    return [row.c.failed_at.is_(None), row.c.due_at <= _NOW, or_(locked.is_(None), locked <= _NOW)]


def _claim_statement() -> Any:
    row, other = _TABLE.alias("row"), _TABLE.alias("other")
    # Somebody else's job with the same key runs, or is older: in order, one at a time.
    ahead = exists().where(
        other.c.key == row.c.key,
        other.c.id != row.c.id,
        other.c.failed_at.is_(None),
        or_(other.c.id < row.c.id, other.c.locked_until > _NOW),
    )
    due = (
        select(row.c.id)
        .where(row.c.lane == bindparam("in_lane"), *_free(row), or_(row.c.key.is_(None), ~ahead.correlate(row)))
        .order_by(row.c.due_at, row.c.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("due")  # asked once: a subquery with a lock may be asked again for every row
    )
    until = bindparam("until", type_=Moment())
    return (
        update(_TABLE)
        .where(_TABLE.c.id.in_(select(due.c.id)))
        .values(locked_until=until, attempts=_TABLE.c.attempts + 1)
        .returning(_TABLE.c.id, _TABLE.c.kind, _TABLE.c.payload, _TABLE.c.attempts)
    )


@cache
def _due_lanes(lanes: tuple[str, ...]) -> Any:
    row = _TABLE.alias("row")
    return select(*(exists(row.c.id).where(row.c.lane == lane, *_free(row)).label(lane) for lane in lanes))


_CLAIM = _claim_statement()
_FINISH = delete(_TABLE).where(Among(_TABLE.c.id, "ids"))
_RELEASE = update(_TABLE).where(Among(_TABLE.c.id, "ids")).values(locked_until=None, attempts=_TABLE.c.attempts - 1)
_RENEW = update(_TABLE).where(Among(_TABLE.c.id, "ids")).values(locked_until=bindparam("until", type_=Moment()))
_POSTPONE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("number"))
    .values(
        due_at=bindparam("due", type_=Moment()),
        attempts=bindparam("tried"),
        error=bindparam("why"),
        lane=bindparam("in_lane"),
        payload=bindparam("what", type_=_TABLE.c.payload.type),
        locked_until=None,
    )
)
