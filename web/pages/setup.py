"""The first administrator: one page behind a link that the server prints, as long as there is none."""

from typing import cast

from quart import Blueprint, Response, redirect, request

from server import accounts, sign_ins, throttle
from server.errors import Invalid
from web import auth
from web.auth import client_address, public
from web.current import site
from web.page import page

blueprint = Blueprint("setup", __name__)

FRESH = {"Cache-Control": "no-store"}


@blueprint.get("/setup/<token>")
@public
async def ask(token: str) -> Response:
    """The form; whoever comes later is led to the sign-in page."""
    accounts.check_setup_token(site().secret, token)
    async with site().db.read() as tx:
        if await accounts.has_admin(tx):
            return cast(Response, redirect("/login", 303))
    return page("signin/setup.html", headers=FRESH, token=token, form={}, errors={})


@blueprint.post("/setup/<token>")
@public
async def create(token: str) -> Response:
    """Make the administrator and sign them in. Of two who try at once, one gets it."""
    await throttle.limit(site(), "link-network", client_address())
    await throttle.limit(site(), "link", token)
    form = await request.form
    try:
        session = await accounts.create_first(
            site(),
            token,
            handle=form.get("handle", ""),
            name=form.get("name", ""),
            email=form.get("email", ""),
            password=form.get("password", ""),
            device=sign_ins.device_name(request.headers.get("User-Agent", "")),
        )
    except Invalid as wrong:
        return page("signin/setup.html", 422, headers=FRESH, token=token, form=form, errors=wrong.fields)
    return auth.set_session(cast(Response, redirect("/settings/profile", 303)), session)
