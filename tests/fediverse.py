"""Several houses in one process: real apps, real databases, real signatures; only the wire between them is a loop.

`async with Fediverse() as village: a = await village.house("a.test", database_url, folder)`. Requests go through the ASGI
application of the house that they name, with raw paths and doubled headers as a socket would deliver them.
"""

import asyncio
import dataclasses
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quart import Quart

from federation.transport import Refused, Reply, Signer, Unfit, Unreachable
from server import jobs, worker
from server.app import JOBS, build_site, close, create_app
from server.models import Account
from server.settings import load
from server.site import Site
from tests import conftest


@dataclasses.dataclass
class House:
    """One house of the village."""

    name: str
    site: Site
    app: Quart

    async def account(self, handle: str, **more: Any) -> Account:
        return await conftest.make_account(self.site, handle, **more)

    async def work(self) -> int:
        """Do what is due here, but for what has time (AVIF, sweeping); the number of jobs done."""
        return await worker.drain(self.site, JOBS, tuple(lane for lane in jobs.LANES if lane != "idle"))


class Fediverse:
    """The houses and the loop between them. `down` names hosts that cannot be reached; `log` is what was asked, in order."""

    def __init__(self) -> None:
        self.houses: dict[str, House] = {}
        self.peers: dict[str, Any] = {}  # tests.peer.Peer
        self.down: set[str] = set()
        self.log: list[tuple[str, str, int]] = []

    async def __aenter__(self) -> "Fediverse":
        return self

    async def __aexit__(self, *_: object) -> None:
        for house in self.houses.values():
            await close(house.site)

    async def house(self, name: str, database_url: str, folder: Path, **environ: str) -> House:
        """Build a house at https://<name>."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {
            "CARTELLINO_BASE_URL": f"https://{name}",
            "CARTELLINO_DATABASE_URL": database_url,
            "CARTELLINO_UPLOADS_RESERVE_MEGABYTES": "1",
            **environ,
        }
        plain = build_site(load(wanted, folder))
        await plain.transport.close()
        site = dataclasses.replace(plain, transport=Wire(self))
        made = House(name, site, create_app(site))
        self.houses[name] = made
        return made

    async def settle(self, rounds: int = 20) -> None:
        """Let every house work until nobody has anything left to do."""
        for _ in range(rounds):
            if not sum([await house.work() for house in self.houses.values()]):
                return
        raise AssertionError("the houses never come to rest")

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request to whichever house the address names."""
        parts = urllib.parse.urlsplit(url)
        house, peer = self.houses.get(parts.netloc), self.peers.get(parts.netloc)
        if parts.netloc in self.down or (house is None and peer is None):
            self.log.append((method, url, 0))
            raise Unreachable(f"{parts.netloc} cannot be reached.")
        if house is None:
            reply = await peer.answer(method, url, headers, body)
        else:
            reply = await asgi(house.app, method, url, headers, body)
        self.log.append((method, url, reply.status))
        return reply


class Wire:
    """What a house of the village has for a transport."""

    def __init__(self, village: Fediverse) -> None:
        self.village = village

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = 1_000_000,
        total: float = 30,
        sign: Signer | None = None,
    ) -> Reply:
        for _ in range(4):
            url = url.partition("#")[0]
            reply = await self.village.ask("GET", url, {**(headers or {}), **(sign("GET", url) if sign else {})})
            if reply.status not in (301, 302, 303, 307, 308):
                if len(reply.body) > limit:
                    raise Unfit("The answer is too large.")
                return reply
            url = urllib.parse.urljoin(url, reply.headers["location"])
        raise Unfit("It redirects too often.")

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, total: float = 30
    ) -> Reply:
        return await self.village.ask("POST", url, headers or {}, body)

    async def download(
        self, url: str, file: Path, *, limit: int = 40_000_000, admit: Callable[[str], None] | None = None, **_: Any
    ) -> object:
        def unsigned(_: str, address: str) -> Mapping[str, str]:
            if admit:
                admit(address)
            return {}

        reply = await self.get(url, limit=limit, sign=unsigned)
        if reply.status != 200:
            raise Unfit(f"It answers {reply.status}.")
        file.write_bytes(reply.body)
        return None

    async def close(self) -> None:
        pass


class Headers(dict[str, str]):
    """Response headers; names ignore case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


async def asgi(
    app: Quart, method: str, url: str, headers: Mapping[str, str] | list[tuple[str, str]], body: bytes = b""
) -> Reply:
    """One request straight into an ASGI application: nothing is decoded, merged or sorted on the way."""
    parts = urllib.parse.urlsplit(url)
    if not parts.netloc:
        raise Refused("That is no address.")
    given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if not any(name.lower() == "host" for name, _ in given):
        given.insert(0, ("Host", parts.netloc))
    if body and not any(name.lower() == "content-length" for name, _ in given):
        given.append(("Content-Length", str(len(body))))
    path = parts.path or "/"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": urllib.parse.unquote(path),
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
        "client": ("127.0.0.1", 50000),
        "server": (parts.hostname, 443),
        "extensions": {},
    }
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    status, answered, chunks = 0, Headers(), []
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop(0)
        await over.wait()  # a client that waits for its answer does not hang up
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.update({name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]})
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                over.set()

    await app(scope, receive, send)
    return Reply(status, answered, b"".join(chunks), url)
