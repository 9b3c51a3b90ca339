"""Write docs/rights-conformance.md: `python docs/rights_report.py`, or `make rights-report`.

It builds the fixture of tests/conformance, has every channel of every work read by software of others on both houses, and writes
down what they read. Ends with an error, and writes nothing, where one cell is not what docs/rights.md says.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

# Names of people are made by what the tests' own configuration offers.
import tests.conftest  # noqa: F401
from server import migrations
from server.db import Database
from tests.conformance import cells, expected
from tests.conformance.fixture import AWAY, HOME, NAMES, ROWS, Fixture, built
from tests.conformance.table import Cell

PAGE = Path(__file__).parent / "rights-conformance.md"
INTRO = f"""# Rights conformance

Written by `make rights-report`; do not edit. Five works, drawn and published by the tests, hang on one house ({HOME}) and are
shown on a second one ({AWAY}). Every answer, document and file below was asked for over HTTP and read by software of others,
never by our own. A row says what the reader found; where several channels stand in one row, the same was found in each. The
expected values come from the tables of [rights.md](rights.md), and the test `tests/conformance/test_channels.py` fails where one
cell differs. “-” means that the reader found nothing, as it should.
"""
ORIGIN = f"## On the house that made them ({HOME})"
SECOND = f"""## On the second house ({AWAY})

Pages are those that its signed-in reader gets; pictures are its own copies, made anew from what the first house sent. A page of
somebody else's work is for no search engine, so `noindex` stands in its meta element beside what the author states."""


async def read(made: Fixture, folder: Path) -> dict[str, list[Cell]]:
    """Every cell, by section of the page."""
    for name in ("origin", "second"):
        (folder / name).mkdir()
    return {
        ORIGIN: await cells.origin(made, folder / "origin"),
        SECOND: await cells.second_node(made, folder / "second"),
        "## Pages that show several works": await cells.wall(made),
        "## What each house says of itself": await cells.house_files(made),
    }


def page(sections: dict[str, list[Cell]], made: Fixture) -> str:
    """The whole page. Numbers that differ from run to run are replaced by the work's name."""
    names = {str(number): name for name, number in made.ids.items()}
    parts = [INTRO, _works()]
    count = sum(len(_distinct(found)) for found in sections.values())
    parts.append(f"Cells checked: {count:,}, each with the exact value.\n")
    parts += [f"{title}\n\n{_table(found, names)}" for title, found in sections.items()]
    return "\n".join(parts)


def _works() -> str:
    lines = ["| work | title | artist | licence | reservation | sentence |", "|---|---|---|---|---|---|"]
    for name, row in ROWS.items():
        said = expected.of(row)
        told = [name, row.title, NAMES[row.artist], said.licence_name, row.reservation.value, said.sentence]
        lines.append(f"| {' | '.join(_cell(word) for word in told)} |")
    return "\n".join(lines) + "\n"


def _distinct(found: Iterable[Cell]) -> dict[tuple[str, str, str, str], str]:
    """What was read for each work, channel, reader and term; of several files of one kind all say the same."""
    values: dict[tuple[str, str, str, str], dict[str, None]] = {}
    for cell in found:
        values.setdefault((cell.channel, cell.reader, cell.term, cell.work), {})[cell.read] = None
    return {key: " AND ".join(read) for key, read in values.items()}


def _table(found: list[Cell], names: dict[str, str]) -> str:
    works = list(dict.fromkeys(cell.work for cell in found))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for (channel, reader, term, work), value in _distinct(found).items():
        rows.setdefault((channel, f"{reader} | {term}"), {})[work] = _plain(value, work, names)
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (channel, what), values in rows.items():
        merged.setdefault((what, tuple(values.get(work, "") for work in works)), []).append(channel)
    groups: dict[str, list[str]] = {}
    for (what, values), channels in merged.items():
        groups.setdefault(_joined(channels), []).append(f"| {what} | {' | '.join(map(_cell, values))} |")
    head = f"| reader | term | {' | '.join(works)} |\n|---|---|{'---|' * len(works)}"
    return "\n".join(f"**{title}**\n\n{head}\n" + "\n".join(lines) + "\n" for title, lines in groups.items())


def _joined(channels: list[str]) -> str:
    """Several channels in few words: what stands before the comma is said once."""
    groups: dict[str, list[str]] = {}
    for channel in channels:
        before, comma, after = channel.partition(", ")
        groups.setdefault(before if comma else "", []).append(after if comma else channel)
    return "; ".join(
        f"{before}: {', '.join(after)}" if before else ", ".join(after) for before, after in groups.items()
    )


def _plain(value: str, work: str, names: dict[str, str]) -> str:
    if work in ROWS:
        value = value.replace(
            expected.in_the_language_of(ROWS[work]),
            "*the sentence, in German*" if ROWS[work].artist == "zofia" else "*the sentence*",
        )
        value = value.replace(expected.of(ROWS[work]).sentence, "*the sentence*")
    return re.sub(r"\d{12,}", lambda found: names.get(found[0], work), value)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("<", "&lt;")


async def main() -> int:
    """Build, read, write. The exit code: 1 where a cell is wrong."""
    with tempfile.TemporaryDirectory() as made_in:
        folder = Path(made_in)
        urls = []
        for name in ("home", "away"):
            urls.append(f"sqlite:///{folder / name}.db")
            database = Database(urls[-1])
            await migrations.upgrade(database)
            await database.close()
        async with built(urls[0], urls[1], folder) as made:
            sections = await read(made, folder)
            text = page(sections, made)
    wrong = [cell for found in sections.values() for cell in found if not cell.is_right]
    for cell in wrong:
        print(cell, file=sys.stderr)
    if wrong:
        return 1
    PAGE.write_text(text, "utf-8")
    print(f"{PAGE.name}: {sum(map(len, sections.values())):,} readings, none of them wrong.")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
