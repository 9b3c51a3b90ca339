"""Two houses in one process: whatever one person can do to an artist on another server, and every right intact on the way."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from server import (
    actors,
    artworks,
    blocks,
    boosts,
    clock,
    favourites,
    follows,
    keys,
    moderation,
    notes,
    notifications,
    posts,
    rights,
    timelines,
)
from server.artworks import Draft, Picture
from server.models import Account, Actor, Audience, Hearing, Host, Licence, Post, PublicKey, Reservation
from server.notes import Note
from server.site import Site
from tests.fediverse import Fediverse, House
from tests.works import publish


@pytest.fixture
def a(village: Fediverse) -> House:
    return village.houses["a.test"]


@pytest.fixture
def b(village: Fediverse) -> House:
    return village.houses["b.test"]


@pytest.fixture
async def alice(a: House) -> Account:
    return await a.account("alice", name="Alice Painter")


@pytest.fixture
async def bob(b: House) -> Account:
    return await b.account("bob", name="Bob Reader")


async def known(site: Site, handle: str, domain: str) -> Actor:
    """The row of somebody from elsewhere."""
    async with site.db.read() as tx:
        return (await tx.scalars(select(Actor).where(Actor.handle == handle, Actor.domain == domain))).one()


async def follow(village: Fediverse, house: House, who: Account, handle: str) -> Actor:
    """`who` finds `@name@host` and follows them; returns the row at their house."""
    found = await house.site.network.find_person(house.site, handle)
    async with house.site.db.write() as tx:
        actor = (await tx.scalars(select(Actor).where(Actor.id == found))).one()
        await follows.follow(tx, who.actor, actor)
    await village.settle()
    return actor


async def theirs(house: House, viewer: Account, uri: str) -> Post:
    """The post with that uri as `viewer` of `house` sees it."""
    async with house.site.db.read() as tx:
        number = await tx.scalar(select(Post.id).where(Post.uri == uri))
        return await posts.get(tx, number or 0, viewer.actor)


async def state(house: House, follower: Actor, followed: Actor) -> str:
    async with house.site.db.read() as tx:
        return await follows.state(tx, follower, followed)


async def heard(house: House, who: Account) -> list[tuple[Hearing, str]]:
    async with house.site.db.read() as tx:
        return [(told.hearing, told.sender.handle) for told in await notifications.list(tx, who.actor)]


async def test_a_follow_is_asked_for_and_accepted(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    there = await follow(village, b, bob, "@alice@a.test")
    assert (there.uri, there.name) == ("https://a.test/users/alice", "Alice Painter")
    assert await state(b, bob.actor, there) == "following"
    here = await known(a.site, "bob", "b.test")
    assert await state(a, here, alice.actor) == "following"
    assert await heard(a, alice) == [(Hearing.FOLLOW, "bob")]
    async with b.site.db.write() as tx:
        await follows.unfollow(tx, bob.actor, there)
    await village.settle()
    assert await state(a, here, alice.actor) == "none"


async def test_a_locked_artist_decides(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    async with a.site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
    there = await follow(village, b, bob, "@alice@a.test")
    here = await known(a.site, "bob", "b.test")
    assert await state(b, bob.actor, there) == "requested"
    assert await state(a, here, alice.actor) == "requested"
    async with a.site.db.write() as tx:
        await follows.accept(tx, here, (await tx.get(Actor, alice.actor.id)) or alice.actor)
    await village.settle()
    assert await state(b, bob.actor, there) == "following"
    assert (Hearing.ACCEPTED, "alice") in await heard(b, bob)
    async with a.site.db.write() as tx:
        await follows.remove_follower(tx, alice.actor, here)
    await village.settle()
    assert await state(b, bob.actor, there) == "none"


async def test_a_work_crosses_with_every_right(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    await follow(village, b, bob, "@alice@a.test")
    work = await publish(
        a.site,
        alice,
        text="Oil on wood. #Ferry",
        licence=Licence.BY_NC_ND,
        reservation=Reservation.NO_AI_NO_INDEX,
        warning="Deep water",
        tags=("Ferry",),
    )
    await village.settle()
    seen = await theirs(b, bob, a.site.urls.post(work))
    assert seen.artwork is not None and seen.artwork.title == "The Last Ferry"
    assert seen.artwork.licence is Licence.BY_NC_ND and seen.artwork.licence_stated
    assert seen.artwork.reservation is Reservation.NO_AI_NO_INDEX and seen.artwork.reservation_stated
    assert rights.sentence(rights.of(seen, b.site.urls)) == rights.sentence(rights.of(work, a.site.urls))
    assert seen.warning == "Deep water" and seen.is_sensitive
    assert [picture.alt for picture in seen.media] == ["A ferry at dusk."]
    assert seen.media[0].renditions, "its picture was fetched and made into our sizes"
    assert [tag.label for tag in seen.tags] == ["Ferry"]
    assert "Oil on wood." in seen.html
    async with b.site.db.read() as tx:
        assert [post.id for post in await timelines.home(tx, bob.actor)] == [seen.id]


async def test_likes_boosts_and_comments_come_home(
    village: Fediverse, a: House, b: House, alice: Account, bob: Account
):
    await follow(village, b, bob, "@alice@a.test")
    work = await publish(a.site, alice)
    await village.settle()
    seen = await theirs(b, bob, a.site.urls.post(work))
    async with b.site.db.write() as tx:
        seen = await posts.get(tx, seen.id, bob.actor)
        await favourites.add(tx, bob.actor, seen)
        await boosts.add(tx, bob.actor, seen)
        answer = await notes.write(tx, bob.actor, Note("What a light!", reply_to=seen), "key-1", urls=b.site.urls)
    await village.settle()
    async with a.site.db.read() as tx:
        home = await posts.get(tx, work.id, alice.actor)
        replies = await posts.replies(tx, home, alice.actor)
    assert (home.likes, home.boosts, home.replies) == (1, 1, 1)
    assert [(reply.uri, reply.author.handle) for reply in replies] == [(b.site.urls.post(answer), "bob")]
    told = {hearing for hearing, _ in await heard(a, alice)}
    assert told == {Hearing.FOLLOW, Hearing.LIKE, Hearing.BOOST, Hearing.REPLY}
    # Alice answers; Bob reads it.
    async with a.site.db.write() as tx:
        comment = await posts.get(tx, replies[0].id, alice.actor)
        thanks = await notes.write(tx, alice.actor, Note("Thank you!", reply_to=comment), "key-2", urls=a.site.urls)
    await village.settle()
    back = await theirs(b, bob, a.site.urls.post(thanks))
    assert back.reply_to_id == answer.id and (Hearing.REPLY, "alice") in await heard(b, bob)
    # And everything is taken back.
    async with b.site.db.write() as tx:
        seen = await posts.get(tx, seen.id, bob.actor)
        await favourites.remove(tx, bob.actor, seen)
        await boosts.remove(tx, bob.actor, seen)
        await posts.remove(tx, await posts.get(tx, answer.id, bob.actor), bob.actor)
    await village.settle()
    async with a.site.db.read() as tx:
        home = await posts.get(tx, work.id, alice.actor)
    assert (home.likes, home.boosts, home.replies) == (0, 0, 0)


async def test_an_edit_and_another_reservation_arrive(
    village: Fediverse, a: House, b: House, alice: Account, bob: Account
):
    await follow(village, b, bob, "@alice@a.test")
    work = await publish(a.site, alice, reservation=Reservation.NO_TRAINING)
    await village.settle()
    await asyncio.sleep(1)  # what is changed within the second of its publication was never different to anybody else
    for title, reservation in (("Raised", Reservation.NO_AI_NO_INDEX), ("Lowered", Reservation.OPEN)):
        async with a.site.db.write() as tx:
            post = await posts.mine(tx, work.id, alice.actor)
            pictures = tuple(Picture(media.id, media.alt) for media in post.media)
            draft = Draft(title=title, pictures=pictures, reservation=reservation, licence=Licence.BY)
            await artworks.edit(tx, post, draft, urls=a.site.urls)
        await village.settle()
        seen = await theirs(b, bob, a.site.urls.post(work))
        assert seen.artwork is not None
        assert (seen.artwork.title, seen.artwork.reservation) == (title, reservation)
        assert seen.edited_at is not None


async def test_a_deleted_work_is_gone_everywhere(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    await follow(village, b, bob, "@alice@a.test")
    work = await publish(a.site, alice)
    await village.settle()
    uri = a.site.urls.post(work)
    assert await theirs(b, bob, uri)
    async with a.site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, work.id, alice.actor), alice.actor)
    await village.settle()
    async with b.site.db.read() as tx:
        row = (await tx.scalars(select(Post).where(Post.uri == uri))).one()
        assert row.deleted_at is not None and not row.html
        assert await timelines.home(tx, bob.actor) == []


async def test_a_block_ends_it(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    there = await follow(village, b, bob, "@alice@a.test")
    here = await known(a.site, "bob", "b.test")
    async with a.site.db.write() as tx:
        await blocks.block(tx, alice.actor, here)
    await village.settle()
    assert await state(b, bob.actor, there) == "none", "a block sends the follower away"
    work = await publish(a.site, alice)
    await village.settle()
    async with b.site.db.read() as tx:
        assert await tx.scalar(select(Post.id).where(Post.uri == a.site.urls.post(work))) is None


async def test_for_followers_alone(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    await follow(village, b, bob, "@alice@a.test")
    stranger = await b.account("carol")
    work = await publish(a.site, alice, audience=Audience.FOLLOWERS)
    await village.settle()
    seen = await theirs(b, bob, a.site.urls.post(work))
    assert seen.audience is Audience.FOLLOWERS and seen.media[0].renditions
    async with b.site.db.read() as tx:
        query = select(Post.id).where(Post.id == seen.id, posts.visible_to(stranger.actor))
        assert await tx.scalar(query) is None


async def test_new_keys_of_a_house_are_learnt(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    """The house passes on reports: whoever knows it hears of its new keys, and believes what they sign."""
    there = await follow(village, a, alice, "@bob@b.test")

    async def complain() -> None:
        async with a.site.db.write() as tx:
            await moderation.report(tx, alice.actor, there, [], "Rude.", forward=True)
        await village.settle()

    async def known_keys() -> set[bytes]:
        async with b.site.db.read() as tx:
            query = select(PublicKey.der).join(Actor, Actor.id == PublicKey.actor_id)
            return set(await tx.scalars(query.where(Actor.uri == a.site.urls.house)))

    await complain()
    before, fresh = await known_keys(), await keys.make()
    itself = await actors.house(a.site)
    async with a.site.db.write() as tx:
        await keys.rotate(tx, a.site.secret, itself, fresh)
        actors.tell(tx, itself)
    await village.settle()
    after = await known_keys()
    assert len(before) == len(after) == 2 and not before & after, "told, and read anew at its own address"
    start = clock.now()
    clock.set_source(lambda: start + timedelta(minutes=6))
    await complain()
    async with b.site.db.read() as tx:
        assert [report.reporter.uri for report in await moderation.open_reports(tx)] == [a.site.urls.house] * 2


async def test_a_house_that_was_away_catches_up(village: Fediverse, a: House, b: House, alice: Account, bob: Account):
    await follow(village, b, bob, "@alice@a.test")
    village.down.add("b.test")
    work = await publish(a.site, alice)
    await village.settle()
    start = clock.now()
    for minutes in (2, 10, 40):  # it is tried again, and rests longer each time
        clock.set_source(lambda minutes=minutes: start + timedelta(minutes=minutes))  # type: ignore[misc]
        await village.settle()
    async with a.site.db.read() as tx:
        resting = (await tx.scalars(select(Host).where(Host.name == "b.test"))).one()
    assert resting.resting_until is not None and resting.resting_until > clock.now() + timedelta(minutes=30)
    assert await state(a, await known(a.site, "bob", "b.test"), alice.actor) == "following"
    village.down.clear()
    # A word from there is a sign of life: nobody waits for the next try.
    async with b.site.db.write() as tx:
        await notes.write(tx, bob.actor, Note("Are you there, @alice@a.test?"), "key-3", urls=b.site.urls)
    await village.settle()
    for _ in range(100):
        await village.settle()
        async with b.site.db.read() as tx:
            if await tx.scalar(select(Post.id).where(Post.uri == a.site.urls.post(work))):
                break
        await asyncio.sleep(0.05)  # waking a host is nobody's wait
    assert await theirs(b, bob, a.site.urls.post(work))
