"""People with a key to this house, their open sessions, letters and API tokens."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server import clock, ids
from server.models.actors import Actor
from server.models.base import Base, Id, Moment, Word
from server.models.words import AccountState, Role


class Account(Base):
    """How a local actor signs in. One to one with an actor."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    actor_id: Mapped[int] = mapped_column(Id, ForeignKey("actors.id", ondelete="CASCADE"), unique=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    password_hash: Mapped[str] = mapped_column(String(255))  # argon2id
    role: Mapped[Role] = mapped_column(Word(Role), default=Role.MEMBER)
    state: Mapped[AccountState] = mapped_column(Word(AccountState), default=AccountState.WAITING, index=True)
    # What the person wrote to the administrators when asking to be let in.
    reason: Mapped[str] = mapped_column(Text, default="")
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # Bytes of original files, kept by uploads; null quota means the house's default.
    used_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    quota_bytes: Mapped[int | None] = mapped_column(BigInteger, default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    actor: Mapped[Actor] = relationship(lazy="raise")

    @property
    def is_active(self) -> bool:
        """Whether the person may act here."""
        return self.state is AccountState.ACTIVE


class SignIn(Base):
    """One open session on one device. The cookie holds the token, this row its hash."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    account_id: Mapped[int] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    device: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)

    account: Mapped[Account] = relationship(lazy="raise")


class Letter(Base):
    """A link that was sent by mail: works once, until it expires. `purpose` is "confirm" or "reset"."""

    __tablename__ = "letters"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    account_id: Mapped[int] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Token(Base):
    """A bearer token for the client API, stored hashed."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(Id, primary_key=True, default=ids.new)
    account_id: Mapped[int] = mapped_column(Id, ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(Moment, default=clock.now)
    used_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class Throttle(Base):
    """How often something was tried by somebody within one window of time; shared by all processes."""

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    count: Mapped[int] = mapped_column(Integer, default=0)


class House(Base):
    """What the house remembers of itself: one text per name, such as the base URL of the first start."""

    __tablename__ = "house"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
