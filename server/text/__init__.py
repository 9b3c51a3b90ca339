"""Plain text as people type it, and HTML of other servers → HTML that holds nothing but our own tags.

Safe by construction: the text is cut into pieces, every piece is escaped, and only then are our tags put around it. Nothing that
somebody typed can open or close a tag, so there is nothing to clean afterwards. `foreign` treats the HTML of others the same way.
"""

import re
from collections.abc import Mapping
from html import escape

from server.models import Actor
from server.tags import fold
from server.text.characters import clean, line
from server.text.foreign import REL, plain, safe
from server.urls import Urls

__all__ = ["LINK_LENGTH", "REL", "clean", "line", "mentions_in", "plain", "safe", "tags_in", "to_html"]

# Longest text of a link that is shown; the host is always shown whole (security.md row 108).
LINK_LENGTH = 40
_URL = r"https?://[^\s<>\"'`\\]{1,2000}"
_TAG = r"(?<![\w/#&])#(?=\w*[^\W\d_])\w{1,100}(?!\w)"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::\d{1,5})?"
_PERSON = rf"(?<![\w/@.])@[A-Za-z0-9_]{{1,30}}(?![A-Za-z0-9_])(?:@{_HOST})?"
_PIECE = re.compile(rf"(?P<url>{_URL})|(?P<tag>{_TAG})|(?P<person>{_PERSON})", re.IGNORECASE)


def to_html(text: str, urls: Urls, mentions: Mapping[str, Actor]) -> str:
    """Paragraphs, line breaks, links, #tags and @mentions; everything else stands as it was typed.

    `mentions` maps what `mentions_in` found to the people it names; a name that nobody has stays text.
    """
    paragraphs = [part.strip("\n") for part in re.split(r"\n\s*\n", clean(text))]
    return "".join(f"<p>{_inline(part, urls, mentions)}</p>" for part in paragraphs if part)


def tags_in(text: str) -> list[str]:
    """The hashtags in a text as they were written, without `#`, each once whatever its case."""
    found: dict[str, str] = {}
    for match in _PIECE.finditer(clean(text)):
        if match["tag"]:
            found.setdefault(fold(match["tag"][1:]), match["tag"][1:])
    return list(found.values())


def mentions_in(text: str) -> list[str]:
    """The people that a text names: `handle` or `handle@domain`, lower case, each once."""
    return list(dict.fromkeys(m["person"][1:].lower() for m in _PIECE.finditer(clean(text)) if m["person"]))


def _inline(text: str, urls: Urls, mentions: Mapping[str, Actor]) -> str:
    pieces: list[str] = []
    end = 0
    for match in _PIECE.finditer(text):
        pieces.append(_escape(text[end : match.start()]))
        if match["url"]:
            pieces.append(_link(match["url"]))
        elif match["tag"]:
            pieces.append(_tag(match["tag"][1:], urls))
        else:
            pieces.append(_person(match["person"], urls, mentions))
        end = match.end()
    pieces.append(_escape(text[end:]))
    return "".join(pieces)


def _escape(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _link(found: str) -> str:
    url = _without_tail(found)
    tail = found[len(url) :]
    shown = url.split("://", 1)[1]
    host = re.split(r"[/?#]", shown, maxsplit=1)[0]
    # What has no plain host is no link: a name before an @ would pass for it (https://good.example@evil.example).
    if not re.fullmatch(r"[\w.-]+(:\d{1,5})?", host):
        return _escape(found)
    shown = shown.removeprefix("www.").rstrip("/")
    length = max(LINK_LENGTH, len(host))
    if len(shown) > length:
        shown = shown[:length] + "…"
    return f'<a href="{escape(url)}" rel="{REL}">{escape(shown)}</a>{_escape(tail)}'


def _without_tail(url: str) -> str:
    """The address without the punctuation that belongs to the sentence around it."""
    while url and (url[-1] in ".,;:!?…*_~" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url


def _tag(label: str, urls: Urls) -> str:
    return (
        f'<a href="{escape(urls.tag(fold(label)))}" class="mention hashtag" rel="tag">#<span>{escape(label)}</span></a>'
    )


def _person(found: str, urls: Urls, mentions: Mapping[str, Actor]) -> str:
    actor = mentions.get(found[1:].lower())
    if actor is None:
        return _escape(found)
    return f'<a href="{escape(urls.profile(actor))}" class="u-url mention">@<span>{escape(actor.handle)}</span></a>'
