"""security.md A2 where it is the house's own functions that decide: whatever door somebody comes through, only what is theirs."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select

from server import artworks, boosts, favourites, follows, galleries, notes, pins, posts
from server.artworks import Draft
from server.db import Session
from server.errors import NotFound, Problem
from server.models import Account, Actor, Audience, Follow, Hanging, Post
from server.notes import Note
from server.site import Site
from tests import abroad
from tests.hung import hang, say
from tests.works import one


async def test_row_22_nobody_changes_what_is_not_theirs(site: Site, alice: Account, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    work, note, hers = await hang(site, alice), await say(site, alice, "Mine"), await abroad.post(site, mia)
    for post, thief in ((work, bob.actor), (note, bob.actor), (work, eve), (hers, eve), (hers, bob.actor)):
        with pytest.raises(NotFound):
            async with site.db.write() as tx:
                found = await posts.mine(tx, post.id, thief)
                await artworks.edit(tx, found, Draft(title="Stolen"), urls=site.urls)
    with pytest.raises(NotFound):
        async with site.db.write() as tx:
            found = await posts.mine(tx, note.id, bob.actor)
            await notes.edit(tx, found, Note("Stolen"), urls=site.urls)
    assert (await one(site, Post, note.id)).text == "Mine"
    assert (await one(site, Post, hers.id)).author_id == mia.id


async def test_row_23_nobody_removes_what_is_not_theirs(site: Site, alice: Account, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    mine, hers = await say(site, alice, "Mine"), await abroad.post(site, mia)
    await abroad.nothing_told(site)
    for post, thief in ((mine, bob.actor), (mine, mia), (hers, eve), (hers, alice.actor)):
        with pytest.raises(NotFound):
            async with site.db.write() as tx:
                await posts.remove(tx, await posts.get(tx, post.id, thief), thief)
    for post in (mine, hers):
        assert (await one(site, Post, post.id)).deleted_at is None
    assert await abroad.told(site) == []


async def test_row_27_only_ones_own_works_hang_in_ones_galleries_and_are_pinned(
    site: Site, alice: Account, bob: Account
) -> None:
    hers = await hang(site, alice)
    async with site.db.write() as tx:
        gallery = await galleries.create(tx, bob.actor, "Mine now")
        foreign = await posts.get(tx, hers.id, bob.actor)
        await galleries.put(tx, await posts.mine(tx, hers.id, alice.actor), alice.actor, ["Mine now"])
        with pytest.raises(NotFound):
            await galleries.move(tx, gallery, foreign, "start")
        with pytest.raises(NotFound):
            await pins.pin(tx, foreign, bob.actor)
        with pytest.raises(NotFound):
            await pins.unpin(tx, foreign, bob.actor)
    async with site.db.read() as tx:
        his = select(func.count()).select_from(Hanging).where(Hanging.gallery_id == gallery.id)
        assert await tx.scalar(his) == 0  # a gallery of that name of her own was made instead
    assert (await one(site, Post, hers.id)).pinned_at is None


async def locked_with_a_secret(site: Site, alice: Account) -> tuple[Actor, Post]:
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
    return await one(site, Actor, alice.actor_id), await say(site, alice, "For followers", audience=Audience.FOLLOWERS)


async def sees(site: Site, viewer: Actor, post: Post) -> bool:
    async with site.db.read() as tx:
        try:
            await posts.get(tx, post.id, viewer)
        except NotFound:
            return False
        return True


async def test_row_28_nothing_of_a_locked_artist_is_seen_before_they_agree(
    site: Site, alice: Account, bob: Account
) -> None:
    locked, secret = await locked_with_a_secret(site, alice)
    mia = await abroad.person(site)
    for follower in (bob.actor, mia):
        async with site.db.write() as tx:
            assert await follows.follow(tx, follower, locked) == "requested"
            assert await follows.follow(tx, follower, locked) == "requested"  # asking twice is no answer
        assert not await sees(site, follower, secret)
        async with site.db.write() as tx:
            await follows.accept(tx, follower, locked)
        assert await sees(site, follower, secret)


async def test_row_28_a_forged_early_doubled_or_late_answer_changes_nothing(site: Site, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    hers = await abroad.post(site, mia, audience=Audience.FOLLOWERS)
    with pytest.raises(NotFound):  # nobody asked
        async with site.db.write() as tx:
            await follows.accept(tx, bob.actor, mia)
    async with site.db.write() as tx:
        assert not await follows.reject(tx, bob.actor, mia)
        await follows.follow(tx, bob.actor, mia)
    with pytest.raises(NotFound):  # somebody else agrees
        async with site.db.write() as tx:
            await follows.accept(tx, bob.actor, eve)
    assert not await sees(site, bob.actor, hers)
    async with site.db.write() as tx:
        await follows.unfollow(tx, bob.actor, mia)
    with pytest.raises(NotFound):  # too late: the request was taken back
        async with site.db.write() as tx:
            await follows.accept(tx, bob.actor, mia)
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(Follow)) == 0


@pytest.mark.parametrize("verb", ["like", "boost"])
async def test_row_36_one_person_counts_once_whatever_they_send(site: Site, alice: Account, verb: str) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    work = await hang(site, alice)
    do: Callable[[Session, Actor, Post, str], Awaitable[bool]] = lambda tx, who, post, uri: (  # noqa: E731
        favourites.add(tx, who, post, uri=uri) if verb == "like" else boosts.add(tx, who, post, uri=uri)
    )
    async with site.db.write() as tx:
        for number in range(200):
            await do(tx, mia, await posts.get(tx, work.id, mia), f"https://far.example/{verb}s/{number}")
    stored = await one(site, Post, work.id)
    assert (stored.likes, stored.boosts) == ((1, 0) if verb == "like" else (0, 1))
    async with site.db.write() as tx:  # nobody takes back what somebody else did
        post = await posts.get(tx, work.id, eve)
        assert not await (favourites if verb == "like" else boosts).remove(tx, eve, post)
    stored = await one(site, Post, work.id)
    assert stored.likes + stored.boosts == 1


async def test_row_36_an_answer_counts_once_and_only_while_it_is_there(site: Site, alice: Account) -> None:
    note = await say(site, alice, "Hello")
    async with site.db.write() as tx:
        above = await posts.get(tx, note.id, alice.actor)
        for _ in range(20):
            answer = await notes.write(tx, alice.actor, Note("Yes", reply_to=above), "the same form", urls=site.urls)
    assert (await one(site, Post, note.id)).replies == 1
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.get(tx, answer.id, alice.actor), alice.actor)
        with pytest.raises(Problem):
            await posts.remove(tx, answer, alice.actor)
    assert (await one(site, Post, note.id)).replies == 0
