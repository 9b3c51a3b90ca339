"""Likes are counted once, also when they come at the same moment."""

import asyncio

from server import favourites, posts
from server.models import Account
from server.site import Site
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
