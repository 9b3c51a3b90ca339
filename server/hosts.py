"""Other servers: what the house allows them, and how the post to them is doing.

A rule names a host and holds for every name below it, on every port unless it names one. What it says is also kept beside each
person (`Actor.host_level`), so that the question of every query, whether somebody is shown, never looks through all rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server import clock, jobs, origins
from server.db import changed, insert_once
from server.errors import Invalid, NotFound
from server.models import (
    Activity,
    Actor,
    Decision,
    Delivery,
    DeliveryState,
    Dialect,
    Follow,
    Host,
    HostLevel,
    HostRule,
    Notification,
    Received,
    ReceivedState,
)

LONGEST_REASON = 1000
# From laxest to strictest.
LEVELS = tuple(HostLevel)


# -- rules ---------------------------------------------------------------------------------------------------------------
def suspended() -> ColumnElement[bool]:
    """Whether the server of an actor is suspended by a rule of this house; a condition on Actor."""
    return Actor.host_level == HostLevel.SUSPEND


def limited() -> ColumnElement[bool]:
    """Whether the server of an actor is not to be shown to strangers nor on public walls; a condition on Actor."""
    return Actor.host_level == HostLevel.LIMIT


async def rule(tx: AsyncSession, host: str) -> HostRule | None:
    """The rule that holds for `host`: of those for it and for the names above it the strictest, then the most specific."""
    found = list(await tx.scalars(select(HostRule).where(HostRule.host.in_(names(host)))))
    return max(found, key=lambda row: (LEVELS.index(row.level), len(row.host)), default=None)


async def level(tx: AsyncSession, *places: str | None) -> HostLevel:
    """The strictest that the rules say of these hosts: the value of `Actor.host_level` for whoever lives on the one and has a
    handle of the other, since people know a server by the domain in its handles."""
    found = [await rule(tx, host) for host in dict.fromkeys(places) if host]
    return max((row.level for row in found if row is not None), key=LEVELS.index, default=HostLevel.NONE)


async def is_suspended(tx: AsyncSession, host: str) -> bool:
    """Whether nothing may come from or go to `host` (row 48)."""
    return await level(tx, host) is HostLevel.SUSPEND


async def suspended_names(tx: AsyncSession) -> frozenset[str]:
    """Every name whose rule suspends it, for whoever asks often: see `names`."""
    return frozenset(await tx.scalars(select(HostRule.host).where(HostRule.level == HostLevel.SUSPEND)))


async def unwelcome_names(tx: AsyncSession) -> frozenset[str]:
    """Every name whose rule keeps its pictures out, or everything of it: see `names`."""
    kept_out = or_(HostRule.rejects_media.is_(True), HostRule.level == HostLevel.SUSPEND)
    return frozenset(await tx.scalars(select(HostRule.host).where(kept_out)))


async def rules(tx: AsyncSession) -> list[HostRule]:
    """All rules, by host."""
    return list(await tx.scalars(select(HostRule).order_by(HostRule.host)))


async def published(tx: AsyncSession) -> list[HostRule]:
    """The rules that the house explains to everybody: those that do something and have a public reason, by host."""
    does = or_(HostRule.level != HostLevel.NONE, HostRule.rejects_media.is_(True))
    query = select(HostRule).where(does, HostRule.public_reason != "").order_by(HostRule.host)
    return list(await tx.scalars(query))


@dataclass(frozen=True)
class Tie:
    """What one person here has with the people of a server: how many of them they follow, or ask to, and the other way round."""

    person: Actor
    follows: int
    followed_by: int


async def ties(tx: AsyncSession, host: str) -> list[Tie]:
    """Whom suspending `host` would part from whom: our people by handle, as many as have a follow that would end."""
    here, there = aliased(Actor), select(Actor.id).where(_below(host))
    people: dict[int, Actor] = {}
    counts: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for count, ours, theirs in (
        (counts[0], Follow.follower_id, Follow.followed_id),
        (counts[1], Follow.followed_id, Follow.follower_id),
    ):
        query = select(here, func.count()).join(Follow, ours == here.id).where(here.uri.is_(None), theirs.in_(there))
        for person, number in (await tx.execute(query.group_by(here.id))).all():
            people[person.id] = person
            count[person.id] = number
    found = [Tie(person, counts[0].get(key, 0), counts[1].get(key, 0)) for key, person in people.items()]
    return sorted(found, key=lambda tie: tie.person.handle.lower())


async def people_of(tx: AsyncSession, host: str) -> int:
    """How many people of `host`, and of the names below it, are known here."""
    return int(await tx.scalar(select(func.count(Actor.id)).where(_below(host))) or 0)


async def set_rule(
    tx: AsyncSession,
    moderator: Actor | None,
    host: str,
    level: HostLevel,
    *,
    rejects_media: bool = False,
    reason: str = "",
    public_reason: str = "",
    own: str = "",
) -> HostRule:
    """The rule for `host` is this one from now on; `own` is this house's host, which no rule may name.

    SUSPEND ends all follows between here and there, in both directions, and forgets what waits to be sent there. What is
    stored of its people stays, unseen, so that a mistake can be undone. Raises Invalid(host=…) for what is no host.
    """
    name = check_host(host)
    if own and name in names(own):
        raise Invalid(host="This is your own server.")
    for field, words in (("reason", reason), ("public_reason", public_reason)):
        if len(words) > LONGEST_REASON:
            raise Invalid(**{field: f"The reason has {len(words):,} characters; {LONGEST_REASON:,} are possible."})
    values = {"level": level, "rejects_media": rejects_media, "reason": reason, "public_reason": public_reason}
    if not await insert_once(tx, HostRule(host=name, **values)):
        await tx.execute(update(HostRule).where(HostRule.host == name).values(**values))
    made = (await tx.scalars(select(HostRule).where(HostRule.host == name))).one()
    await tx.refresh(made)
    does = [level.value] if level is not HostLevel.NONE else []
    does += ["no media"] if rejects_media else []
    _log(tx, moderator, "host", name, f"{', '.join(does) or level}: {reason}".rstrip(": "))
    await restate(tx, name)
    if level is HostLevel.SUSPEND:
        await _sever(tx, name)
    return made


async def remove_rule(tx: AsyncSession, moderator: Actor | None, host: str, reason: str = "") -> None:
    """No rule for `host` any more; follows do not come back by themselves. Raises NotFound where there was none."""
    name = host.strip().lower()
    if not await changed(tx, delete(HostRule).where(HostRule.host == name)):
        raise NotFound("There is no rule for this server.")
    _log(tx, moderator, "host-rule-removed", name, reason)
    await restate(tx, name)


async def restate(tx: AsyncSession, name: str) -> None:
    """Write beside each person of `name`, and below it, what the rules say of their server now."""
    await tx.flush()
    there = select(Actor.host, Actor.domain).where(Actor.host.is_not(None), _below(name)).distinct()
    wanted: dict[HostLevel, list[tuple[str, str]]] = {}
    for host, domain in (await tx.execute(there)).all():
        if host is None:
            continue
        wanted.setdefault(await level(tx, host, domain), []).append((host or "", domain or ""))
    for found, places in wanted.items():
        for start in range(0, len(places), 500):
            where = tuple_(Actor.host, func.coalesce(Actor.domain, ""))
            these = where.in_(places[start : start + 500])
            await tx.execute(
                update(Actor)
                .where(these, Actor.host_level != found)
                .values(host_level=found)
                .execution_options(synchronize_session=False)
            )


def check_host(host: str) -> str:
    """`host` as rules and blocks name it; an address or a handle is read as its host. Raises Invalid(host=…)."""
    typed = host.strip()
    try:
        name = origins.host(typed) if "://" in typed else origins.domain(typed.rsplit("@", 1)[-1])
    except origins.Refused:
        name = ""
    if "." not in name and not name.startswith(("localhost", "[")):
        raise Invalid(host="Name a server, such as social.example.")
    return name


def names(host: str) -> list[str]:
    """Under which names a rule holds for `host`: as it is, without its port, and every name above that has a dot itself, since
    no rule holds for a whole top level."""
    head, colon, port = host.lower().rpartition(":")
    name = head if colon and port.isdecimal() else host.lower()
    labels = name.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
    return list(dict.fromkeys([host.lower(), name, *above]))


def _below(name: str) -> ColumnElement[bool]:
    """People of this host, of those below it, on whatever port; by where they live and by their handles."""
    return or_(
        *(
            condition
            for place in (Actor.host, Actor.domain)
            for condition in (
                place == name,
                place.startswith(f"{name}:", autoescape=True),
                place.endswith(f".{name}", autoescape=True),
                place.contains(f".{name}:", autoescape=True),
            )
        )
    )


async def _sever(tx: AsyncSession, name: str) -> None:
    there = select(Actor.id).where(_below(name))
    both = or_(Follow.follower_id.in_(there), Follow.followed_id.in_(there))
    await tx.execute(delete(Follow).where(both).execution_options(synchronize_session=False))
    await tx.execute(
        delete(Notification).where(Notification.from_id.in_(there)).execution_options(synchronize_session=False)
    )
    for host in list(await tx.scalars(select(Delivery.host).where(_waiting()).distinct())):
        if name in names(host):
            await _forget_waiting(tx, host, "The server is suspended here.")


def _log(tx: AsyncSession, moderator: Actor | None, action: str, about: str, reason: str) -> None:
    tx.add(Decision(moderator_id=moderator.id if moderator else None, action=action, about=about, reason=reason))


# -- the post to them ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Queue:
    """What waits for one host. `host` is None where nothing is known of it yet."""

    name: str
    waiting: int
    oldest: datetime | None
    host: Host | None

    @property
    def is_resting(self) -> bool:
        """Whether nothing is sent there at the moment because of failures."""
        until = self.host.resting_until if self.host else None
        return until is not None and until > clock.now()

    @property
    def is_paused(self) -> bool:
        """Whether an administrator stopped what goes there."""
        return self.host is not None and self.host.paused_at is not None


@dataclass(frozen=True)
class Overview:
    """The whole post office: how much waits, since when, and for whom; the longest queue first."""

    waiting: int
    oldest: datetime | None
    queues: tuple[Queue, ...]
    set_aside: int  # received activities that broke their handler


async def overview(tx: AsyncSession, limit: int = 200) -> Overview:
    """For the administrator: every host for which something waits, that rests, or that is paused."""
    grouped = select(Delivery.host, func.count(), func.min(Delivery.created_at)).where(_waiting())
    queues = {
        name: (count, oldest) for name, count, oldest in (await tx.execute(grouped.group_by(Delivery.host))).all()
    }
    odd = or_(Host.resting_until > clock.now(), Host.paused_at.is_not(None))
    known = {host.name: host for host in await tx.scalars(select(Host).where(odd))}
    missing = [name for name in queues if name not in known]
    for start in range(0, len(missing), 500):
        some = select(Host).where(Host.name.in_(missing[start : start + 500]))
        known |= {host.name: host for host in await tx.scalars(some)}
    rows = []
    for name in {*queues, *known}:
        count, oldest = queues.get(name, (0, None))
        rows.append(Queue(name, count, oldest, known.get(name)))
    rows.sort(key=lambda row: (-row.waiting, row.name))
    aside = select(func.count(Received.id)).where(Received.state == ReceivedState.SET_ASIDE)
    return Overview(
        waiting=sum(row.waiting for row in rows),
        oldest=min((row.oldest for row in rows if row.oldest), default=None),
        queues=tuple(rows[:limit]),
        set_aside=int(await tx.scalar(aside) or 0),
    )


async def queue_of(tx: AsyncSession, host: str) -> Queue:
    """What waits for one host."""
    grouped = select(func.count(), func.min(Delivery.created_at)).where(_waiting(), Delivery.host == host)
    count, oldest = (await tx.execute(grouped)).one()
    return Queue(host, count, oldest, await get(tx, host))


async def retry(tx: AsyncSession, host: str) -> int:
    """Try everything that waits for `host` now, whatever happened before; the number of deliveries. A pause stays."""
    rested = {"failures": 0, "failing_since": None, "resting_until": None}
    await tx.execute(update(Host).where(Host.name == host).values(**rested))
    waiting = update(Delivery).where(_waiting(), Delivery.host == host)
    count = await changed(tx, waiting.values(due_at=clock.now()).execution_options(synchronize_session=False))
    await _wake(tx, host)
    return count


async def pause(tx: AsyncSession, moderator: Actor | None, host: str) -> None:
    """Send nothing to `host` until `resume`; what is for it waits."""
    await insert_once(tx, Host(name=host))
    stop = update(Host).where(Host.name == host, Host.paused_at.is_(None))
    if await changed(tx, stop.values(paused_at=clock.now()).execution_options(synchronize_session=False)):
        _log(tx, moderator, "pause", host, "")


async def resume(tx: AsyncSession, moderator: Actor | None, host: str) -> None:
    """Go on sending to `host`. Raises NotFound where it is not paused."""
    go = update(Host).where(Host.name == host, Host.paused_at.is_not(None))
    if not await changed(tx, go.values(paused_at=None).execution_options(synchronize_session=False)):
        raise NotFound("This server is not paused.")
    _log(tx, moderator, "resume", host, "")
    await _wake(tx, host)


async def forget(tx: AsyncSession, moderator: Actor | None, host: str) -> int:
    """Give up everything that waits for `host`; the number of deliveries."""
    count = await _forget_waiting(tx, host, "An administrator gave it up.")
    _log(tx, moderator, "forget", host, f"{count} deliveries")
    return count


async def _forget_waiting(tx: AsyncSession, host: str, reason: str) -> int:
    values = {"state": DeliveryState.FORGOTTEN, "settled_at": clock.now(), "reason": reason}
    given_up = update(Delivery).where(_waiting(), Delivery.host == host).values(**values)
    return await changed(tx, given_up.execution_options(synchronize_session=False))


async def _wake(tx: AsyncSession, host: str) -> None:
    """Have what waits for `host` looked at now: by the job that it has, or by a new one where none will come."""
    job = jobs.Deliver(host)
    if not await jobs.wake(tx, job.key):
        jobs.enqueue(tx, job)


def _waiting() -> ColumnElement[bool]:
    return Delivery.state == DeliveryState.WAITING


async def get(tx: AsyncSession, host: str) -> Host | None:
    """What is known of `host`, or None."""
    return await tx.get(Host, host)


async def named(tx: AsyncSession, typed: str) -> str:
    """The host that somebody names: one that is known by exactly this name, else as `check_host` reads it."""
    name = typed.strip().lower()
    return name if await get(tx, name) is not None else check_host(typed)


async def set_dialect(tx: AsyncSession, moderator: Actor | None, host: str, dialect: Dialect | None) -> None:
    """Send works to `host` in this form from now on; None goes back to what it says and runs. What waits already stays."""
    await insert_once(tx, Host(name=host))
    chosen = update(Host).where(Host.name == host).values(dialect=dialect)
    await tx.execute(chosen.execution_options(synchronize_session=False))
    _log(tx, moderator, "dialect", host, str(dialect or "by itself"))


async def kinds_to(tx: AsyncSession, host: str) -> list[tuple[str, int]]:
    """How much waits for `host`, by the type of activity, the most first."""
    query = select(Activity.type, func.count()).join(Delivery, Delivery.activity_id == Activity.id)
    rows = await tx.execute(query.where(_waiting(), Delivery.host == host).group_by(Activity.type))
    return sorted(((kind, count) for kind, count in rows.all()), key=lambda row: (-row[1], row[0]))


async def activities_to(tx: AsyncSession, host: str, limit: int = 50) -> Sequence[tuple[Delivery, str]]:
    """What waits for `host`, oldest first, each with the type of its activity."""
    query = select(Delivery, Activity.type).join(Activity, Activity.id == Delivery.activity_id)
    rows = await tx.execute(query.where(_waiting(), Delivery.host == host).order_by(Delivery.id).limit(limit))
    return [(delivery, kind) for delivery, kind in rows.all()]
