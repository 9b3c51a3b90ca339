"""A flood of foreign pictures on a disk that is nearly full (security.md P11): what is kept for the artists stays theirs.

The house is in this process, its files lie on a small file system, the other server is a real one on loopback.
"""

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select

from federation.transport import Transport
from server import cache, clock, elsewhere, jobs, origins, worker
from server.app import JOBS
from server.errors import Full, TryLater
from server.models import Account, Job, Media, MediaState, Rendition
from server.settings import Settings
from server.site import Site
from tests.conftest import settings_for
from tests.neighbours import Neighbour, neighbour, reply
from tests.server.test_elsewhere import person, work
from tests.tools import fill, free, small_disk
from tests.works import files_in, picture, publish, upload

MB = 1_000_000
RESERVE = 8
PICTURES = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "data", 240) as folder:
        yield folder


@pytest.fixture
def settings(disk: Path, database_url: str) -> Settings:
    return settings_for(disk, database_url, CARTELLINO_UPLOADS_RESERVE_MEGABYTES=str(RESERVE))


@pytest.fixture
async def there() -> AsyncIterator[Neighbour]:
    """A server whose pictures are noise, which nothing makes small."""
    out = io.BytesIO()
    Image.effect_noise((1500, 1000), 90).convert("RGB").save(out, "JPEG", quality=92)
    content = reply(200, out.getvalue(), Content_Type="image/jpeg")
    async with neighbour(lambda asked: content) as made:
        yield made


@pytest.fixture
async def house(site: Site) -> AsyncIterator[Site]:
    transport = Transport(user_agent="Test", private=origins.ranges("127.0.0.0/8"))
    yield dataclasses.replace(site, transport=transport)
    await transport.close()


async def flood(house: Site, there: Neighbour) -> list[int]:
    """Works of somebody elsewhere, all at once; the numbers of their pictures, which wait to be fetched."""
    found = []
    async with house.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        for number in range(PICTURES):
            shown = (elsewhere.Picture(there.url(f"/{number}.jpg"), "image/jpeg", alt="Noise"),)
            post = await elsewhere.put_post(tx, work(number, pictures=shown), author, urls=house.urls)
            assert post is not None
            found += list(await tx.scalars(select(Media.id).where(Media.post_id == post.id)))
    return found


async def states(house: Site, numbers: list[int]) -> list[tuple[MediaState, str]]:
    async with house.db.read() as tx:
        rows = await tx.scalars(select(Media).where(Media.id.in_(numbers)))
        return [(row.state, row.failure) for row in rows]


async def least_free(disk: Path, least: list[int]) -> None:
    """Look at the disk all the time."""
    while True:
        least.append(free(disk))
        await asyncio.sleep(0.002)


def later(minutes: float) -> None:
    at = clock.now() + timedelta(minutes=minutes)
    clock.set_source(lambda: at)


async def test_p11_a_flood_of_foreign_pictures_leaves_the_artists_their_room(
    house: Site, disk: Path, there: Neighbour, alice: Account
) -> None:
    numbers = await flood(house, there)
    # Room for one fetch of the largest size, beside the reserve, and for a few pictures more.
    filler = fill(disk, leave=RESERVE * MB + 2 * cache.LARGEST + 2 * MB)
    least: list[int] = []
    watching = asyncio.create_task(least_free(disk, least))

    at_once = [cache.cache(house, jobs.Cache(number)) for number in numbers]
    ends = await asyncio.gather(*at_once, return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), TryLater, Full} and any(ends), "refused in words, nothing breaks"
    mine = await upload(house, alice, picture())
    for _ in range(2):  # and one after the other, as the worker does, until there is no room for one more
        await worker.drain(house, JOBS, ("fetch",))
        later(minutes=6)
    await publish(house, alice, media=mine)
    await worker.drain(house, JOBS, ("render", "federate"))
    watching.cancel()

    assert min(least) >= RESERVE * MB
    found = await states(house, numbers)
    came = sum(state is MediaState.READY for state, _ in found)
    assert 0 < came < PICTURES, "some came, the others found no room"
    assert {failure for state, failure in found if state is not MediaState.READY} == {cache.NO_ROOM}
    async with house.db.read() as tx:
        assert (await tx.get_one(Media, mine.id)).state in (MediaState.SHOWN, MediaState.READY)
        waiting = select(func.count(Job.id)).where(Job.kind == "Cache", Job.failed_at.is_(None))
        assert await tx.scalar(waiting) == PICTURES - came, "none is given up"

    filler.unlink()
    later(minutes=20)
    await worker.drain(house, JOBS, ("fetch",))
    assert {state for state, _ in await states(house, numbers)} == {MediaState.READY}
    async with house.db.read() as tx:
        named = set(await tx.scalars(select(Rendition.key))) | set(
            await tx.scalars(select(Media.master_key).where(Media.master_key != ""))
        )
    assert set(files_in(disk / "files")) == named and not list(house.incoming.iterdir())
