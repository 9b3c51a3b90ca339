"""What a work's files say of its rights follows what the artist says, within seconds and without a broken address."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from quart import Quart
from sqlalchemy import delete, func, select, update

from server import (
    actors,
    artworks,
    cache,
    clock,
    elsewhere,
    jobs,
    posts,
    renditions,
    seals,
    stamping,
    stamps,
    sweep,
    worker,
)
from server.actors import Profile
from server.app import JOBS
from server.artworks import Draft, Picture
from server.media import metadata
from server.media import stamps as packets
from server.media.orders import Credits
from server.models import (
    Account,
    Audience,
    FormerName,
    Job,
    Licence,
    Media,
    MediaState,
    Post,
    Rendition,
    Reservation,
    RightsChange,
)
from server.rights import history
from server.rights.stated import Stated
from server.site import Site
from tests import abroad
from tests.conftest import browser
from tests.neighbours import Neighbour
from tests.server.media.test_stamps import burden, draw
from tests.server.test_cache import house, hung, shelf, there
from tests.server.test_elsewhere import NOON, person, work
from tests.works import files_in, one, picture, publish, renditions_of, upload

__all__ = ["house", "shelf", "there"]
OPEN, STRICT = "DMI-ALLOWED", "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"


async def said(site: Site, media_id: int) -> dict[str, str]:
    """The packet in every file of a picture, by purpose, format and width."""
    found = {}
    for row in await renditions_of(site, media_id):
        packet = packets.read(site.storage.path(row.key), row.format)
        found[f"{row.purpose} {row.format} {row.width}"] = (packet or b"").decode()
    return found


async def edit(site: Site, post: Post, account: Account, **changes: Any) -> None:
    """What the edit form does."""
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, account.actor)
        pictures = tuple(Picture(media.id, media.alt) for media in mine.media)
        before = {"title": "The Last Ferry", "pictures": pictures, "audience": mine.audience}
        await artworks.edit(tx, mine, Draft(**before | changes), urls=site.urls)


async def stamp_all(site: Site) -> int:
    """Only what is urgent: no picture is made again."""
    return await worker.drain(site, JOBS, ("stamp",))


async def test_every_file_of_a_work_says_its_rights(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(1500, 1000))
    await run_jobs(site)
    assert set((await said(site, media.id)).values()) == {""}  # a draft says nothing: its artist has not decided yet
    post = await publish(site, alice, media=media, full_size=True, licence=Licence.BY)
    assert (await one(site, Post, post.id)).ready_at is None  # it is shown to nobody before its files say whose it is
    await stamp_all(site)
    assert (await one(site, Post, post.id)).ready_at is not None
    await run_jobs(site)
    found = await said(site, media.id)
    assert {"wall webp 320", "wall webp 640", "wall webp 1280", "stage webp 1500", "federation jpeg 1500"} <= set(found)
    assert "full png 1500" in found and any("avif" in place for place in found)
    for place, packet in found.items():
        assert STRICT in packet and f'"{site.urls.rights(post)}"' in packet and "Alice Painter" in packet, place
        is_short = place.startswith("wall") and int(place.split()[-1]) <= 640
        assert ("creativecommons.org/licenses/by/4.0/" in packet) is not is_short, place
        assert ("The Last Ferry" in packet) is not is_short, place
        assert len(packet.encode()) <= (1000 if is_short else 4000), place
    seals_here = await seals.current(site) is not None
    for rendition in await renditions_of(site, media.id):
        wanted = seals_here and stamps.is_whole(rendition.purpose, rendition.width)
        assert rendition.is_sealed is wanted and (b"jumb" in site.storage.path(rendition.key).read_bytes()) is wanted
    row = await one(site, Media, media.id)
    assert row.stamp and row.state is MediaState.READY and row.avif_at
    named = {rendition.key for rendition in await renditions_of(site, media.id)} | {media.master_key}
    assert set(files_in(site.storage.root)) == named  # type: ignore[attr-defined]
    assert not list(site.pixels.scratch.iterdir()) and not list(site.incoming.iterdir())


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif"])
async def test_nothing_hostile_that_was_inside_an_upload_comes_out(
    site: Site, alice: Account, run_jobs: Any, tmp_path: Path, kind: str
) -> None:
    """70 kB of XMP, two packets, an extended one, a broken manifest: taken as a picture, and every copy says one thing."""
    source, form = draw(kind, tmp_path)
    big = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b"SECRET " * 10_000 + b"</x:xmpmeta>"
    media = await upload(site, alice, burden(source.read_bytes(), form, big))
    await publish(site, alice, media=media, full_size=True)
    await run_jobs(site)
    assert (await one(site, Media, media.id)).state is MediaState.READY
    rows = await renditions_of(site, media.id)
    assert {"full", "stage", "federation"} <= {row.purpose for row in rows}
    for row in rows:
        content = site.storage.path(row.key).read_bytes()
        # What old readers of the file were told of its maker is said on as the creator; nothing else is.
        assert content.count(b"<x:xmpmeta") == 1 and b"SECRET SECRET" not in content and b"jumbSECRET" not in content
        assert STRICT.encode() in content


async def test_a_file_that_is_made_after_publishing_is_stamped_at_once(
    site: Site, alice: Account, run_jobs: Any
) -> None:
    post = await publish(site, alice)
    await worker.drain(site, JOBS, ("render",))  # before any Stamp runs
    assert (await one(site, Post, post.id)).ready_at is not None
    assert all(STRICT in packet for packet in (await said(site, post.media[0].id)).values())
    before = {row.id: row.hash for row in await renditions_of(site, post.media[0].id)}
    await stamp_all(site)
    assert {row.id: row.hash for row in await renditions_of(site, post.media[0].id)} == before


async def test_a_change_of_rights_is_in_every_file_and_told_when_it_is(
    site: Site, app: Quart, alice: Account, run_jobs: Any
) -> None:
    """Decision 11: new addresses everywhere, the old ones answer with the new bytes, AVIF is made again, others are told last."""
    post = await publish(site, alice, media=await upload(site, alice, picture(1300, 500)), licence=Licence.CC0,
                         reservation=Reservation.OPEN)  # fmt: skip
    await run_jobs(site)
    media_id = post.media[0].id
    before = await renditions_of(site, media_id)
    assert "avif" in {row.format for row in before}
    assert all(OPEN in packet for packet in (await said(site, media_id)).values())
    told = [job.verb for job in await abroad.told(site)]
    await edit(site, post, alice, licence=Licence.ARR, reservation=Reservation.NO_AI)
    assert [job.verb for job in await abroad.told(site)] == told  # not before the files say so
    assert await stamp_all(site) == 1
    after = await said(site, media_id)
    assert all(STRICT in packet and OPEN not in packet for packet in after.values())
    assert not any("avif" in place for place in after)
    seals_here = await seals.current(site) is not None
    for row in await renditions_of(site, media_id):  # signed anew, once and not twice
        content = site.storage.path(row.key).read_bytes()
        assert row.is_sealed is (seals_here and stamps.is_whole(row.purpose, row.width))
        assert content.count(b"cawg.training-mining") <= (4 if row.is_sealed else 0)
    assert [job.verb for job in await abroad.told(site)] == [*told, "Update"]
    reader = browser(app)
    for row in before:
        answer = await reader.get(site.urls.rendition(row).removeprefix(site.urls.media_base))
        assert answer.status_code == 200, row.format
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        content = await answer.get_data()
        assert STRICT.encode() in content and OPEN.encode() not in content
        assert answer.headers["ETag"] != f'"{row.hash}"'
        again = await reader.get(
            site.urls.rendition(row).removeprefix(site.urls.media_base), headers={"If-None-Match": f'"{row.hash}"'}
        )
        assert again.status_code == 200  # whoever kept the old bytes gets the new ones
    for row in await renditions_of(site, media_id):
        answer = await reader.get(site.urls.rendition(row).removeprefix(site.urls.media_base))
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
    await run_jobs(site)
    assert any("avif" in place and STRICT in packet for place, packet in (await said(site, media_id)).items())
    avif = next(row for row in before if row.format == "avif")
    answer = await reader.get(site.urls.rendition(avif).removeprefix(site.urls.media_base))
    assert answer.status_code == 200 and answer.content_type == "image/avif"
    assert len(files_in(site.storage.root)) == len(await renditions_of(site, media_id)) + 1  # type: ignore[attr-defined]


async def test_an_old_address_answers_for_thirty_days_through_any_number_of_changes(
    site: Site, app: Quart, alice: Account, run_jobs: Any
) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    media_id = post.media[0].id
    addresses = {}
    reader = browser(app)
    for title in ("One", "Two", "One", "Three"):
        for row in await renditions_of(site, media_id):
            addresses[site.urls.rendition(row).removeprefix(site.urls.media_base)] = row
        await edit(site, post, alice, title=title)
        await stamp_all(site)
    current = await renditions_of(site, media_id)
    for address in addresses:
        assert (await reader.get(address)).status_code == 200
    later = clock.now() + timedelta(days=31)
    clock.set_source(lambda: later)
    old = [path for path, row in addresses.items() if row.hash not in {now.hash for now in current}]
    assert old and {(await reader.get(path)).status_code for path in old} == {404}
    await sweep.sweep(site, jobs.Sweep())
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(FormerName.id))) == 0
    for row in current:
        assert (await reader.get(site.urls.rendition(row).removeprefix(site.urls.media_base))).status_code == 200


async def test_old_addresses_of_private_works_stay_private(
    site: Site, app: Quart, alice: Account, bob: Account, run_jobs: Any
) -> None:
    """The key in an address that other servers got belongs to the name of then; a guessed one opens nothing."""
    post = await publish(site, alice, audience=Audience.FOLLOWERS)
    await run_jobs(site)
    row = next(row for row in await renditions_of(site, post.media[0].id) if row.format == "jpeg")
    shared = site.urls.shared(row, Audience.FOLLOWERS).removeprefix(site.urls.media_base)
    plain = site.urls.rendition(row).removeprefix(site.urls.media_base)
    await edit(site, post, alice, title="Another")
    await stamp_all(site)
    reader = browser(app)
    answer = await reader.get(shared)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "private, max-age=60"
    assert b"Another" in await answer.get_data()
    assert (await reader.get(plain)).status_code == 404
    wrong = shared.replace(shared.rsplit("-", 1)[1][:24], "0" * 24)
    assert (await reader.get(wrong)).status_code == 404
    await edit(site, post, alice, title="Another", audience=Audience.MENTIONED)
    assert (await reader.get(shared)).status_code == 404


@pytest.mark.parametrize("change", ["title", "licence", "reservation", "year", "name"])
async def test_what_files_repeat_is_written_into_them_when_it_changes(
    site: Site, alice: Account, run_jobs: Any, change: str
) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    media_id = post.media[0].id
    mark = (await one(site, Media, media_id)).stamp
    if change == "name":
        async with site.db.write() as tx:
            await stamps.rename(tx, await actors.edit(tx, alice.actor, Profile(name="Alix P.")))
        await run_jobs(site)
        expected = "Alix P."
    else:
        new: dict[str, tuple[Any, str]] = {
            "title": ("Another", "Another"),
            "licence": (Licence.BY_SA, "by-sa/4.0/"),
            "reservation": (Reservation.NO_AI_NO_INDEX, 'DMI-PROHIBITED"'),
            "year": (1999, "© 1999"),
        }
        await edit(site, post, alice, **{change: new[change][0]})
        await stamp_all(site)
        expected = new[change][1]
    found = await said(site, media_id)
    assert all(expected in packet for place, packet in found.items() if "320" not in place and "640" not in place)
    after = await one(site, Media, media_id)
    assert after.stamp and after.stamp != mark


async def test_what_files_do_not_repeat_leaves_them_alone(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    before = [row.hash for row in await renditions_of(site, post.media[0].id)]
    await edit(site, post, alice, text="Other words", audience=Audience.UNLISTED)
    assert await stamp_all(site) == 0
    assert [row.hash for row in await renditions_of(site, post.media[0].id)] == before


async def test_a_work_is_told_anew_when_its_addresses_changed_without_an_edit(
    site: Site, alice: Account, run_jobs: Any
) -> None:
    """Whoever shows our pictures from our addresses would find them gone after 30 days."""
    post = await publish(site, alice)
    await run_jobs(site)
    told = [job.verb for job in await abroad.told(site)]
    async with site.db.write() as tx:
        await stamps.rename(tx, await actors.edit(tx, alice.actor, Profile(name="Alix P.")))
    await worker.drain(site, JOBS, ("stamp", "idle"))
    new = [job.verb for job in await abroad.told(site)][len(told) :]
    assert sorted(new) == ["Profile", "Update"]
    async with site.db.write() as tx:
        await artworks.settle(tx, post.id)
    assert len(await abroad.told(site)) == len(told) + 2


async def test_stamping_twice_changes_nothing(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    before = [(row.id, row.hash) for row in await renditions_of(site, post.media[0].id)]
    await stamping.stamp(site, jobs.Stamp(post.media[0].id))
    assert [(row.id, row.hash) for row in await renditions_of(site, post.media[0].id)] == before


async def test_a_change_while_files_are_stamped_is_not_lost(
    site: Site, alice: Account, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    finish, times = stamps.finish, 0

    async def slow(*args: Any) -> Any:
        nonlocal times
        times += 1
        if times == 2:
            await edit(site, post, alice, title="Newest", reservation=Reservation.NO_AI_NO_INDEX)
        return await finish(*args)

    await edit(site, post, alice, title="New")
    monkeypatch.setattr(stamps, "finish", slow)
    await stamp_all(site)
    found = await said(site, post.media[0].id)
    assert all('DMI-PROHIBITED"' in packet for packet in found.values())
    assert "Newest" in found["stage webp 900"]


async def test_a_change_while_files_are_made_is_not_lost(site: Site, alice: Account, run_jobs: Any) -> None:
    """Whatever comes between the first size and the last: in the end every file says what holds."""
    media = await upload(site, alice, picture(1300, 500))
    post = await publish(site, alice, media=media)
    keep, calls = renditions._keep, 0

    async def meanwhile(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            await edit(site, post, alice, reservation=Reservation.NO_AI_NO_INDEX)
            await stamp_all(site)
        return await keep(*args)

    renditions._keep = meanwhile
    try:
        await run_jobs(site)
    finally:
        renditions._keep = keep
    await run_jobs(site)
    found = await said(site, media.id)
    assert len(found) > 5 and all('DMI-PROHIBITED"' in packet for packet in found.values()), found.keys()


async def test_avif_that_was_encoded_with_old_rights_is_not_kept(site: Site, alice: Account) -> None:
    media = await upload(site, alice, picture(700, 500))
    post = await publish(site, alice, media=media)
    await worker.drain(site, JOBS, ("render", "stamp"))
    keep, calls = renditions._keep, 0

    async def meanwhile(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            await edit(site, post, alice, reservation=Reservation.NO_AI_NO_INDEX)
        return await keep(*args)

    renditions._keep = meanwhile
    try:
        await renditions.render_avif(site, jobs.RenderAvif(media.id))
    finally:
        renditions._keep = keep
    assert "avif" not in {row.format for row in await renditions_of(site, media.id)}
    await worker.drain(site, JOBS)
    found = await said(site, media.id)
    assert any("avif" in place for place in found) and all('DMI-PROHIBITED"' in packet for packet in found.values())


async def test_a_broken_file_is_made_again_and_a_missing_one_harms_nobody(
    site: Site, alice: Account, run_jobs: Any
) -> None:
    post = await publish(site, alice, media=await upload(site, alice, picture(700, 500)))
    await run_jobs(site)
    media_id = post.media[0].id
    places = set(await said(site, media_id))
    rows = {f"{row.purpose} {row.format}": row for row in await renditions_of(site, media_id) if row.width != 320}
    cut = site.storage.path(rows["stage webp"].key)
    cut.write_bytes(cut.read_bytes()[:-500])
    site.storage.delete(rows["federation jpeg"].key)
    await edit(site, post, alice, title="Another", reservation=Reservation.NO_AI_NO_INDEX)
    await run_jobs(site)
    found = await said(site, media_id)
    assert set(found) == places and all('DMI-PROHIBITED"' in packet for packet in found.values())


async def test_a_work_that_is_deleted_meanwhile_leaves_nothing(
    site: Site, alice: Account, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    finish, done = stamps.finish, False

    async def slow(*args: Any) -> Any:
        nonlocal done
        if not done:
            done = True
            async with site.db.write() as tx:
                keys = await posts.remove(tx, await posts.get(tx, post.id, alice.actor), alice.actor)
            await renditions.clear(site, keys)
        finished = await finish(*args)
        return finished

    await edit(site, post, alice, title="Another")
    monkeypatch.setattr(stamps, "finish", slow)
    await stamp_all(site)
    assert files_in(site.storage.root) == []  # type: ignore[attr-defined]


async def test_what_an_earlier_edition_wrote_is_stamped_by_the_hourly_round_and_keeps_its_credits(
    site: Site, alice: Account, run_jobs: Any
) -> None:
    """Pictures that were published before files carried rights, with what their own files said of their makers."""
    post = await publish(site, alice)
    await run_jobs(site)
    media_id = post.media[0].id
    credits = metadata.xmp(Credits("Zoë Weaver", "© Zoë", "Weaver Studio"))
    async with site.db.write() as tx:
        await tx.execute(update(Media).values(stamp="", credits={}))
        for row in await tx.scalars(select(Rendition).where(Rendition.media_id == media_id)):
            path = site.storage.path(row.key)
            if row.format != "avif":
                packets.stamp(path, path.with_suffix(".old"), row.format, xmp=credits)
                path.with_suffix(".old").replace(path)
    await sweep.sweep(site, jobs.Sweep())
    await run_jobs(site)
    assert (await one(site, Media, media_id)).credits == {
        "creator": "Zoë Weaver", "rights": "© Zoë", "credit": "Weaver Studio",
    }  # fmt: skip
    for packet in (await said(site, media_id)).values():
        read = metadata.from_xmp(packet.encode())
        assert read.creator == "Zoë Weaver" and "Alice Painter" in str(read.rights) and STRICT in packet
    assert "Weaver Studio" in (await said(site, media_id))["stage webp 900"]


async def test_another_least_reservation_of_the_house_reaches_the_files(
    site: Site, alice: Account, run_jobs: Any
) -> None:
    await publish(site, alice, reservation=Reservation.NO_AI)
    await run_jobs(site)
    strict = site.settings.rights.model_copy(update={"minimum": Reservation.NO_AI_NO_INDEX.value})
    other = dataclasses.replace(site, settings=site.settings.model_copy(update={"rights": strict}))
    async with other.db.write() as tx:
        assert await stamps.overdue(tx, other) == 1
    await run_jobs(other)
    async with other.db.write() as tx:
        assert await stamps.overdue(tx, other) == 0
        media_id = await tx.scalar(select(Media.id))
    assert all('DMI-PROHIBITED"' in packet for packet in (await said(other, media_id)).values())


async def test_somebodys_change_of_one_work_goes_before_a_thousand_of_another(site: Site, alice: Account) -> None:
    post = await publish(site, alice)
    async with site.db.write() as tx:
        await tx.execute(delete(Job))
        await stamps.rename(tx, alice.actor)
        assert (await tx.scalars(select(Job.lane))).all() == ["idle"]
    await edit(site, post, alice, title="Another")
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Job.lane).where(Job.kind == "Stamp"))).all() == ["stamp"]


async def test_a_change_is_everywhere_within_ten_seconds(site: Site, alice: Account) -> None:
    """With the worker as it runs in a house: every file says it, every old address gives it, and others are told."""
    running = worker.Worker(site, JOBS)
    task = asyncio.create_task(running.run())

    async def until(done: Callable[[Post], bool]) -> Post:
        async with asyncio.timeout(60):
            while not done(now := await one(site, Post, post.id)):
                await asyncio.sleep(0.05)
        return now  # type: ignore[no-any-return]

    try:
        pictures = [await upload(site, alice, picture(1300, 900)) for _ in range(3)]
        post = await publish(site, alice, media=pictures[0])
        await edit(site, post, alice, pictures=tuple(Picture(media.id) for media in pictures))
        await until(lambda now: now.told_at is not None and now.told_at > now.edited_at)
        begin = time.monotonic()
        await edit(site, post, alice, reservation=Reservation.NO_AI_NO_INDEX)
        told = await until(lambda now: now.told_at > now.edited_at)
        assert time.monotonic() - begin < 10
        for media in pictures:
            found = await said(site, media.id)
            assert len(found) >= 5 and all('DMI-PROHIBITED"' in packet for packet in found.values())
        async with site.db.read() as tx:
            moved = await tx.scalars(select(FormerName.until))
            assert max(moved) - stamps.KEPT <= told.told_at  # the last file, then the telling
    finally:
        running.stop()
        await task


# -- history -------------------------------------------------------------------------------------------------------------
async def test_changes_of_rights_are_kept(site: Site, alice: Account) -> None:
    post = await publish(site, alice)
    await edit(site, post, alice, text="Other words")
    await edit(site, post, alice, licence=Licence.BY, reservation=Reservation.NO_TRAINING)
    await edit(site, post, alice, licence=Licence.BY, reservation=Reservation.NO_AI_NO_INDEX)
    async with site.db.read() as tx:
        changes = await history.of(tx, post)
    assert [(c.licence_before, c.licence_after, c.reservation_before, c.reservation_after) for c in changes] == [
        (Licence.BY, Licence.BY, Reservation.NO_TRAINING, Reservation.NO_AI_NO_INDEX),
        (Licence.ARR, Licence.BY, Reservation.NO_AI, Reservation.NO_TRAINING),
    ]


async def restate(site: Site, there: Neighbour, minutes: int, **stated: Any) -> None:
    """Their server sends an Update in which it states something else."""
    shown = elsewhere.Picture(there.url("/a.jpg"), "image/jpeg", alt="A heron", rights=Stated(**stated))
    piece = work(pictures=(shown,), rights=Stated(**stated), updated=NOON + timedelta(minutes=minutes))
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        await elsewhere.put_post(tx, piece, author, urls=site.urls)


async def test_changes_that_other_servers_state_are_kept_and_reach_our_copies(house: Site, there: Neighbour) -> None:
    """Duty 7: raising holds at once, also inside the files that are here; lowering holds for new copies only."""
    media = await hung(house, there)
    await cache.cache(house, jobs.Cache(media.id))
    found = await said(house, media.id)
    assert len(found) == 3 and all(STRICT in packet and "not stated" in packet for packet in found.values())
    await restate(house, there, 1, reservation=Reservation.NO_AI_NO_INDEX, licence=Licence.BY_NC)
    assert await worker.drain(house, JOBS, ("stamp",)) == 1
    found = await said(house, media.id)
    assert len(found) == 3 and all('DMI-PROHIBITED"' in packet for packet in found.values())
    assert "by-nc/4.0/" in found["stage webp 900"]
    assert not any(row.is_sealed for row in await renditions_of(house, media.id))
    await restate(house, there, 2, reservation=Reservation.NO_TRAINING, licence=Licence.BY_NC)
    assert await renditions_of(house, media.id) == []
    async with house.db.read() as tx:
        changes = list(await tx.scalars(select(RightsChange).order_by(RightsChange.id)))
    assert [(c.reservation_before, c.reservation_after, c.licence_after) for c in changes] == [
        (Reservation.NO_AI, Reservation.NO_AI_NO_INDEX, Licence.BY_NC),
        (Reservation.NO_AI_NO_INDEX, Reservation.NO_TRAINING, Licence.BY_NC),
    ]
    await cache.cache(house, jobs.Cache(media.id))
    assert all("DMI-PROHIBITED-AIMLTRAINING" in packet for packet in (await said(house, media.id)).values())
