"""Likes are counted once, also when they come at the same moment."""

import asyncio

from sqlalchemy import select

from server import favourites, posts
from server.models import Account, Actor, Favourite, Post
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang
from tests.works import one


async def test_liking_twice_is_liking_once(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    for new in (True, False):
        async with site.db.write() as tx:
            post = await posts.get(tx, work.id, bob.actor)
            assert await favourites.add(tx, bob.actor, post) is new
            assert post.likes == 1
    async with site.db.read() as tx:
        assert await favourites.liked(tx, bob.actor, [work.id, 1]) == {work.id}
        assert await favourites.liked(tx, alice.actor, [work.id]) == set()
        assert await favourites.liked(tx, bob.actor, []) == set()


async def test_a_like_is_taken_back_once(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await favourites.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    for there in (True, False):
        async with site.db.write() as tx:
            assert await favourites.remove(tx, bob.actor, await posts.get(tx, work.id, bob.actor)) is there
    assert (await one(site, type(work), work.id)).likes == 0


async def test_likes_at_the_same_moment_all_count(site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    people = [await make_account(site, f"reader{number}") for number in range(5)]

    async def like(person: Account) -> None:
        async with site.db.write() as tx:
            await favourites.add(tx, person.actor, await posts.get(tx, work.id, person.actor))

    await asyncio.gather(*(like(person) for person in people for _ in range(2)))
    assert (await one(site, type(work), work.id)).likes == 5


# -- across servers ------------------------------------------------------------------------------------------------------
async def test_only_likes_of_posts_elsewhere_are_told(site: Site, alice: Account, bob: Account) -> None:
    hers = await abroad.post(site, await abroad.person(site))
    work = await hang(site, alice)
    for post in (hers, work, hers):
        async with site.db.write() as tx:
            await favourites.add(tx, bob.actor, await posts.get(tx, post.id, bob.actor))
    assert [(job.verb, job.actor_id, job.post_id) for job in await abroad.told(site)] == [
        ("Like", bob.actor_id, hers.id)
    ]
    for post in (hers, work):
        async with site.db.write() as tx:
            await favourites.remove(tx, bob.actor, await posts.get(tx, post.id, bob.actor))
    assert [job.verb for job in await abroad.told(site)] == ["Like", "UndoLike"]


async def test_a_reaction_from_elsewhere_keeps_its_emoji_and_is_not_echoed(site: Site, alice: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    work = await hang(site, alice)

    async def react(person: Actor, emoji: str, uri: str) -> bool:
        async with site.db.write() as tx:
            return await favourites.add(tx, person, await posts.get(tx, work.id, person), emoji=emoji, uri=uri)

    assert await react(mia, "🦭", "https://far.example/likes/1")
    assert not await react(mia, "🌊", "https://far.example/likes/2")
    assert await react(eve, "", "https://far.example/likes/2")  # an id that is Mia's already
    assert (await one(site, Post, work.id)).likes == 2
    async with site.db.read() as tx:
        rows = {row.actor_id: row for row in await tx.scalars(select(Favourite))}
    assert (rows[mia.id].emoji, rows[mia.id].uri) == ("🌊", "https://far.example/likes/2")
    assert rows[eve.id].uri is None
    assert await abroad.told(site) == []
