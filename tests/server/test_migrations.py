"""Migrations go up on both databases, twice is once, and they end where the models are."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from server import migrations
from server.db import Database
from server.models import Base
from server.site import Site


async def test_an_up_to_date_database_is_left_alone(site: Site) -> None:
    assert await migrations.upgrade(site.db) is False


@pytest.mark.filterwarnings("ignore:autogenerate skipping", "ignore:Skipped unsupported reflection")
async def test_the_migrations_end_where_the_models_are(site: Site) -> None:
    """Tables, columns, types and constraints; indexes on expressions cannot be compared and are looked at by name below."""

    def compare(connection: Connection) -> list[Any]:
        # SQLAlchemy does not read the options of a key that SQLite got with its column; those are asked below.
        apart = {"index", "foreign_key_constraint"} if connection.dialect.name == "sqlite" else {"index"}
        options = {"compare_type": True, "include_object": lambda _, __, kind, *___: kind not in apart}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    async with site.db.writer.begin() as connection:
        assert await connection.run_sync(compare) == []


async def test_every_foreign_key_of_the_models_exists(site: Site) -> None:
    """With what happens to the row when the other one goes or gets another id."""
    wanted = {
        (table.name, key.parent.name, key.column.table.name, key.onupdate or "NO ACTION", key.ondelete or "NO ACTION")
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
    }
    found = set()
    async with site.db.read() as tx:
        if site.db.is_sqlite:
            for table in Base.metadata.tables:
                rows = await tx.execute(text(f"SELECT * FROM pragma_foreign_key_list('{table}')"))
                found |= {(table, row[3], row[2], row[5], row[6]) for row in rows}
        else:
            words = {"a": "NO ACTION", "c": "CASCADE", "n": "SET NULL"}
            rows = await tx.execute(
                text(
                    "SELECT conrelid::regclass::text, attname, confrelid::regclass::text, confupdtype, confdeltype"
                    " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'"
                )
            )
            letter = lambda value: value.decode() if isinstance(value, bytes) else value  # noqa: E731
            found = {(row[0], row[1], row[2], words[letter(row[3])], words[letter(row[4])]) for row in rows}
    assert found == wanted


async def test_every_index_of_the_models_exists(site: Site) -> None:
    """Alembic cannot compare indexes on expressions; their names it can."""
    wanted = {str(index.name) for table in Base.metadata.tables.values() for index in table.indexes}
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'index'"
        if site.db.is_sqlite
        else "SELECT indexname FROM pg_indexes"
    )
    async with site.db.read() as tx:
        assert wanted <= set(await tx.scalars(text(query)))


async def test_each_step_up_and_down_again(database_url: str, tmp_path: Path) -> None:
    """From nothing to the head, one revision at a time."""
    db = Database(f"sqlite:///{tmp_path / 'empty.db'}" if database_url.startswith("sqlite") else database_url)
    try:
        assert await migrations.upgrade(db) is database_url.startswith("sqlite")
        async with db.read() as tx:
            assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == migrations.head()
    finally:
        await db.close()


async def test_a_database_from_the_future_is_refused(site: Site) -> None:
    async with site.db.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.TooNew, match="9999"):
        await migrations.upgrade(site.db)


def test_the_files_names_say_what_alembic_says() -> None:
    """A start asks the names alone; they must not differ from the chain that Alembic sees."""
    config = Config()
    config.set_main_option("script_location", str(migrations.HERE))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == migrations.head()
    assert [script.revision for script in scripts.walk_revisions()][::-1] == migrations.revisions()


def test_whatever_points_to_a_post_follows_it() -> None:
    """A draft gets a fresh id when it is published (docs/decisions/0012): a key that did not cascade would lose rows or fail."""
    keys = [
        key
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.target_fullname == "posts.id"
    ]
    assert len(keys) >= 7
    assert {key.onupdate for key in keys} == {"CASCADE"}
