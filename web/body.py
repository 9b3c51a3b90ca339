"""Request bodies: bounded, streamed to the disk, and never faster than they are read.

Quart keeps whatever a client sends in memory until a view asks for it. Here the network waits instead: when about a megabyte is
unread, `Flow` takes no more from the connection. What a route accepts is written on it (`@accepts(FILES)`); without that it is a
form of at most 1 MB (security.md, table D). The limit holds on the running total, so that it needs no Content-Length (row 124).
Files of a form go to `site.incoming` part by part, by worker threads; whoever keeps one renames it, and what is left when the
request ends, however it ends, is removed. The bytes of strangers are let go where only members may send files, and nobody's are
kept where they would take the reserve of the disk.
"""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import quart
from quart import current_app
from quart.datastructures import FileStorage
from quart.wrappers.request import Body as QuartBody
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import BadRequest, RequestTimeout
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from server.errors import Full, Invalid, TooLarge
from server.media import storage
from server.settings import Settings
from server.site import Site
from server.uploads import MAX_PICTURES
from web.current import viewer

Accepted = Literal["form", "file", "files"]
FORM: Accepted = "form"
FILE: Accepted = "file"
FILES: Accepted = "files"
View = TypeVar("View", bound=Callable[..., Any])

FORM_BYTES = 1_000_000
# Unread bytes at which the network waits.
AHEAD = 1_000_000
# A form of a work with 16 images: 5 fields and a file for each, a box for every gallery, and what else is on the page.
MAX_PARTS = 400
# Between the contents of a multipart body stand a boundary and a few header lines, some hundred bytes; the decoder would collect
# whatever comes instead of them, without end.
MAX_BETWEEN = 64 * 1024
# Slow clients (table D): after GRACE seconds of waiting for bytes, fewer than SLOWEST of them a second end the request.
GRACE = 60.0
SLOWEST = 50_000
SILENCE = 30.0  # seconds without a single byte
LINGER = 10.0  # seconds for which the rest of a refused body is read and thrown away
KEY = "cartellino.meter"


def accepts(kind: Accepted) -> Callable[[View], View]:
    """What a route takes: FORM, FILE (one file as the whole body), or FILES (a multipart form with pictures)."""

    def mark(view: View) -> View:
        view.accepts = kind  # type: ignore[attr-defined]
        return view

    return mark


def limit(kind: Accepted, settings: Settings) -> int:
    """Largest body in bytes."""
    one = settings.uploads.max_megabytes * 1_000_000
    # One byte more than a file may have, so that the sentence about the file is said and not the one about the body.
    return {"form": FORM_BYTES, "file": one, "files": MAX_PICTURES * one + 2 * FORM_BYTES}[kind]


class Meter:
    """What one request has sent and what has been read of it, and the files that it brought."""

    def __init__(self) -> None:
        self.unread = 0
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.files: list[Path] = []
        self.is_whole = asyncio.Event()
        self.is_answered = False

    def came(self, size: int) -> None:
        self.unread += size
        if self.unread > AHEAD:
            self.has_room.clear()

    def read(self) -> None:
        self.unread = 0
        self.has_room.set()


class Flow:
    """The outermost ASGI layer: takes from the connection only what is read, and cleans up after every request."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if refused := _odd(scope):
            await send({"type": "http.response.start", "status": refused, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
            return
        meter = scope[KEY] = Meter()

        async def measured() -> Any:
            await meter.has_room.wait()
            message = await receive()
            if not message.get("more_body", False):  # the last piece, or a hang-up
                meter.is_whole.set()
            if message["type"] == "http.request":
                if meter.is_answered:
                    return message | {"body": b""}
                meter.came(len(message.get("body", b"")))
            return message

        async def answer(message: Any) -> None:
            # Whoever answers has read what they wanted. The rest is let go for a while: a browser that is still sending would
            # see a broken connection instead of our words, and a server whose queue is full could not even close.
            if not meter.is_answered:
                meter.is_answered = True
                meter.read()
                if not meter.is_whole.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(meter.is_whole.wait(), LINGER)
            await send(message)

        try:
            await self.app(scope, measured, answer)
        finally:
            for file in meter.files:
                file.unlink(missing_ok=True)


def _odd(scope: Any) -> int:
    """The status for what a proxy before us may read in another way than we do (row 102); 0 for everything else.

    HTTP/2 without TLS comes from nobody but people who tunnel through a proxy that did not look (505); two ways of saying how
    long a body is let one request hide in another (400).
    """
    if scope["http_version"].startswith("2") and scope["scheme"] == "http":
        return 505
    names = [name.lower() for name, _ in scope["headers"]]
    return 400 if b"transfer-encoding" in names and b"content-length" in names else 0


class Body(QuartBody):
    """A body that is read piece by piece, at most `limit` bytes of it, from a client that is not too slow.

    Raises TooLarge, or RequestTimeout (408).
    """

    def __init__(self, announced: int | None, meter: Meter) -> None:
        super().__init__(announced, None)
        self.announced = announced or 0
        self.meter = meter
        self.limit = FORM_BYTES
        self.total = 0
        self.waited = 0.0
        self._whole: bytes | None = None

    async def __anext__(self) -> bytes:
        if self.announced > self.limit:
            raise self._too_large()
        clock = asyncio.get_running_loop().time
        before = clock()
        try:
            data = await asyncio.wait_for(super().__anext__(), SILENCE)
        except TimeoutError:
            raise self._too_slow() from None
        self.meter.read()
        # Only the time that we waited for the client counts, not what we did with the bytes.
        self.waited += clock() - before
        self.total += len(data)
        if self.total > self.limit:
            raise self._too_large()
        if self.waited > GRACE and self.total < SLOWEST * self.waited:
            raise self._too_slow()
        return data

    def _too_slow(self) -> RequestTimeout:
        self.meter.is_whole.set()  # nobody waits for the rest
        return RequestTimeout()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"This is larger than the {self.limit / 1_000_000:,.0f} MB that this address accepts.")

    def __await__(self) -> Generator[Any, None, Any]:
        return self._read().__await__()

    async def _read(self) -> bytes:
        if self._whole is None:
            self._whole = b"".join([part async for part in self])
        return self._whole


class Arrived(FileStorage):
    """One file of a form, lying in `site.incoming`. Files that are too large, or for which the disk has no room, were not
    kept: their bytes were let go, and the rest of the form goes on. `check` says so."""

    def __init__(self, path: Path, stream: FileIO, name: str, field: str, headers: Headers) -> None:
        super().__init__(stream, name, field, headers=headers)
        self.path = path
        self.size = 0
        self.is_too_large = False
        self.has_no_room = False

    def check(self, settings: Settings) -> None:
        """Raises TooLarge or Full for a file that was not kept."""
        if self.is_too_large:
            raise TooLarge(f"This file is larger than {settings.uploads.max_megabytes} MB.")
        if self.has_no_room:
            raise Full


class Request(quart.Request):
    """A request whose forms bring files to the disk and whose body is bounded by its route."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.meter: Meter = kwargs["scope"].get(KEY) or Meter()
        self.body: QuartBody = Body(self.content_length, self.meter)

    @property
    def accepted(self) -> Accepted:
        """What the route of this request takes."""
        view = current_app.view_functions.get(self.endpoint or "")
        return cast(Accepted, getattr(view, "accepts", FORM))

    async def get_data(self, *args: Any, **kwargs: Any) -> Any:
        self._bound()
        return await super().get_data(*args, **kwargs)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, within the limit of its route."""
        self._bound()
        async for data in self.body:
            yield data

    async def save(self) -> Path:
        """Write the whole body into a fresh file in `site.incoming` and return its path. Raises Full."""
        site = self._bound()
        await asyncio.to_thread(_check_reserve, site, self.content_length or 0)
        path, stream = await asyncio.to_thread(self._fresh_file)
        try:
            async for data in self.pieces():
                await asyncio.to_thread(_append, site, stream, data)
        finally:
            await asyncio.to_thread(stream.close)
        return path

    def _bound(self) -> Site:
        site = cast(Site, current_app.extensions["site"])
        cast(Body, self.body).limit = limit(self.accepted, site.settings)
        return site

    async def _load_form_data(self) -> None:
        async with self._parsing_lock:
            if self._form is not None:
                return
            self._bound()
            if self.mimetype == "multipart/form-data":
                self._form, self._files = await self._multipart()
                return
        await super()._load_form_data()
        form: MultiDict[str, str] | None = self._form
        if form is not None and sum(len(values) for _, values in form.lists()) > MAX_PARTS:
            raise Invalid("This form has more fields than any form of ours.")

    async def _multipart(self) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        boundary = self.mimetype_params.get("boundary", "").encode("latin-1")
        if not boundary:
            raise BadRequest
        reader = _Multipart(self, MultipartDecoder(boundary, max_parts=MAX_PARTS))
        try:
            async for data in self.body:
                await reader.feed(data)
            await reader.feed(None)  # only at the end does the decoder tell whether the last boundary came
        except ValueError:
            raise BadRequest from None
        finally:
            await reader.close()
        if not reader.is_complete:
            raise BadRequest
        return MultiDict(reader.fields), MultiDict(reader.files)

    def _fresh_file(self) -> tuple[Path, FileIO]:
        """Called in a thread. The path is noted before the file exists: whatever happens, it is cleaned up.

        Without a buffer: what does not fit on the disk must be told by the write, not by the close. Raises Full.
        """
        site = cast(Site, current_app.extensions["site"])
        path = site.incoming / f"part-{secrets.token_hex(8)}"
        self.meter.files.append(path)
        try:
            return path, FileIO(path, "x+")
        except OSError as wrong:
            raise storage.full(wrong) from wrong


class _Multipart:
    """The parts of one form, as they come."""

    def __init__(self, request: Request, decoder: MultipartDecoder) -> None:
        self.request = request
        self.decoder = decoder
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, FileStorage]] = []
        self.is_complete = False
        self.site = request._bound()
        self.largest = limit(FILE, self.site.settings)
        view = current_app.view_functions.get(request.endpoint or "")
        is_open = getattr(view, "policy", "") in ("public", "machine")
        self.takes_files = request.accepted == FILES and (is_open or viewer() is not None)
        self.form_bytes = 0
        self.name = ""
        self.value: bytearray | None = None
        self.file: Arrived | None = None

    async def feed(self, data: bytes | None) -> None:
        self.decoder.receive_data(data)
        while True:
            event = self.decoder.next_event()
            if isinstance(event, NeedData):
                if len(self.decoder.buffer) > MAX_BETWEEN:
                    raise BadRequest
                return
            if isinstance(event, Epilogue):
                self.is_complete = True
                return
            await self._take(event)

    async def _take(self, event: Any) -> None:
        if isinstance(event, Field):
            self.name, self.value, self.file = event.name or "", bytearray(), None
        elif isinstance(event, File):
            self.value = self.file = None
            # A file input that nobody touched sends a part without a name.
            if event.filename and self.takes_files:
                await self._open(event)
        elif isinstance(event, Data):
            await self._data(event)

    async def _open(self, event: File) -> None:
        path, stream = await asyncio.to_thread(self.request._fresh_file)
        self.file = Arrived(path, stream, event.filename, event.name or "", event.headers)
        self.files.append((event.name or "", self.file))

    async def _keep(self, file: Arrived, data: bytes) -> None:
        try:
            await asyncio.to_thread(_append, self.site, cast(FileIO, file.stream), data)
        except Full:
            file.has_no_room = True
            await asyncio.to_thread(cast(FileIO, file.stream).truncate, 0)

    async def _data(self, event: Data) -> None:
        if self.value is not None:
            self.form_bytes += len(event.data)
            if self.form_bytes > FORM_BYTES:
                raise TooLarge("The texts of this form are longer than this server accepts.")
            self.value += event.data
            if not event.more_data:
                self.fields.append((self.name, self.value.decode("utf-8", "replace")))
                self.value = None
        elif (file := self.file) is not None:
            file.size += len(event.data)
            file.is_too_large = file.size > self.largest
            if not file.is_too_large and not file.has_no_room:
                await self._keep(file, event.data)
            if not event.more_data:
                await asyncio.to_thread(file.stream.seek, 0)
                self.file = None

    async def close(self) -> None:
        """Give the open files back. Those of a form that came whole are closed by the framework when the request ends."""
        if not self.is_complete:
            for _, file in self.files:
                await asyncio.to_thread(file.close)


def _append(site: Site, stream: FileIO, data: bytes) -> None:
    """Write all of `data`; called in a thread. Raises Full, also where only the reserve is left."""
    # Asking costs a few microseconds, so it is done at each piece: many uploads at once must not pass the reserve together.
    _check_reserve(site, len(data))
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[stream.write(rest) :]
    except OSError as wrong:
        raise storage.full(wrong) from wrong


def _check_reserve(site: Site, size: int) -> None:
    if shutil.disk_usage(site.incoming).free - size < site.settings.uploads.reserve_megabytes * 1_000_000:
        raise Full
