"""Everything that a file says in words: text chunks, comments, Exif, XMP and IPTC, each with the place where it stands.

Bytes in, text out; no decoder, no network, nothing kept. Broken parts are passed over: a strange comment is no reason to refuse a
picture. Every length and every count is bounded, since all of it is a stranger's.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from server.media import metadata
from server.media.containers import Buffer, Container

Place = Literal["png", "comment", "exif", "xmp", "iim"]

LONGEST = 1 << 20
"""Bytes that are read of one inscription; workflows of generators may be that long."""
MOST = 200
"""Inscriptions that are read of one file."""
_ALL = 8 << 20
_DIRECTORIES = 6
_ENTRIES = 500

# Exif and TIFF tags that hold words or tell of a camera.
_TAGS = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x013B: "Artist", 0x9286: "UserComment",
    0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x829A: "ExposureTime", 0x829D: "FNumber", 0x8827: "ISO", 0x920A: "FocalLength",
}  # fmt: skip
_WIDE = ("XPTitle", "XPComment")  # UTF-16, little end first
_NUMBERS = ("ExposureTime", "FNumber", "ISO", "FocalLength")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_IIM = {65: "Originating Program", 80: "By-line", 110: "Credit", 116: "Copyright Notice", 120: "Caption"}
_NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


@dataclass(frozen=True)
class Inscription:
    """Some words in a file: of which kind its place is, the field's own name there, and what it says."""

    place: Place
    key: str
    text: str

    @property
    def where(self) -> str:
        """The place in words, as a sentence can name it."""
        key = metadata.tidy(self.key[:60]) or ""
        return {
            "png": f'the PNG text "{key}"',
            "comment": "the comment in the file",
            "exif": f"the Exif field {key}",
            "xmp": f"the XMP field {key}",
            "iim": f"the IPTC field {key}",
        }[self.place]


def read(data: Buffer, box: Container, *, exif: Buffer = b"", xmp: bytes = b"", iim: bytes = b"") -> list[Inscription]:
    """What the whole file `data` says, in the order of its parts. `box` is its structure (`containers.walk`).

    `exif`, `xmp` and `iim` are blocks that somebody else has dug out of the file; a TIFF is an Exif block itself.
    """
    found: list[Inscription] = []
    left = _ALL
    for one in _all(data, box, exif, xmp, iim):
        left -= len(one.text)
        if len(found) >= MOST or left < 0:
            break
        if one.text.strip():
            found.append(one)
    return found


def _all(data: Buffer, box: Container, exif: Buffer, xmp: bytes, iim: bytes) -> Iterator[Inscription]:
    longer = []
    for part, start, end in box.said:
        if part in ("tEXt", "zTXt", "iTXt"):
            yield from _png_text(part, bytes(data[start : min(end, start + LONGEST)]))
        elif part == "COM":
            yield Inscription("comment", "", _text(bytes(data[start:end])))
        elif part == "comment":
            yield Inscription("comment", "", _text(_gif_blocks(bytes(data[start : min(end, start + LONGEST)]))))
        elif part == "APP1" and data[start : start + len(_EXTENSION)] == _EXTENSION:
            longer.append(bytes(data[start + len(_EXTENSION) : end]))
    yield from of_exif(exif)
    yield from of_xmp(xmp)
    if longer:
        yield from of_xmp(_joined(longer))
    yield from of_iim(iim)


# --- text chunks and comments -----------------------------------------------------------------------------------------


def _png_text(part: str, raw: bytes) -> Iterator[Inscription]:
    """A tEXt, zTXt or iTXt chunk (PNG, third edition, 11.3.3)."""
    key, zero, rest = raw.partition(b"\0")
    if not zero or not 0 < len(key) < 80:
        return
    if part == "zTXt":
        rest = _inflated(rest[1:])
    elif part == "iTXt":
        squeezed = rest[:1] == b"\1"
        fields = rest[2:].split(b"\0", 2)
        if len(fields) < 3:
            return
        rest = _inflated(fields[2]) if squeezed else fields[2]
    yield Inscription("png", key.decode("latin-1"), _text(rest))


def _inflated(raw: bytes) -> bytes:
    """What was compressed, at most LONGEST bytes of it, however much more would come."""
    try:
        return zlib.decompressobj().decompress(raw, LONGEST)
    except zlib.error:
        return b""


def _gif_blocks(raw: bytes) -> bytes:
    text, at = bytearray(), 0
    while at < len(raw) and raw[at]:
        text += raw[at + 1 : at + 1 + raw[at]]
        at += 1 + raw[at]
    return bytes(text)


def _text(raw: bytes) -> str:
    """Text of unknown encoding: UTF-8 where it is valid, also where it was cut; else Windows Latin."""
    raw = raw[:LONGEST].rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return raw[: wrong.start].decode("utf-8") if wrong.start > len(raw) - 4 else raw.decode("cp1252", "replace")


# --- Exif (JEITA CP-3451), TIFF 6.0 ---------------------------------------------------------------------------------


def of_exif(block: Buffer) -> Iterator[Inscription]:
    """The fields of a TIFF block that hold words, and those that tell of an exposure (as "yes")."""
    if block[:6] == b"Exif\0\0":
        block = block[6:]
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None:
        return
    try:
        is_big = struct.unpack_from(order + "H", block, 2)[0] == 43  # BigTIFF: eight bytes where TIFF has four
        todo = [
            int(
                struct.unpack_from(order + "Q", block, 8)[0] if is_big else struct.unpack_from(order + "I", block, 4)[0]
            )
        ]
        for _ in range(_DIRECTORIES):
            if not todo:
                return
            for tag, kind, count, at in _entries(block, order, todo.pop(), is_big):
                if tag == 0x8769 and kind in (4, 13, 18):  # where the Exif directory lies
                    todo.append(int(struct.unpack_from(order + ("Q" if kind == 18 else "I"), block, at)[0]))
                    continue
                size = min(count * _SIZES.get(kind, 1), LONGEST)
                if tag in _TAGS:
                    yield Inscription("exif", _TAGS[tag], _exif_text(_TAGS[tag], bytes(block[at : at + size]), order))
                elif tag == 700:
                    yield from of_xmp(bytes(block[at : at + size]))
                elif tag in (33723, 34377):
                    yield from of_iim(bytes(block[at : at + size]))
    except struct.error:
        return


def _entries(block: Buffer, order: str, at: int, is_big: bool) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, count, place of the value) of a directory's entries."""
    head, entry, inline = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    count = struct.unpack_from(order + head, block, at)[0]
    at += struct.calcsize(order + head)
    for _ in range(min(count, _ENTRIES)):
        tag, kind, many = struct.unpack_from(order + entry, block, at)
        place = at + struct.calcsize(order + entry)
        if many * _SIZES.get(kind, 1) > inline:
            yield tag, kind, many, int(struct.unpack_from(order + ("Q" if is_big else "I"), block, place)[0])
        else:
            yield tag, kind, many, place
        at = place + inline


def _exif_text(name: str, raw: bytes, order: str) -> str:
    if name in _NUMBERS:
        return "yes" if raw.strip(b"\0") else ""
    if name in _WIDE:
        return raw.decode("utf-16-le", "replace").rstrip("\0")
    if name != "UserComment":
        return _text(raw.split(b"\0")[0] or raw)
    code, rest = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        # The standard leaves the order of bytes open, and programs differ: text has its zeros where the high bytes are.
        head = rest[:400]
        high_first = head[0::2].count(0) >= head[1::2].count(0) if 0 in head else order == ">"
        return rest.decode("utf-16-be" if high_first else "utf-16-le", "replace").rstrip("\0")
    return _text(rest if code in (b"ASCII\0\0\0", b"\0" * 8, b"JIS\0\0\0\0\0") else raw)


# --- XMP (ISO 16684-1) and IPTC-IIM ---------------------------------------------------------------------------------


def of_xmp(raw: bytes) -> Iterator[Inscription]:
    """The properties of a packet, each by its usual prefix. A packet with a DTD is not read at all."""
    if not raw or len(raw) > 2_000_000 or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        return
    try:
        root = ElementTree.fromstring(raw.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return
    for element in root.iter():
        for name, value in element.attrib.items():
            if key := _prefixed(name):
                yield Inscription("xmp", key, value[:LONGEST])
        if key := _prefixed(element.tag):
            # A property holds its text, or a list of texts, or the address of a thing.
            texts = [element.text or "", element.get(f"{_RDF}resource", "")]
            # Its own list alone: one element in another, many thousand times, would be looked through as often.
            items = [item for listed in element for item in listed if item.tag == f"{_RDF}li"]
            texts += [item.text or item.get(f"{_RDF}resource") or "" for item in items]
            yield Inscription("xmp", key, "\n".join(text for text in texts if text.strip())[:LONGEST])


def _prefixed(name: object) -> str:
    space, _, local = str(name).removeprefix("{").partition("}")
    return f"{_NAMESPACES[space]}:{local}" if space in _NAMESPACES and local else ""


def _joined(pieces: list[bytes]) -> bytes:
    """An extended packet of a JPEG: each piece has 32 letters of digest, the whole length and its own offset before it."""
    length = min(
        max((struct.unpack_from(">I", piece, 32)[0] for piece in pieces if len(piece) > 40), default=0), 2_000_000
    )
    whole = bytearray(length)
    for piece in pieces:
        if len(piece) > 40 and (at := struct.unpack_from(">I", piece, 36)[0]) < length:
            body = piece[40:][: length - at]
            whole[at : at + len(body)] = body
    return bytes(whole)


def of_iim(raw: bytes) -> Iterator[Inscription]:
    """The fields of an IPTC-IIM block, or of one inside a Photoshop resource block."""
    start = raw.find(b"\x1c\x02")
    at = start if start >= 0 else len(raw)
    while at + 5 <= len(raw) and raw[at] == 0x1C:
        record, dataset, length = raw[at + 1], raw[at + 2], struct.unpack_from(">H", raw, at + 3)[0]
        if length & 0x8000:
            return
        if record == 2 and dataset in _IIM:
            yield Inscription("iim", _IIM[dataset], _text(raw[at + 5 : at + 5 + length]))
        at += 5 + length


def excerpt(text: str, match: re.Match[str], longest: int) -> str:
    """`match` with a little of what stands around it, in one line of at most `longest` characters."""
    start = max(0, match.start() - 30)
    while 0 < start < match.start() and not text[start - 1].isspace():  # at the beginning of a word
        start += 1
    return (metadata.tidy(text[start : start + 4 * longest]) or "")[:longest]
