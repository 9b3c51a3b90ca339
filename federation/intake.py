"""What one process keeps of its senders while they wait: how much each may send, keys that verified, the rules for hosts; and the
one commit in which all is written down that came during the last.

Nothing here asks the network. It is memory: after a restart everybody begins anew.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from federation import arrivals
from federation.parse.activities import Envelope
from federation.signatures import BadSignature, Claim
from server import clock, hosts, ids
from server.elsewhere import PublicKey
from server.errors import Forbidden, TooMany, TryLater
from server.models import Actor
from server.site import Site

log = logging.getLogger(__name__)

# Activities that wait for their commit; beyond that the sender is asked to come again (P10).
WAITING = 4000
BATCH = 200
# How long a process trusts what it knows of the rules for hosts, and of a key that verified.
RULES = timedelta(seconds=2)
REMEMBERED = timedelta(seconds=60)


@dataclass
class Bucket:
    """What one host may still send: filled with time."""

    left: float
    at: float  # seconds


@dataclass
class Budget:
    """How much may come (security.md, table D): 300 a minute with bursts of 1,000, and 20 from who has not proved who they are.

    Counted under two names: a host together with the address that a request comes from, before its signature is checked, since
    anybody can name a host; and the host alone, for what it did sign. Bounded: the names that were silent longest are forgotten
    first (row 96).
    """

    most: int = 10_000
    buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)
    known: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def take(self, host: str, *, proved: bool = False) -> None:
        """One request of `host`; raises TooMany."""
        per_minute, burst = (300.0, 1000.0) if proved or host in self.known else (20.0, 20.0)
        now = clock.now().timestamp()
        bucket = self.buckets.get(host)
        if bucket is None:
            bucket = self.buckets[host] = Bucket(burst, now)
            while len(self.buckets) > self.most:
                self.buckets.popitem(last=False)
        else:
            self.buckets.move_to_end(host)
        bucket.left = min(burst, bucket.left + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        if bucket.left < 1:
            raise TooMany("Your server sends more than this one can read.", int(60 / per_minute) + 1)
        bucket.left -= 1

    def know(self, host: str) -> None:
        """`host` proved who it is."""
        if host in self.known:
            self.known.move_to_end(host)
            return
        self.buckets.pop(host, None)
        self.known[host] = None
        while len(self.known) > self.most:
            self.known.popitem(last=False)


class Intake:
    """What one process knows of its senders, and how it writes what they send: in one commit all that came while the last one was
    written.

    Keys that verified a moment ago and the rules for hosts are kept for a few seconds, so that a sender who is known costs one
    signature and no question to the database.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        base = urlsplit(site.urls.base)
        self.ours, self.scheme = frozenset({base.netloc.lower()}), base.scheme
        self.budget = Budget()
        self._signers: OrderedDict[str, tuple[PublicKey, str, datetime]] = OrderedDict()
        self._suspended: frozenset[str] = frozenset()
        self._ruled_at: datetime | None = None
        self._ruling = asyncio.Lock()
        self._waiting: list[tuple[arrivals.Arrival, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def check_host(self, host: str) -> None:
        """Raises Forbidden for a host, or one below a name, that a rule suspends; a rule holds here within RULES."""
        if not self._knows_rules():
            async with self._ruling:  # of all that come at this moment, one asks
                if not self._knows_rules():
                    now = clock.now()
                    async with self.site.db.read() as tx:
                        self._suspended = await hosts.suspended_names(tx)
                    self._ruled_at = now
        if self._suspended and not self._suspended.isdisjoint(hosts.names(host)):
            raise Forbidden("This server does not exchange anything with yours.")

    def _knows_rules(self) -> bool:
        return self._ruled_at is not None and abs(clock.now() - self._ruled_at) <= RULES

    def known_signer(self, claim: Claim) -> str:
        """The uri of whoever signed, where their key was used a moment ago and fits; empty says nothing against it."""
        key, uri, until = self._signers.get(claim.keyid, (None, "", None))
        if key is None or until is None or until < clock.now():
            return ""
        try:
            claim.verify(key)
        except BadSignature:
            return ""
        return uri

    def remember_signer(self, key: PublicKey, owner: Actor) -> str:
        """Keep a key that just verified, for REMEMBERED; the uri of its owner."""
        uri = owner.uri or ""
        self._signers[key.uri] = (key, uri, clock.now() + REMEMBERED)
        self._signers.move_to_end(key.uri)
        while len(self._signers) > self.budget.most:
            self._signers.popitem(last=False)
        return uri

    async def put(self, activity: Envelope, body: bytes) -> None:
        """Remember the activity and the job that does it; returns once both are committed. Raises TryLater when too many wait."""
        if len(self._waiting) >= WAITING:
            raise TryLater(
                "This server has more to read than it can write down. Please come again.", clock.after(seconds=30)
            )
        row = arrivals.Arrival(ids.new(), activity.actor, activity.id, activity.type[:60], body)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                await arrivals.write(self.site.db, [row for row, _ in batch])
            except Exception as wrong:  # whoever sent it is told to come again: nothing is lost
                log.exception("cannot write down what arrived")
                for _, done in batch:
                    if not done.done():
                        later = TryLater("This server cannot write at the moment.", clock.after(seconds=30))
                        later.__cause__ = wrong
                        done.set_exception(later)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
