"""How often something may be tried. Counted in the database, so that all processes of the house share one count.

A key is `action:who`. Only a hash of *who* is stored: counting needs neither addresses nor names. `window` is the Unix second at
which the count ends, so that `forget` needs no table of lengths.
"""

import hashlib
import ipaddress
from collections.abc import Iterable

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock
from server.db import insert_into
from server.errors import TooMany
from server.models import Throttle
from server.site import Site

# security.md, part D: how many tries in how many seconds. `-network` counts by address (row 62), the others by whom it is about
# (row 61).
#
# `login-account` is a choice between two harms. Whoever wants to can use up an account's tries and keep its owner from signing in
# until the hour is over; their open sessions stay, and a letter for a new password needs no sign-in. Counting by account and
# network together would give every rented machine 25 tries of its own at the same password.
LIMITS: dict[str, tuple[int, int]] = {
    "join-network": (5, 30 * 60),
    "join-email": (5, 30 * 60),
    "login-network": (25, 5 * 60),
    "login-account": (25, 60 * 60),
    "letter-network": (25, 5 * 60),
    "letter-email": (5, 30 * 60),
    "link-network": (25, 5 * 60),
    "link": (10, 5 * 60),
    "password-account": (25, 60 * 60),
    # An artist who brings a whole portfolio here uploads hundreds of pictures in an afternoon (docs/decisions/0014).
    "upload": (300, 30 * 60),
    # Looking up where somebody's own server lets them follow or like (ux.md 4.1): by who asks, and by the server that is asked.
    "intent-network": (10, 60),
    "intent-host": (60, 60),
    "report": (20, 60 * 60),
    # Nobody talks that fast; a script would.
    "text": (60, 10 * 60),
}
SENTENCE = "That was tried very often. Please wait a little and try again."
SENTENCES = {
    "upload": "Those were very many images in a short time. Wait a few minutes; what you added so far is kept.",
    "text": "Those were very many texts in a short time. Wait a few minutes and send it again.",
}


async def check(site: Site, key: str, limit: int, seconds: int, sentence: str = SENTENCE) -> None:
    """Count one more try of `key`, in a transaction of its own; raises TooMany above `limit` tries in `seconds` seconds.

    Tries above the limit count too: the limit does not become a rhythm.
    """
    async with site.db.write() as tx:
        tries = await count(tx, key, seconds)
    if tries > limit:
        raise TooMany(sentence, _end(seconds) - int(clock.now().timestamp()))


async def limit(site: Site, action: str, who: str) -> None:
    """`check` with the numbers of LIMITS; `who` is an address for `-network`, else an account, a person, an e-mail address or
    a link."""
    tries, seconds = LIMITS[action]
    key = f"{action}:{network(who) if action.endswith('-network') else who.lower()}"
    await check(site, key, tries, seconds, SENTENCES.get(action, SENTENCE))


async def count(tx: AsyncSession, key: str, seconds: int) -> int:
    """Count one more try of `key` in the caller's transaction; the number of tries in this window, this one included."""
    statement = insert_into(tx, Throttle).values(key=_stored(key), window=_end(seconds), count=1)
    statement = statement.on_conflict_do_update(
        index_elements=[Throttle.key, Throttle.window], set_={"count": Throttle.count + 1}
    )
    tries = await tx.scalar(statement.returning(Throttle.count))
    return int(tries or 0)


async def forget(tx: AsyncSession) -> None:
    """Remove counts whose window is over; for the hourly sweep."""
    await tx.execute(delete(Throttle).where(Throttle.window < int(clock.now().timestamp())))


def client(lines: Iterable[str], address: str, proxies: int) -> str:
    """Who is at the other end of a connection from `address`. X-Forwarded-For, of which these are the `lines`, counts only as
    many hops as there are proxies of ours (row 62)."""
    # Some proxies add a line of their own below what the client sent, others lengthen the client's: all lines are one list.
    hops = [hop.strip() for hop in ",".join(lines).split(",") if hop.strip()]
    return hops[-proxies][:60] if proxies and len(hops) >= proxies else address


def network(address: str) -> str:
    """Who an address stands for: one IPv4 address, or the /64 that a household gets with IPv6."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _stored(key: str) -> str:
    action, _, who = key.partition(":")
    return f"{action}:{hashlib.sha256(who.encode()).hexdigest()[:40]}"


def _end(seconds: int) -> int:
    now = int(clock.now().timestamp())
    return now - now % seconds + seconds
