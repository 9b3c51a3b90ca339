"""Works under one word."""

from quart import Blueprint, Response, redirect

from server import tags, timelines
from server.errors import NotFound
from server.rights import channels
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
        try:
            tag = await tags.get(tx, name)
        except NotFound:
            if tags.fold(name) != tags.fold(channels.HASHTAG):
                raise
            # The word under which texts of ours travel, though nobody typed it as a tag.
            return redirect(site().urls.page("/rights"), 302)  # type: ignore[return-value]
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
