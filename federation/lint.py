"""The rules for everything we emit (FEDERATION.md, "Rules"): what known receivers drop, mangle or refuse is never sent.

Each rule is a function from a document and its dialect to what is wrong with it; `check` runs all of them. A proof that was added
is no concern of theirs.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from federation.vocabulary import (
    ACTIVITIES,
    ACTORS,
    AS2,
    MAX_SIDE,
    MEDIA_TYPES,
    PUBLIC,
    SECURITY,
    SHARED_FORMATS,
    Json,
)
from server.models import Dialect

MAX_NESTING = 7
MAX_BYTES = 256_000
MAX_MASTODON = 4  # pictures of one post
POSTS = ("Note", "Image")
# What documents may point to as context; everything else stands inside them.
CONTEXTS = (AS2, SECURITY)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Terms of the two contexts that a prefix of ours would shadow; `cc` is the classic.
_STANDARD = """
    id type as ldp vcard xsd sec dc actor attachment attributedTo bcc bto cc content context first followers following icon
    image inReplyTo inbox items key likes mediaType name object orderedItems outbox owner partOf preferredUsername
    publicKey published replies shares signature source streams summary tag target to totalItems updated url
"""
_TAKEN = frozenset(_STANDARD.split())

Rule = Callable[[Json, Dialect], Iterator[str]]


def check(document: Json, dialect: Dialect = Dialect.IMAGE) -> list[str]:
    """What is wrong with `document`, a whole one, each with the number of its rule; empty where nothing is.

    `dialect` is the one in which it was rendered, for documents that have dialects.
    """
    return [f"rule {number}: {wrong}" for number, rule in RULES.items() for wrong in rule(document, dialect)]


def one_string(document: Json, dialect: Dialect) -> Iterator[str]:
    """`type`, `id`, `attributedTo`, `actor` and `url` are single strings, and pages lie on the host of the id."""
    for part in _objects(document):
        for term in ("type", "id", "attributedTo", "actor", "href"):
            if term in part and not isinstance(part[term], str):
                yield f"{term} of {_name(part)} is not one string"
        url = part.get("url")
        if _is_media(part) or (_is_post(part) and part["type"] == "Image" and dialect is Dialect.IMAGE):
            first = url[0] if isinstance(url, list) and url else {}
            if not isinstance(first, dict) or first.get("mediaType") != "text/html":
                yield f"url of {_name(part)} does not begin with the Link to its page"
            url = first.get("href") if isinstance(first, dict) else None
        if url is not None and not isinstance(url, str):
            yield f"url of {_name(part)} is not one string"
        elif url and "id" in part and not _is_file(part) and _host(url) != _host(part["id"]):
            yield f"the page of {_name(part)} is on another host"


def titles(document: Json, dialect: Dialect) -> Iterator[str]:
    """A Note has no name; content is there and not empty."""
    for part in _posts(document):
        if part["type"] == "Note" and "name" in part:
            yield f"{_name(part)} is a Note with a name"
        if not isinstance(part.get("content"), str) or not re.sub(r"<[^>]*>", "", part["content"]).strip():
            yield f"{_name(part)} has no content"


def warnings(document: Json, dialect: Dialect) -> Iterator[str]:
    """`summary` is the content warning or null; where there is one, `sensitive` is true. For Mastodon it is the description."""
    for part in _posts(document):
        if "summary" not in part or part["summary"] == "":
            yield f"summary of {_name(part)} is neither a warning nor null"
        if part["type"] == "Image" and dialect is Dialect.IMAGE_MASTODON:
            if part.get("summary") and part["summary"] != part.get("content"):
                yield f"summary of {_name(part)} is not its description"
        elif part.get("summary") and part.get("sensitive") is not True:
            yield f"{_name(part)} has a warning and is not sensitive"


def arrays(document: Json, dialect: Dialect) -> Iterator[str]:
    """`to`, `cc`, `tag` and `attachment` are arrays, and Public is spelled in full."""
    for part in _objects(document):
        for term in ("to", "cc", "tag", "attachment"):
            if term in part and not isinstance(part[term], list):
                yield f"{term} of {_name(part)} is not an array"
        if {"as:Public", "Public"} & set(map(str, [*_list(part.get("to")), *_list(part.get("cc"))])):
            yield f"{_name(part)} does not spell {PUBLIC} in full"
    for part in _posts(document):
        yield from (f"{_name(part)} lacks {term}" for term in ("to", "cc", "tag", "attachment") if term not in part)


def moments(document: Json, dialect: Dialect) -> Iterator[str]:
    """`inReplyTo` is always there; times are RFC 3339, UTC, with Z; `updated` is not before `published`."""
    for part in _objects(document):
        for term in ("published", "updated", "deleted"):
            if term in part and not _is_moment(part[term]):
                yield f"{term} of {_name(part)} is not a time in UTC"
        if part.get("updated") and str(part["updated"]) < str(part.get("published", "")):
            yield f"{_name(part)} was edited before it was published"
    for part in _posts(document):
        yield from (f"{_name(part)} lacks {term}" for term in ("inReplyTo", "published") if term not in part)


def pictures(document: Json, dialect: Dialect) -> Iterator[str]:
    """Attachments of a post are Images with one plain address, alt text as plain text, and the measures of that very file."""
    kinds = [MEDIA_TYPES[name] for name in SHARED_FORMATS]
    for part in _posts(document):
        secure = urlsplit(part["id"]).scheme
        if (
            dialect is Dialect.IMAGE_MASTODON
            and part["type"] == "Image"
            and len(part.get("attachment", [])) > MAX_MASTODON
        ):
            yield f"{_name(part)} has more pictures than Mastodon shows"
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
            if not str(picture.get("digestMultibase", "zQm")).startswith("zQm"):
                yield f"{where} has a digest that is not SHA-256"


def contexts(document: Json, dialect: Dialect) -> Iterator[str]:
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


def size(document: Json, dialect: Dialect) -> Iterator[str]:
    """Nesting, bytes, and words of JSON-LD that many readers do not follow."""
    if (depth := _depth({k: v for k, v in document.items() if k != "@context"})) > MAX_NESTING:
        yield f"nested {depth} deep"
    if (length := len(json.dumps(document, ensure_ascii=False).encode())) > MAX_BYTES:
        yield f"{length} bytes long"
    words = {word for part in _objects(document) for word in part} & {"@graph", "@included", "@reverse"}
    yield from (f"{word} is used" for word in words)


def hosts(document: Json, dialect: Dialect) -> Iterator[str]:
    """Activity, object, actor, key and inbox are of one host; only a Follow that is answered is somebody else's."""
    home = _host(document.get("id", ""))
    theirs = document.get("object") if document.get("type") in ("Accept", "Reject") else None
    for part in _objects(document):
        if part is theirs:
            continue
        for term in (
            "id",
            "actor",
            "attributedTo",
            "inbox",
            "outbox",
            "owner",
            "controller",
            "partOf",
            "first",
            "next",
        ):
            if isinstance(part.get(term), str) and _host(part[term]) != home:
                yield f"{term} of {_name(part)} is of another host"


def conversations(document: Json, dialect: Dialect) -> Iterator[str]:
    """`context` and `conversation` are the same address, and that of a post that answers nothing is its own."""
    for part in _posts(document):
        said, old = part.get("context"), part.get("conversation")
        if said != old:
            yield f"{_name(part)} has two conversations"
        if said is None and part.get("inReplyTo") is None:
            yield f"{_name(part)} begins no conversation"
        if said is not None and not isinstance(said, str):
            yield f"context of {_name(part)} is not one string"
        elif said and part.get("inReplyTo") is None:
            own = said != part["id"] and _host(said) == _host(part["id"]) and _last(said) == _last(part["id"])
            if not own:
                yield f"{_name(part)} answers nothing and stands in the conversation of others"


def activities(document: Json, dialect: Dialect) -> Iterator[str]:
    """What an activity is about stands there in the one form that every receiver reads."""
    for part in _objects(document):
        kind, about = part.get("type"), part.get("object")
        if kind not in ACTIVITIES:
            continue
        yield from (f"{_name(part)} lacks {term}" for term in ("id", "actor", "object") if not part.get(term))
        if kind in ("Follow", "Like", "Announce", "Block", "Add", "Remove") and not isinstance(about, str):
            yield f"object of {_name(part)} is not an address"
        if kind in ("Add", "Remove") and not isinstance(part.get("target"), str):
            yield f"target of {_name(part)} is not an address"
        if kind == "Flag" and (not isinstance(about, list) or not all(isinstance(one, str) for one in about)):
            yield f"object of {_name(part)} is not a list of addresses"
        inner = about if isinstance(about, dict) else {}
        if kind in ("Create", "Update") and not {"id", "type"} <= set(inner):
            yield f"{_name(part)} does not carry what it is about"
        if kind == "Delete" and not _is_deletion(part):
            yield f"object of {_name(part)} is neither a Tombstone nor its actor"
        if kind in ("Undo", "Accept", "Reject") and not {"id", "type", "actor", "object"} <= set(inner):
            yield f"{_name(part)} does not carry the whole activity that it is about"
        if kind == "Undo" and inner.get("actor") != part.get("actor"):
            yield f"{_name(part)} takes back what somebody else did"
        if kind in ("Accept", "Reject") and (inner.get("type"), inner.get("object")) != ("Follow", part.get("actor")):
            yield f"{_name(part)} answers a Follow of somebody else"


def people(document: Json, dialect: Dialect) -> Iterator[str]:
    """Actors have one RSA key under their own id, boxes, and a portrait with one address."""
    for part in _objects(document):
        if part.get("type") not in ACTORS or "inbox" not in part:
            continue
        uri, key, icon = part.get("id"), part.get("publicKey"), part.get("icon", {"type": "Image", "url": ""})
        if not isinstance(key, dict) or key.get("owner") != uri or not str(key.get("id")).startswith(f"{uri}#"):
            yield f"publicKey of {_name(part)} is not one key of its own"
        for proving in _list(part.get("assertionMethod")):
            shape = (proving.get("type"), proving.get("controller"), str(proving.get("publicKeyMultibase"))[:4])
            if shape != ("Multikey", uri, "z6Mk") or not str(proving.get("id")).startswith(f"{uri}#"):
                yield f"assertionMethod of {_name(part)} holds more than Ed25519 keys of its own"
        if not isinstance(icon, dict) or icon.get("type") != "Image" or not isinstance(icon.get("url"), str):
            yield f"icon of {_name(part)} is not an Image with one address"
        boxes = (part.get("outbox"), part.get("preferredUsername"), (part.get("endpoints") or {}).get("sharedInbox"))
        if not all(isinstance(box, str) and box for box in boxes):
            yield f"{_name(part)} lacks an outbox, a shared inbox or a name"


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
    10: conversations,
    11: activities,
    12: people,
}


def _objects(value: Any) -> Iterator[Json]:
    """Every object in a document, the document first; its context and proof left out."""
    if isinstance(value, dict):
        yield value
        for term, inner in value.items():
            if term not in ("@context", "proof"):
                yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _posts(document: Json) -> Iterator[Json]:
    return (part for part in _objects(document) if _is_post(part))


def _is_post(part: Json) -> bool:
    """Pictures inside a post, and portraits, are Images too; only a post has an author, and a picture that stands alone."""
    return part.get("type") in POSTS and "attributedTo" in part and not _is_media(part)


def _is_media(part: Json) -> bool:
    return part.get("type") == "Image" and "attributedTo" in part and "/media/" in str(part.get("id"))


def _is_file(part: Json) -> bool:
    """A picture inside a post: its address is that of the file, which may lie elsewhere."""
    return part.get("type") == "Image" and "attributedTo" not in part


def _is_deletion(part: Json) -> bool:
    about, actor = part.get("object"), part.get("actor")
    if isinstance(about, dict):
        kind = about.get("type")
        return bool(about.get("id")) and (kind == "Tombstone" or (kind in ACTORS and about["id"] == actor))
    return about == actor


def _is_moment(value: Any) -> bool:
    try:
        return bool(_MOMENT.fullmatch(value)) and datetime.fromisoformat(value) is not None
    except (TypeError, ValueError):
        return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _last(address: str) -> str:
    return urlsplit(address).path.rpartition("/")[2]


def _name(part: Json) -> str:
    return str(part.get("id") or part.get("type") or "something")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
