"""Other servers on loopback, for tests of the network: they say exactly the bytes a test wants, good or hostile."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. `headers` have lower-case names; `address` is where the neighbour was reached."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    address: str


# What a neighbour says: bytes as they go over the wire, whole or in pieces.
Answer = Callable[[Asked], bytes | AsyncIterator[bytes]]


@dataclass
class Neighbour:
    """A running server: what it was asked, and how many connections it saw."""

    port: int
    scheme: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A plain answer; underscores in the names of headers are hyphens."""
    lines = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def neighbour(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Neighbour]:
    """A server that answers on every loopback address until the test is over."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while True:
                asked = await _request(reader, writer)
                made.asked.append(asked)
                said = answer(asked)
                if isinstance(said, bytes):
                    writer.write(said)
                    await writer.drain()
                    continue
                async for piece in said:
                    writer.write(piece)
                    await writer.drain()
                break
        writer.close()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
        task = asyncio.create_task(talk(reader, writer))
        talking.add(task)
        task.add_done_callback(talking.discard)
        return task

    server = await asyncio.start_server(meet, "0.0.0.0", 0, ssl=tls, backlog=512)
    made = Neighbour(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield made
    finally:
        server.close()
        for task in list(talking):
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body, writer.get_extra_info("sockname")[0])


@contextmanager
def growth() -> Iterator[list[int]]:
    """Bytes by which the process's memory was larger at its peak inside than before; the list holds them afterwards."""
    grown: list[int] = []
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _memory("VmRSS")
    yield grown
    grown.append(_memory("VmHWM") - before)


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))
