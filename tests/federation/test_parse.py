"""What every known software sends is read as what it means.

Samples in `received` are written by us in the shapes that each sends; the golden files say what was read, and somebody has read
those.
"""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation import parse, render
from federation.parse import BadDocument
from federation.vocabulary import PUBLIC
from server import clock, rights
from server.models import Audience, Dialect, Kind, Licence
from server.rights.stated import Stated
from tests.federation.rows import URLS, a_comment, a_work, silent

Json = dict[str, Any]

RECEIVED = Path(__file__).parent / "received"
GOLDEN = Path(__file__).parents[1] / "golden" / "received"
SAMPLES = sorted(file.stem for file in RECEIVED.glob("*.json"))
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PEM = (
    generate_private_key(65537, 2048)
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
AUTHOR = "https://a.example/users/ann"


@pytest.fixture(autouse=True)
def _today() -> Any:
    clock.set_source(lambda: NOW)
    yield
    clock.set_source(None)


def sample(name: str) -> Json:
    return parse.load((RECEIVED / f"{name}.json").read_text("utf-8").replace("(PEM)", "").encode())


def with_keys(document: Json) -> Json:
    listed = document.get("publicKey")
    for key in listed if isinstance(listed, list) else [listed] if listed else []:
        key["publicKeyPem"] = PEM
    return document


def as_golden(name: str) -> Json:
    document = sample(name)
    if name.startswith("person-"):
        read = asdict(parse.person(with_keys(document), document["id"]))
        read["keys"] = [{"uri": key["uri"], "kind": key["kind"]} for key in read["keys"]]
    else:
        piece = parse.piece(document, document["id"])
        assert piece.raw == document
        read = asdict(piece)
        del read["raw"]
    told = {key: value for key, value in read.items() if value not in ("", None, (), [], False)}
    return dict(json.loads(json.dumps(told, default=lambda value: value.isoformat(), ensure_ascii=False)))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_server_sends_is_read_as_its_golden_file_says(name: str) -> None:
    read, file = as_golden(name), GOLDEN / f"{name}.json"
    if os.environ.get("CARTELLINO_TEST_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(read, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert read == json.loads(file.read_text("utf-8"))


def test_no_golden_file_is_left_over() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("*.json")) == SAMPLES


# -- our own forms -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("post", [a_work(), a_work(text="", html="")], ids=["described", "untold"])
def test_the_three_dialects_of_a_work_are_one_and_the_same_post(post: Any) -> None:
    read = [as_read(render.post_object(silent(post), URLS, dialect)) for dialect in Dialect]
    assert read[0]["title"] == "Heron at Dusk"
    assert read[0]["kind"] is Kind.WORK and len(read[0]["pictures"]) == 2
    assert read[1] == read[0] and read[2] == read[0]


def test_a_note_of_ours_is_read_as_it_was_written() -> None:
    read = as_read(render.post_object(a_comment(), URLS) | {"inReplyTo": URLS.post(a_work())})
    assert (read["kind"], read["reply_to"]) == (Kind.NOTE, URLS.post(a_work()))
    assert read["rights"] == asdict(Stated())


def as_read(document: Json) -> Json:
    read = asdict(parse.piece(parse.load(json.dumps(document).encode()), document["id"]))
    del read["raw"]
    return read


def test_the_rights_of_a_work_of_ours_arrive_whole() -> None:
    post = a_work()
    stated = parse.piece(render.post_object(post, URLS), URLS.post(post)).rights
    described = rights.of(post, URLS)
    assert (stated.licence, stated.reservation) == (described.licence, described.reservation)
    assert stated.rights == rights.sentence(described)


# -- single rules --------------------------------------------------------------------------------------------------------
def a_note(**changes: Any) -> Json:
    return {
        "id": "https://a.example/notes/1",
        "type": "Note",
        "attributedTo": AUTHOR,
        "content": "<p>Hello</p>",
        "published": "2026-10-01T00:00:00Z",
        "to": [PUBLIC],
        "cc": [],
    } | changes


def piece(**changes: Any) -> Any:
    document = a_note(**changes)
    return parse.piece(document, document["id"])


@pytest.mark.parametrize(
    ("to", "cc", "audience"),
    [
        ([PUBLIC], [], Audience.EVERYONE),
        ("as:Public", None, Audience.EVERYONE),
        (["Public", f"{AUTHOR}/followers"], [], Audience.EVERYONE),
        ([{"id": PUBLIC}], [], Audience.EVERYONE),
        ([f"{AUTHOR}/followers"], [PUBLIC], Audience.UNLISTED),
        ([], "as:Public", Audience.UNLISTED),
        # Which list is that of the author's followers only their own document says: tests/security/test_a2_inbox.py, row 26.
        ([f"{AUTHOR}/followers"], [], Audience.MENTIONED),
        (["https://b.example/users/ben/followers"], [], Audience.MENTIONED),
        (["https://b.example/users/ben"], [], Audience.MENTIONED),
        ([f"{AUTHOR}/followers-only"], [], Audience.MENTIONED),
        (["public", "https://www.w3.org/ns/activitystreams"], [], Audience.MENTIONED),
        (None, None, Audience.MENTIONED),
    ],
)
def test_who_may_see_it(to: Any, cc: Any, audience: Audience) -> None:
    assert piece(to=to, cc=cc).audience is audience


def test_everybody_who_is_addressed_is_read_once() -> None:
    ben = "https://b.example/users/ben"
    read = piece(to=[f"{AUTHOR}/followers", ben], cc=[{"id": ben}, "as:Public", "javascript:x"])
    assert read.addressed == (f"{AUTHOR}/followers", ben, PUBLIC)


@pytest.mark.parametrize(
    "attributed",
    [None, [], {}, [AUTHOR, "https://a.example/users/bob"], ["x"], "https://b.example/users/ann", "javascript:x", 7,
     [{"type": "Person", "id": AUTHOR}, {"type": "Person", "id": AUTHOR + "2"}]],
)  # fmt: skip
def test_a_post_has_one_author_on_its_own_server(attributed: Any) -> None:
    with pytest.raises(BadDocument):
        piece(attributedTo=attributed)


@pytest.mark.parametrize(
    "attributed",
    [
        AUTHOR,
        [AUTHOR],
        {"id": AUTHOR, "type": "Person"},
        [{"type": "Person", "id": AUTHOR}, {"type": "Group", "id": "https://a.example/g"}],
    ],
)
def test_the_author_may_be_written_in_four_ways(attributed: Any) -> None:
    assert piece(attributedTo=attributed).author == AUTHOR


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://a.example/@ann/1", "https://a.example/@ann/1"),
        ("https://evil.example/@ann/1", ""),
        ("http://a.example/@ann/1", ""),
        ("javascript:alert(1)", ""),
        (
            [{"type": "Link", "href": "https://a.example/p", "mediaType": "text/html"}, "https://a.example/q"],
            "https://a.example/p",
        ),
        ([{"type": "Link", "href": "https://a.example/p.jpg", "mediaType": "image/jpeg"}], ""),
    ],
)
def test_a_page_lies_on_the_server_of_the_post(url: Any, page: str) -> None:
    assert piece(url=url).page == page


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-10-01T10:00:00Z", "2026-10-01T10:00:00+00:00"),
        ("2026-10-01t10:00:00.123456789z", "2026-10-01T10:00:00.123456+00:00"),
        ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00+00:00"),
        ("2026-10-01T12:00:00", "2026-10-01T12:00:00+00:00"),
        ("2026-10-01 12:00:00Z", "2026-10-01T12:00:00+00:00"),
        ("2026-10-01", "2026-10-01T00:00:00+00:00"),
        ("1890-05-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        ("2027-10-01T10:00:00Z", NOW.isoformat()),
        ("0001-01-01T00:00:00Z", NOW.isoformat()),
        ("0001-01-01T00:00:00+14:00", NOW.isoformat()),
        ("9999-12-31T23:59:59-14:00", NOW.isoformat()),
        ("yesterday", NOW.isoformat()),
        (1700000000, NOW.isoformat()),
        (None, NOW.isoformat()),
    ],
)
def test_times_are_read_with_patience_and_never_lie_ahead(written: Any, read: str) -> None:
    assert piece(published=written).published.isoformat() == read


def test_an_edit_is_later_than_what_it_edits() -> None:
    assert piece(updated="2026-10-01T00:00:00Z").updated is None
    assert piece(updated="2026-09-01T00:00:00Z").updated is None
    assert piece(updated="2026-10-02T00:00:00Z").updated == datetime(2026, 10, 2, tzinfo=UTC)
    assert piece(updated="2036-10-02T00:00:00Z").updated == NOW


@pytest.mark.parametrize(
    ("changes", "warning", "html"),
    [
        ({"summary": "Spiders"}, "Spiders", "<p>Hello</p>"),
        ({"summary": "<p>Spiders &amp; co</p>"}, "Spiders & co", "<p>Hello</p>"),
        ({"summary": "  \u202e "}, "", "<p>Hello</p>"),
        ({"summary": ["x", "y"]}, "x", "<p>Hello</p>"),
        ({"type": "Image", "summary": "Spiders"}, "Spiders", "<p>Hello</p>"),
        ({"type": "Image", "summary": "<p>Hello</p>"}, "", "<p>Hello</p>"),
        ({"type": "Image", "summary": "<p>Told</p>", "content": None}, "", "<p>Told</p>"),
        ({"type": "Article", "summary": "An excerpt"}, "", "<p>Hello</p>"),
        ({"type": "Article", "summary": "Blood", "sensitive": True}, "Blood", "<p>Hello</p>"),
        ({"content": None, "contentMap": {"de": "<p>Hallo</p>"}}, "", "<p>Hallo</p>"),
        ({"name": "A title"}, "", "<p><strong>A title</strong></p><p>Hello</p>"),
        ({"mediaType": "text/markdown", "content": "1 < 2 & 3"}, "", "<p>1 &lt; 2 &amp; 3</p>"),
    ],
)
def test_title_content_and_warning_are_told_apart(changes: Json, warning: str, html: str) -> None:
    read = piece(**changes)
    assert (read.warning, read.html) == (warning, html)
    assert read.sensitive is bool(warning)


def test_a_vote_is_no_comment() -> None:
    with pytest.raises(BadDocument):
        piece(name="The fox", content=None, inReplyTo="https://b.example/polls/1")
    assert piece(name="The fox", content=None).html == "<p><strong>The fox</strong></p>"


@pytest.mark.parametrize(
    "parent", ["https://b.example/1", {"id": "https://b.example/1"}, ["https://b.example/1", "https://b.example/2"]]
)
def test_what_is_answered_may_be_written_in_three_ways(parent: Any) -> None:
    assert piece(inReplyTo=parent).reply_to == "https://b.example/1"


FILE = "https://a.example/m.jpg"


@pytest.mark.parametrize(
    ("attachment", "url", "media_type"),
    [
        ({"type": "Image", "url": FILE}, FILE, "image/jpeg"),
        ({"type": "Image", "url": "https://a.example/file/7"}, "https://a.example/file/7", "image/jpeg"),
        ({"type": "Document", "url": FILE}, FILE, "image/jpeg"),
        ({"type": "Document", "url": "https://a.example/7", "mediaType": "image/png; x=y"}, "https://a.example/7", "image/png"),
        ({"type": "Document", "url": [{"type": "Link", "href": FILE, "mediaType": "image/jpg"}]}, FILE, "image/jpeg"),
        ({"type": "Link", "href": FILE, "mediaType": "image/jpeg"}, FILE, "image/jpeg"),
        ({"type": ["Image", "schema:ImageObject"], "url": FILE}, FILE, "image/jpeg"),
        ({"type": "Image", "url": {"href": FILE}}, FILE, "image/jpeg"),
    ],
)  # fmt: skip
def test_a_picture_may_be_written_in_many_ways(attachment: Json, url: str, media_type: str) -> None:
    for attached in (attachment, [attachment]):
        read = piece(attachment=attached)
        assert [(picture.url, picture.media_type) for picture in read.pictures] == [(url, media_type)]
        assert read.kind is Kind.WORK


@pytest.mark.parametrize(
    "attachment",
    [
        {"type": "Document", "url": "https://a.example/a.mp4", "mediaType": "video/mp4", "name": "Film"},
        {"type": "Image", "url": "https://a.example/a.svg", "mediaType": "image/svg+xml", "name": "Film"},
        {"type": "Link", "href": "https://a.example/a.jpg", "name": "Film"},
        {"type": "Audio", "url": [{"type": "Link", "href": "https://a.example/a.mp3"}], "name": "Film"},
    ],
)
def test_what_cannot_be_shown_becomes_a_link(attachment: Json) -> None:
    read = piece(attachment=[attachment])
    assert (read.kind, read.pictures) == (Kind.NOTE, ())
    assert 'href="https://a.example/a.' in read.html and ">Film</a>" in read.html


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "//a.example/x.png",
        "/x.png",
        "file:///etc/passwd",
        5,
        None,
        [],
    ],
)
def test_a_picture_without_an_address_of_the_web_is_none(url: Any) -> None:
    read = piece(attachment=[{"type": "Image", "mediaType": "image/png", "url": url}])
    assert (read.pictures, read.html) == ((), "<p>Hello</p>")


def test_measures_hash_and_focus_are_checked() -> None:
    good = {"width": 30, "height": 40, "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "focalPoint": [1, -1.0]}
    bad = {"width": True, "height": -1, "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdn", "focalPoint": [2, 0]}
    odd = {"width": "30", "height": 1e300, "blurhash": "<script>", "focalPoint": "0,0"}
    read = piece(attachment=[{"type": "Image", "url": FILE} | extra for extra in (good, bad, odd)])
    first, *others = read.pictures
    assert (first.width, first.height, first.focus_x, first.focus_y) == (30, 40, 1.0, 1.0)
    assert first.blurhash == good["blurhash"]
    assert all(
        (one.width, one.height, one.blurhash, one.focus_x, one.focus_y) == (0, 0, "", 0.5, 0.5) for one in others
    )


def test_the_alt_text_is_the_name_or_else_the_summary() -> None:
    listed = [{"name": "Fog", "summary": "x"}, {"name": None, "summary": "Mist"}, {"name": "a\u202eb\nc"}]
    read = piece(attachment=[{"type": "Image", "url": FILE} | one for one in listed])
    assert [picture.alt for picture in read.pictures] == ["Fog", "Mist", "ab\nc"]


def test_what_one_picture_states_is_kept_apart_from_what_the_post_states() -> None:
    """`server.elsewhere.put_post` merges them for the post, and still knows which of them was said of what."""
    read = piece(
        xRobotsTag="noai",
        attachment=[
            {"type": "Image", "url": FILE, "license": "CC BY"},
            {"type": "Image", "url": FILE, "tdmReservation": 1},
        ],
    )
    assert (read.rights.licence, read.rights.x_robots_tag, read.rights.tdm_reservation) == (None, "noai", None)
    assert [picture.rights.licence for picture in read.pictures] == [Licence.BY, None]
    assert [picture.rights.tdm_reservation for picture in read.pictures] == [None, 1]


def test_tags_are_words_each_once() -> None:
    names = ["#Ink", "ink", "＃INK", "#two words", "#2026", "#", None, 7, "#<b>", "#größe"]
    read = piece(tag=[{"type": "Hashtag", "name": name} for name in names])
    assert read.tags == ("Ink", "größe")


@pytest.mark.parametrize("kind", ["Person", "Create", "Tombstone", "", None, [], ["Nothing"], {"id": "Note"}])
def test_what_is_no_post_is_refused(kind: Any) -> None:
    with pytest.raises(BadDocument):
        piece(type=kind)


def test_a_type_may_be_one_of_several_and_written_in_full() -> None:
    assert piece(type=["schema:Thing", "https://www.w3.org/ns/activitystreams#Note"]).html == "<p>Hello</p>"


# -- activities ----------------------------------------------------------------------------------------------------------
def an_activity(**changes: Any) -> Json:
    return {"id": "https://a.example/a/1", "type": "Like", "actor": AUTHOR, "object": "https://b.example/1"} | changes


@pytest.mark.parametrize("actor", [AUTHOR, [AUTHOR], {"id": AUTHOR, "type": "Person"}, [{"id": AUTHOR}]])
def test_an_activity_has_exactly_one_actor(actor: Any) -> None:
    assert parse.activity(an_activity(actor=actor)).actor == AUTHOR


@pytest.mark.parametrize(
    "actor",
    [
        None,
        [],
        {},
        "",
        [AUTHOR, AUTHOR],
        [AUTHOR, "https://b.example/u"],
        "acct:ann@a.example",
        1,
        {"id": None},
    ],
)
def test_an_activity_without_exactly_one_actor_is_refused(actor: Any) -> None:
    with pytest.raises(BadDocument):
        parse.activity(an_activity(actor=actor))


@pytest.mark.parametrize("changes", [{"id": None}, {"id": "urn:x"}, {"type": None}, {"type": []}, {"type": "x" * 300}])
def test_an_activity_has_an_id_and_a_type(changes: Json) -> None:
    with pytest.raises(BadDocument):
        parse.activity(an_activity(**changes))


def test_the_object_of_an_activity_is_an_address_or_a_document() -> None:
    inner = {"id": "https://a.example/notes/1", "type": "Note"}
    assert parse.activity(an_activity()).object_id == "https://b.example/1"
    for about in (inner, [inner]):
        read = parse.activity(an_activity(object=about))
        assert (read.object_id, read.object) == (inner["id"], inner)
    assert parse.activity(an_activity(object=[inner, inner])).object is None


@pytest.mark.parametrize(
    ("changes", "emoji"),
    [({}, ""), ({"content": "❤️"}, "❤️"), ({"content": ":blob:"}, ":blob:"), ({"_misskey_reaction": "👍"}, "👍"),
     ({"content": "<b>"}, ""), ({"content": "x" * 65}, ""), ({"content": ["❤️"]}, ""), ({"type": "Follow", "content": "❤️"}, "")],
)  # fmt: skip
def test_a_reaction_is_an_emoji(changes: Json, emoji: str) -> None:
    assert parse.activity(an_activity(**changes)).emoji == emoji


def test_a_collection_is_read_with_its_first_page() -> None:
    whole = {"id": "https://a.example/c", "type": "Collection", "totalItems": 3, "first": "https://a.example/c?page=1"}
    assert parse.collection(whole).next == "https://a.example/c?page=1"
    first = {
        "type": "CollectionPage",
        "items": ["https://a.example/1", {"id": "https://a.example/2"}, 7, "x"],
        "next": "https://a.example/c?page=2",
    }
    held = parse.collection(whole | {"first": first})
    assert held.next == first
    read = parse.collection(first)
    assert read.items == ["https://a.example/1", {"id": "https://a.example/2"}]
    assert (read.next, parse.collection({"totalItems": -1}).total, parse.collection({"totalItems": True}).total) == (
        first["next"],
        0,
        0,
    )


# -- people --------------------------------------------------------------------------------------------------------------
def a_person(**changes: Any) -> Json:
    return {"id": AUTHOR, "type": "Person", "preferredUsername": "ann", "inbox": f"{AUTHOR}/inbox"} | changes


@pytest.mark.parametrize(
    "changes",
    [{"inbox": None}, {"inbox": "https://b.example/inbox"}, {"inbox": "ftp://a.example/inbox"}, {"id": None}, {"type": "Note"},
     {"id": "https://b.example/users/ann"}],
)  # fmt: skip
def test_an_actor_lies_with_its_inbox_on_its_own_server(changes: Json) -> None:
    with pytest.raises(BadDocument):
        parse.person(a_person(**changes), AUTHOR)


def test_addresses_on_other_servers_are_left_out_one_by_one() -> None:
    names = ("outbox", "followers", "featured", "url")
    read = parse.person(
        a_person(**dict.fromkeys(names, "https://b.example/x"), endpoints={"sharedInbox": "https://b.example/"}),
        AUTHOR,
    )
    assert (read.outbox, read.followers, read.featured, read.page, read.shared_inbox) == ("",) * 5


@pytest.mark.parametrize(
    "key",
    [
        {"id": "https://b.example/key", "owner": AUTHOR, "publicKeyPem": PEM},
        {"id": f"{AUTHOR}#k", "owner": "https://a.example/users/bob", "publicKeyPem": PEM},
        {"id": f"{AUTHOR}#k", "owner": AUTHOR, "publicKeyPem": "no key"},
        {"id": f"{AUTHOR}#k", "owner": AUTHOR, "publicKeyPem": 7},
        {"owner": AUTHOR, "publicKeyPem": PEM},
        f"{AUTHOR}#k",
    ],
)
def test_a_key_that_is_not_theirs_or_none_is_left_out(key: Any) -> None:
    assert parse.person(a_person(publicKey=key), AUTHOR).keys == ()
    good = {"id": f"{AUTHOR}#k", "owner": AUTHOR, "publicKeyPem": PEM}
    assert [one.uri for one in parse.person(a_person(publicKey=[key, good]), AUTHOR).keys] == [f"{AUTHOR}#k"]


@pytest.mark.parametrize(
    ("given", "handle"),
    [
        ("ann", "ann"),
        ("ann.ink-2", "ann.ink-2"),
        ("änn", "änn"),
        ("<b>", "ann"),
        ("a b", "ann"),
        (None, "ann"),
        ("a@b", "ann"),
    ],
)
def test_a_handle_is_one_word(given: Any, handle: str) -> None:
    assert parse.person(a_person(preferredUsername=given), AUTHOR).handle == handle


def test_names_are_plain_text_without_tricks() -> None:
    assert parse.person(a_person(name="Ann <3\u202e\u200b\nInk"), AUTHOR).name == "Ann <3 Ink"


@pytest.mark.parametrize(
    ("value", "url", "words"),
    [
        ("<a href='https://x.example/?a=1&amp;b=2' rel=me>x.example</a>", "https://x.example/?a=1&b=2", ""),
        ("https://x.example/", "https://x.example/", ""),
        ("<a href='javascript:alert(1)'>x.example</a>", "", "x.example"),
        ("she/her <b>&amp;</b> they", "", "she/her & they"),
        ("<a " * 900, "", ""),
    ],
)
def test_a_line_of_a_profile_is_a_link_or_words(value: str, url: str, words: str) -> None:
    read = parse.person(a_person(attachment={"type": "PropertyValue", "name": "Web", "value": value}), AUTHOR)
    assert [(link.label, link.url, link.words) for link in read.links] == [("Web", url, words)]
