"""Which declared AI crawlers asked for a work, when, and what they were answered: kept for its artist, who may need it as proof.

Only crawlers of the curated list are ever written down, by the name that they give themselves and the network they came from,
without an address; no other visitor leaves a trace here. What comes in is collected in memory and written every few seconds, as
one count for each day, work, crawler, kind of request, answer and tier in force.
"""

import asyncio
import csv
import io
import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, ids, rights
from server.db import insert_into
from server.models import Actor, Artwork, CrawlerVisit, Kind, Media, Post, Reservation
from server.rights import crawlers
from server.rights.crawlers import Crawler
from server.site import Site

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two writings
MOST = 20_000  # counts that wait to be written; what comes beyond them before the next writing is lost, and said to be
BATCH = 200  # rows in one statement
# A name is only what a request says of itself, so one network could fill a disk with the names of all crawlers. None that is
# honest declares more than a few; what one network, and all of them together, may add on one day in one process has an end.
NAMES = 8
MOST_OF_NETWORK = 20_000
MOST_OF_DAY = 100_000
TURNED_AWAY = 403
# What a request names a work with, and what it asks for then. The number is a post's, or a picture's.
ASKED = (
    (re.compile(r"/@[^/]+/(\d{1,19})(?:-[^/]*)?"), "page", False),
    (re.compile(r"/works/(\d{1,19})(?:/activity/create)?"), "document", False),
    (re.compile(r"/media/(\d{1,19})/[^/]+"), "picture", True),
    (re.compile(r"/media/(\d{1,19})"), "document", True),
    (re.compile(r"/works/(\d{1,19})/(?:rights|policy\.json)"), "terms", False),
)
COLUMNS = (
    "day", "crawler", "operator", "purpose", "title", "work", "asked_for", "status", "times", "reservation", "network",
    "first_at", "last_at",
)  # fmt: skip
# A cell that begins like this is a formula for the programs that open such files.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Asked:
    """What a request asked for: "page", "document", "picture" or "terms", of the post or the picture with that id."""

    what: str
    number: int
    is_picture: bool = False


@dataclass(frozen=True)
class _Seen:
    day: date
    crawler: str
    asked: Asked
    status: int


@dataclass
class _Count:
    times: int
    network: str
    first: datetime
    last: datetime


def asked(path: str) -> Asked | None:
    """What the request at `path` asks for; None where it names no work."""
    if not path.startswith(("/@", "/works/", "/media/")):
        return None
    for pattern, what, is_picture in ASKED:
        if found := pattern.fullmatch(path):
            number = ids.parse(found[1])
            return Asked(what, number, is_picture) if number is not None else None
    return None


@dataclass
class _Share:
    """What one network has added today."""

    names: set[str] = field(default_factory=set)
    counts: int = 0


class Notebook:
    """What was seen since the last writing. One for each process; `close` writes the rest."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seen: dict[_Seen, _Count] = {}
        self.lost = 0
        self._day: date | None = None
        self._added: set[int] = set()  # hashes of what was counted today: a row that is there costs nothing more
        self._shares: dict[str, _Share] = {}
        self._later: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def record(self, crawler: Crawler, asked: Asked, status: int, network: str) -> None:
        """Count one request of a declared crawler that was answered `status`; `network` is the /24 or /48 it came from."""
        if self.site.settings.rights.evidence_days == 0:
            return
        now = clock.now()
        key = _Seen(now.date(), crawler.token, asked, status)
        count = self.seen.get(key)
        if count is not None:
            count.times, count.network, count.last = count.times + 1, network, now
        elif len(self.seen) < MOST and self._may_add(key, network):
            self.seen[key] = _Count(1, network, now, now)
        else:
            self.lost += 1
        if self._later is None or self._later.done():
            self._later = asyncio.create_task(self._soon())

    def _may_add(self, key: _Seen, network: str) -> bool:
        """Whether `network` may add one more row today; counts it where it may."""
        if key.day != self._day:
            self._day, self._added, self._shares = key.day, set(), {}
        number = hash(key)
        if number in self._added:
            return True
        if len(self._added) >= MOST_OF_DAY:
            return False
        share = self._shares.setdefault(network, _Share())
        if share.counts >= MOST_OF_NETWORK or (key.crawler not in share.names and len(share.names) >= NAMES):
            return False
        share.names.add(key.crawler)
        share.counts += 1
        self._added.add(number)
        return True

    async def _soon(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), EVERY)
        await self.flush()

    async def flush(self) -> None:
        """Write down what was seen. Where that fails it waits for the next time; works that are not ours are left out."""
        seen, self.seen = self.seen, {}
        if self.lost:
            log.warning("evidence lost", extra={"requests": self.lost})
            self.lost = 0
        if not seen:
            return
        try:
            await _write(self.site, seen)
        except Exception as wrong:  # a full disk, a database that restarts: nobody who looks at a picture may notice
            log.warning("evidence not written", extra={"reason": type(wrong).__name__})
            for key, count in seen.items():
                self._put_back(key, count)

    def _put_back(self, key: _Seen, count: _Count) -> None:
        newer = self.seen.get(key)
        if newer is not None:
            newer.times, newer.first = newer.times + count.times, count.first
        elif len(self.seen) < MOST:
            self.seen[key] = count
        else:
            self.lost += count.times

    async def close(self) -> None:
        """Write the rest; at the end of the process. What is being written at this moment is waited for."""
        self._ending.set()
        if self._later is not None:
            await self._later
        await self.flush()
        self._ending.clear()


async def _write(site: Site, seen: dict[_Seen, _Count]) -> None:
    async with site.db.read() as tx:
        posts = await _posts_of(tx, (key.asked.number for key in seen if key.asked.is_picture))
        numbers = {posts.get(key.asked.number, 0) if key.asked.is_picture else key.asked.number for key in seen}
        tiers = await _tiers(tx, numbers, rights.minimum(site))
    rows: dict[tuple[date, int, str, str, int], _Count] = {}
    for key, count in seen.items():
        post_id = posts.get(key.asked.number, 0) if key.asked.is_picture else key.asked.number
        if post_id not in tiers:
            continue
        place = (key.day, post_id, key.crawler, key.asked.what, key.status)
        same = rows.get(place)
        if same is None:
            rows[place] = _Count(count.times, count.network, count.first, count.last)
            continue
        if count.last > same.last:
            same.last, same.network = count.last, count.network
        same.times, same.first = same.times + count.times, min(same.first, count.first)
    # In one order everywhere: two processes that wait for each other's rows would wait for ever.
    values = [
        {
            "id": ids.new(), "day": day, "crawler": crawler, "post_id": post_id, "reservation": tiers[post_id],
            "asked_for": what, "status": status, "times": count.times, "network": count.network,
            "first_at": count.first, "last_at": count.last,
        }
        for (day, post_id, crawler, what, status), count in sorted(rows.items(), key=lambda row: row[0])
    ]  # fmt: skip
    if not values:
        return
    async with site.db.write() as tx:
        for start in range(0, len(values), BATCH):
            await _add(tx, values[start : start + BATCH])


async def _add(tx: AsyncSession, values: list[dict[str, object]]) -> None:
    statement = insert_into(tx, CrawlerVisit).values(values)
    fresh = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["day", "post_id", "crawler", "asked_for", "status", "reservation"],
        set_={"times": CrawlerVisit.times + fresh.times, "network": fresh.network, "last_at": fresh.last_at},
    )
    await tx.execute(statement)


async def _posts_of(tx: AsyncSession, pictures: Iterable[int]) -> dict[int, int]:
    """The posts of pictures, by picture."""
    found: dict[int, int] = {}
    wanted = sorted(set(pictures))
    for start in range(0, len(wanted), 500):
        some = Media.id.in_(wanted[start : start + 500])
        rows = await tx.execute(select(Media.id, Media.post_id).where(some))
        found |= {media_id: post_id for media_id, post_id in rows if post_id is not None}
    return found


async def _tiers(tx: AsyncSession, numbers: Iterable[int], least: Reservation) -> dict[int, Reservation]:
    """What holds at this moment for those of these posts that are works of ours, and out."""
    found: dict[int, Reservation] = {}
    wanted = sorted(numbers)
    out = (Post.uri.is_(None), Post.kind == Kind.WORK, Post.published_at.is_not(None), Post.deleted_at.is_(None))
    for start in range(0, len(wanted), 500):
        query = select(Artwork).join(Post, Post.id == Artwork.post_id)
        for artwork in await tx.scalars(query.where(Post.id.in_(wanted[start : start + 500]), *out)):
            found[artwork.post_id] = rights.describe(artwork, holder="", year=0, least=least).reservation
    return found


# -- what the artist sees ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Total:
    """All requests of one crawler: for one work, or for all works of an artist."""

    crawler: str
    operator: str
    purpose: str  # "training", "answers" or "search"; empty where it is not on the list any more
    times: int
    turned_away: int
    terms: int  # how often it read what holds
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Work:
    """How often declared crawlers asked for one work."""

    post_id: int
    title: str
    times: int
    last: datetime


async def totals(tx: AsyncSession, site: Site, owner: Actor, post: Post | None = None) -> list[Total]:
    """Who asked for the works of `owner`, or for one of them, most often first."""
    query = _mine(
        select(
            CrawlerVisit.crawler,
            func.sum(CrawlerVisit.times),
            func.sum(case((CrawlerVisit.status == TURNED_AWAY, CrawlerVisit.times), else_=0)),
            func.sum(case((CrawlerVisit.asked_for == "terms", CrawlerVisit.times), else_=0)),
            func.min(CrawlerVisit.first_at),
            func.max(CrawlerVisit.last_at),
        ),
        owner,
        post,
    ).group_by(CrawlerVisit.crawler)
    known = crawlers.in_use(site.settings).names
    found = []
    for name, times, refused, terms, first, last in await tx.execute(query):
        entry = known.get(name.lower())
        said = (entry.operator, entry.set.value) if entry is not None else ("", "")
        found.append(Total(name, *said, int(times), int(refused), int(terms), first, last))
    return sorted(found, key=lambda total: (-total.times, total.crawler))


async def by_work(tx: AsyncSession, owner: Actor, most: int) -> list[Work]:
    """The works of `owner` that were asked for, most often first, at most `most` of them."""
    times = func.sum(CrawlerVisit.times)
    query = (
        _mine(select(CrawlerVisit.post_id, Artwork.title, times, func.max(CrawlerVisit.last_at)), owner, None)
        .join(Artwork, Artwork.post_id == CrawlerVisit.post_id)
        .group_by(CrawlerVisit.post_id, Artwork.title)
        .order_by(times.desc(), CrawlerVisit.post_id.desc())
        .limit(most)
    )
    return [Work(post_id, title, int(count), last) for post_id, title, count, last in await tx.execute(query)]


async def visits(tx: AsyncSession, owner: Actor, post: Post, most: int) -> list[CrawlerVisit]:
    """What was seen of one work, the latest first, at most `most` rows."""
    query = _mine(select(CrawlerVisit), owner, post).order_by(CrawlerVisit.last_at.desc(), CrawlerVisit.id.desc())
    return list(await tx.scalars(query.limit(most)))


async def table(tx: AsyncSession, site: Site, owner: Actor, post: Post | None = None) -> str:
    """Everything that is kept, as CSV (RFC 4180) with COLUMNS as its first line, oldest first; times are UTC.

    No cell begins like a formula: whoever opens the file in a spreadsheet runs nothing.
    """
    query = _mine(select(CrawlerVisit, Artwork.title), owner, post)
    query = query.join(Artwork, Artwork.post_id == CrawlerVisit.post_id, isouter=True)
    known = crawlers.in_use(site.settings).names
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for visit, title in await tx.execute(query.order_by(CrawlerVisit.day, CrawlerVisit.first_at, CrawlerVisit.id)):
        entry = known.get(visit.crawler.lower())
        said = (entry.operator, entry.set.value) if entry is not None else ("", "")
        name = "(deleted)" if title is None else title or "Untitled"
        address = f"{site.urls.base}/works/{visit.post_id}"
        writer.writerow(
            [
                visit.day.isoformat(), plain(visit.crawler), plain(said[0]), said[1], plain(name), address,
                visit.asked_for, visit.status, visit.times, visit.reservation, visit.network,
                f"{visit.first_at:%Y-%m-%dT%H:%M:%SZ}", f"{visit.last_at:%Y-%m-%dT%H:%M:%SZ}",
            ]
        )  # fmt: skip
    return out.getvalue()


def plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) else text


def _mine(query: Select[*tuple[Any, ...]], owner: Actor, post: Post | None) -> Select[*tuple[Any, ...]]:
    """Only what was seen of the works of `owner`, or of one of them: nobody else reads it. What was seen of a work that they
    deleted stays theirs, without its title."""
    query = query.join(Post, Post.id == CrawlerVisit.post_id).where(Post.author_id == owner.id)
    return query.where(CrawlerVisit.post_id == post.id) if post is not None else query
