"""Posts of other servers: their rows, what they answer, whom they name; and how they go.

Only what the author's own server says of a post is ever written here, so that nobody else can change whom it is for (security.md
rows 22 and 26). A state is as new as its `updated`; an older one never wins (row 35).
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, NamedTuple

from sqlalchemy import Select, String, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, make_transient_to_detached
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from server import boosts, clock, ids, jobs, notifications, origins, posts, tags
from server.db import changed, insert_once
from server.elsewhere import hanging
from server.elsewhere.read import Piece
from server.errors import GiveUp
from server.models import (
    Actor,
    Audience,
    Follow,
    Hearing,
    HostLevel,
    Id,
    Kind,
    Mention,
    Origin,
    Post,
    Rating,
    Tombstone,
)
from server.urls import Urls

# What is older than this when it is first seen here was fetched, and is no news to anybody.
NEWS = timedelta(days=30)
# Nobody delivers a post so long after they deleted it.
LATE = timedelta(days=90)
# Ids sort by time, and begin with 2026. What was published before shares the first 70 minutes of that year, by its second.
EARLY_BITS = 13
EARLIEST_OURS = 1 << 44
# So far from its parent, or from its first answer, lies a post whose own time does not fit between them: a millisecond of ids.
ROOM = 1 << ids.RANDOM_BITS
# Characters of JSON that are kept of a post as its own server wrote it.
MAX_RAW = 64_000
# How long what was answered elsewhere is taken to be all.
LOOKED = timedelta(minutes=10)


class Before(NamedTuple):
    """What is here of a post before it is written down, and of its author."""

    is_buried: bool  # it was deleted before it came
    is_here: bool  # there is a row of that uri
    is_answered: bool  # answers to it wait for it
    is_followed: bool  # somebody here follows its author
    is_wanted: bool  # somebody here follows its author, or asks to


async def before(tx: AsyncSession, uri: str, author: Actor) -> Before:
    """What is here of the post with that uri, which `author` wrote: in one question, since for most posts it is nothing."""
    return Before(*(await tx.execute(_BEFORE, {"post": uri, "writer": author.id})).one())


async def put_post(
    tx: AsyncSession, piece: Piece, author: Actor, *, urls: Urls, found: Before | None = None
) -> Post | None:
    """Write a post down, or its newer state; None for one that was deleted, and for authors who are gone.

    It is shown at once, its pictures come as they come. Who is named or answered here is told. `found` is what `before` said, for
    callers who asked already. Raises GiveUp for what another author owns, and for what claims to be ours (row 34).
    """
    if author.uri is None or urls.is_ours(piece.uri) or piece.author != author.uri:
        raise GiveUp("The post is not by whoever is said to have written it.")
    if origins.origin(piece.uri) != origins.origin(author.uri):
        raise GiveUp("The post lies on another server than its author.")
    if author.suspended_at is not None or author.host_level is HostLevel.SUSPEND:
        raise GiveUp("Nothing new comes from somebody who is suspended here.")  # row 48
    found = found or await before(tx, piece.uri, author)
    if author.gone_at is not None or found.is_buried:
        return None
    piece = _for_whom(piece, author)
    above = await _above(tx, piece, author, urls)
    below = await _waiting_for(tx, piece.uri) if found.is_answered else []
    post, is_new = await _row(tx, piece, author, above, below, is_here=found.is_here)
    if post.deleted_at is not None:
        return None
    if not is_new and not _is_newer(piece, post):
        return post
    if not is_new and not piece.reply_to:
        piece = await _still_an_answer(tx, post, piece)
    was_counted = not is_new and _is_counted(post)
    if not is_new:
        _write(post, piece)
        await tx.flush()
    await _put_origin(tx, post, piece, is_linked=post.reply_to_id is not None, is_new=is_new)
    await hanging.put_work(tx, post, piece, is_new=is_new)
    await hanging.put_pictures(tx, post, piece, is_new=is_new, wanted=found.is_wanted)
    await tags.put(tx, post, piece.tags, is_new=is_new)
    named = await _put_mentions(tx, post, piece, urls, is_new=is_new)
    if post.reply_to_id is not None and _is_counted(post) != was_counted:
        await posts.answered(tx, post.reply_to_id, 1 if not was_counted else -1)
    if is_new:
        await _adopt(tx, post, below)
    await _tell(tx, post, author, above.author if is_new and above else None, named)
    return post


def _for_whom(piece: Piece, author: Actor) -> Piece:
    """A post is for followers where one of its addresses is exactly the collection that its author's own document names.

    Whatever else looks like a list of followers is somebody else's: then only those who are named may see it (row 26).
    """
    is_theirs = bool(author.followers) and author.followers in piece.addressed
    if piece.audience is Audience.MENTIONED and is_theirs:
        return replace(piece, audience=Audience.FOLLOWERS)
    return piece


async def _still_an_answer(tx: AsyncSession, post: Post, piece: Piece) -> Piece:
    """What came as an answer stays one in its conversation, though a later state does not say so: it never becomes a work."""
    missing = await tx.scalar(select(Origin.reply_to_uri).where(Origin.post_id == post.id)) or ""
    if post.reply_to_id is None and not missing:
        return piece
    title = f"<p><strong>{escape(piece.title)}</strong></p>" if piece.title else ""
    words = "\n".join(part for part in (piece.title, piece.words) if part)
    return replace(piece, kind=Kind.NOTE, reply_to=missing, title="", html=title + piece.html, words=words)


async def forget_post(tx: AsyncSession, uri: str, by: Actor) -> list[str]:
    """`by` deleted a post of theirs. What was never here leaves a tombstone, in case that it still arrives (row 35).

    Returns the storage keys to delete after the commit; `sweep` finds what is left over. Raises GiveUp for a post of somebody
    else (row 23).
    """
    if by.uri is None or origins.origin(uri) != origins.origin(by.uri):
        raise GiveUp("It is not theirs to delete.")
    post = await tx.scalar(select(Post).where(Post.uri == uri).with_for_update())
    if post is None:
        await insert_once(tx, Tombstone(uri=uri, deleted_at=clock.now()))
        return []
    if post.author_id != by.id:
        raise GiveUp("It is not theirs to delete.")
    if post.deleted_at is not None:
        return []
    if post.kind is Kind.BOOST:  # some servers delete their Announce instead of undoing it
        await boosts.remove(tx, by, await tx.get_one(Post, post.boost_of_id))
        return []
    said = update(Origin).where(Origin.post_id == post.id).values(raw={}, reply_to_uri="")
    await tx.execute(said.execution_options(synchronize_session=False))
    return await posts.remove(tx, post, by)


async def forget(tx: AsyncSession) -> None:
    """Remove tombstones of posts that were never here and whose Create will not come any more; for the hourly sweep."""
    old = delete(Tombstone).where(Tombstone.deleted_at < clock.now() - LATE)
    await tx.execute(old.execution_options(synchronize_session=False))


# -- the row -------------------------------------------------------------------------------------------------------------
async def _row(
    tx: AsyncSession, piece: Piece, author: Actor, above: Post | None, below: list[Post], *, is_here: bool
) -> tuple[Post, bool]:
    """The row of this uri, locked, and whether it is new: then it is written whole. Raises GiveUp where it is somebody else's."""
    query = select(Post).where(Post.uri == piece.uri).with_for_update().execution_options(populate_existing=True)
    for attempt in range(8):  # an id of that very moment may be taken; another one is not
        found: Post | None = await tx.scalar(query) if is_here or attempt else None
        if found is not None:
            if found.author_id != author.id or found.kind is Kind.BOOST:
                raise GiveUp("The post is somebody else's.")
            return found, False
        # Between two neighbours there may be no place at all: then it stands after what it answers.
        post_id = _id(_published(piece), above, below if attempt < 4 else [])
        row = _new(piece, author, post_id, above)
        if await insert_once(tx, row):
            # What it holds is what was written: there is no need to read it again.
            make_transient_to_detached(row)
            tx.add(row)
            return row, True
    raise GiveUp("The post could not be written down.")


def _new(piece: Piece, author: Actor, post_id: int, above: Post | None) -> Post:
    """A row with all its columns, so that the object is as good as one that was read."""
    row = Post(**_BLANK)
    row.id, row.uri, row.author_id = post_id, piece.uri, author.id
    row.reply_to_id = above.id if above else None
    row.thread_id = above.thread_id if above else post_id
    row.published_at = row.created_at = _published(piece)
    row.ready_at = clock.now()
    _write(row, piece)
    return row


def _id(published: datetime, above: Post | None, below: list[Post]) -> int:
    """An id that sorts by when it was published: after what it answers, before what answers it."""
    if published < ids.EPOCH:
        found = int(max(0.0, published.timestamp())) << EARLY_BITS | secrets.randbits(EARLY_BITS)
    else:
        found = max(ids.at(published), EARLIEST_OURS) | secrets.randbits(ids.RANDOM_BITS)
    low = above.id + 1 if above is not None else 1
    high = min(post.id for post in below) - 1 if below else None
    # Clocks go wrong, and most servers state whole seconds: many answers may say that they are older than what they answer.
    room = ROOM if high is None or high < low else min(ROOM, high - low + 1)
    if high is not None and found > high >= low:
        found = high - secrets.randbelow(room)
    if found < low:
        found = low + secrets.randbelow(room)
    return found


def _published(piece: Piece) -> datetime:
    """When it was published; a clock that is ahead does not put a post above all others."""
    return min(piece.published, clock.now())


def _edited(piece: Piece) -> datetime | None:
    """When it was changed; not later than now, so that a clock that is ahead does not keep out what follows."""
    return min(piece.updated, clock.now()) if piece.updated else None


def _is_newer(piece: Piece, post: Post) -> bool:
    """Whether `piece` is at least as new as what is stored: an edit that does not say when is as old as the post."""
    stored = post.edited_at or post.published_at
    return stored is None or (_edited(piece) or _published(piece)) >= stored


def _is_counted(post: Post) -> bool:
    return post.reply_to_id is not None and post.audience in posts.OPEN


def _write(post: Post, piece: Piece) -> None:
    post.kind, post.audience = piece.kind, piece.audience
    post.text, post.html, post.warning = piece.words, piece.html, piece.warning[:300]
    # Most servers call everything sensitive that has a warning; where there is none, that word is all we know.
    post.rating = Rating.MATURE if piece.sensitive and not piece.warning else Rating.GENERAL
    post.was_public = post.was_public or piece.audience in posts.OPEN
    post.edited_at = _edited(piece)
    post.saved_at = clock.now()


async def _put_origin(tx: AsyncSession, post: Post, piece: Piece, *, is_linked: bool, is_new: bool) -> None:
    values = {
        "page": piece.page,
        "context": piece.context,
        "raw": _bounded(piece.raw),
        "reply_to_uri": "" if is_linked else piece.reply_to,
        "fetched_at": clock.now(),
    }
    if is_new:
        await tx.execute(insert(_ORIGINS), {"post_id": post.id, **values})
        return
    if not await insert_once(tx, Origin(post_id=post.id, **values)):
        kept = await tx.get_one(Origin, post.id, populate_existing=True)
        for name, value in values.items():
            setattr(kept, name, value)
    await tx.flush()


def _bounded(raw: dict[str, Any]) -> dict[str, Any]:
    """What its server wrote, without the largest members where it wrote more than MAX_RAW characters: a disk is soon full of
    what strangers send, and what is shown of it stands in columns of its own."""
    sizes = {name: len(json.dumps(value)) + len(name) for name, value in raw.items()}
    kept = dict(raw)
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if sum(sizes[name] for name in kept) <= MAX_RAW:
            break
        del kept[name]
    return kept


def is_stale(post: Post) -> bool:
    """Whether it is time to ask again what was answered elsewhere; needs `post.origin`."""
    return post.origin is not None and post.origin.fetched_at < clock.now() - LOOKED


async def look_again(tx: AsyncSession, post: Post) -> None:
    """Somebody here opened the page of a post of another server: ask there what was answered meanwhile, now and then."""
    stale = update(Origin).where(Origin.post_id == post.id, Origin.fetched_at < clock.now() - LOOKED)
    if post.uri is not None and await changed(tx, stale.values(fetched_at=clock.now())):
        await jobs.ensure(tx, [jobs.Fetch("thread", post.uri)])


# -- conversations -------------------------------------------------------------------------------------------------------
async def _above(tx: AsyncSession, piece: Piece, author: Actor, urls: Urls) -> Post | None:
    """What the piece answers, where it is here. To a post of ours only those are linked who may see it: nobody puts words below
    what is not for them, or below the posts of somebody who blocks them."""
    if not piece.reply_to:
        return None
    if not urls.is_ours(piece.reply_to):
        there = select(Post).where(Post.uri == piece.reply_to, Post.kind != Kind.BOOST)
        found: Post | None = await tx.scalar(there.options(joinedload(Post.author)))
        return found
    number = urls.parse_post(piece.reply_to)
    found = await posts.find(tx, number, author) if number else None
    return found if found is not None and found.is_local and found.kind is not Kind.BOOST else None


async def _waiting_for(tx: AsyncSession, uri: str) -> list[Post]:
    """Answers to `uri` that came before it."""
    query = select(Post).join(Origin, Origin.post_id == Post.id)
    waiting = query.where(Origin.reply_to_uri == uri, Post.reply_to_id.is_(None), Post.deleted_at.is_(None))
    return list(await tx.scalars(waiting.limit(posts.MAX_REPLIES)))


async def _adopt(tx: AsyncSession, post: Post, below: list[Post]) -> None:
    """Link the answers that were waiting, with everything below them, to the post that they answer."""
    for answer in below:
        if answer.thread_id == post.thread_id:
            continue  # the post itself is below this one: two posts that claim to answer each other
        moved = update(Post).where(Post.thread_id == answer.thread_id).values(thread_id=post.thread_id)
        await tx.execute(moved.execution_options(synchronize_session=False))
        linked = update(Post).where(Post.id == answer.id).values(reply_to_id=post.id)
        await tx.execute(linked.execution_options(synchronize_session=False))
        found = update(Origin).where(Origin.post_id == answer.id).values(reply_to_uri="")
        await tx.execute(found.execution_options(synchronize_session=False))
        if answer.audience in posts.OPEN:
            await posts.answered(tx, post.id)


# -- people --------------------------------------------------------------------------------------------------------------
async def _put_mentions(tx: AsyncSession, post: Post, piece: Piece, urls: Urls, *, is_new: bool) -> list[Actor]:
    """Whom the post names, as far as they are known here. Returns those of ours who were not named before.

    What is not for everybody also names whom it is addressed to: some servers send letters without a Mention.
    """
    addressed = [] if piece.audience in posts.OPEN else _addressed(piece, urls)
    wanted = list(dict.fromkeys((*piece.mentions, *addressed)))[: posts.MAX_MENTIONS]
    if is_new and not wanted:
        return []
    people = await _local(tx, [uri for uri in wanted if urls.is_ours(uri)], urls)
    if there := [uri for uri in wanted if not urls.is_ours(uri)]:
        people += list(await tx.scalars(select(Actor).where(Actor.uri.in_(there))))
    named = {person.id: person for person in people if person.id != post.author_id}
    if not is_new:
        gone = delete(Mention).where(Mention.post_id == post.id, Mention.actor_id.not_in(named))
        await tx.execute(gone.execution_options(synchronize_session=False))
    fresh = [named[i] for i in sorted(named) if await insert_once(tx, Mention(post_id=post.id, actor_id=i))]
    return [person for person in fresh if person.uri is None]


def _addressed(piece: Piece, urls: Urls) -> list[str]:
    """People of ours in `to` and `cc`."""
    listed = [piece.raw.get(name) for name in ("to", "cc")]
    flat = [uri for value in listed for uri in (value if isinstance(value, list) else [value])]
    return [uri for uri in flat if isinstance(uri, str) and urls.parse_actor(uri)]


async def _local(tx: AsyncSession, uris: Iterable[str], urls: Urls) -> list[Actor]:
    handles = [handle.lower() for uri in uris if (handle := urls.parse_actor(uri))]
    if not handles:
        return []
    return list(await tx.scalars(_LOCAL, {"handles": handles}))


async def _tell(tx: AsyncSession, post: Post, author: Actor, answered: Actor | None, named: list[Actor]) -> None:
    """Tell whoever is answered or named here, as far as they may see it. What was only fetched later is no news."""
    if post.published_at is None or post.published_at < clock.now() - NEWS:
        return
    heard = {person.id: (person, Hearing.MENTION) for person in named}
    if answered is not None and answered.uri is None:
        heard[answered.id] = (answered, Hearing.REPLY)
    for person, hearing in heard.values():
        if await posts.may_see(tx, post.id, person):
            await notifications.notify(tx, person, hearing, author, post)


# -- statements that are built once: every post that comes in asks them ------------------------------------------------------
_ORIGINS: Any = Origin.__table__
# Every column of a post with what stands in it where nobody says otherwise.
_BLANK = {
    column.key: column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else None
    for column in Post.__table__.columns
}
_LOCAL = select(Actor).where(
    Actor.domain.is_(None), Actor.uri.is_(None), func.lower(Actor.handle).in_(bindparam("handles", expanding=True))
)


def _before() -> Select[Any, Any, Any, Any, Any]:
    uri, writer = bindparam("post", type_=String), bindparam("writer", type_=Id)
    follows = exists().where(Follow.followed_id == writer, Actor.id == Follow.follower_id, Actor.uri.is_(None))
    return select(
        exists().where(Tombstone.uri == uri),
        exists().where(Post.uri == uri),
        exists().where(Origin.reply_to_uri == uri),
        follows.where(Follow.accepted.is_(True)),
        follows,
    )


_BEFORE = _before()
