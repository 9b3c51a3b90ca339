"""The one way out. Whatever is asked of another server is asked here, and nothing else imports an HTTP client.

The gate stands where sockets are made: `Gate.socket` sees the last address of every connection, whatever name, literal,
redirect or answer of the DNS led there (security.md rows 72 to 76). Open are public addresses at port 443; plain http and other
ports only towards the ranges named in `network.private_ranges`, empty unless somebody tests or runs a private network.
Redirects are followed by hand, sizes are counted after unpacking, time is counted in all, and TLS is always verified.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

import aiohttp
from yarl import URL

from federation.transport import answers, gate
from federation.transport.answers import Unfit
from federation.transport.gate import Gate, Lookup, Resolver, Shut
from server import origins
from server.errors import TryLater
from server.origins import Range, Refused, canonical, document, host, origin
from server.release import version
from server.settings import Settings, SettingsError

__all__ = ["Download", "Refused", "Reply", "Signer", "Transport", "Unfit", "Unreachable"]
__all__ += ["canonical", "document", "host", "origin", "transport_for"]

log = logging.getLogger(__name__)

# Gives the headers to add to a request (method, address): called for every hop, because a signature names its target.
Signer = Callable[[str, str], Mapping[str, str]]
Admit = Callable[[str], None]

# Seconds, as security.md C3 has them. CONNECT is for the connection and TLS together, SILENCE for any pause in an answer.
CONNECT, SILENCE, TOTAL = 10, 10, 30
REDIRECTS = 3
PER_HOST = 2
# As many as decision 24 wants deliveries in flight.
CONNECTIONS = 320
# With this many sockets open a new connection serves one request and is closed: a post to thousands of hosts would else leave
# as many idle connections behind, until the process may open no more.
KEEP_OPEN = 256
KEEP_ALIVE = 60
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"})

# What proves who we are to one origin is no other origin's business (row 83).
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "signature", "signature-input"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class Unreachable(TryLater):
    """The other server could not be asked, or did not answer in full: network, name, TLS, time. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status. `headers` ignores case; `url` is the address that answered, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True)
class Download:
    """A file that arrived: its type as the other server says (nobody has looked inside yet) and its size."""

    media_type: str
    bytes: int


class Transport:
    """The connections of one process. Made anywhere, started by the first request, ended by `close` in the same loop."""

    def __init__(
        self,
        *,
        user_agent: str,
        private: Sequence[Range] = (),
        ca_file: Path | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._gate = Gate(private)
        self._ca_file = ca_file
        self._lookup = lookup or gate.system
        # One that keeps its connections, and one that does not.
        self._sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        # Who may ask a host now; an entry is gone with the last that waits for it (row 96).
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._resolver: Resolver | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = 1_000_000,
        total: float = TOTAL,
        sign: Signer | None = None,
    ) -> Reply:
        """Ask for a document of at most `limit` bytes, following up to REDIRECTS redirects, within `total` seconds in all.

        `sign` is asked again for every hop. Of answers from 400 on only the beginning of the body is kept. Raises Refused
        (not an address to ask), Unreachable (worth another attempt) or Unfit (an answer that we do not read).
        """
        async with self._opened(url, headers, total, sign) as (response, address):
            if response.status >= 400:
                body = await answers.beginning(response)
            else:
                body = await answers.body(response, limit)
            return Reply(response.status, response.headers, body, address)

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, total: float = TOTAL
    ) -> Reply:
        """Send `body`, signed by the caller. A redirect is an answer like any other: never followed (row 75).

        Of the answer only the beginning is kept; its status counts, whatever becomes of the rest. Raises Refused or Unreachable.
        """
        with _said(url):
            address = document(url)
            async with asyncio.timeout(total), self._turn(address):
                response = await self._send("POST", address, headers or {}, body)
                try:
                    text = await answers.beginning(response)
                finally:
                    response.release()
        return Reply(response.status, response.headers, text, address)

    async def download(
        self,
        url: str,
        file: Path,
        *,
        limit: int = 40_000_000,
        kinds: frozenset[str] = PICTURES,
        total: float = TOTAL,
        admit: Admit | None = None,
    ) -> Download:
        """Write the file at `url` to `file`, at most `limit` bytes of one of `kinds`. After a failure nothing is left.

        `admit` hears of every hop before it is asked, and what it raises ends the download (row 48).
        Raises Refused, Unreachable (also for answers that may change: 408, 425, 429 and from 500 on) or Unfit.
        """
        accept = {"Accept": ", ".join(sorted(kinds))}
        async with self._opened(url, accept, total, None, admit) as (response, address):
            if response.status in (408, 425, 429) or response.status >= 500:
                raise Unreachable(f"{host(address)} answers {response.status}.")
            if response.status != 200:
                raise Unfit(f"{host(address)} answers {response.status}.")
            kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
            kind = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}.get(kind, kind)
            if kind not in kinds:
                raise Unfit(f"{host(address)} sends no picture: {kind[:60] or 'nothing'}.")
            return Download(kind, await answers.written(response, file, limit))

    async def close(self) -> None:
        """End every connection; whatever is asked afterwards is Unreachable."""
        self._closed = True
        async with self._starting:
            for session in self._sessions or ():
                await session.close()
            if self._resolver:
                await self._resolver.close()
            self._sessions = self._resolver = None

    # -- asking ----------------------------------------------------------------------------------------------------------
    @asynccontextmanager
    async def _opened(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        total: float,
        sign: Signer | None,
        admit: Admit | None = None,
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, str]]:
        sent = dict(headers or {})
        with _said(url):
            address = document(url)
            async with asyncio.timeout(total):
                for _ in range(1 + REDIRECTS):
                    if admit:
                        admit(address)
                    signed = sign("GET", address) if sign else {}
                    async with self._turn(address):
                        response = await self._send("GET", address, {**sent, **signed})
                        try:
                            location = response.headers.get("Location")
                            if response.status not in (301, 302, 303, 307, 308) or not location:
                                yield response, address
                                return
                        finally:
                            # Gives the connection back where the body was read to its end, and closes it where it was not.
                            response.release()
                    target = document(origins.join(address, location))
                    if origin(target) != origin(address):
                        sent = {key: value for key, value in sent.items() if key.lower() not in _CREDENTIALS}
                    address = target
                raise Unfit(f"{host(url)} redirects more than {REDIRECTS} times.")

    async def _send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        self._gate.permit(address)
        for key, value in headers.items():
            if not _is_name(key) or not _HEADER_VALUE.fullmatch(value):
                raise Refused(f"The header {key[:60]!r} holds what a header may not.")
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "gzip", **headers}
        keeping, closing = await self._started()
        session = closing if self._gate.open_sockets >= KEEP_OPEN else keeping
        # Already in its one spelling: yarl is told to read it as it stands.
        return await session.request(method, URL(address, encoded=True), data=body, headers=sent, allow_redirects=False)

    def _turn(self, address: str) -> asyncio.Semaphore:
        name = host(address)
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = asyncio.Semaphore(PER_HOST)
        return turn

    # -- starting ----------------------------------------------------------------------------------------------------------
    async def _started(self) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession]:
        if self._sessions:
            return self._sessions
        async with self._starting:
            if self._closed:
                raise Unreachable("This server is stopping.")
            if not self._sessions:
                # Reads the system's authorities, some 80 ms: not at the start, and not in the loop.
                trusted = await asyncio.to_thread(_trusted, self._ca_file)
                self._resolver = Resolver(self._lookup, self._gate)
                self._sessions = self._made(trusted, self._resolver), self._made(trusted, self._resolver, closing=True)
            return self._sessions

    def _made(self, trusted: ssl.SSLContext, resolver: Resolver, *, closing: bool = False) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=trusted,
            resolver=resolver,
            use_dns_cache=False,
            limit=CONNECTIONS,
            force_close=closing,
            keepalive_timeout=None if closing else KEEP_ALIVE,
            socket_factory=self._gate.socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=8190,
            max_field_size=8190,
            max_headers=128,
        )


def transport_for(settings: Settings) -> Transport:
    """The transport of a house as its settings want it. Raises SettingsError for a CA file that holds no certificates."""
    file = Path(settings.network.ca_file) if settings.network.ca_file else None
    if file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as wrong:
            raise SettingsError(f"Setting network.ca_file: {file} holds no certificates that can be read.") from wrong
    agent = f"Cartellino/{version()} (+{settings.base_url}/)"
    return Transport(user_agent=agent, private=settings.network.ranges, ca_file=file)


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


@contextmanager
def _said(url: str) -> Iterator[None]:
    """Turn what goes wrong on the way into our own words: Unreachable, Unfit or Refused, the latter with a line in the log."""
    who = ""
    try:
        who = host(url)
        yield
    except Refused as refused:
        log.warning("request refused", extra={"host": who, "reason": str(refused)})
        raise
    except aiohttp.ClientConnectorDNSError as wrong:
        raise Unreachable(f"The name {who} leads nowhere: {_plain(wrong.os_error)}.") from wrong
    except aiohttp.ClientConnectorCertificateError as wrong:
        why = getattr(wrong.certificate_error, "verify_message", "") or str(wrong.certificate_error)
        raise Unreachable(f"The certificate of {who} is not valid: {why.rstrip('.')}.") from wrong
    except aiohttp.ClientConnectorSSLError as wrong:
        raise Unreachable(f"No secure connection with {who}: {_plain(wrong.os_error)}.") from wrong
    except aiohttp.ClientConnectorError as wrong:
        if isinstance(wrong.os_error, Shut):
            raise Refused(f"{who} is not at a public address.") from wrong
        log.info("no connection", extra={"host": who, "reason": _plain(wrong.os_error)})
        raise Unreachable(f"{who} does not answer.") from wrong
    except TimeoutError as wrong:
        raise Unreachable(f"{who} did not answer in time.") from wrong
    except aiohttp.ClientResponseError as wrong:
        raise Unreachable(f"{who} answers with something that is no HTTP.") from wrong
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as wrong:
        raise Unreachable(f"{who} broke off its answer.") from wrong
    except (aiohttp.ClientError, OSError) as wrong:
        raise Unreachable(f"The connection with {who} failed: {_plain(wrong)}.") from wrong


@lru_cache(256)
def _is_name(text: str) -> bool:
    return _HEADER_NAME.fullmatch(text) is not None


def _plain(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.rstrip(".")
