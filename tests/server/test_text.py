"""Plain text becomes HTML that holds nothing but our own tags (security.md rows 93, 104, 105, 107, 108)."""

import time
from html.parser import HTMLParser
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import text
from server.models import Actor
from server.urls import Urls

URLS = Urls("https://art.test", "https://art.test", "art.test", b"s")
ALICE = Actor(id=1, handle="alice")
REMOTE = Actor(id=2, handle="bob", domain="far.test", uri="https://far.test/users/bob")
PEOPLE = {"alice": ALICE, "bob@far.test": REMOTE}


def html(typed: str) -> str:
    return text.to_html(typed, URLS, PEOPLE)


class Strict(HTMLParser):
    """Fails on any tag or attribute that we do not make."""

    ALLOWED: ClassVar[dict[str, set[str]]] = {"p": set(), "br": set(), "span": set(), "a": {"href", "rel", "class"}}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ALLOWED, tag
        assert {name for name, _ in attrs} <= self.ALLOWED[tag]
        values = dict(attrs)
        if tag == "a":
            assert urlsplit(values["href"] or "").scheme in ("http", "https")
            assert values.get("rel", "") in ("", "tag", text.REL)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a section")


def check(typed: str) -> None:
    reader = Strict()
    reader.feed(html(typed))
    reader.close()
    assert reader.open == []


NASTY = st.sampled_from(
    ["<script>", "[", "</p>", "<a href=", "javascript:", "https://", "http://x", "&lt;", "&#x3c;", '"', "'", "`", "<!--",
     "]]>", "#", "@", "\n",
     "\n\n", "@alice", "#ink", "https://a.test/", "\u202e", "\x00", "&", "<", ">", "=",
     "onload=", "@bob@far.test", "(", ")", ".", "\\"]
)  # fmt: skip


@given(st.lists(st.one_of(NASTY, st.text(max_size=20)), max_size=30).map("".join))
def test_nothing_but_our_own_tags_comes_out(typed: str) -> None:
    check(typed)


@given(st.text(max_size=300))
def test_the_words_stay_the_same(typed: str) -> None:
    """What people read is what was typed, whatever became a link; only shortened addresses differ, so none is made here."""
    typed = typed.replace("://", "")
    assert "".join(text.plain(html(typed)).split()) == "".join(text.clean(typed).split())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("one\ntwo\n\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("", ""),
        (" \n ", ""),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("see https://a.test/x.", f'<p>see <a href="https://a.test/x" rel="{text.REL}">a.test/x</a>.</p>'),
        ("(https://a.test/x_(y))", f'<p>(<a href="https://a.test/x_(y)" rel="{text.REL}">a.test/x_(y)</a>)</p>'),
        ("https://a.test/?a=1&b=2", f'<p><a href="https://a.test/?a=1&amp;b=2" rel="{text.REL}">a.test/?a=1&amp;b=2</a></p>'),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        ("https://[", "<p>https://[</p>"),
        ("https://good.test@evil.test/", "<p>https://good.test@evil.test/</p>"),
        (
            "#PictureBook",
            '<p><a href="https://art.test/tags/picturebook" class="mention hashtag" rel="tag">#<span>PictureBook</span></a></p>',
        ),
        ("#2026 a#b /#c ##d", "<p>#2026 a#b /#c ##d</p>"),
        ("hi @Alice!", '<p>hi <a href="https://art.test/@alice" class="u-url mention">@<span>alice</span></a>!</p>'),
        ("@nobody a@alice", "<p>@nobody a@alice</p>"),
    ],
)  # fmt: skip
def test_examples(typed: str, expected: str) -> None:
    assert html(typed) == expected


def test_a_shortened_link_still_shows_its_whole_host() -> None:
    """security.md row 108: what is read must say where the link goes."""
    long = "https://" + "sub." * 12 + "evil.test/" + "x" * 80
    assert "evil.test…</a>" in html(long)
    assert html("https://a.test/" + "y" * 60).endswith("…</a></p>")


def test_characters_that_turn_the_writing_around_are_dropped() -> None:
    assert text.clean("a\u202eb\u2066c\x07d\ud800e") == "abcde"
    assert text.line(" a\n b\u200f ") == "a b"


def test_tags_and_names_are_found_once() -> None:
    assert text.tags_in("#Ink and #ink, #PictureBook #1st #12") == ["Ink", "PictureBook", "1st"]
    assert text.mentions_in("@Alice @alice @bob@Far.Test. x@y.z @c") == ["alice", "bob@far.test", "c"]


@pytest.mark.parametrize(
    "piece", ["@a@", "a.", "#a", "https://a.", "@a@b-", "(", "#", "https://", "\n\n", "<p>", "@a@" + "." * 9]
)
def test_a_hundred_thousand_characters_take_no_time(piece: str) -> None:
    """security.md row 93: no pattern of ours goes back over what it read."""
    typed = (piece * 100_000)[:100_000]
    start = time.perf_counter()
    text.tags_in(typed)
    html(typed)
    assert time.perf_counter() - start < 1.5


def test_plain_drops_what_is_not_words() -> None:
    assert text.plain("<p>a<br>b</p><p>c &amp; d</p><script>x</script>") == "a\nb\n\nc & d"
