"""Delivery: everything arrives, in order, once as far as can be, and whoever is away harms nobody (security.md C2, P5 to P8)."""

import asyncio
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from federation import deliver, policy
from federation.deliver.queue import PER_AUTHOR, POISON, Waiting, turns
from federation.deliver.verdicts import Kind, retry_after, verdict
from federation.signatures import Incoming, public_key, read
from server import clock, jobs, worker
from server.elsewhere import PublicKey
from server.models import Account, Actor, Delivery, Follow, Host, HostLevel, HostRule, Job, Key
from server.site import Site
from tests.conftest import make_account
from tests.federation.neighbourhood import (
    HANDLERS,
    Later,
    Letter,
    Mood,
    Neighbourhood,
    connected,
    go,
    host_of,
    states,
    waiting,
    work,
    write,
)

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
async def street() -> AsyncIterator[Neighbourhood]:
    async with Neighbourhood() as made:
        yield made


@pytest.fixture
async def house(site: Site) -> AsyncIterator[Site]:
    made = connected(site)
    yield made
    await made.transport.close()


async def host_row(site: Site, name: str) -> Host:
    async with site.db.read() as tx:
        return (await tx.scalars(select(Host).where(Host.name == name))).one()


async def rows(site: Site) -> list[Delivery]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Delivery).order_by(Delivery.id)))


# -- pure ------------------------------------------------------------------------------------------------------------
def answer(status: int, body: bytes = b"", **headers: str) -> Any:
    return SimpleNamespace(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}, url=""
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Kind.DONE) for status in (200, 201, 202, 204)),
        *((status, Kind.REFUSED) for status in (400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 451)),
        *((status, Kind.AWAY) for status in (301, 302, 307, 308, 408, 425, 429, 502, 503, 504, 522)),
        *((status, Kind.AGAIN) for status in (500, 501, 505, 599)),
    ],
)
def test_every_status_means_what_the_list_says(status: int, kind: Kind) -> None:
    assert verdict(answer(status), NOW).kind is kind


def test_the_reason_is_in_words_and_never_a_page() -> None:
    assert verdict(answer(403, b"You are  blocked\nhere"), NOW).reason == "It answered 403: You are blocked here"
    assert verdict(answer(500, b"<!doctype html><h1>"), NOW).reason == "It answered 500."
    # PostgreSQL keeps no NUL: whoever answered one could not be written down as failed, and was asked for ever.
    assert verdict(answer(503, b"a\x00way\x1b[2J"), NOW).reason == "It answered 503: away[2J"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("9999999999999", 86400),
        ("Tue, 01 Sep 2026 12:10:00 GMT", 600),
        ("Fri, 04 Sep 2026 12:00:00 GMT", 86400),
        ("Tue, 01 Sep 2026 11:00:00 GMT", None),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Tue, 99 Sep 2026 99:00:00 GMT", None),
    ],
)
def test_retry_after_is_obeyed_up_to_a_day(value: str, seconds: int | None) -> None:
    assert retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def a_row(number: int, about: str, *, attempts: int = 0, due: timedelta = timedelta(0)) -> Waiting:
    return Waiting(number, "h", number, 1, "i", "", attempts, NOW + due, False, NOW, "Create", f"Create:{about}", None)


def test_an_author_waits_behind_what_a_host_cannot_digest_until_that_steps_aside() -> None:
    later = timedelta(minutes=5)
    behind = [a_row(1, "a", attempts=2, due=later), a_row(2, "b")]
    assert turns(behind, NOW) == ([], NOW + later)
    aside = [a_row(1, "a", attempts=POISON, due=later), a_row(2, "b"), a_row(3, "a"), a_row(4, "c")]
    ready, due = turns(aside, NOW)
    assert [row.id for row in ready] == [2, 4], "what is about the same thing keeps its place"
    assert due == NOW + later


# -- one letter ------------------------------------------------------------------------------------------------------
async def test_a_delivery_is_signed_as_every_receiver_wants_it(
    house: Site, alice: Account, street: Neighbourhood
) -> None:
    [uri] = await write(house, alice.actor, [street.host(0)])
    await go(house)
    [letter] = street.letters
    assert (letter.method, letter.path, letter.id) == ("POST", "/inbox", uri)
    assert letter.headers["content-type"] == "application/activity+json"
    assert 'headers="(request-target) host date digest"' in letter.headers["signature"]
    assert letter.body.decode().endswith('"object":"é 0.5"}')
    async with house.db.read() as tx:
        key = (await tx.scalars(select(Key).where(Key.actor_id == alice.actor.id, Key.kind == "rsa"))).first()
    assert key is not None
    request = Incoming("POST", b"/inbox", list(letter.headers.items()), letter.body)
    claim = read(request, ours=frozenset({letter.host}), now=clock.now(), scheme="http")
    known: PublicKey = public_key(house.urls.main_key(alice.actor), key.public_pem)
    claim.verify(known)
    assert await states(house) == {"done": 1}
    async with house.db.read() as tx:
        assert (await tx.scalars(select(Job))).all() == []


async def test_rfc_9421_is_tried_once_after_401_and_remembered(
    house: Site, alice: Account, street: Neighbourhood
) -> None:
    street.mood = lambda letter: 202 if "signature-input" in letter.headers else 401
    await write(house, alice.actor, [street.host(0)], 3)
    await go(house)
    assert [letter.answer for letter in street.letters] == [401, 202, 202, 202]
    assert (await host_row(house, street.host(0))).signature == "rfc9421"
    await write(house, alice.actor, [street.host(0)])
    await go(house)
    assert [letter.answer for letter in street.letters][4:] == [202]
    street.mood = lambda letter: 202 if "signature-input" not in letter.headers else 401
    await write(house, alice.actor, [street.host(0)])
    await go(house)
    assert [letter.answer for letter in street.letters][5:] == [401, 202]
    assert (await host_row(house, street.host(0))).signature == "cavage"


async def test_who_refuses_both_families_has_refused(house: Site, alice: Account, street: Neighbourhood) -> None:
    street.mood = lambda letter: 401
    await write(house, alice.actor, [street.host(0)])
    await go(house)
    assert len(street.letters) == 2 and await states(house) == {"refused": 1}
    [row] = await rows(house)
    assert row.reason == "It answered 401: It is broken." and row.settled_at is not None
    assert (await host_row(house, street.host(0))).failures == 0, "a refusal is an answer"


async def test_people_named_go_before_the_crowd(
    house: Site, alice: Account, bob: Account, street: Neighbourhood
) -> None:
    crowd = await write(house, alice.actor, [street.host(0)])
    named = await write(house, bob.actor, [street.host(0)], first=True)
    async with house.db.write() as tx:
        policy.failed(await host_of(tx, street.host(0)), "It was away.", whole=False)  # so that they go one by one
    await go(house)
    assert [letter.id for letter in street.letters] == named + crowd


async def test_what_waits_longer_than_one_turn_arrives_in_order(
    house: Site, alice: Account, street: Neighbourhood
) -> None:
    sent = await write(house, alice.actor, [street.host(0)], 2 * PER_AUTHOR + 3)
    await go(house)
    assert [letter.id for letter in street.letters] == sent


# -- rest ------------------------------------------------------------------------------------------------------------
async def test_a_host_that_is_away_rests_and_is_asked_by_one_letter(
    house: Site, alice: Account, bob: Account, street: Neighbourhood
) -> None:
    later = Later()
    away, well = street.host(0), street.host(1)
    street.mood = lambda letter: "reset" if letter.host == away else 202
    for author in (alice, bob):
        await write(house, author.actor, [away, well], 2)
    pauses = []
    for _ in range(5):
        await go(house)
        row = await host_row(house, away)
        assert row.resting_until is not None
        pauses.append((row.resting_until - clock.now()).total_seconds() / 60)
        later.pass_(minutes=pauses[-1] * 1.01 + 0.01)
    assert len(street.taken(well)) == 4
    asked = [letter for letter in street.letters if letter.host == away]
    assert len(asked) in (5, 6), "two at first, before anybody knew; then one at a time"
    for measured, minutes in zip(pauses, (1, 5, 15, 60, 180), strict=True):
        assert 0.79 * minutes < measured < 1.21 * minutes
    async with house.db.read() as tx:
        [job] = (await tx.scalars(select(Job))).all()
    assert job.lane == "slow" and "broke off" in job.error and job.failed_at is None
    street.mood = lambda letter: 202
    await go(house)
    assert len(street.taken(away)) == 4 and await states(house) == {"done": 8}
    row = await host_row(house, away)
    assert (row.failures, row.failing_since, row.resting_until, row.reason) == (0, None, None, "")


async def test_retry_after_is_obeyed_by_the_second(house: Site, alice: Account, street: Neighbourhood) -> None:
    later = Later()
    answers: list[Mood] = [(429, "7200"), (503, "9999999"), 202]
    street.mood = lambda letter: answers.pop(0)
    await write(house, alice.actor, [street.host(0)])
    for hours in (2, 24):
        await go(house)
        before = len(street.letters)
        later.pass_(hours=hours, minutes=-1)
        await go(house)
        assert len(street.letters) == before, "not before its time"
        later.pass_(minutes=1.1)
    await go(house)
    assert await states(house) == {"done": 1}


async def test_hearing_from_a_host_wakes_what_waits_for_it(house: Site, alice: Account, street: Neighbourhood) -> None:
    later = Later()
    host = street.host(0)
    street.mood = lambda letter: (503, "86000")
    await write(house, alice.actor, [host])
    await go(house)
    street.mood = lambda letter: 202
    later.pass_(minutes=1)
    policy.heard(house, street.host(9))
    policy.heard(house, host)
    for _ in range(200):
        if (await host_row(house, host)).heard_at:
            break
        await asyncio.sleep(0.01)
    await go(house)
    assert await states(house) == {"done": 1}


async def test_a_paused_host_gets_nothing_and_loses_nothing(house: Site, alice: Account, street: Neighbourhood) -> None:
    later = Later()
    await write(house, alice.actor, [street.host(0)])
    async with house.db.write() as tx:
        await tx.execute(update(Host).values(paused_at=clock.now()))
    for _ in range(4):
        await go(house)
        later.pass_(days=5)
    assert street.letters == [] and await states(house) == {"waiting": 1}
    async with house.db.write() as tx:
        await tx.execute(update(Host).values(paused_at=None))
    await go(house)
    assert await states(house) == {"done": 1}


async def test_a_suspended_host_gets_nothing(house: Site, alice: Account, street: Neighbourhood) -> None:
    await write(house, alice.actor, [street.host(0), street.host(1)])
    async with house.db.write() as tx:
        tx.add(HostRule(host=street.host(0).partition(":")[0], level=HostLevel.SUSPEND))
        tx.add(HostRule(host="evil.example", level=HostLevel.SUSPEND))
        await tx.flush()
        named = {"a.b.evil.example", "notevil.example", "evil.example:444"}
        assert await policy.suspended(tx, named) == {"a.b.evil.example", "evil.example:444"}
    await go(house)
    assert [letter.host for letter in street.letters] == [street.host(1)]
    assert await states(house) == {"done": 1, "forgotten": 1}


async def test_one_activity_that_breaks_its_receiver_holds_up_others_only_for_hours(
    house: Site, alice: Account, bob: Account, street: Neighbourhood
) -> None:
    later = Later()
    host = street.host(0)
    [poison] = await write(house, alice.actor, [host], about=7)
    behind = await write(house, alice.actor, [host], 2)
    [edit] = await write(house, alice.actor, [host], kind="Update", about=7)
    [other] = await write(house, bob.actor, [host])
    street.mood = lambda letter: 500 if letter.id == poison else 202
    await go(house)
    assert [letter.id for letter in street.taken()] == [other], "another author does not wait at all"
    while len(street.taken()) < 3:
        await later.to_next(house, minutes=1)
        await go(house)
        assert later.ahead < timedelta(hours=6)
    assert [letter.id for letter in street.taken()] == [other, *behind]
    assert len([letter for letter in street.letters if letter.id == poison]) >= POISON
    street.mood = lambda letter: 202
    later.pass_(days=1.3)
    await go(house)
    assert [letter.id for letter in street.taken()] == [other, *behind, poison, edit]
    assert await states(house) == {"done": 5}


# -- the end of patience (P7) ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("days", [0.04, 13.9])
async def test_p7_nothing_is_lost_for_who_is_back_in_time(
    house: Site, alice: Account, street: Neighbourhood, days: float
) -> None:
    later = Later()
    began = clock.now()
    hosts = [street.host(number) for number in range(3)]
    street.mood = lambda letter: "reset" if clock.now() - began < timedelta(days=days) else 202
    sent = await write(house, alice.actor, hosts, 2)
    while await waiting(house):
        await go(house)
        await later.to_next(house, hours=2)
        assert clock.now() - began < timedelta(days=18)
    for host in hosts:
        assert [letter.id for letter in street.taken(host)] == sent
    assert await states(house) == {"done": 2 * len(hosts)}


async def test_p7_after_14_days_it_ends_and_what_takes_something_back_after_30(
    house: Site, alice: Account, street: Neighbourhood
) -> None:
    later = Later()
    street.mood = lambda letter: 503
    await write(house, alice.actor, [street.host(0)], 2)
    await write(house, alice.actor, [street.host(0)], kind="Delete")
    ended: dict[str, float] = {}
    began = clock.now()
    while await waiting(house):
        await go(house)
        for row in await rows(house):
            if row.state.value == "expired":
                ended.setdefault(f"{row.id}", (clock.now() - began) / timedelta(days=1))
        await later.to_next(house, hours=8)
    await go(house)
    *posts, taking_back = sorted(ended.values())
    assert len(posts) == 2 and all(14 <= day <= 16 for day in posts) and 30 <= taking_back <= 32
    assert "Not reached within 14 days. It answered 503" in (await rows(house))[0].reason
    async with house.db.read() as tx:
        assert (await tx.scalars(select(Job))).all() == [], "nothing waits, nothing is asked any more"


async def test_an_inbox_that_is_gone_ends_a_follow_only_when_the_actor_says_so(
    house: Site, alice: Account, street: Neighbourhood
) -> None:
    people = []
    async with house.db.write() as tx:
        for number in (0, 1):
            host = street.host(number)
            person = Actor(uri=f"http://{host}/eve", handle="eve", domain=host, host=host, inbox=f"http://{host}/inbox")
            tx.add(person)
            await tx.flush()
            tx.add(Follow(follower_id=person.id, followed_id=alice.actor.id))
            people.append(person)
    await write(house, alice.actor, [street.host(0), street.host(1)])
    street.mood = lambda letter: 410 if letter.method == "POST" or letter.host == street.host(0) else 200
    await go(house)
    gets = [letter for letter in street.letters if letter.method == "GET"]
    assert len(gets) == 2 and all(
        'headers="(request-target) host date"' in letter.headers["signature"] for letter in gets
    )
    async with house.db.read() as tx:
        assert list(await tx.scalars(select(Follow.follower_id))) == [people[1].id]
        assert (await tx.get_one(Actor, people[0].id)).gone_at is not None
    assert await states(house) == {"refused": 2}


# -- many ------------------------------------------------------------------------------------------------------------
def troubled(seed: int, share: float) -> Any:
    """Servers of which each is in trouble with this share of requests, in every way there is."""
    rolled = random.Random(seed)

    def mood(letter: Letter) -> Mood:
        if rolled.random() > share:
            return 202
        moods: list[Mood] = [500, 502, 503, "reset", "hang", (429, "30"), 500]
        return rolled.choice(moods)

    return mood


async def test_p5_everything_arrives_with_the_same_bytes_and_p6_in_order(house: Site, street: Neighbourhood) -> None:
    later = Later()
    impatient = connected(house, total=0.5)
    authors = [(await make_account(house, name)).actor for name in ("ada", "ben", "cleo")]
    hosts = [street.host(number) for number in range(20)]
    street.mood = troubled(7, 0.3)
    sent: dict[str, list[str]] = {}
    for author in authors:
        about = author.id
        sent[author.handle] = [
            uri
            for kind in ("Create", "Update", "Update", "Delete")
            for uri in await write(house, author, hosts, kind=kind, about=about)
        ]
    for _ in range(60):
        await work(impatient)
        if not await waiting(house):
            break
        later.pass_(hours=2)
    await impatient.transport.close()
    assert await states(house) == {"done": len(hosts) * 12}
    for host in hosts:
        taken = [letter.id for letter in street.taken(host)]
        for uris in sent.values():
            # A server that takes a letter and answers too late gets it once more, and knows it by its id.
            assert list(dict.fromkeys(uri for uri in taken if uri in uris)) == uris, "in order"
    bodies = defaultdict(set)
    for letter in street.letters:
        bodies[letter.id].add(letter.body)
    assert len(bodies) == 12 and all(len(copies) == 1 for copies in bodies.values())
    assert len(street.letters) > len(street.taken()) * 1.2, "there was trouble"


KILLED = """
import asyncio, sys
from datetime import datetime, timedelta, UTC
from server import clock
from server.app import build_site
from server.settings import load
from server.worker import Worker
from tests.federation.neighbourhood import HANDLERS, connected
folder, url, ahead = sys.argv[1], sys.argv[2], float(sys.argv[3])
clock.set_source(lambda: datetime.now(UTC) + timedelta(seconds=ahead))
from pathlib import Path
async def main():
    site = connected(build_site(load({"CARTELLINO_BASE_URL": "http://art.test", "CARTELLINO_DATABASE_URL": url}, Path(folder))))
    print("up", flush=True)
    await Worker(site, HANDLERS).run()
asyncio.run(main())
"""


async def test_p5_a_kill_costs_at_most_one_more_copy_of_each_delivery(
    house: Site, street: Neighbourhood, alice: Account, bob: Account, long: bool
) -> None:
    hosts = [street.host(number) for number in range(40)]
    for author in (alice, bob):
        await write(house, author.actor, hosts, 8)
    kills = 0
    for turn in range(5 if long else 2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(house.settings.data_dir), house.settings.database_url, str(20 * turn),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        before = len(street.letters)
        began = time.monotonic()
        # Two letters to each host, and a few more: those are sent only when the outcome of the ones before is on the disk.
        while len(street.letters) < before + 85 and process.returncode is None and time.monotonic() - began < 15:
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        kills += 1
    assert 0 < await waiting(house) < 640, "the kills came in the middle"
    later = Later()
    later.pass_(seconds=20 * kills)
    for _ in range(5):  # on a busy machine somebody may have been too late, and is tried again
        await work(house)
        if not await waiting(house):
            break
        later.pass_(hours=2)
    assert await states(house) == {"done": 640}
    copies: dict[tuple[str, str], int] = defaultdict(int)
    bodies = defaultdict(set)
    for letter in street.letters:
        copies[letter.host, letter.id] += 1
        bodies[letter.id].add(letter.body)
    assert max(copies.values()) <= 1 + kills and len(copies) == 640
    assert sum(copies.values()) - 640 <= kills * 2 * len(hosts), "only what was in flight is sent again"
    assert all(len(different) == 1 for different in bodies.values())


async def test_p8_slow_servers_harm_nobody_and_get_two_connections_at_most(house: Site, street: Neighbourhood) -> None:
    patient = connected(house, total=6)
    authors = [(await make_account(house, name)).actor for name in ("ada", "ben", "cleo")]
    hosts = [street.host(number) for number in range(80)]
    slow = set(hosts[::2])
    street.mood = lambda letter: ("drip", "hang")[letter.host == hosts[0]] if letter.host in slow else 202
    for author in authors:
        await write(house, author, hosts)
    async with house.db.write() as tx:
        # All of them were well a moment ago: the slow ones sit in the lane of the living.
        await tx.execute(update(Host).values(answered_at=clock.now()))
        await tx.execute(update(Job).values(lane="deliver"))
    began = time.monotonic()
    running = worker.Worker(patient, HANDLERS)
    task = asyncio.create_task(running.run())
    while len(street.taken()) < 120 and time.monotonic() - began < 20:
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    running.stop()
    await task
    await patient.transport.close()
    assert len(street.taken()) == 120 and took < 5, took
    assert street.most_open <= 2
    assert not street.taken(hosts[0])


async def test_p8_however_many_are_dead_the_others_are_asked(
    house: Site, street: Neighbourhood, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More hosts than there are places never answer; none of them has been met before, and all have half a minute."""
    monkeypatch.setitem(jobs.LANES, "slow", 6)
    monkeypatch.setattr(deliver, "PATIENCE", 0.1)
    monkeypatch.setattr(deliver, "FAIR", 0.4)
    patient = connected(house, total=30)
    hosts = [street.host(number) for number in range(30)]
    dead = set(hosts[:20])
    street.mood = lambda letter: "hang" if letter.host in dead else 202
    await write(house, alice.actor, hosts)
    running = worker.Worker(patient, HANDLERS)
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(20):
        while len(street.taken()) < 10:
            await asyncio.sleep(0.02)
    running.stop()
    await task
    await patient.transport.close()
    async with house.db.read() as tx:
        failed = list(await tx.scalars(select(Host).where(Host.failures > 0)))
    assert {host.name for host in failed} <= dead and len(failed) >= 14
    assert all("others were waiting" in host.reason and host.resting_until for host in failed)
    assert await waiting(house) >= 20, "they are tried again"
