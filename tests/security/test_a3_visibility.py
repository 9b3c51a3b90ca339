"""security.md A3, rows 48 to 51: whoever is suspended or blocked is so on every path."""

import secrets
from typing import Any

import pytest
from sqlalchemy import func, select

from server import (
    actors,
    blocks,
    boosts,
    favourites,
    follows,
    hosts,
    moderation,
    mutes,
    notes,
    notifications,
    pins,
    posts,
    tags,
    timelines,
    viewing,
)
from server.errors import Forbidden, NotFound, Problem
from server.models import (
    Account,
    Actor,
    Audience,
    Favourite,
    Hearing,
    HostLevel,
    Kind,
    Media,
    Mention,
    Post,
    Purpose,
    Report,
)
from server.notes import Note
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang, say


async def suspend_person(tx: Any, person: Actor) -> None:
    await moderation.suspend(tx, None, await tx.get_one(Actor, person.id))


async def suspend_host(tx: Any, person: Actor) -> None:
    await hosts.set_rule(tx, None, str(person.host), HostLevel.SUSPEND)


async def say_gone(tx: Any, person: Actor) -> None:
    (await tx.get_one(Actor, person.id)).gone_at = person.created_at


@pytest.mark.parametrize("suspend", [suspend_person, suspend_host, say_gone])
async def test_row_48_nothing_of_the_suspended_is_shown_on_any_path(
    site: Site, alice: Account, bob: Account, suspend: Any
) -> None:
    mia = await abroad.person(site)
    work = await abroad.post(site, mia, "Heron", kind=Kind.WORK)
    mine = await say(site, alice, "Hello")
    answer = await abroad.post(site, mia, "Hello yourself", above=mine)
    async with site.db.write() as tx:
        picture = Media(owner_id=mia.id, post_id=work.id, source="https://far.example/1.jpg", width=1, height=1)
        face = Media(owner_id=mia.id, purpose=Purpose.FACE, source="https://far.example/2.jpg", width=1, height=1)
        tx.add_all([picture, face])
        await tx.flush()
        kept = await tx.get_one(Actor, mia.id)
        kept.face_id = face.id
        await tags.put(tx, await tx.get_one(Post, work.id), ["heron"])
        await follows.follow(tx, bob.actor, kept)
        await follows.accept(tx, bob.actor, kept)
        await follows.follow(tx, kept, bob.actor)
        await follows.follow(tx, bob.actor, alice.actor)
        await boosts.add(tx, alice.actor, await posts.get(tx, work.id, alice.actor))
        await favourites.add(tx, kept, await posts.get(tx, mine.id, kept))
        await pins.pin(tx, await posts.get(tx, work.id, kept), kept)

    async def paths() -> dict[str, bool]:
        """Every way on which something of hers could be met; True where it is."""
        async with site.db.read() as tx:
            tag, me = await tags.get(tx, "heron"), bob.actor
            hers = await actors.by_uri(tx, str(mia.uri))
            assert hers
            found = {
                "post": await timelines.find(tx, work.id, me) is not None,
                "home": any(post.author_id == mia.id for post in await timelines.home(tx, me)),
                "boost": any(post.boost_of_id == work.id for post in await timelines.home(tx, me)),
                "answers": answer.id in [post.id for post in await posts.replies(tx, mine, me)],
                "tag": bool(await timelines.tag(tx, tag, me)),
                "portfolio": bool(await timelines.portfolio(tx, hers, me)),
                "counts": (await timelines.counts(tx, hers, me)).works > 0,
                "pinned": bool(await pins.pinned(tx, hers, me)),
                "picture": await viewing.may_see(tx, picture.id, me),
                "face": await viewing.may_see(tx, face.id, None),
                "told": mia.id in [row.from_id for row in await notifications.list(tx, alice.actor)],
                "followers": mia.id in [actor.id for actor in await follows.followers(tx, me)],
                "following": mia.id in [actor.id for actor in await follows.following(tx, me)],
            }  # fmt: skip
            try:
                await actors.seen(tx, "mia", "far.example", me)
                found["profile"] = True
            except NotFound:
                found["profile"] = False
        return found

    before = await paths()
    assert all(before.values()), before
    async with site.db.write() as tx:
        await suspend(tx, mia)
    after = await paths()
    assert not any(after.values()), after


@pytest.mark.parametrize("suspend", [suspend_person, suspend_host, say_gone])
async def test_row_48_nothing_new_comes_from_the_suspended(site: Site, alice: Account, suspend: Any) -> None:
    mia = await abroad.person(site)
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await suspend(tx, mia)
    async with site.db.read() as tx:
        gone = await tx.get_one(Actor, mia.id)
    for act in (
        lambda tx: follows.follow(tx, gone, alice.actor, uri="https://far.example/1"),
        lambda tx: follows.follow(tx, alice.actor, gone),
        lambda tx: favourites.add(tx, gone, work, uri="https://far.example/2"),
        lambda tx: boosts.add(tx, gone, work, uri="https://far.example/3"),
        lambda tx: moderation.report(tx, gone, alice.actor, [work], "", uri="https://far.example/4"),
    ):
        with pytest.raises(Problem):
            async with site.db.write() as tx:
                await act(tx)
    note = await say(site, alice, "Dear @mia@far.example")
    async with site.db.read() as tx:
        assert await notifications.list(tx, alice.actor) == []
        for table in (Favourite, Mention, Report):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0
        stored = await tx.get_one(Post, work.id)
        assert (stored.likes, stored.boosts) == (0, 0)
        assert await tx.scalar(select(func.count(Post.id)).where(Post.boost_of_id.is_not(None))) == 0
    assert "far.example" not in note.html.replace("@mia@far.example", "")


@pytest.mark.parametrize("audience", [Audience.FOLLOWERS, Audience.MENTIONED])
async def test_row_49_private_posts_are_boosted_by_nobody(site: Site, alice: Account, audience: Audience) -> None:
    mia = await abroad.person(site)
    note = await say(site, alice, "Dear @bob", audience=audience)
    await abroad.nothing_told(site)
    for booster in (alice.actor, mia):
        with pytest.raises(Forbidden):
            async with site.db.write() as tx:
                await boosts.add(tx, booster, await posts.get(tx, note.id, alice.actor))
    assert await abroad.told(site, "Announce") == []


async def test_row_49_a_boost_ends_where_the_post_becomes_private(site: Site, alice: Account, bob: Account) -> None:
    note = await say(site, alice, "Hello")
    carol = await make_account(site, "carol")
    async with site.db.write() as tx:
        await follows.follow(tx, carol.actor, bob.actor)
        await boosts.add(tx, bob.actor, await posts.get(tx, note.id, bob.actor))
        mine = await posts.mine(tx, note.id, alice.actor)
        await notes.edit(tx, mine, Note("Hello", audience=Audience.FOLLOWERS), urls=site.urls)
    async with site.db.read() as tx:
        assert await timelines.home(tx, carol.actor) == []
        assert await timelines.home(tx, bob.actor) == []  # the booster does not see it any more either


@pytest.mark.parametrize("how", ["person", "server"])
async def test_row_51_whoever_is_blocked_is_blocked_on_every_path(site: Site, alice: Account, how: str) -> None:
    mia, bob = await abroad.person(site), await make_account(site, "bob")
    work, note = await hang(site, alice), await say(site, alice, "Hello")
    blocked: list[Actor] = [mia] if how == "server" else [mia, bob.actor]
    async with site.db.write() as tx:
        for person in blocked:
            await follows.follow(tx, person, alice.actor)
        if how == "server":
            await mutes.block_host(tx, alice.actor, "far.example")
        for person in blocked if how == "person" else []:
            await blocks.block(tx, alice.actor, person)
        picture = Media(owner_id=alice.actor_id, post_id=work.id, width=1, height=1)
        tx.add(picture)
    for person in blocked:
        async with site.db.write() as tx:
            for post in (work, note):  # reading, and with it liking, boosting and answering, which find a post first
                with pytest.raises(NotFound):
                    await posts.get(tx, post.id, person)
            with pytest.raises(NotFound):
                await actors.seen(tx, "alice", None, person)
            with pytest.raises(Forbidden):
                await follows.follow(tx, person, alice.actor)
            assert not await viewing.may_see(tx, picture.id, person)
            assert await posts.replies(tx, note, person) == []
            assert await timelines.portfolio(tx, alice.actor, person) == []
            assert await follows.count_followers(tx, alice.actor) == 0
            assert not await notifications.notify(tx, alice.actor, Hearing.MENTION, person)
            if person.is_local:
                loud = Note("Hey @alice", "", Audience.MENTIONED)
                written = await notes.write(tx, person, loud, secrets.token_urlsafe(18), urls=site.urls)
                with pytest.raises(NotFound):
                    await posts.get(tx, written.id, alice.actor)
    async with site.db.read() as tx:
        assert await notifications.list(tx, alice.actor) == [] and await notifications.unread(tx, alice.actor) == 0
