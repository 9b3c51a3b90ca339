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
MAX_INTEGER = 2**63 - 1

# NUL, which PostgreSQL cannot keep, and halves of surrogate pairs, which no encoding can.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
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
    _check_depth(text)
    budget = _Budget()
    try:
        found = json.loads(
            text,
            object_pairs_hook=budget.object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError) as wrong:
        raise BadDocument("The document is not JSON.") from wrong
    if not isinstance(found, dict):
        raise BadDocument("The document is no JSON object.")
    budget.count_items(found)
    return found


def _check_depth(text: str) -> None:
    """Refuse what is nested deeper than MAX_DEPTH before a recursive parser sees it."""
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", _STRINGS.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadDocument("The document is nested too deep.")


class _Budget:
    """Counts what one document may have of everything."""

    def __init__(self) -> None:
        self.items = 0

    def object(self, pairs: list[tuple[str, Any]]) -> Json:
        if len(pairs) > MAX_KEYS:
            raise BadDocument("The document has too many keys.")
        made = {_string(key): value for key, value in pairs}
        if len(made) < len(pairs):
            # Two parsers that take different ones of the two would read different documents.
            raise BadDocument("The document has the same key twice.")
        return made

    def count_items(self, value: Any) -> Any:
        """Clean every string below `value` and count its lists."""
        if isinstance(value, dict):
            for key in value:
                value[key] = self.count_items(value[key])
        elif isinstance(value, list):
            self.items += len(value)
            if self.items > MAX_ITEMS:
                raise BadDocument("The document has too many items.")
            value[:] = [self.count_items(inner) for inner in value]
        elif isinstance(value, str):
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
