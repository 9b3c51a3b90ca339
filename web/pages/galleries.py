"""Galleries: the list of a person's, one of them, and what its owner does there."""

from typing import cast

from quart import Blueprint, Response, redirect, request

from server import galleries, ids, posts
from server.errors import Forbidden, Invalid, NotFound
from server.galleries import Where
from server.models import Actor, Gallery, Media
from web.auth import public, signed_in
from web.current import me, site, viewer
from web.page import hint, page
from web.pages.profiles import head, lives_elsewhere, wants_document
from web.paging import covers
from web.people import original, person
from web.pictures import Addresses, first_sentence

blueprint = Blueprint("galleries", __name__)


@blueprint.get("/@<handle>/galleries")
@public
async def index(handle: str) -> Response:
    """All galleries of one person; empty ones only to themselves."""
    return await _index(handle)


@blueprint.post("/@<handle>/galleries")
@signed_in
async def create(handle: str) -> Response:
    """A new gallery of one's own."""
    _only_owner(handle)
    form = await request.form
    try:
        async with site().db.write() as tx:
            made = await galleries.create(tx, me(), form.get("name", ""), form.get("text", ""))
    except Invalid as wrong:
        return await _index(handle, wrong.fields, form)
    return _to(site().urls.gallery_page(made), "saved")


@blueprint.get("/@<handle>/galleries/<slug>")
@public
async def show(handle: str, slug: str) -> Response:
    """One gallery: its text, and its works in the artist's order."""
    async with site().db.read() as tx:
        gallery = await galleries.get(tx, await person(tx, handle, viewer()), slug)
        works = await galleries.works(tx, gallery, viewer())
        if not works and (viewer() is None or gallery.owner_id != me().id):
            # As in the list of galleries: a name without works may tell of what is not public (row 39).
            raise NotFound("There is no such gallery.")
        if wants_document():
            return redirect(site().urls.gallery(gallery), 302)  # type: ignore[return-value]
    return page(
        "gallery/show.html",
        shared=True,
        pictures=covers(works),
        carries=works,
        gallery=gallery,
        works=works,
        mine=viewer() is not None and gallery.owner_id == me().id,
        description=first_sentence(gallery.text) or f"A gallery by {gallery.owner.display_name}.",
        addresses=Addresses(site().urls, viewer()),
    )


@blueprint.get("/@<handle>/galleries/<slug>/edit")
@signed_in
async def edit(handle: str, slug: str) -> Response:
    """Name, text, order of the works, and the end of a gallery."""
    return await _edit(handle, slug)


@blueprint.post("/@<handle>/galleries/<slug>/edit")
@signed_in
async def save(handle: str, slug: str) -> Response:
    """Change name and text."""
    form = await request.form
    try:
        async with site().db.write() as tx:
            gallery = await galleries.get(tx, _only_owner(handle), slug)
            await galleries.edit(tx, gallery, form.get("name", ""), form.get("text", ""))
    except Invalid as wrong:
        return await _edit(handle, slug, wrong.fields, form)
    return _to(site().urls.gallery_page(gallery), "saved")


@blueprint.post("/@<handle>/galleries/<slug>/move")
@signed_in
async def move(handle: str, slug: str) -> Response:
    """Move one work to the start, one place up or down, or to the end."""
    form = await request.form
    post_id = ids.parse(form.get("post", ""))
    async with site().db.write() as tx:
        gallery = await galleries.get(tx, _only_owner(handle), slug)
        if post_id is None:
            raise NotFound
        post = await posts.get(tx, post_id, me())
        await galleries.move(tx, gallery, post, cast("Where", form.get("where", "")))
    # Back to the row that was moved, so that the next press is where the finger is.
    return _to(f"{site().urls.gallery_page(gallery, 'edit')}#w{post.id}", "saved")


@blueprint.post("/@<handle>/galleries/<slug>/delete")
@signed_in
async def delete(handle: str, slug: str) -> Response:
    """The gallery goes, its works stay. The button stands on the edit page, below the words that say so."""
    async with site().db.write() as tx:
        gallery = await galleries.get(tx, _only_owner(handle), slug)
        await galleries.remove(tx, gallery)
    return _to(site().urls.profile(me(), "galleries"), "deleted")


async def _index(handle: str, errors: dict[str, str] | None = None, form: object = None) -> Response:
    async with site().db.read() as tx:
        actor = await person(tx, handle, viewer())
        if viewer() is None and not actor.is_local:
            return lives_elsewhere(actor, original(actor))
        found = await galleries.of(tx, actor, viewer())
        values = await head(tx, actor)
    shown = [row for row in found if row[1] or values["mine"]]
    return page(
        "profile/galleries.html",
        422 if errors else 200,
        shared=True,
        pictures=[cover for _, _, cover in shown if cover],
        galleries=shown,
        errors=errors or {},
        form=form or {},
        **values,
    )


async def _edit(handle: str, slug: str, errors: dict[str, str] | None = None, form: object = None) -> Response:
    owner = _only_owner(handle)
    async with site().db.read() as tx:
        gallery: Gallery = await galleries.get(tx, owner, slug)
        works = await galleries.works(tx, gallery, owner)
    pictures: list[Media] = covers(works)
    return page(
        "gallery/edit.html",
        422 if errors else 200,
        pictures=pictures,
        gallery=gallery,
        works=works,
        errors=errors or {},
        form=form or {"name": gallery.name, "text": gallery.text},
        addresses=Addresses(site().urls, viewer()),
    )


def _only_owner(handle: str) -> Actor:
    """The viewer, whose address this must be; raises Forbidden."""
    if me().handle.lower() != handle.lower():
        raise Forbidden("This gallery is somebody else's.")
    return me()


def _to(address: str, notice: str) -> Response:
    return hint(redirect(address, 303), notice)  # type: ignore[arg-type]
