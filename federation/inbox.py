"""What arrives: `receive` while the sender waits, `process` afterwards. Read top to bottom.

The order is that of security.md part B: whatever costs little is asked first, nobody is asked over the network before a signature
could be good, nothing is written before it is, and what was answered 202 is on the disk (P1). An activity is done once for each
(actor, activity id), whichever inbox got it (decision 28); in order for each actor; at least once, so handlers may run twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from federation import parse, policy, remote
from federation.handlers import accept, add, announce, block, create, delete, flag, follow, like, reject, subjects, undo
from federation.handlers import update as edit
from federation.handlers.verified import Verified
from federation.intake import Intake
from federation.parse import Activity
from federation.parse.activities import Envelope, envelope
from federation.signatures import BadSignature, Claim, Incoming, check_proof, proof_method, proof_time, read
from federation.vocabulary import Json
from server import actors, clock, jobs, origins, worker
from server.db import Session
from server.elsewhere import PublicKey
from server.errors import GiveUp, Gone, Problem, TryLater
from server.models import Actor, Received, ReceivedState
from server.site import Site

log = logging.getLogger(__name__)

Handler = Callable[[Site, Verified], Awaitable[None]]

# Everything that is understood. What is not here is answered 202 and dropped.
HANDLERS: dict[str, Handler] = {
    "Accept": accept.on_accept,
    "Add": add.on_add,
    "Announce": announce.on_announce,
    "Block": block.on_block,
    "Create": create.on_create,
    "Delete": delete.on_delete,
    "EmojiReact": like.on_like,
    "Flag": flag.on_flag,
    "Follow": follow.on_follow,
    "Like": like.on_like,
    "Reject": reject.on_reject,
    "Remove": add.on_remove,
    "Undo": undo.on_undo,
    "Update": edit.on_update,
}

# A handler that fails for no known reason has this many attempts; then the activity is set aside (P9).
ATTEMPTS = 3
# One that waits for another server has these pauses, and no longer holds up what its actor does next.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 720))
# Seconds after which an activity stops counting in the lane of the others.
PATIENCE = 3
# Characters of both addresses that make an activity one: PostgreSQL keeps no more than 2,700 bytes in an index, and one that does
# not fit would take all down that are written with it.
LONGEST_IDS = 2600
# A proof holds for ever, what came in is remembered for 30 days (server.sweep): what is older than this could come twice.
PROOF_HOLDS = timedelta(days=25)


# -- while the sender waits ----------------------------------------------------------------------------------------------
async def receive(site: Site, intake: Intake, request: Incoming, client: str = "") -> None:
    """Take an activity in; when this returns it is safe and may be answered 202. `client` is the address that it comes from.

    Raises BadSignature (400, 401), BadDocument (400), Forbidden (403), TooMany (429), and TryLater where the sender's key cannot
    be had at the moment: that is 503, since a peer drops an activity after a 401 (security.md row 15).
    """
    claim, host = await claimed(site, intake, request)
    # Until the signature holds, nobody knows whether `host` had any part in it: whoever names it spends what is theirs.
    who = f"{host} {client}"
    intake.budget.take(who)
    document = parse.load(request.body)
    activity = envelope(document)  # whoever does it reads the rest
    if len(activity.actor) + len(activity.id) > LONGEST_IDS:
        raise parse.BadDocument("The addresses of the activity and of its actor are too long.")
    if activity.type == "Delete" and await is_farewell(site, parse.activity(document)):
        return
    with remote.within():
        signer = intake.known_signer(claim)
        if not signer:
            key, owner = await signed_by(site, claim)
            signer = intake.remember_signer(key, owner)
        intake.budget.know(who)
        intake.budget.take(host, proved=True)
        policy.heard(site, host)
        is_theirs = signer == activity.actor or await is_proved(site, activity, document)
    if not is_theirs:
        await follow_hint(site, parse.activity(document))
        return
    if origins.origin(activity.id) != origins.origin(activity.actor):
        raise parse.BadDocument("The activity and its actor are of different servers.")
    if activity.type not in HANDLERS:
        return
    await intake.put(activity, request.body)


async def claimed(site: Site, intake: Intake, request: Incoming) -> tuple[Claim, str]:
    """What a request's signature claims, before any key is asked for, and the host of the key that it names.

    Raises BadSignature, also for an address that could not be one of theirs, and Forbidden for a host that is suspended.
    """
    claim = read(request, ours=intake.ours, scheme=intake.scheme, now=clock.now())
    try:
        host = origins.host(claim.keyid)
    except GiveUp as wrong:
        raise BadSignature(401, "The signature names no key that could be fetched.") from wrong
    if site.urls.is_ours(claim.keyid):
        raise BadSignature(401, "Nobody of this server sends to it from outside.")  # row 34
    await intake.check_host(host)
    return claim, host


async def is_farewell(site: Site, activity: Activity) -> bool:
    """Whether a Delete is that of an actor of whom nothing is here: thousands arrive, and their keys are gone already."""
    if activity.object_id != activity.actor:
        return False
    async with site.db.read() as tx:
        return await actors.by_uri(tx, activity.actor) is None


async def signed_by(site: Site, claim: Claim) -> tuple[PublicKey, Actor]:
    """The key that made the signature, and its owner. A key that does not fit is read anew, once in five minutes (row 13).

    Raises BadSignature, or TryLater where the key cannot be had at the moment.
    """
    try:
        key, signer = await remote.key(site, claim.keyid)
        try:
            claim.verify(key)
        except BadSignature:
            fresh, signer = await remote.key(site, claim.keyid, refetch=True)
            if fresh == key:
                raise
            key = fresh
            claim.verify(key)
    except BadSignature:
        raise
    except (GiveUp, Problem) as wrong:
        raise BadSignature(401, f"The key of this signature cannot be used: {wrong}") from wrong
    return key, signer


async def is_proved(site: Site, activity: Envelope, document: Json) -> bool:
    """Whether the document itself proves that its actor says it (FEP-8b32), whoever sent it.

    Linked-data signatures prove nothing here (rows 16 to 18). Raises BadSignature for a proof that does not hold.
    """
    if "proof" not in document:
        return False
    method = proof_method(document)
    if origins.origin(method) != origins.origin(activity.actor):
        raise BadSignature(401, "The proof is by somebody else than the actor.")
    try:
        key, owner = await remote.key(site, method)
    except (GiveUp, Problem) as wrong:
        raise BadSignature(401, f"The key of the proof cannot be used: {wrong}") from wrong
    if owner.uri != activity.actor:
        raise BadSignature(401, "The proof is by somebody else than the actor.")
    check_proof(document, key, clock.now())
    made = proof_time(document)
    # What nobody remembers any more could be played again, long after it was taken back: then it is a hint like any other.
    return made is not None and made > clock.now() - PROOF_HOLDS


async def follow_hint(site: Site, activity: Activity) -> None:
    """Somebody passes on what another one said: that counts as a hint to ask its own server, where it matters here (D6)."""
    if activity.type not in ("Create", "Update", "Delete") or not activity.object_id:
        return
    inner = activity.object or {}
    about = inner.get("inReplyTo")
    async with site.db.read() as tx:
        known = [uri for uri in (activity.object_id, about) if isinstance(uri, str)]
        matters = [uri for uri in known if await subjects.is_known(tx, site.urls, uri)]
    if matters and not site.urls.is_ours(activity.object_id):
        async with site.db.write() as tx:
            await jobs.ensure(tx, [jobs.Fetch("post", activity.object_id)])


async def reader(intake: Intake, site: Site, request: Incoming, client: str = "") -> Actor | None:
    """Who signed a GET, or None where nobody did; raises BadSignature for a signature that does not hold.

    It makes this server ask the reader's as an activity does, so it is counted like one: raises TooMany.
    """
    if not request.signed:
        return None
    claim, host = await claimed(site, intake, request)
    intake.budget.take(f"GET {host} {client}")
    with remote.within():
        _, signer = await signed_by(site, claim)
    intake.budget.know(f"GET {host} {client}")
    return signer


# -- afterwards ----------------------------------------------------------------------------------------------------------
async def process(site: Site, job: jobs.Process) -> None:
    """Do what a received activity asks for.

    What cannot or may not be done is dropped with its reason. What waits for another server is tried again behind what its actor
    does meanwhile. What breaks its handler three times is set aside for the administrator, who may play it again.
    """
    row, sender = await site.db.together(_read, job.received_id, reading=True)
    if row is None or row.state is not ReceivedState.WAITING:
        return
    # Whoever waits for a slow server does so in the lane for the slow, however many activities that server sends (P8).
    slow = asyncio.get_running_loop().call_later(PATIENCE, worker.step_aside, "slow")
    try:
        verified = Verified(parse.activity(parse.load(row.body)), row.id, sender)
        with remote.within():  # however much it names, one activity causes few fetches (row 88)
            await HANDLERS[verified.activity.type](site, verified)
    except TryLater as later:
        await _again(site, row, str(later))
    except (GiveUp, Gone, Problem) as reason:
        await _settle(site, row, ReceivedState.DROPPED, str(reason))
    except Exception as wrong:
        log.exception("activity broke its handler", extra={"received": row.id, "type": row.type})
        said = f"{type(wrong).__name__}: {wrong}"
        if row.attempts + 1 >= ATTEMPTS:
            await _settle(site, row, ReceivedState.SET_ASIDE, said)
            return
        await _count(site, row, said)
        raise TryLater(said, clock.after(seconds=10 * (row.attempts + 1))) from wrong
    else:
        if verified.settled.is_set():
            _log_settled(row, ReceivedState.DONE, "")
        else:
            await _settle(site, row, ReceivedState.DONE, "")
    finally:
        slow.cancel()


async def _read(tx: Session, numbers: list[int]) -> list[tuple[Received, Actor | None] | tuple[None, None]]:
    """What was received, with the row of who sent it: one question for all activities that begin at this moment."""
    found = {row.id: (row, sender) for row, sender in await tx.execute(_RECEIVED, {"numbers": numbers})}
    return [found.get(number, (None, None)) for number in numbers]


async def _again(site: Site, row: Received, reason: str) -> None:
    """Later, out of turn: one server that is away must not hold up everything that its correspondent does."""
    if row.attempts >= len(PAUSES):
        await _settle(site, row, ReceivedState.SET_ASIDE, reason)
        return
    await _count(site, row, reason)
    async with site.db.write() as tx:
        jobs.enqueue(tx, jobs.Process(row.id, actor=""), due=clock.now() + PAUSES[row.attempts])


async def _count(site: Site, row: Received, reason: str) -> None:
    async with site.db.write() as tx:
        values = {"attempts": row.attempts + 1, "reason": reason[:500]}
        await tx.execute(update(Received).where(Received.id == row.id).values(**values))


async def _settle(site: Site, row: Received, state: ReceivedState, reason: str) -> None:
    values: dict[str, Any] = {"state": state, "reason": reason[:500], "attempts": row.attempts + 1}
    if state is not ReceivedState.SET_ASIDE:
        values["body"] = b""  # the row alone says that it was here
    async with site.db.write() as tx:
        await tx.execute(update(Received).where(Received.id == row.id).values(**values))
    _log_settled(row, state, reason)


def _log_settled(row: Received, state: ReceivedState, reason: str) -> None:
    log.info("activity settled", extra={"received": row.id, "type": row.type, "state": state.value, "reason": reason})


# Built once: every activity begins with it.
_RECEIVED = (
    select(Received, Actor)
    .outerjoin(Actor, Actor.uri == Received.actor_uri)
    .where(Received.id.in_(bindparam("numbers", expanding=True)))
)
