"""Create: somebody elsewhere posted something."""

from sqlalchemy.ext.asyncio import AsyncSession

from federation import parse, remote
from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import elsewhere, jobs
from server.elsewhere import Before, Piece
from server.errors import GiveUp
from server.site import Site


async def on_create(site: Site, create: Verified) -> None:
    """Kept where somebody here follows its author, is addressed by it, or where it answers something that is here."""
    if create.activity.object is None:
        async with site.db.read() as tx:
            if not await subjects.is_followed(tx, create.actor):
                raise GiveUp("Nobody here asked for it.")
        await remote.post(site, create.object)
        return
    piece = parse.piece(create.activity.object, create.actor)
    if piece.author != create.actor:
        raise GiveUp("It was written by somebody else than whoever sent it.")
    author = await create.sender(site)
    async with create.last(site) as tx:
        found = await elsewhere.before(tx, piece.uri, author)
        if not await concerns_us(tx, site, create, piece, found):
            raise GiveUp("Nobody here asked for it.")
        await elsewhere.put_post(tx, piece, author, urls=site.urls, found=found)
        above = piece.reply_to
        if above and not site.urls.is_ours(above) and not await subjects.is_known(tx, site.urls, above):
            await jobs.ensure(tx, [jobs.Fetch("post", above)])


async def concerns_us(tx: AsyncSession, site: Site, said: Verified, piece: Piece, found: Before) -> bool:
    """Whether a post has any business here (federation.md 8); everything else would be an open store for strangers."""
    addressed = {*said.activity.to, *said.activity.cc, *piece.mentions}
    return (
        found.is_followed
        or await subjects.addresses_us(tx, site.urls, addressed)
        or await subjects.is_known(tx, site.urls, piece.reply_to)
    )
