"""Saved: a button on the page of a work or a post, and a page of one's own."""

from quart import Quart

from server.models import Account
from server.site import Site
from server.timelines import PAGE
from tests.browsing import Browser
from tests.hung import hang


async def test_a_work_is_saved_found_again_and_taken_out(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice, title="The Last Ferry")
    browser = await Browser(app).as_somebody(bob)
    assert "Nothing saved yet" in await browser.get("/saved")
    page = await browser.get(f"/@alice/{work.id}-the-last-ferry")
    assert f'action="http://art.test/@alice/{work.id}/save"' in page
    await browser.post(f"/@alice/{work.id}/save")
    assert browser.status == 303
    await browser.get(f"/@alice/{work.id}-the-last-ferry")
    assert "/unsave" in browser.page and "It stands under Saved" in browser.page
    page = await browser.get("/saved")
    assert "The Last Ferry" in page and "Nobody else sees this." in page
    await browser.get(f"/@alice/{work.id}-the-last-ferry")
    button = await browser.post(f"/@alice/{work.id}/unsave", X_Fragment="1")
    assert button.startswith('<form class="swap"') and 'aria-pressed="false"' in button
    assert "The Last Ferry" not in await browser.get("/saved")


async def test_saved_has_pages(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    works = [await hang(site, alice, title=f"Work {number}") for number in range(PAGE + 2)]
    browser = await Browser(app).as_somebody(bob)
    await browser.get("/home")
    proof = browser.csrf
    for work in works:
        await browser.post(f"/@alice/{work.id}/save", csrf=proof)
    first = await browser.get("/saved")
    assert "Work 25" in first and "Work 2<" in first and "Work 1<" not in first
    older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await browser.get(older)
    assert "Work 1<" in second and "Work 0<" in second and "Work 2<" not in second


async def test_strangers_save_nothing_and_see_nobodys(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    stranger = Browser(app)
    await stranger.get("/saved")
    assert stranger.status in (302, 303) and "/login" in stranger.location
    assert "/save" not in await stranger.get(f"/@alice/{work.id}")
