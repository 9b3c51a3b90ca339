"""Alembic at work, on a connection that is open already."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from server.migrations import HERE


def upgrade(connection: Connection, revision: str) -> None:
    """Go up to `revision`; the transaction is the caller's."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
