"""Which post stands on which wall, for whom, in which order, and at what price."""

import pytest

from server import blocks, clock, follows, tags, timelines
from server.models import Account, Actor, Audience, Post
from server.site import Site
from tests.conftest import make_account
from tests.hung import hang, say, statements


async def ids_on(site: Site, feed: str, *given: object) -> list[int]:
    async with site.db.read() as tx:
        return [post.id for post in await getattr(timelines, feed)(tx, *given)]


async def follow(site: Site, follower: Account, followed: Account) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, follower.actor, followed.actor)


async def test_the_newest_stands_first_and_a_page_continues_where_the_last_ended(site: Site, alice: Account) -> None:
    works = [await hang(site, alice, f"Number {number}") for number in range(5)]
    newest = [work.id for work in reversed(works)]
    assert await ids_on(site, "local", None, None, 2) == newest[:2]
    assert await ids_on(site, "local", None, newest[1], 2) == newest[2:4]
    assert await ids_on(site, "portfolio", alice.actor, None, newest[3], 2) == newest[4:]


@pytest.mark.parametrize("audience", list(Audience))
async def test_public_walls_show_only_what_is_for_everyone(
    site: Site, alice: Account, bob: Account, audience: Audience
) -> None:
    work = await hang(site, alice, audience=audience)
    await follow(site, bob, alice)
    async with site.db.write() as tx:
        await tags.put(tx, await _get(tx, work), ["ink"])
        tag = await tags.get(tx, "ink")
    expected = [work.id] if audience is Audience.EVERYONE else []
    for viewer in (None, bob.actor, alice.actor):
        assert await ids_on(site, "local", viewer) == expected
        assert await ids_on(site, "tag", tag, viewer) == expected


async def _get(tx: object, post: Post) -> Post:
    found = await tx.get(Post, post.id)  # type: ignore[attr-defined]
    assert found
    return found  # type: ignore[no-any-return]


# Who finds a work of Alice in her portfolio: strangers, a follower, somebody else, Alice.
PORTFOLIO = {
    Audience.EVERYONE: (True, True, True, True),
    Audience.UNLISTED: (False, False, False, True),
    Audience.FOLLOWERS: (False, True, False, True),
    Audience.MENTIONED: (False, False, False, True),
}


@pytest.mark.parametrize("audience", list(Audience))
async def test_a_portfolio_shows_each_viewer_what_is_meant_for_them(
    site: Site, alice: Account, bob: Account, audience: Audience
) -> None:
    carol = await make_account(site, "carol")
    await follow(site, bob, alice)
    work = await hang(site, alice, audience=audience)
    note = await say(site, alice, "Hello", audience=audience)
    viewers: tuple[Actor | None, ...] = (None, bob.actor, carol.actor, alice.actor)
    for viewer, finds in zip(viewers, PORTFOLIO[audience], strict=True):
        assert await ids_on(site, "portfolio", alice.actor, viewer) == ([work.id] if finds else [])
        assert await ids_on(site, "posts", alice.actor, viewer) == ([note.id] if finds else [])
        async with site.db.read() as tx:
            counts = await timelines.counts(tx, alice.actor, viewer)
        assert (counts.works, counts.posts) == (int(finds), int(finds))


async def test_drafts_and_unfinished_works_stand_nowhere_for_others(site: Site, alice: Account, bob: Account) -> None:
    draft = await hang(site, alice, published=False)
    wet = await hang(site, alice, ready=False)
    await follow(site, bob, alice)
    for viewer in (None, bob.actor):
        assert await ids_on(site, "portfolio", alice.actor, viewer) == []
        assert await ids_on(site, "local", viewer) == []
    assert await ids_on(site, "home", bob.actor) == []
    mine = await ids_on(site, "portfolio", alice.actor, alice.actor)
    assert mine == [wet.id] and draft.id not in mine


async def test_home_shows_whom_one_follows_and_oneself(site: Site, alice: Account, bob: Account) -> None:
    carol = await make_account(site, "carol")
    hers, note = await hang(site, alice, audience=Audience.FOLLOWERS), await say(site, alice, "In the studio")
    await hang(site, carol)
    own = await hang(site, bob)
    assert await ids_on(site, "home", bob.actor) == [own.id]
    await follow(site, bob, alice)
    assert await ids_on(site, "home", bob.actor) == [own.id, note.id, hers.id]


async def test_who_is_only_asked_does_not_show_in_home(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
        alice.actor.approves_follows = True
        assert await follows.follow(tx, bob.actor, alice.actor) == "requested"
    await hang(site, alice)
    assert await ids_on(site, "home", bob.actor) == []


async def test_home_leaves_out_half_of_a_conversation_with_a_stranger(site: Site, alice: Account, bob: Account) -> None:
    carol = await make_account(site, "carol")
    await follow(site, bob, alice)
    of_carol, of_bob = await say(site, carol, "A question"), await say(site, bob, "Mine")
    await say(site, alice, "To a stranger of Bob's", of_carol)
    to_bob = await say(site, alice, "To Bob", of_bob)
    await say(site, bob, "Bob's own answer", to_bob)
    assert await ids_on(site, "home", bob.actor) == [to_bob.id, of_bob.id]
    await follow(site, bob, carol)
    assert len(await ids_on(site, "home", bob.actor)) == 4


async def test_a_block_clears_every_wall_both_ways(site: Site, alice: Account, bob: Account) -> None:
    hers, his = await hang(site, alice), await hang(site, bob)
    await follow(site, bob, alice)
    async with site.db.write() as tx:
        await tags.put(tx, await _get(tx, hers), ["ink"])
        await tags.put(tx, await _get(tx, his), ["ink"])
        tag = await tags.get(tx, "ink")
        await blocks.block(tx, alice.actor, bob.actor)
    for viewer, seen, hidden in ((alice, hers, his), (bob, his, hers)):
        assert await ids_on(site, "local", viewer.actor) == [seen.id]
        assert await ids_on(site, "tag", tag, viewer.actor) == [seen.id]
        assert await ids_on(site, "home", viewer.actor) == [seen.id]
        owner = alice if hidden is hers else bob
        assert await ids_on(site, "portfolio", owner.actor, viewer.actor) == []
        async with site.db.read() as tx:
            assert await timelines.find(tx, hidden.id, viewer.actor) is None
            assert (await timelines.counts(tx, owner.actor, viewer.actor)).works == 0
    assert await ids_on(site, "local", None) == [his.id, hers.id]


async def test_suspended_people_are_on_no_wall(site: Site, alice: Account) -> None:
    await hang(site, alice)
    async with site.db.write() as tx:
        actor = await tx.get(Actor, alice.actor_id)
        assert actor
        actor.suspended_at = clock.now()
    assert await ids_on(site, "local", None) == []
    async with site.db.read() as tx:
        assert (await timelines.house(tx)).works == 0


async def test_a_long_wall_asks_as_few_questions_as_a_short_one(site: Site, alice: Account, bob: Account) -> None:
    await follow(site, bob, alice)
    prices: list[list[int]] = []
    for _ in range(2):
        for _ in range(4):
            await hang(site, alice, pictures=2)
        await say(site, alice, "Words")
        price = []
        for feed in (("local", bob.actor), ("home", bob.actor), ("portfolio", alice.actor, bob.actor)):
            with statements(site) as asked:
                assert await ids_on(site, *feed)
            price.append(len(asked))
        prices.append(price)
    assert prices[0] == prices[1]
    assert max(prices[1]) <= 4
