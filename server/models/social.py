"""Who follows, likes and blocks whom. Unique on both ends, so that doing it twice is doing it once."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server import clock, ids
from server.models.actors import Actor
from server.models.base import Base, Id, Moment, Word
from server.models.posts import Post
from server.models.words import Hearing


class Follow(Base):
    """`follower` wants to see what `followed` does; `accepted` is false while the followed person has not agreed."""

    __tablename__ = "follows"

    follower_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    followed_id: Mapped[int] = mapped_column(
        Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    accepted: Mapped[bool] = mapped_column(Boolean, default=True)
    # The id of the Follow activity where one end is elsewhere: Accept, Reject and Undo name it.
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, index=True, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Favourite(Base):
    """An actor likes a post. `emoji` is what they reacted with instead of a plain like (FEP-c0e0)."""

    __tablename__ = "favourites"

    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True, index=True
    )
    emoji: Mapped[str] = mapped_column(String(64), default="")
    # The id of the Like activity where one end is elsewhere.
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, index=True, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Bookmark(Base):
    """An actor of ours keeps a post to find it again. Nobody else learns of it, the post's author neither."""

    __tablename__ = "bookmarks"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"))
    post_id: Mapped[int] = mapped_column(Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    __table_args__ = (
        UniqueConstraint("actor_id", "post_id"),
        Index("ix_bookmarks_actor", "actor_id", sql("id DESC")),
    )


class Block(Base):
    """`blocker` and `blocked` do not see each other."""

    __tablename__ = "blocks"

    blocker_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    blocked_id: Mapped[int] = mapped_column(
        Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, index=True, default=None)


class Mute(Base):
    """`muter` does not want to meet `muted` on their walls or in what they are told; `muted` notices nothing."""

    __tablename__ = "mutes"

    muter_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    muted_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class HostBlock(Base):
    """One person's wall against a whole server: blocked both ways, or only muted."""

    __tablename__ = "host_blocks"

    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    mutes_only: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Notification(Base):
    """Somebody is told of something, once: a second like by the same person is not news."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    # Who is told, and who did it.
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"))
    from_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    hearing: Mapped[Hearing] = mapped_column(Word(Hearing))
    post_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), index=True, default=None
    )
    read_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    sender: Mapped[Actor] = relationship(lazy="raise", foreign_keys="Notification.from_id", viewonly=True)
    post: Mapped[Post | None] = relationship(lazy="raise", foreign_keys="Notification.post_id", viewonly=True)

    __table_args__ = (
        Index("ix_notifications_actor", "actor_id", sql("id DESC")),
        # Every page that somebody opens counts what they have not read.
        Index(
            "ix_notifications_unread",
            "actor_id",
            sqlite_where=sql("read_at IS NULL"),
            postgresql_where=sql("read_at IS NULL"),
        ),
        # Null is no value to a unique index, so what has no post is told apart by zero.
        Index("uq_notifications_once", "actor_id", "from_id", "hearing", sql("coalesce(post_id, 0)"), unique=True),
    )
