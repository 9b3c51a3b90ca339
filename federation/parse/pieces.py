"""Posts, in whichever of the many forms their servers send them (federation.md 2 to 5)."""

import re
from collections.abc import Iterator

from federation.parse import shapes
from federation.parse.activities import MAX_ADDRESSED
from federation.parse.pictures import is_sensitive, pictures
from federation.parse.shapes import BadDocument
from federation.parse.wordings import wording
from federation.vocabulary import PUBLIC, Json
from server import clock, tags, text
from server.elsewhere import Piece
from server.models import Audience, Kind
from server.rights import stated

TYPES = ("Note", "Image", "Article", "Page", "Question", "Document", "Video", "Audio", "Event")

MAX_TAGS = 50
MAX_MENTIONS = 50


def piece(document: Json, origin: str) -> Piece:
    """The post that `document` is, as far as the server of `origin` may say so. Raises BadDocument."""
    found = shapes.kinds(document)
    kind = next((one for one in found if one in TYPES), None)
    if kind is None:
        raise BadDocument(f"{text.line((found[0] if found else 'Nothing')[:60])} is no post.")
    uri = shapes.uri(document.get("id"))
    if not shapes.same_origin(uri, origin):
        raise BadDocument("The post's id is of another server.")
    author = _author(document, uri)
    reply_to = shapes.uri(next(iter(shapes.many(document.get("inReplyTo"))), None))
    if kind == "Note" and reply_to and document.get("name") and not document.get("content"):
        raise BadDocument("It is a vote, and there is no poll here.")
    shown = pictures(document, kind)
    is_work = bool(shown) and not reply_to
    rights = stated.read(document)
    said = wording(document, kind, is_work=is_work, is_ours=bool(rights.data_mining))
    page = next((at for at, media in shapes.links(document.get("url")) if media in ("", "text/html")), "")
    to, cc = shapes.addressed(document, MAX_ADDRESSED)
    published = shapes.past(document.get("published")) or clock.now()
    updated = shapes.past(document.get("updated"))
    return Piece(
        uri=uri,
        kind=Kind.WORK if is_work else Kind.NOTE,
        author=author,
        audience=_audience(to, cc),
        published=published,
        page=page if shapes.same_origin(page, uri) else "",
        title=said.title,
        html=said.html,
        words=said.words,
        warning=said.warning,
        sensitive=is_sensitive(document) or bool(said.warning),
        mentions=tuple(_mentions(document)),
        addressed=tuple(dict.fromkeys((*to, *cc))),
        reply_to=reply_to,
        pictures=tuple(shown),
        tags=tuple(_tags(document)),
        updated=updated if updated and updated > published else None,
        context=shapes.uri(document.get("context")) or shapes.uri(document.get("conversation")),
        language=_language(document),
        rights=rights,
        raw=document,
    )


def _author(document: Json, uri: str) -> str:
    """One person, of the server that the post is of. PeerTube names its channel as well: then the Person counts."""
    listed = shapes.many(document.get("attributedTo") or document.get("actor"))
    people = [one for one in listed if isinstance(one, dict) and "Person" in shapes.kinds(one)]
    chosen = people if len(listed) > 1 and len(people) == 1 else listed
    author = shapes.uri(chosen[0]) if len(chosen) == 1 else ""
    if not shapes.same_origin(author, uri):
        raise BadDocument("The post does not have exactly one author on its own server.")
    return author


def _audience(to: tuple[str, ...], cc: tuple[str, ...]) -> Audience:
    """The narrowest reading: nobody is addressed by accident.

    Whether it is for followers cannot be seen here: only the author's own document says which address their followers have, and
    `server.elsewhere.put_post` compares.
    """
    if PUBLIC in to:
        return Audience.EVERYONE
    return Audience.UNLISTED if PUBLIC in cc else Audience.MENTIONED


def _listed(document: Json, kind: str) -> Iterator[Json]:
    for one in shapes.many(document.get("tag")):
        if isinstance(one, dict) and kind in shapes.kinds(one):
            yield one


def _tags(document: Json) -> list[str]:
    found: dict[str, str] = {}
    for one in _listed(document, "Hashtag"):
        label = text.line(shapes.words(one.get("name"))[:500]).lstrip("#＃")
        if tags.is_tag(label):
            found.setdefault(tags.fold(label), label)
            if len(found) == MAX_TAGS:
                break
    return list(found.values())


def _mentions(document: Json) -> list[str]:
    found: dict[str, None] = {}
    for one in _listed(document, "Mention"):
        if at := shapes.address(one.get("href")):
            found[at] = None
            if len(found) > MAX_MENTIONS:
                raise BadDocument(f"More than {MAX_MENTIONS} people are mentioned.")
    return list(found)


def _language(document: Json) -> str:
    """The language of the words, where the post says it once."""
    by_language = document.get("contentMap")
    found = next(iter(by_language), "") if isinstance(by_language, dict) else document.get("language")
    if isinstance(found, dict):
        found = found.get("identifier")
    fits = isinstance(found, str) and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", found)
    return str(found) if fits and str(found).lower() != "und" else ""
