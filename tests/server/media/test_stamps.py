"""Rights inside a finished file: every field is read by somebody else's reader, and no pixel moves."""

import json
import struct
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageSequence

from server.media import icc, metadata, stamps
from server.media.containers import Broken, gif_blocks
from server.media.orders import Credits
from server.media.pixels import Pixels, Plan
from server.models import Licence, Reservation, SourceType
from server.rights import Rights, Subject, allowed, sentence
from server.rights.channels import iptc, xmp, xmp_short
from server.rights.channels.activitypub import DATA_MINING, SOURCE_TYPE
from server.rights.channels.xmp import NAMESPACES
from tests.server.media import pictures

BASE = "https://art.example"
ENDINGS = {"jpeg": "jpg"}
KINDS = (
    "jpeg",
    "png",
    "webp",
    "gif",
    "moving-webp",
    "moving-gif",
    "plain-webp",
    "lossless-webp",
    "png-16",
    "animated-png",
)


def described(name: str = "Žofia Łąka-Öztürk", title: str = "Heron <at> Dusk & “after”", **changes: Any) -> Rights:
    subject = Subject(
        title=title,
        uri=f"{BASE}/works/42",
        page=f"{BASE}/@zofia/42-heron-at-dusk",
        explained=f"{BASE}/works/42/rights",
        policy=f"{BASE}/works/42/policy.json",
        licensing=f"{BASE}/@zofia/licensing",
        profile=f"{BASE}/@zofia",
    )
    said: dict[str, Any] = {"subject": subject, "source_type": SourceType.DIGITAL_CREATION, "language": "de"} | changes
    return Rights(Licence.BY_NC_ND, Reservation.NO_AI, name, 2026, **said)


def draw(kind: str, folder: Path) -> tuple[Path, str]:
    """A finished copy as the workshop makes it, and its format."""
    form = kind.rsplit("-", 1)[-1] if kind not in ("png-16", "animated-png") else "png"
    path = folder / f"{kind}.{ENDINGS.get(form, form)}"
    photo, profile = pictures.photo(160, 120), icc.display_p3()
    frames = pictures.moving(4)
    if kind == "jpeg":
        photo.save(path, "JPEG", icc_profile=profile, progressive=True, quality=85, subsampling="4:4:4")
    elif kind == "png":
        photo.convert("RGBA").save(path, "PNG", icc_profile=profile)
    elif kind == "webp":
        frames[1].save(path, "WEBP", icc_profile=profile, quality=80)
    elif kind == "plain-webp":
        photo.crop((0, 0, 77, 51)).save(path, "WEBP", quality=80)
    elif kind == "lossless-webp":
        frames[1].save(path, "WEBP", lossless=True, exact=True)
    elif kind == "gif":
        photo.quantize(64).save(path, "GIF")
    elif kind == "moving-webp":
        frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], duration=[70, 80, 90, 100], loop=3,
                       icc_profile=profile, lossless=True)  # fmt: skip
    elif kind == "moving-gif":
        flat = [frame.convert("RGB").quantize(32) for frame in frames]
        flat[0].save(path, "GIF", save_all=True, append_images=flat[1:], duration=[70, 80, 90, 100], loop=3)
    elif kind == "animated-png":
        frames[0].save(path, "PNG", save_all=True, append_images=frames[1:], duration=[70, 80, 90, 100], loop=3)
    else:
        rows = 40
        pixels = bytes((x * 7 + y * 13) % 256 for y in range(rows) for x in range(60 * 6))
        pictures.raw_png(path, 60, rows, pixels, bits=16)
    return path, form


def seen(path: Path) -> list[Any]:
    """Every frame as Pillow decodes it, with its time, and the colour profile."""
    with Image.open(path) as image:
        facts: list[Any] = [image.size, image.mode, image.info.get("icc_profile"), image.info.get("loop")]
        for frame in ImageSequence.Iterator(image):
            facts += [frame.mode, frame.tobytes(), frame.info.get("duration")]
    return facts


def pixels_of(path: Path, form: str) -> bytes:
    """The coded picture itself, bit for bit: what Pillow reads as 8 bits may hold 16."""
    data = path.read_bytes()
    if form != "png":
        return b""
    at, found = 8, b""
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        found += data[at + 8 : at + 8 + length] if name in (b"IDAT", b"fdAT", b"IHDR") else b""
        at += 12 + length
    return found


def read_by_exiftool(tool: Path, *files: Path) -> list[dict[str, Any]]:
    run = subprocess.run(
        [tool, "-json", "-G1", "-a", "-n", "-struct", *map(str, files)], check=True, capture_output=True, timeout=120
    )
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


def stamped(source: Path, form: str, rights: Rights, credits: dict[str, str] | None = None) -> Path:
    old = iptc(rights, credits)
    target = source.with_name(f"stamped-{source.name}")
    stamps.stamp(
        source,
        target,
        form,
        xmp=xmp(rights, credits).encode(),
        exif=Credits(old["Artist"], old["Copyright"]),
        iim=Credits(old["2:80"], old["2:116"], old["2:110"]),
    )
    return target


def test_every_field_is_read_and_no_pixel_moves(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    """All containers at once: starting that reader takes longer than the whole rest."""
    tool, rights = requires("exiftool"), described()
    files: list[tuple[Path, str]] = []
    for kind in KINDS:
        source, form = draw(kind, tmp_path)
        target = stamped(source, form, rights)
        assert seen(target) == seen(source), kind
        assert pixels_of(target, form) == pixels_of(source, form), kind
        assert stamps.read(target, form) == xmp(rights).encode(), kind
        files.append((target, form))
        # Stamped once more it is the same file: nothing piles up, and nothing is lost.
        assert stamped(target, form, rights).read_bytes() == target.read_bytes(), kind
    english, german = sentence(rights), sentence(rights, "de")
    assert german != english
    expected = {
        "XMP-dc:Creator": [rights.holder],
        "XMP-dc:Title": rights.subject.title,
        "XMP-dc:Rights": english,
        "XMP-dc:Rights-de": german,
        "XMP-photoshop:Credit": rights.holder,
        "XMP-xmpRights:Marked": True,
        "XMP-xmpRights:Owner": [rights.holder],
        "XMP-xmpRights:UsageTerms": english,
        "XMP-xmpRights:UsageTerms-de": german,
        "XMP-xmpRights:WebStatement": f"{BASE}/works/42/rights",
        "XMP-plus:DataMining": f"{DATA_MINING}DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        "XMP-plus:OtherConstraints": english,
        "XMP-plus:Licensor": [{"LicensorName": rights.holder, "LicensorURL": f"{BASE}/@zofia/licensing"}],
        "XMP-iptcExt:DigitalSourceType": f"{SOURCE_TYPE}digitalCreation",
        "XMP-iptcExt:LinkedEncRightsExpr": [
            {
                "LinkedRightsExpr": f"{BASE}/works/42/policy.json",
                "RightsExprEncType": "application/ld+json",
                "RightsExprLangId": "http://www.w3.org/ns/odrl/2/",
            }
        ],
        "XMP-tdm:Reservation": 1,
        "XMP-tdm:Policy": f"{BASE}/works/42/policy.json",
        "XMP-cc:License": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
        "XMP-cc:AttributionName": rights.holder,
        "XMP-cc:AttributionURL": f"{BASE}/@zofia/42-heron-at-dusk",
    }
    old = {
        "IFD0:Artist": rights.holder,
        "IFD0:Copyright": english,
        "IFD0:YCbCrPositioning": 1,
        "IPTC:CodedCharacterSet": "\x1b%G",
        "IPTC:By-line": rights.holder,
        "IPTC:Credit": rights.holder,
        "IPTC:CopyrightNotice": f"© 2026 {rights.holder}. No AI training or text and data mining",
    }
    for (file, form), found in zip(files, read_by_exiftool(tool, *(file for file, _ in files)), strict=True):
        assert not [key for key in found if "Warning" in key or "Error" in key], (file.name, found)
        said = {key: value for key, value in found.items() if key.startswith(("XMP-", "IFD0:", "IPTC:"))}
        assert said == expected | (old if form == "jpeg" else {}), file.name


def test_what_was_inside_before_is_gone(tmp_path: Path) -> None:
    """70 kB of XMP, two packets, an extended one, a manifest, and what an earlier stamp told old readers."""
    rights, big = described(), b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b"SECRET " * 10_000 + b"</x:xmpmeta>"
    for kind in ("jpeg", "png", "webp", "gif"):
        source, form = draw(kind, tmp_path)
        plain = stamped(source, form, rights).read_bytes()
        burdened = tmp_path / f"burdened.{source.suffix}"
        burdened.write_bytes(burden(source.read_bytes(), form, big))
        assert b"SECRET" in burdened.read_bytes()
        assert seen(burdened) == seen(source), kind
        target = stamped(burdened, form, rights)
        assert target.read_bytes() == plain, kind


def burden(data: bytes, form: str, big: bytes) -> bytes:
    """The same picture with everything inside that a stamp has to take out."""
    if form == "png":
        text = b"XML:com.adobe.xmp\0\0\0\0\0"
        packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(big)
        found = [
            (b"iTXt", text + big),
            (b"iTXt", packed),
            (b"tEXt", b"XML:com.adobe.xmp\0SECRET"),
            (b"caBX", b"jumbSECRET"),
        ]
        return data[:33] + b"".join(pictures.chunk(name, body) for name, body in found) + data[33:]
    if form == "webp":
        at = data.find(b"VP8X")
        extra = b"".join(
            name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
            for name, body in ((b"XMP ", big), (b"XMP ", big), (b"EXIF", b"II*\0SECRET!"), (b"C2PA", b"SECRET"))
        )
        flagged = bytearray(data)
        flagged[at + 8] |= 0x0C
        flagged[4:8] = struct.pack("<I", len(data) - 8 + len(extra))
        return bytes(flagged) + extra
    if form == "gif":
        tail = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
        packet = b"\x21\xff\x0bXMP DataXMP" + big + tail
        manifest = b"\x21\xff\x0bC2PA_GIF\x01\x00\x00" + b"\x06SECRET" + b"\0"
        at = next(gif_blocks(data))[2]
        return data[:at] + packet + packet + manifest + data[at:]
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(big), 0)
    segments = [
        (0xE1, b"Exif\0\0" + metadata.exif(Credits("SECRET", "SECRET"))),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + big[:60_000]),
        (0xE1, extended + big[:60_000]),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + big[:60_000]),
        (0xEB, b"JP\0\1\0\0\0\1" + b"jumbSECRET"),
        (0xEB, b"JP\0\1\0\0\0\2" + b"jumbSECRET"),
        (0xED, metadata.iim(Credits("SECRET", "SECRET", "SECRET"))),
    ]
    extra = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return data[:2] + extra + data[2:]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "moving-webp"])
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    """Never half a file that looks whole: either a clear error, or every byte of the picture."""
    source, form = draw(kind, tmp_path)
    whole = source.read_bytes()
    target = tmp_path / "target"
    for length in [*range(60), *range(60, len(whole) - 1, max(1, len(whole) // 200))]:
        source.write_bytes(whole[:length])
        if form == "gif":  # a missing trailer is all that its structure cannot miss
            try:
                stamps.stamp(source, target, form, xmp=b"<x/>")
            except Broken:
                continue
            assert whole[13 : length - 1] in target.read_bytes().replace(gif_packet(b"<x/>"), b"")
            continue
        with pytest.raises(Broken):
            stamps.stamp(source, target, form, xmp=b"<x/>")


def gif_packet(xmp: bytes) -> bytes:
    return b"\x21\xff\x0bXMP DataXMP" + xmp + b"\x01" + bytes(range(255, -1, -1)) + b"\0"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_how_a_picture_is_turned_stays(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "SECRET"
    path = tmp_path / f"turned.{kind}"
    pictures.photo(60, 40).save(path, kind.upper(), exif=exif.tobytes())
    assert b"SECRET" in path.read_bytes()
    target = stamped(path, kind, described())
    with Image.open(target) as image:
        found = image.getexif()
    assert found[0x0112] == 6 and b"SECRET" not in target.read_bytes()
    assert (0x013B in found) is (kind == "jpeg")


def test_a_packet_that_fits_into_no_segment_is_an_error_of_ours(tmp_path: Path) -> None:
    source, form = draw("jpeg", tmp_path)
    with pytest.raises(ValueError, match="do not fit"):
        stamps.stamp(source, tmp_path / "target", form, xmp=b"x" * 70_000)
    with pytest.raises(ValueError, match="encoded"):
        stamps.stamp(source, tmp_path / "target", "avif", xmp=b"<x/>")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Žofia Łąka-Öztürk", "L’été — “Ω”"),
        ("ليلى العطار", "\u202bغروب\u202c 🌅"),
        ("A & <b>", ']]> <!-- --> <?xpacket end="w"?> &amp; "quotes"'),
        ("Control\x07\x00\ud800", "two\nlines\ufffe"),
        ("👩‍🎨", ""),
    ],
)
def test_any_name_and_title_is_one_well_formed_packet(tmp_path: Path, name: str, title: str) -> None:
    source, form = draw("jpeg", tmp_path)
    rights = described(name, title)
    for packet in (xmp(rights), xmp_short(rights)):
        raw = packet.encode("utf-8")
        root = ElementTree.fromstring(raw)
        creators = root.findall(f".//{{{NAMESPACES['dc']}}}creator//*")
        assert metadata.tidy(name) in [element.text for element in creators]
        assert packet.count("<?xpacket end=") == 1
        titles = [e.text for e in root.findall(f".//{{{NAMESPACES['dc']}}}title//*") if e.text]
        assert titles == ([metadata.tidy(title)] if title and packet == xmp(rights) else [])
    with Image.open(stamped(source, form, rights)) as image:
        assert image.info["xmp"] == xmp(rights).encode()


def test_the_short_packet_is_short_and_the_notice_fits_its_field() -> None:
    for licence in Licence:
        for tier in allowed(licence):
            for name in ("Ada Ink", "Žofia Łąka-Öztürk"):
                rights = replace(described(name), licence=licence, reservation=tier)
                assert len(xmp_short(rights).encode()) <= 1000, (licence, tier)
                assert len(xmp(rights).encode()) < 4000
                notice = iptc(rights)["2:116"]
                assert len(notice.encode()) <= 128 and name in notice
                assert ("AI training" in notice) or not rights.is_reserved
    assert len(iptc(described("界" * 120))["2:116"].encode()) <= 128


def test_credits_of_the_file_are_said_on_but_its_rights_line_is_not() -> None:
    credits = {"creator": "Zoë Weaver", "rights": "Public domain, take it", "credit": "Weaver Studio"}
    rights = described()
    for packet in (xmp(rights, credits), xmp_short(rights, credits)):
        read = metadata.from_xmp(packet.encode())
        assert read.creator == "Zoë Weaver" and read.rights == sentence(rights)
        assert "take it" not in packet
    assert metadata.from_xmp(xmp(rights, credits).encode()).credit == "Weaver Studio"
    assert iptc(rights, credits)["2:80"] == "Zoë Weaver" and iptc(rights, credits)["2:110"] == "Weaver Studio"


def test_what_nobody_owns_is_not_claimed() -> None:
    rights = replace(described(), licence=Licence.CC0, reservation=Reservation.OPEN)
    packet = xmp(rights)
    assert 'xmpRights:Marked="False"' in packet and "xmpRights:Owner" not in packet and "©" not in packet
    assert "OtherConstraints" not in packet and "DMI-ALLOWED" in packet


@pytest.mark.asyncio(loop_scope="session")
async def test_avif_is_stamped_when_it_is_encoded(
    pixels: Pixels, tmp_path: Path, requires: Callable[[str], Path]
) -> None:
    tool, rights = requires("exiftool"), described()
    master = tmp_path / "master.png"
    pictures.photo(1000, 300).save(master)
    plan = Plan(packet=xmp(rights), short_packet=xmp_short(rights))
    files = []
    async for made in pixels.render_avif(master, plan, {320: 10**7, 640: 10**7}):
        kept = tmp_path / f"{made.width}.avif"
        kept.write_bytes(made.file.read_bytes())
        files.append(kept)
        assert stamps.read(kept, "avif") == (plan.packet if made.width > 640 else plan.short_packet).encode()
    assert {file.stem for file in files} >= {"320", "640", "960"}
    for found in read_by_exiftool(tool, *files):
        assert found["XMP-plus:DataMining"] == f"{DATA_MINING}DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"
        assert found["XMP-dc:Rights"] == sentence(rights) and "IFD0:Artist" not in found


def test_a_large_file_costs_no_memory(tmp_path: Path) -> None:
    """The picture is copied by the kernel's own pages: what this process allocates is small, whatever the file."""
    source = tmp_path / "large.png"
    noise = np.random.default_rng(3).integers(0, 256, (2000, 8000), dtype=np.uint8)
    Image.fromarray(noise, "L").save(source, compress_level=0)
    tracemalloc.start()
    stamps.stamp(source, tmp_path / "target.png", "png", xmp=xmp(described()).encode())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.stat().st_size > 16_000_000 and most < 2_000_000
