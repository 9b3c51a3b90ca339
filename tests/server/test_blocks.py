"""A block parts two people, both ways, until it is taken back (row 51)."""

import pytest

from server import actors, blocks, follows, posts
from server.errors import Invalid, NotFound
from server.models import Account
from server.site import Site
from tests import abroad
from tests.hung import hang


async def test_a_block_ends_both_follows_and_hides_both(site: Site, alice: Account, bob: Account) -> None:
    hers, his = await hang(site, alice), await hang(site, bob)
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, bob.actor)
        await follows.follow(tx, bob.actor, alice.actor)
        assert await blocks.block(tx, alice.actor, bob.actor)
        assert not await blocks.block(tx, alice.actor, bob.actor)
    async with site.db.read() as tx:
        assert await blocks.blocking(tx, alice.actor, bob.actor) and await blocks.blocking(tx, bob.actor, alice.actor)
        assert await blocks.blocks(tx, alice.actor, bob.actor)
        assert not await blocks.blocks(tx, bob.actor, alice.actor)
        assert [actor.id for actor in await blocks.of(tx, alice.actor)] == [bob.actor_id]
        assert await blocks.of(tx, bob.actor) == []
        for one, other in ((alice, bob), (bob, alice)):
            assert await follows.state(tx, one.actor, other.actor) == "none"
        for post, viewer in ((hers, bob), (his, alice)):
            with pytest.raises(NotFound):
                await posts.get(tx, post.id, viewer.actor)


async def test_taking_it_back_shows_again_but_does_not_follow(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
        await blocks.block(tx, alice.actor, bob.actor)
    async with site.db.write() as tx:
        assert await blocks.unblock(tx, alice.actor, bob.actor)
        assert not await blocks.unblock(tx, alice.actor, bob.actor)
    async with site.db.read() as tx:
        assert not await blocks.blocking(tx, alice.actor, bob.actor)
        assert (await posts.get(tx, work.id, bob.actor)).id == work.id
        assert await follows.state(tx, bob.actor, alice.actor) == "none"


async def test_the_other_cannot_take_it_back(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
        assert not await blocks.unblock(tx, bob.actor, alice.actor)
    async with site.db.read() as tx:
        assert await blocks.blocking(tx, alice.actor, bob.actor)


async def test_nobody_blocks_themselves(site: Site, alice: Account) -> None:
    with pytest.raises(Invalid):
        async with site.db.write() as tx:
            await blocks.block(tx, alice.actor, alice.actor)


async def test_a_block_of_somebody_elsewhere_ends_the_follows_there_too(site: Site, alice: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, mia)
        await follows.follow(tx, mia, alice.actor, uri="https://far.example/follows/1")
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        assert await blocks.block(tx, alice.actor, mia)
    told = [(job.verb, job.person_id, job.uri) for job in await abroad.told(site)]
    assert told == [("UndoFollow", mia.id, ""), ("Reject", mia.id, "https://far.example/follows/1")]


async def test_the_block_itself_is_told_only_by_those_who_want_that(site: Site, alice: Account, bob: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        loud = await actors.set_privacy(tx, bob.actor, shows_follows=False, announces_blocks=True)
        for blocker in (alice.actor, loud):
            await blocks.block(tx, blocker, mia)
            await blocks.block(tx, blocker, mia)
        await blocks.block(tx, loud, alice.actor)
    assert [(job.actor_id, job.person_id) for job in await abroad.told(site, "Block")] == [(bob.actor_id, mia.id)]
    async with site.db.write() as tx:
        assert await blocks.unblock(tx, loud, mia) and not await blocks.unblock(tx, loud, mia)
    assert [job.actor_id for job in await abroad.told(site, "UndoBlock")] == [bob.actor_id]


async def test_a_block_from_elsewhere_works_both_ways_and_is_not_echoed(site: Site, alice: Account) -> None:
    mia = await abroad.person(site)
    hers, work = await abroad.post(site, mia), await hang(site, alice)
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, mia)
    await abroad.nothing_told(site)
    for _ in range(2):
        async with site.db.write() as tx:
            await blocks.block(tx, mia, alice.actor, uri="https://far.example/blocks/1")
    async with site.db.read() as tx:
        for post, viewer in ((hers, alice.actor), (work, mia)):
            with pytest.raises(NotFound):
                await posts.get(tx, post.id, viewer)
    assert await abroad.told(site) == []
    eve = await abroad.person(site, "eve")
    async with site.db.write() as tx:  # the same id from somebody else is a block of its own
        assert await blocks.block(tx, eve, alice.actor, uri="https://far.example/blocks/1")
        assert await blocks.blocking(tx, alice.actor, eve)
