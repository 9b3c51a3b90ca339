"""Accept: somebody elsewhere agreed to be followed by one of ours."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import follows, jobs
from server.site import Site


async def on_accept(site: Site, accept: Verified) -> None:
    """From now on their new work stands in the home feed; their latest is fetched, so that it does not begin empty."""
    followed = await accept.sender(site)
    async with accept.last(site) as tx:
        asked = await subjects.our_follow(tx, site.urls, accept.object, accept.activity.object, followed)
        await follows.accept(tx, asked, followed)
        await jobs.ensure(tx, [jobs.Fetch("outbox", accept.actor)])
