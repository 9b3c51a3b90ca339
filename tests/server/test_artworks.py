"""A work from its first draft to the wall."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from server import artworks, clock, galleries, ids, notifications, posts, uploads
from server.artworks import Draft, Picture
from server.errors import Conflict, Gone, Invalid, NotFound
from server.models import Account, Artwork, Audience, Licence, Media, MediaState, Post, Reservation
from server.site import Site
from tests import abroad
from tests.works import one, picture, publish, renditions_of, upload

KEY = "k" * 20


async def save(site: Site, account: Account, draft: Draft, key: str = KEY) -> Post:
    async with site.db.write() as tx:
        post = await artworks.start(tx, account.actor, key)
        await artworks.save(tx, post, draft, urls=site.urls)
        return await posts.get(tx, post.id, account.actor)


async def test_the_same_form_is_the_same_work(site: Site, alice: Account) -> None:
    """Double click, retry after a broken line: one form, one post, also when both arrive at once."""
    drafts = [Draft(title=f"Try {number}") for number in range(5)]
    saved = await asyncio.gather(*(save(site, alice, draft) for draft in drafts))
    assert len({post.id for post in saved}) == 1
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Post.id))) == 1
        assert await tx.scalar(select(func.count(Artwork.post_id))) == 1


async def test_a_draft_keeps_everything(site: Site, alice: Account) -> None:
    media = [await upload(site, alice) for _ in range(2)]
    draft = Draft(
        title="  The\nLast Ferry ", text="For the #Harbour book.\r\n\r\nSecond page.", medium="Gouache", tools="Brush", year=2026,
        size="30 × 40 cm", tags=("PictureBook", "sea"), warning="storm", audience=Audience.FOLLOWERS, licence=Licence.BY_NC,
        reservation=Reservation.NO_TRAINING, galleries=("La Gardienne",),
        pictures=(Picture(media[1].id, "second", 0.79, 0.27), Picture(media[0].id, "first")),
    )  # fmt: skip
    post = await save(site, alice, draft)
    assert post.artwork and post.artwork.title == "The Last Ferry"
    assert (post.artwork.medium, post.artwork.tools, post.artwork.year) == ("Gouache", "Brush", 2026)
    assert (post.artwork.licence, post.artwork.reservation) == (Licence.BY_NC, Reservation.NO_TRAINING)
    assert post.audience is Audience.FOLLOWERS and post.is_draft
    assert {tag.label for tag in post.tags} == {"PictureBook", "sea", "Harbour"}
    assert [(m.id, m.alt, m.focus_x) for m in post.media] == [
        (media[1].id, "second", 0.79),
        (media[0].id, "first", 0.5),
    ]
    assert post.html.count("<p>") == 2
    async with site.db.read() as tx:
        assert await artworks.galleries_of(tx, post) == ["La Gardienne"]


async def test_an_old_window_never_loses_an_image(site: Site, alice: Account) -> None:
    media = [await upload(site, alice) for _ in range(3)]
    await save(site, alice, Draft(pictures=tuple(Picture(m.id) for m in media)))
    post = await save(site, alice, Draft(pictures=(Picture(media[2].id),)))
    assert [m.id for m in post.media] == [media[2].id, media[0].id, media[1].id]
    post = await save(site, alice, Draft(pictures=(Picture(media[0].id),), removed=(media[1].id,)))
    assert [m.id for m in post.media] == [media[0].id, media[2].id]
    assert await one(site, Media, media[1].id) is None


async def test_nobody_takes_the_pictures_of_others(site: Site, alice: Account, bob: Account) -> None:
    """security.md row 42: an id of somebody else's picture is no picture, neither to use nor to remove."""
    hers = await upload(site, alice)
    with pytest.raises(Invalid):
        await save(site, bob, Draft(pictures=(Picture(hers.id),)))
    await save(site, bob, Draft(removed=(hers.id,)))
    work = await publish(site, alice, media=hers)
    with pytest.raises(Invalid):  # nor may one of her own works lose it to another
        await save(site, alice, Draft(pictures=(Picture(work.media[0].id),)))
    assert (await one(site, Media, hers.id)).post_id == work.id


async def test_it_appears_when_its_pictures_can_be_shown(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    assert post.published_at and post.ready_at is None and not post.was_public
    async with site.db.read() as tx:
        with pytest.raises(NotFound):
            await posts.get(tx, post.id, None)
        assert [p.id for p in await artworks.drafts(tx, alice.actor)] == [post.id]
    await run_jobs(site)
    async with site.db.read() as tx:
        seen = await posts.get(tx, post.id, None)
        assert seen.ready_at and seen.was_public and seen.media[0].state is MediaState.READY
        assert await artworks.drafts(tx, alice.actor) == []


async def test_a_failed_picture_holds_it_back_until_it_is_removed(site: Site, alice: Account, run_jobs: Any) -> None:
    good, bad = await upload(site, alice), await upload(site, alice)
    site.storage.path(bad.master_key).write_bytes(b"not a picture any more")
    draft = Draft(pictures=(Picture(good.id), Picture(bad.id)))
    async with site.db.write() as tx:
        post = await artworks.start(tx, alice.actor, KEY)
        await artworks.publish(tx, post, draft, urls=site.urls)
    await run_jobs(site)
    failed = await one(site, Media, bad.id)
    assert failed.state is MediaState.FAILED and failed.failure.endswith(".")
    assert (await one(site, Post, post.id)).ready_at is None
    async with site.db.write() as tx:
        await artworks.edit(
            tx, await posts.mine(tx, post.id, alice.actor), replace(draft, removed=(bad.id,)), urls=site.urls
        )
    assert (await one(site, Post, post.id)).ready_at is not None


async def test_a_failed_picture_can_be_tried_again(site: Site, alice: Account, run_jobs: Any) -> None:
    content = picture()
    media = await upload(site, alice, content)
    file = site.storage.path(media.master_key)
    file.write_bytes(b"broken")
    post = await publish(site, alice, media=media)
    await run_jobs(site)
    file.write_bytes(content)
    async with site.db.write() as tx:
        await uploads.retry(tx, await uploads.mine(tx, media.id, alice.actor))
    await run_jobs(site)
    assert (await one(site, Media, media.id)).state is MediaState.READY
    assert (await one(site, Post, post.id)).ready_at is not None


async def test_settle_sees_both_of_two_pictures_that_end_at_once(site: Site, alice: Account) -> None:
    """Two processes finish the last two pictures: the second to lock the post sees both (house.md, trap of Postgres)."""
    media = [await upload(site, alice) for _ in range(2)]
    async with site.db.write() as tx:
        post = await artworks.start(tx, alice.actor, KEY)
        await artworks.publish(tx, post, Draft(pictures=tuple(Picture(m.id) for m in media)), urls=site.urls)
    met = asyncio.Event()

    async def finish(media_id: int, *, first: bool) -> bool:
        async with site.db.write() as tx:
            row = await tx.get_one(Media, media_id)
            row.state, row.stamp = MediaState.SHOWN, "stamped"
            await tx.flush()
            if not site.db.is_sqlite:  # SQLite has one writer: the second begins when the first has ended
                met.set() if not first else await met.wait()
            return await artworks.settle(tx, post.id)

    done = await asyncio.gather(finish(media[0].id, first=True), finish(media[1].id, first=False))
    assert sorted(done) == [False, True]
    assert (await one(site, Post, post.id)).ready_at is not None


async def test_a_work_needs_an_image(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        post = await artworks.start(tx, alice.actor, KEY)
        with pytest.raises(Invalid) as wrong:
            await artworks.publish(tx, post, Draft(title="Nothing"), urls=site.urls)
    assert set(wrong.value.fields) == {"pictures"}


async def test_an_old_draft_hangs_on_top_when_it_is_published(site: Site, alice: Account) -> None:
    """Walls are sorted by id: what was begun weeks ago and is published now is new."""
    media = await upload(site, alice)
    draft = Draft(title="Old", tags=("sea",), galleries=("Box",), pictures=(Picture(media.id, "A sea."),))
    old = await save(site, alice, draft)
    begun = ids.EPOCH + timedelta(
        milliseconds=old.id >> ids.RANDOM_BITS
    )  # an earlier test may have lived in the future
    clock.set_source(lambda: begun + timedelta(days=9))
    newer = await save(site, alice, Draft(title="Newer"), key="n" * 20)
    async with site.db.write() as tx:
        post = await artworks.start(tx, alice.actor, KEY)
        await artworks.publish(tx, post, draft, urls=site.urls)
        assert post.artwork and post.artwork.title == "Old"
    assert post.id > newer.id and post.thread_id == post.id
    async with site.db.read() as tx:
        seen = await posts.get(tx, post.id, alice.actor)
        assert [m.id for m in seen.media] == [media.id] and [t.name for t in seen.tags] == ["sea"]
        assert await artworks.galleries_of(tx, seen) == ["Box"]
        with pytest.raises(NotFound):
            await posts.get(tx, old.id, alice.actor)
    again = await save(site, alice, draft)  # the form that began it finds it under its new id
    assert again.id == post.id


async def test_a_form_whose_work_was_deleted_begins_nothing(site: Site, alice: Account) -> None:
    post = await save(site, alice, Draft(title="Away"))
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    with pytest.raises(Conflict):
        await save(site, alice, Draft(title="Back?"))
    async with site.db.read() as tx:
        with pytest.raises(NotFound):  # a draft was never public: no tombstone is shown
            await posts.get(tx, post.id, alice.actor)


async def test_an_edit_keeps_it_visible_and_says_so(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    extra = await upload(site, alice)
    draft = Draft(
        title="Renamed",
        audience=Audience.FOLLOWERS,
        pictures=(Picture(post.media[0].id, "A ferry."), Picture(extra.id)),
    )
    async with site.db.write() as tx:
        await artworks.edit(tx, await posts.mine(tx, post.id, alice.actor), draft, urls=site.urls)
    row = await one(site, Post, post.id)
    assert row.edited_at and row.ready_at and row.was_public
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
    async with site.db.read() as tx:
        with pytest.raises(Gone):  # it was public once (decision 19)
            await posts.get(tx, post.id, None)


async def test_full_size_comes_and_goes_with_the_artists_word(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(2600, 400))
    post = await publish(site, alice, media=media, full_size=True)
    await run_jobs(site)
    assert max(r.width for r in await renditions_of(site, media.id)) == 2600
    async with site.db.write() as tx:
        draft = Draft(pictures=(Picture(media.id),), full_size=False)
        await artworks.edit(tx, await posts.mine(tx, post.id, alice.actor), draft, urls=site.urls)
    assert max(r.width for r in await renditions_of(site, media.id)) == 2048  # at once, before any job runs
    await run_jobs(site)
    assert max(r.width for r in await renditions_of(site, media.id)) == 2048


async def test_a_lower_public_maximum_holds_at_once(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(1600, 900))
    await publish(site, alice, media=media)
    await run_jobs(site)
    async with site.db.write() as tx:
        actor = await tx.get_one(type(alice.actor), alice.actor.id)
        actor.public_max = 1000
        await uploads.narrow(tx, actor)
    assert max(r.width for r in await renditions_of(site, media.id)) <= 1000
    await run_jobs(site)
    widths = {r.width for r in await renditions_of(site, media.id)}
    assert max(widths) == 1000
    assert len(await renditions_of(site, media.id)) >= 4


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("title", {"title": "x" * 201}),
        ("text", {"text": "x" * 5001}),
        ("medium", {"medium": "x" * 121}),
        ("tools", {"tools": "x" * 201}),
        ("size", {"size": "x" * 121}),
        ("warning", {"warning": "x" * 301}),
        ("year", {"year": 0}),
        ("year", {"year": 9999}),
        ("tags", {"tags": tuple(f"t{n}" for n in range(51))}),
        ("galleries", {"galleries": ("g" * 121,)}),
        ("pictures", {"pictures": tuple(Picture(n) for n in range(17))}),
        ("pictures", {"pictures": (Picture(1), Picture(1))}),
        ("alt-7", {"pictures": (Picture(7, "x" * 1501),)}),
        ("reservation", {"licence": Licence.CC0, "reservation": Reservation.NO_AI}),
        ("reservation", {"licence": Licence.PDM, "reservation": Reservation.NO_TRAINING}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field(field: str, said: dict[str, Any]) -> None:
    """security.md table D and rights.md 2.1; one sentence per field, nothing is cut silently."""
    with pytest.raises(Invalid) as wrong:
        Draft(**said)
    assert set(wrong.value.fields) == {field}
    assert wrong.value.fields[field].endswith(".")


def test_every_licence_goes_with_what_its_row_allows() -> None:
    for licence in Licence:
        for reservation in Reservation:
            free = licence in (Licence.CC0, Licence.PDM)
            if free and reservation is not Reservation.OPEN:
                with pytest.raises(Invalid):
                    Draft(licence=licence, reservation=reservation)
            else:
                Draft(licence=licence, reservation=reservation)


@pytest.mark.parametrize("place", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_focal_point_lies_in_its_picture(place: float) -> None:
    with pytest.raises(Invalid):
        Picture(1, "", place, 0.5)


async def test_seventeen_images_do_not_fit(site: Site, alice: Account) -> None:
    content = picture(8, 8)
    media = [await upload(site, alice, content) for _ in range(16)]
    post = await save(site, alice, Draft(pictures=tuple(Picture(m.id) for m in media)))
    with pytest.raises(Invalid):
        await upload(site, alice, content, post_id=post.id)
    extra = await upload(site, alice, content)
    with pytest.raises(Invalid):
        await save(site, alice, Draft(pictures=(Picture(extra.id),)))
    assert secrets.compare_digest(media[0].master_hash, extra.master_hash)  # same bytes, and still two pictures
    assert media[0].master_key != extra.master_key


# -- what other servers are told -----------------------------------------------------------------------------------------
async def verbs(site: Site) -> list[str]:
    return [job.verb for job in await abroad.told(site)]


async def finish(site: Site, post: Post) -> None:
    """All pictures of `post` are made and stamped, without making them."""
    async with site.db.write() as tx:
        made = {"state": MediaState.READY, "stamp": "stamped"}
        await tx.execute(update(Media).where(Media.post_id == post.id).values(**made))
        await artworks.settle(tx, post.id)


async def test_a_work_is_told_once_when_all_its_sizes_exist(site: Site, alice: Account, bob: Account) -> None:
    post = await publish(site, alice, text="For @bob", galleries=("La Gardienne",))
    async with site.db.write() as tx:
        await tx.execute(update(Media).where(Media.post_id == post.id).values(state=MediaState.SHOWN))
        assert not await artworks.settle(tx, post.id)  # its files do not say yet what may be done with them
        await tx.execute(update(Media).where(Media.post_id == post.id).values(stamp="stamped"))
        assert await artworks.settle(tx, post.id)  # it can be seen here
    assert await verbs(site) == []
    async with site.db.read() as tx:
        assert await notifications.list(tx, bob.actor) == []
    await asyncio.gather(*(finish(site, post) for _ in range(4)))
    assert await verbs(site) == ["Create", "Add"]
    async with site.db.read() as tx:
        gallery = await galleries.get(tx, alice.actor, "la-gardienne")
        assert [row.post_id for row in await notifications.list(tx, bob.actor)] == [post.id]
    assert [job.subject_id for job in await abroad.told(site, "Add")] == [gallery.id]


async def test_edits_are_told_afterwards_and_wait_for_new_pictures(site: Site, alice: Account) -> None:
    post = await publish(site, alice)
    await finish(site, post)
    media = post.media[0]

    async def edit(**said: Any) -> None:
        async with site.db.write() as tx:
            mine = await posts.mine(tx, post.id, alice.actor)
            draft = Draft(**{"pictures": (Picture(media.id),)} | said)
            await artworks.edit(tx, mine, draft, urls=site.urls)

    await edit(text="Other words")
    assert await verbs(site) == ["Create"]  # the title went, which every file repeats
    await finish(site, post)
    assert await verbs(site) == ["Create", "Update"]
    await edit(text="Other words again")
    assert await verbs(site) == ["Create", "Update", "Update"]
    fresh = await upload(site, alice)
    await edit(pictures=(Picture(media.id), Picture(fresh.id)))
    assert await verbs(site) == ["Create", "Update", "Update"]
    # Whoever must not have it any longer does not wait for the picture; and then all is told once more.
    await edit(audience=Audience.FOLLOWERS, pictures=(Picture(media.id), Picture(fresh.id)))
    assert await verbs(site) == ["Create", "Update", "Update", "Update"]
    await finish(site, post)
    await finish(site, post)
    assert await verbs(site) == ["Create", "Update", "Update", "Update", "Update"]


async def test_drafts_are_told_to_nobody(site: Site, alice: Account) -> None:
    media = await upload(site, alice)
    post = await save(site, alice, Draft(title="Draft", galleries=("Sketches",), pictures=(Picture(media.id),)))
    await finish(site, post)
    assert await verbs(site) == []
