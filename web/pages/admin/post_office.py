"""The post: what waits for which server, what came in and broke, and what was given up. For administrators."""

from collections.abc import Awaitable, Callable
from typing import cast

from quart import Blueprint, Response, redirect, request

from server import hosts, stuck
from server.db import Session
from server.errors import Invalid, NotFound
from server.models import Dialect, Role
from web.auth import role, safe_next
from web.current import me, site
from web.page import hint, page
from web.pages.admin.servers import address_of
from web.paging import before

blueprint = Blueprint("post_office", __name__)

PAGE = 30
ASIDE = 30
# Beyond so many queues the longest are looked after first, and any other is found by its name.
MOST = 3000


@blueprint.get("/admin/federation")
@role(Role.ADMIN)
async def overview() -> Response:
    """How much waits and since when, for whom, and what does not go on by itself."""
    start = request.args.get("from", "")
    first = min(int(start), MOST) if start.isascii() and start.isdigit() and len(start) < 6 else 0
    async with site().db.read() as tx:
        post = await hosts.overview(tx, MOST)
        lanes = await stuck.lanes(tx)
        aside = await stuck.set_aside(tx, ASIDE)
        given_up = await stuck.given_up(tx, before(), stuck.PAGE + 1)
        failed = await stuck.count(tx)
    shown = post.queues[first : first + PAGE]
    older = f"/admin/federation?before={given_up[stuck.PAGE - 1].id}#given-up" if len(given_up) > stuck.PAGE else ""
    return page(
        "admin/federation.html",
        tab="federation",
        post=post,
        lanes=lanes,
        queues=shown,
        first=first,
        further=f"/admin/federation?from={first + PAGE}#servers" if len(post.queues) > first + PAGE else "",
        aside=aside,
        given_up=given_up[: stuck.PAGE],
        failed=failed,
        older=older,
        here=request.full_path.rstrip("?"),
    )


# -- one server ----------------------------------------------------------------------------------------------------------
@blueprint.post("/admin/hosts/<host>/retry")
@role(Role.ADMIN)
async def retry(host: str) -> Response:
    """Try now what waits for a server, whatever happened before."""
    name = await _known(host)
    return await _do(address_of(name), "host-retried", lambda tx: hosts.retry(tx, name))


@blueprint.post("/admin/hosts/<host>/pause")
@role(Role.ADMIN)
async def pause(host: str) -> Response:
    """Send nothing to a server until somebody says so; what is for it waits."""
    name = await _known(host)
    return await _do(address_of(name), "host-paused", lambda tx: hosts.pause(tx, me(), name))


@blueprint.post("/admin/hosts/<host>/resume")
@role(Role.ADMIN)
async def resume(host: str) -> Response:
    """Go on sending."""
    name = await _known(host)
    return await _do(address_of(name), "host-resumed", lambda tx: hosts.resume(tx, me(), name))


@blueprint.get("/admin/hosts/<host>/forget")
@role(Role.ADMIN)
async def ask_to_forget(host: str) -> Response:
    """What would be lost."""
    name = await _known(host)
    async with site().db.read() as tx:
        kinds = await hosts.kinds_to(tx, name)
        queue = await hosts.queue_of(tx, name)
    return page("admin/forget.html", tab="federation", name=name, kinds=kinds, queue=queue)


@blueprint.post("/admin/hosts/<host>/forget")
@role(Role.ADMIN)
async def forget(host: str) -> Response:
    """Give up what waits for a server."""
    name = await _known(host)
    async with site().db.write() as tx:
        await hosts.forget(tx, me(), name)
    return hint(cast(Response, redirect(address_of(name), 303)), "host-forgotten")


@blueprint.post("/admin/hosts/<host>/dialect")
@role(Role.ADMIN)
async def dialect(host: str) -> Response:
    """The form in which works go there from now on."""
    chosen = (await request.form).get("dialect", "")
    name = await _known(host)
    try:
        wanted = Dialect(chosen) if chosen != "auto" else None
    except ValueError:
        raise Invalid(dialect="Choose one of the forms.") from None
    return await _do(address_of(name), "saved", lambda tx: hosts.set_dialect(tx, me(), name, wanted))


# -- what does not go on by itself ---------------------------------------------------------------------------------------
@blueprint.post("/admin/received/<id:received_id>/replay")
@role(Role.ADMIN)
async def replay(received_id: int) -> Response:
    """Do a received activity once more."""
    return await _do("/admin/federation#aside", "again", lambda tx: stuck.replay(tx, received_id))


@blueprint.post("/admin/received/<id:received_id>/drop")
@role(Role.ADMIN)
async def drop_received(received_id: int) -> Response:
    """Do nothing about a received activity."""
    return await _do("/admin/federation#aside", "dropped", lambda tx: stuck.drop_received(tx, me(), received_id))


@blueprint.post("/admin/jobs/<id:job_id>/again")
@role(Role.ADMIN)
async def again(job_id: int) -> Response:
    """Try once more what was given up."""
    return await _do("/admin/federation#given-up", "again", lambda tx: stuck.again(tx, job_id))


@blueprint.post("/admin/jobs/<id:job_id>/drop")
@role(Role.ADMIN)
async def drop_job(job_id: int) -> Response:
    """Remove what was given up."""
    return await _do("/admin/federation#given-up", "dropped", lambda tx: stuck.drop(tx, me(), job_id))


async def _known(host: str) -> str:
    """A server that we have had to do with: nobody pauses or forgets a name that was mistyped."""
    async with site().db.read() as tx:
        name = host.strip().lower()
        if await hosts.get(tx, name) is None:
            raise NotFound("Nothing has gone to or come from this server yet.")
    return name


async def _do(address: str, notice: str, act: Callable[[Session], Awaitable[object]]) -> Response:
    """What a button does, in one transaction; then to the page on which it was pressed, else to `address`."""
    async with site().db.write() as tx:
        await act(tx)
    target = safe_next((await request.form).get("next"))
    return hint(cast(Response, redirect(target if target != "/" else address, 303)), notice)
