"""What stands on which wall: queries only. Newest first by id, a page is `id < before`, nothing else decides.

Each feed is one statement for the posts and one for each kind of thing they bring along (posts.listing), however long it
is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload

from server import actors, mutes
from server import posts as spine
from server.models import Account, Actor, Audience, Follow, Gallery, Hanging, Id, Kind, Post, PostTag, Tag

PAGE = 24
# What a post in somebody's home answers, and what it boosts.
_ANSWERED: Any = aliased(Post)
_BOOSTED: Any = aliased(Post)


@dataclass(frozen=True)
class Counts:
    """What the tabs of a profile say: only what this viewer would find there."""

    works: int
    galleries: int
    posts: int


def on_profile(viewer: Actor | None) -> ColumnElement[bool]:
    """What may stand on the pages of its author: published, not "anyone with the link", not addressed to single people.
    Authors find all of their own there, except drafts, which have a page of their own."""
    shown: ColumnElement[bool] = Post.audience.in_([Audience.EVERYONE, Audience.FOLLOWERS])
    if viewer is not None:
        shown = or_(shown, Post.author_id == viewer.id)
    return and_(spine.visible_to(viewer), Post.published_at.is_not(None), shown)


async def local(tx: AsyncSession, viewer: Actor | None, before: int | None = None, limit: int = PAGE) -> list[Post]:
    """Works of this house's people that are for everyone."""
    query = (
        select(Post)
        .join(Actor, Actor.id == Post.author_id)
        .where(Post.kind == Kind.WORK, Actor.domain.is_(None), spine.listed(), spine.visible_to(viewer))
    )
    return await _page(tx, query, before, limit)


async def tag(
    tx: AsyncSession, tag: Tag, viewer: Actor | None, before: int | None = None, limit: int = PAGE
) -> list[Post]:
    """Works for everyone that carry `tag`; for strangers those of this house alone: others live on their own servers."""
    query = (
        select(Post)
        .join(PostTag, PostTag.post_id == Post.id)
        .where(PostTag.tag_id == tag.id, Post.kind == Kind.WORK, spine.listed(), spine.visible_to(viewer))
    )
    if viewer is None:
        query = query.where(Post.uri.is_(None))
    return await _page(tx, query, before, limit)


async def home(tx: AsyncSession, viewer: Actor, before: int | None = None, limit: int = PAGE) -> list[Post]:
    """Works, notes and boosts of the people whom `viewer` follows, and the viewer's own.

    A note that answers somebody stands here only where that somebody is the viewer or is followed as well: half of a
    conversation with a stranger is noise. The viewer's own answers do not: they know what they wrote. Whom, or whose server, the
    viewer mutes is left out, also where others boost them. What is boosted twice, or stands here itself, stands here once.

    In two steps, neither of which goes through all posts however many there are: the latest ids of all these people, by the index
    of each, and then the rule for those few (G4).
    """
    found: list[Post] = []
    shown: set[int] = set()
    while len(found) < limit:
        ids = await _latest(tx, viewer, before, 3 * limit)
        query = select(Post).where(Post.id.in_(ids), _wanted(viewer)).order_by(Post.id.desc()).limit(limit - len(found))
        rows = list(await tx.scalars(spine.listing(query))) if ids else []
        is_full = len(rows) == limit - len(found)
        for post in rows:
            subject = post.boost_of_id or post.id
            if subject not in shown:
                shown.add(subject)
                found.append(post)
        if not is_full and len(ids) < 3 * limit:
            break
        before = rows[-1].id if is_full else ids[-1]
    return found


async def _latest(tx: AsyncSession, viewer: Actor, before: int | None, limit: int) -> list[int]:
    """Ids of the latest posts of `viewer` and of whom they follow, the greatest first, whoever may see them."""
    mine = select(Follow.followed_id.label("id")).where(Follow.follower_id == viewer.id, Follow.accepted.is_(True))
    people = mine.union_all(select(literal(viewer.id, Id))).subquery("people")
    if tx.bind is not None and tx.bind.dialect.name == "sqlite":
        # The hint keeps SQLite from walking through all posts in the order of ids, where nobody followed wrote lately.
        theirs = select(Post.id).with_hint(Post, "INDEXED BY ix_posts_author", "sqlite")
        query = theirs.join(people, people.c.id == Post.author_id)
        query = query.where(Post.id < before) if before is not None else query
    else:
        theirs = select(Post.id).where(Post.author_id == people.c.id)
        theirs = theirs.where(Post.id < before) if before is not None else theirs
        each = theirs.order_by(Post.id.desc()).limit(limit).correlate(people).lateral("each")
        query = select(each.c.id).select_from(people.join(each, true()))
        return list(await tx.scalars(query.order_by(each.c.id.desc()).limit(limit)))
    return list(await tx.scalars(query.order_by(Post.id.desc()).limit(limit)))


def _wanted(viewer: Actor) -> ColumnElement[bool]:
    """What stands in the home of `viewer` of the posts of people whom they follow."""
    followed = select(Follow.followed_id).where(Follow.follower_id == viewer.id, Follow.accepted.is_(True))
    known = exists().where(
        _ANSWERED.id == Post.reply_to_id, or_(_ANSWERED.author_id == viewer.id, _ANSWERED.author_id.in_(followed))
    )
    muted_boost = exists().where(_BOOSTED.id == Post.boost_of_id, mutes.unwanted(viewer, _BOOSTED.author_id, _BOOSTED))
    return and_(
        or_(Post.reply_to_id.is_(None), and_(Post.author_id != viewer.id, known)),
        Post.published_at.is_not(None),
        ~mutes.unwanted(viewer, Post.author_id, Post),
        or_(Post.boost_of_id.is_(None), ~muted_boost),
        spine.visible_to(viewer),
    )


async def answered(tx: AsyncSession, posts: Iterable[Post], viewer: Actor) -> dict[int, Post]:
    """What `posts` answer, by id, as far as `viewer` may see it: an answer alone says little."""
    shown = [post.boost_of or post if post.boost_of_id else post for post in posts]
    ids = {post.reply_to_id for post in shown if post.reply_to_id}
    if not ids:
        return {}
    query = select(Post).where(Post.id.in_(ids), spine.visible_to(viewer))
    query = query.options(joinedload(Post.author), joinedload(Post.artwork))
    return {post.id: post for post in await tx.scalars(query)}


async def portfolio(
    tx: AsyncSession, actor: Actor, viewer: Actor | None, before: int | None = None, limit: int = PAGE
) -> list[Post]:
    """The works of one artist that `viewer` may find there."""
    return await _page(tx, _of(actor, viewer, Kind.WORK), before, limit)


async def posts(
    tx: AsyncSession, actor: Actor, viewer: Actor | None, before: int | None = None, limit: int = PAGE
) -> list[Post]:
    """The notes of one person, without their answers to others."""
    return await _page(tx, _of(actor, viewer, Kind.NOTE), before, limit)


async def counts(tx: AsyncSession, actor: Actor, viewer: Actor | None) -> Counts:
    """How many works, galleries and notes `viewer` would find at `actor`'s."""
    works, notes = (
        select(func.count()).select_from(_of(actor, viewer, kind).subquery()).scalar_subquery()
        for kind in (Kind.WORK, Kind.NOTE)
    )
    kept: Select[Any] = select(func.count()).select_from(Gallery).where(Gallery.owner_id == actor.id)
    if viewer is None or viewer.id != actor.id:
        # A gallery in which they would find nothing does not exist for them: even its name may tell of what is not public.
        hung = select(Hanging.gallery_id).join(Post, Post.id == Hanging.post_id).where(on_profile(viewer))
        kept = kept.where(Gallery.id.in_(hung.where(Post.author_id == actor.id)))
    galleries = kept.scalar_subquery()
    row = (await tx.execute(select(works, galleries, notes))).one()
    return Counts(works=row[0], galleries=row[1], posts=row[2])


async def find(tx: AsyncSession, post_id: int | None, viewer: Actor | None) -> Post | None:
    """One published post as `viewer` may see it, or None: for what stands beside a page's own subject."""
    if post_id is None:
        return None
    query = select(Post).where(Post.id == post_id, Post.published_at.is_not(None), spine.visible_to(viewer))
    found: Post | None = await tx.scalar(spine.full(query))
    return found


@dataclass(frozen=True)
class House:
    """How many people have a profile here, and how many works stand on the public wall."""

    people: int
    works: int


async def house(tx: AsyncSession) -> House:
    """For the about page."""
    people = (
        select(func.count())
        .select_from(Account)
        .join(Actor, Actor.id == Account.actor_id)
        .where(actors.in_good_standing())
    )
    works = (
        select(func.count())
        .select_from(Post)
        .join(Actor, Actor.id == Post.author_id)
        .where(Post.kind == Kind.WORK, Actor.domain.is_(None), spine.listed())
    )
    row = (await tx.execute(select(people.scalar_subquery(), works.scalar_subquery()))).one()
    return House(people=row[0], works=row[1])


def _of(actor: Actor, viewer: Actor | None, kind: Kind) -> Select[Post]:
    return select(Post).where(
        Post.author_id == actor.id, Post.kind == kind, Post.reply_to_id.is_(None), on_profile(viewer)
    )


async def _page(tx: AsyncSession, query: Select[Any], before: int | None, limit: int) -> list[Post]:
    if before is not None:
        query = query.where(Post.id < before)
    rows = await tx.scalars(spine.listing(query.order_by(Post.id.desc()).limit(limit)))
    return list(rows)
