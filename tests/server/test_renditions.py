"""The public sizes: made once, found again by their hash, complete however often it was interrupted."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from server import clock, jobs, posts, renditions
from server.errors import Full, GiveUp
from server.models import Account, Job, Media, MediaState, Post, Rendition, RenditionPurpose
from server.site import Site
from tests.server.test_uploads import CancelledAt
from tests.works import files_in, one, picture, publish, renditions_of, upload


def shape(rows: list[Rendition]) -> list[tuple[str, str, int, str]]:
    return [(row.purpose, row.format, row.width, row.hash) for row in rows]


async def check_files(site: Site, media: Media) -> None:
    rows = await renditions_of(site, media.id)
    for row in rows:
        assert site.storage.size(row.key) == row.bytes
        assert row.key == f"media/{media.id}/{site.urls.rendition_name(row)}"
    named = {row.key for row in rows} | {media.master_key}
    assert set(files_in(site.storage.root)) == named  # type: ignore[attr-defined]


async def test_a_picture_goes_through_its_states(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(1500, 1000))
    assert media.state is MediaState.WAITING
    await run_jobs(site)
    row = await one(site, Media, media.id)
    assert row.state is MediaState.READY and row.blurhash and row.colour.startswith("#")
    assert (
        row.avif_at is None and row.stamp == ""
    )  # what its files will say of rights is not settled before it is published
    await publish(site, alice, media=media)
    await run_jobs(site)
    row = await one(site, Media, media.id)
    assert row.avif_at is not None and row.stamp
    rows = await renditions_of(site, media.id)
    webp = [r.width for r in rows if r.format == "webp"]
    assert webp == [320, 640, 1280, 1500]
    assert [r.purpose for r in rows if r.format == "jpeg"] == [RenditionPurpose.FEDERATION]
    await check_files(site, media)


async def test_a_picture_that_is_hung_meanwhile_is_locked_after_its_work_all_the_same(
    site: Site, alice: Account
) -> None:
    """Otherwise two that each hold what the other wants wait for ever: PostgreSQL ends one of them, perhaps the artist's own."""
    media = await upload(site, alice)
    post = await publish(site, alice)

    async def take() -> None:
        async with site.db.write() as tx:
            found = await renditions.locked(tx, media.id)
            assert found is not None and found.post_id == post.id
            if not site.db.is_sqlite:
                async with site.db.write() as other:
                    with pytest.raises(DBAPIError, match="lock"):
                        await other.execute(select(Post.id).where(Post.id == post.id).with_for_update(nowait=True))
                    await other.rollback()

    async with site.db.write() as tx:
        await tx.execute(update(Media).where(Media.id == media.id).values(post_id=post.id))
        taking = asyncio.create_task(take())
        await asyncio.sleep(0.3)  # by then it has read that the picture hangs nowhere, and waits for this row
    await taking


async def test_the_work_appears_with_the_small_sizes(site: Site, alice: Account) -> None:
    """SHOWN comes with 640: artists do not wait for the rest."""
    media = await upload(site, alice, picture(1500, 1000))
    post = await publish(site, alice, media=media)
    seen: list[tuple[MediaState, bool, int]] = []
    keep = renditions._keep

    async def spy(*args: Any) -> Any:
        result = await keep(*args)
        row, rows = await one(site, Media, media.id), await renditions_of(site, media.id)
        seen.append((row.state, (await one(site, Post, post.id)).ready_at is not None, len(rows)))
        return result

    renditions._keep = spy
    try:
        await renditions.render(site, jobs.Render(media.id))
    finally:
        renditions._keep = keep
    assert seen[:3] == [(MediaState.MADE, False, 1), (MediaState.SHOWN, True, 2), (MediaState.SHOWN, True, 3)]


async def test_running_twice_changes_nothing(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(700, 500))
    await run_jobs(site)
    before = shape(await renditions_of(site, media.id))
    await renditions.render(site, jobs.Render(media.id))
    await renditions.render_avif(site, jobs.RenderAvif(media.id))
    assert shape(await renditions_of(site, media.id)) == before
    await check_files(site, media)


async def test_it_converges_wherever_it_is_cut(site: Site, alice: Account, long: bool) -> None:
    """A worker that dies in the middle: the next run ends with the same rows and the same files."""
    media = await upload(site, alice, picture(700, 500))
    await renditions.render(site, jobs.Render(media.id))
    expected = shape(await renditions_of(site, media.id))
    ended = False
    for step in range(1, 400, 1 if long else 7):
        async with site.db.write() as tx:  # as it was before any run
            await tx.execute(Rendition.__table__.delete())
            await tx.execute(update(Media).values(state=MediaState.WAITING))
        run = CancelledAt(renditions.render(site, jobs.Render(media.id)), step)
        with suppress(asyncio.CancelledError):
            await run
        await renditions.render(site, jobs.Render(media.id))
        assert shape(await renditions_of(site, media.id)) == expected, step
        assert (await one(site, Media, media.id)).state is MediaState.READY
        if ended := not run.was_cancelled:
            break
    assert ended
    await check_files(site, media)
    assert not list(site.pixels.scratch.glob("order-*/*"))


async def test_a_picture_that_was_deleted_meanwhile_leaves_nothing(site: Site, alice: Account) -> None:
    media = await upload(site, alice, picture(700, 500))
    keep, calls = renditions._keep, 0

    async def delete_then_keep(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            async with site.db.write() as tx:
                keys = await posts.drop_pictures(tx, [await tx.get_one(Media, media.id)])
            await renditions.clear(site, keys)
        return await keep(*args)

    renditions._keep = delete_then_keep
    try:
        await renditions.render(site, jobs.Render(media.id))
    finally:
        renditions._keep = keep
    assert files_in(site.storage.root) == []  # type: ignore[attr-defined]
    await renditions.render(site, jobs.Render(media.id))  # and the job may run again
    await renditions.render_avif(site, jobs.RenderAvif(media.id))


async def test_a_refused_picture_says_why(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(700, 500))
    site.storage.path(media.master_key).write_bytes(picture(700, 500)[:2000])
    await run_jobs(site)
    row = await one(site, Media, media.id)
    assert row.state is MediaState.FAILED and row.failure.endswith(".")
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Job.kind))).all() == []  # said to the artist, not kept for the administrator


async def test_a_missing_master_is_the_administrators_business_too(site: Site, alice: Account) -> None:
    media = await upload(site, alice)
    site.storage.delete(media.master_key)
    with pytest.raises(GiveUp):
        await renditions.render(site, jobs.Render(media.id))
    assert "upload it again" in (await one(site, Media, media.id)).failure


async def test_a_complete_picture_survives_a_failing_second_run(site: Site, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, picture(700, 500))
    await run_jobs(site)
    site.storage.path(media.master_key).write_bytes(b"rot")
    await renditions.render(site, jobs.Render(media.id))
    assert (await one(site, Media, media.id)).state is MediaState.READY


async def test_a_full_disk_is_said_and_tried_again(
    site: Site, alice: Account, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: nothing is lost, the artist reads why, and once there is room the picture is made without anybody's help."""
    media = await upload(site, alice, picture(700, 500))
    post = await publish(site, alice, media=media)
    put = site.storage.put

    def full(key: str, source: Path) -> None:
        raise Full

    monkeypatch.setattr(site.storage, "put", full)
    await run_jobs(site)
    row = await one(site, Media, media.id)
    assert row.state is MediaState.FAILED and "no room" in row.failure
    monkeypatch.setattr(site.storage, "put", put)
    start = clock.now()
    clock.set_source(lambda: start + timedelta(minutes=2))
    await run_jobs(site)
    row = await one(site, Media, media.id)
    assert row.state is MediaState.READY and row.failure == ""
    assert (await one(site, Post, post.id)).ready_at is not None
