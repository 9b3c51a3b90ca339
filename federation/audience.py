"""Who a post is for: visibility → `to` and `cc`."""

from collections.abc import Iterable

from federation.vocabulary import PUBLIC
from server.models import Actor, Audience, Post
from server.urls import Urls


def addresses(post: Post, urls: Urls, mentioned: Iterable[Actor] = ()) -> tuple[list[str], list[str]]:
    """`to` and `cc` of a post and of the activity around it; needs `post.author`.

    The forms are those by which the fediverse tells the four audiences apart: Public in `to`, Public in `cc`, followers
    alone, people alone.
    """
    people = [urls.actor(actor) for actor in mentioned]
    followers = urls.followers(post.author)
    match post.audience:
        case Audience.EVERYONE:
            return [PUBLIC], [followers, *people]
        case Audience.UNLISTED:
            return [followers], [PUBLIC, *people]
        case Audience.FOLLOWERS:
            return [followers], people
        case Audience.MENTIONED:
            return people, []


def of_boost(boost: Post, boosted: Post, urls: Urls) -> tuple[list[str], list[str]]:
    """`to` and `cc` of a boost: everybody, the booster's followers, and whose post it is; needs both authors."""
    return [PUBLIC], [urls.followers(boost.author), urls.actor(boosted.author)]


def of_actor(actor: Actor, urls: Urls) -> tuple[list[str], list[str]]:
    """`to` and `cc` of what somebody says of themselves; the house has no followers."""
    return [PUBLIC], [] if actor.is_house else [urls.followers(actor)]
