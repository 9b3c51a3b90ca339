"""What a file says about its maker: read from Exif, IPTC and XMP; written back in our own short form. No Pillow here.

Everything else that a file carries (places, serial numbers, owners, comments, previews, editing history) is left
behind simply by never being copied.
"""

import re
import struct
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from server.media.orders import Credits

ARTIST, COPYRIGHT, ORIENTATION, POSITIONING = 0x013B, 0x8298, 0x0112, 0x0213
_DC = "{http://purl.org/dc/elements/1.1/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_RDF_LI = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_LONGEST = 1000
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]+")


def tidy(value: object) -> str | None:
    """One line of text of at most 1,000 characters, or None when nothing is left."""
    if isinstance(value, tuple | list):
        value = ", ".join(str(part) for part in value)
    if isinstance(value, bytes):
        value = _decode(value)
    if not isinstance(value, str):
        return None
    return " ".join(_UNPRINTABLE.sub(" ", value).split())[:_LONGEST] or None


def _decode(raw: bytes) -> str:
    """Text of unknown encoding: UTF-8 where it is valid, else Windows Latin, which old programs wrote."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def from_iim(raw: bytes) -> Credits:
    """Credits in an IPTC-IIM block: by-line 2:80, copyright 2:116, credit 2:110."""
    found: dict[int, list[str]] = {}
    at = 0
    while at + 5 <= len(raw) and raw[at] == 0x1C:
        record, dataset, length = raw[at + 1], raw[at + 2], struct.unpack_from(">H", raw, at + 3)[0]
        if length & 0x8000:
            break
        if record == 2 and dataset in (80, 116, 110) and (words := tidy(raw[at + 5 : at + 5 + length])):
            found.setdefault(dataset, []).append(words)
        at += 5 + length
    joined = {dataset: tidy(", ".join(words)) for dataset, words in found.items()}
    return Credits(joined.get(80), joined.get(116), joined.get(110))


def from_photoshop(raw: bytes) -> Credits:
    """Credits in a Photoshop resource block (JPEG APP13, TIFF tag 34377): its IPTC resource 0x0404."""
    at = raw.find(b"8BIM")
    while at >= 0 and at + 12 <= len(raw) and raw[at : at + 4] == b"8BIM":
        kind, name = struct.unpack_from(">HB", raw, at + 4)
        start = at + 6 + (name + 2 & ~1)
        if start + 4 > len(raw):
            break
        length = struct.unpack_from(">I", raw, start)[0]
        if kind == 0x0404:
            return from_iim(raw[start + 4 : start + 4 + length])
        at = start + 4 + (length + 1 & ~1)
    return Credits()


def from_xmp(raw: bytes) -> Credits:
    """Credits in an XMP packet: dc:creator, dc:rights, photoshop:Credit. A packet with a DTD is not read at all."""
    if len(raw) > 2_000_000 or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        return Credits()
    try:
        root = ElementTree.fromstring(raw.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return Credits()
    found: dict[str, str | None] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            found.setdefault(key, tidy(value))
        if element.tag in (f"{_DC}creator", f"{_DC}rights", f"{_PHOTOSHOP}Credit"):
            items = [item.text or "" for item in element.iter(_RDF_LI)]
            # Rights in several languages say the same thing; creators are several people.
            text = ", ".join(items) if element.tag == f"{_DC}creator" else items[0] if items else element.text
            found[element.tag] = tidy(text)
    return Credits(found.get(f"{_DC}creator"), found.get(f"{_DC}rights"), found.get(f"{_PHOTOSHOP}Credit"))


def merge(*sources: Credits) -> Credits:
    """The first source that has a field wins. Give XMP first, then IPTC, then Exif."""

    def first(field: str) -> str | None:
        return next((value for source in sources if (value := getattr(source, field))), None)

    return Credits(first("creator"), first("rights"), first("credit"))


def exif(credits: Credits, orientation: int = 1, *, is_jpeg: bool = False) -> bytes:
    """A TIFF block with at most Orientation, Artist and Copyright (Exif 3.0), or nothing when there is nothing to say.

    In a JPEG the standard also wants to know where the colour samples lie: in the middle, where decoders look for them in a file
    that does not say. Text is UTF-8, as current readers take it; Exif before 3.0 knew ASCII only.
    """
    entries: list[tuple[int, int, int, bytes]] = []
    if orientation != 1:
        entries.append((ORIENTATION, 3, 1, struct.pack(">HH", orientation, 0)))
    for tag, words in ((ARTIST, credits.creator), (COPYRIGHT, credits.rights)):
        if words:
            raw = words.encode() + b"\0"
            entries.append((tag, 2, len(raw), raw))
    if not entries:
        return b""
    if is_jpeg:
        entries = sorted([*entries, (POSITIONING, 3, 1, struct.pack(">HH", 1, 0))])
    table, extra = struct.pack(">H", len(entries)), b""
    start = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, raw in entries:
        if len(raw) <= 4:
            field = raw.ljust(4, b"\0")
        else:
            field = struct.pack(">I", start + len(extra))
            extra += raw + b"\0" * (len(raw) % 2)
        table += struct.pack(">HHI", tag, kind, count) + field
    return b"MM\0*\0\0\0\x08" + table + b"\0\0\0\0" + extra


def orientation_of(block: bytes) -> int:
    """How a picture is turned, as a TIFF block of Exif says: 1 to 8, and 1 where it says nothing that can be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        return 1
    try:
        start = struct.unpack_from(f"{order}I", block, 4)[0]
        for number in range(struct.unpack_from(f"{order}H", block, start)[0]):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, start + 2 + 12 * number)
            if tag == ORIENTATION and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1


def iim(credits: Credits) -> bytes:
    """The same for JPEG's APP13: a Photoshop block with IPTC by-line, copyright and credit, or nothing."""
    if not credits:
        return b""
    block = b"\x1c\x01\x5a\x00\x03\x1b%G"  # 1:90 says that the text is UTF-8.
    for dataset, words, longest in (
        (80, credits.creator, 32),
        (110, credits.credit, 32),
        (116, credits.rights, 128),
    ):
        if words:
            # The standard's lengths, cut between characters.
            raw = words.encode()[:longest].decode("utf-8", "ignore").encode()
            block += struct.pack(">BBBH", 0x1C, 2, dataset, len(raw)) + raw
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)


def xmp(credits: Credits) -> bytes:
    """A short XMP packet with dc:creator, dc:rights and photoshop:Credit, or nothing."""
    if not credits:
        return b""
    parts = ""
    if credits.creator:
        parts += f"<dc:creator><rdf:Seq><rdf:li>{escape(credits.creator)}</rdf:li></rdf:Seq></dc:creator>"
    if credits.rights:
        parts += (
            f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{escape(credits.rights)}</rdf:li></rdf:Alt></dc:rights>'
        )
    if credits.credit:
        parts += f"<photoshop:Credit>{escape(credits.credit)}</photoshop:Credit>"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">'
        f'{parts}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
