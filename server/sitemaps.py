"""What search engines are told of: public works of this house and the people who made them, and when each was last changed.

Left out is what its artist keeps out of search engines, and what carries a warning: it would be found by people who did not ask
to see it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import posts, rights
from server.models import Actor, Kind, Post, Rating
from server.site import Site

# Entries of one part; the protocol allows 50,000 and every search engine reads more than one part.
SIZE = 2000


@dataclass(frozen=True)
class Entry:
    """One page."""

    url: str
    changed: datetime


def _works() -> Select[Any]:
    """Works for everyone without a warning, of this house's people."""
    return (
        select(Post)
        .join(Actor, Actor.id == Post.author_id)
        .where(Post.kind == Kind.WORK, Actor.domain.is_(None), posts.listed(), posts.visible_to(None))
        .where(Post.rating == Rating.GENERAL, Post.warning == "")
    )


async def parts(tx: AsyncSession) -> list[int]:
    """The ids at which the parts of the sitemap begin, oldest first; empty where nothing is public."""
    numbered = _works().with_only_columns(
        Post.id.label("id"), (func.row_number().over(order_by=Post.id) - 1).label("number")
    )
    rows = numbered.subquery()
    query = select(rows.c.id).where(rows.c.number % SIZE == 0).order_by(rows.c.id)
    return list(await tx.scalars(query))


async def works(tx: AsyncSession, site: Site, start: int) -> list[Entry]:
    """The part that begins at the work `start`, oldest first, as far as search engines may list it."""
    query = _works().where(Post.id >= start).order_by(Post.id).limit(SIZE)
    rows = await tx.scalars(query.options(joinedload(Post.author), joinedload(Post.artwork)))
    least = rights.minimum(site)
    return [
        Entry(site.urls.post_page(post), post.edited_at or post.published_at or post.created_at)
        for post in rows
        if rights.of(post, site.urls, least).is_indexed
    ]


async def people(tx: AsyncSession, site: Site) -> list[Entry]:
    """The artists of these works, by name; each as old as their newest work. Whoever keeps their work out is not named."""
    changed = func.max(func.coalesce(Post.edited_at, Post.published_at))
    latest = _works().with_only_columns(Post.author_id, changed.label("changed")).group_by(Post.author_id).subquery()
    query = select(Actor, latest.c.changed).join(latest, latest.c.author_id == Actor.id).order_by(Actor.id)
    least = rights.minimum(site)
    return [
        Entry(site.urls.profile(actor), changed)
        for actor, changed in await tx.execute(query)
        if rights.preferred(actor, site.urls, least).is_indexed
    ]
