"""Reject: somebody elsewhere does not want to be followed, or not any more, by one of ours."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import follows
from server.site import Site


async def on_reject(site: Site, reject: Verified) -> None:
    """The follow ends, whether it waited or was accepted long ago."""
    followed = await reject.sender(site)
    async with reject.last(site) as tx:
        asked = await subjects.our_follow(tx, site.urls, reject.object, reject.activity.object, followed)
        await follows.reject(tx, asked, followed)
