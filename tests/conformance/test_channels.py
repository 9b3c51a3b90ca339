"""Every channel of every work says what docs/rights.md says, as software of others reads it, on both houses."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from docs import rights_report
from tests.conformance import expected, readers
from tests.conformance.fixture import ROWS, built, upload_of
from tests.conformance.table import Cell, Place, Table

# What is read here was written by channels that no database has a part in.
pytestmark = pytest.mark.one_database

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
PLACE = Place(
    "https://a.test/w",
    "https://a.test/r",
    "https://a.test/p",
    "https://a.test/l",
    "https://a.test/d",
    "https://a.test/x",
)


def wrong(found: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in found if not cell.is_right]


async def test_every_channel_of_every_work_says_the_same(
    database_url: str, another_database: str, tmp_path: Path
) -> None:
    """The table of docs/rights-conformance.md, read anew; a channel that a work does not have is as bad as a wrong one."""
    readers.exiftool()
    async with built(database_url, another_database, tmp_path) as made:
        sections = await rights_report.read(made, tmp_path)
        page = rights_report.page(sections, made)
    assert [cell for found in sections.values() for cell in wrong(found)] == []
    for title in (rights_report.ORIGIN, rights_report.SECOND):
        channels = {name: {cell.channel for cell in sections[title] if cell.work == name} for name in ROWS}
        assert all(found == channels["W1"] for found in channels.values()), title
    at_home = {cell.channel for cell in sections[rights_report.ORIGIN]}
    assert {f"{form}, {what}" for form in FORMATS for what in ("XMP", "C2PA")} <= at_home
    assert {"WEBP, XMP", "WEBP up to 640 px, XMP", "WEBP, C2PA"} <= {
        cell.channel for cell in sections[rights_report.SECOND]
    }
    written = rights_report.PAGE.read_text("utf-8")
    assert page == written, "run `make rights-report` and look at what changed"


def test_the_readers_notice_what_is_wrong(tmp_path: Path) -> None:
    """The directive with a colon that hides the others from one reader, a signal that is missing, and one that comes twice."""
    says = expected.of(ROWS["W1"])
    good = [
        ("Content-Usage", says.usage), ("tdm-reservation", "1"), ("tdm-policy", PLACE.policy), ("X-Robots-Tag", says.robots),
        ("Link", f'<{says.licence}>; rel="license"'), ("Link", f'<{PLACE.rsl}>; rel="license"; type="application/rsl+xml"'),
        ("Link", f'<{PLACE.document}>; rel="describedby"; type="application/activity+json"'),
    ]  # fmt: skip

    def judged(headers: list[tuple[str, str]]) -> set[tuple[str, str]]:
        table = Table("W1", ROWS["W1"], PLACE)
        table.http("page", readers.received(200, headers, b"", PLACE.page))
        return {(cell.reader, cell.term) for cell in wrong(table.cells)}

    assert judged(good) == set()
    hidden = [(name, "noai, max-image-preview:large" if name == "X-Robots-Tag" else value) for name, value in good]
    assert judged(hidden) == {("requests", "X-Robots-Tag"), ("img2dataset's rule", "X-Robots-Tag")}
    assert judged(good[1:]) == {("http-sf", "Content-Usage")}
    assert judged([*good, ("tdm-reservation", "0")]) >= {
        ("requests", "tdm-reservation"),
        ("datadiligence", "tdm-reservation"),
    }
    bare = tmp_path / "bare.png"
    bare.write_bytes(upload_of("png"))
    (found,) = readers.by_exiftool([bare]).values()
    assert {value for _, value in readers.exif_pairs(found, readers.FULL_FIELDS)} == {readers.NOTHING}
    assert readers.by_c2pa(bare.read_bytes(), "image/png")[0] == "none"
    assert (
        readers.REFUSED
        in readers.robots_verdicts("User-agent: *\nDisallow: /", "https://a.test/w", ["x"])["protego"]["x"]
    )
