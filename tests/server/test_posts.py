"""Who may see what: every audience, every viewer, every way in (security.md rows 39 to 42, 45, 51, 52; decision 17)."""

import asyncio
import secrets
from typing import Any

import pytest
from sqlalchemy import select

from server import actors, artworks, blocks, boosts, clock, favourites, follows, notes, posts
from server.artworks import Draft
from server.errors import Gone, NotFound
from server.models import (
    Account,
    AccountState,
    Actor,
    Artwork,
    Audience,
    Follow,
    Hanging,
    Media,
    Mention,
    Post,
    PostTag,
    Rendition,
)
from server.notes import Note
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang, say
from tests.works import files_in, one, publish

VIEWERS = ("stranger", "member", "follower", "asked", "mentioned", "author", "blocked", "blocker")
OPEN = {"stranger", "member", "follower", "asked", "mentioned", "author"}
# The whole rule as a table: who sees a published post of this audience.
SEES: dict[Audience, set[str]] = {
    Audience.EVERYONE: OPEN,
    Audience.UNLISTED: OPEN,
    Audience.FOLLOWERS: {"follower", "mentioned", "author"},
    Audience.MENTIONED: {"mentioned", "author"},
}


async def people(site: Site, author: Account) -> dict[str, Actor | None]:
    """One viewer of each kind, with its tie to the author. Everybody who is blocked would otherwise see everything."""
    made: dict[str, Actor | None] = {"stranger": None, "author": author.actor}
    for name in VIEWERS:
        if name not in made:
            made[name] = (await make_account(site, name)).actor
    async with site.db.write() as tx:
        for name in ("follower", "blocked", "blocker"):
            viewer = made[name]
            assert viewer
            tx.add(Follow(follower_id=viewer.id, followed_id=author.actor.id, accepted=True))
        asked = made["asked"]
        assert asked
        tx.add(Follow(follower_id=asked.id, followed_id=author.actor.id, accepted=False))
    return made


async def cut(site: Site, author: Account, viewers: dict[str, Actor | None]) -> None:
    async with site.db.write() as tx:
        assert viewers["blocked"] and viewers["blocker"]
        await blocks.block(tx, author.actor, viewers["blocked"])
        await blocks.block(tx, viewers["blocker"], author.actor)
        # Blocking ends a follow; the rule must hold where one is left over, too.
        for name in ("blocked", "blocker"):
            row = Follow(follower_id=viewers[name].id, followed_id=author.actor.id, accepted=True)  # type: ignore[union-attr]
            await tx.merge(row)


async def visible(site: Site, post_id: int, viewer: Actor | None) -> tuple[bool, bool]:
    """By address, and in a list."""
    async with site.db.read() as tx:
        listed = await tx.scalar(select(Post.id).where(Post.id == post_id, posts.visible_to(viewer))) is not None
        try:
            await posts.get(tx, post_id, viewer)
        except NotFound:
            return False, listed
        return True, listed


@pytest.mark.parametrize("kind", ["work", "note"])
async def test_every_audience_and_every_viewer(site: Site, alice: Account, run_jobs: Any, kind: str) -> None:
    viewers = await people(site, alice)
    names = "@mentioned @blocked @blocker"
    made: dict[Audience, int] = {}
    for audience in Audience:
        if kind == "work":
            made[audience] = (await publish(site, alice, audience=audience, text=names)).id
        else:
            async with site.db.write() as tx:
                note = Note(names, audience=audience)
                made[audience] = (await notes.write(tx, alice.actor, note, secrets.token_hex(12), urls=site.urls)).id
    await run_jobs(site)
    await cut(site, alice, viewers)
    for audience, post_id in made.items():
        for name, viewer in viewers.items():
            expected = name in SEES[audience]
            assert await visible(site, post_id, viewer) == (expected, expected), (audience, name)


async def test_drafts_and_unready_works_are_their_authors_alone(site: Site, alice: Account) -> None:
    viewers = await people(site, alice)
    async with site.db.write() as tx:
        draft = await artworks.start(tx, alice.actor, "d" * 20)
        await artworks.save(tx, draft, Draft(text="@mentioned", audience=Audience.EVERYONE), urls=site.urls)
    unready = await publish(site, alice, text="@mentioned")
    for post_id in (draft.id, unready.id):
        for name, viewer in viewers.items():
            assert await visible(site, post_id, viewer) == (name == "author", name == "author"), name


async def test_nobody_mentioned_means_only_me(site: Site, alice: Account, run_jobs: Any) -> None:
    viewers = await people(site, alice)
    post = await publish(site, alice, audience=Audience.MENTIONED)
    await run_jobs(site)
    for name, viewer in viewers.items():
        assert (await visible(site, post.id, viewer))[0] == (name == "author"), name


async def test_the_works_of_suspended_people_are_hidden(
    site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    """security.md row 45; and a suspended viewer sees what strangers see."""
    post = await publish(site, alice)
    quiet = await publish(site, alice, audience=Audience.FOLLOWERS)
    await run_jobs(site)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    assert await visible(site, quiet.id, bob.actor) == (True, True)
    bob.actor.suspended_at = clock.now()
    assert await visible(site, quiet.id, bob.actor) == (False, False)
    assert await visible(site, post.id, bob.actor) == (True, True)
    bob.actor.suspended_at = None
    async with site.db.write() as tx:
        (await tx.get_one(Actor, alice.actor.id)).suspended_at = clock.now()
    assert await visible(site, post.id, None) == (False, False)
    assert await visible(site, post.id, bob.actor) == (False, False)
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Post.id).where(posts.listed()))) == []


async def test_only_for_everyone_is_listed(site: Site, alice: Account, run_jobs: Any) -> None:
    wanted = await publish(site, alice)
    for audience in (Audience.UNLISTED, Audience.FOLLOWERS, Audience.MENTIONED):
        await publish(site, alice, audience=audience)
    await run_jobs(site)
    await publish(site, alice)  # not ready
    async with site.db.write() as tx:
        await notes.write(tx, alice.actor, Note("an answer", reply_to=wanted), "a" * 20, urls=site.urls)
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Post.id).where(posts.listed()))) == [wanted.id]


@pytest.mark.parametrize("audience", list(Audience))
async def test_what_was_public_is_gone_and_everything_else_never_was(
    site: Site, alice: Account, bob: Account, run_jobs: Any, audience: Audience
) -> None:
    """Decision 19, security.md row 41: missing, private and deleted private posts give the same answer."""
    post = await publish(site, alice, audience=audience)
    await run_jobs(site)
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    expected = Gone if audience in posts.OPEN else NotFound
    for viewer in (None, bob.actor, alice.actor):
        async with site.db.read() as tx:
            with pytest.raises(expected):
                await posts.get(tx, post.id, viewer)
            with pytest.raises(NotFound):
                await posts.get(tx, 12345, viewer)
            with pytest.raises(NotFound):
                await posts.get(tx, 2**70, viewer)


async def test_a_tombstone_holds_nothing(site: Site, alice: Account, bob: Account, run_jobs: Any) -> None:
    post = await publish(site, alice, text="secret #words @bob", warning="w", galleries=("Box",))
    await run_jobs(site)
    before = (await one(site, Account, alice.id)).used_bytes
    assert before == post.media[0].master_bytes > 0
    async with site.db.write() as tx:
        keys = await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    assert sorted(keys) == files_in(site.storage.root)  # type: ignore[attr-defined]
    row = await one(site, Post, post.id)
    assert (row.text, row.html, row.warning, row.likes) == ("", "", "", 0) and row.deleted_at
    assert (await one(site, Account, alice.id)).used_bytes == 0
    async with site.db.read() as tx:
        for table in (Artwork, Media, Rendition, PostTag, Mention, Hanging):
            assert (await tx.scalars(select(table))).first() is None, table


async def test_only_the_author_removes(site: Site, alice: Account, bob: Account, run_jobs: Any) -> None:
    """security.md row 42."""
    post = await publish(site, alice)
    await run_jobs(site)
    async with site.db.write() as tx:
        with pytest.raises(NotFound):
            await posts.remove(tx, await posts.get(tx, post.id, bob.actor), bob.actor)
        with pytest.raises(NotFound):
            await posts.mine(tx, post.id, bob.actor)
    assert await visible(site, post.id, None) == (True, True)


@pytest.mark.parametrize("trouble", [AccountState.WAITING, AccountState.REJECTED, AccountState.DISABLED, "suspended"])
async def test_nobody_hears_of_people_who_are_not_in_good_standing(
    site: Site, alice: Account, bob: Account, trouble: str
) -> None:
    """One rule for profiles and posts (security.md rows 45 and 63; docs/decisions/0015)."""
    work = await hang(site, alice)
    async with site.db.read() as tx:
        assert (await actors.seen(tx, "ALICE", None, bob.actor)).id == alice.actor_id
        assert await posts.get(tx, work.id, None)
    async with site.db.write() as tx:
        if trouble == "suspended":
            (await tx.get_one(Actor, alice.actor_id)).suspended_at = clock.now()
        else:
            (await tx.get_one(Account, alice.id)).state = AccountState(trouble)
    async with site.db.read() as tx:
        for viewer in (None, bob.actor):
            with pytest.raises(NotFound):
                await actors.seen(tx, "alice", None, viewer)
            with pytest.raises(NotFound):
                await posts.get(tx, work.id, viewer)


async def test_of_two_that_remove_an_answer_at_once_one_counts_it(site: Site, alice: Account, bob: Account) -> None:
    """On PostgreSQL both have found it before either has removed it."""
    work = await hang(site, alice)
    answers = [await say(site, bob, f"Answer {number}", work) for number in range(3)]
    found = asyncio.Barrier(1 if site.db.is_sqlite else 2)  # SQLite's second writer begins when the first has ended

    async def remove() -> None:
        async with site.db.write() as tx:
            answer = await posts.get(tx, answers[0].id, bob.actor)
            await found.wait()
            await posts.remove(tx, answer, bob.actor)

    ends = await asyncio.gather(remove(), remove(), return_exceptions=True)
    assert sorted(end is None for end in ends) == [False, True], ends
    async with site.db.read() as tx:
        assert (await tx.get_one(Post, work.id)).replies == 2


# -- what other servers are told, and what they said ---------------------------------------------------------------------
async def test_whoever_liked_or_boosted_what_is_removed_is_told(site: Site, alice: Account, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    note = await say(site, alice, "Soon gone", audience=Audience.UNLISTED)
    async with site.db.write() as tx:
        await favourites.add(tx, mia, await posts.get(tx, note.id, mia))
        await favourites.add(tx, bob.actor, await posts.get(tx, note.id, bob.actor))
        await boosts.add(tx, eve, await posts.get(tx, note.id, eve))
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.get(tx, note.id, alice.actor), alice.actor)
    (job,) = await abroad.told(site)
    assert (job.verb, job.actor_id, job.post_id) == ("Delete", alice.actor_id, note.id)
    assert sorted(job.people) == sorted([mia.id, eve.id])


@pytest.mark.parametrize("audience", list(Audience))
async def test_a_removed_post_is_told_whoever_it_was_for_and_a_draft_never(
    site: Site, alice: Account, audience: Audience
) -> None:
    note, draft = await say(site, alice, "Soon gone", audience=audience), await hang(site, alice, published=False)
    await abroad.nothing_told(site)
    for post in (note, draft):
        async with site.db.write() as tx:
            await posts.remove(tx, await posts.get(tx, post.id, alice.actor), alice.actor)
    assert [(job.verb, job.post_id) for job in await abroad.told(site)] == [("Delete", note.id)]


async def test_a_post_of_somebody_elsewhere_goes_without_an_echo(site: Site, bob: Account) -> None:
    mia, eve = await abroad.person(site), await abroad.person(site, "eve")
    hers = await abroad.post(site, mia)
    answer = await abroad.post(site, eve, "Oh", above=hers)
    async with site.db.write() as tx:
        await posts.answered(tx, hers.id)
        with pytest.raises(NotFound):
            await posts.remove(tx, await posts.get(tx, hers.id, eve), eve)
        await posts.remove(tx, await posts.get(tx, answer.id, eve), eve)
        assert (await posts.get(tx, hers.id, bob.actor)).replies == 0
        await posts.remove(tx, await posts.get(tx, hers.id, mia), mia)
        with pytest.raises(Gone):
            await posts.get(tx, hers.id, bob.actor)
    assert await abroad.told(site) == []
    assert (await one(site, Post, hers.id)).uri == hers.uri  # a Create that comes late finds the tombstone


async def test_what_comes_with_a_post_of_another_server(site: Site, bob: Account) -> None:
    hers = await abroad.post(site, await abroad.person(site))
    async with site.db.read() as tx:
        post = await posts.get(tx, hers.id, bob.actor)
    assert post.origin and post.origin.page == f"https://far.example/@mia/{hers.id}"
