"""Two verbs: reading cannot write, writing is whole or not at all."""

import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from server.db import driver_url, insert_once
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


@pytest.mark.parametrize("url", ["mysql://localhost/x", "redis://localhost"])
def test_other_databases_are_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match="not a database that Cartellino knows"):
        driver_url(url)


def test_the_drivers_are_ours() -> None:
    assert driver_url("postgresql://u@h/d").drivername == "postgresql+asyncpg"
    assert driver_url("postgres://u@h/d").drivername == "postgresql+asyncpg"
    assert driver_url("sqlite:///x.db").drivername == "sqlite+aiosqlite"
