"""Sending: one job works through everything that waits for one host. Read top to bottom.

Promises (security.md C2): the bytes of an activity never change, only Date and signature are fresh (P5); what one author says to
one host goes in order, one after the other (P6); a host may be away for 14 days (P7); a slow one costs nobody else more than a
place (P8).

What goes wrong is one of two things. Either the host as a whole is AWAY (network, TLS, time, 408, 425, 429, 502 to 504, a
redirect): then nothing of its queue is tried until it is back. Or it cannot digest this one activity at the moment (500 and the
like): then that activity comes AGAIN by a schedule of its own, and its author's next ones wait behind it, so that no Update
overtakes its Create. After POISON such answers it steps aside: whatever is about something else goes ahead, while it is tried on
until its 14 days are over.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, or_, select, update

from federation import policy
from federation.deliver import desk, outcomes, queue
from federation.deliver.outcomes import Outcome
from federation.deliver.queue import PER_AUTHOR, POISON, Queue, Waiting, turns
from federation.deliver.verdicts import Kind, Verdict, verdict
from federation.senders import Sender, sender
from federation.signatures import sign_cavage, sign_rfc9421
from federation.vocabulary import ACTIVITY_JSON
from server import clock, hosts, jobs, origins, worker
from server.errors import GiveUp, TryLater
from server.models import Actor, Follow
from server.site import Reply, Site

log = logging.getLogger(__name__)

# At most so many requests to one host at a time (decision 24).
PARALLEL = 2
# Seconds after which a job stops counting in the lane of the living; and after which it gives up its place among the slow when
# others wait for one. So however many hosts are dead, the others are asked (P8).
PATIENCE, FAIR = 0.5, 2
# A host that answered within this time is not written down as alive once more.
ALIVE = timedelta(minutes=10)
HEADERS = {
    "Content-Type": ACTIVITY_JSON,
    "Accept": f'{ACTIVITY_JSON}, application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
}


class _Run:
    """One pass over a host's queue: stopped by the first sign that the host is away."""

    def __init__(self, site: Site, queue: Queue) -> None:
        self.site = site
        self.queue = queue
        self.rests_until: datetime | None = None
        self.reason = ""
        self.due: datetime | None = None
        self.settled = 0
        self.away = False
        host = queue.host
        self.families = policy.families(host)
        # Whether the host's row says already that it is well.
        self.well = bool(host and not host.failures and host.answered_at and host.answered_at > clock.now() - ALIVE)

    def is_over(self) -> bool:
        """Whether there was a sign that nothing more should be sent."""
        return self.away or self.rests_until is not None

    def later(self, at: datetime) -> None:
        self.due = min(self.due, at) if self.due else at


async def deliver(site: Site, job: jobs.Deliver) -> worker.Last | None:
    """Send what waits for `job.host`. Ends when nothing waits; raises TryLater with the time of the next attempt.

    What is returned is still to be written down, with the end of the job: most jobs are one delivery that is taken.
    """
    found = await site.db.together(queue.load, job.host, reading=True)
    if not found.rows:
        return None
    if found.suspended:
        return worker.Last(outcomes.forget, job.host)
    policy.check_awake(found.host)
    run = _Run(site, found)
    authors: dict[int, list[Waiting]] = {}
    for row in found.rows:
        authors.setdefault(row.actor_id, []).append(row)
    chains: list[list[Waiting]] = []
    now = clock.now()
    for rows in authors.values():
        ready, due = turns(rows, now)
        if due:
            run.later(due)
        if ready:
            chains.append(ready)
    # Whoever named a person goes before those who speak to the crowd.
    chains.sort(key=lambda rows: (not rows[0].first, rows[0].id))
    # Where it was away one asks whether it is back, and the others follow.
    parallel = 1 if found.host and found.host.failures else PARALLEL
    if len(chains) == 1 and len(chains[0]) == 1 and run.due is None:  # nearly always
        return await _only(run, job, chains[0][0])
    waiting = iter(chains)
    await asyncio.gather(*(_lane(run, waiting) for _ in range(min(parallel, len(chains)))))
    _conclude(run, job, full=any(len(rows) >= PER_AUTHOR for rows in authors.values()))
    return None


async def _only(run: _Run, job: jobs.Deliver, row: Waiting) -> worker.Last | None:
    """The one delivery of a job. That it was taken decides nothing more here, so that it need not be on the disk first."""
    outcome = await _attempt(run, row)
    if outcome.verdict.kind is Kind.DONE:
        return worker.Last(outcomes.write_down, outcome)
    await _follow(run, row, outcome, set())
    _conclude(run, job, full=False)
    return None


async def _lane(run: _Run, chains: Iterator[list[Waiting]]) -> None:
    for chain in chains:
        await _chain(run, chain)


async def _chain(run: _Run, rows: Sequence[Waiting]) -> None:
    """One author's deliveries, one after the other: the next one begins when the last one's outcome is on the disk."""
    held: set[str] = set()
    for row in rows:
        if run.is_over():
            return
        if row.about in held:
            continue
        if not await _follow(run, row, await _attempt(run, row), held):
            return


async def _follow(run: _Run, row: Waiting, outcome: Outcome, held: set[str]) -> bool:
    """Write an outcome down and do what follows from it; False where nothing more of this author goes now."""
    kind, reason, _ = outcome.verdict
    if kind is Kind.AWAY:
        if run.is_over():
            return False  # its neighbour found out first; one failure is one failure
        run.away = True
    until = await run.site.db.together(outcomes.write_down, outcome)
    if until is not None and until.rests:
        run.rests_until, run.reason = until.at, reason
        return False
    if kind is Kind.AGAIN:
        if until is not None:
            run.later(until.at)
        if row.attempts + 1 < POISON:
            return False
        held.add(row.about)
    else:
        run.settled += 1
    if outcome.gone:
        await _farewell(run.site, row)
    return True


def _conclude(run: _Run, job: jobs.Deliver, *, full: bool) -> None:
    if run.rests_until is not None:
        raise jobs.Again(jobs.Deliver(job.host, slow=True), run.reason, run.rests_until)
    if full and run.settled:
        # Others' hosts have their turn before the rest of this queue.
        raise jobs.Again(jobs.Deliver(job.host), "More waits for this server.", clock.now())
    if run.due:
        raise jobs.Again(jobs.Deliver(job.host, slow=True), "Some activities wait for another attempt.", run.due)


async def _attempt(run: _Run, row: Waiting) -> Outcome:
    """Send one activity to one inbox, and judge the answer."""
    site, host = run.site, run.queue.host
    body, author = await desk.body(site, row), await sender(site, row.actor_id)
    if body is None or author is None:
        return Outcome(row, Verdict(Kind.REFUSED, "There is nothing to send, or nobody to sign it."), answered=False)
    began = time.perf_counter()
    family, second = run.families
    try:
        url = origins.document(row.inbox)
        reply = await _post(site, url, body, author, family)
        if reply.status in (400, 401):
            # Perhaps it reads the other family alone (federation.md D5).
            other = await _post(site, url, body, author, second)
            if other.status not in (400, 401):
                reply, family = other, second
                run.families = (second, run.families[0])
        judged = verdict(reply, clock.now())
        gone, answered = reply.status == 410, True
    except TryLater as away:
        judged, gone, answered = Verdict(Kind.AWAY, str(away)), False, False
    except GiveUp as refused:
        judged, gone, answered = Verdict(Kind.REFUSED, str(refused)), False, False
    news = family if judged.kind is Kind.DONE and (host is None or host.signature != family) else ""
    well, run.well = run.well and not news, run.well or answered
    spent = round((time.perf_counter() - began) * 1000)
    facts = {"host": row.host, "activity": row.activity_id, "attempt": row.attempts + 1, "ms": spent}
    if judged.kind is Kind.DONE:
        log.debug("delivered", extra=facts)
    else:
        log.info("not delivered", extra={**facts, "verdict": judged.kind.value, "reason": judged.reason})
    return Outcome(row, judged, news, gone, answered, well)


async def _post(site: Site, url: str, body: bytes, author: Sender, family: str) -> Reply:
    """Sign and send. Who answers slowly does so in the lane for the slow."""
    if family == "ed25519" and author.ed25519 is not None:
        # At once: the way to the thread and back costs more than this signature.
        signed = sign_rfc9421("POST", url, body, author.ed25519, author.ed25519_id, clock.now())
    else:
        sign = sign_cavage if family == "cavage" else sign_rfc9421
        rsa, key_id = author.rsa, author.key_id
        signed = await desk.at(site).signing.add(lambda: sign("POST", url, body, rsa, key_id, clock.now()))
    async with _Patience(url):
        return await site.transport.post(url, body, headers={**HEADERS, **signed})


class _Patience:
    """Around one request: who does not answer soon waits among the slow, and not for long while that lane is full."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._limit = asyncio.timeout(None)
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(PATIENCE, self._step_aside)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        self._timer.cancel()
        try:
            await self._limit.__aexit__(*raised)
        except TimeoutError as wrong:
            raise TryLater(f"{origins.host(self._url)} did not answer soon, and others were waiting.") from wrong

    def _step_aside(self) -> None:
        worker.step_aside("slow")
        self._timer = self._loop.call_later(FAIR - PATIENCE, self._look_around)

    def _look_around(self) -> None:
        if worker.is_full("slow"):
            self._limit.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(1, self._look_around)


async def _farewell(site: Site, row: Waiting) -> None:
    """An inbox is gone for good. Where the actor behind it says the same of themselves, they follow nobody here any more."""
    behind = or_(Actor.inbox == row.inbox, Actor.shared_inbox == row.inbox)
    follows = select(Follow.followed_id).where(Follow.follower_id == Actor.id).exists()
    async with site.db.read() as tx:
        people = list(await tx.scalars(select(Actor).where(behind, Actor.gone_at.is_(None), follows).limit(5)))
        suspended = await hosts.suspended_names(tx)
    author = await sender(site, row.actor_id)
    for person in people if author else []:
        try:
            asked = partial(_sign_get, author, suspended)
            reply = await site.transport.get(str(person.uri), headers={"Accept": HEADERS["Accept"]}, sign=asked)
        except (TryLater, GiveUp):
            continue
        if reply.status == 410:
            async with site.db.write() as tx:
                await tx.execute(
                    delete(Follow).where(or_(Follow.follower_id == person.id, Follow.followed_id == person.id))
                )
                await tx.execute(update(Actor).where(Actor.id == person.id).values(gone_at=clock.now()))
            log.info("follower gone", extra={"host": row.host, "actor": person.id})


def _sign_get(author: Sender | None, suspended: frozenset[str], method: str, url: str) -> dict[str, str]:
    """Signs each hop of a redirect. Raises GiveUp for a host that is suspended (row 48)."""
    if not suspended.isdisjoint(hosts.names(origins.host(url))):
        raise GiveUp("Nothing is exchanged with this server.")
    return sign_cavage(method, url, None, author.rsa, author.key_id, clock.now()) if author else {}
