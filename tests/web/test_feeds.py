"""Feeds as other people's readers see them: rights on the feed and on each entry, pictures, and what is never in them."""

import json
from typing import Any

import feedparser
import pytest
from lxml import etree
from quart import Quart

from server import galleries, posts, rights, tags
from server.models import Account, Audience, Licence, Post, Rating, Reservation
from server.rights import channels
from server.site import Site
from tests import abroad
from tests.browsing import Browser
from tests.conftest import make_account
from tests.hung import hang, statements

FORMS = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
NS = {
    "a": "http://www.w3.org/2005/Atom",
    "dc": "http://purl.org/dc/elements/1.1/",
    "m": "http://search.yahoo.com/mrss/",
    "rsl": "https://rslstandard.org/rsl",
    "cc": "http://backend.userland.com/creativeCommonsRssModule",
}
BY = "https://creativecommons.org/licenses/by/4.0/"
INC = "https://rightsstatements.org/vocab/InC/1.0/"


async def whole(site: Site, work: Post, account: Account) -> Post:
    async with site.db.read() as tx:
        return await posts.get(tx, work.id, account.actor)


async def test_an_entry_says_its_rights_as_feedparser_reads_them(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, licence=Licence.BY, reservation=Reservation.NO_GENAI)
    said = rights.sentence(rights.of(await whole(site, work, alice), site.urls))
    browser = Browser(app)
    for form in ("atom", "rss"):
        read = feedparser.parse(await browser.get(f"/@alice/feed.{form}"))
        assert not read.bozo and len(read.entries) == 1, form
        feed, entry = read.feed, read.entries[0]
        assert entry.rights == said and feed.rights == said, form
        assert BY in [link.href for link in entry.links if link.rel == "license"], form
        assert BY in [link.href for link in feed.links if link.rel == "license"], form
        assert entry.title == "The Last Ferry" and entry.link == site.urls.post_page(await whole(site, work, alice))
        assert entry.id == f"http://art.test/works/{work.id}"
    assert entry.media_license["href"] == f"{BY}deed.en" and entry.license == BY


async def test_an_atom_feed_is_well_formed_and_complete(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice, "Older <i>& quieter</i>")
    await hang(site, alice, "Newer", alt='A "ferry" & <sun>', pictures=2)
    browser = Browser(app)
    root = etree.fromstring((await browser.get("/@alice/feed.atom")).encode())
    for place in (".", "a:entry"):
        for element in root.xpath(place, namespaces=NS):
            for name in ("id", "title", "updated"):
                assert len(element.findall(f"a:{name}", NS)) == 1
            assert len(element.findall("a:rights", NS)) == 1
            assert [link.get("href") for link in element.findall("a:link[@rel='license']", NS)] == [INC]
    assert root.xpath("a:entry/a:title/text()", namespaces=NS) == ["Newer", "Older <i>& quieter</i>"]
    assert root.xpath("string(a:author/a:name)", namespaces=NS) == "Alice Painter"
    enclosures = root.xpath("a:entry[1]/a:link[@rel='enclosure']", namespaces=NS)
    assert [(link.get("type"), link.get("length")) for link in enclosures] == [("image/jpeg", "1000")] * 2
    assert enclosures[0].get("title") == 'A "ferry" & <sun>'
    content = root.xpath("string(a:entry[1]/a:content)", namespaces=NS)
    assert 'alt="A &quot;ferry&quot; &amp; &lt;sun&gt;"' in content and enclosures[0].get("href") in content
    assert "No AI training" in content


async def test_an_rss_feed_carries_every_module(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice, licence=Licence.BY_NC, reservation=Reservation.NO_AI)
    channel = etree.fromstring((await Browser(app).get("/@alice/feed.rss")).encode()).find("channel")
    assert channel is not None
    said = channel.findtext("copyright")
    assert said and said.startswith("© ") and said.endswith("2019/790).")
    for element in (channel, channel.find("item")):
        assert element is not None
        assert element.findtext("dc:rights", namespaces=NS) == said
        assert element.find("m:license", NS).get("href").endswith("/by-nc/4.0/deed.en")
        assert element.findtext("m:copyright", namespaces=NS) == said
        assert element.findtext("cc:license", namespaces=NS) == "https://creativecommons.org/licenses/by-nc/4.0/"
        assert element.findtext("rsl:content/rsl:license/rsl:prohibits", namespaces=NS) == "ai-all"
        assert element.findtext("rsl:content/rsl:license/rsl:permits", namespaces=NS) == "search"
    item = channel.find("item")
    enclosure, media = item.find("enclosure"), item.find("m:content", NS)
    assert enclosure is not None and media is not None
    assert enclosure.get("url") == media.get("url") and enclosure.get("type") == "image/jpeg"
    assert (media.get("width"), media.get("height"), media.get("medium")) == ("2048", "1365", "image")
    assert media.findtext("m:description", namespaces=NS) == "A small lit ferry heads for the setting sun."
    assert item.findtext("pubDate").endswith("+0000")


async def test_a_json_feed_carries_an_extension(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, reservation=Reservation.NO_AI_NO_INDEX)
    browser = Browser(app)
    feed = json.loads(await browser.get("/@alice/feed.json"))
    assert (
        feed["version"] == "https://jsonfeed.org/version/1.1" and feed["feed_url"] == "http://art.test/@alice/feed.json"
    )
    item = feed["items"][0]
    assert item["id"] == f"http://art.test/works/{work.id}" and item["attachments"][0]["mime_type"] == "image/jpeg"
    assert item["_rights"] == channels.json_feed(rights.of(await whole(site, work, alice), site.urls))["_rights"]
    for said in (feed["_rights"], item["_rights"]):
        assert (said["license"], said["tdm_reservation"], said["content_usage"]) == (INC, 1, "train-ai=n, search=n")
        assert "noindex" in said["robots"]


async def test_a_feed_of_several_licences_names_none_and_the_strictest_tier(
    app: Quart, site: Site, alice: Account
) -> None:
    await hang(site, alice, licence=Licence.BY, reservation=Reservation.OPEN)
    await hang(site, alice, licence=Licence.ARR, reservation=Reservation.NO_TRAINING)
    browser = Browser(app)
    read = feedparser.parse(await browser.get("/@alice/feed.atom"))
    assert "Each work has its own licence." in read.feed.rights and "rights reserved" in read.feed.rights
    assert [link for link in read.feed.links if link.rel == "license"] == []
    assert browser.headers["X-Robots-Tag"] == "noai, noimageai, noarchive"
    assert [entry.rights.count("not reserved") for entry in read.entries] == [0, 1]


async def test_the_public_domain_is_not_claimed(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice, licence=Licence.CC0, reservation=Reservation.OPEN)
    browser = Browser(app)
    read = feedparser.parse(await browser.get("/@alice/feed.rss"))
    assert "©" not in read.feed.rights + read.entries[0].rights
    assert read.entries[0].license == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert browser.headers["tdm-reservation"] == "0" and "X-Robots-Tag" not in browser.headers


@pytest.mark.parametrize("form", FORMS)
async def test_only_public_works_are_told_and_warnings_hold(form: str, app: Quart, site: Site, alice: Account) -> None:
    shown = await hang(site, alice, "Shown")
    for audience in (Audience.UNLISTED, Audience.FOLLOWERS, Audience.MENTIONED):
        await hang(site, alice, f"Hidden {audience}", audience=audience)
    await hang(site, alice, "Hidden draft", published=False)
    await hang(site, alice, "Hidden unready", ready=False)
    warned = await hang(site, alice, "Warned", rating=Rating.MATURE, warning="blood", alt="A wound.")
    browser = Browser(app)
    for reader in (browser, await Browser(app).as_somebody(alice)):  # the artist's own reader gets what all get
        text = await reader.get(f"/@alice/feed.{form}")
        assert "Hidden" not in text and "Shown" in text and "Set-Cookie" not in reader.headers
        assert "Warned" in text and "Mature: blood" in text and "A wound." not in text
        for work, count in ((shown, True), (warned, False)):
            pictures = (await whole(site, work, alice)).media
            assert any(f"/media/{media.id}/" in text for media in pictures) is count


@pytest.mark.parametrize("form", FORMS)
async def test_a_reader_that_has_it_gets_304_with_all_rights(form: str, app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice)
    browser = Browser(app)
    await browser.get(f"/@alice/feed.{form}")
    assert browser.headers["Content-Type"] == f"{FORMS[form]}; charset=utf-8"
    told = {name: browser.headers.getlist(name) for name in ("Content-Usage", "tdm-reservation", "tdm-policy", "Link")}
    told |= {name: browser.headers.getlist(name) for name in ("X-Robots-Tag", "ETag", "Cache-Control")}
    assert all(told.values())
    assert await browser.get(f"/@alice/feed.{form}", If_None_Match=browser.headers["ETag"]) == ""
    assert browser.status == 304
    assert {name: browser.headers.getlist(name) for name in told} == told
    await hang(site, alice, "Another")
    assert "Another" in await browser.get(f"/@alice/feed.{form}", If_None_Match=told["ETag"][0])


@pytest.mark.parametrize("form", FORMS)
async def test_galleries_and_tags_have_feeds_as_well(form: str, app: Quart, site: Site, alice: Account) -> None:
    bob = await make_account(site, "bob", name="Bob")
    mine, theirs, other = (
        await hang(site, alice, "Mine"),
        await hang(site, bob, "Theirs"),
        await hang(site, alice, "Else"),
    )
    async with site.db.write() as tx:
        for account, work in ((alice, mine), (bob, theirs)):
            await tags.put(tx, await posts.get(tx, work.id, account.actor), ["Ink"])
        await galleries.put(tx, await posts.get(tx, mine.id, alice.actor), alice.actor, ["Boats"])
        await galleries.create(tx, alice.actor, "Empty room")
    browser = Browser(app)
    gallery = await browser.get(f"/@alice/galleries/boats/feed.{form}")
    assert "Boats by Alice Painter" in gallery and "Mine" in gallery and "Else" not in gallery
    tag = await browser.get(f"/tags/INK/feed.{form}")
    assert "#Ink" in tag and "Mine" in tag and "Theirs" in tag and str(other.id) not in tag
    if form != "json":
        assert "the artists. All rights reserved" in feedparser.parse(tag).feed.rights
    for path in (
        f"/@alice/galleries/empty-room/feed.{form}",
        f"/@alice/galleries/none/feed.{form}",
        f"/tags/unused/feed.{form}",
        f"/@nobody/feed.{form}",
    ):
        await browser.get(path)
        assert browser.status == 404, path


async def test_people_elsewhere_have_no_feed_here(app: Quart, site: Site) -> None:
    await abroad.person(site, "mia", "far.example")
    browser = Browser(app)
    for form in FORMS:
        await browser.get(f"/@mia@far.example/feed.{form}")
        assert browser.status == 404
    await browser.get("/@mia@far.example/feed.exe")
    assert browser.status == 404


async def test_an_empty_feed_is_a_feed(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    read = feedparser.parse(await browser.get("/@alice/feed.atom"))
    assert not read.bozo and read.entries == [] and read.feed.title == "Alice Painter" and read.feed.updated
    assert json.loads(await browser.get("/@alice/feed.json"))["items"] == []


async def test_characters_that_xml_cannot_hold_are_left_out(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice, "Bell \x07 and \ufffe", alt="Tab\tand \x00nothing".replace("\x00", "\x1f"))
    browser = Browser(app)
    for form in ("atom", "rss"):
        root = etree.fromstring((await browser.get(f"/@alice/feed.{form}")).encode())
        assert "Bell  and " in [element.text for element in root.iter("{*}title")]


async def test_readers_find_the_feeds_from_the_pages(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        post = await posts.get(tx, work.id, alice.actor)
        await tags.put(tx, post, ["Ink"])
        await galleries.put(tx, post, alice.actor, ["Boats"])
    browser = Browser(app)
    for path in ("/@alice", "/@alice/galleries/boats", "/tags/ink"):
        page = etree.HTML(await browser.get(path))
        links = page.xpath("//head/link[@rel='alternate']")
        found = {link.get("type"): link.get("href") for link in links if "feed" in link.get("href")}
        assert found == {kind: f"{path}/feed.{form}" for form, kind in FORMS.items()}
        for href in found.values():
            await browser.get(href)
            assert browser.status == 200


async def test_the_number_of_statements_does_not_grow_with_the_feed(app: Quart, site: Site, alice: Account) -> None:
    async def asked() -> int:
        with statements(site) as seen:
            await Browser(app).get("/@alice/feed.rss")
        return len(seen)

    await hang(site, alice)
    one: Any = await asked()
    for number in range(4):
        await hang(site, alice, f"Work {number}")
    assert await asked() == one
