"""This request's site and viewer."""

from typing import cast

from quart import current_app, g

from server.errors import Unauthenticated
from server.models import Account, Actor, SignIn
from server.site import Site


def site() -> Site:
    """The house that this request came to."""
    return cast(Site, current_app.extensions["site"])


def sign_in() -> SignIn | None:
    """The open session of this request, with `account` and `account.actor` loaded; None for a stranger."""
    return cast("SignIn | None", g.get("sign_in"))


def account() -> Account | None:
    """Who is signed in, however far their account has come (waiting, unconfirmed, …)."""
    session = sign_in()
    return session.account if session else None


def viewer() -> Actor | None:
    """The person who looks: only an active account counts; everybody else sees what strangers see."""
    person = account()
    return person.actor if person and person.is_active else None


def me() -> Actor:
    """The viewer on a route that only signed-in people reach; raises Unauthenticated elsewhere."""
    person = viewer()
    if person is None:
        raise Unauthenticated
    return person


def unread() -> int:
    """How many notifications the viewer has not read; counted once for each page."""
    return int(g.get("unread", 0))


def my_account() -> Account:
    """The signed-in account on a route that only signed-in people reach; raises Unauthenticated elsewhere."""
    person = account()
    if person is None:
        raise Unauthenticated
    return person
