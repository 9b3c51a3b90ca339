"""What may be done with one work, explained to a person and offered to machines; and where one asks its artist for more."""

import json

from quart import Blueprint, Response

from server import posts
from server.db import Session
from server.errors import NotFound
from server.models import Post, RightsChange
from server.rights import Rights, channels, history
from server.rights.channels.odrl import MEDIA_TYPE
from web import terms
from web.auth import machine, public
from web.current import site, viewer
from web.page import page
from web.people import person
from web.pictures import Addresses

blueprint = Blueprint("rights", __name__)


@blueprint.get("/works/<id:post_id>/rights")
@public
async def explain(post_id: int) -> Response:
    """The page that every copy of the work points to: what holds, how it is said, and for its artist what held before."""
    async with site().db.read() as tx:
        post = await _work(tx, post_id)
        me = viewer()
        mine = me is not None and me.id == post.author_id
        changes: list[RightsChange] = await history.of(tx, post) if mine or not post.is_local else []
    described = terms.of(post)
    return page(
        "work/rights.html",
        shared=True,
        pictures=post.media[:1],
        rights=described,
        post=post,
        mine=mine,
        words=channels.words(described),
        signals=channels.spelled_out(described),
        sealed=terms.sealed_by(post),
        changes=changes,
        addresses=Addresses(site().urls, viewer()),
    )


@blueprint.get("/works/<id:post_id>/policy.json")
@machine
async def policy(post_id: int) -> Response:
    """The offer for machines (ODRL), for whoever may see the work."""
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, None)
    if post.artwork is None:
        raise NotFound
    return offer(terms.of(post))


def offer(described: Rights) -> Response:
    """A policy as a document that caches may keep for a moment."""
    response = Response(json.dumps(channels.policy(described), ensure_ascii=False, indent=1))
    response.headers["Content-Type"] = MEDIA_TYPE
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=0, s-maxage=5, must-revalidate"
    return terms.say(response, described)


@blueprint.get("/@<handle>/licensing")
@public
async def licensing(handle: str) -> Response:
    """Where one asks an artist for a licence, and what their works allow without asking."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
    described = terms.of_person(actor)
    return page(
        "profile/licensing.html",
        shared=True,
        rights=described,
        actor=actor,
        words=channels.words(described),
        contact=site().settings.server.contact,
    )


async def _work(tx: Session, post_id: int) -> Post:
    found = await posts.get(tx, post_id, viewer())
    if found.artwork is None:
        raise NotFound
    return found
