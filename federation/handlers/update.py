"""Update: somebody elsewhere changed a post of theirs, or what they say of themselves."""

from federation import parse, remote
from federation.handlers import subjects
from federation.handlers.create import concerns_us
from federation.handlers.verified import Verified
from federation.vocabulary import ACTORS
from server import elsewhere
from server.errors import GiveUp
from server.site import Site


async def on_update(site: Site, update: Verified) -> None:
    """Only of what is stored as theirs (security.md row 22); an older state never wins over a newer one (row 35)."""
    document = update.activity.object
    if update.object == update.actor or (document and document.get("type") in ACTORS):
        if update.object != update.actor:
            raise GiveUp("Nobody may change somebody else.")
        # Read anew from its own address: keys come from nowhere else (row 2).
        await remote.actor(site, update.actor, changed=True)
        return
    if document is None:
        async with site.db.read() as tx:
            if not await subjects.is_known(tx, site.urls, update.object):
                raise GiveUp("It is about something that is not here.")
        await remote.post(site, update.object, fresh=True)
        return
    piece = parse.piece(document, update.actor)
    if piece.author != update.actor:
        raise GiveUp("It is about a post of somebody else.")
    author = await update.sender(site)
    async with update.last(site) as tx:
        found = await elsewhere.before(tx, piece.uri, author)
        if not found.is_here and not await concerns_us(tx, site, update, piece, found):
            raise GiveUp("It is about something that is not here.")
        await elsewhere.put_post(tx, piece, author, urls=site.urls, found=found)
