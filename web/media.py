"""Pictures as bytes: `/media/<media id>/<hash>-<width>.<ext>` (decisions 11 and 12).

No cookie is ever looked at. A stranger gets what `posts.visible_to` shows to strangers; whoever holds an address that we signed
for somebody gets what that person may see at this moment. Everything else is 404, whatever the reason (security.md rows 41, 52).
"""

import asyncio
import re
from dataclasses import dataclass

from quart import Blueprint, Response, request
from quart.wrappers.response import FileBody
from werkzeug.datastructures import Range
from werkzeug.http import parse_range_header

from server import clock, ids, viewing
from server.db import Session
from server.errors import NotFound
from server.media.orders import MIME
from server.models import Actor, Rendition
from server.urls import ENDINGS
from web.auth import machine
from web.current import site

blueprint = Blueprint("media", __name__)

NAME = re.compile(r"([0-9a-f]{20})-([1-9]\d{0,5})\.([a-z]{3,4})")
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
    is_public: bool


class _Blocks(FileBody):
    """A file that is read in large blocks, off the loop."""

    buffer_size = BLOCK


@blueprint.get("/media/<media_id>/<name>")
@machine
async def show(media_id: str, name: str) -> Response:
    """One public file, or one that an address of ours opens for the person it was signed for. HEAD alike."""
    found = await _find(media_id, name)
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
    if parsed is None or number is None or parsed[3] not in FORMATS:
        raise NotFound
    async with site().db.read() as tx:
        rendition = await viewing.find(tx, number, parsed[1], int(parsed[2]), FORMATS[parsed[3]])
        if rendition is None:
            raise NotFound
        if await viewing.may_see(tx, number, None):
            return _File(rendition, is_public=True)
        viewer = await _signed_for(tx)
        if viewer is not None and await viewing.may_see(tx, number, viewer):
            return _File(rendition, is_public=False)
    raise NotFound


async def _signed_for(tx: Session) -> Actor | None:
    """The person whom the signature of this address names, if it holds and if they may still come in."""
    viewer_id, until = ids.parse(request.args.get("for", "")), ids.parse(request.args.get("until", ""))
    if viewer_id is None or until is None or not 0 < until - clock.now().timestamp() <= LONGEST_SIGNED:
        return None
    if not site().urls.is_signed(request.path, viewer_id, until, request.args.get("sig", "")):
        return None
    return await viewing.person(tx, viewer_id)
