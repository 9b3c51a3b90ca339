"""Following, asking, agreeing, and sending away."""

import pytest

from server import blocks, clock, follows
from server.errors import Forbidden, Invalid, NotFound
from server.models import Account, Actor
from server.site import Site
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
