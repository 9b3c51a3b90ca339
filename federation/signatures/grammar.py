"""What draft-cavage headers look like: tolerant of what is met in the wild, strict about what it means.

Tolerated: spaces around commas and equals signs, values without quotes, parameter names in any case. Refused: the same parameter
twice, whatever its case (security.md row 10), and everything that is not a list of parameters to its very end.
"""

import binascii
import re
from datetime import UTC, datetime
from functools import lru_cache

from federation.signatures.refusal import MALFORMED, BadSignature

LONGEST = 8192  # characters of a header that is parsed at all

_PARAMETER = re.compile(
    r"""[ \t]*(?P<name>[A-Za-z][A-Za-z0-9_-]*)[ \t]*=[ \t]*
        (?:"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"|(?P<bare>[^\s",=\\]+))[ \t]*(?P<more>,|\Z)""",
    re.VERBOSE,
)
# How Mastodon and most others write it; for these the quotes alone tell the parts.
_USUAL = ["keyId=", ",algorithm=", ",headers=", ",signature=", ""]
_USUAL_NAMES = ("keyid", "algorithm", "headers", "signature")
_ESCAPED = re.compile(r"\\(.)")
_IMF = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_RFC850 = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_ASCTIME = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH = {name: number for number, name in enumerate(MONTHS, 1)}


def parameters(header: str) -> dict[str, str]:
    """The parameters of a draft-cavage `Signature` header, names in lower case. Raises BadSignature (400)."""
    if len(header) > LONGEST:
        raise BadSignature(MALFORMED, "The Signature header is too long.")
    pieces = header.split('"')
    if pieces[::2] == _USUAL and "\\" not in header:
        return dict(zip(_USUAL_NAMES, pieces[1::2], strict=True))
    found: dict[str, str] = {}
    place, more = 0, ","
    while more:
        part = _PARAMETER.match(header, place)
        if part is None:
            raise BadSignature(MALFORMED, "The Signature header is not a list of parameters.")
        name, quoted, bare, more = part.groups()
        name = name.lower()
        if name in found:
            raise BadSignature(MALFORMED, f"The Signature header has the parameter {name} twice.")
        if quoted is not None and "\\" in quoted:
            quoted = _ESCAPED.sub(r"\1", quoted)
        found[name] = bare if quoted is None else quoted
        place = part.end()
    return found


def base64(text: str, what: str) -> bytes:
    """The bytes behind strict base64: complete padding, no foreign characters. Raises BadSignature (400) naming `what`."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as wrong:  # binascii.Error is one; so is a character beyond ASCII
        raise BadSignature(MALFORMED, f"{what} is not base64.") from wrong


def seconds(text: str, what: str) -> datetime:
    """The moment that a count of seconds since 1970 names. Raises BadSignature (400)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadSignature(MALFORMED, f"{what} is not a number of seconds.")
    return moment(int(text), what)


def moment(count: int, what: str) -> datetime:
    """The same for a number; one beyond the calendar raises BadSignature (400)."""
    try:
        return datetime.fromtimestamp(count, UTC)
    except (ValueError, OverflowError, OSError) as wrong:
        raise BadSignature(MALFORMED, f"{what} lies outside the calendar.") from wrong


def date(text: str, now: datetime) -> datetime:
    """An HTTP date in any of the three forms of RFC 9110, 5.6.7, read without asking the locale.

    `now` tells the century of the form with two digits for the year. Raises BadSignature (400).
    """
    if (at := _imf(text)) is not None:
        return at
    if found := _RFC850.fullmatch(text):
        day, month, short, hour, minute, second = found.groups()
        full = now.year - now.year % 100 + int(short)
        # RFC 9110: more than 50 years ahead means the century before.
        year = str(full - 100 if full > now.year + 50 else full)
    elif found := _ASCTIME.fullmatch(text):
        month, day, hour, minute, second, year = found.groups()
    else:
        raise BadSignature(MALFORMED, "The Date header is not a date.")
    return _moment(year, month, day, hour, minute, second)


@lru_cache(128)
def _imf(text: str) -> datetime | None:
    """A date in the form of today; None for the two old ones. Of the requests of one second, the first is read."""
    found = _IMF.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    return _moment(year, month, day, hour, minute, second)


def _moment(year: str, month: str, day: str, hour: str, minute: str, second: str) -> datetime:
    try:
        # A leap second is written :60, which the calendar does not know.
        return datetime(int(year), _MONTH[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except (ValueError, KeyError) as wrong:
        raise BadSignature(MALFORMED, "The Date header is not a date.") from wrong


def http_date(at: datetime) -> str:
    """`at` as `Date` header (IMF-fixdate), independent of the locale."""
    at = at.astimezone(UTC)
    return f"{DAYS[at.weekday()]}, {at.day:02} {MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"
