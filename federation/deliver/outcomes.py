"""What became of deliveries: written down many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from federation import policy
from federation.deliver.queue import LASTING, LASTING_LIFETIME, LIFETIME, WAITS, Waiting
from federation.deliver.verdicts import Kind, Verdict
from server import clock
from server.db import Among, Session
from server.models import Activity, Delivery, DeliveryState, Host


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt. `family` is the signature family that the host accepted, where that is news."""

    row: Waiting
    verdict: Verdict
    family: str = ""
    gone: bool = False  # 410
    answered: bool = True
    # Whether the host's row need not be touched: it is known to be well.
    known_well: bool = False


class Until(NamedTuple):
    """When to try again; `rests` says that the whole host rests until then."""

    at: datetime
    rests: bool


async def write_down(tx: Session, outcomes: list[Outcome]) -> list[Until | None]:
    """Write many outcomes down in one transaction; nearly all of them are successes, which cost two statements together."""
    now = clock.now()
    done = [outcome.row.id for outcome in outcomes if outcome.verdict.kind is Kind.DONE]
    if done:
        await (await tx.connection()).execute(_DONE, {"ids": done, "now": now})
    settled = [outcome for outcome in outcomes if outcome.verdict.kind in (Kind.DONE, Kind.REFUSED)]
    alive = {outcome.row.host for outcome in settled if outcome.answered and not outcome.known_well}
    if alive:
        await policy.note_success(tx, alive)
    for family in {outcome.family for outcome in settled if outcome.family}:
        names = {outcome.row.host for outcome in settled if outcome.family == family}
        learnt = update(Host).where(Host.name.in_(names)).values(signature=family)
        await tx.execute(learnt.execution_options(synchronize_session=False))
    failed = [outcome for outcome in outcomes if outcome.verdict.kind in (Kind.AWAY, Kind.AGAIN)]
    hosts = await _hosts(tx, {outcome.row.host for outcome in failed}) if failed else {}
    untils: list[Until | None] = []
    for outcome in outcomes:
        row, (kind, reason, wait) = outcome.row, outcome.verdict
        until: Until | None = None
        if kind is Kind.REFUSED:
            await _settle(tx, [row.id], DeliveryState.REFUSED, reason, now)
        elif kind is Kind.AWAY:
            at = policy.failed(hosts[row.host], reason, whole=True, wait=wait)
            until = Until(at or now, rests=True)
            await _expire(tx, hosts[row.host], reason, now)
        elif kind is Kind.AGAIN:
            until = await _again(tx, row, hosts[row.host], outcome.verdict, now)
        untils.append(until)
    return untils


async def _hosts(tx: Session, names: set[str]) -> dict[str, Host]:
    """The rows of hosts that failed, made where they are new, and kept from others until this is written down."""
    await policy.know(tx, names)
    found = await tx.scalars(_FAILED, {"names": sorted(names)}, execution_options={"populate_existing": True})
    return {host.name: host for host in found}


# One that an administrator has forgotten meanwhile stays forgotten. Built once, of the table: nearly every delivery asks it.
_TABLE: Any = Delivery.__table__
_DONE = (
    update(_TABLE)
    .where(Among(_TABLE.c.id, "ids"), _TABLE.c.state == DeliveryState.WAITING)
    .values(state=DeliveryState.DONE, settled_at=bindparam("now"), reason="", attempts=_TABLE.c.attempts + 1)
)


_FAILED = select(Host).where(Among(Host.name, "names")).order_by(Host.name).with_for_update()


async def _settle(tx: Session, numbers: Sequence[int], state: DeliveryState, reason: str, now: datetime) -> None:
    # One that an administrator has forgotten meanwhile stays forgotten.
    these = update(Delivery).where(Delivery.id.in_(numbers), Delivery.state == DeliveryState.WAITING)
    values = {"state": state, "settled_at": now, "reason": reason[:500], "attempts": Delivery.attempts + 1}
    await tx.execute(these.values(**values).execution_options(synchronize_session=False))


async def _again(tx: Session, row: Waiting, host: Host, verdict: Verdict, now: datetime) -> Until | None:
    _, reason, wait = verdict
    rests = policy.failed(host, reason, whole=False)
    if row.created_at < now - row.lifetime:
        ended = f"Not taken within {row.lifetime.days} days. {reason}"
        await _settle(tx, [row.id], DeliveryState.EXPIRED, ended, now)
        return Until(rests, rests=True) if rests else None
    due = now + (wait or policy.pause(row.attempts + 1))
    values = {"attempts": row.attempts + 1, "due_at": due, "reason": reason[:500]}
    this = update(Delivery).where(Delivery.id == row.id).values(**values)
    await tx.execute(this.execution_options(synchronize_session=False))
    return Until(rests, rests=True) if rests else Until(due, rests=False)


async def _expire(tx: Session, host: Host, reason: str, now: datetime) -> None:
    """End what is too old for a host that has failed all the time since."""
    for lifetime, lasting in ((LIFETIME, False), (LASTING_LIFETIME, True)):
        if host.failing_since is None or host.failing_since > now - lifetime:
            return
        kinds = select(Activity.id).where(Activity.type.in_(LASTING))
        which = Delivery.activity_id.in_(kinds) if lasting else Delivery.activity_id.not_in(kinds)
        old = update(Delivery).where(Delivery.host == host.name, WAITS, Delivery.created_at < now - lifetime, which)
        ended = f"Not reached within {lifetime.days} days. {reason}"[:500]
        values = {"state": DeliveryState.EXPIRED, "settled_at": now, "reason": ended}
        await tx.execute(old.values(**values).execution_options(synchronize_session=False))


async def forget(tx: Session, names: list[str]) -> list[None]:
    """The house exchanges nothing with these hosts any more."""
    values = {
        "state": DeliveryState.FORGOTTEN,
        "settled_at": clock.now(),
        "reason": "This server was suspended by the house.",
    }
    these = update(Delivery).where(Delivery.host.in_(names), WAITS)
    await tx.execute(these.values(**values).execution_options(synchronize_session=False))
    return [None] * len(names)
