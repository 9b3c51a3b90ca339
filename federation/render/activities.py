"""What our people do, in the forms that every receiver reads (FEDERATION.md, rule 11).

`uri` is the id of the activity, for those that have no address of their own. What they are about stands there as an address; only
Create and Update carry it whole, and only Accept, Reject and Undo carry another activity.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from federation import audience
from federation.render.documents import moment
from federation.render.posts import TYPES
from federation.vocabulary import Json
from server.models import Actor, Post
from server.urls import Urls


# -- posts ---------------------------------------------------------------------------------------------------------------
def create(post: Post, urls: Urls, rendered: Json) -> Json:
    """The activity that brought `post` into the world, around `rendered`."""
    activity = _activity(
        urls.activity(post), "Create", urls.actor(post.author), rendered, rendered["to"], rendered["cc"]
    )
    return activity | {"published": rendered["published"]}


def update(uri: str, post: Post, urls: Urls, rendered: Json) -> Json:
    """`post` is different now: `rendered` is the whole of it."""
    activity = _activity(uri, "Update", urls.actor(post.author), rendered, rendered["to"], rendered["cc"])
    return activity | {"published": rendered.get("updated", rendered["published"])}


def delete(uri: str, post: Post, urls: Urls, to: Sequence[str], cc: Sequence[str]) -> Json:
    """`post` is gone. Whom it was for is no longer in its row: `to` and `cc` are those of what was sent before."""
    if post.deleted_at is None:
        raise ValueError("only what is deleted is gone")
    stone = {
        "id": urls.post(post),
        "type": "Tombstone",
        "formerType": TYPES[post.kind],
        "deleted": moment(post.deleted_at),
    }
    return _activity(uri, "Delete", urls.actor(post.author), stone, to, cc)


def announce(boost: Post, boosted: Post, urls: Urls) -> Json:
    """The boost of a post; it is a post itself and its address is the activity's. Needs both authors."""
    if boost.published_at is None:
        raise ValueError("a boost that nobody published")
    to, cc = audience.of_boost(boost, boosted, urls)
    activity = _activity(urls.post(boost), "Announce", urls.actor(boost.author), urls.post(boosted), to, cc)
    return activity | {"published": moment(boost.published_at)}


def like(uri: str, actor: Actor, post: Post, urls: Urls) -> Json:
    """`actor` likes `post`; needs `post.author`, who alone is told."""
    return _activity(uri, "Like", urls.actor(actor), urls.post(post), [urls.actor(post.author)])


# -- people --------------------------------------------------------------------------------------------------------------
def follow(uri: str, actor: Actor, person: Actor, urls: Urls) -> Json:
    """`actor` wants to follow `person`."""
    return _activity(uri, "Follow", urls.actor(actor), urls.actor(person), [urls.actor(person)])


def accept(uri: str, followed: Actor, follower: Actor, follow_uri: str, urls: Urls) -> Json:
    """`followed`, one of ours, agrees to the follow that `follower` asked for with the activity `follow_uri`."""
    return _answer(uri, "Accept", followed, follower, follow_uri, urls)


def reject(uri: str, followed: Actor, follower: Actor, follow_uri: str, urls: Urls) -> Json:
    """`followed` does not agree, or ends a follow that was."""
    return _answer(uri, "Reject", followed, follower, follow_uri, urls)


def block(uri: str, actor: Actor, person: Actor, urls: Urls) -> Json:
    """`actor` blocks `person` and wants their server to know."""
    return _activity(uri, "Block", urls.actor(actor), urls.actor(person), [urls.actor(person)])


def update_actor(uri: str, actor: Actor, urls: Urls, rendered: Json, at: datetime) -> Json:
    """What `actor` says of themselves is different now: `rendered` is the whole of it."""
    to, cc = audience.of_actor(actor, urls)
    return _activity(uri, "Update", urls.actor(actor), rendered, to, cc) | {"published": moment(at)}


def flag(uri: str, house: Actor, person: Actor, posts: Sequence[Post], comment: str, urls: Urls) -> Json:
    """A report of `person` and of their `posts`, by the house: who complained is nobody's business elsewhere."""
    about = [urls.actor(person), *(urls.post(post) for post in posts)]
    return _activity(uri, "Flag", urls.actor(house), about, [urls.actor(person)]) | {"content": comment}


# -- collections and taking back -----------------------------------------------------------------------------------------
def add(uri: str, actor: Actor, post: Post, target: str, urls: Urls) -> Json:
    """`post` now stands in the collection `target`: a gallery of `actor`, or what they pinned."""
    to, cc = audience.of_actor(actor, urls)
    return _activity(uri, "Add", urls.actor(actor), urls.post(post), to, cc) | {"target": target}


def remove(uri: str, actor: Actor, post: Post, target: str, urls: Urls) -> Json:
    """`post` does not stand in `target` any more."""
    return add(uri, actor, post, target, urls) | {"type": "Remove"}


def undo(uri: str, inner: Json) -> Json:
    """Take `inner` back, an activity as it was sent: it is carried whole, since some readers do not look it up."""
    bare = {term: value for term, value in inner.items() if term not in ("@context", "proof")}
    return _activity(uri, "Undo", inner["actor"], bare, inner.get("to", ()), inner.get("cc", ()))


def _answer(uri: str, kind: str, followed: Actor, follower: Actor, follow_uri: str, urls: Urls) -> Json:
    theirs = {"id": follow_uri, "type": "Follow", "actor": urls.actor(follower), "object": urls.actor(followed)}
    return _activity(uri, kind, urls.actor(followed), theirs, [urls.actor(follower)])


def _activity(
    uri: str, kind: str, actor: str, about: Json | str | list[str], to: Sequence[str], cc: Sequence[str] = ()
) -> Json:
    whole: dict[str, Any] = {"id": uri, "type": kind, "actor": actor, "object": about, "to": list(to)}
    return whole | ({"cc": list(cc)} if cc else {})
