"""People of servers that do not exist, who send signed activities over real sockets, as fast as is wanted and as often.

Threads serve what others ask about them (documents and keys); whoever sends does so on the calling thread. So they work
beside a house in a process of its own, which may be killed at any moment.
"""

import asyncio
import http.client
import itertools
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation import signatures
from federation.vocabulary import ACTIVITY_JSON, AS2, JRD_JSON, PUBLIC
from server import clock
from server.app import JOBS, build_site, close
from server.worker import drain
from tests.conftest import make_account, settings_for
from tests.running import House
from tests.works import publish

# A house that reaches them, and says little of it.
ENVIRON = {"CARTELLINO_LOG_LEVEL": "warning", "CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.0/8"}
_numbers = itertools.count(1)
_keys: list[rsa.RSAPrivateKey] = []


def _key(number: int) -> rsa.RSAPrivateKey:
    """One of three keys of a run: making one takes longer than most tests."""
    while len(_keys) < 3:
        _keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return _keys[number % 3]


@dataclass(frozen=True)
class Sender:
    """One of the crowd."""

    uri: str
    private: rsa.RSAPrivateKey

    @property
    def host(self) -> str:
        return self.uri.split("/")[2]

    def activity(self, kind: str, about: Any, **more: Any) -> dict[str, Any]:
        """A new activity of theirs."""
        base = self.uri.partition("/users/")[0]
        return {
            "@context": AS2, "id": f"{base}/activities/{next(_numbers)}", "type": kind, "actor": self.uri, "object": about,
            **more,
        }  # fmt: skip

    def answer(self, above: str, text: str = "Lovely.") -> dict[str, Any]:
        """A Create of a public answer to a post."""
        base = self.uri.partition("/users/")[0]
        note = {
            "id": f"{base}/notes/{next(_numbers)}", "type": "Note", "attributedTo": self.uri, "inReplyTo": above,
            "content": f"<p>{text}</p>", "to": [PUBLIC], "cc": [f"{self.uri}/followers"],
            "published": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        return self.activity("Create", note, to=note["to"], cc=note["cc"])

    def letter(self, inbox: str, activity: dict[str, Any] | bytes) -> "Letter":
        """The signed request. The house takes it for twelve hours."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        name = f"{self.uri}#main-key"
        signed = signatures.sign_cavage("POST", inbox, body, self.private, name, clock.now())
        known = "" if isinstance(activity, bytes) else str(activity["id"])
        return Letter(known, inbox, body, {"Content-Type": ACTIVITY_JSON, **signed})


@dataclass(frozen=True)
class Letter:
    """One signed request. `id` is the activity's."""

    id: str
    inbox: str
    body: bytes
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return "/" + self.inbox.split("/", 3)[3]


@dataclass
class Crowd:
    """Some servers of some people each, on ports of 127.0.0.1, for as long as the `with` block lasts."""

    servers: int = 2
    people: int = 3
    senders: list[Sender] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> "Crowd":
        self._documents: dict[str, tuple[str, bytes]] = {}
        self._listening = [ThreadingHTTPServer(("127.0.0.1", 0), _door(self)) for _ in range(self.servers)]
        for number, server in enumerate(self._listening):
            base = f"http://127.0.0.1:{server.server_port}"
            for name in range(self.people):
                self.senders.append(self._person(base, f"p{number}x{name}", _key(number + name)))
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._listening:
            server.shutdown()
            server.server_close()

    def _person(self, base: str, name: str, private: rsa.RSAPrivateKey) -> Sender:
        uri, host = f"{base}/users/{name}", base.removeprefix("http://")
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self._put(uri, ACTIVITY_JSON, {
            "@context": [AS2, "https://w3id.org/security/v1"], "id": uri, "type": "Person", "preferredUsername": name,
            "name": name, "inbox": f"{uri}/inbox", "outbox": f"{uri}/outbox", "followers": f"{uri}/followers",
            "endpoints": {"sharedInbox": f"{base}/inbox"},
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem},
        })  # fmt: skip
        link = {"rel": "self", "type": ACTIVITY_JSON, "href": uri}
        finger = {"subject": f"acct:{name}@{host}", "links": [link]}
        self._put(f"{base}/.well-known/webfinger?resource=acct:{name}@{host}", JRD_JSON, finger)
        return Sender(uri, private)

    def _put(self, url: str, kind: str, document: dict[str, Any]) -> None:
        self._documents[url] = (kind, json.dumps(document).encode())

    def document(self, url: str) -> tuple[str, bytes] | None:
        """What lies at an address of theirs."""
        return self._documents.get(url.replace("%3A", ":").replace("%40", "@"))


def _door(crowd: Crowd) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = crowd.document(f"http://{self.headers['Host']}{self.path}")
            kind, body = found or ("text/plain", b"")
            self._answer(200 if found else 404, kind, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            crowd.received.append(json.loads(body))
            self._answer(202, "text/plain", b"")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Door


def send(port: int, letters: Iterable[Letter], taken: Callable[[Letter, int], None]) -> None:
    """Send one after the other over one connection; `taken` hears of every answer. Ends when nobody answers any more."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for letter in letters:
            line.putrequest("POST", letter.path, skip_host=True, skip_accept_encoding=True)
            for name, value in (*letter.headers.items(), ("Content-Length", str(len(letter.body)))):
                line.putheader(name, value)
            line.endheaders(letter.body)
            reply = line.getresponse()
            reply.read()
            taken(letter, reply.status)
    except (OSError, http.client.HTTPException):
        return
    finally:
        line.close()


def send_all(port: int, letters: Sequence[Letter], taken: Callable[[Letter, int], None], lines: int = 4) -> None:
    """The same over several connections at once."""
    with ThreadPoolExecutor(lines) as pool:
        list(pool.map(lambda number: send(port, letters[number::lines], taken), range(lines)))


def a_work(house: House) -> str:
    """Let Ada live in the house, which does not run yet, and hang something; its uri."""
    return asyncio.run(_a_work(house))


async def _a_work(house: House) -> str:
    site = build_site(settings_for(house.data, house.environ["CARTELLINO_DATABASE_URL"], **house.environ))
    try:
        work = await publish(site, await make_account(site, "ada", name="Ada Ink"))
        await drain(site, JOBS, ("render",))
        return site.urls.post(work)
    finally:
        await close(site)
