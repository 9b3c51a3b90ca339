"""Who may see a post, how it is found, and how it goes. Works and notes alike; there is no second rule anywhere."""

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload, selectinload

from server import actors, blocks, clock, hosts, jobs, text
from server.errors import Gone, Invalid, NotFound
from server.models import (
    Account,
    Actor,
    Artwork,
    Audience,
    Bookmark,
    Favourite,
    Follow,
    Hanging,
    HostLevel,
    Id,
    Media,
    Mention,
    Notification,
    Origin,
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
# The rows about a post of which nothing stays when it is deleted, whoever deletes it.
GOES_WITH_IT: tuple[tuple[Any, Any], ...] = (
    (Artwork, Artwork.post_id),
    (PostTag, PostTag.post_id),
    (Mention, Mention.post_id),
    (Hanging, Hanging.post_id),
    (Favourite, Favourite.post_id),
    (Bookmark, Bookmark.post_id),
    (Notification, Notification.post_id),
)
# What a boost shows, in the rule. Made once: another name for a table costs more than the rest of a condition.
_SHOWN: Any = aliased(Post)


def visible_to(viewer: Actor | None) -> ColumnElement[bool]:
    """THE rule (decision 17): whether `viewer` (None: a stranger) may know of a post. Every exit filters by it.

    Authors see all of their own but what is deleted. Others see what is published, ready and not deleted, of people in good
    standing (row 45), where neither blocks the other: everyone's and unlisted posts, those for followers if they follow, and
    whatever names them. Of people on a server that is limited here only followers see something, and whom they name. A boost
    is seen by whoever may see what it shows.
    """
    boosted = exists().where(_SHOWN.id == Post.boost_of_id, _visible(viewer, _SHOWN)).correlate(Post)
    return and_(_visible(viewer, Post), or_(Post.boost_of_id.is_(None), boosted))


def _visible(viewer: Actor | None, post: Any) -> ColumnElement[bool]:
    """`visible_to` for one row of `post`, which is Post or an alias of it, whatever it boosts."""
    finished = and_(post.published_at.is_not(None), post.ready_at.is_not(None), post.deleted_at.is_(None))
    open_to_all = _is_there(post, Actor.id == post.author_id, actors.in_good_standing(), ~hosts.limited())
    if viewer is None or _is_outcast(viewer):
        return and_(finished, post.audience.in_(OPEN), open_to_all)
    follows = _is_there(
        post, Follow.follower_id == viewer.id, Follow.followed_id == post.author_id, Follow.accepted.is_(True)
    )
    named = _is_there(post, Mention.post_id == post.id, Mention.actor_id == viewer.id)
    meant = or_(
        post.audience.in_(OPEN),
        and_(post.audience == Audience.FOLLOWERS, or_(follows, named)),
        and_(post.audience == Audience.MENTIONED, named),
    )
    in_good_standing = _is_there(post, Actor.id == post.author_id, actors.in_good_standing())
    stands = or_(open_to_all, and_(or_(follows, named), in_good_standing))
    mine = and_(post.author_id == viewer.id, post.deleted_at.is_(None))
    return or_(mine, and_(finished, meant, ~blocks.between(viewer, post.author_id, post), stands))


def listed() -> ColumnElement[bool]:
    """What may stand on public walls, in feeds and in search: for everyone, published, ready, not deleted, neither an answer nor
    a boost, and not by people of a server that is limited here."""
    return and_(
        Post.audience == Audience.EVERYONE,
        Post.published_at.is_not(None),
        Post.ready_at.is_not(None),
        Post.deleted_at.is_(None),
        Post.reply_to_id.is_(None),
        Post.boost_of_id.is_(None),
        _is_there(Post, Actor.id == Post.author_id, actors.in_good_standing(), ~hosts.limited()),
    )


def full(query: Query) -> Query:
    """Load with each post what pages and documents show: what `listing` does, tags, people named, and for posts of other servers
    where they come from (all but the document itself)."""
    origin = joinedload(Post.origin).load_only(Origin.page, Origin.context, Origin.fetched_at)
    return listing(query).options(selectinload(Post.tags), selectinload(Post.mentions), origin)


def listing(query: Query) -> Query:
    """Load with each post what stands on a wall, in a feed or in a conversation: author and face, artwork, pictures; with a boost
    the same of the post that it shows. A constant number of statements."""
    shown = selectinload(Post.boost_of)
    return query.options(
        joinedload(Post.author).joinedload(Actor.face).selectinload(Media.renditions),
        joinedload(Post.artwork),
        selectinload(Post.media).selectinload(Media.renditions),
        shown.joinedload(Post.author).joinedload(Actor.face).selectinload(Media.renditions),
        shown.joinedload(Post.artwork),
        shown.selectinload(Post.media).selectinload(Media.renditions),
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


async def find(tx: AsyncSession, post_id: int, viewer: Actor | None) -> Post | None:
    """The row with its author, as far as `viewer` may see it, or None: for whoever acts on a post instead of showing it."""
    found: Post | None = await tx.scalar(_found(_form(viewer)), {"post": post_id, **filled(viewer)})
    return found


async def may_see(tx: AsyncSession, post_id: int, viewer: Actor | None) -> bool:
    """Whether `viewer` may see that post."""
    return await tx.scalar(_seen(_form(viewer)), {"post": post_id, **filled(viewer)}) is not None


async def mine(tx: AsyncSession, post_id: int, author: Actor) -> Post:
    """One of the author's own posts, locked against changes from elsewhere; NotFound for everybody else's and for deleted."""
    query = select(Post).where(Post.id == post_id, Post.author_id == author.id, Post.deleted_at.is_(None))
    if await tx.scalar(query.with_for_update()) is None:
        raise NotFound
    return await get(tx, post_id, author)


async def remove(tx: AsyncSession, post: Post, actor: Actor) -> list[str]:
    """Leave a tombstone of `post`: its texts are emptied, its pictures, boosts and what GOES_WITH_IT go. Every server that got a
    post of ours is told, whoever it was for.

    Returns the storage keys to delete after the commit; `sweep` finds what is left over. Raises NotFound unless `actor`, who may
    be somebody elsewhere, is the author: nobody learns what they might remove.
    """
    # The tombstone comes first and decides: of two that remove at once, the second finds nothing left to count down.
    emptied = {"text": "", "html": "", "warning": "", "rating": Rating.GENERAL, "likes": 0, "boosts": 0}
    mine = update(Post).where(Post.id == post.id, Post.author_id == actor.id, Post.deleted_at.is_(None))
    mine = mine.values(**emptied, pinned_at=None, deleted_at=clock.now())
    mine = mine.execution_options(synchronize_session="evaluate")
    if (await tx.execute(mine.returning(Post.id))).first() is None:
        raise NotFound
    fans = await _fans(tx, post) if actor.is_local else ()
    keys = await drop_pictures(tx, await _pictures(tx, post))
    for table, column in (*GOES_WITH_IT, (Post, Post.boost_of_id)):
        await tx.execute(delete(table).where(column == post.id).execution_options(synchronize_session=False))
    if post.reply_to_id is not None and post.published_at is not None and post.audience in OPEN:
        await _count_reply(tx, post.reply_to_id, -1)
    if actor.is_local and post.published_at is not None:
        jobs.enqueue(tx, jobs.Federate("Delete", actor.id, post_id=post.id, people=fans))
    return keys


async def drop_pictures(tx: AsyncSession, pictures: Iterable[Media]) -> list[str]:
    """Delete the rows of `pictures` and of their sizes, and give their room back to the owner. Returns their storage keys."""
    keys: list[str] = []
    for media in pictures:
        keys += await tx.scalars(select(Rendition.key).where(Rendition.media_id == media.id))
        if media.master_key:  # pictures of other servers have no master here
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
    there = select(Actor).where(actors.in_good_standing(), tuple_(handle, Actor.domain).in_(list(others.values())))
    local = {actor.handle.lower(): actor for actor in await tx.scalars(here)} if ours else {}
    remote = {(actor.handle.lower(), actor.domain): actor for actor in await tx.scalars(there)} if others else {}
    found = {name: local[short] for name, short in ours.items() if short in local}
    return found | {name: remote[pair] for name, pair in others.items() if pair in remote}


async def _fans(tx: AsyncSession, post: Post) -> tuple[int, ...]:
    """People elsewhere who like or boost a post: their servers have it, however they came by it."""
    likes = _is_there(Actor, Favourite.actor_id == Actor.id, Favourite.post_id == post.id)
    boosts = _is_there(Actor, Post.author_id == Actor.id, Post.boost_of_id == post.id)
    return tuple(
        await tx.scalars(select(Actor.id).where(Actor.uri.is_not(None), or_(likes, boosts)).order_by(Actor.id))
    )


async def tell(tx: AsyncSession, post: Post) -> bool:
    """Tell other servers of a published post of ours: of its existence the first time, of its changes afterwards; True the first
    time. Whom it reaches, and who must lose it because the audience is narrower now, the post office finds out.

    The caller holds the row locked, or made it: a post is told of exactly once for each state. Nobody is told of one that a
    moderator has to look at first.
    """
    if post.held_at is not None:
        return False
    verb = "Create" if post.told_at is None else "Update"
    post.told_at = clock.now()
    await tx.flush()
    jobs.enqueue(tx, jobs.Federate(verb, post.author_id, post_id=post.id))
    return verb == "Create"


async def _pictures(tx: AsyncSession, post: Post) -> list[Media]:
    return list(await tx.scalars(select(Media).where(Media.post_id == post.id)))


async def _count_reply(tx: AsyncSession, post_id: int, by: int) -> None:
    await tx.execute(_COUNT_REPLY, {"post": post_id, "by": by})


def _is_there(post: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    # Only `post` comes from the query around it, even where that query joins people or follows of its own.
    return exists().where(*conditions).correlate(post)


# -- statements that are built once ----------------------------------------------------------------------------------------
# Every activity that comes in asks whether somebody may see something. The rule is long, and building it costs ten times what
# running it does: so it is built once for each form that it has, with places for who asks.
class Anybody:
    """Stands for a viewer in a statement that is built once; `filled` gives the values when it runs."""

    suspended_at = None
    host_level = HostLevel.NONE
    id: Any = bindparam("viewer", type_=Id)
    host: Any = bindparam("viewer_host", type_=String)
    domain: Any = bindparam("viewer_domain", type_=String)

    def __init__(self, *, is_local: bool) -> None:
        self.is_local = is_local


def anybody(*, is_local: bool) -> Actor:
    """A viewer of this house, or of another, whose values come later."""
    return cast(Actor, Anybody(is_local=is_local))


def filled(viewer: Actor | None) -> dict[str, Any]:
    """The values of `viewer` for a statement that was built for `anybody`."""
    if viewer is None or _is_outcast(viewer):
        return {}
    here = {} if viewer.is_local else {"viewer_host": viewer.host, "viewer_domain": viewer.domain}
    return {"viewer": viewer.id, **here}


def _is_outcast(viewer: Actor) -> bool:
    """Whether somebody sees no more than a stranger does."""
    return viewer.suspended_at is not None or viewer.host_level is HostLevel.SUSPEND


def _form(viewer: Actor | None) -> bool | None:
    """Which of its three forms the rule has for `viewer`: for strangers (None), for our own people, for people elsewhere."""
    return None if viewer is None or _is_outcast(viewer) else viewer.is_local


def _rule(form: bool | None) -> ColumnElement[bool]:
    return and_(Post.id == bindparam("post", type_=Id), visible_to(None if form is None else anybody(is_local=form)))


_TABLE: Any = Post.__table__
_COUNT_REPLY = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("post"))
    .values(replies=_TABLE.c.replies + bindparam("by", type_=Integer))
)


@cache
def _found(form: bool | None) -> Select[Post]:
    return select(Post).where(_rule(form)).options(joinedload(Post.author))


@cache
def _seen(form: bool | None) -> Select[int]:
    return select(Post.id).where(_rule(form))
