"""What stamping costs: milliseconds and bytes that the artist's rights add to every file, beside making the file itself.

    python -m bench.stamps

Copies are made through the sandbox, wall time. Beside each: how long the stamp (XMP, and Exif and IIM where it is a JPEG), the
seal (C2PA) and the last hash took. "Again" is what a change of rights costs afterwards: the whole job for one picture, with its
transactions. Goals: under a tenth of the time of making; under 1 kB up to 640 pixels, under 8 kB above, seal included.
"""

import asyncio
import contextlib
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench._measure import write
from server import artworks, jobs, migrations, posts, renditions, seals, stamping, stamps, uploads
from server.app import build_site, close
from server.artworks import Draft, Picture
from server.db import Database
from server.media import stamps as packets
from server.media.orders import SHORT_UP_TO, Made, Plan
from server.media.sealing import Sealer
from server.models import Account, Licence, Media, RenditionPurpose, Reservation
from server.site import Site
from tests.conftest import make_account, settings_for
from tests.paint import jpeg
from tests.works import arrive

MASTERS = {"2 megapixels": (1600, 1200), "12 megapixels": (4000, 3000), "24 megapixels": (6000, 4000)}


async def one(site: Site, artist: Account, title: str, size: tuple[int, int], into: Path) -> list[str]:
    """The table of one master, and its sums."""
    content = jpeg(*size, seed=7)
    media = await uploads.accept(site, artist.actor, arrive(site, content), "work.jpg")
    draft = Draft(title="Heron at Dusk", licence=Licence.BY_NC_ND, reservation=Reservation.NO_AI, full_size=True,
                  pictures=(Picture(media.id, "A heron."),))  # fmt: skip
    async with site.db.write() as tx:
        post = await artworks.start(tx, artist.actor, f"form-{media.id}")
        await artworks.publish(tx, post, draft, urls=site.urls)
    async with site.db.read() as tx:
        what = await stamps.of(tx, site, await tx.get_one(Media, media.id))
    assert what is not None
    master = site.storage.path(media.master_key)
    copies, making = await drawn(site, what, master, into)
    begin = time.perf_counter()
    async with site.sealers.take() as sealer:
        if await seals.current(site):
            await sealer.start()
        started = time.perf_counter() - begin
        rows = [await through(site, what, copy, sealer) for copy in copies]
    lines = [f"## {title}, {len(content) / 1e6:.1f} MB", "", "| file | bytes | stamp | adds | seal and hash | adds |"]
    lines.append("|---|---|---|---|---|---|")
    for copy, row in zip(copies, rows, strict=True):
        lines.append(
            f"| {copy.purpose} {copy.format} {copy.width} | {copy.size:,} | {1000 * row['stamp']:.1f} ms "
            f"| {row['stamp bytes']:,} | {1000 * row['rest']:.0f} ms | {row['seal bytes']:,} |"
        )
    stamping_alone, sealing = sum(row["stamp"] for row in rows), sum(row["rest"] for row in rows)
    added = [(row["stamp bytes"] + row["seal bytes"], copy) for copy, row in zip(copies, rows, strict=True)]
    small = max((size for size, copy in added if copy.purpose == "wall" and copy.width <= SHORT_UP_TO), default=0)
    most = max(size for size, _ in added)
    await renditions.render(site, jobs.Render(media.id))
    await renditions.render_avif(site, jobs.RenderAvif(media.id))
    again = await restamped(site, artist, post.id, media.id)
    return [
        *lines,
        "",
        f"- making them: {1000 * making:.0f} ms; stamping: {1000 * stamping_alone:.1f} ms = "
        f"{100 * stamping_alone / making:.1f} %; sealing and the last hash: {1000 * sealing:.0f} ms = "
        f"{100 * sealing / making:.1f} %; starting the child that seals, once for many pictures: {1000 * started:.0f} ms",
        f"- most bytes up to {SHORT_UP_TO} pixels {small:,} (goal under 1,000), above {most:,} (goal under 8,000)",
        f"- again, after a change of rights: {1000 * again:.0f} ms",
        "",
    ]


async def drawn(site: Site, what: stamps.Stamp, master: Path, into: Path) -> tuple[list[Made], float]:
    """The copies as the workshop leaves them, AVIF with its packet inside, and the seconds that it took."""
    copies: list[Made] = []
    begin = time.perf_counter()

    def keep(item: Made) -> None:
        kept = into / item.file.name
        item.file.rename(kept)
        copies.append(replace(item, file=kept))

    async with contextlib.aclosing(site.pixels.render(master, Plan(full=True))) as items:
        async for item in items:
            if isinstance(item, Made):
                keep(item)
    existing = {copy.width: copy.size for copy in copies if copy.format == "webp"}
    plan = Plan(packet=what.packet.decode(), short_packet=what.short.decode())
    async with contextlib.aclosing(site.pixels.render_avif(master, plan, existing)) as more:
        async for made in more:
            keep(made)
    return copies, time.perf_counter() - begin


async def through(site: Site, what: stamps.Stamp, item: Made, sealer: Sealer) -> dict[str, Any]:
    """One file: stamped alone, and then as the product does it, seal and hash included."""
    purpose, alone = RenditionPurpose(item.purpose), item.file.with_suffix(".alone")
    packet = what.packet if stamps.is_whole(purpose, item.width) else what.short
    begin = time.perf_counter()
    if item.format == "avif":  # stamped when it was encoded; what that adds is the packet
        alone = item.file
    else:
        packets.stamp(item.file, alone, item.format, xmp=packet, exif=what.exif, iim=what.iim)
    stamped = time.perf_counter()
    done = await stamps.finish(site, what, item.file, item.file.parent, item.format, purpose, item.width, sealer)
    ended = time.perf_counter()
    added = len(packet) if item.format == "avif" else alone.stat().st_size - item.size
    before = alone.stat().st_size
    return {
        "stamp": stamped - begin,
        "stamp bytes": added,
        "rest": max(0.0, ended - stamped - (stamped - begin)),
        "seal bytes": done.size - before,
    }


async def restamped(site: Site, artist: Account, post_id: int, media_id: int) -> float:
    """Seconds from the edit's commit until every file has its new address."""
    async with site.db.write() as tx:
        post = await posts.mine(tx, post_id, artist.actor)
        draft = Draft(title="Heron at Dawn", full_size=True, pictures=(Picture(media_id, "A heron."),))
        await artworks.edit(tx, post, draft, urls=site.urls)
    begin = time.perf_counter()
    await stamping.stamp(site, jobs.Stamp(media_id))
    return time.perf_counter() - begin


async def main() -> None:
    """Measure, print, and write `results/stamps.md`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'house.db'}"
        database = Database(url)
        await migrations.upgrade(database)
        await database.close()
        site = build_site(settings_for(folder, url))
        artist = await make_account(site, "zofia", name="Žofia Łąka-Öztürk")
        sealing = "with a seal" if await seals.current(site) else "without a seal: the library is missing"
        lines = [f"Wall time, {sealing}.", ""]
        for title, size in MASTERS.items():
            lines += await one(site, artist, title, size, Path(tempfile.mkdtemp(dir=folder)))
        await close(site)
    write("stamps", "Stamps", "python -m bench.stamps", lines)


if __name__ == "__main__":
    asyncio.run(main())
