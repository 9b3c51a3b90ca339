"""The one clock. Everything that asks the time asks here, so that tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Source = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


_source: Source = _system


def now() -> datetime:
    """The current time, aware, in UTC."""
    return _source()


def after(**parts: float) -> datetime:
    """The time that lies the given `timedelta` parts (`minutes=5`) in the future."""
    return now() + timedelta(**parts)


def set_source(source: Source | None) -> None:
    """Let tests decide what time it is; `None` gives the system's clock back."""
    global _source
    _source = source or _system
