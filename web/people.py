"""The person in an address: `/@name` is one of ours, `/@name@domain` somebody we know of elsewhere."""

from server import actors, blocks
from server.db import Session
from server.errors import NotFound
from server.models import Actor


async def person(tx: Session, handle: str, viewer: Actor | None) -> Actor:
    """The profile behind `@handle`, with its face.

    Raises NotFound for nobody, for somebody who is suspended, and for a viewer whom that person blocks (row 51).
    """
    name, _, domain = handle.partition("@")
    actor = await actors.by_handle(tx, name, domain or None)
    if actor.suspended_at is not None:
        raise NotFound("There is nobody with this name.")
    if viewer is not None and viewer.id != actor.id and await blocks.blocks(tx, actor, viewer):
        raise NotFound("There is nobody with this name.")
    return actor
