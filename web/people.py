"""The person in an address: `/@name` is one of ours, `/@name@domain` somebody we know of elsewhere."""

from server import actors
from server.db import Session
from server.models import Actor


async def person(tx: Session, handle: str, viewer: Actor | None) -> Actor:
    """The profile behind `@handle` as `viewer` may see it, with its face; raises NotFound (see `actors.seen`)."""
    name, _, domain = handle.partition("@")
    return await actors.seen(tx, name, domain or None, viewer)
