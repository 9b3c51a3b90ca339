"""What every channel has to say, taken from the tables of docs/rights.md: no table of the server's own is asked."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.fixture import NAMES, Row

PAGE = (Path(__file__).parents[2] / "docs/rights.md").read_text("utf-8")
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
USES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
LAW = "No AI training or text and data mining (rights reserved, Art. 4(3) Directive (EU) 2019/790)."
NO_LAW = "AI training and text and data mining are not reserved."


def table(first: str) -> dict[str, list[str]]:
    """The table of the page whose first column is `first`; its rows by their first cell."""
    lines = PAGE.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows: dict[str, list[str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        key, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[key] = cells
    return rows


LICENCES, TIERS = table("key"), table("tier")


@dataclass(frozen=True)
class Says:
    """The exact words for one work, in each language that some machine reads."""

    licence_name: str
    licence: str
    usage: str
    signal: str
    tdm: str
    robots: str
    mining: str
    uses: dict[str, str]
    permits: str
    prohibits: str
    sentence: str
    source: str

    @property
    def is_reserved(self) -> bool:
        return self.tdm == "1"


def of(row: Row) -> Says:
    """What a work with such a row says; "" stands for a signal that is not sent."""
    title, uri, _, _ = LICENCES[row.licence.value]
    usage, signal, tdm, robots, mining, uses, rsl = TIERS[row.reservation.value]
    words = dict(re.findall(r"(permits|prohibits) ([\w, -]+)", rsl))
    sign = "" if row.licence.value in ("cc0", "pdm") else "© "
    wish = LAW if tdm == "1" else NO_LAW
    return Says(
        licence_name=title,
        licence=uri,
        usage=usage,
        signal=signal,
        tdm=tdm,
        robots="" if robots == "-" else robots,
        mining=VOCABULARY + mining,
        uses={use: word for use, word in zip(USES, uses.split(" / "), strict=True) if word != "-"},
        permits=words.get("permits", ""),
        prohibits=words.get("prohibits", ""),
        sentence=f"{sign}{row.year} {NAMES[row.artist]}. {title}. {wish}",
        source=SOURCES + row.source_type.value if row.source_type else "",
    )


# The sentence as a page says it to people, in the language of its artist.
GERMAN = (
    "Kein KI-Training und kein Text und Data Mining (Nutzung vorbehalten, Art. 4 Abs. 3 der Richtlinie (EU) 2019/790)."
)
GERMAN_OPEN = "KI-Training sowie Text und Data Mining sind nicht vorbehalten."
GERMAN_NAMES = {"All rights reserved": "Alle Rechte vorbehalten"}
SCHEMA = {
    f"{SOURCES}digitalCreation": "https://schema.org/DigitalArtDigitalSource",
    f"{SOURCES}print": "https://schema.org/PrintDigitalSource",
    f"{SOURCES}algorithmicMedia": "https://schema.org/AlgorithmicMediaDigitalSource",
}


def in_the_language_of(row: Row) -> str:
    """The sentence as the page of a work says it on the house where it was made."""
    said = of(row)
    if row.artist != "zofia":
        return said.sentence
    wish = GERMAN if said.is_reserved else GERMAN_OPEN
    title = GERMAN_NAMES.get(said.licence_name, said.licence_name)
    return f"© {row.year} {NAMES[row.artist]}. {title}. {wish}"
