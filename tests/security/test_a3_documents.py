# ruff: noqa: F811  # fixtures that come from another folder are named by the arguments again
"""Who may read which document (docs/security.md, A3): a stranger, a follower elsewhere, and somebody who is blocked."""

from typing import Any

import pytest
from quart import Quart
from sqlalchemy import update

from federation.signatures import BadSignature
from server import blocks, boosts, clock, follows, ids, posts
from server.models import Account, Actor, Artwork, Audience, Dialect, Follow, Host, Kind, Media, Mention, Post
from server.site import Site
from tests.browsing import Browser
from tests.federation.conftest import Shelf, a_note, elsewhere, eve, shelf  # noqa: F401
from tests.hung import statements

PROGRAM = {"Accept": "application/activity+json"}
SIGNED = PROGRAM | {"Signature": "as the inbox's own tests check it"}
NOTHING = {"error": "There is nothing at this address."}


@pytest.fixture
def signer(app: Quart) -> list[Actor | BadSignature]:
    """Whose signature the next requests carry: what the inbox would find out."""
    carried: list[Actor | BadSignature] = []

    async def reader(site: Site, request: Any, client: str) -> Actor | None:
        if isinstance(carried[-1], BadSignature):
            raise carried[-1]
        return carried[-1]

    app.extensions["reader"] = reader
    return carried


@pytest.fixture
async def friend(site: Site, eve: Actor, alice: Account, signer: list[Any]) -> Actor:
    """Eve follows Alice from her own server, and signs."""
    async with site.db.write() as tx:
        tx.add(Follow(follower_id=eve.id, followed_id=alice.actor_id, accepted=True))
    signer.append(eve)
    return eve


async def get(client: Any, path: str, status: int = 200, headers: dict[str, str] = PROGRAM) -> dict[str, Any]:
    response = await client.get(path, headers=headers)
    assert response.status_code == status, path
    document: dict[str, Any] = await response.get_json(force=True)
    return document


async def test_row_39_a_follower_elsewhere_reads_by_signature_what_strangers_do_not(
    client: Any,
    shelf: Shelf,
    friend: Actor,
) -> None:
    path = f"/works/{shelf.followers}"
    assert await get(client, path, 404) == NOTHING
    work = await get(client, path, headers=SIGNED)
    assert work["to"] == ["http://art.test/users/alice/followers"]
    for part in ("/likes", "/shares", "/replies", "/activity/create"):
        assert await get(client, path + part, 404) == NOTHING
        await get(client, path + part, headers=SIGNED)
    listed = [await get(client, "/users/alice/outbox?page=1", headers=headers) for headers in (PROGRAM, SIGNED)]
    assert [work["id"] in str(page) for page in listed] == [False, True]
    gallery = [
        await get(client, f"/users/alice/galleries/{shelf.gallery}?page=1", headers=headers)
        for headers in (PROGRAM, SIGNED)
    ]
    assert [work["id"] in str(page) for page in gallery] == [False, True]
    for hidden in (shelf.draft, shelf.deleted_private):
        assert await get(client, f"/works/{hidden}", 404, SIGNED) == NOTHING


async def test_row_39_a_picture_is_for_those_whom_its_work_is_for(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
    friend: Actor,
) -> None:
    work = await get(client, f"/works/{shelf.work}")
    path = work["attachment"][0]["id"].removeprefix("http://art.test")
    await get(client, path)
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == shelf.work).values(audience=Audience.FOLLOWERS))
    assert await get(client, path, 404) == NOTHING
    assert (await get(client, path, headers=SIGNED))["type"] == "Image"
    async with site.db.write() as tx:
        await posts.remove(tx, await tx.get_one(Post, shelf.work), alice.actor)
    assert await get(client, path, 404, SIGNED) == NOTHING


async def test_row_39_an_answer_does_not_tell_strangers_the_id_of_what_was_narrowed(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
) -> None:
    note = await get(client, f"/notes/{shelf.comment}")
    assert str(shelf.work) in note["inReplyTo"] and str(shelf.work) in note["context"]
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == shelf.work).values(audience=Audience.FOLLOWERS))
    paths = [f"/notes/{shelf.comment}", f"/notes/{shelf.comment}/activity/create", "/users/bob/outbox?page=1"]
    for path in [*paths, f"/contexts/{shelf.comment}", f"/contexts/{shelf.comment}?page=1"]:
        assert str(shelf.work) not in str(await get(client, path)), path
    assert await get(client, f"/contexts/{shelf.work}", 404) == NOTHING


async def test_row_39_a_conversation_shows_each_reader_what_they_may_see(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
    friend: Actor,
) -> None:
    async with site.db.write() as tx:
        secret = a_note(
            alice.actor, id=ids.new(), reply_to_id=shelf.comment, thread_id=shelf.work, audience=Audience.FOLLOWERS
        )
        secret.was_public = False
        tx.add(secret)
    for path in (f"/contexts/{shelf.work}?page=1", f"/notes/{shelf.comment}/replies?after=0"):
        assert str(secret.id) not in str(await get(client, path))
        assert str(secret.id) in str(await get(client, path, headers=SIGNED))
    counted = [await get(client, f"/contexts/{shelf.work}", headers=headers) for headers in (PROGRAM, SIGNED)]
    assert [whole["totalItems"] for whole in counted] == [2, 3]
    own = await get(client, f"/notes/{secret.id}", headers=SIGNED)
    assert (own["inReplyTo"], own["context"]) == (
        f"http://art.test/notes/{shelf.comment}",
        f"http://art.test/contexts/{shelf.work}",
    )


async def test_row_39_a_boost_is_gone_when_what_it_shows_is_for_fewer(
    site: Site,
    client: Any,
    shelf: Shelf,
    bob: Account,
) -> None:
    async with site.db.write() as tx:
        await boosts.add(tx, bob.actor, await posts.get(tx, shelf.work, bob.actor))
    boost = (await get(client, "/users/bob/outbox?page=1"))["orderedItems"][0]["id"].removeprefix("http://art.test")
    await get(client, boost)
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == shelf.work).values(audience=Audience.FOLLOWERS))
    assert await get(client, boost, 404) == NOTHING
    page = await get(client, "/users/bob/outbox?page=1")
    assert [one["type"] for one in page["orderedItems"]] == ["Create"]
    assert (await get(client, "/users/bob/outbox"))["totalItems"] == 1


async def test_row_39_nobody_elsewhere_is_shown_in_our_documents_as_ours(
    site: Site,
    client: Any,
    eve: Actor,
) -> None:
    """What others wrote is theirs to answer for: none of it has an address here."""
    async with site.db.write() as tx:
        note = elsewhere(eve)
        work = Post(id=ids.new(), kind=Kind.WORK, author_id=eve.id, uri="https://far.test/works/1", published_at=clock.now(),
                    ready_at=clock.now())  # fmt: skip
        work.thread_id = work.id
        tx.add_all([note, work])
        await tx.flush()
        media = Media(owner_id=eve.id, post_id=work.id, width=1, height=1, source="https://far.test/1.png")
        tx.add_all([Artwork(post_id=work.id, title="Theirs"), media])
    paths = [
        f"/notes/{note.id}",
        f"/works/{work.id}",
        f"/contexts/{note.id}",
        f"/media/{media.id}",
        "/users/eve",
        "/users/eve/outbox",
    ]
    for path in paths:
        assert await get(client, path, 404) == NOTHING, path


async def test_row_40_what_a_signature_opened_is_kept_by_nobody(client: Any, shelf: Shelf, friend: Actor) -> None:
    """Every address that looks at signatures says so, so that a cache never hands one reader's answer to another."""
    post = f"/works/{shelf.work}"
    paths = [
        post, f"{post}/likes", f"{post}/shares", f"{post}/replies", f"{post}/replies?after=0", f"{post}/activity/create",
        f"/contexts/{shelf.work}", f"/contexts/{shelf.work}?page=1", "/users/alice/outbox", "/users/alice/outbox?page=1",
        "/users/alice/collections/featured", "/users/alice/galleries", f"/users/alice/galleries/{shelf.gallery}",
    ]  # fmt: skip
    for path in paths:
        for _ in range(2):
            stranger = await client.get(path, headers=PROGRAM)
            signed = await client.get(path, headers=SIGNED)
            assert stranger.headers["Cache-Control"] == "public, max-age=0, s-maxage=5, must-revalidate", path
            assert signed.headers["Cache-Control"] == "private, no-store", path
            assert "ETag" not in signed.headers
            for response in (stranger, signed):
                assert {"Accept", "Signature"} <= set(response.headers["Vary"].split(", ")), path
    again = await client.get(post, headers=SIGNED | {"If-None-Match": stranger.headers["ETag"]})
    assert again.status_code == 200


async def test_row_40_a_blocked_reader_and_a_friend_take_turns(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
    friend: Actor,
    signer: list[Any],
) -> None:
    foe = Actor(uri="https://far.test/u/mallory", handle="mallory", domain="far.test", host="far.test")
    async with site.db.write() as tx:
        tx.add(foe)
        await tx.flush()
        await blocks.block(tx, alice.actor, foe)
    for _ in range(3):
        signer.append(friend)
        await get(client, f"/works/{shelf.followers}", headers=SIGNED)
        signer.append(foe)
        for path in (f"/works/{shelf.followers}", f"/works/{shelf.work}"):
            response = await client.get(path, headers=SIGNED)
            assert (response.status_code, response.headers["Cache-Control"]) == (404, "no-store")
        await get(client, f"/works/{shelf.work}")


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_row_40_a_known_server_reads_works_in_its_dialect_and_nobody_else_does(
    site: Site,
    client: Any,
    shelf: Shelf,
    friend: Actor,
    dialect: Dialect,
) -> None:
    """D2: the same id in another form, and never from a cache."""
    plain = f"/works/{shelf.unlisted}"
    assert (await get(client, plain, headers=SIGNED))["type"] == "Image"  # far.test is not known yet
    async with site.db.write() as tx:
        tx.add(Host(name="far.test", dialect=dialect))
    for _ in range(2):
        work = await get(client, plain, headers=SIGNED)
        assert (work["type"], isinstance(work["url"], str)) == {
            Dialect.IMAGE: ("Image", False),
            Dialect.IMAGE_MASTODON: ("Image", True),
            Dialect.NOTE: ("Note", True),
        }[dialect]
        stranger = await get(client, plain)
        assert (stranger["type"], isinstance(stranger["url"], list), stranger["id"]) == ("Image", True, work["id"])
    warned = await get(client, f"/works/{shelf.work}", headers=SIGNED)
    assert warned["type"] == ("Image" if dialect is Dialect.IMAGE else "Note")
    assert warned["summary"] == "Cold water"


async def test_row_41_a_bad_signature_learns_nothing(
    site: Site,
    client: Any,
    shelf: Shelf,
    signer: list[Any],
) -> None:
    """What is public stays public; the rest is refused alike, whether it exists or not: peers then sign in their other way."""
    signer.append(BadSignature(401, "The signature does not hold."))
    assert (await get(client, f"/works/{shelf.work}", headers=SIGNED))["type"] == "Image"
    answers = []
    for path in (
        f"/works/{shelf.followers}",
        f"/works/{shelf.draft}",
        "/works/12345",
        f"/works/{shelf.deleted_private}",
    ):
        response = await client.get(path, headers=SIGNED)
        answers.append((response.status_code, dict(response.headers), await response.get_data()))
    assert {status for status, _, _ in answers} == {401}
    assert all(answer == answers[0] for answer in answers)


async def test_row_41_missing_private_blocked_and_never_public_are_one_answer(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
    friend: Actor,
) -> None:
    async with site.db.write() as tx:
        mentioned = a_note(alice.actor, id=ids.new(), thread_id=0, audience=Audience.MENTIONED)
        mentioned.was_public = False
        tx.add(mentioned)
    paths = [
        f"/notes/{mentioned.id}",
        "/notes/12345",
        f"/notes/{shelf.draft}",
        f"/contexts/{mentioned.id}",
        f"/boosts/{mentioned.id}",
    ]
    for headers in (PROGRAM, SIGNED):
        answers = [await client.get(path, headers=headers) for path in paths]
        assert {answer.status_code for answer in answers} == {404}
        assert len({(await answer.get_data(), str(dict(answer.headers))) for answer in answers}) == 1
    async with site.db.write() as tx:
        tx.add(Mention(post_id=mentioned.id, actor_id=friend.id))
    assert (await get(client, f"/notes/{mentioned.id}", headers=SIGNED))["to"] == [friend.uri]


async def test_row_41_what_is_hidden_takes_as_long_as_what_is_missing(
    app: Quart, site: Site, client: Any, shelf: Shelf, alice: Account, bob: Account, eve: Actor, signer: list[Any]
) -> None:
    """A clock would say now this and now that. What takes the time is asked instead: the same questions in the same order."""
    signer.append(eve)
    browser = await Browser(app).as_somebody(bob)

    async def asked(path: str, headers: dict[str, str] | None) -> list[str]:
        with statements(site) as said:
            if headers is not None:
                assert (await client.get(path, headers=headers)).status_code == 404, path
            else:
                await browser.get(path)
                assert browser.status == 404, path
        return said

    async def alike(path: str, headers: dict[str, str] | None, hidden: tuple[int, ...]) -> None:
        await asked(path.format(12345), headers)  # what is asked once and then remembered
        expected = await asked(path.format(12345), headers)
        for post_id in hidden:
            assert await asked(path.format(post_id), headers) == expected, (path, post_id)

    hidden = (shelf.followers, shelf.draft, shelf.deleted_private)
    async with site.db.write() as tx:
        await follows.unfollow(tx, bob.actor, alice.actor)
    for path in ("/works/{}", "/works/{}/replies", "/works/{}/activity/create", "/contexts/{}"):
        for headers in (PROGRAM, SIGNED):
            await alike(path, headers, hidden)
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
    for path in ("/@alice/{}", "/@alice/{}/report"):
        await alike(path, None, (*hidden, shelf.work))


@pytest.mark.parametrize("shown", [False, True])
async def test_row_50_who_follows_whom_is_told_only_by_those_who_show_it(
    site: Site,
    client: Any,
    shelf: Shelf,
    alice: Account,
    bob: Account,
    friend: Actor,
    shown: bool,
) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, bob.actor)
        await tx.execute(update(Actor).where(Actor.id == alice.actor_id).values(shows_follows=shown))
    people = {"followers": {friend.uri, "http://art.test/users/bob"}, "following": {"http://art.test/users/bob"}}
    for which, wanted in people.items():
        for headers in (PROGRAM, SIGNED):
            whole = await get(client, f"/users/alice/{which}", headers=headers)
            assert whole["totalItems"] == len(wanted)
            assert ("first" in whole) is shown
            assert whole[f"{which}Of"] == "http://art.test/users/alice"
            page = await get(client, f"/users/alice/{which}?page=1", headers=headers)
            assert set(page.get("orderedItems", ())) == (wanted if shown else set())
