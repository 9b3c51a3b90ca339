"""Reports in and out, and decisions that are written down."""

import pytest
from sqlalchemy import select

from server import boosts, follows, moderation, notifications, posts, timelines
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import Account, Actor, Audience, Hearing, Report, Role
from server.site import Site
from tests import abroad
from tests.conftest import make_account
from tests.hung import hang, say


@pytest.fixture
async def mo(site: Site) -> Account:
    return await make_account(site, "mo", role=Role.MODERATOR)


async def log(site: Site) -> list[tuple[str, str, str]]:
    async with site.db.read() as tx:
        return [(row.action, row.about, row.reason) for row in await moderation.decisions(tx)]


async def test_a_report_is_read_and_closed_once(site: Site, alice: Account, bob: Account, mo: Account) -> None:
    hers, his = await say(site, alice, "Hm", audience=Audience.FOLLOWERS), await say(site, bob, "Mine")
    async with site.db.write() as tx:
        made = await moderation.report(tx, bob.actor, alice.actor, [hers, his], "Not nice", forward=True)
    async with site.db.read() as tx:
        (found,) = await moderation.open_reports(tx)
        assert (found.id, found.reporter.id, found.target.id) == (made.id, bob.actor_id, alice.actor_id)
        assert found.post_ids == [hers.id] and not found.forwarded  # she lives here: there is nobody to forward it to
        assert [post.id for post in await moderation.reported(tx, found)] == [hers.id]  # whoever it was for
        assert [row.hearing for row in await notifications.list(tx, mo.actor)] == [Hearing.REPORT]
    assert await abroad.told(site, "Flag") == []
    async with site.db.write() as tx:
        await moderation.close(tx, mo.actor, made.id, "talked to her")
    async with site.db.write() as tx:
        with pytest.raises(Conflict):
            await moderation.close(tx, mo.actor, made.id)
        with pytest.raises(NotFound):
            await moderation.close(tx, mo.actor, 1)
        assert await moderation.open_reports(tx) == []
    assert await log(site) == [("close-report", "@alice", "talked to her")]


async def test_a_report_about_somebody_elsewhere_is_sent_on_where_that_is_wanted(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        quiet = await moderation.report(tx, bob.actor, mia, [], "Only for you")
        sent = await moderation.report(tx, bob.actor, mia, [], "For them too", forward=True)
    assert not quiet.forwarded and sent.forwarded
    assert [(job.subject_id, job.person_id) for job in await abroad.told(site, "Flag")] == [(sent.id, mia.id)]


async def test_a_report_from_elsewhere_counts_once(site: Site, alice: Account) -> None:
    mia = await abroad.person(site)
    note = await say(site, alice, "Hm")
    for _ in range(2):
        async with site.db.write() as tx:
            await moderation.report(tx, mia, alice.actor, [note], "", forward=True, uri="https://far.example/flags/1")
    async with site.db.read() as tx:
        assert len(list(await tx.scalars(select(Report)))) == 1
    assert await abroad.told(site, "Flag") == []


async def test_reports_that_cannot_be(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        with pytest.raises(Invalid):
            await moderation.report(tx, bob.actor, bob.actor, [], "I am bad")
        with pytest.raises(Invalid) as wrong:
            await moderation.report(tx, bob.actor, alice.actor, [], "x" * 5001)
    assert set(wrong.value.fields) == {"comment"}


async def test_who_is_suspended_is_seen_nowhere_until_it_is_undone(site: Site, alice: Account, mo: Account) -> None:
    work = await hang(site, alice)
    async with site.db.write() as tx:
        await moderation.suspend(tx, mo.actor, alice.actor, "stolen art")
        with pytest.raises(Conflict):
            await moderation.suspend(tx, mo.actor, alice.actor)
        with pytest.raises(NotFound):
            await posts.get(tx, work.id, None)
        assert await timelines.local(tx, None) == []
    async with site.db.write() as tx:
        await moderation.unsuspend(tx, mo.actor, alice.actor, "it was hers")
        with pytest.raises(Conflict):
            await moderation.unsuspend(tx, mo.actor, alice.actor)
        assert (await posts.get(tx, work.id, None)).id == work.id
    assert await log(site) == [("unsuspend", "@alice", "it was hers"), ("suspend", "@alice", "stolen art")]


async def test_suspending_somebody_elsewhere_ends_follows_and_tells_their_server(
    site: Site, alice: Account, mo: Account
) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await follows.follow(tx, alice.actor, mia)
        await follows.accept(tx, alice.actor, mia)
        await follows.follow(tx, mia, alice.actor, uri="https://far.example/follows/1")
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        await moderation.suspend(tx, mo.actor, mia)
    told = [(job.verb, job.actor_id, job.person_id, job.uri) for job in await abroad.told(site)]
    me = alice.actor_id
    assert told == [("UndoFollow", me, mia.id, ""), ("Reject", me, mia.id, "https://far.example/follows/1")]
    async with site.db.write() as tx:
        assert await follows.following(tx, alice.actor) == await follows.followers(tx, alice.actor) == []
        assert await notifications.list(tx, alice.actor) == []
    assert (await log(site))[0] == ("suspend", "@mia@far.example", "")


async def test_nobody_decides_about_themselves_or_somebody_above_them(site: Site, bob: Account, mo: Account) -> None:
    ada = await make_account(site, "ada", role=Role.ADMIN)
    for moderator, person in ((mo, mo), (mo, ada), (bob, mo), (bob, bob)):
        with pytest.raises(Forbidden):
            async with site.db.write() as tx:
                await moderation.suspend(tx, moderator.actor, person.actor)
    async with site.db.write() as tx:
        await moderation.suspend(tx, ada.actor, mo.actor)
        await moderation.suspend(tx, None, bob.actor)  # the command line
        assert (await tx.get_one(Actor, mo.actor_id)).suspended_at is not None
    assert len(await log(site)) == 2


async def test_a_post_is_taken_down_for_everybody(site: Site, alice: Account, bob: Account, mo: Account) -> None:
    note, mia = await say(site, alice, "Hm"), await abroad.person(site)
    hers = await abroad.post(site, mia)
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        await boosts.add(tx, bob.actor, await posts.get(tx, hers.id, bob.actor))
        await moderation.remove_post(tx, mo.actor, await posts.get(tx, note.id, None), "insults")
        await moderation.remove_post(tx, mo.actor, await posts.get(tx, hers.id, None), "insults")
    assert [(job.actor_id, job.post_id) for job in await abroad.told(site, "Delete")] == [(alice.actor_id, note.id)]
    assert [row[0] for row in await log(site)] == ["remove-post", "remove-post"]
