"""Notes: posts of words alone, and the comments under works."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, ids, notifications, posts, tags, text
from server.db import insert_once
from server.errors import Conflict, Invalid
from server.models import Actor, Audience, Kind, Post
from server.urls import Urls

MAX_TEXT = 5000
MAX_WARNING = 300
# From the widest to the narrowest: an answer is never heard by more people than what it answers.
WIDTH = (Audience.EVERYONE, Audience.UNLISTED, Audience.FOLLOWERS, Audience.MENTIONED)


@dataclass(frozen=True)
class Note:
    """What is said. `reply_to` is a post that its writer may see, as `posts.get` gave it."""

    text: str
    warning: str = ""
    audience: Audience = Audience.EVERYONE
    reply_to: Post | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", text.clean(self.text))
        object.__setattr__(self, "warning", text.line(self.warning))
        wrong: dict[str, str] = {}
        if not self.text:
            wrong["text"] = "Write something first."
        if len(self.text) > MAX_TEXT:
            wrong["text"] = f"The text has {len(self.text):,} characters; at most {MAX_TEXT:,} fit."
        if len(self.warning) > MAX_WARNING:
            wrong["warning"] = f"The content note has {len(self.warning):,} characters; at most {MAX_WARNING:,} fit."
        if wrong:
            raise Invalid(**wrong)
        if self.reply_to is not None:
            widest = max(WIDTH.index(self.audience), WIDTH.index(self.reply_to.audience))
            object.__setattr__(self, "audience", WIDTH[widest])


async def write(tx: AsyncSession, author: Actor, note: Note, form_key: str, *, urls: Urls) -> Post:
    """Publish a note, or a comment. The same form sent twice writes it once.

    Who is answered is named by it, so that they may see it whatever the audience. Raises Conflict where the form's note was
    deleted in the meantime.
    """
    above = note.reply_to
    post_id, now = ids.new(), clock.now()
    row = Post(
        id=post_id,
        kind=Kind.NOTE,
        author_id=author.id,
        audience=note.audience,
        reply_to_id=above.id if above else None,
        thread_id=above.thread_id if above else post_id,
        published_at=now,
        ready_at=now,
        was_public=note.audience in posts.OPEN,
        form_key=form_key,
    )
    is_new = await insert_once(tx, row)
    same = select(Post).where(Post.author_id == author.id, Post.form_key == form_key).with_for_update()
    post = (await tx.scalars(same.execution_options(populate_existing=True))).one()
    if post.deleted_at is not None or post.kind is not Kind.NOTE:
        raise Conflict("This text was deleted in another window. Write it again to publish it again.")
    if is_new:
        await _say(tx, post, note, urls, answered=above.author if above else None)
        if above is not None and note.audience in posts.OPEN:
            await posts.answered(tx, above.id)
        await posts.tell(tx, post)
    return await posts.get(tx, post.id, author)


async def edit(tx: AsyncSession, post: Post, note: Note, *, urls: Urls) -> None:
    """Change a note's words and who sees them; what it answers stays."""
    opened = int(note.audience in posts.OPEN) - int(post.audience in posts.OPEN)
    if post.reply_to_id is not None and post.published_at is not None and opened:
        await posts.answered(tx, post.reply_to_id, opened)
    post.audience = note.audience
    post.was_public = post.was_public or note.audience in posts.OPEN
    post.edited_at = clock.now()
    answered = None
    if post.reply_to_id is not None:
        above = select(Actor).join(Post, Post.author_id == Actor.id).where(Post.id == post.reply_to_id)
        answered = await tx.scalar(above)
    await _say(tx, post, note, urls, answered=answered)
    await posts.tell(tx, post)


async def _say(tx: AsyncSession, post: Post, note: Note, urls: Urls, answered: Actor | None) -> None:
    post.text, post.warning, post.saved_at = note.text, note.warning, clock.now()
    people = await posts.mention(tx, post, note.text, urls, also=[answered] if answered else [])
    post.html = text.to_html(note.text, urls, people)
    await tags.put(tx, post, text.tags_in(note.text))
    await tx.flush()
    await notifications.notify_named(tx, post, answered)
