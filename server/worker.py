"""Claim → handler → done, retry or give up, per lane. Runs inside `serve`, or alone as `cartellino worker`.

The worker takes turns: one transaction writes down what became of the jobs that ended, and takes what is due in their places.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError

from server import claims, clock, jobs
from server.db import Session, is_crossing
from server.errors import Full, GiveUp, Problem, TryLater
from server.site import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Last:
    """What a handler leaves to be written by `work(tx, items)` in the very transaction that ends its job, for many jobs at once.

    Where that fails the job did not end: it comes back with its lease.
    """

    work: Callable[[Session, list[Any]], Awaitable[object]]
    item: object


Handler = Callable[[Site, Any], Awaitable[Last | None]]
Handlers = Mapping[type[jobs.Job], Handler]

# Seconds between two looks at the table when nobody in this process rang: another process may have enqueued.
IDLE = 1.0
RENEW = claims.LEASE.total_seconds() / 3
# So many jobs of a lane are claimed at once: the claim is one short transaction (G13).
MOST = 64
# Seconds that a job which ended waits for others to be written down with it, while many more are running.
GATHER = 0.01


class _Place:
    """Where a running job counts: a lane of one worker."""

    def __init__(self, lane: str, used: Counter[str], ring: Callable[[], None]) -> None:
        self.lane = lane
        self._used = used
        self._ring = ring
        used[lane] += 1

    def move(self, lane: str) -> bool:
        if self.is_full(lane):
            return False
        self._used[self.lane] -= 1
        self._used[lane] += 1
        self.lane = lane
        self._ring()
        return True

    def is_full(self, lane: str) -> bool:
        return self._used[lane] >= jobs.LANES[lane]

    def leave(self) -> None:
        self._used[self.lane] -= 1


_place: ContextVar[_Place | None] = ContextVar("place", default=None)


def step_aside(lane: str) -> bool:
    """The job that calls this waits for somebody slow: from now on it counts in `lane`, so that others may begin in its own.

    False where that lane is full, or where jobs are done one after the other.
    """
    place = _place.get()
    return place is not None and place.lane != lane and place.move(lane)


def is_full(lane: str) -> bool:
    """Whether nobody else may begin in `lane` of the worker that runs the job which asks; False outside of one."""
    place = _place.get()
    return place is not None and place.is_full(lane)


class Worker:
    """Runs the jobs of one process until it is stopped."""

    def __init__(self, site: Site, handlers: Handlers) -> None:
        self.site = site
        self.handlers = handlers
        self._bell = asyncio.Event()
        self._stopping = False
        # Until its end is written down a job counts as running, and its lease is renewed.
        self._running: dict[int, asyncio.Task[None]] = {}
        self._ended: list[_End] = []
        self._gathering: asyncio.TimerHandle | None = None
        self._used: Counter[str] = Counter()

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    async def run(self) -> None:
        """Work until `stop`; running jobs are given back unharmed then."""
        self.site.db.on_jobs = self.ring
        renewing = asyncio.create_task(self._renew())
        rung = False
        try:
            while not self._stopping:
                self._bell.clear()  # before looking: what rings while we look is not lost
                rung = await self._turn(rung)
                if not rung:
                    with suppress(TimeoutError):
                        rung = await asyncio.wait_for(self._bell.wait(), IDLE)
        finally:
            renewing.cancel()
            await self._put_down()

    def stop(self) -> None:
        """Claim nothing more; `run` returns soon."""
        self._stopping = True
        self._bell.set()

    async def _turn(self, rung: bool) -> bool:
        """Write down what ended and start what every lane has room for; True when there may be more to start at once."""
        ended = list(self._ended)
        room = {lane: width - self._used[lane] for lane, width in jobs.LANES.items() if width > self._used[lane]}
        try:
            # Nobody rang: looked at first, so that a house at rest writes nothing.
            if not ended and not rung and not await self._due(list(room)):
                return False
            claimed, more = await self._exchange(ended, room)
        except Exception:
            if ended:  # perhaps one of them cannot be written down; it spoils no other
                await self._write_alone(ended)
                return True
            log.exception("cannot claim jobs")  # the database is away; it may come back
            await asyncio.sleep(IDLE)
            return False
        for lane, job in claimed:
            place = _Place(lane, self._used, self.ring)
            self._running[job.id] = asyncio.create_task(self._run_one(job, place))
        return more

    async def _due(self, lanes: list[str]) -> list[str]:
        async with self.site.db.read() as tx:
            return await claims.due_lanes(tx, lanes) if lanes else []

    async def _exchange(
        self, ended: list["_End"], room: Mapping[str, int]
    ) -> tuple[list[tuple[str, claims.Claimed]], bool]:
        claimed: list[tuple[str, claims.Claimed]] = []
        more = False
        async with self.site.db.write() as tx:
            kept = await _write_down(tx, ended)
            for lane in await claims.due_lanes(tx, list(room)) if room else ():
                limit = min(room[lane], MOST)
                found = await claims.claim(tx, lane, limit)
                claimed += [(lane, job) for job in found]
                more = more or len(found) == limit < room[lane]
        self._let_go(ended, kept)
        return claimed, more

    async def _write_alone(self, ended: list["_End"]) -> None:
        for end in ended:
            kept = []
            try:
                async with self.site.db.write() as tx:
                    kept = await _write_down(tx, [end])
            except Exception:  # the lease ends and the job comes back
                log.exception("job left for later", extra={"job": end.claimed.id})
            self._let_go([end], kept)

    def _let_go(self, ended: list["_End"], kept: list[bool]) -> None:
        del self._ended[: len(ended)]
        for end in ended:
            self._running.pop(end.claimed.id, None)
        for end, again in zip(ended, kept, strict=False):
            end.say(again)

    async def _run_one(self, claimed: claims.Claimed, place: _Place) -> None:
        _place.set(place)  # seen by this task and by those that it starts
        try:
            self._ended.append(await _run(self.site, self.handlers, claimed))
        finally:
            place.leave()
        # Many ends cost little more than one. A few wait for others, but never for long.
        if 4 * len(self._ended) >= len(self._running):
            self._bell.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._bell.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            if self._running:
                try:
                    async with self.site.db.write() as tx:
                        await claims.renew(tx, list(self._running))
                except Exception:
                    log.exception("cannot renew leases")

    async def _put_down(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._write_alone(list(self._ended))
        if self._running:
            async with self.site.db.write() as tx:
                await claims.release(tx, list(self._running))


@dataclass(frozen=True)
class _End:
    """How a job ended: well, where `later` and `why` are None; else with what it raised."""

    claimed: claims.Claimed
    last: Last | None = None
    later: claims.Postponed | None = None
    why: str | None = None

    def say(self, again: bool) -> None:
        """The log's line about it, once it is written down; `again` says that the job comes back."""
        reason = self.later.reason if self.later is not None else self.why
        if reason is not None:
            facts = {**_facts(self.claimed), "reason": reason}
            log.log(
                logging.INFO if self.why is None else logging.WARNING,
                "job postponed" if again else "job given up",
                extra=facts,
            )


def _facts(claimed: claims.Claimed) -> dict[str, object]:
    return {"job": claimed.id, "kind": type(claimed.job).__name__, "attempt": claimed.attempts}


async def run_job(site: Site, handlers: Handlers, claimed: claims.Claimed) -> None:
    """Run one claimed job and write down what became of it."""
    end = await _run(site, handlers, claimed)
    async with site.db.write() as tx:
        [again] = await _write_down(tx, [end])
    end.say(again)


async def _run(site: Site, handlers: Handlers, claimed: claims.Claimed) -> _End:
    job = claimed.job
    try:
        if claimed.attempts > job.CRASHES:
            if job.ENDLESS:
                raise TryLater("It took the server down every time it ran.", clock.now() + job.SCHEDULE[-1])
            raise GiveUp("It took the server down every time it ran.")
        return _End(claimed, last=await handlers[type(job)](site, job))
    except (TryLater, Full) as later:  # a disk that is full today is no reason to give up
        at, other = getattr(later, "at", None), getattr(later, "job", None)
        return _End(claimed, later=claims.Postponed(claimed, str(later), at, other))
    except (Problem, GiveUp) as reason:
        return _End(claimed, why=str(reason))
    except DBAPIError as wrong:
        if not is_crossing(wrong):
            return _failed(claimed, wrong)
        return _End(claimed, later=claims.Postponed(claimed, "It crossed another job's way.", clock.now()))
    except Exception as wrong:
        return _failed(claimed, wrong)


def _failed(claimed: claims.Claimed, wrong: Exception) -> _End:
    log.error("job failed", exc_info=wrong, extra=_facts(claimed))
    return _End(claimed, later=claims.Postponed(claimed, f"{type(wrong).__name__}: {wrong}"))


async def _write_down(tx: Session, ends: list[_End]) -> list[bool]:
    """What became of many jobs, in one transaction: most ended well. False for those that were given up."""
    lasts: dict[Any, list[object]] = {}
    for end in ends:
        if end.last is not None:
            lasts.setdefault(end.last.work, []).append(end.last.item)
    for work, items in lasts.items():
        await work(tx, items)
    if well := [end.claimed.id for end in ends if end.later is None and end.why is None]:
        await claims.finish(tx, *well)
    postponed = [end.later for end in ends if end.later is not None]
    kept = iter(await claims.postpone(tx, *postponed))
    for end in ends:
        if end.why is not None:
            await claims.give_up(tx, end.claimed.id, end.why)
    return [end.why is None and (end.later is None or next(kept)) for end in ends]


async def drain(site: Site, handlers: Handlers, lanes: tuple[str, ...] = tuple(jobs.LANES)) -> int:
    """Run everything that is due now, one after the other, until nothing is; for tests and `cartellino post`."""
    done = 0
    while True:
        claimed: list[claims.Claimed] = []
        for lane in lanes:
            async with site.db.write() as tx:
                claimed += await claims.claim(tx, lane)
        if not claimed:
            return done
        for job in claimed:
            await run_job(site, handlers, job)
            done += 1
