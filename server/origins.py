"""Addresses of the web: one parser and one spelling for checking, comparing, storing and fetching, and which IPs are public.

Two parsers that read one address differently are a hole (security.md row 82), so nothing else here takes an address apart:
`canonical` writes it anew, and what it returned is what is compared, kept and fetched. It touches only what cannot matter to
the other side: case and script of the host, a trailing dot, the scheme's own port, bytes that must be escaped, an empty query or
fragment. Path and query stay as their owner spelled them, an empty path stays empty, and a fragment is kept: keys have them.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urljoin

import idna

from server.errors import GiveUp

LONGEST = 2048
LONGEST_HOST = 253
PORTS = {"https": 443, "http": 80}

# RFC 1123 letters, digits and hyphens; what DNS serves beyond that (underscores) names no web server.
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SHAPE = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#(.*))?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
# Controls, and the backslash, which browsers read as a slash and servers do not.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029]")
# Visible ASCII that stays as it is in a path, a query or a fragment; everything else is escaped as UTF-8.
_KEPT = "!$%&'()*+,-./:;=?@[]_|~"

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = ipaddress.IPv4Network | ipaddress.IPv6Network


class Refused(GiveUp):
    """An address that is not to be asked; the text says why, in words."""


class _Parts(NamedTuple):
    scheme: str
    name: str  # an IPv6 address in its brackets
    port: int
    rest: str  # path and query
    fragment: str

    @property
    def host(self) -> str:
        return self.name if self.port == PORTS[self.scheme] else f"{self.name}:{self.port}"

    @property
    def spelled(self) -> str:
        return f"{self.scheme}://{self.host}{self.rest}" + (f"#{self.fragment}" if self.fragment else "")


def canonical(url: str) -> str:
    """The one spelling of an http or https address, at most LONGEST characters. Raises Refused with the reason."""
    return _parse(url).spelled


def document(url: str) -> str:
    """The address to ask for `url`: canonical, without a fragment, its path at least a slash."""
    parts = _parse(url)
    slash = "" if parts.rest.startswith("/") else "/"
    return f"{parts.scheme}://{parts.host}{slash}{parts.rest}"


def origin(url: str) -> str:
    """Scheme and host of an address: who answers for it."""
    parts = _parse(url)
    return f"{parts.scheme}://{parts.host}"


def host(url: str) -> str:
    """The host of an address as a Host header names it: with its port where that is not the scheme's own.

    In public all is port 443, so that this is the name alone; only houses in private networks have ports.
    """
    return _parse(url).host


def name(url: str) -> str:
    """The host of an address without any port; an IPv6 address in its brackets."""
    return _parse(url).name


def port(url: str) -> int:
    """The port of an address, its scheme's own where it names none."""
    return _parse(url).port


def domain(text: str) -> str:
    """The host in a handle or in a rule about hosts, spelled as `host` spells it: no path, no user, nothing else.

    Raises Refused for what is more, or less, than a host (security.md row 77).
    """
    if re.search(r"[/?#@\\\s]", text):
        raise Refused("A host is a name such as art.example, and nothing more.")
    return _parse(f"https://{text}").host


def join(base: str, reference: str) -> str:
    """The canonical address that `reference` means in an answer from `base` (RFC 3986 5.2). Raises Refused."""
    _forbid(reference)
    try:
        return canonical(urljoin(base, reference))
    except ValueError as wrong:  # such as half a bracket
        raise Refused("The address cannot be read.") from wrong


def literal(url: str) -> Ip | None:
    """The IP address where the host of `url` is one, or None where it is a name."""
    named = _parse(url).name
    try:
        return ipaddress.ip_address(named.strip("[]"))
    except ValueError:
        return None


@lru_cache(8192)
def _parse(url: str) -> _Parts:
    if len(url) > LONGEST:
        raise Refused(f"The address is longer than {LONGEST} characters.")
    _forbid(url)
    found = _SHAPE.fullmatch(url)
    if not found:
        raise Refused("The address does not begin with https://.")
    scheme, authority, rest, fragment = found[1].lower(), found[2], found[3], found[4] or ""
    if rest.find("?") == len(rest) - 1:
        rest = rest.removesuffix("?")  # yarl would not send it
    if "@" in authority:
        raise Refused("The address holds a user name.")
    named = _AUTHORITY.fullmatch(authority)
    if not named:
        raise Refused("The host of the address cannot be read.")
    port = int(named[2]) if named[2] else PORTS[scheme]
    if not 1 <= port <= 65535:
        raise Refused("The port of the address cannot be.")
    if scheme == "http" and port == PORTS["https"]:
        # The gate admits public addresses at 443 alone; that this means TLS hangs on this line.
        raise Refused("Port 443 is for https.")
    try:
        parts = _Parts(scheme, _host(named[1]), port, quote(rest, _KEPT), quote(fragment, _KEPT))
    except UnicodeEncodeError as wrong:  # half of a surrogate pair
        raise Refused("The address holds something that is no character.") from wrong
    if len(parts.spelled) > LONGEST:
        raise Refused(f"The address is longer than {LONGEST} characters.")
    return parts


def _forbid(text: str) -> None:
    if _FORBIDDEN.search(text):
        raise Refused("The address holds a control character or a backslash.")


@lru_cache(maxsize=4096)
def _host(text: str) -> str:
    """A host in its one spelling: an IP address, or an LDH name in lower case with IDNA 2008 (UTS #46) applied."""
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1] if '%' not in text else '').compressed}]"
        except ValueError as wrong:
            raise Refused("The host is no IPv6 address.") from wrong
    if not text.isascii():
        if len(text) > LONGEST_HOST:
            raise Refused("The host is too long.")
        try:
            text = idna.encode(text, uts46=True).decode()
        except UnicodeError as wrong:
            raise Refused("The host is no international name.") from wrong
    text = text.lower().removesuffix(".")
    labels = text.split(".")
    if len(text) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("The host is no name such as art.example.")
    if not all(_is_international(label) for label in labels if label.startswith("xn--")):
        raise Refused("The host is no international name.")
    if _NUMBER.fullmatch(labels[-1]):
        # 127.1, 0x7f.1, 017700000001, 2130706433: inet_aton reads all of them, so only the plain form may pass.
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError as wrong:
            raise Refused("The host is a number that is no plain IPv4 address.") from wrong
    return text


def _is_international(label: str) -> bool:
    """Whether an A-label stands for exactly one name: Punycode (RFC 3492) of letters in the form to which UTS #46 brings them.

    Some registries hand out symbols, which IDNA 2008 leaves out; servers live there, so that an A-label may hold them.
    """
    try:
        meant = label[4:].encode("ascii").decode("punycode")
        is_one_form = idna.uts46_remap(meant, std3_rules=True, transitional=False) == meant
        return is_one_form and not meant.isascii() and f"xn--{meant.encode('punycode').decode()}" == label
    except UnicodeError:
        return False


# -- which addresses are public ------------------------------------------------------------------------------------------

# The special-purpose registries of IANA, and what clouds put beside them. `ipaddress.is_global` does not know all of them.
_SPECIAL_4 = tuple(
    (ipaddress.IPv4Network(cidr), words)
    for cidr, words in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "the network of a carrier"),
        ("127.0.0.0/8", "this machine"),
        ("168.63.129.16/32", "the services of a cloud"),
        ("169.254.0.0/16", "the local link"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
# Of IPv6 only this is handed out; everything beside it is special without being named.
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    (ipaddress.IPv6Network(cidr), words)
    for cidr, words in (
        ("2001::/23", "protocol assignments"),  # with Teredo, ORCHID and benchmarks
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def unwrapped(address: Ip) -> Ip:
    """The IPv4 address that an IPv4-mapped or NAT64 address stands for; any other address itself.

    IPv4-compatible, 6to4, Teredo and local NAT64 addresses lead nowhere on today's internet: `special` refuses them whole.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def special(address: Ip) -> str:
    """What an address that is not public belongs to, in words; empty for a public one (security.md row 72)."""
    address = unwrapped(address)
    if isinstance(address, ipaddress.IPv4Address):
        return next((words for network, words in _SPECIAL_4 if address in network), "")
    if address not in _GLOBAL_6:
        return "no public network"
    return next((words for network, words in _SPECIAL_6 if address in network), "")


def ranges(text: str) -> tuple[Range, ...]:
    """The networks of a comma-separated list of CIDRs, each wholly non-public.

    Raises ValueError with a sentence: a public network needs no permission, and 0.0.0.0/0 would open everything.
    """
    found = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            network = ipaddress.ip_network(piece)
        except ValueError as wrong:
            raise ValueError(f"{piece!r} is no network such as 10.0.0.0/8 or fd00::/8") from wrong
        if not _is_special(network):
            raise ValueError(f"{piece} holds public addresses, which need no permission")
        found.append(network)
    return tuple(found)


def within(address: Ip, networks: Sequence[Range]) -> bool:
    """Whether an address, unwrapped, lies in one of the networks."""
    address = unwrapped(address)
    return any(address in network for network in networks)


def _is_special(network: Range) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return any(network.subnet_of(other) for other, _ in _SPECIAL_4)
    return not network.overlaps(_GLOBAL_6) or any(network.subnet_of(other) for other, _ in _SPECIAL_6)
