"""Problem → page or JSON, by one table. Views have no `try`."""

import logging

from quart import Response, jsonify, request
from werkzeug.exceptions import HTTPException

from server.errors import (
    Conflict,
    Forbidden,
    Full,
    Gone,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
)
from web.auth import SessionExpired
from web.page import page

log = logging.getLogger(__name__)

STATUS: dict[type[Problem], int] = {
    NotFound: 404,
    Gone: 410,
    Unauthenticated: 401,
    Forbidden: 403,
    Conflict: 409,
    Invalid: 422,
    TooLarge: 413,
    TooMany: 429,
    Full: 507,
}
# What werkzeug raises by itself, in our words.
SENTENCES = {
    400: "This request could not be read.",
    404: NotFound.sentence,
    405: "This address does not accept that.",
    408: "The connection was too slow. Nothing was changed; please try again.",
    413: TooLarge.sentence,
    416: "That part of the file does not exist.",
    421: "This server does not answer under that name.",
}
TITLES = {
    401: "Sign in first", 403: "Not allowed", 404: "Nothing here", 405: "Not here", 409: "Somebody was faster", 410: "Removed",
    413: "Too large", 421: "Wrong address", 422: "Please look again", 429: "A little slower, please", 500: "Our mistake",
    507: "No room left",
}  # fmt: skip


def wants_json() -> bool:
    """Scripts of ours ask for JSON; so will apps under /api."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def status_of(problem: Problem) -> int:
    """The status code that says what kind of problem it is."""
    return next((code for kind, code in STATUS.items() if isinstance(problem, kind)), 400)


async def on_problem(problem: Problem) -> Response:
    """Say what went wrong, in the form that was asked for."""
    status = status_of(problem)
    response = _say(status, str(problem), problem.fields if isinstance(problem, Invalid) else {})
    if isinstance(problem, TooMany):
        response.headers["Retry-After"] = str(problem.wait)
    return response


async def on_http(wrong: HTTPException) -> Response:
    """What the framework refuses by itself: unknown address, wrong method, body too large."""
    status = wrong.code or 500
    response = _say(status, SENTENCES.get(status, "This did not work."))
    if status == 405 and (allow := dict(wrong.get_headers()).get("Allow")):
        response.headers["Allow"] = allow
    return response


async def on_crash(wrong: Exception) -> Response:
    """A defect of ours: logged in full, said in general."""
    log.error("request failed", exc_info=wrong, extra={"route": str(request.url_rule), "method": request.method})
    return _say(500, "Something went wrong on this server. It has been written down; nothing you sent was half-saved.")


def _say(status: int, sentence: str, fields: dict[str, str] | None = None) -> Response:
    if wants_json():
        response = jsonify({"error": sentence, "fields": fields or {}})
        response.status_code = status
        return response
    return page("error.html", status, title=TITLES.get(status, "That did not work"), sentence=sentence, code=status)


__all__ = ["SessionExpired", "on_crash", "on_http", "on_problem", "status_of", "wants_json"]
