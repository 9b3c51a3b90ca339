"""Who asks, how often they may, and who is kept out for a while: in the memory of this process, and never more of it than said.

Nothing here is written down anywhere: the numbers are of one process and gone when it ends. What must be counted exactly, such as
tries at a password, is counted in the database (server.throttle).
"""

import ipaddress
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

# Networks in which nobody is told apart: our own machine, a proxy that nobody counted in `server.proxies`, a provider's own net.
# Keeping one of them out could keep everybody out.
INSIDE = {
    4: [ipaddress.ip_network(net) for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    )],
    6: [ipaddress.ip_network(net) for net in ("::/127", "fc00::/7", "fe80::/10")],
}  # fmt: skip
# Some proxies add the port.
PORT = re.compile(r"((?:\d{1,3}\.){3}\d{1,3}):\d{1,5}|\[([0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?")
WINDOW = 60.0  # seconds of which a pace speaks
MOST = 20_000  # networks that each count remembers; some 3 MB


@dataclass(frozen=True)
class Place:
    """Where a request comes from, as far as it is looked at."""

    own: str  # one IPv4 address, or the /64 that a household gets with IPv6
    wide: str  # the /24 or /48 around it


@lru_cache(8192)
def place(address: str) -> Place | None:
    """The place of an address; None for what is none, and for one in which nobody can be told apart (INSIDE)."""
    if bare := PORT.fullmatch(address):
        address = bare[1] or bare[2]
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if any(parsed in net for net in INSIDE[parsed.version]):
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        own, wide = (str(ipaddress.ip_network((parsed, bits), strict=False)) for bits in (64, 48))
        return Place(own, wide)
    own = str(parsed)
    return Place(own, f"{own.rpartition('.')[0]}.0/24")


class Pace:
    """At most `per_minute` in any minute for each key, as a steady flow with room for all of them at once.

    It keeps one number for each key: the moment at which what was taken is paid off (the generic cell rate algorithm).
    """

    def __init__(self, per_minute: int, most: int = MOST) -> None:
        self.each = WINDOW / per_minute if per_minute else 0.0
        self.most = most
        self.paid: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until one more may pass; 0 where it may at once."""
        paid = self.paid.get(key, now)
        # Somebody set the clock back: nobody waits for the time that is to come twice.
        ahead = paid - now if paid - now <= 2 * WINDOW else 0.0
        return max(0.0, ahead + self.each - WINDOW)

    def take(self, key: str, now: float) -> None:
        """Count one that passed."""
        paid = self.paid.get(key, now)
        self.paid[key] = (paid if now < paid <= now + 2 * WINDOW else now) + self.each
        self.paid.move_to_end(key)
        if len(self.paid) > self.most:
            self.paid.popitem(last=False)


class Paces:
    """The pace of an address and of the network around it, which has `neighbours` times as much."""

    def __init__(self, per_minute: int, neighbours: int) -> None:
        self.is_on = per_minute > 0
        self.own, self.wide = Pace(per_minute), Pace(per_minute * neighbours)

    def wait(self, of: Place, now: float) -> float:
        """Seconds until one more may pass; 0 where it may at once."""
        return max(self.own.wait(of.own, now), self.wide.wait(of.wide, now)) if self.is_on else 0.0

    def take(self, of: Place, now: float) -> None:
        """Count one that passed."""
        if self.is_on:
            self.own.take(of.own, now)
            self.wide.take(of.wide, now)


class Bans:
    """Networks that are kept out, each until a moment of its own; of too many the oldest goes first."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.until: OrderedDict[str, float] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self.until)

    def add(self, key: str, until: float) -> None:
        """Keep `key` out until then (Unix seconds)."""
        self.until[key] = until
        self.until.move_to_end(key)
        if len(self.until) > self.most:
            self.until.popitem(last=False)

    def end(self, key: str, now: float) -> float:
        """Until when `key` is kept out; 0 where it is not."""
        until = self.until.get(key, 0.0)
        if until and until <= now:
            del self.until[key]
            return 0.0
        return until
