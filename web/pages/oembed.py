"""oEmbed 1.0: what another site needs to show a work of this house, and its rights with it."""

import json
from typing import Any
from xml.etree import ElementTree as ET

from quart import Blueprint, Response, jsonify, request

from server import posts
from server.errors import Invalid, NotFound
from server.models import Kind, Post, Rendition
from server.rights import channels
from web import terms
from web.answers import send
from web.auth import machine
from web.current import site
from web.pictures import LADDER, federated

blueprint = Blueprint("oembed", __name__)

TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
# Seconds for which the other site is asked to keep the answer.
KEEP = 3600
LARGEST = 100_000  # pixels; who asks for more asks for no bound


@blueprint.get("/api/oembed")
@machine
async def show() -> Response:
    """`url` is the page of a work, or its id. 404 for everything that a stranger may not see, whatever the reason; 501 for a
    format that is not ours to write (oEmbed 1.0, section 2.3.1)."""
    form = request.args.get("format") or "json"
    if form not in TYPES:
        answer = jsonify({"error": "This server answers as json or as xml."})
        answer.status_code = 501
        return answer
    widest, highest = _bound("maxwidth"), _bound("maxheight")
    post_id = site().urls.parse_post(request.args.get("url", "").split("?")[0].split("#")[0])
    if post_id is None:
        raise NotFound
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, None)
    if post.kind is not Kind.WORK or not post.is_local:
        raise NotFound
    found = described(post, widest, highest)
    return send(_json(found) if form == "json" else _xml(found), TYPES[form], terms.of(post))


def described(post: Post, widest: int, highest: int) -> dict[str, Any]:
    """The members of the answer. A work with a warning, or without a picture yet, is a link: nobody is shown it unasked."""
    urls, settings = site().urls, site().settings
    found: dict[str, Any] = {
        "version": "1.0",
        "type": "link",
        "title": (post.artwork.title if post.artwork else "") or "Untitled",
        "author_name": post.author.display_name,
        "author_url": urls.profile(post.author),
        "provider_name": settings.server.name,
        "provider_url": urls.page("/"),
        "cache_age": KEEP,
    }
    file = None if post.is_sensitive else _file(post, widest, highest)
    if file is not None:
        scale = min(1.0, widest / file.width, highest / file.height)
        sides = {"width": max(1, round(file.width * scale)), "height": max(1, round(file.height * scale))}
        found |= {"type": "photo", "url": urls.rendition(file), **sides}
    return found | channels.oembed(terms.of(post))


def _file(post: Post, widest: int, highest: int) -> Rendition | None:
    """The largest file of the first picture that fits; where none does, the smallest, which is then shown smaller than it is.

    The JPEG for other servers comes before a WebP that is no larger: it is shown everywhere.
    """
    if not post.media:
        return None
    old = federated(post.media[0])
    files = [file for file in post.media[0].renditions if file.purpose in LADDER and file.format == "webp"]
    files += [old] if old is not None else []
    fitting = [file for file in files if file.width <= widest and file.height <= highest]
    if fitting:
        return max(fitting, key=lambda file: (file.width, file is old))
    return min(files, key=lambda file: file.width, default=None)


def _bound(name: str) -> int:
    """A parameter in pixels; without it there is no bound. Raises Invalid."""
    given = request.args.get(name, "")
    if not given:
        return LARGEST
    if not (given.isascii() and given.isdecimal() and 0 < len(given) < 10 and int(given) > 0):
        raise Invalid(**{name: f"{name} is a number of pixels."})
    return int(given)


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _xml(found: dict[str, Any]) -> str:
    root = ET.Element("oembed")
    for name, value in found.items():
        ET.SubElement(root, name).text = str(value)
    return '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
