"""The hourly round."""

import os
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from server import clock, jobs, sweep
from server.models import Account, Actor, Job, Letter, Media, Purpose, SignIn, Throttle
from server.site import Site
from tests.works import arrive, files_in, one, picture, publish, upload


def age(path: Any, hours: float) -> None:
    moment = clock.now().timestamp() - hours * 3600
    os.utime(path, (moment, moment))


async def rounds(site: Site) -> list[Job]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Job).where(Job.kind == "Sweep")))


async def test_old_arrivals_and_lost_files_go_and_nothing_else(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    kept = files_in(site.storage.root)  # type: ignore[attr-defined]
    for key in kept:
        age(site.storage.path(key), 48)
    for name, hours in (("masters/9-old", 25), ("media/9/old-320.webp", 25), ("masters/9-new", 23)):
        source = arrive(site, b"x")
        site.storage.put(name, source)
        age(site.storage.path(name), hours)
    age(arrive(site, b"old"), 25)
    fresh = arrive(site, b"new")
    await sweep.sweep(site, jobs.Sweep())
    assert files_in(site.storage.root) == sorted([*kept, "masters/9-new"])  # type: ignore[attr-defined]
    assert files_in(site.incoming) == [fresh.name]
    assert (await one(site, Media, post.media[0].id)) is not None


async def test_pictures_that_joined_no_work_go_after_a_day(site: Site, alice: Account) -> None:
    content = picture(20, 20)
    loose, young = await upload(site, alice, content), await upload(site, alice, content)
    worn, unworn = [await upload(site, alice, content, purpose=Purpose.FACE) for _ in range(2)]
    async with site.db.write() as tx:
        old = clock.now() - timedelta(hours=25)
        await tx.execute(update(Media).where(Media.id != young.id).values(created_at=old))
        await tx.execute(update(Actor).where(Actor.id == alice.actor.id).values(face_id=worn.id))
    await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        assert set(await tx.scalars(select(Media.id))) == {young.id, worn.id}
    assert (await one(site, Account, alice.id)).used_bytes == 2 * len(content)
    assert len(files_in(site.storage.root)) == 2  # type: ignore[attr-defined]
    assert loose.id != unworn.id


async def test_expired_rows_go(site: Site, alice: Account) -> None:
    now = clock.now()
    day = timedelta(days=1)
    async with site.db.write() as tx:
        for number, moment in enumerate((now - day, now + day)):
            tx.add(
                Letter(account_id=alice.id, purpose="reset", email="a@b.c", token_hash=f"l{number}", expires_at=moment)
            )
            tx.add(Throttle(key=f"k{number}", window=int(moment.timestamp()), count=3))
        for number, seen in enumerate((now - 31 * day, now - 29 * day)):
            tx.add(SignIn(account_id=alice.id, token_hash=f"s{number}", seen_at=seen))
        for number, failed in enumerate((now - 31 * day, now - 29 * day)):
            tx.add(Job(kind="Mail", lane="mail", payload={}, failed_at=failed, key=f"j{number}"))
    await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Letter.token_hash))) == ["l1"]
        assert list(await tx.scalars(select(Throttle.key))) == ["k1"]
        assert list(await tx.scalars(select(SignIn.token_hash))) == ["s1"]
        assert list(await tx.scalars(select(Job.key).where(Job.kind == "Mail"))) == ["j1"]


async def test_there_is_always_exactly_one_next_round(site: Site, run_jobs: Any) -> None:
    async with site.db.write() as tx:
        await sweep.ensure(tx)
        await sweep.ensure(tx)
    assert len(await rounds(site)) == 1
    async with site.db.write() as tx:  # two processes that started at the same moment
        jobs.enqueue(tx, jobs.Sweep())
        jobs.enqueue(tx, jobs.Sweep())
    await run_jobs(site)
    (following,) = await rounds(site)
    assert timedelta(minutes=59) < following.due_at - clock.now() <= timedelta(hours=1)
    start = clock.now()
    clock.set_source(lambda: start + timedelta(minutes=61))
    await run_jobs(site)
    (following,) = await rounds(site)
    assert following.due_at > clock.now()


async def test_a_round_that_fails_does_not_end_the_rounds(site: Site, run_jobs: Any) -> None:
    async with site.db.write() as tx:
        await sweep.ensure(tx)
    storage = site.storage
    object.__setattr__(site, "storage", None)  # the disk is away
    await run_jobs(site)
    object.__setattr__(site, "storage", storage)
    async with site.db.read() as tx:
        waiting = await tx.scalar(select(func.count(Job.id)).where(Job.kind == "Sweep", Job.failed_at.is_(None)))
    assert waiting == 2  # the failed one, to be tried again, and the next
    start = clock.now()
    clock.set_source(lambda: start + timedelta(minutes=3))
    await run_jobs(site)
    assert len(await rounds(site)) == 1
