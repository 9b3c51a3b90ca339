"""Documents of other servers: asked for politely, signed by the house, and believed only where they lie at their own address.

What is fetched counts for what its own server says of it and for nothing else: the type must be one of ActivityPub (security.md
row 20), the id must be the address that answered (row 19), and nothing of ours is ever asked for outside (row 34).
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import update

from federation import parse, policy, signatures
from federation.vocabulary import ACTIVITY_JSON, AS2, Json
from server import actors, clock, hosts, keys, origins
from server.db import Database
from server.errors import GiveUp, TryLater
from server.models import Host
from server.site import Reply, Signer, Site

ACCEPT = f'{ACTIVITY_JSON}, application/ld+json; profile="{AS2}"'
_PROFILE = re.compile(
    rf'profile\s*=\s*(?:"(?:[^"]*\s)?{re.escape(AS2)}(?:\s[^"]*)?"|{re.escape(AS2)}(?:[;\s]|$))', re.IGNORECASE
)

# What one activity, one job or one person's question may cause (security.md row 88).
FETCHES = 10
# What all of them together may ask of one host in a minute.
PER_HOST, MINUTE = 120, timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=24)


class Absent(GiveUp):
    """There is nothing at this address, or it is not for us."""


class Vanished(Absent):
    """There was something, and its server says that it is gone for good (410)."""


class Spent(TryLater):
    """Enough was fetched for one cause; the rest waits its turn."""


# -- how much --------------------------------------------------------------------------------------------------------------
@dataclass
class Budget:
    """How many fetches are left for what is done at the moment."""

    left: int = FETCHES


_budget: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def within(fetches: int = FETCHES) -> Iterator[Budget]:
    """Let what happens inside fetch at most so many documents; beyond that `Spent` is raised. An outer budget holds as well."""
    outer = _budget.get()
    if outer is not None:
        yield outer
        return
    made = Budget(fetches)
    mark = _budget.set(made)
    try:
        yield made
    finally:
        _budget.reset(mark)


class Pace:
    """How often a house asked each host in the current minute; those asked longest ago are forgotten first (row 96)."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._houses: WeakKeyDictionary[Database, OrderedDict[str, tuple[datetime, int]]] = WeakKeyDictionary()

    def step(self, site: Site, host: str) -> None:
        """One more question; raises TryLater where there were too many."""
        now = clock.now()
        asked = self._houses.setdefault(site.db, OrderedDict())
        began, count = asked.pop(host, (now, 0))
        if now - began >= MINUTE:
            began, count = now, 0
        asked[host] = (began, count + 1)
        while len(asked) > self._most:
            asked.popitem(last=False)
        if count >= PER_HOST:
            raise TryLater(f"{host} was asked very often just now.", began + MINUTE)


_pace = Pace()


# -- asking ----------------------------------------------------------------------------------------------------------------
async def get_document(site: Site, url: str) -> Json:
    """The ActivityPub object whose id is `url`, or which `url` leads to: then it is read once more at its own id (row 19).

    Raises Vanished, Absent and other GiveUps (Refused, BadDocument, …) for what will not change by itself, TryLater for what may.
    """
    asked = plain(url)
    for _ in range(2):
        document, answered = await read(site, asked)
        uri = id_of(document)
        if site.urls.is_ours(uri):
            raise GiveUp("Another server claims an address of this one.")
        here, there = origins.document(answered), origins.document(uri)
        if there == here or (there == origins.document(asked) and origins.origin(here) == origins.origin(there)):
            return document
        asked = plain(uri)
    raise GiveUp(f"{origins.host(asked)} does not show it at its own address.")


async def read(site: Site, url: str) -> tuple[Json, str]:
    """The document at `url` and the address that answered. Whether it may say what it says is the caller's to know."""
    reply = await ask(site, url, {"Accept": ACCEPT}, signed=True)
    kind = reply.headers.get("Content-Type", "")
    if not is_activity(kind):
        raise GiveUp(f"{origins.host(reply.url)} answers with {kind[:60] or 'no type'}, which is no ActivityPub.")
    return parse.load(reply.body), reply.url


async def ask(site: Site, url: str, headers: Mapping[str, str], *, signed: bool) -> Reply:
    """A good answer (2xx) from `url`. Raises like `get_document`; costs one fetch of the budget."""
    address = plain(url)
    host = origins.host(address)
    if site.urls.is_ours(address):
        raise GiveUp("This server does not ask itself.")
    async with site.db.read() as tx:
        suspended = await hosts.suspended_names(tx)
        row = await tx.get(Host, host)
    check_host(host, suspended)
    budget = _budget.get()
    if budget is not None:
        if budget.left <= 0:
            raise Spent("That is enough for now; the rest follows.")
        budget.left -= 1
    _pace.step(site, host)
    if not signed:
        return _checked(await site.transport.get(address, headers=headers, sign=_unsigned(suspended)))
    first, second = policy.families(row)
    hand = await _hand(site, suspended)
    reply = await site.transport.get(address, headers=headers, sign=hand.signer(first))
    if reply.status == 401 and first == "cavage" and "?" in address:
        reply = await site.transport.get(address, headers=headers, sign=hand.signer(first, with_query=False))
    if reply.status == 401:
        reply = await site.transport.get(address, headers=headers, sign=hand.signer(second))
        if 200 <= reply.status < 300:
            await _remember(site, host, second)
    return _checked(reply)


def check_host(host: str, suspended: frozenset[str]) -> None:
    """Raises GiveUp for a host with which nothing is exchanged (row 48), or one below such a name."""
    if not suspended.isdisjoint(hosts.names(host)):
        raise GiveUp(f"Nothing is exchanged with {host}.")


def is_activity(kind: str) -> bool:
    """Whether a Content-Type is one of the two of ActivityPub (security.md row 20)."""
    name, _, parameters = kind.partition(";")
    name = name.strip().lower()
    return name == ACTIVITY_JSON or (name == "application/ld+json" and _PROFILE.search(parameters) is not None)


def plain(url: str) -> str:
    """The address to ask for `url`: canonical and without a fragment. Raises Refused."""
    return origins.canonical(url).partition("#")[0]


def id_of(document: Json) -> str:
    """The id of a document in canonical form; raises GiveUp where it has none."""
    uri = document.get("id")
    if not isinstance(uri, str) or not uri:
        raise GiveUp("The document has no id.")
    return origins.canonical(uri)


def _checked(reply: Reply) -> Reply:
    host = origins.host(reply.url)
    if 200 <= reply.status < 300:
        return reply
    if reply.status == 410:
        raise Vanished(f"{host} says that it is gone.")
    if reply.status in (401, 403, 404):
        raise Absent(f"{host} shows nothing there.")
    if reply.status in (408, 425, 429) or reply.status >= 500:
        raise TryLater(f"{host} answers {reply.status}.", _retry_after(reply))
    raise GiveUp(f"{host} answers {reply.status}.")


def _retry_after(reply: Reply) -> datetime | None:
    """When the other server wants to be asked again, at most a day from now; None where it does not say."""
    said = reply.headers.get("Retry-After", "").strip()
    now = clock.now()
    if said.isascii() and said.isdigit():
        return now + min(timedelta(seconds=int(said[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return min(at, now + LONGEST_WAIT) if at.tzinfo is not None and at > now else None


# -- signing ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Hand:
    """The house signs what it asks for (federation.md 6.5)."""

    key: RSAPrivateKey
    key_id: str
    suspended: frozenset[str] = frozenset()

    def signer(self, family: str, *, with_query: bool = True) -> Signer:
        """Signs each hop in `family`; "ed25519" counts as RFC 9421, since the house signs with RSA alone. Nothing is signed for a
        host that is suspended, wherever a redirect leads."""

        def sign(method: str, url: str) -> Mapping[str, str]:
            check_host(origins.host(url), self.suspended)
            if family == "cavage":
                return signatures.sign_cavage(
                    method, url, None, self.key, self.key_id, clock.now(), with_query=with_query
                )
            return signatures.sign_rfc9421(method, url, None, self.key, self.key_id, clock.now())

        return sign


def _unsigned(suspended: frozenset[str]) -> Signer:
    """Signs nothing, and lets no host be asked that is suspended, wherever a redirect leads."""

    def sign(_: str, url: str) -> Mapping[str, str]:
        check_host(origins.host(url), suspended)
        return {}

    return sign


async def _hand(site: Site, suspended: frozenset[str]) -> Hand:
    house = await actors.house(site)
    async with site.db.read() as tx:
        row = await keys.newest(tx, house.id, "rsa")
    if row is None:
        raise TryLater("The house has no key to sign with.")
    private = keys.load_private(site.secret, row)
    if not isinstance(private, RSAPrivateKey):
        raise TryLater("The house has no key that everybody understands.")
    return Hand(private, site.urls.main_key(house), suspended)


async def _remember(site: Site, host: str, family: str) -> None:
    async with site.db.write() as tx:
        await policy.know(tx, [host])
        await tx.execute(update(Host).where(Host.name == host).values(signature=family))
