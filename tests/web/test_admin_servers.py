"""Rules for other servers as moderators make them, and what the about page says of them."""

import pytest
from quart import Quart

from server import follows, hosts
from server.models import Account, HostLevel, Role
from server.site import Site
from tests import abroad
from tests.browsing import Browser
from tests.conftest import make_account
from tests.desk import desk


@pytest.fixture
async def mo(site: Site, app: Quart) -> Browser:
    return await desk(app, await make_account(site, "mo", role=Role.MODERATOR))


async def rule(site: Site, host: str) -> tuple[HostLevel, bool, str] | None:
    async with site.db.read() as tx:
        found = await hosts.rule(tx, host)
    return (found.level, found.rejects_media, found.reason) if found else None


async def tie(site: Site, alice: Account, bob: Account) -> None:
    mia, otto = await abroad.person(site, host="a.far.example"), await abroad.person(site, "otto", "far.example")
    async with site.db.write() as tx:
        for person in (mia, otto):
            await follows.follow(tx, alice.actor, person)
        await follows.follow(tx, mia, bob.actor)


async def test_a_server_is_found_by_whatever_names_it(mo: Browser) -> None:
    for typed in ("far.example", "https%3A%2F%2Ffar.example%2F%40mia", "%40mia%40FAR.example"):
        await mo.get(f"/admin/hosts?find={typed}")
        assert (mo.status, mo.location) == (303, "/admin/hosts/far.example")
    await mo.get("/admin/hosts?find=x+y")
    assert mo.status == 422 and "Name a server" in mo.page and 'value="x y"' in mo.page
    await mo.get("/admin/hosts/x%20y")
    assert mo.status == 404


async def test_a_suspension_says_first_who_loses_whom(site: Site, alice: Account, bob: Account, mo: Browser) -> None:
    await tie(site, alice, bob)
    await mo.get("/admin/hosts/far.example")
    assert (
        "2 of its people are known here" in mo.page and "2 follows from here to there, 1 from there to here" in mo.page
    )
    wish = {"level": "suspend", "reason": "Harassment", "public_reason": ""}
    page = await mo.post("/admin/hosts/far.example/rule", wish)
    assert mo.status == 200 and await rule(site, "far.example") is None, "nothing has happened yet"
    assert "2 people here lose 2 whom they follow and 1 follower" in page
    assert "@alice" in page and "follows 2 there" in page and "@bob" in page and "1 follower there" in page
    async with site.db.read() as tx:
        assert len(await hosts.ties(tx, "far.example")) == 2
    await mo.post("/admin/hosts/far.example/rule", {**wish, "reason": mo.hidden("reason"), "confirmed": "yes"})
    assert (mo.status, mo.location) == (303, "/admin/hosts/far.example")
    assert await rule(site, "a.far.example") == (HostLevel.SUSPEND, False, "Harassment")
    async with site.db.read() as tx:
        assert await hosts.ties(tx, "far.example") == []
    page = await mo.get("/admin/hosts/a.far.example")
    assert "because of the rule for" in page and "Make a rule for it" in page
    await mo.post("/admin/hosts/far.example/rule", {**wish, "reason": "Harassment, again"})
    assert mo.status == 303, "what is suspended already has nothing more to lose"


async def test_a_limit_is_made_changed_and_removed(site: Site, mo: Browser) -> None:
    wish = {"level": "limit", "rejects_media": "yes", "reason": "Advertising", "public_reason": "Advertising."}
    await mo.post("/admin/hosts/far.example/rule", wish)
    assert mo.status == 303 and await rule(site, "far.example") == (HostLevel.LIMIT, True, "Advertising")
    assert "Limited, without its pictures" in await mo.get("/admin/hosts")
    await mo.post("/admin/hosts/far.example/rule", {"level": "limit", "reason": "Less of it"})
    assert await rule(site, "far.example") == (HostLevel.LIMIT, False, "Less of it")
    await mo.post("/admin/hosts/far.example/rule/remove", {"reason": "Gone"})
    assert mo.status == 303 and await rule(site, "far.example") is None
    page = await mo.get("/admin/decisions")
    assert page.count("far.example") == 3 and "Gone" in page
    await mo.post("/admin/hosts/far.example/rule/remove")
    assert mo.status == 404


async def test_pictures_alone_can_be_left_out(site: Site, mo: Browser) -> None:
    page = await mo.get("/admin/hosts/far.example")
    assert "Its people and posts are shown as ever, without pictures and portraits." in page
    await mo.post(
        "/admin/hosts/far.example/rule", {"level": "none", "reason": "Heavy", "public_reason": "Heavy files."}
    )
    assert mo.status == 303 and await rule(site, "far.example") == (HostLevel.NONE, True, "Heavy")
    assert "Without its pictures" in await mo.get("/admin/hosts")
    page = await mo.get("/admin/hosts/far.example")
    assert 'name="level" value="none" checked' in page and "<dt>Rule</dt><dd>Without its pictures" in page
    assert "no media: Heavy" in await mo.get("/admin/decisions")
    assert "Without its pictures: Heavy files." in await mo.get("/about")
    await mo.post("/admin/hosts/far.example/rule", {"level": "limit", "rejects_media": "yes", "reason": "Spam as well"})
    assert await rule(site, "far.example") == (HostLevel.LIMIT, True, "Spam as well"), "the box was ticked already"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"level": "limit"}, "Say why"),
        ({"level": "none"}, "Say why"),
        ({"level": "delete", "reason": "Kept words"}, "Choose what the rule does"),
        ({"level": "suspend", "reason": "x" * 1001}, "1,001 characters"),
        ({"level": "limit", "reason": "Kept words", "public_reason": "x" * 1001}, "1,001 characters"),
    ],
)
async def test_a_rule_that_cannot_be_keeps_what_was_typed(
    site: Site, mo: Browser, wish: dict[str, str], sentence: str
) -> None:
    await mo.post("/admin/hosts/far.example/rule", wish)
    assert mo.status == 422 and sentence in mo.page and wish.get("reason", "") in mo.page
    assert await rule(site, "far.example") is None


async def test_no_rule_against_oneself(site: Site, mo: Browser) -> None:
    await mo.post("/admin/hosts/art.test/rule", {"level": "suspend", "reason": "Oh", "confirmed": "yes"})
    assert mo.status == 422 and "your own server" in mo.page


async def test_the_about_page_names_rules_that_have_a_public_reason(site: Site, app: Quart) -> None:
    stranger = Browser(app)
    assert "Servers that are limited here" not in await stranger.get("/about")
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "secret.example", HostLevel.SUSPEND, reason="for us alone")
    assert "secret.example" not in await stranger.get("/about")
    async with site.db.write() as tx:
        await hosts.set_rule(
            tx, None, "evil.example", HostLevel.SUSPEND, reason="for us alone", public_reason="Hate & <i>"
        )
    page = await stranger.get("/about")
    assert "evil.example" in page and "Suspended: Hate &amp; &lt;i&gt;" in page and "for us alone" not in page
    assert "secret.example" not in page
