"""Work for later: a job is a frozen dataclass here, a typed row in the table, a handler in server.app's JOBS.

A job runs at least once, so every handler may run twice. Jobs sharing a `key` run one at a time and in order. Success deletes
the row; TryLater and the unknown retry by the kind's schedule; a Problem or GiveUp keeps the row with its reason.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, ids
from server.db import changed
from server.errors import TryLater
from server.models import Job as Row

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
# So many rows are named in one statement.
CHUNK = 500


class Again(TryLater):
    """Later, and as `job`, which has the same key: another lane, other facts."""

    def __init__(self, job: Job, reason: str, at: datetime) -> None:
        super().__init__(reason, at)
        self.job = job


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
