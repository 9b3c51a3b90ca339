"""Where a post stands: what it answers, and the conversation that both belong to (FEP-7888, federation rule 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import posts
from server.models import Origin, Post
from server.urls import Urls


@dataclass(frozen=True)
class Place:
    """What a post answers, where its readers may be told, and its conversation's id; "" where nobody gave it one."""

    parent: Post | None
    context: str


def alone(post: Post, urls: Urls) -> Place:
    """The place of a post that begins a conversation."""
    return Place(None, urls.context(post.id))


async def places(tx: AsyncSession, shown: Sequence[Post], urls: Urls) -> dict[int, Place]:
    """The place of each of `shown`, by its id; what they answer is loaded with its author and its origin.

    An answer outlives what it answers: once that is narrowed or was never for everybody, strangers are not told its id, nor the
    conversation's, which names its first post (security.md row 39). An answer that is itself not for everybody says what it
    answers: whoever reads it was in that conversation.
    """
    wanted = {number for post in shown if post.reply_to_id for number in (post.reply_to_id, post.thread_id)}
    if not wanted:
        return {post.id: alone(post, urls) for post in shown}
    removed = and_(Post.deleted_at.is_not(None), Post.was_public.is_(True))
    told = select(Post.id).where(Post.id.in_(wanted), or_(posts.visible_to(None), removed))
    open_ones = set(await tx.scalars(told))
    query = select(Post).where(Post.id.in_(wanted), Post.published_at.is_not(None))
    origin = joinedload(Post.origin).load_only(Origin.context)
    rows = await tx.scalars(query.options(joinedload(Post.author), origin))
    found = {post.id: post for post in rows if post.id in open_ones or post.deleted_at is None}

    def known(post: Post, number: int) -> Post | None:
        return found.get(number) if post.audience not in posts.OPEN or number in open_ones else None

    made: dict[int, Place] = {}
    for post in shown:
        parent = known(post, post.reply_to_id) if post.reply_to_id else None
        made[post.id] = Place(parent, _context(post, parent, known(post, post.thread_id), urls))
    return made


def _context(post: Post, parent: Post | None, root: Post | None, urls: Urls) -> str:
    """Ours where it began here and may be named; else as its first post states it, or what is answered."""
    if parent is None or (root is None and parent.is_local):
        return urls.context(post.id)
    if root is not None and root.is_local:
        return urls.context(root.id)
    return next((said.origin.context for said in (root, parent) if said and said.origin and said.origin.context), "")
