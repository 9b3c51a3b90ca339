"""security.md A1, the rows about requests that reach an inbox: who is believed to have sent what."""

import asyncio
import copy
import json
from typing import Any

import pytest
from sqlalchemy import select

from federation import signatures
from federation.inbox import HANDLERS
from federation.vocabulary import PUBLIC
from server import clock
from server.models import Account, Actor, Follow, Notification, Post, Received
from server.site import Site
from tests.fediverse import Fediverse, House
from tests.peer import INBOX, INES, Peer, count, rsa_key


async def rows(site: Site) -> tuple[int, ...]:
    """How much there is of everything that an activity could leave behind."""
    return tuple([await count(site, model) for model in (Received, Follow, Post, Notification)])


@pytest.mark.parametrize("family", ["cavage", "rfc9421"])
async def test_row_01_the_keys_owner_is_the_actor(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer, family: str
) -> None:
    """Mallory's valid key under an activity of Alice: no handler runs, and nothing is written."""
    mallory, alice = evil.actor("mallory", key=1), good.actor("alice")
    before = await rows(house.site)
    forged = good.activity("Follow", alice, INES)
    reply = await evil.send(INBOX, forged, actor=mallory, family=family)
    assert reply.status == 202, "a forwarded activity is a hint, not an error"
    await village.settle()
    assert await rows(house.site) == before
    assert await count(house.site, Actor, Actor.uri == alice) == 0
    # The same one with Alice's own signature works, so that the test can fail.
    assert (await good.send(INBOX, forged, family=family)).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 1


async def test_row_02_a_keys_owner_is_not_believed(house: House, artist: Account, evil: Peer, good: Peer) -> None:
    """A key document at evil.test that calls Alice its owner: her own document does not list it."""
    alice = good.actor("alice")
    evil.actor("mallory", key=1)
    key_id = evil.url("/keys/1")
    pem = copy.deepcopy(evil.documents[evil.url("/users/mallory")]["publicKey"]["publicKeyPem"])
    for owner in (alice, {"id": alice}):
        evil.documents[key_id] = {"id": key_id, "type": "Key", "owner": owner, "publicKeyPem": pem}
        forged = good.activity("Follow", alice, INES)
        reply = await evil.send(INBOX, forged, actor=alice, key_id=key_id, key=rsa_key(1))
        assert reply.status == 401, reply.body
    assert await count(house.site, Received) == 0


async def test_row_02_a_document_under_another_id(house: House, artist: Account, evil: Peer, good: Peer) -> None:
    """The address of the key answers with Alice's document: it is Alice's only if it comes from where she lives."""
    alice = good.actor("alice")
    evil.actor("mallory", key=1)
    stolen = copy.deepcopy(good.documents[alice])
    key_id = evil.url("/users/fake#main-key")
    stolen["publicKey"] |= {
        "id": key_id,
        "publicKeyPem": evil.documents[evil.url("/users/mallory")]["publicKey"]["publicKeyPem"],
    }
    evil.documents[evil.url("/users/fake")] = stolen
    forged = good.activity("Follow", alice, INES)
    assert (await evil.send(INBOX, forged, actor=alice, key_id=key_id, key=rsa_key(1))).status == 401
    assert await count(house.site, Received) == 0


@pytest.mark.parametrize("method", ["POST"])
async def test_row_04_a_body_is_always_covered(
    village: Fediverse, house: House, artist: Account, good: Peer, method: str
) -> None:
    alice = good.actor("alice")
    follow = json.dumps(good.activity("Follow", alice, INES)).encode()
    headers = good.sign(INBOX, follow, alice)
    swapped = follow.replace(b"ines", b"INES")
    assert (await village.ask(method, INBOX, headers, swapped)).status == 401
    without = {name: value for name, value in headers.items() if name.lower() != "digest"}
    assert (await village.ask(method, INBOX, without, follow)).status in (400, 401)
    assert (await village.ask(method, INBOX, {"Content-Type": "application/activity+json"}, follow)).status == 401
    assert await count(house.site, Received) == 0


async def test_row_09_one_request_a_hundred_times(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    """All in parallel, and once more afterwards: one row, one effect, always 202."""
    alice = good.actor("alice")
    # A server that was never heard of may send little at first; one that proved who it is, much more.
    assert (await good.send(INBOX, good.activity("Travel", alice, INES))).status == 202
    body = json.dumps(good.activity("Follow", alice, INES)).encode()
    headers = good.sign(INBOX, body, alice)
    replies = await asyncio.gather(*[village.ask("POST", INBOX, headers, body) for _ in range(100)])
    assert {reply.status for reply in replies} == {202}
    await village.settle()
    shared = "https://art.test/inbox"
    assert (await village.ask("POST", shared, good.sign(shared, body, alice), body)).status == 202
    await village.settle()
    assert await count(house.site, Received) == 1
    assert await count(house.site, Follow) == 1
    assert await count(house.site, Notification) == 1
    assert len([sent for sent in good.received if sent["type"] == "Accept"]) == 1


async def test_row_13_a_new_key_is_found_once(house: House, artist: Account, good: Peer) -> None:
    """After a rotation one request makes us look again; a thousand bad signatures do not."""
    alice = good.actor("alice")
    assert (await good.send(INBOX, good.activity("Follow", alice, INES))).status == 202
    fetched = len(good.asked)
    for _ in range(20):
        bad = good.activity("Follow", alice, INES)
        assert (await good.send(INBOX, bad, key=rsa_key(2))).status == 401
    assert len(good.asked) - fetched <= 2, "one look at the actor, at most one at a key of its own"
    # Alice's server rotates; five minutes later it is believed again, and the old key is not.
    later = clock.after(minutes=10)
    clock.set_source(lambda: later)
    old = good.keys[alice]
    good.actor("alice", key=3)
    assert (await good.send(INBOX, good.activity("Follow", alice, INES))).status == 202
    assert (await good.send(INBOX, good.activity("Follow", alice, INES), key=old)).status == 401


async def test_row_14_a_dead_key_is_asked_for_once(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """Many requests whose key nobody has: one fetch, and no row."""
    mallory = evil.actor("mallory")
    evil.documents[mallory] = 404
    for _ in range(15):
        reply = await evil.send(INBOX, evil.activity("Follow", mallory, INES))
        assert reply.status == 401
    assert len(evil.asked) <= 2
    assert await count(house.site, Received) == 0


async def test_row_15_a_key_that_cannot_be_had_now(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    """Their server is away: 503 with Retry-After, since a 401 would make the peer drop the activity."""
    alice = good.actor("alice")
    village.down.add("good.test")
    reply = await good.send(INBOX, good.activity("Follow", alice, INES))
    assert reply.status == 503 and int(reply.headers["Retry-After"]) > 0


async def test_row_15_the_farewell_of_somebody_gone(
    village: Fediverse, house: House, artist: Account, good: Peer
) -> None:
    """A deleted actor's Delete: believed by the key that is known here, dropped where nothing is known of them."""
    alice, carol = good.actor("alice"), good.actor("carol", key=1)
    assert (await good.send(INBOX, good.activity("Follow", alice, INES))).status == 202
    await village.settle()
    good.documents[alice] = good.documents[carol] = 410
    gone = good.activity("Delete", carol, carol)
    asked = len(good.asked)
    assert (await good.send(INBOX, gone)).status == 202
    assert len(good.asked) == asked, "nobody is asked about somebody of whom nothing is here"
    assert (await good.send(INBOX, good.activity("Delete", alice, alice))).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 0
    async with house.site.db.read() as tx:
        row = (await tx.scalars(select(Actor).where(Actor.uri == alice))).one()
    assert row.gone_at is not None


def mangled(document: dict[str, Any]) -> list[dict[str, Any]]:
    """An LD-signed Create of somebody else, restructured the ways that were used against others."""
    signed = document | {
        "signature": {"type": "RsaSignature2017", "creator": document["actor"], "signatureValue": "AA=="}
    }
    inner = document["object"]
    found = [signed]
    for word in ("@graph", "@included", "@reverse"):
        found.append(signed | {word: [inner]})
        found.append(
            {key: value for key, value in signed.items() if key != "object"} | {word: [inner], "object": inner["id"]}
        )
    for term in ("content", "to", "cc", "attributedTo", "inReplyTo", "type", "id", "tag", "published"):
        found.append(signed | {"object": {key: value for key, value in inner.items() if key != term}})
        found.append(signed | {"object": inner | {term: [inner.get(term), inner.get(term)]}})
        found.append(signed | {"@context": ["https://www.w3.org/ns/activitystreams", {term: "https://evil.test/ns#x"}]})
    return found


async def test_row_16_ld_signatures_give_no_authority(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    mallory, alice = evil.actor("mallory", key=1), good.actor("alice")
    note = good.note(alice, "Forged.", tag=[{"type": "Mention", "href": INES}], cc=[INES], inReplyTo=None)
    create = good.activity("Create", alice, note)
    corpus = mangled(create)
    assert len(corpus) >= 30
    for document in corpus:
        assert (await evil.send(INBOX, document, actor=mallory)).status in (202, 400)
    await village.settle()
    assert await count(house.site, Post) == 0
    assert await count(house.site, Received) == 0
    assert not [asked for asked in good.asked if "/notes/" in asked], "nothing here made it matter"


async def test_row_17_a_proof_counts_as_its_actors_word(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    """Passed on by somebody else with a valid proof: done. With a proof by another one, or over other words: not."""
    mallory, alice = evil.actor("mallory", key=1), good.actor("alice")
    follow = good.activity("Follow", alice, INES)
    proved = signatures.prove(follow, good.proof_keys[alice], f"{alice}#ed25519-key", clock.now())
    changed = copy.deepcopy(proved) | {"id": good.url("/activities/other")}
    assert (await evil.send(INBOX, changed, actor=mallory)).status == 401
    theirs = signatures.prove(follow, evil.proof_keys[mallory], f"{mallory}#ed25519-key", clock.now())
    assert (await evil.send(INBOX, theirs, actor=mallory)).status == 401
    posing = signatures.prove(follow, evil.proof_keys[mallory], f"{alice}#ed25519-key", clock.now())
    assert (await evil.send(INBOX, posing, actor=mallory)).status == 401
    assert await count(house.site, Received) == 0
    assert (await evil.send(INBOX, proved, actor=mallory)).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 1


async def test_row_18_contexts_are_never_fetched(village: Fediverse, house: House, artist: Account, evil: Peer) -> None:
    mallory = evil.actor("mallory")
    evil.documents[mallory]["@context"] = [evil.url(f"/context/{number}") for number in range(100)]
    follow = evil.activity("Follow", mallory, INES) | {"@context": [f"https://nowhere.test/{n}" for n in range(100)]}
    assert (await evil.send(INBOX, follow)).status == 202
    await village.settle()
    assert not [url for _, url, _ in village.log if "context" in url or "nowhere" in url]
    assert await count(house.site, Follow) == 1


async def test_unknown_types_are_dropped(village: Fediverse, house: House, artist: Account, good: Peer) -> None:
    alice = good.actor("alice")
    for kind in ("Travel", "LikeRequest", "Dislike", "https://evil.test/Type"):
        assert kind not in HANDLERS
        assert (await good.send(INBOX, good.activity(kind, alice, INES))).status == 202
    assert await count(house.site, Received) == 0


async def test_both_families_and_both_inboxes(village: Fediverse, house: House, artist: Account, good: Peer) -> None:
    for number, (inbox, family) in enumerate(
        (inbox, family)
        for inbox in (INBOX, "https://art.test/inbox", "https://art.test/actor/inbox")
        for family in ("cavage", "rfc9421")
    ):
        actor = good.actor(f"reader{number}")
        reply = await good.send(inbox, good.activity("Follow", actor, INES, to=[PUBLIC]), family=family)
        assert reply.status == 202, (inbox, family, reply.body)
    await village.settle()
    assert await count(house.site, Follow) == 6
