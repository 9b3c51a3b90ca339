"""Originals: the untouched file that an artist uploaded. Theirs alone, and for a while whoever's to whom they give an address.

An address is made for one picture and one purpose, ends by itself, and can be ended before. Its token is derived from the house's
secret and only its hash is stored: the database opens nothing, and the artist can still be shown the address again.
"""

import base64
import hashlib
import hmac
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import actors, clock, ids, text
from server.db import changed
from server.errors import Invalid, NotFound
from server.models import Actor, Media, OriginalLink, Post, Purpose
from server.site import Site

DAYS = (1, 7, 30)
MAX_LABEL = 120
MAX_LINKS = 50  # of one picture, open at the same time
# For how long the artist still sees what an address that has ended was used for.
KEPT = timedelta(days=30)


async def picture(tx: AsyncSession, media_id: int, owner: Actor) -> tuple[Media, Post]:
    """One picture of a work of `owner`, which is not deleted; NotFound for everybody else's."""
    query = (
        select(Media, Post)
        .join(Post, Post.id == Media.post_id)
        .where(Media.id == media_id, Media.owner_id == owner.id, Media.purpose == Purpose.WORK, Media.master_key != "")
        .where(Post.author_id == owner.id, Post.deleted_at.is_(None))
        .options(joinedload(Post.author), joinedload(Post.artwork))
    )
    found = (await tx.execute(query)).first()
    if found is None:
        raise NotFound
    return found[0], found[1]


async def create(tx: AsyncSession, site: Site, owner: Actor, media_id: int, label: str, days: int) -> OriginalLink:
    """An address of the original of one of `owner`'s pictures, good for `days` days; `label` says for whom it is.

    Raises NotFound for pictures of others, Invalid (label, days) for what cannot be, and when there are too many.
    """
    media, _ = await picture(tx, media_id, owner)
    label = text.line(label)
    wrong: dict[str, str] = {}
    if not label:
        wrong["label"] = "Say for whom it is: only you read it."
    elif len(label) > MAX_LABEL:
        wrong["label"] = f"At most {MAX_LABEL} characters; these are {len(label)}."
    if days not in DAYS:
        wrong["days"] = "Choose one of the list."
    if wrong:
        raise Invalid(**wrong)
    opened = select(func.count(OriginalLink.id)).where(
        OriginalLink.media_id == media.id, OriginalLink.expires_at > clock.now()
    )
    if int(await tx.scalar(opened) or 0) >= MAX_LINKS:
        raise Invalid(label=f"There are {MAX_LINKS} open addresses of this picture. End one first.")
    link = OriginalLink(id=ids.new(), media_id=media.id, label=label, expires_at=clock.after(days=days), uses=0)
    link.token_hash = _hash(token(site, link))
    tx.add(link)
    await tx.flush()
    return link


def token(site: Site, link: OriginalLink) -> str:
    """What stands in the address; nobody without the house's secret can make it."""
    digest = hmac.digest(site.secret, f"original\n{link.id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()


async def of(tx: AsyncSession, post: Post) -> list[OriginalLink]:
    """The addresses of the originals of a work, the latest first; those that ended lately are among them."""
    query = select(OriginalLink).join(Media, Media.id == OriginalLink.media_id).where(Media.post_id == post.id)
    return list(await tx.scalars(query.order_by(OriginalLink.created_at.desc(), OriginalLink.id.desc())))


async def revoke(tx: AsyncSession, owner: Actor, link_id: int) -> Post:
    """End an address now; the work that it was about. Raises NotFound for addresses that others made."""
    link = await tx.get(OriginalLink, link_id)
    if link is None:
        raise NotFound
    _, post = await picture(tx, link.media_id, owner)
    if link.expires_at > clock.now():
        link.expires_at = clock.now()
    return post


async def find(tx: AsyncSession, token: str) -> tuple[OriginalLink, Media, Post]:
    """What an address opens at this moment, the work with its author and artwork.

    Raises NotFound for an address that nobody made, that has ended, whose work is deleted or held by a moderator, and whose
    artist is not in good standing: alike.
    """
    query = (
        select(OriginalLink, Media, Post)
        .join(Media, Media.id == OriginalLink.media_id)
        .join(Post, Post.id == Media.post_id)
        .join(Actor, Actor.id == Post.author_id)
        .where(OriginalLink.token_hash == _hash(token), OriginalLink.expires_at > clock.now())
        .where(Media.owner_id == Post.author_id, Post.deleted_at.is_(None), Post.held_at.is_(None))
        .where(actors.in_good_standing())
        .options(joinedload(Post.author), joinedload(Post.artwork))
    )
    found = (await tx.execute(query)).first()
    if found is None:
        raise NotFound
    return found[0], found[1], found[2]


async def used(tx: AsyncSession, link: OriginalLink) -> None:
    """Count one download."""
    this = update(OriginalLink).where(OriginalLink.id == link.id)
    await changed(tx, this.values(uses=OriginalLink.uses + 1, used_at=clock.now()))


async def forget(tx: AsyncSession) -> None:
    """Remove addresses that ended long ago; for the hourly sweep."""
    await tx.execute(delete(OriginalLink).where(OriginalLink.expires_at < clock.now() - KEPT))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
