"""Rights inside a finished file, put there without touching a pixel: bytes and files alone, no decoder and no Pillow.

A stamp takes out every XMP packet, every manifest (C2PA) and what earlier stamps wrote for old readers (Exif, IPTC-IIM), and puts
new ones in their places. Everything else is copied as it stands; how a picture is turned stays. What is stamped was made by our
own workshop, so a container that contradicts itself is an error (`Broken`), never something to be mended here.
"""

import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from server.media import metadata
from server.media.containers import (
    GIF_XMP_TAIL,
    PNG_XMP,
    Broken,
    Buffer,
    gif_blocks,
    jpeg_segment,
    png_chunk,
    png_chunks,
    riff_chunk,
    riff_chunks,
    riff_end,
)
from server.media.orders import Credits

# Bytes to be written, or the place of bytes to be copied.
Piece = bytes | tuple[int, int]

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
NOBODY = Credits()


def stamp(source: Path, target: Path, kind: str, *, xmp: bytes, exif: Credits = NOBODY, iim: Credits = NOBODY) -> None:
    """Write `source`, a finished JPEG, PNG, WebP or GIF, to `target` with this XMP packet and no other.

    `exif` (creator, rights) and `iim` (all three) are for old readers of JPEG; other formats do not carry them. Memory does not
    grow with the file. Raises Broken where the file contradicts its own structure or is cut off, ValueError for another format
    and for a packet that has no room in a JPEG segment.
    """
    with source.open("rb") as file, target.open("wb") as out:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as empty:
            raise Broken("the file is empty") from empty
        with data, memoryview(data) as view:
            for piece in _joined(_pieces(data, kind, xmp, exif, iim)):
                if isinstance(piece, bytes):
                    out.write(piece)
                else:
                    with view[slice(*piece)] as part:
                        out.write(part)


def read(path: Path, kind: str) -> bytes | None:
    """The XMP packet of a file, or None where it has none. Raises Broken like `stamp`; AVIF is looked through for one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _READERS[kind](data)
        except (struct.error, IndexError, zlib.error) as cause:
            raise Broken("ends inside a header") from cause


def _pieces(data: Buffer, kind: str, xmp: bytes, exif: Credits, iim: Credits) -> list[Piece]:
    try:
        if kind == "jpeg":
            return list(_jpeg(data, xmp, exif, iim))
        if kind == "png":
            return list(_png(data, xmp))
        if kind == "webp":
            return list(_webp(data, xmp))
        if kind == "gif":
            return list(_gif(data, xmp))
    except (struct.error, IndexError) as cause:
        raise Broken("ends inside a header") from cause
    raise ValueError(f"{kind} is stamped when it is encoded, or not at all")


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """The same with neighbours copied at once: a PNG has thousands of small chunks."""
    begin = end = 0
    for piece in pieces:
        if not isinstance(piece, bytes) and piece[0] == end and end > begin:
            end = piece[1]
            continue
        if end > begin:
            yield begin, end
        begin, end = (0, 0) if isinstance(piece, bytes) else piece
        if isinstance(piece, bytes):
            yield piece
    if end > begin:
        yield begin, end


# --- JPEG ---------------------------------------------------------------------------------------------------------


def _heads(data: Buffer) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the segments before the first scan; the last one is the rest of the file, under 0xDA."""
    if data[:2] != b"\xff\xd8" or data[len(data) - 2 :] != b"\xff\xd9":
        raise Broken("no end of image")
    at = 2
    while True:
        if data[at] != 0xFF:
            raise Broken("no segment where one begins")
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker == 0xDA:
            yield marker, at, len(data)
            return
        elif marker == 0xD9 or marker <= 0x01 or 0xD0 <= marker <= 0xD8:
            raise Broken("no picture in it")
        else:
            length = struct.unpack_from(">H", data, at + 2)[0]
            end = at + 2 + length
            if length < 2 or end > len(data):
                raise Broken("ends inside a segment")
            yield marker, at, end
            at = end


def _jpeg(data: Buffer, xmp: bytes, exif: Credits, iim: Credits) -> Iterator[Piece]:
    first: list[Piece] = []
    rest: list[Piece] = []
    orientation = 1
    for marker, start, end in _heads(data):
        body = data[start + 4 : min(end, start + 40)]
        if marker == 0xE0:
            first.append((start, end))
        elif marker == 0xE1 and body.startswith(b"Exif\0"):
            orientation = metadata.orientation_of(data[start + 10 : end])
        elif marker == 0xE1 and body.startswith((_XMP, _MORE_XMP)):
            continue
        elif marker == 0xEB or (marker == 0xED and body.startswith(b"Photoshop 3.0\0")):
            continue  # a manifest; what old readers were told
        else:
            rest.append((start, end))
    yield b"\xff\xd8"
    yield from first
    if block := metadata.exif(exif, orientation, is_jpeg=True):
        yield jpeg_segment(0xE1, b"Exif\0\0" + block)
    yield jpeg_segment(0xE1, _XMP + xmp)
    if block := metadata.iim(iim):
        yield jpeg_segment(0xED, block)
    yield from rest


def _read_jpeg(data: Buffer) -> bytes | None:
    for marker, start, end in _heads(data):
        if marker == 0xE1 and data[start + 4 : start + 4 + len(_XMP)] == _XMP:
            return data[start + 4 + len(_XMP) : end]
    return None


# --- PNG ----------------------------------------------------------------------------------------------------------


def _png(data: Buffer, xmp: bytes) -> Iterator[Piece]:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise Broken("no PNG")
    yield 0, 8
    is_in = False
    for name, start, end in png_chunks(data):
        if name == b"caBX" or _is_xmp(data, name, start):
            continue
        if name == b"eXIf":
            if block := metadata.exif(NOBODY, metadata.orientation_of(data[start + 8 : end - 4])):
                yield png_chunk(b"eXIf", block)
            continue
        if name == b"IDAT" and not is_in:
            is_in = True
            yield png_chunk(b"iTXt", PNG_XMP + b"\0\0\0\0" + xmp)
        yield start, end
    if not is_in:
        raise Broken("no picture in it")


def _is_xmp(data: Buffer, name: bytes, start: int) -> bool:
    return name in (b"iTXt", b"tEXt", b"zTXt") and data[start + 8 : start + 8 + len(PNG_XMP)] == PNG_XMP


def _read_png(data: Buffer) -> bytes | None:
    for name, start, end in png_chunks(data):
        if name == b"iTXt" and _is_xmp(data, name, start):
            is_packed, text = data[start + 8 + len(PNG_XMP)], data[start + 8 + len(PNG_XMP) + 4 : end - 4]
            return zlib.decompressobj().decompress(text, 2_000_000) if is_packed else text
    return None


# --- WebP ---------------------------------------------------------------------------------------------------------


def _webp(data: Buffer, xmp: bytes) -> Iterator[Piece]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise Broken("no WebP")
    flags, canvas = 0, b""
    parts: list[Piece] = []
    exif = b""
    has_picture = False
    for name, start, end in riff_chunks(data, 12, riff_end(data)):
        if name == b"VP8X":
            flags, canvas = data[start], data[start + 4 : start + 10]
        elif name == b"EXIF":
            raw = data[start:end].removeprefix(b"Exif\0\0")
            exif = metadata.exif(NOBODY, metadata.orientation_of(raw))
        elif name not in (b"XMP ", b"C2PA"):
            has_picture = has_picture or name in (b"VP8 ", b"VP8L", b"ANMF")
            if not canvas and name in (b"VP8 ", b"VP8L"):
                canvas, flags = _canvas(data, name, start)
            parts.append((start - 8, end))
            if (end - start) % 2:
                parts.append(b"\0")
    if not has_picture:
        raise Broken("no picture in it")
    if exif:
        parts.append(riff_chunk(b"EXIF", exif))
    parts.append(riff_chunk(b"XMP ", xmp))
    # Colour profile, transparency and motion stay what they were.
    flags = flags & 0x32 | 0x08 * bool(exif) | 0x04
    parts.insert(0, riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas))
    size = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
    yield b"RIFF" + struct.pack("<I", 4 + size) + b"WEBP"
    yield from parts


def _canvas(data: Buffer, name: bytes, start: int) -> tuple[bytes, int]:
    """What the VP8X chunk says of a file that has none yet: width and height less one, and whether something is transparent."""
    if name == b"VP8L":
        word = struct.unpack_from("<I", data, start + 1)[0]
        width, height, flags = (word & 0x3FFF) + 1, (word >> 14 & 0x3FFF) + 1, 0x10 * (word >> 28 & 1)
    else:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, start + 6))
        flags = 0
    if not width or not height:
        raise Broken("no size")
    return struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3], flags


def _read_webp(data: Buffer) -> bytes | None:
    chunks = riff_chunks(data, 12, riff_end(data))
    return next((data[start:end] for name, start, end in chunks if name == b"XMP "), None)


# --- GIF ----------------------------------------------------------------------------------------------------------


def _gif(data: Buffer, xmp: bytes) -> Iterator[Piece]:
    if data[:3] != b"GIF":
        raise Broken("no GIF")
    is_in = False
    for kind, start, end in gif_blocks(data):
        if kind == "head":
            yield b"GIF89a"  # extensions came with it
            yield 6, end
        elif kind != "xmp" and not (kind == "other" and data[start + 3 : start + 11] == b"C2PA_GIF"):
            if kind in ("control", "image") and not is_in:
                is_in = True
                yield b"\x21\xff\x0bXMP DataXMP" + xmp + GIF_XMP_TAIL
            yield start, end
    if not is_in:
        raise Broken("no picture in it")
    yield b"\x3b"


def _read_gif(data: Buffer) -> bytes | None:
    found = next(((start, end) for kind, start, end in gif_blocks(data) if kind == "xmp"), None)
    return data[found[0] + 14 : max(found[0] + 14, found[1] - len(GIF_XMP_TAIL))] if found else None


# --- AVIF ---------------------------------------------------------------------------------------------------------


def _read_avif(data: Buffer) -> bytes | None:
    begin = data.find(b"<?xpacket begin=")
    end = data.find(b"<?xpacket end=", max(0, begin))
    return data[begin : data.find(b"?>", end) + 2] if 0 <= begin < end else None


_READERS: dict[str, Callable[[Buffer], bytes | None]] = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "gif": _read_gif,
    "avif": _read_avif,
}
