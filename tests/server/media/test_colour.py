"""Colours on the page are the colours of the master: compared with arithmetic that shares nothing with the server's."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from server.media import icc
from server.media.pixels import Pixels, Plan
from tests.server.media import pictures

pytestmark = pytest.mark.asyncio(loop_scope="session")

# CIE xy of the primaries and of D65, from the standards; the arithmetic below is textbook (Lindbloom) and float.
SPACES = {
    "srgb": [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)],
    "p3": [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)],
    "adobe": [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)],
    "rec2020": [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)],
}
WHITE = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
LOSSLESS = 2
"""Levels of 255 by which a lossless copy may differ: two roundings to 8 bits."""
LOSSY = 6
"""The same through a JPEG master and a lossy WebP."""


def to_xyz(space: str) -> np.ndarray:
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in SPACES[space]]).T
    return np.asarray(columns * np.linalg.solve(columns, WHITE))


def expected(colours: Sequence[tuple[int, ...]], source: str, gamma: float | None, target: str) -> np.ndarray:
    """What `colours` of one space are in another, clipped, as 0 to 255."""
    v = np.array(colours) / 255
    linear = v**gamma if gamma else np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    out = np.clip(linear @ (np.linalg.inv(to_xyz(target)) @ to_xyz(source)).T, 0, 1)
    return np.asarray(np.where(out <= 0.0031308, out * 12.92, 1.055 * out ** (1 / 2.4) - 0.055) * 255)


def assert_near(image: Image.Image, wanted: np.ndarray, tolerance: int) -> None:
    got = np.array(pictures.read_swatches(image.convert("RGB")), dtype=float)
    assert np.abs(got - wanted).max() <= tolerance, f"\n{got}\n{wanted.round()}"


def profile_name(image: Image.Image) -> str:
    raw = image.info["icc_profile"]
    assert len(raw) < 520
    return str(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(raw)))).strip()


@pytest.mark.parametrize(
    ("space", "gamma", "curve", "target"),
    [
        ("p3", None, icc.SRGB_CURVE, "p3"),
        ("adobe", 563 / 256, (563 / 256,), "p3"),
        ("rec2020", 2.4, (2.4,), "p3"),
        ("srgb", None, icc.SRGB_CURVE, "srgb"),
        ("srgb", 1.8, (1.8,), "srgb"),
    ],
)
async def test_every_rgb_space_arrives_exactly(
    pixels: Pixels, tmp_path: Path, space: str, gamma: float | None, curve: tuple[float, ...], target: str
) -> None:
    profile = icc.matrix_profile("SECRET-PROFILE of my monitor", tuple(SPACES[space]), curve)  # type: ignore[arg-type]
    master = tmp_path / "master.png"
    pictures.swatches().save(master, icc_profile=profile)
    made = await pictures.everything(pixels, master, full=True)
    stage = made.the("stage").open()
    assert profile_name(stage) == ("Display P3" if target == "p3" else "sRGB")
    assert made.facts.probe.wide_gamut is (target == "p3")
    assert made.facts.probe.profile == "SECRET-PROFILE of my monitor"
    assert_near(stage, expected(pictures.PATCHES, space, gamma, target), LOSSLESS)
    # The federation's copy is sRGB for everybody, whatever the master was.
    assert profile_name(made.the("federation").open()) == "sRGB"
    assert_near(made.the("federation").open(), expected(pictures.PATCHES, space, gamma, "srgb"), LOSSY)
    # The full copy keeps pixels and colours, but not the name of anybody's monitor.
    full = made.the("full")
    assert b"SECRET" not in full.data
    kept = full.open()
    assert kept.tobytes() == pictures.swatches().tobytes()
    srgb = ImageCms.profileToProfile(kept, io.BytesIO(kept.info["icc_profile"]), io.BytesIO(icc.srgb()))
    assert srgb is not None
    assert_near(srgb, expected(pictures.PATCHES, space, gamma, "srgb"), LOSSLESS)


async def test_a_p3_jpeg_stays_p3_in_webp_and_avif(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "master.jpg"
    picture = pictures.swatches().resize((768, 576), Image.Resampling.NEAREST)
    picture.save(master, quality=95, subsampling=0, icc_profile=icc.display_p3())
    made = await pictures.everything(pixels, master, public_max=768)
    small = made.the("stage").open().resize((192, 144), Image.Resampling.BOX)
    assert_near(small, np.array(pictures.PATCHES, dtype=float), LOSSY)
    avif = [
        Image.open(io.BytesIO(item.file.read_bytes()))
        async for item in pixels.render_avif(master, Plan(public_max=768), {320: 10**6, 640: 10**6})
    ]
    assert [image.width for image in avif] == [320, 640, 480]
    for image in avif:
        assert profile_name(image) == "Display P3"
        assert_near(image.resize((192, 144), Image.Resampling.BOX), np.array(pictures.PATCHES, dtype=float), 8)


async def test_a_camera_jpeg_in_adobe_rgb_without_a_profile(pixels: Pixels, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    master = tmp_path / "master.jpg"
    pictures.swatches().save(master, quality=97, subsampling=0, exif=exif.tobytes())
    made = await pictures.everything(pixels, master)
    if not made.facts.probe.wide_gamut:
        pytest.fail("the camera's mark for Adobe RGB was not seen")
    assert_near(made.the("stage").open(), expected(pictures.PATCHES, "adobe", 563 / 256, "p3"), LOSSY)


@pytest.mark.parametrize(
    ("extra", "space", "gamma", "target"),
    [
        ([(b"cICP", bytes((12, 13, 0, 1)))], "p3", None, "p3"),
        ([(b"sRGB", b"\0"), (b"gAMA", (99999).to_bytes(4, "big"))], "srgb", None, "srgb"),
        ([(b"gAMA", (55556).to_bytes(4, "big"))], "srgb", 1.8, "srgb"),
        ([(b"gAMA", (45455).to_bytes(4, "big"))], "srgb", None, "srgb"),
        (
            [
                (b"gAMA", (45472).to_bytes(4, "big")),
                (
                    b"cHRM",
                    b"".join(v.to_bytes(4, "big") for v in (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)),
                ),
            ],
            "adobe",
            None,
            "p3",
        ),
        ([], "srgb", None, "srgb"),
    ],
)
async def test_a_png_without_a_profile_is_read_as_browsers_do(
    pixels: Pixels, tmp_path: Path, extra: list[tuple[bytes, bytes]], space: str, gamma: float | None, target: str
) -> None:
    picture = pictures.swatches()
    master = pictures.raw_png(tmp_path / "master.png", *picture.size, picture.tobytes(), extra=extra)
    made = await pictures.everything(pixels, master)
    assert_near(made.the("stage").open(), expected(pictures.PATCHES, space, gamma, target), LOSSLESS)


@pytest.mark.parametrize("kind", ["png", "tiff"])
async def test_16_bit_grey_is_rounded_not_clipped(pixels: Pixels, tmp_path: Path, kind: str) -> None:
    values = np.repeat(np.linspace(0, 65535, 256).round().astype(np.uint16)[None, :], 64, axis=0)
    master = tmp_path / f"master.{kind}"
    if kind == "png":
        pictures.grey16_png(master, values)
    else:
        Image.fromarray(values).save(master, "TIFF")
    probe = await pixels.probe(master)
    assert (probe.bits, probe.mode) == (16, "I;16")
    made = await pictures.everything(pixels, master)
    got = np.asarray(made.the("stage").open().convert("RGB")).astype(int)
    tolerance = 0 if kind == "png" else 7  # A TIFF's stage is lossy.
    assert np.abs(got - (values / 257).round()[..., None]).max() <= tolerance


async def test_16_bit_colour_is_read_as_8(pixels: Pixels, tmp_path: Path) -> None:
    picture = np.asarray(pictures.swatches()).astype(">u2") * 257
    master = pictures.raw_png(tmp_path / "m.png", picture.shape[1], picture.shape[0], picture.tobytes(), bits=16)
    made = await pictures.everything(pixels, master)
    assert made.facts.probe.bits == 16
    assert_near(made.the("stage").open(), np.array(pictures.PATCHES, dtype=float), 0)


async def test_grey_with_a_profile(pixels: Pixels, tmp_path: Path) -> None:
    greys = [(v,) for v in (0, 30, 60, 90, 120, 128, 150, 180, 200, 220, 240, 255)]
    master = tmp_path / "m.png"
    pictures.swatches("L", greys).save(master, icc_profile=icc.grey_profile(1.0))
    made = await pictures.everything(pixels, master)
    wanted = expected([(v[0],) * 3 for v in greys], "srgb", 1.0, "srgb")
    assert_near(made.the("stage").open(), wanted, LOSSLESS)


INKS = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 255, 255, 0), (255, 0, 255, 0),
        (255, 255, 0, 0), (0, 0, 0, 255), (0, 0, 0, 128), (128, 0, 0, 0), (0, 128, 0, 0), (0, 0, 128, 0)]  # fmt: skip
# The solids of offset print on coated paper (ISO 12647-2, CIELAB D50), in the order of INKS.
PRINTED = [
    (95, 0, -2),
    (55, -37, -50),
    (48, 74, -3),
    (89, -5, 93),
    (47, 68, 48),
    (50, -68, 25),
    (24, 22, -46),
    (16, 0, 0),
]


BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def p3_of_lab(lab: np.ndarray) -> np.ndarray:
    """CIELAB under D50 as Display P3, clipped, 0 to 255."""
    fy = (lab[0] + 16) / 116
    f = np.array([fy + lab[1] / 500, fy, fy - lab[2] / 200])
    d50 = np.array([0.9642, 1.0, 0.8249])
    xyz = d50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    turned = np.linalg.inv(BRADFORD) @ ((BRADFORD @ WHITE) / (BRADFORD @ d50) * (BRADFORD @ xyz))
    out = np.clip(np.linalg.inv(to_xyz("p3")) @ turned, 0, 1)
    return np.asarray(np.where(out <= 0.0031308, out * 12.92, 1.055 * out ** (1 / 2.4) - 0.055) * 255)


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
async def test_four_inks_without_a_profile_look_like_print_on_coated_paper(
    pixels: Pixels, tmp_path: Path, kind: str
) -> None:
    """Row 118 too: the conversion runs in the sandbox. Tolerance: 20 levels, for paper and black point."""
    master = tmp_path / f"m.{kind}"
    options: dict[str, Any] = {"quality": 97} if kind == "jpeg" else {}
    pictures.swatches("CMYK", INKS).save(master, **options)
    made = await pictures.everything(pixels, master)
    assert made.facts.probe.mode == "CMYK"
    stage = made.the("stage").open()
    assert profile_name(stage) == "Display P3"
    got = np.array(pictures.read_swatches(stage.convert("RGB")), dtype=float)
    assert got[0].min() >= 250, "paper is the screen's white"
    assert got[7].max() <= 50, "solid black is dark"
    assert np.ptp(got[8]) <= 12, "grey of black ink is grey"
    paper = np.array(PRINTED[0])
    for patch, printed in zip(got[1:7], PRINTED[1:7], strict=True):
        # The paper's own tint is taken out, and lightness stretched to the screen's white.
        wanted = np.array(printed, dtype=float) - paper * np.array([0, 1, 1]) * (printed[0] / 95)
        wanted[0] *= 100 / 95
        assert np.abs(patch - p3_of_lab(wanted)).max() <= 20, (patch, p3_of_lab(wanted))
    assert got[9].mean() > got[1].mean() + 20, "half the ink is lighter than the whole"


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
async def test_four_inks_with_a_profile_follow_it(pixels: Pixels, tmp_path: Path, kind: str) -> None:
    """A profile that says: only black ink can be seen. Ink values stored inverted (Adobe) would come out black."""
    grid = b"".join(
        np.array([65280 * (1 - k), 128 * 256, 128 * 256], dtype=">u2").tobytes()
        for _c in (0, 1) for _m in (0, 1) for _y in (0, 1) for k in (0, 1)
    )  # fmt: skip
    lut = b"mft2\0\0\0\0" + bytes((4, 3, 2, 0)) + icc._fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    ends = b"\0\0\xff\xff"
    lut += b"\0\2\0\2" + ends * 4 + grid + ends * 3
    tags = [(b"desc", b"desc\0\0\0\0\0\0\0\5Test\0" + b"\0" * 78), (b"cprt", b"text\0\0\0\0\0"),
            (b"wtpt", b"XYZ \0\0\0\0" + icc._fixed(*icc.D50)), (b"A2B0", lut)]  # fmt: skip
    profile = icc._assemble(b"prtr", b"CMYK", b"Lab ", tags, 0x02400000)
    master = tmp_path / f"m.{kind}"
    options: dict[str, Any] = {"quality": 97} if kind == "jpeg" else {}
    pictures.swatches("CMYK", INKS).save(master, icc_profile=profile, **options)
    made = await pictures.everything(pixels, master)
    got = np.array(pictures.read_swatches(made.the("stage").open().convert("RGB")), dtype=float)
    assert got[:7].min() >= 247, got
    assert got[7].max() <= 8
    # Half black is L* 50, which is 119 on the screen (CIE Y 0.184).
    assert np.abs(got[8] - 119).max() <= 4, got[8]


async def test_a_broken_profile_is_read_as_srgb(pixels: Pixels, tmp_path: Path) -> None:
    """Row 118: broken profiles cost colour, never the server."""
    master = tmp_path / "m.png"
    for profile in (b"x" * 300, icc.display_p3()[:200], icc.display_p3()[:128] + b"\xff" * 400):
        pictures.swatches().save(master, icc_profile=profile)
        made = await pictures.everything(pixels, master, full=True)
        assert_near(made.the("stage").open(), np.array(pictures.PATCHES, dtype=float), 0)


async def test_averages_and_placeholders_are_srgb(pixels: Pixels, tmp_path: Path) -> None:
    master = tmp_path / "m.png"
    Image.new("RGB", (500, 400), (200, 60, 90)).save(master, icc_profile=icc.display_p3())
    made = await pictures.everything(pixels, master)
    wanted = expected([(200, 60, 90)], "p3", None, "srgb")[0]
    hexed = made.facts.average_colour
    got = [int(hexed[i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(np.array(got) - wanted).max() <= 2
    assert len(made.facts.blurhash) == 4 + 2 * 16


async def test_our_profiles_agree_with_littlecms() -> None:
    """Our sRGB profile and LittleCMS' own are the same to one level of 255 on a grid of colours."""
    strip = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8), "RGB")
    ours, theirs = ImageCms.ImageCmsProfile(io.BytesIO(icc.srgb())), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(strip, ours, theirs)
    assert converted is not None
    assert np.abs(np.asarray(converted).astype(int) - np.asarray(strip)).max() <= 1
    assert len(icc.srgb()) < 520 and len(icc.display_p3()) < 520
