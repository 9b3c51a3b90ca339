"""Rights on the way out: what a page, a picture or a document says of itself in headers."""

from collections.abc import Iterable

from quart import Response

from server import rights, seals
from server.models import Actor, Media, Post, Reservation
from server.rights import Rights, channels
from web.current import site


def of(post: Post) -> Rights:
    """The rights in a work; needs `post.author` and `post.artwork`."""
    return rights.of(post, site().urls, rights.minimum(site()))


def of_picture(media: Media, post: Post) -> Rights:
    """The rights in one picture of a work."""
    return rights.of_media(media, post, site().urls, rights.minimum(site()))


def of_person(person: Actor) -> Rights:
    """What somebody's face carries: the terms with which their next work starts."""
    return rights.preferred(person, site().urls, rights.minimum(site()))


def of_wall(posts: Iterable[Post], path: str) -> Rights:
    """The rights of a page that shows several works: the strictest of them, boosted ones included (docs/rights.md 2.2)."""
    shown = [post.boost_of if post.boost_of_id else post for post in posts]
    works = [of(post) for post in shown if post is not None and post.artwork is not None]
    return rights.together(works, site(), site().urls.page(path))


def of_house() -> str:
    """What artists should know of the house's own rule before they choose a laxer one (docs/rights.md 2.2)."""
    own, least = rights.house(site()).signals, rights.minimum(site())
    said = f"The files with which this server speaks to crawlers say “{own.name}” for everything here; whoever reads only those"
    said += " finds a laxer work reserved all the same."
    if least is not Reservation.OPEN:
        name = rights.RESERVATIONS[least].name
        said += f" “{name}” is the least that holds here: a laxer choice counts as that, except for the public domain."
    return said


def sealed_by(post: Post) -> str:
    """The host whose seal the files of a work carry; empty where none does."""
    sealed = any(rendition.is_sealed for media in post.media for rendition in media.renditions)
    return seals.host(site()) if sealed else ""


def say(response: Response, described: Rights, *, listed: bool = True) -> Response:
    """Put every header of docs/rights.md 2.3 on an answer, also on 206 and 304; what is for one person is not `listed`."""
    for name, value in channels.http(described, listed=listed):
        response.headers.add(name, value)
    return response
