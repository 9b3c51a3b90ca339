"""Who asks to be let in."""

from typing import cast

from quart import Blueprint, Response, redirect, request

from server import accounts
from server.models import Role
from web.auth import role
from web.current import site
from web.page import hint, page

blueprint = Blueprint("waiting", __name__)


@blueprint.get("/admin/waiting")
@role(Role.MODERATOR)
async def waiting() -> Response:
    """Who asks to be let in, the longest first."""
    async with site().db.read() as tx:
        people = await accounts.waiting(tx)
    return page("admin/waiting.html", tab="waiting", people=people)


@blueprint.post("/admin/waiting/<id:account_id>/let-in")
@role(Role.MODERATOR)
async def let_in(account_id: int) -> Response:
    """Let somebody in. Whoever decides second is told so."""
    sentence = (await request.form).get("sentence", "")
    async with site().db.write() as tx:
        await accounts.approve(tx, site(), await accounts.get_waiting(tx, account_id), sentence)
    return hint(cast(Response, redirect("/admin/waiting", 303)), "let-in")


@blueprint.post("/admin/waiting/<id:account_id>/turn-away")
@role(Role.MODERATOR)
async def turn_away(account_id: int) -> Response:
    """Turn somebody away."""
    sentence = (await request.form).get("sentence", "")
    async with site().db.write() as tx:
        await accounts.reject(tx, site(), await accounts.get_waiting(tx, account_id), sentence)
    return hint(cast(Response, redirect("/admin/waiting", 303)), "turned-away")
