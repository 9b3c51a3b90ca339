"""Works on a wall without the work of preparing pictures: rows as they are once everything is ready. Nothing is decoded."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from server import clock, ids, notes, posts
from server.models import (
    Account,
    Artwork,
    Audience,
    Kind,
    Media,
    MediaState,
    Post,
    Rating,
    Rendition,
    RenditionPurpose,
)
from server.notes import Note
from server.site import Site

SIZES = (
    (RenditionPurpose.WALL, "avif", 320), (RenditionPurpose.WALL, "avif", 640), (RenditionPurpose.WALL, "avif", 960),
    (RenditionPurpose.WALL, "avif", 1280), (RenditionPurpose.WALL, "webp", 320), (RenditionPurpose.WALL, "webp", 640),
    (RenditionPurpose.STAGE, "webp", 1280), (RenditionPurpose.STAGE, "webp", 2048), (RenditionPurpose.FEDERATION, "jpeg", 2048),
)  # fmt: skip


async def hang(
    site: Site,
    account: Account,
    title: str = "The Last Ferry",
    *,
    audience: Audience = Audience.EVERYONE,
    rating: Rating = Rating.GENERAL,
    warning: str = "",
    pictures: int = 1,
    published: bool = True,
    ready: bool = True,
    state: MediaState = MediaState.READY,
    alt: str = "A small lit ferry heads for the setting sun.",
    **said: Any,
) -> Post:
    """A work of `account`, published and ready unless told otherwise."""
    now = clock.now()
    async with site.db.write() as tx:
        post = Post(
            id=ids.new(), kind=Kind.WORK, author_id=account.actor_id, thread_id=0, audience=audience, rating=rating,
            warning=warning, published_at=now if published else None, ready_at=now if published and ready else None,
            was_public=audience is Audience.EVERYONE,
        )  # fmt: skip
        post.thread_id = post.id
        tx.add(post)
        await tx.flush()
        tx.add(Artwork(post_id=post.id, title=title, **said))
        for place in range(pictures):
            await _picture(tx, account, post, place, state, alt)
    return post


async def _picture(tx: Any, account: Account, post: Post, place: int, state: MediaState, alt: str) -> None:
    media = Media(
        id=ids.new(), owner_id=account.actor_id, post_id=post.id, position=place, state=state, alt=alt, name="ferry.png",
        master_key=f"masters/{secrets.token_hex(8)}", master_hash="0" * 64, master_bytes=1, format="png", width=2400,
        height=1600, colour="#5b6269", focus_x=0.3, focus_y=0.7,
    )  # fmt: skip
    tx.add(media)
    await tx.flush()
    if state in (MediaState.SHOWN, MediaState.READY):
        for purpose, form, width in SIZES:
            digest = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
            tx.add(
                Rendition(
                    media_id=media.id,
                    purpose=purpose,
                    format=form,
                    width=width,
                    height=width * 2 // 3,
                    bytes=1000,
                    hash=digest,
                    key=f"media/{digest}",
                )
            )
    await tx.flush()


async def say(
    site: Site, account: Account, text: str, above: Post | None = None, audience: Audience = Audience.EVERYONE
) -> Post:
    """A note of `account`, or an answer to `above`."""
    async with site.db.write() as tx:
        if above is not None:
            above = await posts.get(tx, above.id, account.actor)
        note = Note(text, "", audience, above)
        return await notes.write(tx, account.actor, note, secrets.token_urlsafe(18), urls=site.urls)


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """What the database is asked while the block runs; begin and end of transactions are not counted."""
    seen: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.upper().startswith(("BEGIN", "PRAGMA", "SET ")):
            seen.append(statement)

    engines = [engine.sync_engine for engine in (site.db._reader, site.db._writer)]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", listen)
