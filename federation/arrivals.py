"""What arrived, onto the disk: each activity word for word with the job that does it, many of them in one commit.

The statements are made from the tables, once for each database, and the driver gets them with rows that are ready. An ORM, and
Core as well, spend more on each row than the database does, and here every microsecond is spent for every activity (goal G1).
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import JSON, Dialect, String, bindparam, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from server import clock, jobs
from server.db import Database
from server.models import Job, Received, ReceivedState
from server.models.base import Moment


class Arrival(NamedTuple):
    """An activity that came in. Its id is that of its row, and of the first job that does it."""

    id: int
    actor: str
    activity: str
    type: str
    body: bytes


async def write(db: Database, arrivals: Sequence[Arrival]) -> None:
    """Keep what came in, and a job for each; what is here already, by actor and activity, is left as it is (decision 28)."""
    async with db.write() as tx:
        dialect = tx.get_bind().dialect
        now = _moment(dialect)(clock.now())
        connection = await tx.connection()
        await connection.exec_driver_sql(_keep(dialect), [(*arrival, now) for arrival in arrivals])
        await connection.exec_driver_sql(_do(dialect), [_job(arrival, now) for arrival in arrivals])
        tx.info["jobs"] = True


def _job(arrival: Arrival, now: Any) -> tuple[Any, ...]:
    job = jobs.Process.of(arrival.id, arrival.actor)
    return job.key, json.dumps(vars(job)), now, arrival.id


# -- statements ----------------------------------------------------------------------------------------------------------
@lru_cache(4)
def _keep(dialect: Dialect) -> str:
    """Takes the fields of an Arrival and the time."""
    build = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    given = ("id", "actor_uri", "activity_uri", "type", "body", "received_at")
    fixed: dict[str, Any] = {"state": literal_column(f"'{ReceivedState.WAITING}'"), "attempts": literal_column("0")}
    statement = build(cast(Any, Received.__table__)).values(
        {**{name: bindparam(name) for name in given}, **fixed, "reason": literal_column("''")}
    )
    return _text(statement.on_conflict_do_nothing(), given, dialect)


@lru_cache(4)
def _do(dialect: Dialect) -> str:
    """Takes the key, the payload, the time and the id. Of an activity that is here already, the row that came now is not."""
    received, job = cast(Any, Received.__table__), cast(Any, Job.__table__)
    of_row = select(
        received.c.id,
        literal_column(f"'{jobs.Process.__name__}'"),
        literal_column(f"'{jobs.Process.LANE}'"),
        bindparam("key", type_=String()),
        bindparam("payload", type_=JSON()),
        bindparam("now", type_=Moment()),
        literal_column("0"),
        literal_column("''"),
    ).where(received.c.id == bindparam("row"))
    names = ["id", "kind", "lane", "key", "payload", "due_at", "attempts", "error"]
    statement = insert(job).from_select(names, of_row, include_defaults=False)
    return _text(statement, ("key", "payload", "now", "row"), dialect)


def _text(statement: Any, given: tuple[str, ...], dialect: Dialect) -> str:
    """The SQL of a statement whose parameters come in the order of `given`."""
    compiled = statement.compile(dialect=dialect)
    if tuple(compiled.positiontup) != given:
        raise AssertionError(f"the parameters of {compiled} come in another order")
    return str(compiled)


@lru_cache(4)
def _moment(dialect: Dialect) -> Callable[[datetime], Any]:
    """How a time is handed to this database."""
    found = Moment().dialect_impl(dialect).bind_processor(dialect)
    return found or (lambda at: at)
