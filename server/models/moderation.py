"""What the people who run the house decide, and what they are told."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server import clock, ids
from server.models.actors import Actor
from server.models.base import Base, Id, Moment, Word
from server.models.words import HostLevel


class HostRule(Base):
    """What the house allows a server; it holds for every name below it as well (`evil.example`, `a.evil.example`)."""

    __tablename__ = "host_rules"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    level: Mapped[HostLevel] = mapped_column(Word(HostLevel), default=HostLevel.NONE)
    rejects_media: Mapped[bool] = mapped_column(Boolean, default=False)
    reason: Mapped[str] = mapped_column(String(1000), default="")  # for moderators
    public_reason: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Report(Base):
    """Somebody says that somebody's conduct or posts break the rules. `uri` is the Flag of another server."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    reporter_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    target_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    post_ids: Mapped[list[Any]] = mapped_column(JSON, default=list)
    comment: Mapped[str] = mapped_column(Text, default="")
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, default=None)
    # Whether it was sent on to the server of the person it is about.
    forwarded: Mapped[bool] = mapped_column(Boolean, default=False)
    closed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    reporter: Mapped[Actor] = relationship(lazy="raise", foreign_keys="Report.reporter_id", viewonly=True)
    target: Mapped[Actor] = relationship(lazy="raise", foreign_keys="Report.target_id", viewonly=True)


class Decision(Base):
    """One decision of a moderator, kept for ever: who, what, about whom, why."""

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    moderator_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("actors.id", ondelete="SET NULL"), default=None, index=True
    )
    action: Mapped[str] = mapped_column(String(40))  # "suspend", "host", "close-report", …
    about: Mapped[str] = mapped_column(String(2048))  # a handle, an address or a host, as people write it
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    moderator: Mapped[Actor | None] = relationship(lazy="raise", viewonly=True)
