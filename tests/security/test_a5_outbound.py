"""security.md A5: what must never leave this server, or come back into it. Rows 79 and 80 belong to what builds on this.

That nothing was sent is proved twice: a listening socket that nobody reached, and the interpreter's own audit of `connect`.
"""

import ast
import asyncio
import datetime
import gzip
import ipaddress
import socket
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import federation.transport
from federation.transport import TOTAL, Refused, Transport, Unfit, Unreachable
from federation.transport.gate import DNS, Gate, Resolver, Shut
from server import clock
from server.origins import ranges, special
from tests.neighbours import Asked, growth, neighbour, reply

ROOT = Path(__file__).parents[2]
HERE = ranges("127.0.0.0/8")

# Every special-purpose range of the registries, its edges, its disguises, and what clouds hide behind.
SPECIAL = [
    "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "100.100.100.200", "127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254",
    "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.170",
    "192.0.0.192", "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.0",
    "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255", "::", "::1", "::2", "::7f00:1",
    "::169.254.169.254", "::8.8.8.8", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:192.168.1.1", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1:ffff::8.8.8.8", "100::1", "100:0:0:1::1",
    "1fff:ffff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1::1", "2001:2::1", "2001:3::1",
    "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2001:db8::1", "2001:db8:ffff::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1",
    "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe00::1", "fe80::1",
    "febf:ffff::1", "fec0::1", "feff::1", "ff00::1", "ff02::1", "ff0e::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8", "2000::1", "2001:200::1", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700::1111",
    "2a00:1450::1", "2c0f:ffff::1", "3ffe::1", "3fff:1000::1",
]  # fmt: skip


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


# -- proof that nothing left -----------------------------------------------------------------------------------------------

_connects: list[Any] = []
_watching = False


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watching and event == "socket.connect":
        _connects.append(args[1])


sys.addaudithook(_audit)


@contextmanager
def watched() -> Iterator[list[Any]]:
    """Every address that this process tries to connect to inside."""
    global _watching
    _connects.clear()
    _watching = True
    try:
        yield _connects
    finally:
        _watching = False


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A listening socket on every address of this machine that never accepts by itself."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        listening.setblocking(False)
        yield listening


def is_untouched(trap: socket.socket) -> bool:
    try:
        trap.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.fixture
async def closed() -> AsyncIterator[Transport]:
    """A transport as production has it: nothing private is open. Names lead where the test says."""
    made = Transport(user_agent="test", lookup=names.__getitem__)
    yield made
    await made.close()


@pytest.fixture
async def opened() -> AsyncIterator[Transport]:
    """A transport that may speak to this machine."""
    made = Transport(user_agent="test", private=HERE, lookup=names.__getitem__)
    yield made
    await made.close()


names: dict[str, list[str]] = {}


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    names.clear()


# -- rows 72 to 78: where to -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PUBLIC)
def test_row_72_public_addresses_are_public(address: str) -> None:
    """Else the rest of this table would pass with a gate that is always shut."""
    assert special(ipaddress.ip_address(address)) == ""
    assert Gate().shut(ipaddress.ip_address(address), 443) == ""
    assert "443 alone" in Gate().shut(ipaddress.ip_address(address), 80)


async def test_row_72_special_addresses_cause_no_connection(closed: Transport, trap: socket.socket) -> None:
    assert len(SPECIAL) >= 60
    with watched() as connects:
        for number, address in enumerate(SPECIAL):
            assert special(ipaddress.ip_address(address)), address
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with pytest.raises(Shut):
                Gate().socket((family, socket.SOCK_STREAM, 6, "", (address, 443)))
            names[f"n{number}.test"] = [address]
            for host in (literal(address), f"n{number}.test", f"{literal(address)}:{trap.getsockname()[1]}"):
                for scheme in ("https", "http"):
                    with pytest.raises(Refused):
                        await closed.get(f"{scheme}://{host}/")
                    with pytest.raises(Refused):
                        await closed.post(f"{scheme}://{host}/", b"{}")
    assert connects == [] and is_untouched(trap)


async def test_row_72_the_proof_can_fail(opened: Transport, trap: socket.socket) -> None:
    with watched() as connects:
        with pytest.raises(Unreachable):
            await opened.get(f"http://127.0.0.1:{trap.getsockname()[1]}/", total=0.2)
    assert len(connects) == 1 and not is_untouched(trap)


async def test_row_72_an_open_range_opens_nothing_else(trap: socket.socket) -> None:
    narrow = Transport(user_agent="test", private=ranges("127.0.0.2/32"))
    port = trap.getsockname()[1]
    with watched() as connects:
        for host in (
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[::127.0.0.2]",
            "[2002:7f00:2::]",
            "10.0.0.1",
        ):
            with pytest.raises(Refused, match="is not a public address"):
                await narrow.get(f"http://{host}:{port}/")
        for url in ("http://8.8.8.8/", "https://8.8.8.8:8443/", "https://[2606:4700::1111]:80/"):
            with pytest.raises(Refused, match="443 alone"):
                await narrow.get(url)
        assert connects == []
        for host in ("127.0.0.2", "[::ffff:127.0.0.2]"):
            with pytest.raises(Unreachable):
                await narrow.get(f"http://{host}:{port}/", total=0.2)
    await narrow.close()


async def test_row_73_a_name_is_resolved_once_and_what_was_checked_is_what_is_asked() -> None:
    answers = [["127.0.0.2"], ["127.0.0.1"]]
    asked_names: list[str] = []

    def rebinding(name: str) -> list[str]:
        asked_names.append(name)
        return answers[len(asked_names) - 1]

    narrow = Transport(user_agent="test", private=ranges("127.0.0.2/32"), lookup=rebinding)
    async with neighbour(lambda _: reply(200, b"ok", Connection="close")) as other:
        with watched() as connects:
            assert (await narrow.get(other.url(host="rebind.test"))).status == 200
            assert asked_names == ["rebind.test"], "between check and connection nobody asks again"
            with pytest.raises(Refused, match=r"rebind.test leads to .* 127.0.0.1 is not a public address"):
                await narrow.get(other.url(host="rebind.test"))
        assert [asked.address for asked in other.asked] == ["127.0.0.2"]
        assert connects == [("127.0.0.2", other.port)]
    await narrow.close()


@pytest.mark.parametrize(
    "mixed",
    [["::1", "127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1", "10.0.0.1"], ["::ffff:127.0.0.1", "127.0.0.2"]],
)
async def test_row_73_of_mixed_answers_only_open_addresses_are_asked(mixed: list[str]) -> None:
    narrow = Transport(user_agent="test", private=ranges("127.0.0.2/32"), lookup=lambda _: mixed)
    async with neighbour(lambda _: reply(200, b"ok")) as other:
        with watched() as connects:
            await narrow.get(other.url(host="mixed.test"))
        assert connects == [("127.0.0.2", other.port)]
    async with neighbour(lambda _: reply(200, b"ok")) as other:
        port = other.port
    with watched() as connects:  # the open address refuses: the others are no second choice
        with pytest.raises(Unreachable):
            await narrow.get(f"http://mixed.test:{port}/")
    assert connects == [("127.0.0.2", port)]
    await narrow.close()


async def test_row_73_and_74_the_socket_is_the_gate(monkeypatch: pytest.MonkeyPatch, trap: socket.socket) -> None:
    """Both earlier looks taken away, as if a parser or a resolver had been fooled: still nothing leaves."""

    async def fooled(self: Resolver, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        made = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 6, "flags": socket.AI_NUMERICHOST}
        return [{**made, "host": address} for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254")]

    monkeypatch.setattr(Resolver, "resolve", fooled)
    monkeypatch.setattr(Gate, "permit", lambda self, address: None)
    transport = Transport(user_agent="test")
    port = trap.getsockname()[1]
    with watched() as connects:
        for host in ("fooled.test", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "１２７.０.０.１"):
            for url in (f"http://{host}:{port}/", f"https://{host}/"):
                with pytest.raises(Refused, match="not at a public address"):
                    await transport.get(url)
    assert connects == [] and is_untouched(trap)
    await transport.close()


LITERALS = [
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1",
    "017700000001", "0x7f.0.0.0x1", "00000127.0.0.1", "127.0.0.01", "0", "0.0.0.0", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]",
    "127.0.0.1%00.art.test", "localhost", "LOCALHOST.",
    "１２７.０.０.１", "１２７。０。０。１", "127．0．0．1", "⑫７.0.0.1",
]  # fmt: skip


async def test_row_74_no_spelling_of_a_literal_gets_through(closed: Transport, trap: socket.socket) -> None:
    names["localhost"] = ["127.0.0.1", "::1"]
    narrow = Transport(user_agent="test", private=ranges("127.0.0.2/32"), lookup=names.__getitem__)
    with watched() as connects:
        for spelled in LITERALS:
            for transport in (closed, narrow):
                for url in (
                    f"https://{spelled}/",
                    f"http://{spelled}:{trap.getsockname()[1]}/",
                    f"https://{spelled}:{trap.getsockname()[1]}/",
                ):
                    with pytest.raises(Refused):
                        await transport.get(url)
    assert connects == [] and is_untouched(trap)
    await narrow.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_row_75_every_hop_of_a_redirect_meets_the_gate(status: int, trap: socket.socket) -> None:
    narrow = Transport(user_agent="test", private=ranges("127.0.0.2/32"), lookup=names.__getitem__)
    names["inside.test"] = ["127.0.0.1"]
    port = trap.getsockname()[1]
    targets = [
        f"http://127.0.0.1:{port}/", f"http://inside.test:{port}/", f"//127.0.0.1:{port}/", f"http://[::1]:{port}/",
        "https://169.254.169.254/latest/meta-data/", f"https://8.8.8.8:{port}/", "http://8.8.8.8/", "ftp://8.8.8.8/",
        "file:///etc/passwd", "data:application/json,{}", "javascript:alert(1)", "gopher://8.8.8.8/", "https://a:b@8.8.8.8/", "https://127.0.0.2\\@8.8.8.8/",
        f"http://１２７.0.0.1:{port}/", "https://0x7f.1/", "https://", "https:///",
    ]  # fmt: skip

    def answer(asked: Asked) -> bytes:
        where = targets[int(asked.target.strip("/"))].encode().decode("latin-1")
        return b"HTTP/1.1 %d Go\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % (status, where.encode("latin-1"))

    async with neighbour(answer) as other:
        with watched() as connects:
            for number in range(len(targets) - 2):
                with pytest.raises(Refused):
                    await narrow.get(other.url(f"/{number}", "127.0.0.2"))
        assert set(connects) == {("127.0.0.2", other.port)} and is_untouched(trap)
        assert len(other.asked) == len(targets) - 2, "each was asked once, and answered with a redirect"
    await narrow.close()


async def test_row_75_three_hops_and_no_more(opened: Transport) -> None:
    def answer(asked: Asked) -> bytes:
        left = int(asked.target.strip("/"))
        return reply(302, Location=f"{left - 1}") if left else reply(200, b"arrived")

    async with neighbour(answer) as other:
        arrived = await opened.get(other.url("/3"))
        assert (arrived.body, arrived.url) == (b"arrived", other.url("/0"))
        other.asked.clear()
        with pytest.raises(Unfit, match="redirects more than 3 times"):
            await opened.get(other.url("/100"))
        assert len(other.asked) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_row_75_a_signed_post_is_never_redirected(status: int, opened: Transport) -> None:
    async with neighbour(lambda _: reply(status, Location="/elsewhere")) as other:
        answer = await opened.post(other.url("/inbox"), b"{}", headers={"Signature": "s"})
        assert (answer.status, answer.headers["location"]) == (status, "/elsewhere")
        assert [asked.target for asked in other.asked] == ["/inbox"]


async def test_row_76_every_way_out_meets_the_same_gate(closed: Transport, trap: socket.socket, tmp_path: Path) -> None:
    """Whatever an address was found in (nodeinfo, webfinger, icon, preview, list), one of these three asks for it."""
    names["inside.test"] = ["127.0.0.1"]
    urls = [
        "data:application/json,{}",
        "https://inside.test/",
        "https://127.0.0.1/",
        "http://art.test/",
        f"https://art.test:{trap.getsockname()[1]}/",
    ]
    ways = [
        name for name, way in vars(Transport).items() if not name.startswith("_") and callable(way) and name != "close"
    ]
    assert sorted(ways) == ["download", "get", "post"], "a new way out belongs into this test"
    with watched() as connects:
        for url in urls:
            with pytest.raises(Refused):
                await closed.get(url)
            with pytest.raises(Refused):
                await closed.post(url, b"{}", headers={})
            with pytest.raises(Refused):
                await closed.download(url, tmp_path / "picture")
    assert connects == [] and is_untouched(trap) and not list(tmp_path.iterdir())


CLIENTS = ("aiohttp", "yarl", "urllib.request", "http.client", "httpx", "httpcore", "requests", "urllib3", "pycurl", "ftplib",
           "websockets", "bovine.clients", "asyncio.open_connection")  # fmt: skip


def test_row_78_exactly_one_package_imports_an_http_client() -> None:
    importers: dict[str, set[str]] = {}
    for folder in ("server", "federation", "web", "templates"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for client in _imported(ast.parse(file.read_text("utf-8"))):
                importers.setdefault(client, set()).add(str(file.relative_to(ROOT).parent))
    assert importers == {"aiohttp": {"federation/transport"}, "yarl": {"federation/transport"}}


def _imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        said: list[str] = []
        if isinstance(node, ast.Import):
            said = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            said = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute):
            said = [ast.unparse(node)]
        found |= {client for client in CLIENTS for name in said if name == client or name.startswith(f"{client}.")}
    return found


def test_row_78_the_search_finds_what_it_looks_for() -> None:
    for line, client in {
        "import urllib.request": "urllib.request",
        "from urllib import request": "urllib.request",
        "from http import client as c": "http.client",
        "import aiohttp.web as w": "aiohttp",
        "from bovine.clients import lookup": "bovine.clients",
        "asyncio.open_connection('a', 1)": "asyncio.open_connection",
    }.items():
        assert client in _imported(ast.parse(line)), line
    assert not _imported(ast.parse("from urllib.parse import quote\nimport http\nfrom http import HTTPStatus"))


# -- rows 81 to 83: what is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])
async def test_row_81_no_control_character_leaves(code: int, opened: Transport) -> None:
    char = chr(code)
    async with neighbour(lambda _: reply(200)) as other:
        with watched() as connects:
            for url in (
                other.url(f"/a{char}b"),
                other.url(f"/?a={char}"),
                other.url("/", f"127.0.0.1{char}"),
                f"{char}{other.url()}",
                f"{other.url()}{char}",
            ):
                with pytest.raises(Refused):
                    await opened.get(url)
            headers = [{f"X{char}": "a"}, {"Signature": f"a{char}"}, {"X": f"a{char}b: c"}]
            for header in headers if char != "\t" else headers[:1]:  # a tab may stand in a value
                with pytest.raises(Refused, match="header"):
                    await opened.get(other.url(), headers=header)
                with pytest.raises(Refused, match="header"):
                    await opened.post(other.url(), b"", headers=header)
                with pytest.raises(Refused, match="header"):
                    await opened.get(other.url(), sign=lambda method, url, header=header: header)  # type: ignore[misc]
        assert connects == []


@pytest.mark.parametrize("header", [{"": "a"}, {"a b": "c"}, {"a:": "c"}, {"Ä": "c"}, {"a": "ä"}, {"a": "\u0100"}])
async def test_row_81_headers_hold_what_headers_may(header: dict[str, str], closed: Transport) -> None:
    with pytest.raises(Refused, match="header"):
        await closed.get("https://art.test/", headers=header)


def test_row_82_check_compare_and_fetch_use_the_servers_one_parser() -> None:
    """tests/security/test_a2_origins.py holds it against two others; here: the door has none of its own."""
    for file in sorted((ROOT / "federation/transport").glob("*.py")):
        assert "urllib" not in file.read_text("utf-8"), file
    assert federation.transport.canonical.__module__ == "server.origins"


async def test_row_83_credentials_stay_with_their_origin(opened: Transport) -> None:
    names.update({"one.test": ["127.0.0.1"], "two.test": ["127.0.0.1"]})
    secret = {
        "Authorization": "Bearer a",
        "cookie": "a=b",
        "Proxy-Authorization": "x",
        "SIGNATURE": "s",
        "Signature-Input": "i",
    }

    def answer(asked: Asked) -> bytes:
        if asked.target == "/start":
            return reply(302, Location="/same", Set_Cookie="kept=1")
        if asked.target == "/same":
            return reply(302, Location=f"http://two.test:{asked.headers['host'].split(':')[1]}/other")
        return reply(200)

    async with neighbour(answer) as other:
        await opened.get(other.url("/start", "one.test"), headers={**secret, "Accept": "a/b"})
        start, same, beyond = (asked.headers for asked in other.asked)
        for sent in (start, same):
            assert {name.lower(): sent.get(name.lower()) for name in secret} == {
                k.lower(): v for k, v in secret.items()
            }
        assert not {name.lower() for name in secret} & set(beyond)
        assert beyond["accept"] == "a/b"
        assert beyond["host"] == f"two.test:{other.port}"


async def test_row_83_each_hop_is_signed_for_its_own_target(opened: Transport) -> None:
    names.update({"one.test": ["127.0.0.1"], "two.test": ["127.0.0.1"]})

    def answer(asked: Asked) -> bytes:
        return reply(307, Location=f"http://two.test:{port}/there") if asked.target == "/here" else reply(200)

    async with neighbour(answer) as other:
        port = other.port
        await opened.get(other.url("/here", "one.test"), sign=lambda method, url: {"Signature": f"{method} {url}"})
        signatures = [asked.headers["signature"] for asked in other.asked]
        assert signatures == [f"GET http://one.test:{port}/here", f"GET http://two.test:{port}/there"]


# -- row 84: to whom -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


async def _tls(authority: trustme.CA, tmp_path: Path, chain: bytes) -> tuple[ssl.SSLContext, Transport]:
    """A server with `chain` (key and certificates, PEM), and a transport that trusts `authority`."""
    (tmp_path / "chain.pem").write_bytes(chain)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.set_ciphers("DEFAULT:@SECLEVEL=0")  # the server is as careless as can be
    served.load_cert_chain(tmp_path / "chain.pem")
    names["art.test"] = ["127.0.0.1"]
    return served, Transport(user_agent="test", private=HERE, ca_file=tmp_path / "ca.pem", lookup=names.__getitem__)


def _chain(leaf: trustme.LeafCert) -> bytes:
    return leaf.private_key_and_cert_chain_pem.bytes()


def _sha1(authority: trustme.CA) -> bytes:
    """A certificate for art.test signed with SHA-1, which no library makes any more: the two object ids and the signature are
    put into one that was signed with SHA-256 (they have the same lengths)."""
    leaf = authority.issue_cert("art.test", key_type=trustme.KeyType.RSA)
    good = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    tbs = good.tbs_certificate_bytes.replace(sha256, sha1)
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    der = good.public_bytes(serialization.Encoding.DER).replace(sha256, sha1)
    der = der.replace(good.tbs_certificate_bytes.replace(sha256, sha1), tbs)
    der = der.replace(good.signature, key.sign(tbs, padding.PKCS1v15(), hashes.SHA1()))
    weak = ssl.DER_cert_to_PEM_cert(der).encode()
    assert x509.load_pem_x509_certificate(weak).signature_algorithm_oid == x509.SignatureAlgorithmOID.RSA_WITH_SHA1
    return leaf.private_key_pem.bytes() + weak


def _self_signed() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "art.test")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, clock.now() - datetime.timedelta(1), clock.after(days=9)
    )
    made = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("art.test")]), False).sign(
        key, hashes.SHA256()
    )
    pem, plain, none = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(pem, plain, none) + made.public_bytes(pem)


@pytest.mark.parametrize(
    "fault", ["none", "expired", "not yet", "wrong name", "self-signed", "another authority", "sha-1"]
)
async def test_row_84_only_a_valid_certificate_is_believed(fault: str, authority: trustme.CA, tmp_path: Path) -> None:
    day = datetime.timedelta(days=1)
    chain = {
        "none": lambda: _chain(authority.issue_cert("art.test")),
        "expired": lambda: _chain(
            authority.issue_cert("art.test", not_before=clock.now() - 9 * day, not_after=clock.now() - day)
        ),
        "not yet": lambda: _chain(
            authority.issue_cert("art.test", not_before=clock.now() + day, not_after=clock.now() + 9 * day)
        ),
        "wrong name": lambda: _chain(authority.issue_cert("evil.test", "*.art.test")),
        "self-signed": _self_signed,
        "another authority": lambda: _chain(trustme.CA().issue_cert("art.test")),
        "sha-1": lambda: _sha1(authority),
    }[fault]()
    served, transport = await _tls(authority, tmp_path, chain)
    async with neighbour(lambda _: reply(200, b"ok", Content_Type="image/png"), tls=served) as other:
        url = other.url(host="art.test")
        if fault == "none":
            assert (await transport.get(url)).body == b"ok"
        else:
            with pytest.raises(Unreachable, match=r"The certificate of art.test:\d+ is not valid: \w"):
                await transport.get(url)
            with pytest.raises(Unreachable, match="certificate"):
                await transport.post(url, b"{}")
            with pytest.raises(Unreachable, match="certificate"):
                await transport.download(url, tmp_path / "picture")
            assert other.asked == []
    await transport.close()


def test_row_84_nothing_turns_verification_off() -> None:
    switches = (
        "CERT_NONE",
        "CERT_OPTIONAL",
        "check_hostname",
        "_create_unverified",
        "_create_default_https",
        "ssl=False",
        "verify=False",
        "verify_ssl",
    )
    for folder in ("server", "federation", "web"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text("utf-8")
            assert not [switch for switch in switches if switch in text], file
    assert ssl._create_default_https_context is ssl.create_default_context


# -- rows 85 and 86: how long and how much ---------------------------------------------------------------------------------


def test_row_85_the_limits_of_time_are_the_designs() -> None:
    assert (TOTAL, DNS) == (30, 5)


async def test_row_85_a_drip_does_not_reset_the_time(opened: Transport, tmp_path: Path) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"

    async def drip(asked: Asked) -> AsyncIterator[bytes]:
        if asked.target == "/body":
            yield ok + b"Content-Length: 10000\r\n\r\n"
        elif asked.target == "/headers":
            yield ok + b"X: "
        elif asked.target == "/hops":
            await asyncio.sleep(0.25)
            yield reply(302, Location="/hops", Connection="close")
            return
        while True:
            yield b"x"
            await asyncio.sleep(0.02)

    async with neighbour(drip) as other:
        for path in ("/body", "/headers", "/hops"):
            for ask in (
                opened.get(other.url(path), total=0.5),
                opened.download(other.url(path), tmp_path / "a", total=0.5),
            ):
                began = time.perf_counter()
                with pytest.raises(Unreachable, match="did not answer in time"):
                    await ask
                assert 0.45 < time.perf_counter() - began < 1.5
        with pytest.raises(Unreachable, match="did not answer in time"):
            await opened.post(other.url("/headers"), b"{}", total=0.5)
    assert not list(tmp_path.iterdir())


async def test_row_85_a_slow_handshake_and_a_full_host_count_as_well(opened: Transport, trap: socket.socket) -> None:
    port = trap.getsockname()[1]
    began = time.perf_counter()
    asks = [
        opened.get(f"https://127.0.0.1:{port}/{number}", total=0.5) for number in range(6)
    ]  # two connect, four wait
    lost = await asyncio.gather(*asks, return_exceptions=True)
    assert {str(error) for error in lost} == {f"127.0.0.1:{port} did not answer in time."}
    assert time.perf_counter() - began < 1.5


def _deflated_zeros(megabytes: int) -> bytes:
    """One gzip member of zeros without its end: the packed block of one megabyte over and over."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(bytes(1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    return first + block * (megabytes - 1)


def _chunked(packed: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"


BOMBS = {
    "/gzip": lambda: reply(200, _deflated_zeros(900), Content_Encoding="gzip", Content_Type="image/png"),
    "/members": lambda: reply(
        200, gzip.compress(bytes(1 << 20)) * 900, Content_Encoding="gzip", Content_Type="image/png"
    ),
    "/br": lambda: reply(200, bytes(1000), Content_Encoding="br", Content_Type="image/png"),
    "/zstd": lambda: reply(200, bytes(1000), Content_Encoding="zstd", Content_Type="image/png"),
    "/deflate": lambda: reply(200, zlib.compress(bytes(1 << 20)), Content_Encoding="deflate", Content_Type="image/png"),
    "/nested": lambda: reply(
        200, gzip.compress(gzip.compress(bytes(1 << 20))), Content_Encoding="gzip,gzip", Content_Type="image/png"
    ),
    "/hollow": lambda: _chunked(gzip.compress(b"") * 60_000),
    "/length": lambda: (
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99999999999\r\n\r\n" + bytes(10_000)
    ),
}


async def test_row_86_bombs_of_every_packing_stay_small(opened: Transport, tmp_path: Path) -> None:
    said = {path: make() for path, make in BOMBS.items()}
    async with neighbour(lambda asked: said[asked.target]) as other:
        with growth() as grown:
            for path in BOMBS:
                with pytest.raises(Unfit):
                    await opened.get(other.url(path))
                if path != "/hollow":  # a megabyte of nothing is fit for a picture's limit, and no picture
                    with pytest.raises(Unfit):
                        await opened.download(other.url(path), tmp_path / "picture")
        assert grown[0] <= 64 << 20
        assert not list(tmp_path.iterdir())


async def test_row_86_endless_heads_chunks_and_trailers_end(opened: Transport) -> None:
    async def endless(asked: Asked) -> AsyncIterator[bytes]:
        ok = b"HTTP/1.1 200 OK\r\n"
        chunked = ok + b"Transfer-Encoding: chunked\r\n\r\n"
        first, then = {
            "/headers": (ok, b"".join(b"X-%d: a\r\n" % number for number in range(1000))),
            "/header": (ok + b"X: ", b"a" * 10_000),
            "/status": (b"HTTP/1.1 200 ", b"a" * 10_000),
            "/interim": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 100),
            "/chunks": (chunked, (b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 10),
            "/extension": (chunked + b"1;", b"a" * 10_000),
            "/digits": (chunked, b"0" * 10_000),
            "/trailers": (chunked + b"1\r\nx\r\n0\r\n", b"".join(b"X-%d: a\r\n" % number for number in range(1000))),
        }[asked.target]
        yield first
        for _ in range(20_000):
            yield then

    async with neighbour(endless) as other:
        with growth() as grown:
            for path in ("/headers", "/header", "/status", "/interim", "/chunks", "/extension", "/digits", "/trailers"):
                with pytest.raises((Unfit, Unreachable)):
                    await opened.get(other.url(path), total=1)
        assert grown[0] <= 64 << 20
