"""The addresses that every actor must have for what is sent to them."""

import logging
from datetime import datetime
from typing import cast

from quart import Response, current_app, request

from federation.answers import answer, incoming, machine, resident, site
from federation.inbox import Intake, receive
from federation.parse import BadDocument
from federation.routes.desk import blueprint
from federation.signatures import BadSignature
from federation.vocabulary import ACTIVITY_JSON, LD_JSON
from server import clock
from server.errors import Forbidden, GiveUp, TooLarge, TooMany, TryLater

log = logging.getLogger(__name__)

# What a peer is told to wait where nothing says how long, in seconds.
PAUSE = 300


@blueprint.post("/inbox")
@blueprint.post("/actor/inbox")
@blueprint.post("/users/<handle>/inbox")
@machine
async def inbox(handle: str = "") -> Response:
    """202 once what came is safe on the disk, whoever's inbox it is; what is done with it comes later.

    400 and 401 let peers try their other way of signing; 503 and 429 say when to come again (security.md row 15).
    """
    if handle:
        async with site().db.read() as tx:
            await resident(tx, handle)
    kind = request.mimetype
    if kind not in (ACTIVITY_JSON, LD_JSON):
        return refusal(415, f"An inbox reads {ACTIVITY_JSON}.")
    intake: Intake = current_app.extensions["intake"]
    try:
        body = cast(bytes, await request.get_data(as_text=False))
        await receive(site(), intake, incoming(body))
    except BadSignature as wrong:
        return refusal(wrong.status, str(wrong))
    except BadDocument as wrong:
        return refusal(400, str(wrong))
    except Forbidden as wrong:
        return refusal(403, str(wrong))
    except TooLarge as wrong:
        return refusal(413, str(wrong))
    except TooMany as many:
        return refusal(429, str(many), many.wait)
    except TryLater as later:
        return refusal(503, str(later), seconds_until(later.at))
    except GiveUp as wrong:
        return refusal(400, str(wrong))
    return Response("", 202, headers={"Cache-Control": "no-store"})


def refusal(status: int, sentence: str, wait: int = 0) -> Response:
    """Why something was not taken in, for whoever reads their server's log."""
    log.info("activity refused", extra={"status": status, "reason": sentence})
    response = answer({"error": sentence}, "application/json", status=status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def seconds_until(at: datetime | None) -> int:
    """From now, at least one."""
    return PAUSE if at is None else max(1, round((at - clock.now()).total_seconds()))
