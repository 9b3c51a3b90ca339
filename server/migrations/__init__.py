"""Migrations, inside the package so that they ship, and configured from the settings: there is no ini file.

Alembic costs a tenth of the memory of a running server, and nearly every start finds nothing to do: whether there is something is
looked up here without it, and `steps`, the only module that knows Alembic, is fetched when there is.
"""

import importlib
import logging
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from server.db import Database

HERE = Path(__file__).parent
# Two processes that start at the same moment must not migrate at the same moment; any number will do.
ADVISORY_LOCK = 7260451189

log = logging.getLogger(__name__)


class TooNew(Exception):
    """The database was migrated by a newer Cartellino than this one."""


def revisions() -> list[str]:
    """Every revision that this code knows, oldest first: the numbers that the files of `versions` begin with."""
    return sorted(path.name[:4] for path in (HERE / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The newest revision that this code knows."""
    return revisions()[-1]


async def upgrade(db: Database, revision: str = "") -> bool:
    """Bring the database to `revision`, the newest if none is given, in one transaction; True when something changed.

    Raises TooNew where the database is ahead of this code.
    """
    wanted = revision or head()
    async with db.writer.begin() as connection:
        if not db.is_sqlite:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        before = await _current(connection)
        if before and before not in revisions():
            raise TooNew(f"The database is at revision {before}, which this version of Cartellino does not know.")
        if before == wanted:
            return False
        await connection.run_sync(importlib.import_module("server.migrations.steps").upgrade, wanted)
    log.info("database migrated", extra={"from": before or "nothing", "to": wanted})
    return True


async def _current(connection: AsyncConnection) -> str:
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
        return ""
    return str(await connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
