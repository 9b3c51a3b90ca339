"""The first page, what is new on this server, what is new from the people one follows, and what one keeps."""

import secrets

from quart import Blueprint, Response

from server import bookmarks, boosts, favourites, follows, timelines
from web.auth import public, signed_in
from web.current import me, site, viewer
from web.page import page
from web.paging import ASKED, before, covers, part, shown
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
        rows = await timelines.home(tx, me(), before(), ASKED)
        asking = await follows.count_waiting(tx, me())
        found = part(rows)
        answered = await timelines.answered(tx, found.posts, me())
        ids = [shown(post).id for post in found.posts]
        liked, boosted = await favourites.liked(tx, me(), ids), await boosts.boosted(tx, me(), ids)
    return page(
        "home/home.html",
        pictures=covers(found.posts),
        carries=found.posts,
        found=found,
        answered=answered,
        liked=liked,
        boosted=boosted,
        asking=asking,
        form_key=secrets.token_urlsafe(18),
        addresses=Addresses(site().urls, viewer()),
    )


@blueprint.get("/saved")
@signed_in
async def saved() -> Response:
    """What one keeps to find it again, the latest first."""
    async with site().db.read() as tx:
        rows = await bookmarks.of(tx, me(), before(), ASKED)
        found = part([*rows.values()], then=[*rows][timelines.PAGE - 1] if len(rows) > timelines.PAGE else None)
        answered = await timelines.answered(tx, found.posts, me())
        ids = [post.id for post in found.posts]
        liked, boosted = await favourites.liked(tx, me(), ids), await boosts.boosted(tx, me(), ids)
    return page(
        "home/saved.html",
        pictures=covers(found.posts),
        carries=found.posts,
        found=found,
        answered=answered,
        liked=liked,
        boosted=boosted,
        addresses=Addresses(site().urls, viewer()),
    )
