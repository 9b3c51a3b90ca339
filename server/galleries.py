"""Galleries: ordered sets of one artist's works, each with a name and a text of its own. A work may hang in many."""

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from server import jobs, posts
from server import text as cleaned
from server.db import insert_once
from server.errors import Invalid, NotFound
from server.models import Actor, Gallery, Hanging, Kind, Media, Post, Rating
from server.timelines import on_profile
from server.urls import slug as slug_of

LONGEST_NAME = 120
LONGEST_TEXT = 5000
MOST = 200
Where = Literal["start", "up", "down", "end"]


def check_name(name: str) -> str:
    """The name as it will stand; raises Invalid for none and for one that is too long."""
    name = cleaned.line(name)
    if not name:
        raise Invalid(name="Give the gallery a name.")
    if len(name) > LONGEST_NAME:
        raise Invalid(name=f"At most {LONGEST_NAME} characters; these are {len(name)}.")
    return name


def check_text(text: str) -> str:
    """The text as it will stand; raises Invalid for one that is too long."""
    text = cleaned.clean(text)
    if len(text) > LONGEST_TEXT:
        raise Invalid(text=f"At most {LONGEST_TEXT:,} characters; these are {len(text):,}.")
    return text


async def create(tx: AsyncSession, owner: Actor, name: str, text: str = "") -> Gallery:
    """A new, empty gallery. Two may have the same name; their addresses differ. Raises Invalid."""
    name, text = check_name(name), check_text(text)
    if int(await tx.scalar(select(func.count()).select_from(Gallery).where(Gallery.owner_id == owner.id)) or 0) >= MOST:
        raise Invalid(name=f"You have {MOST} galleries, and that is how many one person can have.")
    base = slug_of(name) or "gallery"
    number = 1
    while True:
        slug = base if number == 1 else f"{base}-{number}"
        if await insert_once(tx, Gallery(owner_id=owner.id, slug=slug, name=name, text=text)):
            break
        number += 1
    made = await tx.scalar(
        select(Gallery).where(Gallery.owner_id == owner.id, Gallery.slug == slug).options(joinedload(Gallery.owner))
    )
    assert made is not None  # inserted above, in this transaction
    return made


async def edit(tx: AsyncSession, gallery: Gallery, name: str, text: str = "") -> None:
    """Another name, another text. The address stays, so that links keep working. Raises Invalid."""
    gallery.name, gallery.text = check_name(name), check_text(text)
    tx.add(gallery)
    await tx.flush()


async def remove(tx: AsyncSession, gallery: Gallery) -> None:
    """The gallery goes; the works stay. Other servers are told of each work as when it is taken down: nobody reads a Delete of a
    collection, and a gallery in which nothing hangs is none."""
    hung = select(Post).join(Hanging, Hanging.post_id == Post.id).where(Hanging.gallery_id == gallery.id)
    for post in await tx.scalars(hung.order_by(Hanging.position, Post.id.desc())):
        _tell(tx, "Remove", post, gallery.id)
    await tx.execute(delete(Hanging).where(Hanging.gallery_id == gallery.id))
    await tx.execute(delete(Gallery).where(Gallery.id == gallery.id))


async def get(tx: AsyncSession, owner: Actor, slug: str) -> Gallery:
    """The gallery at that address, with its owner. Raises NotFound."""
    gallery = await tx.scalar(
        select(Gallery).where(Gallery.owner_id == owner.id, Gallery.slug == slug).options(joinedload(Gallery.owner))
    )
    if gallery is None:
        raise NotFound("There is no such gallery.")
    return gallery


async def by_id(tx: AsyncSession, gallery_id: int) -> Gallery:
    """The gallery with that id, with its owner. Raises NotFound."""
    gallery = await tx.scalar(select(Gallery).where(Gallery.id == gallery_id).options(joinedload(Gallery.owner)))
    if gallery is None:
        raise NotFound("There is no such gallery.")
    return gallery


async def counted(tx: AsyncSession, owner: Actor, viewer: Actor | None) -> list[tuple[Gallery, int]]:
    """The galleries of `owner` by name, each with the number of works that `viewer` would find there. One statement."""
    rows = await tx.execute(
        select(Gallery, func.count(Post.id))
        .outerjoin(Hanging, Hanging.gallery_id == Gallery.id)
        .outerjoin(Post, and_(Post.id == Hanging.post_id, on_profile(viewer)))
        .where(Gallery.owner_id == owner.id)
        .group_by(Gallery.id)
        .order_by(Gallery.name, Gallery.id)
        .options(joinedload(Gallery.owner))
    )
    return [(gallery, count) for gallery, count in rows.all()]


async def of(tx: AsyncSession, owner: Actor, viewer: Actor | None) -> list[tuple[Gallery, int, Media | None]]:
    """What `counted` says, each with its cover: the first picture of the first work that carries no warning. Four statements,
    however many galleries there are."""
    rows = await counted(tx, owner, viewer)
    if not rows:
        return []
    found = (
        select(
            Hanging.gallery_id,
            Hanging.position,
            Post.id.label("post_id"),
            Post.rating,
            Post.warning,
        )
        .join(Post, Post.id == Hanging.post_id)
        .where(Hanging.gallery_id.in_([gallery.id for gallery, count in rows if count]), on_profile(viewer))
        .order_by(Hanging.gallery_id, Hanging.position, Post.id.desc())
    )
    covers: dict[int, int] = {}
    for gallery_id, _position, post_id, rating, warning in (await tx.execute(found)).all():
        if rating is Rating.GENERAL and not warning:
            covers.setdefault(gallery_id, post_id)
    pictures: dict[int, Media] = {}
    if covers:
        for media in await tx.scalars(
            select(Media)
            .where(Media.post_id.in_(covers.values()))
            .order_by(Media.post_id, Media.position)
            .options(selectinload(Media.renditions))
        ):
            pictures.setdefault(media.post_id or 0, media)
    return [(gallery, count, pictures.get(covers.get(gallery.id, 0))) for gallery, count in rows]


async def names(tx: AsyncSession, owner: Actor) -> list[str]:
    """The names of the galleries of `owner`, for a form."""
    return list(await tx.scalars(select(Gallery.name).where(Gallery.owner_id == owner.id).order_by(Gallery.name)))


async def holding(tx: AsyncSession, post: Post, viewer: Actor | None) -> list[tuple[Gallery, int]]:
    """The galleries in which `post` hangs, by name, each with the number of works that `viewer` would find there."""
    mine = select(Hanging.gallery_id).where(Hanging.post_id == post.id)
    rows = await tx.execute(
        select(Gallery, func.count(Post.id))
        .join(Hanging, Hanging.gallery_id == Gallery.id)
        .join(Post, Post.id == Hanging.post_id)
        .where(Gallery.id.in_(mine), on_profile(viewer))
        .group_by(Gallery.id)
        .order_by(Gallery.name, Gallery.id)
        .options(joinedload(Gallery.owner))
    )
    return [(gallery, count) for gallery, count in rows.all()]


async def put(tx: AsyncSession, post: Post, owner: Actor, wanted: Iterable[str]) -> None:
    """`post` hangs in exactly the galleries of these names afterwards, at the end of each where it is new; a name that
    no gallery of `owner` has makes one. Raises Invalid for an impossible name."""
    await tx.flush()
    mine: dict[str, Gallery] = {}
    for gallery in await tx.scalars(select(Gallery).where(Gallery.owner_id == owner.id).order_by(Gallery.id)):
        mine.setdefault(gallery.name.casefold(), gallery)
    chosen: dict[int, Gallery] = {}
    for name in wanted:
        if not name.strip():
            continue
        name = check_name(name)
        gallery = mine.get(name.casefold()) or await create(tx, owner, name)
        mine[name.casefold()] = chosen[gallery.id] = gallery
    gone = delete(Hanging).where(Hanging.post_id == post.id, Hanging.gallery_id.not_in(list(chosen) or [0]))
    quietly = gone.returning(Hanging.gallery_id).execution_options(synchronize_session=False)
    for gallery_id in sorted(await tx.scalars(quietly)):
        _tell(tx, "Remove", post, gallery_id)
    for gallery_id in chosen:
        last = await tx.scalar(select(func.max(Hanging.position)).where(Hanging.gallery_id == gallery_id))
        place = 0 if last is None else last + 1
        if await insert_once(tx, Hanging(gallery_id=gallery_id, post_id=post.id, position=place)):
            _tell(tx, "Add", post, gallery_id)


async def tell(tx: AsyncSession, post: Post) -> None:
    """Tell other servers in which galleries a new work hangs."""
    for gallery_id in await tx.scalars(select(Hanging.gallery_id).where(Hanging.post_id == post.id)):
        _tell(tx, "Add", post, gallery_id)


def _tell(tx: AsyncSession, verb: str, post: Post, gallery_id: int) -> None:
    # A work that nobody was told of, or that is not for everybody, is not given away by the place where it hangs.
    if post.told_at is not None and post.audience in posts.OPEN:
        jobs.enqueue(tx, jobs.Federate(verb, post.author_id, post_id=post.id, subject_id=gallery_id))


def hung(gallery: Gallery, viewer: Actor | None) -> Select[Post]:
    """What hangs in `gallery` for `viewer` (None: for everybody) to see, in the artist's order; pages and documents ask this."""
    return (
        select(Post)
        .join(Hanging, Hanging.post_id == Post.id)
        .where(Hanging.gallery_id == gallery.id, Post.kind == Kind.WORK, on_profile(viewer))
        .order_by(Hanging.position, Post.id.desc())
    )


async def works(tx: AsyncSession, gallery: Gallery, viewer: Actor | None) -> list[Post]:
    """The works in `gallery` that `viewer` may find there, loaded for a wall."""
    return list(await tx.scalars(posts.listing(hung(gallery, viewer))))


async def move(tx: AsyncSession, gallery: Gallery, post: Post, where: Where) -> None:
    """`post` moves to another place in `gallery`.

    Raises NotFound where it does not hang there, Invalid for another word.

    The gallery's row is locked first: two moves at once follow each other instead of mixing.
    """
    await tx.execute(select(Gallery.id).where(Gallery.id == gallery.id).with_for_update())
    rows = list(
        await tx.scalars(
            select(Hanging)
            .where(Hanging.gallery_id == gallery.id)
            .order_by(Hanging.position, Hanging.post_id.desc())
            .execution_options(populate_existing=True)
        )
    )
    place = next((number for number, row in enumerate(rows) if row.post_id == post.id), None)
    if place is None:
        raise NotFound("This work does not hang in this gallery.")
    places = {"start": 0, "up": max(0, place - 1), "down": min(len(rows) - 1, place + 1), "end": len(rows) - 1}
    if where not in places:
        raise Invalid(where="A work can move to the start, up, down or to the end.")
    rows.insert(places[where], rows.pop(place))
    for number, row in enumerate(rows):
        row.position = number
    await tx.flush()
