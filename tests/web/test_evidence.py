"""Evidence on its way in and on its pages: declared crawlers alone, for the artist alone, in plain words."""

from typing import Any

from quart import Quart
from sqlalchemy import select

from server import posts
from server.evidence import Notebook
from server.models import Account, CrawlerVisit
from server.site import Site
from tests.agents import GPTBOT, PEOPLE, SEARCHER
from tests.asking import ask
from tests.browsing import Browser
from tests.hung import hang

READER = "203.0.113.7"


async def written(app: Quart) -> list[CrawlerVisit]:
    """What is in the database once the notebook is written down."""
    notebook: Notebook = app.extensions["notebook"]
    await notebook.close()
    site: Site = app.extensions["site"]
    async with site.db.read() as tx:
        return list(await tx.scalars(select(CrawlerVisit).order_by(CrawlerVisit.asked_for, CrawlerVisit.status)))


async def test_nobody_but_declared_crawlers_is_ever_written_down(site: Site, app: Quart, alice: Account) -> None:
    post = await hang(site, alice)
    for agent in PEOPLE:
        for path in (
            f"/@alice/{post.id}",
            f"/works/{post.id}",
            f"/works/{post.id}/rights",
            f"/media/{post.id}/x-640.webp",
        ):
            await ask(app, path, agent=agent, address=READER)
    # Nor who falls into the trap, nor who asks too often, nor a crawler that names no work.
    await ask(app, "/trap/works", address=READER)
    for path in ("/", "/@alice", "/robots.txt", "/rights", "/tags/ferry"):
        await ask(app, path, agent=GPTBOT, address=READER)
    assert app.extensions["notebook"].seen == {}
    assert await written(app) == []


async def test_what_declared_crawlers_asked_for_and_got(site: Site, app: Quart, alice: Account) -> None:
    post = await hang(site, alice)
    async with site.db.read() as tx:
        media = (await posts.get(tx, post.id, None)).media[0].id
    for path in (
        f"/@alice/{post.id}",
        f"/works/{post.id}",
        f"/media/{media}/00000000000000000000-640.webp",
        f"/works/{post.id}/rights",
    ):
        await ask(app, path, agent=GPTBOT, address=READER)
    # One that is let in is written down too, with what it really got.
    await ask(app, f"/@alice/{post.id}-x", agent=SEARCHER, address="2001:db8:1:2::3")
    await ask(app, f"/media/{media}/00000000000000000000-640.webp", agent=SEARCHER)
    await ask(app, f"/works/{post.id}", agent=SEARCHER, method="POST")
    assert [(row.crawler, row.asked_for, row.status, row.network, row.post_id) for row in await written(app)] == [
        ("GPTBot", "document", 403, "203.0.113.0/24", post.id),
        ("OAI-SearchBot", "page", 200, "2001:db8:1::/48", post.id),
        ("GPTBot", "page", 403, "203.0.113.0/24", post.id),
        ("GPTBot", "picture", 403, "203.0.113.0/24", post.id),
        ("OAI-SearchBot", "picture", 404, "", post.id),
        ("GPTBot", "terms", 200, "203.0.113.0/24", post.id),
    ]


async def test_the_end_of_the_server_writes_the_rest(site: Site, app: Quart, alice: Account) -> None:
    post = await hang(site, alice)
    async with app.test_app():
        await ask(app, f"/@alice/{post.id}", agent=GPTBOT, address=READER)
        assert app.extensions["notebook"].seen
    assert not app.extensions["notebook"].seen
    async with site.db.read() as tx:
        assert await tx.scalar(select(CrawlerVisit.times)) == 1


async def test_the_artist_reads_it_in_plain_words(site: Site, app: Quart, alice: Account) -> None:
    post = await hang(site, alice, title="The <Last> Ferry")
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get(f"/works/{post.id}/evidence")
    assert "No declared AI crawler has asked for this work so far" in page and "Download" not in page
    for path in (f"/@alice/{post.id}", f"/@alice/{post.id}", f"/works/{post.id}/rights"):
        await ask(app, path, agent=GPTBOT, address=READER)
    await written(app)
    page = await browser.get(f"/works/{post.id}/evidence")
    for words in (
        "The &lt;Last&gt; Ferry", "<b>GPTBot</b> of OpenAI: asked 3 times, turned away 2 times", "training of AI",
        "Read the terms once",
        "asked for its page 2 times: turned away", "asked for its terms once: answered", "last from 203.0.113.0/24", "365 days",
    ):  # fmt: skip
        assert words in page, words
    page = await browser.get("/settings/evidence")
    assert "<b>GPTBot</b> of OpenAI" in page and "3 requests" in page and f"/works/{post.id}/evidence" in page
    assert f"/works/{post.id}/evidence" in await browser.get(f"/works/{post.id}/rights")
    assert f"/works/{post.id}/evidence" in await browser.get(f"/@alice/{post.id}-the-last-ferry")
    assert "/settings/evidence" in await browser.get("/settings/rights")


async def test_the_files(site: Site, app: Quart, alice: Account) -> None:
    post = await hang(site, alice, title="=1+1")
    await ask(app, f"/@alice/{post.id}", agent=GPTBOT, address=READER)
    await written(app)
    browser = await Browser(app).as_somebody(alice)
    for path in (f"/works/{post.id}/evidence.csv", "/settings/evidence.csv"):
        text = await browser.get(path)
        assert browser.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert browser.headers["Content-Disposition"].startswith("attachment; filename=")
        assert browser.headers["Cache-Control"] == "private, no-store"
        assert text.splitlines()[0].startswith("day,crawler,operator") and ",'=1+1," in text.splitlines()[1]


async def test_it_is_nobody_elses(site: Site, app: Quart, alice: Account, bob: Account) -> None:
    post = await hang(site, alice)
    for path in (f"/works/{post.id}/evidence", f"/works/{post.id}/evidence.csv"):
        stranger, other = Browser(app), await Browser(app).as_somebody(bob)
        await stranger.get(path)
        assert stranger.status == 302 and stranger.location.startswith("/login")
        await other.get(path)
        assert other.status == 404
    other = await Browser(app).as_somebody(bob)
    page = await other.get("/settings/evidence")
    assert "No declared AI crawler has asked for a work of yours" in page
    assert "evidence" not in await other.get(f"/works/{post.id}/rights")
    assert f"/works/{post.id}/evidence" not in await other.get(f"/@alice/{post.id}-the-last-ferry")
    rows: list[Any] = (await other.get("/settings/evidence.csv")).splitlines()
    assert len(rows) == 1
