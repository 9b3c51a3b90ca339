"""security.md A6, rows 87 to 89 and 98: what a stranger's documents can make us fetch."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from federation import remote
from federation.remote import crawl
from federation.vocabulary import ACTIVITY_JSON
from server import jobs
from server.models import Job, Post
from server.settings import Settings
from server.site import Site
from tests.conftest import settings_for
from tests.neighbours import Asked, reply
from tests.strangers import Stranger, stranger


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return settings_for(tmp_path, database_url, CARTELLINO_NETWORK_PRIVATE_RANGES="127.0.0.0/8")


@pytest.fixture
async def evil() -> AsyncIterator[Stranger]:
    async with stranger() as made:
        made.person("eve")
        yield made


@pytest.fixture
async def accomplice() -> AsyncIterator[Stranger]:
    async with stranger() as made:
        yield made


async def waiting(site: Site) -> list[dict[str, Any]]:
    async with site.db.read() as tx:
        return [job.payload for job in await tx.scalars(select(Job).where(Job.kind == "Fetch"))]


async def posts(site: Site) -> int:
    async with site.db.read() as tx:
        return int(await tx.scalar(select(func.count(Post.id))) or 0)


def answer(document: Any) -> bytes:
    return reply(200, json.dumps(document).encode(), Content_Type=ACTIVITY_JSON)


# -- row 87: collections without an end ----------------------------------------------------------------------------------
async def test_row_87_a_page_that_follows_itself_is_read_once(site: Site, evil: Stranger) -> None:
    me = evil.url("/replies")
    evil.put("/replies", {"id": me, "type": "CollectionPage", "items": [evil.url("/posts/1")], "next": me})
    found = await crawl.crawl(site, me, me)
    assert found.items == [evil.url("/posts/1")] and evil.count("/replies") == 1


async def test_row_87_a_collection_that_grows_ends_after_ten_pages(site: Site, evil: Stranger) -> None:
    class Growing(dict[str, Any]):
        def get(self, target: str, default: Any = None) -> Any:  # every page names one more
            if not target.startswith("/replies"):
                return super().get(target, default)
            number = int(target.partition("=")[2] or 0)
            page = {"type": "CollectionPage", "items": [evil.url(f"/posts/{number}")]}
            return answer(page | {"id": evil.url(target), "next": evil.url(f"/replies?page={number + 1}")})

    evil.pages = Growing(evil.pages)
    found = await crawl.crawl(site, evil.url("/replies"), evil.base)
    assert len(evil.asked) == 11 and len(found.items) == 11  # the collection, and ten pages


async def test_row_87_five_hundred_items_are_enough(site: Site, evil: Stranger) -> None:
    items = [evil.url(f"/posts/{number}") for number in range(400)]
    evil.put(
        "/replies", {"id": evil.url("/replies"), "type": "CollectionPage", "items": items, "next": evil.url("/more")}
    )
    more = [evil.url(f"/more/{number}") for number in range(400)]
    evil.put("/more", {"id": evil.url("/more"), "type": "CollectionPage", "items": more, "next": evil.url("/even")})
    found = await crawl.crawl(site, evil.url("/replies"), evil.base)
    assert len(found.items) == 500 and evil.count("/even") == 0


async def test_row_87_pages_of_other_servers_are_not_read(site: Site, evil: Stranger, accomplice: Stranger) -> None:
    page = {"id": evil.url("/replies"), "type": "CollectionPage", "items": [], "next": accomplice.url("/page")}
    evil.put("/replies", page)
    evil.pages["/moved"] = reply(302, Location=accomplice.url("/page"))
    evil.put("/sly", page | {"id": evil.url("/sly"), "next": evil.url("/moved")})
    accomplice.put("/page", {"id": accomplice.url("/page"), "type": "CollectionPage", "items": [evil.url("/posts/1")]})
    for path in ("/replies", "/sly"):
        assert (await crawl.crawl(site, evil.url(path), evil.base)).items == []


async def test_row_87_a_slow_collection_ends_in_time(
    site: Site, evil: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remote.actor(site, evil.url("/users/eve"))  # the house has its key now
    monkeypatch.setattr(crawl, "SECONDS", 2)

    def first(asked: Asked) -> bytes:
        return answer({"type": "CollectionPage", "items": [evil.url("/posts/1")], "next": evil.url("/slow")})

    async def never() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        await asyncio.Event().wait()

    evil.say("/replies", first)
    evil.pages["/slow"] = lambda asked: never()
    found = await crawl.crawl(site, evil.url("/replies"), evil.base)
    assert found.items == [evil.url("/posts/1")] and evil.count("/slow") == 1


# -- row 88: one cause, ten fetches --------------------------------------------------------------------------------------
async def test_row_88_one_post_causes_ten_fetches_and_the_rest_waits(
    site: Site, evil: Stranger, accomplice: Stranger
) -> None:
    """Every level has an author of its own, so that each costs as much as it can."""
    servers = (evil, accomplice)
    above = None
    for number in range(30):
        server = servers[number % 2]
        server.person(f"p{number}")
        above = server.note(f"/posts/{number}", f"p{number}", inReplyTo=above)
    assert above is not None
    asked = 0
    assert await remote.post(site, above) is not None
    for _ in range(12):
        now = len(evil.asked) + len(accomplice.asked)
        assert now - asked <= 10
        asked = now
        found = await waiting(site)
        if not found:
            break
        assert found == [{"what": "thread", "uri": above}]
        async with site.db.write() as tx:
            await tx.delete((await tx.scalars(select(Job).where(Job.kind == "Fetch"))).one())
        await remote.fetch(site, jobs.Fetch("thread", above))
    assert await waiting(site) == [] and await posts(site) == 21  # the post, and twenty levels


async def test_row_88_answers_are_queued_and_not_fetched_at_once(site: Site, evil: Stranger) -> None:
    items = [evil.url(f"/posts/{number}") for number in range(1, 400)]
    page = {"id": evil.url("/replies"), "type": "CollectionPage", "items": items}
    evil.put("/replies", page)
    root = evil.note("/posts/0", "eve", replies=evil.url("/replies"))
    await remote.fetch(site, jobs.Fetch("thread", root))
    assert len(evil.asked) <= 10 and len(await waiting(site)) == 200
    await remote.fetch(site, jobs.Fetch("thread", root))
    assert len(await waiting(site)) == 200


async def test_row_88_what_many_ask_for_is_queued_once(site: Site, evil: Stranger) -> None:
    evil.pages["/posts/0"] = reply(503)
    leaf = evil.note("/posts/1", "eve", inReplyTo=evil.url("/posts/0"))
    for _ in range(5):
        await remote.post(site, leaf)
    assert await waiting(site) == [{"what": "thread", "uri": leaf}]


# -- row 89: chains ------------------------------------------------------------------------------------------------------
async def test_row_89_a_chain_without_an_end_is_climbed_twenty_levels(site: Site, evil: Stranger) -> None:
    class Endless(dict[str, Any]):
        def get(self, target: str, default: Any = None) -> Any:
            if not target.startswith("/posts/"):
                return super().get(target, default)
            number = int(target.rpartition("/")[2])
            return answer(evil.note_of(target, "eve", inReplyTo=evil.url(f"/posts/{number + 1}")))

    evil.pages = Endless(evil.pages)
    leaf = evil.url("/posts/0")
    await remote.post(site, leaf)
    for _ in range(10):
        await remote.fetch(site, jobs.Fetch("thread", leaf))
    assert await posts(site) == 21


async def test_row_89_a_circle_ends(site: Site, evil: Stranger) -> None:
    evil.note("/posts/0", "eve", inReplyTo=evil.url("/posts/2"))
    evil.note("/posts/1", "eve", inReplyTo=evil.url("/posts/0"))
    evil.note("/posts/2", "eve", inReplyTo=evil.url("/posts/1"))
    evil.note("/posts/3", "eve", inReplyTo=evil.url("/posts/3"))
    for number in range(4):
        await remote.post(site, evil.url(f"/posts/{number}"))
        await remote.fetch(site, jobs.Fetch("thread", evil.url(f"/posts/{number}")))
    assert await posts(site) == 4
    async with site.db.read() as tx:
        rows = {row.id: row.reply_to_id for row in await tx.scalars(select(Post))}
    for start in rows:  # whoever walks up arrives somewhere
        at, steps = rows[start], 0
        while at is not None and steps < 10:
            at, steps = rows[at], steps + 1
        assert at is None


# -- row 98: mentions are resolved lazily --------------------------------------------------------------------------------
async def test_row_98_whom_a_post_names_is_not_looked_up(site: Site, evil: Stranger, accomplice: Stranger) -> None:
    tags = [
        {"type": "Mention", "href": accomplice.url(f"/users/{number}"), "name": f"@{number}"} for number in range(40)
    ]
    assert await remote.post(site, evil.note("/posts/1", "eve", tag=tags)) is not None
    assert accomplice.asked == []
