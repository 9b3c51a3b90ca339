"""Follow: somebody elsewhere wants to see what one of ours does."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import follows
from server.site import Site


async def on_follow(site: Site, follow: Verified) -> None:
    """Accepted at once, or asked for where the artist approves each follower; a repeated Follow is answered again."""
    follower = await follow.sender(site)
    async with follow.last(site) as tx:
        followed = await subjects.resident(tx, site.urls, follow.object)
        await follows.follow(tx, follower, followed, uri=follow.activity.id)
