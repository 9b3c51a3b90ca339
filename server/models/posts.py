"""The spine: everything that can stand in a timeline is a row of `posts`. Works add `artworks`, pictures and galleries."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server import clock, ids
from server.models.actors import Actor
from server.models.base import Base, Id, Moment, Word
from server.models.words import (
    Audience,
    Kind,
    Licence,
    MediaState,
    Purpose,
    Rating,
    RenditionPurpose,
    Reservation,
    SourceType,
)


class Post(Base):
    """A work or a note. A draft has no `published_at`; a deleted post keeps its row as a tombstone with its texts emptied."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    author_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id"), index=True)
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, default=None)  # null for ours
    audience: Mapped[Audience] = mapped_column(Word(Audience), default=Audience.EVERYONE)
    reply_to_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("posts.id", onupdate="CASCADE"), index=True, default=None
    )
    # The post that the conversation began with; its own id for a post that answers nothing.
    thread_id: Mapped[int] = mapped_column(Id, index=True)
    # Plain text as typed; `html` is made from it by server.text and is safe.
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    rating: Mapped[Rating] = mapped_column(Word(Rating), default=Rating.GENERAL)
    warning: Mapped[str] = mapped_column(String(300), default="")
    # A post is listed and fetchable when both are set: a work waits for its pictures.
    published_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    ready_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    edited_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # The state of ours that other servers were told last: null before the first time, older than `edited_at` while more is due.
    told_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # Since when a moderator has to look at it before anybody but its author sees it; null: nobody has to.
    held_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # Whether it ever was public or unlisted: only then does its address answer 410 afterwards (decision 19).
    was_public: Mapped[bool] = mapped_column(Boolean, default=False)
    # One form, one post: the same form sent twice finds the first (double click, retry after a broken line).
    form_key: Mapped[str | None] = mapped_column(String(64), default=None)
    # What a boost shows; null for everything else.
    boost_of_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), index=True, default=None
    )
    # When its author pinned it to the top of their profile (`featured`).
    pinned_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    likes: Mapped[int] = mapped_column(Integer, default=0)
    boosts: Mapped[int] = mapped_column(Integer, default=0)
    replies: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    saved_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    author: Mapped[Actor] = relationship(lazy="raise")
    artwork: Mapped["Artwork | None"] = relationship(lazy="raise", back_populates="post", uselist=False)
    media: Mapped[list["Media"]] = relationship(
        lazy="raise", order_by="Media.position", foreign_keys="Media.post_id", viewonly=True
    )
    boost_of: Mapped["Post | None"] = relationship(
        lazy="raise", foreign_keys="Post.boost_of_id", remote_side="Post.id", viewonly=True
    )
    reply_to: Mapped["Post | None"] = relationship(
        lazy="raise", foreign_keys="Post.reply_to_id", remote_side="Post.id", viewonly=True
    )
    origin: Mapped["Origin | None"] = relationship(lazy="raise", viewonly=True, uselist=False)
    tags: Mapped[list["Tag"]] = relationship(lazy="raise", secondary="post_tags", order_by="Tag.id", viewonly=True)
    mentions: Mapped[list[Actor]] = relationship(lazy="raise", secondary="mentions", viewonly=True)

    __table_args__ = (
        UniqueConstraint("author_id", "form_key"),
        Index("uq_posts_boost", "author_id", "boost_of_id", unique=True),
        Index("ix_posts_author", "author_id", sql("id DESC")),
        Index(
            "ix_posts_local",
            sql("id DESC"),
            sqlite_where=sql("audience = 'everyone' AND reply_to_id IS NULL"),
            postgresql_where=sql("audience = 'everyone' AND reply_to_id IS NULL"),
        ),
    )

    @property
    def is_sensitive(self) -> bool:
        """Whether it is only shown to those who ask for it: by its rating, or by the artist's own warning."""
        return self.rating is not Rating.GENERAL or bool(self.warning)

    @property
    def is_local(self) -> bool:
        """Whether it was posted here."""
        return self.uri is None

    @property
    def is_draft(self) -> bool:
        """Whether only its author knows of it so far."""
        return self.published_at is None


class Artwork(Base):
    """What only a work has. One to one with a post of kind WORK."""

    __tablename__ = "artworks"

    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    title: Mapped[str] = mapped_column(String(200), default="")
    medium: Mapped[str] = mapped_column(String(120), default="")
    tools: Mapped[str] = mapped_column(String(200), default="")
    year: Mapped[int | None] = mapped_column(Integer, default=None)
    size: Mapped[str] = mapped_column(String(120), default="")
    licence: Mapped[Licence] = mapped_column(Word(Licence), default=Licence.ARR)
    reservation: Mapped[Reservation] = mapped_column(Word(Reservation), default=Reservation.NO_AI)
    # The artist lets people have the full size of this work, beyond the public maximum.
    full_size: Mapped[bool] = mapped_column(Boolean, default=False)
    # What the author elsewhere did not state. Then the two columns above hold what we assume: all rights reserved, not for AI.
    licence_stated: Mapped[bool] = mapped_column(Boolean, default=True)
    reservation_stated: Mapped[bool] = mapped_column(Boolean, default=True)
    # A licence elsewhere that is none of ours, word for word as it was stated.
    licence_text: Mapped[str] = mapped_column(String(500), default="")
    # What its server states for the work itself, without its pictures (rights, duty 1); empty for ours.
    stated: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # How it came to be, as its artist declares it; null: not said.
    source_type: Mapped[SourceType | None] = mapped_column(Word(SourceType, 40), default=None)
    # What marks of a generator in its files say (server.generated); null without any, or where a moderator found them wrong.
    marked: Mapped[SourceType | None] = mapped_column(Word(SourceType, 40), default=None)
    # Why such a mark is wrong, in the artist's words; shown to moderators alone.
    objection: Mapped[str] = mapped_column(String(1000), default="")
    # Why a moderator did not let it in, for the artist; empty before, and again as soon as it is sent in anew.
    sent_back: Mapped[str] = mapped_column(String(1000), default="")
    # The rights sentence and a hashtag end the text of the work that other servers show, which drop everything else.
    says_rights: Mapped[bool] = mapped_column(Boolean, default=True)

    post: Mapped[Post] = relationship(lazy="raise", back_populates="artwork")

    @property
    def is_generated(self) -> bool:
        """Whether its files say, or its artist declares, that a generator made it or a part of it."""
        return self.marked is not None or (self.source_type is not None and self.source_type.is_generated)

    @property
    def came_to_be(self) -> SourceType | None:
        """How it came to be, as it is told onwards: what its files say of a generator, then what its artist declares."""
        declared = self.source_type
        return declared if declared is not None and declared.is_generated else self.marked or declared


class Origin(Base):
    """Where a post of another server comes from, and what its own server said of it. One to one with the post."""

    __tablename__ = "origins"

    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    page: Mapped[str] = mapped_column(String(2048), default="")
    # The conversation's id as its first post states it; copied into our answers (FEP-7888).
    context: Mapped[str] = mapped_column(String(2048), default="")
    # The post as its own server wrote it, unknown terms included (rights, duty 1).
    raw: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # What it answers where we do not have that post (yet).
    reply_to_uri: Mapped[str] = mapped_column(String(2048), default="", index=True)
    fetched_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class Media(Base):
    """One picture of one work, or one face; never shared (decision 11): its address leads to one licence and one audience."""

    __tablename__ = "media"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    owner_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id"), index=True)
    post_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("posts.id", onupdate="CASCADE"), index=True, default=None
    )
    purpose: Mapped[Purpose] = mapped_column(Word(Purpose), default=Purpose.WORK)
    position: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[MediaState] = mapped_column(Word(MediaState), default=MediaState.WAITING)
    # Why it failed, in a sentence for the artist.
    failure: Mapped[str] = mapped_column(String(300), default="")
    name: Mapped[str] = mapped_column(String(255), default="")  # the file's name on the artist's disk
    alt: Mapped[str] = mapped_column(Text, default="")
    # Focal point, 0..1 from the left and from the top.
    focus_x: Mapped[float] = mapped_column(Float, default=0.5)
    focus_y: Mapped[float] = mapped_column(Float, default=0.5)
    # Where the picture lies on the server of its author; empty for ours. Its sizes here are a cache.
    source: Mapped[str] = mapped_column(String(2048), default="")
    # What its own server states of it: the rights terms of this very picture (rights, duty 1).
    stated: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # When somebody last looked at a cached picture, to the hour; what nobody looks at is evicted.
    seen_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # The master: kept bit for bit, never served to the public as it is. Empty for pictures of other servers.
    master_key: Mapped[str] = mapped_column(String(200), default="")
    master_hash: Mapped[str] = mapped_column(String(64), default="")  # sha256, hexadecimal
    master_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    format: Mapped[str] = mapped_column(String(8), default="")
    width: Mapped[int] = mapped_column(Integer)  # of the master, as seen (after orientation)
    height: Mapped[int] = mapped_column(Integer)
    frames: Mapped[int] = mapped_column(Integer, default=1)
    profile: Mapped[str] = mapped_column(String(120), default="")  # colour profile's name, shown to the artist
    colour: Mapped[str] = mapped_column(String(7), default="#8a8a8a")  # average colour
    blurhash: Mapped[str] = mapped_column(String(64), default="")
    avif_at: Mapped[datetime | None] = mapped_column(Moment, default=None)  # when the AVIF sizes were made
    # What the file says about its maker: {"creator", "rights", "credit"}, and for the artist's own form how it came to be:
    # {"source_type", "camera"}. What is not there was not said.
    credits: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Marks of a generator that were found in the file, strongest first, as media.orders.Marker has them; {"wrong": true} beside
    # those that a moderator found to be wrong.
    markers: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    # What the C2PA manifest of the uploaded file says, in short; empty where it carries none.
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Which rights its files carry inside (server.stamps): a hash over what was written; empty before the first time.
    stamp: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    renditions: Mapped[list["Rendition"]] = relationship(lazy="raise", order_by="Rendition.width", viewonly=True)


class Rendition(Base):
    """One public file of one picture."""

    __tablename__ = "renditions"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    media_id: Mapped[int] = mapped_column(Id, ForeignKey("media.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[RenditionPurpose] = mapped_column(Word(RenditionPurpose))
    format: Mapped[str] = mapped_column(String(8))  # webp, avif, jpeg, png, gif
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    # Whether it carries a manifest that this house signed.
    is_sealed: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (UniqueConstraint("media_id", "purpose", "format", "width"),)


class Gallery(Base):
    """An ordered set of one artist's works, with a name and a text of its own."""

    __tablename__ = "galleries"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    owner_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"))
    slug: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    owner: Mapped[Actor] = relationship(lazy="raise")

    __table_args__ = (UniqueConstraint("owner_id", "slug"),)


class Hanging(Base):
    """A work hangs in a gallery, at a place."""

    __tablename__ = "hangings"

    gallery_id: Mapped[int] = mapped_column(Id, ForeignKey("galleries.id", ondelete="CASCADE"), primary_key=True)
    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int] = mapped_column(Integer, default=0)


class Tag(Base):
    """A hashtag; `name` is folded (lower case), `label` is how it was first written: capitals help screen readers."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    label: Mapped[str] = mapped_column(String(100))


class PostTag(Base):
    """A post carries a tag."""

    __tablename__ = "post_tags"

    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    tag_id: Mapped[int] = mapped_column(Id, ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True)


class Mention(Base):
    """A post names a person; where the audience is MENTIONED they may see it."""

    __tablename__ = "mentions"

    post_id: Mapped[int] = mapped_column(
        Id, ForeignKey("posts.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, index=True)
