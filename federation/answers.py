"""What all machine-readable answers share: policy, media type, caching, errors, who asks, and who lives here."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

from quart import Response, current_app, g, request
from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncSession

from federation import policy
from federation.signatures import BadSignature, Incoming
from federation.vocabulary import Json
from server import actors, throttle
from server.errors import Forbidden, Gone, Invalid, NotFound, Problem, TooMany, Trouble, TryLater
from server.models import Actor, Dialect, Host, Post
from server.site import Site

View = TypeVar("View", bound=Callable[..., Awaitable[Any]])
# Who signed a request from an address: None where nobody did; raises BadSignature and TooMany. `mount` puts the one of the inbox
# in app.extensions["reader"].
Reader = Callable[[Site, Incoming, str], Awaitable[Actor | None]]

STATUS: dict[type[Problem | Trouble], int] = {
    NotFound: 404,
    Gone: 410,
    Invalid: 400,
    Forbidden: 403,
    TooMany: 429,
    TryLater: 503,
}


def machine(view: View) -> View:
    """Anybody may call this view and no cookie is ever looked at; every route names such a policy."""
    view.policy = "machine"  # type: ignore[attr-defined]
    return view


def site() -> Site:
    """The house that this request came to."""
    return cast(Site, current_app.extensions["site"])


# -- who asks ------------------------------------------------------------------------------------------------------------
def incoming(scope: Any, body: bytes = b"") -> Incoming:
    """The request of an ASGI `scope` as it stood on the wire, with `body`."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Incoming(scope["method"], path + (b"?" + query if query else b""), headers, body)


def client(house: Site, scope: Any) -> str:
    """Where the request of `scope` comes from, as it is counted."""
    address = (scope.get("client") or ("",))[0]
    if proxies := house.settings.server.proxies:
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
        address = throttle.client(lines, address, proxies)
    return _network(address)


# Peers come again and again: an address is taken apart once.
_network = lru_cache(4096)(throttle.network)


async def viewer_of() -> Actor | None:
    """Whose key signed this GET; None for a stranger.

    A signature that does not hold makes nobody of the reader: what is public stays readable with a clock that is wrong. What is
    then not found is answered 401 instead of 404, whether it exists or not, so that a peer tries its other way of signing.
    """
    check: Reader | None = current_app.extensions.get("reader")
    asked = incoming(request.scope)
    if check is None or not asked.signed:
        return None
    try:
        return await check(site(), asked, client(site(), request.scope))
    except BadSignature as wrong:
        g.refused = wrong
    except Trouble:  # their key cannot be had at the moment
        g.refused = BadSignature(401, "The key of this signature cannot be had at the moment.")
    return None


async def dialect_of(tx: AsyncSession, viewer: Actor | None, post: Post) -> Dialect:
    """The dialect in which `viewer`'s server also gets `post` when it is sent (D2); strangers read the canonical form."""
    host = await tx.get(Host, viewer.host) if viewer is not None and viewer.host else None
    return policy.dialect(host, warned=bool(post.warning)) if host is not None else Dialect.IMAGE


# -- what they get -------------------------------------------------------------------------------------------------------
def answer(document: Json, media_type: str, *, status: int = 200, seconds: int = 0) -> Response:
    """`document` as JSON; see `send`."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return send(body, media_type, status=status, seconds=seconds)


def signed_answer(document: Json, media_type: str, viewer: Actor | None) -> Response:
    """`document` as it is for `viewer`: what a signature opened is for nobody else and stays in no cache (row 40)."""
    response = answer(document, media_type)
    response.vary.add("Signature")
    if viewer is not None:
        response.headers["Cache-Control"] = "private, no-store"
        del response.headers["ETag"], response.headers["Access-Control-Allow-Origin"]
    return response


def send(body: bytes, media_type: str, *, status: int = 200, seconds: int = 0) -> Response:
    """An answer that caches may keep: no longer than `seconds`, and where that is 0 as decision 11 says.

    The type goes out exactly as given: some receivers refuse one with a charset. Scripts of any origin may read it, since
    nothing in it depends on who asks.
    """
    response = Response(body, status)
    response.headers["Content-Type"] = media_type
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.vary.add("Accept")
    if status == 200:
        fresh = f"max-age={seconds}" if seconds else "max-age=0, s-maxage=5, must-revalidate"
        response.headers["Cache-Control"] = f"public, {fresh}"
        response.set_etag(hashlib.sha256(body).hexdigest()[:24])
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


async def conditional(response: Response) -> Response:
    """304 without a body where the reader has the same already; after_request of both blueprints."""
    if response.status_code == 200 and request.method in ("GET", "HEAD"):
        await response.make_conditional(request)
    return response


async def on_problem(problem: Problem) -> Response:
    """Say what went wrong in one sentence, as JSON: whoever asks here is a program."""
    if isinstance(problem, NotFound) and "refused" in g:
        problem = g.refused
    return answer({"error": str(problem)}, "application/json", status=status_of(problem))


def status_of(wrong: Problem | Trouble) -> int:
    """The HTTP status that says what went wrong. 400 and 401 let peers try their other way of signing; after 429 and 503 they
    come again (security.md row 15)."""
    if isinstance(wrong, BadSignature):
        return wrong.status
    return next((code for kind, code in STATUS.items() if isinstance(wrong, kind)), 400)


# -- who lives here ------------------------------------------------------------------------------------------------------
async def resident(tx: AsyncSession, handle: str) -> Actor:
    """The person of this house with that handle, whatever its case, with face and renditions loaded.

    Raises Gone for somebody who left for good, which everybody was told. Raises NotFound for people who are unknown, wait to be
    let in, were turned away, are locked or suspended: alike, so that nobody learns which (security.md row 63).
    """
    known = actors.HANDLE.fullmatch(handle)
    told = or_(actors.in_good_standing(), Actor.gone_at.is_not(None))
    found = await actors.find(tx, handle, None, told) if known else None
    if found is None or found.is_house:
        raise NotFound
    if found.gone_at is not None:
        raise Gone("This person has left.")
    return found
