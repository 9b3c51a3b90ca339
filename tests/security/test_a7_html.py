"""security.md A7, rows 104, 105, 107, 108: the HTML of others does nothing on our pages but say what it says.

The corpus is made of parts that attacks are made of, put together in every way. What comes out is judged three times: by a strict
reader of its own, by nh3, and by the parser of a real browser.
"""

import itertools
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import text
from server.text import foreign
from tests.eyes import CHROMIUM, chromium
from tests.tools import requires

# -- the corpus --------------------------------------------------------------------------------------------------------
# What a script is put into, X being the script.
CARRIERS = [
    "<script>X</script>",
    "<SCRIPT SRC=//e.example/x>X</SCRIPT>",
    "<scr<script>ipt>X</scr</script>ipt>",
    "<script/x>X</script >",
    "<img src=x onerror=X>",
    "<img src=x onerror='X'//>",
    '<img """><script>X</script>">',
    "<img/src/onerror=X>",
    "<svg onload=X>",
    "<svg><script>X</script></svg>",
    "<svg><a xlink:href='javascript:X'><text>t</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:X>",
    "<svg><use href='data:image/svg+xml,X#x'>",
    "<svg/onload=X//",
    "<math><mi xlink:href='javascript:X'>t</mi></math>",
    "<math href='javascript:X'>t</math>",
    "<math><mtext><table><mglyph><style><img src=x onerror=X>",
    "<svg></p><style><a id='</style><img src=x onerror=X>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=X>",
    "<noscript><p title='</noscript><img onerror=X src=x>'>",
    "<style><img src='</style><img src=x onerror=X>'></style>",
    "<style>@import 'javascript:X'</style>",
    "<style>*{background:url(javascript:X)}</style>",
    "<xmp><p title='</xmp><img src=x onerror=X>'>",
    "<title><img title='</title><img src=x onerror=X>'>",
    "<textarea><img title='</textarea><img src=x onerror=X>'>",
    "<template><script>X</script></template>",
    "<select><option><style></option></select><img src=x onerror=X></style>",
    "<iframe src='javascript:X'></iframe>",
    "<iframe srcdoc='<script>X</script>'>",
    "<object data='javascript:X'></object>",
    "<embed src='javascript:X'>",
    "<applet code=X>",
    "<base href='javascript:X//'>",
    "<meta http-equiv=refresh content='0;url=javascript:X'>",
    "<link rel=stylesheet href='javascript:X'>",
    "<form action='javascript:X'><input type=submit></form>",
    "<button formaction='javascript:X'>b</button>",
    "<isindex action='javascript:X'>",
    "<details open ontoggle=X>d</details>",
    "<body onload=X>",
    "<video><source onerror=X></video>",
    "<audio src onloadstart=X>",
    "<marquee onstart=X>m</marquee>",
    "<input autofocus onfocus=X>",
    "<select onfocus=X autofocus>",
    "<a href='javascript:X'>a</a>",
    "<a href='X' onclick='X'>a</a>",
    '<a href="https://a.example/" onmouseover="X">a</a>',
    "<a href='https://a.example/' style='position:fixed;X'>a</a>",
    "<a href='https://a.example/&quot; onclick=&quot;X'>a</a>",
    "<a href='https://a.example/\" onclick=\"X'>a</a>",
    "<p style='background:url(javascript:X)'>p</p>",
    "<p id=X class='X mention' data-x=X onclick=X>p</p>",
    "<span class='invisible X' lang=X>s</span>",
    "<!--><script>X</script>-->",
    "<!-- --!><script>X</script>",
    "<![CDATA[<script>X</script>]]>",
    "<?xml <script>X</script>?>",
    "<!DOCTYPE x [<!ENTITY y 'X'>]>&y;",
    "</p><script>X</script>",
    "<p<script>X</script>",
    "<a\0b onclick=X>",
    "<\0script>X</script>",
    "<p/onclick=X>",
    "<table background='javascript:X'><td>t</table>",
    "<div style='width:expression(X)'>d</div>",
    "<x onclick=X>x</x>",
    "<a-b onclick=X>x</a-b>",
    "&lt;script&gt;X&lt;/script&gt;",
    "&amp;lt;script&amp;gt;X",
    "&#60;script&#62;X&#60;/script&#62;",
    "\uff1cscript\uff1eX\uff1c/script\uff1e",
    "+ADw-script+AD4-X",
]
SCRIPTS = ["alert(1)", "alert`1`", "window.hit=1", "top['al'+'ert'](1)", "'-alert(1)-'", '"><b>', "&#97;lert(1)"]
# What it is wrapped into, Y being the carrier.
WRAPPERS = [
    "Y",
    "<p>Y</p>",
    "<b><p>Y",
    "<ul><li>Y</ul>",
    "<pre>Y</pre>",
    "<blockquote><a href='https://a.example/'>Y</a></blockquote>",
    "<p title='Y'>t</p>",
    '<a href="https://a.example/Y">t</a>',
    "<svg>Y",
    "<math><mi>Y",
    "<noscript>Y</noscript>",
    "<ruby>r<rt>Y</ruby>",
    "<h1>Y</h1>Y",
]
ADDRESSES = [
    "javascript:X",
    "JaVaScRiPt:X",
    "java\tscript:X",
    "java\nscript:X",
    "\x01javascript:X",
    " javascript:X",
    "&#106;avascript:X",
    "&#x6A;avascript:X",
    "javascript&colon;X",
    "javascript&#58;X",
    "&Tab;javascript:X",
    "data:text/html,<script>X</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "vbscript:X",
    "blob:https://a.example/1",
    "filesystem:https://a.example/1",
    "file:///etc/passwd",
    "mailto:a@b.example",
    "tel:1",
    "ftp://a.example/",
    "//e.example/",
    "/\\e.example/",
    "\\\\e.example\\x",
    "/settings/delete",
    "?x",
    "#x",
    "",
    "https:e.example",
    "https:/e.example",
    "http:\\\\e.example",
    "https://u:p@e.example/",
    "https://e.example\\@a.example/",
    "https://[::1",
    "https:// e.example/",
    "view-source:https://a.example/",
    "intent://a.example/",
    "urn:x",
    "wss://a.example/",
]
CORPUS = [
    wrapper.replace("Y", carrier.replace("X", script))
    for wrapper, carrier, script in itertools.product(WRAPPERS, CARRIERS, SCRIPTS)
]
CORPUS += [
    f"<a href={q}{address.replace('X', script)}{q}>t</a>"
    for address, script, q in itertools.product(ADDRESSES, SCRIPTS[:3], ("'", '"', ""))
]

_OTHERS = "p br strong b em i u s del code pre blockquote ul ol li ruby rt rp"
OTHERS = _OTHERS.split()
ALLOWED: dict[str, set[str]] = {tag: set() for tag in OTHERS} | {
    "a": {"href", "class", "rel"},
    "span": {"class"},
    "p": {"class"},
}
CLASSES = {"mention", "hashtag", "u-url", "h-card", "invisible", "ellipsis", "quote-inline"}
VOID = {"br"}


class Strict(HTMLParser):
    """Fails on everything that is not ours to show, and on what is not closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        values = dict(attrs)
        assert len(values) == len(attrs) and values.keys() <= ALLOWED[tag], attrs
        assert set((values.get("class") or "").split()) <= CLASSES
        if tag == "a":
            href = values["href"] or ""
            assert urlsplit(href).scheme in ("http", "https") and urlsplit(href).hostname
            assert not re.search(r"[\s\x00-\x1f\\]", href) and "@" not in urlsplit(href).netloc
            assert values["rel"] == "nofollow noopener noreferrer"
            assert "a" not in self.open
        if tag in ("p", "pre"):
            assert not {"p", "pre", "a", "span", "b"} & set(self.open)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def _never(self, *_: Any) -> None:
        raise AssertionError("neither comments nor declarations")

    handle_comment = handle_decl = unknown_decl = handle_pi = _never


def judged(html: str) -> str:
    """What becomes of a piece of HTML, after it was found good."""
    cleaned = text.safe(html)
    reader = Strict()
    reader.feed(cleaned)
    reader.close()
    assert reader.open == [], cleaned
    assert text.safe(cleaned) == cleaned, (html, cleaned)
    assert (
        nh3.clean(cleaned, tags=set(ALLOWED), attributes={k: v for k, v in ALLOWED.items() if v}, link_rel=None)
        == cleaned
    )
    return cleaned


def test_row_104_a_thousand_attacks_come_out_as_words() -> None:
    assert len(set(CORPUS)) > 5_000
    for html in CORPUS:
        judged(html)


def test_row_104_a_browser_finds_nothing_but_paragraphs_and_links_in_them() -> None:
    requires("chromium", bool(CHROMIUM))
    chosen = [text.safe(html) for html in CORPUS[::3]]
    with chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_content("<main></main>")
        asked.clear()
        strange = page.evaluate(
            """([all, tags]) => {
                const main = document.querySelector("main"), wrong = [];
                for (const html of all) {
                    main.innerHTML = html;
                    const again = main.innerHTML;
                    for (const element of main.querySelectorAll("*")) {
                        const names = element.getAttributeNames();
                        const bad = names.some((name) => !["href", "class", "rel"].includes(name));
                        const leads = element.localName !== "a" || /^https?:$/.test(element.protocol);
                        if (!tags.includes(element.localName) || bad || !leads) wrong.push(html);
                    }
                    main.innerHTML = again;
                    if (main.innerHTML !== again) wrong.push(html);
                }
                return wrong;
            }""",
            [chosen, list(ALLOWED)],
        )
        page.wait_for_function("true")
        hit = page.evaluate("window.hit")
    assert (strange, hit, asked) == ([], None, [])


# -- row 105: cleaning is settled after once ---------------------------------------------------------------------------
TAGS = [
    *ALLOWED,
    "div",
    "h1",
    "h6",
    "table",
    "tr",
    "td",
    "img",
    "svg",
    "style",
    "script",
    "math",
    "template",
    "select",
    "option",
    "hr",
    "form",
    "br/",
    "x",
]
PIECES = [f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]
PIECES += ["<a href='https://a.example/1'>", '<a href="http://b.example" class="mention x">', "<p class=quote-inline>"]
PIECES += [
    "<span class='invisible'>",
    "a",
    "b.example",
    "https://c.example/x",
    " ",
    "\n",
    "\r\n",
    "&amp;",
    "&lt;b&gt;",
    "&#13;",
]
PIECES += [
    "&nbsp;",
    "&",
    "<",
    ">",
    '"',
    "'",
    "=",
    "\u0301",
    "\u0338",
    "e",
    "\u202e",
    "\u200b",
    "\x00",
    "\x0b",
    "\ufeff",
    "\u2028",
]
PIECES += ["<!--", "-->", "<!", "</", "𝕏", "ﬁ", "\u1100\u1161"]


@pytest.mark.timeout(3600)
def test_row_105_cleaning_twice_changes_nothing(long: bool) -> None:
    @settings(max_examples=50_000 if long else 1_500, deadline=None, database=None)
    @given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60))
    def case(html: str) -> None:
        judged(html)

    case()


def test_row_105_the_list_of_what_is_allowed_is_short_and_has_no_foreign_content() -> None:
    ours = foreign.CONTAINERS | foreign.PARAGRAPHS | foreign.INLINE | {"br"}
    assert ours == set(ALLOWED)
    assert not ours & {
        "svg",
        "math",
        "style",
        "script",
        "img",
        "iframe",
        "form",
        "input",
        "table",
        "template",
        "noscript",
    }


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("", ""),
        ("  \n ", ""),
        ("Hello", "<p>Hello</p>"),
        ("a<br>b<br/>c", "<p>a<br>b<br>c</p>"),
        ("<div>a</div><div>b</div>", "<p>a</p><p>b</p>"),
        ("<h2>Title</h2>text", "<p><strong>Title</strong></p><p>text</p>"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><p>d</p>"),
        ("<ol>a<li>b</ol>", "<ol><li>a</li><li>b</li></ol>"),
        ("<li>a</li>", "<p>a</p>"),
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<b><p>a</p><p>b</p></b>", "<p><b>a</b></p><p><b>b</b></p>"),
        ("<p></p><p> </p><b></b>x", "<p>x</p>"),
        ("<pre>\n  a\n b</pre>", "<pre>  a\n b</pre>"),
        ("<blockquote><p>a</p></blockquote>", "<blockquote><p>a</p></blockquote>"),
        ("<p>a &lt;b&gt; &amp; c</p>", "<p>a &lt;b&gt; &amp; c</p>"),
        ("I <3 1 < 2", "<p>I &lt;3 1 &lt; 2</p>"),
        ("<ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby>", "<p><ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby></p>"),
        ("<p>a <img class=emoji alt=':blob:' src=x> b</p>", "<p>a :blob: b</p>"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "<p>a b</p><p>c</p>"),
        ("<script>x</script>a<style>y</style>b", "<p>ab</p>"),
        ("<p>a<script>", "<p>a</p>"),
        ("<p>a\u202eb\u2066c\x07</p>", "<p>abc</p>"),
        ("<font color=red>a</font><sub>b</sub>", "<p>ab</p>"),
        ("<p>e\u0301</p>", "<p>é</p>"),
    ],
)
def test_row_105_what_people_write_keeps_its_form(html: str, cleaned: str) -> None:
    assert judged(html) == cleaned


def test_row_90_a_text_without_end_has_one() -> None:
    cleaned = judged("<p>" + "word " * 30_000 + "</p>")
    assert cleaned.endswith("…</p>") and len(text.plain(cleaned)) == foreign.MOST_WORDS + 1


# -- row 107: where links lead -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ADDRESSES)
def test_row_107_only_the_web_is_linked_to(address: str) -> None:
    for quoted in (f'"{address}"', f"'{address}'"):
        assert "<a" not in judged(f"<a href={quoted}>words</a>").replace("&lt;a", "")
        assert "words" in text.safe(f"<a href={quoted}>words</a>")


@pytest.mark.parametrize(
    ("address", "href"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.Example/Ü?ü=1&amp;b#c", "https://a.example/%C3%9C?%C3%BC=1&amp;b#c"),
        ("  http://a.example/x ", "http://a.example/x"),
        ("https://müller.example/", "https://xn--mller-kva.example/"),
        ("https://a.example/'x'", "https://a.example/&#x27;x&#x27;"),
    ],
)
def test_row_107_an_address_is_written_in_its_one_spelling(address: str, href: str) -> None:
    assert f'href="{href}"'.replace("&#x27;", "'") in judged(f'<a href="{address}">words</a>')


# -- row 108: words that hide where a link leads -----------------------------------------------------------------------
def link(words: str, href: str = "https://evil.example/x") -> str:
    """The words of a link, as they are shown afterwards."""
    found = re.search(r"<a [^>]*>(.*)</a>", judged(f'<a href="{href}">{words}</a>'))
    assert found is not None
    return text.plain(found[1])


@pytest.mark.parametrize(
    "words",
    [
        "https://good.example/login",
        "good.example",
        "www.good.example/path",
        " good.example ",
        "https://good.<b>example</b>/",
        "<span class='invisible'>https://evil.example/</span>good.example",
        "<span class='invisible'>https://evil.example?</span>https://good.example",
        "see https://good.example now",
        "https://evil.example@good.example",
        "https://evil.example.good.example/",
        "https://g\u200boo\u00add.example",
        "https://еvil.example/x",  # a Cyrillic letter
        "https://ｅvil.example/x",  # a full-width one
        "good.example (evil.example) ",
    ],
)
def test_row_108_a_link_that_names_another_host_tells_its_own(words: str) -> None:
    assert link(words).rstrip().endswith("(evil.example)")


@pytest.mark.parametrize(
    "words",
    [
        "here", "evil.example", "www.evil.example/x", "https://evil.example/x", "@alice@good.example", "#ink", "3.5", "a, b. c",
        "<span class='invisible'>https://</span><span class='ellipsis'>evil.example/a</span><span class='invisible'>bc</span>",
    ],
)  # fmt: skip
def test_row_108_a_link_that_is_honest_is_left_alone(words: str) -> None:
    assert "(evil.example)" not in link(words)


def test_row_108_nothing_turns_the_direction_of_writing_around() -> None:
    turned = "".join(map(chr, (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
    assert judged(f"<p>a{turned}b</p>") == "<p>ab</p>"
    assert link(f"moc{turned}.example") == "moc.example (evil.example)"


# -- the words alone ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<p>a &amp; b</p><script>x</script>", "a & b"),
        ("<h1>a</h1>b", "a\n\nb"),
        ("a <b", "a"),
        ("I <3 you", "I <3 you"),
    ],
)
def test_the_words_of_html_keep_their_paragraphs(html: str, words: str) -> None:
    assert text.plain(html) == words
