"""Block: somebody elsewhere does not want to see, or be seen by, one of ours."""

from federation import remote
from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import blocks
from server.site import Site


async def on_block(site: Site, block: Verified) -> None:
    """Follows end both ways and neither sees the other here either; nobody is told."""
    blocker = await remote.actor(site, block.actor)
    async with site.db.write() as tx:
        blocked = await subjects.resident(tx, site.urls, block.object)
        await blocks.block(tx, blocker, blocked, uri=block.activity.id)
