"""Proof is a value: handlers take `Verified`, and only the inbox makes one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, update

from federation import remote
from federation.parse import Activity
from federation.remote.people import OLD
from server import clock
from server.db import Session
from server.models import Actor, HostLevel, Received, ReceivedState
from server.site import Site

_TABLE: Any = Received.__table__
# Built once: every activity that comes in ends with it. The row alone says that the activity was here.
_DONE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("number"))
    .values(state=ReceivedState.DONE, body=b"", reason="", attempts=_TABLE.c.attempts + 1)
)


@dataclass(frozen=True)
class Verified:
    """An activity of which it is proved that `activity.actor` said it: signed by a key of theirs, or proved by one."""

    activity: Activity
    received_id: int
    # The row of who did it, as it stood when the activity was read, or None.
    row: Actor | None = None
    # Whether a handler wrote down, together with what it did, that the activity is done.
    settled: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    @property
    def actor(self) -> str:
        """The uri of who did it."""
        return self.activity.actor

    @property
    def object(self) -> str:
        """The uri of what it is about. Raises ValueError where it names nothing; the inbox asked before."""
        return self.activity.object_id

    async def sender(self, site: Site) -> Actor:
        """Who did it: what stands here where it is of today and nothing speaks against them, else what `remote.actor` finds.

        Raises GiveUp and TryLater like that.
        """
        row = self.row
        if row is None or row.gone_at is not None or row.host_level is HostLevel.SUSPEND:
            return await remote.actor(site, self.actor)
        is_of_today = row.fetched_at is not None and clock.now() - row.fetched_at < OLD
        return row if is_of_today else await remote.actor(site, self.actor)

    @asynccontextmanager
    async def last(self, site: Site) -> AsyncGenerator[Session]:
        """A handler's last transaction: what the activity did and that it is done are one commit, and nothing is done twice
        because the server stopped in between. When it raises, the inbox writes down why."""
        async with site.db.write() as tx:
            yield tx
            await tx.execute(_DONE, {"number": self.received_id})
        self.settled.set()
