"""The front door. BLUEPRINTS is its table of contents; `mount` hangs it into the application."""

import secrets
from typing import Any, cast
from urllib.parse import urlsplit

from quart import Quart, Response, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from server import evidence
from server.errors import NotFound, Problem
from server.log import request_id
from web import auth, body, errors, guard, kept, media, page, static
from web.auth import SessionExpired
from web.current import account, site
from web.pages import (
    about,
    admin,
    compose,
    elsewhere,
    evidence_log,
    feeds,
    galleries,
    home,
    machines,
    notifications,
    oembed,
    originals,
    posts,
    profiles,
    rights,
    seals,
    search,
    settings,
    setup,
    signin,
    social,
    tags,
    walls,
    works,
)

BLUEPRINTS = (
    home.blueprint,  # / · /explore · /home · /saved
    profiles.blueprint,  # /@name · its tabs
    rights.blueprint,  # /works/<id>/rights · policy.json · /@name/licensing
    evidence_log.blueprint,  # /works/<id>/evidence · /settings/evidence
    originals.blueprint,  # /works/<id>/originals · /original/<token>
    works.blueprint,  # /@name/<id> · a work or a note
    galleries.blueprint,  # /@name/galleries/<slug> and what its owner does there
    tags.blueprint,  # /tags/<name>
    feeds.blueprint,  # feed.atom, feed.rss and feed.json beside a person, a gallery, a tag
    oembed.blueprint,  # /api/oembed
    compose.blueprint,  # /new · /drafts · /uploads · edit and delete
    posts.blueprint,  # /post · comments
    social.blueprint,  # follow, like, boost, save, pin · /requests
    walls.blueprint,  # block, mute, report · /followers · /settings/privacy
    elsewhere.blueprint,  # follow from one's own server · /authorize_interaction
    search.blueprint,  # /search
    notifications.blueprint,  # /notifications
    signin.blueprint,  # /join · /login · /forgot · letters' links
    settings.blueprint,  # /settings/…
    setup.blueprint,  # /setup/<token>
    admin.blueprint,  # /admin/…
    machines.blueprint,  # robots.txt and what else crawlers read · /sitemap.xml
    seals.blueprint,  # /rights/c2pa-root.pem
    about.blueprint,  # /about · /rights
    media.blueprint,  # /media/<id>/<file>
    static.blueprint,  # /static · /livez · /readyz · favicon
)

# security.md part D. The media host and machine-readable answers have headers of their own.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}


def mount(app: Quart) -> None:
    """Hang every page, the checks before them and the headers after them into `app`."""
    app.extensions["shelf"] = kept.Shelf()
    app.request_class = body.Request
    app.url_map.converters["id"] = Id
    app.config.update(MAX_CONTENT_LENGTH=None, PROVIDE_AUTOMATIC_OPTIONS=False)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.before_request(_begin)
    app.before_request(_refuse_foreign_hosts)
    app.before_request(auth.load)
    app.before_request(auth.refuse_foreign_forms)
    app.before_request(_from_the_shelf)
    app.after_request(_finish)
    app.register_error_handler(Problem, errors.on_problem)
    app.register_error_handler(SessionExpired, signin.on_session_expired)
    app.register_error_handler(HTTPException, errors.on_http)
    app.register_error_handler(Exception, errors.on_crash)
    app.extensions["notebook"] = notebook = evidence.Notebook(app.extensions["site"])
    app.after_serving(notebook.close)
    doors = guard.Guard(app.asgi_app, app.extensions["site"], notebook)
    app.asgi_app = body.Flow(doors)  # type: ignore[method-assign]


class Id(IntegerConverter):
    """An id of ours in an address (`<id:post_id>`). A number that no database can hold is no address: 404."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**63 - 1)


async def _begin() -> None:
    request_id.set(secrets.token_hex(6))
    if "\0" in request.path:  # names nothing, and neither PostgreSQL nor a file system can be asked (row 92)
        raise NotFound


async def _refuse_foreign_hosts() -> None:
    """Row 66: links, letters and ids name the configured origin, so no other name is answered (decision 1)."""
    settings = site().settings
    host = request.host.lower()
    name = urlsplit(f"//{host}").hostname or ""
    known = {urlsplit(settings.base_url).netloc, urlsplit(settings.media_url).netloc}
    if host in known or name in auth.LOOPBACK:
        return
    if request.path.startswith("/.well-known/") and host == settings.handle_domain.lower():
        return
    raise MisdirectedRequest


class MisdirectedRequest(HTTPException):
    """421: RFC 9110, section 15.5.20."""

    code = 421
    description = "This server does not answer under that name."


async def _from_the_shelf() -> Response | None:
    """A page that was made for another stranger a moment ago, before any view or database is asked."""
    g.generation = site().db.generation
    return current_app.extensions["shelf"].find()  # type: ignore[no-any-return]


async def _finish(response: Response) -> Response:
    """Headers that every answer carries, and what caches may do with it."""
    if g.get("is_kept"):
        cast(dict[str, Any], request.scope)[guard.KEPT] = True
        return response  # it has all of that already
    settings = site().settings
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings.is_https:
        response.headers["Strict-Transport-Security"] = "max-age=63072000"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = _policy(g.get("style_hash", ""))
        if settings.is_https and not request.path.startswith(("/oauth/authorize", "/login")):
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if g.get("renew_cookie"):
        auth.set_session(response, g.session_token)
    _set_cache(response)
    if g.get("shared"):
        await current_app.extensions["shelf"].keep(response, g.generation)
    return response


def _policy(style_hash: str) -> str:
    """ux.md 7 with decision 8: no `unsafe-*`, one inline style by its hash."""
    settings = site().settings
    pictures = "" if settings.media_url == settings.base_url else f" {settings.media_url}"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' {style_hash}; img-src 'self' data: blob:{pictures}; "
        f"media-src 'self'{pictures}; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _set_cache(response: Response) -> None:
    """Row 69: an answer that sets a cookie, or that was made for somebody, is nobody else's."""
    if "Set-Cookie" in response.headers or (account() is not None and response.mimetype == "text/html"):
        response.headers["Cache-Control"] = "private, no-store"
        response.vary.add("Cookie")
    elif account() is not None and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
    elif "Cache-Control" not in response.headers and response.mimetype == "text/html":
        if g.get("shared"):
            page.share(response)
        else:
            # A form for one person (its key makes it one), or an error: the browser may go back to it, nobody else may have it.
            response.headers["Cache-Control"] = "private, no-cache"


__all__ = ["BLUEPRINTS", "mount"]
