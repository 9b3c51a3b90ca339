"""Rights: history, stamps and seals, marks of generators, expiring addresses of originals, and the log of crawlers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(24)
TABLES = ("crawler_visits", "original_links", "seals", "former_names", "rights_changes")
COLUMNS = (
    ("actors", "language"),
    ("posts", "held_at"),
    ("artworks", "stated"),
    ("artworks", "source_type"),
    ("artworks", "marked"),
    ("artworks", "objection"),
    ("artworks", "sent_back"),
    ("artworks", "says_rights"),
    ("media", "credits"),
    ("media", "markers"),
    ("media", "manifest"),
    ("media", "stamp"),
    ("renditions", "is_sealed"),
)


def upgrade() -> None:
    op.add_column("actors", sa.Column("language", sa.String(length=12), nullable=False, server_default="en"))
    op.add_column("posts", sa.Column("held_at", MOMENT, nullable=True))
    op.add_column("artworks", sa.Column("stated", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("artworks", sa.Column("source_type", sa.String(length=40), nullable=True))
    op.add_column("artworks", sa.Column("marked", sa.String(length=40), nullable=True))
    op.add_column("artworks", sa.Column("objection", sa.String(length=1000), nullable=False, server_default=""))
    op.add_column("artworks", sa.Column("sent_back", sa.String(length=1000), nullable=False, server_default=""))
    op.add_column("artworks", sa.Column("says_rights", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("media", sa.Column("credits", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("media", sa.Column("markers", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("media", sa.Column("manifest", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("media", sa.Column("stamp", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("renditions", sa.Column("is_sealed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "rights_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("licence_before", WORD, nullable=False),
        sa.Column("licence_after", WORD, nullable=False),
        sa.Column("reservation_before", WORD, nullable=False),
        sa.Column("reservation_after", WORD, nullable=False),
        sa.Column("text_before", sa.String(length=500), nullable=False),
        sa.Column("text_after", sa.String(length=500), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_rights_changes_post_id"), ondelete="CASCADE", onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_changes")),
    )
    op.create_index(op.f("ix_rights_changes_post_id"), "rights_changes", ["post_id"], unique=False)
    op.create_table(
        "former_names",
        sa.Column("id", ID, nullable=False),
        sa.Column("media_id", ID, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_former_names_media_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_names")),
        sa.UniqueConstraint(
            "media_id", "purpose", "format", "width", "hash", name="uq_former_names_media_id_purpose_format_width_hash"
        ),
    )
    op.create_index(op.f("ix_former_names_until"), "former_names", ["until"], unique=False)
    op.create_table(
        "seals",
        sa.Column("id", ID, nullable=False),
        sa.Column("root_pem", sa.Text(), nullable=False),
        sa.Column("leaf_pem", sa.Text(), nullable=False),
        sa.Column("root_key", sa.Text(), nullable=False),
        sa.Column("leaf_key", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seals")),
    )
    op.create_table(
        "original_links",
        sa.Column("id", ID, nullable=False),
        sa.Column("media_id", ID, nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name=op.f("fk_original_links_media_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_original_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_original_links_token_hash")),
    )
    op.create_index(op.f("ix_original_links_media_id"), "original_links", ["media_id"], unique=False)
    op.create_index(op.f("ix_original_links_expires_at"), "original_links", ["expires_at"], unique=False)
    op.create_table(
        "crawler_visits",
        sa.Column("id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("crawler", sa.String(length=80), nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("reservation", WORD, nullable=False),
        sa.Column("asked_for", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_crawler_visits_post_id"), ondelete="CASCADE", onupdate="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawler_visits")),
        sa.UniqueConstraint(
            "day",
            "post_id",
            "crawler",
            "asked_for",
            "status",
            "reservation",
            name="uq_crawler_visits_what",
        ),
    )
    op.create_index(op.f("ix_crawler_visits_post_id"), "crawler_visits", ["post_id"], unique=False)
    op.create_index("ix_crawler_visits_day", "crawler_visits", ["day"], unique=False)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    for table, column in COLUMNS:
        op.drop_column(table, column)
