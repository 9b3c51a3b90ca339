"""Works, notes, boosts, conversations, single pictures, and the activities around them."""

from collections.abc import Iterable
from typing import Any

from quart import Response, request
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import conversations, render
from federation.answers import answer, dialect_of, machine, on_problem, resident, site, viewer_of
from federation.routes.desk import (
    PAGE,
    activity,
    blueprint,
    cursor,
    moved,
    readable,
    rights_of,
    to_page,
    unordered_page,
)
from federation.routes.people import profile
from federation.vocabulary import ACTIVITY_JSON, ACTORS, PUBLIC, Json
from server import actors, ids, posts, rights
from server.errors import Gone, NotFound
from server.models import Activity, Actor, ActorKind, Kind, Media, Post
from server.urls import PATHS

KINDS = {path: kind for kind, path in PATHS.items()}


# -- works and notes -----------------------------------------------------------------------------------------------------
@blueprint.get("/<any(works, notes):kind>/<post_id>")
@machine
async def post(kind: str, post_id: str) -> Response:
    """A post; a signed request gets a work in the dialect of its server (D2), and what its author's followers may read."""
    viewer = await viewer_of()
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id, viewer)
        if to_page():
            return moved(site().urls.post_page(found))
        rendered = await written(tx, found, viewer)
    return activity(rendered, viewer, rights_of(found))


@blueprint.get("/<any(works, notes):kind>/<post_id>/activity/create")
@machine
async def create(kind: str, post_id: str) -> Response:
    viewer = await viewer_of()
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id, viewer)
        rendered = await written(tx, found, viewer)
    return activity(render.create(found, site().urls, rendered), viewer, rights_of(found))


@blueprint.get("/<any(works, notes):kind>/<post_id>/likes")
@machine
async def likes(kind: str, post_id: str) -> Response:
    """Only the number: who likes what is theirs to tell."""
    return await number(kind, post_id, "likes")


@blueprint.get("/<any(works, notes):kind>/<post_id>/shares")
@machine
async def shares(kind: str, post_id: str) -> Response:
    """Only the number of boosts."""
    return await number(kind, post_id, "shares")


async def number(kind: str, post_id: str, which: str) -> Response:
    """How many liked or boosted a post."""
    viewer = await viewer_of()
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id, viewer)
    uri = site().urls.post(found)
    total = found.likes if which == "likes" else found.boosts
    return activity(render.unordered(f"{uri}/{which}", total, **{f"{which}Of": uri}), viewer)


@blueprint.get("/<any(works, notes):kind>/<post_id>/replies")
@machine
async def replies(kind: str, post_id: str) -> Response:
    """What answers this post directly and may be read by whoever asks, oldest first, 20 on a page."""
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id, viewer)
        answers = (Post.reply_to_id == found.id, readable(viewer))
        uri = f"{urls.post(found)}/replies"
        if not request.args:
            total = await tx.scalar(select(func.count()).select_from(Post).where(*answers))
            whole = render.unordered(uri, total or 0, first=f"{uri}?after=0", repliesOf=urls.post(found))
            return activity(whole, viewer)
        after = cursor("after") or 0
        query = select(Post).where(*answers, Post.id > after).order_by(Post.id).limit(PAGE + 1)
        rows = list(await tx.scalars(query))
    following = f"{uri}?after={rows[PAGE - 1].id}" if len(rows) > PAGE else ""
    part = unordered_page(f"{uri}?after={after}", uri, [urls.post(reply) for reply in rows[:PAGE]], following)
    return activity(part, viewer)


@blueprint.get("/contexts/<post_id>")
@machine
async def context(post_id: str) -> Response:
    """The conversation that began with a post of ours, that post first, 20 on a page (FEP-7888, FEP-f228).

    Posts are sorted by id, which is by when they were written: nobody answers what is not there yet.
    """
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        first = await posts.get(tx, ids.parse(post_id) or 0, viewer)
        if first.kind is Kind.BOOST or not first.is_local or first.is_draft:
            raise NotFound
        if to_page():
            return moved(urls.post_page(first))
        chain = select(Post.id, Post.reply_to_id).where(Post.thread_id == first.thread_id, Post.id > first.id)
        rows = (await tx.execute(chain.order_by(Post.id).limit(10 * posts.MAX_REPLIES))).all()
        said = select(Post.id).where(Post.thread_id == first.thread_id, readable(viewer))
        told_of = set(await tx.scalars(said))
        whole = [number for number in below(first.id, rows) if number in told_of]
        uri = urls.context(first.id)
        if not request.args:
            owner = {"attributedTo": urls.actor(first.author)}
            return activity(render.collection(uri, len(whole), f"{uri}?page=1", **owner), viewer)
        part = max(1, min(cursor("page") or 1, 10_000))
        wanted = whole[(part - 1) * PAGE : part * PAGE]
        shown = list(await tx.scalars(select(Post).where(Post.id.in_(wanted)).order_by(Post.id)))
    following = f"{uri}?page={part + 1}" if len(whole) > part * PAGE else ""
    items = [urls.post(post) for post in shown]
    return activity(render.page(f"{uri}?page={part}", uri, items, following), viewer)


def below(first: int, thread: Iterable[Any]) -> list[int]:
    """The ids of a conversation from (id, answered id) in their order: `first`, and what answers it or an answer to it."""
    found = {first: None}
    for post_id, answered in thread:
        if answered in found:
            found[post_id] = None
    return list(found)


# -- boosts and activities -----------------------------------------------------------------------------------------------
@blueprint.get("/<any(boosts):kind>/<post_id>")
@machine
async def boost(kind: str, post_id: str) -> Response:
    """A boost is an Announce with an address of its own."""
    viewer = await viewer_of()
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id, viewer)
    if found.boost_of is None:
        raise NotFound
    if to_page():
        return moved(site().urls.post_page(found.boost_of))
    return activity(render.announce(found, found.boost_of, site().urls), viewer)


@blueprint.get("/activities/<activity_id>")
@machine
async def stored(activity_id: str) -> Response:
    """An activity that was for everybody, or for whoever signed the request.

    What it carried whole stands there as it is today: the post may have changed since, or be gone or for fewer people (row 39).
    """
    viewer = await viewer_of()
    async with site().db.read() as tx:
        query = select(Activity, Actor).join(Actor, Actor.id == Activity.actor_id)
        query = query.where(Activity.id == (ids.parse(activity_id) or 0), actors.in_good_standing() | _is_house())
        row = (await tx.execute(query)).one_or_none()
        if row is None or row[0].uri != site().urls.activity_of(row[0].id):
            raise NotFound
        # In whatever dialect it was written: what differs between them is not told here.
        sent: Json = next(iter(row[0].bodies.values()), {})
        if not {PUBLIC, viewer.uri if viewer else None} & {*sent.get("to", ()), *sent.get("cc", ())}:
            raise NotFound
        body = {term: value for term, value in sent.items() if term not in ("@context", "proof")}
        kind = body["object"].get("type") if isinstance(body.get("object"), dict) else ""
        if row[0].post_id is not None and row[0].type not in ("Delete", "Undo"):
            try:
                about = await posts.get(tx, row[0].post_id, viewer)
            except Gone:
                raise NotFound from None
            if kind in ("Image", "Note"):
                body["object"] = await written(tx, about, viewer)
        elif kind in ACTORS and row[0].type == "Update":
            body["object"] = await profile(tx, await resident(tx, row[1].handle))
    return activity(body, viewer)


def _is_house() -> ColumnElement[bool]:
    """The house's own actor is nobody's profile, and still answers for what it says."""
    return and_(Actor.uri.is_(None), Actor.kind == ActorKind.APPLICATION)


# -- pictures ------------------------------------------------------------------------------------------------------------
@blueprint.get("/media/<media_id>")
@machine
async def picture(media_id: str) -> Response:
    """One picture of a work as an object of its own, with all its files and its licence (FEP-1311)."""
    viewer = await viewer_of()
    async with site().db.read() as tx:
        media = await tx.get(Media, ids.parse(media_id) or 0)
        if media is None or media.post_id is None:
            raise NotFound
        try:
            found = await posts.get(tx, media.post_id, viewer)
        except Gone:
            raise NotFound from None
        shown = next((one for one in found.media if one.id == media.id), None)
        if shown is None or not found.is_local or found.artwork is None or found.is_draft:
            raise NotFound
    if to_page():
        return moved(site().urls.post_page(found))
    described = rights.of_media(shown, found, site().urls, rights.minimum(site()))
    return activity(render.media_object(shown, found, site().urls, described), viewer, described)


# -- helpers -------------------------------------------------------------------------------------------------------------
@blueprint.errorhandler(Gone)
async def gone(problem: Gone) -> Response:
    """A post that was public leaves a tombstone at its own address (decision 19)."""
    values = request.view_args or {}
    kind, post_id = KINDS.get(values.get("kind", "")), ids.parse(values.get("post_id", ""))
    if kind is None:
        return await on_problem(problem)
    async with site().db.read() as tx:
        removed = await tx.scalar(select(Post).where(Post.id == post_id, Post.kind == kind, Post.uri.is_(None)))
    if removed is None or removed.deleted_at is None:
        return await on_problem(NotFound())
    uri = site().urls.post(removed)
    if request.path != uri.removeprefix(site().urls.base):
        return await on_problem(problem)
    return answer(render.tombstone(uri, kind, removed.deleted_at), ACTIVITY_JSON, status=410)


async def find(tx: AsyncSession, kind: str, post_id: str, viewer: Actor | None) -> Post:
    """The post of ours at that address, as `viewer` sees it. Raises NotFound or Gone."""
    found = await posts.get(tx, ids.parse(post_id) or 0, viewer)
    if found.kind is not KINDS[kind] or not found.is_local or found.is_draft:
        raise NotFound
    return found


async def written(tx: AsyncSession, found: Post, viewer: Actor | None) -> Json:
    """`found` in the dialect of whoever reads it."""
    places = await conversations.places(tx, [found], site().urls)
    least, dialect = rights.minimum(site()), await dialect_of(tx, viewer, found)
    return render.post_object(found, site().urls, dialect, places[found.id], least=least)
