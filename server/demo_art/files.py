"""Which file is painted how: sizes, seeds, palettes, formats, colour profiles and what a camera would write into it."""

import os
import struct
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from server.demo_art import comforts, indoors, outdoors, plates, prints, streets
from server.demo_art.canvas import Canvas

Painted = Image.Image | list[Image.Image]
Place = tuple[float, float]  # latitude and longitude, degrees


@dataclass(frozen=True)
class Recipe:
    """One file: its size in pixels, its seed and its scene; then what is written beside the pixels."""

    width: int
    height: int
    seed: int
    scene: Callable[[Canvas], Painted]
    artist: str = ""  # EXIF Artist and Copyright
    camera: Place | None = None  # a camera's EXIF and this position: both must be gone from everything that is served
    wide: bool = False  # the numbers are Display P3 and the file says so
    quality: int = 91
    cutout: bool = False


def _palette(scene: Callable[..., Painted], *args: object, **named: object) -> Callable[[Canvas], Painted]:
    return partial(_call, scene, args, tuple(named.items()))


def _call(
    scene: Callable[..., Painted], args: tuple[object, ...], named: tuple[tuple[str, object], ...], s: Canvas
) -> Painted:
    return scene(s, *args, **dict(named))


def _crop(scene: Callable[[Canvas], Painted], left: float, top: float, share: float, s: Canvas) -> Painted:
    """A detail of a picture: the part from (left, top) that is `share` of each side, as large as the canvas."""
    big = scene(Canvas(round(s.w / share), round(s.h / share), s.seed))
    assert isinstance(big, Image.Image)
    x, y = int(left * big.width), int(top * big.height)
    return big.crop((x, y, x + s.w, y + s.h))


def _grey(scene: Callable[[Canvas], Painted], steps: int, s: Canvas) -> Painted:
    """A value study: the same picture in a few greys."""
    whole = scene(s)
    assert isinstance(whole, Image.Image)
    tones = (np.asarray(whole.convert("L"), np.float32) / 255 * steps).round() / steps
    return Image.fromarray((tones * 215 + 24).astype(np.uint8)).convert("RGB")


def _sixteen(s: Canvas) -> Painted:
    return Image.fromarray((plates.eclipse(s) * 65535 + 0.5).astype(np.uint16))


DAWN, NIGHT = ("#f6d7b8", "#f2b79a", "#e8c7b4"), ("#101c33", "#22405f", "#5f8aa0")
AUTUMN, MIST = ("#f3e2c0", "#eec590", "#e9b37d"), ("#dfe6e2", "#c6d4d0", "#e9ece4")
SUNS = _palette(
    outdoors.planet,
    ("#120f2a", "#2c1f4d", "#6b3a64", "#d5775f", "#f4b183"),
    ("#e9b58c", "#c47a63", "#f7dcb6"),
    ("#a8576a", "#1b1230"),
)
MARKET = _palette(outdoors.city, ("#1b1b3a", "#4b2f5c", "#a7566a", "#e8935f"), ("#7d5570", "#151126"))
INES, OMAR, ZOFIA, TOMAS = "Ines Valcourt", "Omar Diallo", "Žofia Łąka", "Tomas Rein"

RECIPES: dict[str, Recipe] = {
    "last-ferry.jpg": Recipe(2400, 1600, 7, outdoors.lighthouse, artist=INES, quality=93),
    "last-ferry-1-values.jpg": Recipe(1800, 1200, 7, _palette(outdoors.lighthouse, "values")),
    "last-ferry-2-line.png": Recipe(1500, 1000, 7, _palette(outdoors.lighthouse, "line")),
    "last-ferry-3-blocks.webp": Recipe(1800, 1200, 7, _palette(outdoors.lighthouse, "block")),
    "valley-at-six.jpg": Recipe(
        1800, 2400, 3, _palette(outdoors.ridges, DAWN, "#c98f86", "#2d3246", (0.66, 0.27, 0.075)), artist=INES
    ),
    "night-watch.webp": Recipe(
        2400, 1500, 12, _palette(outdoors.ridges, NIGHT, "#3d6279", "#0a1420", (0.3, 0.24, 0.045), "#eaf2f2", 6, 80)
    ),
    "window-in-march.jpg": Recipe(
        1920, 2400, 5, _palette(indoors.windowlight, "#c8a98c", "#f8e6c2", "#8f7361"), artist=INES
    ),
    "two-suns.jpg": Recipe(2560, 1440, 9, SUNS),
    "two-suns-cold.jpg": Recipe(
        1920,
        1080,
        10,
        _palette(
            outdoors.planet,
            ("#061522", "#0f3044", "#2a5f6b", "#6fa79a", "#cfe0b8"),
            ("#c9d6c0", "#6f9a94", "#eef2da"),
            ("#4a7f80", "#08202a"),
        ),
    ),
    "two-suns-detail.jpg": Recipe(1600, 1200, 9, partial(_crop, SUNS, 0.08, 0.6, 0.4)),
    "koi.png": Recipe(2000, 2000, 4, indoors.koi),
    "quarry-lake.jpg": Recipe(
        2400, 1600, 21, _palette(outdoors.sea, ("#d8e6e4", "#b9d3d6", "#f0dcc3"), ("#5f97a0", "#1d4a5c"), 0.66)
    ),
    "fern-room.jpg": Recipe(
        1800, 2400, 8, _palette(indoors.botanical, "#efe3cf", ("#2f5d50", "#1d3f3a", "#7f9b63", "#c7573f", "#e9b64f"))
    ),
    "market-night.jpg": Recipe(1920, 2400, 14, MARKET, artist=INES),
    "market-blue-hour.jpg": Recipe(
        1280,
        1600,
        61,
        _palette(outdoors.city, ("#0e2038", "#1f4a6b", "#4f88a0", "#d9c9a0"), ("#4f7d94", "#0c1a2b"), "#ffe2a0"),
    ),
    "market-noon.webp": Recipe(
        1280,
        1600,
        62,
        _palette(outdoors.city, ("#9fc3d0", "#d9dcc8", "#f3dcae", "#f0b98a"), ("#d9b493", "#5a3a38"), "#8f5a44"),
    ),
    "market-values.png": Recipe(960, 1200, 14, partial(_grey, MARKET, 6)),
    "cabin-no-signal.avif": Recipe(
        2000, 1500, 6, _palette(outdoors.forest, ("#b9c7b4", "#dfe3cc", "#a9b596"), "#27332e", "#3c5142"), quality=82
    ),
    "salt-road.jpg": Recipe(
        2400, 1200, 11, _palette(outdoors.dunes, ("#86b5bd", "#c9d8cb", "#f5dfbd"), "#eab27a", "#8a4a3c")
    ),
    "kitchen-study.jpg": Recipe(
        2048,
        2048,
        2,
        _palette(
            indoors.still, "#d9c7a8", "#8c5a44", ("#31566b", "#c98b4a", "#e6dccb", "#c9472f", "#e0a33a", "#4a6b4a")
        ),
    ),
    "carnival-ii.jpg": Recipe(
        1920,
        2400,
        15,
        _palette(indoors.carnival, "#22324a", ("#d94f3a", "#f0b64a", "#e9dcc3", "#c77a53", "#8d3f3f", "#16202f")),
        artist=INES,
    ),
    "wind-map.jpg": Recipe(
        2400,
        1650,
        16,
        _palette(outdoors.flow, "#14303f", ("#14303f", "#1f5568", "#3f8f94", "#a9cbb0", "#f1dca3", "#e4925a")),
        quality=86,
    ),
    "tilework.webp": Recipe(
        2000,
        2400,
        17,
        _palette(indoors.tiles, "#efe6d6", ("#e4572e", "#f3a712", "#29335c", "#a8c686", "#efe6d6", "#669bbc")),
    ),
    "autumn-pass.webp": Recipe(
        1920,
        2400,
        18,
        _palette(outdoors.ridges, AUTUMN, "#d68f5a", "#4a221d", (0.4, 0.2, 0.055), "#fff7e0", 7, 70, 0.3),
    ),
    "first-snow.avif": Recipe(
        2400,
        1600,
        19,
        _palette(outdoors.ridges, MIST, "#b9c9cc", "#33444c", (0.74, 0.22, 0.04), "#ffffff", 7, 90, 0.42),
        quality=82,
    ),
    "low-tide.jpg": Recipe(
        1800,
        2400,
        20,
        _palette(outdoors.sea, ("#3b2f5a", "#8a4f73", "#ef9a76", "#f9cf9a"), ("#7d5278", "#221b3d"), 0.42, hz=0.5),
    ),
    "orchard-fire.jpg": Recipe(
        2400,
        1600,
        22,
        _palette(outdoors.flow, "#3a1413", ("#2a0f14", "#6d1f1f", "#b8392a", "#ea7a35", "#f6b94f", "#fbe3a4")),
        quality=86,
    ),
    "harbour-grid.webp": Recipe(
        2400, 1500, 23, _palette(outdoors.city, ("#c7dbe0", "#e6e3d5", "#f3d9b8"), ("#a9bcc0", "#2b4654"), "#fff0c2", 5)
    ),
    "paper-garden.jpg": Recipe(
        1920,
        2400,
        24,
        _palette(indoors.botanical, "#1e2b4a", ("#e8a598", "#f2d0a9", "#6aa6a6", "#d9594c", "#f0c75e"), 8),
    ),
    "red-planet-picnic.jpg": Recipe(
        2400,
        1500,
        25,
        _palette(
            outdoors.dunes, ("#41203a", "#8a3b45", "#e08a5c"), "#cf5f3f", "#4a1a28", (0.7, 0.25, 0.045), picnic=True
        ),
    ),
    "picnic-morning.jpg": Recipe(
        1600,
        1000,
        63,
        _palette(outdoors.dunes, ("#d9a08a", "#efc7a0", "#f7e2c0"), "#e58a5c", "#8a3b3a", (0.2, 0.3, 0.05)),
    ),
    "picnic-storm.jpg": Recipe(
        1600,
        1000,
        64,
        _palette(outdoors.dunes, ("#5a3a3a", "#9a6048", "#c98a5a"), "#a9573a", "#3f1c20", (0.5, 0.2, 0.03)),
    ),
    "picnic-night.jpg": Recipe(
        1600,
        1000,
        25,
        _palette(
            outdoors.dunes, ("#0a0c1e", "#1d2448", "#4a3f6b"), "#4f4a78", "#12122c", (0.7, 0.25, 0.045), picnic=True
        ),
    ),
    "picnic-values.png": Recipe(
        1200,
        750,
        25,
        partial(
            _grey,
            _palette(
                outdoors.dunes, ("#41203a", "#8a3b45", "#e08a5c"), "#cf5f3f", "#4a1a28", (0.7, 0.25, 0.045), picnic=True
            ),
            6,
        ),
    ),
    "shelf.tif": Recipe(
        1600,
        1200,
        26,
        _palette(
            indoors.still, "#2e4450", "#d3b08a", ("#e2b25a", "#b5483a", "#8fb0a3", "#e8d3a0", "#d9713f", "#9dbf86")
        ),
        artist=INES,
    ),
    "pine-choir.avif": Recipe(
        1600,
        2400,
        27,
        _palette(outdoors.forest, ("#5b7f8c", "#9fb9b4", "#4d6b66"), "#10222b", "#1b3730", False),
        quality=82,
    ),
    "keeper-of-keys.png": Recipe(900, 4200, 1, prints.comic, artist=TOMAS),
    "wires.jpg": Recipe(2400, 1600, 31, prints.wires, artist=TOMAS),
    "one-red.jpg": Recipe(1920, 2400, 32, prints.umbrellas, artist=TOMAS),
    "one-red-yellow.webp": Recipe(1280, 1600, 65, _palette(prints.umbrellas, "#f0b02e", False)),
    "nine-indigos.webp": Recipe(2200, 2200, 33, prints.waves),
    "bamboo-morning.avif": Recipe(1200, 2400, 34, prints.bamboo, quality=82),
    "grey-heron.jpg": Recipe(1800, 2400, 35, prints.heron),
    "stairwell.jpg": Recipe(1920, 2400, 36, streets.stairs, artist=OMAR, camera=(14.6708, -17.4381)),
    "seven-arches.jpg": Recipe(1920, 2400, 37, streets.arches, artist=OMAR, camera=(14.6674, -17.3984)),
    "corniche.jpg": Recipe(6000, 1100, 38, streets.corniche, artist=OMAR, quality=89),
    "last-bus.jpg": Recipe(2560, 1440, 39, streets.nightbus),
    "keeper-loop.gif": Recipe(560, 700, 46, comforts.beam),
    "sleeping-fox.png": Recipe(1400, 1400, 50, comforts.fox, cutout=True),
    "mushroom-house.png": Recipe(1400, 1400, 51, comforts.mushroom, cutout=True),
    "blue-teapot.png": Recipe(1400, 1400, 52, comforts.teapot, cutout=True),
    "moths.tif": Recipe(1600, 2000, 41, plates.moths, artist=ZOFIA),
    **{
        f"moth-{i + 1}.{'png' if i == 0 else 'webp'}": Recipe(1200, 1200, 70 + i, _palette(plates.one_moth, i))
        for i in range(6)
    },
    "aurora.jpg": Recipe(2400, 1350, 43, plates.aurora, artist=ZOFIA, wide=True, quality=94),
    "totality.png": Recipe(1600, 1600, 44, _sixteen),
    "island.jpg": Recipe(2400, 1600, 45, plates.island),
    # Faces: details of the artists' own works.
    "face-ines.jpg": Recipe(640, 640, 7, partial(_crop, outdoors.lighthouse, 0.66, 0.06, 0.33)),
    "face-tomas.png": Recipe(640, 640, 80, _palette(prints.umbrellas)),
    "face-yuki.jpg": Recipe(640, 640, 35, partial(_crop, prints.heron, 0.41, 0.17, 0.4)),
    "face-omar.jpg": Recipe(640, 640, 36, streets.stairs),
    "face-bea.png": Recipe(640, 640, 50, comforts.fox, cutout=True),
    "face-zofia.jpg": Recipe(640, 640, 72, _palette(plates.one_moth, 2)),
}


def p3_profile() -> bytes:
    """An ICC version 4 matrix profile of Display P3, written by hand (ICC.1:2010 section 7; sRGB's curve)."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    def words(text: str) -> bytes:
        raw = text.encode("utf-16-be")
        return b"mluc" + struct.pack(">5I", 0, 1, 12, 0x656E5553, len(raw)) + struct.pack(">I", 28) + raw

    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    chad = fixed(1.047882, 0.022919, -0.050201, 0.029587, 0.990479, -0.017059, -0.009232, 0.015076, 0.751678)
    tags = {
        b"desc": words("Display P3"),
        b"cprt": words("CC0"),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.82491),
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.515121, 0.241196, -0.001053),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.291977, 0.692245, 0.041885),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.157104, 0.066574, 0.784073),
        b"chad": b"sf32\0\0\0\0" + chad,
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0" * 4, 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(0.9642, 1.0, 0.82491) + b"\0" * 48
    return head + table + body


def _exif(recipe: Recipe) -> Image.Exif:
    """What an artist's tools write: a name and a copyright, and with a camera its model, serial number and position."""
    exif = Image.Exif()
    if recipe.artist:
        exif[0x013B], exif[0x8298] = recipe.artist, f"© 2026 {recipe.artist}. All rights reserved."
    if recipe.camera:
        exif[0x010F], exif[0x0110], exif[0x0131] = "Tamarin", "Tamarin F2", "Tamarin 1.4"
        details = exif.get_ifd(0x8769)
        details |= {0x829A: (1, 250), 0x829D: (8, 1), 0x8827: 200, 0x9003: "2026:03:14 11:42:05", 0x920A: (35, 1)}
        details |= {0xA431: "TMR-0042-7719", 0xA434: "Tamarin 35mm f/2"}
        gps = exif.get_ifd(0x8825)
        for value, first, letters in ((recipe.camera[0], 1, "NS"), (recipe.camera[1], 3, "EW")):
            whole = abs(value)
            degrees, minutes = int(whole), int(whole * 60 % 60)
            gps[first] = letters[0] if value >= 0 else letters[1]
            gps[first + 1] = (degrees, minutes, round(whole * 3600 % 60, 2))
    return exif


def _write(painted: Painted, path: Path, recipe: Recipe) -> None:
    """Into a file beside the place and then to it: a stopped run leaves no half picture."""
    kind = path.suffix[1:]
    part = path.with_suffix(f".part.{kind}")
    exif = _exif(recipe) if recipe.artist or recipe.camera else None
    if isinstance(painted, list):
        first = painted[0].quantize(128, dither=Image.Dither.NONE)
        rest = [frame.quantize(palette=first, dither=Image.Dither.NONE) for frame in painted[1:]]
        first.save(part, "GIF", save_all=True, append_images=rest, duration=80, loop=0, disposal=1)
    elif kind == "jpg":
        icc = p3_profile() if recipe.wide else None
        painted.save(part, "JPEG", quality=recipe.quality, subsampling=0, icc_profile=icc, exif=exif or b"")
    elif kind == "png":
        painted.save(part, "PNG", compress_level=5, exif=exif or b"", dpi=(300, 300))
    elif kind == "webp":
        painted.save(part, "WEBP", quality=recipe.quality, method=3)
    elif kind == "avif":
        painted.save(part, "AVIF", quality=recipe.quality, speed=8)
    else:
        painted.save(part, "TIFF", compression="tiff_adobe_deflate", exif=exif or Image.Exif(), dpi=(300, 300))
    part.replace(path)


def paint_one(name: str, folder: str) -> str:
    """Paint one file of `RECIPES` into `folder` and return its name. Runs in a process of its own."""
    recipe = RECIPES[name]
    canvas = comforts.Cutout if recipe.cutout else Canvas
    _write(recipe.scene(canvas(recipe.width, recipe.height, recipe.seed)), Path(folder) / name, recipe)
    return name


def paint(folder: Path, say: Callable[[str, int, int], None], only: frozenset[str] | None = None) -> None:
    """Write every missing picture into `folder`; files that are there stay as they are.

    `say(name, done, total)` is called in this process after each file. `only` restricts the work to some names.
    Raises OSError where the folder cannot be written. Processes are spawned, not forked: the caller may have threads.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in RECIPES if only is None or name in only]
    missing = [name for name in names if not (folder / name).exists()]
    done = len(names) - len(missing)
    if not missing:
        return
    workers = min(os.cpu_count() or 1, len(missing), 8)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        # The largest first, so that no core waits for the panorama at the end.
        missing.sort(key=lambda name: -RECIPES[name].width * RECIPES[name].height)
        for future in as_completed([pool.submit(paint_one, name, str(folder)) for name in missing]):
            done += 1
            say(future.result(), done, len(names))
