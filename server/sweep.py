"""The hourly round: what nobody needs any more is thrown away. Everything here may run twice, or stop anywhere."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server import cache, clock, elsewhere, jobs, joining, letters, originals, posts, seals, sign_ins, stamps, throttle
from server.db import changed
from server.models import (
    Activity,
    Actor,
    Bookmark,
    CrawlerVisit,
    Delivery,
    DeliveryState,
    Favourite,
    Follow,
    Job,
    Kind,
    Media,
    Mention,
    Notification,
    Origin,
    Post,
    Purpose,
    Received,
    ReceivedState,
    Rendition,
)
from server.site import Site

log = logging.getLogger(__name__)

# A file without a row may belong to an upload that is being written down at this moment, or to a backup's database (C3).
GRACE = timedelta(hours=24)
EVERY = timedelta(hours=1)
NAME = jobs.Sweep.__name__
# Rows that one transaction deletes, so that nobody waits long for it.
BATCH = 500
# How long it is remembered what came in (a signature is good for 12 hours), what went out, and what somebody has read.
RECEIVED = timedelta(days=30)
SENT = timedelta(days=90)
READ = timedelta(days=180)
# What is over once it is sent. The rest is kept while it stands: to take it back, or to tell who has a post.
PASSING = ("Accept", "Reject", "Undo", "Flag", "Delete", "Add", "Remove")


async def sweep(site: Site, job: jobs.Sweep) -> None:
    """One round. The next one is written down first, so that a round that fails does not end the rounds."""
    async with site.db.write() as tx:
        others = (Job.kind == NAME, or_(Job.locked_until.is_(None), Job.locked_until <= clock.now()))
        await tx.execute(delete(Job).where(*others))
        jobs.enqueue(tx, job, due=clock.now() + EVERY)
    files = await asyncio.to_thread(_old_arrivals, site)
    keys = await _forgotten_pictures(site)
    keys += await _keys_without_row(site)
    for key in keys:
        await asyncio.to_thread(site.storage.delete, key)
    await cache.evict(site)
    await seals.renew(site)
    async with site.db.write() as tx:
        kept = clock.after(days=-site.settings.jobs.keep_failed_days)
        await tx.execute(delete(Job).where(Job.failed_at < kept))
        for noun in (letters, sign_ins, throttle, joining, elsewhere, stamps, originals):
            await noun.forget(tx)
        await stamps.overdue(tx, site)
    await _settled(site)
    strangers = await _strangers(site)
    if files or keys or strangers:
        log.info("swept", extra={"arrivals": files, "files": len(keys), "posts": strangers})


async def ensure(tx: AsyncSession) -> None:
    """Begin the rounds where none is to come; at the start of the worker."""
    known = select(func.count(Job.id)).where(Job.kind == NAME, Job.failed_at.is_(None))
    if not await tx.scalar(known):
        jobs.enqueue(tx, jobs.Sweep())


def _old_arrivals(site: Site) -> int:
    """Remove what an upload left behind when the process was killed."""
    oldest = (clock.now() - GRACE).timestamp()
    removed = 0
    for file in site.incoming.glob("*"):
        try:
            if file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # taken over at this moment
    return removed


async def _forgotten_pictures(site: Site) -> list[str]:
    """Pictures that were uploaded and never joined a work, and faces that nobody wears any more."""
    worn = select(Actor.id).where(Actor.face_id == Media.id).exists()
    loose = or_(Media.purpose == Purpose.WORK, ~worn)
    async with site.db.write() as tx:
        query = select(Media).where(Media.post_id.is_(None), loose, Media.created_at < clock.now() - GRACE)
        return await posts.drop_pictures(tx, list(await tx.scalars(query.limit(1000))))


async def _keys_without_row(site: Site) -> list[str]:
    """Files that no row names. Their age is looked at first, so that a file which is put again meanwhile is not taken for old."""
    orphans: list[str] = []
    oldest = (clock.now() - GRACE).timestamp()
    for prefix in ("masters", "media"):
        found = await asyncio.to_thread(_keys_before, site, prefix, oldest)
        for keys in _in_batches(found, 500):
            async with site.db.read() as tx:
                known = set(await tx.scalars(select(Media.master_key).where(Media.master_key.in_(keys))))
                known |= set(await tx.scalars(select(Rendition.key).where(Rendition.key.in_(keys))))
            orphans += [key for key in keys if key not in known]
    return orphans


def _keys_before(site: Site, prefix: str, oldest: float) -> list[str]:
    return [key for key, at in site.storage.keys(prefix) if at < oldest]


def _in_batches(keys: list[str], size: int) -> Iterable[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


async def _settled(site: Site) -> None:
    """What came in and went out long ago, and what was told and read long ago."""
    now = clock.now()
    inner = aliased(Activity)
    undone = exists().where(
        inner.actor_id == Activity.actor_id, inner.subject == "Undo:" + Activity.subject, inner.id > Activity.id
    )
    buried = exists().where(Post.id == Activity.post_id, Post.deleted_at < now - SENT)
    waiting = exists().where(Delivery.activity_id == Activity.id, Delivery.state == DeliveryState.WAITING)
    over = or_(
        Activity.type.in_(PASSING),
        Activity.subject.startswith("Profile:"),
        undone.correlate(Activity),
        buried.correlate(Activity),
    )
    old = (Activity.created_at < now - SENT, ~waiting.correlate(Activity))
    rows: tuple[tuple[Any, ColumnElement[bool]], ...] = (
        (Received, and_(Received.state != ReceivedState.WAITING, Received.received_at < now - RECEIVED)),
        # An Undo goes after what it takes back, so that nobody takes the latter for standing.
        (Activity, and_(*old, over, Activity.type != "Undo")),
        (Activity, and_(*old, Activity.type == "Undo")),
        (Notification, Notification.read_at < now - READ),
        (CrawlerVisit, CrawlerVisit.day < (now - timedelta(days=site.settings.rights.evidence_days)).date()),
    )
    for table, condition in rows:
        some = select(table.id).where(condition).limit(BATCH)
        count = BATCH
        while count == BATCH:
            async with site.db.write() as tx:
                gone = delete(table).where(table.id.in_(some)).execution_options(synchronize_session=False)
                count = await changed(tx, gone)


async def _strangers(site: Site) -> int:
    """Posts of other servers with which nobody here has anything to do: not by somebody who is followed, not about anybody here,
    not liked, saved, boosted or answered by us, and older than the administrator wants to keep them. Their number."""
    cutoff = clock.after(days=-site.settings.federation.keep_remote_days)
    ours, above, boost, answer = aliased(Actor), aliased(Post), aliased(Post), aliased(Post)

    def by_us(person: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(ours.id == person, ours.uri.is_(None), *conditions).correlate(Post)

    old = (
        Post.uri.is_not(None),
        Post.published_at < cutoff,
        ~by_us(Follow.follower_id, Follow.followed_id == Post.author_id),
    )
    shown = exists().where(above.id == Post.boost_of_id, above.uri.is_(None)).correlate(Post)
    boosts = select(Post.id).where(*old, Post.kind == Kind.BOOST, ~shown)
    fresh = exists().where(Origin.post_id == Post.id, Origin.fetched_at >= cutoff).correlate(Post)
    posts_of_strangers = select(Post).where(
        *old,
        Post.kind != Kind.BOOST,
        or_(Post.deleted_at.is_(None), Post.deleted_at < cutoff),
        ~fresh,
        ~by_us(Favourite.actor_id, Favourite.post_id == Post.id),
        ~exists().where(Bookmark.post_id == Post.id).correlate(Post),
        ~by_us(Mention.actor_id, Mention.post_id == Post.id),
        ~by_us(above.author_id, above.id == Post.reply_to_id),
        # Conversations go from their ends; what is boosted stays as long as the boost.
        ~exists().where(answer.reply_to_id == Post.id).correlate(Post),
        ~exists().where(boost.boost_of_id == Post.id).correlate(Post),
    )
    removed, count = 0, BATCH
    while count == BATCH:
        async with site.db.write() as tx:
            gone = delete(Post).where(Post.id.in_(boosts.limit(BATCH)))
            count = await changed(tx, gone.execution_options(synchronize_session=False))
    count = BATCH
    while count == BATCH:
        async with site.db.write() as tx:
            some = list(await tx.scalars(posts_of_strangers.limit(BATCH)))
            ids = [post.id for post in some]
            keys = await posts.drop_pictures(tx, list(await tx.scalars(select(Media).where(Media.post_id.in_(ids)))))
            for post in some:
                if post.reply_to_id is not None and post.audience in posts.OPEN and post.deleted_at is None:
                    await posts.answered(tx, post.reply_to_id, -1)
            await tx.execute(delete(Post).where(Post.id.in_(ids)).execution_options(synchronize_session=False))
        for key in keys:
            await asyncio.to_thread(site.storage.delete, key)
        count = len(some)
        removed += count
    return removed
