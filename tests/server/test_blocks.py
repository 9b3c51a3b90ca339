"""A block parts two people, both ways, until it is taken back (row 51)."""

import pytest

from server import blocks, follows, posts
from server.errors import Invalid, NotFound
from server.models import Account
from server.site import Site
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
