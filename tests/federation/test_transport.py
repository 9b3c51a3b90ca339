"""The way out as its callers see it: answers, failures in words, files, limits. What it refuses is in tests/security."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from federation.transport import Refused, Transport, Unfit, Unreachable, gate, transport_for
from server.errors import GiveUp, TryLater
from server.origins import ranges
from server.settings import SettingsError, load
from tests.neighbours import Asked, neighbour, reply
from tests.running import House


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport(user_agent="Cartellino/1 (+https://art.test/)", private=ranges("127.0.0.0/8"))
    yield made
    await made.close()


async def test_a_get_says_who_asks_and_brings_what_was_said(transport: Transport) -> None:
    async with neighbour(
        lambda _: reply(200, b'{"a": 1}', Content_Type="application/activity+json", ETag="x")
    ) as other:
        headers = {"Accept": "application/activity+json"}
        answer = await transport.get(other.url("/users/a?page=%C3%A9#main-key"), headers=headers)
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["etag"] == answer.headers["ETag"] == "x"
    assert answer.url == other.url("/users/a?page=%C3%A9")
    asked = other.asked[0]
    assert (asked.method, asked.target) == ("GET", "/users/a?page=%C3%A9")
    assert asked.headers["user-agent"] == "Cartellino/1 (+https://art.test/)"
    assert asked.headers["accept"] == "application/activity+json"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["host"] == f"127.0.0.1:{other.port}"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a/../b/./c", "/a/../b/./c"),
        ("/a%2fb%2Fc", "/a%2fb%2Fc"),
        ("/100%", "/100%"),
        ("/käse bild", "/k%C3%A4se%20bild"),
        ("?q=a[]=b+c", "/?q=a[]=b+c"),
        ("", "/"),
        ("//double//slash", "//double//slash"),
    ],
)
async def test_what_was_checked_and_signed_is_what_is_sent(transport: Transport, written: str, sent: str) -> None:
    signed: list[str] = []

    def sign(method: str, url: str) -> dict[str, str]:
        signed.append(f"{method} {url}")
        return {"Signature": "s"}

    async with neighbour(lambda _: reply(200, b"ok")) as other:
        await transport.get(other.url(written), sign=sign)
        assert [(asked.target, asked.headers["signature"]) for asked in other.asked] == [(sent, "s")]
        assert signed == [f"GET {other.url(sent)}"]


async def test_a_post_sends_the_bytes_and_keeps_the_beginning_of_the_answer(transport: Transport) -> None:
    async with neighbour(lambda _: reply(202, b"x" * 100_000)) as other:
        headers = {
            "Content-Type": "application/activity+json",
            "Signature": 'keyId="k"',
            "Host": f"127.0.0.1:{other.port}",
        }
        answer = await transport.post(other.url("/inbox"), b'{"type":"Create"}', headers=headers)
    assert answer.status == 202
    assert len(answer.body) <= 16_384
    asked = other.asked[0]
    assert (asked.method, asked.target, asked.body) == ("POST", "/inbox", b'{"type":"Create"}')
    assert asked.headers["content-type"] == "application/activity+json"
    assert asked.headers["signature"] == 'keyId="k"'


async def test_a_posts_status_counts_though_its_body_breaks_off(transport: Transport) -> None:
    """The activity arrived: to send it again would be wrong."""
    async with neighbour(lambda _: _once(b"HTTP/1.1 202 Yes\r\nContent-Length: 500\r\n\r\nonly")) as other:
        assert (await transport.post(other.url(), b"{}")).status == 202


async def test_packed_answers_are_unpacked(transport: Transport) -> None:
    text = b"every line of a long letter\n" * 20_000
    halves = gzip.compress(text[:7_000]) + gzip.compress(text[7_000:])
    packings = {"/one": gzip.compress(text), "/two": halves, "/none": gzip.compress(b""), "/empty": b""}
    async with neighbour(lambda asked: reply(200, packings[asked.target], Content_Encoding="GZIP")) as other:
        assert (await transport.get(other.url("/one"))).body == text
        assert (await transport.get(other.url("/two"))).body == text
        assert (await transport.get(other.url("/none"))).body == b""
        assert (await transport.get(other.url("/empty"))).body == b""


async def test_what_is_packed_strangely_is_not_read(transport: Transport) -> None:
    packed = gzip.compress(b"a letter " * 100)
    answers = {
        "/br": reply(200, b"x", Content_Encoding="br"),
        "/twice": reply(200, gzip.compress(packed), Content_Encoding="gzip, gzip"),
        "/not": reply(200, b"plain words", Content_Encoding="gzip"),
        "/short": reply(200, packed[:-9], Content_Encoding="gzip"),
        "/tail": reply(200, packed + b"tail", Content_Encoding="gzip"),
    }
    async with neighbour(lambda asked: answers[asked.target]) as other:
        for path in ("/br", "/twice", "/not", "/tail"):
            with pytest.raises(Unfit, match=r"packed|gzip"):
                await transport.get(other.url(path))
        with pytest.raises(Unreachable, match="broke off"):
            await transport.get(other.url("/short"))


async def test_a_body_is_read_up_to_its_limit_and_not_beyond(transport: Transport) -> None:
    async def endless(_: Asked) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"400\r\n" + b"x" * 1024 + b"\r\n"

    async with neighbour(
        lambda asked: reply(200, b"x" * 1000) if asked.target == "/plain" else endless(asked)
    ) as other:
        assert len((await transport.get(other.url("/plain"), limit=1000)).body) == 1000
        with pytest.raises(Unfit, match="larger than 999 bytes"):
            await transport.get(other.url("/plain"), limit=999)
        with pytest.raises(Unfit, match="larger than 1000000 bytes"):
            await transport.get(other.url("/endless"))


async def test_an_error_is_an_answer_and_its_words_are_cut(transport: Transport) -> None:
    async with neighbour(lambda _: reply(410, b"gone " * 1_000_000)) as other:
        answer = await transport.get(other.url())
    assert answer.status == 410
    assert len(answer.body) <= 16_384


async def test_connections_are_kept_and_at_most_two_lead_to_one_host(transport: Transport) -> None:
    inside = peak = 0

    async def slow(_: Asked) -> AsyncIterator[bytes]:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0.02)
        inside -= 1
        yield reply(200, b"ok", Connection="close")

    async with neighbour(slow) as other:
        await asyncio.gather(*(transport.get(other.url(f"/{number}")) for number in range(12)))
        assert (peak, len(other.asked)) == (2, 12)
    async with neighbour(lambda _: reply(200, b"ok")) as other:
        for _ in range(5):
            await transport.get(other.url())
            await transport.post(other.url(), b"{}")
        assert (other.connections, len(other.asked)) == (1, 10)


async def test_idle_connections_do_not_pile_up(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """A post goes to thousands of hosts within a minute; each would leave an open socket behind."""
    monkeypatch.setattr("federation.transport.KEEP_OPEN", 10)

    async with neighbour(lambda _: reply(202)) as other:  # it would keep them all open
        for last in range(1, 60):
            await transport.post(other.url("/inbox", f"127.0.1.{last}"), b"{}")
        assert len({asked.address for asked in other.asked}) == 59
        assert transport._gate.open_sockets <= 11  # the last may still be on its way out
        assert not transport._turns, "nothing is remembered of a host that nobody asks"


async def test_what_goes_wrong_is_said_in_words(transport: Transport) -> None:
    async def broken(asked: Asked) -> AsyncIterator[bytes]:
        yield {
            "/half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            "/nothing": b"",
            "/smtp": b"220 mail.test ESMTP\r\n",
            "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfoo\r\n",
            "/lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nfour",
            "/both": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "/field": b"HTTP/1.1 200 OK\r\nBad\x00: 3\r\n\r\n",
        }[asked.target]

    async with neighbour(broken) as other:
        for path in ("/half", "/nothing", "/smtp", "/chunks", "/lengths", "/field"):
            with pytest.raises(
                Unreachable, match=f"127.0.0.1:{other.port} (broke off its answer|answers with something)"
            ) as lost:
                await transport.get(other.url(path))
            assert lost.value.reason == str(lost.value)
        port = other.port
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} does not answer"):
        await transport.get(f"http://127.0.0.1:{port}/")


async def test_a_name_that_leads_nowhere_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(name: str) -> list[str]:
        if name == "slow.test":
            asking.wait(5)
            return []
        raise OSError(-2, "Name or service not known")

    asking = threading.Event()
    monkeypatch.setattr(gate, "DNS", 0.05)
    transport = Transport(user_agent="test", lookup=lookup)
    for name, words in (("gone.test", "Name or service not known"), ("slow.test", "no answer within 0.05 seconds")):
        with pytest.raises(Unreachable, match=f"The name {name} leads nowhere: {words}"):
            await transport.get(f"https://{name}/")
    asking.set()
    await transport.close()


# -- downloads -------------------------------------------------------------------------------------------------------------


async def test_a_picture_is_written_to_its_file(transport: Transport, tmp_path: Path) -> None:
    picture = bytes(range(256)) * 20_000  # 5 MB
    async with neighbour(lambda _: reply(200, picture, Content_Type="image/JPG; charset=binary")) as other:
        arrived = await transport.download(other.url("/a.jpg"), tmp_path / "a")
    assert (arrived.media_type, arrived.bytes) == ("image/jpeg", len(picture))
    assert (tmp_path / "a").read_bytes() == picture
    assert "image/avif" in other.asked[0].headers["accept"]


async def test_a_download_that_fails_leaves_nothing(transport: Transport, tmp_path: Path) -> None:
    answers = {
        "/large": (Unfit, reply(200, b"x" * 3_000_000, Content_Type="image/png")),
        "/html": (Unfit, reply(200, b"<html>", Content_Type="text/html")),
        "/svg": (Unfit, reply(200, b"<svg/>", Content_Type="image/svg+xml")),
        "/untyped": (Unfit, reply(200, b"x")),
        "/missing": (Unfit, reply(404, b"no", Content_Type="image/png")),
        "/part": (Unfit, reply(206, b"no", Content_Type="image/png")),
        "/busy": (Unreachable, reply(429, b"no", Content_Type="image/png")),
        "/down": (Unreachable, reply(503, b"no", Content_Type="image/png")),
    }

    def answer(asked: Asked) -> bytes | AsyncIterator[bytes]:
        if asked.target == "/cut":
            return _once(
                b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 2_500_000
            )
        if asked.target == "/chunks":
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
            return _once(head + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 3)
        return answers[asked.target][1]

    async with neighbour(answer) as other:
        for path, (kind, _) in answers.items():
            with pytest.raises(kind):
                await transport.download(other.url(path), tmp_path / "a", limit=2_000_000)
        with pytest.raises(Unfit, match="larger"):
            await transport.download(other.url("/chunks"), tmp_path / "a", limit=2_000_000)
        with pytest.raises(Unreachable, match="broke off"):
            await transport.download(other.url("/cut"), tmp_path / "a")
        assert not list(tmp_path.iterdir())
        with pytest.raises(TryLater, match="could not be written: No such file"):
            answers["/fine"] = (Unfit, reply(200, b"x", Content_Type="image/png"))
            await transport.download(other.url("/fine"), tmp_path / "nowhere" / "a")


async def test_a_cancelled_download_leaves_nothing(transport: Transport, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def halting(_: Asked) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 2_000_000
        begun.set()
        await asyncio.sleep(60)

    async with neighbour(halting) as other:
        task = asyncio.create_task(transport.download(other.url(), tmp_path / "a"))
        await begun.wait()
        while not (tmp_path / "a").exists() or not (tmp_path / "a").stat().st_size:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not list(tmp_path.iterdir())


# -- settings and lifetime -------------------------------------------------------------------------------------------------


async def test_closing_ends_every_connection_and_says_so() -> None:
    transport = Transport(user_agent="test", private=ranges("127.0.0.0/8"))
    async with neighbour(lambda _: reply(200, b"ok")) as other:
        await transport.get(other.url())
        assert transport._gate.open_sockets == 1
        await transport.close()
        assert transport._gate.open_sockets == 0
        with pytest.raises(Unreachable, match="stopping"):
            await transport.get(other.url())
    await transport.close()
    await Transport(user_agent="never used").close()


def test_a_transport_may_be_made_before_there_is_a_loop() -> None:
    transport = Transport(user_agent="test", private=ranges("127.0.0.0/8"))

    async def use() -> int:
        async with neighbour(lambda _: reply(204)) as other:
            status = (await transport.get(other.url())).status
            await transport.close()
            return status

    assert asyncio.run(use()) == 204


async def test_settings_open_ranges_and_add_authorities(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    given = {
        "CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.1/32",
        "CARTELLINO_NETWORK_CA_FILE": str(tmp_path / "ca.pem"),
    }
    opened = transport_for(load(given, tmp_path))
    ranges_alone = transport_for(load({"CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.1/32"}, tmp_path))
    nothing = transport_for(load({}, tmp_path))
    async with neighbour(lambda _: reply(200, b"ok"), tls=served) as other:
        assert (await opened.get(other.url())).body == b"ok"
        assert "Cartellino/" in other.asked[0].headers["user-agent"]
        assert "(+http://127.0.0.1:8000/)" in other.asked[0].headers["user-agent"]
        with pytest.raises(Unreachable, match=r"certificate of 127.0.0.1:[0-9]+ is not valid"):
            await ranges_alone.get(other.url())
        with pytest.raises(Refused, match="https on port 443 alone"):
            await nothing.get(other.url())
        with pytest.raises(GiveUp):
            await opened.get(other.url("/", "127.0.0.2"))
    for made in (opened, ranges_alone, nothing):
        await made.close()


def test_a_file_without_certificates_is_no_ca_file(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing here")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(SettingsError, match=f"network.ca_file: .*{name} holds no certificates"):
            transport_for(load({"CARTELLINO_NETWORK_CA_FILE": str(tmp_path / name)}, tmp_path))


@pytest.mark.parametrize("wrong", ["0.0.0.0/0", "8.8.8.0/24", "::/0", "10.0.0.1/8", "art.test", "2001:4860::/32"])
def test_private_ranges_are_private_networks(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Setting network.private_ranges: .*(no network|public addresses)"):
        load({"CARTELLINO_NETWORK_PRIVATE_RANGES": f"10.0.0.0/8, {wrong}"}, tmp_path)


def test_an_open_gate_is_shouted_at_the_start(tmp_path: Path) -> None:
    with House(tmp_path / "open", {"CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.0/8, fd00::/8"}):
        log = (tmp_path / "open.log").read_text().splitlines()
    shouted = [line for line in log if line.startswith("warning") and "not public" in line]
    assert len(shouted) == 1 and "ranges=127.0.0.0/8, fd00::/8" in shouted[0]


async def _once(said: bytes) -> AsyncIterator[bytes]:
    yield said
