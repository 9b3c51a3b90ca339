"""People, the house itself, and their collections."""

from collections.abc import Sequence
from typing import Any

from quart import Response, request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import conversations, render
from federation.answers import answer, machine, resident, site, viewer_of
from federation.routes.desk import PAGE, activity, blueprint, cursor, moved, readable, rights_of, to_page
from federation.vocabulary import ACTIVITY_JSON, Json
from server import actors, follows, galleries, ids, pins, posts, rights
from server.errors import Gone, NotFound
from server.models import Actor, Audience, Gallery, Key, Post, PostTag, Tag

MOST_TAGS = 10


# -- actors --------------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>")
@machine
async def actor(handle: str) -> Response:
    """The same for everybody, signed or not: whoever checks a signature must be able to read the key."""
    async with site().db.read() as tx:
        try:
            person = await resident(tx, handle)
        except Gone:
            return await left(tx, handle)
        if to_page():
            return moved(site().urls.profile(person))
        if person.handle != handle:
            return moved(site().urls.actor(person))
        document = await profile(tx, person)
    return activity(document, described=rights.preferred(person, site().urls, rights.minimum(site())))


async def profile(tx: AsyncSession, person: Actor) -> Json:
    """What everybody may read of somebody, found by `resident`."""
    shown = [gallery for gallery, count in await galleries.counted(tx, person, None) if count]
    least = rights.minimum(site())
    return render.actor(person, site().urls, await keys_of(tx, person), shown, least=least)


async def left(tx: AsyncSession, handle: str) -> Response:
    """The tombstone of somebody who left."""
    person = await actors.by_handle(tx, handle)
    if person.gone_at is None:
        raise NotFound
    stone = render.gone(site().urls.actor(person), person.kind.value, person.gone_at)
    return answer(stone, ACTIVITY_JSON, status=410)


@blueprint.get("/actor")
@machine
async def house() -> Response:
    """The house's own actor, by whose key what we fetch is signed; never needs a signature itself."""
    itself = await actors.house(site())
    server = site().settings.server
    async with site().db.read() as tx:
        keys = await keys_of(tx, itself)
    return activity(render.house(itself, site().urls, keys, server.name, server.description))


@blueprint.get("/actor/outbox")
@machine
async def house_outbox() -> Response:
    """The house says nothing in public."""
    uri = f"{site().urls.house}/outbox"
    return activity(render.collection(uri, 0, outboxOf=site().urls.house))


async def keys_of(tx: AsyncSession, person: Actor) -> Sequence[Key]:
    """The keys of one of ours."""
    return list(await tx.scalars(select(Key).where(Key.actor_id == person.id)))


# -- what they did -------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>/outbox")
@machine
async def outbox(handle: str) -> Response:
    """What they made and boosted, newest first, 20 on a page: whole activities."""
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        uri = urls.outbox(person)
        mine = (Post.author_id == person.id, readable(viewer))
        if not request.args:
            total = await tx.scalar(select(func.count()).select_from(Post).where(*mine))
            whole = render.collection(uri, total or 0, f"{uri}?page=1", outboxOf=urls.actor(person))
            return activity(whole, viewer)
        before = cursor("before")
        query = select(Post).where(*mine, Post.id < before) if before else select(Post).where(*mine)
        rows = list((await tx.scalars(posts.full(query.order_by(Post.id.desc()).limit(PAGE + 1)))).unique())
        shown, more = rows[:PAGE], rows[PAGE:]
        places = await conversations.places(tx, shown, urls)
    items = [did(post, places[post.id]) for post in shown]
    works = [described for post in shown if (described := rights_of(post)) is not None]
    following = f"{uri}?before={shown[-1].id}" if more else ""
    here = f"{uri}?before={before}" if before else f"{uri}?page=1"
    return activity(render.page(here, uri, items, following), viewer, rights.together(works, site(), uri))


def did(post: Post, place: conversations.Place) -> Json:
    """What somebody did when they made `post`: an Announce, with what it shows and its author loaded, or a Create."""
    urls = site().urls
    if post.boost_of is not None:
        return render.announce(post, post.boost_of, urls)
    return render.create(post, urls, render.post_object(post, urls, place=place, least=rights.minimum(site())))


@blueprint.get("/users/<handle>/collections/featured")
@machine
async def featured(handle: str) -> Response:
    """What they pinned, the latest first: addresses, since some read nothing else there."""
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        shown = await pins.pinned(tx, person, viewer)
    items = [urls.post(post) for post in shown]
    whole = render.collection(urls.featured(person), len(items), attributedTo=urls.actor(person), orderedItems=items)
    return activity(whole, viewer)


@blueprint.get("/users/<handle>/collections/tags")
@machine
async def featured_tags(handle: str) -> Response:
    """The tags they use most, of what stands on public walls."""
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        used = select(Tag).join(PostTag, PostTag.tag_id == Tag.id).join(Post, Post.id == PostTag.post_id)
        used = used.where(Post.author_id == person.id, Post.audience == Audience.EVERYONE, readable(None))
        used = used.group_by(Tag.id).order_by(func.count(Post.id).desc(), Tag.id).limit(MOST_TAGS)
        shown = list(await tx.scalars(used))
    return activity(render.featured_tags(person, site().urls, shown))


# -- followers -----------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>/followers")
@machine
async def followers(handle: str) -> Response:
    return await circle(handle, "followers")


@blueprint.get("/users/<handle>/following")
@machine
async def following(handle: str) -> Response:
    return await circle(handle, "following")


async def circle(handle: str, which: str) -> Response:
    """The number, always; who they are only where that person shows it (security.md row 50)."""
    urls = site().urls
    count, people = (
        (follows.count_followers, follows.followers)
        if which == "followers"
        else (follows.count_following, follows.following)
    )
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        uri = urls.followers(person) if which == "followers" else urls.following(person)
        if not request.args or not person.shows_follows:
            first = f"{uri}?page=1" if person.shows_follows else ""
            inverse = {f"{which}Of": urls.actor(person)}
            return activity(render.collection(uri, await count(tx, person), first, **inverse))
        before = cursor("before")
        rows = await people(tx, person, before=before or None, limit=PAGE + 1)
    items = [urls.actor(one) for one in rows[:PAGE]]
    more = f"{uri}?before={rows[PAGE - 1].id}" if len(rows) > PAGE else ""
    return activity(render.page(f"{uri}?before={before}" if before else f"{uri}?page=1", uri, items, more))


# -- galleries -----------------------------------------------------------------------------------------------------------
@blueprint.get("/users/<handle>/galleries")
@machine
async def streams(handle: str) -> Response:
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        if to_page():
            return moved(urls.profile(person, "galleries"))
        shown = [gallery for gallery, count in await galleries.counted(tx, person, viewer) if count]
    more: dict[str, Any] = {"orderedItems": [urls.gallery(gallery) for gallery in shown]}
    return activity(
        render.collection(urls.streams(person), len(shown), attributedTo=urls.actor(person), **more), viewer
    )


@blueprint.get("/users/<handle>/galleries/<gallery_id>")
@machine
async def gallery(handle: str, gallery_id: str) -> Response:
    """The works in the artist's order, 20 on a page."""
    urls, viewer = site().urls, await viewer_of()
    async with site().db.read() as tx:
        person = await resident(tx, handle)
        shown: Gallery = await galleries.by_id(tx, ids.parse(gallery_id) or 0)
        if shown.owner_id != person.id:
            raise NotFound
        hung = galleries.hung(shown, viewer)
        total = await tx.scalar(select(func.count()).select_from(hung.subquery()))
        if not total:
            raise NotFound  # for this reader there is no such gallery, as on the pages (row 39)
        if to_page():
            return moved(urls.gallery_page(shown))
        if not request.args:
            return activity(render.gallery(shown, urls, total or 0), viewer)
        number = max(1, min(cursor("page") or 1, 10_000))
        rows = list(await tx.scalars(hung.offset((number - 1) * PAGE).limit(PAGE + 1)))
    uri = urls.gallery(shown)
    more = f"{uri}?page={number + 1}" if len(rows) > PAGE else ""
    return activity(render.page(f"{uri}?page={number}", uri, [urls.post(post) for post in rows[:PAGE]], more), viewer)
