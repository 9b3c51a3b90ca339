"""What is found by the beginning of its name: people, and words under works. Searching in texts is another matter."""

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server import actors, blocks, hosts, posts
from server import tags as words_of
from server.models import Actor, Media, Post, PostTag, Tag

PEOPLE, TAGS = 12, 12


async def people(tx: AsyncSession, words: str, viewer: Actor | None) -> list[Actor]:
    """People whose handle or name begins like this, those of this house first; their faces are loaded.

    Strangers find only people of this house. Nobody finds whom they block, or who blocks them (row 51).
    """
    start = words.strip().removeprefix("@").lower()
    if not start:
        return []
    named = (func.lower(column).startswith(start, autoescape=True) for column in (Actor.handle, Actor.name))
    query = select(Actor).where(or_(*named), actors.in_good_standing())
    if viewer is None:
        query = query.where(Actor.uri.is_(None))
    else:
        query = query.where(~hosts.limited(), ~blocks.between(viewer, Actor.id, Actor))
    query = query.order_by(Actor.domain.is_not(None), func.lower(Actor.handle), Actor.id).limit(PEOPLE)
    return list(await tx.scalars(query.options(selectinload(Actor.face).selectinload(Media.renditions))))


async def tags(tx: AsyncSession, words: str, viewer: Actor | None) -> list[Tag]:
    """Tags that begin like this and stand under a post that `viewer` may find (row 41); strangers find those of this house."""
    start = words_of.fold(words.strip().removeprefix("#"))
    if not start:
        return []
    under = select(PostTag.post_id).join(Post, Post.id == PostTag.post_id)
    under = under.where(PostTag.tag_id == Tag.id, posts.listed(), posts.visible_to(viewer))
    if viewer is None:
        under = under.where(Post.uri.is_(None))
    query = select(Tag).where(Tag.name.startswith(start, autoescape=True), exists(under.correlate(Tag)))
    return list(await tx.scalars(query.order_by(Tag.name).limit(TAGS)))
