"""What security.md C2 promises of the inbox, on houses that really run and are really killed: P1, P4 and P9.

P5 and P6, the same for what goes out, stand in tests/federation/test_deliver.py.
"""

import itertools
import json
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from federation.inbox import ATTEMPTS, process
from federation.vocabulary import AS2, PUBLIC
from server import claims, clock, ids, jobs, stuck
from server.models import (
    Account,
    Actor,
    Favourite,
    Follow,
    Job,
    Mention,
    Notification,
    Post,
    Received,
    ReceivedState,
)
from server.site import Site
from server.worker import run_job
from tests.books import Books
from tests.conftest import DATABASES
from tests.crowd import Crowd, Letter, Sender, a_work, send, send_all
from tests.running import House, free_port


# -- P1 --------------------------------------------------------------------------------------------------------------------
@pytest.mark.timeout(3600)
def test_p1_what_was_answered_202_is_never_lost(house: House, crowd: Crowd, database_url: str, long: bool) -> None:
    """3 kills (200 in the long run) at random moments under load: nothing acknowledged is lost, nothing is half done."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    work, books = a_work(house), Books(database_url)
    taken: dict[str, str] = {}  # activity → the note that it is about, of those answered 202
    answers: Counter[int] = Counter()
    sent = 0

    for _ in range(200 if long else 3):
        house.start()
        letters = []
        inboxes = itertools.cycle([f"{house.address}/inbox", f"{house.address}/users/ada/inbox"])
        for sender, inbox in zip(
            itertools.islice(itertools.cycle(crowd.senders), 300 if long else 150), inboxes, strict=False
        ):
            letters.append(sender.letter(inbox, sender.answer(work)))
        letters += [sender.letter(next(inboxes), sender.activity("Like", work)) for sender in crowd.senders]
        letters += [
            sender.letter(next(inboxes), sender.activity("Follow", f"{house.address}/users/ada"))
            for sender in crowd.senders
        ]
        chance.shuffle(letters)
        counting = threading.Lock()

        def note(letter: Letter, status: int) -> None:
            with counting:  # noqa: B023 — the threads end within this turn
                answers[status] += 1
                if status == 202:
                    about = json.loads(letter.body)["object"]
                    taken[letter.id] = about["id"] if isinstance(about, dict) else ""

        load = threading.Thread(target=send_all, args=(house.port, letters, note))
        load.start()
        until = sent + chance.randrange(1, 200 if long else 80)
        while answers[202] < until and load.is_alive():
            time.sleep(0.002)
        house.kill()
        load.join()
        sent = answers[202]
        books.is_sound()

    house.start()
    books.wait()
    house.stop()
    books.is_sound()
    assert sent == len(taken) > 20, ("hardly anything was taken: the test saw nothing", answers)
    assert answers.keys() <= {202, 429}, answers
    states = dict(books.ask(select(Received.activity_uri, Received.state))[0])
    assert taken.keys() <= states.keys(), "acknowledged and gone"
    assert set(states.values()) == {ReceivedState.DONE}
    check_books(books, work, {note for note in taken.values() if note})


def check_books(books: Books, work: str, notes: set[str]) -> None:
    """Everything that counts agrees with what it counts, and each thing is there once."""
    number = int(work.rsplit("/", 1)[1])
    answers = select(Post.uri, Post.id).where(Post.reply_to_id == number)
    kept = books.ask(answers)[0]
    assert len(kept) == len({row.uri for row in kept}) and notes <= {row.uri for row in kept}
    [[row]] = books.ask(select(Post.likes, Post.boosts, Post.replies).where(Post.id == number))
    assert row.replies == len(kept)
    assert row.likes == books.count(Favourite, Favourite.post_id == number)
    assert row.boosts == books.count(Post, Post.boost_of_id == number)
    # Whoever is told of an answer is told of each once; of a follow and a like once for each person.
    told = books.ask(select(Notification.from_id, Notification.hearing, Notification.post_id))[0]
    assert len(told) == len(set(told))
    assert sum(one.hearing == "reply" for one in told) == len(kept)
    assert sum(one.hearing == "like" for one in told) == row.likes
    assert books.count(Follow, Follow.accepted.is_(True)) == sum(one.hearing == "follow" for one in told)
    assert books.count(Job, Job.failed_at.is_not(None)) == 0
    assert books.count(Mention) == 0


# -- P4 --------------------------------------------------------------------------------------------------------------------
def test_p4_each_activity_has_one_effect(house: House, crowd: Crowd, database_url: str) -> None:
    """200 activities, each five times in parallel, to two inboxes of two processes of one house."""
    work, books = a_work(house), Books(database_url)
    second = House(house.data, {**house.environ, "CARTELLINO_SERVER_PORT": str(port := free_port())}, port=port)
    inboxes = (f"{house.address}/inbox", f"{house.address}/users/ada/inbox")
    activities: list[tuple[Sender, dict[str, Any]]] = []
    for number in range(200):
        sender = crowd.senders[number // 4 % len(crowd.senders)]
        made = (
            sender.answer(work) if number % 4 == 3
            else sender.activity("Announce", work, to=[PUBLIC], cc=[]) if number % 4 == 1
            else sender.activity("Follow", f"{house.address}/users/ada") if number % 4 == 2
            else sender.activity("Like", work)
        )  # fmt: skip
        activities.append((sender, made))
    letters = [sender.letter(inboxes[copy % 2], made) for sender, made in activities for copy in range(5)]
    answers: Counter[int] = Counter()
    counting = threading.Lock()

    def note(_: Letter, status: int) -> None:
        with counting:
            answers[status] += 1

    with house, second:
        halves = [
            threading.Thread(target=send_all, args=(one.port, letters[half::2], note, 5))
            for half, one in enumerate((house, second))
        ]
        for half in halves:
            half.start()
        for half in halves:
            half.join()
        books.wait()
    assert answers == {202: 1000}
    undone = select(Received.actor_uri, Received.type, Received.state, Received.reason)
    assert books.ask(undone.where(Received.state != ReceivedState.DONE)) == [[]]
    assert books.count(Received) == 200
    notes = {made["object"]["id"] for _, made in activities if made["type"] == "Create"}
    check_books(books, work, notes)
    people = len(crowd.senders)
    [[row]] = books.ask(select(Post.likes, Post.boosts, Post.replies).where(Post.uri.is_(None), Post.kind == "work"))
    assert tuple(row) == (people, people, len(notes)), "the same person likes once, however often they say so"
    assert books.count(Follow) == people


# -- P9 --------------------------------------------------------------------------------------------------------------------
# Values of the wrong kind, of the wrong size, and in the wrong place; addresses that are none.
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=40),
    st.sampled_from([
        "", "https://", "http://[::1", "https://art.test:99999/x", "javascript:alert(1)", "data:text/html,x", "\ud800", "\x00",
        "as:Public", PUBLIC, "https://\uff41\uff52\uff54.test/", "<script>alert(1)</script>" * 20, "2026-13-45T99:99:99Z",
        "9" * 400, "../../etc/passwd", "a" * 5000,
    ]),
)  # fmt: skip
NAMES = st.sampled_from([
    "@context", "actor", "attachment", "attributedTo", "cc", "content", "contentMap", "context", "endpoints", "href",
    "icon", "id", "image", "inReplyTo", "inbox", "items", "language", "license", "likes", "mediaType", "name",
    "object", "oneOf", "orderedItems", "preferredUsername", "proof", "published", "publicKey", "replies", "sensitive",
    "shares", "signature", "source", "summary", "tag", "target", "tdmReservation", "to", "totalItems", "type",
    "updated", "url", "xRobotsTag",
])  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from([
    "Accept", "Add", "Announce", "Block", "Create", "Delete", "EmojiReact", "Flag", "Follow", "Like", "Move",
    "Reject", "Remove", "Undo", "Update", "Question", "Nothing",
])  # fmt: skip
OBJECT_KINDS = st.sampled_from([
    "Note", "Article", "Image", "Document", "Page", "Video", "Question", "Event", "Person", "Service", "Tombstone",
    "Follow", "Like", "Block", "OrderedCollection",
])  # fmt: skip
OBJECTS = st.builds(lambda kind, bent: {"type": kind, **bent}, OBJECT_KINDS, st.dictionaries(NAMES, VALUES, max_size=6))
POISON = st.builds(
    lambda kind, about, bent: {"type": kind, "object": about, **bent},
    KINDS,
    st.one_of(OBJECTS, VALUES, st.lists(OBJECTS, max_size=3)),
    st.dictionaries(NAMES, VALUES, max_size=5),
)


def bend(sender: Sender, work: str, poison: dict[str, Any], depth: int) -> bytes:
    """A poisoned activity that gets as far as it can: by its signer, with ids of their own, about what is here."""
    whole = {**sender.activity(str(poison["type"]), poison["object"]), **poison, "actor": sender.uri}
    base = sender.uri.partition("/users/")[0]
    about = whole["object"]
    whole["id"] = f"{base}/poison/{ids.new()}"
    if depth > 0 and isinstance(about, dict):
        about |= {"id": f"{base}/notes/{ids.new()}", "attributedTo": sender.uri}
        if depth > 1:
            about |= {"inReplyTo": work, "to": [PUBLIC]}
            about.setdefault("content", "<p>Poison</p>")
        if depth > 2:
            about["actor"] = sender.uri
    elif depth > 1:
        whole["object"] = work
    return json.dumps(whole, ensure_ascii=True).encode()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database_url", [name for name in ("sqlite",) if name in DATABASES], indirect=True)
def test_p9_poison_is_answered_and_neighbours_hardly_wait(
    house: House, crowd: Crowd, database_url: str, long: bool
) -> None:
    """300 fuzzed and rightly signed activities (5,000 in the long run): no 5xx, nothing breaks, the good ones go through."""
    work, books = a_work(house), Books(database_url)
    poisoners, good = crowd.senders[:-1], crowd.senders[-1]
    inbox = f"{house.address}/inbox"
    answers: Counter[int] = Counter()
    strange: list[tuple[int, bytes]] = []
    delays: list[float] = []
    turn = itertools.count()

    early: list[Letter] = []

    def note(letter: Letter, status: int) -> None:
        answers[status] += 1
        if status == 429:
            early.append(letter)
        elif status not in (202, 400, 401, 403):
            strange.append((status, letter.body))

    def give(letter: Letter) -> None:
        """Send it, and again where all that comes from this host was too much for a moment, as the long run is."""
        send(house.port, [letter], note)
        while early:
            time.sleep(1)
            send(house.port, [early.pop()], note)

    def through() -> None:
        """A good activity among the poison: how long until it is done."""
        made = good.answer(work)
        began = time.monotonic()
        give(good.letter(inbox, made))
        mine = Received.activity_uri == made["id"], Received.state == ReceivedState.DONE
        while not books.count(Received, *mine):
            assert time.monotonic() < began + 20, "a good activity waits behind poison"
            time.sleep(0.01)
        delays.append(time.monotonic() - began)

    house.start()
    through()

    @settings(
        max_examples=5000 if long else 300, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(poison=POISON, depth=st.integers(0, 3))
    def fuzz(poison: dict[str, Any], depth: int) -> None:
        number = next(turn)
        sender = poisoners[number % len(poisoners)]
        give(sender.letter(inbox, bend(sender, work, poison, depth)))
        if number % 50 == 0:
            through()

    fuzz()
    assert house.process is not None and house.process.poll() is None, "the server died"
    through()
    books.wait(90)
    assert strange == []
    assert answers[202] > 100, answers
    rows = books.ask(select(Received.state, Received.attempts, Received.reason, Received.type))[0]
    assert [row for row in rows if row.state is ReceivedState.SET_ASIDE] == []
    assert max(row.attempts for row in rows) <= ATTEMPTS
    assert sorted(delays)[len(delays) // 2] < 1, delays
    # Nothing of what was said has done anything to anybody else.
    assert books.count(Actor, Actor.uri.is_(None), Actor.gone_at.is_not(None)) == 0
    assert books.count(Post, Post.uri.is_(None), Post.deleted_at.is_not(None)) == 0
    for row in books.ask(select(Post.html).where(Post.uri.is_not(None)))[0]:
        assert "<script" not in row.html and "javascript:" not in row.html


async def test_p9_what_breaks_its_handler_is_set_aside_after_three_attempts(site: Site, alice: Account) -> None:
    """An activity whose type this version does not know any more, as an upgrade may leave one: set aside, and played again."""
    document = {
        "@context": AS2,
        "id": "https://far.test/1",
        "type": "Waltz",
        "actor": "https://far.test/u/mia",
        "object": "x:y",
    }
    row = Received(
        id=ids.new(), actor_uri="https://far.test/u/mia", activity_uri="https://far.test/1", type="Waltz",
        body=json.dumps(document | {"object": site.urls.actor(alice.actor)}).encode(),
    )  # fmt: skip
    async with site.db.write() as tx:
        tx.add(row)
        jobs.enqueue(tx, jobs.Process(row.id, actor="mia"))
    now = clock.now()
    clock.set_source(lambda: now)
    attempts = 0
    for _ in range(10):
        async with site.db.write() as tx:
            claimed = await claims.claim(tx, "inbox")
        if claimed:
            attempts += 1
            await run_job(site, {jobs.Process: process}, claimed[0])
        now += timedelta(minutes=1)
    assert attempts == ATTEMPTS == 3
    async with site.db.read() as tx:
        [kept] = await stuck.set_aside(tx)
        assert await tx.scalar(select(func.count()).select_from(Job).where(Job.lane == "inbox")) == 0
    assert kept.reason.startswith("KeyError") and json.loads(kept.body)["type"] == "Waltz", "its words are kept"
    async with site.db.write() as tx:
        await stuck.replay(tx, kept.id)
    async with site.db.write() as tx:
        assert len(await claims.claim(tx, "inbox")) == 1
