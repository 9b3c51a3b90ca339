"""oEmbed: what another site learns of a work, and what it does not."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree
from quart import Quart

from server import posts
from server.models import Account, Actor, Audience, Licence, Rating, Reservation
from server.site import Site
from tests import abroad
from tests.browsing import Browser
from tests.hung import hang, say


async def ask(browser: Browser, url: str, **more: Any) -> Any:
    """The answer about `url`, read."""
    extra = "".join(f"&{name}={quote(str(value))}" for name, value in more.items())
    text = await browser.get(f"/api/oembed?url={quote(url, safe='')}{extra}")
    return json.loads(text) if browser.headers["Content-Type"].startswith("application/json") else text


async def test_a_work_is_a_photo_with_its_rights(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, licence=Licence.BY_SA, reservation=Reservation.NO_TRAINING)
    browser = Browser(app)
    found = await ask(browser, f"http://art.test/@alice/{work.id}-the-last-ferry")
    assert browser.status == 200
    picture = found.pop("url")
    assert found == {
        "version": "1.0",
        "type": "photo",
        "title": "The Last Ferry",
        "author_name": "Alice Painter",
        "author_url": "http://art.test/@alice",
        "provider_name": site.settings.server.name,
        "provider_url": "http://art.test/",
        "cache_age": 3600,
        "width": 2048,
        "height": 1365,
        "license": "Creative Commons Attribution-ShareAlike 4.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/4.0/",
        "license_id": "by-sa",
        "rights": f"© {work.published_at:%Y} Alice Painter. Creative Commons Attribution-ShareAlike 4.0. No AI training or text "
        "and data mining (rights reserved, Art. 4(3) Directive (EU) 2019/790).",
    }
    assert picture.startswith("http://art.test/media/") and picture.endswith("-2048.jpg")
    assert browser.headers["X-Robots-Tag"] == "noai, noimageai, noarchive"
    assert browser.headers["tdm-policy"] == f"http://art.test/works/{work.id}/policy.json"
    assert '<https://creativecommons.org/licenses/by-sa/4.0/>; rel="license"' in browser.headers.getlist("Link")
    assert browser.headers["Access-Control-Allow-Origin"] == "*"
    assert (await ask(browser, f"http://art.test/works/{work.id}?image=2"))["title"] == "The Last Ferry"


async def test_xml_says_the_same(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, "Fish & <chips>")
    browser = Browser(app)
    said = await ask(browser, f"http://art.test/works/{work.id}", format="json")
    root = etree.fromstring((await ask(browser, f"http://art.test/works/{work.id}", format="xml")).encode())
    assert browser.headers["Content-Type"] == "text/xml; charset=utf-8" and root.tag == "oembed"
    assert {element.tag: element.text for element in root} == {name: str(value) for name, value in said.items()}


@pytest.mark.parametrize(
    ("bounds", "ending", "size"),
    [
        ({"maxwidth": 700}, "-640.webp", (640, 426)),
        ({"maxheight": 426}, "-640.webp", (640, 426)),
        ({"maxwidth": 2048, "maxheight": 5000}, "-2048.jpg", (2048, 1365)),
        ({"maxwidth": 1300}, "-1280.webp", (1280, 853)),
        ({"maxwidth": 160}, "-320.webp", (160, 106)),
        ({"maxwidth": 160, "maxheight": 1}, "-320.webp", (2, 1)),
    ],
)
async def test_a_picture_fits_what_was_asked(
    bounds: dict[str, int], ending: str, size: tuple[int, int], app: Quart, site: Site, alice: Account
) -> None:
    work = await hang(site, alice)
    found = await ask(Browser(app), f"http://art.test/works/{work.id}", **bounds)
    assert found["url"].endswith(ending) and (found["width"], found["height"]) == size


@pytest.mark.parametrize("bound", ["0", "-1", "1e3", "wide", "²", "99999999999"])
async def test_a_bound_is_a_number(bound: str, app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    browser = Browser(app)
    await ask(browser, f"http://art.test/works/{work.id}", maxwidth=bound)
    assert browser.status == 422 and "maxwidth" in browser.page


async def test_a_work_with_a_warning_is_a_link_without_a_picture(app: Quart, site: Site, alice: Account) -> None:
    for changes in ({"rating": Rating.MATURE}, {"warning": "spiders"}):
        work = await hang(site, alice, **changes)  # type: ignore[arg-type]
        found = await ask(Browser(app), f"http://art.test/works/{work.id}")
        assert found["type"] == "link" and not {"url", "width", "height"} & set(found)
        assert found["rights"].startswith("©") and "/media/" not in json.dumps(found)


async def test_what_strangers_may_not_see_is_not_there(app: Quart, site: Site, alice: Account) -> None:
    hidden = [
        await hang(site, alice, audience=Audience.FOLLOWERS),
        await hang(site, alice, audience=Audience.MENTIONED),
        await hang(site, alice, published=False),
        await hang(site, alice, ready=False),
        await say(site, alice, "A note is no picture"),
    ]
    mia = await abroad.person(site)
    foreign = await abroad.post(site, mia)
    browser = await Browser(app).as_somebody(alice)  # her cookie opens nothing here
    addresses = [f"http://art.test/works/{post.id}" for post in hidden]
    addresses += [
        f"http://art.test/@mia@far.example/{foreign.id}",
        f"http://art.test/works/{foreign.id}",
        foreign.uri or "",
    ]
    addresses += [
        "",
        "http://art.test/",
        "http://art.test/@alice",
        "https://elsewhere.example/works/1",
        "http://[",
        "x" * 9000,
    ]
    addresses += [f"http://art.test/works/{2**63}", "http://art.test/works/1", "http://art.test\0/works/1"]
    for address in addresses:
        await ask(browser, address)
        assert browser.status == 404, address
    await browser.get("/api/oembed")
    assert browser.status == 404
    unlisted = await hang(site, alice, audience=Audience.UNLISTED)
    assert (await ask(browser, f"http://art.test/works/{unlisted.id}"))["type"] == "photo"


async def test_a_suspended_artist_is_not_shown_elsewhere(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        person = await tx.get(Actor, alice.actor_id)
        assert person
        person.suspended_at = work.published_at
    browser = Browser(app)
    await ask(browser, f"http://art.test/works/{work.id}")
    assert browser.status == 404


async def test_other_formats_are_not_implemented(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    browser = Browser(app)
    for form in ("yaml", "JSON", "json\n"):
        await ask(browser, f"http://art.test/works/{work.id}", format=form)
        assert browser.status == 501
    await ask(browser, f"http://art.test/works/{work.id}", format="")
    assert browser.status == 200


async def test_304_carries_the_rights(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    browser = Browser(app)
    path = f"/api/oembed?url=http://art.test/works/{work.id}"
    await browser.get(path)
    etag, links = browser.headers["ETag"], browser.headers.getlist("Link")
    await browser.get(path, If_None_Match=etag)
    assert browser.status == 304 and browser.headers.getlist("Link") == links and len(links) == 3
    assert browser.headers["Content-Usage"] == "train-ai=n, search=y"


async def test_a_page_says_where_to_ask(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, "Fish & chips")
    browser = Browser(app)
    async with site.db.read() as tx:
        page = site.urls.post_page(await posts.get(tx, work.id, None)).removeprefix("http://art.test")
    head = etree.HTML(await browser.get(page))
    found = {link.get("type"): link.get("href") for link in head.xpath("//head/link[contains(@type, 'oembed')]")}
    assert set(found) == {"application/json+oembed", "text/xml+oembed"}
    for href in found.values():
        await browser.get(href.removeprefix("http://art.test"))
        assert browser.status == 200 and "Fish &" in browser.page
    followers = await hang(site, alice, audience=Audience.FOLLOWERS)
    assert "+oembed" not in await (await Browser(app).as_somebody(alice)).get(f"/@alice/{followers.id}-the-last-ferry")
