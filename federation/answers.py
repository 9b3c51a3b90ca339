"""What all machine-readable answers share: policy, media type, caching, errors, and who lives here."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from quart import Response, current_app, request
from sqlalchemy.ext.asyncio import AsyncSession

from federation.vocabulary import Json
from server import actors
from server.errors import Gone, Invalid, NotFound, Problem
from server.models import Actor
from server.site import Site

View = TypeVar("View", bound=Callable[..., Awaitable[Any]])

STATUS: dict[type[Problem], int] = {NotFound: 404, Gone: 410, Invalid: 400}


def machine(view: View) -> View:
    """Anybody may call this view and no cookie is ever looked at; every route names such a policy."""
    view.policy = "machine"  # type: ignore[attr-defined]
    return view


def site() -> Site:
    """The house that this request came to."""
    return cast(Site, current_app.extensions["site"])


def answer(document: Json, media_type: str, *, status: int = 200, seconds: int = 0) -> Response:
    """`document` as JSON; see `send`."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return send(body, media_type, status=status, seconds=seconds)


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
    status = next((code for kind, code in STATUS.items() if isinstance(problem, kind)), 400)
    return answer({"error": str(problem)}, "application/json", status=status)


async def resident(tx: AsyncSession, handle: str) -> Actor:
    """The person of this house with that handle, whatever its case, with face and renditions loaded.

    Raises NotFound for people who are unknown, wait to be let in, were turned away, are locked or suspended: alike, so
    that nobody learns which (security.md row 63).
    """
    known = actors.HANDLE.fullmatch(handle)
    found = await actors.find(tx, handle, None, actors.in_good_standing()) if known else None
    if found is None:
        raise NotFound
    return found
