"""The first page, Explore and Home: what stands there, for whom, and how much it weighs."""

import re

import brotli
import pytest
from markupsafe import escape
from quart import Quart

from server import follows
from server.models import Account, Audience, Rating
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang, say


async def follow(site: Site, follower: Account, followed: Account) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, follower.actor, followed.actor)


async def test_a_bare_house_says_so_calmly(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    assert "The walls are still bare" in await browser.get("/")
    assert browser.status == 200
    assert "Nobody has published a work here yet" in await browser.get("/explore")
    assert "Publish the first work" not in browser.page
    await browser.as_somebody(alice)
    assert "Publish the first work" in await browser.get("/")
    assert "Quiet in here" in await browser.get("/home")


async def test_the_first_page_says_who_this_is_for_and_shows_the_newest(app: Quart, site: Site, alice: Account) -> None:
    older, newer = await hang(site, alice, "Older"), await hang(site, alice, "Newer")
    page = await Browser(app).get("/")
    assert f"<h1>{escape(site.settings.server.description)}</h1>" in page
    assert 'href="http://art.test/join">Ask to join' in page
    assert 0 < page.index(f"/@alice/{newer.id}-newer") < page.index(f"/@alice/{older.id}-older")
    assert "Alice Painter</span>" in page


@pytest.mark.parametrize("path", ["/", "/explore", "/home", "/tags/ink", "/@alice"])
async def test_no_wall_shows_a_private_work_to_the_wrong_viewer(
    app: Quart, site: Site, alice: Account, bob: Account, path: str
) -> None:
    await hang(site, alice, "Openly")
    for audience in (Audience.UNLISTED, Audience.FOLLOWERS, Audience.MENTIONED):
        await hang(site, alice, f"Secret {audience.value}", audience=audience)
    await hang(site, alice, "Secret draft", published=False)
    await hang(site, alice, "Secret wet", ready=False)
    browser = await Browser(app).as_somebody(bob)
    assert "Secret" not in await browser.get(path)
    await follow(site, bob, alice)
    page = await browser.get(path)
    finds = set(re.findall(r"Secret (\w+)", page))
    # Home and the portfolio are where followers find what is for them; the link-only work reaches home alone.
    expected = {"/home": {"followers", "unlisted"}, "/@alice": {"followers"}}.get(path, set())
    assert finds == expected


async def test_home_asks_strangers_to_sign_in(app: Quart) -> None:
    browser = Browser(app)
    await browser.get("/home")
    assert (browser.status, browser.location) == (302, "/login?next=/home")


async def test_home_holds_works_and_notes_and_has_an_end(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    await follow(site, bob, alice)
    for number in range(25):
        await hang(site, alice, f"Work {number}")
    await say(site, alice, "In the studio #ink")
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get("/home")
    assert "In the studio" in page and "Work 24" in page and "Work 1<" not in page
    assert "You have seen everything." not in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    page = await browser.get(older[1].replace("&amp;", "&"))
    assert "Work 1<" in page and "In the studio" not in page
    assert "You have seen everything." in page and 'rel="next"' not in page


async def test_what_carries_a_warning_is_a_plate_and_its_picture_is_not_asked_for(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    await follow(site, bob, alice)
    await hang(site, alice, "Shy", rating=Rating.MATURE, warning="nudity")
    await hang(site, alice, "Grim", warning="Blood")
    browser = await Browser(app).as_somebody(bob)
    for path in ("/", "/explore", "/home", "/@alice", "/@alice?view=grid"):
        page = await browser.get(path)
        assert "Mature: nudity" in page and "Blood" in page
        assert "/media/" not in page, path


async def test_pictures_are_offered_well(app: Quart, site: Site, alice: Account) -> None:
    for number in range(5):
        await hang(site, alice, f"Number {number}")
    page = await Browser(app).get("/explore")
    pictures = re.findall(r"<picture>.*?</picture>", page)
    assert len(pictures) == 5
    for number, picture in enumerate(pictures):
        assert '<source type="image/avif" srcset="/media/' in picture and "1280w" in picture and "2048w" not in picture
        assert 'width="2400" height="1600"' in picture and 'alt="A small lit ferry' in picture
        assert "(min-resolution:2.5dppx)" in picture
        assert ('fetchpriority="high"' in picture) is (number < 3)
        assert ('loading="lazy"' in picture) is (number >= 3)


async def test_a_full_wall_is_light(app: Quart, site: Site, alice: Account) -> None:
    """ux.md 8: 24 works in at most 30 KB of HTML, 6 KB as sent."""
    for number in range(24):
        await hang(site, alice, f"Quiet water, number {number}", year=2026)
    for path in ("/explore", "/@alice"):
        body = (await Browser(app).get(path)).encode()
        assert body.count(b"<picture>") == 24
        assert len(body) <= 30 * 1024
        assert len(brotli.compress(body, quality=5)) <= 6 * 1024
