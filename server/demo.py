"""`cartellino demo`: a populated house to look around in, in DATA/demo. It can be repeated: what is there stays.

For a person at the same machine only: everybody's password is printed, so a bind that is not loopback is refused (decision 4).
"""

import asyncio
import importlib
import ipaddress
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import select

from server import accounts, actors, artworks, favourites, follows, galleries, notes, posts, uploads, worker
from server.errors import Problem
from server.models import (
    Account,
    Actor,
    Audience,
    Gallery,
    Licence,
    Media,
    Post,
    Purpose,
    Rating,
    Reservation,
    Role,
)
from server.settings import Settings
from server.site import Site
from server.worker import Handlers

PASSWORD = "a gallery of our own"  # printed at every start: the demo is for one person at one machine
ADMIN = "ines"


def settings_for(chosen: Settings) -> Settings:
    """The same house with its data in DATA/demo and its database there too; raises Problem unless it listens on loopback."""
    bind = chosen.server.bind
    if bind != "localhost" and not ipaddress.ip_address(bind).is_loopback:
        raise Problem(f"The demo prints everybody's password, so it listens on this machine alone; not on {bind}.")
    database = chosen.database.model_copy(update={"url": ""})
    return chosen.model_copy(update={"data_dir": chosen.data_dir / "demo", "database": database})


async def populate(site: Site, handlers: Handlers) -> None:
    """Six artists, forty works, galleries, comments, follows and likes, and the sign-ins on stdout."""
    art = _art()
    folder = site.settings.data_dir / "art"
    await asyncio.to_thread(art.paint, folder, _say)
    people = {}
    for artist in art.ARTISTS:
        people[artist.handle] = await _artist(site, artist, folder)
    works = {}
    for number, piece in enumerate(_order(art.WORKS), 1):
        works[piece.key] = await _work(site, people[piece.artist], piece, folder)
        _say(f"hanging {piece.title}", number, len(art.WORKS))
    await _galleries(site, people, art)
    await _prepare(site, handlers)
    await _company(site, people, works, art)
    for artist in art.ARTISTS:
        role = ", who looks after the house" if artist.handle == ADMIN else ""
        print(f"Sign-in: {artist.handle} · {PASSWORD}{role}", flush=True)


def _art() -> ModuleType:
    """The painter. It needs numpy, which only the demo installs, so it is fetched when it is wanted and not before."""
    try:
        return importlib.import_module("server.demo_art")
    except ModuleNotFoundError as missing:
        raise Problem(f"The demo paints its pictures with {missing.name}: start it with `make demo`.") from missing


def _say(what: str, done: int, total: int) -> None:
    print(f"{done:>3} of {total}  {what}", file=sys.stderr, flush=True)


def _order(pieces: Sequence[Any]) -> list[Any]:
    """The first of the list is hung last and so is the newest; the artists alternate, so that a wall of all shows them all."""
    of: dict[str, list[Any]] = {}
    for piece in pieces:
        of.setdefault(piece.artist, []).append(piece)
    places = [(place / len(works), works[place]) for works in of.values() for place in range(len(works))]
    return [piece for _, piece in sorted(places, key=lambda pair: pair[0], reverse=True)]


async def _artist(site: Site, artist: Any, folder: Path) -> Actor:
    async with site.db.read() as tx:
        found = await actors.find(tx, artist.handle)
    if found is not None:
        return found
    role = Role.ADMIN if artist.handle == ADMIN else Role.MEMBER
    account: Account = await accounts.create_by_hand(
        site,
        handle=artist.handle,
        email=f"{artist.handle}@demo.invalid",
        password=PASSWORD,
        role=role,
        name=artist.name,
    )
    links = tuple(actors.Link(label, url) for label, url in artist.links)
    face = await uploads.accept(
        site, account.actor, _copy(site, folder / artist.face), artist.face, purpose=Purpose.FACE
    )
    async with site.db.write() as tx:
        actor = await tx.get_one(Actor, account.actor_id)
        profile = actors.Profile(artist.name, artist.lede, artist.about, artist.place, links)
        await actors.edit(tx, actor, profile)
        actor.default_reservation = Reservation(artist.reservation)
        await actors.set_face(tx, actor, await tx.get_one(Media, face.id))
    return actor


async def _work(site: Site, artist: Actor, piece: Any, folder: Path) -> int:
    """Hang one work unless it hangs already; its id."""
    key = f"demo-{piece.key}"
    async with site.db.read() as tx:
        found = await tx.scalar(select(Post).where(Post.author_id == artist.id, Post.form_key == key))
    if found is not None and found.published_at is not None:
        return found.id
    async with site.db.write() as tx:
        post = await artworks.start(tx, artist, key)
    hung = []
    for picture in piece.pictures:
        media = await uploads.accept(site, artist, _copy(site, folder / picture.file), picture.file, post_id=post.id)
        hung.append(artworks.Picture(media.id, picture.alt, *picture.focus))
    captions = [picture.caption for picture in piece.pictures if picture.caption]
    draft = artworks.Draft(
        title=piece.title,
        text="\n\n".join([piece.description, *captions]),
        medium=piece.medium,
        tools=piece.tools,
        year=piece.year,
        size=piece.size,
        tags=piece.tags,
        rating=Rating(piece.rating),
        warning=piece.content_warning,
        audience=Audience.EVERYONE,
        licence=Licence(piece.licence),
        reservation=Reservation(piece.reservation),
        galleries=piece.galleries,
        pictures=tuple(hung),
    )
    async with site.db.write() as tx:
        post = await posts.mine(tx, post.id, artist)
        await artworks.publish(tx, post, draft, urls=site.urls)
    return post.id


def _copy(site: Site, file: Path) -> Path:
    """Uploads are moved into the store; the painted file stays for the next time."""
    target = site.incoming / f"demo-{file.name}"
    shutil.copyfile(file, target)
    return target


async def _galleries(site: Site, people: dict[str, Actor], art: ModuleType) -> None:
    async with site.db.write() as tx:
        for wanted in art.GALLERIES:
            owner = people[wanted.artist]
            same = select(Gallery).where(Gallery.owner_id == owner.id, Gallery.name == wanted.name)
            if (gallery := await tx.scalar(same)) is not None and not gallery.text:
                await galleries.edit(tx, gallery, wanted.name, wanted.description)


async def _prepare(site: Site, handlers: Handlers) -> None:
    """Make the sizes that pages show; the AVIF ones follow while the server runs."""
    print("Preparing the pictures …", file=sys.stderr, flush=True)
    hands = [
        asyncio.create_task(worker.drain(site, handlers, ("render",))) for _ in range(site.settings.uploads.parallel)
    ]
    await asyncio.gather(*hands)


async def _company(site: Site, people: dict[str, Actor], works: dict[str, int], art: ModuleType) -> None:
    said: dict[str, int] = {}
    for comment in art.COMMENTS:
        author = people[comment.author]
        async with site.db.write() as tx:
            above = await posts.get(tx, said.get(comment.answers) or works[comment.work], author)
            note = notes.Note(comment.text, reply_to=above)
            written = await notes.write(tx, author, note, f"demo-{comment.key}", urls=site.urls)
        said[comment.key] = written.id
    async with site.db.write() as tx:
        for follower, followed in art.FOLLOWS:
            await follows.follow(tx, people[follower], people[followed])
        for person, key in art.LIKES:
            await favourites.add(tx, people[person], await posts.get(tx, works[key], people[person]))
