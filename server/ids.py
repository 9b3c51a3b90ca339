"""Ids: 63-bit integers that sort by time, so that the newest first is the greatest first and a page is `id < last`.

Milliseconds since 2026-01-01 in the upper bits, 22 bits of randomness below: several processes may make ids at once without
asking each other. Within one process ids never go backwards, even when the clock does.
"""

import secrets
from datetime import UTC, datetime
from threading import Lock

from server import clock

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
RANDOM_BITS = 22

_last = 0
_lock = Lock()


def at(moment: datetime) -> int:
    """The smallest id of that moment; for "everything since" queries and for works that keep their original date."""
    return max(0, int((moment - EPOCH).total_seconds() * 1000)) << RANDOM_BITS


def new() -> int:
    """A fresh id, greater than every id this process made before."""
    global _last
    candidate = at(clock.now()) | secrets.randbits(RANDOM_BITS)
    with _lock:
        _last = candidate if candidate > _last else _last + 1
        return _last


def parse(text: str) -> int | None:
    """The id in `text`, or None where it is no id of ours (not decimal, or beyond 63 bits)."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if value < 2**63 else None
