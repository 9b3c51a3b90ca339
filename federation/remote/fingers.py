"""WebFinger: who stands behind a handle, and whether that person says the same (RFC 7033; security.md rows 32, 76, 77).

A handle counts where the domain in it names one actor, and where that actor's own server names the handle back. The two may be
different hosts (`@me@guild.example`, served by art.guild.example), so each side is asked.
"""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import quote

from federation.remote.documents import Absent, ask
from federation.vocabulary import ACTIVITY_JSON, AS2
from server import origins
from server.elsewhere import Person
from server.errors import GiveUp, TryLater
from server.site import Site

# As wide as other software goes; ours are narrower.
_HANDLE = re.compile(r"@?([\w][\w.~+-]{0,99})@([^@/\s]{1,255})")
_SELF = (ACTIVITY_JSON, f'application/ld+json; profile="{AS2}"')
_LRDD = re.compile(r"<Link\b[^>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(rel|template)\s*=\s*(?:"([^"]{0,2000})"|'([^']{0,2000})')""", re.IGNORECASE)
MOST_LINKS = 100
LONGEST = 100_000


@dataclass(frozen=True)
class Handle:
    """`name@domain`; the domain in its one spelling, with a port only in private networks."""

    name: str
    domain: str

    def __str__(self) -> str:
        return f"{self.name}@{self.domain}"

    def same(self, other: "Handle") -> bool:
        """Whether both are one handle: case does not matter."""
        return str(self).lower() == str(other).lower()


@dataclass(frozen=True)
class Finger:
    """What WebFinger says of a handle: whom it is about, the one actor behind it, and all links (rel, href or template)."""

    subject: Handle
    actor: str
    links: tuple[tuple[str, str], ...]


def parse_handle(text: str) -> Handle | None:
    """The handle in what somebody typed or stated (`@me@social.example`, `acct:…`), or None where it is none."""
    found = _HANDLE.fullmatch(text.strip().removeprefix("acct:"))
    if not found:
        return None
    try:
        return Handle(found[1], origins.domain(found[2]))
    except GiveUp:
        return None


async def finger(site: Site, handle: Handle) -> Finger:
    """Ask the domain of a handle who that is. Raises GiveUp for no answer to believe, TryLater for none at the moment."""
    document = await _jrd(site, handle)
    subject = document.get("subject")
    said = parse_handle(subject) if isinstance(subject, str) else None
    if said is None:
        raise GiveUp(f"{handle.domain} does not say whom it speaks of.")
    links = document.get("links")
    found = [link for link in (links if isinstance(links, list) else [])[:MOST_LINKS] if isinstance(link, dict)]
    actors = {
        address
        for link in found
        if link.get("rel") == "self" and _is_self(link.get("type")) and (address := _address(site, link.get("href")))
    }
    if len(actors) != 1:
        raise GiveUp(f"{handle.domain} names {'no' if not actors else 'more than one'} actor for this handle.")
    pairs = [(link.get("rel"), link.get("template") or link.get("href")) for link in found]
    texts = tuple((rel, to) for rel, to in pairs if isinstance(rel, str) and isinstance(to, str))
    return Finger(said, actors.pop(), texts)


async def settle(site: Site, handle: Handle) -> Finger:
    """`finger`, with its subject believed: it is the handle that was asked for, or the domain in it confirms that it is the same
    actor's (security.md row 32). Raises GiveUp otherwise."""
    first = await finger(site, handle)
    if first.subject.same(handle):
        return first
    second = await finger(site, first.subject)
    if not second.subject.same(first.subject) or second.actor != first.actor:
        raise GiveUp(f"{handle.domain} speaks for a handle that is not of this actor.")
    return second


async def confirmed(site: Site, person: Person) -> Handle | None:
    """The handle under which `person` is known: as their own server gives it, confirmed by the domain in it. None where nobody
    confirms one; then their own host has to do as the domain, unconfirmed.

    Raises GiveUp where their own host says that the handle is somebody else's, TryLater where it does not answer.
    """
    stated = parse_handle(person.webfinger) if person.webfinger else None
    own = Handle(person.handle, origins.host(person.uri))
    if stated is not None and not _is_ours(site, stated):
        try:
            found = await finger(site, stated)
        except GiveUp:
            found = None
        # Both sides agree: the document names the handle (FEP-2c59), and its domain names the document.
        if found is not None and found.actor == person.uri and found.subject.same(stated):
            return stated
    try:
        found = await settle(site, own)
    except GiveUp:
        return None
    if found.actor != person.uri:
        raise GiveUp(f"{own.domain} says that {own} is somebody else.")
    if _is_ours(site, found.subject) or found.subject.name.lower() != person.handle.lower():
        return None
    return Handle(person.handle, found.subject.domain)


# -- asking ----------------------------------------------------------------------------------------------------------------
async def _jrd(site: Site, handle: Handle) -> dict[str, Any]:
    query = f"?resource={quote(f'acct:{handle}', safe='')}"
    first: TryLater | None = None
    for scheme in schemes(site):
        base = f"{scheme}://{handle.domain}"
        try:
            return await _json(site, f"{base}/.well-known/webfinger{query}")
        except Absent:
            template = await _template(site, base)
            if template is None:
                raise
            return await _json(site, template.replace("{uri}", quote(f"acct:{handle}", safe="")))
        except TryLater as later:
            first = first or later
    raise first or Absent(f"{handle.domain} cannot be asked.")


async def _json(site: Site, url: str) -> dict[str, Any]:
    """WebFinger has types of its own, and is believed by its subject and by what the actor says back."""
    reply = await ask(site, url, {"Accept": "application/jrd+json, application/json"}, signed=False)
    if len(reply.body) > LONGEST:
        raise GiveUp("The answer of WebFinger is too long.")
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError) as wrong:
        raise GiveUp("The answer of WebFinger cannot be read.") from wrong
    if not isinstance(document, dict):
        raise GiveUp("The answer of WebFinger cannot be read.")
    return document


async def _template(site: Site, base: str) -> str | None:
    """Where host-meta says that WebFinger is to be asked (RFC 6415), for domains that keep it elsewhere."""
    try:
        reply = await ask(site, f"{base}/.well-known/host-meta", {"Accept": "application/xrd+xml"}, signed=False)
    except GiveUp:
        return None
    text = reply.body[:LONGEST].decode("utf-8", "replace")
    for link in _LRDD.findall(text):
        found = {name.lower(): unescape(first or second) for name, first, second in _ATTRIBUTE.findall(link)}
        template = found.get("template", "")
        if found.get("rel") == "lrdd" and template.count("{uri}") == 1 and not site.urls.is_ours(template):
            return template if _address(site, template.replace("{uri}", "x")) else None
    return None


def schemes(site: Site) -> tuple[str, ...]:
    """How the host in a handle may be asked: by https; by http as well where this house itself is a test on private addresses."""
    is_test = site.urls.base.startswith("http://") and bool(site.settings.network.private_ranges)
    return ("http", "https") if is_test else ("https",)


def _is_self(kind: object) -> bool:
    return isinstance(kind, str) and kind.replace("'", '"') in _SELF


def _address(site: Site, url: object) -> str:
    """`url` in its one spelling where it may be asked by this house, else empty."""
    if not isinstance(url, str):
        return ""
    try:
        spelled = origins.canonical(url)
    except GiveUp:
        return ""
    return spelled if spelled.partition(":")[0] in schemes(site) else ""


def _is_ours(site: Site, handle: Handle) -> bool:
    """Whether a handle would stand in our own namespace (security.md row 34)."""
    return site.urls.parse_acct(str(handle)) is not None or site.urls.is_ours(f"https://{handle.domain}/")
