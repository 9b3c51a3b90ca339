"""Not meeting somebody, or a whole server: silently, or as a block that works both ways."""

import pytest

from server import actors, blocks, boosts, favourites, follows, mutes, notifications, posts, timelines
from server.errors import Forbidden, Invalid, NotFound
from server.models import Account, Actor, Follow
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang


async def home(site: Site, viewer: Account) -> list[int]:
    async with site.db.read() as tx:
        return [post.boost_of_id or post.id for post in await timelines.home(tx, viewer.actor)]


async def follow(site: Site, follower: Actor, followed: Actor) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, follower, followed)
        if not followed.is_local:
            await follows.accept(tx, follower, followed)


async def test_a_muted_person_stands_neither_in_home_nor_in_what_one_hears(
    site: Site, alice: Account, bob: Account
) -> None:
    carol = await make_account(site, "carol")
    hers, his = await hang(site, alice), await hang(site, bob)
    for followed in (alice, carol):
        await follow(site, bob.actor, followed.actor)
    async with site.db.write() as tx:
        await boosts.add(tx, carol.actor, await posts.get(tx, hers.id, carol.actor))
    assert await home(site, bob) == [hers.id, his.id]
    async with site.db.write() as tx:
        assert await mutes.mute(tx, bob.actor, alice.actor)
        assert not await mutes.mute(tx, bob.actor, alice.actor)
        assert await mutes.muted(tx, bob.actor, alice.actor)
        assert not await mutes.muted(tx, alice.actor, bob.actor)
        assert [actor.id for actor in await mutes.of(tx, bob.actor)] == [alice.actor_id]
        await favourites.add(tx, alice.actor, await posts.get(tx, his.id, alice.actor))
    assert await home(site, bob) == [his.id]  # also where Carol boosts her
    async with site.db.read() as tx:
        assert await notifications.list(tx, bob.actor) == [] and await notifications.unread(tx, bob.actor) == 0
        assert (await posts.get(tx, hers.id, bob.actor)).id == hers.id  # her pages stay where they are
        assert await follows.state(tx, bob.actor, alice.actor) == "following"
    async with site.db.write() as tx:
        assert await mutes.unmute(tx, bob.actor, alice.actor)
        assert not await mutes.unmute(tx, bob.actor, alice.actor)
    assert hers.id in await home(site, bob)


async def test_a_muted_server_is_left_out_and_notices_nothing(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)
    hers, his = await abroad.post(site, mia), await hang(site, bob)
    await follow(site, bob.actor, mia)
    await follow(site, mia, bob.actor)
    assert await home(site, bob) == [his.id, hers.id]
    async with site.db.write() as tx:
        assert await mutes.block_host(tx, bob.actor, "https://FAR.example/about", mutes_only=True) == "far.example"
    await abroad.nothing_told(site)
    assert await home(site, bob) == [his.id]
    async with site.db.write() as tx:
        await favourites.add(tx, mia, await posts.get(tx, his.id, mia))
        assert [row.hearing for row in await notifications.list(tx, bob.actor)] == []
        assert (await posts.get(tx, hers.id, bob.actor)).id == hers.id
        assert await follows.count_followers(tx, bob.actor) == 1
    assert await abroad.told(site) == []


async def test_a_blocked_server_is_blocked_both_ways(site: Site, bob: Account) -> None:
    mia, other = await abroad.person(site), await abroad.person(site, "otto", "elsewhere.example")
    hers, his = await abroad.post(site, mia), await hang(site, bob)
    await follow(site, bob.actor, mia)
    async with site.db.write() as tx:
        await follows.follow(tx, mia, bob.actor, uri="https://far.example/follows/1")
        await follows.follow(tx, other, bob.actor)
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        await mutes.block_host(tx, bob.actor, "far.example", own="art.test")
    told = [(job.verb, job.person_id, job.uri) for job in await abroad.told(site)]
    assert told == [("UndoFollow", mia.id, ""), ("Reject", mia.id, "https://far.example/follows/1")]
    async with site.db.write() as tx:
        for post, viewer in ((hers, bob.actor), (his, mia)):
            with pytest.raises(NotFound):
                await posts.get(tx, post.id, viewer)
        assert (await posts.get(tx, his.id, other)).id == his.id
        assert [actor.id for actor in await follows.followers(tx, bob.actor)] == [other.id]
        assert await blocks.blocking(tx, mia, bob.actor) and not await blocks.blocking(tx, other, bob.actor)
        for follower, followed in ((mia, bob.actor), (bob.actor, mia)):
            with pytest.raises(Forbidden):
                await follows.follow(tx, follower, followed)
        with pytest.raises(NotFound):
            await actors.seen(tx, "bob", None, mia)
        assert await tx.get(Follow, (mia.id, bob.actor_id)) is None
    async with site.db.write() as tx:
        assert [(row.host, row.mutes_only) for row in await mutes.hosts_of(tx, bob.actor)] == [("far.example", False)]
        assert await mutes.unblock_host(tx, bob.actor, "far.example")
        assert not await mutes.unblock_host(tx, bob.actor, "far.example")
        assert (await posts.get(tx, his.id, mia)).id == his.id


async def test_what_is_no_server_cannot_be_blocked(site: Site, bob: Account) -> None:
    for typed in ("", "far example", "https://", "far.example/path", "art.test", "nodots"):
        with pytest.raises(Invalid):
            async with site.db.write() as tx:
                await mutes.block_host(tx, bob.actor, typed, own="art.test")
    with pytest.raises(Invalid):
        async with site.db.write() as tx:
            await mutes.mute(tx, bob.actor, bob.actor)
