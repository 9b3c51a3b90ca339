"""Claim → handler → done, retry or give up, per lane. Runs inside `serve`, or alone as `cartellino worker`."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server import clock, jobs
from server.db import Session
from server.errors import Full, GiveUp, Problem, TryLater
from server.site import Site

log = logging.getLogger(__name__)

Handler = Callable[[Site, Any], Awaitable[None]]
Handlers = Mapping[type[jobs.Job], Handler]

# Seconds between two looks at the table when nobody in this process rang: another process may have enqueued.
IDLE = 1.0
RENEW = jobs.LEASE.total_seconds() / 3
# So many jobs of a lane are claimed at once: the claim is one short transaction (G13).
MOST = 64


class _Place:
    """Where a running job counts: a lane of one worker."""

    def __init__(self, lane: str, used: Counter[str], ring: Callable[[], None]) -> None:
        self.lane = lane
        self._used = used
        self._ring = ring
        used[lane] += 1

    def move(self, lane: str) -> bool:
        if self._used[lane] >= jobs.LANES[lane]:
            return False
        self._used[self.lane] -= 1
        self._used[lane] += 1
        self.lane = lane
        self._ring()
        return True

    def leave(self) -> None:
        self._used[self.lane] -= 1


_place: ContextVar[_Place | None] = ContextVar("place", default=None)


def step_aside(lane: str) -> bool:
    """The job that calls this waits for somebody slow: from now on it counts in `lane`, so that others may begin in its own.

    False where that lane is full, or where jobs are done one after the other.
    """
    place = _place.get()
    return place is not None and place.lane != lane and place.move(lane)


class Worker:
    """Runs the jobs of one process until it is stopped."""

    def __init__(self, site: Site, handlers: Handlers) -> None:
        self.site = site
        self.handlers = handlers
        self._bell = asyncio.Event()
        self._stopping = False
        self._running: dict[int, asyncio.Task[None]] = {}
        self._used: Counter[str] = Counter()

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    async def run(self) -> None:
        """Work until `stop`; running jobs are given back unharmed then."""
        self.site.db.on_jobs = self.ring
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                self._bell.clear()  # before looking: what rings while we look is not lost
                if not await self._fill():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._bell.wait(), IDLE)
        finally:
            renewing.cancel()
            await self._put_down()

    def stop(self) -> None:
        """Claim nothing more; `run` returns soon."""
        self._stopping = True
        self._bell.set()

    async def _fill(self) -> bool:
        """Start what every lane has room for; True when there may be more to start at once."""
        room = {lane: width - self._used[lane] for lane, width in jobs.LANES.items() if width > self._used[lane]}
        more = False
        try:
            # Looked at first, so that a house at rest writes nothing.
            async with self.site.db.read() as tx:
                lanes = await jobs.due_lanes(tx, list(room)) if room else []
            if not lanes:
                return False
            claimed: list[tuple[str, jobs.Claimed]] = []
            async with self.site.db.write() as tx:
                for lane in lanes:
                    limit = min(room[lane], MOST)
                    found = await jobs.claim(tx, lane, limit)
                    claimed += [(lane, job) for job in found]
                    more = more or len(found) == limit < room[lane]
        except Exception:  # the database is away; it may come back
            log.exception("cannot claim jobs")
            await asyncio.sleep(IDLE)
            return False
        for lane, job in claimed:
            place = _Place(lane, self._used, self.ring)
            self._running[job.id] = asyncio.create_task(self._run_one(job, place))
        return more

    async def _run_one(self, claimed: jobs.Claimed, place: _Place) -> None:
        _place.set(place)  # seen by this task and by those that it starts
        try:
            await run_job(self.site, self.handlers, claimed)
        except Exception:  # even the bookkeeping failed: the lease ends and the job comes back
            log.exception("job left for later", extra={"job": claimed.id})
        finally:
            self._running.pop(claimed.id, None)
            place.leave()
            self._bell.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            if self._running:
                try:
                    async with self.site.db.write() as tx:
                        await jobs.renew(tx, list(self._running))
                except Exception:
                    log.exception("cannot renew leases")

    async def _put_down(self) -> None:
        running = dict(self._running)
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        if running:
            async with self.site.db.write() as tx:
                await jobs.release(tx, list(running))


@dataclass(frozen=True)
class _End:
    """How a job ended: well, where `later` and `why` are None; else with what it raised."""

    claimed: jobs.Claimed
    later: str | None = None
    at: datetime | None = None
    job: jobs.Job | None = None
    why: str | None = None


async def run_job(site: Site, handlers: Handlers, claimed: jobs.Claimed) -> None:
    """Run one claimed job and write down what became of it."""
    job = claimed.job
    facts = {"job": claimed.id, "kind": type(job).__name__, "attempt": claimed.attempts}
    try:
        if claimed.attempts > job.CRASHES:
            if job.ENDLESS:
                raise TryLater("It took the server down every time it ran.", clock.now() + job.SCHEDULE[-1])
            raise GiveUp("It took the server down every time it ran.")
        await handlers[type(job)](site, job)
    except (TryLater, Full) as later:  # a disk that is full today is no reason to give up
        at, other = getattr(later, "at", None), getattr(later, "job", None)
        again = await site.db.together(_write_down, _End(claimed, later=str(later), at=at, job=other))
        log.info("job postponed" if again else "job given up", extra={**facts, "reason": str(later)})
    except (Problem, GiveUp) as reason:
        await site.db.together(_write_down, _End(claimed, why=str(reason)))
        log.warning("job given up", extra={**facts, "reason": str(reason)})
    except Exception as wrong:
        log.exception("job failed", extra=facts)
        await site.db.together(_write_down, _End(claimed, later=f"{type(wrong).__name__}: {wrong}"))
    else:
        await site.db.together(_write_down, _End(claimed))


async def _write_down(tx: Session, ends: list[_End]) -> list[bool]:
    """What became of many jobs, in one transaction: most ended well. False for those that were given up."""
    if well := [end.claimed.id for end in ends if end.later is None and end.why is None]:
        await jobs.finish(tx, *well)
    kept = []
    for end in ends:
        again = True
        if end.later is not None:
            again = await jobs.postpone(tx, end.claimed, end.later, end.at, end.job)
        elif end.why is not None:
            again = False
            await jobs.give_up(tx, end.claimed.id, end.why)
        kept.append(again)
    return kept


async def drain(site: Site, handlers: Handlers, lanes: tuple[str, ...] = tuple(jobs.LANES)) -> int:
    """Run everything that is due now, one after the other, until nothing is; for tests and `cartellino post`."""
    done = 0
    while True:
        claimed: list[jobs.Claimed] = []
        for lane in lanes:
            async with site.db.write() as tx:
                claimed += await jobs.claim(tx, lane)
        if not claimed:
            return done
        for job in claimed:
            await run_job(site, handlers, job)
            done += 1
