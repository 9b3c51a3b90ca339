"""What one is told, by day; how many are new; and what one may not be told."""

import html
import re
from datetime import timedelta

import pytest
from quart import Quart
from sqlalchemy import select, update

from server import blocks, boosts, clock, favourites, follows, moderation, mutes, notes, notifications, posts
from server.models import Account, Audience, Notification, Post, Role
from server.site import Site
from tests.browsing import Browser
from tests.conftest import make_account
from tests.hung import hang, say, statements


async def like(site: Site, who: Account, post: Post) -> None:
    async with site.db.write() as tx:
        await favourites.add(tx, who.actor, await posts.get(tx, post.id, who.actor))


async def boost(site: Site, who: Account, post: Post) -> None:
    async with site.db.write() as tx:
        await boosts.add(tx, who.actor, await posts.get(tx, post.id, who.actor))


async def follow(site: Site, who: Account, whom: Account) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, who.actor, whom.actor)


async def test_only_for_people_of_the_house(app: Quart) -> None:
    browser = Browser(app)
    await browser.get("/notifications")
    assert browser.location == "/login?next=/notifications"


async def test_everything_is_told_and_leads_there(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    await follow(site, bob, alice)
    await like(site, bob, work)
    await boost(site, bob, work)
    answer = await say(site, bob, "What a <light>!", work)
    await say(site, bob, "Look at this, @alice")
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get("/notifications")
    for words in ("follows you", "likes", "boosted", "commented on", "named you"):
        assert words in page
    assert f'href="http://art.test/@alice/{work.id}-the-last-ferry"' in page
    assert f'href="http://art.test/@bob/{answer.id}"' in page and "What a &lt;light&gt;!" in page
    assert page.count('class="new"') == 5


def lines(page: str) -> list[str]:
    """The sentences of the page, as people read them."""
    said = re.findall(r"<p>(.*?)<span class=\"quiet xs when\"", page, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", "", one)).split()) for one in said]


async def test_every_line_names_what_it_is_about(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work, words = await hang(site, alice, "Quarry & Lake"), await say(site, alice, f"Slow morning, {'long ' * 30}day")
    await like(site, bob, work)
    await like(site, bob, words)
    await boost(site, bob, words)
    await say(site, bob, "Cold!", work)
    mine = await say(site, alice, "It was.", work)
    await like(site, bob, mine)
    await say(site, bob, "Brrr", mine)
    await say(site, bob, "Yes", words)
    page = await (await Browser(app).as_somebody(alice)).get("/notifications")
    first = "Slow morning, long long long long long long long long long…"
    assert lines(page) == [
        f"New: Bob Reader answered your post “{first}”",
        "New: Bob Reader answered your comment “It was.”",
        "New: Bob Reader likes your comment “It was.”",
        "New: Bob Reader commented on Quarry & Lake",
        f"New: Bob Reader boosted your post “{first}”",
        f"New: Bob Reader likes your post “{first}”",
        "New: Bob Reader likes Quarry & Lake",
    ]
    assert (
        f'commented on <a href="http://art.test/@alice/{work.id}-quarry-lake"><cite>Quarry &amp; Lake</cite></a>'
        in page
    )


async def test_a_line_names_nothing_that_is_gone_or_behind_a_warning(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    async with site.db.write() as tx:
        note = notes.Note("The butler did it.", "The end of the book", Audience.EVERYONE)
        told = await notes.write(tx, alice.actor, note, "key", urls=site.urls)
    gone = await say(site, alice, "A slip")
    await like(site, bob, told)
    await say(site, bob, "Why?", gone)
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, gone.id, alice.actor), alice.actor)
    page = await (await Browser(app).as_somebody(alice)).get("/notifications")
    assert lines(page) == [
        "New: Bob Reader answered you", "New: Bob Reader likes your post “The end of the book”",
    ]  # fmt: skip
    assert "butler" not in page and "slip" not in page


async def test_the_site_bar_counts_what_is_new_and_looking_reads_it(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    browser = await Browser(app).as_somebody(alice)
    assert "Notifications</a>" in await browser.get("/explore")
    work = await hang(site, alice)
    await like(site, bob, work)
    await follow(site, bob, alice)
    page = await browser.get("/explore")
    assert 'Notifications <b class="news">2<span class="sr"> new</span></b>' in page and "Notifications, 2 new" in page
    assert 'class="new"' in await browser.get("/notifications") and 'class="news"' not in browser.page
    assert 'class="new"' not in await browser.get("/notifications")
    assert 'class="news"' not in await browser.get("/explore")
    strangers = Browser(app)
    assert "Notifications" not in await strangers.get("/explore")


async def test_what_several_did_to_one_thing_is_one_line_of_that_day(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    work, other = await hang(site, alice), await hang(site, alice, "Quarry Lake")
    people = [bob, *[await make_account(site, name) for name in ("carol", "dora")]]
    for person in people:
        await like(site, person, work)
    await like(site, bob, other)
    async with site.db.write() as tx:
        told = (await tx.scalars(select(Notification).where(Notification.from_id == bob.actor_id))).all()
        old = clock.now() - timedelta(days=3)
        await tx.execute(update(Notification).where(Notification.id == told[0].id).values(created_at=old))
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get("/notifications")
    assert page.count("<time datetime=") - page.count('class="quiet xs when"') == 2, "two days"
    assert "<b>Dora</b></a> and" in page and page.count('class="new"') == 3


@pytest.mark.parametrize("how", ["mute", "block", "host"])
async def test_nothing_is_told_of_whom_one_does_not_want_to_meet(
    app: Quart, site: Site, alice: Account, bob: Account, how: str
) -> None:
    work = await hang(site, alice)
    await like(site, bob, work)
    browser = await Browser(app).as_somebody(alice)
    async with site.db.write() as tx:
        if how == "block":
            await blocks.block(tx, alice.actor, bob.actor)
        elif how == "mute":
            await mutes.mute(tx, alice.actor, bob.actor)
        else:
            await mutes.block_host(tx, alice.actor, "far.example")
    page = await browser.get("/notifications")
    assert ("Bob Reader" in page) is (how == "host")


async def test_a_post_that_was_taken_back_is_not_told(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    answer = await say(site, bob, "For you, @alice", audience=Audience.MENTIONED)
    browser = await Browser(app).as_somebody(alice)
    assert "For you" in await browser.get("/notifications")
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, answer.id, bob.actor), bob.actor)
    assert "For you" not in await browser.get("/notifications")


async def test_requests_and_reports_lead_to_where_they_are_decided(app: Quart, site: Site, bob: Account) -> None:
    alice = await make_account(site, "alice", role=Role.MODERATOR)
    async with site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
    alice.actor.approves_follows = True
    await follow(site, bob, alice)
    carol = await make_account(site, "carol")
    async with site.db.write() as tx:
        await moderation.report(tx, bob.actor, carol.actor, [], "Rude.")
    page = await (await Browser(app).as_somebody(alice)).get("/notifications")
    assert 'href="http://art.test/requests">Decide' in page and 'href="http://art.test/admin/reports"' in page


async def test_pages_go_back_in_time(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    works = [await hang(site, alice, f"Number {number}") for number in range(notifications.PAGE + 2)]
    for work in works:
        await like(site, bob, work)
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get("/notifications")
    assert 'rel="next"' in page and "Number 0<" not in page
    older = page.split('rel="next" href="')[1].split('"')[0]
    page = await browser.get(older)
    assert "Number 0<" in page and 'href="/notifications">Newest' in page and 'rel="next"' not in page


async def test_many_are_told_with_as_few_questions_as_one(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    browser = await Browser(app).as_somebody(alice)
    counts = []
    for number in (1, 20):
        for _ in range(number):
            await like(site, bob, await hang(site, alice))
        await browser.get("/notifications")
        with statements(site) as asked:
            await browser.get("/notifications")
        counts.append(len(asked))
    assert counts[0] == counts[1]
