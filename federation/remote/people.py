"""Actors of other servers: read at their own address, confirmed by WebFinger, read again when they are old."""

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary, WeakValueDictionary

from sqlalchemy import update

from federation import parse, policy
from federation.remote import fingers
from federation.remote.documents import Absent, Spent, Vanished, get_document, plain
from server import actors, clock, elsewhere, hosts, origins
from server.db import Database
from server.elsewhere import Person
from server.errors import GiveUp, TryLater
from server.models import Actor, Host
from server.site import Site

log = logging.getLogger(__name__)

# A profile is read again when it is used and older than this; after a failure not before PAUSE is over.
OLD = timedelta(days=1)
PAUSE = timedelta(hours=1)
# A profile that was read within these seconds is not read again, whoever asks: several jobs may want it at the same time.
JUST_NOW = timedelta(seconds=5)


class Memory:
    """When something last failed for a house, with the reason; bounded, the oldest are forgotten (security.md row 96)."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._houses: WeakKeyDictionary[Database, OrderedDict[str, tuple[datetime, Exception]]] = WeakKeyDictionary()

    def note(self, site: Site, name: str, until: datetime, reason: Exception) -> None:
        kept = self._houses.setdefault(site.db, OrderedDict())
        kept[name] = (until, reason)
        kept.move_to_end(name)
        while len(kept) > self._most:
            kept.popitem(last=False)

    def of(self, site: Site, name: str) -> Exception | None:
        """The reason, while it holds."""
        kept = self._houses.get(site.db)
        until, reason = kept.get(name, (None, None)) if kept else (None, None)
        return reason if until is not None and until > clock.now() else None

    def forget(self, site: Site, name: str) -> None:
        if (kept := self._houses.get(site.db)) is not None:
            kept.pop(name, None)


class Turns:
    """One at a time for each name, in one process."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> asyncio.Lock:
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock


_failed = Memory()
_turns = Turns()


async def actor(site: Site, uri: str, *, fresh: bool = False, changed: bool = False) -> Actor:
    """The row of the actor with that uri: as it stands where it is of today, else read from its own server.

    `fresh` reads it in any case, unless that was done a moment ago; `changed` also then, because its server says that it is
    another one now. A row that cannot be read again stays as it is; only when its server says that the person is
    gone (410), everything of theirs goes. Raises GiveUp (Vanished for people who are gone) and TryLater where there is no row.
    """
    uri = origins.canonical(uri)
    if site.urls.is_ours(uri):
        raise GiveUp("That is an address of this server.")  # row 34
    async with _turns.of(f"{site.urls.base} {uri}"):
        row = await _row(site, uri)
        age = clock.now() - row.fetched_at if row is not None and row.fetched_at is not None else OLD
        if row is not None and not changed and age < (JUST_NOW if fresh else OLD):
            return _living(row)
        fresh = fresh or changed
        if not fresh and (reason := _failed.of(site, uri)) is not None:
            if row is not None:
                return _living(row)
            raise reason
        try:
            found = await load(site, uri)
        except Spent:
            if row is None:
                raise
            return _living(row)
        except Vanished:
            async with site.db.write() as tx:
                await elsewhere.forget_person(tx, uri)
            raise
        except (GiveUp, TryLater) as wrong:
            # Somebody who is known is tried again in an hour; somebody who is not, soon: a whole conversation may wait.
            _failed.note(site, uri, clock.now() + (PAUSE if row is not None else timedelta(minutes=1)), wrong)
            if row is None or (fresh and isinstance(wrong, TryLater)):
                raise
            log.info("profile not read again", extra={"actor": uri, "reason": str(wrong)})
            return _living(row)
        _failed.forget(site, uri)
        return found


async def load(site: Site, uri: str) -> Actor:
    """Read the actor at `uri` and write them down, whatever is known of them. Raises GiveUp or TryLater."""
    document = await get_document(site, uri)
    person = parse.person(document, plain(uri))
    return await put(site, person)


async def put(site: Site, person: Person) -> Actor:
    """Write down what was read of somebody at their own address, their handle confirmed where somebody confirms it."""
    row = await _row(site, person.uri)
    known = fingers.Handle(row.handle, row.domain) if row is not None and row.domain else None
    try:
        handle = await fingers.confirmed(site, person)
    except TryLater:
        # What was confirmed earlier stands. Else their own host has to do as the domain, until the next reading.
        handle = known if known is not None and _stands(known, person) else None
    domain = handle.domain if handle is not None else origins.host(person.uri)
    shown = Person(**{**vars(person), "domain": domain, "handle": handle.name if handle is not None else person.handle})
    async with site.db.write() as tx:
        found = await elsewhere.put_person(tx, shown, confirmed=handle is not None)
        if person.implements and found.host:
            await policy.know(tx, [found.host])
            declared = update(Host).where(Host.name == found.host).values(implements=list(person.implements))
            await tx.execute(declared.execution_options(synchronize_session=False))
    return found


def _stands(known: fingers.Handle, person: Person) -> bool:
    """Whether the handle that was confirmed earlier is still the one that the document gives."""
    stated = fingers.parse_handle(person.webfinger) if person.webfinger else None
    return known.name.lower() == person.handle.lower() and (stated is None or stated.same(known))


def _living(row: Actor) -> Actor:
    if row.gone_at is not None:
        raise Vanished("This person is gone, as their server says.")
    return row


async def _row(site: Site, uri: str) -> Actor | None:
    async with site.db.read() as tx:
        if await hosts.is_suspended(tx, origins.host(uri)):
            raise Absent("Nothing is exchanged with this server.")
        return await actors.by_uri(tx, uri)
