"""Bytes → JSON, strictly: what parsers read in two ways, or cannot read at all, is refused (security.md rows 91 and 92)."""

import json
import re
from typing import Any

from federation.parse.shapes import BadDocument
from federation.vocabulary import Json

# security.md, table D: keys in one object (an outbox page of a photographer's twenty posts has more than 2,000 in all), items in
# all lists together.
MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_KEYS = 2_000
MAX_ITEMS = 10_000
MAX_STRING = 100_000
MAX_DIGITS = 19
# Objects and lists in one document: several times what MAX_ITEMS lets through, refused before anything is made of it.
MAX_PARTS = 50_000
MAX_INTEGER = 2**63 - 1

# NUL, which PostgreSQL cannot keep, and halves of surrogate pairs, which no encoding can.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
# How they are spelled: JSON allows NUL in no other way, UTF-8 no half of a pair. A whole pair looks the same here.
_SPELLED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
# Strings are cut out first: brackets inside them open nothing. One that never ends reaches to the end: a pattern that could fail
# there would begin anew at each of its quotes, which takes minutes for a body of this size (row 93).
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


def load(body: bytes) -> Json:
    """The JSON object in `body`. NUL and lone surrogates are taken out of its strings.

    Raises BadDocument for everything that is no object, and for what exceeds the limits of security.md, table D.
    """
    if len(body) > MAX_BYTES:
        raise BadDocument("The document is too large.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise BadDocument("The document is not UTF-8.") from wrong
    # Most documents are so short, or have so few brackets, that they cannot exceed a limit: then nothing is counted. To look at
    # every string and every bracket takes four times as long as to parse them.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError) as wrong:
        raise BadDocument("The document is not JSON.") from wrong
    if not isinstance(found, dict):
        raise BadDocument("The document is no JSON object.")
    # An item has at least one character and a comma or a bracket; no string is longer than the whole.
    if len(text) > min(2 * MAX_ITEMS, MAX_STRING) or _SPELLED.search(text):
        return _Cleaner().object(found)
    return found


def _check_depth(text: str) -> None:
    """Refuse what is nested deeper than MAX_DEPTH, or has too many parts, before a recursive parser sees it."""
    bare = _STRINGS.sub("", text)
    if bare.count("[") + bare.count("{") > MAX_PARTS:
        raise BadDocument("The document has too many items.")
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadDocument("The document is nested too deep.")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    if len(pairs) > MAX_KEYS:
        raise BadDocument("The document has too many keys.")
    made = dict(pairs)
    if len(made) < len(pairs):
        # Two parsers that take different ones of the two would read different documents.
        raise BadDocument("The document has the same key twice.")
    return made


class _Cleaner:
    """Takes out of every string what cannot be kept, and counts what one document may have of everything."""

    def __init__(self) -> None:
        self.items = 0

    def object(self, value: Json) -> Json:
        made = {_string(key): self.clean(inner) for key, inner in value.items()}
        if len(made) < len(value):  # two keys that differ in nothing that is kept
            raise BadDocument("The document has the same key twice.")
        return made

    def clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            self.items += len(value)
            if self.items > MAX_ITEMS:
                raise BadDocument("The document has too many items.")
            return [self.clean(inner) for inner in value]
        if isinstance(value, str):
            return _string(value)
        return value


def _string(text: str) -> str:
    if len(text) > MAX_STRING:
        raise BadDocument("The document holds a string that is too long.")
    return _UNKEEPABLE.sub("", text)


def _integer(digits: str) -> int:
    number = int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else MAX_INTEGER + 1
    if abs(number) > MAX_INTEGER:
        raise BadDocument("The document holds a number that is too large.")
    return number


def _number(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise BadDocument("The document holds a number that is too large.")
    return number


def _constant(word: str) -> Any:
    raise BadDocument(f"{word} is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
