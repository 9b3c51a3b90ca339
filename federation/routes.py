"""The objects of the fediverse: people and their collections, works, notes.

Who asks is unknown so far, so everybody gets what a stranger may see. A reader that prefers HTML is sent to the page.
"""

from collections.abc import Sequence

from quart import Blueprint, Response, request
from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import render
from federation.answers import answer, conditional, machine, on_problem, resident, site
from federation.vocabulary import ACTIVITY_JSON, Json
from server import follows, galleries, ids, posts
from server.errors import Gone, NotFound, Problem
from server.models import Key, Kind, Post
from server.urls import prefers_page

blueprint = Blueprint("federation", __name__)
blueprint.after_request(conditional)
blueprint.register_error_handler(Problem, on_problem)

PAGE = 20
KINDS = {"works": Kind.WORK, "notes": Kind.NOTE}


# -- people ------------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>")
@machine
async def actor(handle: str) -> Response:
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        if to_page():
            return moved(site().urls.profile(person))
        if person.handle != handle:
            return moved(site().urls.actor(person))
        key = await tx.scalar(
            select(Key).where(Key.actor_id == person.id, Key.kind == "rsa").order_by(Key.id.desc()).limit(1)
        )
        shown = [gallery for gallery, count in await galleries.counted(tx, person, None) if count]
    return activity(render.document(render.actor(person, site().urls, key, shown)))


@blueprint.route("/users/<handle>/inbox", methods=["GET", "POST"])
@machine
async def inbox(handle: str) -> Response:
    """The address that every actor must have. Nothing is taken in yet; saying so keeps senders from trying again."""
    sentence = "This server does not take messages from other servers yet."
    refusal = answer({"error": sentence}, "application/json", status=405)
    refusal.headers["Allow"] = ""  # RFC 9110, section 15.5.6: the resource accepts no method for now
    return refusal


@blueprint.get("/users/<handle>/outbox")
@machine
async def outbox(handle: str) -> Response:
    urls = site().urls
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        uri = urls.outbox(person)
        mine = (Post.author_id == person.id, Post.published_at.is_not(None), posts.visible_to(None))
        if not request.args:
            total = await tx.scalar(select(func.count()).select_from(Post).where(*mine))
            return activity(render.document(render.collection(uri, total or 0, f"{uri}?page=1")))
        before = cursor("before")
        query = select(Post).where(*mine, Post.id < before) if before else select(Post).where(*mine)
        rows = list((await tx.scalars(posts.full(query.order_by(Post.id.desc()).limit(PAGE + 1)))).unique())
        shown, more = rows[:PAGE], rows[PAGE:]
        parents = await answered_by(tx, shown)
    items = [
        render.create(post, urls, render.post_object(post, urls, parents.get(post.reply_to_id or 0))) for post in shown
    ]
    following = f"{uri}?before={shown[-1].id}" if more else ""
    here = f"{uri}?before={before}" if before else f"{uri}?page=1"
    return activity(render.document(render.page(here, uri, items, following)))


@blueprint.get("/users/<handle>/followers")
@machine
async def followers(handle: str) -> Response:
    return await count_of(handle, "followers")


@blueprint.get("/users/<handle>/following")
@machine
async def following(handle: str) -> Response:
    return await count_of(handle, "following")


async def count_of(handle: str, which: str) -> Response:
    """Only the number: who follows whom is not told (security.md row 50)."""
    urls = site().urls
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        count = follows.count_followers if which == "followers" else follows.count_following
        total = await count(tx, person)
    uri = urls.followers(person) if which == "followers" else urls.following(person)
    return activity(render.document(render.collection(uri, total)))


# -- galleries ---------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>/galleries")
@machine
async def streams(handle: str) -> Response:
    urls = site().urls
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        if to_page():
            return moved(urls.profile(person, "galleries"))
        shown = [gallery for gallery, count in await galleries.counted(tx, person, None) if count]
    whole = render.collection(
        urls.streams(person),
        len(shown),
        attributedTo=urls.actor(person),
        orderedItems=[urls.gallery(gallery) for gallery in shown],
    )
    return activity(render.document(whole))


@blueprint.get("/users/<handle>/galleries/<gallery_id>")
@machine
async def gallery(handle: str, gallery_id: str) -> Response:
    """The works in the artist's order, 20 on a page."""
    urls = site().urls
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        shown = await galleries.by_id(tx, ids.parse(gallery_id) or 0)
        if shown.owner_id != person.id:
            raise NotFound
        hung = galleries.hung(shown, None)
        total = await tx.scalar(select(func.count()).select_from(hung.subquery()))
        if not total:
            raise NotFound  # for a stranger there is no such gallery, as on the pages (row 39)
        if to_page():
            return moved(urls.gallery_page(shown))
        if not request.args:
            return activity(render.document(render.gallery(shown, urls, total or 0)))
        number = max(1, min(cursor("page") or 1, 10_000))
        rows = list(await tx.scalars(hung.offset((number - 1) * PAGE).limit(PAGE + 1)))
    uri = urls.gallery(shown)
    more = f"{uri}?page={number + 1}" if len(rows) > PAGE else ""
    items = [urls.post(post) for post in rows[:PAGE]]
    return activity(render.document(render.page(f"{uri}?page={number}", uri, items, more)))


# -- works and notes ---------------------------------------------------------------------------------------------------
@blueprint.get("/<any(works, notes):kind>/<post_id>")
@machine
async def post(kind: str, post_id: str) -> Response:
    urls = site().urls
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id)
        if to_page():
            return moved(urls.post_page(found))
        parents = await answered_by(tx, [found])
    return activity(render.document(render.post_object(found, urls, parents.get(found.reply_to_id or 0))))


@blueprint.get("/<any(works, notes):kind>/<post_id>/activity/create")
@machine
async def create(kind: str, post_id: str) -> Response:
    urls = site().urls
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id)
        parents = await answered_by(tx, [found])
    rendered = render.post_object(found, urls, parents.get(found.reply_to_id or 0))
    return activity(render.document(render.create(found, urls, rendered)))


@blueprint.get("/<any(works, notes):kind>/<post_id>/likes")
@machine
async def likes(kind: str, post_id: str) -> Response:
    """Only the number: who likes what is theirs to tell."""
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id)
    whole = {"id": f"{site().urls.post(found)}/likes", "type": "Collection", "totalItems": found.likes}
    return activity(render.document(whole))


@blueprint.get("/<any(works, notes):kind>/<post_id>/replies")
@machine
async def replies(kind: str, post_id: str) -> Response:
    """What answers this post directly and may be read by everybody, oldest first, 20 on a page."""
    urls = site().urls
    async with site().db.read() as tx:
        found = await find(tx, kind, post_id)
        answers = (Post.reply_to_id == found.id, Post.published_at.is_not(None), posts.visible_to(None))
        uri = f"{urls.post(found)}/replies"
        if not request.args:
            total = await tx.scalar(select(func.count()).select_from(Post).where(*answers))
            whole = {"id": uri, "type": "Collection", "totalItems": total or 0, "first": f"{uri}?after=0"}
            return activity(render.document(whole))
        after = cursor("after") or 0
        query = select(Post).where(*answers, Post.id > after).order_by(Post.id).limit(PAGE + 1)
        rows = list(await tx.scalars(query))
    items = [urls.post(reply) for reply in rows[:PAGE]]
    part: Json = {"id": f"{uri}?after={after}", "type": "CollectionPage", "partOf": uri, "items": items}
    if len(rows) > PAGE:
        part["next"] = f"{uri}?after={rows[PAGE - 1].id}"
    return activity(render.document(part))


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


# -- helpers -----------------------------------------------------------------------------------------------------------
async def find(tx: AsyncSession, kind: str, post_id: str) -> Post:
    """The post of ours at that address, as a stranger sees it. Raises NotFound or Gone."""
    found = await posts.get(tx, ids.parse(post_id) or 0, None)
    if found.kind is not KINDS[kind] or found.uri is not None:
        raise NotFound
    return found


async def answered_by(tx: AsyncSession, shown: Sequence[Post]) -> dict[int, Post]:
    """What `shown` posts answer, by id."""
    wanted = {post.reply_to_id for post in shown if post.reply_to_id}
    if not wanted:
        return {}
    # An answer outlives what it answers: once that is narrowed, its id is not told any more (row 39).
    removed = and_(Post.deleted_at.is_not(None), Post.was_public.is_(True))
    known = select(Post).where(Post.id.in_(wanted), or_(posts.visible_to(None), removed))
    return {post.id: post for post in await tx.scalars(known)}


def activity(document: Json) -> Response:
    """`document` with the media type that every receiver accepts."""
    return answer(document, ACTIVITY_JSON)


def to_page() -> bool:
    """Whether this reader would rather have the page."""
    return prefers_page(request.headers.get("Accept", ""))


def moved(address: str) -> Response:
    """A redirect within this host; caches keep it apart from the document at the same address."""
    response = Response("", 302, headers={"Location": address})
    response.vary.add("Accept")
    return response


def cursor(name: str) -> int:
    """The number in the query, or 0 where there is none that could be ours."""
    return ids.parse(request.args.get(name, "")) or 0
