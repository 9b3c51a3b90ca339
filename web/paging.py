"""Pages of a feed: `?before=<id>`, nothing else. The address says where one is, so going back leads back there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from quart import request

from server import ids
from server.models import Kind, Media, Post
from server.timelines import PAGE

# One more than is shown tells whether there is an older page.
ASKED = PAGE + 1
# How many pictures of an answer stand beside its words; its own page shows them all.
NOTE_PICTURES = 4


@dataclass(frozen=True)
class Part:
    """What one page shows; `older` and `newest` are addresses, empty at the respective end."""

    posts: list[Post]
    older: str
    newest: str


def before() -> int | None:
    """The id that this page begins below; None on the first page and for what is no id."""
    return ids.parse(request.args.get("before", ""))


def part(rows: Sequence[Post], *, then: int | None = None, **keep: str) -> Part:
    """Cut `rows` (up to ASKED of them) to a page of this address; `keep` are further parameters that stay. `then` says below what
    the next page begins, where that is not the last post's id."""
    shown = list(rows[:PAGE])
    kept = {name: value for name, value in keep.items() if value}
    last = then or shown[-1].id if len(rows) > PAGE else None
    older = f"{request.path}?{urlencode(kept | {'before': last})}" if last else ""
    newest = (request.path + (f"?{urlencode(kept)}" if kept else "")) if before() else ""
    return Part(posts=shown, older=older, newest=newest)


def shown(post: Post) -> Post:
    """What a post shows: of a boost what it boosts. Needs `posts.listing`."""
    return post.boost_of if post.boost_of_id and post.boost_of is not None else post


def covers(posts: Iterable[Post]) -> list[Media]:
    """The pictures that stand in a list of posts, for the page's one inline style: the first of a work, a few of a note."""
    pictures = []
    for post in map(shown, posts):
        pictures += post.media[: 1 if post.kind is Kind.WORK else NOTE_PICTURES]
    return pictures
