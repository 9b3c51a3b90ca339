"""Like, and EmojiReact (FEP-c0e0): somebody elsewhere likes a post."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import favourites
from server.site import Site


async def on_like(site: Site, like: Verified) -> None:
    """Counted once for each person, however many activities they send; a reaction keeps its emoji."""
    liker = await like.sender(site)
    async with like.last(site) as tx:
        post = await subjects.post(tx, site.urls, like.object, liker)
        await favourites.add(tx, liker, post, emoji=like.activity.emoji, uri=like.activity.id)
