"""Who follows, likes and blocks whom. Unique on both ends, so that doing it twice is doing it once."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server import clock
from server.models.base import Base, Id, Moment


class Follow(Base):
    """`follower` wants to see what `followed` does; `accepted` is false while the followed person has not agreed."""

    __tablename__ = "follows"

    follower_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    followed_id: Mapped[int] = mapped_column(
        Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    accepted: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Favourite(Base):
    """An actor likes a post."""

    __tablename__ = "favourites"

    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Block(Base):
    """`blocker` and `blocked` do not see each other."""

    __tablename__ = "blocks"

    blocker_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    blocked_id: Mapped[int] = mapped_column(
        Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
