"""Which post stands on which wall, for whom, in which order, and at what price."""

import re
from typing import Any

import pytest
from sqlalchemy import event, select

from server import blocks, boosts, clock, follows, hosts, ids, posts, tags, timelines
from server.models import Account, Actor, Audience, HostLevel, Kind, Post
from server.site import Site
from tests import abroad
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


# -- boosts, and people elsewhere ----------------------------------------------------------------------------------------
async def boost(site: Site, actor: Actor, post: Post) -> int:
    async with site.db.write() as tx:
        await boosts.add(tx, actor, await posts.get(tx, post.id, actor))
        return int(await tx.scalar(select(Post.id).where(Post.author_id == actor.id, Post.boost_of_id == post.id)) or 0)


async def test_home_shows_boosts_with_what_they_boost_and_each_post_once(
    site: Site, alice: Account, bob: Account
) -> None:
    carol, dora = await make_account(site, "carol"), await make_account(site, "dora")
    work, note = await hang(site, dora, pictures=2), await say(site, alice, "Hello")
    for followed in (alice, carol):
        await follow(site, bob, followed)
    await boost(site, alice.actor, work)
    latest = await boost(site, carol.actor, work)
    again = await boost(site, carol.actor, note)
    assert await ids_on(site, "home", bob.actor) == [again, latest]
    async with site.db.read() as tx:
        shown = (await timelines.home(tx, bob.actor))[1].boost_of
    assert shown and shown.author.handle == "dora" and shown.artwork and len(shown.media) == 2
    assert all(media.renditions for media in shown.media)
    assert await ids_on(site, "local", bob.actor) == [work.id]
    assert await ids_on(site, "portfolio", carol.actor, bob.actor) == []


async def test_a_page_of_home_is_full_whatever_stands_twice_or_is_left_out(
    site: Site, alice: Account, bob: Account
) -> None:
    carol = await make_account(site, "carol")
    await follow(site, bob, alice)
    await follow(site, bob, carol)
    works = [await hang(site, alice, f"Number {number}") for number in range(3)]
    for number in range(12):
        await hang(site, alice, f"Draft {number}", published=False)
    for work in works[1:]:
        await boost(site, carol.actor, work)
    first = await ids_on(site, "home", bob.actor, None, 2)
    rest = await ids_on(site, "home", bob.actor, first[-1], 2)
    async with site.db.read() as tx:
        subjects = [(await tx.get_one(Post, post_id)).boost_of_id or post_id for post_id in first]
    assert subjects == [works[2].id, works[1].id]
    assert len(rest) == 2  # the works themselves, for whoever pages on
    assert await ids_on(site, "home", bob.actor, works[0].id, 2) == []


async def test_a_boost_of_what_one_may_not_see_does_not_stand_in_home(site: Site, alice: Account, bob: Account) -> None:
    mia, dora = await abroad.person(site), await make_account(site, "dora")
    hers, work = await abroad.post(site, mia), await hang(site, dora)
    await follow(site, bob, alice)
    for post in (hers, work):
        await boost(site, alice.actor, post)
    assert len(await ids_on(site, "home", bob.actor)) == 2
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "far.example", HostLevel.LIMIT)
        await blocks.block(tx, dora.actor, bob.actor)
    assert await ids_on(site, "home", bob.actor) == []


async def test_works_elsewhere_stand_under_their_tags_and_not_on_the_local_wall(site: Site, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve", "limited.example")
    hers, limited = [await abroad.post(site, person, "Heron", kind=Kind.WORK) for person in (mia, eve)]
    async with site.db.write() as tx:
        for post in (hers, limited):
            await tags.put(tx, await tx.get_one(Post, post.id), ["heron"])
        tag = await tags.get(tx, "heron")
        await hosts.set_rule(tx, None, "limited.example", HostLevel.LIMIT)
    for viewer, found in ((None, []), (bob.actor, [hers.id])):  # strangers are shown nothing of other servers (row 80)
        assert await ids_on(site, "tag", tag, viewer) == found
        assert await ids_on(site, "local", viewer) == []
    async with site.db.write() as tx:  # who follows finds them in home, and still not on a public wall
        await follows.follow(tx, bob.actor, eve)
        await follows.accept(tx, bob.actor, eve)
    assert await ids_on(site, "tag", tag, bob.actor) == [hers.id]
    assert await ids_on(site, "home", bob.actor) == [limited.id]


async def test_a_home_full_of_boosts_costs_the_same(site: Site, alice: Account, bob: Account) -> None:
    dora = await make_account(site, "dora")
    await follow(site, bob, alice)
    prices = []
    for _ in range(2):
        for _ in range(4):
            await boost(site, alice.actor, await hang(site, dora, pictures=2))
        with statements(site) as asked:
            assert await ids_on(site, "home", bob.actor)
        prices.append(len(asked))
    assert prices[0] == prices[1] <= 6


async def test_no_plan_of_home_goes_through_all_posts(site: Site, alice: Account, bob: Account) -> None:
    """G4, on both databases; PostgreSQL is told to avoid it, since in a small house reading everything is cheapest."""
    for _ in range(3):
        await hang(site, alice)
    await follow(site, bob, alice)
    seen: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, given: Any, *rest: Any) -> None:
        seen.append((statement, given))

    engine = site.db._reader.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    for before in (None, ids.new()):
        assert await ids_on(site, "home", bob.actor, before)
    event.remove(engine, "before_cursor_execute", listen)
    asked = [(sql, given) for sql, given in seen if "FROM posts" in sql or "JOIN posts" in sql]
    assert len(asked) >= 4
    explain = "EXPLAIN QUERY PLAN " if site.db.is_sqlite else "EXPLAIN "
    async with site.db._reader.connect() as connection:
        if not site.db.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for sql, given in asked:
            rows = (await connection.exec_driver_sql(explain + sql, given)).all()
            plan = "\n".join(" ".join(map(str, row)) for row in rows)
            assert not re.search(r"SCAN (?:posts|TABLE posts)|Seq Scan on posts", plan), plan
