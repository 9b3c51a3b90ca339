"""A file becomes a picture, or nothing at all (security.md rows 53, 114, 121; promises P11 and P15)."""

import asyncio
import itertools
from collections.abc import Coroutine, Generator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from server import uploads
from server.errors import Full, Invalid, NotFound, TooLarge
from server.models import Account, House, Job, Media, MediaState, Purpose, Rendition
from server.site import Site
from tests.conftest import make_account
from tests.works import arrive, files_in, one, picture, renditions_of, upload


class CancelledAt:
    """Runs a coroutine and cancels it at its n-th await, as the server does when a browser hangs up."""

    def __init__(self, work: Coroutine[Any, Any, Any], step: int) -> None:
        self.work, self.step, self.was_cancelled = work, step, False

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task
        resume: Any = partial(self.work.send, None)
        for count in itertools.count(1):
            try:
                waited = resume()
            except StopIteration as done:
                return done.value
            if count == self.step:
                self.was_cancelled = task.cancel()
            try:
                resume = partial(self.work.send, (yield waited))
            except BaseException as thrown:
                task.uncancel()
                resume = partial(self.work.throw, thrown)


async def settled(site: Site) -> None:
    """Wait for what runs on behind a cancelled request."""
    while uploads._running:
        await asyncio.wait(set(uploads._running))


async def state(site: Site, account: Account) -> tuple[int, int, int, list[str], list[str]]:
    """Pictures, jobs, counted bytes, stored files, arrivals."""
    async with site.db.read() as tx:
        media = await tx.scalar(select(func.count(Media.id)))
        jobs = await tx.scalar(select(func.count(Job.id)).where(Job.kind == "Render"))
    used = (await one(site, Account, account.id)).used_bytes
    return media or 0, jobs or 0, used, files_in(site.storage.root), files_in(site.incoming)  # type: ignore[attr-defined]


async def test_an_accepted_file_is_whole(site: Site, alice: Account) -> None:
    content = picture(900, 600)
    media = await uploads.accept(site, alice.actor, arrive(site, content), "..\\..\\C:\\fer/ry\x00\u202e.png")
    assert (media.width, media.height, media.format, media.name) == (900, 600, "png", "ry.png")
    assert site.storage.path(media.master_key).read_bytes() == content
    assert await state(site, alice) == (1, 1, len(content), [media.master_key], [])
    assert media.master_key == f"masters/{media.id}-{media.master_hash}"  # row 121: no name of theirs in a path


async def test_a_hang_up_at_any_moment_leaves_all_or_nothing(site: Site, alice: Account) -> None:
    """P15: the request is cancelled at every single await; nothing is ever half-written."""
    content = picture(64, 48)
    kept = lost = 0
    for step in range(1, 200):
        before = await state(site, alice)
        run = CancelledAt(uploads.accept(site, alice.actor, arrive(site, content), "a.png"), step)
        with suppress(asyncio.CancelledError):
            await run
        await settled(site)
        after = await state(site, alice)
        assert after[4] == [], f"step {step}: an arrival was left"
        if after[0] == before[0]:
            assert after == before, f"step {step}: half-written"
            lost += 1
        else:
            assert after[:3] == (before[0] + 1, before[1] + 1, before[2] + len(content)), step
            assert len(after[3]) == len(before[3]) + 1
            kept += 1
        if not run.was_cancelled:
            break
    assert lost >= 3 and kept >= 2  # it was cut both before and after the point of no return


async def test_a_failing_transaction_takes_its_file_back(site: Site, alice: Account) -> None:
    with pytest.raises(NotFound):
        await upload(site, alice, post_id=4711)
    assert await state(site, alice) == (0, 0, 0, [], [])


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>x</script>", b"%PDF-1.7",
     b"\x89PNG\r\n\x1a\n" + b"\0" * 90],
)  # fmt: skip
async def test_what_is_no_picture_is_refused_in_words(site: Site, alice: Account, content: bytes) -> None:
    """security.md rows 114 and 117."""
    with pytest.raises(Invalid) as wrong:
        await upload(site, alice, content)
    assert wrong.value.fields["files"].endswith(".")
    assert await state(site, alice) == (0, 0, 0, [], [])


async def test_the_quota_holds_when_two_files_come_at_once(site: Site, alice: Account) -> None:
    content = picture(300, 200)
    async with site.db.write() as tx:
        (await tx.get_one(Account, alice.id)).quota_bytes = len(content) * 2 + 10
    done = await asyncio.gather(*(upload(site, alice, content) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(result, Media) for result in done) == 2
    refused = [result for result in done if isinstance(result, Full)]
    assert len(refused) == 4 and all("room" in str(result) for result in refused)
    assert (await state(site, alice))[:3] == (2, 2, 2 * len(content))
    assert len(files_in(site.storage.root)) == 2  # type: ignore[attr-defined]


async def test_the_disk_keeps_its_reserve(site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """P11: below the reserve an upload is refused (507) before anything is written."""
    content = picture(30, 20)
    reserve = site.settings.uploads.reserve_megabytes * 1_000_000
    monkeypatch.setattr(site.storage, "free", lambda: reserve + len(content))
    with pytest.raises(Full):
        await upload(site, alice, content)
    assert await state(site, alice) == (0, 0, 0, [], [])


async def test_a_file_beyond_the_limit(site: Site, alice: Account) -> None:
    small = site.settings.model_copy(update={"uploads": site.settings.uploads.model_copy(update={"max_megabytes": 1})})
    object.__setattr__(site, "settings", small)
    with pytest.raises(TooLarge):
        await upload(site, alice, picture(30, 20) + b"\0" * 1_000_000)
    assert await state(site, alice) == (0, 0, 0, [], [])


async def test_the_same_bytes_belong_to_each_picture_alone(
    site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    """security.md row 53, decision 11: removing one never touches another, whoever owns it."""
    content = picture(200, 100)
    one_, two = await upload(site, alice, content), await upload(site, bob, content)
    await run_jobs(site)
    async with site.db.write() as tx:
        keys = await uploads.discard(tx, await uploads.mine(tx, one_.id, alice.actor))
        with pytest.raises(NotFound):
            await uploads.mine(tx, two.id, alice.actor)
    for key in keys:
        site.storage.delete(key)
    assert site.storage.path(two.master_key).read_bytes() == content
    for rendition in await renditions_of(site, two.id):
        assert site.storage.path(rendition.key).stat().st_size == rendition.bytes
    assert (await one(site, Account, alice.id)).used_bytes == 0
    assert (await one(site, Account, bob.id)).used_bytes == len(content)


async def test_a_face(site: Site, run_jobs: Any) -> None:
    cleo = await make_account(site, "cleo")
    media = await upload(site, cleo, picture(500, 400), purpose=Purpose.FACE)
    await run_jobs(site)
    assert (await one(site, Media, media.id)).state is MediaState.READY
    assert {(r.purpose, r.width, r.height) for r in await renditions_of(site, media.id)} == {
        ("face", 128, 128), ("face", 400, 400),
    }  # fmt: skip


async def test_retrying_what_did_not_fail_does_nothing(site: Site, alice: Account) -> None:
    media = await upload(site, alice)
    async with site.db.write() as tx:
        await uploads.retry(tx, media)
        assert await tx.scalar(select(func.count(Job.id))) == 1
        assert await tx.scalar(select(func.count(Rendition.id))) == 0


async def test_a_statement_that_is_cancelled_gives_the_lock_back(site: Site) -> None:
    """A browser that hangs up in the middle of a transaction must not make everybody else wait for the database."""

    async def work(value: str) -> None:
        async with site.db.write() as tx:
            await tx.scalar(select(func.count(Media.id)))
            tx.add(House(name=value, value=value))
            await tx.flush()
            await tx.scalar(select(House.value).limit(1))

    for step in range(1, 100):
        run = CancelledAt(work(f"cut {step}"), step)
        with suppress(asyncio.CancelledError):
            await run
        await asyncio.wait_for(work(f"next {step}"), 3)
        if not run.was_cancelled:
            break
    assert not run.was_cancelled


async def test_no_room_of_ones_own_is_no_room(site: Site, alice: Account) -> None:
    """Nought is a number: only a missing one means the house's."""
    async with site.db.write() as tx:
        account = await tx.get_one(Account, alice.id)
        assert uploads.quota(site, account) == 5_000_000_000
        account.quota_bytes = 0
    with pytest.raises(Full, match="of 0 MB"):
        await upload(site, alice)
