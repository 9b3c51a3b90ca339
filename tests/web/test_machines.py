"""Files that crawlers ask for: what they say over HTTP, on which hosts, and what the sitemap names."""

import json
import re
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
from lxml import etree
from quart import Quart

from server import sitemaps
from server.app import build_site, close, create_app
from server.models import Account, Actor, Audience, Licence, Rating, Reservation
from server.rights.channels.site import SITE_CHANNELS
from server.settings import Settings
from server.site import Site
from tests.browsing import Browser
from tests.conftest import make_account
from tests.hung import hang

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
PATHS = [(path, file) for file in SITE_CHANNELS.values() for path in file.paths]


def schema_of_tdmrep(found: Any) -> None:
    """The TDM Reservation Protocol, section 6: an array of rules with these members and no others."""
    assert isinstance(found, list) and found
    for rule in found:
        assert set(rule) <= {"location", "tdm-reservation", "tdm-policy"}
        assert rule["location"].startswith("/") and rule["tdm-reservation"] in (0, 1)
        assert re.match(r"https?://", rule.get("tdm-policy", "http://"))


async def test_the_house_states_its_rule_in_every_file(app: Quart) -> None:
    browser = Browser(app)
    for path, file in PATHS:
        text = await browser.get(path)
        assert (browser.status, browser.headers["Content-Type"]) == (200, file.media_type), path
        assert text.endswith("\n")
        assert browser.headers["Content-Usage"] == "train-ai=n, search=y", path
        assert browser.headers["tdm-reservation"] == "1"
        assert browser.headers["Cache-Control"] == "public, max-age=600"
    schema_of_tdmrep(json.loads(await browser.get("/.well-known/tdmrep.json")))
    policy = json.loads(await browser.get("/rights/tdm-policy.json"))
    assert policy["@type"] == "Offer" and policy["assigner"]["uid"] == "http://art.test/actor"
    rsl = etree.fromstring((await browser.get("/rights/rsl.xml")).encode())
    assert rsl.tag == "{https://rslstandard.org/rsl}rsl"
    assert [element.text for element in rsl.iter("{*}permits", "{*}prohibits")] == ["search", "ai-all"]
    assert await browser.get("/trust.txt") == await browser.get("/.well-known/trust.txt") == "datatrainingallowed=no\n"


async def test_robots_txt_turns_away_whom_the_settings_say(app: Quart) -> None:
    text = await Browser(app).get("/robots.txt")
    parser = RobotFileParser()
    parser.parse(text.splitlines())
    assert not parser.can_fetch("GPTBot", "http://art.test/@alice")
    assert parser.can_fetch("GPTBot", "http://art.test/.well-known/tdmrep.json")
    assert not parser.can_fetch("ChatGPT-User", "http://art.test/@alice")
    assert parser.can_fetch("OAI-SearchBot", "http://art.test/@alice")
    assert parser.can_fetch("Googlebot", "http://art.test/@alice") and not parser.can_fetch(
        "*", "http://art.test/trap/1"
    )
    assert parser.site_maps() == ["http://art.test/sitemap.xml"]


@pytest.mark.parametrize("tier", list(Reservation))
async def test_another_rule_of_the_house_is_said_everywhere(settings: Settings, tier: Reservation) -> None:
    rights = settings.rights.model_copy(update={"house": tier.value, "block_training": False, "block_answers": False})
    other = build_site(settings.model_copy(update={"rights": rights}))
    browser = Browser(create_app(other))
    is_open = tier is Reservation.OPEN
    assert (json.loads(await browser.get("/.well-known/tdmrep.json"))[0]["tdm-reservation"] == 0) is is_open
    assert (await browser.get("/trust.txt") == "datatrainingallowed=yes\n") is is_open
    robots = await browser.get("/robots.txt")
    assert robots.count("User-agent:") == 1 and ("DisallowAITraining: /" in robots) is not is_open
    assert f"Content-Usage: {browser.headers['Content-Usage']}\n" in robots
    await close(other)


async def test_a_file_that_is_known_is_not_sent_again_but_its_rights_are(app: Quart) -> None:
    browser = Browser(app)
    for path, _ in PATHS:
        await browser.get(path)
        etag, usage = browser.headers["ETag"], browser.headers["Content-Usage"]
        assert await browser.get(path, If_None_Match=etag) == ""
        assert (browser.status, browser.headers["ETag"], browser.headers["Content-Usage"]) == (304, etag, usage)
        assert len(browser.headers.getlist("Link")) == 1 and browser.headers["X-Robots-Tag"].startswith("no")


async def test_the_handle_domain_answers_for_well_known_alone(settings: Settings) -> None:
    server = settings.server.model_copy(update={"handle_domain": "guild.test"})
    other = build_site(settings.model_copy(update={"server": server}))
    browser = Browser(create_app(other), "guild.test")
    for path, _ in PATHS:
        await browser.get(path)
        assert browser.status == (200 if path.startswith("/.well-known/") else 421), path
    await close(other)


async def test_the_origin_of_pictures_has_a_robots_txt_as_well(settings: Settings) -> None:
    server = settings.server.model_copy(update={"media_url": "http://pictures.test"})
    other = build_site(settings.model_copy(update={"server": server}))
    browser = Browser(create_app(other), "pictures.test")
    assert "User-agent: GPTBot" in await browser.get("/robots.txt")
    assert "Sitemap: http://art.test/sitemap.xml" in browser.page
    await close(other)


async def test_nobody_needs_or_gets_a_cookie(app: Quart, alice: Account) -> None:
    browser = await Browser(app).as_somebody(alice)
    for path in ("/robots.txt", "/sitemap.xml"):
        await browser.get(path)
        assert "Set-Cookie" not in browser.headers and browser.headers["Cache-Control"].startswith("public")


# -- sitemap -------------------------------------------------------------------------------------------------------------
async def addresses(browser: Browser, path: str) -> list[str]:
    root = etree.fromstring((await browser.get(path)).encode())
    assert browser.status == 200 and browser.headers["Content-Type"].startswith("application/xml")
    return [element.text or "" for element in root.iter(f"{SITEMAP}loc")]


async def test_the_sitemap_names_public_works_and_who_made_them(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    assert await addresses(browser, "/sitemap.xml") == []
    shown = await hang(site, alice)
    hidden = [
        await hang(site, alice, audience=Audience.UNLISTED),
        await hang(site, alice, audience=Audience.FOLLOWERS),
        await hang(site, alice, published=False),
        await hang(site, alice, ready=False),
        await hang(site, alice, rating=Rating.MATURE),
        await hang(site, alice, warning="spiders"),
        await hang(site, alice, reservation=Reservation.NO_AI_NO_INDEX),
    ]
    people, part = await addresses(browser, "/sitemap.xml")
    assert await addresses(browser, people.removeprefix("http://art.test")) == ["http://art.test/@alice"]
    listed = await addresses(browser, part.removeprefix("http://art.test"))
    assert listed == [f"http://art.test/@alice/{shown.id}-the-last-ferry"]
    assert not any(str(post.id) in browser.page for post in hidden)
    assert f"<lastmod>{shown.published_at:%Y-%m-%dT%H:%M:%S}Z</lastmod>" in browser.page


async def test_whoever_keeps_out_of_search_engines_is_not_named(app: Quart, site: Site, alice: Account) -> None:
    bob = await make_account(site, "bob")
    await hang(site, alice)
    await hang(site, bob, licence=Licence.BY)
    async with site.db.write() as tx:
        person = await tx.get(Actor, bob.actor_id)
        assert person
        person.default_reservation = Reservation.NO_AI_NO_INDEX
    assert await addresses(Browser(app), "/sitemap/people.xml") == ["http://art.test/@alice"]


async def test_a_house_that_wants_nothing_indexed_names_nothing(settings: Settings, site: Site, alice: Account) -> None:
    await hang(site, alice)
    rights = settings.rights.model_copy(update={"minimum": "no-ai-no-index"})
    other = build_site(settings.model_copy(update={"rights": rights}))
    browser = Browser(create_app(other))
    for address in await addresses(browser, "/sitemap.xml"):
        assert await addresses(browser, address.removeprefix("http://art.test")) == []
    await close(other)


async def test_a_long_sitemap_comes_in_parts(
    app: Quart, site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemaps, "SIZE", 2)
    works = [await hang(site, alice, f"Work {number}", pictures=0) for number in range(5)]
    browser = Browser(app)
    index = await addresses(browser, "/sitemap.xml")
    assert len(index) == 4
    parts = [await addresses(browser, part.removeprefix("http://art.test")) for part in index[1:]]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [int(re.findall(r"/(\d+)-", url)[0]) for part in parts for url in part] == [work.id for work in works]
    await browser.get(f"/sitemap/{works[1].id}.xml")  # no part begins there
    assert browser.status == 404
