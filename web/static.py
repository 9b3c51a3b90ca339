"""Files that ship with the code, and the two addresses that a supervisor asks."""

from quart import Blueprint, Response, abort, redirect, request

from web.auth import machine
from web.current import site
from web.page import TEXTS, TYPES, asset, compressed, static

blueprint = Blueprint("static", __name__)


@blueprint.get("/static/<digest>/<path:name>")
@machine
async def show(digest: str, name: str) -> Response:
    """A static file. The hash in the address only makes it cacheable for a year; relative addresses inside a stylesheet
    carry the stylesheet's hash, so it is not compared."""
    try:
        content = asset(name)
    except (FileNotFoundError, IsADirectoryError):
        abort(404)
    ending = "." + name.rsplit(".", 1)[-1]
    response = Response(content, content_type=TYPES[ending])
    if ending in TEXTS:
        response.vary.add("Accept-Encoding")
        if "br" in request.headers.get("Accept-Encoding", ""):
            response.set_data(compressed(name))
            response.headers["Content-Encoding"] = "br"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@blueprint.get("/favicon.ico")
@machine
async def favicon() -> Response:
    """Browsers ask for it unasked."""
    return redirect(static("icon.svg"), 302)  # type: ignore[return-value]


@blueprint.get("/livez")
@machine
async def alive() -> Response:
    """The process answers."""
    return Response("alive\n", mimetype="text/plain")


@blueprint.get("/readyz")
@machine
async def ready() -> Response:
    """The database can be written to and the disk has room: 200, else 503 with the reason."""
    problem = ""
    try:
        async with site().db.write() as tx:
            await tx.connection()
    except Exception as wrong:
        problem = f"database: {type(wrong).__name__}"
    if site().storage.free() < site().settings.uploads.reserve_megabytes * 1_000_000:
        problem = "disk: below the reserve"
    return Response(f"{problem or 'ready'}\n", 503 if problem else 200, mimetype="text/plain")
