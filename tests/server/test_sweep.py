"""The hourly round."""

import os
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from server import bookmarks, boosts, clock, favourites, follows, ids, jobs, posts, sweep
from server.models import (
    Account,
    Activity,
    Actor,
    Delivery,
    DeliveryState,
    Hearing,
    Job,
    Kind,
    Letter,
    Media,
    Mention,
    Notification,
    Origin,
    Post,
    Purpose,
    Received,
    ReceivedState,
    SignIn,
    Throttle,
)
from server.site import Site
from tests import abroad
from tests.hung import say
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


# -- other servers -------------------------------------------------------------------------------------------------------
def days(number: float) -> Any:
    return clock.now() - timedelta(days=number)


async def test_what_came_in_and_was_read_long_ago_goes(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        for number, (state, age_in_days) in enumerate([("done", 31), ("set-aside", 31), ("waiting", 31), ("done", 29)]):
            tx.add(
                Received(
                    actor_uri="https://far.example/users/mia", activity_uri=f"https://far.example/{number}",
                    state=ReceivedState(state), received_at=days(age_in_days),
                )
            )  # fmt: skip
        for number, read_at in enumerate((days(181), days(1), None)):
            tx.add(
                Notification(
                    actor_id=alice.actor_id, from_id=bob.actor_id, hearing=list(Hearing)[number], read_at=read_at,
                    created_at=days(200),
                )
            )  # fmt: skip
    await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        kept = await tx.scalars(select(Received.activity_uri).order_by(Received.activity_uri))
        assert list(kept) == ["https://far.example/2", "https://far.example/3"]
        assert await tx.scalar(select(func.count(Notification.id))) == 2


async def test_what_went_out_stays_while_somebody_may_want_it_back(site: Site, alice: Account) -> None:
    alive, dead = await say(site, alice, "Here"), await say(site, alice, "Gone")
    async with site.db.write() as tx:
        (await tx.get_one(Post, dead.id)).deleted_at = days(91)
        rows = {
            "create": ("Create", f"Create:{alive.id}", alive.id, 91),
            "buried": ("Create", f"Create:{dead.id}", dead.id, 91),
            "follow": ("Follow", "Follow:1", None, 91),
            "undone": ("Follow", "Follow:2", None, 92),
            "undo": ("Undo", "Undo:Follow:2", None, 91),
            "profile": ("Update", f"Profile:{alice.actor_id}", None, 91),
            "accept": ("Accept", "Accept:1", None, 91),
            "fresh": ("Accept", "Accept:2", None, 89),
            "waiting": ("Accept", "Accept:3", None, 91),
        }
        for number, (name, (kind, subject, post_id, age_in_days)) in enumerate(rows.items()):
            tx.add(
                Activity(
                    id=ids.at(days(age_in_days)) + number, uri=name, type=kind, subject=subject, post_id=post_id,
                    actor_id=alice.actor_id, created_at=days(age_in_days),
                )
            )  # fmt: skip
        await tx.flush()
        for name in ("create", "waiting", "accept"):
            activity = (await tx.scalars(select(Activity).where(Activity.uri == name))).one()
            state = DeliveryState.WAITING if name == "waiting" else DeliveryState.DONE
            tx.add(
                Delivery(
                    activity_id=activity.id, actor_id=alice.actor_id, host="far.example", state=state,
                    inbox="https://far.example/inbox",
                )
            )  # fmt: skip
    await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        assert set(await tx.scalars(select(Activity.uri))) == {"create", "follow", "fresh", "waiting"}
        assert await tx.scalar(select(func.count(Delivery.id))) == 2


async def test_posts_elsewhere_go_when_nobody_here_has_to_do_with_them(
    site: Site, alice: Account, bob: Account
) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    mine = await say(site, alice, "Mine")
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, eve)
    old: dict[str, Any] = {"published_at": days(91)}
    kept = {
        name: await abroad.post(site, eve if name == "followed" else mia, name, **old)
        for name in ("followed", "liked", "saved", "boosted", "answered", "naming")
    }
    kept["answer to mine"] = await abroad.post(site, mia, "answer", above=mine, **old)
    kept["young"] = await abroad.post(site, mia, "young")
    gone = [await abroad.post(site, mia, "gone", kind=Kind.WORK, **old) for _ in range(2)]
    gone.append(await abroad.post(site, eve, "an end of a conversation", above=gone[0], **old))
    async with site.db.write() as tx:
        (await tx.get_one(Post, gone[2].id)).author_id = mia.id
        await tx.execute(update(Origin).where(Origin.post_id != kept["young"].id).values(fetched_at=days(91)))
        tx.add(Media(owner_id=mia.id, post_id=gone[1].id, source="https://far.example/1.jpg", width=1, height=1))
        await favourites.add(tx, bob.actor, await posts.get(tx, kept["liked"].id, bob.actor))
        await bookmarks.add(tx, bob.actor, await posts.get(tx, kept["saved"].id, bob.actor))
        await boosts.add(tx, bob.actor, await posts.get(tx, kept["boosted"].id, bob.actor))
        await boosts.add(tx, mia, await posts.get(tx, gone[1].id, mia), uri="https://far.example/b/1", at=days(91))
        await boosts.add(tx, mia, await posts.get(tx, mine.id, mia), uri="https://far.example/b/2", at=days(91))
        tx.add(Mention(post_id=kept["naming"].id, actor_id=alice.actor_id))
    await say(site, alice, "Yes", kept["answered"])
    for _ in range(2):  # a conversation goes from its end
        await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        there = set(await tx.scalars(select(Post.id).where(Post.uri.is_not(None), Post.kind != Kind.BOOST)))
        assert there == {post.id for post in kept.values()}
        assert await tx.scalar(select(func.count(Media.id))) == 0
        assert (await tx.get_one(Post, mine.id)).boosts == 1
        assert await tx.scalar(select(func.count(Post.id)).where(Post.boost_of_id == mine.id)) == 1
