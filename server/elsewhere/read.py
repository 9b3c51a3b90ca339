"""What was read of people and posts of other servers. Made by federation.parse alone: checked, capped and clean."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from server.models import ActorKind, Audience, Kind
from server.rights.stated import Stated


@dataclass(frozen=True)
class PublicKey:
    """A public key as an actor document lists it; `der` is its SubjectPublicKeyInfo."""

    uri: str
    kind: str  # "rsa" or "ed25519"
    der: bytes


@dataclass(frozen=True)
class Link:
    """One line of a profile; `url` is empty where the value is words."""

    label: str
    url: str
    words: str = ""


@dataclass(frozen=True)
class Person:
    """An actor. Addresses that its document does not give are empty."""

    uri: str
    handle: str
    domain: str  # of the handle; the host of `uri` until WebFinger says otherwise
    kind: ActorKind
    inbox: str
    name: str = ""
    about_html: str = ""
    about: str = ""
    page: str = ""
    shared_inbox: str = ""
    outbox: str = ""
    followers: str = ""
    featured: str = ""
    icon: str = ""
    links: tuple[Link, ...] = ()
    locked: bool = False
    indexable: bool = False
    keys: tuple[PublicKey, ...] = ()
    webfinger: str = ""  # name@domain, as it says itself
    implements: tuple[str, ...] = ()  # FEP-844e
    published: datetime | None = None


@dataclass(frozen=True)
class Picture:
    """One picture of a post. Focal point as ours: 0..1 from the left and from the top."""

    url: str
    media_type: str
    alt: str = ""
    width: int = 0
    height: int = 0
    blurhash: str = ""
    focus_x: float = 0.5
    focus_y: float = 0.5
    rights: Stated = field(default_factory=Stated)


@dataclass(frozen=True)
class Piece:
    """A post: a WORK where it has pictures and answers nothing, else a NOTE. All three dialects end here."""

    uri: str
    kind: Kind
    author: str  # the actor's uri
    audience: Audience
    published: datetime
    page: str = ""
    title: str = ""
    html: str = ""  # safe
    words: str = ""  # the same as plain text
    warning: str = ""
    sensitive: bool = False
    mentions: tuple[str, ...] = ()  # actor uris
    addressed: tuple[str, ...] = ()  # `to` and `cc`: which of them are the author's followers, the author's row says
    reply_to: str = ""
    pictures: tuple[Picture, ...] = ()
    tags: tuple[str, ...] = ()
    updated: datetime | None = None
    context: str = ""
    language: str = ""
    rights: Stated = field(default_factory=Stated)
    raw: dict[str, Any] = field(default_factory=dict)
