"""Small values as servers are known to write them: one or many, a string or an object, a text or a list of texts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from federation.vocabulary import AS2, PUBLIC, Json
from server import clock, origins
from server.errors import GiveUp

# How Public is spelled (federation.md 8).
PUBLIC_NAMES = frozenset({PUBLIC, "as:Public", "Public"})
NAMESPACE = f"{AS2}#"
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class BadDocument(GiveUp):
    """A document that cannot be believed; `str(wrong)` says why, safe to send back to whoever sent it."""


def many(value: Any) -> list[Any]:
    """A list of what is there: one thing alone is a list of it."""
    return value if isinstance(value, list) else [] if value is None else [value]


def words(value: Any) -> str:
    """A text, or the first of several."""
    return next((one for one in many(value) if isinstance(one, str)), "")


def uri(value: Any) -> str:
    """The address that a value names: itself, its `id`, or the `href` of a Link; in its one spelling, "" where there is none."""
    found = value
    if isinstance(value, list):
        found = value[0] if len(value) == 1 else None
    if isinstance(found, dict):
        found = found.get("id") or found.get("href") or found.get("@id")
    return address(found)


def address(value: Any) -> str:
    """An http or https address in its one spelling, "" for everything else (security.md rows 33, 81, 107)."""
    if not isinstance(value, str):
        return ""
    try:
        return origins.canonical(value)
    except GiveUp:
        return ""


def uris(value: Any, most: int) -> tuple[str, ...]:
    """Addresses of a list, each once, Public in its full spelling; more than `most` are not believed (row 98)."""
    listed = many(value)
    if len(listed) > most:
        raise BadDocument(f"More than {most} are addressed or named.")
    found = (PUBLIC if isinstance(one, str) and one in PUBLIC_NAMES else uri(one) for one in listed)
    return tuple(dict.fromkeys(one for one in found if one))


def addressed(document: Json, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`to` and `cc`; raises BadDocument for more than `most` in both."""
    to, cc = uris(document.get("to"), most), uris(document.get("cc"), most)
    if len({*to, *cc}) > most:
        raise BadDocument(f"More than {most} are addressed or named.")
    return to, cc


def kinds(document: Json) -> list[str]:
    """All types, in their order."""
    return [
        one.removeprefix(NAMESPACE).removeprefix("as:") for one in many(document.get("type")) if isinstance(one, str)
    ]


def same_origin(one: str, other: str) -> bool:
    """Whether the same server answers for both addresses."""
    try:
        return bool(one) and bool(other) and origins.origin(one) == origins.origin(other)
    except GiveUp:
        return False


def moment(value: Any) -> datetime | None:
    """A time in any of the forms of RFC 3339 that are met; without a zone it is UTC. None for anything else.

    Somebody may date a picture long back: then it is of the first day that every clock knows. A year such as 0001 is no date, but
    how some write that they have none.
    """
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        at = datetime.fromisoformat(value.strip().upper().replace("Z", "+00:00"))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return max(at, FIRST) if at.year >= 1000 else None


def past(value: Any) -> datetime | None:
    """A moment that is not in the future: what is, is now."""
    at = moment(value)
    return min(at, clock.now()) if at else None


def links(value: Any) -> Iterator[tuple[str, str]]:
    """The addresses of a `url`, each with its media type: strings, Links, and lists of both."""
    for one in many(value):
        if isinstance(one, str) and (found := address(one)):
            yield found, ""
        elif isinstance(one, dict) and (found := address(one.get("href") or one.get("url"))):
            yield found, words(one.get("mediaType")).split(";")[0].strip().lower()


def whole(value: Any, most: int) -> int:
    """A number of pixels between 1 and `most`, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else 0
