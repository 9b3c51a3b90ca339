"""The boxes around the pixels: recognise a format by its bytes, see whether a file is whole, and read and write its parts.

No decoder and no Pillow here: plain walks over segments, chunks and blocks.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap

Buffer = bytes | mmap

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Segments of a JPEG without which there is no picture, by their markers.
JPEG_PICTURE = {0xDB, 0xC4, 0xDD, 0xCC, 0xDA, 0xDC} | {m for m in range(0xC0, 0xD0) if m not in (0xC4, 0xC8, 0xCC)}
# What an iTXt chunk of a PNG begins with when it holds XMP.
PNG_XMP = b"XML:com.adobe.xmp\0"
# A reader of GIF steps through the packet as if it were blocks, and lands on this tail wherever it comes out.
GIF_XMP_TAIL = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
_LONGEST_SEGMENT = 65_533  # without its marker and its length
_BMFF_PARENTS = {b"meta", b"iprp", b"ipco"}


class Broken(Exception):
    """The file contradicts its own structure, or ends before its picture does."""


@dataclass
class Container:
    """What the box says without any pixel being decoded."""

    frames: int = 1
    durations: list[int] = field(default_factory=list)
    """Milliseconds per frame of an animation."""
    plays: int = 0
    """How often an animation runs; 0 means for ever."""
    bits: int = 8
    size: tuple[int, int] | None = None
    adobe: bool = False
    """JPEG: an Adobe marker, which means that four-ink values are stored inverted."""
    cicp: tuple[int, int] | None = None
    """Colour primaries and transfer function by number (ITU-T H.273), from a PNG or an AVIF."""
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    says_srgb: bool = False
    photoshop: bytes = b""
    xmp: bytes = b""
    exif: bytes = b""
    """Only where Pillow would have to decode the picture to find it (PNG)."""
    hidden_first: bool = False
    """PNG: the first image is only for readers that know no animation."""
    said: list[tuple[str, int, int]] = field(default_factory=list)
    """Where the file says something in words (server.media.inscriptions reads it): the part's name, its first byte, its end."""

    def note(self, part: str, start: int, end: int) -> None:
        """Remember a part that holds words; of a file with very many of them the first ones."""
        if len(self.said) < 500:
            self.said.append((part, start, end))


def sniff(head: bytes) -> str | None:
    """The format of a file by its first bytes, or None. Names of formats that we do not take start with "no-"."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[4:8] == b"ftyp":
        brands = {head[8:12]} | {head[i : i + 4] for i in range(16, min(len(head), 64), 4)}
        if brands & {b"avif", b"avis"}:
            return "avif"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}:
            return "heic"
        return "no-video"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "no-jxl"
    if head.startswith(b"8BPS"):
        return "no-psd"
    if head.startswith(b"%PDF"):
        return "no-pdf"
    if b"<svg" in head[:1024].lower():
        return "no-svg"
    return None


def walk(data: Buffer, kind: str) -> Container:
    """Read the structure of a whole file. Raises `Broken` where it ends too early or makes no sense."""
    walker = {"jpeg": _walk_jpeg, "png": _walk_png, "webp": walk_webp, "gif": _walk_gif, "avif": _walk_bmff}.get(kind)
    try:
        return walker(data) if walker else Container()
    except (struct.error, IndexError) as cause:
        raise Broken("ends inside a header") from cause


# --- JPEG (ITU-T T.81) --------------------------------------------------------------------------------------------


def jpeg_segments(data: Buffer) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of every segment up to and including the end of the image; scans include their data."""
    at = 2
    while True:
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            raise Broken("no end of image")
        at = found.start()
        marker = data[at + 1]
        if marker == 0xD9:
            yield marker, at, at + 2
            return
        if marker in (0x01, 0xD8):
            at += 2
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data):
            raise Broken("ends inside a segment")
        if marker == 0xDA:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise Broken("no end of image")
            end = found.start()
        yield marker, at, end
        at = end


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A segment to be written. Raises ValueError for a body that fits into none."""
    if len(body) > _LONGEST_SEGMENT:
        raise ValueError(f"{len(body):,} bytes do not fit into a segment of a JPEG")
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _walk_jpeg(data: Buffer) -> Container:
    box = Container()
    scans = 0
    for marker, start, end in jpeg_segments(data):
        if marker in JPEG_PICTURE and 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xCC):
            box.bits, height, width = struct.unpack_from(">BHH", data, start + 4)
            box.size = (width, height)
        elif marker == 0xEE and data[start + 4 : start + 9] == b"Adobe":
            box.adobe = True
        elif marker == 0xED and data[start + 4 : start + 18] == b"Photoshop 3.0\0" and not box.photoshop:
            box.photoshop = data[start + 18 : end]
        elif marker in (0xE1, 0xFE):
            box.note("APP1" if marker == 0xE1 else "COM", start + 4, end)
        elif marker == 0xDA:
            scans += 1
            if scans > 500:
                raise Broken("more than 500 scans")
    if not scans or box.size is None:
        raise Broken("no picture in it")
    return box


# --- PNG (W3C, third edition) -------------------------------------------------------------------------------------


def png_chunks(data: Buffer) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of every chunk up to and including IEND; start and end include length and checksum."""
    at = 8
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise Broken("ends inside a chunk")
        yield name, at, end
        if name == b"IEND":
            return
        at = end


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk to be written, with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _walk_png(data: Buffer) -> Container:
    box = Container()
    seen_data, shown_first, animated = False, False, False
    for name, start, end in png_chunks(data):
        body = start + 8
        if name == b"IHDR":
            width, height, box.bits = struct.unpack_from(">IIB", data, body)
            box.size = (width, height)
        elif name == b"IDAT":
            seen_data = True
        elif name == b"sRGB":
            box.says_srgb = True
        elif name == b"gAMA":
            box.gamma = struct.unpack_from(">I", data, body)[0] / 100_000
        elif name == b"cHRM":
            box.chromaticities = tuple(v / 100_000 for v in struct.unpack_from(">8I", data, body))
        elif name == b"cICP":
            box.cicp = (data[body], data[body + 1])
        elif name == b"acTL":
            animated = True
            box.plays = struct.unpack_from(">I", data, body + 4)[0]
        elif name == b"fcTL":
            numerator, denominator = struct.unpack_from(">HH", data, body + 20)
            box.durations.append(round(1000 * numerator / (denominator or 100)))
            shown_first = shown_first or not seen_data
        elif name == b"eXIf":
            box.exif = data[body : end - 4]
        elif name in (b"tEXt", b"zTXt"):
            box.note(name.decode(), body, end - 4)
        elif name == b"iTXt" and data[body : body + len(PNG_XMP)] != PNG_XMP:
            box.note("iTXt", body, end - 4)
        elif name == b"iTXt":
            text = data[body + 22 : end - 4] if data[body + len(PNG_XMP)] == 0 else b""
            box.xmp = text
    if not seen_data or box.size is None:
        raise Broken("no picture in it")
    if animated and box.durations:
        box.frames = len(box.durations)
        box.hidden_first = not shown_first
    else:
        box.durations = []
    return box


# --- WebP (RFC 9649) ----------------------------------------------------------------------------------------------


def riff_chunks(data: Buffer, at: int, limit: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of body, end of body) of the chunks between `at` and `limit`."""
    while at + 8 <= limit:
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > limit:
            raise Broken("ends inside a chunk")
        yield name, at + 8, at + 8 + length
        at += 8 + length + length % 2


def riff_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk to be written, filled up to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff_end(data: Buffer) -> int:
    """Where the file ends by its own header. Raises Broken where it ends before."""
    end = int(8 + struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise Broken("shorter than its header says")
    return end


def walk_webp(data: Buffer) -> Container:
    box = Container()
    pictures = 0
    for name, start, end in riff_chunks(data, 12, riff_end(data)):
        if name == b"VP8X":
            box.size = (_u24(data, start + 4) + 1, _u24(data, start + 7) + 1)
        elif name in (b"VP8 ", b"VP8L"):
            pictures += 1
            if box.size is None and name == b"VP8L":
                sizes = struct.unpack_from("<I", data, start + 1)[0]
                box.size = ((sizes & 0x3FFF) + 1, (sizes >> 14 & 0x3FFF) + 1)
            elif box.size is None:
                width, height = struct.unpack_from("<HH", data, start + 6)
                box.size = (width & 0x3FFF, height & 0x3FFF)
        elif name == b"ANIM":
            box.plays = struct.unpack_from("<H", data, start + 4)[0]
        elif name == b"ANMF":
            pictures += 1
            box.durations.append(_u24(data, start + 12))
        elif name == b"XMP ":
            box.xmp = data[start:end]
    if not pictures or box.size is None:
        raise Broken("no picture in it")
    box.frames = max(1, len(box.durations))
    return box


def _u24(data: Buffer, at: int) -> int:
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16


# --- GIF (89a) ----------------------------------------------------------------------------------------------------


def gif_blocks(data: Buffer) -> Iterator[tuple[str, int, int]]:
    """("head" | "control" | "loop" | "xmp" | "image" | "other", start, end) of every block before the trailer."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    if at > len(data):
        raise Broken("ends inside its palette")
    yield "head", 0, at
    # A missing trailer alone is common and harmless.
    while at < len(data) and data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            kind = "image"
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        elif data[at] == 0x21:
            label, name = data[at + 1], data[at + 3 : at + 14]
            kind = "control" if label == 0xF9 else "other"
            if label == 0xFF and name in (b"NETSCAPE2.0", b"ANIMEXTS1.0"):
                kind = "loop"
            elif label == 0xFF and name == b"XMP DataXMP":
                kind = "xmp"
            at += 2
        else:
            raise Broken("unknown block")
        while True:
            length = data[at]
            at += 1 + length
            if not length:
                break
        if at > len(data):
            raise Broken("ends inside a block")
        yield kind, start, at


def _walk_gif(data: Buffer) -> Container:
    box = Container(plays=1)
    width, height = struct.unpack_from("<HH", data, 6)
    box.size = (width, height)
    delay = 0
    for kind, start, end in gif_blocks(data):
        if kind == "control":
            delay = struct.unpack_from("<H", data, start + 4)[0] * 10
        elif kind == "loop" and data[start + 14] == 3:
            repeats = struct.unpack_from("<H", data, start + 16)[0]
            box.plays = repeats + 1 if repeats else 0
        elif kind == "xmp":
            box.xmp = data[start + 14 : max(start + 14, end - len(GIF_XMP_TAIL))]
        elif kind == "other" and data[start + 1] == 0xFE:
            box.note("comment", start + 2, end)
        elif kind == "image":
            # Browsers show frames of no or of 10 ms for 100 ms; so do we.
            box.durations.append(delay if delay > 10 else 100)
            delay = 0
    if not box.durations:
        raise Broken("no picture in it")
    box.frames = len(box.durations)
    if box.frames == 1:
        box.durations = []
    return box


# --- AVIF and HEIC (ISO/IEC 14496-12, 23008-12) -------------------------------------------------------------------


def _boxes(data: Buffer, at: int, limit: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of body, end of body) of the boxes between `at` and `limit`."""
    while at + 8 <= limit:
        length, name = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1:
            length, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        end = at + length if length else limit
        if end > limit or end < body:
            raise Broken("ends inside a box")
        yield name, body, end
        at = end


def _walk_bmff(data: Buffer) -> Container:
    box = Container()
    todo = [(0, len(data))]
    while todo:
        at, limit = todo.pop()
        for name, start, end in _boxes(data, at, limit):
            if name in _BMFF_PARENTS:
                todo.append((start + 4 if name == b"meta" else start, end))
            elif name == b"colr" and data[start : start + 4] == b"nclx":
                primaries, transfer = struct.unpack_from(">HH", data, start + 4)
                box.cicp = box.cicp or (primaries, transfer)
            elif name == b"pixi" and end - start > 5:
                box.bits = max(box.bits, data[start + 5])
    return box
