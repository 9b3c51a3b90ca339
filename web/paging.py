"""Pages of a feed: `?before=<id>`, nothing else. The address says where one is, so going back leads back there."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from quart import request

from server import ids
from server.models import Media, Post
from server.timelines import PAGE

# One more than is shown tells whether there is an older page.
ASKED = PAGE + 1


@dataclass(frozen=True)
class Part:
    """What one page shows; `older` and `newest` are addresses, empty at the respective end."""

    posts: list[Post]
    older: str
    newest: str


def before() -> int | None:
    """The id that this page begins below; None on the first page and for what is no id."""
    return ids.parse(request.args.get("before", ""))


def part(rows: Sequence[Post], **keep: str) -> Part:
    """Cut `rows` (up to ASKED of them) to a page of this address; `keep` are further parameters that stay."""
    shown = list(rows[:PAGE])
    kept = {name: value for name, value in keep.items() if value}
    older = f"{request.path}?{urlencode(kept | {'before': shown[-1].id})}" if len(rows) > PAGE else ""
    newest = (request.path + (f"?{urlencode(kept)}" if kept else "")) if before() else ""
    return Part(posts=shown, older=older, newest=newest)


def covers(posts: Sequence[Post]) -> list[Media]:
    """The first picture of each work, for the page's one inline style."""
    return [post.media[0] for post in posts if post.media]
