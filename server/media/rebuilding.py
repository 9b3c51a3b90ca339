"""The full-size copy: the same picture in a new box, without a pixel being touched.

Only parts on an allow-list are copied (decision 14), so that comments, previews, places, serial numbers and whatever hangs behind
the picture are gone while every pixel stays as the artist saved it.
"""

import struct
import zlib
from collections.abc import Iterator

from server.media import metadata
from server.media.containers import (
    JPEG_PICTURE,
    Buffer,
    gif_blocks,
    jpeg_segment,
    jpeg_segments,
    png_chunk,
    png_chunks,
    riff_chunk,
    riff_chunks,
    riff_end,
    walk_webp,
)
from server.media.orders import Credits

_PNG_KEPT = {
    b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT", b"bKGD",
    b"pHYs", b"mDCV", b"cLLI",
}  # fmt: skip
_WEBP_IMAGE = {b"VP8 ", b"VP8L", b"ALPH"}


def rebuild(data: Buffer, kind: str, *, orientation: int, profile: bytes | None, alpha: bool) -> Iterator[bytes]:
    """The same picture in a new box, in pieces to be written one after the other. JPEG, PNG, WebP and GIF.

    How it is turned is all that is left of its Exif block; what it says of rights is stamped in afterwards.
    """
    if kind == "jpeg":
        return _jpeg(data, orientation, profile)
    if kind == "png":
        return _png(data, orientation, profile)
    if kind == "webp":
        return _webp(data, orientation, profile, alpha)
    return _gif(data)


def _jpeg(data: Buffer, orientation: int, profile: bytes | None) -> Iterator[bytes]:
    yield b"\xff\xd8"
    segments = list(jpeg_segments(data))
    for marker, start, end in segments:
        if marker == 0xE0 and data[start + 4 : start + 9] == b"JFIF\0" and end - start >= 18:
            yield jpeg_segment(0xE0, data[start + 4 : start + 16] + b"\0\0")  # Its resolution, without its preview.
            break
    if exif := metadata.exif(Credits(), orientation):
        yield jpeg_segment(0xE1, b"Exif\0\0" + exif)
    if profile:
        pieces = [profile[i : i + 65_000] for i in range(0, len(profile), 65_000)]
        for number, piece in enumerate(pieces, 1):
            yield jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(pieces))) + piece)
    for marker, start, end in segments:
        if marker == 0xEE and data[start + 4 : start + 9] == b"Adobe" and end - start >= 16:
            yield jpeg_segment(0xEE, data[start + 4 : start + 16])  # It says how the colours are stored.
        elif marker in JPEG_PICTURE:
            yield data[start:end]
    yield b"\xff\xd9"


def _png(data: Buffer, orientation: int, profile: bytes | None) -> Iterator[bytes]:
    yield b"\x89PNG\r\n\x1a\n"
    for name, start, end in png_chunks(data):
        if name == b"IHDR":
            yield data[start:end]
            if profile:
                yield png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile, 9))
            if exif := metadata.exif(Credits(), orientation):
                yield png_chunk(b"eXIf", exif)
        elif name in _PNG_KEPT and not (profile and name == b"sRGB"):
            yield data[start:end]
    yield png_chunk(b"IEND", b"")


def _webp(data: Buffer, orientation: int, profile: bytes | None, alpha: bool) -> Iterator[bytes]:
    box = walk_webp(data)
    exif = metadata.exif(Credits(), orientation)
    parts: list[bytes] = []
    if profile:
        parts.append(riff_chunk(b"ICCP", profile))
    for name, start, end in riff_chunks(data, 12, riff_end(data)):
        if name in _WEBP_IMAGE:
            parts.append(riff_chunk(name, data[start:end]))
        elif name == b"ANIM":
            parts.append(riff_chunk(name, data[start : start + 6]))
        elif name == b"ANMF":
            inner = [riff_chunk(n, data[s:e]) for n, s, e in riff_chunks(data, start + 16, end) if n in _WEBP_IMAGE]
            parts.append(riff_chunk(name, data[start : start + 16] + b"".join(inner)))
    if exif:
        parts.append(riff_chunk(b"EXIF", exif))
    if exif or profile or alpha or box.durations:
        width, height = box.size or (1, 1)
        flags = 0x20 * bool(profile) | 0x10 * alpha | 0x08 * bool(exif) | 0x02 * bool(box.durations)
        sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        parts.insert(0, riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sizes))
    yield b"RIFF" + struct.pack("<I", 4 + sum(map(len, parts))) + b"WEBP"
    yield from parts


def _gif(data: Buffer) -> Iterator[bytes]:
    for kind, start, end in gif_blocks(data):
        if kind == "head":
            yield b"GIF89a" + data[6:end]
        elif kind in ("control", "image"):
            yield data[start:end]
        elif kind == "loop" and data[start + 14] == 3:
            yield data[start : start + 18] + b"\0"
    yield b"\x3b"
