"""Who is told of what. Each thing is told once: who likes, takes it back and likes again is not news."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import actors, blocks, clock, ids, mutes, posts
from server.db import insert_once
from server.models import Account, AccountState, Actor, Hearing, Id, Media, Mention, Notification, Post, Role

PAGE = 40
# What is told of the unread ones is "99+" beyond this.
MOST_COUNTED = 100
FOR_STAFF = (Hearing.REPORT, Hearing.HELD)


async def notify(tx: AsyncSession, to: Actor, hearing: Hearing, sender: Actor, post: Post | None = None) -> bool:
    """Tell `to` that `sender` did something; True when they are told.

    Silently nothing for oneself, for people elsewhere, for the house, and where `to` mutes or blocks `sender` or their server.
    What moderators must look at they are told whomever they mute.
    """
    if to.id == sender.id or not to.is_local or to.is_house or sender.suspended_at is not None:
        return False
    between = {"viewer": to.id, "sender": sender.id}
    if hearing not in FOR_STAFF and await tx.scalar(_UNWANTED, between) is not None:
        return False
    row = Notification(
        id=ids.new(),
        actor_id=to.id,
        from_id=sender.id,
        hearing=hearing,
        post_id=post.id if post is not None else None,
        created_at=clock.now(),
    )
    return await insert_once(tx, row)


async def notify_named(tx: AsyncSession, post: Post, answered: Actor | None = None) -> None:
    """Tell everybody here whom `post` names, and whose post it answers, as far as they may see it."""
    author = await tx.get_one(Actor, post.author_id)
    named = select(Actor).join(Mention, Mention.actor_id == Actor.id)
    named = named.where(Mention.post_id == post.id, Actor.uri.is_(None)).order_by(Actor.id)
    for person in (await tx.scalars(named)).all():
        if await posts.may_see(tx, post.id, person):
            is_answered = answered is not None and answered.id == person.id
            await notify(tx, person, Hearing.REPLY if is_answered else Hearing.MENTION, author, post)


async def notify_moderators(tx: AsyncSession, sender: Actor, hearing: Hearing = Hearing.REPORT) -> None:
    """Tell everybody who looks after the house of a new report by `sender`, or of their work that is held, as if it were the
    first."""
    staff = select(Actor).join(Account, Account.actor_id == Actor.id)
    staff = staff.where(Account.role.in_([Role.MODERATOR, Role.ADMIN]), Account.state == AccountState.ACTIVE)
    earlier = (Notification.from_id == sender.id, Notification.hearing == hearing)
    await tx.execute(delete(Notification).where(*earlier).execution_options(synchronize_session=False))
    for moderator in (await tx.scalars(staff)).all():
        await notify(tx, moderator, hearing, sender)


async def list(  # notifications.list(…) is what the callers read
    tx: AsyncSession, viewer: Actor, before: int | None = None, limit: int = PAGE
) -> Sequence[Notification]:
    """What `viewer` is told, the newest first, with senders, posts as a wall shows them and what those answer; `before` is the
    last id of the page before. A constant number of statements."""
    query = (
        select(Notification)
        .join(Actor, Actor.id == Notification.from_id)
        .outerjoin(Post, Post.id == Notification.post_id)
        .where(_for(viewer))
        .order_by(Notification.id.desc())
        .limit(limit)
        .options(
            joinedload(Notification.sender).joinedload(Actor.face).selectinload(Media.renditions),
            joinedload(Notification.post).joinedload(Post.author),
            joinedload(Notification.post).joinedload(Post.artwork),
            joinedload(Notification.post).joinedload(Post.reply_to).joinedload(Post.author),
            joinedload(Notification.post).joinedload(Post.reply_to).joinedload(Post.artwork),
            joinedload(Notification.post).selectinload(Post.media).selectinload(Media.renditions),
        )
    )
    if before is not None:
        query = query.where(Notification.id < before)
    return (await tx.scalars(query)).all()


async def unread(tx: AsyncSession, viewer: Actor) -> int:
    """How many of these `viewer`, one of our people, has not read, at most MOST_COUNTED."""
    return int(await tx.scalar(_UNREAD, {"viewer": viewer.id}) or 0)


async def mark_read(tx: AsyncSession, viewer: Actor, until: int | None = None) -> None:
    """`viewer` has read everything up to the notification `until`, or all of it."""
    query = update(Notification).where(Notification.actor_id == viewer.id, Notification.read_at.is_(None))
    if until is not None:
        query = query.where(Notification.id <= until)
    await tx.execute(query.values(read_at=clock.now()).execution_options(synchronize_session=False))


async def unlearn(tx: AsyncSession, to: Actor, hearing: Hearing, sender: Actor) -> None:
    """What was told is not so any more, such as a request that was answered."""
    this = (Notification.actor_id == to.id, Notification.from_id == sender.id, Notification.hearing == hearing)
    await tx.execute(delete(Notification).where(*this).execution_options(synchronize_session=False))


def _for(viewer: Actor) -> ColumnElement[bool]:
    """For `viewer`, of people in good standing whom they want to meet, about posts that they may see."""
    return and_(
        Notification.actor_id == viewer.id,
        actors.in_good_standing(),
        or_(
            Notification.hearing.in_(FOR_STAFF),
            and_(
                ~mutes.unwanted(viewer, Notification.from_id, Notification),
                ~blocks.between(viewer, Notification.from_id, Notification),
            ),
        ),
        or_(Notification.post_id.is_(None), posts.visible_to(viewer)),
    )


def _unwanted(viewer: Actor) -> Select[int]:
    """The sender, where `viewer` does not want to hear of them or one of the two shuts the other out."""
    shut_out = or_(mutes.unwanted(viewer, Actor.id, Actor), blocks.between(viewer, Actor.id, Actor))
    return select(Actor.id).where(Actor.id == bindparam("sender", type_=Id), shut_out)


def _unread(viewer: Actor) -> Select[int]:
    some = (
        select(Notification.id)
        .join(Actor, Actor.id == Notification.from_id)
        .outerjoin(Post, Post.id == Notification.post_id)
        .where(Notification.read_at.is_(None), _for(viewer))
        .limit(MOST_COUNTED)
    )
    return select(func.count()).select_from(some.subquery())


# Built once, like the rule for posts: the one for every activity that comes in, the other for every page that somebody opens.
_UNWANTED = _unwanted(posts.anybody(is_local=True))
_UNREAD = _unread(posts.anybody(is_local=True))
