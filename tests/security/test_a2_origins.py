"""Row 33: one spelling of an address, whoever writes it. Rows 81 and 82 are held here for every address at once."""

import ipaddress
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from yarl import URL

from server.origins import Refused, canonical, document, domain, host, join, literal, name, origin, port

SAME = [
    "https://art.example/users/a",
    "HTTPS://ART.example/users/a",
    "https://art.example:443/users/a",
    "https://art.example.:0443/users/a",
    "https://art.example:/users/a",
    "https://ａｒｔ．example/users/a",
    "https://art。example/users/a",
    "https://Art.EXAMPLE./users/a#",
]
REFUSED = {
    "no address": ["", "art.example", "//art.example/", "/users/a", "https:", "https:/art.example", "https:art.example"],
    "another scheme": ["ftp://art.example/", "file:///etc/passwd", "data:text/plain,a", "javascript:alert(1)", "gopher://a.test/",
                       "urn:uuid:0", "ws://art.example/", "https+unix://a/", "unix:///run/a", "acct:a@art.example"],
    "a user": ["https://a@art.example/", "https://a:b@art.example/", "https://@art.example/", "https://art.example@evil.test/",
               "https://art.example%40evil.test/"],
    "no host": ["https://", "https:///users/a", "https://:443/", "https://?a", "https://#a", "https://./", "https://../"],
    "a label that cannot be": ["https://-art.example/", "https://art-.example/", "https://.art.example/", "https://art..example/",
                               "https://art.example../", "https://a_b.example/", "https://*.example/", "https://art.example,b/",
                               "https://" + "a" * 64 + ".example/", "https://art.exam ple/", "https://art%2eexample/",
                               "https://art.example%00.evil.test/", "https://[art.example]/", "https://art.example]/"],
    "too long": ["https://" + ".".join(["a" * 50] * 6) + "/", "https://art.example/" + "a" * 2048,
                 "https://art.example/" + "é" * 400],
    "a port that cannot be": ["https://art.example:0/", "https://art.example:65536/", "https://art.example:-1/",
                              "https://art.example:4 43/", "https://art.example:٤٤٣/", "https://art.example:443:443/",
                              "https://art.example:443a/", "http://art.example:443/"],
    "a control": ["https://art.example/\r\nX: y", "https://art.example\r\n/", "https://art.example/\x00", "\thttps://art.example/",
                  "https://art.example/\x7f", "https://art.example/\x85", "https://art\n.example/", "https://art.example/a\tb",
                  "https://art.example/\u2028"],
    "a backslash": ["https://art.example\\@evil.test/", "https:\\\\art.example/", "https://evil.test\\.art.example/",
                    "https://art.example/\\evil.test"],
    "a number in disguise": ["https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
                             "https://127.0.1/", "https://127.0.0.0x1/", "https://１２７.１/", "https://127.0.0.1.1/", "https://256.1.1.1/",
                             "https://art.example.1/", "https://127.0.0.01/", "https://0/", "https://0x/"],
    "an IPv6 that cannot be": ["https://[::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[1]/", "https://[]/", "https://::1/",
                               "https://[::1/", "https://[v1.a]/", "https://[::ffff:1.2.3.04]/"],
    "Punycode that means nothing, or two things": [
        "https://xn--.example/", "https://xn--a.example/", "https://xn--art.example/", "https://xn--abc.example/",
        "https://xn--0.example/", "https://xn--99999999.example/", "https://art.xn--zzzz99999999/", "https://XN--a-ecp.ru-.test/",
        "https://xn--mnchen-zra.example/", "https://xn--o-1ga4246q.example/", "https://xn--7ba.example/", "https://xn--art-.test/",
    ],
    "no letters": ["https://xn--\u00fc.example/", "https://\u200b.example/", "https://a\u202eb.example/", "https://☃\ufe0f.test/",
                   "https://\ud800.example/", "https://art.example/\udfff"],
}  # fmt: skip


def test_row_33_one_origin_in_many_spellings() -> None:
    assert {canonical(url) for url in SAME} == {"https://art.example/users/a"}
    assert {origin(url) for url in SAME} == {"https://art.example"}
    assert {host(url) for url in SAME} == {"art.example"}
    assert canonical("https://bücher.example/ä b?ö#ü") == "https://xn--bcher-kva.example/%C3%A4%20b?%C3%B6#%C3%BC"
    assert canonical("https://straße.example") == "https://xn--strae-oqa.example"
    assert canonical("https://１２７.０.０.１/") == canonical("https://127.0.0.1./") == "https://127.0.0.1/"
    assert canonical("https://[0:0::0001]:443/") == "https://[::1]/"
    assert (host("http://[::1]:80/a"), host("https://[::1]:8443/"), name("https://[::1]:8443/")) == (
        "[::1]",
        "[::1]:8443",
        "[::1]",
    )
    assert literal("https://[::ffff:7f00:1]/") == ipaddress.ip_address("::ffff:127.0.0.1")
    assert (literal("https://art.example/"), port("https://art.example/"), port("http://art.example/")) == (
        None,
        443,
        80,
    )


def test_row_33_international_names_are_read_in_both_forms() -> None:
    for name_, encoded in (("münchen", "xn--mnchen-3ya"), ("faß", "xn--fa-hia"), ("аррӏе", "xn--80ak6aa92e")):
        assert host(f"https://{name_}.example/") == host(f"https://{encoded.upper()}.example/") == f"{encoded}.example"
    assert host("https://xn--ls8h.la/") == "xn--ls8h.la", "no letter, but servers live at such names"


def test_row_33_different_houses_stay_different() -> None:
    houses = ["https://art.example", "http://art.example", "https://art.example:8443", "https://art.example.evil.test",
              "https://art-example", "https://xn--rt-uia.example", "https://www.art.example"]  # fmt: skip
    assert len({origin(url) for url in houses}) == len(houses)


def test_row_33_what_its_owner_spelled_stays() -> None:
    """Peers compare ids byte by byte: only what cannot matter may change."""
    for url in (
        "https://micro.example",
        "https://art.example/@a@b.test",
        "https://art.example/?author=1&x=%2F%2f",
        "https://art.example/users/a#main-key",
        "https://art.example//a/../b/./c;d=e?f=g?h/i",
        "https://art.example/a??",
        "https://art.example/100%/~a/(b)/'c'!*|[]",
    ):
        assert canonical(url) == url
    assert canonical("https://art.example/a?") == canonical("https://art.example/a?#") == "https://art.example/a"
    assert document("https://micro.example#key") == "https://micro.example/"
    assert document("https://micro.example?a#b") == "https://micro.example/?a"


@pytest.mark.parametrize(("why", "url"), [(why, url) for why, urls in REFUSED.items() for url in urls])
def test_row_33_and_82_what_two_parsers_may_read_differently_is_refused(why: str, url: str) -> None:
    for reading in (canonical, document, origin, host, name, literal):
        with pytest.raises(Refused):
            reading(url)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("/c?d", "https://art.example/c?d"),
        ("c", "https://art.example/a/c"),
        ("../c", "https://art.example/c"),
        ("?d", "https://art.example/a/b?d"),
        ("//other.test/c", "https://other.test/c"),
        ("HTTP://Other.test:80", "http://other.test"),
    ],
)
def test_row_82_a_redirect_is_read_by_the_same_parser(reference: str, meant: str) -> None:
    assert join("https://art.example/a/b", reference) == meant


@pytest.mark.parametrize(
    "reference",
    [
        "\\\\evil.test",
        "/\\evil.test",
        "//a@evil.test",
        "ht\ntps://evil.test/",
        "javascript:a",
        "//[evil",
        "//:443",
    ],
)
def test_row_82_a_redirect_that_reads_two_ways_is_refused(reference: str) -> None:
    with pytest.raises(Refused):
        join("https://art.example/a/b", reference)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Art.Example", "art.example"), ("art.example.", "art.example"), ("bücher.example", "xn--bcher-kva.example"),
     ("art.example:443", "art.example"), ("127.0.0.1:8001", "127.0.0.1:8001"), ("[::1]:8001", "[::1]:8001")],
)  # fmt: skip
def test_row_77_a_host_in_a_handle_has_one_spelling(text: str, kept: str) -> None:
    assert domain(text) == kept


@pytest.mark.parametrize(
    "text",
    ["", ".", "art.example/path", "art.example?x=", "art.example#a", "a@art.example", "art.example:80/x", "art.example\\x",
     "art .example", "art.example\n", "art.example:", "*.example", "art_example.test", "127.1", "a" * 300, "art.example%2fx",
     "https://art.example", "//art.example", "art.example:99999"],
)  # fmt: skip
def test_row_77_a_host_in_a_handle_is_a_host_and_nothing_more(text: str) -> None:
    if text == "art.example:":  # an empty port is none, as RFC 3986 has it
        assert domain(text) == "art.example"
        return
    with pytest.raises(Refused):
        domain(text)


# -- for all addresses ---------------------------------------------------------------------------------------------------------

LETTERS = "abcXYZ019-.:@/\\?#%[]_ \t\n\r\x00éß。．１２ａ٣\u200d\u202e\ud800"
hosts = st.one_of(
    st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?(\.[a-zA-Z]{2,8}){1,3}\.?", fullmatch=True),
    st.text("abücherß１２ａ.。-x", min_size=1, max_size=12),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
paths = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30).map(lambda text: f"/{text}")
well_meant = st.builds(
    lambda scheme, named, number, path: f"{scheme}://{named}{number}{path}",
    st.sampled_from(["https", "HTTPS", "http", "hTTp"]),
    hosts,
    st.sampled_from(["", ":443", ":80", ":8443", ":", ":00443"]),
    paths,
)
hostile = st.one_of(
    st.text(LETTERS, max_size=40).map(lambda text: f"https://{text}"),
    st.text(max_size=60),
    st.text(string.printable, max_size=60).map(lambda text: f"http://{text}"),
)


@settings(max_examples=400)
@given(st.one_of(well_meant, hostile))
def test_row_33_a_spelling_is_its_own_spelling_and_every_parser_agrees(url: str) -> None:
    try:
        spelled = canonical(url)
    except Refused:
        for reading in (document, origin, host, name, port, literal):
            with pytest.raises(Refused):
                reading(url)  # type: ignore[operator]
        return
    assert canonical(spelled) == spelled
    assert origin(url) == origin(spelled) and host(url) == host(spelled)
    assert spelled.isascii() and spelled.isprintable() and " " not in spelled and "\\" not in spelled
    assert spelled.startswith(origin(url)) and len(spelled) <= 2048
    sent = document(url)
    assert document(sent) == sent and "#" not in sent
    # Two parsers that are not ours see the same server and send the same target.
    theirs, other = URL(sent, encoded=True), urlsplit(sent)
    bare = name(url).strip("[]")
    assert (theirs.scheme, theirs.raw_host, theirs.port) == (other.scheme, bare, port(url))
    assert (other.hostname, other.port or {"https": 443, "http": 80}[other.scheme]) == (bare, port(url))
    assert theirs.raw_path_qs == sent.removeprefix(origin(url))
    assert not theirs.user and not other.username


@settings(max_examples=150)
@given(hosts, st.data())
def test_row_33_case_dots_and_width_make_no_difference(named: str, data: st.DataObject) -> None:
    try:
        plain = origin(f"https://{named}/")
    except Refused:
        assume(False)
    text = plain.removeprefix("https://")
    assume(not text.startswith("["))
    flips = data.draw(st.lists(st.sampled_from(["as it is", "upper", "wide"]), min_size=len(text), max_size=len(text)))
    widened = "".join(
        char.upper() if flip == "upper" else chr(ord(char) + 0xFEE0) if flip == "wide" and char.isalnum() else char
        for char, flip in zip(text, flips, strict=True)
    )
    dot = data.draw(st.sampled_from(["", "."]))
    if "xn--" not in text:  # a disguised A-label may be refused, never read as another host
        assert origin(f"https://{widened}{dot}:443/other") == plain
