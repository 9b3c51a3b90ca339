"""The worker: rung by a commit, calm at the end."""

import asyncio

from sqlalchemy import select

from server import jobs
from server.models import Job
from server.site import Site
from server.worker import Worker

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
