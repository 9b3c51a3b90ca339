"""What people report, what is decided about it, and the log of all decisions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from quart import Blueprint, Response, redirect, request

from server import hosts, moderation, text
from server.db import Session
from server.errors import Invalid, NotFound
from server.models import HostRule, Post, Report, Role
from web.auth import role
from web.current import me, site
from web.page import hint, page
from web.paging import before
from web.people import original

blueprint = Blueprint("reports", __name__)

LONGEST_REASON = 1000


@blueprint.get("/admin/reports")
@role(Role.MODERATOR)
async def reports() -> Response:
    """Open reports, or the closed ones, the latest first."""
    closed = request.args.get("closed") == "yes"
    ask = moderation.closed_reports if closed else moderation.open_reports
    async with site().db.read() as tx:
        rows = await ask(tx, before(), moderation.PAGE + 1)
    older = ""
    if len(rows) > moderation.PAGE:
        rows = rows[: moderation.PAGE]
        older = f"/admin/reports?{'closed=yes&' if closed else ''}before={rows[-1].id}"
    return page("admin/reports.html", tab="reports", reports=rows, closed=closed, older=older)


@blueprint.get("/admin/reports/<id:report_id>")
@role(Role.MODERATOR)
async def report(report_id: int) -> Response:
    """One report: who, about whom, the posts, and what can be done."""
    return await _show(report_id)


@blueprint.post("/admin/reports/<id:report_id>/close")
@role(Role.MODERATOR)
async def close(report_id: int) -> Response:
    """Nothing more is to be done about it."""

    async def do(tx: Session, _: Report, reason: str) -> None:
        await moderation.close(tx, me(), report_id, reason)

    return await _decide(report_id, do, "report-closed")


@blueprint.post("/admin/reports/<id:report_id>/suspend")
@role(Role.MODERATOR)
async def suspend(report_id: int) -> Response:
    """Show nothing of the reported person any more, whether they live here or elsewhere."""

    async def do(tx: Session, found: Report, reason: str) -> None:
        await moderation.suspend(tx, me(), found.target, reason)

    return await _decide(report_id, do, "suspended")


@blueprint.post("/admin/reports/<id:report_id>/unsuspend")
@role(Role.MODERATOR)
async def unsuspend(report_id: int) -> Response:
    """Show the reported person again."""

    async def do(tx: Session, found: Report, reason: str) -> None:
        await moderation.unsuspend(tx, me(), found.target, reason)

    return await _decide(report_id, do, "unsuspended")


@blueprint.post("/admin/reports/<id:report_id>/take-down/<id:post_id>")
@role(Role.MODERATOR)
async def take_down(report_id: int, post_id: int) -> Response:
    """Take down one of the posts that the report names; no other can be reached this way (row 42)."""
    keys: list[str] = []

    async def do(tx: Session, found: Report, reason: str) -> None:
        named = [post for post in await moderation.reported(tx, found) if post.id == post_id]
        if not named:
            raise NotFound("This report names no such post, or it is gone already.")
        keys.extend(await moderation.remove_post(tx, me(), named[0], reason))

    answer = await _decide(report_id, do, "taken-down")
    for key in keys:
        await asyncio.to_thread(site().storage.delete, key)
    return answer


@blueprint.get("/admin/decisions")
@role(Role.MODERATOR)
async def decisions() -> Response:
    """Every decision with its reason, the latest first. Nothing can be taken out of it."""
    async with site().db.read() as tx:
        rows = await moderation.decisions(tx, before(), moderation.PAGE + 1)
    older = ""
    if len(rows) > moderation.PAGE:
        rows = rows[: moderation.PAGE]
        older = f"/admin/decisions?before={rows[-1].id}"
    return page("admin/decisions.html", tab="decisions", decisions=rows, older=older)


async def _decide(report_id: int, do: Callable[[Session, Report, str], Awaitable[None]], notice: str) -> Response:
    """Do what was decided, with its reason, in one transaction; a decision without a reason is asked for it."""
    reason = text.clean((await request.form).get("reason", ""))
    wrong = ""
    if not reason:
        wrong = "Say why: the reason stays in the log of decisions."
    elif len(reason) > LONGEST_REASON:
        wrong = f"The reason has {len(reason):,} characters; {LONGEST_REASON:,} are possible."
    if wrong:
        return await _show(report_id, reason, Invalid(reason=wrong))
    async with site().db.write() as tx:
        await do(tx, await moderation.get(tx, report_id), reason)
    return hint(cast(Response, redirect(f"/admin/reports/{report_id}", 303)), notice)


async def _show(report_id: int, reason: str = "", wrong: Invalid | None = None) -> Response:
    async with site().db.read() as tx:
        found = await moderation.get(tx, report_id)
        posts: list[Post] = await moderation.reported(tx, found)
        rule: HostRule | None = await hosts.rule(tx, found.target.host) if found.target.host else None
    return page(
        "admin/report.html",
        422 if wrong else 200,
        tab="reports",
        report=found,
        posts=posts,
        lost=len(found.post_ids) - len(posts),
        rule=rule,
        original=original(found.target) if not found.target.is_local else "",
        reason=reason,
        errors=wrong.fields if wrong else {},
    )
