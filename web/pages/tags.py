"""Works under one word."""

from quart import Blueprint, Response

from server import tags, timelines
from server.errors import NotFound
from web.auth import public
from web.current import site, viewer
from web.page import page
from web.paging import ASKED, before, covers, part
from web.pictures import Addresses

blueprint = Blueprint("tags", __name__)


@blueprint.get("/tags/<name>")
@public
async def show(name: str) -> Response:
    """The wall of works that carry the tag, newest first."""
    async with site().db.read() as tx:
        tag = await tags.get(tx, name)
        rows = await timelines.tag(tx, tag, viewer(), before(), ASKED)
    if not rows and before() is None:
        # A word that only stands under what the viewer may not see is a word that nobody has used (row 41).
        raise NotFound(tags.UNUSED)
    found = part(rows)
    return page(
        "tag/show.html",
        shared=True,
        pictures=covers(found.posts),
        carries=found.posts,
        tag=tag,
        found=found,
        addresses=Addresses(site().urls, viewer()),
    )
