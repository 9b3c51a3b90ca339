"""The post office as administrators see it: queues, what was set aside, what was given up."""

from datetime import timedelta

import pytest
from quart import Quart
from sqlalchemy import select

from server import claims, clock, hosts, jobs, stuck
from server.models import (
    Account,
    Activity,
    Delivery,
    DeliveryState,
    Dialect,
    Host,
    Job,
    Received,
    ReceivedState,
    Role,
)
from server.site import Site
from tests import abroad
from tests.browsing import Browser
from tests.conftest import make_account
from tests.desk import desk


@pytest.fixture
async def ada(site: Site, app: Quart) -> Browser:
    return await desk(app, await make_account(site, "ada", role=Role.ADMIN))


async def wait(site: Site, author: Account, host: str, *kinds: str, **facts: object) -> None:
    """Deliveries to `host` that wait since nine hours, and what is known of it."""
    async with site.db.write() as tx:
        tx.add(Host(name=host, implements=[], **facts))
        for number, kind in enumerate(kinds):
            act = Activity(uri=f"http://art.test/{host}/{number}", type=kind, actor_id=author.actor_id, bodies={})
            tx.add(act)
            await tx.flush()
            tx.add(
                Delivery(
                    activity_id=act.id, actor_id=author.actor_id, host=host, inbox=f"https://{host}/inbox",
                    created_at=clock.now() - timedelta(hours=9), due_at=clock.now() + timedelta(hours=1),
                )
            )  # fmt: skip


async def host(site: Site, name: str) -> Host:
    async with site.db.read() as tx:
        return await tx.get_one(Host, name)


async def states(site: Site, name: str) -> set[DeliveryState]:
    async with site.db.read() as tx:
        return set(await tx.scalars(select(Delivery.state).where(Delivery.host == name)))


async def test_a_house_without_trouble_says_so(ada: Browser) -> None:
    page = await ada.get("/admin/federation")
    assert "Nothing waits" in page and "everything has arrived" in page
    for address in ("from=x", "from=99999", "before=x", "from=-1"):
        await ada.get(f"/admin/federation?{address}")
        assert ada.status == 200


async def test_who_is_away_since_when_until_when_and_why(site: Site, alice: Account, ada: Browser) -> None:
    now = clock.now()
    await wait(
        site, alice, "far.example", "Create", "Delete", software="mastodon", version="4.3.1", reason="It <cannot> be reached.",
        failures=6, failing_since=now - timedelta(days=2), resting_until=now + timedelta(hours=3), dialect=Dialect.NOTE,
    )  # fmt: skip
    page = await ada.get("/admin/federation")
    for words in ("2 deliveries wait", "9 hours ago", "Rests until", "2 days ago", "mastodon 4.3.1", ">note<"):
        assert words in page, words
    assert "It &lt;cannot&gt; be reached." in page
    page = await ada.get("/admin/hosts/far.example")
    assert "2 deliveries wait" in page and "Create of" in page and '<option value="note" selected>' in page


async def test_retry_pause_and_resume(site: Site, alice: Account, ada: Browser) -> None:
    await wait(site, alice, "far.example", "Create", resting_until=clock.now() + timedelta(hours=3), failures=6)
    await ada.get("/admin/federation")
    await ada.post("/admin/hosts/far.example/retry", {"next": "/admin/federation"})
    assert (ada.status, ada.location) == (303, "/admin/federation")
    row = await host(site, "far.example")
    assert row.resting_until is None and row.failures == 0
    async with site.db.read() as tx:
        assert [job.payload["host"] for job in await tx.scalars(select(Job).where(Job.kind == "Deliver"))] == [
            "far.example"
        ]
    await ada.post("/admin/hosts/far.example/pause")
    assert ada.location == "/admin/hosts/far.example" and (await host(site, "far.example")).paused_at
    assert "Paused" in await ada.get("/admin/hosts/far.example") and "Resume" in ada.page
    await ada.post("/admin/hosts/far.example/resume", {"next": "https://evil.example/"})
    assert ada.location == "/admin/hosts/far.example", "only to pages of ours"
    assert (await host(site, "far.example")).paused_at is None
    await ada.post("/admin/hosts/far.example/resume")
    assert ada.status == 404
    await ada.post("/admin/hosts/mistyped.example/pause")
    assert ada.status == 404
    assert await states(site, "far.example") == {DeliveryState.WAITING}


async def test_forgetting_says_first_what_is_lost(site: Site, alice: Account, ada: Browser) -> None:
    await wait(site, alice, "far.example", "Create", "Create", "Delete")
    await wait(site, alice, "near.example", "Create")
    page = await ada.get("/admin/hosts/far.example/forget")
    assert "3 deliveries" in page and ">2</b> Create: new work or post" in page and ">1</b> Delete: removal" in page
    assert await states(site, "far.example") == {DeliveryState.WAITING}
    await ada.post("/admin/hosts/far.example/forget")
    assert ada.status == 303 and await states(site, "far.example") == {DeliveryState.FORGOTTEN}
    assert await states(site, "near.example") == {DeliveryState.WAITING}
    assert "Nothing waits for it" in await ada.get("/admin/hosts/far.example/forget")
    assert "3 deliveries" in await ada.get("/admin/decisions")


async def test_the_form_of_works_can_be_chosen(site: Site, alice: Account, ada: Browser) -> None:
    await wait(site, alice, "far.example")
    await ada.get("/admin/hosts/far.example")
    await ada.post("/admin/hosts/far.example/dialect", {"dialect": "image-mastodon"})
    assert ada.status == 303 and (await host(site, "far.example")).dialect is Dialect.IMAGE_MASTODON
    await ada.post("/admin/hosts/far.example/dialect", {"dialect": "opera"})
    assert ada.status == 422
    await ada.post("/admin/hosts/far.example/dialect", {"dialect": "auto"})
    assert (await host(site, "far.example")).dialect is None


async def test_a_host_with_a_port_and_no_dot_has_a_page(site: Site, alice: Account, ada: Browser) -> None:
    """Houses in private networks have such names; what waits for them must be reachable too."""
    await wait(site, alice, "peer:8443", "Create")
    page = (await ada.get("/admin/federation")).replace("http://art.test", "")
    assert 'href="/admin/hosts/peer%3A8443"' in page
    assert "1 delivery waits" in await ada.get("/admin/hosts/peer%3A8443")
    await ada.post("/admin/hosts/peer%3A8443/pause")
    assert (await host(site, "peer:8443")).paused_at


async def test_many_servers_stand_on_several_pages(site: Site, alice: Account, ada: Browser) -> None:
    for number in range(35):
        await wait(site, alice, f"s{number:02}.example", "Create")
    page = await ada.get("/admin/federation")
    assert page.count("Retry now") == 30 and "from=30#servers" in page
    page = await ada.get("/admin/federation?from=30")
    assert page.count("Retry now") == 5 and "s34.example" in page and "Further servers" not in page


async def test_what_broke_is_played_again_or_dropped(site: Site, ada: Browser) -> None:
    async with site.db.write() as tx:
        for number in range(2):
            tx.add(
                Received(
                    actor_uri="https://far.example/users/mia", activity_uri=f"https://far.example/{number}", type="Announce",
                    body=b"{}", state=ReceivedState.SET_ASIDE, attempts=3, reason="KeyError: 'object'",
                )
            )  # fmt: skip
    async with site.db.read() as tx:
        one, two = [row.id for row in await tx.scalars(select(Received).order_by(Received.id))]
    page = await ada.get("/admin/federation")
    assert page.count("KeyError: &#39;object&#39;") == 2 and "https://far.example/users/mia" in page
    await ada.post(f"/admin/received/{one}/replay")
    await ada.post(f"/admin/received/{two}/drop")
    assert ada.status == 303
    async with site.db.read() as tx:
        again, dropped = await tx.get_one(Received, one), await tx.get_one(Received, two)
        assert (again.state, again.body) == (ReceivedState.WAITING, b"{}")
        assert (dropped.state, dropped.body) == (ReceivedState.DROPPED, b"")
        assert [job.payload["received_id"] for job in await tx.scalars(select(Job).where(Job.kind == "Process"))] == [
            one
        ]
    for path in (f"/admin/received/{two}/drop", f"/admin/received/{two}/replay"):
        await ada.post(path)
        assert ada.status == 409
    await ada.post("/admin/received/7/drop")
    assert ada.status == 404


async def given_up(site: Site, *wanted: jobs.Job, why: str = "It answered 404.") -> list[int]:
    async with site.db.write() as tx:
        for job in wanted:
            tx.add(Job(**jobs.values(job), failed_at=clock.now(), error=why, attempts=5))
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Job.id).where(Job.failed_at.is_not(None)).order_by(Job.id)))


async def test_what_was_given_up_is_tried_again_or_dropped(site: Site, alice: Account, ada: Browser) -> None:
    told = jobs.Federate("Create", alice.actor_id)
    one, two = await given_up(site, jobs.Fetch("post", "https://far.example/posts/1"), told)
    page = await ada.get("/admin/federation")
    assert "Fetch the post https://far.example/posts/1" in page and "It answered 404." in page
    assert "Tell other servers of a new post by @alice" in page and "2 things" in page
    await ada.post(f"/admin/jobs/{one}/again")
    assert ada.status == 303
    async with site.db.write() as tx:
        (claimed,) = await claims.claim(tx, "fetch")
        assert claimed.id == one and claimed.attempts == 1, "with all its tries"
    await ada.post(f"/admin/jobs/{one}/drop")
    assert ada.status == 409, "what runs is not dropped under its hands"
    await ada.post(f"/admin/jobs/{two}/drop")
    async with site.db.read() as tx:
        assert await tx.get(Job, two) is None and await stuck.count(tx) == 0
    await ada.post(f"/admin/jobs/{two}/again")
    assert ada.status == 404


async def test_work_that_no_handler_reads_any_more_is_not_let_loose(site: Site, ada: Browser) -> None:
    """A worker that claims it would stumble over it and all that lies beside it."""
    async with site.db.write() as tx:
        for kind, payload in (("Forgotten", {}), ("Fetch", {"old": 1})):
            tx.add(Job(kind=kind, lane="fetch", key=None, payload=payload, failed_at=clock.now(), error="?"))
    async with site.db.read() as tx:
        ids = list(await tx.scalars(select(Job.id)))
    await ada.get("/admin/federation")
    for job_id in ids:
        await ada.post(f"/admin/jobs/{job_id}/again")
        assert ada.status == 409 and "only be dropped" in ada.page
        await ada.get("/admin/federation")
        await ada.post(f"/admin/jobs/{job_id}/drop")
        assert ada.status == 303


async def test_dropping_the_job_of_a_received_activity_settles_it(site: Site, ada: Browser) -> None:
    async with site.db.write() as tx:
        row = Received(actor_uri="https://far.example/u", activity_uri="https://far.example/1", type="Like", body=b"{}")
        tx.add(row)
        await tx.flush()
    (job_id,) = await given_up(site, jobs.Process(row.id, "x"), why="It took the server down every time it ran.")
    assert "Do the Like of https://far.example/u" in await ada.get("/admin/federation")
    await ada.post(f"/admin/jobs/{job_id}/drop")
    async with site.db.read() as tx:
        settled = await tx.get_one(Received, row.id)
        assert (settled.state, settled.body) == (ReceivedState.DROPPED, b"")


async def test_moderators_learn_no_address_from_a_dropped_letter(site: Site, app: Quart, ada: Browser) -> None:
    """Row 43: addresses appear to administrators alone."""
    mail = jobs.Mail("secret@mail.test", "Welcome", "Hello")
    (job_id,) = await given_up(site, mail, why="mail.test refuses secret@mail.test.")
    assert "secret@mail.test" in await ada.get("/admin/federation") and "Hello" not in ada.page
    await ada.post(f"/admin/jobs/{job_id}/drop")
    mo = await desk(app, await make_account(site, "mo", role=Role.MODERATOR))
    page = await mo.get("/admin/decisions")
    assert "a letter" in page and "secret@mail.test" not in page


async def test_depth_and_age_of_every_stage(site: Site, ada: Browser) -> None:
    await abroad.nothing_told(site)
    async with site.db.write() as tx:
        jobs.enqueue(tx, jobs.Process(1, "x"), clock.now() - timedelta(minutes=5))
        jobs.enqueue(tx, jobs.Process(2, "x"), clock.now() - timedelta(minutes=2))
        jobs.enqueue(tx, jobs.Fetch("post", "https://a.example/1"), clock.now() + timedelta(hours=1))
    async with site.db.read() as tx:
        found = await stuck.lanes(tx)
    assert [(lane.words[1], lane.waiting) for lane in found] == [("received activities to read", 2)]
    page = await ada.get("/admin/federation")
    assert "2 received activities to read, the oldest from" in page and "5 minutes ago" in page


async def test_moderators_see_servers_without_their_queues(site: Site, app: Quart, alice: Account) -> None:
    await wait(site, alice, "far.example", "Create", reason="It answered 503.")
    mo = await desk(app, await make_account(site, "mo", role=Role.MODERATOR))
    page = await mo.get("/admin/hosts/far.example")
    assert mo.status == 200 and "Make a rule" in page
    assert "Retry now" not in page and "answered 503" not in page and ">Post<" not in page
    async with site.db.read() as tx:
        assert (await hosts.queue_of(tx, "far.example")).waiting == 1
