"""Reports, and what the people who run the house decide. Every decision is written down with its reason and kept."""

from collections.abc import Iterable

from sqlalchemy import Select, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from server import actors, artworks, blocks, clock, generated, ids, jobs, mail, notifications, posts, stamps
from server.db import changed, insert_once
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import Account, Actor, Artwork, Decision, Follow, Media, Notification, Post, Report, Role
from server.site import Site

# Reports by one person, or by one server's own actor, that wait for a moderator at the same time.
MAX_OPEN = 100
MAX_COMMENT = 5000
MAX_POSTS = 50
PAGE = 40
RANKS = tuple(Role)


# -- reports -------------------------------------------------------------------------------------------------------------
async def report(
    tx: AsyncSession,
    reporter: Actor,
    target: Actor,
    about: Iterable[Post],
    comment: str,
    *,
    forward: bool = False,
    uri: str | None = None,
) -> Report:
    """`reporter` says that `target`'s conduct, or these posts of theirs, break the rules; the moderators are told.

    `forward` sends it to the server of a `target` who lives elsewhere; that server learns what was said, not who said it. `uri`
    is the Flag of somebody elsewhere: it counts once. Raises Invalid for oneself and for a comment that is too long,
    Forbidden for whoever is suspended.
    """
    actors.check_may_act(reporter)
    if reporter.id == target.id:
        raise Invalid("You cannot report yourself.")
    if len(comment) > MAX_COMMENT:
        raise Invalid(comment=f"The text has {len(comment):,} characters; {MAX_COMMENT:,} are possible.")
    waiting = select(func.count(Report.id)).where(Report.reporter_id == reporter.id, Report.closed_at.is_(None))
    if int(await tx.scalar(waiting) or 0) >= MAX_OPEN:
        raise Forbidden("The moderators have not yet looked at what you reported before. Please wait for them.")
    theirs = [post.id for post in about if post.author_id == target.id][:MAX_POSTS]
    sent_on = forward and reporter.is_local and not target.is_local
    row = Report(
        id=ids.new(),
        reporter_id=reporter.id,
        target_id=target.id,
        post_ids=theirs,
        comment=comment,
        uri=uri,
        forwarded=sent_on,
    )
    if not await insert_once(tx, row):
        return (await tx.scalars(_reports().where(Report.uri == uri))).one()
    if sent_on:
        jobs.enqueue(tx, jobs.Federate("Flag", reporter.id, person_id=target.id, subject_id=row.id))
    await notifications.notify_moderators(tx, reporter)
    return await get(tx, row.id)


async def open_reports(tx: AsyncSession, before: int | None = None, limit: int = PAGE) -> list[Report]:
    """Reports that nobody has closed, the latest first, each with who reports and whom."""
    query = _reports().where(Report.closed_at.is_(None)).order_by(Report.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Report.id < before)
    return list(await tx.scalars(query))


async def closed_reports(tx: AsyncSession, before: int | None = None, limit: int = PAGE) -> list[Report]:
    """Reports that somebody has closed, the latest first, each with who reported whom."""
    query = _reports().where(Report.closed_at.is_not(None)).order_by(Report.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Report.id < before)
    return list(await tx.scalars(query))


async def get(tx: AsyncSession, report_id: int) -> Report:
    """The report with who reports and whom. Raises NotFound."""
    found: Report | None = await tx.scalar(_reports().where(Report.id == report_id))
    if found is None:
        raise NotFound("There is no such report.")
    return found


async def reported(tx: AsyncSession, report: Report) -> list[Post]:
    """The posts that a report names, as far as they exist still, whoever they are for: whoever decides must see them."""
    query = select(Post).where(Post.id.in_(report.post_ids), Post.deleted_at.is_(None)).order_by(Post.id)
    return list(await tx.scalars(posts.listing(query)))


async def close(tx: AsyncSession, moderator: Actor, report_id: int, reason: str = "") -> None:
    """Nothing more is to be done about a report. Raises NotFound, and Conflict where somebody closed it already."""
    row = await get(tx, report_id)
    closed = update(Report).where(Report.id == report_id, Report.closed_at.is_(None)).values(closed_at=clock.now())
    if not await changed(tx, closed.execution_options(synchronize_session=False)):
        raise Conflict("Somebody has closed this report already.")
    _decide(tx, moderator, "close-report", name(row.target), reason)


# -- people --------------------------------------------------------------------------------------------------------------
async def suspend(tx: AsyncSession, moderator: Actor | None, actor: Actor, reason: str = "") -> None:
    """Nothing of `actor` is shown any more, whether they live here or elsewhere (row 48); `unsuspend` undoes it.

    Follows between here and somebody elsewhere end. Raises Forbidden for oneself, for the house and for whoever has a higher
    rank, Conflict where it is so already.
    """
    await _check_rank(tx, moderator, actor)
    fresh = update(Actor).where(Actor.id == actor.id, Actor.suspended_at.is_(None)).values(suspended_at=clock.now())
    if not await changed(tx, fresh.execution_options(synchronize_session="evaluate")):
        raise Conflict("This person is suspended already.")
    if not actor.is_local:
        await _part(tx, actor)
    told = delete(Notification).where(Notification.from_id == actor.id)
    await tx.execute(told.execution_options(synchronize_session=False))
    _decide(tx, moderator, "suspend", name(actor), reason)


async def unsuspend(tx: AsyncSession, moderator: Actor | None, actor: Actor, reason: str = "") -> None:
    """`actor` is shown again; follows do not return by themselves. Raises Conflict where they were not suspended."""
    await _check_rank(tx, moderator, actor)
    back = update(Actor).where(Actor.id == actor.id, Actor.suspended_at.is_not(None)).values(suspended_at=None)
    if not await changed(tx, back.execution_options(synchronize_session="evaluate")):
        raise Conflict("This person is not suspended.")
    _decide(tx, moderator, "unsuspend", name(actor), reason)


async def remove_post(tx: AsyncSession, moderator: Actor, post: Post, reason: str = "") -> list[str]:
    """Take down a post, whoever wrote it; the storage keys to delete after the commit. Needs `post.author`.

    Of ours every server that got it is told. Raises Forbidden for a post of whoever has a higher rank, NotFound where it is gone.
    """
    await _check_rank(tx, moderator, post.author)
    keys = await posts.remove(tx, post, post.author)
    _decide(tx, moderator, "remove-post", f"{name(post.author)}, {post.kind} {post.id}", reason)
    return keys


# -- works that are held -------------------------------------------------------------------------------------------------
async def held(tx: AsyncSession, before: int | None = None, limit: int = PAGE) -> list[Post]:
    """Works that wait for a moderator, whoever they are for, the latest first. What was sent back waits for its artist."""
    waiting = (Post.held_at.is_not(None), Post.deleted_at.is_(None), Artwork.sent_back == "")
    query = select(Post).join(Artwork, Artwork.post_id == Post.id).where(*waiting).order_by(Post.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Post.id < before)
    return list(await tx.scalars(posts.listing(query)))


async def get_held(tx: AsyncSession, post_id: int) -> Post:
    """One of those works, locked. Raises NotFound where it does not wait (any more)."""
    waiting = (Post.id == post_id, Post.held_at.is_not(None), Post.deleted_at.is_(None))
    locked = await tx.scalar(select(Post.id).where(*waiting).with_for_update())
    query = posts.listing(select(Post).where(*waiting)).execution_options(populate_existing=True)
    found: Post | None = await tx.scalar(query) if locked is not None else None
    if found is None or found.artwork is None or found.artwork.sent_back:
        raise NotFound("This work does not wait for anybody any more.")
    return found


async def let_in(tx: AsyncSession, site: Site, moderator: Actor, post: Post, reason: str, *, is_wrong: bool) -> None:
    """Show a held work (`get_held`) to those whom it is for. `is_wrong`: the marks in its files are wrong and count no more.

    Its artist gets a letter. Raises Forbidden for the work of somebody of a higher rank, and for one's own unless one is an
    administrator.
    """
    await _check_may_judge(tx, moderator, post.author)
    if is_wrong:
        generated.dismiss(post.media)
    post.held_at = None
    await tx.flush()
    await generated.look(tx, post)
    if is_wrong:
        await stamps.renew(tx, post.id)
    _decide(tx, moderator, "mark-is-wrong" if is_wrong else "let-in-work", _work(post), reason)
    await _write(tx, site, post, "work_let_in", reason)
    await artworks.settle(tx, post.id)


async def send_back(tx: AsyncSession, site: Site, moderator: Actor, post: Post, reason: str) -> None:
    """Do not show a held work (`get_held`): it is its artist's draft again, or, where others had seen it, stays away until it is
    changed. The reason stands on the artist's page of it and in their letter. Raises Forbidden as `let_in` does."""
    await _check_may_judge(tx, moderator, post.author)
    assert post.artwork is not None
    post.artwork.sent_back = reason[:1000]
    if post.told_at is None and not post.was_public:
        post.held_at = post.published_at = None
    _decide(tx, moderator, "send-back-work", _work(post), reason)
    await _write(tx, site, post, "work_sent_back", reason)


async def decisions(tx: AsyncSession, before: int | None = None, limit: int = PAGE) -> list[Decision]:
    """What was decided, the latest first, each with who decided it."""
    query = select(Decision).options(joinedload(Decision.moderator)).order_by(Decision.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Decision.id < before)
    return list(await tx.scalars(query))


def name(actor: Actor) -> str:
    """A person as the log of decisions names them."""
    return f"@{actor.handle}" + (f"@{actor.domain}" if actor.domain else "")


def _work(post: Post) -> str:
    title = post.artwork.title if post.artwork else ""
    return f"{name(post.author)}, “{title or 'Untitled'}” ({post.id})"


async def _write(tx: AsyncSession, site: Site, post: Post, letter: str, reason: str) -> None:
    account = await tx.scalar(select(Account).where(Account.actor_id == post.author_id))
    if account is not None and post.artwork is not None:
        title = post.artwork.title or "Untitled"
        page = site.urls.post_page(post, "edit" if post.artwork.sent_back else "")
        mail.queue(
            tx, site.settings, account.email, letter, handle=post.author.handle, title=title, link=page, reason=reason
        )


async def _check_may_judge(tx: AsyncSession, moderator: Actor, author: Actor) -> None:
    """Like `_check_rank`, except that administrators decide about works of their own: in a small house nobody else can."""
    if moderator.id != author.id:
        await _check_rank(tx, moderator, author)
        return
    role = await tx.scalar(select(Account.role).where(Account.actor_id == author.id))
    if role is not Role.ADMIN:
        raise Forbidden("Somebody else has to decide about your work.")


def _reports() -> Select[Report]:
    face = selectinload(Media.renditions)
    return select(Report).options(
        joinedload(Report.reporter).joinedload(Actor.face).options(face),
        joinedload(Report.target).joinedload(Actor.face).options(face),
    )


def _decide(tx: AsyncSession, moderator: Actor | None, action: str, about: str, reason: str) -> None:
    tx.add(Decision(moderator_id=moderator.id if moderator else None, action=action, about=about, reason=reason))


async def _check_rank(tx: AsyncSession, moderator: Actor | None, actor: Actor) -> None:
    """Nobody decides about themselves, about the house, or about somebody above them. The command line may decide about all."""
    if actor.is_house:
        raise Forbidden("The house itself cannot be suspended.")
    if moderator is None:
        return
    if moderator.id == actor.id:
        raise Forbidden("You cannot decide about yourself.")
    roles = {
        row.actor_id: row.role
        for row in await tx.scalars(select(Account).where(Account.actor_id.in_([moderator.id, actor.id])))
    }
    own, other = (RANKS.index(roles.get(person.id, Role.MEMBER)) for person in (moderator, actor))
    if own < other or own == RANKS.index(Role.MEMBER):
        raise Forbidden


async def _part(tx: AsyncSession, actor: Actor) -> None:
    """End every follow between somebody elsewhere and people here, and tell their server."""
    tied = or_(
        exists().where(Follow.follower_id == Actor.id, Follow.followed_id == actor.id),
        exists().where(Follow.followed_id == Actor.id, Follow.follower_id == actor.id),
    )
    for person in list(await tx.scalars(select(Actor).where(Actor.uri.is_(None), tied))):
        await blocks.sever(tx, person, [actor.id])
