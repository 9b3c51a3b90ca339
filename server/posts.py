"""Who may see a post, how it is found, and how it goes. Works and notes alike; there is no second rule anywhere."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from server import actors, clock, text
from server.errors import Gone, Invalid, NotFound
from server.models import (
    Account,
    Actor,
    Artwork,
    Audience,
    Block,
    Favourite,
    Follow,
    Hanging,
    Media,
    Mention,
    Post,
    PostTag,
    Rating,
    Rendition,
)
from server.urls import Urls

# What everybody with the address may see; only of such a post it is said later that it was removed (decision 19).
OPEN = (Audience.EVERYONE, Audience.UNLISTED)
Query = TypeVar("Query", bound=Select[Any])

MAX_MENTIONS = 50  # security.md, table D
# A conversation is read whole up to this many answers; the oldest come first.
MAX_REPLIES = 1000


def visible_to(viewer: Actor | None) -> ColumnElement[bool]:
    """THE rule (decision 17): whether `viewer` (None: a stranger) may know of a post. Every exit filters by it.

    Authors see all of their own but what is deleted. Others see what is published, ready and not deleted, of people in good
    standing (row 45), where neither blocks the other: everyone's and unlisted posts, those for followers if they follow, and
    whatever names them.
    """
    finished = and_(Post.published_at.is_not(None), Post.ready_at.is_not(None), Post.deleted_at.is_(None))
    if viewer is None or viewer.suspended_at is not None:
        return and_(finished, Post.audience.in_(OPEN), _author_in_good_standing())
    follows = _is_there(
        Follow.follower_id == viewer.id, Follow.followed_id == Post.author_id, Follow.accepted.is_(True)
    )
    named = _is_there(Mention.post_id == Post.id, Mention.actor_id == viewer.id)
    meant = or_(
        Post.audience.in_(OPEN),
        and_(Post.audience == Audience.FOLLOWERS, or_(follows, named)),
        and_(Post.audience == Audience.MENTIONED, named),
    )
    blocked = _is_there(
        or_(
            and_(Block.blocker_id == Post.author_id, Block.blocked_id == viewer.id),
            and_(Block.blocker_id == viewer.id, Block.blocked_id == Post.author_id),
        )
    )
    mine = and_(Post.author_id == viewer.id, Post.deleted_at.is_(None))
    return or_(mine, and_(finished, meant, ~blocked, _author_in_good_standing()))


def listed() -> ColumnElement[bool]:
    """What may stand on public walls, in feeds and in search: for everyone, published, ready, not deleted, not an answer."""
    return and_(
        Post.audience == Audience.EVERYONE,
        Post.published_at.is_not(None),
        Post.ready_at.is_not(None),
        Post.deleted_at.is_(None),
        Post.reply_to_id.is_(None),
        _author_in_good_standing(),
    )


def full(query: Query) -> Query:
    """Load with each post what pages and documents show: author and face, artwork, pictures, tags, people named."""
    return listing(query).options(selectinload(Post.tags), selectinload(Post.mentions))


def listing(query: Query) -> Query:
    """Load with each post what stands on a wall, in a feed or in a conversation: author and face, artwork, pictures."""
    return query.options(
        joinedload(Post.author).joinedload(Actor.face).selectinload(Media.renditions),
        joinedload(Post.artwork),
        selectinload(Post.media).selectinload(Media.renditions),
    )


async def get(tx: AsyncSession, post_id: int, viewer: Actor | None) -> Post:
    """The post, loaded with `full`.

    Raises Gone for what was public and has been removed; NotFound for everything else that the viewer may not see, so that
    nobody learns which of the reasons it was (security.md row 41).
    """
    if post_id >= 2**63:  # no id of ours, and more than a database can be asked for
        raise NotFound
    query = full(select(Post).where(Post.id == post_id, visible_to(viewer)))
    post: Post | None = await tx.scalar(query.execution_options(populate_existing=True))
    if post is not None:
        return post
    removed = select(Post.id).where(Post.id == post_id, Post.deleted_at.is_not(None), Post.was_public.is_(True))
    raise Gone if await tx.scalar(removed) is not None else NotFound


async def mine(tx: AsyncSession, post_id: int, author: Actor) -> Post:
    """One of the author's own posts, locked against changes from elsewhere; NotFound for everybody else's and for deleted."""
    query = select(Post).where(Post.id == post_id, Post.author_id == author.id, Post.deleted_at.is_(None))
    if await tx.scalar(query.with_for_update()) is None:
        raise NotFound
    return await get(tx, post_id, author)


async def remove(tx: AsyncSession, post: Post, actor: Actor) -> list[str]:
    """Leave a tombstone of `post`: its texts are emptied, its pictures, tags, places and likes go.

    Returns the storage keys to delete after the commit; `sweep` finds what is left over. Raises NotFound unless `actor` is the
    author: nobody learns what they might remove.
    """
    # The tombstone comes first and decides: of two that remove at once, the second finds nothing left to count down.
    emptied = {"text": "", "html": "", "warning": "", "rating": Rating.GENERAL, "likes": 0, "deleted_at": clock.now()}
    mine = update(Post).where(Post.id == post.id, Post.author_id == actor.id, Post.deleted_at.is_(None))
    mine = mine.values(**emptied).execution_options(synchronize_session="evaluate")
    if (await tx.execute(mine.returning(Post.id))).first() is None:
        raise NotFound
    keys = await drop_pictures(tx, await _pictures(tx, post))
    for table, column in (
        (Artwork, Artwork.post_id),
        (PostTag, PostTag.post_id),
        (Mention, Mention.post_id),
        (Hanging, Hanging.post_id),
        (Favourite, Favourite.post_id),
    ):
        await tx.execute(delete(table).where(column == post.id).execution_options(synchronize_session=False))
    if post.reply_to_id is not None and post.published_at is not None and post.audience in OPEN:
        await _count_reply(tx, post.reply_to_id, -1)
    return keys


async def drop_pictures(tx: AsyncSession, pictures: Iterable[Media]) -> list[str]:
    """Delete the rows of `pictures` and of their sizes, and give their room back to the owner. Returns their storage keys."""
    keys: list[str] = []
    for media in pictures:
        keys += await tx.scalars(select(Rendition.key).where(Rendition.media_id == media.id))
        keys.append(media.master_key)
        await tx.execute(delete(Rendition).where(Rendition.media_id == media.id))
        await tx.execute(update(Actor).where(Actor.face_id == media.id).values(face_id=None))
        gone = await tx.execute(delete(Media).where(Media.id == media.id).returning(Media.id))
        if gone.first() is not None:
            room = func.coalesce(Account.used_bytes, 0) - media.master_bytes
            await tx.execute(update(Account).where(Account.actor_id == media.owner_id).values(used_bytes=room))
    return keys


async def replies(tx: AsyncSession, post: Post, viewer: Actor | None) -> list[Post]:
    """Every answer below `post` that the viewer may see, oldest first; `reply_to_id` says what each one answers."""
    thread = select(Post.id, Post.reply_to_id).where(Post.thread_id == post.thread_id).order_by(Post.id)
    below = {post.id}
    # Answers are younger than what they answer, so one pass in the order of ids finds all of them.
    for post_id, reply_to_id in (await tx.execute(thread.limit(10 * MAX_REPLIES))).all():
        if reply_to_id in below:
            below.add(post_id)
    below.discard(post.id)
    if not below:
        return []
    ids = sorted(below)[:MAX_REPLIES]
    query = select(Post).where(Post.id.in_(ids), Post.published_at.is_not(None), visible_to(viewer)).order_by(Post.id)
    return list(await tx.scalars(listing(query)))


async def answered(tx: AsyncSession, post_id: int, by: int = 1) -> None:
    """Count one more answer to a post, or one less. Only answers that everybody may read are counted: the number is shown to
    everybody, and how many talk among themselves is theirs (row 39)."""
    await _count_reply(tx, post_id, by)


async def mention(tx: AsyncSession, post: Post, typed: str, urls: Urls, also: Iterable[Actor] = ()) -> dict[str, Actor]:
    """Write down whom a text names, and `also` (the person who is answered). Returns what the text's names stand for.

    Raises Invalid beyond 50 people.
    """
    names = text.mentions_in(typed)
    if len(names) > MAX_MENTIONS:
        raise Invalid(text=f"Name at most {MAX_MENTIONS} people in one text.")
    found = await _people(tx, names, urls)
    people = {actor.id for actor in (*found.values(), *also)} - {post.author_id}
    await tx.execute(delete(Mention).where(Mention.post_id == post.id, Mention.actor_id.not_in(people)))
    known = set(await tx.scalars(select(Mention.actor_id).where(Mention.post_id == post.id)))
    tx.add_all(Mention(post_id=post.id, actor_id=actor_id) for actor_id in sorted(people - known))
    await tx.flush()
    return found


async def _people(tx: AsyncSession, names: list[str], urls: Urls) -> dict[str, Actor]:
    ours = {name: name.partition("@")[0] for name in names if "@" not in name or urls.parse_acct(name)}
    others = {name: tuple(name.split("@", 1)) for name in names if name not in ours}
    handle = func.lower(Actor.handle)
    here = select(Actor).where(Actor.domain.is_(None), actors.in_good_standing(), handle.in_(ours.values()))
    there = select(Actor).where(Actor.suspended_at.is_(None), tuple_(handle, Actor.domain).in_(list(others.values())))
    local = {actor.handle.lower(): actor for actor in await tx.scalars(here)} if ours else {}
    remote = {(actor.handle.lower(), actor.domain): actor for actor in await tx.scalars(there)} if others else {}
    found = {name: local[short] for name, short in ours.items() if short in local}
    return found | {name: remote[pair] for name, pair in others.items() if pair in remote}


async def _pictures(tx: AsyncSession, post: Post) -> list[Media]:
    return list(await tx.scalars(select(Media).where(Media.post_id == post.id)))


async def _count_reply(tx: AsyncSession, post_id: int, by: int) -> None:
    await tx.execute(
        update(Post)
        .where(Post.id == post_id)
        .values(replies=Post.replies + by)
        .execution_options(synchronize_session=False)
    )


def _author_in_good_standing() -> ColumnElement[bool]:
    return _is_there(Actor.id == Post.author_id, actors.in_good_standing())


def _is_there(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # Only Post comes from the query around it, even where that query joins people or follows of its own.
    return exists().where(*conditions).correlate(Post)
