"""Rules for other servers, and the administrator's view of what waits for them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from server import clock, follows, hosts, ids, moderation, notifications, posts, stuck, timelines
from server.errors import Conflict, Invalid, NotFound
from server.models import (
    Account,
    Activity,
    Actor,
    Delivery,
    DeliveryState,
    Hearing,
    Host,
    HostLevel,
    Job,
    Received,
    ReceivedState,
)
from server.site import Site
from tests import abroad
from tests.hung import hang

LIMIT, SUSPEND, NONE = HostLevel.LIMIT, HostLevel.SUSPEND, HostLevel.NONE


async def rule(site: Site, host: str, level: HostLevel, **more: object) -> None:
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, host, level, **more)  # type: ignore[arg-type]


async def level(site: Site, host: str) -> HostLevel:
    async with site.db.read() as tx:
        return await hosts.level(tx, host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("evil.example", SUSPEND), ("a.evil.example", SUSPEND), ("a.b.c.d.e.f.evil.example", SUSPEND),
        ("EVIL.example", SUSPEND), ("evil.example:8443", SUSPEND), ("a.evil.example:8443", SUSPEND),
        ("notevil.example", NONE), ("evil.example.org", NONE), ("example", NONE), ("good.example", NONE),
    ],
)  # fmt: skip
async def test_a_rule_holds_for_every_name_below_it_and_for_no_other(
    site: Site, host: str, expected: HostLevel
) -> None:
    await rule(site, "evil.example", SUSPEND)
    assert await level(site, host) is expected
    mia = await abroad.person(site, host=host.lower())
    async with site.db.write() as tx:  # the same for whoever is here already
        (await tx.get_one(Actor, mia.id)).host_level = NONE
        await hosts.restate(tx, "evil.example")
    async with site.db.read() as tx:
        assert (await tx.get_one(Actor, mia.id)).host_level is expected
        assert await hosts.is_suspended(tx, host) is (expected is SUSPEND)


async def test_the_strictest_rule_wins_and_the_rest_returns_when_it_goes(site: Site) -> None:
    mia = await abroad.person(site, host="social.far.example")
    await rule(site, "far.example", LIMIT)
    await rule(site, "social.far.example", SUSPEND)
    assert await level(site, "social.far.example") is SUSPEND
    async with site.db.write() as tx:
        await hosts.remove_rule(tx, None, "social.far.example", "a mistake")
    assert await level(site, "social.far.example") is LIMIT
    async with site.db.read() as tx:
        assert (await tx.get_one(Actor, mia.id)).host_level is LIMIT
        found = await hosts.rule(tx, "social.far.example")
        assert found and found.host == "far.example"
        assert [row.host for row in await hosts.rules(tx)] == ["far.example"]
    async with site.db.write() as tx:
        with pytest.raises(NotFound):
            await hosts.remove_rule(tx, None, "nobody.example")


async def test_a_rule_can_be_changed_and_every_change_is_written_down(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        await hosts.set_rule(tx, alice.actor, "far.example", LIMIT, reason="spam")
        changed = await hosts.set_rule(tx, alice.actor, "far.example", NONE, rejects_media=True, reason="better now")
        assert changed.level is NONE and changed.rejects_media
        unwelcome = await hosts.unwelcome_names(tx)
        assert unwelcome & set(hosts.names("cdn.far.example")) and not unwelcome & set(hosts.names("other.example"))
        log = [(row.action, row.about, row.reason) for row in await moderation.decisions(tx)]
    assert log == [
        ("host", "far.example", "no media: better now"), ("host", "far.example", "limit: spam"),
    ]  # fmt: skip


@pytest.mark.parametrize("typed", ["", "x y.example", "far.example/path", "far.example?a", "com", "art.test"])
async def test_what_is_no_other_server_gets_no_rule(site: Site, typed: str) -> None:
    with pytest.raises(Invalid):
        await rule(site, typed, SUSPEND, own="art.test")
    with pytest.raises(Invalid):
        await rule(site, "far.example", SUSPEND, reason="x" * 1001)


async def test_a_rule_may_be_typed_as_an_address_or_a_handle(site: Site) -> None:
    for typed in ("https://Far.example/@mia", "@mia@FAR.example", " far.example. "):
        assert hosts.check_host(typed) == "far.example"
    assert hosts.check_host("bücher.example") == "xn--bcher-kva.example"


async def test_suspending_a_server_ends_follows_and_hides_its_people(site: Site, alice: Account) -> None:
    mia, other = await abroad.person(site, host="a.far.example"), await abroad.person(site, "otto", "ok.example")
    hers, his = await abroad.post(site, mia), await abroad.post(site, other)
    async with site.db.write() as tx:
        for person in (mia, other):
            await follows.follow(tx, alice.actor, person)
            await follows.accept(tx, alice.actor, person)
            await follows.follow(tx, person, alice.actor)
            await notifications.notify(tx, alice.actor, Hearing.MENTION, person)
    await rule(site, "far.example", SUSPEND)
    async with site.db.write() as tx:
        assert [actor.id for actor in await follows.following(tx, alice.actor)] == [other.id]
        assert [actor.id for actor in await follows.followers(tx, alice.actor)] == [other.id]
        assert [post.id for post in await timelines.home(tx, alice.actor)] == [his.id]
        assert {row.from_id for row in await notifications.list(tx, alice.actor)} == {other.id}
        for viewer in (None, alice.actor):
            with pytest.raises(NotFound):
                await posts.get(tx, hers.id, viewer)
        fresh = await tx.get_one(Actor, mia.id, populate_existing=True)
        with pytest.raises(NotFound):
            await follows.follow(tx, alice.actor, fresh)
    async with site.db.write() as tx:
        await hosts.remove_rule(tx, None, "far.example")
        assert (await posts.get(tx, hers.id, None)).id == hers.id  # a mistake can be undone


async def test_a_limited_server_is_for_its_followers_and_whom_it_names(
    site: Site, alice: Account, bob: Account
) -> None:
    mia, work = await abroad.person(site), await hang(site, alice)
    hers = await abroad.post(site, mia)
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, mia)
        await follows.accept(tx, alice.actor, mia)
    answer = await abroad.post(site, mia, "Nice", above=work)
    await rule(site, "far.example", LIMIT)
    async with site.db.read() as tx:
        assert (await posts.get(tx, hers.id, alice.actor)).id == hers.id
        assert [post.id for post in await posts.replies(tx, work, alice.actor)] == [answer.id]
        for viewer in (None, bob.actor):
            assert await posts.replies(tx, work, viewer) == []
            with pytest.raises(NotFound):
                await posts.get(tx, hers.id, viewer)


# -- the post to them ----------------------------------------------------------------------------------------------------
async def delivery(site: Site, actor: Account, host: str, state: DeliveryState = DeliveryState.WAITING) -> int:
    async with site.db.write() as tx:
        activity = Activity(
            id=ids.new(), uri=f"http://art.test/activities/{ids.new()}", type="Create", actor_id=actor.actor_id
        )
        tx.add(activity)
        await tx.flush()
        row = Delivery(
            id=ids.new(), activity_id=activity.id, actor_id=actor.actor_id, host=host, inbox=f"https://{host}/inbox",
            state=state, due_at=clock.after(hours=3),
        )  # fmt: skip
        tx.add(row)
    return row.id


async def deliver_jobs(site: Site) -> list[str]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Job.key).where(Job.kind == "Deliver").order_by(Job.id)))


async def test_the_overview_shows_what_waits_for_whom_and_why(site: Site, alice: Account) -> None:
    for host in ("far.example", "far.example", "slow.example"):
        await delivery(site, alice, host)
    await delivery(site, alice, "done.example", DeliveryState.DONE)
    async with site.db.write() as tx:
        tx.add(Host(name="slow.example", resting_until=clock.after(hours=1), reason="It answers 503."))
        tx.add(Host(name="rested.example", resting_until=clock.after(hours=-1)))
        tx.add(Received(actor_uri="a", activity_uri="b", state=ReceivedState.SET_ASIDE))
    async with site.db.read() as tx:
        seen = await hosts.overview(tx)
    assert [(row.name, row.waiting, row.is_resting) for row in seen.queues] == [
        ("far.example", 2, False), ("slow.example", 1, True),
    ]  # fmt: skip
    assert seen.waiting == 3 and seen.set_aside == 1 and seen.oldest is not None
    assert seen.oldest.tzinfo is not None and clock.now() - seen.oldest < timedelta(minutes=5)
    assert seen.queues[1].host and seen.queues[1].host.reason == "It answers 503."


async def test_retry_pause_resume_and_forget(site: Site, alice: Account) -> None:
    first = await delivery(site, alice, "far.example")
    async with site.db.write() as tx:
        tx.add(Host(name="far.example", failures=7, resting_until=clock.after(hours=1), reason="It answers 503."))
    async with site.db.write() as tx:
        assert await hosts.retry(tx, "far.example") == 1
        assert await hosts.retry(tx, "far.example") == 1
    assert await deliver_jobs(site) == ["deliver:far.example"]
    async with site.db.write() as tx:
        await hosts.pause(tx, alice.actor, "far.example")
        await hosts.pause(tx, alice.actor, "unheard.example")
        row = await tx.get_one(Host, "far.example", populate_existing=True)
        assert row.failures == 0 and row.resting_until is None and row.paused_at is not None
        assert (await tx.get_one(Delivery, first)).due_at <= clock.now()
        seen = await hosts.overview(tx)
        assert {queue.name for queue in seen.queues if queue.is_paused} == {"far.example", "unheard.example"}
    async with site.db.write() as tx:
        await hosts.resume(tx, alice.actor, "far.example")
        with pytest.raises(NotFound):
            await hosts.resume(tx, alice.actor, "far.example")
    async with site.db.write() as tx:
        assert await hosts.forget(tx, alice.actor, "far.example") == 1
        assert await hosts.forget(tx, alice.actor, "far.example") == 0
        gone = await tx.get_one(Delivery, first, populate_existing=True)
        assert gone.state is DeliveryState.FORGOTTEN and gone.settled_at and gone.reason
        assert [row.action for row in await moderation.decisions(tx)][:2] == ["forget", "forget"]


async def test_what_waits_for_a_suspended_server_is_forgotten(site: Site, alice: Account) -> None:
    there, here = await delivery(site, alice, "a.far.example:8443"), await delivery(site, alice, "ok.example")
    await rule(site, "far.example", SUSPEND)
    async with site.db.read() as tx:
        assert (await tx.get_one(Delivery, there)).state is DeliveryState.FORGOTTEN
        assert (await tx.get_one(Delivery, here)).state is DeliveryState.WAITING


async def test_what_was_set_aside_can_be_tried_again_once(site: Site) -> None:
    async with site.db.write() as tx:
        row = Received(
            id=ids.new(), actor_uri="https://far.example/users/mia", activity_uri="https://far.example/1",
            state=ReceivedState.SET_ASIDE, reason="KeyError", attempts=3,
        )  # fmt: skip
        tx.add(row)
    async with site.db.write() as tx:
        assert [found.id for found in await stuck.set_aside(tx)] == [row.id]
        await stuck.replay(tx, row.id)
    async with site.db.write() as tx:
        assert await stuck.set_aside(tx) == []
        with pytest.raises(Conflict):
            await stuck.replay(tx, row.id)
        with pytest.raises(NotFound):
            await stuck.replay(tx, 1)
        waiting = list(await tx.scalars(select(Job).where(Job.kind == "Process")))
        assert [job.payload["received_id"] for job in waiting] == [row.id]
        assert (await tx.get_one(Received, row.id)).attempts == 0
