"""Feeds beside the pages of a person, a gallery and a tag: what strangers may see there, newest first."""

from quart import Blueprint, Response

from server import galleries, tags, timelines
from server.errors import NotFound
from web import terms
from web.answers import send
from web.auth import machine
from web.current import site
from web.feeds import FORMS, Feed
from web.people import person

blueprint = Blueprint("feeds", __name__)

MOST = timelines.PAGE
ENDING = "feed.<any(atom,rss,json):form>"


@blueprint.get(f"/@<handle>/{ENDING}")
@machine
async def of_person(handle: str, form: str) -> Response:
    """The latest works of one of this house's artists; people elsewhere have feeds of their own (row 80)."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, None)
        if not actor.is_local:
            raise NotFound
        works = await timelines.portfolio(tx, actor, None, limit=MOST)
    page = site().urls.profile(actor)
    about = actor.lede or f"Works by {actor.display_name}."
    whole = terms.of_wall(works, page.removeprefix(site().urls.base))
    return _send(Feed(actor.display_name, about, page, actor, works, actor.created_at, whole, site().urls), form)


@blueprint.get(f"/@<handle>/galleries/<slug>/{ENDING}")
@machine
async def of_gallery(handle: str, slug: str, form: str) -> Response:
    """The latest works of one gallery; the artist's order is that of the page."""
    async with site().db.read() as tx:
        gallery = await galleries.get(tx, await person(tx, handle, None), slug)
        works = await galleries.works(tx, gallery, None)
    if not works or not gallery.owner.is_local:
        # As on its page: a name without works may tell of what is not public (row 39).
        raise NotFound("There is no such gallery.")
    works = sorted(works, key=lambda post: post.id, reverse=True)[:MOST]
    page, owner = site().urls.gallery_page(gallery), gallery.owner
    title = f"{gallery.name} by {owner.display_name}"
    about = " ".join(gallery.text.split()) or f"A gallery by {owner.display_name}."
    whole = terms.of_wall(works, page.removeprefix(site().urls.base))
    return _send(Feed(title, about, page, owner, works, gallery.created_at, whole, site().urls), form)


@blueprint.get(f"/tags/<name>/{ENDING}")
@machine
async def of_tag(name: str, form: str) -> Response:
    """The latest works of this house that carry the tag."""
    async with site().db.read() as tx:
        tag = await tags.get(tx, name)
        works = await timelines.tag(tx, tag, None, limit=MOST)
    if not works:
        raise NotFound(tags.UNUSED)
    page = site().urls.tag(tag.name)
    title = f"#{tag.label} · {site().settings.server.name}"
    about = f"Works tagged #{tag.label}, newest first."
    whole = terms.of_wall(works, page.removeprefix(site().urls.base))
    return _send(Feed(title, about, page, None, works, works[0].created_at, whole, site().urls), form)


def _send(feed: Feed, form: str) -> Response:
    chosen = FORMS[form]
    return send(chosen.write(feed), f"{chosen.media_type}; charset=utf-8", feed.whole)
