"""Making a work: the page with its pictures and words, its drafts, and what is done to a work that exists.

Everything works without a script: one ordinary multipart form, whose button says in `do` what is meant. compose.js and upload.js
send the same form and the same files to the same addresses, only earlier.

    /new             an empty page; creates nothing. Drafts are sent here too, with the `form_key` they began with.
    /@name/<id>/edit the same page for what exists
    /uploads         one file as the whole body, for the script; the answer is the card that the page shows for it
"""

import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import unquote

from quart import Blueprint, Response, jsonify, redirect, request

from server import artworks, clock, galleries, generated, ids, posts, renditions, throttle, uploads
from server.db import Session
from server.errors import Full, Invalid, NotFound, Problem
from server.models import Kind, Post
from server.rights import LICENCES, RESERVATIONS, channels
from web import forms, terms
from web.auth import signed_in
from web.body import FILE, FILES, accepts
from web.current import me, site
from web.errors import wants_json
from web.forms import FORM_KEY, Sheet
from web.page import hint, page
from web.pages import posts as notes_page
from web.pictures import Addresses

blueprint = Blueprint("compose", __name__)

MEDIA = (
    "Acrylic", "Charcoal", "Collage", "Coloured pencil", "Digital painting", "Drawing", "Etching", "Gouache", "Illustration",
    "Ink", "Linocut", "Mixed media", "Oil", "Pastel", "Pencil", "Photograph", "Pixel art", "Print", "Screen print", "Sculpture",
    "Textile", "3D render", "Vector", "Watercolour", "Woodcut",
)  # fmt: skip
# What the house does with what a generator made, as its artists are told.
HINTS = {
    "label": "Stands beside the work and travels with it. What a generator made is labelled as that.",
    "hold": "Stands beside the work and travels with it. What a generator made a moderator looks at before others see it.",
    "refuse": "Stands beside the work and travels with it. What a generator made is not published on this server.",
}
DO = re.compile(r"(upload|draft|publish|undescribed|save)|(up|down|remove|retry)-(\d{1,19})")


@dataclass
class Desk:
    """One look at the page: what is on it and what has to be said about it."""

    sheet: Sheet
    form_key: str
    post: Post | None = None
    errors: dict[str, str] = field(default_factory=dict)
    # Files that were not taken, each with its reason.
    refused: list[str] = field(default_factory=list)
    # The disk, or the person's own room, had no place for a file.
    is_full: bool = False
    said: str = ""

    @property
    def status(self) -> int:
        """The answer's status: 507 where a file found no room, 422 where one was not taken."""
        return 507 if self.is_full else 422 if self.refused else 200

    @property
    def is_published(self) -> bool:
        return self.post is not None and self.post.published_at is not None


# -- the page ------------------------------------------------------------------------------------------------------------
@blueprint.get("/new")
@signed_in
async def new() -> Response:
    """An empty page. Nothing is created: the form's key makes the draft when it is first sent."""
    return await _show(Desk(forms.blank(me()), secrets.token_urlsafe(18)))


@blueprint.post("/new")
@accepts(FILES)
@signed_in
async def compose() -> Response:
    """Everything that the page of a draft can do. The same form sent twice is the same work."""
    form = await request.form
    form_key = form.get("form_key", "")
    if not FORM_KEY.fullmatch(form_key):
        raise Invalid("This form is not complete. Open a new page and try again.")
    return await _do(None, form_key)


@blueprint.get("/@<handle>/<id:post_id>/edit")
@signed_in
async def edit(handle: str, post_id: int) -> Response:
    """The page of what exists: a draft, a published work, or a note."""
    async with site().db.read() as tx:
        post = await _my_post(tx, handle, post_id)
        if post.kind is Kind.NOTE:
            return notes_page.edit_page(post)
        sheet = forms.of(post, await artworks.galleries_of(tx, post), me())
    return await _show(Desk(sheet, post.form_key or "", post))


@blueprint.post("/@<handle>/<id:post_id>/edit")
@accepts(FILES)
@signed_in
async def change(handle: str, post_id: int) -> Response:
    """Change a published work or a note. Nothing of it changes before Save."""
    async with site().db.read() as tx:
        post = await _my_post(tx, handle, post_id)
    if post.kind is Kind.NOTE:
        return await notes_page.save(post_id)
    return await _do(post, post.form_key or "")


@blueprint.get("/drafts")
@signed_in
async def drafts() -> Response:
    """What waits to be finished."""
    async with site().db.read() as tx:
        waiting = await artworks.drafts(tx, me())
    pictures = [media for post in waiting for media in post.media[:1]]
    return page("compose/drafts.html", pictures=pictures, drafts=waiting, addresses=Addresses(site().urls, me()))


@blueprint.get("/@<handle>/<id:post_id>/delete")
@signed_in
async def ask_delete(handle: str, post_id: int) -> Response:
    """Are you sure?"""
    async with site().db.read() as tx:
        post = await _my_post(tx, handle, post_id)
    addresses = Addresses(site().urls, me())
    return page("compose/delete.html", pictures=post.media[:1], post=post, addresses=addresses)


@blueprint.post("/@<handle>/<id:post_id>/delete")
@signed_in
async def delete(handle: str, post_id: int) -> Response:
    """Remove a work, a draft or a note for good. Sending it twice is sending it once."""
    async with site().db.write() as tx:
        post = await _my_post(tx, handle, post_id)
        keys = await posts.remove(tx, post, me())
    await renditions.clear(site(), keys)
    was_draft = post.kind is Kind.WORK and post.published_at is None
    address = site().urls.page("/drafts") if was_draft else site().urls.profile(me())
    return hint(redirect(address, 303), "deleted")  # type: ignore[arg-type]


# -- single files, for the script ----------------------------------------------------------------------------------------
@blueprint.post("/uploads")
@accepts(FILE)
@signed_in
async def upload() -> Response:
    """One file as the whole body, its name percent-encoded in X-File-Name. 201 with its card, or a reason in words."""
    await throttle.limit(site(), "upload", str(me().id))
    file = await request.save()  # type: ignore[attr-defined]
    media = await uploads.accept(site(), me(), file, unquote(request.headers.get("X-File-Name", "")))
    return await _card(media.id, 201)


@blueprint.get("/uploads/<id:media_id>")
@signed_in
async def progress(media_id: int) -> Response:
    """The card as it is now; the script asks until the small sizes are made."""
    return await _card(media_id)


@blueprint.post("/uploads/<id:media_id>/retry")
@signed_in
async def retry(media_id: int) -> Response:
    """Prepare a failed picture again."""
    async with site().db.write() as tx:
        await uploads.retry(tx, await uploads.mine(tx, media_id, me()))
    return await _card(media_id)


@blueprint.post("/uploads/<id:media_id>/discard")
@signed_in
async def discard(media_id: int) -> Response:
    """Remove a picture that is in no published work; those leave with the work's own form."""
    async with site().db.write() as tx:
        keys = await uploads.discard(tx, await uploads.loose(tx, media_id, me()))
    await renditions.clear(site(), keys)
    return Response(b"", 204)


# -- how it is done ------------------------------------------------------------------------------------------------------
async def _do(post: Post | None, form_key: str) -> Response:
    """`post` is the published work that is changed; None for a new work or a draft, which `form_key` finds."""
    form = await request.form
    wish = DO.fullmatch(form.get("do", "draft"))
    number = ids.parse(wish[3] or "0") if wish else None
    if wish is None or number is None:
        raise Invalid("This button is not known here. Reload the page and try again.")
    verb = wish[1] or wish[2]
    taken, refused, is_full = await _take_files()
    async with site().db.read() as tx:
        pictures = await uploads.of(tx, [*forms.picture_ids(form), *taken], me())
    sheet = forms.typed(form, pictures, me())
    sheet.cards += [forms.card(pictures[media_id]) for media_id in taken]
    desk = Desk(sheet, form_key, post, refused=refused, is_full=is_full)
    if verb in ("up", "down"):
        forms.move(sheet.cards, number, -1 if verb == "up" else 1)
    elif verb == "remove":
        sheet.cards = [card for card in sheet.cards if card.media.id != number]
        sheet.removed.append(number)
    elif verb == "retry":
        async with site().db.write() as tx:
            await uploads.retry(tx, await uploads.mine(tx, number, me()))
    try:
        if post is not None:
            return await _change(desk, verb)
        return await _write_draft(desk, verb)
    except Invalid as wrong:
        if wants_json():
            raise
        desk.errors = wrong.fields or {"pictures": str(wrong)}
        return await _show(desk, 422)


async def _write_draft(desk: Desk, verb: str) -> Response:
    draft = desk.sheet.draft()
    urls = site().urls
    async with site().db.write() as tx:
        post = await artworks.start(tx, me(), desk.form_key)
        if post.published_at is not None:
            # An old window, or the second click of a double click. What is published changes on its own page only.
            return _already(post)
        letting_out = verb in ("publish", "undescribed") and not desk.refused
        asks = letting_out and verb == "publish" and bool(desk.sheet.undescribed) and bool(desk.sheet.cards)
        asks = asks and not await artworks.has_undescribed(tx, me())
        rule, keys = site().settings.rights.generated, []
        if rule == "refuse" and letting_out and not asks:
            # It is kept as a draft before anything is refused.
            keys = await artworks.save(tx, post, draft, urls=urls)
            if evidence := await generated.look(tx, post):
                desk.errors, letting_out = evidence.refusal("Your work is kept as a draft.").fields, False
        if letting_out and not asks:
            keys += await artworks.publish(tx, post, draft, urls=urls, generated_rule=rule)
        else:
            keys += await artworks.save(tx, post, draft, urls=urls)
        post = await posts.get(tx, post.id, me())
    await renditions.clear(site(), keys)
    desk.post, desk.sheet.removed = post, []
    if letting_out and not asks:
        notice = "held" if post.held_at is not None else "published"
        return hint(redirect(urls.post_page(post), 303), notice)  # type: ignore[arg-type]
    if asks:
        first = next(card.media for card in desk.sheet.cards if not card.alt.strip())
        addresses = Addresses(urls, me())
        return page("compose/undescribed.html", pictures=post.media, desk=desk, first=first, addresses=addresses)
    if wants_json() and not desk.errors:
        return jsonify({"saved": clock.now().isoformat(), "edit": urls.post_page(post, "edit")})
    if desk.errors:
        await _reload(desk)
        return await _show(desk, 422)
    if verb == "draft" and not desk.refused:
        return hint(redirect(urls.post_page(post, "edit"), 303), "draft")  # type: ignore[arg-type]
    await _reload(desk)
    return await _show(desk, desk.status)


async def _change(desk: Desk, verb: str) -> Response:
    assert desk.post is not None
    draft = desk.sheet.draft()
    if verb not in ("save", "publish", "undescribed") or desk.refused:
        # Moved, removed or added on the page only; Save makes it so.
        desk.said = "Not saved yet."
        return await _show(desk, desk.status)
    async with site().db.write() as tx:
        post = await posts.mine(tx, desk.post.id, me())
        act = artworks.edit if post.published_at is not None else artworks.publish
        keys = await act(tx, post, draft, urls=site().urls, generated_rule=site().settings.rights.generated)
        post = await posts.get(tx, post.id, me())
    await renditions.clear(site(), keys)
    return hint(redirect(site().urls.post_page(post), 303), "saved")  # type: ignore[arg-type]


def _already(post: Post) -> Response:
    if wants_json():
        return jsonify({"published": site().urls.post_page(post)})
    return hint(redirect(site().urls.post_page(post), 303), "already")  # type: ignore[arg-type]


async def _take_files() -> tuple[list[int], list[str], bool]:
    """Keep the files of the form. Returns the ids of the new pictures, a sentence for each file that was not taken, and whether
    there was no room for one."""
    taken: list[int] = []
    refused: list[str] = []
    is_full = False
    for file in (await request.files).getlist("files"):
        name = (file.filename or "")[-100:]
        try:
            file.check(site().settings)
            await throttle.limit(site(), "upload", str(me().id))
            media = await uploads.accept(site(), me(), file.path, file.filename or "")
            taken.append(media.id)
        except Problem as wrong:
            refused.append(f"{name}: {wrong}")
            if isinstance(wrong, Full):
                is_full = True
                break
    return taken, refused, is_full


async def _reload(desk: Desk) -> None:
    """The cards with their pictures as they are stored now; what was typed beside them stays."""
    async with site().db.read() as tx:
        found = await uploads.of(tx, [card.media.id for card in desk.sheet.cards], me())
    desk.sheet.cards = [card for card in desk.sheet.cards if card.media.id in found]
    for card in desk.sheet.cards:
        card.media = found[card.media.id]


async def _my_post(tx: Session, handle: str, post_id: int) -> Post:
    """One of my own posts, under my own name; NotFound for everything else (security.md row 42)."""
    post = await posts.get(tx, post_id, me())
    if post.author_id != me().id or handle.lower() != me().handle.lower():
        raise NotFound
    return post


async def _show(desk: Desk, status: int = 200) -> Response:
    async with site().db.read() as tx:
        names = await galleries.names(tx, me())
        count = await artworks.count_drafts(tx, me())
    sheet = desk.sheet
    return page(
        "compose/work.html",
        status,
        pictures=[card.media for card in sheet.cards],
        desk=desk,
        sheet=sheet,
        errors=desk.errors,
        names=[*names, *(name for name in sheet.galleries if name not in names)],
        count=count,
        media=MEDIA,
        licences=LICENCES,
        reservations=RESERVATIONS,
        house=terms.of_house(),
        hashtag=channels.HASHTAG,
        labels=generated.LABELS,
        rule=site().settings.rights.generated,
        hints=HINTS,
        addresses=Addresses(site().urls, me()),
        full=artworks.MAX_ALT,
        most=uploads.MAX_PICTURES,
    )


async def _card(media_id: int, status: int = 200) -> Response:
    async with site().db.read() as tx:
        found = await uploads.of(tx, [media_id], me())
    if media_id not in found:
        raise NotFound
    card = forms.card(found[media_id])
    return page("compose/card.html", status, card=card, addresses=Addresses(site().urls, me()), full=artworks.MAX_ALT)
