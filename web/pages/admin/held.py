"""Works that wait for a moderator, because a generator made them or a file says so (`rights.generated` = hold)."""

from typing import cast

from quart import Blueprint, Response, redirect, request

from server import generated, moderation, text
from server.errors import Invalid
from server.models import Role
from web.auth import role
from web.current import me, site
from web.page import hint, page
from web.paging import before
from web.pictures import Addresses

blueprint = Blueprint("held", __name__)

LONGEST_REASON = 1000


@blueprint.get("/admin/held")
@role(Role.MODERATOR)
async def held() -> Response:
    """What waits, the latest first, each with its marks, the artist's words, and what can be done."""
    return await _show()


@blueprint.post("/admin/held/<id:post_id>/let-in")
@role(Role.MODERATOR)
async def let_in(post_id: int) -> Response:
    """Show the work; with `wrong` without the label, since the mark in its file is wrong."""
    return await _decide(post_id, is_in=True)


@blueprint.post("/admin/held/<id:post_id>/send-back")
@role(Role.MODERATOR)
async def send_back(post_id: int) -> Response:
    """Give the work back to its artist, who is told why."""
    return await _decide(post_id, is_in=False)


async def _decide(post_id: int, *, is_in: bool) -> Response:
    form = await request.form
    reason, is_wrong = text.clean(form.get("reason", "")), bool(form.get("wrong"))
    wrong = ""
    if not reason:
        wrong = "Say why: the artist reads it, and it stays in the log of decisions."
    elif len(reason) > LONGEST_REASON:
        wrong = f"The reason has {len(reason):,} characters; {LONGEST_REASON:,} are possible."
    if wrong:
        return await _show(post_id, reason, is_wrong, Invalid(reason=wrong))
    async with site().db.write() as tx:
        post = await moderation.get_held(tx, post_id)
        if is_in:
            await moderation.let_in(tx, site(), me(), post, reason, is_wrong=is_wrong)
        else:
            await moderation.send_back(tx, site(), me(), post, reason)
    return hint(cast(Response, redirect("/admin/held", 303)), "work-let-in" if is_in else "work-sent-back")


async def _show(failed_id: int = 0, reason: str = "", is_wrong: bool = False, wrong: Invalid | None = None) -> Response:
    async with site().db.read() as tx:
        works = await moderation.held(tx, before(), moderation.PAGE + 1)
    older = ""
    if len(works) > moderation.PAGE:
        works = works[: moderation.PAGE]
        older = f"/admin/held?before={works[-1].id}"
    return page(
        "admin/held.html",
        422 if wrong else 200,
        tab="held",
        pictures=[media for post in works for media in post.media],
        works=works,
        older=older,
        rule=site().settings.rights.generated,
        labels=generated.LABELS,
        says=generated.says,
        counted=generated.counted,
        failed_id=failed_id,
        reason=reason,
        wrong=is_wrong,
        errors=wrong.fields if wrong else {},
        addresses=Addresses(site().urls, me()),
    )
