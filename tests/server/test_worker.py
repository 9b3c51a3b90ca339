"""The worker: rung by a commit, calm at the end."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from server import jobs
from server.models import House, Job
from server.site import Site
from server.worker import Worker, step_aside

LETTER = jobs.Mail("ada@mail.test", "Hello", "Text")


async def test_a_commit_rings_the_worker(site: Site) -> None:
    done = asyncio.Event()

    async def fine(_: Site, __: jobs.Mail) -> None:
        done.set()

    worker = Worker(site, {jobs.Mail: fine})
    running = asyncio.create_task(worker.run())
    async with site.db.write() as tx:
        jobs.enqueue(tx, LETTER)
    await asyncio.wait_for(done.wait(), 5)
    worker.stop()
    await asyncio.wait_for(running, 5)


async def test_a_stopped_worker_gives_its_job_back_unharmed(site: Site) -> None:
    began = asyncio.Event()

    async def long(_: Site, __: jobs.Mail) -> None:
        began.set()
        await asyncio.sleep(3600)

    worker = Worker(site, {jobs.Mail: long})
    running = asyncio.create_task(worker.run())
    async with site.db.write() as tx:
        jobs.enqueue(tx, LETTER)
    await asyncio.wait_for(began.wait(), 5)
    worker.stop()
    await asyncio.wait_for(running, 5)
    async with site.db.read() as tx:
        row = (await tx.scalars(select(Job))).one()
    assert row.locked_until is None and row.attempts == 0 and row.failed_at is None


async def test_lanes_do_not_wait_for_each_other_and_keep_their_width(site: Site) -> None:
    most, now, done = 0, 0, 0
    everything = asyncio.Event()

    async def deliver(_: Site, __: jobs.Deliver) -> None:
        nonlocal most, now, done
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now, done = now - 1, done + 1
        if done == 200:
            everything.set()

    async def never(_: Site, __: jobs.Mail) -> None:
        await asyncio.sleep(3600)

    async with site.db.write() as tx:
        for number in range(5):
            jobs.enqueue(tx, replace(LETTER, subject=str(number)))
        for number in range(200):
            jobs.enqueue(tx, jobs.Deliver(f"{number}.test"))
    worker = Worker(site, {jobs.Mail: never, jobs.Deliver: deliver})
    running = asyncio.create_task(worker.run())
    await asyncio.wait_for(everything.wait(), 20)
    worker.stop()
    await asyncio.wait_for(running, 5)
    assert 30 < most <= jobs.LANES["deliver"]
    async with site.db.read() as tx:
        left = (await tx.scalars(select(Job))).all()
    assert [row.lane for row in left if row.lane == "mail"] == ["mail"] * 5


async def test_who_steps_aside_makes_room_in_its_lane(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs.LANES, "deliver", 1)
    monkeypatch.setitem(jobs.LANES, "slow", 1)
    begun: list[str] = []
    last = asyncio.Event()

    async def deliver(_: Site, job: jobs.Deliver) -> None:
        begun.append(job.host)
        if job.host == "c.test":
            last.set()
            return
        # Seen from a task of the job as well, as timers are.
        asyncio.get_running_loop().call_soon(step_aside, "slow")
        await asyncio.sleep(3600 if job.host == "a.test" else 0.2)

    async with site.db.write() as tx:
        for host in ("a.test", "b.test", "c.test"):
            jobs.enqueue(tx, jobs.Deliver(host))
            await tx.flush()
    worker = Worker(site, {jobs.Deliver: deliver})
    running = asyncio.create_task(worker.run())
    await asyncio.wait_for(last.wait(), 5)
    worker.stop()
    await asyncio.wait_for(running, 5)
    assert begun == ["a.test", "b.test", "c.test"]
    assert not step_aside("slow"), "outside of a worker there is nothing to step aside from"


async def test_many_ends_are_written_down_together(site: Site) -> None:
    async def fine(_: Site, __: jobs.Deliver) -> None:
        return None

    async with site.db.write() as tx:
        for number in range(300):
            jobs.enqueue(tx, jobs.Deliver(f"{number}.test"))
    before = site.db.generation
    worker = Worker(site, {jobs.Deliver: fine})
    running = asyncio.create_task(worker.run())
    while True:
        async with site.db.read() as tx:
            if not (await tx.scalars(select(Job.id))).all():
                break
    worker.stop()
    await running
    assert site.db.generation - before < 60


async def test_of_two_jobs_that_wait_for_each_other_one_is_done_again_at_once(site: Site) -> None:
    async with site.db.write() as tx:
        tx.add_all([House(name="left", value=""), House(name="right", value="")])
        for first, second in (("left", "right"), ("right", "left")):
            jobs.enqueue(tx, replace(LETTER, subject=first, text=second))
    met = asyncio.Barrier(2)
    done: list[str] = []

    async def crossing(site: Site, letter: jobs.Mail) -> None:
        async with site.db.write() as tx:
            for name in (letter.subject, letter.text):
                await tx.execute(select(House).where(House.name == name).with_for_update())
                if not done and not site.db.is_sqlite and met.n_waiting < 2 and name == letter.subject:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(met.wait(), 1)
        done.append(letter.subject)

    worker = Worker(site, {jobs.Mail: crossing})
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):  # the schedule would have let the second wait for a minute
        while len(done) < 2:
            await asyncio.sleep(0.02)
    worker.stop()
    await running
    assert sorted(done) == ["left", "right"]
    async with site.db.read() as tx:
        assert await tx.scalar(select(Job.id)) is None
