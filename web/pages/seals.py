"""The certificate by which others know this house's seal."""

from quart import Blueprint, Response

from server import seals
from server.errors import NotFound
from web.answers import send
from web.auth import machine
from web.current import site

blueprint = Blueprint("seals", __name__)

PEM = "application/x-pem-file"
# Seconds: another root comes once in years, and the old one stays in the file.
FRESH = 3600


@blueprint.get("/rights/c2pa-root.pem")
@machine
async def root() -> Response:
    """The roots under which something of this house holds, the newest first, for everybody who wants to know its seal again."""
    found = await seals.roots(site())
    if not found:
        raise NotFound
    return send("".join(found), PEM, seconds=FRESH)
