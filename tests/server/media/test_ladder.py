"""Which copies are made, of what size, and that they show what the master shows."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.media.pixels import Pixels, Plan
from tests.server.media import pictures

pytestmark = pytest.mark.asyncio(loop_scope="session")


def kinds(result: pictures.Result) -> list[tuple[str, int, int, str]]:
    return [(copy.purpose, copy.width, copy.height, copy.format) for copy in result.copies]


async def test_the_ladder_of_a_large_photograph(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.jpg"
    photo = pictures.photo(2700, 1800)
    photo.save(master, quality=92)
    made = await pictures.everything(pixels, master)
    assert kinds(made) == [
        ("wall", 320, 213, "webp"),
        ("wall", 640, 427, "webp"),
        ("wall", 1280, 853, "webp"),
        ("stage", 2048, 1365, "webp"),
        ("federation", 2048, 1365, "jpeg"),
    ]
    for copy in made.copies:
        image = copy.open()
        assert image.size == (copy.width, copy.height)
        reference = photo.resize(image.size, Image.Resampling.LANCZOS)
        difference = np.abs(np.asarray(image).astype(float) - np.asarray(reference)).mean()
        assert difference < 4, (copy.purpose, copy.width, difference)
    assert (made.facts.public_width, made.facts.public_height) == (2048, 1365)
    federation = made.the("federation").open()
    assert federation.info.get("progressive") and federation.layer[0][1:3] == (1, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "public_max", "widths", "public"),
    [
        ((200, 100), 2048, [200], (200, 100)),
        ((320, 320), 2048, [320], (320, 320)),
        ((500, 400), 2048, [320, 500], (500, 400)),
        ((900, 600), 2048, [320, 640, 900], (900, 600)),
        ((900, 600), 700, [320, 640, 700], (700, 467)),
        ((600, 900), 700, [320, 467], (467, 700)),
        ((3000, 150), 2048, [320, 640, 1280, 2048], (2048, 102)),
        ((200, 2250), 2048, [182], (182, 2048)),
        ((3000, 1), 2048, [320, 640, 1280, 2048], (2048, 1)),
        ((1, 1), 2048, [1], (1, 1)),
    ],
)
async def test_nothing_is_enlarged_and_the_artists_maximum_is_kept(
    pixels: Pixels, tmp_path: Path, size: tuple[int, int], public_max: int, widths: list[int], public: tuple[int, int]
) -> None:
    master = tmp_path / "m.png"
    pictures.photo(*size).save(master)
    made = await pictures.everything(pixels, master, public_max=public_max)
    assert [copy.width for copy in made.copies if copy.format == "webp"] == widths
    assert (made.facts.public_width, made.facts.public_height) == public
    for copy in made.copies:
        assert copy.open().size == (copy.width, copy.height)
        assert max(copy.width, copy.height) <= min(public_max, max(size))
    async for item in pixels.render_avif(master, Plan(public_max=public_max), {320: 10**7, 640: 10**7, 1280: 10**7}):
        assert item.width <= public[0] and item.height <= public[1]


async def test_a_maximum_beyond_what_webp_can_hold(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.png"
    Image.new("RGB", (20_000, 20), (90, 10, 10)).save(master)
    made = await pictures.everything(pixels, master, public_max=30_000)
    assert made.the("stage").open().size == (16_383, 16)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff"])
async def test_every_orientation_in_every_format(pixels: Pixels, tmp_path: Path, orientation: int, kind: str) -> None:
    """The master is stored turned, and every copy shows it upright: red at the top left, wider than high."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # The transpose that stores what the orientation undoes.
    upright = pictures.corner_marked()
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    master = tmp_path / f"m.{kind}"
    options: dict[str, Any] = {"exif": exif}
    if kind == "avif":
        options["max_threads"] = 1
    if kind == "tiff":
        options = {"tiffinfo": {274: orientation}, "compression": "tiff_lzw" if orientation % 2 else None}
    stored.save(master, **options)
    probe = await pixels.probe(master)
    assert (probe.width, probe.height) == (320, 200)
    made = await pictures.everything(pixels, master, full=True)
    for copy in made.copies:
        image = copy.open()
        if copy.purpose == "full":
            image = _as_browsers_show(image)
        assert image.size == (320, 200), copy.purpose
        for corner, colour in (((40, 40), (230, 20, 20)), ((280, 40), (20, 200, 20)), ((40, 160), (20, 20, 220))):
            got = image.convert("RGB").getpixel(corner)
            assert np.abs(np.array(got) - colour).max() < 16, (copy.purpose, copy.format, corner, got)


def _as_browsers_show(image: Image.Image) -> Image.Image:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    way = turns.get(image.getexif().get(0x0112, 1))
    return image if way is None else image.transpose(Image.Transpose(way))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
async def test_transparency_survives_where_it_can_and_is_white_in_jpeg(
    pixels: Pixels, tmp_path: Path, mode: str
) -> None:
    picture = Image.new("RGBA", (800, 400), (0, 0, 0, 0))
    picture.paste((220, 30, 30, 255), (0, 0, 400, 400))
    master = tmp_path / "m.png"
    if mode == "P":
        paletted = Image.new("P", (800, 400), 1)
        paletted.putpalette([220, 30, 30, 0, 0, 0])
        paletted.paste(0, (0, 0, 400, 400))
        paletted.save(master, transparency=1)
    else:
        picture.convert(mode).save(master)
    made = await pictures.everything(pixels, master)
    assert made.facts.probe.has_alpha
    for copy in made.copies:
        image = copy.open()
        left, right = (image.width // 4, image.height // 2), (image.width * 3 // 4, image.height // 2)
        if copy.format == "webp":
            assert image.mode == "RGBA"
            assert image.getpixel(left)[3] == 255 and image.getpixel(right)[3] == 0  # type: ignore[index]
        else:
            assert min(image.convert("RGB").getpixel(right)) >= 250  # type: ignore[arg-type]
    # Black pixels that nobody sees must not darken the edge of the red ones: resizing is premultiplied.
    small = np.asarray(made.the("wall", 320).open()).astype(float)
    edge = small[:, :, :3][(small[:, :, 3] > 100)]
    wanted = (220, 30, 30) if mode != "LA" else (86, 86, 86)
    assert np.abs(edge.mean(axis=0) - wanted).max() < 8
    async for item in pixels.render_avif(master, Plan(), {320: 10**6, 640: 10**6}):
        avif = Image.open(item.file)
        assert avif.mode == "RGBA"
        assert avif.getpixel((avif.width * 3 // 4, 50))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16"])
async def test_other_modes(pixels: Pixels, tmp_path: Path, mode: str) -> None:
    picture = pictures.photo(400, 300)
    master = tmp_path / "m.png"
    if mode == "I;16":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(master)
    else:
        picture.convert(mode).save(master)
    made = await pictures.everything(pixels, master, full=True)
    shown = np.asarray(made.the("stage").open().convert("L")).astype(float).mean()
    assert abs(shown - np.asarray(picture.convert("L")).mean()) < 12


async def test_pixel_art_stays_exact(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.png"
    art = pictures.swatches().resize((96, 72), Image.Resampling.NEAREST)
    art.save(master)
    made = await pictures.everything(pixels, master)
    assert made.the("stage").open().convert("RGB").tobytes() == art.tobytes()


def animation(path: Path, kind: str, frames: int = 5) -> tuple[list[int], int]:
    """An animation in that format: its durations, and how often it runs."""
    durations = [100, 200, 50, 120, 80][:frames]
    images = pictures.moving(frames)
    if kind == "gif":
        images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=2, disposal=2)
        return durations, 3  # Two repeats are three runs.
    if kind == "avif":
        images[0].save(path, save_all=True, append_images=images[1:], duration=durations, max_threads=1)
        return durations, 0
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=3)
    return durations, 3


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "avif"])
async def test_animations_keep_their_frames_their_timing_and_their_runs(
    pixels: Pixels, tmp_path: Path, kind: str
) -> None:
    master = tmp_path / f"m.{kind}"
    durations, runs = animation(master, kind)
    probe = await pixels.probe(master)
    assert probe.frames == 5
    if kind != "avif":
        assert probe.duration_ms == sum(durations)
    made = await pictures.everything(pixels, master, full=True)
    stage = made.the("stage")
    image = stage.open()
    assert (stage.frames, image.n_frames, image.info["loop"]) == (5, 5, runs)  # type: ignore[attr-defined]
    got = []
    for number in range(5):
        image.seek(number)
        image.load()
        got.append(image.info["duration"])
        left = number * 90 // 4
        assert image.convert("RGBA").getpixel((left + 15, 35))[3] == 255  # type: ignore[index]
        assert image.convert("RGBA").getpixel((left + 15, 70))[3] == 0  # type: ignore[index]
    assert got == durations
    assert getattr(made.the("federation").open(), "n_frames", 1) == 1
    full = made.the("full")
    assert full.frames == 5 and full.open().n_frames == 5  # type: ignore[attr-defined]


async def test_a_large_animation_is_made_smaller(pixels: Pixels, tmp_path: Path) -> None:
    images = pictures.moving(4, (700, 400))
    master = tmp_path / "m.webp"
    images[0].save(master, save_all=True, append_images=images[1:], duration=100)
    made = await pictures.everything(pixels, master, public_max=660)
    assert [(c.width, c.frames) for c in made.copies if c.format == "webp"] == [(320, 4), (640, 4), (660, 4)]
    for copy in made.copies:
        assert getattr(copy.open(), "n_frames", 1) == copy.frames


async def test_the_hidden_first_picture_of_an_animated_png(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.png"
    images = pictures.moving(3)
    Image.new("RGBA", images[0].size, (0, 0, 255, 255)).save(
        master, save_all=True, append_images=images, duration=100, default_image=True
    )
    assert (await pixels.probe(master)).frames == 3
    made = await pictures.everything(pixels, master)
    image = made.the("stage").open()
    assert image.n_frames == 3  # type: ignore[attr-defined]
    assert image.convert("RGBA").getpixel((100, 70))[3] == 0, "the blue picture is not part of it"  # type: ignore[index]


@pytest.mark.parametrize(("kind", "full"), [
    ("jpeg", "jpeg"), ("png", "png"), ("webp", "webp"), ("gif", "gif"), ("tiff", "jpeg"), ("avif", "jpeg"),
])  # fmt: skip
async def test_the_full_copy_is_the_masters_pixels(pixels: Pixels, tmp_path: Path, kind: str, full: str) -> None:
    """Decision 14; row 115: nothing hangs behind the picture."""
    picture = pictures.photo(700, 500)
    master = tmp_path / f"m.{kind}"
    options: dict[str, Any] = {"max_threads": 1} if kind == "avif" else {}
    picture.save(master, **options)
    if kind not in ("tiff", "avif"):
        master.write_bytes(master.read_bytes() + b"PK\x03\x04 SECRET-TAIL" * 50)
    made = await pictures.everything(pixels, master, public_max=150, full=True)
    copy = made.the("full")
    assert (copy.format, copy.width, copy.height) == (full, 700, 500)
    assert b"SECRET-TAIL" not in copy.data
    was, now = Image.open(master).convert("RGB"), copy.open().convert("RGB")
    if kind == full:
        assert was.tobytes() == now.tobytes()
    else:
        assert np.abs(np.asarray(was).astype(int) - np.asarray(now)).mean() < 3.5
    assert all(max(c.width, c.height) <= 150 for c in made.copies if c.purpose != "full")


async def test_the_full_copy_of_a_transparent_tiff_is_a_png(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.tiff"
    pictures.moving(1)[0].save(master)
    made = await pictures.everything(pixels, master, full=True)
    copy = made.the("full")
    assert copy.format == "png"
    assert copy.open().tobytes() == pictures.moving(1)[0].tobytes()


async def test_faces_are_square(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.jpg"
    pictures.photo(900, 600).save(master)
    made = await pictures.everything(pixels, master, kind="face")
    assert kinds(made) == [("face", 128, 128, "webp"), ("face", 400, 400, "webp"), ("face", 400, 400, "jpeg")]
    pictures.photo(90, 60).save(master)
    assert kinds(await pictures.everything(pixels, master, kind="face"))[0] == ("face", 60, 60, "webp")


async def test_avif_is_kept_only_where_it_is_smaller(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.jpg"
    pictures.photo(1400, 900).save(master, quality=92)

    async def widths(existing: dict[int, int]) -> list[int]:
        return sorted([item.width async for item in pixels.render_avif(master, Plan(), existing)])

    plenty, nothing = 10**7, 1
    assert await widths({320: plenty, 640: plenty, 1280: plenty}) == [320, 480, 640, 960, 1280]
    assert await widths({320: plenty, 640: nothing, 1280: plenty}) == [320, 960, 1280]
    assert await widths({320: nothing, 640: plenty, 1280: nothing}) == [480, 640]
    assert await widths({320: nothing, 640: nothing, 1280: nothing}) == []
    assert await widths({}) == []


async def test_heic_is_shown_or_explained(pixels: Pixels, tmp_path: Path) -> None:
    """HEIC is an extra: with pillow-heif it works in the sandbox, without it a sentence says what to do."""
    heif = pytest.importorskip("pillow_heif")
    master = tmp_path / "m.heic"
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = pictures.corner_marked()
    upright.transpose(Image.Transpose.ROTATE_90).save(master, "HEIF", quality=90, exif=exif.tobytes())
    probe = await pixels.probe(master)
    assert (probe.format, probe.width, probe.height) == ("heic", 320, 200)
    made = await pictures.everything(pixels, master, full=True)
    assert made.the("full").format == "jpeg"
    for copy in made.copies:
        got = copy.open().convert("RGB").getpixel((40, 40))
        assert np.abs(np.array(got) - (230, 20, 20)).max() < 25, copy.purpose


async def test_one_decode_gives_the_same_average_everywhere(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.png"
    Image.new("RGBA", (64, 64), (10, 200, 30, 0)).save(master)
    assert (await pictures.everything(pixels, master)).facts.average_colour == "#0000", "nothing of ours behind it"
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), (10, 200, 30)).save(picture, "PNG")
    master.write_bytes(picture.getvalue())
    assert (await pictures.everything(pixels, master)).facts.average_colour == "#0ac81e"
