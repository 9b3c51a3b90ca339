"""What our people post, change, remove, boost, like and hang."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from federation import conversations, policy, render
from federation.outbox import listeners
from federation.outbox.told import Case, Choice, Inboxes, Told
from federation.vocabulary import PUBLIC, Json
from server import clock, posts, rights
from server.models import Activity, Actor, Audience, Dialect, Gallery, Host, Kind, Post


async def _post(case: Case) -> tuple[Post, conversations.Place] | None:
    """The post as it stands now, where it may be told: what was deleted meanwhile is not."""
    if case.actor.suspended_at is not None:
        return None
    query = select(Post).where(
        Post.id == case.job.post_id,
        Post.author_id == case.actor.id,
        Post.published_at.is_not(None),
        Post.ready_at.is_not(None),
        Post.deleted_at.is_(None),
    )
    post: Post | None = await case.tx.scalar(posts.full(query))
    if post is None:
        return None
    places = await conversations.places(case.tx, [post], case.site.urls)
    return post, places[post.id]


def _about_post(
    case: Case, post: Post, place: conversations.Place, uri: str, kind: str, around: Callable[[Json], Json], to: Inboxes
) -> Told:
    """A Create or an Update, in each of the dialects; notes are alike in all three."""
    urls = case.site.urls
    subject = f"{kind}:{post.id}"
    if post.kind is Kind.NOTE:
        forms = {"": lambda: around(render.post_object(post, urls, place=place))}
        return Told(uri, kind, forms, to, subject, post.id)

    least = rights.minimum(case.site)

    def form(dialect: Dialect) -> Callable[[], Json]:
        return lambda: around(render.post_object(post, urls, dialect, place, least=least))

    def choose(host: Host | None) -> str:
        return policy.dialect(host, warned=bool(post.warning)).value if host else Dialect.NOTE.value

    forms = {dialect.value: form(dialect) for dialect in Dialect}
    return Told(uri, kind, forms, to, subject, post.id, choose, by_dialect=True)


async def create(case: Case) -> list[Told]:
    if (found := await _post(case)) is None:
        return []
    (post, place), urls = found, case.site.urls
    to = await listeners.audience(case, post, place)
    return [_about_post(case, post, place, urls.activity(post), "Create", lambda o: render.create(post, urls, o), to)]


async def update(case: Case) -> list[Told]:
    """The post as it is now to everybody who has it and may; a Delete to servers of which nobody may see it any more; a Create to
    whom it is new, because they were named or because it is for more people than before."""
    if (found := await _post(case)) is None:
        return []
    (post, place), urls = found, case.site.urls
    now = await listeners.audience(case, post, place)
    before = await listeners.earlier(case, post.id)
    known = before | await listeners.interested(case, post.id)
    last = await _last_body(case, post.id)
    gone: Inboxes = {}
    if post.audience in posts.OPEN:
        now = known | now
    else:
        hosts = {to.host for to in now.values()}
        gone = {inbox: to for inbox, to in known.items() if to.host not in hosts}
    addressed = {*last.get("to", ()), *last.get("cc", ())}
    wider = post.audience is not Audience.MENTIONED and urls.followers(case.actor) not in addressed
    new = {inbox: to for inbox, to in now.items() if inbox not in known and (to.first or wider)}
    old = {inbox: to for inbox, to in now.items() if inbox not in new}
    uri, creation, deletion = case.uris
    deleted = partial(_deletion, case, deletion, post, last)
    return [
        _about_post(case, post, place, uri, "Update", lambda o: render.update(uri, post, urls, o), old),
        _about_post(
            case, post, place, creation, "Create", lambda o: render.create(post, urls, o) | {"id": creation}, new
        ),
        Told(deletion, "Delete", {"": deleted}, gone, f"Delete:{post.id}", post.id),
    ]


async def delete(case: Case) -> list[Told]:
    query = select(Post).where(
        Post.id == case.job.post_id, Post.author_id == case.actor.id, Post.deleted_at.is_not(None)
    )
    post = await case.tx.scalar(query.options(joinedload(Post.author)))
    if post is None:
        return []
    last = await _last_body(case, post.id)
    to = await listeners.earlier(case, post.id) | await listeners.interested(case, post.id)
    if post.was_public:
        to = await listeners.followers(case) | to
    form = partial(_deletion, case, case.uri, post, last)
    return [Told(case.uri, "Delete", {"": form}, to, f"Delete:{post.id}", post.id)]


def _deletion(case: Case, uri: str, post: Post, last: Json) -> Json:
    """A Delete, addressed as what was told last; of a post that is only for fewer people now, too."""
    urls = case.site.urls
    stone = render.tombstone(urls.post(post), post.kind, post.deleted_at or clock.now())
    to, cc = last.get("to", ()), last.get("cc", ())
    if not to and not cc and post.was_public:
        to, cc = [PUBLIC], [urls.followers(case.actor)]
    about = {term: value for term, value in stone.items() if term != "@context"}
    whole = {"id": uri, "type": "Delete", "actor": urls.actor(case.actor), "object": about, "to": list(to)}
    return whole | ({"cc": list(cc)} if cc else {})


async def _last_body(case: Case, post_id: int) -> Json:
    """What was told last of a post, in any of its forms; empty where nobody was told."""
    query = select(Activity.bodies).where(
        Activity.post_id == post_id,
        Activity.actor_id == case.actor.id,
        Activity.type.in_(["Create", "Update"]),
        Activity.uri.not_in(case.uris),
    )
    bodies = await case.tx.scalar(query.order_by(Activity.id.desc()).limit(1))
    return next(iter(bodies.values()), {}) if bodies else {}


async def announce(case: Case) -> list[Told]:
    author = joinedload(Post.author)
    boost = await case.tx.scalar(
        select(Post)
        .where(Post.author_id == case.actor.id, Post.boost_of_id == case.job.post_id, Post.published_at.is_not(None))
        .options(author, joinedload(Post.boost_of).joinedload(Post.author))
    )
    boosted = boost.boost_of if boost else None
    if boost is None or boosted is None or boosted.deleted_at is not None or boosted.audience not in posts.OPEN:
        return []
    urls = case.site.urls
    to = await listeners.followers(case) | await listeners.unblocked(case, Actor.id == boosted.author_id, first=True)
    form = partial(render.announce, boost, boosted, urls)
    about = boosted.id if boosted.is_local else None
    return [Told(urls.post(boost), "Announce", {"": form}, to, f"Announce:{boosted.id}", about)]


async def like(case: Case) -> list[Told]:
    """Its author alone hears of it."""
    post = await case.tx.scalar(select(Post).where(Post.id == case.job.post_id).options(joinedload(Post.author)))
    if post is None or post.deleted_at is not None:
        return []
    author = await case.tx.scalars(select(Actor).where(Actor.id == post.author_id, *listeners.reachable()))
    form = partial(render.like, case.uri, case.actor, post, case.site.urls)
    to = listeners.inboxes(author, first=True, own=True)
    return [Told(case.uri, "Like", {"": form}, to, f"Like:{post.id}")]


async def add(case: Case) -> list[Told]:
    return await _hang(case, "Add", render.add)


async def remove(case: Case) -> list[Told]:
    return await _hang(case, "Remove", render.remove)


async def _hang(case: Case, kind: str, make: Callable[..., Json]) -> list[Told]:
    """Into a gallery, or to what is pinned. Of galleries only those hear who read works as Images (federation.md D4)."""
    post = await case.tx.get(Post, case.job.post_id) if case.job.post_id else None
    if post is None or post.audience not in posts.OPEN or post.published_at is None:
        return []
    urls, target = case.site.urls, case.site.urls.featured(case.actor)
    choose: Choice = _everybody
    if case.job.subject_id is not None:
        query = select(Gallery.id).where(Gallery.id == case.job.subject_id, Gallery.owner_id == case.actor.id)
        # Out of a gallery that is gone a work is taken all the same: whoever keeps a copy of it keeps no empty frame.
        if kind == "Add" and await case.tx.scalar(query) is None:
            return []
        target = urls.gallery_of(case.actor, case.job.subject_id)
        choose = _who_reads_images
    form = partial(make, case.uri, case.actor, post, target, urls)
    return [Told(case.uri, kind, {"": form}, await listeners.followers(case), f"{kind}:{post.id}", choose=choose)]


def _everybody(host: Host | None) -> str | None:
    return ""


def _who_reads_images(host: Host | None) -> str | None:
    return "" if host and policy.dialect(host, warned=False) is Dialect.IMAGE else None
