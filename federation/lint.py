"""The rules for everything we emit (FEDERATION.md, "Rules"): what known receivers drop, mangle or refuse is never sent.

Each rule is a function from a document to what is wrong with it; `check` runs all of them. Rule 10 comes with conversations.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from federation.vocabulary import AS2, MAX_SIDE, MEDIA_TYPES, PUBLIC, SECURITY, SHARED_FORMATS, Json

MAX_NESTING = 7
MAX_BYTES = 256_000
POSTS = ("Note", "Image")
# What documents may point to as context; everything else stands inside them.
CONTEXTS = (AS2, SECURITY)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Terms of the two contexts that a prefix of ours would shadow; `cc` is the classic.
_STANDARD = """
    id type as ldp vcard xsd sec dc actor attachment attributedTo bcc bto cc content context first followers following icon
    image inReplyTo inbox items key likes mediaType name object orderedItems outbox owner partOf preferredUsername proof
    publicKey published replies shares signature source streams summary tag target to totalItems updated url
"""
_TAKEN = frozenset(_STANDARD.split())

Rule = Callable[[Json], Iterator[str]]


def check(document: Json) -> list[str]:
    """What is wrong with `document`, each with the number of its rule; empty where nothing is."""
    return [f"rule {number}: {wrong}" for number, rule in RULES.items() for wrong in rule(document)]


def one_string(document: Json) -> Iterator[str]:
    """`type`, `id`, `attributedTo`, `actor` and `url` are single strings, and pages lie on the host of the id."""
    for part in _objects(document):
        for term in ("type", "id", "attributedTo", "actor", "href"):
            if term in part and not isinstance(part[term], str):
                yield f"{term} of {_name(part)} is not one string"
        url = part.get("url")
        if _is_post(part) and part["type"] == "Image":
            first = url[0] if isinstance(url, list) and url else {}
            if not isinstance(first, dict) or first.get("mediaType") != "text/html":
                yield f"url of {_name(part)} does not begin with the Link to its page"
            url = first.get("href") if isinstance(first, dict) else None
        if url is not None and not isinstance(url, str):
            yield f"url of {_name(part)} is not one string"
        elif url and "id" in part and _host(url) != _host(part["id"]):
            yield f"the page of {_name(part)} is on another host"


def titles(document: Json) -> Iterator[str]:
    """A Note has no name; content is there and not empty."""
    for part in _posts(document):
        if part["type"] == "Note" and "name" in part:
            yield f"{_name(part)} is a Note with a name"
        if not isinstance(part.get("content"), str) or not re.sub(r"<[^>]*>", "", part["content"]).strip():
            yield f"{_name(part)} has no content"


def warnings(document: Json) -> Iterator[str]:
    """`summary` is the content warning or null; where there is one, `sensitive` is true."""
    for part in _posts(document):
        if "summary" not in part or part["summary"] == "":
            yield f"summary of {_name(part)} is neither a warning nor null"
        if part.get("summary") and part.get("sensitive") is not True:
            yield f"{_name(part)} has a warning and is not sensitive"


def arrays(document: Json) -> Iterator[str]:
    """`to`, `cc`, `tag` and `attachment` are arrays, and Public is spelled in full."""
    for part in _objects(document):
        for term in ("to", "cc", "tag", "attachment"):
            if term in part and not isinstance(part[term], list):
                yield f"{term} of {_name(part)} is not an array"
        if {"as:Public", "Public"} & set(map(str, [*_list(part.get("to")), *_list(part.get("cc"))])):
            yield f"{_name(part)} does not spell {PUBLIC} in full"
    for part in _posts(document):
        yield from (f"{_name(part)} lacks {term}" for term in ("to", "cc", "tag", "attachment") if term not in part)


def moments(document: Json) -> Iterator[str]:
    """`inReplyTo` is always there; times are RFC 3339, UTC, with Z; `updated` is not before `published`."""
    for part in _objects(document):
        for term in ("published", "updated", "deleted"):
            if term in part and not _is_moment(part[term]):
                yield f"{term} of {_name(part)} is not a time in UTC"
        if part.get("updated") and str(part["updated"]) < str(part.get("published", "")):
            yield f"{_name(part)} was edited before it was published"
    for part in _posts(document):
        yield from (f"{_name(part)} lacks {term}" for term in ("inReplyTo", "published") if term not in part)


def pictures(document: Json) -> Iterator[str]:
    """Attachments of a post are Images with one plain address, alt text as plain text, and the measures of that very file."""
    kinds = [MEDIA_TYPES[name] for name in SHARED_FORMATS]
    for part in _posts(document):
        secure = urlsplit(part["id"]).scheme
        for number, picture in enumerate(_list(part.get("attachment"))):
            where = f"attachment {number} of {_name(part)}"
            if not isinstance(picture, dict) or picture.get("type") != "Image":
                yield f"{where} is no Image"
                continue
            address = urlsplit(picture["url"]) if isinstance(picture.get("url"), str) else None
            if address is None or address.scheme != secure or address.query:
                yield f"{where} has no plain address"
            if picture.get("mediaType") not in kinds:
                yield f"{where} is of a type that not everybody shows"
            if not isinstance(picture.get("name"), str):
                yield f"{where} has no alt text, not even an empty one"
            sides = (picture.get("width"), picture.get("height"))
            if not all(isinstance(side, int) and 0 < side <= MAX_SIDE for side in sides):
                yield f"{where} is not between 1 and {MAX_SIDE} pixels wide and high"
            focus = picture.get("focalPoint", [0.0, 0.0])
            if len(focus) != 2 or not all(isinstance(at, float) and -1 <= at <= 1 for at in focus):
                yield f"{where} has a focal point outside of itself"


def contexts(document: Json) -> Iterator[str]:
    """Well-known addresses plus one map inside, and no term of ours in the place of one of theirs."""
    given = _list(document.get("@context"))
    yield from (f"context {one} has to be fetched" for one in given if isinstance(one, str) and one not in CONTEXTS)
    maps = [one for one in given if isinstance(one, dict)]
    if AS2 not in given or len(maps) > 1:
        yield "the context is not ActivityStreams plus at most one map"
    for term in {term for one in maps for term in one} & _TAKEN:
        yield f"the term {term} would take the place of a standard one"
    if any("@context" in part for part in _objects(document) if part is not document):
        yield "a part has a context of its own"


def size(document: Json) -> Iterator[str]:
    """Nesting, bytes, and words of JSON-LD that many readers do not follow."""
    if (depth := _depth({k: v for k, v in document.items() if k != "@context"})) > MAX_NESTING:
        yield f"nested {depth} deep"
    if (length := len(json.dumps(document, ensure_ascii=False).encode())) > MAX_BYTES:
        yield f"{length} bytes long"
    words = {word for part in _objects(document) for word in part} & {"@graph", "@included", "@reverse"}
    yield from (f"{word} is used" for word in words)


def hosts(document: Json) -> Iterator[str]:
    """Activity, object, actor, key and inbox are of one host."""
    home = _host(document.get("id", ""))
    for part in _objects(document):
        for term in ("id", "actor", "attributedTo", "inbox", "outbox", "owner", "partOf", "first", "next"):
            if isinstance(part.get(term), str) and _host(part[term]) != home:
                yield f"{term} of {_name(part)} is of another host"


RULES: dict[int, Rule] = {
    1: one_string,
    2: titles,
    3: warnings,
    4: arrays,
    5: moments,
    6: pictures,
    7: contexts,
    8: size,
    9: hosts,
}


def _objects(value: Any) -> Iterator[Json]:
    """Every object in a document, the document first, its context left out."""
    if isinstance(value, dict):
        yield value
        for term, inner in value.items():
            if term != "@context":
                yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _posts(document: Json) -> Iterator[Json]:
    return (part for part in _objects(document) if _is_post(part))


def _is_post(part: Json) -> bool:
    """Pictures inside a post, and portraits, are Images too; only a post has an author."""
    return part.get("type") in POSTS and "attributedTo" in part


def _is_moment(value: Any) -> bool:
    try:
        return bool(_MOMENT.fullmatch(value)) and datetime.fromisoformat(value) is not None
    except (TypeError, ValueError):
        return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _name(part: Json) -> str:
    return str(part.get("id") or part.get("type") or "something")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
