"""Public keys of other servers: from the cache, else fetched; believed only where key and owner name each other.

Rows of security.md A1: 2 (never the `owner` of a key alone), 13 (one new reading in five minutes, however many signatures do not
fit), 14 (a dead key id is remembered), 15 (a server that is away is no reason to refuse for good).
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
        kept = await _kept(site, key_id)
        if kept is not None and (not refetch or _refetched.of(site, key_id)):
            return kept
        if (reason := _failed.of(site, key_id)) is not None:
            raise reason
        if refetch:
            _refetched.note(site, key_id, clock.now() + AGAIN, GiveUp("read a moment ago"))
        try:
            owner = await _owner(site, key_id)
        except Vanished as gone:
            _failed.note(site, key_id, clock.now() + GONE, gone)
            raise
        except GiveUp as wrong:
            _failed.note(site, key_id, clock.now() + AGAIN, wrong)
            raise
        except TryLater as later:
            at = min(later.at or clock.now() + AWAY, clock.now() + AGAIN)
            _failed.note(site, key_id, at, TryLater(str(later), at))
            raise
        found = await _kept(site, key_id)
        if found is None or found[1].id != owner.id:
            unlisted = GiveUp("The owner of this key does not list it.")
            _failed.note(site, key_id, clock.now() + AGAIN, unlisted)
            raise unlisted
        # What was read at this moment need not be read again because a signature does not fit.
        _refetched.note(site, key_id, clock.now() + AGAIN, GiveUp("read a moment ago"))
        return found


async def _kept(site: Site, key_id: str) -> tuple[PublicKey, Actor] | None:
    async with site.db.read() as tx:
        query = select(Row, Actor).join(Actor, Actor.id == Row.actor_id)
        found = (await tx.execute(query.where(Row.uri == key_id, Actor.gone_at.is_(None)))).one_or_none()
        if found is None or await hosts.is_suspended(tx, origins.host(key_id)):
            return None
        return PublicKey(found[0].uri, found[0].kind, found[0].der), found[1]


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
