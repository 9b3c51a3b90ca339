"""Pictures of other servers: fetched once, in the sandbox, in our sizes; gone when nobody looks, back when somebody does."""

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from PIL import ExifTags, Image
from sqlalchemy import select, update

from federation.transport import Transport
from server import cache, clock, elsewhere, hosts, jobs, origins, sweep, worker
from server.app import JOBS
from server.errors import TryLater
from server.models import Actor, HostLevel, Job, Media, MediaState, Post, Rendition, RenditionPurpose
from server.site import Site
from tests.neighbours import Asked, Neighbour, neighbour, reply
from tests.server.test_elsewhere import person, work


def photo(colour: str = "#336699", size: tuple[int, int] = (900, 600)) -> bytes:
    """A JPEG that tells where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretCamera"
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 8.0, 14.0), ExifTags.GPS.GPSLatitudeRef: "N"}
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", exif=exif, comment=b"SecretComment")
    return out.getvalue()


def later(**parts: float) -> None:
    """Set the clock."""
    at = clock.after(**parts)
    clock.set_source(lambda: at)


class Shelf:
    """What the other server has; `wait` holds its answers back."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/a.jpg": reply(200, photo(), Content_Type="image/jpeg")}
        self.wait: asyncio.Event | None = None
        self.cut: dict[str, int] = {}  # after so many bytes the connection ends

    def answer(self, asked: Asked) -> bytes | AsyncIterator[bytes]:
        found = self.files.get(asked.target, reply(404))
        if asked.target in self.cut:
            return self._broken_off(found[: self.cut[asked.target]])
        return self._late(found) if self.wait is not None else found

    async def _broken_off(self, beginning: bytes) -> AsyncIterator[bytes]:
        yield beginning

    async def _late(self, found: bytes) -> AsyncIterator[bytes]:
        assert self.wait is not None
        await self.wait.wait()
        yield found


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def there(shelf: Shelf) -> AsyncIterator[Neighbour]:
    async with neighbour(shelf.answer) as made:
        yield made


@pytest.fixture
async def house(site: Site) -> AsyncIterator[Site]:
    """The house, with its gate open towards loopback."""
    transport = Transport(user_agent="Test", private=origins.ranges("127.0.0.0/8"))
    yield dataclasses.replace(site, transport=transport)
    await transport.close()


async def hung(site: Site, there: Neighbour, path: str = "/a.jpg") -> Media:
    """A picture of a post elsewhere that lies at `path`."""
    picture = elsewhere.Picture(there.url(path), "image/jpeg", alt="A heron")
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        post = await elsewhere.put_post(tx, work(pictures=(picture,)), author, urls=site.urls)
        assert post is not None
        return (await tx.scalars(select(Media).where(Media.post_id == post.id))).one()


async def again(site: Site, media: Media) -> tuple[Media, list[Rendition]]:
    async with site.db.read() as tx:
        row = await tx.get_one(Media, media.id)
        return row, list(await tx.scalars(select(Rendition).where(Rendition.media_id == media.id)))


async def test_a_picture_comes_in_our_sizes_and_without_what_was_inside(house: Site, there: Neighbour) -> None:
    media = await hung(house, there)
    await cache.cache(house, jobs.Cache(media.id))
    row, made = await again(house, media)
    assert (row.state, row.width, row.height, row.format) == (MediaState.READY, 900, 600, "jpeg")
    assert row.colour != "#8a8a8a" and row.blurhash
    assert sorted((size.purpose, size.format, size.width) for size in made) == [
        (RenditionPurpose.STAGE, "webp", 900),
        (RenditionPurpose.WALL, "webp", 320),
        (RenditionPurpose.WALL, "webp", 640),
    ]
    for size in made:
        content = house.storage.path(size.key).read_bytes()
        assert len(content) == size.bytes and b"Secret" not in content and b"GPS" not in content
        assert not Image.open(io.BytesIO(content)).getexif()
    assert not list(house.incoming.glob("*"))
    await cache.cache(house, jobs.Cache(media.id))
    assert len(there.asked) == 1  # it is here


async def test_a_face_is_cut_to_our_sizes(house: Site, there: Neighbour) -> None:
    async with house.db.write() as tx:
        mia = await elsewhere.put_person(tx, person(icon=there.url("/a.jpg")))
        face = await tx.get_one(Media, mia.face_id)
    await cache.cache(house, jobs.Cache(face.id))
    _, made = await again(house, face)
    assert {size.purpose for size in made} == {RenditionPurpose.FACE}
    assert {size.width for size in made} == {128, 400}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>no picture</html>", "text/html"),
        (b"<html>no picture</html>", "image/jpeg"),
        (photo()[:4000], "image/jpeg"),
        (b"", "image/png"),
    ],
)
async def test_what_is_no_picture_is_told_and_not_tried_for_ever(
    house: Site, shelf: Shelf, there: Neighbour, content: bytes, kind: str
) -> None:
    shelf.files["/a.jpg"] = reply(200, content, Content_Type=kind)
    media = await hung(house, there)
    await cache.cache(house, jobs.Cache(media.id))
    row, made = await again(house, media)
    assert row.state is MediaState.FAILED and row.failure and not made
    await cache.ensure(house, row)
    assert len(there.asked) == 1  # whoever looks does not ask again at once
    shelf.files["/a.jpg"] = reply(200, photo(), Content_Type="image/jpeg")
    later(minutes=11)
    await cache.ensure(house, row)
    row, made = await again(house, media)
    assert row.state is MediaState.READY and row.failure == "" and len(made) == 3
    assert not list(house.incoming.glob("*"))


async def test_a_server_that_is_away_is_asked_again_by_the_worker(house: Site, shelf: Shelf, there: Neighbour) -> None:
    shelf.files["/a.jpg"] = reply(503)
    media = await hung(house, there)
    with pytest.raises(TryLater):
        await cache.cache(house, jobs.Cache(media.id))
    row, _ = await again(house, media)
    assert row.state is MediaState.FAILED and "503" in row.failure


async def test_a_picture_whose_server_breaks_off_is_asked_for_again_within_a_minute(
    house: Site, shelf: Shelf, there: Neighbour
) -> None:
    whole = shelf.files["/a.jpg"]
    shelf.cut["/a.jpg"] = len(whole) // 2
    media = await hung(house, there)
    assert await worker.drain(house, JOBS, ("fetch",)) == 1
    row, _ = await again(house, media)
    assert row.state is MediaState.FAILED and len(there.asked) == 1
    assert await worker.drain(house, JOBS, ("fetch",)) == 0, "not at once: it would break off again"
    shelf.cut.clear()
    later(seconds=60)
    assert await worker.drain(house, JOBS, ("fetch",)) == 1
    row, made = await again(house, media)
    assert row.state is MediaState.READY and row.failure == "" and len(made) == 3
    assert not list(house.incoming.glob("*"))


async def test_a_picture_that_always_breaks_off_is_given_up_after_some_hours(
    house: Site, shelf: Shelf, there: Neighbour
) -> None:
    shelf.cut["/a.jpg"] = 1000
    await hung(house, there)
    waits = []
    for _ in range(20):
        if not await worker.drain(house, JOBS, ("fetch",)):
            break
        async with house.db.read() as tx:
            [job] = await tx.scalars(select(Job).where(Job.kind == "Cache"))
        waits.append((job.due_at - clock.now()).total_seconds() / 60)
        later(minutes=0 if job.failed_at else waits[-1])
    assert job.failed_at is not None and job.error and len(there.asked) == len(waits) == 6
    assert all(0.8 * wait <= said <= 1.2 * wait for said, wait in zip(waits, (0.5, 5, 15, 60, 180), strict=False)), (
        waits
    )


@pytest.mark.parametrize(("level", "rejects_media"), [(HostLevel.NONE, True), (HostLevel.SUSPEND, False)])
async def test_nothing_is_fetched_where_the_house_does_not_want_it(
    house: Site, there: Neighbour, level: HostLevel, rejects_media: bool
) -> None:
    media = await hung(house, there)
    async with house.db.write() as tx:
        await hosts.set_rule(tx, None, "far.example", level, rejects_media=rejects_media)
    await cache.cache(house, jobs.Cache(media.id))
    row, _ = await again(house, media)
    assert (row.state, row.failure) == (MediaState.FAILED, cache.NOT_WELCOME)
    assert there.asked == []


async def test_many_who_look_at_once_cause_one_fetch(house: Site, shelf: Shelf, there: Neighbour) -> None:
    media = await hung(house, there)
    shelf.wait = asyncio.Event()
    looking = [asyncio.create_task(cache.ensure(house, media)) for _ in range(30)]
    looking.append(asyncio.create_task(cache.cache(house, jobs.Cache(media.id))))
    while not there.asked:
        await asyncio.sleep(0.01)
    shelf.wait.set()
    await asyncio.gather(*looking)
    row, made = await again(house, media)
    assert row.state is MediaState.READY and len(made) == 3 and len(there.asked) == 1


async def test_whoever_looks_waits_a_bounded_time_and_the_picture_comes_nevertheless(
    house: Site, shelf: Shelf, there: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PATIENCE", 0.05)
    media = await hung(house, there)
    shelf.wait = asyncio.Event()
    await cache.ensure(house, media)
    assert (await again(house, media))[0].state is MediaState.WAITING
    monkeypatch.setattr(cache, "PATIENCE", 30)
    patient = asyncio.create_task(cache.ensure(house, media))
    await asyncio.sleep(0)
    shelf.wait.set()
    await patient
    assert (await again(house, media))[0].state is MediaState.READY and len(there.asked) == 1


async def test_a_picture_whose_post_goes_meanwhile_leaves_no_files(house: Site, shelf: Shelf, there: Neighbour) -> None:
    media = await hung(house, there)
    shelf.wait = asyncio.Event()
    fetching = asyncio.create_task(cache.cache(house, jobs.Cache(media.id)))
    while not there.asked:
        await asyncio.sleep(0.01)
    async with house.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        post = await tx.get_one(Post, media.post_id)
        await elsewhere.forget_post(tx, str(post.uri), author)
    shelf.wait.set()
    await fetching
    assert list(house.storage.keys("media")) == []


async def cached(site: Site, there: Neighbour, names: list[str]) -> list[Media]:
    """Pictures that are here, each a thousand bytes, the first seen longest ago."""
    shown = tuple(elsewhere.Picture(there.url(f"/{name}.jpg"), "image/jpeg") for name in names)
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        await elsewhere.put_post(tx, work(pictures=shown), author, urls=site.urls)
        rows = list(await tx.scalars(select(Media).order_by(Media.position)))
        for number, media in enumerate(rows):
            media.state, media.seen_at = MediaState.READY, clock.after(hours=number - len(rows))
            file = site.incoming / f"{media.id}"
            file.write_bytes(b"x" * 1000)
            site.storage.put(f"media/{media.id}/x", file)
            tx.add(
                Rendition(
                    media_id=media.id,
                    purpose=RenditionPurpose.WALL,
                    format="webp",
                    width=1,
                    height=1,
                    bytes=1000,
                    hash="h",
                    key=f"media/{media.id}/x",
                )
            )
    return rows


def with_room(site: Site, size: int) -> Site:
    wanted = site.settings.federation.model_copy(update={"cache_gigabytes": size / 1_000_000_000})
    return dataclasses.replace(site, settings=site.settings.model_copy(update={"federation": wanted}))


async def test_what_nobody_looked_at_for_two_weeks_is_thrown_away_and_comes_back(house: Site, there: Neighbour) -> None:
    media = await hung(house, there)
    await cache.cache(house, jobs.Cache(media.id))
    async with house.db.write() as tx:
        await tx.execute(update(Media).values(seen_at=clock.after(days=-15)))
    assert await cache.evict(house) == 1
    row, made = await again(house, media)
    assert row.state is MediaState.WAITING and not made and not list(house.storage.keys("media"))
    await cache.ensure(house, row)
    row, made = await again(house, media)
    assert row.state is MediaState.READY and len(made) == 3 and len(there.asked) == 2


async def test_looking_keeps_a_picture_and_is_noted_once_an_hour(house: Site, there: Neighbour) -> None:
    (media,) = await cached(house, there, ["one"])
    async with house.db.write() as tx:
        await tx.execute(update(Media).values(seen_at=clock.after(days=-15)))
    await cache.ensure(house, (await again(house, media))[0])
    seen = (await again(house, media))[0].seen_at
    assert seen is not None and seen > clock.after(minutes=-5)
    assert await cache.evict(house) == 0
    later(minutes=30)
    await cache.ensure(house, (await again(house, media))[0])
    assert (await again(house, media))[0].seen_at == seen
    assert there.asked == []


async def test_beyond_its_room_the_cache_gives_up_what_was_seen_longest_ago(
    house: Site, there: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "EVICTED_AT_ONCE", 2)
    rows = await cached(house, there, ["a", "b", "c", "d", "e"])
    assert await cache.evict(with_room(house, 2500)) == 3
    async with house.db.read() as tx:
        states = {media.id: media.state for media in await tx.scalars(select(Media))}
    assert [states[media.id] for media in rows] == [MediaState.WAITING] * 3 + [MediaState.READY] * 2
    assert len(list(house.storage.keys("media"))) == 2
    assert await cache.evict(with_room(house, 2500)) == 0


async def test_the_hourly_round_evicts(house: Site, there: Neighbour) -> None:
    (media,) = await cached(house, there, ["one"])
    async with house.db.write() as tx:
        await tx.execute(update(Media).values(seen_at=clock.after(days=-15)))
    await sweep.sweep(house, jobs.Sweep())
    assert (await again(house, media))[0].state is MediaState.WAITING


async def test_a_picture_is_wanted_once(site: Site, there: Neighbour) -> None:
    media = await hung(site, there)
    async with site.db.write() as tx:
        await cache.want(tx, media.id)
        await cache.want(tx, media.id)
        assert len(list(await tx.scalars(select(Job.id).where(Job.kind == "Cache")))) == 1


async def test_row_80_only_addresses_that_we_signed_lead_to_the_cache(site: Site, there: Neighbour) -> None:
    media = await hung(site, there)
    async with site.db.read() as tx:
        viewer = await tx.get_one(Actor, media.owner_id)
    address = site.urls.picture_proxy(media, 640)
    path, _, query = address.removeprefix(site.urls.media_base).partition("?")
    signature = query.removeprefix("sig=").replace("%3D", "=")
    assert path == f"/elsewhere/{media.id}/640"
    assert site.urls.is_signed(path, 0, 0, signature)
    assert not site.urls.is_signed(f"/elsewhere/{media.id}/641", 0, 0, signature)
    assert not site.urls.is_signed(f"/elsewhere/{media.id + 1}/640", 0, 0, signature)
    until = int((clock.now() + timedelta(hours=1)).timestamp())
    private = site.urls.picture_proxy(media, 640, viewer, until)
    assert f"for={viewer.id}&until={until}&sig=" in private and signature not in private
