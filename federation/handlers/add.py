"""Add and Remove: somebody elsewhere pins a post of theirs to the top of their profile, or takes it down."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from federation.handlers.verified import Verified
from server import pins
from server.errors import GiveUp
from server.models import Post
from server.site import Site


async def on_add(site: Site, add: Verified) -> None:
    """Only into their own `featured`, and only what is theirs (security.md rows 27 and 30)."""
    await _pin(site, add, pinned=True)


async def on_remove(site: Site, remove: Verified) -> None:
    """Out of their own `featured`."""
    await _pin(site, remove, pinned=False)


async def _pin(site: Site, said: Verified, *, pinned: bool) -> None:
    actor = await said.sender(site)
    if not actor.featured or said.activity.target != actor.featured:
        raise GiveUp("That collection is not their list of pinned posts.")
    async with said.last(site) as tx:
        query = select(Post).where(Post.uri == said.object, Post.author_id == actor.id, Post.deleted_at.is_(None))
        post = await tx.scalar(query.options(joinedload(Post.author)))
        if post is None:
            raise GiveUp("The post is not here, or not theirs.")
        await (pins.pin if pinned else pins.unpin)(tx, post, actor)
