"""Called by Alembic for each command; the connection comes from server.migrations."""

from alembic import context

from server.models import Base

connection = context.config.attributes["connection"]
# Batch mode: SQLite cannot alter a column in place. The transaction is the caller's.
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=False,
    transaction_per_migration=False,
)
context.run_migrations()
