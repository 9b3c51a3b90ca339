"""Telling other servers what our people do: rendered once, stored, and one delivery for each inbox. Read top to bottom.

A Federate job may run twice, and be killed anywhere: the ids of what it makes follow from the job, what is stored is never
rendered anew, and an inbox gets an activity once. A long list of inboxes is written in batches of BATCH, each with the jobs that
send it, so that an artist with many followers holds nobody up (security.md C3); a batch that is missing after a kill is added by
the next run.

Nothing is stored that `lint` has anything against. Where nobody elsewhere is to hear of something, nothing is stored at all.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from federation import lint, policy, remote, render
from federation.outbox import people, posts
from federation.outbox.told import Case, To, Told, Verb
from federation.senders import sender
from federation.signatures import prove
from federation.vocabulary import PUBLIC, Json
from server import actors, clock, ids, jobs
from server.db import Session, insert_into, insert_once
from server.errors import GiveUp
from server.models import Activity, Actor, Delivery, DeliveryState, Dialect, Host, Media
from server.site import Site

log = logging.getLogger(__name__)

BATCH = 500
# Hosts of unknown software are asked what they run before a work goes to them: so many at a time, and so long in all. The
# others, and those that do not answer, get a Note, which everybody shows.
ASKED, SECONDS = 20, 5
# What is still told to a host that has been away for two weeks.
LASTING = ("Delete", "Undo", "Block")
# What the house says, whoever caused it: who complained is nobody's business elsewhere.
BY_THE_HOUSE = ("Flag",)
DIALECTS = {dialect.value: dialect for dialect in Dialect}

# Everything that is ever sent. `Federate.verb` is a key of this table.
VERBS: dict[str, Verb] = {
    "Create": posts.create,
    "Update": posts.update,
    "Delete": posts.delete,
    "Announce": posts.announce,
    "UndoAnnounce": people.undo("Announce"),
    "Like": posts.like,
    "UndoLike": people.undo("Like"),
    "Follow": people.follow,
    "UndoFollow": people.undo("Follow"),
    "Accept": people.accept,
    "Reject": people.reject,
    "Block": people.block,
    "UndoBlock": people.undo("Block"),
    "Flag": people.flag,
    "Profile": people.profile,
    "Add": posts.add,
    "Remove": posts.remove,
}


async def federate(site: Site, job: jobs.Federate) -> None:
    """Tell what `job` says to whom it concerns.

    Raises GiveUp for what may not be sent as it is, with the rules that it breaks.
    """
    if job.verb in BY_THE_HOUSE:
        job = replace(job, actor_id=(await actors.house(site)).id)
    told, hosts = await _look(site, job)
    if any(one.by_dialect for one in told):
        unknown = {to.host for one in told if one.by_dialect for to in one.to.values()}
        unknown = {name for name in unknown if not policy.is_known(hosts.get(name))}
        if unknown and await _ask(site, unknown, hosts):
            told, hosts = await _look(site, job)
    for number, one in enumerate(told):
        await _tell(site, job, one, hosts, job.id if number == 0 else ids.new())


async def _look(site: Site, job: jobs.Federate) -> tuple[list[Told], dict[str, Host]]:
    async with site.db.read() as tx:
        face = joinedload(Actor.face).selectinload(Media.renditions)
        actor = await tx.scalar(select(Actor).where(Actor.id == job.actor_id, Actor.uri.is_(None)).options(face))
        if actor is None:
            return [], {}
        told = await VERBS[job.verb](Case(site, tx, job, actor))
        names = sorted({to.host for one in told for to in one.to.values()})
        hosts: dict[str, Host] = {}
        for start in range(0, len(names), BATCH):
            known = await tx.scalars(select(Host).where(Host.name.in_(names[start : start + BATCH])))
            hosts |= {host.name: host for host in known}
        suspended = await policy.suspended(tx, names)
    for one in told:
        one.to = {inbox: to for inbox, to in one.to.items() if to.host not in suspended}
        if one.type not in LASTING:
            one.to = {inbox: to for inbox, to in one.to.items() if not policy.is_dormant(hosts.get(to.host))}
    return [one for one in told if one.to], hosts


async def _ask(site: Site, names: set[str], hosts: Mapping[str, Host]) -> bool:
    """Ask hosts what they run; those never asked first. True where something may be known now that was not."""
    never = sorted(name for name in names if name not in hosts or hosts[name].asked_at is None)[:ASKED]
    later = sorted(names - set(never))
    if later:
        async with site.db.write() as tx:
            await jobs.ensure(tx, [jobs.Fetch("host", name) for name in later])
    if never:
        asking = [asyncio.create_task(remote.nodeinfo(site, name)) for name in never]
        done, late = await asyncio.wait(asking, timeout=SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            if (wrong := task.exception()) is not None:
                log.info("software not known", extra={"reason": str(wrong)})
    return bool(never)


# -- storing -----------------------------------------------------------------------------------------------------------------
async def _tell(site: Site, job: jobs.Federate, one: Told, hosts: Mapping[str, Host], activity_id: int) -> None:
    """Store the activity, a delivery for each inbox, and the jobs that send them."""
    chosen = [(to, key) for to in one.to.values() if (key := one.choose(hosts.get(to.host))) is not None]
    if not chosen:
        return
    chosen.sort(key=lambda pair: not pair[0].first)
    async with site.db.read() as tx:
        stored = await tx.scalar(select(Activity).where(Activity.uri == one.uri))
    known = stored.bodies if stored else {}
    missing = {key for _, key in chosen} - known.keys()
    fresh = {key: await _finished(site, job, key, one.forms[key]()) for key in sorted(missing)}
    for start in range(0, len(chosen), BATCH):
        async with site.db.write() as tx:
            if start == 0:
                activity_id = await _store(tx, job, one, fresh, activity_id)
            if one.type == "Delete" and one.post_id is not None:
                await _overtake(tx, one.post_id, [to.inbox for to, _ in chosen[start : start + BATCH]])
            await _queue(tx, job, activity_id, chosen[start : start + BATCH], hosts)
    log.info("told", extra={"verb": job.verb, "activity": activity_id, "inboxes": len(chosen)})


async def _finished(site: Site, job: jobs.Federate, key: str, part: Json) -> Json:
    """The whole document: with its context, found faultless, and with a proof where it is for everybody (FEP-8b32)."""
    document = render.document(part)
    if wrong := lint.check(document, DIALECTS.get(key, Dialect.IMAGE)):
        raise GiveUp(f"{document['id']} breaks our own rules: {'; '.join(wrong)[:400]}.")
    if PUBLIC not in (*document.get("to", ()), *document.get("cc", ())):
        return document
    author = await sender(site, job.actor_id)
    if author is None or author.ed25519 is None:
        return document
    return prove(document, author.ed25519, author.ed25519_id, clock.now())


async def _store(tx: Session, job: jobs.Federate, one: Told, fresh: dict[str, Json], activity_id: int) -> int:
    """Write the activity down unless it is; forms that it lacks are added, those that it has stay. Returns its row's id."""
    row = Activity(
        id=activity_id,
        uri=one.uri,
        type=one.type,
        actor_id=job.actor_id,
        subject=one.subject,
        post_id=one.post_id,
        bodies=fresh,
        created_at=clock.now(),
    )
    if await insert_once(tx, row):
        return activity_id
    stored = (await tx.scalars(select(Activity).where(Activity.uri == one.uri))).one()
    if fresh.keys() - stored.bodies.keys():
        stored.bodies = {**fresh, **stored.bodies}
    return stored.id


async def _overtake(tx: Session, post_id: int, inboxes: list[str]) -> None:
    """What is deleted need not be told first: whatever of it still waits for these inboxes is forgotten."""
    of_post = select(Activity.id).where(Activity.post_id == post_id, Activity.type.in_(["Create", "Update"]))
    stale = update(Delivery).where(
        Delivery.inbox.in_(inboxes), Delivery.state == DeliveryState.WAITING, Delivery.activity_id.in_(of_post)
    )
    values = {
        "state": DeliveryState.FORGOTTEN,
        "settled_at": clock.now(),
        "reason": "It was deleted before it was sent.",
    }
    await tx.execute(stale.values(**values).execution_options(synchronize_session=False))


async def _queue(
    tx: Session, job: jobs.Federate, activity_id: int, batch: Sequence[tuple[To, str]], hosts: Mapping[str, Host]
) -> None:
    now = clock.now()
    rows = [
        {
            "activity_id": activity_id,
            "actor_id": job.actor_id,
            "host": to.host,
            "inbox": to.inbox,
            "dialect": key,
            "first": to.first,
            "due_at": now,
            "created_at": now,
        }
        for to, key in batch
    ]
    await tx.execute(insert_into(tx, Delivery).on_conflict_do_nothing(), rows)
    await policy.know(tx, {to.host for to, _ in batch if to.host not in hosts})
    # Whoever is named goes to the front of the lane, before hosts of a crowd that waits already.
    for first in (True, False):
        names = dict.fromkeys(to.host for to, _ in batch if to.first is first)
        senders = [jobs.Deliver(name, slow=not policy.is_lively(hosts.get(name))) for name in names]
        await jobs.ensure(tx, senders, due=now - policy.FRONT if first else now)
