"""What does not go on by itself: jobs that were given up, and received activities that broke their handler. A person decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, jobs
from server.db import changed
from server.errors import Conflict, NotFound
from server.models import Actor, Decision, Job, Media, Received, ReceivedState

PAGE = 40
# What a job that tells other servers something was about, in words: the verbs of federation.outbox.
TELLS = {
    "Create": "a new post",
    "Update": "a changed post",
    "Delete": "a removed post",
    "Announce": "a boost",
    "UndoAnnounce": "a boost taken back",
    "Like": "a like",
    "UndoLike": "a like taken back",
    "Follow": "a request to follow",
    "UndoFollow": "the end of a follow",
    "Accept": "a follower let in",
    "Reject": "a follower turned away",
    "Block": "a block",
    "UndoBlock": "the end of a block",
    "Flag": "a report",
    "Profile": "a changed profile",
    "Add": "something pinned or hung in a gallery",
    "Remove": "something unpinned or taken from a gallery",
}
# What waits in a lane: one of it, many of it.
LANES = {
    "inbox": ("received activity to read", "received activities to read"),
    "federate": ("thing to tell other servers", "things to tell other servers"),
    "fetch": ("thing to fetch from other servers", "things to fetch from other servers"),
    "render": ("image to prepare", "images to prepare"),
    "stamp": ("image whose files are to say other rights", "images whose files are to say other rights"),
    "idle": ("thing that has time, such as an AVIF size", "things that have time, such as AVIF sizes"),
    "mail": ("letter to send", "letters to send"),
}


@dataclass(frozen=True)
class Stuck:
    """One job that was given up: what it should have done and why it could not, in words."""

    id: int
    kind: str
    words: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Lane:
    """How much waits in one lane, and since when the oldest of it could have begun."""

    words: tuple[str, str]  # for one, for many
    waiting: int
    oldest: datetime


async def lanes(tx: AsyncSession) -> list[Lane]:
    """What waits in each lane but the deliveries, which `hosts.overview` counts; nothing of what was given up or lies ahead."""
    query = select(Job.lane, func.count(), func.min(Job.due_at)).where(
        Job.failed_at.is_(None), Job.due_at <= clock.now()
    )
    found = {lane: (count, oldest) for lane, count, oldest in (await tx.execute(query.group_by(Job.lane))).all()}
    return [Lane(words, *found[lane]) for lane, words in LANES.items() if lane in found]


async def given_up(tx: AsyncSession, before: int | None = None, limit: int = PAGE) -> list[Stuck]:
    """Jobs that were given up, the latest first; `before` is the last id of the page before."""
    query = select(Job).where(Job.failed_at.is_not(None)).order_by(Job.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Job.id < before)
    rows = list(await tx.scalars(query))
    known = await _known(tx, rows)
    return [Stuck(row.id, row.kind, _words(row, known), row.error, row.failed_at) for row in rows if row.failed_at]


async def count(tx: AsyncSession) -> int:
    """How many jobs were given up."""
    return int(await tx.scalar(select(func.count(Job.id)).where(Job.failed_at.is_not(None))) or 0)


async def again(tx: AsyncSession, job_id: int) -> None:
    """Let a job that was given up begin anew, with all its tries.

    Raises NotFound, Conflict where it was not given up or runs already, and where no handler of this version could read it.
    """
    row = await _get(tx, job_id)
    try:
        jobs.KINDS[row.kind](**row.payload)
    except (KeyError, TypeError):
        raise Conflict("This version does not know this kind of work any more. It can only be dropped.") from None
    anew = {"failed_at": None, "locked_until": None, "attempts": 0, "due_at": clock.now()}
    again = update(Job).where(Job.id == job_id, Job.failed_at.is_not(None)).values(**anew)
    if not await changed(tx, again.execution_options(synchronize_session=False)):
        raise Conflict("This is not given up any more.")
    tx.info["jobs"] = True


async def drop(tx: AsyncSession, moderator: Actor | None, job_id: int) -> None:
    """Remove a job that was given up, and with it what it should have done. Raises NotFound, and Conflict as `again` does."""
    row = await _get(tx, job_id)
    words = _words(row, await _known(tx, [row]))
    gone = delete(Job).where(Job.id == job_id, Job.failed_at.is_not(None))
    if not await changed(tx, gone.execution_options(synchronize_session=False)):
        raise Conflict("This is not given up any more.")
    if row.kind == jobs.Process.__name__:
        await _drop_received(tx, int(row.payload["received_id"]), ReceivedState.WAITING)
    if row.kind == jobs.Mail.__name__:  # moderators read the log, and addresses are not for them (security.md row 43)
        _log(tx, moderator, "drop-job", "a letter", "")
    else:
        _log(tx, moderator, "drop-job", words, row.error)


async def set_aside(tx: AsyncSession, limit: int = 100) -> Sequence[Received]:
    """Received activities that were set aside, with the reason, the latest first."""
    query = select(Received).where(Received.state == ReceivedState.SET_ASIDE)
    return list(await tx.scalars(query.order_by(Received.received_at.desc()).limit(limit)))


async def replay(tx: AsyncSession, received_id: int) -> None:
    """Try one of them again. Raises NotFound, and Conflict where it was not set aside or is tried already."""
    row = await tx.get(Received, received_id)
    if row is None:
        raise NotFound("There is no such activity.")
    again = update(Received).where(Received.id == received_id, Received.state == ReceivedState.SET_ASIDE)
    values = {"state": ReceivedState.WAITING, "reason": "", "attempts": 0}
    if not await changed(tx, again.values(**values).execution_options(synchronize_session=False)):
        raise Conflict("This activity is not set aside any more.")
    jobs.enqueue(tx, jobs.Process.of(received_id, row.actor_uri))


async def drop_received(tx: AsyncSession, moderator: Actor | None, received_id: int) -> None:
    """Do nothing about a received activity that was set aside. Raises NotFound, and Conflict where it is not set aside."""
    row = await tx.get(Received, received_id)
    if row is None:
        raise NotFound("There is no such activity.")
    if not await _drop_received(tx, received_id, ReceivedState.SET_ASIDE):
        raise Conflict("This activity is not set aside any more.")
    _log(tx, moderator, "drop-activity", f"{row.type} of {row.actor_uri}", row.reason)


async def _drop_received(tx: AsyncSession, received_id: int, state: ReceivedState) -> int:
    values = {"state": ReceivedState.DROPPED, "body": b""}  # the row alone says that it was here
    dropped = update(Received).where(Received.id == received_id, Received.state == state).values(**values)
    return await changed(tx, dropped.execution_options(synchronize_session=False))


async def _get(tx: AsyncSession, job_id: int) -> Job:
    row = await tx.get(Job, job_id)
    if row is None:
        raise NotFound("There is no such work: it was done, or somebody dropped it.")
    return row


def _log(tx: AsyncSession, moderator: Actor | None, action: str, about: str, reason: str) -> None:
    tx.add(Decision(moderator_id=moderator.id if moderator else None, action=action, about=about[:2048], reason=reason))


# -- in words ------------------------------------------------------------------------------------------------------------
@dataclass
class _Names:
    """What the rows that jobs name are called."""

    actors: dict[int, str] = field(default_factory=dict)
    received: dict[int, str] = field(default_factory=dict)
    media: dict[int, str] = field(default_factory=dict)


async def _known(tx: AsyncSession, rows: Iterable[Job]) -> _Names:
    def wanted(key: str) -> set[int]:
        return {row.payload[key] for row in rows if isinstance(row.payload.get(key), int)}

    rows, names = list(rows), _Names()
    for actor_id, handle in await tx.execute(select(Actor.id, Actor.handle).where(Actor.id.in_(wanted("actor_id")))):
        names.actors[actor_id] = f"@{handle}"
    arrived = select(Received.id, Received.type, Received.actor_uri).where(Received.id.in_(wanted("received_id")))
    for received_id, kind, uri in await tx.execute(arrived):
        names.received[received_id] = f"{kind} of {uri}"
    for media_id, source in await tx.execute(select(Media.id, Media.source).where(Media.id.in_(wanted("media_id")))):
        names.media[media_id] = source or "of ours"
    return names


def _words(row: Job, names: _Names) -> str:
    """What a job should have done. Of a letter the text stays unread."""
    said: dict[str, Any] = row.payload
    picture = names.media.get(said.get("media_id", 0), "that is gone")
    match row.kind:
        case "Federate":
            who = names.actors.get(said.get("actor_id", 0), "somebody who is gone")
            return f"Tell other servers of {TELLS.get(said.get('verb', ''), said.get('verb', ''))} by {who}"
        case "Process":
            return f"Do the {names.received.get(said.get('received_id', 0), 'activity that is gone')}"
        case "Deliver":
            return f"Send what waits for {said.get('host')}"
        case "Fetch":
            return f"Fetch the {said.get('what')} {said.get('uri')}"
        case "Cache":
            return f"Fetch the picture {picture}"
        case "Render" | "RenderAvif":
            return f"Prepare the image {picture}" + (" as AVIF" if row.kind == "RenderAvif" else "")
        case "Stamp":
            return f"Write its rights into the files of the image {picture}"
        case "Mail":
            return f"Send the letter “{said.get('subject')}” to {said.get('to')}"
        case "Sweep":
            return "Tidy up"
    return row.kind
