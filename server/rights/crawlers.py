"""Declared AI crawlers: who calls itself what, what for, and which of them this house turns away (docs/rights.md 2.5).

The list is that of ai.robots.txt (MIT; its copy lies in `vendor`), curated here: no search engine and no link preview is ever on
it, nor a word so common that it would hit bystanders. An administrator may put a newer list beside the data with
`cartellino crawlers update FILE`; nothing is ever downloaded.
"""

import json
import logging
import os
import re
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from server.errors import Invalid
from server.settings import Settings

log = logging.getLogger(__name__)

KEPT = "crawlers.json"
LARGEST = 2_000_000  # bytes of a list; the real one has 73,000
FEWEST = 20  # entries: less is a piece of a list
LONGEST_AGENT = 512  # characters of a User-Agent that are looked at; real ones have up to 300
# What a name may be made of: it is written into robots.txt, where a line break would begin a rule of its own.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+/ -]{0,79}")


class Purpose(StrEnum):
    """The three sets, each with a switch of its own in the settings."""

    TRAINING = "training"  # collects for the training of models, or for whoever buys
    ANSWERS = "answers"  # fetches pages when somebody asks an assistant or sends an agent
    SEARCH = "search"  # makes an index that answers are made from, and that people find the page in


@dataclass(frozen=True)
class Crawler:
    """One entry of the curated list."""

    token: str  # as it stands in robots.txt and, where `matches`, in its User-Agent
    operator: str  # empty: not known
    set: Purpose
    what: str  # what it does, in the words of the list
    # Whether it calls itself that when it comes. A usage token only stands in robots.txt: the crawler behind it has another name.
    matches: bool = True


# Names that say in robots.txt what may be done with what another crawler fetches; nobody comes under them.
USAGE_TOKENS = frozenset({"google-extended", "applebot-extended"})

# Entries that are not used, by lower-case name, and why.
LEFT_OUT: dict[str, str] = {
    "facebookexternalhit": "makes link previews for people who share a work",
    "applebot": "search of Siri and Spotlight; what Apple trains with is asked for by Applebot-Extended",
    "bravebot": "search engine",
    "petalbot": "search engine",
    "kagi-fetcher": "fetches for a search engine that people pay for",
    "spider": "a common word: it would hit Baiduspider and others",
    "code": "a common word",
    "operator": "a common word",
    "openai": "a company, which has names for each of its crawlers",
    "cursor": "a common word",
    "devin": "a first name",
    "trae": "a name of people and places",
    "lcc": "three letters",
    "yak": "three letters",
}

# Where the words of the list do not say it well enough.
SETS: dict[str, Purpose] = {
    "amazonbot": Purpose.TRAINING,  # its operator names training as well as answers
    "meta-webindexer": Purpose.SEARCH,
}
# Otherwise the first of these that the entry's function speaks of decides, and training where it speaks of none: an entry whose
# purpose nobody documented is taken for the worst.
FUNCTIONS: tuple[tuple[re.Pattern[str], Purpose], ...] = (
    (re.compile(r"undocumented", re.IGNORECASE), Purpose.TRAINING),
    (re.compile(r"\bsearch\b", re.IGNORECASE), Purpose.SEARCH),
    (re.compile(r"\b(assistants?|agents?|user|users|answers)\b", re.IGNORECASE), Purpose.ANSWERS),
)


@dataclass(frozen=True)
class Roll:
    """A curated list, and how its names are found."""

    crawlers: tuple[Crawler, ...]

    @cached_property
    def names(self) -> dict[str, Crawler]:
        """The crawlers that come under their name, by that name in lower case."""
        return {crawler.token.lower(): crawler for crawler in self.crawlers if crawler.matches}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All names at once, in lower case and whole words only: a User-Agent also holds addresses, and `thinkbot.example` is
        somebody's server.

        So a name neither follows a letter, a digit or one of `.@/-`, nor is it followed by a letter, a digit, `@` or `-`, or by a
        dot with more behind it. Of two names the longer comes first. Sorted by their first letters, most of them are never tried:
        a browser's User-Agent takes some ten microseconds instead of a hundred.
        """
        by_start: dict[str, list[str]] = {}
        for name in sorted(self.names, key=lambda name: (-len(name), name)):
            by_start.setdefault(name[0], []).append(re.escape(name[1:]))
        starts = "|".join(f"{re.escape(start)}(?:{'|'.join(rest)})" for start, rest in by_start.items())
        return re.compile(rf"(?<![\w.@/-])(?:{starts})(?![\w@-]|\.\w)")

    def find(self, user_agent: str) -> Crawler | None:
        """The crawler that `user_agent` declares to be, or None."""
        found = self.pattern.search(user_agent[:LONGEST_AGENT].lower()) if self.names else None
        return self.names[found[0]] if found else None


def read(text: str) -> Roll:
    """The curated list made of a `robots.json`; raises Invalid with a sentence that says what is wrong with it."""
    try:
        entries = json.loads(text)
    except ValueError as wrong:
        raise Invalid(file=f"This is no JSON: {wrong}.") from None
    if not isinstance(entries, dict):
        raise Invalid(file="This is no list of crawlers: it should be one object, with a name for each crawler.")
    if len(entries) < FEWEST:
        raise Invalid(file=f"This list names {len(entries)} crawlers; one with fewer than {FEWEST} is not whole.")
    found: dict[str, Crawler] = {}
    for name, entry in entries.items():
        _check(name, entry)
        crawler = _curated(name, entry)
        if crawler is None:
            continue
        known = found.setdefault(crawler.token.lower(), crawler)
        if not known.operator and crawler.operator:  # the same crawler a second time, in another case or with a version
            found[crawler.token.lower()] = replace(known, operator=crawler.operator)
    return Roll(tuple(found.values()))


def _check(name: str, entry: Any) -> None:
    if not NAME.fullmatch(name):
        raise Invalid(file=f"“{name[:80]}” cannot be the name of a crawler.")
    if not isinstance(entry, dict):
        raise Invalid(file=f"What is said of “{name}” is not an object.")
    for member in ("operator", "function"):
        if not isinstance(entry.get(member), str):
            raise Invalid(file=f"“{name}” has no text in “{member}”.")


def _curated(name: str, entry: dict[str, str]) -> Crawler | None:
    token = re.sub(
        r"[/ ]\d[\d.]*$", "", name
    )  # `iaskspider/2.0`: robots.txt knows no versions (RFC 9309, section 2.2.1)
    key = token.lower()
    if key in LEFT_OUT:
        return None
    what = entry["function"]
    by_words = next((purpose for pattern, purpose in FUNCTIONS if pattern.search(what)), Purpose.TRAINING)
    return Crawler(token, _operator(entry["operator"]), SETS.get(key, by_words), what, key not in USAGE_TOKENS)


def _operator(text: str) -> str:
    """The name alone: without a link around it, and without what the list tells of it."""
    if text.lower().startswith(("unclear", "unknown", "anyone", "http")):
        return ""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.split(r",? (?:that|used|to|who) |, an? | \(", plain)[0].strip()[:80]


@lru_cache(maxsize=1)
def shipped() -> Roll:
    """The list that came with this release."""
    return read((files("server.rights") / "vendor" / "ai.robots.txt" / "robots.json").read_text("utf-8"))


# -- in use here ---------------------------------------------------------------------------------------------------------
def in_use(settings: Settings) -> Roll:
    """The list of this house: what its administrator put there, else the one that came with the release."""
    file = settings.data_dir / KEPT
    try:
        found = file.stat()
    except FileNotFoundError:
        return shipped()
    return _kept(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _kept(file: Path, changed: int, size: int) -> Roll:
    """Read once for each state of the file. A damaged one is said once and not used: crawlers are turned away all the same."""
    try:
        return read(file.read_text("utf-8"))
    except (Invalid, OSError, UnicodeDecodeError) as wrong:
        reason = "; ".join(wrong.fields.values()) if isinstance(wrong, Invalid) else str(wrong)
        log.warning("crawlers.unreadable", extra={"file": str(file), "reason": reason})
        return shipped()


def switched_on(settings: Settings) -> frozenset[Purpose]:
    """The sets that this house turns away."""
    wanted = settings.rights
    switches = {
        Purpose.TRAINING: wanted.block_training,
        Purpose.ANSWERS: wanted.block_answers,
        Purpose.SEARCH: wanted.block_search,
    }
    return frozenset(purpose for purpose, is_on in switches.items() if is_on)


def blocked(settings: Settings) -> list[Crawler]:
    """Whom robots.txt names and the door turns away, in the order of the list. Usage tokens are among them (`matches`)."""
    sets = switched_on(settings)
    return [crawler for crawler in in_use(settings).crawlers if crawler.set in sets]


def update(settings: Settings, file: Path) -> Roll:
    """Take over a newer `robots.json` from a local file; it holds from now on, in every process.

    Raises Invalid for what is no such list, and OSError where it cannot be read or kept.
    """
    if file.stat().st_size > LARGEST:
        raise Invalid(file=f"{file.name} is larger than a list of crawlers can be ({LARGEST:,} bytes).")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise Invalid(file=f"{file.name} is no text in UTF-8.") from None
    roll = read(text)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    fresh = settings.data_dir / f"{KEPT}.{secrets.token_hex(8)}"
    try:
        with fresh.open("x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(settings.data_dir / KEPT)
    finally:
        fresh.unlink(missing_ok=True)
    return roll
