"""What came in, what went out, and the servers at the other end."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from server import clock, ids
from server.models.base import Base, Id, Moment, Word
from server.models.words import DeliveryState, Dialect, ReceivedState


class Received(Base):
    """An activity that was accepted with 202, word for word. `body` is emptied once it is done; the row says that it was here."""

    __tablename__ = "received"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    actor_uri: Mapped[str] = mapped_column(String(2048))
    activity_uri: Mapped[str] = mapped_column(String(2048))
    type: Mapped[str] = mapped_column(String(60), default="")
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    state: Mapped[ReceivedState] = mapped_column(Word(ReceivedState), default=ReceivedState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    # Why it was dropped or set aside, in words for the administrator.
    reason: Mapped[str] = mapped_column(String(500), default="")
    received_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    __table_args__ = (
        UniqueConstraint("actor_uri", "activity_uri"),  # decision 28
        Index("ix_received_state", "state", "received_at"),
    )


class Tombstone(Base):
    """A deleted object of another server whose post we never had: a Create that comes late finds it (security.md row 35)."""

    __tablename__ = "tombstones"

    uri: Mapped[str] = mapped_column(String(2048), primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(Moment, default=clock.now, index=True)


class Host(Base):
    """Another server: what it runs, how it is spoken to, and whether it answers."""

    __tablename__ = "hosts"

    # The authority of its ids: lower case, with a port where there is one.
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    software: Mapped[str] = mapped_column(String(60), default="")
    version: Mapped[str] = mapped_column(String(120), default="")
    # What its actors declare (FEP-844e), as addresses.
    implements: Mapped[list[Any]] = mapped_column(JSON, default=list)
    asked_at: Mapped[datetime | None] = mapped_column(Moment, default=None)  # when NodeInfo was last read
    # The administrator's choice of dialect; null chooses by what the server declares and runs.
    dialect: Mapped[Dialect | None] = mapped_column(Word(Dialect), default=None)
    # The signature family that it accepted last: "cavage" or "rfc9421"; empty: not known.
    signature: Mapped[str] = mapped_column(String(16), default="")
    # The breaker: failures in a row, since when, until when it rests, and why, in words.
    failures: Mapped[int] = mapped_column(Integer, default=0)
    failing_since: Mapped[datetime | None] = mapped_column(Moment, default=None)
    resting_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    reason: Mapped[str] = mapped_column(String(500), default="")
    answered_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    heard_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # An administrator stopped deliveries; nothing is lost, nothing is sent.
    paused_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Activity(Base):
    """One of our activities, as it was rendered once and is sent for ever: same id, same bytes (security.md P5)."""

    __tablename__ = "activities"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    uri: Mapped[str] = mapped_column(String(2048), unique=True)
    type: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"))
    # What an Undo, an Accept or a Reject looks for: "Follow:<person id>", "Like:<post id>", "Announce:<post id>", …
    subject: Mapped[str] = mapped_column(String(100), default="")
    # The post of ours that it is about; follows, accepts and the like have none.
    post_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="SET NULL", onupdate="CASCADE"), index=True, default=None
    )
    # Dialect → the whole document; what no dialect changes stands under "" alone.
    bodies: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    __table_args__ = (Index("ix_activities_subject", "actor_id", "subject"),)


class Delivery(Base):
    """One activity on its way to one inbox. Waiting rows are the queue of their host; the others say what became of it."""

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    activity_id: Mapped[int] = mapped_column(Id, ForeignKey("activities.id", ondelete="CASCADE"))
    # Repeated here: deliveries of one author to one host keep their order (security.md P6).
    actor_id: Mapped[int] = mapped_column(Id)
    host: Mapped[str] = mapped_column(String(255))
    inbox: Mapped[str] = mapped_column(String(2048))
    dialect: Mapped[str] = mapped_column(String(24), default="")  # key of Activity.bodies
    state: Mapped[DeliveryState] = mapped_column(Word(DeliveryState), default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    settled_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    reason: Mapped[str] = mapped_column(String(500), default="")
    # A person addressed by name goes before the crowd.
    first: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    __table_args__ = (
        UniqueConstraint("activity_id", "inbox"),
        Index(
            "ix_deliveries_waiting",
            "host",
            "id",
            sqlite_where=sql("state = 'waiting'"),
            postgresql_where=sql("state = 'waiting'"),
        ),
    )
