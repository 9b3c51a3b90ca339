"""Fixtures: a real house on a real database. Every test that takes `site` runs on SQLite and on PostgreSQL.

CARTELLINO_TEST_DATABASES names the databases (default: both). CARTELLINO_REQUIRE names tools whose absence is a failure
instead of a skip; `.ci/run` sets it.
"""

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from quart import Quart
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from server import accounts, clock, db, keys, migrations, passwords, sign_ins, worker
from server.app import JOBS, build_site, close, create_app
from server.db import Database
from server.models import Account, AccountState, Role
from server.settings import Settings, load
from server.site import Site
from tests import postgres
from tests.fediverse import Fediverse
from tests.running import quick_starts
from tests.tools import requires

DATABASES = os.environ.get("CARTELLINO_TEST_DATABASES", "sqlite,postgresql").split(",")
PASSWORD = "a long enough password"
_numbers = itertools.count()
_pairs: list[keys.Pairs] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the full counts of faults, kills and fuzz cases")


def _parameters(item: pytest.Item) -> list[object]:
    call = getattr(item, "callspec", None)
    return list(call.params.values()) if call is not None else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `one_database` ask what no database has a part in, at a high price: they run on SQLite, and in the long run on
    both (decision 7)."""
    if config.getoption("--long") or "sqlite" not in DATABASES:
        return
    spared = [item for item in items if item.get_closest_marker("one_database") and "postgresql" in _parameters(item)]
    if spared:
        config.hook.pytest_deselected(items=spared)
        items[:] = [item for item in items if item not in set(spared)]


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts are wanted (`make test-long`)."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A running PostgreSQL with a migrated database to copy."""
    requires("postgres", postgres.available())
    server = postgres.start()
    asyncio.run(_migrate(asyncio.run(server.create(postgres.TEMPLATE))))
    yield server
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def one_compiler() -> Iterator[None]:
    """Every test opens a database of its own; what SQLAlchemy made of a statement for one is right for the next of its
    kind, as it is within a house that runs for long."""
    kinds = (PGDialect_asyncpg, SQLiteDialect_aiosqlite)
    compiled: dict[type, LRUCache[Any, Any]] = {kind: LRUCache(5000) for kind in kinds}
    made = db.create_async_engine

    def opened(url: Any, **options: Any) -> AsyncEngine:
        engine = made(url, **options)
        engine.sync_engine._compiled_cache = compiled[type(engine.dialect)]
        return engine

    with pytest.MonkeyPatch.context() as patched:
        for kind in kinds:
            patched.setattr(kind, "__eq__", lambda one, other: type(one) is type(other))
            patched.setattr(kind, "__hash__", lambda one: hash(type(one)))
        patched.setattr(db, "create_async_engine", opened)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_hashing() -> Iterator[None]:
    """Passwords are hashed as ever, with a hundredth of the work: `thorough_hashing` has the real amount."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
        patched.setattr(passwords, "_NOBODYS", passwords._NOBODYS.replace("m=65536,t=3", "m=1024,t=1"))
        yield


@pytest.fixture
def thorough_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a house."""
    work = {"time_cost": passwords.PASSES, "memory_cost": passwords.MEMORY_KIB, "parallelism": passwords.LANES}
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(**work))
    monkeypatch.setattr(passwords, "_NOBODYS", passwords._NOBODYS.replace("m=1024,t=1", "m=65536,t=3"))


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """Houses in processes of their own start at once."""
    with quick_starts():
        yield


@pytest.fixture(params=[name for name in ("sqlite", "postgresql") if name in DATABASES])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated database of each kind."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copyfile(template, tmp_path / "cartellino.db")
        return f"sqlite:///{tmp_path / 'cartellino.db'}"
    return _of_postgres(request)


@pytest.fixture
def another_database(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> str:
    """One more fresh database of the same kind, for a second house."""
    if database_url.startswith("sqlite"):
        file = tmp_path / "another.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    return _of_postgres(request)


@pytest.fixture
async def village(database_url: str, another_database: str, tmp_path: Path) -> AsyncIterator[Fediverse]:
    """Two houses in this process, https://a.test and https://b.test, which reach each other."""
    async with Fediverse() as made:
        await made.house("a.test", database_url, tmp_path / "a")
        await made.house("b.test", another_database, tmp_path / "b")
        yield made


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a house at http://art.test; a test may ask for others with `model_copy`."""
    return settings_for(tmp_path, database_url)


def settings_for(folder: Path, database_url: str, **environ: str) -> Settings:
    """Settings as an administrator would give them, by environment."""
    wanted = {
        "CARTELLINO_BASE_URL": "http://art.test",
        "CARTELLINO_DATABASE_URL": database_url,
        "CARTELLINO_UPLOADS_RESERVE_MEGABYTES": "1",
        **environ,
    }
    return load(wanted, folder)


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    """A house with a database, a disk and children for pictures; nothing runs by itself."""
    made = build_site(settings)
    yield made
    await close(made)


@pytest.fixture
def app(site: Site) -> Quart:
    """The doors of the house."""
    return create_app(site)


@pytest.fixture
def client(app: Quart) -> Any:
    """A browser without scripts, at http://art.test."""
    return browser(app)


def browser(app: Quart) -> Any:
    """A fresh browser with its own cookies."""
    return app.test_client()


@pytest.fixture(autouse=True)
def fresh_clock() -> Iterator[None]:
    """Each test starts at the real time."""
    clock.set_source(None)
    yield
    clock.set_source(None)


@pytest.fixture
def run_jobs() -> Callable[[Site], Any]:
    """`await run_jobs(site)`: do everything that is due, now."""

    async def run(site: Site) -> int:
        return await worker.drain(site, JOBS)

    return run


async def make_account(site: Site, handle: str, *, role: Role = Role.MEMBER, name: str = "", **changes: Any) -> Account:
    """An active account with a profile and keys; `changes` are set on the account afterwards."""
    pair = await key_pair()
    async with site.db.write() as tx:
        account = await accounts.create(
            tx,
            handle=handle,
            email=f"{handle}@mail.test",
            password_hash="",  # no password opens it: tests of passwords make a real hash
            role=role,
            state=AccountState.ACTIVE,
            name=name or handle.capitalize(),
            keys=pair,
            site=site,
        )
        for key, value in changes.items():
            setattr(account, key, value)
    return account


async def key_pair() -> keys.Pairs:
    """Real keys, of which a run makes six and hands them round: making one takes longer than most tests."""
    if len(_pairs) < 6:
        _pairs.append(await accounts.make_keys())
        return _pairs[-1]
    return _pairs[next(_numbers) % len(_pairs)]


@pytest.fixture
async def alice(site: Site) -> Account:
    return await make_account(site, "alice", name="Alice Painter")


@pytest.fixture
async def bob(site: Site) -> Account:
    return await make_account(site, "bob", name="Bob Reader")


async def signed_in(app: Quart, account: Account) -> Any:
    """A browser in which `account` has signed in."""
    site: Site = app.extensions["site"]
    async with site.db.write() as tx:
        token = await sign_ins.open(tx, account, "Test browser")
    made = browser(app)
    made.set_cookie("art.test", "session", token)
    return made


async def _migrate(url: str) -> None:
    db = Database(url)
    await migrations.upgrade(db)
    await db.close()


def _of_postgres(request: pytest.FixtureRequest) -> str:
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.fresh()
    request.addfinalizer(lambda: server.release(url))
    return url
