"""Who may come in: the session cookie, the proof that a form is ours, and the policy that every route names.

A route without a policy fails the build (tests/house): `@public`, `@signed_in` or `@role(...)` stands directly above each view.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from quart import Response, current_app, g, redirect, request

from server import notifications, sign_ins, throttle
from server.errors import Forbidden, Full
from server.models import Role
from server.settings import Settings
from web.current import account, sign_in, site, viewer

View = TypeVar("View", bound=Callable[..., Awaitable[Any]])

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
RANK = {Role.MEMBER: 0, Role.MODERATOR: 1, Role.ADMIN: 2}


def cookie_name() -> str:
    """What the cookie with the session is called at this house."""
    return cookie_of(site().settings)


def cookie_of(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host; browsers accept that only over https (decision 8)."""
    return "__Host-session" if settings.is_https else "session"


async def load() -> None:
    """Find the session of this request. Runs before every view; media and federation addresses never ask for cookies."""
    g.sign_in = None
    token = request.cookies.get(cookie_name())
    if token and policy_of(request.endpoint or "") != "machine":
        async with site().db.read() as tx:
            g.sign_in = await sign_ins.find(tx, token)
            person = viewer()
            if person is not None and request.method == "GET":
                g.unread = await notifications.unread(tx, person)  # the site bar of every page says it
        g.session_token = token
        if g.sign_in and sign_ins.is_stale(g.sign_in):
            # On a full disk people can still look (P11); the next request after it tries again.
            with suppress(Full):
                async with site().db.write() as tx:
                    await sign_ins.touch(tx, g.sign_in)
                g.renew_cookie = True


def set_session(response: Response, token: str) -> Response:
    """Give the browser its session, for as long as it lasts unused."""
    g.renew_cookie = False  # the renewal of an older session must not follow and take this one's place
    response.set_cookie(
        cookie_name(),
        token,
        max_age=sign_ins.LIFE,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=site().settings.is_https,
    )
    return response


def clear_session(response: Response) -> Response:
    """Take the session away from the browser."""
    g.renew_cookie = False
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="Lax", secure=site().settings.is_https)
    return response


def csrf_token() -> str:
    """Proves that a form was made by us for this session; empty for strangers, whose forms change nothing of anybody's.

    Masked with fresh randomness each time, so that a compressed page does not leak it byte by byte.
    """
    if sign_in() is None:
        return ""
    proof = _proof()
    mask = secrets.token_bytes(len(proof))
    return (mask + bytes(a ^ b for a, b in zip(mask, proof, strict=True))).hex()


def _proof() -> bytes:
    return hmac.digest(site().secret, b"form\n" + g.session_token.encode(), hashlib.sha256)[:16]


def _is_ours(token: str) -> bool:
    try:
        masked = bytes.fromhex(token)
    except ValueError:
        return False
    if len(masked) != 32:
        return False
    return hmac.compare_digest(bytes(a ^ b for a, b in zip(masked[:16], masked[16:], strict=True)), _proof())


async def refuse_foreign_forms() -> None:
    """security.md row 67: whoever changes something by cookie must come from our own page. Raises Forbidden."""
    if request.method in SAFE or request.endpoint is None or policy_of(request.endpoint) == "machine":
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form was sent from another site.")
    origin = request.headers.get("Origin")
    if origin and not _same_origin(origin):
        raise Forbidden("This form was sent from another site.")
    if sign_in() is None:
        return
    token = request.headers.get("X-CSRF") or (await request.form).get("csrf", "")
    if not _is_ours(token):
        raise Forbidden(
            "This form is out of date. Go back, reload the page and send it again: what you typed is still there."
        )


def _same_origin(origin: str) -> bool:
    if origin == site().settings.base_url:
        return True
    parts = urlsplit(origin)
    return parts.hostname in LOOPBACK and parts.netloc == request.host


def client_address() -> str:
    """Who is at the other end."""
    lines = request.headers.getlist("X-Forwarded-For")
    return throttle.client(lines, str(request.remote_addr or ""), site().settings.server.proxies)


# -- policies ------------------------------------------------------------------------------------------------------------
def policy_of(endpoint: str) -> str:
    """What the view behind `endpoint` asks for: public, machine, signed_in, or a role's name."""
    return getattr(current_app.view_functions.get(endpoint), "policy", "")


def public(view: View) -> View:
    """Anybody may call this view."""
    view.policy = "public"  # type: ignore[attr-defined]
    return view


def machine(view: View) -> View:
    """Anybody may call this view, and no cookie is ever looked at: media and federation."""
    view.policy = "machine"  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Only people whose account is active; strangers are led to the sign-in page and back."""
    return _guarded(view, Role.MEMBER)


def role(least: Role) -> Callable[[View], View]:
    """Only people with this role or a higher one; to everybody else the page does not exist."""
    return lambda view: _guarded(view, least)


def _guarded(view: View, least: Role) -> View:
    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        person = account()
        if person is None:
            if request.method in SAFE:
                return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
            raise SessionExpired
        if not person.is_active:
            return redirect("/waiting")
        if RANK[person.role] < RANK[least]:
            raise Forbidden
        return await view(*args, **kwargs)

    guarded.policy = least.value if least is not Role.MEMBER else "signed_in"  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


class SessionExpired(Exception):
    """Somebody sent a form after their session ended. The answer keeps what they typed and asks them to sign in."""


def safe_next(target: str | None) -> str:
    """Only a path on this site (row 54); everything else becomes the home page."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    if any(ord(char) < 33 or char == "\\" for char in target) or urlsplit(target).netloc:
        return "/"
    return target
