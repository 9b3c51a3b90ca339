"""Feeds of works: one `Feed`, written as Atom (RFC 4287), RSS 2.0 or JSON Feed 1.1. Rights come from their channels.

What carries a warning is told with its title and its warning, without a picture and without its words: a feed is shown unasked.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

from server import rights, text
from server.models import Actor, Media, Post, Rendition
from server.rights import Rights, channels
from server.rights.channels import feeds as said
from server.urls import Urls
from web import terms
from web.pictures import federated, first_sentence, warning

Json = dict[str, Any]
ATOM = "http://www.w3.org/2005/Atom"
# Characters that XML 1.0 cannot hold, not even escaped.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Feed:
    """What one feed is about, its works newest first, and what it says of itself. `page` is what a browser shows instead."""

    title: str
    description: str
    page: str
    author: Actor | None
    works: list[Post]
    since: datetime  # when that which it is about began: the time of a feed without works
    whole: Rights
    urls: Urls

    @property
    def rights(self) -> Rights:
        """The feed's own: the strictest reservation of all works, and their licence where it is one."""
        holder = self.author.display_name if self.author else "the artists"
        return said.of_feed(self.whole, map(terms.of, self.works), holder)

    @property
    def changed(self) -> datetime:
        """When something in it changed last."""
        return max((_changed(post) for post in self.works), default=self.since)


# -- what is told of a work ----------------------------------------------------------------------------------------------
def _title(post: Post) -> str:
    return (post.artwork.title if post.artwork else "") or "Untitled"


def _published(post: Post) -> datetime:
    return post.published_at or post.created_at


def _changed(post: Post) -> datetime:
    return max(_published(post), post.edited_at or _published(post))


def _summary(post: Post) -> str:
    """One sentence: the work's own, or what it warns of."""
    return warning(post) if post.is_sensitive else first_sentence(text.plain(post.html), 200)


def _pictures(post: Post) -> list[tuple[Media, Rendition]]:
    """The file of each picture that every reader can show, the one that other servers get as well."""
    if post.is_sensitive:
        return []
    return [(media, file) for media in post.media if (file := federated(media)) is not None]


def _content(post: Post, urls: Urls) -> str:
    """As HTML: the pictures with their descriptions, the artist's words, and the rights sentence, which no reader drops."""
    sentence = escape(rights.sentence(terms.of(post)))
    page = escape(urls.post_page(post))
    if post.is_sensitive:
        shown, words = f'<p>{escape(warning(post))}. <a href="{page}">Look at it</a></p>', ""
    else:
        shown = "".join(
            f'<p><a href="{page}"><img src="{escape(urls.rendition(file))}" alt="{escape(media.alt)}" '
            f'width="{file.width}" height="{file.height}"></a></p>'
            for media, file in _pictures(post)
        )
        words = post.html
    return f"{shown}{words}<p>{sentence}</p>"


# -- Atom ----------------------------------------------------------------------------------------------------------------
def atom(feed: Feed) -> str:
    """RFC 4287; pictures are enclosures, their description is the link's title."""
    address = feed.urls.feed(feed.page, "atom")
    root = ET.Element("feed", {"xmlns": ATOM})
    _put(root, "id", address)
    _put(root, "title", feed.title)
    _put(root, "subtitle", feed.description)
    _put(root, "updated", _iso(feed.changed))
    _put(root, "link", rel="self", type=FORMS["atom"].media_type, href=address)
    _put(root, "link", rel="alternate", type="text/html", href=feed.page)
    _author(root, feed.author, feed.urls)
    _write(root, channels.atom(feed.rights))
    for post in feed.works:
        entry = _put(root, "entry")
        _put(entry, "id", feed.urls.post(post))
        _put(entry, "title", _title(post))
        _put(entry, "link", rel="alternate", type="text/html", href=feed.urls.post_page(post))
        _put(entry, "published", _iso(_published(post)))
        _put(entry, "updated", _iso(_changed(post)))
        _author(entry, post.author, feed.urls)
        if summary := _summary(post):
            _put(entry, "summary", summary)
        _put(entry, "content", _content(post, feed.urls), type="html")
        for media, file in _pictures(post):
            link = {"type": _type(file), "length": str(file.bytes), "href": feed.urls.rendition(file)}
            _put(entry, "link", rel="enclosure", title=media.alt, **link)
        _write(entry, channels.atom(terms.of(post)))
    return _xml(root)


def _author(parent: ET.Element, actor: Actor | None, urls: Urls) -> None:
    if actor is not None:
        author = _put(parent, "author")
        _put(author, "name", actor.display_name)
        _put(author, "uri", urls.profile(actor))


# -- RSS -----------------------------------------------------------------------------------------------------------------
def rss(feed: Feed) -> str:
    """RSS 2.0 with Dublin Core and Media RSS: the first picture is the enclosure, all are `media:content`."""
    root = ET.Element("rss", {"version": "2.0", **{f"xmlns:{name}": uri for name, uri in said.NAMESPACES.items()}})
    channel = _put(root, "channel")
    _put(channel, "title", feed.title)
    _put(channel, "link", feed.page)
    _put(channel, "description", feed.description)
    _put(channel, "lastBuildDate", format_datetime(feed.changed))
    _put(channel, "atom:link", rel="self", type=FORMS["rss"].media_type, href=feed.urls.feed(feed.page, "rss"))
    _write(channel, channels.rss(feed.rights)["channel"])
    for post in feed.works:
        item = _put(channel, "item")
        _put(item, "title", _title(post))
        _put(item, "link", feed.urls.post_page(post))
        _put(item, "guid", feed.urls.post(post), isPermaLink="false")
        _put(item, "pubDate", format_datetime(_published(post)))
        _put(item, "dc:creator", post.author.display_name)
        _put(item, "description", _content(post, feed.urls))
        for number, (media, file) in enumerate(_pictures(post)):
            url, kind, size = feed.urls.rendition(file), _type(file), str(file.bytes)
            if number == 0:
                _put(item, "enclosure", url=url, type=kind, length=size)
            sides = {"width": str(file.width), "height": str(file.height)}
            content = _put(item, "media:content", url=url, type=kind, fileSize=size, medium="image", **sides)
            if media.alt:
                _put(content, "media:description", media.alt, type="plain")
        _put(item, "media:rating", "adult" if post.is_sensitive else "nonadult", scheme="urn:simple")
        _write(item, channels.rss(terms.of(post))["item"])
    return _xml(root)


# -- JSON Feed -----------------------------------------------------------------------------------------------------------
def json_feed(feed: Feed) -> str:
    """JSON Feed 1.1."""
    whole: Json = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.urls.feed(feed.page, "json"),
        "description": feed.description,
        **({"authors": [_person(feed.author, feed.urls)]} if feed.author else {}),
        **channels.json_feed(feed.rights),
        "items": [_item(post, feed.urls) for post in feed.works],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _item(post: Post, urls: Urls) -> Json:
    pictures = _pictures(post)
    item: Json = {
        "id": urls.post(post),
        "url": urls.post_page(post),
        "title": _title(post),
        "content_html": _content(post, urls),
        "summary": _summary(post),
        "image": urls.rendition(pictures[0][1]) if pictures else "",
        "date_published": _iso(_published(post)),
        "date_modified": _iso(_changed(post)),
        "authors": [_person(post.author, urls)],
        "attachments": [
            {
                "url": urls.rendition(file),
                "mime_type": _type(file),
                "size_in_bytes": file.bytes,
                **({"title": media.alt} if media.alt else {}),
            }
            for media, file in pictures
        ],
    }
    return {name: value for name, value in item.items() if value} | channels.json_feed(terms.of(post))


def _person(actor: Actor, urls: Urls) -> Json:
    return {"name": actor.display_name, "url": urls.profile(actor)}


# -- writing -------------------------------------------------------------------------------------------------------------
def _put(parent: ET.Element, name: str, content: str = "", /, **attributes: str) -> ET.Element:
    """One more element in `parent`; attributes without a value are left out."""
    clean = {key: FORBIDDEN.sub("", value) for key, value in attributes.items() if value}
    made = ET.SubElement(parent, name, clean)
    made.text = FORBIDDEN.sub("", content) or None
    return made


def _write(parent: ET.Element, elements: Iterable[Json]) -> None:
    """Elements as the channels of rights give them."""
    for element in elements:
        content = element["content"]
        made = _put(parent, element["name"], content if isinstance(content, str) else "", **element["attributes"])
        if not isinstance(content, str):
            _write(made, content)


def _xml(root: ET.Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _type(file: Rendition) -> str:
    return f"image/{file.format}"


@dataclass(frozen=True)
class Form:
    """One way to write a feed."""

    media_type: str
    write: Callable[[Feed], str]


# By the ending of the address.
FORMS: dict[str, Form] = {
    "atom": Form("application/atom+xml", atom),
    "rss": Form("application/rss+xml", rss),
    "json": Form("application/feed+json", json_feed),
}
