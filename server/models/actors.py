"""Profiles, local and remote alike, and the keys of the local ones."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server import clock, ids
from server.models.base import Base, Id, Moment, Word
from server.models.words import ActorKind, Audience, HostLevel, Licence, Reservation

if TYPE_CHECKING:
    from server.models.posts import Media


class Actor(Base):
    """A profile. `uri` and `domain` are null for our own: their address is computed from the base URL."""

    __tablename__ = "actors"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    uri: Mapped[str | None] = mapped_column(String(2048), unique=True, default=None)
    handle: Mapped[str] = mapped_column(String(120))
    domain: Mapped[str | None] = mapped_column(String(255), default=None)
    kind: Mapped[ActorKind] = mapped_column(Word(ActorKind), default=ActorKind.PERSON)
    name: Mapped[str] = mapped_column(String(120), default="")
    # One line under the name; `about` is the longer text of the About tab. Both are plain text as typed.
    lede: Mapped[str] = mapped_column(String(300), default="")
    about: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[str] = mapped_column(String(120), default="")
    # [{"label": "Website", "url": "https://…"}], at most eight.
    links: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    face_id: Mapped[int | None] = mapped_column(Id, default=None)
    # What a new work starts with (rights.md 2.1); never a fallback for a work that exists.
    default_licence: Mapped[Licence] = mapped_column(Word(Licence), default=Licence.ARR)
    default_reservation: Mapped[Reservation] = mapped_column(Word(Reservation), default=Reservation.NO_AI)
    default_audience: Mapped[Audience] = mapped_column(Word(Audience), default=Audience.EVERYONE)
    # Longest side, in pixels, of what the public may see of a work.
    public_max: Mapped[int] = mapped_column(Integer, default=2048)
    # The language they write in (BCP 47): of the rights sentence beside their works, and of what their works say.
    language: Mapped[str] = mapped_column(String(12), default="en")
    approves_follows: Mapped[bool] = mapped_column(Boolean, default=False)
    # Whether others may read whom they follow and who follows them; the numbers are always told.
    shows_follows: Mapped[bool] = mapped_column(Boolean, default=False)
    # Whether the server of somebody they block is told of it.
    announces_blocks: Mapped[bool] = mapped_column(Boolean, default=False)
    suspended_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    # -- people of other servers only; ours compute all of these from the base URL ---------------------------------------
    # The host of `uri`: that server speaks for this person, whatever domain stands in the handle.
    host: Mapped[str | None] = mapped_column(String(255), index=True, default=None)
    # What the house's rules say of that host: kept beside each person by server.hosts, so that no query asks all rules.
    host_level: Mapped[HostLevel] = mapped_column(Word(HostLevel), default=HostLevel.NONE)
    page: Mapped[str] = mapped_column(String(2048), default="")
    # `about` of theirs as HTML, cleaned by server.text; `about` itself holds its words.
    about_html: Mapped[str] = mapped_column(Text, default="")
    inbox: Mapped[str] = mapped_column(String(2048), default="")
    shared_inbox: Mapped[str] = mapped_column(String(2048), default="")
    outbox: Mapped[str] = mapped_column(String(2048), default="")
    followers: Mapped[str] = mapped_column(String(2048), default="")
    featured: Mapped[str] = mapped_column(String(2048), default="")
    # When their own document was last read, and when their server said that they are gone (410, or a Delete).
    fetched_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    gone_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    # No foreign key: pictures already point to their owner, and a circle of keys cannot be created on SQLite.
    face: Mapped["Media | None"] = relationship(
        "Media", primaryjoin="foreign(Actor.face_id) == Media.id", lazy="raise", viewonly=True, uselist=False
    )

    __table_args__ = (
        # A handle is one person, whatever the case; ours and those of every other host.
        Index(
            "uq_actors_handle_local",
            func.lower(handle),
            unique=True,
            sqlite_where=text("domain IS NULL"),
            postgresql_where=text("domain IS NULL"),
        ),
        Index(
            "uq_actors_handle_remote",
            func.lower(handle),
            "domain",
            unique=True,
            sqlite_where=text("domain IS NOT NULL"),
            postgresql_where=text("domain IS NOT NULL"),
        ),
    )

    @property
    def is_local(self) -> bool:
        """Whether this is one of ours."""
        return self.uri is None

    @property
    def is_house(self) -> bool:
        """Whether this is the house itself, the actor that signs fetches and reports."""
        return self.uri is None and self.kind is ActorKind.APPLICATION

    @property
    def is_server(self) -> bool:
        """Whether this is a server itself and nobody on it: what signs its fetches and passes on its reports.

        Mastodon, and we, call it an Application; others name it after their host; Misskey's is a Service of a fixed name.
        """
        named = {self.host or "", self.domain or "", "instance.actor", "system.actor"}
        is_named_so = self.uri is not None and self.handle.lower() in {name.lower() for name in named}
        return self.kind is ActorKind.APPLICATION or is_named_so

    @property
    def display_name(self) -> str:
        """The name, or the handle where nobody typed one."""
        return self.name or self.handle


class Key(Base):
    """A key pair of a local actor. Private keys live in this table and nowhere else."""

    __tablename__ = "keys"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # "rsa" or "ed25519"
    public_pem: Mapped[str] = mapped_column(Text)
    private_pem: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)


class PublicKey(Base):
    """A public key of somebody elsewhere, as their own actor document lists it."""

    __tablename__ = "public_keys"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    uri: Mapped[str] = mapped_column(String(2048), unique=True)
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # "rsa" or "ed25519"
    der: Mapped[bytes] = mapped_column(LargeBinary)  # SubjectPublicKeyInfo
    fetched_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
