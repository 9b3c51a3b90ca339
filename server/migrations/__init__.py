"""Alembic, inside the package so that it ships, and configured from the settings: there is no ini file."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from server.db import Database

HERE = Path(__file__).parent
# Two processes that start at the same moment must not migrate at the same moment; any number will do.
ADVISORY_LOCK = 7260451189

log = logging.getLogger(__name__)


class TooNew(Exception):
    """The database was migrated by a newer Cartellino than this one."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on an open connection."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


async def upgrade(db: Database, revision: str = "head") -> bool:
    """Bring the database to `revision`, in one transaction; True when something changed.

    Raises TooNew where the database is ahead of this code.
    """
    async with db.writer.begin() as connection:
        if not db.is_sqlite:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        return await connection.run_sync(_upgrade, revision)


def _upgrade(connection: Connection, revision: str) -> bool:
    before = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(config())
    known = {script.revision for script in scripts.walk_revisions()}
    if before and before not in known:
        raise TooNew(f"The database is at revision {before}, which this version of Cartellino does not know.")
    if revision == "head" and before == scripts.get_current_head():
        return False
    command.upgrade(config(connection), revision)
    log.info("database migrated", extra={"from": before or "nothing", "to": revision})
    return True
