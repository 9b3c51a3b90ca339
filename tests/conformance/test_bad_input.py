"""Uploads that nobody should have to expect: each comes out as an honest file with the artist's rights in it."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from server import worker
from server.app import JOBS
from server.media.orders import MIME
from server.models import Account, Licence, Reservation
from server.site import Site
from tests import works
from tests.conformance import readers
from tests.conformance.fixture import heron
from tests.neighbours import neighbour, reply

pytestmark = pytest.mark.one_database

PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-ALLOWED" photoshop:Instructions="%s" dcterms:provenance="%s"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
LONG = "Free for everybody and every machine. " * 1850  # 70 kB
OURS = "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"


def png(*packets: str) -> bytes:
    """A PNG with as many XMP chunks as packets, which none may have."""
    out = io.BytesIO()
    info = PngInfo()
    for packet in packets:
        info.add_itxt("XML:com.adobe.xmp", packet)
    heron(700, 525).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def webp(packet: str) -> bytes:
    out = io.BytesIO()
    heron(700, 525).save(out, "WEBP", quality=90, xmp=packet.encode())
    return out.getvalue()


def placed() -> bytes:
    """A JPEG that tells where and with what it was taken, and whose it is."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.BodySerialNumber] = "SecretCamera", "SN-1234567"
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 8.0, 14.0), ExifTags.GPS.GPSLatitudeRef: "N"}
    out = io.BytesIO()
    heron(700, 525).save(out, "JPEG", quality=92, exif=exif, comment=b"SecretComment")
    return out.getvalue()


def chunks(data: bytes) -> list[bytes]:
    """The keywords of the international text chunks in a PNG."""
    at, found = 8, []
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        found += [body.split(b"\0")[0]] if name == b"iTXt" else []
        at += 12 + length
    return found


UPLOADS = {
    "70 kB of XMP in a PNG": png(PACKET % (LONG, "")),
    "70 kB of XMP in a WebP": webp(PACKET % (LONG, "")),
    "two XMP chunks": png(PACKET % ("first", ""), PACKET % ("second", "")),
    "XMP that is no XML": png("<?xpacket begin='' ?><x:xmpmeta <<<< DMI-ALLOWED"),
    "a place and a serial number": placed(),
}


@pytest.mark.parametrize("upload", UPLOADS)
async def test_a_strange_upload_becomes_an_honest_file(
    site: Site, app: Any, alice: Account, tmp_path: Path, upload: str
) -> None:
    """Every public file says what the artist chose, once, and nothing of what the upload said of rights or places."""
    readers.exiftool()
    media = await works.upload(site, alice, UPLOADS[upload])
    await works.publish(
        site, alice, media=media, full_size=True, licence=Licence.ARR, reservation=Reservation.NO_AI, title="Heron"
    )
    await worker.drain(site, JOBS)
    client, files = app.test_client(), {}
    for row in await works.renditions_of(site, media.id):
        answer = await client.get(site.urls.rendition(row).removeprefix(site.urls.base))
        path = tmp_path / f"{row.purpose}-{row.width}.{row.format}"
        path.write_bytes(await answer.get_data())
        files[path] = row.format
    found = readers.by_exiftool(list(files))
    assert {"full"} <= {path.stem.split("-")[0] for path in files}
    for path, form in files.items():
        said = found[path]
        assert said["XMP-plus:DataMining"] == OURS, path.name
        assert [name for name in said if "GPS" in name or "Serial" in name or name.endswith(":Make")] == []
        data = path.read_bytes()
        for secret in (b"DMI-ALLOWED", b"Free for everybody", b"Secret", b"SN-1234567", b"first", b"second"):
            assert secret not in data, (path.name, secret)
        if form == "png":
            assert chunks(data) == [b"XML:com.adobe.xmp"]
        state = readers.by_c2pa(data, MIME[form])[0]  # type: ignore[index]
        assert state == ("none" if path.stem.startswith("wall") else "Valid")


async def test_no_address_in_an_upload_is_ever_asked(site: Site, alice: Account) -> None:
    """From the upload over every size to the sealed files: the address that the packet names is asked by nobody."""
    async with neighbour(lambda _: reply(200, b"manifest")) as there:
        address = there.url("/manifest.c2pa")
        for content in (png(PACKET % ("x", address)), webp(PACKET % ("x", address))):
            media = await works.upload(site, alice, content)
            await works.publish(site, alice, media=media, full_size=True)
        await worker.drain(site, JOBS)
        assert (there.connections, there.asked) == (0, [])
