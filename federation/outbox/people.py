"""What passes between people: follows and their answers, blocks, reports, profiles; and taking back what was told."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import exists, func, select

from federation import render
from federation.outbox import listeners
from federation.outbox.told import Case, Told, Verb
from federation.vocabulary import Json
from server import clock, galleries, rights
from server.models import Activity, Actor, Follow, Key, Post, Report


async def follow(case: Case) -> list[Told]:
    if (found := await listeners.person(case)) is None:
        return []
    person, to = found
    form = partial(render.follow, case.uri, case.actor, person, case.site.urls)
    return [Told(case.uri, "Follow", {"": form}, to, f"Follow:{person.id}")]


async def accept(case: Case) -> list[Told]:
    return await _answer(case, "Accept", render.accept)


async def reject(case: Case) -> list[Told]:
    return await _answer(case, "Reject", render.reject)


async def _answer(case: Case, kind: str, make: Callable[..., Json]) -> list[Told]:
    """To somebody's Follow. One without an id cannot be named, and so not be answered."""
    if (found := await listeners.person(case)) is None or not case.job.uri:
        return []
    person, to = found
    form = partial(make, case.uri, case.actor, person, case.job.uri, case.site.urls)
    return [Told(case.uri, kind, {"": form}, to, f"{kind}:{person.id}")]


async def block(case: Case) -> list[Told]:
    """Only where the blocker wants their server to know."""
    if not case.actor.announces_blocks or (found := await listeners.person(case)) is None:
        return []
    person, to = found
    form = partial(render.block, case.uri, case.actor, person, case.site.urls)
    return [Told(case.uri, "Block", {"": form}, to, f"Block:{person.id}")]


async def flag(case: Case) -> list[Told]:
    """A report, sent on by the house to the server of the person it is about."""
    report = await case.tx.get(Report, case.job.subject_id) if case.job.subject_id else None
    if report is None:
        return []
    person = await case.tx.scalar(select(Actor).where(Actor.id == report.target_id, *listeners.reachable()))
    if person is None:
        return []
    theirs = select(Post).where(Post.id.in_(report.post_ids), Post.author_id == person.id, Post.uri.is_not(None))
    shown = list(await case.tx.scalars(theirs))
    form = partial(render.flag, case.uri, case.actor, person, shown, report.comment, case.site.urls)
    return [Told(case.uri, "Flag", {"": form}, listeners.inboxes([person], first=True), f"Flag:{report.id}")]


async def profile(case: Case) -> list[Told]:
    """What somebody says of themselves, to everybody who follows them or is followed: they keep a copy."""
    if case.actor.suspended_at is not None:
        return []
    keys = list(await case.tx.scalars(select(Key).where(Key.actor_id == case.actor.id).order_by(Key.id)))
    shown = [gallery for gallery, count in await galleries.counted(case.tx, case.actor, None) if count]
    if case.actor.is_house:
        return await _house(case, keys)
    follows = exists().where(Follow.followed_id == Actor.id, Follow.follower_id == case.actor.id)
    to = await listeners.unblocked(case, follows) | await listeners.followers(case)
    urls, now = case.site.urls, clock.now()

    def form() -> Json:
        whole = render.actor(case.actor, urls, keys, shown, least=rights.minimum(case.site))
        return render.update_actor(case.uri, case.actor, urls, whole, now)

    return [Told(case.uri, "Update", {"": form}, to, f"Profile:{case.actor.id}")]


async def _house(case: Case, keys: list[Key]) -> list[Told]:
    """What the house says of itself, its keys above all, to every server that we know: nobody follows it, all verify with it."""
    one_of_each = select(func.min(Actor.id)).where(*listeners.reachable(), Actor.host.is_not(None)).group_by(Actor.host)
    to = listeners.inboxes(await case.tx.scalars(select(Actor).where(Actor.id.in_(one_of_each))))
    urls, now, server = case.site.urls, clock.now(), case.site.settings.server

    def form() -> Json:
        rendered = render.house(case.actor, urls, keys, server.name, server.description)
        return render.update_actor(case.uri, case.actor, urls, rendered, now)

    return [Told(case.uri, "Update", {"": form}, to, f"Profile:{case.actor.id}")]


def undo(kind: str) -> Verb:
    """Take back what was told under a subject; what nobody was told, nobody has to forget."""

    async def take_back(case: Case) -> list[Told]:
        about = case.job.person_id if kind in ("Follow", "Block") else case.job.post_id
        subject = f"{kind}:{about}"
        query = select(Activity).where(Activity.actor_id == case.actor.id, Activity.subject == subject)
        inner = await case.tx.scalar(query.order_by(Activity.id.desc()).limit(1))
        if inner is None:
            return []
        to = await listeners.sent_to(case, inner)
        if kind == "Announce":
            to = await listeners.followers(case) | to
        form = partial(render.undo, case.uri, inner.bodies[""])
        return [Told(case.uri, "Undo", {"": form}, to, f"Undo:{subject}", inner.post_id)]

    return take_back
