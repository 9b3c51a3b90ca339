"""`cartellino post`: hang a work from files on this machine, with the server running or stopped."""

import asyncio
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from server import actors, artworks, posts, uploads, worker
from server.errors import Invalid, NotFound, Problem
from server.models import Actor, Audience, Licence, Media, MediaState, Rating, Reservation, SourceType
from server.site import Site
from server.worker import Handlers

Say = Callable[[str], None]
# Seconds between two looks while another process has the job.
PAUSE = 0.2


async def hang(
    site: Site,
    handle: str,
    files: Sequence[Path],
    *,
    title: str = "",
    alts: Sequence[str] = (),
    description: str = "",
    tags: Sequence[str] = (),
    galleries: Sequence[str] = (),
    audience: Audience | None = None,
    licence: Licence | None = None,
    reservation: Reservation | None = None,
    rating: Rating = Rating.GENERAL,
    warning: str = "",
    source_type: SourceType | None = None,
    objection: str = "",
    handlers: Handlers | None,
    say: Say = lambda _: None,
) -> str:
    """Publish a work of `handle` with these files, in order; the address of its page.

    What is not given comes from the profile. With `handlers` it waits until every picture is ready, doing the work itself
    where no server does it; without, it returns as soon as the work is written down. Raises a Problem in one sentence; a failed
    picture is one, and leaves a draft-like work behind that only its author sees.
    """
    async with site.db.read() as tx:
        artist = await actors.by_handle(tx, handle)
    if len(alts) > len(files):
        raise Problem(f"There are {len(alts)} descriptions for {len(files)} files.")
    for file in files:
        if not file.is_file():
            raise NotFound(f"{file} is not a file.")
    draft = artworks.Draft(
        title=title,
        text=description,
        tags=tuple(tag.lstrip("#") for tag in tags),
        rating=rating,
        warning=warning,
        audience=audience or artist.default_audience,
        licence=licence or artist.default_licence,
        reservation=reservation or _reservation(licence, artist),
        galleries=tuple(galleries),
        source_type=source_type,
        objection=objection,
    )
    async with site.db.write() as tx:
        post = await artworks.start(tx, artist, secrets.token_hex(16))
        post_id = post.id  # of a transaction that failed nothing can be read any more
    pictures = []
    try:
        for number, file in enumerate(files):
            say(f"{number + 1} of {len(files)}  {file.name}: storing")
            media = await uploads.accept(
                site, artist, await asyncio.to_thread(_copy, site, file), file.name, post_id=post_id
            )
            pictures.append(artworks.Picture(media.id, alts[number] if number < len(alts) else ""))
        async with site.db.write() as tx:
            post = await posts.mine(tx, post_id, artist)
            whole, rule = replace(draft, pictures=tuple(pictures)), site.settings.rights.generated
            await artworks.publish(tx, post, whole, urls=site.urls, generated_rule=rule)
            address = site.urls.post_page(await posts.get(tx, post.id, artist))
            is_held = post.held_at is not None
    except Problem:
        # Whoever types a command again expects to begin again: nothing is left behind.
        await _forget(site, post_id, artist)
        raise
    if is_held:
        say("A moderator looks at it first, because a generator made it or a part of it. You get a letter.")
    if handlers is not None:
        await _wait(site, [picture.media_id for picture in pictures], handlers, say)
    return address


def _reservation(licence: Licence | None, artist: Actor) -> Reservation:
    """The artist's own, unless the licence gives up all rights and leaves nothing to reserve."""
    return Reservation.OPEN if licence in (Licence.CC0, Licence.PDM) else artist.default_reservation


def _copy(site: Site, file: Path) -> Path:
    target = site.incoming / f"post-{secrets.token_hex(8)}"
    shutil.copyfile(file, target)
    return target


async def _forget(site: Site, post_id: int, artist: Actor) -> None:
    async with site.db.write() as tx:
        try:
            keys = await posts.remove(tx, await posts.mine(tx, post_id, artist), artist)
        except NotFound:
            return
    for key in keys:
        await asyncio.to_thread(site.storage.delete, key)


async def _wait(site: Site, media_ids: list[int], handlers: Handlers, say: Say) -> None:
    said: dict[int, MediaState] = {}
    while True:
        await worker.drain(site, handlers, ("render",))
        async with site.db.read() as tx:
            found = list(await tx.scalars(select(Media).where(Media.id.in_(media_ids)).order_by(Media.position)))
        for number, media in enumerate(found):
            if said.get(media.id) is not media.state:
                said[media.id] = media.state
                say(f"{number + 1} of {len(found)}  {media.name}: {WORDS[media.state]}")
        failed = [media for media in found if media.state is MediaState.FAILED]
        if failed:
            raise Invalid(pictures=f"{failed[0].name}: {failed[0].failure}")
        if all(media.state is MediaState.READY for media in found):
            return
        await asyncio.sleep(PAUSE)


WORDS = {
    MediaState.WAITING: "waiting",
    MediaState.MADE: "being prepared",
    MediaState.SHOWN: "can be seen",
    MediaState.READY: "ready",
    MediaState.FAILED: "failed",
}
