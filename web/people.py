"""The person in an address: `/@name` is one of ours, `/@name@domain` somebody we know of elsewhere."""

from server import actors
from server.db import Session
from server.models import Actor, Post
from web.current import site


async def person(tx: Session, handle: str, viewer: Actor | None) -> Actor:
    """The profile behind `@handle` as `viewer` may see it, with its face; raises NotFound (see `actors.seen`)."""
    name, _, domain = handle.partition("@")
    if domain and site().urls.parse_acct(handle):
        domain = ""  # the whole handle of one of ours
    return await actors.seen(tx, name, domain or None, viewer)


async def is_unknown(tx: Session, handle: str) -> bool:
    """Whether `handle` names somebody elsewhere of whom nothing is known here yet."""
    name, _, domain = handle.partition("@")
    return bool(domain) and not site().urls.parse_acct(handle) and await actors.find(tx, name, domain) is None


def original(subject: Actor | Post) -> str:
    """The page of a person or a post on their own server; empty where it has no address that a browser may be sent to.

    Needs `post.origin`.
    """
    if isinstance(subject, Actor):
        candidates = (subject.page, subject.uri)
    else:
        candidates = (subject.origin.page if subject.origin else "", subject.uri)
    return next((address for address in candidates if address and address.startswith(("https://", "http://"))), "")
