"""What lies in the database of a house in another process: read from outside, while it runs or after it was killed."""

import asyncio
import time
from typing import Any

from sqlalchemy import func, select, text

from server import clock
from server.db import Database
from server.models import Job, Received, ReceivedState


class Books:
    """One database, by its address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, *queries: Any) -> list[list[Any]]:
        """The rows of each query, all read in one transaction."""

        async def look() -> list[list[Any]]:
            db = Database(self.url)
            try:
                async with db.read() as tx:
                    return [list((await tx.execute(query)).all()) for query in queries]
            finally:
                await db.close()

        return asyncio.run(look())

    def count(self, model: Any, *conditions: Any) -> int:
        return int(self.ask(select(func.count()).select_from(model).where(*conditions))[0][0][0])

    def wait(self, seconds: float = 60) -> None:
        """Until nothing that was received waits any more."""
        until = time.monotonic() + seconds
        while waiting := self.count(Received, Received.state == ReceivedState.WAITING):
            assert time.monotonic() < until, f"{waiting} activities wait"
            time.sleep(0.2)

    def rest(self, seconds: float = 60) -> None:
        """Until nothing is left to do that is due, the AVIF sizes aside, which nobody waits for."""
        until = time.monotonic() + seconds
        while self.count(Job, Job.failed_at.is_(None), Job.due_at <= clock.now(), Job.lane != "idle"):
            assert time.monotonic() < until, "the house does not come to rest"
            time.sleep(0.2)

    def is_sound(self) -> None:
        """What the database itself says of its files."""
        if self.url.startswith("sqlite"):
            assert self.ask(text("PRAGMA integrity_check"), text("PRAGMA foreign_key_check")) == [[("ok",)], []]
