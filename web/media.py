"""Pictures as bytes: `/media/<media id>/<hash>-<width>.<ext>` (decisions 11 and 12), and `/elsewhere/<media id>/<width>` for
pictures of other servers, which are fetched when somebody here looks.

No cookie is ever looked at. A stranger gets what `posts.visible_to` shows to strangers; whoever holds an address that we signed
for somebody gets what that person may see at this moment; an address with a key is for other servers. Everything else is 404,
whatever the reason (security.md rows 41, 52).
"""

import asyncio
import hmac
import re
from contextlib import suppress
from dataclasses import dataclass

from quart import Blueprint, Response, request
from quart.wrappers.response import FileBody
from werkzeug.datastructures import Range
from werkzeug.http import parse_range_header

from server import cache, clock, ids, viewing
from server.db import Session
from server.errors import Full, NotFound
from server.media.orders import MIME
from server.models import Actor, Media, Rendition
from server.urls import ENDINGS
from web.auth import machine
from web.current import site

blueprint = Blueprint("media", __name__)

NAME = re.compile(r"([0-9a-f]{20})-([1-9]\d{0,5})(?:-([0-9a-f]{24}))?\.([a-z]{3,4})")
FORMATS = {ENDINGS.get(name, name): name for name in MIME}
FOREVER = "public, max-age=31536000, immutable"
# A signed address is void within two hours; a browser may keep the picture as long, nobody in between may.
PRIVATE = "private, max-age=3600"
LONGEST_SIGNED = 2 * 3600
BLOCK = 256 * 1024
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True)
class _File:
    rendition: Rendition
    media: Media
    is_public: bool


class _Blocks(FileBody):
    """A file that is read in large blocks, off the loop."""

    buffer_size = BLOCK


@blueprint.get("/media/<media_id>/<name>")
@machine
async def show(media_id: str, name: str) -> Response:
    """One public file, or one that an address of ours opens for the person it was signed for. HEAD alike."""
    found = await _find(media_id, name)
    if found.media.source:
        with suppress(Full):  # on a full disk people can still look (P11); only that they looked is not written down
            await cache.ensure(site(), found.media)
    return await _send(found, name)


@blueprint.get("/elsewhere/<media_id>/<width>")
@machine
async def fetched(media_id: str, width: str) -> Response:
    """A picture of another server, about `width` pixels wide, fetched if it is not here (row 80).

    Only an address that we signed opens it, for the viewer it names, or for everybody who may see the picture where it names
    none. What cannot be fetched is 404.
    """
    number, wanted = ids.parse(media_id), ids.parse(width)
    if number is None or wanted is None:
        raise NotFound
    async with site().db.read() as tx:
        viewer = await _signed_for(tx)
        is_ours = viewer is not None or site().urls.is_signed(request.path, 0, 0, request.args.get("sig", ""))
        media = await tx.get(Media, number) if is_ours else None
        if media is None or not media.source or not await viewing.may_see(tx, number, viewer):
            raise NotFound
    with suppress(Full):
        await cache.ensure(site(), media)
    async with site().db.read() as tx:
        rendition = await viewing.nearest(tx, number, wanted)
        if rendition is None or not await viewing.may_see(tx, number, viewer):
            raise NotFound
    name = site().urls.rendition_name(rendition)
    return await _send(_File(rendition, media, is_public=False), name)


async def _send(found: _File, name: str) -> Response:
    """The file, whole or the part that is asked for."""
    try:
        path = await asyncio.to_thread(site().storage.path, found.rendition.key)
    except FileNotFoundError:
        raise NotFound from None
    rendition, etag = found.rendition, f'"{found.rendition.hash}"'
    headers = HEADERS | {
        "ETag": etag,
        "Cache-Control": FOREVER if found.is_public else PRIVATE,
        "Content-Disposition": f'inline; filename="{rendition.media_id}-{rendition.width}.{name.rsplit(".", 1)[1]}"',
    }
    if _knows(etag):
        return Response(b"", 304, headers, content_type=MIME[rendition.format])
    size = rendition.bytes
    begin, end, status = 0, size, 200
    if (asked := _one_range(etag)) is not None:
        part = asked.range_for_length(size)
        if part is None:
            return Response(b"", 416, headers | {"Content-Range": f"bytes */{size}"}, content_type="text/plain")
        begin, end = part
        status = 206
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    if request.method == "HEAD":
        response = Response(b"", status, headers, content_type=MIME[rendition.format])
    else:
        body = _Blocks(path)
        await body.make_conditional(begin, end)
        response = Response(body, status, headers, content_type=MIME[rendition.format])
    response.content_length = end - begin
    return response


def _one_range(etag: str) -> Range | None:
    """The one part that is asked for. Several at once are answered with the whole file (RFC 9110, section 14.2 allows it)."""
    if request.headers.get("If-Range", etag) != etag:
        return None
    asked = parse_range_header(request.headers.get("Range"))
    return asked if asked is not None and asked.units == "bytes" and len(asked.ranges) == 1 else None


def _knows(etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    return etag in tags or "*" in tags


async def _find(media_id: str, name: str) -> _File:
    parsed, number = NAME.fullmatch(name), ids.parse(media_id)
    if parsed is None or number is None or parsed[4] not in FORMATS:
        raise NotFound
    async with site().db.read() as tx:
        rendition = await viewing.find(tx, number, parsed[1], int(parsed[2]), FORMATS[parsed[4]])
        if rendition is None:
            raise NotFound
        media = await tx.get_one(Media, number)
        if parsed[3]:
            audience = await viewing.audience(tx, number)
            if audience is None or not hmac.compare_digest(parsed[3], site().urls.sharing_key(rendition, audience)):
                raise NotFound
            return _File(rendition, media, is_public=False)
        if await viewing.may_see(tx, number, None):
            return _File(rendition, media, is_public=True)
        viewer = await _signed_for(tx)
        if viewer is not None and await viewing.may_see(tx, number, viewer):
            return _File(rendition, media, is_public=False)
    raise NotFound


async def _signed_for(tx: Session) -> Actor | None:
    """The person whom the signature of this address names, if it holds and if they may still come in."""
    viewer_id, until = ids.parse(request.args.get("for", "")), ids.parse(request.args.get("until", ""))
    if viewer_id is None or until is None or not 0 < until - clock.now().timestamp() <= LONGEST_SIGNED:
        return None
    if not site().urls.is_signed(request.path, viewer_id, until, request.args.get("sig", "")):
        return None
    return await viewing.person(tx, viewer_id)
