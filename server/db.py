"""Two verbs for the database: `read()` cannot write, `write()` is one short transaction that commits at its end.

SQLite has one writer, and a transaction that reads first and writes later fails with "locked" at once, whatever the timeout. So
`write()` begins IMMEDIATE, through a pool of one connection that is this process's queue of writers; other processes are waited
for by `busy_timeout`. `read()` has connections of its own with `query_only`. On PostgreSQL both are plain transactions, reading
ones READ ONLY. No network, no pixels, no sleep inside either.

Where hundreds at a time have one small thing to read or to write, they do it `together`: one transaction, one commit.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ARRAY, JSON, CursorResult, Delete, Update, bindparam, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from server import sqlite_driver
from server.errors import Full
from server.models.base import Base

# Order matters: journal_mode first, since it may rewrite the file's header; the rest hold for this connection only.
PRAGMAS = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged commit survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8000",  # 8 MB for each connection
    "PRAGMA mmap_size = 268435456",
)
# What `read()` and `write()` give, under a name that web can use without knowing SQLAlchemy.
Session = AsyncSession
# What a caller may do with a transaction once it is committed.
AfterCommit = Callable[[], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """Many small pieces of work, done at once: whatever is added while one batch is being done makes up the next.

    `work` gets the items, at most `most` of them, and returns a result for each in the same order. When it raises, each item is
    tried alone, so that one that cannot be done spoils no other; so `work` must leave nothing behind when it raises. What was
    added is done even when whoever waits for it is cancelled.
    """

    def __init__(self, work: Callable[[list[Item]], Awaitable[list[Result]]], most: int = 500) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._doing: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Have `item` done with the others; returns its result, or raises what it alone raised."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._all())
        return await done

    async def close(self) -> None:
        """Wait until nothing is left to do."""
        if self._doing is not None:
            await asyncio.wait([self._doing])

    async def _all(self) -> None:
        await asyncio.sleep(0)  # whoever is ready at this moment comes along
        while self._waiting:
            now, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if not await self._try(now) and len(now) > 1:
                for one in now:
                    await self._try([one])

    async def _try(self, items: list[tuple[Item, asyncio.Future[Result]]]) -> bool:
        try:
            results = await self._work([item for item, _ in items])
        except Exception as wrong:
            if len(items) == 1 and not items[0][1].done():
                items[0][1].set_exception(wrong)
            return False
        except BaseException:  # the loop ends; nobody may wait for ever
            for _, done in items:
                done.cancel()
            raise
        for (_, done), result in zip(items, results, strict=True):
            if not done.done():
                done.set_result(result)
        return True


class Database:
    """The engines of one house. Close it when the process ends."""

    def __init__(self, url: str, pool: int = 5) -> None:
        self.url = driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # Called after a commit that enqueued a job; the worker of this process listens.
        self.on_jobs: AfterCommit = lambda: None
        # Counts the commits of this process: what was read under another number may be out of date.
        self.generation = 0
        self._batches: dict[Any, Batch[Any, Any]] = {}
        if self.is_sqlite:
            self._writer = _sqlite_engine(self.url, size=1, begin="BEGIN IMMEDIATE", query_only=False)
            self._reader = _sqlite_engine(self.url, size=pool, begin="BEGIN", query_only=True)
        else:
            options: dict[str, Any] = {"pool_size": pool, "max_overflow": 2 * pool, "pool_pre_ping": True}
            options["connect_args"] = {"timeout": 10, "command_timeout": 60}
            self._writer = create_async_engine(self.url, **options)
            self._reader = create_async_engine(self.url, **options)

            @event.listens_for(self._reader.sync_engine, "begin")
            def read_only(connection: Connection) -> None:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    @property
    def writer(self) -> AsyncEngine:
        """The writing engine; for migrations only."""
        return self._writer

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """One consistent view. Anything that writes fails."""
        async with AsyncSession(self._reader, expire_on_commit=False, autoflush=False) as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        """One transaction, committed when the block ends well and rolled back when it raises.

        Raises Full where the disk has no room for it; nothing is half-written then.
        """
        try:
            async with AsyncSession(self._writer, expire_on_commit=False) as tx, tx.begin():
                yield tx
        except DBAPIError as wrong:
            if "disk is full" in str(wrong.orig) or "No space left" in str(wrong.orig):
                raise Full from wrong
            raise
        finally:
            self.generation += 1
        if tx.info.get("jobs"):
            self.on_jobs()

    async def together(
        self, work: Callable[[AsyncSession, list[Item]], Awaitable[list[Result]]], item: Item, *, reading: bool = False
    ) -> Result:
        """Do `item` in one transaction with everything that others ask of the same `work` meanwhile; back once it is committed.

        `work`, a function of a module, gets the items and returns a result for each. A failing item spoils no other: see Batch.
        """
        batch = self._batches.get(work)
        if batch is None:
            opened = self.read if reading else self.write

            async def whole(items: list[Item]) -> list[Result]:
                async with opened() as tx:
                    return await work(tx, items)

            batch = self._batches[work] = Batch(whole)
        return cast(Result, await batch.add(item))

    async def close(self) -> None:
        """Finish what was begun together, and give all connections back."""
        for batch in self._batches.values():
            await batch.close()
        await self._writer.dispose()
        await self._reader.dispose()


def driver_url(url: str) -> URL:
    """The address with the driver that we use; `postgresql://` alone would mean another one.

    Raises ValueError for a database that is neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    name = parsed.drivername.split("+")[0]
    if name not in drivers:
        raise ValueError(f"{name} is not a database that Cartellino knows: use sqlite:/// or postgresql://.")
    return parsed.set(drivername=drivers[name])


def _sqlite_engine(url: URL, *, size: int, begin: str, query_only: bool) -> AsyncEngine:
    async def connected() -> sqlite_driver.Connection:
        where, options = engine.dialect.create_connect_args(url)
        made = sqlite_driver.Connection(partial(sqlite3.connect, *where, isolation_level=None, **options), begin)
        await made
        return made

    engine = create_async_engine(url, async_creator=connected, pool_size=size, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (*PRAGMAS, *(("PRAGMA query_only = ON",) if query_only else ())):
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        cast(sqlite_driver.Connection, connection.connection.driver_connection).begin()

    @event.listens_for(engine.sync_engine, "invalidate")
    def let_go(connection: Any, record: Any, wrong: Any) -> None:
        # A statement that was cancelled half-way keeps a closed connection alive, and with it the lock, until the garbage
        # collector finds it: everybody else would wait. Rolling back first gives the lock back at once.
        with suppress(Exception):
            connection.rollback()

    return engine


class Among(FunctionElement[Any]):
    """`column IN` the list given as the parameter `name`: `where(Among(Job.id, "ids"))`, run with `{"ids": [1, 2]}`.

    The statement stays the same however long the list is, so that it can be built once. `in_` writes every value into it anew,
    which takes longer than running it; that counts where it happens for every few deliveries.
    """

    inherit_cache = True
    # Not Boolean: for SQLite that would be written as `… = 1`, which no index serves.
    type = NullType()

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, bindparam(name, type_=ARRAY(column.type).with_variant(JSON(), "sqlite")))


@compiles(Among, "sqlite")
def _among_sqlite(element: Among, compiler: Any, **options: Any) -> str:
    column, listed = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608  # both are SQL already, values are bound


@compiles(Among, "postgresql")
def _among_postgresql(element: Among, compiler: Any, **options: Any) -> str:
    column, listed = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({listed})"


def is_crossing(wrong: DBAPIError) -> bool:
    """Whether two transactions waited for each other and this one was ended for the other's sake: done again, it succeeds."""
    return getattr(wrong.orig, "sqlstate", "") in ("40001", "40P01")  # serialization_failure, deadlock_detected


async def changed(tx: AsyncSession, statement: Update | Delete) -> int:
    """Run an UPDATE or a DELETE; the number of rows that it touched."""
    return cast("CursorResult[Any]", await tx.execute(statement)).rowcount


def insert_into(tx: AsyncSession, table: Any) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what happens ON CONFLICT: the same words in both databases, and two classes in SQLAlchemy."""
    return sqlite.insert(table) if tx.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


async def insert_once(tx: AsyncSession, row: Base) -> bool:
    """Insert `row` unless its unique constraint knows it already; True when it was new. Safe in a race on both databases."""
    given = {key: value for key, value in row.__dict__.items() if key != "_sa_instance_state"}
    key = inspect(type(row)).primary_key
    statement = insert_into(tx, type(row)).values(**given).on_conflict_do_nothing()
    result = await tx.execute(statement.returning(*key))
    return result.first() is not None
