"""Undo: somebody elsewhere takes back a follow, a like, a boost or a block."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import actors, blocks, boosts, favourites, follows
from server.errors import GiveUp
from server.models import Actor, Block, Favourite, Follow, Kind, Post
from server.site import Site


async def on_undo(site: Site, undo: Verified) -> None:
    """Found by the id of what is undone, else by what it was about. Only what is theirs is undone (security.md row 36)."""
    async with undo.last(site) as tx:
        actor = await actors.by_uri(tx, undo.actor)
        if actor is None:
            raise GiveUp("They did nothing here.")
        if await _by_id(tx, actor, undo.object):
            return
        inner = undo.activity.object or {}
        about = inner.get("object")
        uri = about.get("id") if isinstance(about, dict) else about
        if not isinstance(uri, str) or not await _by_subject(tx, site, actor, str(inner.get("type")), uri):
            raise GiveUp("There is nothing of theirs to undo.")


async def _by_id(tx: AsyncSession, actor: Actor, uri: str) -> bool:
    """Undo what has that activity's id; True where there was something."""
    follow = await tx.scalar(select(Follow).where(Follow.uri == uri, Follow.follower_id == actor.id))
    if follow is not None:
        return await follows.unfollow(tx, actor, await _actor(tx, follow.followed_id))
    like = await tx.scalar(select(Favourite).where(Favourite.uri == uri, Favourite.actor_id == actor.id))
    if like is not None:
        return await favourites.remove(tx, actor, await _post(tx, like.post_id))
    boost = await tx.scalar(select(Post).where(Post.uri == uri, Post.author_id == actor.id, Post.kind == Kind.BOOST))
    if boost is not None and boost.boost_of_id is not None:
        return await boosts.remove(tx, actor, await _post(tx, boost.boost_of_id))
    block = await tx.scalar(select(Block).where(Block.uri == uri, Block.blocker_id == actor.id))
    if block is not None:
        return await blocks.unblock(tx, actor, await _actor(tx, block.blocked_id))
    return False


async def _by_subject(tx: AsyncSession, site: Site, actor: Actor, kind: str, uri: str) -> bool:
    """Undo what `actor` did to that person or post: some servers make up a new id for the inner activity."""
    if kind in ("Follow", "Block"):
        person = await subjects.resident(tx, site.urls, uri)
        return await (follows.unfollow if kind == "Follow" else blocks.unblock)(tx, actor, person)
    if kind in ("Like", "EmojiReact", "Announce"):
        number = await subjects.post_id(tx, site.urls, uri)
        if number is None:
            return False
        return await (boosts.remove if kind == "Announce" else favourites.remove)(tx, actor, await _post(tx, number))
    return False


async def _actor(tx: AsyncSession, actor_id: int) -> Actor:
    return (await tx.scalars(select(Actor).where(Actor.id == actor_id))).one()


async def _post(tx: AsyncSession, post_id: int) -> Post:
    return (await tx.scalars(select(Post).where(Post.id == post_id).options(joinedload(Post.author)))).one()
