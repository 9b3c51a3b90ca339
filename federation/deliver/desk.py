"""What a process keeps at hand while it sends: bodies as bytes, and the hand that signs, many at a time, outside the loop."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import select

from federation.deliver.queue import Waiting
from server.db import Batch, Database, Session
from server.models import Activity
from server.site import Site


class Desk:
    """One process's desk. The oldest bodies are thrown away first."""

    BODIES, BYTES = 500, 20_000_000

    def __init__(self) -> None:
        self.bodies: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self.size = 0
        self.signing: Batch[Callable[[], dict[str, str]], dict[str, str]] = Batch(_in_a_thread, 64)

    def keep(self, key: tuple[int, str], body: bytes) -> None:
        if key not in self.bodies:
            self.bodies[key] = body
            self.size += len(body)
        while len(self.bodies) > self.BODIES or self.size > self.BYTES:
            self.size -= len(self.bodies.popitem(last=False)[1])


_desks: WeakKeyDictionary[Database, Desk] = WeakKeyDictionary()


async def _in_a_thread(makers: list[Callable[[], dict[str, str]]]) -> list[dict[str, str]]:
    return await asyncio.to_thread(lambda: [make() for make in makers])


def as_bytes(document: Any) -> bytes:
    """A stored document as it goes out: the same bytes every time, since it is never rendered anew."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def _bodies(tx: Session, wanted: list[tuple[int, str]]) -> list[bytes | None]:
    numbers = {activity_id for activity_id, _ in wanted}
    rows = await tx.execute(select(Activity.id, Activity.bodies).where(Activity.id.in_(numbers)))
    found = {row.id: row.bodies for row in rows}
    made: dict[tuple[int, str], bytes] = {}
    for activity_id, dialect in set(wanted):
        document = found.get(activity_id, {}).get(dialect)
        if document is not None:
            made[activity_id, dialect] = as_bytes(document)
    return [made.get(key) for key in wanted]


def at(site: Site) -> Desk:
    """The desk of this process."""
    return _desks.setdefault(site.db, Desk())


async def body(site: Site, row: Waiting) -> bytes | None:
    """The bytes of a waiting activity; None where it is gone."""
    desk = at(site)
    key = (row.activity_id, row.dialect)
    found = desk.bodies.get(key)
    if found is None:
        found = await site.db.together(_bodies, key, reading=True)
        if found is not None:
            desk.keep(key, found)
    return found
