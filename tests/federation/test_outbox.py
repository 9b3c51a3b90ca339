"""What our people do is told once to each server that it concerns, in the form that this server reads, and to nobody else."""

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from federation import lint, outbox, policy
from federation.outbox import federate
from federation.vocabulary import PUBLIC
from server import actors, blocks, claims, clock, galleries, ids, jobs, posts
from server.errors import GiveUp
from server.models import (
    Account,
    Activity,
    Actor,
    Artwork,
    Audience,
    Block,
    Delivery,
    Dialect,
    Favourite,
    Follow,
    Gallery,
    Host,
    HostBlock,
    HostLevel,
    Job,
    Key,
    Kind,
    Mention,
    Post,
    Report,
)
from server.site import Site

SOFTWARE = {
    "mastodon.test": ("mastodon", "4.5.1"),
    "pixelfed.test": ("pixelfed", "0.12.6"),
    "misskey.test": ("misskey", "2025.4.1"),
    "ours.test": ("cartellino", "0.1.0"),
}


async def person(
    site: Site, name: str, host: str, *, shared: bool = True, follows: Account | None = None, **more: Any
) -> Actor:
    """Somebody elsewhere, whose server is known."""
    software, version = SOFTWARE.get(host, ("other", "1"))
    uri = f"https://{host}/users/{name}"
    async with site.db.write() as tx:
        await policy.know(tx, [host])
        known = {"software": software, "version": version, "asked_at": clock.now(), "answered_at": clock.now()}
        await tx.execute(update(Host).where(Host.name == host).values(**known))
        made = Actor(
            id=ids.new(), uri=uri, handle=name, domain=host, host=host, inbox=f"{uri}/inbox",
            shared_inbox=f"https://{host}/inbox" if shared else "", followers=f"{uri}/followers", **more,
        )  # fmt: skip
        tx.add(made)
        await tx.flush()
        if follows:
            tx.add(Follow(follower_id=made.id, followed_id=follows.actor.id, uri=f"{uri}#follow"))
    return made


async def work(site: Site, author: Account, **more: Any) -> int:
    now = clock.now()
    async with site.db.write() as tx:
        post = Post(id=ids.new(), kind=Kind.WORK, author_id=author.actor.id, published_at=now, ready_at=now, **more)
        post.html = "<p>Reeds.</p>"
        post.thread_id = post.id
        post.was_public = post.audience in (None, *posts.OPEN)
        tx.add(post)
        await tx.flush()
        tx.add(Artwork(post_id=post.id, title="Heron"))
    return post.id


async def note(site: Site, author: Account, **more: Any) -> int:
    now = clock.now()
    async with site.db.write() as tx:
        post = Post(id=ids.new(), kind=Kind.NOTE, author_id=author.actor.id, published_at=now, ready_at=now, **more)
        post.text, post.html = "Hi", "<p>Hi</p>"
        post.thread_id = more.get("thread_id", post.id)
        tx.add(post)
    return post.id


async def tell(site: Site, verb: str, who: Account | Actor, **facts: Any) -> jobs.Federate:
    actor = who.actor if isinstance(who, Account) else who
    job = jobs.Federate(verb, actor.id, **facts)
    await federate(site, job)
    return job


async def told(site: Site, uri: str | None = None) -> dict[str, tuple[str, dict[str, Any]]]:
    """inbox → (type, document) of everything that waits, or of one activity."""
    async with site.db.read() as tx:
        rows = await tx.execute(
            select(Delivery.inbox, Delivery.dialect, Activity)
            .join(Activity, Activity.id == Delivery.activity_id)
            .order_by(Delivery.id)
        )
        return {
            inbox: (activity.type, activity.bodies[dialect])
            for inbox, dialect, activity in rows
            if uri is None or activity.uri == uri
        }


async def change(site: Site, post_id: int, **values: Any) -> None:
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == post_id).values(edited_at=clock.after(minutes=5), **values))


# -- forms -----------------------------------------------------------------------------------------------------------
async def test_a_work_goes_to_each_server_in_its_dialect_once(site: Site, alice: Account) -> None:
    for host in SOFTWARE:
        await person(site, "fan", host, follows=alice)
        await person(site, "fan2", host, follows=alice)
    await person(site, "small", "single.test", shared=False, follows=alice)
    job = await tell(site, "Create", alice, post_id=await work(site, alice))
    sent = await told(site)
    kinds = {inbox: (body["object"]["type"], "name" in body["object"]) for inbox, (_, body) in sent.items()}
    assert kinds == {
        "https://mastodon.test/inbox": ("Image", True),
        "https://pixelfed.test/inbox": ("Note", False),
        "https://misskey.test/inbox": ("Image", True),
        "https://ours.test/inbox": ("Image", True),
        "https://single.test/users/small/inbox": ("Note", False),
    }
    async with site.db.read() as tx:
        [activity] = (await tx.scalars(select(Activity))).all()
        keys = sorted(job.payload["host"] for job in await tx.scalars(select(Job).where(Job.kind == "Deliver")))
        ed25519 = await tx.scalar(select(Key).where(Key.actor_id == alice.actor.id, Key.kind == "ed25519"))
    assert sorted(activity.bodies) == ["image", "image-mastodon", "note"]
    assert activity.id == job.id and activity.uri.endswith("/activity/create")
    assert keys == sorted({*SOFTWARE, "single.test"})
    for dialect, body in activity.bodies.items():
        assert lint.check(body, Dialect(dialect)) == []
        assert "proof" in body and body["proof"]["verificationMethod"] == site.urls.ed25519_key(alice.actor)
    assert ed25519 is not None


async def test_a_warning_reaches_mastodon(site: Site, alice: Account) -> None:
    await person(site, "fan", "mastodon.test", follows=alice)
    await tell(site, "Create", alice, post_id=await work(site, alice, warning="Cold water"))
    [(_, body)] = (await told(site)).values()
    assert body["object"]["type"] == "Note" and body["object"]["summary"] == "Cold water"


async def test_what_breaks_a_rule_is_not_sent(site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    await person(site, "fan", "misskey.test", follows=alice)
    monkeypatch.setitem(lint.RULES, 99, lambda document, dialect: iter(["it is Tuesday"]))
    with pytest.raises(GiveUp, match="rule 99: it is Tuesday"):
        await tell(site, "Create", alice, post_id=await work(site, alice))
    assert await told(site) == {}


async def test_what_is_not_for_everybody_carries_no_proof(site: Site, alice: Account) -> None:
    await person(site, "fan", "misskey.test", follows=alice)
    await tell(site, "Create", alice, post_id=await work(site, alice, audience=Audience.FOLLOWERS))
    [(_, body)] = (await told(site)).values()
    assert "proof" not in body


# -- once ------------------------------------------------------------------------------------------------------------
async def test_a_job_that_runs_twice_tells_once_and_goes_on_where_it_was_killed(
    site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    for number in range(5):
        await person(site, "fan", f"host{number}.test", follows=alice)
    job = jobs.Federate("Create", alice.actor.id, post_id=await work(site, alice))
    real, calls = outbox._queue, []

    async def killed(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        await real(*given)

    monkeypatch.setattr(outbox, "_queue", killed)
    with pytest.raises(KeyboardInterrupt):
        await federate(site, job)
    first = await told(site)
    assert len(first) == 2
    monkeypatch.setattr(outbox, "_queue", real)
    for _ in range(2):
        await federate(site, job)
    async with site.db.read() as tx:
        rows = (await tx.scalars(select(Delivery))).all()
        hosts = [job.payload["host"] for job in await tx.scalars(select(Job).where(Job.kind == "Deliver"))]
        bodies = [activity.bodies for activity in await tx.scalars(select(Activity))]
    assert len(rows) == len({row.inbox for row in rows}) == 5 and len(bodies) == 1
    assert sorted(hosts) == sorted({row.host for row in rows})
    assert first.items() <= (await told(site)).items(), "what was stored is not rendered anew"


async def test_a_job_that_waits_is_not_doubled_and_one_that_runs_is_followed_by_another(
    site: Site, alice: Account
) -> None:
    await person(site, "fan", "misskey.test", follows=alice)
    await tell(site, "Create", alice, post_id=await work(site, alice))
    await tell(site, "Create", alice, post_id=await work(site, alice))
    async with site.db.write() as tx:
        [claimed] = await claims.claim(tx, "deliver", 10)
    await tell(site, "Create", alice, post_id=await work(site, alice))
    async with site.db.read() as tx:
        rows = (await tx.scalars(select(Job).where(Job.kind == "Deliver").order_by(Job.id))).all()
    assert [row.locked_until is not None for row in rows] == [True, False] and rows[0].id == claimed.id


async def test_people_who_are_named_go_to_the_front(site: Site, alice: Account) -> None:
    await person(site, "fan", "misskey.test", follows=alice)
    eve = await person(site, "eve", "pixelfed.test", shared=False)
    post = await work(site, alice)
    async with site.db.write() as tx:
        tx.add(Mention(post_id=post, actor_id=eve.id))
    await tell(site, "Create", alice, post_id=post)
    async with site.db.read() as tx:
        rows = (await tx.scalars(select(Job).where(Job.kind == "Deliver").order_by(Job.due_at))).all()
        deliveries = {row.inbox: row.first for row in await tx.scalars(select(Delivery))}
    assert [row.payload["host"] for row in rows] == ["pixelfed.test", "misskey.test"]
    assert deliveries == {"https://pixelfed.test/users/eve/inbox": True, "https://misskey.test/inbox": False}


# -- to nobody else --------------------------------------------------------------------------------------------------
async def test_who_is_shut_out_gets_nothing(site: Site, alice: Account) -> None:
    await person(site, "fan", "fine.test", follows=alice)
    await person(site, "a", "suspended.test", follows=alice, host_level=HostLevel.SUSPEND)
    await person(site, "b", "walled.test", follows=alice)
    await person(site, "c", "muted.test", follows=alice)
    await person(site, "d", "gone.test", follows=alice, gone_at=clock.now())
    await person(site, "e", "locked.test", follows=alice, suspended_at=clock.now())
    asked = await person(site, "f", "waiting.test", follows=alice)
    blocker = await person(site, "g", "blocker.test")
    post = await work(site, alice)
    async with site.db.write() as tx:
        tx.add(HostBlock(actor_id=alice.actor.id, host="walled.test"))
        tx.add(HostBlock(actor_id=alice.actor.id, host="muted.test", mutes_only=True))
        await tx.execute(update(Follow).where(Follow.follower_id == asked.id).values(accepted=False))
        tx.add(Block(blocker_id=blocker.id, blocked_id=alice.actor.id))
        tx.add(Mention(post_id=post, actor_id=blocker.id))
    await tell(site, "Create", alice, post_id=post)
    assert set(await told(site)) == {"https://fine.test/inbox", "https://muted.test/inbox"}


@pytest.mark.parametrize(
    "values", [{"published_at": None}, {"ready_at": None}, {"deleted_at": clock.now()}], ids=lambda v: next(iter(v))
)
async def test_what_is_not_there_is_not_told(site: Site, alice: Account, values: dict[str, Any]) -> None:
    await person(site, "fan", "fine.test", follows=alice)
    post = await work(site, alice)
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == post).values(**values))
    await tell(site, "Create", alice, post_id=post)
    assert await told(site) == {}


async def test_nobody_elsewhere_nothing_stored(site: Site, alice: Account) -> None:
    await tell(site, "Create", alice, post_id=await work(site, alice))
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Activity))).all() == []


async def test_a_server_that_is_away_for_two_weeks_gets_only_what_takes_something_back(
    site: Site, alice: Account
) -> None:
    await person(site, "fan", "away.test", follows=alice)
    post = await work(site, alice)
    await tell(site, "Create", alice, post_id=post)
    async with site.db.write() as tx:
        await tx.execute(update(Host).values(failing_since=clock.after(days=-15), failures=20))
    await tell(site, "Create", alice, post_id=await work(site, alice))
    assert len(await told(site)) == 1
    async with site.db.write() as tx:
        await tx.execute(update(Post).where(Post.id == post).values(deleted_at=clock.now()))
    job = await tell(site, "Delete", alice, post_id=post)
    assert len(await told(site, site.urls.activity_of(job.id))) == 1


# -- changes ---------------------------------------------------------------------------------------------------------
async def test_an_update_reaches_whoever_has_the_post(site: Site, alice: Account, bob: Account) -> None:
    fan = await person(site, "fan", "misskey.test", follows=alice)
    liker = await person(site, "liker", "liker.test")
    booster = await person(site, "booster", "booster.test")
    await person(site, "friend", "friend.test", follows=bob)
    post = await work(site, alice)
    await tell(site, "Create", alice, post_id=post)
    async with site.db.write() as tx:
        tx.add(Favourite(actor_id=liker.id, post_id=post))
        for who in (booster.id, bob.actor.id):
            uri = "https://booster.test/b/1" if who == booster.id else None
            boost = Post(kind=Kind.BOOST, author_id=who, boost_of_id=post, thread_id=1, uri=uri)
            boost.published_at = boost.ready_at = clock.now()
            tx.add(boost)
        await tx.execute(delete(Follow).where(Follow.follower_id == fan.id))
    await tell(site, "Announce", bob, post_id=post)
    await change(site, post, html="<p>Reeds at dusk.</p>")
    job = await tell(site, "Update", alice, post_id=post)
    sent = await told(site, site.urls.activity_of(job.id))
    assert {inbox.split("/")[2] for inbox in sent} == {"misskey.test", "liker.test", "booster.test", "friend.test"}
    assert all(kind == "Update" and "dusk" in body["object"]["content"] for kind, body in sent.values())


async def test_a_narrowed_audience_deletes_where_nobody_may_see_it_any_more(site: Site, alice: Account) -> None:
    await person(site, "fan", "stays.test", follows=alice)
    goes = await person(site, "goes", "goes.test", follows=alice)
    post = await work(site, alice)
    await tell(site, "Create", alice, post_id=post)
    async with site.db.write() as tx:
        await tx.execute(delete(Follow).where(Follow.follower_id == goes.id))
    await change(site, post, audience=Audience.FOLLOWERS)
    job = await tell(site, "Update", alice, post_id=post)
    await federate(site, job)
    uri = site.urls.activity_of(job.id)
    assert {inbox: kind for inbox, (kind, _) in (await told(site, uri)).items()} == {
        "https://stays.test/inbox": "Update"
    }
    [(inbox, (kind, body))] = (await told(site, f"{uri}#delete")).items()
    assert (inbox, kind, body["object"]["type"]) == ("https://goes.test/inbox", "Delete", "Tombstone")
    await change(site, post, html="<p>Once more.</p>")
    again = await tell(site, "Update", alice, post_id=post)
    assert await told(site, f"{site.urls.activity_of(again.id)}#delete") == {}, "it was told already"


async def test_whoever_is_new_to_a_post_gets_a_create(site: Site, alice: Account) -> None:
    await person(site, "fan", "fan.test", follows=alice)
    eve = await person(site, "eve", "eve.test")
    first, second = await person(site, "one", "one.test"), await person(site, "two", "two.test")
    post = await work(site, alice, audience=Audience.MENTIONED)
    async with site.db.write() as tx:
        tx.add(Mention(post_id=post, actor_id=first.id))
    await tell(site, "Create", alice, post_id=post)
    assert set(await told(site)) == {"https://one.test/inbox"}
    async with site.db.write() as tx:
        tx.add(Mention(post_id=post, actor_id=second.id))
        tx.add(Mention(post_id=post, actor_id=eve.id))
    await change(site, post, audience=Audience.FOLLOWERS)
    job = await tell(site, "Update", alice, post_id=post)
    await federate(site, job)
    uri = site.urls.activity_of(job.id)
    assert set(await told(site, uri)) == {"https://one.test/inbox"}
    assert set(await told(site, f"{uri}#create")) == {
        f"https://{host}/inbox" for host in ("fan.test", "two.test", "eve.test")
    }


async def test_a_delete_reaches_whoever_has_the_post_and_overtakes_what_waits(site: Site, alice: Account) -> None:
    fan = await person(site, "fan", "fan.test", follows=alice)
    liker = await person(site, "liker", "liker.test")
    post = await work(site, alice)
    await tell(site, "Create", alice, post_id=post)
    async with site.db.write() as tx:
        await tx.execute(delete(Follow).where(Follow.follower_id == fan.id))
        found = await posts.get(tx, post, alice.actor)
        await posts.remove(tx, found, alice.actor)
    job = await tell(site, "Delete", alice, post_id=post, people=(liker.id,))
    sent = await told(site, site.urls.activity_of(job.id))
    assert set(sent) == {"https://fan.test/inbox", "https://liker.test/inbox"}
    for _, body in sent.values():
        assert body["object"]["id"] == f"{site.urls.base}/works/{post}" and body["object"]["type"] == "Tombstone"
        assert body["to"] == ["https://www.w3.org/ns/activitystreams#Public"] and "proof" in body
    async with site.db.read() as tx:
        states = {row.inbox: row.state.value for row in await tx.scalars(select(Delivery).order_by(Delivery.id.desc()))}
    assert states["https://fan.test/inbox"] == "forgotten"


# -- people ----------------------------------------------------------------------------------------------------------
async def test_a_follow_and_its_undo_name_the_same_activity(site: Site, alice: Account) -> None:
    eve = await person(site, "eve", "misskey.test")
    follow = await tell(site, "Follow", alice, person_id=eve.id)
    assert (await tell(site, "UndoFollow", alice, person_id=eve.id)).id != follow.id
    async with site.db.read() as tx:
        first, second = (await tx.scalars(select(Activity).order_by(Activity.id))).all()
    assert first.subject == f"Follow:{eve.id}" and first.uri == site.urls.activity_of(follow.id)
    inner = second.bodies[""]["object"]
    assert inner == {term: value for term, value in first.bodies[""].items() if term not in ("@context", "proof")}
    async with site.db.read() as tx:
        assert {row.inbox for row in await tx.scalars(select(Delivery))} == {"https://misskey.test/users/eve/inbox"}


async def test_what_nobody_was_told_is_not_taken_back(site: Site, alice: Account) -> None:
    eve = await person(site, "eve", "misskey.test")
    for verb in ("UndoFollow", "UndoBlock"):
        await tell(site, verb, alice, person_id=eve.id)
    assert await told(site) == {}


async def test_a_like_goes_to_the_author_alone(site: Site, alice: Account, bob: Account) -> None:
    eve = await person(site, "eve", "misskey.test")
    await person(site, "fan", "fan.test", follows=alice)
    theirs = await note(site, Account(actor=eve), uri="https://misskey.test/notes/1")
    await tell(site, "Like", alice, post_id=theirs)
    await tell(site, "Like", alice, post_id=await note(site, bob))
    [(inbox, (kind, body))] = (await told(site)).items()
    assert (inbox, kind, body["object"]) == (
        "https://misskey.test/users/eve/inbox",
        "Like",
        "https://misskey.test/notes/1",
    )


async def test_an_answer_goes_to_whom_it_answers(site: Site, alice: Account) -> None:
    eve = await person(site, "eve", "misskey.test")
    theirs = await note(site, Account(actor=eve), uri="https://misskey.test/notes/1")
    await tell(site, "Create", alice, post_id=await note(site, alice, reply_to_id=theirs, thread_id=theirs))
    [(inbox, (_, body))] = (await told(site)).items()
    assert inbox == "https://misskey.test/inbox" and body["object"]["inReplyTo"] == "https://misskey.test/notes/1"


async def test_accept_and_reject_carry_the_follow(site: Site, alice: Account) -> None:
    eve = await person(site, "eve", "pixelfed.test", follows=alice)
    for verb in ("Accept", "Reject"):
        job = await tell(site, verb, alice, person_id=eve.id, uri="https://pixelfed.test/f/1")
        [(_, body)] = (await told(site, site.urls.activity_of(job.id))).values()
        assert body["type"] == verb and body["object"]["id"] == "https://pixelfed.test/f/1"
        assert body["object"]["object"] == body["actor"] == site.urls.actor(alice.actor)
    await tell(site, "Reject", alice, person_id=eve.id, uri="")
    async with site.db.read() as tx:
        assert len((await tx.scalars(select(Activity))).all()) == 2


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_block_is_told_only_where_its_author_wants_it(site: Site, alice: Account, wanted: bool) -> None:
    eve = await person(site, "eve", "misskey.test")
    async with site.db.write() as tx:
        await tx.execute(update(Actor).where(Actor.id == alice.actor.id).values(announces_blocks=wanted))
        await blocks.block(tx, await tx.get_one(Actor, alice.actor.id), await tx.get_one(Actor, eve.id))
    await tell(site, "Block", alice, person_id=eve.id)
    await tell(site, "UndoBlock", alice, person_id=eve.id)
    async with site.db.read() as tx:
        kinds = [activity.type for activity in await tx.scalars(select(Activity).order_by(Activity.id))]
    assert kinds == (["Block", "Undo"] if wanted else [])


async def test_a_profile_goes_to_followers_and_followed(site: Site, alice: Account) -> None:
    await person(site, "fan", "fan.test", follows=alice)
    idol = await person(site, "idol", "idol.test")
    async with site.db.write() as tx:
        tx.add(Follow(follower_id=alice.actor.id, followed_id=idol.id))
    await tell(site, "Profile", alice)
    sent = await told(site)
    assert set(sent) == {"https://fan.test/inbox", "https://idol.test/inbox"}
    assert all(body["type"] == "Update" and body["object"]["type"] == "Person" for _, body in sent.values())


async def test_galleries_are_told_to_those_who_read_images_and_pins_to_all(site: Site, alice: Account) -> None:
    for host in ("ours.test", "mastodon.test"):
        await person(site, "fan", host, follows=alice)
    post = await work(site, alice)
    async with site.db.write() as tx:
        gallery = Gallery(id=ids.new(), owner_id=alice.actor.id, slug="birds", name="Birds")
        tx.add(gallery)
    hung = await tell(site, "Add", alice, post_id=post, subject_id=gallery.id)
    pinned = await tell(site, "Add", alice, post_id=post)
    taken = await tell(site, "Remove", alice, post_id=post)
    assert set(await told(site, site.urls.activity_of(hung.id))) == {"https://ours.test/inbox"}
    for job in (pinned, taken):
        sent = await told(site, site.urls.activity_of(job.id))
        assert len(sent) == 2 and all(body["target"].endswith("/collections/featured") for _, body in sent.values())


async def test_out_of_a_gallery_that_is_gone_a_work_is_taken_all_the_same(site: Site, alice: Account) -> None:
    await person(site, "fan", "ours.test", follows=alice)
    post = await work(site, alice)
    async with site.db.write() as tx:
        gallery = Gallery(id=ids.new(), owner_id=alice.actor.id, slug="birds", name="Birds")
        tx.add(gallery)
    address = f"{site.urls.actor(alice.actor)}/galleries/{gallery.id}"
    async with site.db.write() as tx:
        await galleries.remove(tx, await galleries.by_id(tx, gallery.id))
    added = await tell(site, "Add", alice, post_id=post, subject_id=gallery.id)
    taken = await tell(site, "Remove", alice, post_id=post, subject_id=gallery.id)
    assert await told(site, site.urls.activity_of(added.id)) == {}
    [(_, body)] = (await told(site, site.urls.activity_of(taken.id))).values()
    assert (body["type"], body["object"], body["target"]) == ("Remove", site.urls.base + f"/works/{post}", address)


async def test_a_report_names_the_house_and_not_who_complained(site: Site, alice: Account) -> None:
    eve = await person(site, "eve", "misskey.test")
    theirs = await note(site, Account(actor=eve), uri="https://misskey.test/notes/1")
    async with site.db.write() as tx:
        report = Report(id=ids.new(), reporter_id=alice.actor.id, target_id=eve.id, post_ids=[theirs], comment="Rude.")
        tx.add(report)
    await tell(site, "Flag", alice, subject_id=report.id)
    [(_, body)] = (await told(site)).values()
    assert body["actor"] == site.urls.house and "alice" not in str(body)
    assert body["object"] == [eve.uri, "https://misskey.test/notes/1"] and body["content"] == "Rude."


async def test_what_is_new_of_the_house_goes_to_one_inbox_of_every_server(site: Site, alice: Account) -> None:
    for host in ("mastodon.test", "misskey.test"):
        for name in ("ann", "bea"):
            await person(site, name, host)
    await person(site, "gone", "pixelfed.test", gone_at=clock.now())
    itself = await actors.house(site)
    await tell(site, "Profile", itself)
    sent = await told(site)
    assert set(sent) == {"https://mastodon.test/inbox", "https://misskey.test/inbox"}
    for _, body in sent.values():
        assert (body["type"], body["actor"], body["object"]["id"]) == ("Update", site.urls.house, site.urls.house)
        assert (body["to"], "cc" in body) == ([PUBLIC], False), "the house has no followers"
        assert body["object"]["type"] == "Application" and body["object"]["publicKey"]["publicKeyPem"]


async def test_every_verb_of_the_server_is_known_and_no_job_is_alike(site: Site, alice: Account) -> None:
    assert jobs.Federate("Like", 1) == jobs.Federate("Like", 1)
    assert jobs.Federate("Like", 1).id != jobs.Federate("Like", 1).id
    async with site.db.write() as tx:
        jobs.enqueue(tx, jobs.Federate("Like", alice.actor.id, post_id=1, people=(1, 2)))
    async with site.db.write() as tx:
        [claimed] = await claims.claim(tx, "federate")
    assert isinstance(claimed.job, jobs.Federate) and claimed.job.id and list(claimed.job.people) == [1, 2]
