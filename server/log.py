"""One voice in the log: an event and its facts, for people or as JSON lines. Nothing personal, never a body or a token."""

import json
import logging
import sys
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    if request := request_id.get():
        facts["request"] = request
    return facts


class _People(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={value}" for key, value in _facts(record).items())
        line = f"{record.levelname.lower():7} {record.getMessage()}" + (f"  {facts}" if facts else "")
        # A line break in a fact would let a stranger write a second, forged line; other controls speak to the terminal.
        line = _printable(line)
        if record.exc_info:
            # What an exception says may hold line breaks too: its lines are indented, so that none looks like an event.
            steps = self.formatException(record.exc_info).split("\n")
            line += "".join(f"\n    {_printable(step)}" for step in steps)
        return line


def _printable(line: str) -> str:
    """The line with everything spelled out that is no plain character: controls, line separators, halves of pairs."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def setup(*, json_lines: bool, level: str = "INFO") -> None:
    """Send the log to stderr, as text for people or as one JSON object per line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if json_lines else _People())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("hypercorn.access", "hypercorn.error", "aiosqlite", "asyncio", "PIL", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
