"""Claim → handler → done, retry or give up, per lane. Runs inside `serve`, or alone as `cartellino worker`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from server import jobs
from server.errors import Full, GiveUp, Problem, TryLater
from server.site import Site

log = logging.getLogger(__name__)

Handler = Callable[[Site, Any], Awaitable[None]]
Handlers = Mapping[type[jobs.Job], Handler]

# Seconds between two looks at the table when nobody in this process rang: another process may have enqueued.
IDLE = 1.0
RENEW = jobs.LEASE.total_seconds() / 3


class Worker:
    """Runs the jobs of one process until it is stopped."""

    def __init__(self, site: Site, handlers: Handlers) -> None:
        self.site = site
        self.handlers = handlers
        self._bell = asyncio.Event()
        self._stopping = False
        self._running: dict[int, asyncio.Task[None]] = {}

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
                    await _first(self._bell.wait(), *self._running.values(), timeout=IDLE)
        finally:
            renewing.cancel()
            await self._put_down()

    def stop(self) -> None:
        """Claim nothing more; `run` returns soon."""
        self._stopping = True
        self._bell.set()

    async def _fill(self) -> bool:
        """Start what every lane has room for; True when something was started."""
        started = False
        for lane, width in jobs.LANES.items():
            lane_running = sum(task.get_name() == lane for task in self._running.values())
            if lane_running >= width:
                continue
            try:
                async with self.site.db.write() as tx:
                    claimed = await jobs.claim(tx, lane, limit=width - lane_running)
            except Exception:  # the database is away; it may come back
                log.exception("cannot claim jobs", extra={"lane": lane})
                await asyncio.sleep(IDLE)
                return False
            for job in claimed:
                task = asyncio.create_task(self._run_one(job), name=lane)
                self._running[job.id] = task
                started = True
        return started

    async def _run_one(self, claimed: jobs.Claimed) -> None:
        try:
            await run_job(self.site, self.handlers, claimed)
        except Exception:  # even the bookkeeping failed: the lease ends and the job comes back
            log.exception("job left for later", extra={"job": claimed.id})
        finally:
            self._running.pop(claimed.id, None)
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


async def run_job(site: Site, handlers: Handlers, claimed: jobs.Claimed) -> None:
    """Run one claimed job and write down what became of it."""
    job = claimed.job
    facts = {"job": claimed.id, "kind": type(job).__name__, "attempt": claimed.attempts}
    try:
        if claimed.attempts > 2 * len(jobs.SCHEDULE):
            raise GiveUp("It took the server down every time it ran.")
        await handlers[type(job)](site, job)
    except (TryLater, Full) as later:  # a disk that is full today is no reason to give up
        async with site.db.write() as tx:
            again = await jobs.postpone(tx, claimed, str(later), getattr(later, "at", None))
        log.info("job postponed" if again else "job given up", extra={**facts, "reason": str(later)})
    except (Problem, GiveUp) as reason:
        async with site.db.write() as tx:
            await jobs.give_up(tx, claimed.id, str(reason))
        log.warning("job given up", extra={**facts, "reason": str(reason)})
    except Exception as wrong:
        log.exception("job failed", extra=facts)
        async with site.db.write() as tx:
            await jobs.postpone(tx, claimed, f"{type(wrong).__name__}: {wrong}")
    else:
        async with site.db.write() as tx:
            await jobs.finish(tx, claimed.id)


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


async def _first(*things: Awaitable[Any], timeout: float) -> None:
    """Wait until one of `things` is done, or until the time is over."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    tasks[0].cancel()  # the bell; the others are the jobs themselves
