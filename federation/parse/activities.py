"""Activities and collections."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from federation.parse import shapes
from federation.parse.shapes import BadDocument
from federation.vocabulary import Json
from server import text

MAX_ADDRESSED = 100
MAX_CONTENT = 50_000
MAX_EMOJI = 64


@dataclass(frozen=True)
class Activity:
    """Who did what to what. `object` is the embedded document where there is one, `object_id` its id or the address alone."""

    id: str
    type: str
    actor: str
    object_id: str = ""
    object: Json | None = None
    target: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    published: datetime | None = None
    content: str = ""
    emoji: str = ""
    raw: Json = field(default_factory=dict)


class Envelope(NamedTuple):
    """What must be known of an activity before it is kept: its id, its type, who did it."""

    id: str
    type: str
    actor: str


def envelope(document: Json) -> Envelope:
    """The outside of the activity that `document` is; raises BadDocument for whatever `activity` does, and is there for those
    who do not need the rest yet. It has one id, one type and exactly one actor (security.md row 24)."""
    found = shapes.kinds(document)
    if not found or len(found[0]) > 200:
        raise BadDocument("The activity has no type.")
    uri = shapes.uri(document.get("id"))
    if not uri:
        raise BadDocument("The activity has no id.")
    actor = shapes.uri(document.get("actor"))
    if not actor:
        raise BadDocument("The activity does not have exactly one actor.")
    # Reading every address costs more than all the rest, and so few cannot be too many.
    if len(shapes.many(document.get("to"))) + len(shapes.many(document.get("cc"))) > MAX_ADDRESSED:
        shapes.addressed(document, MAX_ADDRESSED)
    return Envelope(uri, found[0], actor)


def activity(document: Json) -> Activity:
    """The activity that `document` is, with all that we read of it. Raises BadDocument."""
    outside = envelope(document)
    about = document.get("object")
    if isinstance(about, list):
        about = about[0] if len(about) == 1 else None
    inner = about if isinstance(about, dict) else None
    to, cc = shapes.addressed(document, MAX_ADDRESSED)
    return Activity(
        id=outside.id,
        type=outside.type,
        actor=outside.actor,
        object_id=shapes.uri(about),
        object=inner,
        target=shapes.uri(document.get("target")),
        to=to,
        cc=cc,
        published=shapes.past(document.get("published")),
        content=text.plain(shapes.words(document.get("content"))[:MAX_CONTENT]),
        emoji=_emoji(document) if outside.type in ("Like", "EmojiReact") else "",
        raw=document,
    )


def _emoji(document: Json) -> str:
    """What somebody reacted with: one grapheme, or the name of a custom emoji."""
    said = document.get("content") or document.get("_misskey_reaction")
    found = text.line(said) if isinstance(said, str) and len(said) <= 10 * MAX_EMOJI else ""
    return found if len(found) <= MAX_EMOJI and "<" not in found else ""


@dataclass(frozen=True)
class Page:
    """A collection, or a page of one: `items` are addresses or whole documents."""

    id: str
    items: list[str | Json]
    next: str | Json = ""
    total: int = 0


def collection(document: Json) -> Page:
    """What a Collection, an OrderedCollection or a page of one holds; `next` is where it goes on, its first page included."""
    items = [*shapes.many(document.get("orderedItems")), *shapes.many(document.get("items"))]
    found: list[str | Json] = []
    for one in items:
        if isinstance(one, dict):
            found.append(one)
        elif at := shapes.address(one):
            found.append(at)
    total = document.get("totalItems")
    following: Any = document.get("next")
    if not found and following is None:
        following = document.get("first")
    if not isinstance(following, dict) or (
        shapes.uri(following) and not ({"items", "orderedItems"} & following.keys())
    ):
        following = shapes.uri(following)
    return Page(
        id=shapes.uri(document.get("id")),
        items=found,
        next=following,
        total=total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else 0,
    )
