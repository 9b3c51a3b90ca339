"""What declared AI crawlers asked for, as its artist reads it: of one work, of all works, and as a file to keep."""

from quart import Blueprint, Response

from server import evidence, posts
from server.db import Session
from server.errors import NotFound
from server.models import Post
from server.rights import RESERVATIONS
from web.auth import signed_in
from web.current import me, site
from web.page import page

blueprint = Blueprint("evidence", __name__)

MOST_WORKS = 50
MOST_VISITS = 100
PURPOSES = {"training": "training of AI", "answers": "answers of AI assistants", "search": "search that also feeds AI"}
WHAT = {"page": "its page", "document": "its data", "picture": "a picture", "terms": "its terms"}


@blueprint.get("/works/<id:post_id>/evidence")
@signed_in
async def of_work(post_id: int) -> Response:
    """Who asked for one work; for its artist alone."""
    async with site().db.read() as tx:
        post = await _mine(tx, post_id)
        totals = await evidence.totals(tx, site(), me(), post)
        visits = await evidence.visits(tx, me(), post, MOST_VISITS + 1)
    return page(
        "work/evidence.html",
        post=post,
        totals=totals,
        visits=[
            (visit, WHAT.get(visit.asked_for, visit.asked_for), _outcome(visit.status))
            for visit in visits[:MOST_VISITS]
        ],
        is_more=len(visits) > MOST_VISITS,
        tiers=RESERVATIONS,
        purposes=PURPOSES,
        days=site().settings.rights.evidence_days,
    )


@blueprint.get("/works/<id:post_id>/evidence.csv")
@signed_in
async def of_work_as_file(post_id: int) -> Response:
    """The same with every row."""
    async with site().db.read() as tx:
        post = await _mine(tx, post_id)
        table = await evidence.table(tx, site(), me(), post)
    return _file(table, f"crawlers-of-{post_id}.csv")


@blueprint.get("/settings/evidence")
@signed_in
async def of_all() -> Response:
    """Who asked for any work of the artist."""
    async with site().db.read() as tx:
        totals = await evidence.totals(tx, site(), me())
        works = await evidence.by_work(tx, me(), MOST_WORKS)
    return page(
        "settings/evidence.html",
        tab="rights",
        totals=totals,
        works=works,
        most=MOST_WORKS,
        purposes=PURPOSES,
        days=site().settings.rights.evidence_days,
    )


@blueprint.get("/settings/evidence.csv")
@signed_in
async def of_all_as_file() -> Response:
    """The same with every row."""
    async with site().db.read() as tx:
        table = await evidence.table(tx, site(), me())
    return _file(table, "crawlers.csv")


def _file(table: str, name: str) -> Response:
    response = Response(table.encode(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _outcome(status: int) -> str:
    """What the crawler was answered, in words."""
    if status == evidence.TURNED_AWAY:
        return "turned away"
    if status == 429:
        return "told to wait"
    if status in (200, 206, 304):
        return "answered"
    return "sent on" if 300 <= status < 400 else "not found"


async def _mine(tx: Session, post_id: int) -> Post:
    """A work of the viewer; to everybody else the page does not exist."""
    post = await posts.get(tx, post_id, me())
    if post.artwork is None or post.author_id != me().id:
        raise NotFound
    return post
