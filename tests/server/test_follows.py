"""Following, asking, agreeing, and sending away."""

import asyncio

import pytest
from sqlalchemy import select

from server import blocks, clock, follows, notifications
from server.errors import Forbidden, Invalid, NotFound
from server.models import Account, Actor, Follow, Hearing
from server.site import Site
from tests import abroad
from tests.conftest import make_account


async def test_following_twice_is_following_once(site: Site, alice: Account, bob: Account) -> None:
    for _ in range(2):
        async with site.db.write() as tx:
            assert await follows.follow(tx, bob.actor, alice.actor) == "following"
    async with site.db.read() as tx:
        assert [actor.id for actor in await follows.followers(tx, alice.actor)] == [bob.actor_id]
        assert [actor.id for actor in await follows.following(tx, bob.actor)] == [alice.actor_id]
        assert await follows.count_followers(tx, alice.actor) == await follows.count_following(tx, bob.actor) == 1
        assert await follows.state(tx, alice.actor, bob.actor) == await follows.state(tx, None, bob.actor) == "none"


async def test_who_approves_is_asked_first(site: Site, alice: Account, bob: Account) -> None:
    carol = await make_account(site, "carol")
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
    async with site.db.write() as tx:
        locked = await tx.get(Actor, alice.actor_id)
        assert locked
        assert await follows.follow(tx, bob.actor, locked) == "requested"
        assert await follows.follow(tx, carol.actor, locked) == "requested"
        assert await follows.followers(tx, locked) == []
        assert await follows.count_waiting(tx, locked) == 2
        await follows.accept(tx, bob.actor, locked)
        assert await follows.reject(tx, carol.actor, locked)
    async with site.db.read() as tx:
        assert await follows.state(tx, bob.actor, alice.actor) == "following"
        assert await follows.state(tx, carol.actor, alice.actor) == "none"
        assert await follows.waiting(tx, alice.actor) == []


async def test_nobody_is_let_in_who_did_not_ask(site: Site, alice: Account, bob: Account) -> None:
    with pytest.raises(NotFound):
        async with site.db.write() as tx:
            await follows.accept(tx, bob.actor, alice.actor)
    async with site.db.read() as tx:
        assert await follows.state(tx, bob.actor, alice.actor) == "none"


async def test_unfollowing_ends_it_once(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
        assert await follows.unfollow(tx, bob.actor, alice.actor)
        assert not await follows.unfollow(tx, bob.actor, alice.actor)
        assert await follows.state(tx, bob.actor, alice.actor) == "none"


async def test_whom_one_cannot_follow(site: Site, alice: Account, bob: Account) -> None:
    """Row 51: a block refuses the follow in both directions; oneself and suspended people cannot be followed either."""
    carol = await make_account(site, "carol")
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
        gone = await tx.get(Actor, carol.actor_id)
        assert gone
        gone.suspended_at = clock.now()
    for follower, followed, error in (
        (bob.actor, alice.actor, Forbidden), (alice.actor, bob.actor, Forbidden),
        (alice.actor, alice.actor, Invalid), (alice.actor, gone, NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            async with site.db.write() as tx:
                await follows.follow(tx, follower, followed)
    async with site.db.read() as tx:
        assert await follows.count_following(tx, bob.actor) == await follows.count_following(tx, alice.actor) == 0


async def test_a_long_list_comes_in_pages(site: Site, alice: Account) -> None:
    people = [await make_account(site, f"reader{number}") for number in range(3)]
    async with site.db.write() as tx:
        for person in people:
            await follows.follow(tx, person.actor, alice.actor)
    async with site.db.read() as tx:
        first = await follows.followers(tx, alice.actor, limit=2)
        rest = await follows.followers(tx, alice.actor, before=first[-1].id, limit=2)
    assert [actor.id for actor in first + rest] == sorted((person.actor_id for person in people), reverse=True)


# -- across servers ------------------------------------------------------------------------------------------------------
FOLLOW = "https://far.example/follows/1"


async def test_of_people_elsewhere_their_own_server_decides(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)
    for _ in range(2):
        async with site.db.write() as tx:
            assert await follows.follow(tx, bob.actor, mia) == "requested"
    assert [(job.verb, job.actor_id, job.person_id) for job in await abroad.told(site)] == [
        ("Follow", bob.actor_id, mia.id)
    ]
    async with site.db.write() as tx:
        for _ in range(2):
            await follows.accept(tx, bob.actor, mia)
        assert await follows.state(tx, bob.actor, mia) == "following"
        assert [row.hearing for row in await notifications.list(tx, bob.actor)] == [Hearing.ACCEPTED]
    assert await abroad.told(site, "Accept") == []
    async with site.db.write() as tx:
        assert await follows.unfollow(tx, bob.actor, mia)
        assert not await follows.unfollow(tx, bob.actor, mia)
    assert [job.verb for job in await abroad.told(site)] == ["Follow", "UndoFollow"]


async def test_a_follower_from_elsewhere_is_answered_each_time_they_ask(site: Site, alice: Account) -> None:
    mia = await abroad.person(site)
    again = "https://far.example/follows/2"
    for uri in (FOLLOW, again):
        async with site.db.write() as tx:
            assert await follows.follow(tx, mia, alice.actor, uri=uri) == "following"
    told = [(job.verb, job.actor_id, job.person_id, job.uri) for job in await abroad.told(site)]
    assert told == [("Accept", alice.actor_id, mia.id, FOLLOW), ("Accept", alice.actor_id, mia.id, again)]
    async with site.db.write() as tx:
        assert await follows.count_followers(tx, alice.actor) == 1
        assert len(await notifications.list(tx, alice.actor)) == 1
        assert await follows.remove_follower(tx, alice.actor, mia)
        assert not await follows.remove_follower(tx, alice.actor, mia)
    assert [(job.verb, job.uri) for job in await abroad.told(site, "Reject")] == [("Reject", again)]


@pytest.mark.parametrize(("agrees", "verb"), [(True, "Accept"), (False, "Reject")])
async def test_who_approves_answers_people_elsewhere_by_their_follow(
    site: Site, alice: Account, agrees: bool, verb: str
) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
        locked = await tx.get_one(Actor, alice.actor_id, populate_existing=True)
        assert await follows.follow(tx, mia, locked, uri=FOLLOW) == "requested"
    assert await abroad.told(site, "Accept", "Reject") == []
    async with site.db.write() as tx:
        await (follows.accept if agrees else follows.reject)(tx, mia, locked)
    assert [(job.verb, job.uri) for job in await abroad.told(site, "Accept", "Reject")] == [(verb, FOLLOW)]


async def test_what_people_elsewhere_end_is_not_echoed(site: Site, alice: Account, bob: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await follows.follow(tx, mia, alice.actor, uri=FOLLOW)
        await follows.follow(tx, bob.actor, mia)
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        assert await follows.unfollow(tx, mia, alice.actor)
        assert await follows.reject(tx, bob.actor, mia)
        assert await follows.state(tx, bob.actor, mia) == "none"
    assert await abroad.told(site) == []


async def test_an_id_that_somebody_else_used_first_steals_nothing(site: Site, alice: Account, bob: Account) -> None:
    """Their Follow counts, and the first one keeps its id."""
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    for person, followed in ((mia, alice), (eve, alice), (mia, bob)):
        async with site.db.write() as tx:
            assert await follows.follow(tx, person, followed.actor, uri=FOLLOW) == "following"
    async with site.db.read() as tx:
        rows = list(await tx.scalars(select(Follow).where(Follow.uri == FOLLOW)))
    assert [(row.follower_id, row.followed_id) for row in rows] == [(mia.id, alice.actor_id)]


async def test_twenty_follows_at_once_are_one(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)

    async def once() -> None:
        async with site.db.write() as tx:
            await follows.follow(tx, bob.actor, mia)

    await asyncio.gather(*(once() for _ in range(20)))
    assert len(await abroad.told(site, "Follow")) == 1


async def test_who_may_not_act_here_follows_nobody(site: Site, alice: Account) -> None:
    mia = await abroad.person(site, suspended_at=clock.now())
    with pytest.raises(Forbidden):
        async with site.db.write() as tx:
            await follows.follow(tx, mia, alice.actor, uri=FOLLOW)
    async with site.db.read() as tx:
        assert await follows.count_followers(tx, alice.actor) == 0
