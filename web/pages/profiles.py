"""A person's pages: the portfolio is the profile; Posts and About are beside it, Galleries have a file of their own."""

from typing import Any
from urllib.parse import quote

from quart import Blueprint, Response, redirect, request

from server import blocks, follows, galleries, mutes, pins, text, timelines
from server.db import Session
from server.models import Actor, Kind, Post
from server.urls import prefers_activity
from web.auth import public
from web.current import site, viewer
from web.page import page
from web.paging import ASKED, before, covers, part
from web.people import is_unknown, original, person
from web.pictures import Addresses, first_sentence

blueprint = Blueprint("profiles", __name__)


def wants_document() -> bool:
    """Whether a server of the fediverse asks, which is led to the object's own address (decision 19)."""
    return prefers_activity(request.headers.get("Accept", ""))


async def head(tx: Session, actor: Actor) -> dict[str, Any]:
    """What the upper part of every page of a person shows, and their picture addresses."""
    me = viewer()
    mine = me is not None and me.id == actor.id
    walls = await mutes.hosts_of(tx, me) if me is not None and not actor.is_local else []
    return {
        "actor": actor,
        "counts": await timelines.counts(tx, actor, me),
        "state": "none" if mine else await follows.state(tx, me, actor),
        "blocked": me is not None and not mine and await blocks.blocks(tx, me, actor),
        "muted": me is not None and not mine and await mutes.muted(tx, me, actor),
        # The wall against their whole server, if there is one.
        "barred": next((wall for wall in walls if wall.host in (actor.host, actor.domain)), None),
        "original": "" if actor.is_local else original(actor),
        "focus": request.args.get("focus", "") == "follow",
        "asking": await follows.count_waiting(tx, actor) if mine else 0,
        "mine": mine,
        "description": actor.lede or first_sentence(actor.about) or f"Works by {actor.display_name}.",
        "addresses": Addresses(site().urls, me),
    }


def lives_elsewhere(actor: Actor, address: str) -> Response:
    """What a stranger finds of somebody, or something, of another server: where it lives, and nothing of it (row 80)."""
    return page("elsewhere/away.html", shared=True, actor=actor, post=None, to=address)


async def pinned(tx: Session, actor: Actor, kind: Kind) -> list[Post]:
    """What stands on top of the first page, as far as the viewer may see it."""
    return [post for post in await pins.pinned(tx, actor, viewer()) if post.kind is kind]


def below(rows: list[Post], on_top: list[Post]) -> list[Post]:
    """`rows` without what is pinned: it stands on top already, whatever page this is."""
    taken = {post.id for post in on_top}
    return [post for post in rows if post.id not in taken]


@blueprint.get("/@<handle>")
@public
async def portfolio(handle: str) -> Response:
    """The wall of one artist's works, what is pinned first; `?view=grid` crops them to squares."""
    view = "grid" if request.args.get("view") == "grid" else "wall"
    async with site().db.read() as tx:
        if viewer() is not None and await is_unknown(tx, handle):
            return redirect(f"/search?q={quote('@' + handle)}", 303)  # type: ignore[return-value]
        actor = await person(tx, handle, viewer())
        if wants_document():
            return redirect(site().urls.actor(actor), 302)  # type: ignore[return-value]
        if viewer() is None and not actor.is_local:
            return lives_elsewhere(actor, original(actor))
        rows = await timelines.portfolio(tx, actor, viewer(), before(), ASKED)
        on_top = await pinned(tx, actor, Kind.WORK)
        chips = [gallery for gallery, count in await galleries.counted(tx, actor, viewer()) if count]
        values = await head(tx, actor)
    found = part(rows, view="grid" if view == "grid" else "")
    wall = [*([] if before() else on_top), *below(found.posts, on_top)]
    return page(
        "profile/portfolio.html",
        shared=True,
        pictures=covers(wall),
        carries=wall,
        found=found,
        wall_of=wall,
        view=view,
        chips=chips,
        **values,
    )


@blueprint.get("/@<handle>/posts")
@public
async def posts(handle: str) -> Response:
    """The notes of one person, what is pinned first, then the newest."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        if viewer() is None and not actor.is_local:
            return lives_elsewhere(actor, original(actor))
        rows = await timelines.posts(tx, actor, viewer(), before(), ASKED)
        on_top = await pinned(tx, actor, Kind.NOTE)
        values = await head(tx, actor)
    found = part(rows)
    notes = [*([] if before() else on_top), *below(found.posts, on_top)]
    return page(
        "profile/posts.html", shared=True, pictures=covers(notes), carries=notes, found=found, notes=notes, **values
    )


@blueprint.get("/@<handle>/about")
@public
async def about(handle: str) -> Response:
    """What a person says of themselves, at length."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        if viewer() is None and not actor.is_local:
            return lives_elsewhere(actor, original(actor))
        values = await head(tx, actor)
    # Theirs was cleaned when it came (server.text.safe); ours is made from what was typed.
    words = text.to_html(actor.about, site().urls, {}) if actor.is_local else actor.about_html
    return page("profile/about.html", shared=True, about=words, **values)
