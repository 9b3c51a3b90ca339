"""Letters: their texts, their way, and what must never get into their headers."""

import asyncio
import email
import email.policy
import logging
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server import clock, jobs, mail
from server.errors import GiveUp, Invalid, TryLater
from server.settings import Smtp
from server.site import Site

LETTER = jobs.Mail(
    to="ines@mail.test", subject="Grüße from the house", text="Hello Inès,\n\nhttp://art.test/confirm/abc\n"
)
MESSAGES: dict[str, dict[str, Any]] = {
    "confirm": {"handle": "ines", "link": "L", "asks": True},
    "confirm_new": {"handle": "ines", "link": "L"},
    "reset": {"handle": "ines", "link": "L"},
    "waiting_admin": {"handle": "ines", "link": "L"},
    "let_in": {"handle": "ines", "sentence": "Welcome."},
    "turned_away": {"handle": "ines", "sentence": ""},
    "known_address": {"handle": "ines"},
    "password_changed": {"handle": "ines"},
    "email_changed": {"handle": "ines"},
    "work_let_in": {"handle": "ines", "title": "Boats", "link": "L", "reason": "It is a painting."},
    "work_sent_back": {"handle": "ines", "title": "Boats", "link": "L", "reason": "It is generated."},
}


class Box:
    """A mail server that keeps what it gets; `answer` is what it says to each letter."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.got: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if not self.answer.startswith("250"):
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.append((envelope, session.ssl is not None, session.authenticated))
        return "250 OK"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that only we trust, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock.after(days=-1))
        .not_valid_after(clock.after(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return file


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def box() -> Box:
    return Box()


async def listening(box: Box, ssl_context: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A mail server on loopback; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, **options), "127.0.0.1", 0, ssl=ssl_context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture
async def starttls_port(box: Box, server_context: ssl.SSLContext) -> AsyncIterator[int]:
    """A mail server that offers STARTTLS and takes nothing before it."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.login == b"house" and data.password == b"mail password", handled=False)

    async for port in listening(
        box, tls_context=server_context, require_starttls=True, authenticator=check, auth_required=True
    ):
        yield port


@pytest.fixture
async def plain_port(box: Box) -> AsyncIterator[int]:
    """A mail server that knows no TLS."""
    async for port in listening(box):
        yield port


@pytest.fixture
async def tls_port(box: Box, server_context: ssl.SSLContext) -> AsyncIterator[int]:
    """A mail server that speaks TLS from the first byte."""
    async for port in listening(box, server_context):
        yield port


def with_smtp(site: Site, port: int, **smtp: Any) -> Site:
    values = {"host": "localhost", "port": port, **smtp}
    object.__setattr__(site, "settings", site.settings.model_copy(update={"smtp": Smtp(**values)}))
    return site


@pytest.mark.parametrize("message", MESSAGES)
async def test_every_letter_is_plain_and_calm(site: Site, message: str) -> None:
    """ux.md 12: no exclamation marks, whole sentences, one line of subject, the house's address at the end."""
    subject, text = mail.compose(site.settings, message, **MESSAGES[message])
    assert subject and "\n" not in subject
    assert "!" not in subject + text
    assert text.startswith("Hello")
    assert text.rstrip().endswith("http://art.test")
    assert "\n\n\n" not in text
    assert ("L" in text.split("\n")) is ("link" in MESSAGES[message])


def test_every_letter_has_been_looked_at() -> None:
    assert {folder.name for folder in Path("templates/email").iterdir() if folder.is_dir()} == set(MESSAGES)


async def test_without_a_mail_server_letters_are_files_for_our_eyes_only(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Decision 9."""
    caplog.set_level(logging.INFO)
    await mail.send(site, LETTER)
    await mail.send(site, LETTER)
    files = sorted((site.settings.data_dir / "mail").glob("*.eml"))
    assert len(files) == 2
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    read = email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)
    assert read["To"] == "ines@mail.test"
    assert read["From"] == "Cartellino <cartellino@art.test>"
    assert read["Subject"] == "Grüße from the house"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content() == LETTER.text
    assert "http://art.test/confirm/abc\n" in files[0].read_text()  # to be clicked by the administrator
    said = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert files[0].name in said
    assert "ines@mail.test" not in said and "confirm/abc" not in said


async def test_starttls_with_a_name_and_a_password(
    site: Site, box: Box, starttls_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await mail.send(with_smtp(site, starttls_port, user="house", password="mail password"), LETTER)
    [(envelope, encrypted, authenticated)] = box.got
    assert encrypted and authenticated
    assert envelope.mail_from == "cartellino@art.test"
    assert envelope.rcpt_tos == ["ines@mail.test"]
    read = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert read.get_content().replace("\r\n", "\n") == LETTER.text


async def test_tls_from_the_first_byte(
    site: Site, box: Box, tls_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await mail.send(with_smtp(site, tls_port, security="tls"), LETTER)
    assert len(box.got) == 1


async def test_a_server_without_tls_gets_nothing_where_tls_is_wanted(site: Site, box: Box, plain_port: int) -> None:
    """Row 65: no opportunistic downgrade."""
    with pytest.raises(TryLater):
        await mail.send(with_smtp(site, plain_port), LETTER)
    assert box.got == []
    await mail.send(with_smtp(site, plain_port, security="none"), LETTER)  # said so by the administrator
    assert len(box.got) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(site: Site, box: Box, starttls_port: int) -> None:
    with pytest.raises(TryLater):
        await mail.send(with_smtp(site, starttls_port, user="house", password="mail password"), LETTER)
    assert box.got == []


async def test_a_wrong_mail_password_keeps_the_letter(
    site: Site, box: Box, starttls_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(TryLater, match=r"smtp\.password"):
        await mail.send(with_smtp(site, starttls_port, user="house", password="wrong"), LETTER)


@pytest.mark.parametrize(("answer", "verdict"), [("550 No such person", GiveUp), ("451 Come back later", TryLater)])
async def test_the_mail_servers_answer_decides(
    site: Site, box: Box, plain_port: int, answer: str, verdict: type[Exception]
) -> None:
    box.answer = answer
    with pytest.raises(verdict):
        await mail.send(with_smtp(site, plain_port, security="none"), LETTER)


async def test_a_mail_server_that_is_away_is_tried_later(site: Site) -> None:
    gone = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    with pytest.raises(TryLater):
        await mail.send(with_smtp(site, port), LETTER)


INJECTIONS = [
    "ines@mail.test\r\nBcc: eve@mail.test",
    "ines@mail.test\nBcc: eve@mail.test",
    "ines@mail.test\r\n\r\nHello",
    "ines@mail.test>\r\nRCPT TO:<eve@mail.test",
    "ines@mail.test\x00",
    "ines@mail.test\x0b",
    "ines@mail.test\u2028Bcc: eve@mail.test",
    "ines@mail.test, eve@mail.test",
    "<ines@mail.test>",
    "Ines <ines@mail.test>",
]


@pytest.mark.parametrize("to", INJECTIONS)
async def test_nothing_gets_into_the_envelope(site: Site, to: str) -> None:
    """Row 65: an address with a line break or a second recipient is no address."""
    with pytest.raises(GiveUp):
        await mail.send(site, jobs.Mail(to=to, subject="Hello", text="Hello"))
    async with site.db.write() as tx:
        with pytest.raises(Invalid):
            mail.queue(tx, site.settings, to, "known_address", handle="ines")
    assert list((site.settings.data_dir / "mail").glob("*.eml")) == []


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: eve@mail.test", "Hello\nX: y", "Hello\x00", "Hello\r"])
async def test_nothing_gets_into_the_headers(site: Site, subject: str) -> None:
    """Row 65."""
    with pytest.raises(GiveUp):
        await mail.send(site, jobs.Mail(to="ines@mail.test", subject=subject, text="Hello"))


@pytest.mark.parametrize(
    "text",
    [
        "ines@mail.test",
        "Ines@Mail.Test",
        " ines@mail.test ",
        "i.n+art_2-x@a-b.mail.test",
        "ines@xn--bcher-kva.test",
        "1@a.bc",
    ],
)
def test_plain_addresses_are_taken_in_lower_case(text: str) -> None:
    assert mail.address(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text",
    [
        "", "ines", "@mail.test", "ines@", "ines@mail", "ines@@mail.test", "ines@mail..test", "ines@.mail.test",
        "ines@mail.test.", "ines@-mail.test", "ines@mail-.test", ".ines@mail.test", "ines.@mail.test", "in..es@mail.test",
        "ines%mail.test@mail.test", "mail.test!ines@mail.test", '"ines"@mail.test', '"in es"@mail.test', "in es@mail.test",
        "ines(comment)@mail.test", "ines@[127.0.0.1]", "ines@127.0.0.1", "ines@mail.test/x", "inés@mail.test",
        "ines@mаil.test", "ｉnes@mail.test", "ines@mail。test", "ines@mail.test;eve@mail.test", "a" * 65 + "@mail.test",
        "ines@" + "a" * 64 + ".test", "ines@" + "a." * 130 + "test", "ines\\@mail.test", "ines@mail.test\t", "`ines`@mail.test",
        "in|es@mail.test", "ines&eve@mail.test", "ines=eve@mail.test", "i'nes@mail.test",
    ],
)  # fmt: skip
def test_addresses_that_mail_servers_read_differently_are_refused(text: str) -> None:
    """Row 64."""
    with pytest.raises(Invalid) as wrong:
        mail.address(text)
    assert "email" in wrong.value.fields
