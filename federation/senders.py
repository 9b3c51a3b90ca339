"""The keys of our own actors, loaded once and kept at hand: loading one costs more than a hundred signatures."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import select

from server import clock, keys
from server.db import Database, Session
from server.models import Actor, Key
from server.site import Site

# A rotated key is used within this time; so many people's keys are kept.
KEPT, MOST = timedelta(minutes=5), 500


class Sender(NamedTuple):
    """With what one of our actors signs. The Ed25519 key is missing where nobody has made one yet."""

    rsa: RSAPrivateKey
    key_id: str
    ed25519: Ed25519PrivateKey | None
    ed25519_id: str
    loaded_at: datetime


_kept: WeakKeyDictionary[Database, OrderedDict[int, Sender]] = WeakKeyDictionary()


async def sender(site: Site, actor_id: int) -> Sender | None:
    """The newest keys of one of our actors; None where there is no such actor, or they have no key."""
    kept = _kept.setdefault(site.db, OrderedDict())
    known = kept.get(actor_id)
    if known is not None and timedelta(0) <= clock.now() - known.loaded_at < KEPT:
        return known
    found = await site.db.together(_rows, actor_id, reading=True)
    if found is None:
        return None
    actor, rows = found
    newest = {row.kind: row for row in rows}
    loaded: list[object] = [keys.load_private(site.secret, row) for row in newest.values()]
    rsa = next((key for key in loaded if isinstance(key, RSAPrivateKey)), None)
    ed25519 = next((key for key in loaded if isinstance(key, Ed25519PrivateKey)), None)
    if rsa is None:
        return None
    made = Sender(rsa, site.urls.main_key(actor), ed25519, site.urls.ed25519_key(actor), clock.now())
    kept[actor_id] = made
    kept.move_to_end(actor_id)
    while len(kept) > MOST:
        kept.popitem(last=False)
    return made


async def _rows(tx: Session, wanted: list[int]) -> list[tuple[Actor, list[Key]] | None]:
    local = select(Actor).where(Actor.id.in_(set(wanted)), Actor.uri.is_(None))
    people = {actor.id: actor for actor in await tx.scalars(local)}
    found: dict[int, list[Key]] = {}
    for key in await tx.scalars(select(Key).where(Key.actor_id.in_(list(people))).order_by(Key.id)):
        found.setdefault(key.actor_id, []).append(key)
    return [(people[number], found[number]) if number in found else None for number in wanted]
