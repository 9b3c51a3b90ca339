"""Pages that are the same for every stranger, kept for the next stranger: what a wave of visitors costs.

A page is kept until this process commits anything, and at most five seconds: what another process commits is seen that late, as
in every cache in front of the server (decision 11). Only views that say `shared=True` are kept; an answer that sets a cookie, or
that was made for somebody, never is.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from quart import Response, g, request
from werkzeug.datastructures import Headers

from web.current import site

SECONDS = 5.0
# What a 304 leaves out; everything else that describes the page stays, its reservation above all (RFC 9110, section 15.4.5).
OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding", "content-language"})
MOST = 200  # pages; some 30 KB each


@dataclass(frozen=True)
class Page:
    """One finished answer."""

    body: bytes
    headers: Headers
    etag: str
    until: float
    generation: int


@dataclass
class Shelf:
    """The pages that this process keeps."""

    pages: OrderedDict[tuple[str, ...], Page] = field(default_factory=OrderedDict)

    def find(self) -> Response | None:
        """The kept answer to this request of a stranger, or None. Runs before the view and after the session was looked for."""
        if request.method != "GET" or g.sign_in is not None or request.cookies.get("notice"):
            return None
        found = self.pages.get(_key())
        if found is None or found.until < time.monotonic() or found.generation != site().db.generation:
            return None
        g.is_kept = True
        if request.if_none_match.contains_weak(found.etag):
            headers = Headers([(name, value) for name, value in found.headers if name.lower() not in OF_THE_BODY])
            return Response(b"", 304, headers)
        return Response(found.body, 200, found.headers)

    async def keep(self, response: Response, generation: int) -> None:
        """Put a finished answer on the shelf if it is a stranger's; `generation` is that of the moment before it was made."""
        etag = response.get_etag()[0]
        if not (g.get("shared") and request.method == "GET" and response.status_code == 200 and etag):
            return
        if "Set-Cookie" in response.headers:
            return
        body = await response.get_data(as_text=False)
        until = time.monotonic() + SECONDS
        self.pages[_key()] = Page(body, Headers(response.headers), etag, until, generation)
        self.pages.move_to_end(_key())
        while len(self.pages) > MOST:
            self.pages.popitem(last=False)


def _key() -> tuple[str, ...]:
    """Everything that a shared page may depend on; the answer's Vary says the same."""
    compressed = "br" if "br" in request.headers.get("Accept-Encoding", "") else ""
    theme = request.cookies.get("theme", "")
    return request.host, request.full_path, theme, request.headers.get("Accept", ""), compressed
