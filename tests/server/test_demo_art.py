"""The demo's catalogue holds together, and its files are what artists really upload."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from server import demo_art
from server.demo_art.files import p3_profile
from server.models.words import Licence, Rating, Reservation

HANDLES = {artist.handle for artist in demo_art.ARTISTS}
KEYS = {work.key for work in demo_art.WORKS}
# Display P3 to sRGB in linear light, both white at D65 (from the primaries of SMPTE EG 432-1 and IEC 61966-2-1).
TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
SPECIAL = frozenset({"stairwell.jpg", "sleeping-fox.png", "keeper-loop.gif", "totality.png", "aurora.jpg", "shelf.tif"})


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "art"
    heard: list[tuple[str, int, int]] = []
    demo_art.paint(folder, lambda *news: heard.append(news), SPECIAL)
    assert {name for name, _, _ in heard} == SPECIAL
    assert [(done, total) for _, done, total in heard] == [(i + 1, len(SPECIAL)) for i in range(len(SPECIAL))]
    return folder


def in_srgb(numbers: np.ndarray) -> np.ndarray:
    """Display P3 numbers (0 to 1) as linear sRGB; below 0 means that sRGB cannot show the colour."""
    linear = np.where(numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4)
    return linear @ TO_SRGB.T


def test_forty_works_by_six_artists() -> None:
    assert len(demo_art.WORKS) == len(KEYS) == 40
    assert {"ines", "tomas", "yuki", "omar", "bea", "zofia"} == HANDLES == {work.artist for work in demo_art.WORKS}
    assert [work.title for work in demo_art.WORKS if work.artist == "ines"][:4] == [
        "The Last Ferry",
        "Valley at Six",
        "Night Watch",
        "Fenêtre de mars",
    ]
    assert {len(work.files) for work in demo_art.WORKS} >= {1, 4, 7}


def test_every_file_has_a_recipe_and_belongs_to_one_work() -> None:
    files = [name for work in demo_art.WORKS for name in work.files] + [artist.face for artist in demo_art.ARTISTS]
    assert len(files) == len(set(files))
    assert set(files) == set(demo_art.RECIPES)
    assert {name.rsplit(".")[-1] for name in files} == {"jpg", "png", "webp", "tif", "avif", "gif"}


@pytest.mark.parametrize("work", demo_art.WORKS, ids=lambda work: work.key)
def test_a_work_says_what_it_must(work: demo_art.Piece) -> None:
    licence, reservation = Licence(work.licence), Reservation(work.reservation)
    assert licence is not Licence.CC0 or reservation is Reservation.OPEN  # rights.md 2.1: cc0 with open only
    assert (Rating(work.rating) is Rating.GENERAL) == (not work.content_warning)
    assert all(20 <= len(alt) <= 1500 for alt in work.alts)
    assert set(re.findall(r"@(\w+)", work.description)) <= HANDLES - {work.artist}
    assert set(work.galleries) <= {g.name for g in demo_art.GALLERIES if g.artist == work.artist}
    assert work.tags and work.galleries and work.description


def test_talk_refers_to_what_exists() -> None:
    earlier: dict[str, demo_art.Comment] = {}
    for comment in demo_art.COMMENTS:
        assert comment.work in KEYS
        assert comment.author in HANDLES
        assert not comment.answers or earlier[comment.answers].work == comment.work
        earlier[comment.key] = comment
    assert len(earlier) == len(demo_art.COMMENTS)
    assert all({a, b} <= HANDLES and a != b for a, b in demo_art.FOLLOWS)
    makers = {work.key: work.artist for work in demo_art.WORKS}
    assert all(who in HANDLES and makers[key] != who for who, key in demo_art.LIKES)
    assert len(set(demo_art.FOLLOWS)) == len(demo_art.FOLLOWS)
    assert len(set(demo_art.LIKES)) == len(demo_art.LIKES)


def test_a_second_run_paints_nothing(painted: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in painted.iterdir()}
    assert set(before) == SPECIAL
    demo_art.paint(painted, lambda *news: pytest.fail(f"painted again: {news}"), SPECIAL)
    assert {path.name: path.stat().st_mtime_ns for path in painted.iterdir()} == before


def test_the_same_seed_paints_the_same_file(painted: Path, tmp_path: Path) -> None:
    demo_art.paint(tmp_path, lambda *news: None, frozenset({"shelf.tif"}))
    assert (tmp_path / "shelf.tif").read_bytes() == (painted / "shelf.tif").read_bytes()


def test_a_camera_tells_where_it_was(painted: Path) -> None:
    with Image.open(painted / "stairwell.jpg") as picture:
        exif = picture.getexif()
        assert exif.get_ifd(0x8825)[1] == "N"
        assert exif.get_ifd(0x8825)[2][0] == 14
        assert exif.get_ifd(0x8769)[0xA431] == "TMR-0042-7719"
        assert exif[0x013B] == "Omar Diallo"


def test_the_sticker_is_transparent_and_the_loop_moves(painted: Path) -> None:
    with Image.open(painted / "sleeping-fox.png") as picture:
        assert picture.mode == "RGBA"
        shares = (
            np.bincount(np.asarray(picture.getchannel("A")).ravel(), minlength=256) / picture.width / picture.height
        )
    assert shares[0] > 0.2 and shares[255] > 0.3 and shares[1:255].sum() > 0.001
    with Image.open(painted / "keeper-loop.gif") as loop:
        assert loop.n_frames == 24
        assert loop.info["loop"] == 0


def test_sixteen_bits_are_more_than_eight(painted: Path) -> None:
    with Image.open(painted / "totality.png") as picture:
        assert picture.mode == "I;16"
        greys = np.unique(np.asarray(picture))
    assert len(greys) > 5000


def test_the_aurora_is_outside_srgb(painted: Path) -> None:
    with Image.open(painted / "aurora.jpg") as picture:
        assert picture.info["icc_profile"] == p3_profile()
        numbers = np.asarray(picture.resize((600, 338)), np.float64) / 255
    assert (in_srgb(numbers).min(-1) < -0.02).mean() > 0.05


def test_the_profile_is_read_by_a_colour_engine() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(p3_profile()))
    assert ImageCms.getProfileDescription(profile).strip() == "Display P3"
    red = Image.new("RGB", (1, 1), (200, 60, 60))
    out = ImageCms.profileToProfile(red, profile, ImageCms.createProfile("sRGB"))
    assert out is not None
    expected = (1.055 * in_srgb(np.array([200, 60, 60]) / 255) ** (1 / 2.4) - 0.055) * 255
    assert out.getpixel((0, 0)) == pytest.approx(tuple(expected), abs=2)
