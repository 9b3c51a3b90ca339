"""What arrives: unpacked in small pieces, counted, and stopped in time."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

import aiohttp

from server.errors import GiveUp, TryLater

CHUNK = 16_384
# Bytes and seconds that an explanation may take.
EXPLANATION, PATIENCE = 16_384, 5

T = TypeVar("T")


class Unfit(GiveUp):
    """There is an answer, and it is none that we read: too large, of another type, packed in an unknown way, redirects."""


async def body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, unpacked. Raises Unfit beyond `limit` bytes, and what aiohttp raises for one that is broken off."""
    return b"".join([piece async for piece in _unpacked(response, limit)])


async def beginning(response: aiohttp.ClientResponse) -> bytes:
    """As much of the body as comes soon and whole, for answers whose status says it all and whose words are for people."""
    if response.content.at_eof():  # 202 with nothing more: what most say to a delivery
        return b""
    kept = bytearray()
    with suppress(Unfit, TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(PATIENCE):
            async for piece in _unpacked(response, EXPLANATION):
                kept += piece
    return bytes(kept)


async def _unpacked(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    """The body in pieces of at most CHUNK bytes; raises Unfit once more than `limit` bytes came, packed or unpacked (row 86)."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if packing not in ("identity", "gzip", "x-gzip"):
        raise Unfit(f"The answer is packed in a way that nobody asked for: {packing[:60]}.")
    if (response.content_length or 0) > limit:
        raise Unfit(f"The answer is larger than {limit} bytes.")
    gunzip = None if packing == "identity" else _Gunzip()
    packed = unpacked = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        packed += len(chunk)
        for piece in gunzip.feed(chunk) if gunzip else (chunk,):
            unpacked += len(piece)
            if unpacked > limit:
                raise Unfit(f"The answer is larger than {limit} bytes.")
            yield piece
        if packed > limit:  # many packed bytes that hold nothing
            raise Unfit(f"The answer is larger than {limit} bytes.")
    if gunzip and not gunzip.whole:
        raise aiohttp.ClientPayloadError("gzip ends early")


class _Gunzip:
    """Unpacks gzip in small pieces: whoever counts them can stop before memory does."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        # Whether everything fed so far is whole members (RFC 1952 allows several); an empty body is whole as well.
        self.whole = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            try:
                piece = self._member.decompress(data, CHUNK)
                data = self._member.unconsumed_tail or self._member.unused_data
            except zlib.error as wrong:
                raise Unfit("The answer says that it is gzip, and is not.") from wrong
            self.whole = self._member.eof
            if piece:
                yield piece
        # What did not fit into the last piece is still inside.
        while not self._member.eof:
            try:
                piece = self._member.decompress(b"", CHUNK)
            except zlib.error as wrong:
                raise Unfit("The answer says that it is gzip, and is not.") from wrong
            self.whole = self._member.eof
            if not piece:
                return
            yield piece


async def written(response: aiohttp.ClientResponse, file: Path, limit: int) -> int:
    """Write the body to `file`, a megabyte at a time and outside the loop; returns its size. A failure removes the file."""
    size = 0
    waiting = bytearray()
    out: IO[bytes] = await _on_disk(file.open, "wb")
    try:
        try:
            async for piece in _unpacked(response, limit):
                waiting += piece
                size += len(piece)
                if len(waiting) >= 1_000_000:
                    await _on_disk(out.write, waiting)
                    waiting.clear()
            await _on_disk(out.write, waiting)
        finally:
            await _on_disk(out.close)
    except BaseException:
        _remove(file)
        raise
    return size


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()


async def _on_disk(step: Callable[..., T], *given: object) -> T:
    """Do one step with a file outside the loop. Its failure is ours, not the other server's: TryLater with the reason."""
    try:
        return await asyncio.to_thread(step, *given)
    except OSError as wrong:
        raise TryLater(f"The file could not be written: {wrong.strerror}.") from wrong
