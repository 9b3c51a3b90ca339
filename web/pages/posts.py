"""Posts of words: writing one, commenting under a work or a note, changing one. Deleting is the same for all posts (compose)."""

import secrets

from quart import Blueprint, Response, redirect, request

from server import ids, notes, posts, throttle
from server.errors import Gone, Invalid, NotFound
from server.models import Actor, Audience, Post
from server.notes import Note
from web.auth import signed_in
from web.current import me, site
from web.forms import FORM_KEY
from web.page import hint, page

blueprint = Blueprint("posts", __name__)


@blueprint.get("/post")
@signed_in
async def new() -> Response:
    """An empty sheet; creates nothing."""
    return _page({"text": "", "warning": "", "audience": me().default_audience}, secrets.token_urlsafe(18))


@blueprint.post("/post")
@signed_in
async def write() -> Response:
    """Publish it. The same form sent twice publishes it once."""
    form = await request.form
    typed = {name: form.get(name, "") for name in ("text", "warning", "audience")}
    await _slowly()
    try:
        note = Note(typed["text"], typed["warning"], _audience(typed["audience"]))
        async with site().db.write() as tx:
            post = await notes.write(tx, me(), note, _key(form.get("form_key", "")), urls=site().urls)
    except Invalid as wrong:
        return _page(typed, form.get("form_key", ""), errors=wrong.fields, status=422)
    return hint(redirect(site().urls.post_page(post), 303), "published")  # type: ignore[arg-type]


@blueprint.post("/@<handle>/<id:post_id>/comment")
@signed_in
async def comment(handle: str, post_id: int) -> Response:
    """Say something under a work or a note; `reply_to` names the comment that is answered, if it is not the post itself.

    Without an `audience` a comment is heard by whoever may see what it answers.
    """
    form = await request.form
    typed = {name: form.get(name, "") for name in ("text", "warning", "audience")}
    await _slowly()
    async with site().db.read() as tx:
        root = await posts.get(tx, post_id, me())
        answered = ids.parse(form.get("reply_to", "")) or post_id
        above = root if answered == root.id else await posts.get(tx, answered, me())
    if root.author.handle.lower() != handle.split("@")[0].lower() or above.thread_id != root.thread_id:
        raise NotFound
    if root.published_at is None or above.published_at is None:
        raise Invalid(text="Publish the work first; then it can be talked about.")
    try:
        audience = _audience(typed["audience"]) if typed["audience"] else Audience(above.audience)
        note = Note(typed["text"], typed["warning"], audience, above)
        async with site().db.write() as tx:
            made = await notes.write(tx, me(), note, _key(form.get("form_key", "")), urls=site().urls)
    except Invalid as wrong:
        typed["audience"] = typed["audience"] or above.audience
        return _page(typed, form.get("form_key", ""), errors=wrong.fields, status=422, above=above, root=root)
    address = f"{site().urls.post_page(root)}#p{made.id}"
    return hint(redirect(address, 303), "sent")  # type: ignore[arg-type]


def edit_page(post: Post, errors: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> Response:
    """The page on which a note is changed."""
    kept = typed or {"text": post.text, "warning": post.warning, "audience": post.audience}
    return _page(kept, "", errors=errors, status=422 if errors else 200, post=post)


async def save(post_id: int) -> Response:
    """Change a note of mine."""
    form = await request.form
    typed = {name: form.get(name, "") for name in ("text", "warning", "audience")}
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, me())
        above = await _above(post, me())
    try:
        note = Note(typed["text"], typed["warning"], _audience(typed["audience"]), above)
    except Invalid as wrong:
        return edit_page(post, wrong.fields, typed)
    async with site().db.write() as tx:
        post = await posts.mine(tx, post_id, me())
        await notes.edit(tx, post, note, urls=site().urls)
    return hint(redirect(site().urls.post_page(post), 303), "saved")  # type: ignore[arg-type]


async def _above(post: Post, viewer: Actor) -> Post | None:
    """What a comment answers, if it can still be seen."""
    if post.reply_to_id is None:
        return None
    async with site().db.read() as tx:
        try:
            return await posts.get(tx, post.reply_to_id, viewer)
        except (NotFound, Gone):
            return None


async def _slowly() -> None:
    await throttle.limit(site(), "text", str(me().id))


def _audience(value: str) -> Audience:
    try:
        return Audience(value)
    except ValueError:
        raise Invalid(audience="Choose who sees it.") from None


def _key(value: str) -> str:
    """The form's key; a form without one is a form of its own each time."""
    return value if FORM_KEY.fullmatch(value) else secrets.token_urlsafe(18)


def _page(
    typed: dict[str, str],
    form_key: str,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
    post: Post | None = None,
    above: Post | None = None,
    root: Post | None = None,
) -> Response:
    return page(
        "compose/note.html",
        status,
        typed=typed,
        form_key=form_key if FORM_KEY.fullmatch(form_key) else secrets.token_urlsafe(18),
        errors=errors or {},
        post=post,
        above=above,
        root=root,
    )
