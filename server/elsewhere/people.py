"""People of other servers: their rows, their keys and their faces; and how they go."""

import logging

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import cache, clock, hosts, ids, origins, posts
from server.db import insert_once
from server.elsewhere.read import Person
from server.errors import GiveUp
from server.models import (
    Actor,
    Favourite,
    Follow,
    Media,
    Mention,
    Notification,
    Origin,
    Post,
    PublicKey,
    Purpose,
    Rating,
)

log = logging.getLogger(__name__)

LONGEST_NAME = 120
# Rows that one round of `forget_person` touches by name; the rest is one statement for all.
BATCH = 500


async def put_person(tx: AsyncSession, person: Person, *, confirmed: bool = False) -> Actor:
    """Write down what somebody's own server says of them: insert or update by `uri`. Keys and face become those of the document.

    A handle is one person. `confirmed` says that WebFinger gave the handle to this very uri: then whoever had it before loses
    it. Unconfirmed, the newcomer gets a name that is told apart. Whoever was gone and is served again is back.
    """
    row = await _row(tx, person.uri)
    handle = await _handle(tx, person, confirmed)
    if row is None:
        host = origins.host(person.uri)
        new = Actor(uri=person.uri, handle=handle, domain=person.domain, kind=person.kind, host=host)
        new.created_at = person.published if person.published and person.published < clock.now() else clock.now()
        await insert_once(tx, new)
        row = await _row(tx, person.uri)
        if row is None:  # somebody took the handle at this very moment
            new.handle = _apart(person.handle)
            await insert_once(tx, new)
            row = await _row(tx, person.uri)
        if row is None:
            raise GiveUp(f"{person.uri} could not be written down.")
        handle = row.handle
    row.handle, row.domain, row.kind = handle, person.domain, person.kind
    row.host = origins.host(person.uri)
    row.host_level = await hosts.level(tx, row.host, row.domain)
    row.name, row.about, row.about_html = person.name[:LONGEST_NAME], person.about, person.about_html
    row.links = [{"label": link.label, "url": link.url, "words": link.words} for link in person.links]
    row.page, row.inbox, row.shared_inbox, row.outbox = person.page, person.inbox, person.shared_inbox, person.outbox
    row.followers, row.featured = person.followers, person.featured
    row.approves_follows = person.locked
    row.fetched_at, row.gone_at = clock.now(), None
    await tx.flush()
    await _put_keys(tx, row, person)
    await _put_face(tx, row, person.icon)
    return row


async def forget_person(tx: AsyncSession, uri: str) -> None:
    """Somebody is gone, as their own server says: their posts leave tombstones, their follows, likes, boosts and keys go.

    The row stays with `gone_at`, so that nothing of theirs comes back. Files of their pictures are left to `sweep`.
    """
    row = await _row(tx, uri)
    if row is None:
        return
    await _forget_likes(tx, row)
    await _forget_boosts(tx, row)
    await _forget_posts(tx, row)
    mine: list[tuple[type[Follow | Notification | PublicKey | Mention], ColumnElement[bool]]] = [
        (Follow, or_(Follow.follower_id == row.id, Follow.followed_id == row.id)),
        (Notification, Notification.from_id == row.id),
        (PublicKey, PublicKey.actor_id == row.id),
        (Mention, Mention.actor_id == row.id),
    ]
    for table, condition in mine:
        await tx.execute(delete(table).where(condition).execution_options(synchronize_session=False))
    row.face_id = None
    await tx.flush()
    await posts.drop_pictures(tx, list(await tx.scalars(select(Media).where(Media.owner_id == row.id))))
    row.name = row.about = row.about_html = row.page = ""
    row.links = []
    row.gone_at = row.gone_at or clock.now()
    await tx.flush()


async def _row(tx: AsyncSession, uri: str) -> Actor | None:
    query = select(Actor).where(Actor.uri == uri).with_for_update()
    found: Actor | None = await tx.scalar(query.execution_options(populate_existing=True))
    return found


async def _handle(tx: AsyncSession, person: Person, confirmed: bool) -> str:
    """The handle under which `person` can stand here; takes it away from another uri where theirs is confirmed."""
    # Both sides in the words of the database, as its index has them: SQLite knows the capitals of ASCII alone.
    this = (func.lower(Actor.handle) == func.lower(person.handle), Actor.domain == person.domain)
    other = await tx.scalar(select(Actor).where(*this, Actor.uri != person.uri).with_for_update())
    if other is None:
        return person.handle
    log.warning("a handle has two owners", extra={"handle": f"{person.handle}@{person.domain}", "confirmed": confirmed})
    if not confirmed:
        kept = await tx.scalar(select(Actor.handle).where(Actor.uri == person.uri, Actor.domain == person.domain))
        return kept or _apart(person.handle)
    other.handle = _apart(other.handle)
    await tx.flush()
    return person.handle


def _apart(handle: str) -> str:
    return f"{handle[:90]}-{ids.new()}"


async def _put_keys(tx: AsyncSession, row: Actor, person: Person) -> None:
    """The keys that the document lists, and no others. A key that another actor lists already stays theirs."""
    listed = {key.uri: key for key in person.keys if _is_theirs(key.uri, person.uri)}
    gone = delete(PublicKey).where(PublicKey.actor_id == row.id, PublicKey.uri.not_in(listed))
    await tx.execute(gone.execution_options(synchronize_session=False))
    for uri in sorted(listed):
        key = listed[uri]
        values = {"kind": key.kind, "der": key.der, "fetched_at": clock.now()}
        if await insert_once(tx, PublicKey(uri=uri, actor_id=row.id, **values)):
            continue
        own = update(PublicKey).where(PublicKey.uri == uri, PublicKey.actor_id == row.id)
        await tx.execute(own.values(**values).execution_options(synchronize_session=False))


def _is_theirs(key: str, actor: str) -> bool:
    """Whether the server that speaks for the actor also speaks for the key (security.md row 2)."""
    try:
        return origins.origin(key) == origins.origin(actor)
    except GiveUp:
        return False


async def _put_face(tx: AsyncSession, row: Actor, icon: str) -> None:
    before = await tx.get(Media, row.face_id) if row.face_id else None
    if (before.source if before else "") == icon:
        return
    row.face_id = None
    await tx.flush()
    if before is not None:
        await posts.drop_pictures(tx, [before])  # the files are left to `sweep`
    if icon:
        face = Media(id=ids.new(), owner_id=row.id, purpose=Purpose.FACE, source=icon, width=1, height=1)
        tx.add(face)
        await tx.flush()
        row.face_id = face.id
        await tx.flush()
        await cache.want(tx, face.id)


async def _forget_likes(tx: AsyncSession, row: Actor) -> None:
    liked = select(Favourite.post_id).where(Favourite.actor_id == row.id)
    fewer = update(Post).where(Post.id.in_(liked)).values(likes=Post.likes - 1)
    await tx.execute(fewer.execution_options(synchronize_session=False))
    gone = delete(Favourite).where(Favourite.actor_id == row.id)
    await tx.execute(gone.execution_options(synchronize_session=False))


async def _forget_boosts(tx: AsyncSession, row: Actor) -> None:
    theirs = and_(Post.author_id == row.id, Post.boost_of_id.is_not(None))
    boosted = select(Post.boost_of_id).where(theirs)
    fewer = update(Post).where(Post.id.in_(boosted)).values(boosts=Post.boosts - 1)
    await tx.execute(fewer.execution_options(synchronize_session=False))
    await tx.execute(delete(Post).where(theirs).execution_options(synchronize_session=False))


async def _forget_posts(tx: AsyncSession, row: Actor) -> None:
    """Tombstones of everything that is left of theirs, in batches of which each is a handful of statements."""
    living = select(Post.id).where(Post.author_id == row.id, Post.deleted_at.is_(None)).order_by(Post.id).limit(BATCH)
    while some := list(await tx.scalars(living)):
        counted = (Post.id.in_(some), Post.reply_to_id.is_not(None), Post.audience.in_(posts.OPEN))
        answers = select(Post.reply_to_id, func.count()).where(*counted, Post.published_at.is_not(None))
        for post_id, count in (await tx.execute(answers.group_by(Post.reply_to_id))).all():
            if post_id is not None:
                await posts.answered(tx, post_id, -count)
        await posts.drop_pictures(tx, list(await tx.scalars(select(Media).where(Media.post_id.in_(some)))))
        for table, column in posts.GOES_WITH_IT:
            await tx.execute(delete(table).where(column.in_(some)).execution_options(synchronize_session=False))
        said = update(Origin).where(Origin.post_id.in_(some)).values(raw={}, reply_to_uri="")
        await tx.execute(said.execution_options(synchronize_session=False))
        shown = delete(Post).where(Post.boost_of_id.in_(some))
        await tx.execute(shown.execution_options(synchronize_session=False))
        emptied = {"text": "", "html": "", "warning": "", "rating": Rating.GENERAL, "likes": 0, "boosts": 0}
        values = {**emptied, "pinned_at": None, "deleted_at": clock.now()}
        bury = update(Post).where(Post.id.in_(some)).values(**values)
        await tx.execute(bury.execution_options(synchronize_session=False))
