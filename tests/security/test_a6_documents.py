"""security.md A6, the rows about what stands in a document: too much of it, or what no parser agrees about; and A2, row 21."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from federation import parse
from federation.parse import BadDocument, activities, people, pictures, pieces, strict, wordings
from federation.vocabulary import PUBLIC, Json
from server import sign_ins
from server.models import Account, Follow, Post, Received
from tests.fediverse import Fediverse, House
from tests.peer import INBOX, INES, Peer, count, rsa_key
from tests.security.test_a2_inbox import followed_by_artist

HOST = "https://far.test"
ADA = f"{HOST}/users/ada"


def a_post(**more: Any) -> Json:
    return {"id": f"{HOST}/notes/1", "type": "Note", "attributedTo": ADA, "content": "Hello.", "to": [PUBLIC], **more}


def a_person(**more: Any) -> Json:
    return {"id": ADA, "type": "Person", "preferredUsername": "ada", "inbox": f"{ADA}/inbox", **more}


# -- row 21: authority lies in the id ------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", [f"{HOST}.evil.test/1", "https://victim.test/1", "//victim.test/1", "javascript:1", 7])
def test_row_21_a_page_elsewhere_is_not_the_posts_page(page: Any) -> None:
    for form in (page, [page], {"type": "Link", "href": page, "mediaType": "text/html"}):
        assert parse.piece(a_post(url=form), ADA).page == ""
        assert parse.person(a_person(url=form), ADA).page == ""
    assert parse.piece(a_post(url=f"{HOST}/@ada/1"), ADA).page == f"{HOST}/@ada/1"


@pytest.mark.parametrize("uri", ["https://victim.test/notes/1", f"{HOST}.evil.test/notes/1", "", None, 7])
def test_row_21_a_page_of_ones_own_lends_no_authority_over_an_id(uri: Any) -> None:
    with pytest.raises(BadDocument):
        parse.piece(a_post(id=uri, url=f"{HOST}/@ada/1"), ADA)


# -- row 29 --------------------------------------------------------------------------------------------------------------
async def test_row_29_a_move_moves_nobody(village: Fediverse, house: House, artist: Account, evil: Peer) -> None:
    old, new = evil.actor("old", key=1), evil.actor("new", key=2, alsoKnownAs=[evil.url("/users/old")])
    await followed_by_artist(village, house, artist, old)
    assert (await evil.send(INBOX, evil.activity("Move", old, old, target=new))).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 1
    async with house.site.db.read() as tx:
        assert await tx.scalar(select(Received.id).where(Received.type == "Move")) is None


# -- row 90: every field has a most --------------------------------------------------------------------------------------
LONG = "x" * 60_000
CUT: list[tuple[str, Json, Callable[[Any], Any], int]] = [
    ("title", {"type": "Image", "name": LONG, "url": f"{HOST}/1.png"}, lambda p: p.title, wordings.MAX_TITLE),
    ("content", {"content": LONG}, lambda p: p.words, wordings.MAX_CONTENT),
    ("warning", {"summary": LONG}, lambda p: p.warning, wordings.MAX_WARNING),
    (
        "alt text",
        {"attachment": [{"type": "Image", "url": f"{HOST}/1.png", "name": LONG}]},
        lambda p: p.pictures[0].alt,
        pictures.MAX_ALT,
    ),
    (
        "pictures",
        {"attachment": [{"type": "Image", "url": f"{HOST}/{n}.png"} for n in range(50)]},
        lambda p: p.pictures,
        pictures.MAX_PICTURES,
    ),
    ("tags", {"tag": [{"type": "Hashtag", "name": f"#t{n}"} for n in range(70)]}, lambda p: p.tags, pieces.MAX_TAGS),
]


@pytest.mark.parametrize(("what", "more", "field", "most"), CUT, ids=[case[0] for case in CUT])
def test_row_90_what_is_too_long_is_cut_to_its_most(
    what: str, more: Json, field: Callable[[Any], Any], most: int
) -> None:
    assert len(field(parse.piece(a_post(**more), ADA))) == most, what


def test_row_90_people_have_their_most_as_well() -> None:
    lines = [{"type": "PropertyValue", "name": str(n), "value": "x"} for n in range(50)]
    found = parse.person(
        a_person(name=LONG, summary=LONG, attachment=lines, implements=[f"urn:{n}" for n in range(90)]), ADA
    )
    assert len(found.name) == people.MAX_NAME
    assert len(found.about) <= people.MAX_ABOUT
    assert len(found.links) == people.MAX_LINKS
    assert len(found.implements) <= people.MAX_IMPLEMENTS


def test_row_90_and_98_too_many_addressed_or_mentioned_are_refused() -> None:
    crowd = [f"{HOST}/users/{n}" for n in range(activities.MAX_ADDRESSED + 1)]
    with pytest.raises(BadDocument):
        parse.piece(a_post(to=crowd), ADA)
    with pytest.raises(BadDocument):
        parse.piece(a_post(to=crowd[:60], cc=crowd[60:]), ADA)
    named = [{"type": "Mention", "href": uri} for uri in crowd[: pieces.MAX_MENTIONS + 1]]
    with pytest.raises(BadDocument):
        parse.piece(a_post(tag=named), ADA)
    assert len(parse.piece(a_post(to=crowd[:-1], tag=named[:-1]), ADA).mentions) == pieces.MAX_MENTIONS


# -- rows 91, 92, 103: what parsers disagree about ------------------------------------------------------------------------
HOSTILE: dict[str, bytes] = {
    "depth": b'{"a":' + b"[" * 100_000,
    "depth inside": b'{"a":' + b"[" * (strict.MAX_DEPTH + 1) + b"]" * (strict.MAX_DEPTH + 1) + b"}",
    "long number": b'{"a":' + b"9" * 5_000 + b"}",
    "number": b'{"a":9223372036854775808}',
    "float": b'{"a":1e999}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "twice": b'{"actor":"https://a.test/","actor":"https://b.test/"}',
    "twice, escaped": b'{"actor":1,"\\u0061ctor":2}',
    "twice, without NUL": b'{"actor":1,"actor\\u0000":2}',
    "twice, without halves": b'{"actor":1,"\\uD800actor":2}',
    "depth of both": b'{"a":' * 20 + b"[" * 20 + b"]" * 20 + b"}" * 20,
    "latin": b'{"a":"\xe4"}',
    "list": b"[]",
    "nothing": b"",
    "keys": b"{" + b",".join(b'"%d":0' % n for n in range(strict.MAX_KEYS + 1)) + b"}",
    "items": b'{"a":[' + b"0," * strict.MAX_ITEMS + b"0]}",
    "string": b'{"a":"' + b"x" * (strict.MAX_STRING + 1) + b'"}',
    "bytes": b'{"a":"' + b" " * strict.MAX_BYTES + b'"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_row_91_what_two_parsers_may_read_differently_is_refused(name: str) -> None:
    with pytest.raises(BadDocument):
        parse.load(HOSTILE[name])


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"x","b":[1,2.5,null,true,{"c":"\xc3\xa4","d":[]}]}',
        b'{"a":"\\u0000","b\\ud800":["\\uD83D\\uDE00","\\udc00x",{"\\u0000c":"\\\\u0000"}]}',
        b'{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[","b":{"c":"{{{{"}}',
    ],
)
def test_row_92_what_is_short_is_read_as_what_is_long(body: bytes) -> None:
    """In a short document nothing is counted, and nothing is looked for that cannot be there; blanks make it a long one."""
    assert parse.load(body) == parse.load(body + b" " * (2 * strict.MAX_ITEMS))


async def test_row_91_an_inbox_answers_400_and_never_500(house: House, artist: Account, good: Peer) -> None:
    alice = good.actor("alice")
    statuses = {name: (await good.send(INBOX, body, actor=alice)).status for name, body in HOSTILE.items()}
    assert set(statuses.values()) <= {400, 413}, statuses


@pytest.mark.parametrize("character", ["\ud800", "\udfff", "\0"])
async def test_row_92_what_no_store_keeps_is_taken_out(
    village: Fediverse, house: House, artist: Account, good: Peer, character: str
) -> None:
    alice = good.actor("alice")
    await followed_by_artist(village, house, artist, alice)
    spoiled = json.loads(json.dumps(good.note(alice, "Heron."), ensure_ascii=True))
    spoiled["content"] = f"<p>He{character}ron.</p>"
    spoiled |= {"summary": character, "tag": [{"type": "Hashtag", "name": f"#in{character}k"}], f"x{character}": 1}
    body = json.dumps(good.activity("Create", alice, spoiled), ensure_ascii=True).encode()
    assert (await good.send(INBOX, body, actor=alice)).status == 202
    await village.settle()
    async with house.site.db.read() as tx:
        kept = await tx.scalar(select(Post).where(Post.uri == spoiled["id"]))
    assert kept is not None and (kept.html, kept.warning) == ("<p>Heron.</p>", "")


def test_row_103_colliding_keys_are_refused_by_their_number() -> None:
    body = ("{" + ",".join(f'"{n}":0' for n in range(100_000)) + "}").encode()
    with pytest.raises(BadDocument):
        parse.load(body[: strict.MAX_BYTES])
    with pytest.raises(BadDocument, match="keys"):
        parse.load(("{" + ",".join(f'"{n}":0' for n in range(strict.MAX_KEYS * 10)) + "}").encode())


# -- row 94: one bad post spoils no wall ----------------------------------------------------------------------------------
NASTY = [
    "<p",
    "<" * 5_000,
    "<a href='//x'>" * 500,
    "&#x110000;",
    "<p>" * 2_000 + "x",
    "\u202e" * 400,
    "<svg><style>",
    "{{ 7*7 }}",
    "%s%n",
]


async def test_row_94_hostile_posts_are_read_and_break_no_page(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    alice = good.actor("alice")
    await followed_by_artist(village, house, artist, alice)
    for number, text in enumerate(NASTY):
        picture = {"type": "Image", "url": good.url(f"/{number}.png"), "name": text, "width": -1, "blurhash": text[:40]}
        more = {
            "summary": text,
            "name": text,
            "attachment": [picture],
            "tag": [{"type": "Hashtag", "name": f"#{text}"}],
        }
        for kind in ("Note", "Image"):
            note = good.note(alice) | more | {"type": kind, "content": text, "id": good.url(f"/{kind}/{number}")}
            assert (await good.send(INBOX, good.activity("Create", alice, note))).status == 202
    note = good.note(alice, "A calm one.")
    await good.send(INBOX, good.activity("Create", alice, note))
    await village.settle()
    assert await count(house.site, Post, Post.uri.is_not(None)) == 2 * len(NASTY) + 1
    async with house.site.db.write() as tx:
        session = {"Cookie": f"__Host-session={await sign_ins.open(tx, artist, 'Test browser')}"}
    pages = {
        path: await village.ask("GET", f"https://art.test{path}", session) for path in ("/home", "/@alice@good.test")
    }
    assert {path: reply.status for path, reply in pages.items()} == dict.fromkeys(pages, 200)
    assert b"A calm one." in pages["/home"].body


# -- row 97: strangers have a small share ---------------------------------------------------------------------------------
async def test_row_97_a_server_that_proves_nothing_has_a_small_share(
    house: House, village: Fediverse, artist: Account, evil: Peer, good: Peer
) -> None:
    mallory, alice = evil.actor("mallory", key=1), good.actor("alice")
    body = json.dumps(evil.activity("Follow", mallory, INES)).encode()
    replies = [
        await village.ask("POST", INBOX, evil.sign(INBOX, body, mallory, key=rsa_key(2)), body) for _ in range(25)
    ]
    assert [reply.status for reply in replies] == [401] * 20 + [429] * 5
    assert all(int(reply.headers["retry-after"]) > 0 for reply in replies[20:])
    assert (await good.send(INBOX, good.activity("Follow", alice, INES))).status == 202
