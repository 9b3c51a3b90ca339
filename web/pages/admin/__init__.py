"""What the people who run the house do: let others in, read reports, decide about servers, look after the post.

Moderators decide about people and servers; the queues are for administrators. To everybody else none of this exists.
"""

from typing import cast

from quart import Blueprint, Response, redirect

from server.models import Role
from web.auth import role
from web.pages.admin import held, post_office, reports, servers, waiting

blueprint = Blueprint("admin", __name__)
for part in (
    waiting.blueprint,  # /admin/waiting
    held.blueprint,  # /admin/held · works that a moderator has to look at first
    reports.blueprint,  # /admin/reports · /admin/decisions
    servers.blueprint,  # /admin/hosts · their rules
    post_office.blueprint,  # /admin/federation · what waits, rests or broke
):
    blueprint.register_blueprint(part)


@blueprint.get("/admin")
@role(Role.MODERATOR)
async def first() -> Response:
    """The desk of the house begins with what people ask of it."""
    return cast(Response, redirect("/admin/reports", 303))
