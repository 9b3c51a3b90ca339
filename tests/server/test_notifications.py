"""Who hears of what: once, only of what they may see, and at a price that does not grow."""

import secrets

import pytest

from server import blocks, boosts, clock, favourites, follows, notes, notifications, posts
from server.models import Account, Actor, Audience, Hearing, Post, Role
from server.notes import Note
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang, say, statements


async def heard(site: Site, account: Account) -> list[tuple[Hearing, int, int | None]]:
    async with site.db.read() as tx:
        rows = await notifications.list(tx, account.actor)
        return [(row.hearing, row.from_id, row.post_id) for row in rows]


async def like(site: Site, actor: Actor, post: Post) -> None:
    async with site.db.write() as tx:
        await favourites.add(tx, actor, await posts.get(tx, post.id, actor))


async def test_follows_likes_boosts_answers_and_names_are_told(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
        await favourites.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
        await boosts.add(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    answer = await say(site, bob, "Lovely light", work)
    named = await say(site, bob, "Look at what @alice hung")
    me = bob.actor_id
    assert await heard(site, alice) == [
        (Hearing.MENTION, me, named.id), (Hearing.REPLY, me, answer.id), (Hearing.BOOST, me, work.id),
        (Hearing.LIKE, me, work.id), (Hearing.FOLLOW, me, None),
    ]  # fmt: skip
    assert await heard(site, bob) == []


async def test_a_second_like_is_no_news_and_read_is_read(site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    await like(site, bob.actor, work)
    async with site.db.write() as tx:
        assert await notifications.unread(tx, alice.actor) == 1
        await notifications.mark_read(tx, alice.actor)
        await favourites.remove(tx, bob.actor, await posts.get(tx, work.id, bob.actor))
    await like(site, bob.actor, work)
    async with site.db.read() as tx:
        assert await notifications.unread(tx, alice.actor) == 0
    assert len(await heard(site, alice)) == 1


async def test_asking_and_agreeing(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
        locked = await tx.get_one(Actor, alice.actor_id, populate_existing=True)
        await follows.follow(tx, bob.actor, locked)
    assert await heard(site, alice) == [(Hearing.ASK, bob.actor_id, None)]
    async with site.db.write() as tx:
        await follows.accept(tx, bob.actor, locked)
        await follows.accept(tx, bob.actor, locked)
    assert await heard(site, alice) == []  # the request is answered
    assert await heard(site, bob) == [(Hearing.ACCEPTED, alice.actor_id, None)]


async def test_nobody_hears_of_whom_they_block_or_of_what_they_may_not_see(
    site: Site, alice: Account, bob: Account
) -> None:
    carol = await make_account(site, "carol")
    work = await hang(site, alice)
    await like(site, bob.actor, work)
    await like(site, carol.actor, work)
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
    assert await heard(site, alice) == [(Hearing.LIKE, carol.actor_id, work.id)]
    async with site.db.write() as tx:
        (await tx.get_one(Actor, carol.actor_id)).suspended_at = clock.now()
    assert await heard(site, alice) == []
    async with site.db.write() as tx:
        assert not await notifications.notify(tx, alice.actor, Hearing.LIKE, bob.actor, work)
        assert not await notifications.notify(tx, alice.actor, Hearing.LIKE, alice.actor, work)


async def test_whoever_is_suspended_is_told_all_the_same(site: Site, alice: Account, bob: Account) -> None:
    """They find it when they are let in again."""
    work = await hang(site, alice)
    async with site.db.write() as tx:
        suspended = await tx.get_one(Actor, alice.actor_id)
        suspended.suspended_at = clock.now()
        assert await notifications.notify(tx, suspended, Hearing.LIKE, bob.actor, work)


async def test_a_private_answer_is_told_to_whom_it_names_alone(site: Site, alice: Account, bob: Account) -> None:
    carol = await make_account(site, "carol")
    above = await say(site, alice, "In the studio")
    async with site.db.write() as tx:
        target = await posts.get(tx, above.id, bob.actor)
        note = Note("@carol, only between us", "", Audience.MENTIONED, target)
        private = await notes.write(tx, bob.actor, note, secrets.token_urlsafe(18), urls=site.urls)
    assert await heard(site, carol) == [(Hearing.MENTION, bob.actor_id, private.id)]
    assert await heard(site, alice) == [(Hearing.REPLY, bob.actor_id, private.id)]
    async with site.db.write() as tx:  # an edit that names the same people again tells nobody twice
        await notes.edit(tx, await posts.mine(tx, private.id, bob.actor), note, urls=site.urls)
    assert len(await heard(site, carol)) == 1


async def test_people_elsewhere_and_the_house_are_told_nothing_here(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)
    hers = await abroad.post(site, mia)
    await like(site, bob.actor, hers)
    async with site.db.read() as tx:
        assert await notifications.list(tx, mia) == []


async def test_moderators_hear_of_reports_and_nobody_else(site: Site, alice: Account, bob: Account) -> None:
    staff = [await make_account(site, "mo", role=Role.MODERATOR), await make_account(site, "ada", role=Role.ADMIN)]
    async with site.db.write() as tx:
        await notifications.notify_moderators(tx, bob.actor)
        await notifications.mark_read(tx, staff[0].actor)
        await notifications.notify_moderators(tx, bob.actor)
        assert await notifications.unread(tx, staff[0].actor) == 1  # a second report is news again
    for account in staff:
        assert await heard(site, account) == [(Hearing.REPORT, bob.actor_id, None)]
    assert await heard(site, alice) == []


async def test_pages_of_the_list_cost_the_same_however_long_it_is(site: Site, alice: Account, bob: Account) -> None:
    prices = []
    for _ in range(2):
        for _ in range(3):
            await like(site, bob.actor, await hang(site, alice, pictures=2))
        async with site.db.read() as tx:
            with statements(site) as asked:
                rows = await notifications.list(tx, alice.actor)
            older = await notifications.list(tx, alice.actor, before=rows[1].id, limit=1)
        prices.append(len(asked))
        assert [row.id for row in older] == [rows[2].id]
        assert all(row.sender.id == bob.actor_id and row.post and row.post.media for row in rows)
    assert prices[0] == prices[1] <= 4


@pytest.mark.parametrize("hearing", [Hearing.LIKE, Hearing.BOOST])
async def test_what_is_told_goes_with_the_post(site: Site, alice: Account, bob: Account, hearing: Hearing) -> None:
    note = await say(site, alice, "Soon gone")
    async with site.db.write() as tx:
        await notifications.notify(tx, alice.actor, hearing, bob.actor, note)
    assert len(await heard(site, alice)) == 1
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.get(tx, note.id, alice.actor), alice.actor)
    assert await heard(site, alice) == []
