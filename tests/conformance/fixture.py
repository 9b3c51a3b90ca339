"""The fixture of the rights conformance tests: five works of two artists on one house, and a second house that shows them.

Everything is drawn and published here; nothing is downloaded. The picture is one seeded painting. Each work holds a PNG wide
enough for an AVIF that carries a seal, a small GIF, and where its row says so one more upload, so that every work leaves the
house as JPEG, PNG, WebP, AVIF and GIF.
"""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import select

from server import artworks, follows, posts, worker
from server.app import JOBS
from server.artworks import Draft, Picture
from server.models import Account, Actor, Licence, Media, Post, Rendition, Reservation, SourceType
from tests import works
from tests.fediverse import Fediverse, House

AWAY, HOME = "b.test", "a.test"
LANGUAGE = {"ada": "en", "zofia": "de"}
NAMES = {"ada": "Ada Ink", "zofia": "Žofia Łąka-Öztürk"}


@dataclass(frozen=True)
class Row:
    """One work: who made it, what holds, and the upload beside the PNG and the GIF that all have."""

    artist: str
    title: str
    licence: Licence
    reservation: Reservation
    also: str = ""
    source_type: SourceType | None = None
    year: int = 2026


# The right-to-left title and the emoji stand in works that every channel has to carry.
ROWS = {
    "W1": Row("ada", "Heron at Dusk", Licence.ARR, Reservation.NO_AI, "jpeg", SourceType.DIGITAL_CREATION),
    "W2": Row("zofia", "البلشون عند الغسق", Licence.BY_NC_ND, Reservation.NO_TRAINING, "", SourceType.PRINT),
    "W3": Row("ada", "Heron & <reeds>", Licence.BY, Reservation.NO_GENAI, "webp", year=2019),
    "W4": Row("ada", "Heron 🪶🌅", Licence.CC0, Reservation.OPEN, "avif", SourceType.ALGORITHMIC_MEDIA),
    "W5": Row("zofia", "Čáp “za soumraku”", Licence.ARR, Reservation.NO_AI_NO_INDEX),
}


@dataclass
class Shown:
    """One work of the fixture where it hangs: its row as a viewer gets it, and the files of its pictures."""

    post: Post
    files: dict[int, list[Rendition]]

    @property
    def media(self) -> list[Media]:
        return list(self.post.media)


@dataclass
class Fixture:
    """Both houses, who looks at them, and the works at each of them."""

    village: Fediverse
    home: House
    away: House
    artists: dict[str, Account]
    reader: Account
    # What each work says at this moment, and its number at home.
    rows: dict[str, Row]
    ids: dict[str, int]

    async def at_home(self, name: str) -> Shown:
        """A work where it was made, as strangers see it."""
        return await _shown(self.home, self.ids[name], None)

    async def at_the_second(self, name: str) -> Shown:
        """The same work on the other house, as its reader sees it."""
        uri = f"https://{HOME}/works/{self.ids[name]}"
        async with self.away.site.db.read() as tx:
            number = await tx.scalar(select(Post.id).where(Post.uri == uri))
        assert number is not None, f"{name} did not arrive"
        return await _shown(self.away, number, self.reader.actor)

    async def edit(self, name: str, **changes: Any) -> None:
        """What the artist's edit form does; nothing else of the work changes."""
        row = self.rows[name] = replace(self.rows[name], **changes)
        async with self.home.site.db.write() as tx:
            mine = await posts.mine(tx, self.ids[name], self.artists[row.artist].actor)
            draft = Draft(**_draft(name, row, [(media.id, media.alt) for media in mine.media]))
            await artworks.edit(tx, mine, draft, urls=self.home.site.urls)


@asynccontextmanager
async def built(
    home_database: str, away_database: str, folder: Path, only: Mapping[str, Row] | None = None, *, avif: bool = True
) -> AsyncIterator[Fixture]:
    """Both houses with the works of `only` (default: all five), the pictures made, followed and arrived. The databases are
    migrated and empty. Without `avif` the slow small sizes are left out."""
    rows = dict(only or ROWS)
    async with Fediverse() as village:
        home = await village.house(HOME, home_database, folder / "home")
        away = await village.house(AWAY, away_database, folder / "away")
        artists = {handle: await home.account(handle, name=name) for handle, name in NAMES.items()}
        async with home.site.db.write() as tx:
            for handle, account in artists.items():
                (await tx.get_one(Actor, account.actor.id)).language = LANGUAGE[handle]
        reader = await away.account("bob", name="Bob Reader")
        made = Fixture(village, home, away, artists, reader, rows, {})
        for handle in artists:
            await _follow(made, f"@{handle}@{HOME}")
        await village.settle()
        for name, row in rows.items():
            made.ids[name] = await _publish(made, name, row)
        await village.settle()
        if avif:
            await worker.drain(home.site, JOBS, ("idle",))
        yield made


def heron(width: int, height: int) -> Image.Image:
    """Three sine gradients, grain and sixty coloured rings; always the same one."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 90), np.sin(y / 70 + 1), np.sin((x + y) / 110 + 2)]
    canvas = np.stack([127 + 80 * wave for wave in waves], -1) + random.normal(0, 2, (height, width, 3))
    for _ in range(60):
        left, top, radius = random.integers(0, width), random.integers(0, height), random.integers(8, 70)
        distance = np.hypot(x - left, y - top)
        canvas[abs(distance - radius) < 2] = random.integers(0, 256, 3)
    return Image.fromarray(canvas.clip(0, 255).astype("uint8"))


def upload_of(kind: str) -> bytes:
    """The heron as a file of that kind, as an artist would upload it."""
    out = io.BytesIO()
    if kind == "gif":
        heron(400, 300).quantize(64).save(out, "GIF")
    else:
        size = (1000, 750) if kind == "png" else (700, 525)
        quality = {"jpeg": {"quality": 92}, "webp": {"quality": 90}, "avif": {"quality": 75}}.get(kind, {})
        heron(*size).save(out, kind.upper(), **quality)
    return out.getvalue()


def _draft(name: str, row: Row, pictures: list[tuple[int, str]]) -> dict[str, Any]:
    return {
        "title": row.title,
        "year": row.year,
        "tags": (f"Fixture{name}",),
        "licence": row.licence,
        "reservation": row.reservation,
        "source_type": row.source_type,
        "full_size": True,
        "pictures": tuple(Picture(media_id, alt) for media_id, alt in pictures),
    }


async def _publish(made: Fixture, name: str, row: Row) -> int:
    artist, site = made.artists[row.artist], made.home.site
    kinds = [kind for kind in ("png", "gif", row.also) if kind]
    pictures = [(await works.upload(site, artist, upload_of(kind)), kind) for kind in kinds]
    draft = Draft(**_draft(name, row, [(media.id, f"A heron, as {kind}.") for media, kind in pictures]))
    async with site.db.write() as tx:
        post = await artworks.start(tx, artist.actor, f"fixture-{name}-{'x' * 16}")
        await artworks.publish(tx, post, draft, urls=site.urls)
        return post.id


async def _follow(made: Fixture, handle: str) -> None:
    site = made.away.site
    found = await site.network.find_person(site, handle)
    async with site.db.write() as tx:
        there = (await tx.scalars(select(Actor).where(Actor.id == found))).one()
        await follows.follow(tx, made.reader.actor, there)


async def _shown(house: House, post_id: int, viewer: Actor | None) -> Shown:
    async with house.site.db.read() as tx:
        post = await posts.get(tx, post_id, viewer)
    files = {media.id: await works.renditions_of(house.site, media.id) for media in post.media}
    return Shown(post, files)
