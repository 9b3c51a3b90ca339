"""What an activity is about, as rows: people and posts by their uri."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server import actors, posts
from server.errors import GiveUp
from server.models import Activity, Actor, Follow, Id, Post
from server.urls import Urls

# Built once: most activities ask these.
_THEIRS = select(Post.id).where(Post.uri == bindparam("uri"))
_AUTHOR, _READER = aliased(Actor), aliased(Actor)
_FOLLOWED = (
    select(Follow.followed_id)
    .join(_AUTHOR, _AUTHOR.id == Follow.followed_id)
    .join(_READER, _READER.id == Follow.follower_id)
    .where(_AUTHOR.uri == bindparam("uri"), _READER.uri.is_(None), Follow.accepted.is_(True))
    .limit(1)
)
_LIVING = select(Post.id).where(Post.id == bindparam("post", type_=Id), Post.deleted_at.is_(None))


async def resident(tx: AsyncSession, urls: Urls, uri: str) -> Actor:
    """The person of this house with that uri; raises GiveUp where there is nobody whom strangers could address."""
    handle = urls.parse_actor(uri)
    found = await actors.find(tx, handle, None, actors.in_good_standing()) if handle else None
    if found is None or urls.actor(found) != uri:
        raise GiveUp("It is about nobody of this house.")
    return found


async def post(tx: AsyncSession, urls: Urls, uri: str, viewer: Actor) -> Post:
    """The post with that uri, of ours or of others, with its author, as `viewer` may see it. Raises NotFound or Gone."""
    number = urls.parse_post(uri) if urls.is_ours(uri) else await post_id(tx, urls, uri)
    found = await posts.find(tx, number, viewer) if number else None
    if found is not None and urls.post(found) == uri:
        return found
    return await posts.get(tx, await post_id(tx, urls, uri) or 0, viewer)  # says why not


async def post_id(tx: AsyncSession, urls: Urls, uri: str) -> int | None:
    """The id of the row of that uri, deleted or not, or None."""
    if not urls.is_ours(uri):
        found: int | None = await tx.scalar(_THEIRS, {"uri": uri})
        return found
    number = urls.parse_post(uri)
    row = await tx.get(Post, number) if number else None
    return row.id if row is not None and row.uri is None and urls.post(row) == uri else None


async def is_followed(tx: AsyncSession, uri: str) -> bool:
    """Whether anybody of this house follows the actor with that uri."""
    return await tx.scalar(_FOLLOWED, {"uri": uri}) is not None


async def addresses_us(tx: AsyncSession, urls: Urls, uris: Iterable[str]) -> bool:
    """Whether one of these addresses is somebody of this house, or the followers of somebody."""
    handles = {urls.parse_actor(uri) or urls.parse_followers(uri) for uri in uris if urls.is_ours(uri)} - {None}
    for handle in sorted(str(handle) for handle in handles):
        if await actors.find(tx, handle, None, actors.in_good_standing()) is not None:
            return True
    return False


async def is_known(tx: AsyncSession, urls: Urls, uri: str) -> bool:
    """Whether there is a living post with that uri here."""
    number = await post_id(tx, urls, uri) if uri else None
    return number is not None and await tx.scalar(_LIVING, {"post": number}) is not None


async def our_follow(tx: AsyncSession, urls: Urls, uri: str, inner: dict[str, object] | None, theirs: Actor) -> Actor:
    """Which of ours asked to follow `theirs`, by the Follow that an Accept or a Reject names.

    A Follow is recognised by its id among what we sent. Some servers give it another id when they send it back: then its actor
    and object must be the pair of a follow that exists. Raises GiveUp for a Follow that we never sent (security.md row 28).
    """
    sent = await tx.scalar(select(Activity).where(Activity.uri == uri)) if uri else None
    if sent is not None:
        if sent.type != "Follow" or sent.subject != f"Follow:{theirs.id}":
            raise GiveUp("It answers a request that was made to somebody else.")
        asked = await tx.get(Actor, sent.actor_id)
    else:
        actor, subject = (_id(inner.get(name)) for name in ("actor", "object")) if inner else ("", "")
        handle = urls.parse_actor(actor) if subject == theirs.uri else None
        asked = await actors.find(tx, handle, None) if handle else None
    pair = (Follow.follower_id == (asked.id if asked else 0), Follow.followed_id == theirs.id)
    if asked is None or await tx.scalar(select(Follow.follower_id).where(*pair)) is None:
        raise GiveUp("It answers a request that nobody of this house made.")
    return asked


def _id(value: object) -> str:
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""
