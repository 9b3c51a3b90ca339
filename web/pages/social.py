"""Follow, like, boost, save, pin: small forms that work by themselves, smoother with actions.js. And who asks to follow."""

from collections.abc import Awaitable, Callable

from quart import Blueprint, Response, redirect, request

from server import bookmarks, boosts, favourites, follows, pins, posts
from server.db import Session
from server.models import Actor, Post
from web import auth
from web.auth import signed_in
from web.current import me, site
from web.page import environment, hint, page
from web.people import person

blueprint = Blueprint("social", __name__)


@blueprint.post("/@<handle>/follow")
@signed_in
async def follow(handle: str) -> Response:
    """See what somebody does, or ask to."""
    async with site().db.write() as tx:
        actor = await person(tx, handle, me())
        state = await follows.follow(tx, me(), actor)
    notice = "requested" if state == "requested" else "followed"
    return _fragment("follow_button", actor, state) or await _back(actor, notice)


@blueprint.post("/@<handle>/unfollow")
@signed_in
async def unfollow(handle: str) -> Response:
    """Stop following, or take the request back."""
    async with site().db.write() as tx:
        actor = await person(tx, handle, me())
        await follows.unfollow(tx, me(), actor)
    return _fragment("follow_button", actor, "none") or await _back(actor, "saved")


@blueprint.post("/@<handle>/<id:post_id>/like")
@signed_in
async def like(handle: str, post_id: int) -> Response:
    """Like a work or a note that one may see."""
    return await _press(favourites.add, post_id, "like_button", True)


@blueprint.post("/@<handle>/<id:post_id>/unlike")
@signed_in
async def unlike(handle: str, post_id: int) -> Response:
    """Take a like back."""
    return await _press(favourites.remove, post_id, "like_button", False)


@blueprint.post("/@<handle>/<id:post_id>/boost")
@signed_in
async def boost(handle: str, post_id: int) -> Response:
    """Show a public work or note to one's own followers."""
    return await _press(boosts.add, post_id, "boost_button", True, "boosted")


@blueprint.post("/@<handle>/<id:post_id>/unboost")
@signed_in
async def unboost(handle: str, post_id: int) -> Response:
    """Take a boost back."""
    return await _press(boosts.remove, post_id, "boost_button", False)


@blueprint.post("/@<handle>/<id:post_id>/save")
@signed_in
async def save(handle: str, post_id: int) -> Response:
    """Keep a work or a note to find it again."""
    return await _press(bookmarks.add, post_id, "save_button", True, "kept")


@blueprint.post("/@<handle>/<id:post_id>/unsave")
@signed_in
async def unsave(handle: str, post_id: int) -> Response:
    """Take it out of what one keeps."""
    return await _press(bookmarks.remove, post_id, "save_button", False)


@blueprint.post("/@<handle>/<id:post_id>/pin")
@signed_in
async def pin(handle: str, post_id: int) -> Response:
    """Put a work or a note of one's own on top of one's profile."""
    async with site().db.write() as tx:
        post = await posts.mine(tx, post_id, me())
        await pins.pin(tx, post, me())
    return hint(redirect(site().urls.post_page(post), 303), "pinned")  # type: ignore[arg-type]


@blueprint.post("/@<handle>/<id:post_id>/unpin")
@signed_in
async def unpin(handle: str, post_id: int) -> Response:
    """Take it down from there."""
    async with site().db.write() as tx:
        post = await posts.mine(tx, post_id, me())
        await pins.unpin(tx, post, me())
    return hint(redirect(site().urls.post_page(post), 303), "unpinned")  # type: ignore[arg-type]


@blueprint.get("/requests")
@signed_in
async def requests() -> Response:
    """Who asks to follow, and whether people have to ask at all."""
    async with site().db.read() as tx:
        waiting = await follows.waiting(tx, me())
    return page("social/requests.html", tab="requests", waiting=waiting)


@blueprint.post("/requests")
@signed_in
async def choose() -> Response:
    """Whether people have to ask first."""
    form = await request.form
    async with site().db.write() as tx:
        await follows.approve_each(tx, me(), form.get("approve") == "yes")
    return hint(redirect("/requests", 303), "saved")  # type: ignore[arg-type]


@blueprint.post("/@<handle>/accept")
@signed_in
async def accept(handle: str) -> Response:
    """Let somebody follow."""
    async with site().db.write() as tx:
        await follows.accept(tx, await person(tx, handle, me()), me())
    return hint(redirect("/requests", 303), "saved")  # type: ignore[arg-type]


@blueprint.post("/@<handle>/reject")
@signed_in
async def reject(handle: str) -> Response:
    """Do not let somebody follow; they are not told."""
    async with site().db.write() as tx:
        await follows.reject(tx, await person(tx, handle, me()), me())
    return hint(redirect("/requests", 303), "saved")  # type: ignore[arg-type]


async def _press(
    act: Callable[[Session, Actor, Post], Awaitable[object]], post_id: int, button: str, state: bool, notice: str = ""
) -> Response:
    """Do `act` to a post that one may see. The button as it is now; without a script the page on which it was pressed."""
    async with site().db.write() as tx:
        post = await posts.get(tx, post_id, me())
        await act(tx, me(), post)
    if fragment := _fragment(button, post, state):
        return fragment
    target = auth.safe_next((await request.form).get("next"))
    response = redirect(target if target != "/" else f"{site().urls.post_page(post)}#acts", 303)
    return hint(response, notice) if notice else response  # type: ignore[arg-type,return-value]


async def _back(actor: Actor, notice: str) -> Response:
    """To the page on which the button was pressed."""
    target = auth.safe_next((await request.form).get("next"))
    return hint(redirect(target if target != "/" else site().urls.profile(actor), 303), notice)  # type: ignore[arg-type]


def _fragment(name: str, subject: Actor | Post, state: str | bool) -> Response | None:
    """The new button alone, where our script asked; None for a browser that wants the page."""
    if not request.headers.get("X-Fragment"):
        return None
    buttons = environment().get_template("partials/buttons.html").module
    urls = site().urls
    html = getattr(buttons, name)(subject, state, urls, me(), auth.csrf_token(), "")
    return Response(str(html), mimetype="text/html", headers={"Cache-Control": "private, no-store"})
