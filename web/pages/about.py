"""What this server is, what rights mean here, and light or dark."""

import asyncio
import io
import tarfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from quart import Blueprint, Response, redirect, request

from server import hosts, release, rights, timelines
from web.auth import public, safe_next
from web.current import site
from web.page import page

blueprint = Blueprint("about", __name__)

SIGN_UP = {
    "open": "Anybody may join.",
    "approval": "Anybody may ask to join; the people who run this server let in whom they can look after.",
    "closed": "Nobody can join at the moment.",
}
YEAR = 365 * 86400


@blueprint.get("/about")
@public
async def about() -> Response:
    """Who runs this, who is here, who may join, and where the program's source is (AGPL-3.0, section 13)."""
    async with site().db.read() as tx:
        house = await timelines.house(tx)
        rules = await hosts.published(tx)
    return page(
        "about/about.html",
        shared=True,
        house=house,
        rules=rules,
        sign_up=SIGN_UP[site().settings.accounts.sign_up],
        release=release.version(),
    )


@blueprint.get("/rights")
@public
async def explain() -> Response:
    """Licences and reservations in plain words: what they do and what they cannot do."""
    return page("about/rights.html", shared=True, licences=rights.LICENCES, reservations=rights.RESERVATIONS)


@blueprint.get("/source")
@public
async def source() -> Response:
    """The program as it runs here, for everybody who uses it over the network (AGPL-3.0, section 13)."""
    return Response(
        await asyncio.to_thread(archive),
        mimetype="application/gzip",
        headers={
            "Content-Disposition": f'attachment; filename="cartellino-{release.version()}.tar.gz"',
            "Cache-Control": "public, max-age=3600",
        },
    )


@cache
def archive() -> bytes:
    """Our packages with what lies beside them in a checkout: how it is built, tested and licensed. Made once."""
    root = Path(str(files("web"))).parent
    beside = ("LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "FEDERATION.md", "Makefile", "pyproject.toml")
    folders = ["server", "federation", "web", "templates"]
    # Installed, our packages lie beside everybody else's; there `docs` or `tests` would be somebody else's.
    if (root / "pyproject.toml").is_file():
        folders += ["tests", "docs", "bench", "requirements"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in (name for name in beside if (root / name).is_file()):
            tar.add(root / name, f"cartellino/{name}", filter=_anonymous)
        for folder in folders:
            for path in sorted((root / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                    tar.add(path, f"cartellino/{path.relative_to(root)}", filter=_anonymous)
    return packed.getvalue()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """No names and ids of this machine's users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


@blueprint.post("/theme")
@public
async def theme() -> Response:
    """Light, dark, or as the system is; kept in the browser alone."""
    form = await request.form
    response: Response = redirect(safe_next(form.get("next")), 303)  # type: ignore[assignment]
    chosen = form.get("theme")
    if chosen in ("light", "dark"):
        response.set_cookie(
            "theme", chosen, max_age=YEAR, path="/", samesite="Lax", httponly=True, secure=site().settings.is_https
        )
    else:
        response.delete_cookie("theme", path="/")
    return response
