"""Spoiled files by the thousand: each is refused in a sentence or shown, and nothing worse (security.md rows 116 to 118).

1,000 files in `make test`, 20,000 in `make test-long`. The seed is printed; a file that does harm is named by its number.
"""

import asyncio
import io
import random
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from server.media.orders import FAILED
from server.media.pixels import Facts, Made, Pixels, Plan, Refused
from tests.server.media import pictures

WORKERS = 2
# Every so many files one is rendered whole; the others are looked at as an upload is.
RENDER_EVERY = 4


def _seeds() -> list[bytes]:
    """One small file of each kind, with what such files carry: profiles, EXIF, comments, frames."""
    image = pictures.swatches().resize((96, 72))
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x8298] = 6, "Ada Ink", "© Ada Ink"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = pictures.moving(4, (40, 30))
    made = []
    for kind, options in (
        ("JPEG", {"exif": exif, "icc_profile": icc, "comment": b"hello", "progressive": True}),
        ("JPEG", {"quality": 30}),
        ("PNG", {"exif": exif, "icc_profile": icc}),
        ("WEBP", {"exif": exif, "icc_profile": icc}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"icc_profile": icc}),
        ("TIFF", {"compression": "tiff_deflate", "icc_profile": icc}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
    ):
        out = io.BytesIO()
        image.save(out, kind, **options)
        made.append(out.getvalue())
    for kind in ("GIF", "WEBP", "PNG", "AVIF"):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=80, loop=0)
        made.append(out.getvalue())
    for mode in ("CMYK", "LA", "I;16", "P"):
        out = io.BytesIO()
        (Image.new(mode, (30, 30)) if mode == "I;16" else pictures.swatches("RGB").resize((60, 40)).convert(mode)).save(
            out, "JPEG" if mode == "CMYK" else "PNG"
        )
        made.append(out.getvalue())
    return made


def _spoil(chance: random.Random, seeds: list[bytes]) -> bytes:
    """One of the ways in which files break, or are broken."""
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(content)) if content else 0
        match chance.randrange(7):
            case 0:
                content[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                content[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
            case 2:
                del content[at:]
            case 3:
                del content[at : at + chance.randrange(1, 200)]
            case 4:
                content[at:at] = content[at : at + chance.randrange(1, 400)]
            case 5:
                other = chance.choice(seeds)
                content[at:] = other[chance.randrange(len(other)) :]
            case 6:
                head = chance.randrange(min(64, len(content) or 1))
                content[head : head + 2] = chance.randbytes(2)
    return bytes(content)


@pytest.mark.timeout(3000)
async def test_spoiled_files_are_refused_or_shown(pixels: Pixels, tmp_path: Path, long: bool) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    seeds = _seeds()
    total = 20_000 if long else 1_000
    outcomes = {"refused": 0, "looked at": 0, "shown": 0}
    numbers = iter(range(total))

    async def work(worker: int) -> None:
        file = tmp_path / f"{worker}"
        for number in numbers:
            content = _spoil(chance, seeds)
            file.write_bytes(content)
            try:
                probe = await pixels.probe(file)
                assert 0 < probe.width * probe.height <= 100_000_000
                outcomes["looked at"] += 1
                if number % RENDER_EVERY == 0:
                    copies = [item async for item in pixels.render(file, Plan())]
                    assert any(isinstance(item, Facts) for item in copies) and any(
                        isinstance(item, Made) for item in copies
                    )
                    outcomes["shown"] += 1
            except Refused as refused:
                outcomes["refused"] += 1
                assert str(refused) != FAILED, (number, refused.detail)  # our own fault is not an answer
                assert str(refused).endswith("."), (number, str(refused))
                assert "Traceback" not in str(refused) and len(str(refused)) < 300

    await asyncio.gather(*(work(worker) for worker in range(WORKERS)))
    assert outcomes["refused"] + outcomes["looked at"] >= total
    assert outcomes["refused"] > total // 20 and outcomes["shown"] > total // 40, (
        f"the spoiling is too mild or too harsh: {outcomes}"
    )
    fine = tmp_path / "fine"
    fine.write_bytes(seeds[0])
    assert (await pixels.probe(fine)).format == "jpeg", "the workshop is not well any more"
