"""Follow, like, block: by form, by script, and not by the wrong people."""

import re

import pytest
from quart import Quart

from server import blocks, follows, posts
from server.models import Account, Audience
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang


async def state(site: Site, follower: Account, followed: Account) -> str:
    async with site.db.read() as tx:
        return await follows.state(tx, follower.actor, followed.actor)


async def likes(site: Site, post_id: int) -> int:
    async with site.db.read() as tx:
        return (await posts.get(tx, post_id, None)).likes


async def test_following_by_form(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get("/@alice")
    form = re.search(r'<form class="swap" method="post" action="([^"]+)"', page)
    assert form and form[1] == "http://art.test/@alice/follow"
    await browser.post("/@alice/follow", {"next": "/@alice"})
    assert (browser.status, browser.location) == (303, "/@alice")
    assert "Following" in await browser.get("/@alice")
    assert "You will see their new work in your home feed." in browser.page
    assert await state(site, bob, alice) == "following"
    await browser.post("/@alice/unfollow", {"next": "//evil.test"})
    assert (browser.status, browser.location) == (303, "http://art.test/@alice")
    assert await state(site, bob, alice) == "none"


async def test_the_button_alone_for_a_script(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    browser = await Browser(app).as_somebody(bob)
    await browser.get(f"/@alice/{work.id}")
    for action, words, pressed in (
        (f"/@alice/{work.id}/like", "Liked", "true"), (f"/@alice/{work.id}/unlike", "Like", "false"),
        ("/@alice/follow", "Following", "true"), ("/@alice/unfollow", "Follow", "false"),
    ):  # fmt: skip
        page = await browser.post(action, X_Fragment="1")
        assert browser.status == 200 and page.startswith('<form class="swap"') and "<html" not in page
        assert words in page and f'aria-pressed="{pressed}"' in page
        assert browser.headers["Cache-Control"] == "private, no-store"
        assert browser.csrf


async def test_liking_by_form_counts_once(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    browser = await Browser(app).as_somebody(bob)
    for action, expected in (("like", 1), ("like", 1), ("unlike", 0), ("unlike", 0)):
        await browser.get(f"/@alice/{work.id}")
        await browser.post(f"/@alice/{work.id}/{action}")
        assert (browser.status, browser.location) == (303, f"http://art.test/@alice/{work.id}-the-last-ferry#acts")
        assert await likes(site, work.id) == expected


@pytest.mark.parametrize("action", ["follow", "unfollow", "block", "unblock", "{id}/like", "{id}/unlike"])
async def test_without_the_forms_proof_nothing_happens(
    app: Quart, site: Site, alice: Account, bob: Account, action: str
) -> None:
    work = await hang(site, alice)
    browser = await Browser(app).as_somebody(bob)
    await browser.post(f"/@alice/{action.format(id=work.id)}", csrf="")
    assert browser.status == 403
    await browser.get("/explore")
    await browser.post(f"/@alice/{action.format(id=work.id)}", Origin="http://evil.test")
    assert browser.status == 403
    assert await state(site, bob, alice) == "none" and await likes(site, work.id) == 0


async def test_strangers_are_led_to_the_door(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    browser = Browser(app)
    page = await browser.get(f"/@alice/{work.id}")
    assert f'href="http://art.test/login?next=/%40alice/{work.id}"' in page
    for verb in ("like", "boost", "reply"):
        assert f'href="http://art.test/@alice/{work.id}/from-elsewhere?verb={verb}"' in page
    assert 'href="http://art.test/@alice/follow"' in page
    assert '<form class="swap"' not in page


async def test_what_one_may_not_see_cannot_be_liked(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice, audience=Audience.FOLLOWERS)
    browser = await Browser(app).as_somebody(bob)
    await browser.get("/explore")
    await browser.post(f"/@alice/{work.id}/like")
    assert browser.status == 404


async def test_a_block_is_explained_done_and_taken_back(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    await hang(site, bob, "Unwanted")
    browser = await Browser(app).as_somebody(alice)
    assert "stop following each other" in await browser.get("/@bob/block")
    await browser.post("/@bob/block")
    assert browser.location == "http://art.test/@bob"
    page = await browser.get("/@bob")
    assert "You have blocked Bob Reader" in page and "Unwanted" not in page and "Unblock" in page
    assert "Bob Reader" in await browser.get("/settings/privacy")
    await browser.post("/@bob/unblock")
    assert "Unwanted" in await browser.get("/@bob")
    async with site.db.read() as tx:
        assert not await blocks.blocking(tx, alice.actor, bob.actor)


async def test_who_wants_to_be_asked_is_asked(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    hers, his = await Browser(app).as_somebody(alice), await Browser(app).as_somebody(bob)
    assert "Nobody is waiting." in await hers.get("/requests")
    await hers.post("/requests", {"approve": "yes"})
    assert "checked" in await hers.get("/requests")
    await his.get("/@alice")
    await his.post("/@alice/follow")
    assert "Asked" in await his.get("/@alice") and "They will be asked." in his.page
    assert "1 person asks to follow you" in await hers.get("/home")
    assert "1 person asks to follow you" in await hers.get("/@alice")
    assert "Bob Reader" in await hers.get("/requests")
    await hers.post("/@bob/accept")
    assert await state(site, bob, alice) == "following"
    await his.get("/@alice")
    await his.post("/@alice/unfollow")
    await his.post("/@alice/follow")
    await hers.get("/requests")
    await hers.post("/@bob/reject")
    assert await state(site, bob, alice) == "none"
