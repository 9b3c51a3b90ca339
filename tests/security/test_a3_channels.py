"""Every channel in which rights and works are told to strangers and machines, asked about what they may not know."""

import json
from typing import Any

from quart import Quart
from sqlalchemy import select, update

from server import clock, posts, stamps
from server.models import (
    Account,
    Actor,
    Audience,
    Gallery,
    Hanging,
    Media,
    Post,
    PostTag,
    Rendition,
    Reservation,
    Tag,
)
from server.site import Site
from tests import works
from tests.asking import ask
from tests.hung import hang

FEEDS = ("atom", "rss", "json")
TEXTS = ("text/html", "application/activity+json")


async def test_row_39_no_channel_of_rights_tells_strangers_of_what_is_hidden(
    site: Site, app: Quart, alice: Account, bob: Account
) -> None:
    """One public work that says nothing is reserved; beside it, in the same gallery and tag, one of each kind that strangers may
    not know of, all with the strictest reservation: neither a title nor an id nor the reservation may shine through."""
    strict: dict[str, Any] = {"reservation": Reservation.NO_AI_NO_INDEX, "alt": "HIDDEN"}
    public = await hang(site, alice, "The Last Ferry", reservation=Reservation.OPEN)
    hidden = [
        await hang(site, alice, "HIDDEN", audience=Audience.FOLLOWERS, **strict),
        await hang(site, alice, "HIDDEN", audience=Audience.MENTIONED, **strict),
        await hang(site, alice, "HIDDEN", published=False, **strict),
        await hang(site, alice, "HIDDEN", ready=False, **strict),
    ]
    held, suspended = await hang(site, alice, "HIDDEN", **strict), await hang(site, bob, "HIDDEN", **strict)
    hidden += [held, suspended]
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == held.id).values(held_at=clock.now(), ready_at=None))
        await tx.execute(update(Actor).where(Actor.id == bob.actor_id).values(suspended_at=clock.now()))
        gallery = Gallery(owner_id=alice.actor_id, slug="sea", name="Sea", text="")
        tag = Tag(name="ferry", label="ferry")
        tx.add_all([gallery, tag])
        await tx.flush()
        for number, post in enumerate([public, *hidden]):
            tx.add(Hanging(gallery_id=gallery.id, post_id=post.id, position=number))
            tx.add(PostTag(post_id=post.id, tag_id=tag.id))
        pictures = list(await tx.scalars(select(Media.id).where(Media.post_id.in_([post.id for post in hidden]))))
        files = list(await tx.scalars(select(Rendition).where(Rendition.media_id.in_(pictures))))
    walls = ["/@alice", "/@alice/galleries/sea", "/tags/ferry"]
    shown = ["/", "/explore", "/@alice/licensing", "/sitemap.xml", "/sitemap/people.xml", f"/sitemap/{public.id}.xml"]
    shown += walls + [f"{wall}/feed.{form}" for wall in walls for form in FEEDS]
    gone = ["/@bob", "/@bob/licensing", "/@bob/feed.atom", *(f"/media/{number}" for number in pictures)]
    gone += [site.urls.rendition(file).removeprefix(site.urls.base) for file in files]
    for post in hidden:
        work = f"/works/{post.id}"
        gone += [work, f"{work}/rights", f"{work}/policy.json", f"/sitemap/{post.id}.xml", f"/@alice/{post.id}"]
        gone += [f"/api/oembed?format={form}&url={site.urls.base}{work}" for form in ("json", "xml")]
    ids = [str(post.id) for post in hidden]
    for path in (*shown, *gone):
        for accept in TEXTS:
            told = await ask(app, path, accept=accept)
            assert (told.status < 400) is (path in shown) and told.status < 500, (path, accept, told.status)
            said = told.body.decode("utf-8", "replace") + json.dumps(told.headers)
            assert "HIDDEN" not in said, (path, accept)
            assert not [number for number in ids if number in said and number not in path], (path, accept)
            assert "noindex" not in told.headers.get("x-robots-tag", ""), (path, accept)


async def test_row_41_and_52_an_address_of_before_follows_the_work(
    site: Site, app: Quart, alice: Account, run_jobs: Any
) -> None:
    """Stamped anew a picture answers at its old addresses for 30 days; not to strangers once its work is for fewer."""
    post = await works.publish(site, alice)
    await run_jobs(site)
    rows = await works.renditions_of(site, post.media[0].id)
    before = [site.urls.rendition(row).removeprefix(site.urls.base) for row in rows]
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, alice.actor)
        assert mine.artwork is not None
        mine.artwork.title = "Another title"
        await stamps.renew(tx, post.id)
    await run_jobs(site)
    after = {
        site.urls.rendition(row).removeprefix(site.urls.base)
        for row in await works.renditions_of(site, post.media[0].id)
    }
    assert set(before) - after, "small copies do not say the title"
    assert {(await ask(app, path)).status for path in before} == {200}
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == post.id).values(audience=Audience.FOLLOWERS))
    for path in before:
        assert (await ask(app, path)).status == (await ask(app, path, if_none_match="*")).status == 404
