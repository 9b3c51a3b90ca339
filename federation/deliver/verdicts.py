"""What an answer to a delivery means."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NamedTuple

from federation import policy
from server import text
from server.site import Reply

# Statuses that speak of the whole server; 520 to 530 are those of a well-known proxy in front of one.
AWAY = frozenset({301, 302, 303, 307, 308, 408, 425, 429, 502, 503, 504, 507, *range(520, 531)})


class Kind(StrEnum):
    """DONE and REFUSED settle a delivery; AGAIN concerns it alone, AWAY the whole host."""

    DONE = "done"
    REFUSED = "refused"
    AGAIN = "again"
    AWAY = "away"


class Verdict(NamedTuple):
    """What follows from an answer; `wait` is what its Retry-After asks for."""

    kind: Kind
    reason: str = ""
    wait: timedelta | None = None


def verdict(reply: Reply, now: datetime) -> Verdict:
    """What an answer to a delivery means (security.md C3). Pure.

    Permanent is every 4xx but those that speak of time (408, 425, 429); 5xx and redirects, which are never followed, are not.
    """
    status = reply.status
    if 200 <= status < 300:
        return Verdict(Kind.DONE)
    # What nobody types is left out: PostgreSQL keeps no NUL, and a failure that cannot be written down never ends.
    words = text.line(reply.body[:300].decode("utf-8", "replace"))
    reason = f"It answered {status}" + (f": {words}" if words and not words.startswith("<") else ".")
    if status in AWAY:
        return Verdict(Kind.AWAY, reason, retry_after(reply.headers.get("Retry-After", ""), now))
    if status >= 500:
        return Verdict(Kind.AGAIN, reason, retry_after(reply.headers.get("Retry-After", ""), now))
    return Verdict(Kind.REFUSED, reason)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """The time that a Retry-After header asks for (RFC 9110, 10.2.3), at most a day; None where it says nothing of use."""
    value = value.strip()
    try:
        if value.isascii() and value.isdigit():
            wait = timedelta(seconds=min(int(value[:9]), 10**9))
        else:
            at = parsedate_to_datetime(value)
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, policy.LONGEST) if wait > timedelta(0) else None
