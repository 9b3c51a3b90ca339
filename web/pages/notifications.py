"""What one is told: who follows, likes, boosts, answers, and what moderators should look at."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from quart import Blueprint, Response, g, request

from server import ids, notifications
from server.errors import Full
from server.models import Actor, Hearing, Notification, Post
from web.auth import signed_in
from web.current import me, site
from web.page import page
from web.paging import covers
from web.pictures import Addresses

blueprint = Blueprint("notifications", __name__)

# What several people did to one thing on one day is told in one line; whoever asks or says something has a line of their own.
TOGETHER = frozenset({Hearing.LIKE, Hearing.BOOST, Hearing.FOLLOW, Hearing.ACCEPTED})


@dataclass
class Line:
    """One line: what happened, to which post, by whom (the latest first), and whether it is new."""

    hearing: Hearing
    post: Post | None
    told: Notification
    people: list[Actor] = field(default_factory=list)
    is_new: bool = False


@dataclass
class Day:
    """The lines of one day, the latest first."""

    day: date
    lines: list[Line] = field(default_factory=list)


@blueprint.get("/notifications")
@signed_in
async def show() -> Response:
    """The latest, by day. Looking at them marks them as read."""
    before = ids.parse(request.args.get("before", ""))
    async with site().db.read() as tx:
        rows = await notifications.list(tx, me(), before, notifications.PAGE + 1)
    told = rows[: notifications.PAGE]
    if told and any(row.read_at is None for row in told):
        with suppress(Full):  # on a full disk people can still look (P11)
            async with site().db.write() as tx:
                await notifications.mark_read(tx, me(), told[0].id)
            if before is None:
                g.unread = 0
    older = f"/notifications?before={told[-1].id}" if len(rows) > len(told) else ""
    return page(
        "notifications/show.html",
        pictures=covers(row.post for row in told if row.post is not None),
        carries=[row.post for row in told if row.post is not None],
        days=by_day(told),
        older=older,
        newest="/notifications" if before else "",
        addresses=Addresses(site().urls, me()),
    )


def by_day(rows: Iterable[Notification]) -> list[Day]:
    """Days and lines in the order of `rows`, which is the latest first."""
    days: list[Day] = []
    for row in rows:
        when = row.created_at.date()
        if not days or days[-1].day != when:
            days.append(Day(when))
        lines = days[-1].lines
        same = next((line for line in lines if row.hearing in TOGETHER and _alike(line, row)), None)
        if same is None:
            same = Line(row.hearing, row.post, row)
            lines.append(same)
        same.people.append(row.sender)
        same.is_new = same.is_new or row.read_at is None
    return days


def _alike(line: Line, row: Notification) -> bool:
    return line.hearing is row.hearing and line.told.post_id == row.post_id
