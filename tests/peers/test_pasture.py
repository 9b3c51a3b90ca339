"""fediverse-pasture: six probe actors that look at one of ours, and every example of its inputs delivered to our inbox."""

import asyncio
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from server.models import Account, Follow, MediaState, Post, Received, ReceivedState
from tests.peers.home import Home
from tests.peers.kit import Pasture, inputs
from tests.peers.them import ON_SQLITE

pytestmark = pytest.mark.one_database


@ON_SQLITE
async def test_the_probes_see_a_server_that_verifies(art: Home, alice: Account, pasture: Pasture) -> None:
    """Signed POSTs are taken, also from actors without WebFinger, or who want our GETs signed; unsigned ones are not."""
    seen = await asyncio.to_thread(pasture.verify, f"alice@{art.name}")

    messages = seen.pop("messages")
    assert seen.pop("webfinger") is True, messages
    assert {name: one["get_actor"] for name, one in seen.items()} == dict.fromkeys(seen, True), messages
    taken = {name for name, one in seen.items() if one["post_inbox"]}
    assert taken == {"bob", "claire", "emily", "frank"} and set(seen) - taken == {"alice", "dean"}, messages


class Tags(HTMLParser):
    """Every element and attribute of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


PLAIN = {
    "b", "blockquote", "br", "code", "del", "em", "i", "ins", "li", "mark", "ol", "p", "pre", "s", "strong", "u", "ul",
}  # fmt: skip
ALLOWED = {"a": {"href", "rel", "class"}, "p": {"class"}, "span": {"class"}}


def harmless(html: str) -> None:
    """Nothing in `html` runs, looks like ours, or is fetched."""
    for tag, attributes in Tags(html).found:
        assert tag in PLAIN or tag in ALLOWED, html
        assert set(attributes) <= ALLOWED.get(tag, set()), html
        assert (attributes.get("href") or "https://").startswith(("https://", "http://", "/")), html


# What becomes of the examples, by family and place; "*" is all of a family, and what is not here becomes a NOTE without pictures.
# A WORK has pictures and answers nothing. Everything was answered 202: whoever sends it cannot do anything about it.
NO_ID = "dropped: The post's id is of another server."
NO_AUTHOR = "dropped: The post does not have exactly one author on its own server."
ANOTHER = "dropped: It was written by somebody else than whoever sent it."
BECOMES: dict[str, dict[int | str, str]] = {
    # One attachment or a list, with and without a description; a Document counts as a picture by its address or type.
    "image_description": {"*": "work 1"},
    "content_warnings": {3: "work 1", 4: "work 1", 5: "work 1", 6: "work 1"},
    # Formats that we do not show, and a file that is not there, are works whose picture is missing. Without a type (11) or
    # as data inside the post (16) it is no picture.
    "image_attachments": {"*": "work 1", 11: "note 0", 16: "note 0"},
    # Of videos, sounds, links, texts, notes and recipes the words are kept.
    "attachments": {0: "work 1", 10: "work 10"},
    "recommended_attachments": {0: "work 1"},
    "necessary_properties": {1: NO_ID, 3: NO_AUTHOR, 4: "dropped: Nothing is no post."},
    # An Image without an address of a picture has only words. Documents, Events, Pages, Videos: likewise.
    "object_types": {
        7: "dropped: Place is no post.", 8: "dropped: Profile is no post.", 9: "dropped: Relationship is no post.",
        10: "dropped: Tombstone is no post.", 13: "dropped: Nothing is no post.",
    },
    # It says that somebody else wrote it than whoever sends it (security.md row 22).
    "attributed_to": {"*": ANOTHER, 2: NO_AUTHOR},
}  # fmt: skip


@ON_SQLITE
async def test_every_input_is_taken_and_becomes_what_it_should(art: Home, alice: Account, pasture: Pasture) -> None:
    families = inputs()
    examples = [example for listed in families.values() for example in listed]
    sent = await asyncio.to_thread(pasture.send_all, art.url("/users/alice"), examples)
    await art.rest()
    assert [answer["status"] for answer in sent] == [202] * len(examples)
    assert await art.count(Received, Received.state == ReceivedState.SET_ASIDE) == 0

    names = [(family, place) for family, listed in families.items() for place in range(len(listed))]
    found = await outcomes(art, [answer["activity"] for answer in sent])
    wanted = [
        BECOMES.get(family, {}).get(place) or BECOMES.get(family, {}).get("*", "note 0") for family, place in names
    ]
    wrong = [(*name, said, want) for name, said, want in zip(names, found, wanted, strict=True) if said != want]
    assert wrong == []
    assert BECOMES.keys() <= families.keys() and len(families) == 22


async def outcomes(art: Home, sent: list[dict[str, Any]]) -> list[str]:
    """What became of each activity: "work 2" or "note 0" with the number of its pictures, or why there is nothing."""
    async with art.site.db.read() as tx:
        received = {row.activity_uri: row for row in await tx.scalars(select(Received))}
        query = select(Post).where(Post.uri.is_not(None)).options(selectinload(Post.media))
        posts = {post.uri: post for post in await tx.scalars(query)}
    said = []
    for activity in sent:
        row, kept = received[activity["id"]], posts.get(activity["object"].get("id"))
        if kept is None:
            said.append(f"{row.state.value}: {row.reason}")
            continue
        assert row.state is ReceivedState.DONE, activity
        harmless(kept.html)
        assert not any("<" in text for text in (kept.warning, *(media.alt for media in kept.media))), activity
        said.append(f"{kept.kind.value} {len(kept.media)}")
    return said


@ON_SQLITE
async def test_pictures_of_somebody_followed_are_fetched_as_far_as_they_are_pictures(
    art: Home, alice: Account, pasture: Pasture
) -> None:
    """PNG, JPEG, GIF and WebP are made into our sizes; SVG, EPS, TIFF and a file that is not there say why they are not shown."""
    bob = await art.find("https://pasture.test/bob")
    async with art.site.db.write() as tx:
        tx.add(Follow(follower_id=alice.actor.id, followed_id=bob.id, accepted=True))
    examples = inputs()["image_attachments"]
    sent = await asyncio.to_thread(pasture.send_all, art.url("/users/alice"), examples)
    await art.rest()
    shown = {}
    for example, answer in zip(examples, sent, strict=True):
        kept = await art.post(answer["activity"]["object"]["id"], alice)
        assert kept is not None
        for media in kept.media:
            shown[media.source.rsplit("/", 1)[-1]] = bool(media.renditions)
            assert media.renditions or media.failure or media.state is MediaState.WAITING, example
    assert {name for name, is_here in shown.items() if not is_here} == {
        "FediverseLogo.svg", "003.eps", "003c.tiff", "does_not_exist.png",
    }  # fmt: skip
