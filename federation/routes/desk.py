"""What the views of this package share: their blueprint, who may read what, and how a document is answered."""

from typing import Any

from quart import Blueprint, Response, request
from sqlalchemy import ColumnElement, and_

from federation import render
from federation.answers import conditional, on_problem, signed_answer, site
from federation.vocabulary import ACTIVITY_JSON, Json
from server import ids, posts, rights
from server.errors import Problem
from server.models import Actor, Post
from server.rights import Rights, channels
from server.urls import prefers_page

blueprint = Blueprint("federation", __name__)
blueprint.after_request(conditional)
blueprint.register_error_handler(Problem, on_problem)

PAGE = 20


def readable(viewer: Actor | None) -> ColumnElement[bool]:
    """What of Post a document may tell to `viewer`: what they may see, and what is published."""
    return and_(Post.published_at.is_not(None), posts.visible_to(viewer))


def activity(part: Json, viewer: Actor | None = None, described: Rights | None = None) -> Response:
    """`part` as a whole document, with the media type that every receiver accepts, and the rights of what it describes."""
    response = signed_answer(render.document(part), ACTIVITY_JSON, viewer)
    for name, value in channels.http(described) if described is not None else ():
        response.headers.add(name, value)
    return response


def rights_of(found: Post) -> Rights | None:
    """The rights in a work of ours; None for a note."""
    return rights.of(found, site().urls, rights.minimum(site())) if found.artwork is not None else None


def unordered_page(uri: str, part_of: str, items: list[Any], following: str = "") -> Json:
    """One page of a collection in no order; `following` is the address of the next one, if there is one."""
    part: Json = {"id": uri, "type": "CollectionPage", "partOf": part_of, "items": items}
    return part | ({"next": following} if following else {})


def to_page() -> bool:
    """Whether this reader would rather have the page."""
    return prefers_page(request.headers.get("Accept", ""))


def moved(address: str) -> Response:
    """A redirect within this host; caches keep it apart from the document at the same address."""
    response = Response("", 302, headers={"Location": address})
    response.vary.add("Accept")
    return response


def cursor(name: str) -> int:
    """The number in the query, or 0 where there is none that could be ours."""
    return ids.parse(request.args.get(name, "")) or 0
