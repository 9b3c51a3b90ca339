"""The post office: other servers, what came in and what goes out, boosts, notifications, reports and rules."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(24)
TABLES = (
    "deliveries",
    "origins",
    "notifications",
    "activities",
    "reports",
    "public_keys",
    "mutes",
    "host_blocks",
    "decisions",
    "tombstones",
    "received",
    "hosts",
    "host_rules",
)
COLUMNS = (
    ("actors", "kind"),
    ("actors", "shows_follows"),
    ("actors", "announces_blocks"),
    ("actors", "host"),
    ("actors", "host_level"),
    ("actors", "page"),
    ("actors", "about_html"),
    ("actors", "inbox"),
    ("actors", "shared_inbox"),
    ("actors", "outbox"),
    ("actors", "followers"),
    ("actors", "featured"),
    ("actors", "fetched_at"),
    ("actors", "gone_at"),
    ("artworks", "licence_stated"),
    ("artworks", "reservation_stated"),
    ("artworks", "licence_text"),
    ("blocks", "uri"),
    ("favourites", "emoji"),
    ("favourites", "uri"),
    ("follows", "uri"),
    ("media", "source"),
    ("media", "stated"),
    ("media", "seen_at"),
    ("posts", "pinned_at"),
    ("posts", "told_at"),
    ("posts", "boosts"),
    ("posts", "boost_of_id"),
)
INDEXES = (
    ("ix_actors_host", "actors"),
    ("ix_blocks_uri", "blocks"),
    ("ix_favourites_uri", "favourites"),
    ("ix_follows_uri", "follows"),
    ("ix_posts_boost_of_id", "posts"),
    ("uq_posts_boost", "posts"),
)


def upgrade() -> None:
    op.create_table(
        "host_rules",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("level", WORD, nullable=False),
        sa.Column("rejects_media", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("public_reason", sa.String(length=1000), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_rules")),
    )
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("software", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("implements", sa.JSON(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.Column("dialect", WORD, nullable=True),
        sa.Column("signature", sa.String(length=16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("resting_until", MOMENT, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("heard_at", MOMENT, nullable=True),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hosts")),
    )
    op.create_table(
        "received",
        sa.Column("id", ID, nullable=False),
        sa.Column("actor_uri", sa.String(length=2048), nullable=False),
        sa.Column("activity_uri", sa.String(length=2048), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received")),
        sa.UniqueConstraint("actor_uri", "activity_uri", name=op.f("uq_received_actor_uri_activity_uri")),
    )
    op.create_index("ix_received_state", "received", ["state", "received_at"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("uri", sa.String(length=2048), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_deleted_at"), "tombstones", ["deleted_at"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=2048), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["actors.id"], name=op.f("fk_decisions_moderator_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_moderator_id"), "decisions", ["moderator_id"], unique=False)
    op.create_table(
        "host_blocks",
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("mutes_only", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_host_blocks_actor_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("actor_id", "host", name=op.f("pk_host_blocks")),
    )
    op.create_table(
        "mutes",
        sa.Column("muter_id", ID, nullable=False),
        sa.Column("muted_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["muted_id"], ["actors.id"], name=op.f("fk_mutes_muted_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["muter_id"], ["actors.id"], name=op.f("fk_mutes_muter_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("muter_id", "muted_id", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_muted_id"), "mutes", ["muted_id"], unique=False)
    op.create_table(
        "public_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("uri", sa.String(length=2048), nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_public_keys_actor_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_keys")),
        sa.UniqueConstraint("uri", name=op.f("uq_public_keys_uri")),
    )
    op.create_index(op.f("ix_public_keys_actor_id"), "public_keys", ["actor_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("id", ID, nullable=False),
        sa.Column("reporter_id", ID, nullable=False),
        sa.Column("target_id", ID, nullable=False),
        sa.Column("post_ids", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("uri", sa.String(length=2048), nullable=True),
        sa.Column("forwarded", sa.Boolean(), nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["actors.id"], name=op.f("fk_reports_reporter_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["target_id"], ["actors.id"], name=op.f("fk_reports_target_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("uri", name=op.f("uq_reports_uri")),
    )
    op.create_index(op.f("ix_reports_reporter_id"), "reports", ["reporter_id"], unique=False)
    op.create_index(op.f("ix_reports_target_id"), "reports", ["target_id"], unique=False)
    op.create_table(
        "activities",
        sa.Column("id", ID, nullable=False),
        sa.Column("uri", sa.String(length=2048), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("bodies", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name=op.f("fk_activities_actor_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_activities_post_id"), onupdate="CASCADE", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
        sa.UniqueConstraint("uri", name=op.f("uq_activities_uri")),
    )
    op.create_index("ix_activities_subject", "activities", ["actor_id", "subject"], unique=False)
    op.create_index(op.f("ix_activities_post_id"), "activities", ["post_id"], unique=False)
    op.create_table(
        "notifications",
        sa.Column("id", ID, nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("from_id", ID, nullable=False),
        sa.Column("hearing", WORD, nullable=False),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name=op.f("fk_notifications_actor_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["from_id"], ["actors.id"], name=op.f("fk_notifications_from_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_notifications_post_id"), onupdate="CASCADE", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_from_id"), "notifications", ["from_id"], unique=False)
    op.create_index(op.f("ix_notifications_post_id"), "notifications", ["post_id"], unique=False)
    op.create_index("ix_notifications_actor", "notifications", ["actor_id", sa.text("id DESC")])
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["actor_id"],
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index(
        "uq_notifications_once",
        "notifications",
        ["actor_id", "from_id", "hearing", sa.text("coalesce(post_id, 0)")],
        unique=True,
    )
    op.create_table(
        "origins",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("page", sa.String(length=2048), nullable=False),
        sa.Column("context", sa.String(length=2048), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("reply_to_uri", sa.String(length=2048), nullable=False),
        sa.Column("fetched_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_origins_post_id"), onupdate="CASCADE", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_origins")),
    )
    op.create_index(op.f("ix_origins_reply_to_uri"), "origins", ["reply_to_uri"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("activity_id", ID, nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("inbox", sa.String(length=2048), nullable=False),
        sa.Column("dialect", sa.String(length=24), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.id"], name=op.f("fk_deliveries_activity_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("activity_id", "inbox", name=op.f("uq_deliveries_activity_id_inbox")),
    )
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["host", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.add_column("actors", sa.Column("kind", WORD, nullable=False, server_default="Person"))
    op.add_column("actors", sa.Column("shows_follows", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("actors", sa.Column("announces_blocks", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("actors", sa.Column("host", sa.String(length=255), nullable=True))
    op.add_column("actors", sa.Column("host_level", WORD, nullable=False, server_default="none"))
    op.add_column("actors", sa.Column("page", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("about_html", sa.Text(), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("inbox", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("shared_inbox", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("outbox", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("followers", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("featured", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("actors", sa.Column("fetched_at", MOMENT, nullable=True))
    op.add_column("actors", sa.Column("gone_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_actors_host"), "actors", ["host"], unique=False)
    op.add_column("artworks", sa.Column("licence_stated", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("artworks", sa.Column("reservation_stated", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("artworks", sa.Column("licence_text", sa.String(length=500), nullable=False, server_default=""))
    op.add_column("blocks", sa.Column("uri", sa.String(length=2048), nullable=True))
    op.create_index(op.f("ix_blocks_uri"), "blocks", ["uri"], unique=True)
    op.add_column("favourites", sa.Column("emoji", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("favourites", sa.Column("uri", sa.String(length=2048), nullable=True))
    op.create_index(op.f("ix_favourites_uri"), "favourites", ["uri"], unique=True)
    op.add_column("follows", sa.Column("uri", sa.String(length=2048), nullable=True))
    op.create_index(op.f("ix_follows_uri"), "follows", ["uri"], unique=True)
    op.add_column("media", sa.Column("source", sa.String(length=2048), nullable=False, server_default=""))
    op.add_column("media", sa.Column("stated", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("media", sa.Column("seen_at", MOMENT, nullable=True))
    _add_boost_of()
    op.add_column("posts", sa.Column("pinned_at", MOMENT, nullable=True))
    op.add_column("posts", sa.Column("told_at", MOMENT, nullable=True))
    op.add_column("posts", sa.Column("boosts", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(op.f("ix_posts_boost_of_id"), "posts", ["boost_of_id"], unique=False)
    op.create_index("uq_posts_boost", "posts", ["author_id", "boost_of_id"], unique=True)


def downgrade() -> None:
    for index, table in INDEXES:
        op.drop_index(index, table_name=table)
    for table, column in COLUMNS:
        op.drop_column(table, column)
    for table in TABLES:
        op.drop_table(table)


def _add_boost_of() -> None:
    """A column with its foreign key in one statement: SQLite cannot add the key afterwards."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE posts ADD COLUMN boost_of_id {kind} CONSTRAINT fk_posts_boost_of_id REFERENCES posts (id)"
        " ON DELETE CASCADE ON UPDATE CASCADE"
    )
