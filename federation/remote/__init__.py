"""Everything that is asked of other servers: documents, people, keys, posts, collections, and what they run.

`documents` and `fingers` ask; `people`, `keyring`, `pieces`, `crawl` and `servers` believe what may be believed and write it down
through server.elsewhere; `neighbours` does so while a person waits. Nothing here is called inside a transaction.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from federation.remote.crawl import featured, outbox, thread
from federation.remote.documents import Absent, Budget, Spent, Vanished, get_document, within
from federation.remote.fingers import Finger, Handle, finger, parse_handle
from federation.remote.keyring import key
from federation.remote.neighbours import Neighbours
from federation.remote.people import actor
from federation.remote.pieces import post
from federation.remote.servers import nodeinfo
from server import clock, jobs, worker
from server.errors import GiveUp, TryLater
from server.models import Actor, Post
from server.site import Site

__all__ = ["FETCHERS", "Absent", "Budget", "Finger", "Handle", "Neighbours", "Spent", "Vanished"]
__all__ += ["actor", "featured", "fetch", "finger", "get_document", "key", "nodeinfo", "outbox", "parse_handle", "post"]
__all__ += ["thread", "within"]

log = logging.getLogger(__name__)

# Seconds after which a fetch stops counting in the lane of the others.
PATIENCE = 3


async def _post(site: Site, uri: str) -> Post | None:
    return await post(site, uri, fresh=True)


async def _actor(site: Site, uri: str) -> Actor:
    return await actor(site, uri, fresh=True)


# What a Fetch job can be about.
FETCHERS: dict[str, Callable[[Site, str], Awaitable[object]]] = {
    "actor": _actor,
    "featured": featured,
    "host": nodeinfo,
    "outbox": outbox,
    "post": _post,
    "thread": thread,
}


async def fetch(site: Site, job: jobs.Fetch) -> None:
    """Fetch what the job names, within the budget of one cause. What is not there is no failure of ours and ends the job.

    Raises TryLater where the other server does not answer.
    """
    # Whoever waits for a slow server does so in the lane for the slow, as deliveries do (P8).
    slow = asyncio.get_running_loop().call_later(PATIENCE, worker.step_aside, "slow")
    try:
        with within():
            await FETCHERS[job.what](site, job.uri)
    except Spent as spent:
        raise TryLater(str(spent), clock.after(minutes=1)) from spent
    except GiveUp as wrong:
        log.info("nothing fetched", extra={"what": job.what, "uri": job.uri, "reason": str(wrong)})
    finally:
        slow.cancel()
