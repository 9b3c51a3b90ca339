"""Other servers: what the house allows them, and what is known of each."""

from typing import cast
from urllib.parse import quote, urlsplit

from quart import Blueprint, Response, redirect, request

from server import hosts, text
from server.errors import Invalid, NotFound
from server.models import HostLevel, Role
from web.auth import role
from web.current import me, site
from web.page import hint, page

blueprint = Blueprint("servers", __name__)

# So many of our people are named before a suspension; the rest are counted.
NAMED = 50


@blueprint.get("/admin/hosts")
@role(Role.MODERATOR)
async def rules() -> Response:
    """Every rule, and the way to any server by its name."""
    typed = request.args.get("find", "").strip()
    errors: dict[str, str] = {}
    async with site().db.read() as tx:
        if typed:
            try:
                return cast(Response, redirect(address_of(await hosts.named(tx, typed)), 303))
            except Invalid as wrong:
                errors = wrong.fields
        rows = await hosts.rules(tx)
    return page("admin/hosts.html", 422 if errors else 200, tab="hosts", rules=rows, typed=typed, errors=errors)


@blueprint.get("/admin/hosts/<host>")
@role(Role.MODERATOR)
async def server(host: str) -> Response:
    """One server: its rule, what it runs, and how the post to it is doing."""
    return await _show(host)


@blueprint.post("/admin/hosts/<host>/rule")
@role(Role.MODERATOR)
async def set_rule(host: str) -> Response:
    """Make or change a rule. A suspension is shown with what it ends before it happens."""
    form = await request.form
    typed = {name: text.clean(form.get(name, "")) for name in ("level", "reason", "public_reason")}
    typed["rejects_media"] = "yes" if form.get("rejects_media") == "yes" else ""
    name = await _named(host)
    try:
        level = _level(typed)
        if level is HostLevel.SUSPEND and form.get("confirmed") != "yes" and (preview := await _preview(name, typed)):
            return preview
        async with site().db.write() as tx:
            await hosts.set_rule(
                tx,
                me(),
                name,
                level,
                rejects_media=bool(typed["rejects_media"]),
                reason=typed["reason"],
                public_reason=typed["public_reason"],
                own=urlsplit(site().settings.base_url).netloc,
            )
    except Invalid as wrong:
        return await _show(name, typed, wrong.fields)
    return hint(cast(Response, redirect(address_of(name), 303)), "rule")


@blueprint.post("/admin/hosts/<host>/rule/remove")
@role(Role.MODERATOR)
async def remove_rule(host: str) -> Response:
    """No rule for this server any more."""
    reason = text.clean((await request.form).get("reason", ""))[: hosts.LONGEST_REASON]
    name = await _named(host)
    async with site().db.write() as tx:
        await hosts.remove_rule(tx, me(), name, reason)
    return hint(cast(Response, redirect(address_of(name), 303)), "rule-removed")


def address_of(name: str) -> str:
    """The page of one server."""
    return f"/admin/hosts/{quote(name, safe='')}"


def _level(typed: dict[str, str]) -> HostLevel:
    try:
        level = HostLevel(typed["level"])
    except ValueError:
        raise Invalid(level="Choose what the rule does.") from None
    if level is HostLevel.NONE:  # a rule that limits nothing is there for the pictures
        typed["rejects_media"] = "yes"
    if not typed["reason"]:
        raise Invalid(reason="Say why: the reason stays in the log of decisions.")
    return level


async def _named(host: str) -> str:
    async with site().db.read() as tx:
        try:
            return await hosts.named(tx, host)
        except Invalid:
            raise NotFound("This is the name of no server.") from None


async def _preview(name: str, typed: dict[str, str]) -> Response | None:
    """What a suspension would end; None where the server is suspended already, so that nothing new would happen."""
    for field in ("reason", "public_reason"):  # said before anybody confirms what cannot be kept
        if len(typed[field]) > hosts.LONGEST_REASON:
            return None
    async with site().db.read() as tx:
        if await hosts.is_suspended(tx, name):
            return None
        ties = await hosts.ties(tx, name)
        people = await hosts.people_of(tx, name)
        waiting = await hosts.kinds_to(tx, name)
    return page(
        "admin/suspend.html",
        tab="hosts",
        host=name,
        typed=typed,
        ties=ties[:NAMED],
        more=len(ties[NAMED:]),
        follows=sum(tie.follows for tie in ties),
        followed_by=sum(tie.followed_by for tie in ties),
        losers=len(ties),
        people=people,
        waiting=sum(count for _, count in waiting),
    )


async def _show(host: str, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> Response:
    name = await _named(host)
    async with site().db.read() as tx:
        known = await hosts.get(tx, name)
        holds = await hosts.rule(tx, name)
        own = next((rule for rule in await hosts.rules(tx) if rule.host == name), None)
        people = await hosts.people_of(tx, name)
        ties = await hosts.ties(tx, name)
        queue = await hosts.queue_of(tx, name)
        waiting = await hosts.activities_to(tx, name, 20)
    kept = typed or {
        "level": own.level if own else HostLevel.LIMIT,
        "rejects_media": "yes" if own and own.rejects_media else "",
        "reason": own.reason if own else "",
        "public_reason": own.public_reason if own else "",
    }
    return page(
        "admin/host.html",
        422 if errors else 200,
        tab="hosts",
        name=name,
        host=known,
        holds=holds,
        own=own,
        people=people,
        follows=sum(tie.follows for tie in ties),
        followed_by=sum(tie.followed_by for tie in ties),
        queue=queue,
        waiting=waiting,
        typed=kept,
        errors=errors or {},
    )
