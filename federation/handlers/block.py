"""Block: somebody elsewhere does not want to see, or be seen by, one of ours."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import blocks
from server.site import Site


async def on_block(site: Site, block: Verified) -> None:
    """Follows end both ways and neither sees the other here either; nobody is told."""
    blocker = await block.sender(site)
    async with block.last(site) as tx:
        blocked = await subjects.resident(tx, site.urls, block.object)
        await blocks.block(tx, blocker, blocked, uri=block.activity.id)
