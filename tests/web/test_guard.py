"""The doorkeeper: whom it turns away and whom never, the trap, and how much in a minute (docs/rights.md 2.8)."""

import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quart import Quart

from server import clock, sign_ins
from server.app import build_site, close, create_app
from server.models import Account
from server.rights import crawlers
from server.rights.crawlers import Purpose
from server.settings import Settings
from server.site import Site
from tests.agents import GPTBOT, NEVER, PEOPLE, SEARCHER, TURNED_AWAY
from tests.asking import Told, ask
from tests.hung import hang
from web import guard, paces
from web.paces import Bans, Pace, place

OPEN = (
    "/robots.txt", "/ai.txt", "/trust.txt", "/rights", "/rights/rsl.xml", "/rights/tdm-policy.json", "/.well-known/tdmrep.json",
    "/.well-known/trust.txt", "/.well-known/nodeinfo", "/nodeinfo/2.1", "/.well-known/webfinger?resource=acct:alice@art.test",
    "/@alice/licensing",
)  # fmt: skip
READER = "203.0.113.7"


def door_of(app: Quart) -> guard.Guard:
    """The layer itself, behind the one that measures bodies."""
    layer = app.asgi_app.app  # type: ignore[attr-defined]
    assert isinstance(layer, guard.Guard)
    return layer


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[Any]:
    """`house(trap=False, …)`: another house on the same database, with other settings about rights."""
    made: list[Site] = []

    def build(proxies: int = 0, **rights: Any) -> Quart:
        wanted = {
            "rights": settings.rights.model_copy(update=rights),
            "server": settings.server.model_copy(update={"proxies": proxies}),
        }
        site = build_site(settings.model_copy(update=wanted))
        made.append(site)
        return create_app(site)

    yield build
    for site in made:
        await close(site)


# -- declared crawlers ---------------------------------------------------------------------------------------------------
async def test_the_matrix(site: Site, app: Quart, alice: Account) -> None:
    """rights 5.2: thirty real User-Agents and more; the work is refused, its terms and the house's never are."""
    assert len(TURNED_AWAY) + len(PEOPLE) >= 30
    post = await hang(site, alice)
    page = f"/@alice/{post.id}-the-last-ferry"
    of_the_work = [f"/works/{post.id}/rights", f"/works/{post.id}/policy.json"]
    for agent in TURNED_AWAY:
        for path in (
            page,
            "/",
            "/@alice",
            f"/works/{post.id}",
            "/media/1/00000000000000000000-640.webp",
            "/@alice/feed.atom",
        ):
            assert (await ask(app, path, agent=agent)).status == 403, (agent, path)
    for path in (*OPEN, *of_the_work):
        assert (await ask(app, path, agent=GPTBOT)).status == 200, path
    for agent in PEOPLE:
        assert (await ask(app, page, agent=agent)).status == 200, agent
        assert (await ask(app, "/robots.txt", agent=agent)).status == 200, agent


async def test_documents_and_deliveries_of_the_fediverse_are_never_refused(
    site: Site, app: Quart, alice: Account
) -> None:
    post = await hang(site, alice)
    for agent in NEVER["servers of the fediverse"]:
        for path in (f"/works/{post.id}", "/users/alice", "/users/alice/outbox", "/actor"):
            told = await ask(app, path, agent=agent, accept="application/activity+json")
            assert told.status == 200 and json.loads(told.body)["id"], (agent, path)
    # An inbox hears everybody out: who may deliver is said by their signature, not by their name.
    for path in ("/inbox", "/users/alice/inbox"):
        told = await ask(
            app, path, agent=GPTBOT, method="POST", body=b"{}", content_type="application/activity+json"
        )  # fmt: skip
        assert told.status in (400, 401), path


async def test_what_a_crawler_is_told(site: Site, app: Quart, alice: Account) -> None:
    told = await ask(app, "/@alice", agent=GPTBOT, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert "You call yourself GPTBot of OpenAI, which collects what it finds for the training of AI." in told.text
    for path in ("/rights", "/rights/tdm-policy.json", "/rights/rsl.xml"):
        assert f'href="http://art.test{path}"' in told.text
    assert "default-src 'none'" in told.headers["content-security-policy"]
    as_json = await ask(app, "/works/1", agent=GPTBOT, accept="application/activity+json")
    assert as_json.headers["content-type"] == "application/json"
    assert json.loads(as_json.body)["terms"] == "http://art.test/rights"
    assert json.loads(as_json.body)["license"] == "http://art.test/rights/rsl.xml"
    as_text = await ask(app, "/media/1/x-640.webp", agent=GPTBOT, accept="image/avif,image/webp,*/*")
    assert as_text.headers["content-type"] == "text/plain; charset=utf-8" and "http://art.test/rights" in as_text.text
    for answer in (told, as_json, as_text):
        assert answer.headers["content-usage"] == "train-ai=n, search=y" and answer.headers["tdm-reservation"] == "1"
        assert answer.headers["cache-control"] == "private, no-store", "a cache would refuse people"
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert "set-cookie" not in answer.headers
    head = await ask(app, "/@alice", agent=GPTBOT, method="HEAD", accept="text/html")
    assert (head.status, head.body, head.headers["content-length"]) == (403, b"", told.headers["content-length"])
    posted = await ask(app, "/login", agent=GPTBOT, method="POST", body=b"x" * 5000)
    assert posted.status == 403


async def test_each_set_has_its_switch(house: Any) -> None:
    assistant = TURNED_AWAY[1]
    for switches, expected in (
        ({}, (403, 403, 200)),
        ({"block_training": False}, (200, 403, 200)),
        ({"block_answers": False}, (403, 200, 200)),
        ({"block_search": True}, (403, 403, 403)),
        ({"block_training": False, "block_answers": False}, (200, 200, 200)),
    ):
        app = house(**switches)
        assert (
            tuple([(await ask(app, "/explore", agent=agent)).status for agent in (GPTBOT, assistant, SEARCHER)])
            == expected
        )


async def test_a_newer_list_holds_within_seconds(site: Site, app: Quart, tmp_path: Path) -> None:
    agent = "NewlyKnownBot/1.0"
    assert (await ask(app, "/explore", agent=agent)).status == 200
    known = {
        crawler.token: {"operator": crawler.operator, "function": "AI Data Scraper"}
        for crawler in crawlers.shipped().crawlers
    }
    file = tmp_path / "robots.json"
    file.write_text(json.dumps({**known, "NewlyKnownBot": {"operator": "Somebody", "function": "AI Data Scraper"}}))
    crawlers.update(site.settings, file)
    assert (await ask(app, "/explore", agent=agent)).status == 200
    clock.set_source(lambda: datetime.now(UTC) + timedelta(seconds=guard.LOOK_AGAIN + 1))
    assert (await ask(app, "/explore", agent=agent)).status == 403


async def test_verdicts_are_remembered_within_bounds(app: Quart) -> None:
    door = door_of(app)
    long = "x" * 20_000 + " GPTBot/1.0"
    assert (await ask(app, "/livez", agent=long)).status == 200
    for number in range(guard.AGENTS + 50):
        door.verdict(f"Reader/{number}".encode())
    info = door.verdict.cache_info()  # type: ignore[attr-defined]
    assert info.currsize == info.maxsize == guard.AGENTS
    before = info.hits
    door.verdict(f"Reader/{guard.AGENTS + 49}".encode())
    assert door.verdict.cache_info().hits == before + 1  # type: ignore[attr-defined]


def test_the_open_paths_open_nothing_else() -> None:
    for path in (
        "/rightsx", "/robots.txt/x", "/@alice/1-rights", "/works/1", "/works/1/rights/x", "/@alice/1/licensing", "/users/alice",
        "/x/.well-known/a", "/inbox/x", "/media/1/robots.txt", "/works/1/evidence", "/original/inbox",
    ):  # fmt: skip
        assert not guard.OPEN.fullmatch(path), path


# -- the trap ------------------------------------------------------------------------------------------------------------
def second_step(told: Told) -> str:
    """The path that the first page of the trap leads to; empty where it leads nowhere."""
    found = re.search(r'href="http://art\.test(/trap/[0-9a-f]+)"', told.text)
    return found[1] if found else ""


async def trapped(app: Quart, address: str, **headers: str) -> Told:
    """Follow the trap to its end, as a program does that reads links and nothing else."""
    first = await ask(app, "/trap/works", address=address, accept="text/html", **headers)
    assert first.status == 200 and second_step(first)
    return await ask(app, second_step(first), address=address, accept="text/html", **headers)


async def test_every_page_holds_a_link_that_no_person_meets(app: Quart, alice: Account) -> None:
    page = (await ask(app, "/@alice")).text
    link = re.search(r'<a [^>]*href="/trap/[^>]*>', page)
    assert link and all(
        word in link[0] for word in ("hidden", 'aria-hidden="true"', 'tabindex="-1"', 'rel="nofollow"')
    )  # fmt: skip
    assert "Disallow: /trap/" in (await ask(app, "/robots.txt")).text


async def test_who_follows_both_steps_is_kept_out_for_hours(app: Quart, alice: Account) -> None:
    start = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    clock.set_source(lambda: start)
    end = await trapped(app, READER)
    assert end.status == 403 and "15:30 UTC" in end.text and end.headers["retry-after"] == str(guard.BAN)
    for path in ("/", "/@alice", "/media/1/x-640.webp", "/explore"):
        assert (await ask(app, path, address=READER)).status == 403, path
    # What is open to everybody stays open, deliveries of a server at the same address too; and one can still sign in.
    for path in ("/robots.txt", "/rights", "/.well-known/nodeinfo", "/login", "/nodeinfo/2.1"):
        assert (await ask(app, path, address=READER)).status == 200, path
    assert (await ask(app, "/inbox", address=READER, method="POST", body=b"{}")).status == 415
    assert (await ask(app, "/@alice", address="203.0.113.8")).status == 200, "a neighbour is somebody else"
    clock.set_source(lambda: start + timedelta(hours=6, seconds=1))
    assert (await ask(app, "/@alice", address=READER)).status == 200


async def test_with_ipv6_it_is_the_household(app: Quart, alice: Account) -> None:
    assert (await trapped(app, "2001:db8:1:2::3")).status == 403
    assert (await ask(app, "/@alice", address="2001:db8:1:2:ffff::1")).status == 403
    assert (await ask(app, "/@alice", address="2001:db8:1:3::3")).status == 200


async def test_one_step_keeps_nobody_out(app: Quart, alice: Account) -> None:
    """A picture in a page elsewhere, a preview of a link, a browser that fetches ahead, whoever was sent: one request each."""
    for address in (READER, "203.0.113.9"):
        assert (await ask(app, "/trap/works", address=address, accept="image/*")).status == 200
        assert (await ask(app, "/@alice", address=address)).status == 200
    # Nor can somebody send others to their own second step: it is made for one network.
    mine = second_step(await ask(app, "/trap/x", address="198.51.100.1", accept="text/html"))
    assert (await ask(app, mine, address=READER)).status == 200
    assert (await ask(app, "/@alice", address=READER)).status == 200
    assert (await ask(app, mine, address="198.51.100.1", method="HEAD")).status == 200
    assert (await ask(app, "/@alice", address="198.51.100.1")).status == 200


async def test_a_second_step_of_yesterday_leads_nowhere(app: Quart, alice: Account) -> None:
    start = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    clock.set_source(lambda: start)
    second = second_step(await ask(app, "/trap/works", address=READER, accept="text/html"))
    clock.set_source(lambda: start + timedelta(hours=13))
    assert (await ask(app, second, address=READER)).status == 200
    assert (await ask(app, "/@alice", address=READER)).status == 200


async def test_nobody_is_kept_out_for_somebody_else(house: Any, app: Quart, alice: Account) -> None:
    """The loopback address and private networks are proxies that nobody counted; so is one that says for whom it speaks."""
    for address in (
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "192.168.0.9",
        "fd00::1",
        "100.64.3.4",
        "::ffff:127.0.0.1",
        "",
        "nonsense",
    ):
        first = await ask(app, "/trap/works", address=address, accept="text/html")
        assert first.status == 200 and not second_step(first), address
    first = await ask(app, "/trap/works", address=READER, accept="text/html", x_forwarded_for="198.51.100.9")
    assert not second_step(first)
    caught = house(proxies=0)
    assert (await trapped(caught, READER)).status == 403
    assert (await ask(caught, "/@alice", address=READER, x_forwarded_for="198.51.100.9")).status == 403
    behind = house(proxies=1)
    assert (await trapped(behind, "127.0.0.1", x_forwarded_for="203.0.113.200, 198.51.100.9")).status == 403
    for forwarded in ("198.51.100.9", "203.0.113.99, 198.51.100.9"):
        assert (await ask(behind, "/@alice", address="127.0.0.1", x_forwarded_for=forwarded)).status == 403
    for forwarded in ("198.51.100.10", "203.0.113.200", "198.51.100.9, 203.0.113.4"):
        assert (await ask(behind, "/@alice", address="127.0.0.1", x_forwarded_for=forwarded)).status == 200, forwarded


async def test_who_is_signed_in_is_never_kept_out(site: Site, app: Quart, alice: Account) -> None:
    async with site.db.write() as tx:
        token = await sign_ins.open(tx, alice, "Firefox on Linux")
    cookie = f"theme=dark; session={token}"
    assert (await trapped(app, READER, cookie=cookie)).status == 200
    assert (await ask(app, "/@alice", address=READER)).status == 200
    # A program in the same household changes nothing for them, and a cookie that is none opens nothing.
    assert (await trapped(app, READER)).status == 403
    assert (await ask(app, "/@alice", address=READER, cookie=cookie)).status == 200
    assert (await ask(app, "/@alice", address=READER, cookie="session=made-up")).status == 403


async def test_the_trap_can_be_switched_off(house: Any, alice: Account) -> None:
    app = house(trap=False)
    assert (await ask(app, "/trap/works", address=READER)).status == 404
    assert "/trap/" not in (await ask(app, "/@alice")).text


def test_bans_take_no_more_memory_than_that() -> None:
    bans = Bans(most=3)
    for number in range(5):
        bans.add(str(number), 100)
    assert list(bans.until) == ["2", "3", "4"] and bans.end("4", 50) == 100
    assert bans.end("4", 100) == 0 and list(bans.until) == ["2", "3"] and bans


# -- how much in a minute ------------------------------------------------------------------------------------------------
async def test_people_look_at_ten_walls_a_minute_and_more(app: Quart, alice: Account) -> None:
    """24 pictures, each in three sizes as the window grows, on ten walls: nobody is told to wait."""
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    clock.set_source(lambda: now)
    for wall in range(10):
        assert (await ask(app, f"/@alice?before={wall + 1}", address=READER)).status == 200
        for number in range(24 * 3):
            told = await ask(app, f"/media/1/{wall:010x}{number:010x}-640.webp", address=READER)
            assert told.status == 404, "there is no such picture, and nobody was told to wait"


async def test_pictures_have_their_pace(house: Any, alice: Account) -> None:
    app = house(media_per_minute=30)
    now = [datetime(2026, 11, 24, 9, 30, tzinfo=UTC)]
    clock.set_source(lambda: now[0])
    path = "/media/1/00000000000000000000-640.webp"
    answers = [(await ask(app, path, address=READER)).status for _ in range(31)]
    assert answers == [404] * 30 + [429]
    told = await ask(app, path, address=READER, accept="image/webp")
    assert told.headers["retry-after"] == "3" and told.headers["content-type"].startswith("text/plain")
    assert "Wait 3 seconds" in told.text and told.headers["cache-control"] == "private, no-store"
    assert (await ask(app, "/elsewhere/1/640", address=READER)).status == 429
    assert (await ask(app, "/@alice", address=READER)).status == 200, "pages have a pace of their own"
    now[0] += timedelta(seconds=2)
    assert (await ask(app, path, address=READER)).status == 404
    assert (await ask(app, path, address=READER)).status == 429
    now[0] -= timedelta(hours=1)  # somebody sets the clock right
    assert (await ask(app, path, address=READER)).status == 404


async def test_a_network_has_four_times_as_much(house: Any) -> None:
    app = house(media_per_minute=5)
    clock.set_source(lambda: datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    path = "/media/1/00000000000000000000-640.webp"
    for number in range(20):
        assert (await ask(app, path, address=f"203.0.113.{number}")).status == 404
    assert (await ask(app, path, address="203.0.113.99")).status == 429
    # A boosted picture is fetched by many servers at once, each from somewhere else.
    for number in range(100):
        assert (
            await ask(app, path, address=f"198.51.{number}.1", agent=NEVER["servers of the fediverse"][0])
        ).status == 404


async def test_pages_that_lie_ready_cost_nothing(house: Any, alice: Account) -> None:
    app = house(pages_per_minute=3)
    clock.set_source(lambda: datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    answers = [(await ask(app, "/@alice", address=READER)).status for _ in range(20)]
    assert answers == [200] * 20
    answers = [(await ask(app, f"/@alice?before={number + 1}", address=READER)).status for number in range(4)]
    assert answers == [200, 200, 429, 429]
    told = await ask(app, "/tags/ferry", address=READER, accept="text/html")
    assert told.status == 429 and told.headers["retry-after"] and "A little slower" in told.text
    for path in ("/login", "/robots.txt", "/users/alice", "/@alice/licensing"):
        assert (await ask(app, path, address=READER)).status == 200, path


async def test_nought_is_no_limit(house: Any) -> None:
    app = house(media_per_minute=0, pages_per_minute=0)
    for _ in range(50):
        assert (await ask(app, "/media/1/00000000000000000000-640.webp", address=READER)).status == 404
    assert not door_of(app).media.own.paid and not door_of(app).pages.own.paid


def test_a_pace_remembers_no_more_than_that() -> None:
    pace = Pace(60, most=3)
    for number in range(5):
        pace.take(str(number), 1000.0)
    assert list(pace.paid) == ["2", "3", "4"]
    for _ in range(59):
        pace.take("4", 1000.0)
    assert pace.wait("4", 1000.0) == 1.0 and pace.wait("4", 1001.0) == 0 and pace.wait("new", 1000.0) == 0


@pytest.mark.parametrize(
    ("address", "own", "wide"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.0/24"),
        ("203.0.113.7:5678", "203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1:2::/64", "2001:db8:1::/48"),
    ],
)
def test_where_somebody_comes_from(address: str, own: str, wide: str) -> None:
    assert place(address) == paces.Place(own, wide)


# -- what it costs -------------------------------------------------------------------------------------------------------
async def test_it_asks_no_database_and_costs_next_to_nothing(app: Quart, site: Site) -> None:
    """The layer alone, before a door that only opens: below a tenth of a millisecond even on a machine that is busy."""

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        return None

    door = guard.Guard(nothing, site, app.extensions["notebook"])
    scope = {
        "type": "http", "method": "GET", "path": "/media/1/00000000000000000000-640.webp", "client": (READER, 1),
        "headers": [(b"host", b"art.test"), (b"user-agent", PEOPLE[0].encode()), (b"accept", b"image/webp")],
    }  # fmt: skip
    assert door.media.is_on
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(50):
            await door(scope, None, None)
        times.append((time.perf_counter() - begin) / 50)
    assert min(times) < 100e-6
    assert door_of(app).turned_away == {Purpose.TRAINING, Purpose.ANSWERS}
