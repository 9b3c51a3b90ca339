"""The cells of picture files: what stands inside each of them, as it comes over HTTP."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.media.orders import MIME
from server.models import Rendition
from tests.conformance import expected, readers
from tests.conformance.fixture import AWAY, HOME, NAMES, Fixture, Shown
from tests.conformance.readers import ALLOWED, NOTHING, REFUSED
from tests.conformance.table import Asking, Cell, Table

# Widths up to here carry the short packet and no seal (decision 14).
SHORT = 640


@dataclass(frozen=True)
class Kept:
    """One public file as it came over HTTP."""

    row: Rendition
    path: Path

    @property
    def is_short(self) -> bool:
        return self.row.purpose.value == "wall" and self.row.width <= SHORT

    @property
    def channel(self) -> str:
        return f"{self.row.format.upper()} up to {SHORT} px" if self.is_short else self.row.format.upper()


async def fetched(who: Asking, shown: Shown, urls: Any, folder: Path, name: str) -> list[Kept]:
    kept: list[Kept] = []
    for media in shown.media:
        for row in shown.files[media.id]:
            answer = await who.get(urls.rendition(row))
            assert answer.message["Content-Type"] == MIME[row.format]
            body = answer.response.content
            path = folder / f"{name}-{len(kept)}-{row.purpose}-{row.width}.{row.format}"
            path.write_bytes(body)
            kept.append(Kept(row, path))
    return kept


def stamped(made: Fixture, kept: list[tuple[str, Kept]], at: str) -> list[Cell]:
    """What ExifTool reads in every file, and that sd-parsers finds no generator in any."""
    found = readers.by_exiftool([one.path for _, one in kept])
    cells: list[Cell] = []
    for name, one in kept:
        row, says = made.rows[name], expected.of(made.rows[name])
        table = Table(name, row, None)
        channel, fields = f"{one.channel}, XMP", readers.FIELDS if one.is_short else readers.FULL_FIELDS
        explained = f"https://{HOME}/works/{made.ids[name]}/rights"
        if at == AWAY:
            explained = ""  # checked against the work's own page below
        wanted = {
            "plus:DataMining": says.mining.removeprefix(expected.VOCABULARY),
            "dc:rights": says.sentence,
            "dc:creator": NAMES[row.artist],
            "dc:title": row.title,
            "xmpRights:UsageTerms": says.sentence,
            "photoshop:Credit": NAMES[row.artist],
            "cc:license": says.licence if "creativecommons.org" in says.licence else "",
            "Iptc4xmpExt:DigitalSourceType": says.source,
            "tdm:reservation": says.tdm,
            "tdm:policy": f"https://{HOME}/works/{made.ids[name]}/policy.json",
        }
        for term, read in readers.exif_pairs(found[one.path], fields):
            if term == "xmpRights:WebStatement" and not explained:
                wanted[term] = read if re.fullmatch(rf"https://{AWAY}/works/\d+/rights", read) else f"https://{AWAY}/…"
            table.put(channel, "ExifTool", term, wanted.get(term, explained), read)
        # Errors, warnings, and warnings of no weight.
        table.put(
            f"{one.channel}, whole", "ExifTool", "Validate", "0 0 0", found[one.path].get("ExifTool:Validate", NOTHING)
        )
        if one.row.format == "jpeg":
            old = {"Exif Copyright": says.sentence, "Exif Artist": NAMES[row.artist], "IIM by-line": NAMES[row.artist]}
            table.compare(
                f"{one.channel}, Exif and IIM", "ExifTool", old, readers.exif_pairs(found[one.path], readers.OLD_FIELDS)
            )
        table.put(
            f"{one.channel}, marks of generators", "sd-parsers", "generator", NOTHING, readers.generator_of(one.path)
        )
        cells += table.cells
    return cells


def sealed_cells(table: Table, kept: list[Kept], root: str) -> list[Cell]:
    """The manifest in every file that carries one, by two readers and by the one that knows the old label alone."""
    says, sealed = table.says, Table(table.work, table.row, None)
    wanted = readers.spelled(says.uses)
    for one in kept:
        data, kind = one.path.read_bytes(), MIME[one.row.format]
        state, failures, assertions = readers.by_c2pa(data, kind, root)
        channel = f"{one.channel}, C2PA"
        if one.is_short:
            sealed.put(channel, "c2pa-python", "state", "none", state)
            continue
        sealed.put(channel, "c2pa-python", "state, knowing the root", "Trusted", ", ".join([state, *failures]))
        state, failures, _ = readers.by_c2pa(data, kind)
        sealed.put(
            channel,
            "c2pa-python",
            "state, for all",
            "Valid, signingCredential.untrusted",
            ", ".join([state, *failures]),
        )
        sealed.put(
            channel, "c2pa-python", "cawg.training-mining", wanted, readers.uses_of(assertions, "cawg.training-mining")
        )
        sealed.put(
            channel, "c2pa-python", "c2pa.training-mining", wanted, readers.uses_of(assertions, "c2pa.training-mining")
        )
        metadata = assertions.get("cawg.metadata", {})
        sealed.put(
            channel, "c2pa-python", "plus:DataMining", says.mining, str(metadata.get("plus:DataMining", NOTHING))
        )
        sealed.put(channel, "c2pa-python", "dc:rights", says.sentence, str(metadata.get("dc:rights", NOTHING)))
        opinion, uses = readers.by_encypher(one.path, kind, root)
        sealed.put(channel, "encypher-c2pa", "state", "Trusted", opinion)
        short = {name.removeprefix("cawg."): use for name, use in uses.items()}
        sealed.put(channel, "encypher-c2pa", "effective use", wanted, readers.spelled(short))
        verdict = REFUSED if "notAllowed" in says.uses.values() else ALLOWED
        sealed.put(channel, "datadiligence", "c2pa.training-mining", verdict, readers.by_old_label(data))
    return sealed.cells


def unsealed_cells(table: Table, kept: Iterable[Kept]) -> Iterator[Cell]:
    """A house seals nothing in the name of somebody elsewhere."""
    unsealed = Table(table.work, table.row, None)
    for one in kept:
        state, _, _ = readers.by_c2pa(one.path.read_bytes(), MIME[one.row.format])
        unsealed.put(f"{one.channel}, C2PA", "c2pa-python", "state", "none", state)
    yield from unsealed.cells
