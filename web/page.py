"""How a template becomes an answer: one environment, one policy for styles, one for caches."""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import brotli
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Response, g, request

from server import clock
from server.models import Media, Post, RightsChange
from server.rights import LICENCES, RESERVATIONS, Rights, channels
from web import auth, terms
from web.current import account, site, unread, viewer
from web.pictures import until

TEMPLATES = Path(str(files("templates")))
STATIC = Path(str(files("web"))) / "static"
# One stylesheet, made of these in this order (mockups.md).
STYLESHEET = ("tokens.css", "site.css", "pages.css", "forms.css")
UNKNOWN_WIDTH = 1200
# What a redirect may leave to be said on the next page.
NOTICES = {
    "saved": "Saved.",
    "published": "Published.",
    "draft": "Kept as a draft.",
    "kept": "Kept. It stands under Saved in your menu.",
    "deleted": "Deleted.",
    "sent": "Sent.",
    "followed": "You will see their new work in your home feed.",
    "requested": "They will be asked.",
    "confirmed": "Thank you. Your e-mail address is confirmed.",
    "password": "Your password is changed. Every other device is signed out.",
    "signed-out": "You are signed out.",
    "revoked": "That device is signed out.",
    "given": "The address is made. Send it to them; it stands below until it ends.",
    "ended": "That address has ended.",
    "letter": "A letter is on its way to you.",
    "let-in": "Let in. They get a letter.",
    "held": "Published. A moderator looks at it first.",
    "work-let-in": "The work is shown. Its artist gets a letter.",
    "work-sent-back": "Sent back to its artist, who gets a letter.",
    "turned-away": "Turned away. They get a letter.",
    "retry": "The image is being prepared again.",
    "blocked": "Blocked. You do not see each other any more.",
    "unblocked": "Not blocked any more.",
    "muted": "Muted. You do not meet them on your walls any more; they are not told.",
    "unmuted": "Not muted any more.",
    "host-blocked": "Blocked: nothing from this server reaches you, and nothing of yours its people.",
    "host-muted": "Muted: this server's people are left out of your home and of what you are told.",
    "host-unblocked": "This server's people are shown to you again.",
    "reported": "Thank you. The people who run this server will look at it.",
    "sent-away": "They do not follow you any more.",
    "unfollowed": "You do not follow them any more.",
    "boosted": "Shown to the people who follow you.",
    "pinned": "Pinned to the top of your profile.",
    "unpinned": "Not pinned any more.",
    "already": "That was done already.",
    "report-closed": "Closed.",
    "suspended": "Suspended: nothing of theirs is shown here any more.",
    "unsuspended": "Shown here again.",
    "taken-down": "Taken down.",
    "rule": "The rule holds from now on.",
    "rule-removed": "There is no rule for this server any more.",
    "host-retried": "What waits for this server is tried again now.",
    "host-paused": "Paused. What is for this server waits here.",
    "host-resumed": "Not paused any more.",
    "host-forgotten": "Given up. Nothing waits for this server any more.",
    "again": "It is tried again now.",
    "dropped": "Dropped.",
}


@cache
def environment() -> Environment:
    """The one Jinja environment: synchronous, escaping everything, refusing names that nobody passed."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"ago": ago, "day": day, "mb": megabytes, "plural": plural, "was": was}
    env.globals |= {"static": static, "proxied": proxied}
    return env


def page(
    template: str,
    status: int = 200,
    *,
    pictures: Iterable[Media] = (),
    headers: dict[str, str] | None = None,
    shared: bool = False,
    carries: Iterable[Post] | None = None,
    rights: Rights | None = None,
    **values: Any,
) -> Response:
    """Render `templates/pages/<template>` with exactly the values it names.

    `shared` says that every stranger gets the same page: no form key, nothing of anybody's. Only then may caches hold it.

    `carries` are the posts that the page shows, however small: the strictest of their reservations is its own. A page about
    one work gives its `rights` instead. Headers and head of the page say them (docs/rights.md 2.3).

    `pictures` are the pictures on the page: their ratio, average colour, focal point and width go into the page's one inline
    style (`.m<id>{--r;--c;--x;--y;--w}`), whose hash is named in the content security policy.
    """
    styles = style_of(pictures)
    if rights is None and carries is not None:
        rights = terms.of_wall(carries, request.path)
    text = (
        environment()
        .get_template(f"pages/{template}")
        .render(
            **values,
            rights=rights,
            head=channels.head(rights) if rights else {"meta": {}, "links": []},
            site=site(),
            urls=site().urls,
            viewer=viewer(),
            account=account(),
            csrf=auth.csrf_token(),
            unread=unread(),
            styles=styles,
            notice=NOTICES.get(request.cookies.get("notice", ""), ""),
            theme=request.cookies.get("theme", ""),
            path=request.path,
            address=request.full_path.rstrip("?"),
        )
    )
    body = text.encode()
    response = Response(body, status, mimetype="text/html")
    g.style_hash = style_hash(styles)
    etag = ""
    g.shared = shared and status == 200 and account() is None and not request.cookies.get("notice")
    if g.shared:
        # It may be compressed and compared; a page made for somebody is neither, since it carries the form's secret.
        etag = hashlib.sha256(body).hexdigest()[:24]
        response.set_etag(etag, weak=True)
        if len(body) > 1000 and "br" in request.headers.get("Accept-Encoding", ""):
            response.set_data(brotli.compress(body, quality=4))
            response.headers["Content-Encoding"] = "br"
    for name, value in (headers or {}).items():
        response.headers[name] = value
    if rights is not None:
        terms.say(response, rights)
    if request.cookies.get("notice"):
        response.delete_cookie("notice", path="/")
    if etag and request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
    return response


def proxied(media: Media, width: int) -> str:
    """Where the viewer gets a picture of another server that is not here at the moment; empty for strangers, for whom nothing
    is fetched (security.md row 80)."""
    person = viewer()
    if person is None or not media.source:
        return ""
    urls = site().urls
    return urls.picture_proxy(media, width, person, until()).removeprefix(urls.base)


def share(response: Response) -> None:
    """A page that is the same for all strangers: shared caches may keep it for five seconds (decision 11)."""
    response.vary.update({"Cookie", "Accept", "Accept-Encoding"})
    response.headers["Cache-Control"] = "public, max-age=0, s-maxage=5, must-revalidate"


def style_of(pictures: Iterable[Media]) -> str:
    """Numbers and `#rrggbb` (or `#0000`) only, made by the server; one panorama must not spoil a row, so ratios are clamped.

    Of a picture of another server that does not say how large it is nothing is known before it is here.
    """
    rules = {}
    for media in pictures:
        ratio = min(3.2, max(0.4, media.width / max(1, media.height)))
        width = media.width if media.width > 1 else UNKNOWN_WIDTH
        colour = media.colour if re.fullmatch(r"#[0-9a-f]{6}|#0000", media.colour) else "#8a8a8a"
        rules[media.id] = (
            f".m{media.id}{{--r:{ratio:.3f};--c:{colour};--x:{media.focus_x:.0%};--y:{media.focus_y:.0%};--w:{width}}}"
        )
    return "".join(rules.values())


def style_hash(styles: str) -> str:
    """The source expression that lets exactly this inline style pass."""
    digest = hashlib.sha256(styles.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def hint(response: Response, notice: str) -> Response:
    """Say `notice` (a key of NOTICES) on the page that follows."""
    response.set_cookie(
        "notice", notice, max_age=60, path="/", samesite="Lax", httponly=True, secure=site().settings.is_https
    )
    return response


@cache
def stylesheet() -> bytes:
    """All CSS of the house in one file."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in STYLESHEET).encode()


@cache
def asset(name: str) -> bytes:
    """The content of a static file; `site.css` is made of STYLESHEET. Raises FileNotFoundError."""
    if name == "site.css":
        return stylesheet()
    path = PurePosixPath(name)
    # One name for one file: what is read is kept, and `./` before a name must not make it another one.
    is_plain = str(path) == name and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    if not is_plain or path.suffix not in TYPES:
        raise FileNotFoundError(name)
    return (STATIC / path).read_bytes()


@cache
def compressed(name: str) -> bytes:
    """A static text, compressed once and as far as it goes."""
    packed: bytes = brotli.compress(asset(name), quality=11)
    return packed


@cache
def static(name: str) -> str:
    """The address of a static file, with a hash of its content so that it can be cached for a year."""
    return f"/static/{hashlib.sha256(asset(name)).hexdigest()[:12]}/{name}"


# What gains by compression; fonts and pictures are compressed already.
TEXTS = frozenset({".css", ".js", ".svg", ".webmanifest"})
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


def ago(moment: Any) -> str:
    """A moment as people say it; the template puts the exact date into `title`."""
    seconds = max(0, int((clock.now() - moment).total_seconds()))
    for size, word in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(seconds // size, word) + " ago"
    return "just now"


def day(moment: Any) -> str:
    """24 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


def plural(count: int, one: str, many: str = "") -> str:
    """1 work, 2 works."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def was(change: RightsChange) -> str:
    """One change of a work's rights in words: what gave way to what."""
    before, after = (
        (change.text_before or LICENCES[change.licence_before].name, RESERVATIONS[change.reservation_before].name),
        (change.text_after or LICENCES[change.licence_after].name, RESERVATIONS[change.reservation_after].name),
    )
    steps = [f"“{old}” became “{new}”" for old, new in zip(before, after, strict=True) if old != new]
    return "; ".join(steps) + "."


def megabytes(size: int) -> str:
    """A file's size for people."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} KB"
    return f"{size / 1_000_000:.1f} MB" if size < 100_000_000 else f"{size / 1_000_000_000:.2f} GB"
