"""Create: somebody elsewhere posted something."""

from sqlalchemy.ext.asyncio import AsyncSession

from federation import parse, remote
from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import elsewhere, jobs
from server.elsewhere import Piece
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
    author = await remote.actor(site, create.actor)
    async with site.db.write() as tx:
        if not await concerns_us(tx, site, create, piece):
            raise GiveUp("Nobody here asked for it.")
        await elsewhere.put_post(tx, piece, author, urls=site.urls)
        above = piece.reply_to
        if above and not site.urls.is_ours(above) and not await subjects.is_known(tx, site.urls, above):
            await jobs.ensure(tx, [jobs.Fetch("post", above)])


async def concerns_us(tx: AsyncSession, site: Site, said: Verified, piece: Piece) -> bool:
    """Whether a post has any business here (federation.md 8); everything else would be an open store for strangers."""
    addressed = {*said.activity.to, *said.activity.cc, *piece.mentions}
    return (
        await subjects.is_followed(tx, piece.author)
        or await subjects.addresses_us(tx, site.urls, addressed)
        or await subjects.is_known(tx, site.urls, piece.reply_to)
    )
