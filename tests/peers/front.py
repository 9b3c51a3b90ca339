"""TLS in front of servers that speak plain HTTP, for every name under `.test`.

One port of 127.0.0.1 serves all names: the name in the TLS handshake chooses the certificate, made on the spot by an own
CA, and the server behind. Bytes are passed on as they are, so `Host` arrives as the client wrote it. Programs find the
front by what stands in tests/peers/loopback.
"""

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import trustme


class Front:
    """The names and what stands behind each. Runs in a thread of its own, as long as the `with` block."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.port = 0
        self._behind: dict[str, int] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="front", daemon=True)

    def route(self, name: str, port: int) -> None:
        """`https://NAME` is what listens on `port` of 127.0.0.1, from now on."""
        self._behind[name] = port

    def close(self, name: str) -> None:
        """Nobody answers at `name` any more: its connections end during the handshake."""
        self._behind.pop(name, None)

    def tls(self, *names: str) -> ssl.SSLContext:
        """A server's side of TLS with a certificate of our CA for `names`, for a server that needs no front."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names).configure_cert(context)
        return context

    def certificate(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """Files with the chain and with the key for `names`, for a program that reads files."""
        made = self.authority.issue_cert(*names)
        chain, key = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
        chain.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return chain, key

    def trusting(self) -> ssl.SSLContext:
        """A client's side of TLS that trusts our CA and nobody else."""
        return ssl.create_default_context(cafile=self.ca_file)

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to find the names under `.test` and to trust them."""
        folder = Path(__file__).parent / "loopback"
        return {
            "LOOPBACK_FRONT": str(self.port),
            "PYTHONPATH": str(folder),
            "SSL_CERT_FILE": str(self.ca_file),
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
            "NODE_OPTIONS": f"--import={folder / 'preload.mjs'}",
        }

    def __enter__(self) -> "Front":
        self._thread.start()
        assert self._ready.wait(10), "the TLS front did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        first = self.tls("front.test")
        first.sni_callback = self._choose
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=first)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> int | None:
        if name not in self._behind:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if name not in self._contexts:
            self._contexts[name] = self.tls(name)
        connection.context = self._contexts[name]
        return None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chosen = writer.get_extra_info("ssl_object").context
        name = next(name for name, context in self._contexts.items() if context is chosen)
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind[name])
        except (OSError, KeyError):
            writer.transport.abort()  # as a server that is down looks: the connection breaks, there is no answer
            return
        self._open |= {writer, inner_writer}
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        self._open -= {writer, inner_writer}


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass bytes on until `source` ends, then end `target`."""
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()
        await target.wait_closed()
