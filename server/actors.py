"""Profiles, local or remote: their names, finding them, editing what they say of themselves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import blocks, hosts, ids, jobs, keys, rights, text
from server.db import insert_once
from server.errors import Forbidden, Invalid, NotFound
from server.models import Account, AccountState, Actor, ActorKind, Audience, HostLevel, Licence, Media, Reservation
from server.rights.sentences import LANGUAGES
from server.site import Site

HANDLE = re.compile(r"[A-Za-z0-9_]{1,30}", re.ASCII)
# Names that sound like the house itself, or that other servers give a meaning to.
RESERVED = frozenset(
    """
    about abuse account accounts actor admin administration administrator administrators all anonymous anybody api
    cartellino contact deleted everybody everyone explore feed followers following guest help here home
    hostmaster house inbox info instance join legal login logout me media mod moderation moderator moderators new news nobody
    none no_reply noreply notifications null official operator outbox owner post postmaster press privacy root rules search
    security server settings setup site sitemap staff static status support system tag tags team undefined unknown
    user username users webmaster well_known work works www
    """.split()  # noqa: SIM905  # a list of words, not of strings
)
MAX_LINKS = 8
MIN_PUBLIC, MAX_PUBLIC = 640, 8192


def check_handle(name: str) -> str:
    """`name` as a handle of ours (decision 3); raises Invalid(handle=…). Whether it is free only the database knows."""
    name = name.strip().removeprefix("@")
    if not HANDLE.fullmatch(name):
        raise Invalid(handle="A name has 1 to 30 letters from a to z, digits or underscores.")
    if name.lower() in RESERVED:
        raise Invalid(handle="This name is kept for the server itself. Please choose another one.")
    return name


@cache
def in_good_standing() -> ColumnElement[bool]:
    """THE rule for people: whether an actor stands here for others to see. Pages, pictures and documents all filter by it.

    Nobody suspended, nobody who is gone or whose server is suspended (row 48); and of this house's people only those who are let
    in: neither who waits, nor who was turned away or disabled. Nobody learns which of these it is (security.md rows 45 and 63).
    The house's own actor is no person.
    """
    kept_out = exists().where(Account.actor_id == Actor.id, Account.state != AccountState.ACTIVE).correlate(Actor)
    return and_(Actor.suspended_at.is_(None), Actor.gone_at.is_(None), ~hosts.suspended(), ~_is_the_house(), ~kept_out)


def check_may_act(actor: Actor) -> None:
    """Raises Forbidden for whoever is suspended or gone, or whose server is suspended: nothing new comes from them (row 48)."""
    kept_out = actor.suspended_at is not None or actor.gone_at is not None
    if kept_out or actor.host_level is HostLevel.SUSPEND:
        raise Forbidden


async def seen(tx: AsyncSession, handle: str, domain: str | None, viewer: Actor | None) -> Actor:
    """The person with this handle as `viewer` (None: a stranger) may know of them, with their face loaded.

    Raises NotFound for nobody, for whoever is not in good standing, for a viewer whom that person blocks (row 51), and for
    strangers who ask for somebody of a server that is limited here.
    """
    found = await find(tx, handle, domain, in_good_standing())
    if found is None or (viewer is not None and await blocks.shuts_out(tx, found, viewer)):
        raise NotFound("There is nobody with this name.")
    if viewer is None and found.host_level is HostLevel.LIMIT:
        raise NotFound("There is nobody with this name.")
    return found


async def by_handle(tx: AsyncSession, handle: str, domain: str | None = None) -> Actor:
    """The person with this handle, with their face loaded; raises NotFound. Case does not matter."""
    found = await find(tx, handle, domain)
    if found is None:
        raise NotFound("There is nobody with this name.")
    return found


async def by_uri(tx: AsyncSession, uri: str) -> Actor | None:
    """The person of another server with that id, in whatever state, or None."""
    found: Actor | None = await tx.scalar(select(Actor).where(Actor.uri == uri))
    return found


async def find(
    tx: AsyncSession, handle: str, domain: str | None = None, *conditions: ColumnElement[bool]
) -> Actor | None:
    """The person with this handle, ours where no domain is given, or None. The house itself is found by `house` alone."""
    ours = and_(Actor.domain.is_(None), ~_is_the_house())
    where = ours if domain is None else Actor.domain == domain.lower()
    rows = select(Actor).where(func.lower(Actor.handle) == func.lower(handle), where, *conditions)
    actor: Actor | None = await tx.scalar(rows.options(joinedload(Actor.face).selectinload(Media.renditions)))
    return actor


@dataclass(frozen=True)
class Link:
    """A link on a profile."""

    label: str
    url: str


@dataclass(frozen=True)
class Profile:
    """What people say of themselves. Building it raises Invalid with a sentence for each field that cannot be accepted."""

    name: str = ""
    lede: str = ""
    about: str = ""
    place: str = ""
    links: tuple[Link, ...] = field(default=())

    def __post_init__(self) -> None:
        wrong: dict[str, str] = {}
        for part, label, most in (("name", "name", 120), ("lede", "line", 300), ("place", "place", 120)):
            words = text.line(getattr(self, part))
            object.__setattr__(self, part, words)
            if len(words) > most:
                wrong[part] = f"The {label} has {len(words)} characters; {most} are possible."
        about = text.clean(self.about)
        object.__setattr__(self, "about", about)
        if len(about) > 5000:
            wrong["about"] = f"The text has {len(about):,} characters; 5,000 are possible."
        links = []
        for number, link in enumerate(self.links):
            try:
                links.append(Link(text.line(link.label)[:60] or _host(link.url), check_link(link.url)))
            except Invalid as bad:
                wrong[f"link_{number}"] = str(bad)
        if len(self.links) > MAX_LINKS:
            wrong["links"] = f"A profile has at most {MAX_LINKS} links."
        object.__setattr__(self, "links", tuple(links))
        if wrong:
            raise Invalid(**wrong)


@dataclass(frozen=True)
class Defaults:
    """What a new work of somebody starts with (decision 18), and how large the public sees their works."""

    licence: Licence
    reservation: Reservation
    audience: Audience
    public_max: int  # pixels of the longest side
    language: str = "en"  # of the rights sentence beside their works

    def __post_init__(self) -> None:
        rights.check(self.licence, self.reservation)
        if not MIN_PUBLIC <= self.public_max <= MAX_PUBLIC:
            raise Invalid(public_max=f"Between {MIN_PUBLIC} and {MAX_PUBLIC:,} pixels are possible.")
        if self.language not in LANGUAGES:
            raise Invalid(language="Choose one of these languages.")


async def edit(tx: AsyncSession, actor: Actor, profile: Profile) -> Actor:
    """Put `profile` in the place of what `actor` said of themselves before."""
    kept = await tx.get_one(Actor, actor.id)
    kept.name, kept.lede, kept.about, kept.place = profile.name, profile.lede, profile.about, profile.place
    kept.links = [{"label": link.label, "url": link.url} for link in profile.links]
    tell(tx, kept)
    return kept


async def set_defaults(tx: AsyncSession, actor: Actor, defaults: Defaults) -> Actor:
    """What `actor`'s next works start with. Works that exist keep what they have; where `public_max` changed, the caller asks
    `uploads.narrow` to make their public sizes again; where `language` did, `stamps.rename`, since files say it too."""
    kept = await tx.get_one(Actor, actor.id)
    kept.default_licence, kept.default_reservation = defaults.licence, defaults.reservation
    kept.default_audience, kept.public_max = defaults.audience, defaults.public_max
    kept.language = defaults.language
    tell(tx, kept)
    return kept


async def set_privacy(tx: AsyncSession, actor: Actor, *, shows_follows: bool, announces_blocks: bool) -> Actor:
    """Whether others may read whom `actor` follows and who follows them, and whether servers learn of their blocks."""
    kept = await tx.get_one(Actor, actor.id)
    kept.shows_follows, kept.announces_blocks = shows_follows, announces_blocks
    return kept


async def set_face(tx: AsyncSession, actor: Actor, media: Media | None) -> Media | None:
    """Give `actor` another face, or none; returns the one before, for the caller to discard."""
    kept = await tx.get_one(Actor, actor.id)
    before = await tx.get(Media, kept.face_id) if kept.face_id else None
    kept.face_id = media.id if media else None
    tell(tx, kept)
    return before


def tell(tx: AsyncSession, actor: Actor) -> None:
    """Tell other servers that the profile of `actor`, one of ours, has changed: once for all changes of one transaction."""
    told: set[int] = tx.info.setdefault("profiles told", set())
    if actor.is_local and actor.id not in told:
        told.add(actor.id)
        jobs.enqueue(tx, jobs.Federate("Profile", actor.id))


async def house(site: Site) -> Actor:
    """The house's own actor, which signs fetches and reports; made with its keys when it is first asked for.

    Its handle is the host of the base URL, which no person's handle can be.
    """
    async with site.db.read() as tx:
        found = await tx.scalar(_the_house())
    if found is not None:
        return found
    pairs = await keys.make()
    async with site.db.write() as tx:
        actor_id = ids.new()
        made = Actor(
            id=actor_id,
            handle=urlsplit(site.settings.base_url).netloc[:120],
            name=site.settings.server.name,
            kind=ActorKind.APPLICATION,
            approves_follows=True,
        )
        # Two processes that start at once: the second finds the handle taken, and makes no keys.
        if await insert_once(tx, made):
            tx.add_all(keys.rows(site.secret, actor_id, pairs))
            await tx.flush()
        return (await tx.scalars(_the_house())).one()


def links_of(labels: Iterable[str], urls: Iterable[str]) -> tuple[Link, ...]:
    """The links in a form's rows; rows without an address are left out."""
    pairs = zip(labels, urls, strict=False)
    return tuple(Link(label, url.strip()) for label, url in pairs if url.strip())


def check_link(url: str) -> str:
    """An http or https address that may stand on a profile; raises Invalid(link=…)."""
    if url and "://" not in url and re.match(r"[\w-]+(\.[\w-]+)+(/|$)", url):
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        odd = parts.username is not None or parts.port == 0
    except ValueError:
        host, odd = "", True
    if (
        odd
        or not host
        or parts.scheme not in ("http", "https")
        or len(url) > 500
        or not url.isprintable()
        or " " in url
    ):
        raise Invalid(link="A link begins with https:// or http://.")
    return url


def _is_the_house() -> ColumnElement[bool]:
    return and_(Actor.uri.is_(None), Actor.kind == ActorKind.APPLICATION)


def _the_house() -> Select[Actor]:
    return select(Actor).where(_is_the_house())


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "://" in url else f"https://{url}").hostname or "").removeprefix("www.")[:60]
    except ValueError:
        return ""
