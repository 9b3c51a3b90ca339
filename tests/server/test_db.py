"""Two verbs: reading cannot write, writing is whole or not at all."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from server.db import Session, driver_url, insert_once
from server.models import House
from server.site import Site


async def count(site: Site) -> int:
    async with site.db.read() as tx:
        return await tx.scalar(select(func.count()).select_from(House).where(House.name.like("test%"))) or 0


async def test_reading_cannot_write(site: Site) -> None:
    with pytest.raises(DBAPIError):
        async with site.db.read() as tx:
            await insert_once(tx, House(name="test", value="x"))
            await tx.commit()
    assert await count(site) == 0


async def test_what_raises_is_not_written(site: Site) -> None:
    with pytest.raises(RuntimeError):
        async with site.db.write() as tx:
            tx.add(House(name="test", value="x"))
            await tx.flush()
            raise RuntimeError
    assert await count(site) == 0


async def test_insert_once_in_a_race_is_once(site: Site) -> None:
    async def insert() -> bool:
        async with site.db.write() as tx:
            return await insert_once(tx, House(name="test", value="x"))

    assert sum(await asyncio.gather(*(insert() for _ in range(20)))) == 1
    assert await count(site) == 1


async def test_many_writers_and_readers_never_meet_a_lock(site: Site) -> None:
    async def write(number: int) -> None:
        async with site.db.write() as tx:
            known = await tx.scalar(
                select(func.count()).select_from(House)
            )  # a read first: the case that fails when deferred
            tx.add(House(name=f"test{number}", value=str(known)))

    await asyncio.gather(*(write(n) for n in range(40)), *(count(site) for _ in range(40)))
    assert await count(site) == 40


async def test_what_could_not_begin_begins_with_the_next_statement(site: Site) -> None:
    """Whoever goes on after "database is locked" is still in a transaction: nothing of it stays when it ends badly."""
    if not site.db.is_sqlite:
        pytest.skip("only SQLite has one writer")
    begun = Table("test_begun", MetaData(), Column("number", Integer))
    async with site.db.write() as tx:
        await tx.execute(CreateTable(begun))
    async with site.db.writer.connect() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(str(site.db.url.database), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RuntimeError):
            async with site.db.write() as tx:
                with pytest.raises(DBAPIError, match="locked"):
                    await tx.execute(insert(begun).values(number=1))
                other.execute("ROLLBACK")
                await tx.execute(insert(begun).values(number=2))
                raise RuntimeError
        assert other.execute("SELECT number FROM test_begun").fetchall() == []
    finally:
        other.close()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "redis://localhost"])
def test_other_databases_are_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match="not a database that Cartellino knows"):
        driver_url(url)


def test_the_drivers_are_ours() -> None:
    assert driver_url("postgresql://u@h/d").drivername == "postgresql+asyncpg"
    assert driver_url("postgres://u@h/d").drivername == "postgresql+asyncpg"
    assert driver_url("sqlite:///x.db").drivername == "sqlite+aiosqlite"


# -- together --------------------------------------------------------------------------------------------------------------
_asked: list[list[str]] = []


async def _insert(tx: Session, names: list[str]) -> list[bool]:
    _asked.append(names)
    return [await insert_once(tx, House(name=name, value="x" if name != "testbad" else None)) for name in names]


async def _read(tx: Session, names: list[str]) -> list[bool]:
    known = set(await tx.scalars(select(House.name).where(House.name.in_(names))))
    return [name in known for name in names]


async def test_many_write_together_in_few_transactions(site: Site) -> None:
    _asked.clear()
    before = site.db.generation
    names = [f"test{number}" for number in range(300)]
    assert all(await asyncio.gather(*(site.db.together(_insert, name) for name in names)))
    assert [name for asked in _asked for name in asked] == names
    assert site.db.generation - before == len(_asked) <= 3
    assert await count(site) == 300
    assert await site.db.together(_insert, "test7") is False


async def test_one_that_cannot_be_written_spoils_no_other(site: Site) -> None:
    _asked.clear()
    names = ["test1", "testbad", "test2"]
    first, bad, last = await asyncio.gather(
        *(site.db.together(_insert, name) for name in names), return_exceptions=True
    )
    assert first is True and last is True and isinstance(bad, DBAPIError)
    assert await count(site) == 2


async def test_who_reads_together_gets_their_own_answer(site: Site) -> None:
    await site.db.together(_insert, "test1")
    names = ["test1", "test2"] * 50
    answers = await asyncio.gather(*(site.db.together(_read, name, reading=True) for name in names))
    assert answers == [True, False] * 50


async def test_what_was_handed_in_is_written_though_nobody_waits_any_more(site: Site) -> None:
    task = asyncio.create_task(site.db.together(_insert, "test1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await site.db.together(_insert, "test2")
    assert await count(site) == 2
