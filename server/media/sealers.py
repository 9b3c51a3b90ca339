"""Which child seals: starting one takes longer than a dozen seals, so one stays at hand for the files of our own workshop.

A file that is sealed with the manifest of its upload brings a stranger's bytes along: such a picture gets a child of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from server.media.sealing import Sealer

IDLE_SECONDS = 30.0


class Sealers:
    """The sealers of one house. What is kept belongs to the event loop that uses it, and leaves by itself when idle."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self.idle_seconds = idle_seconds
        self._kept: Sealer | None = None
        self._users = 0
        self._leaving: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def take(self, *, alone: bool = False) -> AsyncIterator[Sealer]:
        """A sealer for the files of one picture: one of its own with `alone`, else the one that is kept. Its child starts with
        the first order."""
        if alone:
            async with Sealer() as own:
                yield own
            return
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        kept = self._kept = self._kept or Sealer()
        self._users += 1
        try:
            yield kept
        finally:
            self._users -= 1
            if not self._users and self._kept is kept:
                self._leaving = asyncio.create_task(self._leave())

    async def close(self) -> None:
        """Send the kept one away."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.close()

    async def _leave(self) -> None:
        await asyncio.sleep(self.idle_seconds)
        self._leaving = None
        await self.close()
