"""Pictures for tests, drawn on the spot: honest ones in every colour space, and hostile ones."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from server.media.pixels import Facts, Pixels, Plan

PATCHES = [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128),
    (200, 120, 40), (40, 160, 200), (90, 30, 120), (250, 240, 200), (20, 60, 30), (180, 180, 60),
]  # fmt: skip
"""Colours that make a mistake visible: primaries, neutrals, skin, sea, dark and light ones."""
PATCH = 48


@dataclass(frozen=True)
class Copy:
    """One public copy, kept in memory because its file does not outlive the loop."""

    purpose: str
    width: int
    height: int
    format: str
    data: bytes
    frames: int

    def open(self) -> Image.Image:
        """The copy, decoded by Pillow."""
        image = Image.open(io.BytesIO(self.data))
        image.load()
        return image


@dataclass(frozen=True)
class Result:
    """Everything one order gave."""

    facts: Facts
    copies: list[Copy]

    def the(self, purpose: str, width: int | None = None) -> Copy:
        """The only copy of that purpose (and width)."""
        (found,) = [c for c in self.copies if c.purpose == purpose and width in (None, c.width)]
        return found


async def everything(pixels: Pixels, path: Path, **plan: Any) -> Result:
    """Render and read all copies into memory."""
    facts, copies = None, []
    async for item in pixels.render(path, Plan(**plan)):
        if isinstance(item, Facts):
            facts = item
        else:
            data = item.file.read_bytes()
            assert len(data) == item.size
            copies.append(Copy(item.purpose, item.width, item.height, item.format, data, item.frames))
    assert facts is not None
    return Result(facts, copies)


def photo(width: int = 900, height: int = 600, seed: int = 1) -> Image.Image:
    """Gradients, edges and grain: behaves like a photograph for an encoder."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = np.stack(
        [
            120 + 90 * np.sin(x / width * 5 + y / height * 2),
            110 + 80 * np.cos(y / height * 4 - x / width),
            100 + 100 * np.sin((x + y) / (width + height) * 7),
        ],
        axis=-1,
    )
    for _ in range(12):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.03, 0.2) * width
        disc = ((x - cx) ** 2 + (y - cy) ** 2) < r * r
        base[disc] = base[disc] * 0.4 + rng.uniform(0, 255, 3).astype(np.float32) * 0.6
    base += rng.normal(0, 5, base.shape).astype(np.float32)
    return Image.fromarray(base.clip(0, 255).astype(np.uint8), "RGB")


def painting(width: int = 900, height: int = 600, seed: int = 2) -> Image.Image:
    """Many overlapping strokes on a weave: behaves like a scanned painting."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (196, 180, 150))
    draw = ImageDraw.Draw(image)
    for _ in range(2500):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        angle, length = rng.uniform(0, 6.3), rng.uniform(0.01, 0.06) * width
        colour = tuple(int(v) for v in (rng.uniform(30, 230, 3)))
        end = (x + length * np.cos(angle), y + length * np.sin(angle))
        draw.line([(x, y), end], fill=colour, width=max(1, int(width / 250)))
    pixels = np.asarray(image).astype(np.float32)
    rows, columns = np.mgrid[0:height, 0:width]
    pixels += ((np.sin(rows * 1.3) + np.sin(columns * 1.3)) * 5)[..., None] + rng.normal(0, 4, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")


def swatches(mode: str = "RGB", colours: Sequence[tuple[int, ...]] = tuple(PATCHES)) -> Image.Image:
    """One flat square per colour, four in a row."""
    rows = -(-len(colours) // 4)
    image = Image.new(mode, (4 * PATCH, rows * PATCH))
    for number, colour in enumerate(colours):
        left, top = number % 4 * PATCH, number // 4 * PATCH
        image.paste(colour, (left, top, left + PATCH, top + PATCH))
    return image


def read_swatches(image: Image.Image, count: int = len(PATCHES)) -> list[tuple[int, ...]]:
    """The middle of every square."""
    half = PATCH // 2
    return [image.getpixel((n % 4 * PATCH + half, n // 4 * PATCH + half)) for n in range(count)]  # type: ignore[misc]


def corner_marked(width: int = 320, height: int = 200) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right: turning shows."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((230, 20, 20), (0, 0, width // 2, height // 2))
    image.paste((20, 200, 20), (width // 2, 0, width, height // 2))
    image.paste((20, 20, 220), (0, height // 2, width // 2, height))
    return image


def moving(frames: int = 5, size: tuple[int, int] = (120, 80)) -> list[Image.Image]:
    """A square that walks from left to right on a transparent ground."""
    pictures = []
    for number in range(frames):
        image = Image.new("RGBA", size, (0, 0, 0, 0))
        left = number * (size[0] - 30) // max(1, frames - 1)
        image.paste((220, 40 + 30 * number, 30, 255), (left, 20, left + 30, 50))
        pictures.append(image)
    return pictures


def grey16_png(path: Path, values: np.ndarray) -> Path:
    """A 16-bit grey PNG written by hand."""
    return raw_png(path, values.shape[1], values.shape[0], values.astype(">u2").tobytes(), bits=16, colour_type=0)


def raw_png(
    path: Path,
    width: int,
    height: int,
    pixels: bytes,
    *,
    bits: int = 8,
    colour_type: int = 2,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> Path:
    """A PNG chunk by chunk, for what no encoder would write."""
    row = len(pixels) // height
    lines = b"".join(b"\0" + pixels[i * row : (i + 1) * row] for i in range(height))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in chunks))
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb_png(path: Path, width: int, height: int) -> Path:
    """A tiny file whose head promises width times height pixels, all black, and keeps the promise."""
    packer = zlib.compressobj(9)
    row = b"\0" * (width // 8 + 2)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def gif_of_empty_frames(path: Path, frames: int, size: tuple[int, int] = (1, 1)) -> Path:
    """A GIF whose frames cost eleven bytes each."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(
        b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * frames + b";"
    )
    return path


def with_comment_chunks() -> PngImagePlugin.PngInfo:
    """Text that a PNG may carry and nobody should publish."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "SECRET-COMMENT my flat, third floor")
    info.add_itxt("Description", "SECRET-DESCRIPTION")
    return info
