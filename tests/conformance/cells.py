"""The conformance table: for each work of the fixture and each channel, what the spec says and what a reader found.

`origin` and `second_node` ask for everything over HTTP, as a stranger or as a signed-in reader of that house, and give every
answer, document and file to the readers of `readers`. A cell that is not as it should be has `read != expected`.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from server.models import Rendition
from tests.conformance import expected, readers
from tests.conformance.files import Kept, fetched, sealed_cells, stamped, unsealed_cells
from tests.conformance.fixture import AWAY, HOME, NAMES, ROWS, Fixture, Shown
from tests.conformance.readers import ALLOWED, NOTHING, REFUSED
from tests.conformance.table import Asking, Cell, Place, Table, reader, stranger

DOCUMENT = {"Accept": "application/activity+json"}
# rights 5.2: who may not fetch a work, and who may.
TURNED_AWAY = (
    "GPTBot",
    "ClaudeBot",
    "CCBot",
    "Google-Extended",
    "Applebot-Extended",
    "Bytespider",
    "meta-externalagent",
)
WELCOME = ("Googlebot", "bingbot", "Applebot", "facebookexternalhit", "Twitterbot", "Baiduspider", "Mastodon")


# -- where it was made -----------------------------------------------------------------------------------------------------
async def origin(made: Fixture, folder: Path) -> list[Cell]:
    """Every channel of every work on the house that made it, as a stranger is answered."""
    who, cells = await stranger(made.home), list[Cell]()
    root = (await who.get("/rights/c2pa-root.pem")).text
    robots = (await who.get("/robots.txt")).text
    kept: list[tuple[str, Kept]] = []
    for name, row in made.rows.items():
        shown = await made.at_home(name)
        urls = made.home.site.urls
        work = f"https://{HOME}/works/{shown.post.id}"
        place = Place(
            page=urls.post_page(shown.post),
            explained=f"{work}/rights",
            policy=f"{work}/policy.json",
            licensing=f"https://{HOME}/@{row.artist}/licensing",
            document=work,
            rsl=f"https://{HOME}/rights/rsl.xml",
        )
        table = Table(name, row, place)
        await _answers(table, who, shown, urls)
        await _pages(table, who, [("page", place.page), ("rights page", place.explained)])
        await _documents(table, who, work, row.artist)
        await _offer(table, who)
        await _feeds(table, who, name)
        await _oembed(table, who, work)
        file = urls.rendition(widest(shown)[0])
        for kind, address in (("page", place.page), ("picture", file)):
            for tool, verdicts in readers.robots_verdicts(robots, address, TURNED_AWAY + WELCOME).items():
                for agents, wanted in ((TURNED_AWAY, REFUSED), (WELCOME, ALLOWED)):
                    said = {verdicts[agent] for agent in agents}
                    table.put(f"robots.txt, of the {kind}", tool, ", ".join(agents), wanted, " AND ".join(sorted(said)))
        kept += [(name, one) for one in await fetched(who, shown, urls, folder, name)]
        cells += table.cells
        cells += sealed_cells(table, [one for work_name, one in kept if work_name == name], root)
    return cells + stamped(made, kept, HOME)


# -- on the second node ----------------------------------------------------------------------------------------------------
async def second_node(made: Fixture, folder: Path) -> list[Cell]:
    """Every channel in which the second house shows the same works: pages for its reader, cached and proxied pictures."""
    who, cells = await reader(made), list[Cell]()
    kept: list[tuple[str, Kept]] = []
    for name, row in made.rows.items():
        shown = await made.at_the_second(name)
        urls = made.away.site.urls
        work = f"https://{HOME}/works/{made.ids[name]}"
        place = Place(
            page=urls.post_page(shown.post),
            explained=f"https://{AWAY}/works/{shown.post.id}/rights",
            policy=f"{work}/policy.json",
            licensing=f"https://{AWAY}/@{row.artist}@{HOME}/licensing",
            document=work,
            rsl=f"https://{AWAY}/rights/rsl.xml",
        )
        table = Table(name, row, place)
        files, media = widest(shown), shown.media[0]
        wide, small = urls.rendition(files[0]), urls.rendition(files[-1])
        asked = {
            "page": await who.get(place.page),
            "rights page": await who.get(place.explained),
            "picture": await who.get(wide),
            "thumbnail": await who.get(small),
            "picture (HEAD)": await who.get(wide, method="HEAD"),
            "picture (206)": await who.get(wide, status=206, Range="bytes=0-99"),
            "picture (304)": await who.get(wide, status=304, If_None_Match=f'"{files[0].hash}"'),
            "proxied picture": await who.get(urls.picture_proxy(media, 640)),
            "proxied picture (HEAD)": await who.get(urls.picture_proxy(media, 640), method="HEAD"),
        }
        for channel, answer in asked.items():
            table.http(channel, answer)
        await _pages(table, who, [("page", place.page), ("rights page", place.explained)], robots_also="noindex")
        kept += [(name, one) for one in await fetched(who, shown, urls, folder, f"{name}-second")]
        cells += table.cells
        cells += unsealed_cells(table, [one for work_name, one in kept if work_name == name])
    return cells + stamped(made, kept, AWAY)


async def wall(made: Fixture) -> list[Cell]:
    """A page that shows several works says the strictest of them, and no licence: on either house."""
    cells: list[Cell] = []
    strict = expected.of(ROWS["W5"])
    for who, path, rsl in (
        (await stranger(made.home), "/explore", f"https://{HOME}/rights/rsl.xml"),
        (await reader(made), "/home", f"https://{AWAY}/rights/rsl.xml"),
    ):
        answer, table = await who.get(path), Table("all five", ROWS["W5"], None)
        for term, found in readers.by_http_sf(answer):
            table.put(f"wall of {who.house.name}", "http-sf", term, strict.usage, found)
        named = {
            "X-Robots-Tag": strict.robots,
            "tdm-reservation": strict.tdm,
            "Link, license": NOTHING,
            "Link, RSL": rsl,
        }
        for term, found in readers.by_requests(answer):
            if term in named:
                table.put(f"wall of {who.house.name}", "requests", term, named[term], found)
        cells += table.cells
    return cells


async def house_files(made: Fixture) -> list[Cell]:
    """The files in which each house states its own rule, which is no-ai unless it is told otherwise."""
    cells: list[Cell] = []
    says = expected.of(ROWS["W1"])
    for house in (made.home, made.away):
        base, who, table = f"https://{house.name}", await stranger(house), Table("the house", ROWS["W1"], None)

        async def text(path: str, who: Asking = who) -> str:
            return (await who.get(path)).text

        robots = await text("/robots.txt")
        usage = re.findall(r"(?m)^Content-Usage: (.*)$", robots)
        pairs = readers.by_http_sf(readers.received(200, [("Content-Usage", usage[0])], b"", base))
        table.put("robots.txt", "http-sf", "Content-Usage", says.usage, pairs[0][1])
        signals = re.findall(r"(?m)^Content-Signal: (.*)$", robots)
        table.put("robots.txt", "text", "Content-Signal", says.signal, " AND ".join(signals))
        for path in ("/.well-known/tdmrep.json",):
            (rule,) = json.loads(await text(path))
            table.put("tdmrep.json", "json", "tdm-reservation", says.tdm, str(rule["tdm-reservation"]))
            table.put("tdmrep.json", "json", "location", "/", rule["location"])
            table.put("tdmrep.json", "json", "tdm-policy", f"{base}/rights/tdm-policy.json", rule["tdm-policy"])
        offer = json.loads(await text("/rights/tdm-policy.json"))
        duty = offer["permission"][0]["duty"][0]["action"]
        table.put("tdm-policy.json", "json", "duty", "obtainConsent", duty)
        rsl = await text("/rights/rsl.xml")
        for verb, wanted in (("permits", says.permits), ("prohibits", says.prohibits)):
            table.put("rsl.xml", "lxml", verb, wanted, readers.by_xml(rsl, f"//rsl:{verb}/text()"))
        for agent, verdict in readers.robots_verdicts(await text("/ai.txt"), f"{base}/x", ["*"])["protego"].items():
            table.put("ai.txt", "protego", agent, REFUSED, verdict)
        table.put(
            "trust.txt", "text", "datatrainingallowed", "no", (await text("/trust.txt")).strip().partition("=")[2]
        )
        cells += [replace(cell, channel=f"{cell.channel} of {house.name}") for cell in table.cells]
    return cells


def widest(shown: Shown) -> list[Rendition]:
    """The files of the first picture that browsers get as WebP, widest first."""
    rows = [row for row in shown.files[shown.media[0].id] if row.format == "webp"]
    return sorted(rows, key=lambda row: -row.width)


async def _answers(table: Table, who: Asking, shown: Shown, urls: Any) -> None:
    files, work = widest(shown), table.place.document
    wide, small = urls.rendition(files[0]), urls.rendition(files[-1])
    page, document = await who.get(table.place.page), await who.get(work, **DOCUMENT)
    asked = {
        "page": page,
        "page (HEAD)": await who.get(table.place.page, method="HEAD"),
        "page (304)": await who.get(table.place.page, status=304, If_None_Match=page.message["ETag"]),
        "rights page": await who.get(table.place.explained),
        "policy": await who.get(table.place.policy),
        "ActivityPub document": document,
        "ActivityPub document (HEAD)": await who.get(work, method="HEAD", **DOCUMENT),
        "ActivityPub document (304)": await who.get(
            work, status=304, If_None_Match=document.message["ETag"], **DOCUMENT
        ),
        "ActivityPub activity": await who.get(f"{work}/activity/create", **DOCUMENT),
        "picture as an object": await who.get(urls.media(shown.media[0]), **DOCUMENT),
        "picture": await who.get(wide),
        "thumbnail": await who.get(small),
        "picture (HEAD)": await who.get(wide, method="HEAD"),
        "picture (206)": await who.get(wide, status=206, Range="bytes=0-99"),
        "picture (304)": await who.get(wide, status=304, If_None_Match=f'"{files[0].hash}"'),
        "oEmbed": await who.get(urls.oembed(shown.post, "json")),
    }
    for channel, answer in asked.items():
        table.http(channel, answer)


async def _pages(table: Table, who: Asking, pages: list[tuple[str, str]], robots_also: str = "") -> None:
    """The head of each page, the sentence that people see, and on the work's page schema.org."""
    says, place = table.says, table.place
    for channel, address in pages:
        text = (await who.get(address)).text
        robots = ", ".join(part for part in (says.robots, robots_also) if part)
        if "noindex" in says.robots:
            robots = says.robots
        wanted = {
            "meta robots": robots,
            "meta tdm-reservation": says.tdm,
            "meta tdm-policy": place.policy,
            "link license": says.licence,
            "link RSL": place.rsl,
        }
        table.compare(f"HTML, {channel}", "lxml", wanted, readers.by_lxml(text, address))
        said = expected.in_the_language_of(table.row) if channel == "page" and not robots_also else says.sentence
        found = said if said in readers.visible(text) else NOTHING
        table.put(f"HTML, {channel}", "lxml", "text", said, found)
        if channel == "page":
            row = table.row
            pairs = readers.by_extruct(text, address)
            wanted = {
                "license": says.licence,
                "copyrightNotice": says.sentence,
                "creditText": NAMES[row.artist],
                "usageInfo": place.policy,
                "acquireLicensePage": place.licensing,
                "digitalSourceType": expected.SCHEMA.get(says.source, ""),
                "name": row.title,
                "creator": NAMES[row.artist],
                "rel=license (RDFa)": says.licence,
            }
            table.compare("HTML, JSON-LD", "extruct", wanted, pairs)


async def _documents(table: Table, who: Asking, work: str, artist: str) -> None:
    says, place = table.says, table.place
    of_picture = {
        "license": says.licence,
        "rights": says.sentence,
        "dataMining": says.mining,
        "tdmReservation": says.tdm,
        "xRobotsTag": says.robots,
    }
    of_work = of_picture | {
        "creditText": NAMES[artist],
        "copyrightNotice": says.sentence,
        "tdmPolicy": place.policy,
        "hasPolicy": place.policy,
        "usageInfo": place.policy,
        "acquireLicensePage": place.licensing,
        "digitalSourceType": says.source,
        "searchableBy": f"https://{HOME}/users/{artist}" if "noindex" in says.robots else f"{readers.AS}Public",
    }
    activity = readers.expanded((await who.get(f"{work}/activity/create", **DOCUMENT)).text)
    nodes = {
        "object": readers.expanded((await who.get(work, **DOCUMENT)).text),
        "object in an activity": activity[f"{readers.AS}object"][0],
    }
    for channel, node in nodes.items():
        pairs = readers.by_pyld(node, readers.TERMS | readers.OF_THE_WORK)
        table.compare(f"ActivityPub, {channel}", "pyld", of_work, pairs)
        for picture in node[f"{readers.AS}attachment"]:
            pairs = readers.by_pyld(picture, readers.TERMS)
            table.compare(f"ActivityPub, each attachment of the {channel}", "pyld", of_picture, pairs)


async def _offer(table: Table, who: Asking) -> None:
    offer = json.loads((await who.get(table.place.policy)).text)
    (permission,) = offer["permission"]
    duty = " AND ".join(one["action"] for one in permission.get("duty", [])) or NOTHING
    table.put("ODRL policy", "json", "duty", "obtainConsent" if table.says.is_reserved else NOTHING, duty)
    table.put("ODRL policy", "json", "target", table.place.document, permission["target"])
    table.put("ODRL policy", "json", "vcard:hasURL", table.place.licensing, offer["assigner"]["vcard:hasURL"])


async def _feeds(table: Table, who: Asking, name: str) -> None:
    """The feeds of a tag that this work alone carries."""
    says = table.says
    wanted = {"rights": says.sentence, "link license": says.licence}
    texts = {}
    for form in ("atom", "rss", "json"):
        answer = await who.get(f"/tags/fixture{name.lower()}/feed.{form}")
        texts[form] = answer.text
        for term, found in readers.by_http_sf(answer):
            table.put(f"HTTP, {form} feed", "http-sf", term, says.usage, found)
        named = {"X-Robots-Tag": says.robots, "tdm-reservation": says.tdm}
        for term, found in readers.by_requests(answer):
            if term in named:
                table.put(f"HTTP, {form} feed", "requests", term, named[term], found)
    for form in ("atom", "rss"):
        feed, entry = readers.by_feedparser(texts[form])
        of_feed = wanted | {"rights": says.sentence.replace(NAMES[table.row.artist], "the artists")}
        table.compare(f"{form} feed", "feedparser", of_feed, readers.feed_pairs(feed))
        table.compare(f"{form} feed, entry", "feedparser", wanted, readers.feed_pairs(entry))
    for place in ("channel", "item"):
        for verb, word in (("permits", says.permits), ("prohibits", says.prohibits)):
            read = readers.by_xml(texts["rss"], f"//{place}/rsl:content/rsl:license/rsl:{verb}/text()")
            table.put(f"rss feed, {place}", "lxml", f"rsl:{verb}", word, read)
    feed = json.loads(texts["json"])
    for place, part in (("feed", feed), ("item", feed["items"][0])):
        said = part["_rights"]
        wanted_here = {
            "content_usage": says.usage,
            "tdm_reservation": says.tdm,
            "robots": says.robots,
            "license": says.licence,
        }
        for term, word in wanted_here.items():
            table.put(f"json feed, {place}", "json", term, word, str(said.get(term, NOTHING)))


async def _oembed(table: Table, who: Asking, work: str) -> None:
    says, key = table.says, table.row.licence.value
    wanted = {"license": says.licence_name, "license_url": says.licence, "license_id": key, "rights": says.sentence}
    found = json.loads((await who.get(f"/api/oembed?url={work}&format=json")).text)
    table.compare("oEmbed, JSON", "json", wanted, [(term, found.get(term, NOTHING)) for term in wanted])
    text = (await who.get(f"/api/oembed?url={work}&format=xml")).text
    table.compare("oEmbed, XML", "lxml", wanted, [(term, readers.by_xml(text, f"//{term}/text()")) for term in wanted])
