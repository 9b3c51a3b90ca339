"""What people keep is theirs alone: nothing is counted, nobody is told."""

import pytest
from sqlalchemy import func, select, update

from server import artworks, bookmarks, posts
from server.errors import NotFound
from server.models import Account, Audience, Bookmark, Job, Notification, Post
from server.site import Site
from tests.hung import hang


async def kept(site: Site, account: Account) -> list[int]:
    async with site.db.read() as tx:
        return [post.id for post in (await bookmarks.of(tx, account.actor, None, 25)).values()]


async def test_keeping_twice_is_keeping_once_and_nobody_hears_of_it(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    async with site.db.read() as tx:
        before = await tx.scalar(select(func.count(Job.id))), await tx.scalar(select(func.count(Notification.id)))
    for new in (True, False):
        async with site.db.write() as tx:
            assert await bookmarks.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor)) is new
    async with site.db.read() as tx:
        assert await bookmarks.kept(tx, bob.actor, [work.id, 1]) == {work.id}
        assert await bookmarks.kept(tx, alice.actor, [work.id]) == set() == await bookmarks.kept(tx, bob.actor, [])
        after = await tx.scalar(select(func.count(Job.id))), await tx.scalar(select(func.count(Notification.id)))
    assert after == before
    assert await kept(site, bob) == [work.id] and await kept(site, alice) == []
    for there in (True, False):
        async with site.db.write() as tx:
            assert await bookmarks.remove(tx, bob.actor, await posts.get(tx, work.id, bob.actor)) is there
    assert await kept(site, bob) == []


async def test_what_was_kept_last_stands_first_page_by_page(site: Site, alice: Account, bob: Account) -> None:
    works = [await hang(site, alice, title=f"Work {number}") for number in range(5)]
    for work in (works[3], works[0], works[4], works[1]):
        async with site.db.write() as tx:
            await bookmarks.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    async with site.db.read() as tx:
        first = await bookmarks.of(tx, bob.actor, None, 3)
        rest = await bookmarks.of(tx, bob.actor, [*first][-1], 3)
    assert [post.id for post in first.values()] == [works[1].id, works[4].id, works[0].id]
    assert [post.id for post in rest.values()] == [works[3].id]


async def test_what_one_may_not_see_any_more_is_hidden_and_comes_back(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await bookmarks.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    for audience, seen in ((Audience.MENTIONED, []), (Audience.EVERYONE, [work.id])):
        async with site.db.write() as tx:
            await tx.execute(update(Post).where(Post.id == work.id).values(audience=audience))
        assert await kept(site, bob) == seen


async def test_a_draft_and_what_is_deleted_cannot_be_kept(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        draft = await artworks.start(tx, alice.actor, "a form")
        with pytest.raises(NotFound):
            await bookmarks.add(tx, alice.actor, draft)
    work = await hang(site, alice)
    async with site.db.write() as tx:
        post = await posts.mine(tx, work.id, alice.actor)
        await bookmarks.add(tx, alice.actor, post)
        await posts.remove(tx, post, alice.actor)
        with pytest.raises(NotFound):
            await bookmarks.add(tx, alice.actor, post)
    assert await kept(site, alice) == []
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Bookmark.id))) == 0
