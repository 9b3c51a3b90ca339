"""Which jobs this process runs: it claims what is due, keeps its claims while they run, and says what became of them.

A claim is a lease on a row of the table `jobs`: a process that dies loses it by the clock, and another one has the job. What the
jobs are and how they are written is `server.jobs`.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Integer, bindparam, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock
from server.db import Among
from server.jobs import KINDS, Job
from server.models import Job as Row
from server.models.base import Moment

# A claim lasts this long and is renewed while the job runs: after a crash others may have the job that soon.
LEASE = timedelta(seconds=12)


@dataclass(frozen=True)
class Claimed:
    """A job that this process may run until its lease ends."""

    id: int
    job: Job
    attempts: int


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
