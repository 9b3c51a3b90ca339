"""The addresses that every actor must have for what is sent to them.

They are the busiest of the house, so they are answered before the framework sees them: `Door` stands in front of the application
and takes what is posted to an inbox. What else comes to these addresses goes on, and is told that an inbox only takes.
"""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from quart import Response

from federation.answers import answer, client, incoming, machine, resident, status_of
from federation.inbox import receive
from federation.intake import Intake
from federation.parse.strict import MAX_BYTES
from federation.routes.desk import blueprint
from federation.vocabulary import ACTIVITY_JSON, LD_JSON
from server import clock
from server.errors import Problem, TooMany, Trouble, TryLater
from server.log import request_id
from server.site import Site

log = logging.getLogger(__name__)

PATH = re.compile(r"/inbox|/actor/inbox|/users/([^/]{1,100})/inbox")
# An inbox reads at most MAX_BYTES (security.md, table D), and waits for them no longer than this, in seconds.
PATIENCE = 60
# What a peer is told to wait where nothing says how long, in seconds.
PAUSE = 300


@blueprint.get("/inbox")
@blueprint.get("/actor/inbox")
@blueprint.get("/users/<handle>/inbox")
@machine
async def inbox(handle: str = "") -> Response:
    """Nobody reads somebody else's inbox."""
    refused = answer({"error": "An inbox takes; it does not give."}, "application/json", status=405)
    refused.headers["Allow"] = "POST"
    return refused


class Door:
    """The ASGI layer that takes what is posted to an inbox, and hands everything else on."""

    def __init__(self, app: Callable[..., Awaitable[None]], site: Site, intake: Intake) -> None:
        self.app = app
        self.site = site
        self.intake = intake

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        request_id.set(secrets.token_hex(6))
        status, sentence, wait = await self._take(scope, receive, found[1] or "")
        headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        body = b""
        if sentence:
            log.info("activity refused", extra={"status": status, "reason": sentence})
            body = json.dumps({"error": sentence}).encode()
            headers += [(b"content-type", b"application/json")]
        if wait:
            headers.append((b"retry-after", str(wait).encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(self, scope: Any, receive_part: Any, handle: str) -> tuple[int, str, int]:
        """202 once what came is safe on the disk, whoever's inbox it is; else status, sentence, and seconds to wait."""
        kind = next((value for name, value in scope["headers"] if name.lower() == b"content-type"), b"").decode(
            "latin-1"
        )
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _read(receive_part)
        except TimeoutError:
            return 408, "The body took too long.", 0
        if body is None:
            return 413, "This is larger than an inbox reads: 1 MB.", 0
        if kind.partition(";")[0].strip().lower() not in (ACTIVITY_JSON, LD_JSON):
            return 415, f"An inbox reads {ACTIVITY_JSON}.", 0
        try:
            if handle:
                async with self.site.db.read() as tx:
                    await resident(tx, handle)
            await receive(self.site, self.intake, incoming(scope, body), client(self.site, scope))
        except (Problem, Trouble) as wrong:
            return _refusal(wrong)
        except Exception:
            log.exception("the inbox broke")
            return 500, "Something went wrong here. Nothing was kept; please send it again.", PAUSE
        return 202, "", 0


async def _read(receive_part: Any) -> bytes | None:
    """The body, or None where it is longer than MAX_BYTES. What is too long is read on for a while, so that its sender hears why
    it is refused."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive_part()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BYTES:
            parts.append(part)
        if not message.get("more_body", False) or size > 10 * MAX_BYTES:
            return b"".join(parts) if size <= MAX_BYTES else None


def _refusal(wrong: Problem | Trouble) -> tuple[int, str, int]:
    wait = wrong.wait if isinstance(wrong, TooMany) else _until(wrong.at) if isinstance(wrong, TryLater) else 0
    return status_of(wrong), str(wrong), wait


def _until(at: datetime | None) -> int:
    """Seconds from now, at least one."""
    return PAUSE if at is None else max(1, round((at - clock.now()).total_seconds()))
