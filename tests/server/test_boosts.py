"""Showing somebody's post once more: once for each person, only what is public, and told to the right servers."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server import boosts, clock, notifications, posts
from server.errors import Forbidden, Gone, NotFound
from server.models import Account, Actor, Audience, Hearing, Kind, Post
from server.site import Site
from tests import abroad
from tests.hung import hang, say


async def boost(site: Site, actor: Actor, post: Post, **more: object) -> bool:
    async with site.db.write() as tx:
        return await boosts.add(tx, actor, await posts.get(tx, post.id, actor), **more)  # type: ignore[arg-type]


async def count(site: Site, post: Post) -> tuple[int, int]:
    """The counter, and the rows behind it."""
    async with site.db.read() as tx:
        rows = await tx.scalar(select(func.count(Post.id)).where(Post.boost_of_id == post.id))
        return (await tx.get_one(Post, post.id)).boosts, int(rows or 0)


async def test_boosting_is_counted_told_and_taken_back(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    assert await boost(site, bob.actor, work)
    assert not await boost(site, bob.actor, work)
    assert await count(site, work) == (1, 1)
    assert [(job.actor_id, job.post_id) for job in await abroad.told(site, "Announce")] == [(bob.actor_id, work.id)]
    async with site.db.read() as tx:
        assert await boosts.boosted(tx, bob.actor, [work.id]) == {work.id}
        assert await boosts.boosted(tx, alice.actor, [work.id]) == await boosts.boosted(tx, bob.actor, []) == set()
        heard = await notifications.list(tx, alice.actor)
    assert [(row.hearing, row.from_id, row.post_id) for row in heard] == [(Hearing.BOOST, bob.actor_id, work.id)]
    async with site.db.write() as tx:
        assert await boosts.remove(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
        assert not await boosts.remove(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    assert await count(site, work) == (0, 0)
    assert len(await abroad.told(site, "UndoAnnounce")) == 1
    assert await boost(site, bob.actor, work)  # and once more


async def test_ten_clicks_at_once_are_one_boost(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    assert sum(await asyncio.gather(*(boost(site, bob.actor, work) for _ in range(10)))) == 1
    assert await count(site, work) == (1, 1)
    assert len(await abroad.told(site, "Announce")) == 1


@pytest.mark.parametrize("audience", [Audience.FOLLOWERS, Audience.MENTIONED])
async def test_row_49_what_is_not_public_cannot_be_boosted(site: Site, alice: Account, audience: Audience) -> None:
    own = await hang(site, alice, audience=audience)
    with pytest.raises(Forbidden):
        await boost(site, alice.actor, own)
    mia = await abroad.person(site)
    async with site.db.write() as tx:  # even where somebody elsewhere claims to have seen it
        post = await posts.get(tx, own.id, alice.actor)
        with pytest.raises(Forbidden):
            await boosts.add(tx, mia, post, uri="https://far.example/announces/1")
    assert await count(site, own) == (0, 0) and await abroad.told(site) == []


async def test_what_is_deleted_takes_its_boosts_along(site: Site, alice: Account, bob: Account) -> None:
    note = await say(site, alice, "Soon gone")
    await boost(site, bob.actor, note)
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.get(tx, note.id, alice.actor), alice.actor)
    assert await count(site, note) == (0, 0)
    async with site.db.read() as tx:
        assert await notifications.list(tx, alice.actor) == []
        with pytest.raises(Gone):
            await posts.get(tx, note.id, bob.actor)


async def test_a_boost_of_somebody_elsewhere_is_not_echoed_and_keeps_its_time(site: Site, alice: Account) -> None:
    mia, work = await abroad.person(site), await hang(site, alice)
    yesterday, uri = clock.now() - timedelta(days=1), "https://far.example/announces/1"
    assert await boost(site, mia, work, uri=uri, at=yesterday)
    assert not await boost(site, mia, work, uri=uri, at=yesterday)
    assert not await boost(site, mia, work, uri="https://far.example/announces/2")
    async with site.db.read() as tx:
        row = (await tx.scalars(select(Post).where(Post.uri == uri))).one()
    assert row.kind is Kind.BOOST and row.published_at == yesterday and row.id < work.id
    assert await count(site, work) == (1, 1) and await abroad.told(site) == []


async def test_a_boost_is_no_post_that_could_be_boosted(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    await boost(site, bob.actor, work)
    async with site.db.write() as tx:
        mine = await tx.scalar(select(Post.id).where(Post.boost_of_id == work.id))
        with pytest.raises(NotFound):
            await boosts.add(tx, alice.actor, await posts.get(tx, int(mine or 0), alice.actor))


async def test_whoever_may_not_see_a_post_does_not_see_its_boost(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    await boost(site, bob.actor, work)
    async with site.db.write() as tx:
        boost_id = int(await tx.scalar(select(Post.id).where(Post.boost_of_id == work.id)) or 0)
        assert (await posts.get(tx, boost_id, None)).boost_of_id == work.id
        (await tx.get_one(Post, work.id)).audience = Audience.FOLLOWERS
    async with site.db.read() as tx:
        for viewer in (None, bob.actor):
            with pytest.raises(NotFound):
                await posts.get(tx, boost_id, viewer)
        assert (await posts.get(tx, boost_id, alice.actor)).boost_of_id == work.id
