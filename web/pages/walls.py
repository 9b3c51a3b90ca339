"""Whom one does not want to meet, and what one tells of oneself: block, mute, whole servers, followers, privacy, reports."""

from typing import cast

from quart import Blueprint, Response, redirect, request

from server import actors, blocks, follows, ids, moderation, mutes, origins, posts, throttle
from server.db import Session
from server.errors import Invalid, Problem
from server.models import Actor, Post
from web import auth
from web.auth import signed_in
from web.current import me, site
from web.page import hint, page
from web.people import person

blueprint = Blueprint("walls", __name__)

PEOPLE = 40


# -- one person ----------------------------------------------------------------------------------------------------------
@blueprint.get("/@<handle>/block")
@signed_in
async def confirm_block(handle: str) -> Response:
    """What a block does, before it is done; of somebody elsewhere also the whole server can be blocked or muted."""
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
    return await _back(actor, "blocked")


@blueprint.post("/@<handle>/unblock")
@signed_in
async def unblock(handle: str) -> Response:
    """Take a block back."""
    async with site().db.write() as tx:
        actor = await _one_of(tx, await blocks.of(tx, me()), handle)
        await blocks.unblock(tx, me(), actor)
    return await _back(actor, "unblocked")


@blueprint.post("/@<handle>/mute")
@signed_in
async def mute(handle: str) -> Response:
    """Do not meet somebody on one's walls any more; they notice nothing."""
    async with site().db.write() as tx:
        actor = await person(tx, handle, me())
        await mutes.mute(tx, me(), actor)
    return await _back(actor, "muted")


@blueprint.post("/@<handle>/unmute")
@signed_in
async def unmute(handle: str) -> Response:
    """Take a mute back."""
    async with site().db.write() as tx:
        actor = await _one_of(tx, await mutes.of(tx, me()), handle)
        await mutes.unmute(tx, me(), actor)
    return await _back(actor, "unmuted")


async def _one_of(tx: Session, people: list[Actor], handle: str) -> Actor:
    """The one of `people` with that handle, whether or not they may be seen at the moment: what one did can be taken back."""
    at = f"@{handle}".lower()
    found = next((actor for actor in people if site().urls.at(actor).lower() == at), None)
    return found or await person(tx, handle, me())


@blueprint.post("/@<handle>/send-away")
@signed_in
async def send_away(handle: str) -> Response:
    """Somebody does not follow any more; who lives here is not told, a server elsewhere has to be."""
    async with site().db.write() as tx:
        await follows.remove_follower(tx, me(), await person(tx, handle, me()))
    return _to("/followers", "sent-away")


# -- lists and choices ---------------------------------------------------------------------------------------------------
@blueprint.get("/followers")
@signed_in
async def followers() -> Response:
    """Who follows, each with the way to send them away."""
    before = ids.parse(request.args.get("before", ""))
    async with site().db.read() as tx:
        people = await follows.followers(tx, me(), before, PEOPLE + 1)
    return _people("followers", people, before)


@blueprint.get("/following")
@signed_in
async def following() -> Response:
    """Whom one follows."""
    before = ids.parse(request.args.get("before", ""))
    async with site().db.read() as tx:
        people = await follows.following(tx, me(), before, PEOPLE + 1)
    return _people("following", people, before)


def _people(tab: str, people: list[Actor], before: int | None) -> Response:
    older = f"/{tab}?before={people[PEOPLE - 1].id}" if len(people) > PEOPLE else ""
    newest = f"/{tab}" if before else ""
    return page("social/people.html", tab=tab, people=people[:PEOPLE], older=older, newest=newest)


@blueprint.get("/settings/privacy")
@signed_in
async def privacy() -> Response:
    """What others learn, and whom one does not want to meet."""
    return await _privacy({}, {})


@blueprint.post("/settings/privacy")
@signed_in
async def save_privacy() -> Response:
    """Keep the two choices."""
    form = await request.form
    shows, announces = form.get("shows_follows") == "yes", form.get("announces_blocks") == "yes"
    async with site().db.write() as tx:
        await actors.set_privacy(tx, me(), shows_follows=shows, announces_blocks=announces)
    return _to("/settings/privacy", "saved")


@blueprint.post("/settings/privacy/people")
@signed_in
async def add_person() -> Response:
    """Mute or block somebody by their handle; who is not known here is looked up."""
    form = await request.form
    typed = {"person": form.get("person", "").strip(), "how": form.get("how", "")}
    try:
        actor = await _named(typed["person"])
        if typed["how"] == "block":
            return _to(f"/{site().urls.at(actor)}/block", "")
        async with site().db.write() as tx:
            await mutes.mute(tx, me(), actor)
    except Problem as wrong:
        return await _privacy(typed, {"person": str(wrong)})
    return _to("/settings/privacy", "muted")


async def _named(name: str) -> Actor:
    """The person behind a handle of here (`ines`, `@ines`) or of anywhere; raises a Problem with a sentence."""
    short = name.removeprefix("@")
    if not short:
        raise Invalid("Type a name, such as @name@server.example.")
    if "@" in short or "://" in short:
        found = await site().network.find_person(site(), name)
        async with site().db.read() as tx:
            return await tx.get_one(Actor, found)
    async with site().db.read() as tx:
        return await actors.seen(tx, short, None, me())


@blueprint.post("/settings/privacy/servers")
@signed_in
async def add_server() -> Response:
    """Block or mute a whole server."""
    form = await request.form
    typed = {"host": form.get("host", "").strip(), "how": form.get("how", "")}
    mutes_only = typed["how"] == "mute"
    try:
        async with site().db.write() as tx:
            own = origins.host(site().settings.base_url)
            await mutes.block_host(tx, me(), typed["host"], mutes_only, own=own)
    except Invalid as wrong:
        return await _privacy(typed, wrong.fields)
    target = auth.safe_next(form.get("next"))
    return _to(target if target != "/" else "/settings/privacy#servers", "host-muted" if mutes_only else "host-blocked")


@blueprint.post("/settings/privacy/servers/remove")
@signed_in
async def remove_server() -> Response:
    """Take it back."""
    form = await request.form
    async with site().db.write() as tx:
        await mutes.unblock_host(tx, me(), form.get("host", ""))
    target = auth.safe_next(form.get("next"))
    return _to(target if target != "/" else "/settings/privacy#servers", "host-unblocked")


async def _privacy(typed: dict[str, str], wrong: dict[str, str]) -> Response:
    async with site().db.read() as tx:
        person = await tx.get_one(Actor, me().id)
        blocked, muted = await blocks.of(tx, me()), await mutes.of(tx, me())
        servers = await mutes.hosts_of(tx, me())
    return page(
        "settings/privacy.html",
        422 if wrong else 200,
        tab="privacy",
        person=person,
        blocked=blocked,
        muted=muted,
        servers=servers,
        form={"person": typed.get("person", ""), "host": typed.get("host", ""), "how": typed.get("how", "")},
        errors=wrong,
    )


# -- reports -------------------------------------------------------------------------------------------------------------
@blueprint.get("/@<handle>/report")
@signed_in
async def report_person(handle: str) -> Response:
    """What is wrong with how somebody behaves?"""
    async with site().db.read() as tx:
        actor = await person(tx, handle, me())
    return _report(actor, None)


@blueprint.post("/@<handle>/report")
@signed_in
async def send_person(handle: str) -> Response:
    """Tell the people who run the house."""
    async with site().db.read() as tx:
        actor = await person(tx, handle, me())
    return await _send(actor, None)


@blueprint.get("/@<handle>/<id:post_id>/report")
@signed_in
async def report_post(handle: str, post_id: int) -> Response:
    """What is wrong with this post?"""
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, me())
    return _report(post.author, post)


@blueprint.post("/@<handle>/<id:post_id>/report")
@signed_in
async def send_post(handle: str, post_id: int) -> Response:
    """Tell the people who run the house."""
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, me())
    return await _send(post.author, post)


async def _send(actor: Actor, post: Post | None) -> Response:
    form = await request.form
    comment, forward = form.get("comment", "").strip(), form.get("forward") == "yes"
    await throttle.limit(site(), "report", str(me().id))
    try:
        async with site().db.write() as tx:
            await _write(tx, actor, post, comment, forward)
    except Invalid as wrong:
        return _report(actor, post, comment, forward, wrong.fields or {"comment": str(wrong)})
    return _to(site().urls.profile(actor), "reported")


async def _write(tx: Session, actor: Actor, post: Post | None, comment: str, forward: bool) -> None:
    if not comment and post is None:
        raise Invalid(comment="Say in a few words what is wrong.")
    await moderation.report(tx, me(), actor, [post] if post else [], comment, forward=forward)


def _report(
    actor: Actor, post: Post | None, comment: str = "", forward: bool = False, wrong: dict[str, str] | None = None
) -> Response:
    return page(
        "social/report.html",
        422 if wrong else 200,
        actor=actor,
        post=post,
        comment=comment,
        forward=forward,
        errors=wrong or {},
        most=moderation.MAX_COMMENT,
    )


async def _back(actor: Actor, notice: str) -> Response:
    """To the page on which the button was pressed; else to the person's."""
    target = auth.safe_next((await request.form).get("next"))
    return _to(target if target != "/" else site().urls.profile(actor), notice)


def _to(target: str, notice: str) -> Response:
    response = cast(Response, redirect(target, 303))
    return hint(response, notice) if notice else response
