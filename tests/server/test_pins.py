"""What somebody keeps at the top of their profile: theirs, public, and not too much of it."""

import asyncio

import pytest

from server import pins, posts
from server.errors import Invalid, NotFound
from server.models import Account, Actor, Audience, Post
from server.site import Site
from tests import abroad
from tests.hung import say


async def test_at_most_five_public_posts_of_ones_own_are_pinned(site: Site, alice: Account, bob: Account) -> None:
    notes = [await say(site, alice, f"Note {number}") for number in range(6)]
    hidden = await say(site, alice, "Hidden", audience=Audience.FOLLOWERS)
    await abroad.nothing_told(site)

    async def pin(post: Post, actor: Actor) -> bool:
        async with site.db.write() as tx:
            return await pins.pin(tx, await posts.get(tx, post.id, alice.actor), actor)

    for note in notes[:5]:
        assert await pin(note, alice.actor)
    assert not await pin(notes[0], alice.actor)
    for post, actor, error in (
        (notes[5], alice.actor, Invalid), (hidden, alice.actor, Invalid), (notes[5], bob.actor, NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            await pin(post, actor)
    async with site.db.write() as tx:
        assert [post.id for post in await pins.pinned(tx, alice.actor, None)] == [
            note.id for note in reversed(notes[:5])
        ]
        assert await pins.unpin(tx, await posts.get(tx, notes[2].id, alice.actor), alice.actor)
        assert not await pins.unpin(tx, await posts.get(tx, notes[2].id, alice.actor), alice.actor)
        with pytest.raises(NotFound):
            await pins.unpin(tx, await posts.get(tx, notes[1].id, alice.actor), bob.actor)
    told = [(job.verb, job.post_id, job.subject_id) for job in await abroad.told(site)]
    assert told == [("Add", note.id, None) for note in notes[:5]] + [("Remove", notes[2].id, None)]


async def test_two_pins_at_once_do_not_pass_the_limit(site: Site, alice: Account) -> None:
    notes = [await say(site, alice, f"Note {number}") for number in range(8)]

    async def pin(post: Post) -> bool:
        try:
            async with site.db.write() as tx:
                return await pins.pin(tx, await posts.get(tx, post.id, alice.actor), alice.actor)
        except Invalid:
            return False

    assert sum(await asyncio.gather(*(pin(note) for note in notes))) == pins.MAX_PINNED
