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
from server.rights import Rights
from server.urls import ENDINGS
from web import terms
from web.auth import machine
from web.current import site

blueprint = Blueprint("media", __name__)

NAME = re.compile(r"([0-9a-f]{20})-([1-9]\d{0,5})(?:-([0-9a-f]{24}))?\.([a-z]{3,4})")
FORMATS = {ENDINGS.get(name, name): name for name in MIME}
FOREVER = "public, max-age=31536000, immutable"
# A signed address is void within two hours; a browser may keep the picture as long, nobody in between may.
PRIVATE = "private, max-age=3600"
# An address of before gives other bytes than it names, and others again after the next change.
SOON = "public, max-age=60"
PRIVATE_SOON = "private, max-age=60"
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
    rights: Rights
    is_public: bool
    # At an address of before its bytes were stamped anew.
    is_former: bool = False


class _Blocks(FileBody):
    """A file that is read in large blocks, off the loop.

    It is opened before anything is answered: whoever stamps a picture anew removes its old files at any moment, and what is open
    can be read to its end.
    """

    buffer_size = BLOCK

    async def opened(self) -> "_Blocks":
        """Raises FileNotFoundError where it is gone already."""
        await super().__aenter__()
        return self

    async def __aenter__(self) -> "_Blocks":
        assert self.file is not None
        await self.file.seek(self.begin)
        return self


@blueprint.get("/media/<media_id>/<name>")
@machine
async def show(media_id: str, name: str) -> Response:
    """One public file, or one that an address of ours opens for the person it was signed for. HEAD alike."""
    found = await _find(media_id, name)
    if found.media.source:
        with suppress(Full):  # on a full disk people can still look (P11); only that they looked is not written down
            await cache.ensure(site(), found.media)
    try:
        return await _send(found, name)
    except NotFound:  # stamped anew in this very moment: the same address leads to the new file
        return await _send(await _find(media_id, name), name)


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
        described = await _rights(tx, media)
    name = site().urls.rendition_name(rendition)
    return await _send(_File(rendition, media, described, is_public=False), name)


async def _send(found: _File, name: str) -> Response:
    """The file, whole or the part that is asked for, with its rights."""
    return terms.say(await _bytes(found, name), found.rights)


async def _bytes(found: _File, name: str) -> Response:
    try:
        path = await asyncio.to_thread(site().storage.path, found.rendition.key)
    except FileNotFoundError:
        raise NotFound from None
    rendition, etag = found.rendition, f'"{found.rendition.hash}"'
    headers = HEADERS | {
        "ETag": etag,
        "Cache-Control": _kept(found),
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
        try:
            body = await _Blocks(path).opened()
        except FileNotFoundError:
            raise NotFound from None
        await body.make_conditional(begin, end)
        response = Response(body, status, headers, content_type=MIME[rendition.format])
    response.content_length = end - begin
    return response


def _kept(found: _File) -> str:
    """How long the answer may be kept, and by whom."""
    if found.is_former:
        return SOON if found.is_public else PRIVATE_SOON
    return FOREVER if found.is_public else PRIVATE


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
        found = await viewing.find(tx, number, parsed[1], int(parsed[2]), FORMATS[parsed[4]])
        if found is None:
            raise NotFound
        rendition, is_former = found.rendition, found.is_former
        media = await tx.get_one(Media, number)
        described = await _rights(tx, media)
        if parsed[3]:
            audience = await viewing.audience(tx, number)
            told = f"{parsed[1]}-{parsed[2]}.{parsed[4]}"
            if audience is None or not hmac.compare_digest(
                parsed[3], site().urls.sharing_key(rendition, audience, told)
            ):
                raise NotFound
            return _File(rendition, media, described, is_public=False, is_former=is_former)
        if await viewing.may_see(tx, number, None):
            return _File(rendition, media, described, is_public=True, is_former=is_former)
        viewer = await _signed_for(tx)
        if viewer is not None and await viewing.may_see(tx, number, viewer):
            return _File(rendition, media, described, is_public=False, is_former=is_former)
    raise NotFound


async def _rights(tx: Session, media: Media) -> Rights:
    """What the picture's work, or for a face its owner, says; a picture in a note of another server speaks for itself."""
    post, owner = await viewing.whose(tx, media)
    is_of_post = post is not None and (post.artwork is not None or bool(media.source))
    return terms.of_picture(media, post) if post is not None and is_of_post else terms.of_person(owner)


async def _signed_for(tx: Session) -> Actor | None:
    """The person whom the signature of this address names, if it holds and if they may still come in."""
    viewer_id, until = ids.parse(request.args.get("for", "")), ids.parse(request.args.get("until", ""))
    if viewer_id is None or until is None or not 0 < until - clock.now().timestamp() <= LONGEST_SIGNED:
        return None
    if not site().urls.is_signed(request.path, viewer_id, until, request.args.get("sig", "")):
        return None
    return await viewing.person(tx, viewer_id)
