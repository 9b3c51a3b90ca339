"""Public keys of other servers: from the cache, else fetched; believed only where key and owner name each other.

Rows of security.md A1: 2 (never the `owner` of a key alone), 13 (one new reading in five minutes, however many signatures do not
fit, and one a day in any case, so that no key is believed for ever), 14 (a dead key id is remembered), 15 (a server that is away
is no reason to refuse for good).
"""

from datetime import timedelta

from sqlalchemy import select

from federation import parse
from federation.remote import people
from federation.remote.documents import Vanished, id_of, plain, read
from federation.vocabulary import ACTORS, Json
from server import clock, hosts, origins
from server.elsewhere import PublicKey
from server.errors import GiveUp, TryLater
from server.models import Actor
from server.models import PublicKey as Row
from server.site import Site

AGAIN = timedelta(minutes=5)
AWAY = timedelta(seconds=30)
GONE = timedelta(hours=1)

_failed = people.Memory()
_refetched = people.Memory()
_turns = people.Turns()


async def key(site: Site, key_id: str, *, refetch: bool = False) -> tuple[PublicKey, Actor]:
    """The key with that id and the actor whose own document lists it.

    `refetch` says that a signature did not fit: the key is then read anew, at most once in five minutes, else given as it is.
    Raises GiveUp for a key that is not there or not its owner's, TryLater where its server does not answer at the moment.
    """
    key_id = origins.canonical(key_id)
    if site.urls.is_ours(key_id):
        raise GiveUp("That is an address of this server.")  # row 34
    async with _turns.of(f"{site.urls.base} {key_id}"):
        kept, is_old = await _kept(site, key_id)
        if kept is not None and (_refetched.of(site, key_id) if refetch else not is_old):
            return kept
        # An old key is read anew, since whoever lost it says so at its address alone. While it cannot be read it holds.
        last = kept if not refetch else None
        if (reason := _failed.of(site, key_id)) is not None:
            if last is not None:
                return last
            raise reason
        if refetch:
            _refetched.note(site, key_id, clock.now() + AGAIN, GiveUp("read a moment ago"))
        try:
            owner = await _owner(site, key_id)
        except (GiveUp, TryLater) as wrong:
            _note(site, key_id, wrong)
            if last is not None:
                return last
            raise
        found, _ = await _kept(site, key_id)
        if found is None or found[1].id != owner.id:
            unlisted = GiveUp("The owner of this key does not list it.")
            _failed.note(site, key_id, clock.now() + AGAIN, unlisted)
            raise unlisted
        # What was read at this moment need not be read again because a signature does not fit.
        _refetched.note(site, key_id, clock.now() + AGAIN, GiveUp("read a moment ago"))
        return found


def _note(site: Site, key_id: str, wrong: GiveUp | TryLater) -> None:
    """Remember why a key cannot be had, as long as that may stay so."""
    now = clock.now()
    if isinstance(wrong, TryLater):
        at = min(wrong.at or now + AWAY, now + AGAIN)
        _failed.note(site, key_id, at, TryLater(str(wrong), at))
    else:
        _failed.note(site, key_id, now + (GONE if isinstance(wrong, Vanished) else AGAIN), wrong)


async def _kept(site: Site, key_id: str) -> tuple[tuple[PublicKey, Actor] | None, bool]:
    """The key as it is here, and whether it was read so long ago that it may have been replaced."""
    async with site.db.read() as tx:
        query = select(Row, Actor).join(Actor, Actor.id == Row.actor_id)
        found = (await tx.execute(query.where(Row.uri == key_id, Actor.gone_at.is_(None)))).one_or_none()
        if found is None or await hosts.is_suspended(tx, origins.host(key_id)):
            return None, False
        is_old = found[0].fetched_at < clock.now() - people.OLD
        return (PublicKey(found[0].uri, found[0].kind, found[0].der), found[1]), is_old


async def _owner(site: Site, key_id: str) -> Actor:
    """Read the key at its address and then its owner at theirs; the owner's row, with the keys that their document lists.

    At a key's address lies the actor themselves (with a fragment in the id), a part of the actor (GoToSocial), or the key alone.
    """
    document, answered = await read(site, key_id)
    if _is_actor(document) and id_of(document) == origins.document(answered) == origins.document(plain(key_id)):
        return await people.put(site, parse.person(document, plain(key_id)))
    owner = _named(document)
    if origins.origin(owner) != origins.origin(key_id):
        raise GiveUp("The key lies on another server than its owner.")
    return await people.load(site, owner)


def _is_actor(document: Json) -> bool:
    return document.get("type") in ACTORS and "inbox" in document


def _named(document: Json) -> str:
    """Whose a key says that it is; only their own document decides. Raises GiveUp where it names nobody."""
    inner = document.get("publicKey")
    found = [inner.get("owner"), inner.get("controller")] if isinstance(inner, dict) else []
    found += [document.get("owner"), document.get("controller")]
    found += [document.get("id")] if document.get("type") in ACTORS else []
    for uri in found:
        if isinstance(uri, str) and uri:
            return origins.canonical(uri)
    raise GiveUp("The key does not say whose it is.")
