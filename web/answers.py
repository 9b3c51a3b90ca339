"""Answers for programs: feeds, files for crawlers, what embeds a work. The same for everybody who asks, and open to scripts."""

import hashlib

from quart import Response, request

from server.rights import Rights
from web import terms


def send(body: str, media_type: str, rights: Rights | None = None, *, seconds: int = 0) -> Response:
    """`body` with its ETag, or 304 where the reader has it; the headers of `rights` stand on both.

    Caches may keep it for `seconds`; where that is 0 as decision 11 says for pages: what was taken down is gone in five.
    """
    content = body.encode()
    etag = hashlib.sha256(content).hexdigest()[:24]
    response = Response(content, 200, content_type=media_type)
    response.set_etag(etag)
    fresh = f"max-age={seconds}" if seconds else "max-age=0, s-maxage=5, must-revalidate"
    response.headers["Cache-Control"] = f"public, {fresh}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if rights is not None:
        terms.say(response, rights)
    if request.if_none_match.contains(etag):
        response.status_code = 304
        response.set_data(b"")
        del response.headers["Content-Type"]
    return response
