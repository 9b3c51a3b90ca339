"""The gate: which addresses are asked, judged where sockets are made."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from weakref import WeakSet

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from server import origins
from server.origins import Ip, Range, Refused

log = logging.getLogger(__name__)

# Seconds that a name server gets (security.md C3).
DNS = 5
# The IP addresses of a name; may block, and raises OSError where there are none.
Lookup = Callable[[str], Sequence[str]]


class Shut(OSError):
    """The gate did not make this socket. One text for all, so that the caller's errors for several addresses stay this one."""

    def __init__(self) -> None:
        super().__init__("not a public address")


class Gate:
    """Open towards public addresses at port 443, and towards any port in the `private` ranges."""

    def __init__(self, private: Sequence[Range] = ()) -> None:
        self._private = tuple(private)
        self._sockets: WeakSet[_Counted] = WeakSet()
        # Nothing that this is decided by changes; the socket is judged anew every time.
        self._permitted = lru_cache(8192)(self._refusal)

    @property
    def open_sockets(self) -> int:
        """How many connections are open, in use or idle."""
        return len(self._sockets)

    def permit(self, address: str) -> None:
        """Refuse what can be refused before any connection: scheme, port, and a host that is an IP address already."""
        if reason := self._permitted(origins.origin(address)):
            raise Refused(reason)

    def _refusal(self, origin: str) -> str:
        if not self._private and origin != f"https://{origins.name(origin)}":
            return "Other servers are asked by https on port 443 alone."
        literal = origins.literal(origin)
        return self.shut(literal, origins.port(origin)) if literal else ""

    def shut(self, address: Ip, port: int) -> str:
        """Why no connection is made there, in a sentence; empty where the gate is open."""
        if origins.within(address, self._private):
            return ""
        if words := origins.special(address):
            return f"{address} is not a public address: {words}."
        return "" if port == 443 else f"Port {port} of a public address is not asked, 443 alone."

    def socket(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for one last address; every connection that leads out begins here. Raises Shut."""
        family, kind, protocol, _, where = info
        if reason := self.shut(ipaddress.ip_address(where[0]), int(where[1])):
            log.warning("connection refused at the gate", extra={"reason": reason})
            raise Shut
        return _Counted(family, kind, protocol, among=self._sockets)


class _Counted(socket.socket):
    """A socket that is among the open ones until it is closed, or lost."""

    def __init__(self, *kind: int, among: "WeakSet[_Counted]") -> None:
        super().__init__(*kind)
        self._among = among
        among.add(self)

    def close(self) -> None:
        self._among.discard(self)
        super().close()


class Resolver(AbstractResolver):
    """Asks the system for a name, in threads of its own so that a dead name server stops nobody else's work.

    A name that leads to no open address is refused with words; of several addresses only the open ones are tried. The gate
    asks again all the same: an answer may have changed on the way (row 73).
    """

    def __init__(self, lookup: Lookup, gate: Gate) -> None:
        self._lookup = lookup
        self._gate = gate
        self._threads = ThreadPoolExecutor(32, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DNS):
                answers = await loop.run_in_executor(self._threads, self._lookup, host)
        except TimeoutError as late:
            raise OSError(f"no answer within {DNS} seconds") from late
        addresses = [ipaddress.ip_address(answer) for answer in answers]
        reasons = [self._gate.shut(address, port) for address in addresses]
        if addresses and all(reasons):
            raise Refused(f"{host} leads to an address that is not asked. {reasons[0]}")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, reason in zip(addresses, reasons, strict=True)
            if not reason
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def system(name: str) -> list[str]:
    """What the system says: hosts file, name servers, in its order of preference."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
