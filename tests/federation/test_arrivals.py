"""What arrives is written down whole, with the job that does it, or not at all (P1)."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from federation import arrivals
from federation.arrivals import Arrival
from server import clock, ids
from server.models import Job, Received
from server.site import Site


def letter(number: int, row: int) -> Arrival:
    return Arrival(row, "https://p.test/users/p", f"https://p.test/notes/{number}/activity", "Create", b"{}")


async def count(site: Site) -> tuple[int, int]:
    async with site.db.read() as tx:
        received = await tx.scalar(select(func.count()).select_from(Received))
        jobs = await tx.scalar(select(func.count()).select_from(Job).where(Job.lane == "inbox"))
    return received or 0, jobs or 0


async def test_an_activity_without_its_job_is_not_kept(site: Site) -> None:
    taken = ids.new()
    async with site.db.write() as tx:
        tx.add(Job(id=taken, kind="Sweep", lane="idle", key="", payload={}, due_at=clock.now()))
    with pytest.raises(IntegrityError):
        await arrivals.write(site.db, [letter(1, ids.new()), letter(2, taken)])
    assert await count(site) == (0, 0)
    await arrivals.write(site.db, [letter(1, ids.new()), letter(2, ids.new())])
    assert await count(site) == (2, 2)


async def test_what_is_here_already_gets_no_second_job(site: Site) -> None:
    await arrivals.write(site.db, [letter(1, ids.new())])
    await arrivals.write(site.db, [letter(1, ids.new()), letter(2, ids.new())])
    assert await count(site) == (2, 2)
