"""Requests as they come over the wire, from any address and under any name; the test client always comes from nowhere."""

import asyncio
from dataclasses import dataclass
from typing import Any

from quart import Quart


@dataclass(frozen=True)
class Told:
    """An answer; header names are lower case, the last of several counts."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def ask(
    app: Quart,
    path: str,
    *,
    agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    address: str = "",
    method: str = "GET",
    body: bytes = b"",
    host: str = "art.test",
    **headers: str,
) -> Told:
    """What `app` answers to one request from `address` (empty: a socket without one)."""
    sent: list[Any] = []
    coming: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
    never = asyncio.Event()

    async def receive() -> Any:
        return coming.pop() if coming else await never.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": host, "user-agent": agent, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw, _, query = path.partition("?")
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": raw, "root_path": "", "asgi": {},
        "query_string": query.encode(), "extensions": {}, "server": None, "client": (address, 50000) if address else None,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items() if value],
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    answered = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Told(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))
