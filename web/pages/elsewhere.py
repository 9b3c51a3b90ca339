"""People with an account on another server: how they follow or like from there (ux.md 4.1), and how ours end what they began.

A form may not be answered by a redirect to another site: browsers block it under `form-action 'self'`. So the answer is a page of
ours that names where it leads, goes on by itself by a `Refresh` header, and has a plain link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from quart import Blueprint, Response, redirect, request

from server import origins, posts, throttle
from server.errors import GiveUp, Invalid, NotFound, Problem
from server.models import Actor, Post
from web import errors
from web.auth import client_address, public, signed_in
from web.current import site, viewer
from web.page import page
from web.pages import search
from web.people import person

blueprint = Blueprint("elsewhere", __name__)

# The server that somebody asked to be remembered on their device.
COOKIE = "home"
YEAR = 365 * 86400
LONGEST = 300
# Seconds before the page goes on by itself: long enough to see where to, and the link is there for who does not want to wait.
PAUSE = 1


@dataclass(frozen=True)
class Verb:
    """What somebody wants to do from their own server: its name in FEP-3b86, and in words."""

    intent: str
    words: str
    then: str


VERBS = {
    "follow": Verb("Follow", "Follow", "New work will arrive in your usual feed."),
    "like": Verb("Like", "Like", "The artist is told, as if you had done it here."),
    "boost": Verb("Announce", "Boost", "It is shown to the people who follow you."),
    "reply": Verb("Create", "Comment on", "What you write stands below the work, here and on your own server."),
}


@blueprint.get("/@<handle>/follow")
@public
async def follow(handle: str) -> Response:
    """Where a stranger who wants to follow is asked for their server; who is signed in finds the button on the profile."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
    if viewer() is not None:
        return redirect(f"{site().urls.profile(actor)}?focus=follow", 303)  # type: ignore[return-value]
    return _ask("follow", actor, None)


@blueprint.post("/@<handle>/from-elsewhere")
@public
async def follow_from_elsewhere(handle: str) -> Response:
    """On to the stranger's own server, where they confirm."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, None)
    return await _go_on("follow", actor, None)


@blueprint.get("/@<handle>/<id:post_id>/from-elsewhere")
@public
async def act(handle: str, post_id: int) -> Response:
    """Where a stranger who wants to like, boost or answer is asked for their server."""
    verb = _verb(request.args.get("verb", ""))
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, viewer())
    if viewer() is not None:
        return redirect(f"{site().urls.post_page(post)}?focus={verb}", 303)  # type: ignore[return-value]
    return _ask(verb, post.author, post)


@blueprint.post("/@<handle>/<id:post_id>/from-elsewhere")
@public
async def act_from_elsewhere(handle: str, post_id: int) -> Response:
    """On to the stranger's own server."""
    verb = _verb((await request.form).get("verb", ""))
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, None)
    return await _go_on(verb, post.author, post)


@blueprint.get("/authorize_interaction")
@signed_in
async def arrive() -> Response:
    """Somebody of this house began something on another server: lead them to what it is about, with the button at hand.

    `uri` is an address or a handle. Nothing is done before they press the button here.
    """
    return await search.look_up(request.args.get("uri", ""), focus=request.args.get("intent", ""))


def _verb(name: str) -> str:
    """A verb for posts; raises NotFound for any other word."""
    if name not in VERBS or name == "follow":
        raise NotFound
    return name


async def _go_on(verb: str, actor: Actor, post: Post | None) -> Response:
    """The page that leads to the stranger's own server; the form again where that is not possible."""
    form = await request.form
    home = form.get("home", "").strip()[:LONGEST]
    try:
        if not home:
            raise Invalid("Type your address, or the name of your server.")
        _check_local(actor)
        await throttle.limit(site(), "intent-network", client_address())
        await throttle.limit(site(), "intent-host", _server(home))
        subject = site().urls.post(post) if post else site().urls.actor(actor)
        address = await site().network.intent(site(), home, VERBS[verb].intent, subject)
    except Problem as wrong:
        return _ask(verb, actor, post, home, str(wrong), errors.status_of(wrong))
    response = page(
        "elsewhere/continue.html",
        headers={"Refresh": f"{PAUSE};url={address}"},
        verb=VERBS[verb],
        actor=actor,
        post=post,
        to=address,
        host=urlsplit(address).netloc,
        back=site().urls.post_page(post) if post else site().urls.profile(actor),
    )
    return _remember(response, home, form)


def _check_local(actor: Actor) -> None:
    if not actor.is_local:
        raise Invalid(f"{actor.display_name} lives on {actor.domain}; go there to follow or like.")


def _server(home: str) -> str:
    """Which server is asked: the same one however it is typed."""
    try:
        return origins.domain(home.rsplit("@", 1)[-1])
    except GiveUp:
        return home.lower()


def _remember(response: Response, home: str, form: Mapping[str, str]) -> Response:
    """Keep the server on this device where that is wanted, and forget it where it is not any more."""
    options = {"path": "/", "samesite": "Lax", "httponly": True, "secure": site().settings.is_https}
    if form.get("remember") == "yes":
        response.set_cookie(COOKIE, home, max_age=YEAR, **options)  # type: ignore[arg-type]
    elif request.cookies.get(COOKIE):
        response.delete_cookie(COOKIE, **options)  # type: ignore[arg-type]
    return response


def _ask(verb: str, actor: Actor, post: Post | None, home: str = "", wrong: str = "", status: int = 200) -> Response:
    kept = request.cookies.get(COOKIE, "")[:LONGEST]
    return page(
        "elsewhere/ask.html",
        status,
        verb=VERBS[verb],
        name=verb,
        actor=actor,
        post=post,
        home=home or kept,
        is_kept=bool(kept),
        error=wrong,
    )
