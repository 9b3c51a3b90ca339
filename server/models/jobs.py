"""Work for later: one row per job. Success deletes the row; giving up keeps it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server import clock, ids
from server.models.base import Base, Id, Moment


class Job(Base):
    """`kind` names the dataclass in server.jobs; jobs that share a `key` run one at a time and in order."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    kind: Mapped[str] = mapped_column(String(40))
    lane: Mapped[str] = mapped_column(String(16))
    key: Mapped[str | None] = mapped_column(String(200), default=None)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    failed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("ix_jobs_due", "lane", "failed_at", "due_at"),
        Index("ix_jobs_key", "key"),
    )
