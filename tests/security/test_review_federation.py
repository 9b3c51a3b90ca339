"""What a reviewer tried with a server of their own: attacks that cross the rows of security.md, each named by its row."""

import asyncio
import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from federation import inbox, remote, signatures
from federation.vocabulary import PUBLIC
from server import clock, hosts, jobs, moderation
from server.app import JOBS
from server.models import Account, Actor, Follow, HostLevel, Post, Received
from server.worker import Worker
from tests.fediverse import Fediverse, House
from tests.peer import INBOX, INES, Peer, count, rsa_key
from tests.works import publish


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """From now on it is so many days later."""
    real = clock.now

    def moved() -> datetime:
        return real() + timedelta(days=days)

    monkeypatch.setattr(clock, "now", moved)


async def boosts_of(house: House, post: Post) -> int:
    async with house.site.db.read() as tx:
        return (await tx.get_one(Post, post.id)).boosts


async def test_row_96_whoever_names_a_server_spends_their_own(database_url: str, tmp_path: Path) -> None:
    """Requests that name a key of good.test and come from elsewhere do not use up what good.test may send."""
    async with Fediverse() as village:
        house = await village.house("art.test", database_url, tmp_path / "art", CARTELLINO_SERVER_PROXIES="1")
        await house.account("ines")
        good = Peer(village, "good.test")
        alice = good.actor("alice")
        follow = json.dumps(good.activity("Follow", alice, INES)).encode()

        async def send(address: str, key: int) -> int:
            signed = good.sign(INBOX, follow, alice, key=rsa_key(key))
            return (await village.ask("POST", INBOX, signed | {"X-Forwarded-For": address}, follow)).status

        forged = [await send("192.0.2.66", 3) for _ in range(30)]
        assert forged[0] == 401
        assert forged[-1] == 429, "a stranger may try only so often"
        assert await send("192.0.2.7", 0) == 202
        assert [await send("2001:db8::1", 3) for _ in range(20)] == [401] * 20
        assert await send("2001:db8::2", 3) == 429, "a household counts once"


async def test_row_95_one_long_address_does_not_stop_what_arrives_with_it(
    house: House, artist: Account, evil: Peer, good: Peer
) -> None:
    """PostgreSQL cannot index two long addresses in one row, and what is written together fails together."""
    alice, mallory = good.actor("alice"), evil.actor("m" + secrets.token_hex(960), key=1)
    for peer, actor in ((good, alice), (evil, mallory)):
        assert (await peer.send(INBOX, peer.activity("Travel", actor, INES))).status == 202
    poison = evil.activity("Follow", mallory, INES) | {"id": evil.url("/" + secrets.token_hex(1000))}
    replies = await asyncio.gather(
        evil.send(INBOX, poison), *[good.send(INBOX, good.activity("Follow", alice, INES)) for _ in range(3)]
    )
    assert [reply.status for reply in replies] == [400, 202, 202, 202]
    assert await count(house.site, Received) == 3


async def test_row_92_names_that_differ_from_ours_in_script_are_read_again(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """Two people who give the same name, in letters of which SQLite knows no capitals: nobody breaks what they send later."""
    people = [evil.actor(name, key=number, preferredUsername="ÄNNA") for number, name in enumerate(("one", "two"))]
    for uri in people:
        assert (await evil.send(INBOX, evil.activity("Follow", uri, INES))).status == 202
    await village.settle()
    for uri in people * 2:
        await evil.send(INBOX, evil.activity("Update", uri, evil.documents[uri]))
        await village.settle()
    assert await count(house.site, Received, Received.attempts != 1) == 0
    async with house.site.db.read() as tx:
        handles = list(await tx.scalars(select(Actor.handle).where(Actor.domain == "evil.test")))
    assert len(handles) == 2 and "ÄNNA" in handles


async def test_row_88_reading_by_signature_is_counted_as_well(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """A GET makes this server ask for the reader's key and write down whose it is: no more often than an activity."""
    statuses = []
    for number in range(30):
        uri = evil.actor(f"reader{number}", key=1)
        signed = signatures.sign_cavage("GET", f"{INES}/outbox", None, rsa_key(1), f"{uri}#other", clock.now())
        statuses.append((await village.ask("GET", f"{INES}/outbox", signed)).status)
    assert statuses[0] == 200, "a signature that does not hold makes a stranger of the reader, and no more"
    assert statuses[-1] == 429
    assert await count(house.site, Actor, Actor.uri.is_not(None)) < 25


async def test_row_09_what_was_proved_long_ago_is_not_played_again(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof holds for ever, the memory of what came in does not: Mallory cannot bring back a follow that is over."""
    alice, mallory = good.actor("alice"), evil.actor("mallory", key=1)
    follow = good.activity("Follow", alice, INES)
    proved = signatures.prove(follow, good.proof_keys[alice], f"{alice}#ed25519-key", clock.now())
    assert (await evil.send(INBOX, proved, actor=mallory)).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 1, "a fresh one counts, whoever brings it"
    await good.send(INBOX, good.activity("Undo", alice, follow))
    await village.settle()
    later(monkeypatch, 31)
    async with house.site.db.write() as tx:
        await tx.execute(delete(Received))  # as the sweep does after 30 days
    assert (await evil.send(INBOX, proved, actor=mallory)).status == 202
    await village.settle()
    assert await count(house.site, Follow) == 0


async def test_row_48_nothing_new_of_a_suspended_person_is_stored(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """Neither what they send nor what is fetched; a moderator who lifts the suspension finds no heap of what came meanwhile."""
    mallory = evil.actor("mallory")
    before = evil.note(mallory, "Before.", to=[PUBLIC, INES])
    await evil.send(INBOX, evil.activity("Create", mallory, before))
    await village.settle()
    assert await count(house.site, Post, Post.uri.is_not(None)) == 1
    async with house.site.db.write() as tx:
        await moderation.suspend(tx, None, (await tx.scalars(select(Actor).where(Actor.uri == mallory))).one())
    await evil.send(INBOX, evil.activity("Create", mallory, evil.note(mallory, "After.", to=[PUBLIC, INES])))
    await evil.send(INBOX, evil.activity("Create", mallory, evil.note(mallory, "More.", inReplyTo=before["id"])))
    await village.settle()
    assert await count(house.site, Post, Post.uri.is_not(None)) == 1


async def test_row_36_a_deleted_boost_is_not_counted(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """Some servers delete their Announce instead of undoing it; afterwards the person may boost again."""
    mallory, work = evil.actor("mallory"), await publish(house.site, artist)
    await village.settle()
    uri = house.site.urls.post(work)
    boost = evil.activity("Announce", mallory, uri, to=[PUBLIC])
    await evil.send(INBOX, boost)
    await village.settle()
    assert await boosts_of(house, work) == 1
    await evil.send(INBOX, evil.activity("Delete", mallory, boost["id"]))
    await village.settle()
    assert await boosts_of(house, work) == 0
    await evil.send(INBOX, evil.activity("Announce", mallory, uri, to=[PUBLIC]))
    await village.settle()
    assert await boosts_of(house, work) == 1


async def test_row_13_a_key_that_was_lost_does_not_open_for_ever(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice has a new key, since Mallory has the old one. Nobody tells us; a day later we ask, and as long as nobody answers what
    we know holds."""
    alice = good.actor("alice")
    assert (await good.send(INBOX, good.activity("Travel", alice, INES))).status == 202
    good.actor("alice", key=2)
    assert (await good.send(INBOX, good.activity("Travel", alice, INES), key=rsa_key(0))).status == 202
    later(monkeypatch, 2)
    village.down.add("good.test")
    assert (await good.send(INBOX, good.activity("Travel", alice, INES), key=rsa_key(0))).status == 202
    village.down.discard("good.test")
    later(monkeypatch, 2)
    assert (await good.send(INBOX, good.activity("Travel", alice, INES), key=rsa_key(0))).status == 401
    assert (await good.send(INBOX, good.activity("Travel", alice, INES))).status == 202


async def test_row_97_a_server_that_answers_slowly_holds_up_nobody_else(
    village: Fediverse, house: House, artist: Account, evil: Peer, good: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More activities and more fetches than their lanes have places, and each makes us wait for evil.test: Alice's follow is done
    meanwhile, and Bob is fetched."""
    monkeypatch.setattr(inbox, "PATIENCE", 0.05)
    monkeypatch.setattr(remote, "PATIENCE", 0.05)
    people = [evil.actor(f"mallory{number}", key=1) for number in range(jobs.LANES["inbox"] + 4)]
    for uri in people:
        assert (await evil.send(INBOX, evil.activity("Update", uri, evil.documents[uri]))).status == 202
    alice = good.actor("alice")
    assert (await good.send(INBOX, good.activity("Follow", alice, INES))).status == 202
    bob = good.actor("bob")
    async with house.site.db.write() as tx:
        for uri in people:
            jobs.enqueue(tx, jobs.Fetch("actor", f"{uri}/other"))
        await tx.flush()
        jobs.enqueue(tx, jobs.Fetch("actor", bob))
    asked, usual = asyncio.Event(), evil.answer

    async def slowly(*request: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()
        return await usual(*request)

    monkeypatch.setattr(evil, "answer", slowly)
    ours = Worker(house.site, JOBS)
    running = asyncio.create_task(ours.run())
    try:
        async with asyncio.timeout(15):
            await asked.wait()
            while not (await count(house.site, Follow) and await count(house.site, Actor, Actor.uri == bob)):
                await asyncio.sleep(0.05)
    finally:
        ours.stop()
        await running


async def test_row_48_a_rule_for_the_domain_of_a_handle_holds_for_who_bears_it(
    village: Fediverse, house: House, artist: Account, evil: Peer
) -> None:
    """People know Mallory as @mallory@guild.test; that his documents lie on evil.test is no way around a rule for guild.test."""
    guild = Peer(village, "guild.test")
    mallory = evil.actor("mallory", webfinger="mallory@guild.test")
    guild.finger("mallory", mallory)
    await evil.send(INBOX, evil.activity("Follow", mallory, INES))
    await village.settle()
    async with house.site.db.write() as tx:
        row = (await tx.scalars(select(Actor).where(Actor.uri == mallory))).one()
        assert row.domain == "guild.test"
        await hosts.set_rule(tx, None, "guild.test", HostLevel.SUSPEND)
    async with house.site.db.read() as tx:
        row = (await tx.scalars(select(Actor).where(Actor.uri == mallory))).one()
    assert row.host_level is HostLevel.SUSPEND
    assert await count(house.site, Follow) == 0
    await evil.send(INBOX, evil.activity("Create", mallory, evil.note(mallory, "After.", to=[PUBLIC, INES])))
    await evil.send(INBOX, evil.activity("Follow", mallory, INES))
    await village.settle()
    assert await count(house.site, Follow) == 0
    assert await count(house.site, Post, Post.uri.is_not(None)) == 0
