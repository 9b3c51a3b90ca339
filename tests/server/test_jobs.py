"""Work for later: at least once, one at a time per key, in order, and never lost."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from server import claims, clock, jobs, worker
from server.db import Session, insert_once
from server.errors import GiveUp, NotFound, TryLater
from server.models import House, Job
from server.site import Site

LETTER = jobs.Mail("ada@mail.test", "Hello", "Text")


async def enqueue(site: Site, *wanted: jobs.Job) -> None:
    async with site.db.write() as tx:
        for job in wanted:
            jobs.enqueue(tx, job)
            await tx.flush()


async def claim(site: Site, lane: str, limit: int = 10) -> list[claims.Claimed]:
    async with site.db.write() as tx:
        return await claims.claim(tx, lane, limit)


async def rows(site: Site) -> list[Job]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Job).order_by(Job.id)))


async def test_a_job_is_claimed_once(site: Site) -> None:
    await enqueue(site, LETTER)
    assert [claimed.job for claimed in await claim(site, "mail")] == [LETTER]
    assert await claim(site, "mail") == []


async def test_a_job_of_a_transaction_that_failed_does_not_exist(site: Site) -> None:
    with pytest.raises(RuntimeError):
        async with site.db.write() as tx:
            jobs.enqueue(tx, LETTER)
            raise RuntimeError
    assert await rows(site) == []


async def test_jobs_that_share_a_key_run_one_at_a_time_and_in_order(site: Site) -> None:
    await enqueue(site, jobs.Render(1), jobs.Render(1), jobs.Render(2))
    first = await claim(site, "render")
    assert [claimed.job for claimed in first] == [jobs.Render(1), jobs.Render(2)]
    async with site.db.write() as tx:
        await claims.finish(tx, first[0].id)
    assert [claimed.job for claimed in await claim(site, "render")] == [jobs.Render(1)]


async def test_a_claim_ends_with_its_lease_and_not_while_it_is_renewed(site: Site) -> None:
    await enqueue(site, LETTER)
    [claimed] = await claim(site, "mail")
    began = clock.now()
    clock.set_source(lambda: began + claims.LEASE - timedelta(seconds=1))
    async with site.db.write() as tx:
        await claims.renew(tx, [claimed.id])
    clock.set_source(lambda: began + claims.LEASE + timedelta(seconds=5))
    assert await claim(site, "mail") == []
    clock.set_source(lambda: began + 3 * claims.LEASE)
    assert [again.attempts for again in await claim(site, "mail")] == [2]


@pytest.mark.parametrize("trouble", [RuntimeError("boom"), TryLater("later")])
async def test_the_unknown_and_try_later_come_back_by_schedule_and_end_given_up(site: Site, trouble: Exception) -> None:
    async def fail(_: Site, __: jobs.Mail) -> None:
        raise trouble

    await enqueue(site, LETTER)
    moment = clock.now()
    for attempt in range(len(jobs.SCHEDULE) + 1):
        assert await worker.drain(site, {jobs.Mail: fail}) == 1, attempt
        assert await worker.drain(site, {jobs.Mail: fail}) == 0, "not before its time"
        moment += timedelta(days=1)
        clock.set_source(lambda at=moment: at)  # type: ignore[misc]
    [row] = await rows(site)
    assert row.failed_at is not None and str(trouble) in row.error
    assert await worker.drain(site, {jobs.Mail: fail}) == 0


async def test_try_later_knows_when(site: Site) -> None:
    at = clock.now() + timedelta(hours=5)

    async def wait(_: Site, __: jobs.Mail) -> None:
        raise TryLater("the server asked for it", at)

    await enqueue(site, LETTER)
    await worker.drain(site, {jobs.Mail: wait})
    [row] = await rows(site)
    assert abs(row.due_at - at) < timedelta(milliseconds=1)


@pytest.mark.parametrize("reason", [GiveUp("never"), NotFound("gone")])
async def test_give_up_and_problems_are_kept_with_their_reason(site: Site, reason: Exception) -> None:
    async def fail(_: Site, __: jobs.Mail) -> None:
        raise reason

    await enqueue(site, LETTER)
    await worker.drain(site, {jobs.Mail: fail})
    [row] = await rows(site)
    assert row.failed_at is not None and row.error == str(reason)


async def test_a_job_that_takes_the_process_down_every_time_is_given_up(site: Site) -> None:
    ran = 0

    async def crash(_: Site, __: jobs.Mail) -> None:
        nonlocal ran
        ran += 1

    await enqueue(site, LETTER)
    moment = clock.now()
    for _ in range(2 * len(jobs.SCHEDULE)):  # claimed, and the process died each time
        moment += 2 * claims.LEASE
        clock.set_source(lambda at=moment: at)  # type: ignore[misc]
        assert await claim(site, "mail")
    clock.set_source(lambda: moment + 2 * claims.LEASE)
    await worker.drain(site, {jobs.Mail: crash})
    [row] = await rows(site)
    assert row.failed_at is not None and ran == 0


async def test_success_deletes_the_row(site: Site) -> None:
    async def fine(_: Site, __: jobs.Mail) -> None:
        return None

    await enqueue(site, LETTER)
    assert await worker.drain(site, {jobs.Mail: fine}) == 1
    assert await rows(site) == []


async def test_each_kind_has_a_schedule_of_its_own(site: Site) -> None:
    async def fail(_: Site, __: jobs.Job) -> None:
        raise RuntimeError("boom")

    await enqueue(site, jobs.Fetch("post", "https://far.test/1"), jobs.Deliver("far.test"))
    handlers: worker.Handlers = {jobs.Fetch: fail, jobs.Deliver: fail}
    moment = clock.now()
    for attempt in range(40):
        assert await worker.drain(site, handlers, ("fetch", "deliver")) == (2 if attempt < 5 else 1), attempt
        moment += timedelta(days=1)
        clock.set_source(lambda at=moment: at)  # type: ignore[misc]
    fetch, deliver = await rows(site)
    assert fetch.failed_at is not None and fetch.attempts == len(jobs.Fetch.SCHEDULE) + 1
    assert deliver.failed_at is None, "deliveries end by rules of their own"


async def test_what_knows_its_time_comes_back_for_ever(site: Site) -> None:
    async def wait(_: Site, __: jobs.Mail) -> None:
        raise TryLater("not yet", clock.after(hours=1))

    await enqueue(site, LETTER)
    moment = clock.now()
    for _ in range(3 * len(jobs.SCHEDULE)):
        assert await worker.drain(site, {jobs.Mail: wait}, ("mail",)) == 1
        moment += timedelta(hours=2)
        clock.set_source(lambda at=moment: at)  # type: ignore[misc]
    [row] = await rows(site)
    assert row.failed_at is None and row.attempts == 0


async def test_a_job_may_come_back_in_another_lane(site: Site) -> None:
    async def away(_: Site, job: jobs.Deliver) -> None:
        raise jobs.Again(jobs.Deliver(job.host, slow=True), "away", clock.after(hours=1))

    await enqueue(site, jobs.Deliver("far.test"))
    await worker.drain(site, {jobs.Deliver: away}, ("deliver",))
    [row] = await rows(site)
    assert (row.lane, row.payload, row.key) == ("slow", {"host": "far.test", "slow": True}, "deliver:far.test")


async def test_ensure_writes_what_nobody_waits_to_begin(site: Site) -> None:
    async def ensure(*hosts: str) -> None:
        async with site.db.write() as tx:
            await jobs.ensure(tx, [jobs.Deliver(host) for host in hosts])

    await ensure("a.test", "b.test")
    await ensure("a.test", "c.test")
    assert [row.payload["host"] for row in await rows(site)] == ["a.test", "b.test", "c.test"]
    assert len(await claim(site, "deliver")) == 3
    await ensure("a.test")
    assert len(await rows(site)) == 4, "one that runs may have looked too early"
    assert await claim(site, "deliver") == [], "and its successor waits for its end"


async def test_wake_lets_what_waits_begin_now(site: Site) -> None:
    async with site.db.write() as tx:
        jobs.enqueue(tx, jobs.Deliver("a.test"), due=clock.after(days=1))
    async with site.db.write() as tx:
        assert await jobs.wake(tx, jobs.Deliver("a.test").key)
        assert not await jobs.wake(tx, jobs.Deliver("b.test").key)
    assert len(await claim(site, "deliver")) == 1


async def test_only_lanes_with_something_due_are_looked_into(site: Site) -> None:
    await enqueue(site, LETTER, jobs.Render(1))
    async with site.db.write() as tx:
        jobs.enqueue(tx, jobs.Deliver("a.test"), due=clock.after(days=1))
    async with site.db.read() as tx:
        assert await claims.due_lanes(tx, ["render", "mail", "deliver", "slow"]) == ["render", "mail"]
    await claim(site, "mail")
    async with site.db.read() as tx:
        assert await claims.due_lanes(tx, list(jobs.LANES)) == ["render"]


def test_two_hosts_never_share_a_key() -> None:
    long = "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "."
    keys = {jobs.Deliver(long + end).key for end in ("one.test", "two.test")}
    assert len(keys) == 2 and all(len(key) <= 200 for key in keys)


async def _say(tx: Session, items: list[str]) -> None:
    for item in items:
        await insert_once(tx, House(name=item, value="x" if item != "test-bad" else None))


async def test_what_a_handler_leaves_is_written_with_the_end_of_its_job_or_not_at_all(site: Site) -> None:
    async def leave(_: Site, job: jobs.Deliver) -> worker.Last:
        return worker.Last(_say, f"test-{job.host}")

    await enqueue(site, *(jobs.Deliver(host) for host in ("bad", "b", "c")))
    running = worker.Worker(site, {jobs.Deliver: leave})
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(20):
        while len(left := await rows(site)) > 1:
            await asyncio.sleep(0.02)
    running.stop()
    await task
    async with site.db.read() as tx:
        said = sorted(await tx.scalars(select(House.name).where(House.name.like("test-%"))))
    assert said == ["test-b", "test-c"], "one that cannot be written spoils no other"
    assert [row.key for row in left] == ["deliver:bad"]
    assert left[0].failed_at is None, "it comes back with its lease"


async def test_a_list_of_ids_is_looked_up_and_not_searched_for(site: Site) -> None:
    """`Among` hides no index: the whole table would be read for every few jobs."""
    await enqueue(site, *(jobs.Deliver(f"{number}.test") for number in range(3)))
    first, _, last = [row.id for row in await rows(site)]
    async with site.db.write() as tx:
        await claims.finish(tx, first, last)
    assert [row.key for row in await rows(site)] == ["deliver:1.test"]
    if site.db.is_sqlite:
        sql = str(claims._FINISH.compile(dialect=sqlite.dialect()))
        async with site.db.read() as tx:
            plan = await (await tx.connection()).exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("[1]",))
            assert "SEARCH jobs USING INTEGER PRIMARY KEY" in str(plan.all())
