"""The untouched original of a picture: for its artist, and for whom they give an address that ends by itself."""

import asyncio
from contextlib import suppress
from typing import cast
from urllib.parse import quote

from quart import Blueprint, Response, redirect, request
from quart.wrappers.response import FileBody
from werkzeug.http import parse_range_header

from server import clock, ids, originals, posts
from server.db import Session
from server.errors import Full, Invalid, NotFound
from server.media.orders import MIME
from server.models import Media, OriginalLink, Post
from web import terms
from web.auth import machine, signed_in
from web.current import me, site
from web.page import hint, page
from web.pictures import Addresses

blueprint = Blueprint("originals", __name__)

BLOCK = 256 * 1024
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",  # the address is the key
    "Accept-Ranges": "bytes",
}


class _Blocks(FileBody):
    """A file that is read in large blocks, off the loop."""

    buffer_size = BLOCK


@blueprint.get("/works/<id:post_id>/originals")
@signed_in
async def show(post_id: int) -> Response:
    """The originals of a work, and to whom they are given; for its artist alone."""
    return await _page(post_id, {}, {})


@blueprint.post("/works/<id:post_id>/originals")
@signed_in
async def give(post_id: int) -> Response:
    """Make an address for one picture."""
    form = await request.form
    media_id, days = ids.parse(form.get("picture", "")), ids.parse(form.get("days", ""))
    try:
        async with site().db.write() as tx:
            post = await _mine(tx, post_id)
            if media_id is None or media_id not in [media.id for media in post.media]:
                raise NotFound
            await originals.create(tx, site(), me(), media_id, form.get("label", ""), days or 0)
    except Invalid as wrong:
        return await _page(post_id, dict(form), wrong.fields)
    return hint(_back(post_id), "given")


@blueprint.post("/works/<id:post_id>/originals/<id:link_id>/end")
@signed_in
async def end(post_id: int, link_id: int) -> Response:
    """End an address before its time. Twice is once."""
    async with site().db.write() as tx:
        post = await originals.revoke(tx, me(), link_id)
    return hint(_back(post.id), "ended")


@blueprint.get("/works/<id:post_id>/originals/<id:media_id>")
@signed_in
async def take(post_id: int, media_id: int) -> Response:
    """The artist's own file, as they uploaded it."""
    async with site().db.read() as tx:
        media, post = await originals.picture(tx, media_id, me())
    if post.id != post_id:
        raise NotFound
    return await _send(media, post)


@blueprint.get("/original/<token>")
@machine
async def fetch(token: str) -> Response:
    """The original behind an address, byte for byte. Whoever has the address may have it, until it ends."""
    async with site().db.read() as tx:
        link, media, post = await originals.find(tx, token)
    response = await _send(media, post)
    # A download that goes on where it broke off is one download.
    if request.method == "GET" and (response.status_code == 200 or _begins(response)):
        with suppress(Full):  # on a full disk people can still take what they were given (P11)
            async with site().db.write() as tx:
                await originals.used(tx, link)
    return response


def _begins(response: Response) -> bool:
    return response.status_code == 206 and response.headers["Content-Range"].startswith("bytes 0-")


async def _send(media: Media, post: Post) -> Response:
    """The file as an attachment, whole or the one part that is asked for."""
    try:
        path = await asyncio.to_thread(site().storage.path, media.master_key)
    except FileNotFoundError:
        raise NotFound from None
    kind = MIME.get(media.format, "application/octet-stream")
    etag = f'"{media.master_hash}"'
    headers = HEADERS | {"ETag": etag, "Content-Disposition": _named(media)}
    size = media.master_bytes
    begin, finish, status = 0, size, 200
    asked = parse_range_header(request.headers.get("Range")) if request.headers.get("If-Range", etag) == etag else None
    if asked is not None and asked.units == "bytes" and len(asked.ranges) == 1:
        part = asked.range_for_length(size)
        if part is None:
            return _said(
                Response(b"", 416, headers | {"Content-Range": f"bytes */{size}"}, content_type=kind), media, post
            )
        begin, finish = part
        status, headers = 206, headers | {"Content-Range": f"bytes {part[0]}-{part[1] - 1}/{size}"}
    if request.method == "HEAD":
        response = Response(b"", status, headers, content_type=kind)
    else:
        body = _Blocks(path)
        await body.make_conditional(begin, finish)
        response = Response(body, status, headers, content_type=kind)
    response.content_length = finish - begin
    return _said(response, media, post)


def _said(response: Response, media: Media, post: Post) -> Response:
    """With the rights of the work, and never listed anywhere."""
    described = terms.of_picture(media, post) if post.artwork is not None else terms.of_person(post.author)
    return terms.say(response, described, listed=False)


def _named(media: Media) -> str:
    """The name that the artist's file had (RFC 6266); a plain one for readers that know no other alphabets."""
    plain = f"original-{media.id}.{media.format}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(media.name, safe='')}"


async def _page(post_id: int, typed: dict[str, str], wrong: dict[str, str]) -> Response:
    async with site().db.read() as tx:
        post = await _mine(tx, post_id)
        links = await originals.of(tx, post)
    names = {media.id: (number, media) for number, media in enumerate(post.media, 1)}
    return page(
        "work/originals.html",
        422 if wrong else 200,
        pictures=post.media,
        post=post,
        given=[(link, *names[link.media_id], _address(link)) for link in links],
        now=clock.now(),
        days=originals.DAYS,
        longest=originals.MAX_LABEL,
        form={
            "label": typed.get("label", ""),
            "days": typed.get("days", "7"),
            "picture": typed.get("picture", str(post.media[0].id) if post.media else ""),
        },
        errors=wrong,
        addresses=Addresses(site().urls, me()),
    )


def _address(link: OriginalLink) -> str:
    return site().urls.page(f"/original/{originals.token(site(), link)}")


async def _mine(tx: Session, post_id: int) -> Post:
    post = await posts.get(tx, post_id, me())
    if post.artwork is None or post.author_id != me().id:
        raise NotFound
    return post


def _back(post_id: int) -> Response:
    return cast(Response, redirect(f"/works/{post_id}/originals", 303))
