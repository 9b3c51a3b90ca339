"""What another server states of a work's rights: the words of `channels`, and those of others, read back.

Terms are read by their names, not by what a context makes of them: no context is ever fetched. A licence is one of ours only
where it is exactly that one. An older or national version of a Creative Commons licence is another contract, so it stays what
it is: words, shown as they are. Where a title names no version (Pixelfed, PeerTube), the current one is meant.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from server.models import Licence, Reservation, SourceType
from server.rights.tables import LICENCES, RESERVATIONS, Signals, stricter

LONGEST_LICENCE = 500  # characters; as long as the column
LONGEST_RIGHTS = 1000
LONGEST_WORD = 2048
MOST_VALUES = 8  # of one term


@dataclass(frozen=True)
class Stated:
    """The rights of one object as its origin stated them. None and "" mean: not stated."""

    licence: Licence | None = None
    licence_text: str = ""  # word for word, also where it is none of ours
    reservation: Reservation | None = None
    rights: str = ""
    data_mining: str = ""
    tdm_reservation: int | None = None
    tdm_policy: str = ""
    x_robots_tag: str = ""
    source_type: SourceType | None = None


# The names of a term, in the order in which they count: as our context has it, prefixed, and in full.
LICENCE_TERMS = (
    *("license", "dcterms:license", "dc:license", "http://purl.org/dc/terms/license"),
    *("schema:license", "sc:license", "https://schema.org/license", "http://schema.org/license"),
    *("cc:license", "ccns:license", "http://creativecommons.org/ns#license"),
    *("licence", "spdx:license", "http://spdx.org/rdf/terms#license"),  # PeerTube, Manyfold
)
RIGHTS_TERMS = (
    "rights",
    "dcterms:rights",
    "http://purl.org/dc/terms/rights",
    "copyrightNotice",
    "schema:copyrightNotice",
)
MINING_TERMS = ("dataMining", "plus:DataMining", "http://ns.useplus.org/ldf/xmp/1.0/DataMining")
TDM_TERMS = ("tdmReservation", "tdm:reservation", "tdm-reservation", "http://www.w3.org/ns/tdmrep#reservation")
POLICY_TERMS = ("tdmPolicy", "tdm:policy", "tdm-policy", "http://www.w3.org/ns/tdmrep#policy")
ROBOTS_TERMS = ("xRobotsTag", "https://w3id.org/fep/5e53#xRobotsTag")
USAGE_TERMS = ("contentUsage", "Content-Usage", "contentSignal", "Content-Signal")
SOURCE_TERMS = (
    *("digitalSourceType", "Iptc4xmpExt:DigitalSourceType"),
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/DigitalSourceType",
    *("schema:digitalSourceType", "https://schema.org/digitalSourceType", "http://schema.org/digitalSourceType"),
)
# Words of the vocabulary that were given up, and what took their place (IPTC NewsCodes).
_RETIRED = {"digitalArt": SourceType.DIGITAL_CREATION, "minorHumanEdits": SourceType.HUMAN_EDITS}

# Where a value is an object: what of it names the licence, best first.
_NAMES = ("@id", "id", "href", "url", "spdx:licenseId", "licenseId", "name", "@value", "identifier")
# Who states two licences without saying which holds leaves the more permissive one in doubt.
STRICTEST_FIRST = (
    Licence.ARR,
    Licence.BY_NC_ND,
    Licence.BY_ND,
    Licence.BY_NC_SA,
    Licence.BY_NC,
    Licence.BY_SA,
    Licence.BY,
    Licence.CC0,
    Licence.PDM,
)
_FAMILIES = {licence.value: licence for licence in Licence if licence.value.startswith("by")}
# Titles without a version that name one licence and no other; letters and digits alone are compared.
_TITLES: dict[str, Licence] = {
    "allrightsreserved": Licence.ARR,
    "incopyright": Licence.ARR,
    "publicdomainwork": Licence.PDM,
    "publicdomaindedication": Licence.CC0,
    "publicdomaindedicationcc0": Licence.CC0,
    "cc0": Licence.CC0,
    "cczero": Licence.CC0,
    "attribution": Licence.BY,
    "attributionsharealike": Licence.BY_SA,
    "attributionnoncommercial": Licence.BY_NC,
    "attributionnoncommercialsharealike": Licence.BY_NC_SA,
    "attributionnoderivatives": Licence.BY_ND,
    "attributionnoderivs": Licence.BY_ND,
    "attributionnoncommercialnoderivatives": Licence.BY_NC_ND,
    "attributionnoncommercialnoderivs": Licence.BY_NC_ND,
} | {f"cc{key.replace('-', '')}": licence for key, licence in _FAMILIES.items()}
_SPDX = {terms.spdx.lower(): licence for licence, terms in LICENCES.items() if terms.spdx}
_COMMONS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z-]{1,20})/(\d\.\d)(?:/(?:deed|legalcode)(?:\.[a-z_-]{2,8})?)?/?",
    re.IGNORECASE,
)
_IN_COPYRIGHT = re.compile(
    r"https?://(?:www\.)?rightsstatements\.org/(?:vocab|page)/InC/1\.0/?(?:\?[a-z=&-]{0,40})?", re.I
)
_SPDX_ADDRESS = re.compile(r"https?://(?:www\.)?spdx\.org/licenses/([A-Za-z0-9.-]{1,60}?)(?:\.html|\.json)?/?", re.I)
_PAIR = re.compile(r"([a-z-]{1,30})\s{0,8}=\s{0,8}(yes|no|y|n)(?![a-z])")


def read(document: Mapping[str, Any]) -> Stated:
    """What an object, or one attachment, states; nothing is inherited from anywhere (FEP-6757). Never raises.

    Of the names of a term the first that is there counts. Several licences in one term are alternatives to choose from; the
    strictest is taken, and all of them are kept as words.
    """
    licences = [words for value in _first(document, LICENCE_TERMS) if (words := _named(value))][:MOST_VALUES]
    known = [known_licence(words) for words in licences]
    rights = next((words for value in _first(document, RIGHTS_TERMS) if (words := _words(value, LONGEST_RIGHTS))), "")
    mining = next((words for value in _first(document, MINING_TERMS) if (words := _named(value))), "")
    tdm = next((number for value in _first(document, TDM_TERMS) if (number := _flag(value)) is not None), None)
    policy = next((words for value in _first(document, POLICY_TERMS) if (words := _named(value))), "")
    robots = ", ".join(_words(value, LONGEST_RIGHTS) for value in _first(document, ROBOTS_TERMS)[:MOST_VALUES])
    usage = ", ".join(_words(value, LONGEST_RIGHTS) for term in USAGE_TERMS for value in _values(document, term)[:2])
    return Stated(
        licence=_strictest_licence(known),
        licence_text=" ".join(licences)[:LONGEST_LICENCE],
        reservation=implied(mining, tdm, robots, usage),
        rights=rights,
        data_mining=mining,
        tdm_reservation=tdm,
        tdm_policy=policy if is_address(policy) else "",
        x_robots_tag=robots[:LONGEST_RIGHTS],
        source_type=_strictest_source(map(_source, _first(document, SOURCE_TERMS)[:MOST_VALUES])),
    )


def merge(*statements: Stated) -> Stated:
    """Several statements about one thing as one: the strictest licence and the strictest reservation hold (duty 3).

    A licence that nobody here knows may be stricter than each that we do, so beside it no other is taken as granted.
    """
    told = [one for one in statements if one.licence or one.licence_text]
    licence = _strictest_licence([one.licence for one in told])
    reservations = [one.reservation for one in statements if one.reservation]
    reservation = reservations[0] if reservations else None
    for other in reservations[1:]:
        reservation = stricter(other, reservation or other)
    holds = [one for one in told if one.licence is licence] or told
    # The machine's words of the statement that holds; the rest adds up.
    mining = sorted((one for one in statements if one.data_mining), key=lambda one: one.reservation is not reservation)
    flags = [one.tdm_reservation for one in statements if one.tdm_reservation is not None]
    directives = dict.fromkeys(word for one in statements for word in _directives(one.x_robots_tag))
    return Stated(
        licence=licence,
        licence_text=holds[0].licence_text if holds else "",
        reservation=reservation,
        rights=next((one.rights for one in statements if one.rights), ""),
        data_mining=mining[0].data_mining if mining else "",
        tdm_reservation=max(flags, default=None),
        tdm_policy=next((one.tdm_policy for one in statements if one.tdm_policy), ""),
        x_robots_tag=", ".join(directives)[:LONGEST_RIGHTS],
        source_type=_strictest_source(one.source_type for one in statements),
    )


def as_json(stated: Stated) -> dict[str, Any]:
    """For a column of JSON: what was stated, without what was not."""
    return {name: value for name, value in asdict(stated).items() if value not in (None, "")}


def from_json(kept: Mapping[str, Any]) -> Stated:
    """What `as_json` kept."""
    licence, reservation, source = kept.get("licence"), kept.get("reservation"), kept.get("source_type")
    return Stated(
        licence=Licence(licence) if licence else None,
        licence_text=kept.get("licence_text", ""),
        reservation=Reservation(reservation) if reservation else None,
        rights=kept.get("rights", ""),
        data_mining=kept.get("data_mining", ""),
        tdm_reservation=kept.get("tdm_reservation"),
        tdm_policy=kept.get("tdm_policy", ""),
        x_robots_tag=kept.get("x_robots_tag", ""),
        source_type=SourceType(source) if source else None,
    )


def stated_year(stated: Stated) -> int | None:
    """The year with which the author's own sentence begins: of another server's work it is said nowhere else."""
    found = re.match(r"(?:©|\(c\)|copyright)? ?([12]\d{3})(?!\d)", stated.rights, re.I)
    return int(found[1]) if found else None


def is_address(text: str) -> bool:
    """Whether it is one address that may stand in a header and in a page, and nothing else: what is not ASCII has no place in a
    header field (RFC 9110, section 5.5)."""
    plain = text.isascii() and text.isprintable() and not any(character in text for character in " \"'<>")
    return plain and text.startswith(("https://", "http://"))


def known_licence(words: str) -> Licence | None:
    """Which of our licences an address, an SPDX identifier or a title names; None for every other."""
    words = words.strip()
    if found := _COMMONS.fullmatch(words):
        kind, name, version = found[1].lower(), found[2].lower(), found[3]
        if kind == "licenses":
            return _FAMILIES.get(name) if version == "4.0" else None
        return {"zero": Licence.CC0, "mark": Licence.PDM}.get(name) if version == "1.0" else None
    if _IN_COPYRIGHT.fullmatch(words):
        return Licence.ARR
    if found := _SPDX_ADDRESS.fullmatch(words):
        return _SPDX.get(found[1].lower())
    if spdx := _SPDX.get(words.lower().removeprefix("spdx:")):
        return spdx
    # "CC BY-SA 4.0 International" and "Attribution - Share Alike" alike, but not "CC BY 3.0".
    title = re.sub(r"\b(?:creative commons|international|license|licence|unported)\b", " ", words.lower())
    title = re.sub(r"\b4\.0\b" if "cc0" not in title else r"\b1\.0\b", " ", title)
    return _TITLES.get("".join(character for character in title if character.isalnum()))


def implied(mining: str, tdm: int | None, robots: str, usage: str = "") -> Reservation | None:
    """The reservation that several signals imply together, the strictest first (duty 3); None where none says anything.

    plus:DataMining names a tier exactly. The others are coarse: the same words stand for several tiers. Beside an exact word a
    coarse one only asks for the laxest tier that says it; alone it is taken at its word, which reserves more.
    """
    exact = _exact(mining)
    directives = set(_directives(robots))
    pairs = dict(_PAIR.findall(usage.lower()))
    trained = [value for key, value in pairs.items() if key in ("train-ai", "ai-train", "genai", "train-genai")]
    found: list[Reservation] = [exact] if exact else []
    if {"noindex", "noimageindex", "none"} & directives or "n" in pairs.get("search", ""):
        found.append(Reservation.NO_AI_NO_INDEX)
    if {"noai", "noimageai"} & directives:
        found.append(
            _laxest(lambda row: directives & {"noarchive"} <= _set(row.x_robots_tag)) if exact else Reservation.NO_AI
        )
    if tdm == 1:
        found.append(_laxest(lambda row: row.tdm == 1) if exact else Reservation.NO_AI)
    if "n" in pairs.get("ai-input", ""):
        found.append(Reservation.NO_AI)
    if any(value.startswith("n") for value in trained):
        found.append(_laxest(lambda row: "train-ai=n" in row.content_usage) if exact else Reservation.NO_TRAINING)
    if not found and (tdm == 0 or trained):
        found.append(Reservation.OPEN)
    strictest = found[0] if found else None
    for other in found[1:]:
        strictest = stricter(other, strictest or other)
    return strictest


def _exact(mining: str) -> Reservation | None:
    """The tier behind a word of plus:DataMining. A prohibition with conditions that nobody here can read is one without."""
    word = re.split(r"[/#:]", mining)[-1].upper()
    for reservation, row in RESERVATIONS.items():
        if row.data_mining == word:
            return reservation
    return Reservation.NO_AI if word.startswith("DMI-PROHIBITED") else None


def _laxest(says: Callable[[Signals], bool]) -> Reservation:
    """The laxest tier that reserves anything and whose row fulfils `says`."""
    return next(key for key, row in RESERVATIONS.items() if row.tdm and says(row))


def _strictest_licence(found: Iterable[Licence | None]) -> Licence | None:
    known = list(found)
    if not known or None in known:
        return None
    return next(licence for licence in STRICTEST_FIRST if licence in known)


def _source(value: Any) -> SourceType | None:
    """A word of the IPTC vocabulary, by its address or bare, or the member of schema.org that stands for it."""
    word = re.split(r"[/#:]", _named(value))[-1]
    if word.endswith("DigitalSource"):
        word = word[:1].lower() + word[1:].removesuffix("DigitalSource")
    return _RETIRED.get(word) or next((source for source in SourceType if source.value == word), None)


def _strictest_source(found: Iterable[SourceType | None]) -> SourceType | None:
    """Of several statements that which says most of a generator holds; else the first."""
    said = [source for source in found if source]
    order = (SourceType.GENERATOR, SourceType.COMPOSITE_WITH_GENERATOR)
    return next((source for source in order if source in said), said[0] if said else None)


def _first(document: Mapping[str, Any], terms: Iterable[str]) -> list[Any]:
    """The values of the first of `terms` that says anything."""
    return next((values for term in terms if (values := _values(document, term))), [])


def _values(document: Mapping[str, Any], term: str) -> list[Any]:
    value = document.get(term)
    values = value if isinstance(value, list) else [value]
    return [one for one in values if one not in (None, "", {}, [])]


def _named(value: Any) -> str:
    """A value as one word: itself, or what names it where it is an object. SPDX has no address for `LicenseRef-…`."""
    if isinstance(value, Mapping):
        names = (_words(value.get(name), LONGEST_WORD) for name in _NAMES)
        return next((words for words in names if words), "")
    return _words(value, LONGEST_WORD)


def _words(value: Any, longest: int) -> str:
    """One line of visible text; "" for what is no text. Categories C: controls, direction marks, nothing that can be seen."""
    if not isinstance(value, str):
        return ""
    visible = "".join(
        " " if character.isspace() else character
        for character in value[: longest * 2]
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    return " ".join(visible.split())[:longest]


def _flag(value: Any) -> int | None:
    """0 or 1, also written as text or as a boolean."""
    if isinstance(value, Mapping):
        value = value.get("@value")
    if isinstance(value, str):
        value = {"0": 0, "1": 1, "false": 0, "true": 1}.get(value.strip().lower())
    return int(value) if isinstance(value, int) and value in (0, 1) else None


def _directives(robots: str) -> Iterator[str]:
    return (word for piece in robots.split(",") if (word := piece.strip().lower()))


def _set(robots: str) -> set[str]:
    return set(_directives(robots))
