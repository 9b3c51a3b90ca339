"""How each server is spoken to: in which dialect, with which signature, and when it is left in peace. State is in `hosts`.

A host rests after a failure of the network, or of the server as a whole, and after five failures in a row of any kind; then one
delivery at a time asks whether it is back (security.md C3). A success wakes it, and so does a valid request from it: `heard`.
"""

import asyncio
import logging
import random
from collections.abc import Collection
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import select, update

from federation import receivers
from federation.vocabulary import READS_IMAGES, RFC9421, RFC9421_ED25519
from server import clock, jobs
from server.db import Database, Session, changed, insert_into
from server.errors import TryLater
from server.models import Dialect, Host, HostLevel, HostRule
from server.site import Site

log = logging.getLogger(__name__)

# What a server says of itself holds so long (federation.md D2).
KNOWN_FOR = timedelta(days=7)
# Pauses after the first, second, … failure in a row, then the last one again and again (security.md C3).
PAUSES = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)),
)
# Failures in a row of which none says that the whole server is away, until it rests nevertheless.
FAILURES = 5
# What another server asks us to wait is obeyed up to here.
LONGEST = timedelta(hours=24)
# A server that has failed for so long gets nothing new but what must not be missed (LASTING); its queue has ended.
DORMANT = timedelta(days=14)
# An administrator's pause is looked at again so often, should nobody wake the queue.
PAUSE = timedelta(hours=1)
# Hosts that answered within this time are served in the lane for the living (decision 24).
LIVELY = timedelta(hours=1)
# People who are named go before a crowd that has waited for less than this.
FRONT = timedelta(hours=1)
# How long a process trusts its list of resting hosts, how many of them it remembers, and how many it wakes at once.
FRESH, REMEMBERED, AT_ONCE = timedelta(seconds=30), 20_000, 50


# -- dialects ----------------------------------------------------------------------------------------------------------
def dialect(host: Host, *, warned: bool) -> Dialect:
    """The dialect in which `host` gets works; `warned` says that the work carries a content warning.

    First match wins: the administrator's choice, what the host declares (FEP-844e), the table of receivers, else a Note. Mastodon
    drops the warning of an Image, so that what is warned of goes there as a Note, whoever chose.
    """
    chosen = host.dialect
    if chosen is None and READS_IMAGES in host.implements:
        chosen = Dialect.IMAGE
    if chosen is None:
        chosen = receivers.read(host.software, host.version)
    return Dialect.NOTE if chosen is Dialect.IMAGE_MASTODON and warned else chosen


def is_known(host: Host | None) -> bool:
    """Whether what we know of a host's software is of this week."""
    return host is not None and host.asked_at is not None and host.asked_at > clock.now() - KNOWN_FOR


def families(host: Host | None) -> tuple[str, str]:
    """The signature family to try first with a host, and the one to try once after 400 or 401 (federation.md D5).

    "ed25519" is RFC 9421 with the actor's Ed25519 key: a tenth of the work, for hosts that declare that they read it.
    """
    accepted = host.signature if host else ""
    declared = host.implements if host else []
    if not accepted and RFC9421_ED25519 in declared:
        accepted = "ed25519"
    if not accepted and RFC9421 in declared:
        accepted = "rfc9421"
    accepted = accepted or "cavage"
    return accepted, "rfc9421" if accepted == "cavage" else "cavage"


# -- the breaker -------------------------------------------------------------------------------------------------------
def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, with a fifth of jitter."""
    return PAUSES[min(max(failures, 1), len(PAUSES)) - 1] * random.uniform(0.8, 1.2)  # jitter, not a secret


def is_lively(host: Host | None) -> bool:
    """Whether a host answered lately, so that nobody waits behind it."""
    return bool(host and host.failures == 0 and host.answered_at and host.answered_at > clock.now() - LIVELY)


def is_dormant(host: Host | None) -> bool:
    """Whether a host has failed for so long that only Deletes and the like are still kept for it."""
    return bool(host and host.failing_since and host.failing_since < clock.now() - DORMANT)


def check_awake(host: Host | None) -> None:
    """Raise TryLater with the reason while a host rests, or while an administrator lets nothing be sent to it."""
    if host is None:
        return
    if host.paused_at is not None:
        raise TryLater("An administrator has paused deliveries to this server.", clock.now() + PAUSE)
    if host.resting_until is not None and host.resting_until > clock.now():
        raise TryLater(host.reason or "This server rests.", host.resting_until)


async def note_success(tx: Session, names: Collection[str]) -> None:
    """These hosts answered, be it with a refusal: nothing stands against sending them more."""
    well = {"failures": 0, "failing_since": None, "resting_until": None, "reason": "", "answered_at": clock.now()}
    statement = update(Host).where(Host.name.in_(sorted(names))).values(**well)
    await tx.execute(statement.execution_options(synchronize_session=False))


def failed(host: Host, reason: str, *, whole: bool, wait: timedelta | None = None) -> datetime | None:
    """`host` failed once more; returns until when it rests, or None where it does not (security.md C3).

    `whole` says that the server as a whole is away rather than in trouble with one activity; `wait` is what it asked for.
    """
    now = clock.now()
    host.failures += 1
    host.failing_since = host.failing_since or now
    host.reason = reason[:500]
    if wait is not None:
        host.resting_until = now + min(wait, LONGEST)
    elif whole:
        host.resting_until = now + pause(host.failures)
    elif host.failures >= FAILURES:
        host.resting_until = now + pause(host.failures - FAILURES + 1)
    return host.resting_until if host.resting_until and host.resting_until > now else None


async def know(tx: Session, names: Collection[str]) -> None:
    """Make sure that these hosts have a row."""
    rows = [{"name": name, "implements": []} for name in sorted(names)]
    if rows:
        await tx.execute(insert_into(tx, Host).on_conflict_do_nothing(), rows)


async def suspended(tx: Session, names: Collection[str]) -> set[str]:
    """Which of these hosts the house exchanges nothing with; a rule holds for every name below it."""
    above = {name: parents(name) for name in names}
    wanted = sorted({parent for chain in above.values() for parent in chain})
    found: set[str] = set()
    for start in range(0, len(wanted), jobs.CHUNK):
        chunk = wanted[start : start + jobs.CHUNK]
        rules = select(HostRule.host).where(HostRule.host.in_(chunk), HostRule.level == HostLevel.SUSPEND)
        found |= set(await tx.scalars(rules))
    return {name for name, chain in above.items() if found & set(chain)}


def parents(name: str) -> list[str]:
    """A host's name, without its port as well, and every name above it: the places where a rule for it may stand."""
    bare = name if name.endswith("]") else name.rpartition(":")[0] or name
    labels = bare.split(".")
    return list(dict.fromkeys([name, *(".".join(labels[start:]) for start in range(len(labels)))]))


# -- hearing from a host -------------------------------------------------------------------------------------------------
class _Watch:
    """Which hosts rest, as this process last read it: asked at every valid request from outside, read now and then."""

    def __init__(self) -> None:
        self.resting: set[str] = set()
        self.read_at: datetime | None = None
        self.reading = asyncio.Lock()
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def is_fresh(self) -> bool:
        now = clock.now()
        return self.read_at is not None and timedelta(0) <= now - self.read_at < FRESH


_watches: WeakKeyDictionary[Database, _Watch] = WeakKeyDictionary()


def heard(site: Site, host: str) -> None:
    """A valid request came from `host`: it is not away. Wakes what waits for it.

    Costs a look into a set unless the host rests; what it writes it writes by itself, for nobody to wait for.
    """
    watch = _watches.get(site.db)
    if watch is None:
        watch = _watches[site.db] = _Watch()
    if (watch.is_fresh() and host not in watch.resting) or len(watch.tasks) >= AT_ONCE or host in watch.tasks:
        return
    watch.tasks[host] = task = asyncio.create_task(_wake(site, watch, host))
    task.add_done_callback(lambda _: watch.tasks.pop(host, None))


async def _wake(site: Site, watch: _Watch, host: str) -> None:
    try:
        async with watch.reading:
            if not watch.is_fresh():
                rests = select(Host.name).where(Host.resting_until > clock.now()).limit(REMEMBERED)
                async with site.db.read() as tx:
                    watch.resting = set(await tx.scalars(rests))
                watch.read_at = clock.now()
        if host in watch.resting:
            async with site.db.write() as tx:
                await wake(tx, host)
            watch.resting.discard(host)
            log.info("host heard from", extra={"host": host})
    except Exception:
        log.exception("cannot wake deliveries", extra={"host": host})


async def wake(tx: Session, name: str) -> None:
    """End the rest of a host and let its queue begin now. Since when it fails is forgotten only when it takes something."""
    awake = {"failures": 0, "resting_until": None, "heard_at": clock.now()}
    statement = update(Host).where(Host.name == name).values(**awake)
    if await changed(tx, statement.execution_options(synchronize_session=False)):
        await jobs.wake(tx, jobs.Deliver(name).key)
