"""What other servers say of their people and posts, as it ends in our rows."""

import itertools
import logging
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from server import clock, elsewhere, follows, ids, notes, notifications, posts
from server.elsewhere import Person, Picture, Piece, PublicKey
from server.errors import GiveUp
from server.models import (
    Account,
    Actor,
    ActorKind,
    Artwork,
    Audience,
    Follow,
    Hearing,
    Job,
    Kind,
    Licence,
    Media,
    MediaState,
    Mention,
    Origin,
    Post,
    Rating,
    Rendition,
    RenditionPurpose,
    Reservation,
    Tombstone,
)
from server.models import PublicKey as Key
from server.rights.stated import Stated
from server.site import Site

HOST = "https://far.example"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def person(handle: str = "mia", **changes: Any) -> Person:
    uri = changes.pop("uri", f"{HOST}/users/{handle}")
    given: dict[str, Any] = {
        "uri": uri,
        "handle": handle,
        "domain": "far.example",
        "kind": ActorKind.PERSON,
        "inbox": f"{uri}/inbox",
        "shared_inbox": f"{HOST}/inbox",
        "followers": f"{uri}/followers",
        "keys": (PublicKey(f"{uri}#main-key", "rsa", b"one"),),
    }
    return Person(**given | changes)


def piece(number: int = 1, author: str = f"{HOST}/users/mia", **changes: Any) -> Piece:
    given: dict[str, Any] = {
        "uri": f"{HOST}/posts/{number}",
        "kind": Kind.NOTE,
        "author": author,
        "audience": Audience.EVERYONE,
        "published": NOON,
        "html": "<p>Hello</p>",
        "words": "Hello",
        "raw": {"id": f"{HOST}/posts/{number}", "unknownTerm": "kept"},
    }
    return Piece(**given | changes)


def work(number: int = 1, **changes: Any) -> Piece:
    shown = (Picture(f"{HOST}/media/{number}.jpg", "image/jpeg", alt="A heron", width=800, height=600),)
    return piece(number, **{"kind": Kind.WORK, "title": "Heron", "pictures": shown} | changes)


async def put(site: Site, thing: Piece, who: Person | None = None) -> Post | None:
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, who or person())
        return await elsewhere.put_post(tx, thing, author, urls=site.urls)


async def stored(site: Site, uri: str = f"{HOST}/posts/1") -> Post:
    async with site.db.read() as tx:
        return (await tx.scalars(select(Post).where(Post.uri == uri))).one()


async def count(site: Site, table: Any, *where: Any) -> int:
    async with site.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(*where)) or 0)


@pytest.fixture(autouse=True)
def noon() -> None:
    clock.set_source(lambda: NOON + timedelta(hours=1))


# -- people ------------------------------------------------------------------------------------------------------------
async def test_a_person_is_written_down_and_changed(site: Site) -> None:
    async with site.db.write() as tx:
        first = await elsewhere.put_person(tx, person(name="Mia", locked=True, links=(elsewhere.Link("Shop", HOST),)))
    changed = person(name="Mia B.", keys=(PublicKey(f"{HOST}/users/mia#two", "ed25519", b"two"),))
    async with site.db.write() as tx:
        second = await elsewhere.put_person(tx, changed)
        keys = list(await tx.scalars(select(Key.uri)))
    assert (first.id, first.host, first.domain) == (second.id, "far.example", "far.example")
    assert (second.name, second.approves_follows) == ("Mia B.", False)
    assert keys == [f"{HOST}/users/mia#two"]  # what the document does not list any more is no key


async def test_a_key_of_another_server_or_of_somebody_else_is_not_theirs(site: Site) -> None:
    mallory = person(
        "mallory",
        keys=(
            PublicKey("https://victim.example/users/v#main-key", "rsa", b"evil"),
            PublicKey(f"{HOST}/users/mia#main-key", "rsa", b"evil"),
        ),
    )
    async with site.db.write() as tx:
        mia = await elsewhere.put_person(tx, person())
        await elsewhere.put_person(tx, mallory)
        kept = list(await tx.scalars(select(Key)))
    assert [(key.uri, key.actor_id, key.der) for key in kept] == [(f"{HOST}/users/mia#main-key", mia.id, b"one")]


async def test_a_confirmed_handle_goes_to_its_owner_and_an_unconfirmed_one_does_not(site: Site) -> None:
    async with site.db.write() as tx:
        old = await elsewhere.put_person(tx, person(), confirmed=True)
        guess = await elsewhere.put_person(tx, person(uri=f"{HOST}/people/2"))
        assert guess.handle.startswith("mia-")
        again = await elsewhere.put_person(tx, person(uri=f"{HOST}/people/2"))
        assert again.handle == guess.handle
        new = await elsewhere.put_person(tx, person("MIA", uri=f"{HOST}/people/3"), confirmed=True)
        await tx.refresh(old)
    assert new.handle == "MIA" and old.handle.startswith("mia-")
    assert await count(site, Actor, Actor.domain == "far.example") == 3


async def test_a_face_comes_and_changes_and_goes(site: Site) -> None:
    async with site.db.write() as tx:
        first = (await elsewhere.put_person(tx, person(icon=f"{HOST}/face.png"))).face_id
        assert (await elsewhere.put_person(tx, person(icon=f"{HOST}/face.png"))).face_id == first
        second = (await elsewhere.put_person(tx, person(icon=f"{HOST}/other.png"))).face_id
        assert second not in (None, first)
        assert (await elsewhere.put_person(tx, person())).face_id is None
    assert await count(site, Media) == 0
    assert await count(site, Job, Job.kind == "Cache") == 2


async def test_who_is_gone_leaves_nothing_but_a_row(site: Site, alice: Account) -> None:
    await put(site, work(1))
    async with site.db.write() as tx:
        mia = await elsewhere.put_person(tx, person(icon=f"{HOST}/face.png"))
        ours = await tx.get_one(Actor, alice.actor_id)
        note = await notes.write(tx, ours, notes.Note("Below"), "form-1", urls=site.urls)
    await put(site, piece(2, reply_to=site.urls.post(note)))
    async with site.db.write() as tx:
        await follows.follow(tx, ours, mia)
        assert (await tx.get_one(Post, note.id, populate_existing=True)).replies == 1
        await elsewhere.forget_person(tx, f"{HOST}/users/mia")
    async with site.db.read() as tx:
        gone = await tx.get_one(Actor, mia.id)
        assert gone.gone_at is not None and gone.face_id is None
        assert (await tx.get_one(Post, note.id)).replies == 0
        texts = list(await tx.scalars(select(Post.html).where(Post.author_id == mia.id, Post.deleted_at.is_not(None))))
        raws = list(await tx.scalars(select(Origin.raw)))
    assert texts == ["", ""] and raws == [{}, {}]
    for table in (Media, Artwork, Key, Follow, notifications.Notification):
        assert await count(site, table) == 0
    assert await put(site, piece(1), person()) is None  # served again, but what was deleted stays so
    async with site.db.write() as tx:
        await elsewhere.forget_person(tx, f"{HOST}/users/nobody")


# -- posts -------------------------------------------------------------------------------------------------------------
async def test_a_work_is_shown_at_once_with_what_its_author_stated(site: Site) -> None:
    said = Stated(licence=Licence.BY, reservation=Reservation.NO_TRAINING, rights="© Mia")
    shown = (
        Picture(
            f"{HOST}/1.jpg",
            "image/jpeg",
            alt="One",
            width=800,
            height=600,
            rights=said,
            blurhash="LEHV6nWB2yk8pyo0adR*",
        ),
        Picture(f"{HOST}/2.jpg", "image/jpeg"),
    )
    post = await put(site, work(rights=said, pictures=shown, tags=("Ink", "sea"), sensitive=True))
    assert post is not None and post.ready_at is not None and post.rating is Rating.MATURE
    async with site.db.read() as tx:
        full = await posts.get(tx, post.id, None)
        raw = await tx.scalar(select(Origin.raw).where(Origin.post_id == post.id))
    assert full.artwork is not None and full.artwork.title == "Heron"
    assert (full.artwork.licence, full.artwork.licence_stated) == (Licence.BY, True)
    assert (full.artwork.reservation, full.artwork.reservation_stated) == (Reservation.NO_TRAINING, True)
    assert [(media.alt, media.width, media.position) for media in full.media] == [("One", 800, 0), ("", 1, 1)]
    assert full.media[0].stated == {"licence": "by", "reservation": "no-training", "rights": "© Mia"}
    assert full.media[0].colour == "#979695"
    assert sorted(tag.name for tag in full.tags) == ["ink", "sea"]
    assert raw is not None and raw["unknownTerm"] == "kept"
    # Nobody here follows her: one picture is fetched, the rest when somebody looks.
    assert await count(site, Job, Job.kind == "Cache") == 1


async def test_what_is_not_stated_is_assumed_and_said_to_be(site: Site) -> None:
    post = await put(site, work(rights=Stated(licence_text="Ask my cat")))
    assert post is not None
    async with site.db.read() as tx:
        artwork = await tx.get_one(Artwork, post.id)
    assert (artwork.licence, artwork.licence_stated, artwork.licence_text) == (Licence.ARR, True, "Ask my cat")
    assert (artwork.reservation, artwork.reservation_stated) == (Reservation.NO_AI, False)


async def test_the_strictest_of_several_reservations_holds(site: Site) -> None:
    strict = Picture(f"{HOST}/1.jpg", "image/jpeg", rights=Stated(reservation=Reservation.NO_AI_NO_INDEX))
    post = await put(site, work(rights=Stated(reservation=Reservation.OPEN), pictures=(strict,)))
    assert post is not None
    async with site.db.read() as tx:
        assert (await tx.get_one(Artwork, post.id)).reservation is Reservation.NO_AI_NO_INDEX


async def test_rights_that_change_are_logged_and_laxer_ones_hold_for_new_copies(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def shown(tier: Reservation) -> tuple[Picture, ...]:
        return (Picture(f"{HOST}/1.jpg", "image/jpeg", rights=Stated(reservation=tier)),)

    await put(site, work(pictures=shown(Reservation.NO_TRAINING)))
    async with site.db.write() as tx:
        media = (await tx.scalars(select(Media))).one()
        media.state = MediaState.READY
        tx.add(
            Rendition(
                media_id=media.id,
                purpose=RenditionPurpose.WALL,
                format="webp",
                width=1,
                height=1,
                bytes=1,
                hash="h",
                key="k",
            )
        )
    with caplog.at_level(logging.INFO, logger="server.elsewhere.hanging"):
        await put(site, work(pictures=shown(Reservation.NO_AI), updated=NOON + timedelta(minutes=1)))
        assert await count(site, Rendition) == 1  # stricter: at once, for what is here
        await put(site, work(pictures=shown(Reservation.OPEN), updated=NOON + timedelta(minutes=2)))
    assert await count(site, Rendition) == 0  # laxer: the copy with the old terms goes
    async with site.db.read() as tx:
        media = (await tx.scalars(select(Media))).one()
    assert media.stated == {"reservation": "open"} and media.state is MediaState.WAITING
    changes = [record.__dict__ for record in caplog.records if record.message == "rights changed"]
    pairs = [(said["before"]["reservation"], said["after"]["reservation"]) for said in changes]
    assert pairs == [("no-training", "no-ai")] * 2 + [("no-ai", "open")] * 2  # of the work and of its picture


async def test_pictures_that_stay_keep_their_copies(site: Site) -> None:
    first, second, third = (Picture(f"{HOST}/{number}.jpg", "image/jpeg", alt=str(number)) for number in (1, 2, 3))
    await put(site, work(pictures=(first, second)))
    async with site.db.read() as tx:
        before = {media.source: media.id for media in await tx.scalars(select(Media))}
    await put(site, work(pictures=(third, replace(second, alt="new")), updated=NOON + timedelta(minutes=1)))
    async with site.db.read() as tx:
        after = list(await tx.scalars(select(Media).order_by(Media.position)))
    assert [media.source for media in after] == [third.url, second.url]
    assert after[1].id == before[second.url] and after[1].alt == "new"


async def test_a_work_becomes_a_note_and_a_work_again(site: Site) -> None:
    await put(site, work())
    await put(site, piece(updated=NOON + timedelta(minutes=1)))
    assert (await stored(site)).kind is Kind.NOTE and await count(site, Artwork) == 0 and await count(site, Media) == 0
    await put(site, work(updated=NOON + timedelta(minutes=2)))
    assert (await stored(site)).kind is Kind.WORK and await count(site, Artwork) == 1


async def test_nobody_writes_for_somebody_else(site: Site) -> None:
    await put(site, piece(words="hers"))
    mallory = person("mallory")
    others = [
        piece(author=f"{HOST}/users/mallory", words="stolen"),  # same server, her post (row 22)
        replace(
            piece(2), author=f"{HOST}/users/mallory", uri="https://other.example/posts/1"
        ),  # another server's (row 19)
        replace(piece(2), author=f"{HOST}/users/mallory", uri=f"{site.urls.base}/works/1"),  # ours (row 34)
        piece(2),  # written by Mia, brought by Mallory
    ]
    for stolen in others:
        with pytest.raises(GiveUp):
            await put(site, stolen, mallory)
    assert (await stored(site)).text == "hers" and await count(site, Post) == 1
    async with site.db.write() as tx:
        thief = await elsewhere.put_person(tx, mallory)
        with pytest.raises(GiveUp):
            await elsewhere.forget_post(tx, f"{HOST}/posts/1", thief)
        with pytest.raises(GiveUp):
            await elsewhere.forget_post(tx, "https://other.example/posts/1", thief)
    assert (await stored(site)).deleted_at is None


async def test_row_35_what_is_deleted_stays_deleted(site: Site) -> None:
    await put(site, work())
    async with site.db.write() as tx:
        mia = await elsewhere.put_person(tx, person())
        await elsewhere.forget_post(tx, f"{HOST}/posts/1", mia)
        await elsewhere.forget_post(tx, f"{HOST}/posts/2", mia)  # its Create comes late
        await elsewhere.forget_post(tx, f"{HOST}/posts/1", mia)
    assert await put(site, work(updated=NOON + timedelta(minutes=5))) is None
    assert await put(site, piece(2)) is None
    gone = await stored(site)
    assert gone.deleted_at is not None and gone.text == "" and await count(site, Post) == 1
    async with site.db.read() as tx:
        assert await tx.scalar(select(Origin.raw).where(Origin.post_id == gone.id)) == {}


async def test_old_tombstones_are_swept(site: Site) -> None:
    async with site.db.write() as tx:
        mia = await elsewhere.put_person(tx, person())
        await elsewhere.forget_post(tx, f"{HOST}/posts/2", mia)
        await elsewhere.forget(tx)
    assert await count(site, Tombstone) == 1
    clock.set_source(lambda: NOON + timedelta(days=91))
    async with site.db.write() as tx:
        await elsewhere.forget(tx)
    assert await count(site, Tombstone) == 0


async def test_row_35_an_older_state_never_wins(site: Site, long: bool) -> None:
    """States arrive in any order; the newest stays. A thousand permutations, fewer in the short run."""
    states = [piece(9, words=f"state {n}", updated=NOON + timedelta(minutes=n) if n else None) for n in range(5)]
    orders = list(itertools.permutations(states))
    chance = random.Random(35)
    wanted = 1000 if long else 100
    chosen = [chance.choice(orders) for _ in range(wanted)]
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        for number, order in enumerate(chosen):
            for state in order[: chance.randint(2, 5)] if number % 2 else order:
                await elsewhere.put_post(tx, replace(state, uri=f"{HOST}/p/{number}"), author, urls=site.urls)
        texts = dict((await tx.execute(select(Post.uri, Post.text).where(Post.author_id == author.id))).all())
    whole = {texts[f"{HOST}/p/{number}"] for number in range(0, wanted, 2)}
    assert whole == {"state 4"} and len(texts) == wanted


async def test_ids_sort_by_what_was_published_when(site: Site) -> None:
    times = [datetime(1999, 1, 1, tzinfo=UTC), datetime(2019, 5, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), NOON]
    for number, at in enumerate(times):
        await put(site, piece(number, published=at))
    ahead = await put(site, piece(9, published=NOON + timedelta(days=400)))
    async with site.db.read() as tx:
        uris = list(await tx.scalars(select(Post.uri).order_by(Post.id)))
    assert uris == [f"{HOST}/posts/{number}" for number in (0, 1, 2, 3, 9)]
    assert ahead is not None and ahead.published_at == clock.now() and ahead.id < ids.at(clock.after(seconds=1))


# -- conversations -----------------------------------------------------------------------------------------------------
async def test_answers_that_say_they_are_older_than_what_they_answer_are_all_kept(site: Site) -> None:
    """Whole seconds and slow clocks: in the second in which a work appears, many answers seem to come before it."""
    await put(site, piece(1))
    first = await stored(site)
    for number in range(2, 102):
        await put(site, piece(number, reply_to=f"{HOST}/posts/1", published=NOON - timedelta(seconds=number % 3)))
    async with site.db.read() as tx:
        answers = list(await tx.scalars(select(Post.id).where(Post.reply_to_id == first.id)))
    assert len(answers) == 100 and min(answers) > first.id


async def test_a_parent_without_a_place_before_its_answer_is_kept(site: Site) -> None:
    await put(site, piece(1))
    await put(site, piece(3, reply_to=f"{HOST}/posts/2", published=NOON))
    first, answer = await stored(site), await stored(site, f"{HOST}/posts/3")
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == answer.id).values(id=first.id + 1, thread_id=first.id + 1))
    await put(site, piece(2, reply_to=f"{HOST}/posts/1"))
    assert (await stored(site, f"{HOST}/posts/2")).reply_to_id == first.id
    assert (await stored(site, f"{HOST}/posts/3")).thread_id == first.id


async def test_answers_are_linked_whichever_comes_first(site: Site) -> None:
    chain = [
        piece(n, reply_to=f"{HOST}/posts/{n - 1}" if n > 1 else "", published=NOON + timedelta(minutes=n))
        for n in range(1, 5)
    ]
    for order in itertools.permutations(range(4)):
        async with site.db.write() as tx:
            author = await elsewhere.put_person(tx, person())
            mark = "".join(map(str, order))
            for n in order:
                moved = replace(
                    chain[n],
                    uri=f"{HOST}/{mark}/{n + 1}",
                    reply_to=f"{HOST}/{mark}/{n}" if n else "",
                )
                await elsewhere.put_post(tx, moved, author, urls=site.urls)
            rows = list(await tx.scalars(select(Post).where(Post.uri.startswith(f"{HOST}/{mark}/")).order_by(Post.uri)))
            for row in rows:
                await tx.refresh(row)
            assert [row.reply_to_id for row in rows] == [None, rows[0].id, rows[1].id, rows[2].id], order
            assert {row.thread_id for row in rows} == {rows[0].id}, order
            assert [row.replies for row in rows] == [1, 1, 1, 0], order
            assert [row.id for row in rows] == sorted(row.id for row in rows), order
            below = await posts.replies(tx, rows[0], None)
            assert len(below) == 3


async def test_two_posts_that_answer_each_other_make_no_circle(site: Site) -> None:
    await put(site, piece(1, reply_to=f"{HOST}/posts/2"))
    await put(site, piece(2, reply_to=f"{HOST}/posts/1"))
    first, second = await stored(site), await stored(site, f"{HOST}/posts/2")
    assert second.reply_to_id == first.id and first.reply_to_id is None


async def test_an_answer_to_what_its_author_may_not_see_is_not_hung_below_it(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        ours = await tx.get_one(Actor, alice.actor_id)
        mine = await notes.write(tx, ours, notes.Note("For me", audience=Audience.MENTIONED), "f", urls=site.urls)
    answer = await put(site, piece(reply_to=site.urls.post(mine)))
    assert answer is not None and answer.reply_to_id is None
    assert await count(site, notifications.Notification) == 0


async def test_ours_are_told_once_of_answers_and_mentions(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        ours, other = await tx.get_one(Actor, alice.actor_id), await tx.get_one(Actor, bob.actor_id)
        mine = await notes.write(tx, ours, notes.Note("Hello"), "f", urls=site.urls)
    named = (site.urls.actor(ours), site.urls.actor(other), f"{HOST}/users/unknown")
    answer = piece(reply_to=site.urls.post(mine), mentions=named)
    await put(site, answer)
    await put(site, replace(answer, updated=NOON + timedelta(minutes=1)))
    async with site.db.read() as tx:
        rows = list(await tx.scalars(select(notifications.Notification)))
        assert (await tx.get_one(Post, mine.id)).replies == 1
    assert {(row.actor_id, row.hearing) for row in rows} == {(ours.id, Hearing.REPLY), (other.id, Hearing.MENTION)}
    assert await count(site, Mention) == 2
    # Made for people who are named only: no longer an answer that everybody counts.
    await put(site, replace(answer, audience=Audience.MENTIONED, updated=NOON + timedelta(minutes=2)))
    async with site.db.read() as tx:
        assert (await tx.get_one(Post, mine.id)).replies == 0
        assert await tx.scalar(select(Post.id).where(Post.uri == answer.uri, posts.visible_to(None))) is None


async def test_a_letter_without_a_mention_reaches_whom_it_is_addressed_to(
    site: Site, alice: Account, bob: Account
) -> None:
    async with site.db.read() as tx:
        ours, other = await tx.get_one(Actor, alice.actor_id), await tx.get_one(Actor, bob.actor_id)
    raw = {"to": site.urls.actor(ours), "cc": [f"{HOST}/users/mia/followers", 7, {"id": site.urls.actor(other)}]}
    letter = await put(site, piece(audience=Audience.MENTIONED, raw=raw))
    assert letter is not None
    async with site.db.read() as tx:
        assert await tx.scalar(select(Post.id).where(Post.id == letter.id, posts.visible_to(ours))) == letter.id
        assert await tx.scalar(select(Post.id).where(Post.id == letter.id, posts.visible_to(other))) is None
        assert list(await tx.scalars(select(notifications.Notification.actor_id))) == [ours.id]


async def test_old_posts_are_no_news(site: Site, alice: Account) -> None:
    async with site.db.read() as tx:
        ours = await tx.get_one(Actor, alice.actor_id)
    await put(site, piece(mentions=(site.urls.actor(ours),), published=NOON - timedelta(days=60)))
    assert await count(site, Mention) == 1 and await count(site, notifications.Notification) == 0


async def test_all_pictures_of_whom_somebody_follows_are_fetched(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        mia = await elsewhere.put_person(tx, person())
        await follows.follow(tx, await tx.get_one(Actor, alice.actor_id), mia)
    shown = tuple(Picture(f"{HOST}/{number}.jpg", "image/jpeg") for number in range(40))
    await put(site, work(pictures=shown))
    assert await count(site, Media) == 32 == await count(site, Job, Job.kind == "Cache")
