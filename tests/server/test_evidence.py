"""Evidence: what is written down of declared crawlers, how it is counted, for how long, and for whom."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from server import clock, evidence, jobs, notes, posts, sweep
from server.evidence import Asked, Notebook
from server.models import Account, Audience, CrawlerVisit, Licence, Reservation
from server.rights import crawlers
from server.settings import Settings
from server.site import Site
from tests.hung import hang
from tests.works import publish, upload

GPTBOT = crawlers.shipped().names["gptbot"]
SEARCHBOT = crawlers.shipped().names["oai-searchbot"]
HERE = "203.0.113.0/24"


async def rows(site: Site) -> list[CrawlerVisit]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(CrawlerVisit).order_by(CrawlerVisit.first_at, CrawlerVisit.id)))


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/@alice/12-the-last-ferry", Asked("page", 12)),
        ("/@alice/12", Asked("page", 12)),
        ("/works/12", Asked("document", 12)),
        ("/works/12/activity/create", Asked("document", 12)),
        ("/works/12/rights", Asked("terms", 12)),
        ("/works/12/policy.json", Asked("terms", 12)),
        ("/media/34/0123456789abcdef0123-640.webp", Asked("picture", 34, is_picture=True)),
        ("/media/34", Asked("document", 34, is_picture=True)),
        ("/@alice", None),
        ("/@alice/galleries", None),
        ("/", None),
        ("/robots.txt", None),
        ("/works/9999999999999999999", None),
        ("/works/x", None),
        ("/elsewhere/34/640", None),
    ],
)
def test_what_a_request_asks_for(path: str, asked: Asked | None) -> None:
    assert evidence.asked(path) == asked


async def test_requests_are_counted_by_day_work_crawler_kind_answer_and_tier(site: Site, alice: Account) -> None:
    start = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)
    clock.set_source(lambda: start)
    post = await hang(site, alice, pictures=2)
    async with site.db.read() as tx:
        media = [one.id for one in (await posts.get(tx, post.id, alice.actor)).media]
    book = Notebook(site)
    for _ in range(3):
        book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    for media_id in media:
        book.record(GPTBOT, Asked("picture", media_id, is_picture=True), 403, HERE)
    book.record(SEARCHBOT, Asked("page", post.id), 200, "198.51.100.0/24")
    await book.flush()
    clock.set_source(lambda: start + timedelta(seconds=30))
    book.record(GPTBOT, Asked("page", post.id), 403, "203.0.114.0/24")
    await book.flush()
    clock.set_source(lambda: start + timedelta(minutes=2))
    book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    await book.close()
    found = {(row.day.day, row.crawler, row.asked_for, row.status): row for row in await rows(site)}
    assert {key: row.times for key, row in found.items()} == {
        (24, "GPTBot", "page", 403): 4,
        (24, "GPTBot", "picture", 403): 2,
        (24, "OAI-SearchBot", "page", 200): 1,
        (25, "GPTBot", "page", 403): 1,
    }
    first = found[24, "GPTBot", "page", 403]
    assert (first.first_at, first.last_at, first.network) == (start, start + timedelta(seconds=30), "203.0.114.0/24")
    assert first.reservation is Reservation.NO_AI and first.post_id == post.id


async def test_another_tier_is_another_row(site: Site, alice: Account) -> None:
    post = await hang(site, alice, reservation=Reservation.NO_GENAI)
    book = Notebook(site)
    book.record(GPTBOT, Asked("page", post.id), 200, HERE)
    await book.flush()
    async with site.db.write() as tx:
        work = (await posts.mine(tx, post.id, alice.actor)).artwork
        assert work is not None
        work.reservation = Reservation.NO_AI
    book.record(GPTBOT, Asked("page", post.id), 200, HERE)
    await book.flush()
    assert {(row.reservation, row.times) for row in await rows(site)} == {
        (Reservation.NO_GENAI, 1),
        (Reservation.NO_AI, 1),
    }


async def test_the_least_of_the_house_counts(settings: Settings, site: Site, alice: Account) -> None:
    wanted = settings.rights.model_copy(update={"minimum": "no-training"})
    object.__setattr__(site, "settings", settings.model_copy(update={"rights": wanted}))
    lax = await hang(site, alice, reservation=Reservation.OPEN)
    given = await hang(site, alice, reservation=Reservation.OPEN, licence=Licence.CC0)
    book = Notebook(site)
    for post in (lax, given):
        book.record(GPTBOT, Asked("page", post.id), 200, HERE)
    await book.flush()
    assert {(row.post_id, row.reservation) for row in await rows(site)} == {
        (lax.id, Reservation.NO_TRAINING), (given.id, Reservation.OPEN),
    }  # fmt: skip


async def test_only_works_of_ours_that_are_out(site: Site, alice: Account) -> None:
    draft = await hang(site, alice, published=False)
    followers = await hang(site, alice, audience=Audience.FOLLOWERS)
    loose = await upload(site, alice)
    async with site.db.write() as tx:
        note = await notes.write(tx, alice.actor, notes.Note(text="words"), "k" * 20, urls=site.urls)
    book = Notebook(site)
    for number in (draft.id, note.id, 17, 2**62):
        book.record(GPTBOT, Asked("page", number), 403, HERE)
    for number in (loose.id, 23):
        book.record(GPTBOT, Asked("picture", number, is_picture=True), 403, HERE)
    await book.flush()
    assert await rows(site) == [] and book.seen == {}
    book.record(GPTBOT, Asked("page", followers.id), 404, HERE)
    await book.flush()
    assert [(row.post_id, row.status) for row in await rows(site)] == [(followers.id, 404)]


async def test_it_is_written_a_while_later_and_at_the_end(site: Site, alice: Account, monkeypatch: Any) -> None:
    post = await hang(site, alice)
    monkeypatch.setattr(evidence, "EVERY", 0.01)
    book = Notebook(site)
    book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    assert await rows(site) == []
    assert book._later is not None
    await book._later
    assert len(await rows(site)) == 1
    monkeypatch.setattr(evidence, "EVERY", 3600)
    book.record(GPTBOT, Asked("document", post.id), 403, HERE)
    await book.close()
    assert len(await rows(site)) == 2


async def test_memory_is_bounded_and_nothing_is_lost_when_writing_fails(
    site: Site, alice: Account, monkeypatch: Any
) -> None:
    post = await hang(site, alice)
    monkeypatch.setattr(evidence, "MOST", 3)
    book = Notebook(site)
    for number in range(10):
        book.record(GPTBOT, Asked("page", number), 403, HERE)
    assert len(book.seen) == 3 and book.lost == 7
    await book.flush()
    assert book.seen == {} and book.lost == 0

    book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    real = evidence._write

    async def fails(*_: Any) -> None:
        book.record(GPTBOT, Asked("page", post.id), 403, HERE)
        raise OSError("the disk is full")

    monkeypatch.setattr(evidence, "_write", fails)
    await book.flush()
    monkeypatch.setattr(evidence, "_write", real)
    await book.close()
    assert [row.times for row in await rows(site)] == [2]


async def test_nought_days_keep_nothing(settings: Settings, site: Site, alice: Account) -> None:
    post = await hang(site, alice)
    off = settings.rights.model_copy(update={"evidence_days": 0})
    object.__setattr__(site, "settings", settings.model_copy(update={"rights": off}))
    book = Notebook(site)
    book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    assert book.seen == {} and book._later is None


async def test_old_days_go_with_the_sweep(site: Site, alice: Account) -> None:
    post = await hang(site, alice)
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    book = Notebook(site)
    for days in (366, 365, 0):
        clock.set_source(lambda days=days: start - timedelta(days=days))
        book.record(GPTBOT, Asked("page", post.id), 403, HERE)
        await book.flush()
    clock.set_source(lambda: start)
    await sweep.sweep(site, jobs.Sweep())
    assert [row.day.isoformat() for row in await rows(site)] == ["2025-11-24", "2026-11-24"]


async def test_what_the_artist_sees_is_theirs_alone(site: Site, alice: Account, bob: Account) -> None:
    mine, other = await hang(site, alice, title="Ferry"), await hang(site, alice, title="Heron")
    theirs = await hang(site, bob)
    book = Notebook(site)
    for post, what, status, times in (
        (mine, "page", 403, 3), (mine, "terms", 200, 1), (other, "page", 403, 1), (theirs, "page", 403, 9),
    ):  # fmt: skip
        for _ in range(times):
            book.record(GPTBOT, Asked(what, post.id), status, HERE)
    book.record(SEARCHBOT, Asked("page", mine.id), 200, HERE)
    await book.flush()
    async with site.db.read() as tx:
        everything = await evidence.totals(tx, site, alice.actor)
        one = await evidence.totals(tx, site, alice.actor, other)
        works = await evidence.by_work(tx, alice.actor, 1)
        seen = await evidence.visits(tx, alice.actor, theirs, 10)
    assert [(t.crawler, t.operator, t.purpose, t.times, t.turned_away, t.terms) for t in everything] == [
        ("GPTBot", "OpenAI", "training", 5, 4, 1),
        ("OAI-SearchBot", "OpenAI", "search", 1, 0, 0),
    ]
    assert [(t.crawler, t.times) for t in one] == [("GPTBot", 1)]
    assert [(work.title, work.times) for work in works] == [("Ferry", 5)]
    assert seen == []


async def test_the_file_holds_every_row_and_no_formula(site: Site, alice: Account) -> None:
    clock.set_source(lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    titles = ['=HYPERLINK("http://evil.example","x")', "+1", "@cmd", "-2", "  =1+1", 'Quote " and, comma', "Ąęż 🦅", ""]
    book = Notebook(site)
    for title in titles:
        post = await hang(site, alice, title=title)
        book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    await book.flush()
    async with site.db.read() as tx:
        text = await evidence.table(tx, site, alice.actor)
    head, *lines = list(csv.reader(io.StringIO(text)))
    assert tuple(head) == evidence.COLUMNS and len(lines) == len(titles)
    found = {line[4] for line in lines}
    assert {
        '\'=HYPERLINK("http://evil.example","x")',
        "'+1",
        "'@cmd",
        "'-2",
        'Quote " and, comma',
        "Ąęż 🦅",
        "Untitled",
    } <= found
    assert not any(cell.strip().startswith(("=", "+", "@", "-")) for line in lines for cell in line)
    assert lines[0][:4] == ["2026-11-24", "GPTBot", "OpenAI", "training"]
    assert lines[0][6:] == ["page", "403", "1", "no-ai", HERE, "2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"]


async def test_it_outlives_the_work_and_leaves_with_the_row(site: Site, alice: Account) -> None:
    post = await publish(site, alice)
    book = Notebook(site)
    book.record(GPTBOT, Asked("page", post.id), 403, HERE)
    await book.flush()
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    async with site.db.read() as tx:
        assert "(deleted)" in await evidence.table(tx, site, alice.actor)
        assert await tx.scalar(select(func.count(CrawlerVisit.id))) == 1


async def test_one_network_cannot_fill_the_house_with_the_names_of_all(
    site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What crawlers are called anybody can say; the first few names of a network are believed, and so many rows a day."""
    monkeypatch.setattr(evidence, "MOST_OF_NETWORK", 20)
    post = await hang(site, alice)
    book = Notebook(site)
    for crawler in list(crawlers.shipped().names.values())[:40]:
        for status in (403, 200, 304):
            book.record(crawler, Asked("page", post.id), status, HERE)
    book.record(GPTBOT, Asked("page", post.id), 403, "198.51.100.0/24")
    assert book.lost == 120 - 20
    await book.flush()
    kept = await rows(site)
    assert len({row.crawler for row in kept if row.network == HERE}) <= evidence.NAMES and len(kept) == 21
    # What is there already is counted on, also by whoever may add nothing new.
    book.record(crawlers.shipped().names[kept[0].crawler.lower()], Asked("page", post.id), kept[0].status, HERE)
    await book.flush()
    assert sum(row.times for row in await rows(site)) == 22
    await book.close()
