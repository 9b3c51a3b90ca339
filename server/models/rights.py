"""What became of rights: their history, the house's seal, expiring addresses of originals, and who came for the works."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server import clock, ids
from server.models.base import Base, Id, Moment, Word
from server.models.words import Licence, RenditionPurpose, Reservation


class RightsChange(Base):
    """The artist changed what may be done with a work, or another server stated something else of one of theirs."""

    __tablename__ = "rights_changes"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    post_id: Mapped[int] = mapped_column(Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), index=True)
    licence_before: Mapped[Licence] = mapped_column(Word(Licence))
    licence_after: Mapped[Licence] = mapped_column(Word(Licence))
    reservation_before: Mapped[Reservation] = mapped_column(Word(Reservation))
    reservation_after: Mapped[Reservation] = mapped_column(Word(Reservation))
    # Licences of other servers that are none of ours, word for word.
    text_before: Mapped[str] = mapped_column(String(500), default="")
    text_after: Mapped[str] = mapped_column(String(500), default="")
    changed_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class FormerName(Base):
    """A file's address before it was stamped anew: it keeps answering with the new bytes until `until` (decision 11)."""

    __tablename__ = "former_names"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    media_id: Mapped[int] = mapped_column(Id, ForeignKey("media.id", ondelete="CASCADE"))
    purpose: Mapped[RenditionPurpose] = mapped_column(Word(RenditionPurpose))
    format: Mapped[str] = mapped_column(String(8))
    width: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime] = mapped_column(Moment, index=True)

    __table_args__ = (UniqueConstraint("media_id", "purpose", "format", "width", "hash"),)


class Seal(Base):
    """The house's own signing key and certificates (C2PA): a root of its own, and the leaf that signs. The newest one signs."""

    __tablename__ = "seals"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    root_pem: Mapped[str] = mapped_column(Text)
    leaf_pem: Mapped[str] = mapped_column(Text)
    # Encrypted with the house's secret, as the keys of people are; the root's key signs the next leaf.
    root_key: Mapped[str] = mapped_column(Text)
    leaf_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class OriginalLink(Base):
    """An address under which the untouched original of one picture can be had until it expires. The token is stored hashed."""

    __tablename__ = "original_links"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    media_id: Mapped[int] = mapped_column(Id, ForeignKey("media.id", ondelete="CASCADE"), index=True)
    # For whom it is, in the artist's words; shown to the artist alone.
    label: Mapped[str] = mapped_column(String(120), default="")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    uses: Mapped[int] = mapped_column(Integer, default=0)
    used_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class CrawlerVisit(Base):
    """How often a declared AI crawler asked for a work on one day, and what it was answered. Nobody else is ever written here."""

    __tablename__ = "crawler_visits"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    day: Mapped[date] = mapped_column(Date)
    # The name in the curated list (server.rights.crawlers), as its User-Agent declared it.
    crawler: Mapped[str] = mapped_column(String(80))
    post_id: Mapped[int] = mapped_column(Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), index=True)
    # The tier in force at that moment.
    reservation: Mapped[Reservation] = mapped_column(Word(Reservation))
    # "page", "document" or "picture".
    asked_for: Mapped[str] = mapped_column(String(16))
    # HTTP status of the answers: 403 where it was turned away.
    status: Mapped[int] = mapped_column(Integer)
    times: Mapped[int] = mapped_column(Integer, default=1)
    # The network it came from last (/24 or /48), so that it can be held against the operator's published ranges.
    network: Mapped[str] = mapped_column(String(50), default="")
    first_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    last_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    __table_args__ = (
        # Named by hand: the name made of all its columns is longer than PostgreSQL keeps.
        UniqueConstraint(
            "day", "post_id", "crawler", "asked_for", "status", "reservation", name="uq_crawler_visits_what"
        ),
        Index("ix_crawler_visits_day", "day"),
    )
