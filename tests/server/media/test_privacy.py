"""What an artist did not mean to publish is in no public file; what they said about their authorship is in all of them."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.media import containers, icc, metadata, stamps
from server.media.orders import Credits
from server.media.pixels import Made, Pixels, Plan
from server.models import Licence, Reservation
from server.rights import Rights, sentence
from server.rights.channels import iptc, xmp
from tests.server.media import pictures

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHTS = Rights(Licence.ARR, Reservation.NO_AI, "Zoë Weaver", 2026)
SEEDS = [
    "-GPSLatitude=52.5200",
    "-GPSLatitudeRef=N",
    "-GPSLongitude=13.4050",
    "-GPSLongitudeRef=E",
    "-EXIF:SerialNumber=SECRET-SERIAL-4711",
    "-EXIF:LensSerialNumber=SECRET-LENS-0815",
    "-EXIF:OwnerName=SECRET-OWNER",
    "-EXIF:UserComment=SECRET-USERCOMMENT",
    "-EXIF:ImageDescription=SECRET-DESCRIPTION",
    "-EXIF:Software=SECRET-SOFTWARE",
    "-EXIF:ModifyDate=2024:02:03 04:05:06",
    "-EXIF:Artist=Zoë Weaver",
    "-EXIF:Copyright=© 2026 Zoë Weaver",
    "-XMP-exif:GPSLatitude=52.52",
    "-XMP-xmpMM:DocumentID=SECRET-DOCUMENT",
    "-XMP-photoshop:City=SECRET-CITY",
    "-XMP-dc:Description=SECRET-XMP",
    "-XMP-dc:Creator=Zoë Weaver",
    "-XMP-dc:Rights=© 2026 Zoë Weaver",
    "-XMP-photoshop:Credit=Weaver Studio",
]
JPEG_SEEDS = [
    "-Comment=SECRET-COMMENT",
    "-IPTC:City=SECRET-IPTC-CITY",
    "-IPTC:By-line=Zoë Weaver",
    "-IPTC:CopyrightNotice=© 2026 Zoë Weaver",
    "-IPTC:Credit=Weaver Studio",
]


def run(tool: Path, *arguments: str) -> bytes:
    return subprocess.run([tool, *arguments], check=True, capture_output=True, timeout=60).stdout


def tags(tool: Path, *files: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(tool, "-json", "-G1", "-a", "-u", "-ee", *map(str, files)))
    return found


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff", "gif"])
async def test_places_serials_and_comments_are_gone_and_credits_stay(
    pixels: Pixels, tmp_path: Path, requires: Callable[[str], Path], kind: str
) -> None:
    """Row 119, with decision 13: creator, rights and credit are kept."""
    exiftool = requires("exiftool")
    master = tmp_path / f"m.{ {'jpeg': 'jpg', 'tiff': 'tif'}.get(kind, kind) }"
    profile = icc.matrix_profile("SECRET-PROFILE", icc.P3)
    options: dict[str, Any] = {"icc_profile": profile}
    if kind == "jpeg":
        thumbnail = io.BytesIO()
        pictures.corner_marked().save(thumbnail, "JPEG")
    if kind == "png":
        options["pnginfo"] = pictures.with_comment_chunks()
    if kind == "gif":
        options = {"comment": b"SECRET-COMMENT"}
    pictures.photo(700, 500).save(master, **options)
    seeds = [s for s in SEEDS if kind != "gif" or "XMP" in s] + (JPEG_SEEDS if kind == "jpeg" else [])
    run(exiftool, "-overwrite_original", "-codedcharacterset=utf8" if kind == "jpeg" else "-q", *seeds, str(master))
    if kind == "jpeg":
        (tmp_path / "thumb.jpg").write_bytes(thumbnail.getvalue())
        run(exiftool, "-overwrite_original", f"-ThumbnailImage<={tmp_path / 'thumb.jpg'}", str(master))
    (before,) = tags(exiftool, master)
    assert "SECRET" in json.dumps(before), "the seeds must be there, or the test proves nothing"
    if kind == "jpeg":
        assert any("ThumbnailImage" in key for key in before)
    probe = await pixels.probe(master)
    assert (probe.creator, probe.rights, probe.credit) == ("Zoë Weaver", "© 2026 Zoë Weaver", "Weaver Studio")

    files: list[tuple[Path, str, bool]] = []
    existing = {}
    credits = {"creator": probe.creator, "rights": probe.rights, "credit": probe.credit}
    packet, old = xmp(RIGHTS, credits), iptc(RIGHTS, credits)
    exif, iim = Credits(old["Artist"], old["Copyright"]), Credits(old["2:80"], old["2:116"], old["2:110"])
    async for item in pixels.render(master, Plan(public_max=660, full=True)):
        if isinstance(item, Made):
            kept = tmp_path / f"{item.purpose}-{item.width}.{item.format}"
            # The workshop's own file says nothing; what its maker said goes into it with the stamp.
            assert b"Weaver" not in item.file.read_bytes(), kept.name
            stamps.stamp(item.file, kept, item.format, xmp=packet.encode(), exif=exif, iim=iim)
            files.append((kept, item.format, item.purpose == "full"))
            existing[item.width] = 10**7
    plan = Plan(public_max=660, packet=packet, short_packet=packet)
    async for made in pixels.render_avif(master, plan, existing):
        kept = tmp_path / f"avif-{made.width}.avif"
        kept.write_bytes(made.file.read_bytes())
        files.append((kept, "avif", False))
    assert len(files) >= 8

    read = tags(exiftool, *(file for file, _, _ in files))
    for (file, form, full), found in zip(files, read, strict=True):
        raw = file.read_bytes()
        assert b"SECRET" not in raw, file.name
        said = json.dumps(found)
        assert "GPS" not in said and "Serial" not in said and "Thumbnail" not in said, (file.name, said)
        assert not [k for k in found if "Date" in k and not k.startswith(("System:", "ICC"))], (file.name, found)
        assert "Warning" not in said and "Error" not in said, (file.name, said)
        if not full and form != "gif":
            assert found.get("ICC_Profile:ProfileDescription") in ("sRGB", "Display P3")
        assert found["XMP-dc:Creator"] == "Zoë Weaver" and found["XMP-photoshop:Credit"] == "Weaver Studio", file.name
        assert found["XMP-dc:Rights"] == sentence(RIGHTS)  # what the artist chose here, not what the file said before
        if form == "jpeg":
            assert found["IFD0:Artist"] == "Zoë Weaver" and found["IFD0:Copyright"] == sentence(RIGHTS)
            assert found["IPTC:By-line"] == "Zoë Weaver" and found["IPTC:Credit"] == "Weaver Studio"


async def test_a_file_without_credits_gets_none(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.jpg"
    pictures.photo(400, 300).save(master, comment=b"SECRET")
    made = await pictures.everything(pixels, master, full=True)
    for copy in made.copies:
        assert b"SECRET" not in copy.data
        assert b"Exif\0\0" not in copy.data and b"xmpmeta" not in copy.data and b"Photoshop" not in copy.data


async def test_hostile_metadata_costs_nothing(pixels: Pixels, tmp_path: Path) -> None:
    """Rows 93 and 112: entity bombs and broken blocks are left unread, and the picture is shown."""
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 200
    loop = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"
    for number, (packet, exif) in enumerate(
        [(bomb, b""), (b"<unclosed", broken), (b"\xff\xfe\0", loop), (b"<a/>" * 9, b"")]
    ):
        master = tmp_path / f"{number}.jpg"
        options: dict[str, Any] = {"exif": exif} if exif else {}
        pictures.photo(330, 200).save(master, xmp=packet, **options)
        made = await pictures.everything(pixels, master, full=True)
        assert made.facts.probe.creator is None and len(made.copies) == 4


async def test_control_characters_in_credits_are_taken_out(pixels: Pixels, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Zo\u0007e\nWeaver <script>\t &"
    master = tmp_path / "m.jpg"
    pictures.photo(330, 200).save(master, exif=exif.tobytes())
    made = await pictures.everything(pixels, master, full=True)
    assert made.facts.probe.creator == "Zo e Weaver <script> &"
    packet = xmp(RIGHTS, {"creator": made.facts.probe.creator})
    assert metadata.from_xmp(packet.encode()).creator == "Zo e Weaver <script> &"


async def test_a_face_keeps_what_its_file_says_of_the_photographer(pixels: Pixels, tmp_path: Path) -> None:
    """Nobody chooses a licence for a face, so there is nothing else to say in it."""
    exif = Image.Exif()
    exif[0x013B], exif[0x8298], exif[0x0131] = "Ada Weaver", "2026 Ada Weaver", "SECRET-SOFTWARE"
    master = tmp_path / "m.jpg"
    pictures.photo(330, 200).save(master, exif=exif.tobytes())
    made = await pictures.everything(pixels, master, kind="face")
    for copy in made.copies:
        read = metadata.from_xmp(copy.open().info.get("xmp", b""))
        assert read.creator == "Ada Weaver" and read.rights == "2026 Ada Weaver" and b"SECRET" not in copy.data


async def test_long_credits_fit_their_fields() -> None:
    long = Credits("ä" * 900, "©" * 900, "ß" * 900)
    block = metadata.from_photoshop(metadata.iim(long)[14:])
    assert block.creator == "ä" * 16 and block.rights == "©" * 64 and block.credit == "ß" * 16
    assert metadata.from_xmp(metadata.xmp(long)) == long
    assert metadata.iim(Credits()) == metadata.xmp(Credits()) == metadata.exif(Credits()) == b""


@pytest.mark.parametrize("profile", [icc.display_p3(), icc.coated_paper(3), icc.grey_profile(2.2)])
async def test_profiles_lose_names_and_keep_colour_tags(profile: bytes) -> None:
    clean = icc.without_names(profile)
    assert clean is not None
    assert containers.sniff(clean) is None
    for tag in (b"rXYZ", b"bTRC", b"A2B0", b"kTRC", b"wtpt", b"chad"):
        assert (tag in profile[:300]) == (tag in clean[:300])
    for name in ("Display P3", "Coated paper", "Grey"):
        assert name.encode("utf-16-be") not in clean and name.encode() not in clean
