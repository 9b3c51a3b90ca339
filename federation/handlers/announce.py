"""Announce: somebody elsewhere shows a post to their followers; or a group passes on what its members did (FEP-1b12)."""

from federation import remote
from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import boosts
from server.errors import GiveUp
from server.site import Site

# What groups wrap; of these the object is fetched from its own origin, whatever the group says of it.
WRAPPED = ("Create", "Update")
# Wrapped likes, deletions and the like are not ours to count: they come from their own actors.
IGNORED = ("Like", "Dislike", "Delete", "Undo", "Add", "Remove", "Block", "Lock", "Flag")


async def on_announce(site: Site, announce: Verified) -> None:
    """Only the address counts: what was sent along inside is never believed (security.md row 25)."""
    inner = announce.activity.object or {}
    uri = announce.object
    if inner.get("type") in WRAPPED:
        wrapped = inner.get("object")
        found = wrapped.get("id") if isinstance(wrapped, dict) else wrapped
        uri = found if isinstance(found, str) else ""
    elif inner.get("type") in IGNORED:
        raise GiveUp("A group passes on something that counts only from whoever did it.")
    if not uri:
        raise GiveUp("It names no post.")
    async with site.db.read() as tx:
        known = await subjects.is_known(tx, site.urls, uri)
        wanted = known or await subjects.is_followed(tx, announce.actor)
    if not wanted:
        raise GiveUp("Nobody here follows whoever boosts it, and the post is not known here.")
    booster = await announce.sender(site)
    if not known and await remote.post(site, uri) is None:
        raise GiveUp("The post that it boosts could not be read.")
    async with announce.last(site) as tx:
        post = await subjects.post(tx, site.urls, uri, booster)
        await boosts.add(tx, booster, post, uri=announce.activity.id, at=announce.activity.published)
