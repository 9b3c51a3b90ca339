"""A listener that takes letters in for any number of servers of 127.0.0.0/8, in a process of its own; for bench.fanout.

Its first line of output is its port. `GET /count` tells how many servers took something in since the last `GET /zero`. Of every
ten servers named on the command line as `bad`, one never answers and one answers a byte every two seconds.
"""

import asyncio
import ssl
import sys
from typing import ClassVar

TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Sink(asyncio.Protocol):
    hosts: ClassVar[set[bytes]] = set()
    bad: ClassVar[bool] = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", b"0"))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.answer(head, fields[b"host"])

    def answer(self, head: bytes, host: bytes) -> None:
        if head.startswith(b"GET /zero"):
            Sink.hosts.clear()
        if head.startswith(b"GET"):
            count = str(len(Sink.hosts)).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(count), count))
            return
        last = int(host.split(b":")[0].split(b".")[3]) % 10 if self.bad else 9
        if last == 0:
            return
        if last == 1:
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nX-Patience: ")
            self.drip()
            return
        Sink.hosts.add(host)
        self.transport.write(TAKEN)

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b".")
            asyncio.get_running_loop().call_later(2, self.drip)


async def main() -> None:
    Sink.bad = "bad" in sys.argv
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2])
    server = await asyncio.get_running_loop().create_server(Sink, "0.0.0.0", 0, backlog=4096, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
