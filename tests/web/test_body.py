"""Request bodies over real connections: bounded, streamed, never faster than they are read (security.md rows 99, 100, 124)."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request
from sqlalchemy import func, select

from server.models import Account, Media
from server.site import Site
from tests.conftest import signed_in
from tests.works import files_in, picture
from web import body
from web.auth import machine

MB = 1_000_000


@pytest.fixture
async def port(app: Quart, unused_tcp_port: int) -> AsyncIterator[int]:
    """A real hypercorn on a loopback port, with a few views that read in their own ways."""

    @app.post("/test/form")
    @machine
    async def form() -> Response:
        values = await request.form
        return Response(f"{len(values)} {sum(map(len, values.values()))}")

    @app.post("/test/file")
    @body.accepts(body.FILE)
    @machine
    async def file() -> Response:
        path: Path = await request.save()  # type: ignore[attr-defined]
        return Response(str(path.stat().st_size))

    @app.post("/test/files")
    @body.accepts(body.FILES)
    @machine
    async def files() -> Response:
        found = (await request.files).getlist("files")
        return Response(" ".join(f"{f.size}{'!' if f.is_too_large else ''}" for f in found))

    app.extensions["go"] = asyncio.Event()

    @app.post("/test/later")
    @body.accepts(body.FILE)
    @machine
    async def later() -> Response:
        await app.extensions["go"].wait()
        total = 0
        async for data in request.pieces():  # type: ignore[attr-defined]
            total += len(data)
        return Response(str(total))

    config = Config()
    config.bind = [f"127.0.0.1:{unused_tcp_port}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.02)
    yield unused_tcp_port
    stop.set()
    await server


async def send(
    port: int, path: str, content: bytes, *, chunked: bool = False, kind: str = "application/octet-stream"
) -> tuple[int, str]:
    """One request by hand; with `chunked` nobody announces its length."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(content)}"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n{length}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())

    async def rest() -> None:
        try:
            for start in range(0, len(content), 65536):
                part = content[start : start + 65536]
                writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")
        except ConnectionError:
            pass  # refused before the end

    sending = asyncio.create_task(rest())
    try:
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        answer = b""
    sending.cancel()
    writer.close()
    text = answer.decode("utf-8", "replace")
    return int(text.split(" ")[1]) if text else 0, text.rpartition("\r\n\r\n")[2]


def multipart(parts: list[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    lines = []
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        lines.append(
            f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return b"".join(lines) + b"--XX--\r\n", "multipart/form-data; boundary=XX"


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_form_is_at_most_a_megabyte(port: int, chunked: bool) -> None:
    """Row 124: over a real socket, announced or not."""
    fits = b"a=" + b"x" * (MB - 2)
    assert await send(port, "/test/form", fits, chunked=chunked, kind=FORM) == (200, f"1 {MB - 2}")
    status, _ = await send(port, "/test/form", fits + b"x", chunked=chunked, kind=FORM)
    assert status == 413


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_file_is_at_most_what_the_settings_say(port: int, site: Site, chunked: bool) -> None:
    _limit(site, 2)
    status, text = await send(port, "/test/file", os.urandom(2 * MB), chunked=chunked)
    assert (status, text.strip()) == (200, str(2 * MB))
    assert (await send(port, "/test/file", os.urandom(2 * MB + 1), chunked=chunked))[0] == 413
    await _until(lambda: files_in(site.incoming) == [])


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_form_with_files_keeps_what_fits(port: int, site: Site, chunked: bool) -> None:
    """One file that is too large costs itself, not the whole form."""
    _limit(site, 1)
    content, kind = multipart(
        [("a", None, b"x"), ("files", "1", b"y" * MB), ("files", "2", b"z" * (MB + 1)), ("files", "", b"")]
    )
    assert await send(port, "/test/files", content, chunked=chunked, kind=kind) == (200, f"{MB} {MB + 1}!")
    content, kind = multipart([("files", str(n), b"y" * MB) for n in range(19)])
    assert (await send(port, "/test/files", content, chunked=chunked, kind=kind))[0] == 413
    await _until(lambda: files_in(site.incoming) == [])


async def test_files_are_only_taken_where_files_are_expected(port: int, site: Site) -> None:
    content, kind = multipart([("a", None, b"x"), ("files", "1", b"y" * 1000)])
    assert await send(port, "/test/form", content, kind=kind) == (200, "1 1")
    assert (await send(port, "/test/form", multipart([("files", "1", b"y" * MB)])[0], kind=kind))[0] == 413


async def test_too_many_parts(port: int) -> None:
    """Row 99."""
    content, kind = multipart([(f"f{n}", None, b"x") for n in range(20_000)])
    assert (await send(port, "/test/files", content, kind=kind))[0] == 413
    many = b"&".join(b"a%d=1" % n for n in range(1000))
    assert (await send(port, "/test/form", many, kind=FORM))[0] == 422


@pytest.mark.parametrize(
    "content",
    [b"", b"--XX", b"--XX\r\n\r\n\r\n", b"x" * 5000, b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end'],
)
async def test_a_broken_form_is_refused(port: int, content: bytes) -> None:
    assert (await send(port, "/test/files", content, kind="multipart/form-data; boundary=XX"))[0] == 400


async def test_the_network_waits_for_who_reads(port: int, app: Quart) -> None:
    """50 MB to a view that does not read yet: only a little is taken from the connection, nothing of it is lost."""
    total = 50 * MB
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /test/later HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {total}\r\n\r\n".encode())
    sent = 0
    stalled = False
    while sent < total:
        writer.write(b"x" * 65536)
        sent += 65536
        try:
            await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            stalled = True
            break
    assert stalled and sent < 20 * MB  # what the system's own buffers hold, and our megabyte
    app.extensions["go"].set()
    rest = asyncio.create_task(_write(writer, total - sent))
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    assert b" 200 " in head and (await reader.read(8)) == str(total).encode()
    await rest
    writer.close()


async def test_slow_clients_are_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 100 and table D: silence, and less than the least speed once the first grace is over."""
    monkeypatch.setattr(body, "SILENCE", 0.2)
    assert await _drip(port, [b"x" * 10], gap=0) == 408
    monkeypatch.setattr(body, "SILENCE", 5.0)
    monkeypatch.setattr(body, "GRACE", 0.3)
    assert await _drip(port, [b"x" * 10] * 30, gap=0.05) == 408


async def test_a_hang_up_leaves_nothing(port: int, site: Site) -> None:
    """P15: the temporary file goes with the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /test/file HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 900000\r\n\r\n".encode()
        + b"x" * 400_000
    )
    await writer.drain()
    await _until(lambda: files_in(site.incoming) != [])
    writer.close()
    await _until(lambda: files_in(site.incoming) == [])


async def test_a_kept_file_is_not_cleaned_away(app: Quart, site: Site, alice: Account) -> None:
    client = await signed_in(app, alice)
    page = await (await client.get("/new")).get_data(as_text=True)
    csrf = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    answer = await client.post("/uploads", data=picture(), headers={"X-CSRF": csrf, "X-File-Name": "a%20b.png"})
    assert answer.status_code == 201, await answer.get_data(as_text=True)
    assert "a b.png" in await answer.get_data(as_text=True)
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Media.id))) == 1
    assert files_in(site.incoming) == []


def _limit(site: Site, megabytes: int) -> None:
    uploads = site.settings.uploads.model_copy(update={"max_megabytes": megabytes})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"uploads": uploads}))


async def _write(writer: asyncio.StreamWriter, count: int) -> None:
    while count > 0:
        writer.write(b"x" * min(count, 65536))
        count -= 65536
        await writer.drain()


async def _drip(port: int, parts: list[bytes], gap: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /test/file HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 100000\r\n\r\n".encode())

    async def drip() -> None:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(gap)

    dripping = asyncio.create_task(drip())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
    dripping.cancel()
    writer.close()
    return int(head.split(b" ")[1])


async def _until(happened: Any) -> None:
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (
            b"POST /test/form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"200"),
    ],
)  # fmt: skip
async def test_a_body_has_one_length(port: int, start: bytes, status: bytes) -> None:
    """Row 102: what could be read in two ways is not read at all, and the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert answer.split(b" ")[1] == status
    assert (b"connection: close" in answer.lower()) == (status == b"400")
    writer.close()


async def test_http_2_without_tls_reaches_nothing(port: int) -> None:
    """Row 102: an upgrade that a proxy let through leads nowhere."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + bytes.fromhex("000000040000000000")
    )
    seen = b""
    try:
        while b"alive" not in seen and len(seen) < 2000:
            seen += await asyncio.wait_for(reader.read(1000), 2)
            if reader.at_eof():
                break
    except TimeoutError:
        pass
    assert b"101" in seen and b"alive" not in seen
    writer.close()
