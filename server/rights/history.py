"""What held before: every change of a work's licence and reservation, with the old value, the new one, and when."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.models import Post, RightsChange
from server.rights import Rights


def record(tx: AsyncSession, post: Post, before: Rights, after: Rights) -> bool:
    """Write a change down, where there is one; whether there is. `before` and `after` are `describe`d without the house's least,
    so that a rule of the house is no change by the artist."""
    old = (before.licence, before.reservation, _words(before))
    new = (after.licence, after.reservation, _words(after))
    if old == new:
        return False
    row = RightsChange(
        post_id=post.id, licence_before=old[0], licence_after=new[0], text_before=old[2], text_after=new[2]
    )
    row.reservation_before, row.reservation_after = old[1], new[1]
    tx.add(row)
    return True


async def of(tx: AsyncSession, post: Post) -> list[RightsChange]:
    """The changes of one work, the latest first."""
    query = select(RightsChange).where(RightsChange.post_id == post.id).order_by(RightsChange.id.desc()).limit(100)
    return list(await tx.scalars(query))


def _words(said: Rights) -> str:
    """A licence that is none of ours, and that there was none: an author elsewhere did not choose what is assumed then."""
    return said.licence_text if said.licence_stated else said.licence_name
