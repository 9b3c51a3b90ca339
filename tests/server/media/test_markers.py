"""Marks of generators are found in what a file says about itself, and nowhere else (docs/rights.md, table 2.7).

Every file is made here, in the form in which that program writes. Where sd-parsers knows the program it reads the same file, as
a second opinion that is not ours.
"""

import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from sd_parsers import ParserManager

from server.media import containers, inscriptions, markers
from server.media.orders import WORDS, Marker, Probe, Refused
from server.media.pixels import Pixels, _probe

RECIPE = (
    "a lighthouse at dusk, oil on canvas\nNegative prompt: blurry\n"
    "Steps: 28, Sampler: DPM++ 2M, CFG scale: 7, Seed: 1234, Size: 64x48, Model hash: abc123, Model: paint"
)
NODES = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 5, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
                   "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "paint.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
}  # fmt: skip
GRAPH = {
    "last_node_id": 7,
    "last_link_id": 4,
    "nodes": [{"id": int(number), "type": node["class_type"]} for number, node in NODES.items()],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 7, 0, 3, 2, "CONDITIONING"]],
    "version": 0.4,
}
FOOOCUS = {
    "prompt": "a lighthouse", "negative_prompt": "", "steps": 30, "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
    "seed": 12, "guidance_scale": 4.0, "sharpness": 2.0, "base_model": "paint", "base_model_hash": "abc",
}  # fmt: skip
JOB = "8a1b2c3d-0000-4aaa-8bbb-123456789abc"
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
C2PA_SOURCE = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"


def canvas() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 48)).convert("RGB")


def png(*texts: tuple[str, str], packet: str = "", exif: bytes = b"", squeezed: bool = False) -> bytes:
    """A PNG with these text chunks, an XMP packet and an Exif block."""
    info = PngImagePlugin.PngInfo()
    for key, text in texts:
        info.add_text(key, text, zip=squeezed)
    if packet:
        info.add_itxt("XML:com.adobe.xmp", packet)
    out = io.BytesIO()
    canvas().save(out, "PNG", pnginfo=info, **({"exif": exif} if exif else {}))
    return out.getvalue()


def photo(kind: str = "JPEG", *, comment: str = "", packet: str = "", wide: str = "utf-16-be", **tags: Any) -> bytes:
    """A JPEG or WebP with these Exif fields; `comment` is its UserComment."""
    exif = Image.Exif()
    names = {"software": 0x0131, "description": 0x010E, "make": 0x010F, "model": 0x0110}
    for name, value in tags.items():
        if name in names:
            exif[names[name]] = value
    inner = exif.get_ifd(0x8769)
    if comment:
        inner[0x9286] = b"UNICODE\0" + comment.encode(wide)
    if "exposure" in tags:
        inner[0x829A] = tags["exposure"]
    out = io.BytesIO()
    canvas().save(out, kind, exif=exif.tobytes(), **({"xmp": packet.encode()} if packet else {}))
    return out.getvalue()


def xmp(inner: str, attributes: str = "") -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        f'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {attributes}>{inner}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )


def described(text: str) -> str:
    return f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>'


def source(term: str) -> str:
    return f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}{term}</Iptc4xmpExt:DigitalSourceType>"


def resource_block(dataset: int, text: str) -> bytes:
    """A JPEG whose Photoshop block holds one IPTC-IIM field."""
    field = struct.pack(">BBBH", 0x1C, 2, dataset, len(text)) + text.encode()
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(field)) + field + b"\0" * (len(field) % 2)
    raw = photo()
    return raw[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + raw[2:]


def commented(text: str) -> bytes:
    """A JPEG with a comment segment."""
    raw = photo()
    return raw[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text.encode() + raw[2:]


def gif(comment: bytes) -> bytes:
    out = io.BytesIO()
    canvas().save(out, "GIF", comment=comment)
    return out.getvalue()


def tiff(software: str) -> bytes:
    out = io.BytesIO()
    canvas().save(out, "TIFF", software=software)
    return out.getvalue()


def novel(software: str = "NovelAI") -> bytes:
    settings = {"prompt": "a lighthouse", "steps": 28, "sampler": "k_euler", "seed": 1, "strength": 0.7, "noise": 0.2,
                "scale": 5.0, "uc": "blurry"}  # fmt: skip
    return png(
        ("Title", "AI generated image"),
        ("Description", "a lighthouse"),
        ("Software", software),
        ("Source", "NovelAI Diffusion V3 C1E1DE52"),
        ("Comment", json.dumps(settings)),
    )


SWARM = json.dumps(
    {"sui_image_params": {"prompt": "a lighthouse", "model": "paint", "seed": 4, "swarm_version": "0.9.1"}}
)
META = {"positive_prompt": "a lighthouse", "negative_prompt": "", "steps": 20, "cfg_scale": 7, "seed": 1, "scheduler": "euler",
        "model": {"model_name": "paint"}}  # fmt: skip
SD_META = {"model": "stable diffusion", "model_weights": "paint", "model_hash": "ab",
           "image": {"prompt": [{"prompt": "a lighthouse", "weight": 1}], "steps": 20, "cfg_scale": 7, "seed": 1,
                     "sampler": "k_lms"}}  # fmt: skip

# file name, content, generator, strength, what sd-parsers calls it where it knows it.
MADE: list[tuple[str, Callable[[], bytes], str, str, str]] = [
    ("a1111.png", lambda: png(("parameters", RECIPE)), "Automatic1111", "strong", "AUTOMATIC1111"),
    ("a1111-squeezed.png", lambda: png(("parameters", RECIPE), squeezed=True), "Automatic1111", "strong", "AUTOMATIC1111"),
    ("forge.jpg", lambda: photo(comment=RECIPE + ", Version: f2.0.1v1.10.1"), "Forge", "strong", "AUTOMATIC1111"),
    ("forge-le.jpg", lambda: photo(comment=RECIPE, wide="utf-16-le"), "Automatic1111", "strong", ""),
    ("forge.webp", lambda: photo("WEBP", comment=RECIPE), "Automatic1111", "strong", "AUTOMATIC1111"),
    ("comment.jpg", lambda: commented(RECIPE), "Automatic1111", "strong", ""),
    ("comment.gif", lambda: gif(RECIPE.encode()), "Automatic1111", "strong", ""),
    ("fooocus.png", lambda: png(("parameters", json.dumps(FOOOCUS))), "Fooocus", "strong", "FOOOCUS"),
    ("fooocus.jpg", lambda: photo(comment=json.dumps(FOOOCUS), software="Fooocus v2.5.5"), "Fooocus", "strong", "FOOOCUS"),
    ("fooocus-a1111.png", lambda: png(("parameters", RECIPE + ", Version: Fooocus v2.5"), ("fooocus_scheme", "a1111")),
     "Fooocus", "strong", "AUTOMATIC1111"),
    ("comfy.png", lambda: png(("prompt", json.dumps(NODES)), ("workflow", json.dumps(GRAPH))), "ComfyUI", "strong", "COMFYUI"),
    ("comfy.webp", lambda: photo("WEBP", make="workflow:" + json.dumps(GRAPH), model="prompt:" + json.dumps(NODES)),
     "ComfyUI", "strong", ""),
    ("invoke-3.png", lambda: png(("invokeai_metadata", json.dumps(META))), "InvokeAI", "strong", "INVOKEAI"),
    ("invoke-2.png", lambda: png(("sd-metadata", json.dumps(SD_META)), ("Dream", '"a lighthouse" -s 20 -S 1')),
     "InvokeAI", "strong", "INVOKEAI"),
    ("invoke-1.png", lambda: png(("Dream", '"a lighthouse" -s 20 -S 42 -W 512 -H 512 -C 7.5 -A k_lms')),
     "InvokeAI", "strong", "INVOKEAI"),
    ("novel.png", novel, "NovelAI", "strong", "NOVELAI"),
    ("novel.webp", lambda: photo("WEBP", comment=json.dumps({"Comment": "{}", "Software": "NovelAI"})),
     "NovelAI", "strong", ""),
    ("swarm.png", lambda: png(("parameters", SWARM)), "SwarmUI", "strong", ""),
    ("swarm.jpg", lambda: photo(comment=SWARM), "SwarmUI", "strong", ""),
    ("midjourney.png", lambda: png(("Description", f"a lighthouse --ar 3:2 --v 6.0 Job ID: {JOB}"), ("Author", "ada")),
     "Midjourney", "medium", ""),
    ("midjourney-xmp.png", lambda: png(("Description", f"a lighthouse Job ID: {JOB}"), packet=xmp(
        f"<Iptc4xmpExt:DigImageGUID>{JOB}</Iptc4xmpExt:DigImageGUID>")), "Midjourney", "medium", ""),
    ("google.jpg", lambda: photo(packet=xmp(source("trainedAlgorithmicMedia"), 'photoshop:Credit="Made with Google AI"')),
     "Google AI", "strong", ""),
    ("google-iim.jpg", lambda: resource_block(110, "Made with Google AI"), "Google AI", "strong", ""),
    ("meta.jpg", lambda: photo(packet=xmp("<photoshop:Credit>Imagined with AI</photoshop:Credit>")), "Meta AI", "medium", ""),
    ("draw-things.png", lambda: png(packet=xmp('<exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{"c":"a lighthouse",'
        '"steps":8,"sampler":"Euler A"}</rdf:li></rdf:Alt></exif:UserComment>', 'xmp:CreatorTool="Draw Things"')),
     "Draw Things", "medium", ""),
    ("civitai.jpg", lambda: photo(comment='a lighthouse, Civitai resources: [{"type":"checkpoint"}]'), "Civitai", "medium", ""),
    ("civitai-full.jpg", lambda: photo(comment=RECIPE + ", Civitai resources: []"), "Civitai", "strong", "AUTOMATIC1111"),
    ("caption.jpg", lambda: photo(description=RECIPE), "Stable Diffusion", "medium", ""),
    ("source.jpg", lambda: photo(packet=xmp(source("trainedAlgorithmicMedia"))), "", "strong", ""),
    ("source-attribute.png", lambda: png(packet=xmp("", f'Iptc4xmpExt:DigitalSourceType="{C2PA_SOURCE}"')), "", "strong", ""),
    ("firefly.jpg", lambda: photo(packet=xmp("", 'xmp:CreatorTool="Adobe Firefly 3.0"')), "Adobe Firefly", "medium", ""),
    ("hint.jpg", lambda: photo(software="Exported from Midjourney"), "Midjourney", "weak", ""),
    ("tool.tif", lambda: tiff("DALL-E 3"), "DALL·E", "medium", ""),
]  # fmt: skip

CLEAN: list[tuple[str, Callable[[], bytes]]] = [
    ("plain.png", png),
    ("not.jpg", lambda: photo(description="Painted by hand. This is not Midjourney, not Stable Diffusion, no DALL-E.")),
    ("not.png", lambda: png(("Description", "not Midjourney"), ("Comment", "Adobe Firefly is not what made this"),
                            ("Title", "Stable Diffusion"), ("Author", "NovelAI hater"))),
    ("not-xmp.jpg", lambda: photo(packet=xmp(described("not Midjourney"), 'photoshop:Credit="Not made with Google AI"'))),
    ("tool.jpg", lambda: photo(software="Exported without Midjourney")),
    ("krita.png", lambda: png(("Software", "Krita 5.2"), ("workflow", "sketch, ink, colour"), ("prompt", "write me"),
                              ("parameters", "Brush: 20px"), ("dream", "I had one last night"))),
    ("steps.jpg", lambda: photo(description="Steps: 12 up to the lighthouse. Sampler: embroidery.")),
    ("job.png", lambda: png(("Description", f"Print run, Job ID: {JOB}"))),
    ("camera.jpg", lambda: photo(make="Canon", model="Canon EOS R5", exposure=(1, 250))),
    ("human.jpg", lambda: photo(packet=xmp(source("digitalCreation")))),
]  # fmt: skip


def say(content: bytes, tmp_path: Path) -> list[inscriptions.Inscription]:
    """What the file says, without Pillow."""
    kind = containers.sniff(content[:1024])
    assert kind is not None
    box = containers.walk(content, kind)
    return inscriptions.read(content, box, exif=content if kind == "tiff" else box.exif, xmp=box.xmp, iim=box.photoshop)


async def look(pixels: Pixels, tmp_path: Path, content: bytes, name: str = "upload") -> Probe:
    """What the server learns of the file: through the confined child, as at every upload."""
    file = tmp_path / name
    file.write_bytes(content)
    return await pixels.probe(file)


# The other reader remembers what it read last by the id of the image, which Python gives to the next one when an image is gone.
_looked_at: list[Image.Image] = []


@pytest.mark.parametrize(("name", "make", "generator", "strength", "second"), MADE, ids=[row[0] for row in MADE])
async def test_every_generator_of_the_table_is_recognised(
    pixels: Pixels, tmp_path: Path, name: str, make: Callable[[], bytes], generator: str, strength: str, second: str
) -> None:
    probe = await look(pixels, tmp_path, make(), name)
    assert probe.markers, "nothing was found"
    first = probe.markers[0]
    assert (first.generator, first.strength) == (generator, strength), probe.markers
    assert 0 < len(first.words) <= WORDS and first.where.startswith(
        ("the PNG text", "the Exif", "the XMP", "the IPTC", "the c")
    )
    assert first.source_type == "trainedAlgorithmicMedia"
    assert {marker.generator for marker in probe.markers} == {generator}, "one program made it"
    with Image.open(tmp_path / name) as image:
        _looked_at.append(image)
        found = ParserManager().parse(image)
    assert (found.generator.name if found else "") == second


@pytest.mark.parametrize(("name", "make"), CLEAN, ids=[row[0] for row in CLEAN])
async def test_nobody_is_accused_by_what_people_write(
    pixels: Pixels, tmp_path: Path, name: str, make: Callable[[], bytes]
) -> None:
    probe = await look(pixels, tmp_path, make(), name)
    assert probe.markers == ()


async def test_what_a_file_says_of_its_origin_is_suggested(pixels: Pixels, tmp_path: Path) -> None:
    camera = await look(pixels, tmp_path, photo(make="Canon", model="Canon EOS R5", exposure=(1, 250)))
    assert (camera.camera, camera.source_type) == ("Canon EOS R5", None)
    nikon = await look(pixels, tmp_path, photo(make="NIKON", model="Z 6", exposure=(1, 250)))
    assert nikon.camera == "NIKON Z 6"
    scan = await look(pixels, tmp_path, photo(make="Epson", model="V600"))
    assert scan.camera is None, "a scanner has no exposure"
    for term, expected in (("digitalArt", "digitalCreation"), ("minorHumanEdits", "humanEdits"), ("nonsense", None)):
        said = await look(pixels, tmp_path, photo(packet=xmp(source(term))))
        assert (said.source_type, said.markers) == (expected, ())
    mixed = await look(pixels, tmp_path, photo(packet=xmp(source("compositeWithTrainedAlgorithmicMedia"))))
    assert mixed.source_type == mixed.markers[0].source_type == "compositeWithTrainedAlgorithmicMedia"


def test_an_extended_packet_is_read_too(tmp_path: Path) -> None:
    packet = xmp(source("trainedAlgorithmicMedia") + described("x" * 70_000)).encode()
    raw, digest = photo(), b"0" * 32
    pieces = b""
    for at in range(0, len(packet), 60_000):
        body = (
            b"http://ns.adobe.com/xmp/extension/\0"
            + digest
            + struct.pack(">II", len(packet), at)
            + packet[at : at + 60_000]
        )
        pieces += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    (marker,) = markers.find(say(raw[:2] + pieces + raw[2:], tmp_path))
    assert marker.where == "the XMP field Iptc4xmpExt:DigitalSourceType"


def test_a_big_tiff_is_read_like_a_small_one() -> None:
    text = b"NovelAI Diffusion\0"
    entry = struct.pack("<HHQQ", 0x0131, 2, len(text), 56)
    block = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + struct.pack("<Q", 1) + entry + struct.pack("<Q", 0)
    (one,) = inscriptions.of_exif(block.ljust(56, b"\0") + text)
    assert (one.key, one.text) == ("Software", "NovelAI Diffusion")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _with_chunk(name: bytes, body: bytes, times: int = 1) -> bytes:
    raw = png()
    return raw[:33] + _chunk(name, body) * times + raw[33:]


HOSTILE = {
    "a megabyte of text": lambda: _with_chunk(b"tEXt", b"parameters\0" + b"Steps: " * 150_000),
    "a megabyte of brackets": lambda: _with_chunk(b"tEXt", b"prompt\0" + b'{"a":[' * 170_000),
    "eight megabytes": lambda: _with_chunk(b"tEXt", b"prompt\0" + b'"class_type' * 750_000),
    "very many chunks": lambda: _with_chunk(b"tEXt", b"parameters\0Steps: x", 20_000),
    "no UTF-8": lambda: _with_chunk(b"iTXt", b"parameters\0\0\0\0\0\xff\xfe\xc3\x28Steps: 3\xed\xa0\x80"),
    "no key": lambda: _with_chunk(b"tEXt", b"\0Steps: 20, Sampler: x"),
    "an iTXt that ends early": lambda: _with_chunk(b"iTXt", b"parameters\0\1"),
    "no zlib": lambda: _with_chunk(b"zTXt", b"parameters\0\0this is not compressed"),
    "zlib that unfolds": lambda: _with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"\0" * 900_000, 9)),
    "surrogates": lambda: png(("parameters", "Steps: 1, Sampler: \ud7ff\ufffe" + "é" * 500)),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_words_are_bounded_and_no_error(pixels: Pixels, tmp_path: Path, name: str) -> None:
    probe = await look(pixels, tmp_path, HOSTILE[name]())
    assert (probe.width, probe.height) == (64, 48)
    assert len(probe.markers) <= markers.MOST and all(len(marker.words) <= WORDS for marker in probe.markers)


def test_a_bomb_is_read_no_further_than_its_first_megabyte(tmp_path: Path) -> None:
    content = _with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * 50_000_000, 9))
    (one,) = say(content, tmp_path)
    assert len(one.text) == inscriptions.LONGEST


def test_row_120_words_that_are_chopped_up_or_nested_cost_no_more_than_their_length() -> None:
    """A megabyte of blocks of one letter each, and sixty thousand properties inside each other: half a minute and more, once."""
    began = time.process_time()
    assert inscriptions._gif_blocks(b"\x01a" * (1 << 19)) == b"a" * (1 << 19)
    nested = 60_000
    packet = b'<x xmlns:dc="http://purl.org/dc/elements/1.1/">%s%s</x>' % (b"<dc:a>" * nested, b"</dc:a>" * nested)
    assert sum(1 for _ in inscriptions.of_xmp(packet)) == nested
    assert time.process_time() - began < 8


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_cut_or_twisted_exif_block_says_less_and_raises_nothing(cut: int) -> None:
    exif = Image.Exif()
    exif[0x0131] = "NovelAI"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + RECIPE.encode("utf-16-be")
    block = exif.tobytes()
    list(inscriptions.of_exif(block[: len(block) * cut // 200]))
    twisted = bytearray(block)
    twisted[6 + cut % (len(block) - 6)] ^= 0xFF
    list(inscriptions.of_exif(bytes(twisted)))


def test_directories_that_point_at_each_other_end() -> None:
    loop = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 8)
    assert list(inscriptions.of_exif(loop)) == []


async def test_a_child_that_was_taken_over_cannot_tell_what_it_likes() -> None:
    from_child: Any = {"generator": "x" * 500, "where": "", "words": "", "strength": "strong", "source_type": None}
    told = {**vars(_probe_values()), "markers": [from_child]}
    with pytest.raises(Refused):
        _read(told)
    with pytest.raises(Refused):
        _read({**told, "markers": [{**from_child, "generator": "A", "strength": "divine"}]})
    with pytest.raises(Refused):
        _read({**told, "markers": [], "camera": 5})
    assert _read({**told, "markers": [{**from_child, "generator": "A"}] * 90}).markers == (
        (Marker("A", "", "", "strong", None),) * 20
    )


def _probe_values() -> Probe:
    return Probe("png", "image/png", 1, 1, 1, 0, False, "RGB", 8, None, False, 1)


def _read(told: dict[str, Any]) -> Probe:
    return _probe(told)


MANIFESTS = [
    ({"source_types": [SOURCE + "trainedAlgorithmicMedia"], "generators": ["ChatGPT"], "agents": ["GPT-4o"]},
     ("OpenAI", "strong", "trainedAlgorithmicMedia")),
    ({"source_types": [SOURCE + "compositeWithTrainedAlgorithmicMedia"], "agents": ["Adobe Firefly"], "state": "Valid"},
     ("Adobe Firefly", "strong", "compositeWithTrainedAlgorithmicMedia")),
    ({"source_types": [C2PA_SOURCE], "generators": ["acme/1.0"]}, ("", "strong", "trainedAlgorithmicMedia")),
    ({"source_types": [C2PA_SOURCE], "state": "Invalid"}, ("", "medium", "trainedAlgorithmicMedia")),
    ({"generators": ["Microsoft_Responsible_AI/1.0"]}, ("Microsoft Designer", "medium", "trainedAlgorithmicMedia")),
    ({"source_types": [SOURCE + "digitalCapture"], "generators": ["Leica M11-P"]}, None),
    ({"state": "Unreadable", "source_types": []}, None),
    ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("manifest", "expected"), MANIFESTS)
def test_a_manifest_is_read_by_its_actions_and_its_maker(
    manifest: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    found = [(one.generator, one.strength, one.source_type) for one in markers.of_manifest(manifest)]
    assert found == ([expected] if expected else [])
