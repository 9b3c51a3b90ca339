"""Joining, signing in and out, the links in letters, and what happens to a form that outlived its session."""

import secrets
from collections.abc import Iterable, Mapping
from typing import cast

from quart import Blueprint, Response, g, redirect, request
from werkzeug.exceptions import HTTPException

from server import accounts, joining, letters, sign_ins, throttle
from server.errors import Forbidden, Invalid, Problem, TooMany, Unauthenticated
from server.joining import Joining
from web import auth, errors
from web.auth import SessionExpired, client_address, public, safe_next
from web.current import account, sign_in, site, viewer
from web.page import hint, page

blueprint = Blueprint("signin", __name__)

# Nothing here may lie in a cache: forms carry keys of their own, addresses carry tokens.
FRESH = {"Cache-Control": "no-store"}
# What is typed into the sign-in form itself; everything else that arrives with it was kept for later.
KEPT = "kept."
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
Pairs = list[tuple[str, str]]


# -- joining -------------------------------------------------------------------------------------------------------------
@blueprint.get("/join")
@public
async def ask() -> Response:
    """The form for people who want to join."""
    return _go("/home") if viewer() else _join({})


@blueprint.post("/join")
@public
async def join() -> Response:
    """Somebody wants to join. A known address gets the same answer (row 63), and so does a form filled in by a machine."""
    form = await request.form
    house = site().settings
    if house.accounts.sign_up == "closed":
        raise Forbidden(joining.CLOSED)
    if form.get("website"):  # the field that people cannot see
        return _go("/waiting")
    try:
        wish = Joining(
            handle=form.get("handle", ""),
            email=form.get("email", ""),
            password=form.get("password", ""),
            name=form.get("name", ""),
            reason=form.get("reason", ""),
            asks=house.accounts.sign_up == "approval",
            server=house.server.name,
        )
        await joining.join(site(), wish, network=client_address(), form_key=form.get("form_key", ""))
    except (Invalid, TooMany) as wrong:
        return _join(form, wrong)
    return _go("/waiting")


def _join(form: Mapping[str, str], wrong: Problem | None = None) -> Response:
    return page(
        "signin/join.html",
        _status(wrong),
        headers=_headers(wrong),
        form={name: form.get(name, "") for name in ("handle", "name", "email", "reason")},
        errors=_fields(wrong),
        trouble=_trouble(wrong),
        mode=site().settings.accounts.sign_up,
        form_key=form.get("form_key") or secrets.token_urlsafe(18),
    )


@blueprint.get("/waiting")
@public
async def waiting() -> Response:
    """How far somebody has come: asked, confirmed, turned away. Strangers read what follows after joining."""
    person = account()
    if viewer():
        return _go("/home")
    return page(
        "signin/waiting.html",
        headers=FRESH,
        state=person.state if person else "",
        mode=site().settings.accounts.sign_up,
    )


@blueprint.post("/waiting/letter")
@public
async def send_again() -> Response:
    """The letter that confirms the address, once more."""
    person = account()
    if person is None:
        raise SessionExpired
    await throttle.limit(site(), "letter-network", client_address())
    await throttle.limit(site(), "letter-email", person.email)
    async with site().db.write() as tx:
        await joining.send_again(tx, site(), person)
    return hint(_go("/settings/account" if person.is_active else "/waiting"), "letter")


@blueprint.get("/confirm/<token>")
@public
async def before_confirm(token: str) -> Response:
    """One button: programs that look at every link in a letter must not use it up."""
    async with site().db.read() as tx:
        letter = await letters.look(tx, token, letters.CONFIRM)
        person = await accounts.get(tx, letter.account_id)
    return page("signin/confirm.html", headers=FRESH, email=letter.email, handle=person.actor.handle, token=token)


@blueprint.post("/confirm/<token>")
@public
async def confirm(token: str) -> Response:
    """The address is theirs. Where anybody may join, that lets them in."""
    await _count_link(token)
    async with site().db.write() as tx:
        person = await joining.confirm(tx, site(), token)
    if not person.is_active:
        return hint(_go("/waiting"), "confirmed")
    return hint(_go("/settings/account" if viewer() else "/login"), "confirmed")


# -- signing in and out --------------------------------------------------------------------------------------------------
@blueprint.get("/login")
@public
async def before_login() -> Response:
    """The sign-in form; people who are in already go on."""
    target = safe_next(request.args.get("next"))
    return _go(target if target != "/" else "/home") if viewer() else _login({"next": target})


@blueprint.post("/login")
@public
async def login() -> Response:
    """Sign in, then go on to where somebody wanted to go, or back to what they had typed."""
    form = await request.form
    kept = [(name.removeprefix(KEPT), text) for name, text in form.items(multi=True) if name.startswith(KEPT)]
    try:
        token = await accounts.sign_in(
            site(), form.get("name", ""), form.get("password", ""), device=_device(), network=client_address()
        )
    except (Invalid, TooMany) as wrong:
        return _login(form, wrong, kept)
    before = sign_in()
    async with site().db.write() as tx:
        if before is not None:
            await sign_ins.close(tx, before)
        g.sign_in = await sign_ins.find(tx, token)
    g.session_token = token
    target = safe_next(form.get("to"))
    if kept and target != "/" and viewer():
        return auth.set_session(page("signin/kept.html", headers=FRESH, kept=kept, to=target), token)
    target = safe_next(form.get("next"))
    if not viewer():
        target = "/waiting"
    return auth.set_session(_go(target if target != "/" else "/home"), token)


@blueprint.post("/logout")
@public
async def logout() -> Response:
    """End this session, here and in the browser."""
    if (session := sign_in()) is not None:
        async with site().db.write() as tx:
            await sign_ins.close(tx, session)
    g.sign_in = None
    return hint(auth.clear_session(_go("/")), "signed-out")


async def on_session_expired(_: SessionExpired) -> Response:
    """A form arrived after its session had ended: ask to sign in, and carry everything that was typed along.

    Not files, which a page cannot carry; not passwords; not the proof of the old session.
    """
    if errors.wants_json():
        return await errors.on_problem(Unauthenticated("You are signed out. Sign in and try again."))
    kept: Pairs = []
    if request.mimetype in FORMS:
        # Nobody catches what goes wrong in here, so that a form which is too large or broken is answered at once.
        try:
            typed = list((await request.form).items(multi=True))
        except Problem as wrong:
            return await errors.on_problem(wrong)
        except HTTPException as wrong:
            return await errors.on_http(wrong)
        kept = [(name, text) for name, text in typed if name != "csrf" and "password" not in name]
    to = request.full_path.rstrip("?")
    return _login({"next": "/", "to": to}, None, kept, status=401)


def _login(
    form: Mapping[str, str], wrong: Problem | None = None, kept: Iterable[tuple[str, str]] = (), status: int = 0
) -> Response:
    return page(
        "signin/login.html",
        status or _status(wrong),
        headers=_headers(wrong),
        form={"name": form.get("name", ""), "next": safe_next(form.get("next")), "to": safe_next(form.get("to"))},
        errors=_fields(wrong),
        trouble=_trouble(wrong),
        kept=[(KEPT + name, text) for name, text in kept],
        mode=site().settings.accounts.sign_up,
    )


# -- a new password ------------------------------------------------------------------------------------------------------
@blueprint.get("/forgot")
@public
async def forgot() -> Response:
    """The form for a letter with a link."""
    return page("signin/forgot.html", headers=FRESH, email="", errors={}, asked=False)


@blueprint.post("/forgot")
@public
async def send_reset() -> Response:
    """Send the link, if there is somebody with this address; the answer does not tell (row 63)."""
    email = (await request.form).get("email", "").strip()
    await throttle.limit(site(), "letter-network", client_address())
    await throttle.limit(site(), "letter-email", email)
    await accounts.ask_reset(site(), email)
    return page("signin/forgot.html", headers=FRESH, email="", errors={}, asked=True)


@blueprint.get("/reset/<token>")
@public
async def before_reset(token: str) -> Response:
    """The form for the new password."""
    async with site().db.read() as tx:
        await letters.look(tx, token, letters.RESET)
    return page("signin/reset.html", headers=FRESH, token=token, errors={})


@blueprint.post("/reset/<token>")
@public
async def reset(token: str) -> Response:
    """The new password; every device and app is signed out (row 47)."""
    await _count_link(token)
    try:
        await accounts.reset_password(site(), token, (await request.form).get("password", ""))
    except Invalid as wrong:
        return page("signin/reset.html", 422, headers=FRESH, token=token, errors=wrong.fields)
    return hint(auth.clear_session(_go("/login")), "password")


# -- shared --------------------------------------------------------------------------------------------------------------
async def _count_link(token: str) -> None:
    await throttle.limit(site(), "link-network", client_address())
    await throttle.limit(site(), "link", token)


def _device() -> str:
    return sign_ins.device_name(request.headers.get("User-Agent", ""))


def _go(path: str) -> Response:
    return cast(Response, redirect(path, 303))


def _status(wrong: Problem | None) -> int:
    return 200 if wrong is None else errors.STATUS[type(wrong)]


def _headers(wrong: Problem | None) -> dict[str, str]:
    return FRESH | {"Retry-After": str(wrong.wait)} if isinstance(wrong, TooMany) else FRESH


def _fields(wrong: Problem | None) -> dict[str, str]:
    return wrong.fields if isinstance(wrong, Invalid) else {}


def _trouble(wrong: Problem | None) -> str:
    return "" if wrong is None or isinstance(wrong, Invalid) else str(wrong)
