"""The doorkeeper: an ASGI layer in front of everything else (docs/rights.md 2.8).

It turns away crawlers that say who they are and that the settings do not let in, keeps out for hours whoever followed the trap,
and slows down whoever asks for more than people can look at. Everybody else costs it a few microseconds: no database is asked,
nothing is written, and nobody but declared crawlers is remembered by anything but a number in memory.
"""

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from werkzeug.http import parse_cookie

from server import clock, evidence, sign_ins, throttle
from server.evidence import Notebook
from server.rights import crawlers
from server.rights.crawlers import Crawler, Roll
from server.site import Site
from web import refusals
from web.auth import cookie_of
from web.paces import Bans, Paces, Place, place
from web.refusals import Refusal

log = logging.getLogger(__name__)

App = Callable[..., Awaitable[None]]
# What is open to everybody, whoever they say they are: the terms of the house and of each work, and where to ask for others; what
# servers of the fediverse need to find people and to deliver; what makes these pages readable; what a supervisor asks.
OPEN = re.compile(
    r"/(?:robots\.txt|ai\.txt|trust\.txt|favicon\.ico|rights|livez|readyz"
    r"|(?:\.well-known|rights|nodeinfo|static)/.*|(?:users/[^/]+/|actor/)?inbox"
    r"|works/\d+/(?:rights|policy\.json)|@[^/]+/licensing)"
)
# Who shares an address with a program that is kept out can still show that they are somebody else.
SIGN_IN = ("/login", "/logout")
MEDIA = ("/media/", "/elsewhere/", "/original/")
GALLERIES = ("/@", "/tags/")
FRONT = ("/", "/explore")
TRAP = "/trap/"
BAN = 6 * 3600  # seconds
STEP = 6 * 3600  # seconds for which a second step of the trap is made; the one before it holds as well
NEIGHBOURS = 4  # how many times as much as one address a network gets
LOOK_AGAIN = 10.0  # seconds after which another list of crawlers is noticed
AGENTS = 4096  # User-Agents whose verdict is remembered, at most LONGEST_AGENT bytes each: 2 MB
KEPT = "cartellino.kept"  # set in the scope by whoever answered with a page that was made before


class Guard:
    """The layer; `notebook` is where it writes down which crawlers asked for a work."""

    def __init__(self, app: App, site: Site, notebook: Notebook) -> None:
        self.app = app
        self.site = site
        self.notebook = notebook
        self.turned_away = crawlers.switched_on(site.settings)
        self.media = Paces(site.settings.rights.media_per_minute, NEIGHBOURS)
        self.pages = Paces(site.settings.rights.pages_per_minute, NEIGHBOURS)
        self.bans = Bans()
        self.hinted = False
        self.looked = 0.0
        self.roll: Roll | None = None
        self.verdict: Callable[[bytes], Crawler | None] = lambda agent: None
        self._read_list(0.0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        now = clock.now().timestamp()
        if not 0 <= now - self.looked <= LOOK_AGAIN:
            self._read_list(now)
        declared = self.verdict(_header(scope, b"user-agent")[: crawlers.LONGEST_AGENT])
        if declared is not None:
            send = self._noting(declared, scope, send)
        refusal = await self._refusal(scope, declared, now)
        if refusal is None:
            await self.app(scope, receive, self._counting(scope, send, now))
            return
        await _read_on(receive)
        await self._say(refusal, scope, send)

    def _read_list(self, now: float) -> None:
        """Take over the list that is in use; what was thought of each User-Agent holds only for the list it was held against."""
        roll = crawlers.in_use(self.site.settings)
        self.looked = now
        if roll is not self.roll:
            self.roll = roll
            self.verdict = lru_cache(AGENTS)(lambda agent: roll.find(agent.decode("latin-1")))

    # -- who is let in -------------------------------------------------------------------------------------------------
    async def _refusal(self, scope: Any, declared: Crawler | None, now: float) -> Refusal | None:
        """What the request is told instead of an answer; None lets it in. What is rare is asked first where it costs nothing."""
        path: str = scope["path"]
        if declared is not None and declared.set in self.turned_away and not OPEN.fullmatch(path):
            return refusals.crawler(declared, self.site)
        if self.bans and (kept_out := await self._kept_out(scope, path, now)):
            return kept_out
        if path.startswith(TRAP) and self.site.settings.rights.trap:
            return await self._trap(scope, path, now)
        if scope["method"] not in ("GET", "HEAD"):
            return None
        if path.startswith(MEDIA):
            return self._in_time(self.media, scope, now, "pictures", take=True)
        if path.startswith(GALLERIES) or path in FRONT:
            if OPEN.fullmatch(path):
                return None
            # What has been made for somebody a moment ago costs nothing; that is known only when it is answered.
            return self._in_time(self.pages, scope, now, "pages", take=False)
        return None

    def _in_time(self, paces: Paces, scope: Any, now: float, what: str, *, take: bool) -> Refusal | None:
        where = self._place(scope)
        if where is None:
            return None
        if wait := paces.wait(where, now):
            return refusals.hurried(wait, what)
        if take:
            paces.take(where, now)
        else:
            scope[KEPT] = False
        return None

    def _counting(self, scope: Any, send: Any, now: float) -> Any:
        """Count a page once it was made: not one that is the same for all strangers and lay ready."""
        if KEPT not in scope or (where := self._place(scope)) is None:
            return send

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start" and not scope[KEPT]:
                self.pages.take(where, now)
            await send(message)

        return counted

    # -- the trap ------------------------------------------------------------------------------------------------------
    async def _kept_out(self, scope: Any, path: str, now: float) -> Refusal | None:
        where = self._place(scope, itself=True)
        until = self.bans.end(where.own, now) if where is not None else 0.0
        if not until or OPEN.fullmatch(path) or path in SIGN_IN or await self._is_somebody(scope):
            return None
        return refusals.trapped(until, self.site, now)

    async def _trap(self, scope: Any, path: str, now: float) -> Refusal:
        """Two steps (docs/decisions, "A trap has two steps"). Any address below `/trap/` is the first: a page with a link that
        is made for the network which asked for it. Only who follows that one is kept out: no picture on somebody else's site, no
        preview of a link, no prefetching browser, and nobody who was sent here."""
        where = self._place(scope)
        if where is None or scope["method"] != "GET":
            return refusals.snare("")
        word = path.removeprefix(TRAP)
        if any(hmac.compare_digest(word.encode(), self._second(where, now - ago).encode()) for ago in (0, STEP)):
            if await self._is_somebody(scope):
                return refusals.snare("")
            self.bans.add(where.own, now + BAN)
            log.info("trapped")  # who it was is nobody's business
            return refusals.trapped(now + BAN, self.site, now)
        return refusals.snare(TRAP + self._second(where, now))

    def _second(self, where: Place, now: float) -> str:
        """The word of the second step for one network and a few hours; nobody can make another's."""
        told = f"trap\n{where.own}\n{int(now // STEP)}"
        return hmac.digest(self.site.secret, told.encode(), hashlib.sha256)[:8].hex()

    async def _is_somebody(self, scope: Any) -> bool:
        """Whether the request carries an open session of somebody who may come in. Asked of the few who are in the trap only."""
        cookies = _header(scope, b"cookie").decode("latin-1")
        token = parse_cookie(cookies).get(cookie_of(self.site.settings)) if cookies else None
        if not token:
            return False
        async with self.site.db.read() as tx:
            found = await sign_ins.find(tx, token)
        return found is not None and found.account.is_active

    # -- who asks ------------------------------------------------------------------------------------------------------
    def _place(self, scope: Any, *, itself: bool = False) -> Place | None:
        """Where the request comes from; None where that cannot be told (web.paces).

        Where no proxy is configured and yet one speaks, its address stands for everybody behind it: nothing is counted then. With
        `itself` it is that address all the same: who is kept out does not come in by saying that they ask for somebody else.
        """
        address = (scope.get("client") or ("",))[0]
        proxies = self.site.settings.server.proxies
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if not proxies and lines and not itself:
            self._hint(address)
            return None
        return place(throttle.client(lines, address or "", proxies))

    def _hint(self, address: str) -> None:
        """Say once that nobody is told apart here, where it is not our own machine that speaks."""
        if not self.hinted and place(address) is not None:
            self.hinted = True
            log.warning("somebody asks for others; if it is your proxy, set server.proxies", extra={"address": address})

    def _noting(self, declared: Crawler, scope: Any, send: Any) -> Any:
        """Write down what a declared crawler asked for and what it was answered, where that is about a work."""
        asked = evidence.asked(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
        if asked is None:
            return send

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                where = self._place(scope)
                self.notebook.record(declared, asked, int(message["status"]), where.wide if where else "")
            await send(message)

        return noted

    async def _say(self, refusal: Refusal, scope: Any, send: Any) -> None:
        accept = _header(scope, b"accept").decode("latin-1")
        headers, body = refusals.answer(refusal, self.site, accept, scope["path"])
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _header(scope: Any, wanted: bytes) -> bytes:
    """The first header of that name, in lower case as ASGI has it; empty where there is none."""
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value)
    return b""


async def _read_on(receive: Any, most: int = 1_000_000, seconds: float = 5) -> None:
    """Read what was sent with the request, for a while: who is still sending would not hear the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
