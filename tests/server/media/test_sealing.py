"""The signet: manifests that two other readers accept, files of strangers that do no harm, and a key that never leaves."""

import asyncio
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import c2pa
import encypher_c2pa
import numpy as np
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from datadiligence.rules import C2PAMetadataRule
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from server import clock, seals
from server.media import sealing, signet
from server.media.orders import Format
from server.media.sealing import NotSealed, Sealed, Sealer
from server.models import Licence, Reservation, SourceType
from server.rights import Rights, Subject, channels
from tests.server.media.pictures import photo

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]
FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "avif", "gif")
GENERATOR = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PROVENANCE = "http://127.0.0.1:{port}/manifest.c2pa"


@dataclass(frozen=True)
class Wax:
    """A root, a leaf and its key."""

    chain: str
    root: str
    sign: Callable[[bytes], bytes]
    asked: list[bytes]


def wax(
    begin: timedelta = timedelta(days=-1),
    end: timedelta = timedelta(days=30),
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    host: str = "art.example",
    other_key: bool = False,
) -> Wax:
    """Certificates as the house makes them, with one thing wrong where a test wants it."""
    now, root_key, leaf_key = (
        clock.now(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    name = seals._named(f"{host} root", host)
    root = seals.certificate(name, root_key, now - timedelta(days=900), now + timedelta(days=900))
    leaf = seals.certificate(
        seals._named(host, host), leaf_key, now + begin, now + end, above=(root, root_key), use=use
    )
    asked: list[bytes] = []

    def sign(claim: bytes) -> bytes:
        asked.append(claim)
        return seals._signed(ec.generate_private_key(ec.SECP256R1()) if other_key else leaf_key, claim)

    return Wax(seals._pem(leaf) + seals._pem(root), seals._pem(root), sign, asked)


HOUSE = wax()
STRANGER = wax(host="stranger.example")


def rights(source: SourceType | None = SourceType.DIGITAL_CREATION, holder: str = "Žofia Łąka-Öztürk") -> Rights:
    subject = Subject(title="Czapla o zmierzchu 鷺", explained="https://art.example/works/42/rights")
    return Rights(Licence.ARR, Reservation.NO_AI, holder, 2026, subject=subject, source_type=source)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sealer() -> AsyncIterator[Sealer]:
    """One child for all pictures of this file: what one test leaves behind, the next one meets."""
    async with Sealer() as made:
        yield made


XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dcterms='
    '"http://purl.org/dc/terms/" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="first words" dcterms:provenance="%s"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def written(
    folder: Path, kind: Format, xmp: str = XMP % "", size: tuple[int, int] = (300, 200), name: str = "a"
) -> Path:
    """An honest picture that carries an XMP packet, where Pillow can write one."""
    file = folder / f"{name}.{kind}"
    more: dict[str, Any] = {"xmp": xmp.encode()}
    if kind == "png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        more = {"pnginfo": info}
    photo(*size).save(file, kind.upper(), **more)
    return file


async def seal(
    sealer: Sealer, source: Path, target: Path, kind: Format, by: Wax = HOUSE, source_type: Any = "said", **more: Any
) -> Sealed:
    chosen = SourceType.DIGITAL_CREATION if source_type == "said" else source_type
    definition = channels.c2pa(rights(chosen), has_parent="parent" in more)
    return await sealer.seal(source, target, kind, definition, sign=by.sign, chain=by.chain, anchors=by.root, **more)


def judged(data: bytes, kind: str, anchors: str = "") -> tuple[str, list[str], Any]:
    """The state, the failures and everything, as the C2PA library reads it in this process."""
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    with c2pa.Reader(f"image/{kind}", io.BytesIO(data), context=c2pa.Context.from_dict(settings)) as reader:
        found = json.loads(reader.json())
    return found["validation_state"], signet.codes(found), found


def second_opinion(file: Path, kind: str) -> tuple[str, list[str], dict[str, str]]:
    """The state, the failures and the effective uses (CAWG), as a reader that shares no code with the library sees them."""
    found = encypher_c2pa.verify(str(file), f"image/{kind}", trust_pem=HOUSE.root, telemetry=False)
    uses = {
        name: use["effectiveUse"]
        for one in found["validation_results"]["informational"]
        if one["code"].endswith(".effectiveUse")
        for name, use in one["details"]["entries"].items()
    }
    return found["validation_state"], [one["code"] for one in found["validation_results"]["failure"]], uses


def newest(found: Any) -> Any:
    return found["manifests"][found["active_manifest"]]


# -- what we seal ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FORMATS)
async def test_a_sealed_file_is_trusted_by_those_who_know_the_root_and_valid_for_all(
    sealer: Sealer, tmp_path: Path, kind: Format
) -> None:
    source, target = written(tmp_path, kind), tmp_path / "sealed"
    HOUSE.asked.clear()
    done = await seal(sealer, source, target, kind)
    data = target.read_bytes()
    assert done.added == len(data) - source.stat().st_size
    # A GIF keeps what lies in it in blocks of 255 bytes, so that its signature must be made the library's larger way.
    assert done.added < (15_000 if kind == "gif" else 5_000)
    assert judged(data, kind, HOUSE.root)[:2] == ("Trusted", [])
    assert judged(data, kind)[:2] == ("Valid", ["signingCredential.untrusted"])
    # It signed once, a claim, and not a pixel changed.
    assert [claim.startswith(b"\x84\x6aSignature1") for claim in HOUSE.asked] == [True]
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(io.BytesIO(data))))
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_second_opinion_reads_the_same_reservation(sealer: Sealer, tmp_path: Path, kind: Format) -> None:
    source, target = written(tmp_path, kind), tmp_path / f"sealed.{kind}"
    await seal(sealer, source, target, kind)
    state, failures, uses = second_opinion(target, kind)
    assert (state, failures) == ("Trusted", [])
    assert uses == dict.fromkeys(
        ("cawg.data_mining", "cawg.ai_inference", "cawg.ai_training", "cawg.ai_generative_training"), "notAllowed"
    )


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_reader_of_the_old_label_is_told_no(sealer: Sealer, tmp_path: Path, kind: Format) -> None:
    source, target = written(tmp_path, kind), tmp_path / "sealed"
    assert C2PAMetadataRule().is_allowed(body=source.read_bytes()) is True
    await seal(sealer, source, target, kind)
    assert C2PAMetadataRule().is_allowed(body=target.read_bytes()) is False


async def test_names_of_everybody_come_back_as_they_were(sealer: Sealer, tmp_path: Path) -> None:
    source, target = written(tmp_path, "webp", name="żółw 鷺"), tmp_path / "zażółć.webp"
    await seal(sealer, source, target, "webp")
    manifest = newest(judged(target.read_bytes(), "webp")[2])
    assert manifest["title"] == "Czapla o zmierzchu 鷺"
    said = next(one["data"] for one in manifest["assertions"] if one["label"] == "cawg.metadata")
    assert "Žofia Łąka-Öztürk" in said["dc:rights"]
    # All is said by the house itself, nothing gathered from somewhere.
    assert all(one["created"] for one in manifest["assertions"])
    assert {one["label"] for one in manifest["assertions"]} == {
        "c2pa.actions.v2", "cawg.training-mining", "c2pa.training-mining", "cawg.metadata",
    }  # fmt: skip


async def test_where_the_artist_does_not_say_how_the_work_came_to_be_nothing_is_guessed(
    sealer: Sealer, tmp_path: Path
) -> None:
    source, target = written(tmp_path, "jpeg"), tmp_path / "sealed"
    await seal(sealer, source, target, "jpeg", source_type=None)
    state, failures, found = judged(target.read_bytes(), "jpeg", HOUSE.root)
    assert (state, failures) == ("Trusted", [])
    assert "digitalsourcetype" not in json.dumps(found)
    actions = newest(found)["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.resized", "c2pa.transcoded"]
    (upload,) = newest(found)["ingredients"]
    assert upload["relationship"] == "parentOf" and "active_manifest" not in upload
    assert second_opinion(target, "jpeg")[:2] == ("Trusted", [])


@pytest.mark.parametrize("kind", FORMATS)
async def test_what_is_written_after_the_seal_breaks_it(sealer: Sealer, tmp_path: Path, kind: Format) -> None:
    source, target = written(tmp_path, kind), tmp_path / "sealed"
    if kind == "gif":  # Pillow writes it no packet: the comment stands for it
        photo(300, 200).save(source, "GIF", comment=b"first words")
    await seal(sealer, source, target, kind)
    data = target.read_bytes()
    assert data.count(b"first words") == 1
    altered = data.replace(b"first words", b"other words")
    state, failures, _ = judged(_with_sums(altered) if kind == "png" else altered, kind, HOUSE.root)
    assert state == "Invalid"
    assert any(code in ("assertion.dataHash.mismatch", "assertion.bmffHash.mismatch") for code in failures)


def _with_sums(png: bytes) -> bytes:
    """The same PNG with its check sums right again, as an editor leaves it."""
    made, at = bytearray(png), 8
    while at < len(made):
        end = at + 8 + int.from_bytes(made[at : at + 4], "big")
        made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(made)


async def test_a_sealed_png_has_the_right_check_sums(sealer: Sealer, tmp_path: Path) -> None:
    source, target = written(tmp_path, "png"), tmp_path / "sealed"
    await seal(sealer, source, target, "png")
    assert _with_sums(target.read_bytes()) == target.read_bytes()


async def test_sealing_anew_leaves_one_seal(sealer: Sealer, tmp_path: Path) -> None:
    """A file that carries our seal already is stamped anew first; even where it is not, there is one manifest store."""
    source = written(tmp_path, "jpeg")
    await seal(sealer, source, tmp_path / "once", "jpeg")
    await seal(sealer, tmp_path / "once", tmp_path / "twice", "jpeg")
    found = judged((tmp_path / "twice").read_bytes(), "jpeg", HOUSE.root)
    assert found[:2] == ("Trusted", []) and len(found[2]["manifests"]) == 1


# -- what is no seal ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong",
    [
        wax(begin=timedelta(days=-60), end=timedelta(days=-1)),
        wax(begin=timedelta(days=1)),
        wax(use=ExtendedKeyUsageOID.SERVER_AUTH),
        wax(other_key=True),
    ],
    ids=["expired", "not yet", "for web servers", "another key"],
)
@pytest.mark.parametrize("kind", ["jpeg", "gif"])
async def test_a_bad_leaf_seals_nothing_and_says_so(sealer: Sealer, tmp_path: Path, wrong: Wax, kind: Format) -> None:
    source, target = written(tmp_path, kind), tmp_path / "sealed"
    with pytest.raises(NotSealed) as refused:
        await seal(sealer, source, target, kind, by=wrong)
    assert refused.value.why == "refused" and len(str(refused.value)) > len("refused: ")
    assert not target.exists()
    await seal(sealer, source, target, kind)  # and the child is well


async def test_a_file_that_is_no_picture_is_not_sealed(sealer: Sealer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for content in (b"", b"no picture", b"\xff\xd8\xff\xe0", written(tmp_path, "png").read_bytes()[:500]):
        source.write_bytes(content)
        for kind in FORMATS:
            with pytest.raises(NotSealed):
                await seal(sealer, source, tmp_path / "sealed", kind)
            assert not (tmp_path / "sealed").exists()


async def test_nothing_to_say_is_a_mistake_of_ours(sealer: Sealer, tmp_path: Path) -> None:
    source = written(tmp_path, "jpeg")
    with pytest.raises(ValueError, match="nothing to say"):
        await sealer.seal(source, tmp_path / "t", "jpeg", {}, sign=HOUSE.sign, chain="", anchors="")
    with pytest.raises(FileExistsError):
        await seal(sealer, source, source, "jpeg")
    assert source.stat().st_size > 1000, "an existing file is never written over"


# -- files of strangers ------------------------------------------------------------------------------------------------
def by_stranger(data: bytes, kind: str, *, thumbnail: bool = False, source: str = GENERATOR) -> bytes:
    """The same picture as another program would give it away: with a manifest of its own."""
    actions = [
        {
            "action": "c2pa.created",
            "digitalSourceType": source,
            "softwareAgent": {"name": "Adobe Firefly", "version": "3"},
        }
    ]
    definition = {
        "claim_generator_info": [{"name": "Some Editor", "version": "27"}],
        "title": "Étude",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "cawg.training-mining", "data": {"entries": {"cawg.ai_training": {"use": "allowed"}}}},
        ],
    }
    settings = {"builder": {"thumbnail": {"enabled": thumbnail}}, "trust": {"user_anchors": STRANGER.root}}
    builder = c2pa.Builder.from_json(json.dumps(definition), context=c2pa.Context.from_dict(settings))
    signer = c2pa.Signer.from_callback(STRANGER.sign, c2pa.C2paSigningAlg.ES256, STRANGER.chain)
    out = io.BytesIO()
    builder.sign(signer, f"image/{kind}", io.BytesIO(data), out)
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
async def test_what_a_foreign_manifest_says_is_told_in_short(sealer: Sealer, tmp_path: Path, kind: Format) -> None:
    file = tmp_path / "upload"
    file.write_bytes(by_stranger(written(tmp_path, kind).read_bytes(), kind))
    found = await sealer.read(file)
    assert found is not None
    assert (found.state, found.failures, found.signer) == (
        "Valid",
        ("signingCredential.untrusted",),
        "stranger.example",
    )
    assert found.generators == ("Some Editor 27",) and found.agents == ("Adobe Firefly 3",)
    assert found.source_types == (GENERATOR,) and found.training_mining == {"cawg.ai_training": "allowed"}
    assert 10_000 < found.size < 20_000 and found.manifests == 1
    assert json.loads(json.dumps(found.as_json())) == found.as_json()
    known = await sealer.read(file, anchors=STRANGER.root)
    assert known is not None and known.state == "Trusted"


async def test_a_file_without_a_manifest_needs_no_child(tmp_path: Path) -> None:
    async with Sealer() as idle:
        for kind in FORMATS:
            assert await idle.read(written(tmp_path, kind)) is None
        (tmp_path / "empty").write_bytes(b"")
        assert await idle.read(tmp_path / "empty") is None
        assert idle._process is None


@pytest.mark.parametrize("kind", FORMATS)
async def test_the_history_of_an_upload_goes_along(sealer: Sealer, tmp_path: Path, kind: Format) -> None:
    upload, copy, target = tmp_path / "upload", written(tmp_path, kind, size=(150, 100)), tmp_path / f"sealed.{kind}"
    upload.write_bytes(by_stranger(written(tmp_path, "png", name="master").read_bytes(), "png"))
    done = await seal(sealer, copy, target, kind, parent=upload, parent_kind="png")
    assert done.with_parent
    state, failures, found = judged(target.read_bytes(), kind, HOUSE.root)
    # The house vouches for its own manifest alone; that nobody knows the upload's signer stands beside the ingredient.
    assert (state, failures) == ("Trusted", [])
    actions = newest(found)["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.resized", "c2pa.transcoded"]
    assert newest(found)["ingredients"][0]["active_manifest"] in found["manifests"] and len(found["manifests"]) == 2
    summary = await sealer.read(target)
    assert summary is not None and summary.source_types == (GENERATOR,) and "Adobe Firefly 3" in summary.agents
    assert summary.training_mining["cawg.ai_training"] == "notAllowed", "the newest manifest counts"
    # What the artist says of it stands beside the history.
    said = next(one["data"] for one in newest(found)["assertions"] if one["label"] == "cawg.metadata")
    assert said["Iptc4xmpExt:DigitalSourceType"].endswith("/digitalCreation")
    assert set(second_opinion(target, kind)[2].values()) == {"notAllowed"}


PLACE = {"@context": {"exif": "http://ns.adobe.com/exif/1.0/"}, "exif:GPSLatitude": "48,12.3456N"}

SAID = {"@context": {"dc": "http://purl.org/dc/elements/1.1/"}, "dc:rights": "© 2026 Ada Ink"}


def retold(
    data: bytes, assertion: dict[str, Any] | None = None, *, before: bytes = b"", thumbnail: bool = False
) -> bytes:
    """`data`, a JPEG, with a manifest that also holds `assertion`, or the history of the file that it was `before`."""
    source = {"action": "c2pa.created", "digitalSourceType": GENERATOR}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [source]}}
    definition = {"title": "Étude", "assertions": [actions, *([assertion] if assertion else [])]}
    settings = {"builder": {"thumbnail": {"enabled": thumbnail}}, "verify": {"verify_after_sign": False}}
    with c2pa.Builder.from_json(json.dumps(definition), context=c2pa.Context.from_dict(settings)) as builder:
        if before:
            named = {"title": "before.jpg", "relationship": "componentOf"}
            builder.add_ingredient(json.dumps(named), "image/jpeg", io.BytesIO(before))
        signer = c2pa.Signer.from_callback(STRANGER.sign, c2pa.C2paSigningAlg.ES256, STRANGER.chain)
        out = io.BytesIO()
        builder.sign(signer, "image/jpeg", io.BytesIO(data), out)
    return out.getvalue()


async def test_row_119_a_history_that_tells_where_a_picture_was_made_stays_here(sealer: Sealer, tmp_path: Path) -> None:
    """Cameras sign the place and their serial number, editors sign small pictures of what they cut away."""
    plain, copy = written(tmp_path, "jpeg", name="master").read_bytes(), written(tmp_path, "jpeg", size=(150, 100))
    placed = retold(plain, {"label": "stds.exif", "kind": "Json", "data": PLACE})
    whole = written(tmp_path, "jpeg", name="whole").read_bytes()
    uploads = {
        "a place": (placed, False),
        "a place, one step earlier": (retold(plain, before=placed), False),
        "words of the program's own": (retold(plain, {"label": "com.camera.trip", "data": {"on": "Tuesday"}}), False),
        "what was cut away": (retold(plain, before=retold(whole, thumbnail=True), thumbnail=True), False),
        "a place among rights": (
            retold(plain, {"label": "cawg.metadata", "kind": "Json", "data": SAID | PLACE}),
            False,
        ),
        "rights": (retold(plain, {"label": "cawg.metadata", "kind": "Json", "data": SAID}), True),
        "a small picture of itself": (retold(plain, thumbnail=True), True),
        "nothing else": (retold(plain), True),
    }
    for name, (content, is_kept) in uploads.items():
        upload, target = tmp_path / "upload", tmp_path / f"sealed {name}"
        upload.write_bytes(content)
        done = await seal(sealer, copy, target, "jpeg", parent=upload, parent_kind="jpeg")
        assert done.with_parent is is_kept, name
        state, failures, found = judged(target.read_bytes(), "jpeg", HOUSE.root)
        assert (state, failures, len(found["manifests"])) == ("Trusted", [], 1 + is_kept), name
        assert b"48,12.3456N" not in target.read_bytes() and b"Tuesday" not in target.read_bytes()


async def test_a_long_history_in_a_jpeg_is_sealed_in_either_way(sealer: Sealer, tmp_path: Path) -> None:
    """A manifest store above 64 kB spans several segments; where a border cuts the signature, the library's own way serves."""
    upload = tmp_path / "upload"
    master = photo(1400, 1000)
    master.save(tmp_path / "m.jpeg", quality=92)
    upload.write_bytes(by_stranger((tmp_path / "m.jpeg").read_bytes(), "jpeg", thumbnail=True))
    assert sealing.manifest_bytes(upload) > 65_536
    copy = written(tmp_path, "jpeg")
    for number in range(4):
        target = tmp_path / f"sealed-{number}"
        done = await seal(sealer, copy, target, "jpeg", parent=upload, parent_kind="jpeg")
        assert done.with_parent and judged(target.read_bytes(), "jpeg", HOUSE.root)[:2] == ("Trusted", [])


async def test_the_size_of_a_store_is_known_without_reading_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for kind in FORMATS:
        plain = written(tmp_path, kind).read_bytes()
        signed = by_stranger(plain, kind)
        file.write_bytes(signed)
        assert len(signed) - len(plain) - 200 < sealing.manifest_bytes(file) < len(signed) - len(plain)
    head = b"jumb\0\0\0\0jumdc2pa\0\x11\0\x10\x80\0\0\xaa\08\x9bq"
    for length, expected in ((b"\xff\xff\xff\xff", 36), (b"\0\0\0\0", 36), (b"\0\0\0\1", 36), (b"\0\0\0\x20", 32)):
        file.write_bytes(length + head)
        assert sealing.manifest_bytes(file) == min(expected, len(length + head))


async def test_an_altered_upload_is_invalid_and_its_history_still_goes_along(sealer: Sealer, tmp_path: Path) -> None:
    data = by_stranger(written(tmp_path, "jpeg").read_bytes(), "jpeg")
    upload, target = tmp_path / "upload", tmp_path / "sealed"
    upload.write_bytes(data[:-3000] + bytes(1) + data[-2999:])
    found = await sealer.read(upload)
    assert found is not None and found.state == "Invalid" and "assertion.dataHash.mismatch" in found.failures
    done = await seal(sealer, written(tmp_path, "webp"), target, "webp", parent=upload, parent_kind="jpeg")
    assert done.with_parent and judged(target.read_bytes(), "webp", HOUSE.root)[0] == "Trusted"


async def test_broken_manifests_do_no_harm(sealer: Sealer, tmp_path: Path, long: bool) -> None:
    """Read or refused, never an error of ours; and what was made from such a file is sealed, with its history or without."""
    chance, file = random.Random(7), tmp_path / "upload"
    data = by_stranger(written(tmp_path, "jpeg", size=(64, 48)).read_bytes(), "jpeg")
    start, copy = data.index(b"jumb"), written(tmp_path, "jpeg", name="copy")
    states, kept = set(), set()
    for number in range(1000 if long else 60):
        broken = bytearray(data)
        for _ in range(chance.choice((1, 1, 4, 40))):
            broken[chance.randrange(start + 30, start + 4000)] = chance.randrange(256)
        file.write_bytes(broken[: chance.choice((len(broken), len(broken), start + 900))])
        found = await sealer.read(file)
        assert found is not None
        states.add(found.state)
        target = tmp_path / f"sealed-{number}"
        done = await seal(sealer, copy, target, "jpeg", parent=file, parent_kind="jpeg")
        kept.add(done.with_parent)
        assert judged(target.read_bytes(), "jpeg", HOUSE.root)[0] == "Trusted"
        target.unlink()
    assert {"Invalid", "Unreadable"} <= states and kept == {True, False}


# -- no network --------------------------------------------------------------------------------------------------------
@pytest.fixture
def counter() -> Iterator[tuple[int, list[str]]]:
    """A web server on the loopback and the list of what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_an_address_in_an_upload_is_never_asked(
    sealer: Sealer, tmp_path: Path, counter: tuple[int, list[str]]
) -> None:
    port, asked = counter
    remote = written(tmp_path, "jpeg", XMP % PROVENANCE.format(port=port))
    data = remote.read_bytes()
    # The library asks where it is left to its own ways: this test would see it.
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader("image/jpeg", io.BytesIO(data))
    assert asked == ["/manifest.c2pa"]
    asked.clear()
    # Ours does not, without walls either.
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader("image/jpeg", io.BytesIO(data), context=c2pa.Context.from_dict(signet._settings("")))
    # A head of a manifest in a comment has the child look; so has sealing what carries the address, or comes from it.
    decoy = b"\0\0\0\x28jumb\0\0\0\x20jumdc2pa\0\x11\0\x10\x80\0\0\xaa\08\x9bq"
    comment = b"\xff\xfe" + struct.pack(">H", len(decoy) + 2) + decoy
    file = tmp_path / "decoy"
    file.write_bytes(data[:2] + comment + data[2:])
    found = await sealer.read(file)
    assert found is not None and found.state == "Unreadable"
    await seal(sealer, remote, tmp_path / "sealed", "jpeg", parent=file, parent_kind="jpeg")
    await sealer.read(tmp_path / "sealed")
    await asyncio.sleep(0.05)
    assert asked == []


# -- the child ---------------------------------------------------------------------------------------------------------
async def test_the_walls_stand_around_the_library(sealer: Sealer) -> None:
    assert (await sealer.start()).count(".") == 2
    assert sealer.walls["seccomp"] == 1 or sealer.walls["namespaces"] == 1
    own = Path(f"/proc/{sealer._process.pid}") if sealer._process else Path("/proc/none")
    assert "Seccomp:\t2" in (own / "status").read_text()


async def test_a_child_that_may_receive_files_can_do_nothing_else_more(tmp_path: Path) -> None:
    """The one call that the signet has beyond a decoder gives it what it is handed, and opens nothing."""
    canary = tmp_path / "canary"
    canary.write_text("alive")
    script = """
        import os, socket, sys
        from server.media import sandbox
        canary, fd = sys.argv[1], int(sys.argv[2])
        channel = socket.socket(fileno=fd)
        sandbox.close_doors(receives=True)
        raw, fds, _, _ = socket.recv_fds(channel, 100, 1)
        found = [os.read(fds[0], 5).decode()]
        for escape in (
            lambda: open(canary), lambda: socket.socket(), lambda: os.fork(), lambda: os.unlink(canary),
            lambda: channel.sendmsg([b"x"]), lambda: os.kill(os.getppid(), 0), lambda: os.execv("/bin/true", ["true"]),
        ):
            try:
                escape()
                found.append("open")
            except OSError as closed:
                found.append(type(closed).__name__)
        os.write(fd, " ".join(found).encode())
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, canary.open("rb") as file:
        socket.send_fds(ours, [b"here"], [file.fileno()])
        command = [sys.executable, "-c", textwrap.dedent(script), str(canary), str(theirs.fileno())]
        subprocess.run(command, cwd=ROOT, pass_fds=[theirs.fileno()], timeout=30, check=True)
        assert ours.recv(1000).decode() == "alive" + " PermissionError" * 7


async def test_the_server_never_loads_the_library() -> None:
    script = "import sys, server.__main__; print([name for name in sys.modules if name.startswith('c2pa')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("asked", ["", "no base64!", "MIIB", 7, None])
async def test_the_key_signs_claims_and_nothing_else(asked: Any) -> None:
    with pytest.raises(NotSealed, match="no claim"):
        sealing._claim(asked)


async def test_a_child_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    source = written(tmp_path, "jpeg")
    async with Sealer() as mortal:
        await mortal.start()
        assert mortal._process is not None
        mortal._process.kill()
        mortal._process.wait()
        with pytest.raises(NotSealed) as gone:
            await seal(mortal, source, tmp_path / "sealed", "jpeg")
        assert gone.value.why == "died" and not (tmp_path / "sealed").exists()
        await seal(mortal, source, tmp_path / "sealed", "jpeg")


async def test_a_child_that_takes_too_long_is_sent_away(tmp_path: Path) -> None:
    async with Sealer() as patient:
        await patient.start()
        patient.seconds = 0.2
        assert patient._process is not None
        os.kill(patient._process.pid, signal.SIGSTOP)  # it has the order and does not begin
        with pytest.raises(NotSealed) as slow:
            await seal(patient, written(tmp_path, "jpeg"), tmp_path / "sealed", "jpeg")
        assert slow.value.why == "slow" and patient._process is None


async def test_without_the_library_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(by_stranger(written(tmp_path, "jpeg").read_bytes(), "jpeg"))
    monkeypatch.setitem(sys.modules, "c2pa", None)
    async with Sealer() as bare:
        for order in (bare.start(), bare.read(upload), seal(bare, written(tmp_path, "jpeg"), tmp_path / "t", "jpeg")):
            with pytest.raises(NotSealed) as missing:
                await order
            assert missing.value.why == "library"
        assert not (tmp_path / "t").exists()


async def test_a_library_that_cannot_be_loaded_is_as_good_as_missing() -> None:
    async with Sealer(memory=40 << 20) as cramped:
        with pytest.raises(NotSealed) as refused:
            await cramped.start()
        assert refused.value.why == "library"
