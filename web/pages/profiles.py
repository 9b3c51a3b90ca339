"""A person's pages: the portfolio is the profile; Posts and About are beside it, Galleries have a file of their own."""

from typing import Any

from quart import Blueprint, Response, redirect, request

from server import blocks, follows, galleries, text, timelines
from server.db import Session
from server.models import Actor
from server.urls import prefers_activity
from web.auth import public
from web.current import site, viewer
from web.page import page
from web.paging import ASKED, before, covers, part
from web.people import person
from web.pictures import Addresses, first_sentence

blueprint = Blueprint("profiles", __name__)


def wants_document() -> bool:
    """Whether a server of the fediverse asks, which is led to the object's own address (decision 19)."""
    return prefers_activity(request.headers.get("Accept", ""))


async def head(tx: Session, actor: Actor) -> dict[str, Any]:
    """What the upper part of every page of a person shows, and their picture addresses."""
    me = viewer()
    mine = me is not None and me.id == actor.id
    return {
        "actor": actor,
        "counts": await timelines.counts(tx, actor, me),
        "state": "none" if mine else await follows.state(tx, me, actor),
        "blocked": me is not None and not mine and await blocks.blocks(tx, me, actor),
        "asking": await follows.count_waiting(tx, actor) if mine else 0,
        "mine": mine,
        "description": actor.lede or first_sentence(actor.about) or f"Works by {actor.display_name}.",
        "addresses": Addresses(site().urls, me),
    }


@blueprint.get("/@<handle>")
@public
async def portfolio(handle: str) -> Response:
    """The wall of one artist's works; `?view=grid` crops them to squares."""
    view = "grid" if request.args.get("view") == "grid" else "wall"
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        if wants_document():
            return redirect(site().urls.actor(actor), 302)  # type: ignore[return-value]
        rows = await timelines.portfolio(tx, actor, viewer(), before(), ASKED)
        chips = [gallery for gallery, count in await galleries.counted(tx, actor, viewer()) if count]
        values = await head(tx, actor)
    found = part(rows, view="grid" if view == "grid" else "")
    return page(
        "profile/portfolio.html",
        shared=True,
        pictures=covers(found.posts),
        found=found,
        view=view,
        chips=chips,
        **values,
    )


@blueprint.get("/@<handle>/posts")
@public
async def posts(handle: str) -> Response:
    """The notes of one person, newest first."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        rows = await timelines.posts(tx, actor, viewer(), before(), ASKED)
        values = await head(tx, actor)
    return page("profile/posts.html", shared=True, found=part(rows), **values)


@blueprint.get("/@<handle>/about")
@public
async def about(handle: str) -> Response:
    """What a person says of themselves, at length."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        values = await head(tx, actor)
    return page("profile/about.html", shared=True, about=text.to_html(actor.about, site().urls, {}), **values)
