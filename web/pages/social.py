"""Follow, like, block: small forms that work by themselves and are made smoother by actions.js."""

from quart import Blueprint, Response, redirect, request

from server import blocks, favourites, follows, posts
from server.models import Actor, Post
from web import auth
from web.auth import signed_in
from web.current import me, site
from web.page import environment, hint, page
from web.people import person

blueprint = Blueprint("social", __name__)


@blueprint.get("/@<handle>/follow")
@signed_in
async def after_sign_in(handle: str) -> Response:
    """Where a stranger who pressed Follow arrives after signing in: on the profile, where the button is."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, me())
    return redirect(site().urls.profile(actor), 303)  # type: ignore[return-value]


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
    async with site().db.write() as tx:
        post = await posts.get(tx, post_id, me())
        await favourites.add(tx, me(), post)
    return _liked(post, True)


@blueprint.post("/@<handle>/<id:post_id>/unlike")
@signed_in
async def unlike(handle: str, post_id: int) -> Response:
    """Take a like back."""
    async with site().db.write() as tx:
        post = await posts.get(tx, post_id, me())
        await favourites.remove(tx, me(), post)
    return _liked(post, False)


@blueprint.get("/@<handle>/block")
@signed_in
async def confirm_block(handle: str) -> Response:
    """What a block does, before it is done."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, me())
    return page("social/block.html", actor=actor)


@blueprint.post("/@<handle>/block")
@signed_in
async def block(handle: str) -> Response:
    """Neither sees the other any more."""
    async with site().db.write() as tx:
        actor = await person(tx, handle, me())
        await blocks.block(tx, me(), actor)
    return hint(redirect(site().urls.profile(actor), 303), "blocked")  # type: ignore[arg-type]


@blueprint.post("/@<handle>/unblock")
@signed_in
async def unblock(handle: str) -> Response:
    """Take a block back."""
    async with site().db.write() as tx:
        actor = await person(tx, handle, me())
        await blocks.unblock(tx, me(), actor)
    return hint(redirect(site().urls.profile(actor), 303), "unblocked")  # type: ignore[arg-type]


@blueprint.get("/requests")
@signed_in
async def requests() -> Response:
    """Who asks to follow, for people who approve each follower; and whom one has blocked."""
    async with site().db.read() as tx:
        waiting = await follows.waiting(tx, me())
        blocked = await blocks.of(tx, me())
    return page("social/requests.html", waiting=waiting, blocked=blocked)


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


def _liked(post: Post, liked: bool) -> Response:
    return _fragment("like_button", post, liked) or redirect(f"{site().urls.post_page(post)}#acts", 303)  # type: ignore[return-value]


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
