"""A person's pages."""

import re

import pytest
from quart import Quart

from server import blocks, clock, galleries, posts
from server.models import Account, Actor, Audience
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang, say, statements

ACTIVITY = "application/activity+json"


async def test_the_portfolio_names_the_artist_and_counts_what_the_viewer_finds(
    app: Quart, site: Site, alice: Account
) -> None:
    async with site.db.write() as tx:
        actor = await tx.get(Actor, alice.actor_id)
        assert actor
        actor.lede, actor.place = "Boats & <dusk>", "Lyon"
        actor.links = [{"label": "Shop", "url": "https://shop.test/"}, {"label": "Bad", "url": "javascript:alert(1)"}]
    await hang(site, alice)
    await hang(site, alice, audience=Audience.FOLLOWERS)
    page = await Browser(app).get("/@alice")
    assert "<h1>Alice Painter</h1>" in page and "Boats &amp; &lt;dusk&gt;" in page and "@alice@art.test" in page
    assert 'href="https://shop.test/" rel="me nofollow noopener"' in page and "javascript:" not in page
    assert "Portfolio <small>1</small>" in page
    assert f'<link rel="alternate" type="{ACTIVITY}" href="http://art.test/users/alice">' in page
    assert '<link rel="canonical" href="http://art.test/@alice">' in page
    mine = await (await Browser(app).as_somebody(alice)).get("/@alice")
    assert "Portfolio <small>2</small>" in mine and "Edit profile" in mine and "Not for everyone" in mine


async def test_the_case_of_a_name_does_not_matter_and_unknown_people_are_not_there(
    app: Quart, site: Site, alice: Account
) -> None:
    browser = Browser(app)
    assert "Alice Painter" in await browser.get("/@ALICE")
    for tab in ("", "/posts", "/about", "/galleries", "/galleries/boats"):
        assert "There is nobody with this name." in await browser.get(f"/@nobody{tab}")
        assert browser.status == 404


async def test_the_wall_can_be_a_grid(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice)
    browser = Browser(app)
    assert '<ul class="wall"' in await browser.get("/@alice")
    assert '<ul class="grid"' in await browser.get("/@alice?view=grid")
    assert '<ul class="wall"' in await browser.get("/@alice?view=<script>")


async def test_chips_lead_to_galleries_that_hold_something(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await galleries.put(tx, await posts.get(tx, work.id, alice.actor), alice.actor, ["Boats"])
        await galleries.create(tx, alice.actor, "Empty room")
    browser = Browser(app)
    page = await browser.get("/@alice")
    assert 'href="http://art.test/@alice/galleries/boats">Boats' in page and "Empty room" not in page
    assert "Empty room" not in await browser.get("/@alice/galleries")
    assert "Empty room" in await (await browser.as_somebody(alice)).get("/@alice/galleries")


@pytest.mark.parametrize(("accept", "leads"), [(ACTIVITY, True), ("text/html", False), ("*/*", False)])
async def test_servers_are_led_to_the_object(app: Quart, site: Site, alice: Account, accept: str, leads: bool) -> None:
    work, note = await hang(site, alice), await say(site, alice, "Hello")
    browser = Browser(app)
    for path, target in (
        ("/@alice", "http://art.test/users/alice"),
        (f"/@alice/{work.id}", f"http://art.test/works/{work.id}"),
        (f"/@alice/{note.id}", f"http://art.test/notes/{note.id}"),
    ):
        await browser.get(path, Accept=accept)
        assert (browser.status, browser.location) == ((302, target) if leads else (200, ""))


async def test_posts_and_about(app: Quart, site: Site, alice: Account) -> None:
    await say(site, alice, "In the studio #ink")
    async with site.db.write() as tx:
        actor = await tx.get(Actor, alice.actor_id)
        assert actor
        actor.about = "First.\n\nSecond <b>."
    browser = Browser(app)
    assert "In the studio" in await browser.get("/@alice/posts")
    assert "<p>First.</p><p>Second &lt;b&gt;.</p>" in await browser.get("/@alice/about")
    assert "Here since" in browser.page


async def test_whom_one_is_blocked_by_is_not_there(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    """Row 51: to the blocked person every page of the other is as if there were nobody."""
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await galleries.put(tx, await posts.get(tx, work.id, alice.actor), alice.actor, ["Boats"])
        await blocks.block(tx, alice.actor, bob.actor)
    browser = await Browser(app).as_somebody(bob)
    for path in ("", "/posts", "/about", "/galleries", "/galleries/boats", f"/{work.id}", "/block", "/follow"):
        await browser.get(f"/@alice{path}")
        assert browser.status == 404, path
    await browser.get("/explore")
    for action in ("follow", f"{work.id}/like", f"{work.id}/comment", "block"):
        await browser.post(f"/@alice/{action}", {"text": "Hello"})
        assert browser.status == 404, action
    assert "Unblock" in await (await Browser(app).as_somebody(alice)).get("/@bob")


async def test_suspended_people_have_no_pages(app: Quart, site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        actor = await tx.get(Actor, alice.actor_id)
        assert actor
        actor.suspended_at = clock.now()
    browser = Browser(app)
    for path in ("/@alice", "/@alice/about", "/@alice/galleries"):
        await browser.get(path)
        assert browser.status == 404


async def test_a_full_portfolio_asks_few_questions(app: Quart, site: Site, alice: Account) -> None:
    prices = []
    for _ in range(2):
        for number in range(6):
            work = await hang(site, alice)
            async with site.db.write() as tx:
                await galleries.put(tx, await posts.get(tx, work.id, alice.actor), alice.actor, [f"Room {number}"])
        with statements(site) as asked:
            await Browser(app).get("/@alice")
        prices.append(len(asked))
    assert prices[0] == prices[1] <= 8


async def test_the_owner_arranges_a_gallery_without_any_script(app: Quart, site: Site, alice: Account) -> None:
    browser = await Browser(app).as_somebody(alice)
    await browser.get("/@alice/galleries")
    page = await browser.post("/@alice/galleries", {"name": " ", "text": "kept"})
    assert browser.status == 422 and "Give the gallery a name." in page and "kept</textarea>" in page
    await browser.post("/@alice/galleries", {"name": "Boats", "text": "All of them."})
    assert (browser.status, browser.location) == (303, "http://art.test/@alice/galleries/boats")
    works = [await hang(site, alice, letter) for letter in "abc"]
    for work in works:
        async with site.db.write() as tx:
            await galleries.put(tx, await posts.get(tx, work.id, alice.actor), alice.actor, ["Boats"])
    await browser.get("/@alice/galleries/boats/edit")
    await browser.post("/@alice/galleries/boats/move", {"post": str(works[2].id), "where": "start"})
    assert browser.location == f"http://art.test/@alice/galleries/boats/edit#w{works[2].id}"
    shown = re.findall(r'id="w(\d+)"', await browser.get("/@alice/galleries/boats/edit"))
    assert shown == [str(works[2].id), str(works[0].id), str(works[1].id)]
    await browser.post("/@alice/galleries/boats/edit", {"name": "Ships", "text": "x"})
    assert "<h1>Ships</h1>" in await browser.get("/@alice/galleries/boats")
    await browser.get("/@alice/galleries/boats/edit")
    await browser.post("/@alice/galleries/boats/delete")
    assert browser.status == 303
    await browser.get("/@alice/galleries/boats")
    assert browser.status == 404


async def test_nobody_else_arranges_it(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await galleries.create(tx, alice.actor, "Boats")
    browser = await Browser(app).as_somebody(bob)
    await browser.get("/explore")
    proof = browser.csrf
    await browser.get("/@alice/galleries/boats/edit")
    assert browser.status == 403
    for path in ("galleries", "galleries/boats/edit", "galleries/boats/move", "galleries/boats/delete"):
        await browser.post(f"/@alice/{path}", {"name": "Mine now"}, csrf=proof)
        assert browser.status == 403, path
    async with site.db.read() as tx:
        assert (await galleries.get(tx, alice.actor, "boats")).name == "Boats"
