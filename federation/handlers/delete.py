"""Delete: somebody elsewhere removed a post of theirs, or themselves."""

from federation.handlers.verified import Verified
from server import actors, elsewhere, origins
from server.errors import GiveUp
from server.site import Site


async def on_delete(site: Site, delete: Verified) -> None:
    """A person can only delete themselves and what is stored as theirs (security.md row 23). What we never had is remembered:
    its Create may come later (row 35)."""
    if site.urls.is_ours(delete.object) or origins.origin(delete.object) != origins.origin(delete.actor):
        raise GiveUp("It is not theirs to delete.")
    async with delete.last(site) as tx:
        if delete.object == delete.actor:
            await elsewhere.forget_person(tx, delete.actor)
            return
        author = await actors.by_uri(tx, delete.actor)
        if author is None:
            raise GiveUp("Nothing of theirs is here.")
        await elsewhere.forget_post(tx, delete.object, author)
