"""Who hears of something: from people to inboxes."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, exists, select

from federation import conversations
from federation.outbox.told import Case, Inboxes, To
from server import blocks, origins, posts
from server.errors import GiveUp
from server.models import Activity, Actor, Audience, Delivery, DeliveryState, Favourite, Follow, HostLevel, Post


def reachable() -> list[ColumnElement[bool]]:
    """People elsewhere who can be told anything."""
    return [
        Actor.uri.is_not(None),
        Actor.inbox != "",
        Actor.gone_at.is_(None),
        Actor.suspended_at.is_(None),
        Actor.host_level != HostLevel.SUSPEND,
    ]


def inboxes(people: Iterable[Actor], *, first: bool = False, own: bool = False) -> Inboxes:
    """Their inboxes: the shared one of their server where it has one, or each their `own`."""
    found: Inboxes = {}
    for person in people:
        inbox = person.inbox if own else person.shared_inbox or person.inbox
        try:
            found[inbox] = To(inbox, origins.host(inbox), first)
        except GiveUp:  # an address that we would not ask; it came in before we knew that
            continue
    return found


async def unblocked(case: Case, *which: ColumnElement[bool], first: bool = False) -> Inboxes:
    """The inboxes of those people for whom `which` holds, and who are not on the other side of a block."""
    query = select(Actor).where(*which, *reachable(), ~blocks.between(case.actor, Actor.id, Actor))
    return inboxes(await case.tx.scalars(query), first=first)


async def followers(case: Case) -> Inboxes:
    follows = exists().where(
        Follow.follower_id == Actor.id, Follow.followed_id == case.actor.id, Follow.accepted.is_(True)
    )
    return await unblocked(case, follows)


async def audience(case: Case, post: Post, place: conversations.Place) -> Inboxes:
    """Whom a post is for, as it stands: followers, people named, and whoever is answered."""
    named = {person.id for person in post.mentions}
    if post.audience in posts.OPEN and place.parent is not None:
        named.add(place.parent.author_id)
    crowd = {} if post.audience is Audience.MENTIONED else await followers(case)
    return crowd | (await unblocked(case, Actor.id.in_(named), first=True) if named else {})


async def earlier(case: Case, post_id: int) -> Inboxes:
    """Every inbox that has something of a post, or may have, with or without a boost by one of ours; whoever was told that it is
    gone has nothing any more. What this very job told in an earlier run does not count."""
    rows = await case.tx.execute(
        select(Delivery.inbox, Delivery.host, Activity.type)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(
            Activity.post_id == post_id,
            Activity.uri.not_in(case.uris),
            Delivery.state.in_([DeliveryState.DONE, DeliveryState.WAITING]),
        )
        .order_by(Delivery.id)
    )
    found: Inboxes = {}
    for inbox, host, kind in rows:
        if kind == "Delete":
            found.pop(inbox, None)
        else:
            found[inbox] = To(inbox, host)
    return found


async def interested(case: Case, post_id: int) -> Inboxes:
    """Servers of people who liked or boosted a post: they have it, however they came by it."""
    likes = exists().where(Favourite.actor_id == Actor.id, Favourite.post_id == post_id)
    boosts = exists().where(Post.author_id == Actor.id, Post.boost_of_id == post_id)
    more = Actor.id.in_(case.job.people) if case.job.people else None
    which = likes | boosts if more is None else likes | boosts | more
    return inboxes(await case.tx.scalars(select(Actor).where(which, *reachable())))


async def sent_to(case: Case, activity: Activity) -> Inboxes:
    rows = await case.tx.execute(select(Delivery.inbox, Delivery.host).where(Delivery.activity_id == activity.id))
    return {row.inbox: To(row.inbox, row.host) for row in rows}


async def person(case: Case) -> tuple[Actor, Inboxes] | None:
    """The person whom a verb is about, and their own inbox."""
    person = await case.tx.scalar(select(Actor).where(Actor.id == case.job.person_id, *reachable()))
    return (person, inboxes([person], first=True, own=True)) if person else None
