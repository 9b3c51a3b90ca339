"""Works: from an empty draft to something that hangs on a wall. Input is a `Draft`, which cannot be wrong."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient, make_transient_to_detached

from server import clock, galleries, generated, ids, notifications, posts, rights, stamps, tags, text, uploads
from server.db import insert_once
from server.errors import Conflict, Invalid
from server.models import (
    Actor,
    Artwork,
    Audience,
    Gallery,
    Hanging,
    Kind,
    Licence,
    Media,
    MediaState,
    Post,
    Rating,
    Reservation,
    SourceType,
)
from server.rights import history
from server.urls import Urls

# Longest texts, in characters (security.md, table D, and the columns).
LONGEST = {"title": 200, "text": 5000, "medium": 120, "tools": 200, "size": 120, "warning": 300, "objection": 1000}
NAMES = {
    "title": "title",
    "text": "text",
    "medium": "medium",
    "tools": "list of tools",
    "size": "size",
    "warning": "content note",
    "objection": "explanation",
}
MAX_ALT = 1500
MAX_GALLERIES = 50
# A draft that is older than this gets a fresh id when it is published: walls are sorted by id, and new work belongs on top.
FRESH = 60


@dataclass(frozen=True)
class Picture:
    """What the artist says about one picture; `media_id` is theirs. Focal point: 0..1 from the left and from the top."""

    media_id: int
    alt: str = ""
    focus_x: float = 0.5
    focus_y: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "alt", text.clean(self.alt))
        # Written so that NaN fails too.
        if not (0.0 <= self.focus_x <= 1.0 and 0.0 <= self.focus_y <= 1.0):
            raise Invalid(pictures="A focal point lies outside its picture.")


@dataclass(frozen=True)
class Draft:
    """Everything that is said about a work. Raises Invalid with one sentence per field.

    `pictures` are in order; pictures of the work that it leaves out stay behind them, so that an old window never loses an image.
    Only `removed` removes.
    """

    title: str = ""
    text: str = ""
    medium: str = ""
    tools: str = ""
    year: int | None = None
    size: str = ""
    tags: tuple[str, ...] = ()
    rating: Rating = Rating.GENERAL
    warning: str = ""
    audience: Audience = Audience.EVERYONE
    licence: Licence = Licence.ARR
    reservation: Reservation = Reservation.NO_AI
    full_size: bool = False
    says_rights: bool = True
    galleries: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    removed: tuple[int, ...] = field(default=())
    # How the work came to be; None: not said. And why a generator's mark in a file is wrong, for the moderators.
    source_type: SourceType | None = None
    objection: str = ""

    def __post_init__(self) -> None:
        for name in LONGEST:
            tidy = text.clean if name in ("text", "objection") else text.line
            object.__setattr__(self, name, tidy(getattr(self, name)))
        labels = (text.line(name) for name in self.galleries)
        object.__setattr__(self, "galleries", tuple(dict.fromkeys(name for name in labels if name)))
        if wrong := dict(self._wrong()):
            raise Invalid(**wrong)

    def _wrong(self) -> Iterable[tuple[str, str]]:
        for name, most in LONGEST.items():
            if len(getattr(self, name)) > most:
                yield name, f"The {NAMES[name]} has {len(getattr(self, name)):,} characters; at most {most:,} fit."
        newest = clock.now().year + 1
        if self.year is not None and not 1 <= self.year <= newest:
            yield "year", f"Give the year as a number, at most {newest}."
        if len(self.tags) > tags.MOST:
            yield "tags", f"At most {tags.MOST} tags fit; these are {len(self.tags)}."
        if any(len(tag) > 100 for tag in self.tags):
            yield "tags", "A tag has at most 100 characters."
        try:
            rights.check(self.licence, self.reservation)
        except Invalid as wrong:
            yield from wrong.fields.items()
        if len(self.galleries) > MAX_GALLERIES:
            yield "galleries", f"A work hangs in at most {MAX_GALLERIES} galleries."
        if any(len(name) > 120 for name in self.galleries):
            yield "galleries", "The name of a gallery has at most 120 characters."
        if len(self.pictures) > uploads.MAX_PICTURES:
            yield "pictures", f"A work has at most {uploads.MAX_PICTURES} images; these are {len(self.pictures)}."
        if len({picture.media_id for picture in self.pictures}) < len(self.pictures):
            yield "pictures", "An image is in the list twice."
        for picture in self.pictures:
            if len(picture.alt) > MAX_ALT:
                yield (
                    f"alt-{picture.media_id}",
                    f"The description has {len(picture.alt):,} characters; at most {MAX_ALT:,} fit.",
                )


async def start(tx: AsyncSession, author: Actor, form_key: str) -> Post:
    """The draft of this form: made once, found again when the same form is sent twice. Locked until the transaction ends.

    Raises Conflict where what the form began was deleted in the meantime.
    """
    post_id = ids.new()
    row = Post(
        id=post_id,
        kind=Kind.WORK,
        author_id=author.id,
        audience=author.default_audience,
        thread_id=post_id,
        form_key=form_key,
    )
    if await insert_once(tx, row):
        defaults = {"licence": author.default_licence, "reservation": author.default_reservation}
        await insert_once(tx, Artwork(post_id=post_id, **defaults))
    same = select(Post).where(Post.author_id == author.id, Post.form_key == form_key).with_for_update()
    post = (await tx.scalars(same.execution_options(populate_existing=True))).one()
    if post.deleted_at is not None or post.kind is not Kind.WORK:
        raise Conflict("This work was deleted in another window. Begin a new one to publish it again.")
    return await posts.get(tx, post.id, author)


async def save(tx: AsyncSession, post: Post, draft: Draft, *, urls: Urls) -> list[str]:
    """Write down a draft as it stands. Returns the storage keys of removed pictures, to delete after the commit."""
    keys = await _apply(tx, post, draft, urls)
    if post.published_at is not None:
        await stamps.renew(tx, post.id)
        await settle(tx, post.id)
    return keys


async def publish(
    tx: AsyncSession, post: Post, draft: Draft, *, urls: Urls, generated_rule: generated.Rule = "label"
) -> list[str]:
    """Let the work out. It appears as soon as its pictures can be shown; publishing twice is publishing once.

    `post` may get another id (see FRESH). Returns keys as `save` does. Raises Invalid without a picture, and for what a generator
    made where `generated_rule`, the house's, is to refuse that; where it is to hold that, a moderator has to look first.
    """
    if post.published_at is None and ids.at(clock.after(seconds=-FRESH)) > post.id:
        await _refresh_id(tx, post)
    keys = await _apply(tx, post, draft, urls)
    await _check_pictures(tx, post)
    await generated.judge(tx, post, await generated.look(tx, post), generated_rule)
    if post.published_at is None:
        post.published_at = clock.now()
        await tx.flush()
        await stamps.renew(tx, post.id)
    await tx.flush()
    await settle(tx, post.id)
    return keys


async def edit(
    tx: AsyncSession, post: Post, draft: Draft, *, urls: Urls, generated_rule: generated.Rule = "label"
) -> list[str]:
    """Change a published work; it stays visible, new pictures show when their small sizes are made. Returns keys like `save`.

    What the change adds of a generator falls under `generated_rule` as in `publish`; what was published before stays.
    """
    # Of a held work nothing is settled yet.
    known = generated.Evidence() if post.held_at is not None else await generated.look(tx, post)
    artwork = await tx.get_one(Artwork, post.id)
    before, held, written = post.audience, rights.of(post, urls), stamps.written(artwork)
    keys = await _apply(tx, post, draft, urls)
    await _check_pictures(tx, post)
    await generated.judge(tx, post, (await generated.look(tx, post)).beyond(known), generated_rule)
    history.record(tx, post, held, rights.of(post, urls))
    post.edited_at = clock.now()
    await tx.flush()
    # New pictures carry nothing yet; all of them say again what changed of what they say.
    await stamps.renew(tx, post.id, only_new=stamps.written(artwork) == written)
    await settle(tx, post.id, at_once=post.audience is not before)
    return keys


async def settle(tx: AsyncSession, post_id: int, *, at_once: bool = False) -> bool:
    """Make a published work appear when all its pictures can be shown and say their rights, and tell other servers of it, or of
    its changes, when all their sizes exist: what is fetched once is seldom fetched again. True when it is (now) ready.

    The post is locked first: of two pictures that are finished at the same moment, the second sees both.
    """
    this = select(Post).where(Post.id == post_id, Post.kind == Kind.WORK, Post.uri.is_(None))
    post = await tx.scalar(this.with_for_update())
    if post is None:
        return False
    # It may have been read before it was locked, and told of in between: each state is told once.
    await tx.refresh(post, ["published_at", "ready_at", "edited_at", "told_at", "deleted_at", "held_at"])
    if post.published_at is None or post.deleted_at is not None or post.held_at is not None:
        return False
    pictures = (await tx.execute(select(Media.state, Media.stamp).where(Media.post_id == post_id))).all()
    states = [state for state, _ in pictures]
    is_stamped = all(stamp or state is MediaState.FAILED for state, stamp in pictures)
    if post.ready_at is None:
        if not states or not is_stamped or any(state not in (MediaState.SHOWN, MediaState.READY) for state in states):
            return False
        post.ready_at = clock.now()
        post.was_public = post.was_public or post.audience in posts.OPEN
        await tx.flush()
    # A picture that failed is shown nowhere, and nothing comes of it before the artist does something about it.
    is_whole = MediaState.READY in states and all(state in (MediaState.READY, MediaState.FAILED) for state in states)
    is_whole = is_whole and is_stamped
    is_news = post.told_at is None or (post.edited_at is not None and post.edited_at > post.told_at)
    is_news = is_news or await stamps.has_moved(tx, post)
    if is_news and (is_whole or (at_once and post.told_at is not None)):
        told_before = post.told_at
        if await posts.tell(tx, post):
            await galleries.tell(tx, post)
        if not is_whole:
            post.told_at = told_before
        await notifications.notify_named(tx, post)
    return True


async def drafts(tx: AsyncSession, author: Actor) -> list[Post]:
    """What the author has not published yet, and what is published but waits for a picture; the latest first."""
    unfinished = Post.published_at.is_(None) | Post.ready_at.is_(None)
    mine = (Post.author_id == author.id, Post.kind == Kind.WORK, Post.deleted_at.is_(None), unfinished)
    query = posts.full(select(Post).where(*mine).order_by(Post.saved_at.desc()).limit(200))
    return list((await tx.scalars(query)).unique())


async def count_drafts(tx: AsyncSession, author: Actor) -> int:
    """How many drafts the author has."""
    mine = (Post.author_id == author.id, Post.kind == Kind.WORK, Post.deleted_at.is_(None), Post.published_at.is_(None))
    return await tx.scalar(select(func.count(Post.id)).where(*mine)) or 0


async def galleries_of(tx: AsyncSession, post: Post) -> list[str]:
    """The names of the galleries in which a work hangs, as its form shows them."""
    hanging = select(Gallery.name).join(Hanging, Hanging.gallery_id == Gallery.id).where(Hanging.post_id == post.id)
    return list(await tx.scalars(hanging.order_by(Gallery.name)))


async def has_undescribed(tx: AsyncSession, author: Actor) -> bool:
    """Whether the author ever published a picture without a description: they were asked then, and are not asked again."""
    published = (
        Post.author_id == author.id,
        Post.published_at.is_not(None),
        Post.deleted_at.is_(None),
        Media.alt == "",
    )
    return await tx.scalar(select(Media.id).join(Post, Post.id == Media.post_id).where(*published).limit(1)) is not None


async def _apply(tx: AsyncSession, post: Post, draft: Draft, urls: Urls) -> list[str]:
    artwork = await tx.get_one(Artwork, post.id)
    was_full = artwork.full_size
    for name in ("title", "medium", "tools", "year", "size", "licence", "reservation", "full_size", "says_rights",
                 "source_type", "objection"):  # fmt: skip
        setattr(artwork, name, getattr(draft, name))
    post.text, post.warning, post.rating, post.audience = draft.text, draft.warning, draft.rating, draft.audience
    post.saved_at = clock.now()
    if post.ready_at is not None and draft.audience in posts.OPEN:
        post.was_public = True
    await tx.flush()
    people = await posts.mention(tx, post, draft.text, urls)
    post.html = text.to_html(draft.text, urls, people)
    await tags.put(tx, post, (*draft.tags, *text.tags_in(draft.text)))
    author = await tx.get_one(Actor, post.author_id)
    await galleries.put(tx, post, author, draft.galleries)
    keys, is_new = await _arrange(tx, post, draft)
    await generated.look(tx, post)  # what its files say of a generator is written into them again
    if was_full != draft.full_size or (is_new and draft.full_size):
        await uploads.again(tx, post.id, full_size=draft.full_size)
    return keys


async def _arrange(tx: AsyncSession, post: Post, draft: Draft) -> tuple[list[str], bool]:
    """Put the pictures in the order of the draft and remove what it removes. The flag: whether one of them is new to the post."""
    said = {picture.media_id: picture for picture in draft.pictures if picture.media_id not in draft.removed}
    wanted = (*said, *draft.removed)
    ours = (Media.owner_id == post.author_id, Media.post_id.is_(None) | (Media.post_id == post.id))
    found = {m.id: m for m in await tx.scalars(select(Media).where(Media.id.in_(wanted), *ours).with_for_update())}
    keys = await posts.drop_pictures(tx, [found[media_id] for media_id in draft.removed if media_id in found])
    if any(media_id not in found for media_id in said):
        raise Invalid(pictures="One of the images is not on this server any more. Remove it here and add it again.")
    order = (Media.position, Media.id)
    unsaid = await tx.scalars(select(Media).where(Media.post_id == post.id, Media.id.not_in(wanted)).order_by(*order))
    arranged = [*(found[media_id] for media_id in said), *unsaid]
    if len(arranged) > uploads.MAX_PICTURES:
        raise Invalid(pictures=f"A work has at most {uploads.MAX_PICTURES} images; these are {len(arranged)}.")
    is_new = False
    for position, media in enumerate(arranged):
        is_new = is_new or media.post_id is None
        media.post_id, media.position = post.id, position
        if picture := said.get(media.id):
            media.alt, media.focus_x, media.focus_y = picture.alt, picture.focus_x, picture.focus_y
    await tx.flush()
    return keys, is_new


async def _check_pictures(tx: AsyncSession, post: Post) -> None:
    if not await tx.scalar(select(func.count(Media.id)).where(Media.post_id == post.id)):
        raise Invalid(pictures="Add at least one image: a work is something to look at.")


async def _refresh_id(tx: AsyncSession, post: Post) -> None:
    """Give a draft an id of now. Nobody but its author knows the old one, and no address of a picture holds it.

    Whatever points to the row follows by itself: every foreign key to `posts.id` says ON UPDATE CASCADE (a test looks).
    """
    old, new = post.id, ids.new()
    await tx.flush()
    tx.expunge_all()
    await tx.execute(update(Post).where(Post.id == old).values(id=new, thread_id=new))
    make_transient(post)
    post.id = new
    make_transient_to_detached(post)
    tx.add(post)
    await tx.refresh(post)
