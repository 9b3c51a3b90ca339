"""SQLite as asyncio sees it: one thread for each connection, one hop for each statement."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import aiosqlite

Result = TypeVar("Result")


class Connection(aiosqlite.Connection):
    """One SQLite connection with its thread. A statement is one hop there and back: what it says, its rows and its end together.

    A hop costs more than most statements. As aiosqlite has it a statement takes four (cursor, execute, fetch, close), and a
    transaction three more; here its beginning goes along with its first statement, and a rollback is not waited for.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], begin: str) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True  # a connection that nobody closed holds up no exit
        self._begin = begin
        self._in_transaction = self._must_begin = False

    def begin(self) -> None:
        """A transaction begins with the next statement."""
        self._in_transaction = self._must_begin = True

    async def commit(self) -> None:
        if self._in_transaction and not self._must_begin:
            await super().commit()
        self._in_transaction = self._must_begin = False

    async def rollback(self) -> None:
        if self._in_transaction and not self._must_begin:
            # The thread does one thing after the other: whatever comes next finds it done.
            cast(Any, self)._tx.put_nowait((None, self._conn.rollback))
        self._in_transaction = self._must_begin = False

    def cursor(self) -> "Cursor":  # type: ignore[override]  # theirs is a hop
        return Cursor(self)

    def _past_the_beginning(self, *_: object, **__: object) -> Any:
        """What aiosqlite offers beside cursors would run outside the transaction that is due."""
        raise NotImplementedError("statements go through a cursor")

    execute = executemany = executescript = execute_insert = execute_fetchall = _past_the_beginning

    async def run(self, step: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do `step` in the connection's thread, after the BEGIN that is due."""
        must_begin, self._must_begin = self._must_begin, False
        has_begun = False

        def hop() -> Result:
            nonlocal has_begun
            if must_begin:
                if self._conn.in_transaction:  # a rollback that nobody waited for has failed
                    self._conn.rollback()
                self._conn.execute(self._begin)
                has_begun = True
            return step(self._conn)

        try:
            return cast(Result, await self._execute(hop))  # type: ignore[no-untyped-call]
        except sqlite3.Error:
            # Where it could not begin it is still due: what a caller tries next would be kept at once, whatever follows.
            self._must_begin = must_begin and not has_begun
            raise


class Cursor:
    """What SQLAlchemy wants of a cursor, for one statement whose rows all come at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> "Cursor":
        return self

    async def execute(self, sql: str, values: Any = ()) -> None:
        await self._connection.run(lambda raw: self._take(raw.execute(sql, values)))

    async def executemany(self, sql: str, values: Sequence[Any]) -> None:
        await self._connection.run(lambda raw: self._take(raw.executemany(sql, values)))

    def _take(self, raw: sqlite3.Cursor) -> None:
        self._rows = raw.fetchall()
        self.description, self.rowcount, self.lastrowid = raw.description, raw.rowcount, raw.lastrowid

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []
