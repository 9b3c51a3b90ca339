"""Posts, in whichever of the many forms their servers send them (federation.md 2 to 5)."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from federation.parse import shapes
from federation.parse.activities import MAX_ADDRESSED
from federation.parse.shapes import BadDocument
from federation.vocabulary import PUBLIC, Json
from server import clock, tags, text
from server.elsewhere import Picture, Piece
from server.models import Audience, Kind
from server.rights import stated

TYPES = ("Note", "Image", "Article", "Page", "Question", "Document", "Video", "Audio", "Event")
# Types whose `name` is their title; a Note has none, however many send one.
TITLED = frozenset(TYPES) - {"Note", "Question"}

MAX_TITLE = 200
MAX_CONTENT = 50_000
MAX_WARNING = 300
MAX_PICTURES = 32
MAX_ALT = 10_000
MAX_TAGS = 50
MAX_MENTIONS = 50
MAX_OPTIONS = 20
MAX_SIDE = 100_000

_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/jpg", "image/pjpeg"})
_ENDINGS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,164}")


def piece(document: Json, origin: str) -> Piece:
    """The post that `document` is, as far as the server of `origin` may say so. Raises BadDocument."""
    found = shapes.kinds(document)
    kind = next((one for one in found if one in TYPES), None)
    if kind is None:
        raise BadDocument(f"{(found[0] if found else 'Nothing')[:60]} is no post.")
    uri = shapes.uri(document.get("id"))
    if not shapes.same_origin(uri, origin):
        raise BadDocument("The post's id is of another server.")
    author = _author(document, uri)
    if kind == "Note" and document.get("name") and not document.get("content"):
        raise BadDocument("It is a vote, and there is no poll here.")
    said = list(_pictures(document, kind))[:MAX_PICTURES]
    reply_to = shapes.uri(next(iter(shapes.many(document.get("inReplyTo"))), None))
    title = text.line(text.plain(shapes.words(document.get("name"))[:2000]))[:MAX_TITLE] if kind in TITLED else ""
    html = _html(document, kind, title, said)
    page = next((at for at, media in shapes.links(document.get("url")) if media in ("", "text/html")), "")
    to = shapes.uris(document.get("to"), MAX_ADDRESSED)
    cc = shapes.uris(document.get("cc"), MAX_ADDRESSED)
    mentions = tuple(_mentions(document))
    summary = text.line(text.plain(shapes.words(document.get("summary"))[:5000]))
    # Mastodon's form of a work has its description in `summary` as well; then it is no warning.
    warning = "" if summary and summary == text.line(text.plain(html)) else summary[:MAX_WARNING]
    published = shapes.past(document.get("published")) or clock.now()
    updated = shapes.past(document.get("updated"))
    return Piece(
        uri=uri,
        kind=Kind.WORK if said and not reply_to else Kind.NOTE,
        author=author,
        audience=_audience(to, cc),
        published=published,
        page=page if shapes.same_origin(page, uri) else "",
        title=title,
        html=html,
        words=text.plain(html),
        warning=warning,
        sensitive=document.get("sensitive") is True or bool(warning),
        mentions=mentions,
        reply_to=reply_to,
        pictures=tuple(said),
        tags=tuple(_tags(document)),
        updated=updated if updated and updated > published else None,
        context=shapes.uri(document.get("context")) or shapes.uri(document.get("conversation")),
        language=_language(document),
        rights=stated.read(document),
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
    """The narrowest reading that is common: nobody is addressed by accident."""
    if PUBLIC in to:
        return Audience.EVERYONE
    if PUBLIC in cc:
        return Audience.UNLISTED
    if any(re.search(r"/followers/?$", one) for one in (*to, *cc)):
        return Audience.FOLLOWERS
    return Audience.MENTIONED


def _html(document: Json, kind: str, title: str, pictures: list[Picture]) -> str:
    """The words of a post as safe HTML: content, then what cannot be shown here as links."""
    content = shapes.words(document.get("content"))
    if not content and isinstance(by_language := document.get("contentMap"), dict):
        content = next((one for one in by_language.values() if isinstance(one, str)), "")
    if not content and kind in TITLED:
        content = shapes.words(document.get("summary"))
    more = [*_options(document), *_others(document, kind)]
    if kind not in ("Note", "Image", "Question") and (
        page := next((at for at, _ in shapes.links(document.get("url"))), "")
    ):
        more.append(_link(page, page))
    html = text.safe(content[:MAX_CONTENT] + "".join(f"<p>{line}</p>" for line in more))
    # A work without a description says its title once more, for readers that show no names.
    return "" if pictures and title and text.line(text.plain(html)) == title else html


def _options(document: Json) -> Iterator[str]:
    """The answers of a poll, which is voted on at its own server."""
    for one in [*shapes.many(document.get("oneOf")), *shapes.many(document.get("anyOf"))][:MAX_OPTIONS]:
        if isinstance(one, dict) and (name := text.line(text.plain(shapes.words(one.get("name"))[:500]))):
            yield f"– {escape(name)}"


def _others(document: Json, kind: str) -> Iterator[str]:
    """Attachments that are no pictures, as links."""
    for one in shapes.many(document.get("attachment"))[:MAX_PICTURES]:
        if isinstance(one, dict) and not _is_picture(one):
            name = text.line(text.plain(shapes.words(one.get("name"))[:500]))
            for at, _ in shapes.links(one.get("url") or one.get("href")):
                yield _link(at, name or at)
                break


def _link(at: str, words: str) -> str:
    return f'<a href="{escape(at)}">{escape(words)}</a>'


# -- pictures ----------------------------------------------------------------------------------------------------------------
def _pictures(document: Json, kind: str) -> Iterator[Picture]:
    """Attachments in their order; of an Image without any, its own files (Pleroma, FEP-1311); else the preview `image`."""
    found = False
    for one in shapes.many(document.get("attachment")):
        if isinstance(one, dict) and _is_picture(one) and (picture := _picture(one)):
            found = True
            yield picture
    if not found and kind == "Image" and (picture := _picture(document)):
        yield picture


def _is_picture(listed: Json) -> bool:
    """An Image, or a Document whose type or ending is that of one."""
    found = shapes.kinds(listed)
    if not found or not {"Image", "Document", "Link"} & set(found):
        return False
    media = _file(listed)[1]
    return media in _PICTURES and ("Link" not in found or bool(listed.get("mediaType")))


def _file(listed: Json) -> tuple[str, str]:
    """The file of a picture and its type: of several the widest that is one; by its ending where nothing says it."""
    stated_type = shapes.words(listed.get("mediaType")).split(";")[0].strip().lower()
    options: list[tuple[int, str, str]] = []
    for one in shapes.many(listed.get("url") or listed.get("href")):
        width = one.get("width") if isinstance(one, dict) else 0
        for at, media in shapes.links(one):
            ending = at.partition("?")[0].rsplit(".", 1)[-1].lower()
            media = (
                media or stated_type or _ENDINGS.get(ending, "image/jpeg" if "Image" in shapes.kinds(listed) else "")
            )
            if media in _PICTURES:
                options.append((shapes.whole(width, MAX_SIDE), at, media))
    if not options:
        return "", ""
    _, at, media = max(options, key=lambda option: option[0])
    return at, {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}.get(media, media)


def _picture(listed: Json) -> Picture | None:
    at, media = _file(listed)
    if not at:
        return None
    alt = shapes.words(listed.get("name")) or shapes.words(listed.get("summary"))
    blurhash = listed.get("blurhash")
    x, y = _focus(listed.get("focalPoint"))
    return Picture(
        url=at,
        media_type=media,
        alt=text.clean(alt)[:MAX_ALT],
        width=shapes.whole(listed.get("width"), MAX_SIDE),
        height=shapes.whole(listed.get("height"), MAX_SIDE),
        blurhash=_blurhash(blurhash),
        focus_x=x,
        focus_y=y,
        rights=stated.read(listed),
    )


def _blurhash(value: Any) -> str:
    """A placeholder of at most 5 × 5 components, whose length says how many it has; "" for anything else."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
    if not isinstance(value, str) or not _BLURHASH.fullmatch(value) or len(value) > 64:
        return ""
    size = alphabet.index(value[0])
    return value if len(value) == 4 + 2 * (size % 9 + 1) * (size // 9 + 1) else ""


def _focus(value: Any) -> tuple[float, float]:
    """Theirs counts from the middle, right and up; ours from the upper left corner."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(at, (int, float)) for at in value):
        x, y = (float(at) for at in value)
        if -1 <= x <= 1 and -1 <= y <= 1:
            return (x + 1) / 2, (1 - y) / 2
    return 0.5, 0.5


# -- words -------------------------------------------------------------------------------------------------------------------
def _listed(document: Json, kind: str) -> Iterator[Json]:
    for one in shapes.many(document.get("tag"))[: 4 * MAX_TAGS]:
        if isinstance(one, dict) and kind in shapes.kinds(one):
            yield one


def _tags(document: Json) -> list[str]:
    found: dict[str, str] = {}
    for one in _listed(document, "Hashtag"):
        label = text.line(shapes.words(one.get("name"))[:500]).lstrip("#＃")
        if tags.is_tag(label):
            found.setdefault(tags.fold(label), label)
    return list(found.values())[:MAX_TAGS]


def _mentions(document: Json) -> list[str]:
    found = dict.fromkeys(at for one in _listed(document, "Mention") if (at := shapes.address(one.get("href"))))
    if len(found) > MAX_MENTIONS:
        raise BadDocument(f"More than {MAX_MENTIONS} people are mentioned.")
    return list(found)


def _language(document: Json) -> str:
    """The language of the words, where the post says it once."""
    by_language = document.get("contentMap")
    found = next(iter(by_language), "") if isinstance(by_language, dict) else document.get("language")
    if isinstance(found, dict):
        found = found.get("identifier")
    return found if isinstance(found, str) and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", found) else ""
