"""What becomes of an activity after the 202: done and settled in one commit, with few questions to the database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, select, update

from federation import remote
from server import clock, elsewhere, follows, hosts, mutes, posts
from server.elsewhere import Piece
from server.models import Account, Actor, Audience, HostLevel, Kind, Notification, Post, Received, ReceivedState
from server.site import Site
from tests.conftest import make_account
from tests.federation.conftest import Shelf
from tests.fediverse import Fediverse, House
from tests.peer import INBOX, INES, Peer, count
from tests.works import publish


@pytest.fixture
async def village(database_url: str, tmp_path: Path) -> AsyncIterator[Fediverse]:
    async with Fediverse() as made:
        await made.house("art.test", database_url, tmp_path / "art")
        yield made


@pytest.fixture
def house(village: Fediverse) -> House:
    return village.houses["art.test"]


@pytest.fixture
async def ines(house: House) -> Account:
    return await house.account("ines", name="Ines")


@pytest.fixture
def far(village: Fediverse) -> Peer:
    return Peer(village, "far.test")


@pytest.fixture
async def ben(house: House, ines: Account, far: Peer) -> str:
    """Somebody elsewhere whom Ines follows."""
    uri = far.actor("ben")
    actor = await remote.actor(house.site, uri)
    async with house.site.db.write() as tx:
        await follows.follow(tx, ines.actor, actor)
        await follows.accept(tx, ines.actor, actor)
    await house.work()
    return uri


def answer(far: Peer, ben: str, to: str) -> dict[str, Any]:
    """A note that answers a post of Ines and names her."""
    named = {"type": "Mention", "href": INES, "name": "@ines@art.test"}
    return far.note(ben, "How fine.", inReplyTo=to, tag=[named], cc=[f"{ben}/followers", INES])


def picture(far: Peer, ben: str) -> dict[str, Any]:
    """A work with one picture and two tags."""
    shown = {"type": "Document", "mediaType": "image/jpeg", "url": far.url("/boat.jpg"), "name": "A boat"}
    tags = [{"type": "Hashtag", "name": name} for name in ("#ink", "#sea")]
    return far.note(ben, "New.", attachment=[shown], tag=tags)


@contextmanager
def seen(house: House, what: str, call: Callable[..., None]) -> Iterator[None]:
    """`call` is told of every `what` of the house's database."""
    engines = [engine.sync_engine for engine in (house.site.db._writer, house.site.db._reader)]
    for engine in engines:
        event.listen(engine, what, call)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, what, call)


async def asked(house: House, act: Callable[[], Awaitable[object]]) -> list[str]:
    """The statements of one activity, without those of the queue that it waited in."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    with seen(house, "before_cursor_execute", note):
        await act()
    begins = next(i for i, statement in enumerate(said) if statement.startswith("SELECT received."))
    ends = next(i for i, statement in enumerate(said) if statement.startswith("UPDATE received"))
    return said[begins : ends + 1]


async def arrive(house: House, far: Peer, activity: dict[str, Any]) -> Received:
    reply = await far.send(INBOX, activity)
    assert reply.status == 202
    async with house.site.db.read() as tx:
        query = select(Received).where(Received.activity_uri == activity["id"])
        return (await tx.scalars(query)).one()


async def state(house: House, row: Received) -> ReceivedState:
    async with house.site.db.read() as tx:
        return (await tx.scalars(select(Received.state).where(Received.id == row.id))).one()


async def test_every_kind_of_activity_asks_few_questions(house: House, ines: Account, far: Peer, ben: str) -> None:
    """What a server that is known says of a post that is new: nothing is looked for that cannot be there."""
    work = await publish(house.site, ines)
    ours = house.site.urls.post(work)
    for kind, thing, most in (
        ("Create", far.note(ben), 5),
        ("Create", picture(far, ben), 13),  # both tags are new
        ("Create", picture(far, ben), 10),
        ("Create", answer(far, ben, ours), 12),
        ("Like", ours, 9),
    ):
        row = await arrive(house, far, far.activity(kind, ben, thing))
        said = await asked(house, house.work)
        assert await state(house, row) is ReceivedState.DONE
        assert len(said) <= most, said


async def test_what_it_does_and_that_it_is_done_are_one_commit(
    house: House, ines: Account, far: Peer, ben: str
) -> None:
    """A commit that fails leaves nothing of it and lets it wait; the next attempt does it once, and tells once."""
    work = await publish(house.site, ines)
    note = answer(far, ben, house.site.urls.post(work))
    row = await arrive(house, far, far.activity("Create", ben, note))
    written: list[str] = []
    failed: list[str] = []

    def write(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        written.append(statement)

    def fail(connection: Any) -> None:
        ended = [statement for statement in written if statement.startswith("UPDATE received")]
        if ended and not failed:
            failed.extend(written)
            raise OSError("The power is gone.")

    with seen(house, "before_cursor_execute", write), seen(house, "commit", fail):
        await house.work()
    assert any(statement.startswith("INSERT INTO notifications") for statement in failed)
    assert not await count(house.site, Post, Post.uri == note["id"])
    assert not await count(
        house.site, Notification, Notification.actor_id == ines.actor_id, Notification.post_id.is_not(None)
    )
    assert await state(house, row) is ReceivedState.WAITING
    later = clock.after(minutes=1)
    clock.set_source(lambda: later)
    await house.work()
    assert await count(house.site, Post, Post.uri == note["id"]) == 1
    assert await count(house.site, Notification, Notification.post_id.is_not(None)) == 1
    assert await state(house, row) is ReceivedState.DONE


async def test_a_profile_that_is_old_is_read_again_before_it_is_believed(
    house: House, ines: Account, far: Peer, ben: str
) -> None:
    async with house.site.db.write() as tx:
        old = clock.now() - timedelta(days=2)
        await tx.execute(update(Actor).where(Actor.uri == ben).values(fetched_at=old))
    row = await arrive(house, far, far.activity("Create", ben, far.note(ben)))
    far.asked.clear()
    await house.work()
    assert f"GET {ben}" in far.asked and await state(house, row) is ReceivedState.DONE


async def test_what_waited_while_its_server_was_suspended_is_dropped(
    house: House, ines: Account, far: Peer, ben: str
) -> None:
    note = far.note(ben)
    row = await arrive(house, far, far.activity("Create", ben, note))
    async with house.site.db.write() as tx:
        await hosts.set_rule(tx, None, "far.test", HostLevel.SUSPEND)
    await house.work()
    assert await state(house, row) is ReceivedState.DROPPED
    assert not await count(house.site, Post, Post.uri == note["id"])


async def test_a_post_that_was_just_written_is_as_good_as_one_that_was_read(house: House, ben: str) -> None:
    """All columns are there, and they are those of the database."""
    piece = Piece(
        "https://far.test/n/1", Kind.NOTE, ben, Audience.EVERYONE, clock.now(), words="Hello.", html="<p>Hello.</p>"
    )
    author = await remote.actor(house.site, ben)
    async with house.site.db.write() as tx:
        made = await elsewhere.put_post(tx, piece, author, urls=house.site.urls)
    assert made is not None
    columns = inspect(Post).column_attrs.keys()
    assert not inspect(made).unloaded.intersection(columns)
    async with house.site.db.read() as tx:
        kept = (await tx.scalars(select(Post).where(Post.uri == piece.uri))).one()
    assert {name: getattr(made, name) for name in columns} == {name: getattr(kept, name) for name in columns}


async def test_the_rule_that_is_built_once_is_the_rule(
    site: Site, shelf: Shelf, alice: Account, bob: Account, eve: Actor
) -> None:
    """Who may see what: each kind of viewer, after all the others and with their own values."""
    mallory = await make_account(site, "mallory")
    async with site.db.write() as tx:
        (await tx.get_one(Actor, mallory.actor_id)).suspended_at = clock.now()
        await follows.follow(tx, await tx.get_one(Actor, eve.id), await tx.get_one(Actor, alice.actor_id))
        await mutes.block_host(tx, await tx.get_one(Actor, bob.actor_id), "far.test")
    async with site.db.read() as tx:
        everybody = [None, *(await tx.scalars(select(Actor)))]
        numbers = list(await tx.scalars(select(Post.id)))
        seen_by: dict[int | None, set[int]] = {}
        for viewer in everybody:
            rule = set(await tx.scalars(select(Post.id).where(posts.visible_to(viewer))))
            seen_by[viewer.id if viewer else None] = rule
            assert {number for number in numbers if await posts.may_see(tx, number, viewer)} == rule
            assert {number for number in numbers if await posts.find(tx, number, viewer) is not None} == rule
    assert shelf.followers in seen_by[eve.id] and shelf.followers not in seen_by[mallory.actor_id]
    assert shelf.comment in seen_by[None] and shelf.comment not in seen_by[eve.id]
