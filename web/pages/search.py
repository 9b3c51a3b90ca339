"""Looking for somebody or something: a handle or an address leads there, from wherever it is; a word finds people and tags."""

import re

from quart import Blueprint, Response, redirect, request

from server import actors, posts, search
from server.errors import NotFound, Problem
from server.models import Actor
from server.site import Site
from web import errors
from web.auth import public
from web.current import me, site, viewer
from web.page import page

blueprint = Blueprint("search", __name__)

LONGEST = 2048
# `mia@art.example` and `@mia@art.example`, an address, or one without its beginning.
HANDLE = re.compile(r"(?:acct:)?@?[\w.~+-]{1,100}@[^@/\s]{1,255}")
ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
BARE = re.compile(r"[\w-]+(\.[\w-]+)+(:\d{1,5})?/\S+")
# What somebody may have come to do with a post (FEP-3b86), and the button for it.
FOCUS = {"like": "like", "announce": "boost", "create": "reply"}


@blueprint.get("/search")
@public
async def find() -> Response:
    """`q` is a handle, an address, or the beginning of a name or a tag."""
    words = request.args.get("q", "").strip()[:LONGEST]
    if HANDLE.fullmatch(words) or ADDRESS.fullmatch(words):
        return await look_up(words)
    if BARE.fullmatch(words):
        return await look_up(f"https://{words}", typed=words)
    return await _page(words)


async def look_up(words: str, focus: str | None = None, *, typed: str = "") -> Response:
    """Lead to the page of what a handle or an address names; what stands in the way is said beside what was typed.

    Strangers find only who lives here: for them nothing is asked of other servers. `focus` is what the viewer came to do, as
    FOCUS has it, or empty where that is not known; then the page's first button for it is at hand.
    """
    words = words.strip()[:LONGEST]
    typed = typed or words
    try:
        target = await _here(site(), words) if viewer() is None else await _anywhere(site(), words, focus)
    except Problem as wrong:
        return await _page(typed, str(wrong), errors.status_of(wrong))
    return redirect(target, 303)  # type: ignore[return-value]


async def _anywhere(site: Site, words: str, focus: str | None) -> str:
    if not words:
        raise NotFound("There is no address to go to.")
    kind, row_id = await site.network.find(site, words, me())
    async with site.db.read() as tx:
        if kind == "actor":
            found = await tx.get_one(Actor, row_id)
            actor = await actors.seen(tx, found.handle, found.domain, me())
            return site.urls.profile(actor) + ("" if focus is None else "?focus=follow")
        address = site.urls.post_page(await posts.get(tx, row_id, me()))
        return address if focus is None else f"{address}?focus={FOCUS.get(focus.lower(), 'like')}"


async def _here(site: Site, words: str) -> str:
    handle = site.urls.parse_acct(words) or site.urls.parse_actor(words)
    post_id = None if handle else site.urls.parse_post(words)
    async with site.db.read() as tx:
        if handle:
            return site.urls.profile(await actors.seen(tx, handle, None, None))
        if post_id is not None:
            return site.urls.post_page(await posts.get(tx, post_id, None))
    raise NotFound("Sign in to look up somebody, or a work, of another server.")


async def _page(words: str, wrong: str = "", status: int = 200) -> Response:
    people, tags = [], []
    if words and not wrong:
        async with site().db.read() as tx:
            people = await search.people(tx, words, viewer())
            tags = await search.tags(tx, words, viewer())
    return page("search/search.html", status, words=words, wrong=wrong, people=people, tags=tags)
