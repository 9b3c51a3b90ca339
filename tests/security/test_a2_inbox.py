"""security.md A2, the rows about authority, as activities that arrive correctly signed and say too much."""

import copy
import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from federation.vocabulary import AS2, PUBLIC
from server import clock, follows, posts
from server.models import (
    Account,
    Actor,
    Artwork,
    Audience,
    Favourite,
    Follow,
    Kind,
    Origin,
    Post,
    Received,
    ReceivedState,
)
from tests.fediverse import Fediverse, House
from tests.peer import INBOX, INES, Peer, count
from tests.works import publish


async def row(house: House, uri: str) -> Post | None:
    async with house.site.db.read() as tx:
        found: Post | None = await tx.scalar(select(Post).where(Post.uri == uri))
        return found


async def followed_by_artist(village: Fediverse, house: House, artist: Account, uri: str) -> Actor:
    """The artist follows `uri`, and is accepted."""
    found = await house.site.network.find_person(house.site, uri)
    async with house.site.db.write() as tx:
        actor = (await tx.scalars(select(Actor).where(Actor.id == found))).one()
        await follows.follow(tx, artist.actor, actor)
    await village.settle()
    peer = village.peers[uri.split("/")[2]]
    asked = [sent for sent in peer.received if sent["type"] == "Follow"][-1]
    await peer.send(INBOX, peer.activity("Accept", uri, asked))
    await village.settle()
    return actor


async def test_row_22_only_the_author_edits(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    """Neither a neighbour on the same server nor somebody elsewhere; the stored author never changes."""
    alice, bob, mallory = good.actor("alice"), good.actor("bob", key=1), evil.actor("mallory", key=2)
    await followed_by_artist(village, house, artist, alice)
    note = good.note(alice, "Mine.")
    await good.send(INBOX, good.activity("Create", alice, note))
    await village.settle()
    before = await row(house, note["id"])
    assert before is not None
    later = (clock.now() + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for peer, forger in ((good, bob), (evil, mallory)):
        for author in (alice, forger):
            changed = note | {"content": "<p>Forged.</p>", "attributedTo": author, "updated": later}
            await peer.send(INBOX, peer.activity("Update", forger, changed))
    await village.settle()
    after = await row(house, note["id"])
    assert after is not None and (after.html, after.author_id) == (before.html, before.author_id)
    await good.send(INBOX, good.activity("Update", alice, note | {"content": "<p>Better.</p>", "updated": later}))
    await village.settle()
    assert "Better." in ((await row(house, note["id"])) or before).html


async def test_row_23_only_the_author_deletes(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    alice, bob, mallory = good.actor("alice"), good.actor("bob", key=1), evil.actor("mallory", key=2)
    await followed_by_artist(village, house, artist, alice)
    note = good.note(alice)
    await good.send(INBOX, good.activity("Create", alice, note))
    await village.settle()
    for peer, forger in ((good, bob), (evil, mallory)):
        for what in (note["id"], {"id": note["id"], "type": "Tombstone"}, alice, {"id": alice, "type": "Person"}, INES):
            await peer.send(INBOX, peer.activity("Delete", forger, what))
    await village.settle()
    kept = await row(house, note["id"])
    assert kept is not None and kept.deleted_at is None
    assert await count(house.site, Follow) == 1
    await good.send(INBOX, good.activity("Delete", alice, {"id": note["id"], "type": "Tombstone"}))
    await village.settle()
    gone = await row(house, note["id"])
    assert gone is not None and gone.deleted_at is not None and gone.html == ""


@pytest.mark.parametrize(
    "actor", [None, 7, [], {}, [{}], ["A", "B"], {"type": "Person"}, [{"id": "A"}, {"id": "B"}], ""]
)
async def test_row_24_exactly_one_actor(house: House, artist: Account, good: Peer, actor: Any) -> None:
    alice, bob = good.actor("alice"), good.actor("bob", key=1)
    named = {"A": alice, "B": bob}
    if isinstance(actor, list):
        actor = [
            {"id": named[one["id"]]} if isinstance(one, dict) and one else named.get(str(one), one) for one in actor
        ]
    document = good.activity("Follow", alice, INES) | {"actor": actor}
    assert (await good.send(INBOX, document, actor=alice)).status == 400
    assert await count(house.site, Received) == 0


async def test_row_25_what_a_boost_brings_along_is_not_believed(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    mallory, alice = evil.actor("mallory", key=1), good.actor("alice")
    await followed_by_artist(village, house, artist, mallory)
    note = good.note(alice, "True.")
    forged = copy.deepcopy(note) | {"content": "<p>Forged.</p>"}
    await evil.send(INBOX, evil.activity("Announce", mallory, forged, to=[PUBLIC]))
    await village.settle()
    kept = await row(house, note["id"])
    assert kept is not None and "True." in kept.html and "Forged" not in kept.html
    never = good.url("/notes/never")
    await evil.send(INBOX, evil.activity("Announce", mallory, forged | {"id": never}, to=[PUBLIC]))
    await village.settle()
    assert await row(house, never) is None


async def test_row_26_others_never_widen_an_audience(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    alice, mallory = good.actor("alice"), evil.actor("mallory", key=1)
    await followed_by_artist(village, house, artist, alice)
    note = good.note(alice, "For followers.", to=[f"{alice}/followers"], cc=[])
    await good.send(INBOX, good.activity("Create", alice, note))
    await village.settle()
    wide = note | {"to": [PUBLIC]}
    await evil.send(INBOX, evil.activity("Announce", mallory, wide, to=[PUBLIC]))
    await evil.send(INBOX, evil.activity("Update", mallory, wide))
    await evil.send(INBOX, evil.activity("Add", mallory, note["id"], target=f"{mallory}/featured"))
    await village.settle()
    kept = await row(house, note["id"])
    assert kept is not None and kept.audience is Audience.FOLLOWERS and kept.boosts == 0 and kept.pinned_at is None


async def test_row_26_the_followers_of_somebody_else_are_not_the_authors(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    """Only the collection that the author's own document names is theirs, whatever other addresses look like."""
    alice, bob = good.actor("alice", followers=good.url("/lists/7")), good.actor("bob", key=1)
    nobody = good.actor("cleo", key=2, followers=None)
    for whom in (alice, bob, nobody):
        await followed_by_artist(village, house, artist, whom)
    sent = {
        "hers": good.note(alice, "For mine.", to=[good.url("/lists/7")], cc=[]),
        "his": good.note(alice, "For his.", to=[f"{bob}/followers", f"{alice}/followers"], cc=[]),
        "named": good.note(alice, "For you.", to=[f"{bob}/followers"], cc=[INES]),
        "none": good.note(nobody, "For whom?", to=[f"{nobody}/followers"], cc=[]),
    }
    for note in sent.values():
        await good.send(INBOX, good.activity("Create", note["attributedTo"], note))
    await village.settle()
    found = {name: await row(house, note["id"]) for name, note in sent.items()}
    assert {name: post and post.audience for name, post in found.items()} == {
        "hers": Audience.FOLLOWERS, "his": Audience.MENTIONED, "named": Audience.MENTIONED, "none": Audience.MENTIONED,
    }  # fmt: skip
    async with house.site.db.read() as tx:
        ines = await tx.get_one(Actor, artist.actor_id)
        seen = set(await tx.scalars(select(Post.uri).where(Post.uri.is_not(None), posts.visible_to(ines))))
    assert seen == {sent["hers"]["id"], sent["named"]["id"]}


async def test_an_answer_never_becomes_a_work(village: Fediverse, house: House, artist: Account, good: Peer) -> None:
    """An Update that leaves out what it answers takes nothing out of a conversation, whether that is here or not yet."""
    alice = good.actor("alice")
    await followed_by_artist(village, house, artist, alice)
    work, _ = await publish(house.site, artist), await village.settle()
    picture = {"type": "Image", "mediaType": "image/png", "url": good.url("/heron.png"), "name": "A heron"}
    later = (clock.now() + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for above in (house.site.urls.post(work), good.url("/notes/away")):
        note = good.note(alice, "Look.", inReplyTo=above, attachment=[picture])
        await good.send(INBOX, good.activity("Create", alice, note))
        await village.settle()
        before = await row(house, note["id"])
        bare = {term: value for term, value in note.items() if term != "inReplyTo"}
        await good.send(INBOX, good.activity("Update", alice, bare | {"name": "Mine & new", "updated": later}))
        await village.settle()
        after = await row(house, note["id"])
        assert before is not None and after is not None and before.kind is after.kind is Kind.NOTE
        assert (after.reply_to_id, after.thread_id) == (before.reply_to_id, before.thread_id)
        assert after.text == "Mine & new\nLook." and "<strong>Mine &amp; new</strong>" in after.html, "nothing is lost"
        async with house.site.db.read() as tx:
            waits = await tx.scalar(select(Origin.reply_to_uri).where(Origin.post_id == after.id))
            assert await tx.get(Artwork, after.id) is None
        assert (after.reply_to_id == work.id) if above.startswith(house.site.urls.base) else (waits == above)


async def test_row_27_only_into_ones_own_collection(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    alice, mallory = good.actor("alice"), evil.actor("mallory", key=1)
    await followed_by_artist(village, house, artist, alice)
    await followed_by_artist(village, house, artist, mallory)
    note, theirs = good.note(alice), evil.note(mallory)
    await good.send(INBOX, good.activity("Create", alice, note))
    await evil.send(INBOX, evil.activity("Create", mallory, theirs))
    await village.settle()
    for target, what in ((f"{alice}/featured", theirs["id"]), (f"{mallory}/featured", note["id"])):
        await evil.send(INBOX, evil.activity("Add", mallory, what, target=target))
    await village.settle()
    pinned = [found.pinned_at for uri in (note["id"], theirs["id"]) if (found := await row(house, uri))]
    assert pinned == [None, None]
    await good.send(INBOX, good.activity("Add", alice, note["id"], target=f"{alice}/featured"))
    await village.settle()
    found = await row(house, note["id"])
    assert found is not None and found.pinned_at is not None


async def test_row_28_an_accept_answers_a_follow_that_was_sent(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    alice, mallory = good.actor("alice"), evil.actor("mallory", key=1)
    found = await house.site.network.find_person(house.site, alice)
    async with house.site.db.write() as tx:
        actor = (await tx.scalars(select(Actor).where(Actor.id == found))).one()
        await follows.follow(tx, artist.actor, actor)
    await village.settle()
    sent = [activity for activity in good.received if activity["type"] == "Follow"][-1]
    forged = [
        (evil, mallory, sent),
        (evil, mallory, sent["id"]),
        (evil, mallory, sent | {"object": mallory}),
        (good, alice, sent | {"id": good.url("/made-up"), "actor": good.actor("bob", key=2)}),
        (good, alice, {"type": "Follow", "actor": INES, "object": mallory, "id": good.url("/made-up-too")}),
    ]
    for peer, who, what in forged:
        await peer.send(INBOX, peer.activity("Accept", who, what))
    await village.settle()
    async with house.site.db.read() as tx:
        assert await follows.state(tx, artist.actor, actor) == "requested"
    await evil.send(INBOX, evil.activity("Reject", mallory, sent))
    await village.settle()
    assert await count(house.site, Follow) == 1
    accept = good.activity("Accept", alice, sent)
    for _ in range(3):
        await good.send(INBOX, accept)
    await village.settle()
    async with house.site.db.read() as tx:
        assert await follows.state(tx, artist.actor, actor) == "following"
    # A late Accept after the artist left changes nothing.
    async with house.site.db.write() as tx:
        await follows.unfollow(tx, artist.actor, actor)
    await good.send(INBOX, good.activity("Accept", alice, sent))
    await village.settle()
    assert await count(house.site, Follow) == 0


async def test_row_34_nobody_outside_is_one_of_us(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """Objects, actors and keys with our own origin are refused before anything is looked up."""
    mallory = evil.actor("mallory")
    await followed_by_artist(village, house, artist, mallory)
    asked = len(village.log)
    reply = await evil.send(INBOX, evil.activity("Follow", mallory, INES), key_id=f"{INES}#main-key")
    assert reply.status == 401
    note = evil.note(mallory) | {"id": "https://art.test/notes/1"}
    await evil.send(INBOX, evil.activity("Create", mallory, note))
    await evil.send(INBOX, evil.activity("Follow", mallory, INES) | {"id": "https://art.test/activities/1"})
    await village.settle()
    assert not [url for method, url, _ in village.log[asked:] if method == "GET" and "art.test" in url]
    assert await row(house, "https://art.test/notes/1") is None


async def test_row_35_a_late_create_finds_the_grave(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    alice = good.actor("alice")
    await followed_by_artist(village, house, artist, alice)
    known, unknown = good.note(alice), good.note(alice)
    create = good.activity("Create", alice, known)
    await good.send(INBOX, create)
    await village.settle()
    for note in (known, unknown):
        await good.send(INBOX, good.activity("Delete", alice, {"id": note["id"], "type": "Tombstone"}))
    await village.settle()
    for note in (known, unknown):
        await good.send(INBOX, good.activity("Create", alice, note))
        await good.send(INBOX, good.activity("Update", alice, note | {"updated": "2030-01-01T00:00:00Z"}))
    await village.settle()
    async with house.site.db.read() as tx:
        assert list(await tx.scalars(select(Post.id).where(Post.deleted_at.is_(None)))) == []


async def test_row_35_the_newest_edit_wins_in_any_order(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    """Twenty edits in a random order, some twice: the last one stands."""
    alice = good.actor("alice")
    await followed_by_artist(village, house, artist, alice)
    note = good.note(alice, "0", published="2026-11-01T10:00:00Z")
    await good.send(INBOX, good.activity("Create", alice, note))
    edits = [note | {"content": f"<p>{n}</p>", "updated": f"2026-11-02T10:00:{n:02}Z"} for n in range(1, 21)]
    shuffled = [*edits, *edits[:5]]
    random.Random(35).shuffle(shuffled)
    for edit in shuffled:
        await good.send(INBOX, good.activity("Update", alice, edit))
    await village.settle()
    found = await row(house, note["id"])
    assert found is not None and found.html == "<p>20</p>"


async def test_row_36_a_thousand_likes_are_one(
    village: Fediverse, house: House, artist: Account, good: Peer, evil: Peer
) -> None:
    """Always with a new id. (100 here; the count is the same.) Only the liker takes it back."""
    work = await publish(house.site, artist)
    await village.settle()
    uri = house.site.urls.post(work)
    alice, mallory = good.actor("alice"), evil.actor("mallory", key=1)
    last: dict[str, Any] = {}
    for kind in itertools.islice(itertools.cycle(["Like", "EmojiReact", "Announce"]), 99):
        last = good.activity(kind, alice, uri, to=[PUBLIC], **({"content": "🎨"} if kind == "EmojiReact" else {}))
        await good.send(INBOX, last)
    await village.settle()
    async with house.site.db.read() as tx:
        kept = await posts.get(tx, work.id, artist.actor)
    assert (kept.likes, kept.boosts) == (1, 1)
    await evil.send(
        INBOX, evil.activity("Undo", mallory, {"type": "Like", "actor": alice, "object": uri, "id": last["id"]})
    )
    await evil.send(
        INBOX, evil.activity("Undo", mallory, {"type": "Like", "actor": mallory, "object": uri, "id": last["id"]})
    )
    await village.settle()
    assert await count(house.site, Favourite) == 1
    await good.send(INBOX, good.activity("Undo", alice, {"type": "Like", "actor": alice, "object": uri}))
    await village.settle()
    assert await count(house.site, Favourite) == 0


async def test_row_30_a_report_decides_nothing(village: Fediverse, house: House, artist: Account, good: Peer) -> None:
    """A Flag is written down for moderators; nothing happens to whom it is about."""
    alice = good.actor("alice")
    work = await publish(house.site, artist)
    await village.settle()
    flag = good.activity("Flag", alice, [INES, house.site.urls.post(work)], content="Not theirs.") | {"@context": AS2}
    await good.send(INBOX, flag)
    await village.settle()
    async with house.site.db.read() as tx:
        received = list(await tx.scalars(select(Received)))
        assert [one.state for one in received] == [ReceivedState.DONE]
        assert (await posts.get(tx, work.id, None)).deleted_at is None
