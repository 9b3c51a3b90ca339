"""The first page, what is new on this server, what is new from the people one follows, and what one keeps."""

import secrets
from typing import Any

from quart import Blueprint, Response

from server import bookmarks, boosts, favourites, follows, timelines
from server.db import Session
from web.auth import public, signed_in
from web.current import me, site, viewer
from web.page import page
from web.paging import ASKED, Part, before, covers, part, shown
from web.pictures import Addresses

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
async def landing() -> Response:
    """One wall of the newest works, one sentence on who this server is for, and the door."""
    async with site().db.read() as tx:
        rows = await timelines.local(tx, viewer(), None, ASKED)
    found = part(rows)
    older = found.older.replace("/?", "/explore?", 1)
    return page(
        "home/landing.html",
        shared=True,
        pictures=covers(found.posts),
        carries=found.posts,
        posts=found.posts,
        older=older,
        addresses=Addresses(site().urls, viewer()),
    )


@blueprint.get("/explore")
@public
async def explore() -> Response:
    """Works of this server's people, newest first."""
    async with site().db.read() as tx:
        rows = await timelines.local(tx, viewer(), before(), ASKED)
    found = part(rows)
    return page(
        "home/explore.html",
        shared=True,
        pictures=covers(found.posts),
        carries=found.posts,
        found=found,
        addresses=Addresses(site().urls, viewer()),
    )


@blueprint.get("/home")
@signed_in
async def home() -> Response:
    """Works, notes and boosts of the people one follows, newest first, with an end."""
    async with site().db.read() as tx:
        asking = await follows.count_waiting(tx, me())
        feed = await _feed(tx, part(await timelines.home(tx, me(), before(), ASKED)))
    return page("home/home.html", asking=asking, form_key=secrets.token_urlsafe(18), **feed)


@blueprint.get("/saved")
@signed_in
async def saved() -> Response:
    """What one keeps to find it again, the latest first."""
    async with site().db.read() as tx:
        rows = await bookmarks.of(tx, me(), before(), ASKED)
        then = [*rows][timelines.PAGE - 1] if len(rows) > timelines.PAGE else None
        feed = await _feed(tx, part([*rows.values()], then=then))
    return page("home/saved.html", **feed)


async def _feed(tx: Session, found: Part) -> dict[str, Any]:
    """What partials/feed.html shows."""
    ids = [shown(post).id for post in found.posts]
    return {
        "pictures": covers(found.posts),
        "carries": found.posts,
        "found": found,
        "answered": await timelines.answered(tx, found.posts, me()),
        "liked": await favourites.liked(tx, me(), ids),
        "boosted": await boosts.boosted(tx, me(), ids),
        "addresses": Addresses(site().urls, me()),
    }
