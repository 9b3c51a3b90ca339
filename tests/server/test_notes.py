"""Notes and comments."""

import asyncio

import pytest
from sqlalchemy import func, select

from server import notes, posts
from server.errors import Conflict, Invalid
from server.models import Account, Audience, Post
from server.notes import Note
from server.site import Site
from tests import abroad
from tests.works import one

KEY = "note-key-0000000000"


async def write(site: Site, author: Account, note: Note, key: str = KEY) -> Post:
    async with site.db.write() as tx:
        return await notes.write(tx, author.actor, note, key, urls=site.urls)


async def test_a_note_is_out_at_once(site: Site, alice: Account) -> None:
    post = await write(site, alice, Note("Studio open on Friday. #Studio https://art.test/x"))
    assert post.published_at and post.ready_at and post.was_public and post.thread_id == post.id
    assert [tag.name for tag in post.tags] == ["studio"]
    async with site.db.read() as tx:
        assert (await posts.get(tx, post.id, None)).html == post.html


async def test_the_same_form_is_the_same_note(site: Site, alice: Account) -> None:
    written = await asyncio.gather(*(write(site, alice, Note("Once")) for _ in range(5)))
    assert len({post.id for post in written}) == 1
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Post.id))) == 1


async def test_an_answer_counts_and_names_whom_it_answers(site: Site, alice: Account, bob: Account) -> None:
    root = await write(site, alice, Note("Look"))
    answers = await asyncio.gather(
        *(write(site, bob, Note("Yes", reply_to=root), key=f"answer-number-{n:05}") for n in range(4)),
        *(write(site, bob, Note("Yes", reply_to=root), key="answer-number-00000") for n in range(2)),
    )
    assert (await one(site, Post, root.id)).replies == 4
    assert {actor.id for actor in answers[0].mentions} == {alice.actor.id}
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, answers[0].id, bob.actor), bob.actor)
    assert (await one(site, Post, root.id)).replies == 3


@pytest.mark.parametrize("above", list(Audience))
@pytest.mark.parametrize("wanted", list(Audience))
def test_an_answer_is_never_wider_than_what_it_answers(above: Audience, wanted: Audience) -> None:
    note = Note("x", audience=wanted, reply_to=Post(audience=above))
    assert notes.WIDTH.index(note.audience) == max(notes.WIDTH.index(above), notes.WIDTH.index(wanted))


async def test_a_thread_is_read_oldest_first_and_as_the_viewer(site: Site, alice: Account, bob: Account) -> None:
    root = await write(site, alice, Note("root"))
    first = await write(site, bob, Note("first", reply_to=root), "k" * 17)
    second = await write(site, alice, Note("second", reply_to=first), "l" * 17)
    quiet = await write(site, bob, Note("for Alice", audience=Audience.MENTIONED, reply_to=second), "m" * 17)
    other = await write(site, alice, Note("another"), "o" * 17)
    await write(site, bob, Note("elsewhere", reply_to=other), "p" * 17)
    async with site.db.read() as tx:
        assert [p.id for p in await posts.replies(tx, root, None)] == [first.id, second.id]
        assert [p.id for p in await posts.replies(tx, root, alice.actor)] == [first.id, second.id, quiet.id]
        assert [p.id for p in await posts.replies(tx, first, bob.actor)] == [second.id, quiet.id]
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, first.id, bob.actor), bob.actor)
    async with site.db.read() as tx:  # an answer to what is gone stays
        assert [p.id for p in await posts.replies(tx, root, None)] == [second.id]


async def test_an_edit_changes_words_names_and_audience(site: Site, alice: Account, bob: Account) -> None:
    post = await write(site, alice, Note("Hello @bob", audience=Audience.MENTIONED))
    async with site.db.read() as tx:
        assert (await posts.get(tx, post.id, bob.actor)).id == post.id
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, alice.actor)
        await notes.edit(tx, mine, Note("Hello", audience=Audience.MENTIONED), urls=site.urls)
    async with site.db.read() as tx:
        with pytest.raises(posts.NotFound):
            await posts.get(tx, post.id, bob.actor)
    assert (await one(site, Post, post.id)).edited_at


async def test_names_of_this_house_are_found_with_and_without_its_domain(
    site: Site, alice: Account, bob: Account
) -> None:
    post = await write(site, alice, Note("@BOB @bob@art.test @nobody @bob@elsewhere.test"))
    assert [actor.id for actor in post.mentions] == [bob.actor.id]
    assert post.html.count("<a ") == 2


@pytest.mark.parametrize(
    ("field", "said"),
    [("text", {"text": " \n"}), ("text", {"text": "x" * 5001}), ("warning", {"text": "x", "warning": "w" * 301})],
)
def test_what_cannot_be_said(field: str, said: dict[str, str]) -> None:
    with pytest.raises(Invalid) as wrong:
        Note(**said)  # type: ignore[arg-type]
    assert set(wrong.value.fields) == {field}


async def test_fifty_one_names_are_too_many(site: Site, alice: Account) -> None:
    """security.md row 98."""
    with pytest.raises(Invalid):
        await write(site, alice, Note(" ".join(f"@p{n}" for n in range(51))))
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Post.id))) == 0


async def test_a_form_whose_note_was_deleted_writes_nothing(site: Site, alice: Account) -> None:
    post = await write(site, alice, Note("x"))
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    with pytest.raises(Conflict):
        await write(site, alice, Note("x"))


async def test_a_note_is_told_once_and_each_change_afterwards(site: Site, alice: Account) -> None:
    await asyncio.gather(*(write(site, alice, Note("Once")) for _ in range(3)))
    post = await write(site, alice, Note("Once"))
    assert [(job.verb, job.post_id) for job in await abroad.told(site)] == [("Create", post.id)]
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, alice.actor)
        await notes.edit(tx, mine, Note("Once", audience=Audience.MENTIONED), urls=site.urls)
    assert [job.verb for job in await abroad.told(site)] == ["Create", "Update"]
