"""The words of a post: title, content and warning, told apart although every server puts them elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from federation.parse import shapes
from federation.parse.pictures import others
from federation.vocabulary import Json
from server import text

MAX_TITLE = 200
MAX_CONTENT = 50_000
MAX_WARNING = 300
MAX_OPTIONS = 20
MAX_SHOWN = 300

# Types that are shown here only in part: what they really are is seen at their own page.
_ELSEWHERE = frozenset({"Question", "Video", "Audio", "Event", "Article", "Page", "Document"})
# Types whose `summary` is an excerpt (WordPress) or a description, unless the post is marked as sensitive.
_EXCERPTED = _ELSEWHERE - {"Question"}
_ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2000}")

# The `note` dialect of a work of ours, as safe HTML: its title before the description; after it what says no more than tags and
# pictures do.
_OUR_TITLE = re.compile(r"<p><strong>([^<]{1,400}+)</strong></p>")
_OUR_LINKS = re.compile(r"<p>(?:<a [^<>]{1,3000}>(?:#|\+\d{1,3} more)[^<>]{0,200}</a> ?){1,60}+</p>\Z")


@dataclass(frozen=True)
class Wording:
    """What a post says. `html` is safe, `words` the same as plain text."""

    title: str
    html: str
    words: str
    warning: str


def wording(document: Json, kind: str, *, is_work: bool, is_ours: bool) -> Wording:
    """The words of a post of type `kind`.

    The title stands apart for a work alone; of a note it becomes the first, bold paragraph. `is_ours` says that the house which
    made it speaks as this one does, so that the title can be taken out of the content again.
    """
    title = text.line(shapes.words(document.get("name"))[: 10 * MAX_TITLE])[:MAX_TITLE]
    summary = _summary(document)
    content = _content(document)
    is_description = kind in _EXCERPTED or (kind == "Image" and not content)
    if document.get("sensitive") is True and kind != "Image":
        is_description = False
    if not content and is_description:
        content = shapes.words(document.get("summary"))
    html = text.safe(content[:MAX_CONTENT])
    words = text.plain(html)
    if kind == "Note" and is_work and is_ours and not title:
        title, html = _taken_apart(html)
        words = text.plain(html)
    # Mastodon's form of a work has its description in `summary` as well; then it is no warning.
    is_content = summary == text.line(words) or document.get("summary") == document.get("content")
    warning = "" if is_description or is_content else summary[:MAX_WARNING]
    if title and text.line(words) == title:
        # A work without a description says its title once more, for readers that show no names.
        html = ""
    more = "".join(f"<p>{line}</p>" for line in _more(document, kind))
    if title and not is_work:
        # Friendica begins the content with it as well.
        if words.partition("\n")[0] != title:
            html = f"<p><strong>{escape(title)}</strong></p>{html}"
        title = ""
    if more or not is_work:
        html = text.safe(html + more)
    return Wording(title, html, text.plain(html), warning)


def _content(document: Json) -> str:
    content = shapes.words(document.get("content"))
    if not content and isinstance(by_language := document.get("contentMap"), dict):
        content = next((one for one in by_language.values() if isinstance(one, str)), "")
    # PeerTube sends Markdown. It is shown as it was typed: Markdown is made to be read that way.
    typed = shapes.words(document.get("mediaType")).partition(";")[0].strip().lower() in ("text/markdown", "text/plain")
    return _typed(content[:MAX_CONTENT]) if typed else content


def _typed(words: str) -> str:
    """Plain text as HTML: its paragraphs, its line breaks, and its addresses as links."""
    paragraphs = (escape(part.strip("\n")).replace("\n", "<br>") for part in words.replace("\r\n", "\n").split("\n\n"))
    return "".join(f"<p>{_ADDRESS.sub(_as_link, part)}</p>" for part in paragraphs if part)


def _as_link(found: re.Match[str]) -> str:
    # It is escaped already.
    return f'<a href="{found[0]}">{found[0]}</a>'


def _summary(document: Json) -> str:
    """`summary` as one line; by its specification it is HTML, most write plain text."""
    return text.line(text.plain(shapes.words(document.get("summary"))[:5000]))


def _more(document: Json, kind: str) -> Iterator[str]:
    """What cannot be shown here: the answers of a poll, which is voted on at its own server; files; the page of the rest."""
    for one in [*shapes.many(document.get("oneOf")), *shapes.many(document.get("anyOf"))][:MAX_OPTIONS]:
        if isinstance(one, dict) and (name := text.line(shapes.words(one.get("name"))[:500])):
            yield f"– {escape(name)}"
    for at, name in others(document):
        yield _link(at, name or _short(at))
    if kind in _ELSEWHERE:
        pages = [at for at, media in shapes.links(document.get("url")) if media in ("", "text/html")]
        yield from (_link(at, _short(at)) for at in pages[:1])


def _short(at: str) -> str:
    """An address as words; its host is always there as a whole."""
    return at if len(at) <= MAX_SHOWN else f"{at[:MAX_SHOWN]}…"


def _link(at: str, words: str) -> str:
    return f'<a href="{escape(at)}">{escape(words)}</a>'


def _taken_apart(html: str) -> tuple[str, str]:
    """Title and description of a work that came as a Note."""
    found = _OUR_TITLE.match(html)
    if found is None:
        return "", html
    rest = html[found.end() :]
    for _ in range(2):  # the line with tags, and the one with the number of further pictures
        start = rest.rfind("<p>")
        if start >= 0 and _OUR_LINKS.fullmatch(rest, start):
            rest = rest[:start]
    return text.line(text.plain(found[1]))[:MAX_TITLE], rest
