"""HTML of other servers → HTML that may stand on our pages, or plain words.

It is taken apart into tags and text, and written anew from a short list of tags, every piece of text escaped. What comes out
therefore holds nothing that did not come from here, however the source was meant; and nh3, which reads as browsers do, has the
last word (security.md rows 104, 105). All of it takes time that grows with the length alone (row 93).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape, unescape
from itertools import islice
from typing import NamedTuple

import nh3

from server import origins
from server.spelling import composed
from server.text.characters import HIDDEN, INVISIBLE

# What stands in every link that leads to another server.
REL = "nofollow noopener noreferrer"
# A post of another server has at most 50,000 characters (security.md D); its title and its files stand beside them.
MOST_WORDS = 60_000  # characters of text
MOST_HTML = 200_000  # characters written, with all tags; then the text ends
ROUNDS = 3
MOST_OPEN = 24  # elements inside one another
MOST_TOKENS = 20_000  # tags and texts
MOST_ATTRIBUTES = 5_000  # characters of one tag that are read

CONTAINERS = frozenset({"blockquote", "ul", "ol", "li"})
PARAGRAPHS = frozenset({"p", "pre"})
INLINE = frozenset({"a", "span", "strong", "b", "em", "i", "u", "s", "del", "code", "ruby", "rt", "rp"})
CLASSES = ("mention", "hashtag", "u-url", "h-card", "invisible", "ellipsis", "quote-inline")
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# What begins a new paragraph without being one of ours.
_BLOCKS = """
    address article aside caption center dd details div dl dt fieldset figcaption figure footer form header hgroup hr legend main
    nav section summary table tbody tfoot thead tr
"""
BLOCKS = frozenset(_BLOCKS.split())
# What holds no words for people, with all that is inside.
_SKIPPED = """
    script style title template textarea select svg math iframe object embed applet noscript noembed noframes xmp plaintext
    audio video canvas datalist
"""
SKIPPED = frozenset(_SKIPPED.split())
# A comment, a declaration, or a tag with its attributes. No branch can fail once it has begun, so that the time is linear.
_TOKEN = re.compile(
    r"""<!--(?:(?!-->).)*+(?:-->|\Z) | <[!?][^>]*+(?:>|\Z)
    | <(?P<close>/?)(?P<name>[a-z][^\s/>]*+)
      (?P<rest>(?:=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)? | [^=>])*+)(?:>|\Z)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL | re.ASCII,
)
_ATTRIBUTE = re.compile(
    r"""(?<![^\s/"'])([a-z]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++))""", re.IGNORECASE | re.ASCII
)
_BLANK = " \t\n"
# Words of a link that say where it leads: an address anywhere in them, or nothing but the name of a host.
_SHOWN = re.compile(
    r"https?://([^\s/?#<>\"']{1,300})|\A\s*+([^\s/?#@:]{1,250}\.[^\W\d]{2,63})(?=[\s/?#:]|\Z)", re.IGNORECASE
)
_BROWSER = nh3.Cleaner(
    tags=set(CONTAINERS | PARAGRAPHS | INLINE | {"br"}),
    attributes={"a": {"href", "class", "rel"}, "span": {"class"}, "p": {"class"}},
    url_schemes={"http", "https"},
    link_rel=None,
)
# What `plain` puts where these begin; and what stands apart from all around it.
_BREAKS: Mapping[str, str] = {"br": "\n", "li": "\n", "div": "\n", "tr": "\n"}
_APART = PARAGRAPHS | HEADINGS | {"blockquote"}


def safe(html: str) -> str:
    """The HTML of another server as it may stand on our pages: paragraphs, lists, quotes, emphasis, links; no picture, no style.

    Links lead to http and https alone, carry our own `rel`, and name their host where their words name another one (row 108).
    Headings become bold paragraphs, a picture its alt text, everything unknown its words. After MOST_WORDS characters of text
    an ellipsis ends it. Never raises; cleaning twice changes nothing.
    """
    cleaned = html
    for _ in range(ROUNDS):
        written = _written(cleaned)
        cleaned = _BROWSER.clean(written)
        # Where nh3 finds fault with anything (addresses that no browser takes), what it left is written once more.
        if cleaned == written.replace("\xa0", "&nbsp;"):
            break
    return cleaned


def plain(html: str) -> str:
    """The words of a piece of HTML, with its paragraphs and line breaks; for letters, feeds and descriptions."""
    words = []
    for token in _read(html):
        if token.name == "":
            words.append(token.words)
        elif token.name in _APART:
            words.append("\n\n")
        elif not token.closes:
            words.append(_BREAKS.get(token.name, ""))
    return re.sub(r"\n{3,}", "\n\n", "".join(words)).strip()


def _written(html: str) -> str:
    writer = _Writer()
    for token in islice(_read(html), MOST_TOKENS):
        if token.name == "":
            writer.text(token.words)
        elif token.closes:
            writer.close(token.name)
        else:
            writer.open(token.name, token.words)
        if writer.full:
            break
    return writer.finish()


class _Token(NamedTuple):
    """A tag with its attributes in `words`, or, without a name, text."""

    name: str
    words: str
    closes: bool = False


def _read(html: str) -> Iterator[_Token]:
    """Tags and text one after the other. Comments are left out, and so are elements without words for people."""
    end = 0
    while token := _TOKEN.search(html, end):
        if token.start() > end:
            yield _Token("", unescape(html[end : token.start()]))
        end = token.end()
        name = (token["name"] or "").lower()
        if name in SKIPPED:
            if not token["close"]:
                over = re.compile(f"</{name}[^>]*(?:>|\\Z)", re.IGNORECASE | re.ASCII).search(html, end)
                end = over.end() if over else len(html)
        elif name:
            yield _Token(name, token["rest"], bool(token["close"]))
    if end < len(html):
        yield _Token("", unescape(html[end:]))


class _Element(NamedTuple):
    """An element of the source that is still open; `tag` is how ours begins, empty for one that leaves no trace."""

    source: str
    name: str
    tag: str
    number: int  # tells two equal ones apart
    host: str = ""  # of a link


class _Writer:
    """Writes anew what was read: containers around paragraphs around inline elements, each closed where it must be.

    Elements are written when there are words to put into them, so none is ever empty. What is open in the source and what is
    written are two lists, and before each piece of text the second is brought in line with the first.
    """

    def __init__(self) -> None:
        self.full = False
        self._open: list[_Element] = []
        self._written: list[_Element] = []
        self._out: list[str] = []
        self._text: list[str] = []
        self._inside: list[tuple[int, str]] = []  # words since the written link began, and the class of their span
        self._number = 0
        self._words = self._length = 0

    # -- what the source says ---------------------------------------------------------------------------------------------
    def open(self, name: str, attributes: str) -> None:
        """A start tag."""
        if name == "br":
            self._break()
        elif name == "img":
            self.text(_attributes(attributes).get("alt", ""))
        elif name in ("td", "th"):
            self.text(" ")
        elif name in CONTAINERS or name in PARAGRAPHS or name in HEADINGS or name in BLOCKS:
            self._begin_block(name, attributes)
        elif name in INLINE:
            self._begin_inline(name, attributes)

    def close(self, name: str) -> None:
        """An end tag. One that closes nothing means nothing."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].source == name:
                if name in INLINE:
                    del self._open[at]
                else:
                    del self._open[at:]
                return

    def text(self, words: str) -> None:
        """Words between tags."""
        words = HIDDEN.sub("", words.replace("\r\n", "\n").replace("\r", "\n"))
        # Asked here alone, so that whatever is opened is opened for words.
        self.full = self.full or self._length > MOST_HTML
        if not words or self.full:
            return
        path = self._path()
        if not words.strip(_BLANK) and _blocks(path) != _blocks(self._written):
            return
        if self._turn(path) and path and path[-1].name == "pre":
            words = words.lstrip("\n")  # browsers drop the first line break there
        room = MOST_WORDS - self._words
        if len(words) > room:
            words, self.full = f"{words[:room]}…", True
        self._words += len(words)
        self._text.append(words)

    def finish(self) -> str:
        """All that was written."""
        self._turn([])
        return "".join(self._out)

    # -- what is written --------------------------------------------------------------------------------------------------
    def _begin_block(self, name: str, attributes: str) -> None:
        # As in HTML, a block ends the paragraph before it, and an item the item before it.
        for at in range(len(self._open) - 1, -1, -1):
            source = self._open[at].source
            if source in ("ul", "ol", "blockquote") or (source == "li" and name != "li"):
                break
            if source in PARAGRAPHS or source in HEADINGS or source == name == "li":
                del self._open[at:]
                break
        if name == "hr":
            return
        if name in CONTAINERS or name == "pre":
            self._push(name, name, f"<{name}>")
        else:
            kept = _classes(attributes) if name == "p" else ""
            self._push(name, "p", f"<p{kept}>")
            if name in HEADINGS:
                self._push("", "strong", "<strong>")

    def _begin_inline(self, name: str, attributes: str) -> None:
        if name == "a":
            try:
                href = origins.canonical(_attributes(attributes).get("href", "").strip())
                host = origins.host(href)
            except origins.Refused:
                self._push(name, "", "")
            else:
                tag = f'<a href="{escape(href)}"{_classes(attributes)} rel="{REL}">'
                self._push(name, "a", tag, host)
        elif name == "span":
            kept = _classes(attributes)
            self._push(name, name if kept else "", f"<span{kept}>")
        else:
            if name in ("rt", "rp"):
                self._open = [element for element in self._open if element.source not in ("rt", "rp")]
            self._push(name, name, f"<{name}>")

    def _push(self, source: str, name: str, tag: str, host: str = "") -> None:
        if len(self._open) < MOST_OPEN:
            self._number += 1
            self._open.append(_Element(source, name, tag, self._number, host))

    def _break(self) -> None:
        path = self._path()
        if _blocks(path) == _blocks(self._written) and self._written and not self.full:
            self._turn(path)
            self._flush()
            self._put("<br>")

    def _path(self) -> list[_Element]:
        """The elements that the next words stand in, in the order in which they may be nested."""
        containers: list[_Element] = []
        paragraph: _Element | None = None
        inline: list[_Element] = []
        names: set[str] = set()
        link = next((element for element in reversed(self._open) if element.name == "a"), None)
        for element in self._open:
            name = element.name
            if name in CONTAINERS:
                in_list = bool(containers) and containers[-1].name in ("ul", "ol")
                if name == "li" and not in_list:
                    paragraph = element._replace(name="p", tag="<p>")
                    continue
                if in_list and name != "li":
                    containers.append(_item(containers[-1]))
                containers.append(element)
                paragraph = None
            elif name in PARAGRAPHS:
                paragraph = element
            elif name == "a":
                if element is link:
                    inline.append(element)
            elif name == "span":
                inline.append(element)
            elif name and name not in names:
                names.add(name)
                inline.append(element)
        if containers and containers[-1].name in ("ul", "ol"):
            containers.append(_item(containers[-1]))
        if not containers and paragraph is None:
            paragraph = _Element("", "p", "<p>", 0)
        return [*containers, *([paragraph] if paragraph else []), *inline]

    def _turn(self, path: list[_Element]) -> bool:
        """Close and open until `path` is what is written; whether anything had to be opened or closed."""
        if path == self._written:
            return False
        self._flush()
        same = 0
        while same < min(len(path), len(self._written)) and path[same] == self._written[same]:
            same += 1
        while len(self._written) > same:
            element = self._written.pop()
            if element.name == "a":
                self._name_host(element)
            self._put(f"</{element.name}>")
        for element in path[same:]:
            if element.name == "a":
                self._inside = []
            self._written.append(element)
            self._put(element.tag)
        return True

    def _flush(self) -> None:
        """Write the words that were collected: composed in one piece, so that a second cleaning finds nothing to compose."""
        words = composed("".join(self._text))
        self._text = []
        if words:
            hidden = any("invisible" in element.tag for element in self._written if element.name == "span")
            self._inside.append((hidden, words))
            self._put(escape(words, quote=False))

    def _name_host(self, link: _Element) -> None:
        """Say where a link leads if its words, as read or as seen, name another place."""
        whole = "".join(words for _, words in self._inside)
        seen = "".join(words for hidden, words in self._inside if not hidden)
        if not whole.rstrip().endswith(f"({link.host})") and any(
            _misleads(words, link.host) for words in (whole, seen)
        ):
            self._put(f" ({link.host})")

    def _put(self, piece: str) -> None:
        self._out.append(piece)
        self._length += len(piece)


def _item(parent: _Element) -> _Element:
    """The item that HTML forgot: a list holds nothing else."""
    return _Element("", "li", "<li>", -parent.number)


def _blocks(path: Iterable[_Element]) -> list[_Element]:
    return [element for element in path if element.name in CONTAINERS or element.name in PARAGRAPHS]


def _attributes(source: str) -> dict[str, str]:
    """The attributes of a tag; of two with one name the first counts, as in browsers."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(source[:MOST_ATTRIBUTES]):
        value = match[2] if match[2] is not None else match[3] if match[3] is not None else match[4]
        found.setdefault(match[1].lower(), unescape(value))
    return found


def _classes(attributes: str) -> str:
    """The classes that mean something here, as an attribute; they are those that microblogs use for links."""
    if "class" not in attributes.lower():
        return ""
    given = _attributes(attributes).get("class", "").split()
    kept = " ".join(name for name in CLASSES if name in given)
    return f' class="{kept}"' if kept else ""


def _misleads(words: str, host: str) -> bool:
    """Whether the words of a link name a host that is not `host`, or name it in letters that may be others' look-alikes."""
    for match in _SHOWN.finditer(INVISIBLE.sub("", words)):
        shown = match[1] or match[2]
        try:
            named = origins.domain(shown.rstrip(".,;:!?…)"))
        except origins.Refused:
            return True
        if named.removeprefix("www.") != host.removeprefix("www.") or not shown.isascii():
            return True
    return False
