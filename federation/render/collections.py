"""Collections: galleries, what was pinned, who follows whom, conversations."""

from collections.abc import Sequence
from typing import Any

from federation.render.posts import hashtag
from federation.vocabulary import Json
from server import text
from server.models import Actor, Gallery, Tag
from server.urls import Urls


def collection(uri: str, total: int, first: str = "", **more: Any) -> Json:
    """An ordered collection. Without `first` only the number is told."""
    return {"id": uri, "type": "OrderedCollection", "totalItems": total} | ({"first": first} if first else {}) | more


def page(uri: str, part_of: str, items: Sequence[Any], following: str = "") -> Json:
    """One page of an ordered collection; `following` is the address of the next one, if there is one."""
    whole: Json = {"id": uri, "type": "OrderedCollectionPage", "partOf": part_of, "orderedItems": list(items)}
    return whole | ({"next": following} if following else {})


def unordered(uri: str, total: int, **more: Any) -> Json:
    """A collection in no order: likes, boosts, answers, tags."""
    return {"id": uri, "type": "Collection", "totalItems": total} | more


def gallery(shown: Gallery, urls: Urls, total: int) -> Json:
    """A gallery: an ordered collection of its artist's works; needs `shown.owner`."""
    uri = urls.gallery(shown)
    return collection(
        uri,
        total,
        f"{uri}?page=1",
        attributedTo=urls.actor(shown.owner),
        name=shown.name,
        summary=text.to_html(shown.text, urls, {}),
        url=urls.gallery_page(shown),
    )


def featured_tags(person: Actor, urls: Urls, used: Sequence[Tag]) -> Json:
    """The tags that somebody uses most, in one page."""
    return unordered(urls.featured_tags(person), len(used), items=[hashtag(tag, urls) for tag in used])
