"""Reports as moderators read them, and what they decide."""

import re

import pytest
from quart import Quart

from server import hosts, moderation, posts
from server.errors import Gone, NotFound
from server.models import Account, Actor, ActorKind, Audience, HostLevel, Report, Role
from server.site import Site
from tests import abroad
from tests.browsing import Browser
from tests.conftest import make_account
from tests.desk import desk
from tests.hung import hang, say


@pytest.fixture
async def mo(site: Site, app: Quart) -> Browser:
    return await desk(app, await make_account(site, "mo", role=Role.MODERATOR))


async def reported(site: Site, by: Account, whom: Actor, *about: object, words: str = "It is stolen.") -> Report:
    async with site.db.write() as tx:
        return await moderation.report(tx, by.actor, whom, about, words, forward=not whom.is_local)  # type: ignore[arg-type]


async def log(site: Site) -> list[tuple[str, str, str]]:
    async with site.db.read() as tx:
        return [(row.action, row.about, row.reason) for row in await moderation.decisions(tx)]


async def test_a_report_shows_who_whom_and_what(site: Site, alice: Account, bob: Account, mo: Browser) -> None:
    assert "Nothing is reported" in await mo.get("/admin/reports")
    work, quiet = (
        await hang(site, alice, "The Last Ferry"),
        await say(site, alice, "For you", audience=Audience.FOLLOWERS),
    )
    found = await reported(site, bob, alice.actor, work, quiet, words="It is <b>mine</b>.")
    page = await mo.get("/admin/reports")
    assert f"/admin/reports/{found.id}" in page and "Alice Painter" in page and "It is &lt;b&gt;mine" in page
    page = await mo.get(f"/admin/reports/{found.id}")
    assert "The Last Ferry" in page and "@bob" in page and "who lives here" in page and "2 posts named" in page
    assert "For you" in page and "followers only" in page, "whoever decides reads it here"
    await mo.get(f"/@alice/{quiet.id}")
    assert mo.status == 404, "and nowhere else"


async def test_a_report_about_somebody_elsewhere_leads_to_their_server(site: Site, bob: Account, mo: Browser) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "far.example", HostLevel.LIMIT)
    found = await reported(site, bob, mia, await abroad.post(site, mia, "Buy"))
    page = await mo.get(f"/admin/reports/{found.id}")
    assert 'href="/admin/hosts/far.example"' in page.replace("http://art.test", "") and ": limited" in page
    assert "to far.example, without saying who reports" in page and "https://far.example/users/mia" in page


@pytest.mark.parametrize(
    ("handle", "kind"), [("mastodon.internal", ActorKind.APPLICATION), ("far.example", ActorKind.PERSON),
                         ("instance.actor", ActorKind.SERVICE)],
)  # fmt: skip
async def test_a_report_that_a_server_passes_on_is_by_the_server(
    site: Site, alice: Account, mo: Browser, handle: str, kind: ActorKind
) -> None:
    far = await abroad.person(site, handle, kind=kind)
    async with site.db.write() as tx:
        found = await moderation.report(tx, far, alice.actor, [], "Rude.", uri="https://far.example/flags/1")
    page = await mo.get("/admin/reports")
    assert "by the server far.example ·" in page and f"@{handle}" not in page
    page = await mo.get(f"/admin/reports/{found.id}")
    assert (
        'the server <a href="http://art.test/admin/hosts/far.example">far.example</a>, which does not say who' in page
    )
    assert f"@{handle}" not in page
    page = await mo.get("/notifications")
    assert "The server <b>far.example</b>" in page and f"@{handle}" not in page


async def test_a_report_that_a_person_elsewhere_makes_is_by_that_person(
    site: Site, alice: Account, mo: Browser
) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        await moderation.report(tx, mia, alice.actor, [], "Rude.", uri="https://far.example/flags/1")
    assert "by @mia@far.example ·" in await mo.get("/admin/reports")
    assert "the server" not in mo.page


async def test_a_closed_report_is_found_among_the_closed(site: Site, alice: Account, bob: Account, mo: Browser) -> None:
    found = await reported(site, bob, alice.actor)
    await mo.get(f"/admin/reports/{found.id}")
    await mo.post(f"/admin/reports/{found.id}/close", {"reason": "  \n "})
    assert mo.status == 422 and "Say why" in mo.page, "no decision without a reason"
    await mo.post(f"/admin/reports/{found.id}/close", {"reason": "x" * 1001})
    assert mo.status == 422 and "1,001 characters" in mo.page and "x" * 1001 in mo.page, "what was typed is kept"
    await mo.post(f"/admin/reports/{found.id}/close", {"reason": "Talked to her."})
    assert (mo.status, mo.location) == (303, f"/admin/reports/{found.id}")
    assert "Nothing is reported" in await mo.get("/admin/reports")
    assert "It is stolen." in await mo.get("/admin/reports?closed=yes")
    page = await mo.get("/admin/decisions")
    assert "Talked to her." in page and "@mo" in page and "@alice" in page
    await mo.get(f"/admin/reports/{found.id}")
    assert "Close the report" not in mo.page
    await mo.post(f"/admin/reports/{found.id}/close", {"reason": "Again"})
    assert mo.status == 409


async def test_somebody_is_suspended_and_shown_again(
    site: Site, app: Quart, alice: Account, bob: Account, mo: Browser
) -> None:
    found, stranger = await reported(site, bob, alice.actor), Browser(app)
    await mo.get(f"/admin/reports/{found.id}")
    await mo.post(f"/admin/reports/{found.id}/suspend", {"reason": "Stolen art"})
    assert mo.status == 303
    await stranger.get("/@alice")
    assert stranger.status == 404
    assert "Show Alice Painter again" in await mo.get(f"/admin/reports/{found.id}")
    await mo.post(f"/admin/reports/{found.id}/unsuspend", {"reason": "It was hers"})
    await stranger.get("/@alice")
    assert stranger.status == 200
    assert await log(site) == [("unsuspend", "@alice", "It was hers"), ("suspend", "@alice", "Stolen art")]


async def test_a_named_post_is_taken_down_and_no_other(site: Site, alice: Account, bob: Account, mo: Browser) -> None:
    """Row 42: the report is the door; an id beside it opens nothing."""
    named, other = await hang(site, alice, "Copied"), await hang(site, alice, "Hers")
    found = await reported(site, bob, alice.actor, named)
    await mo.get(f"/admin/reports/{found.id}")
    await mo.post(f"/admin/reports/{found.id}/take-down/{other.id}", {"reason": "A mistake"})
    assert mo.status == 404
    await mo.post(f"/admin/reports/{found.id}/take-down/{named.id}", {"reason": "A copy"})
    assert mo.status == 303
    async with site.db.read() as tx:
        assert (await posts.get(tx, other.id, None)).id == other.id
        with pytest.raises((Gone, NotFound)):
            await posts.get(tx, named.id, None)
    assert [action for action, _, _ in await log(site)] == ["remove-post"]
    assert "1 of them is gone" in await mo.get(f"/admin/reports/{found.id}")


async def test_a_moderator_does_not_decide_about_an_administrator(site: Site, bob: Account, mo: Browser) -> None:
    ada = await make_account(site, "ada", role=Role.ADMIN)
    found = await reported(site, bob, ada.actor)
    await mo.get(f"/admin/reports/{found.id}")
    await mo.post(f"/admin/reports/{found.id}/suspend", {"reason": "I want to"})
    assert mo.status == 403 and await log(site) == []


async def test_many_reports_stand_on_several_pages(site: Site, alice: Account, bob: Account, mo: Browser) -> None:
    for number in range(moderation.PAGE + 3):
        await reported(site, bob, alice.actor, words=f"Report no. {number:02}")
    first = await mo.get("/admin/reports")
    assert "Report no. 42" in first and "Report no. 02" not in first
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = await mo.get(older[1])
    assert "Report no. 02" in second and "Report no. 03" not in second and 'rel="next"' not in second
    await mo.get("/admin/reports/7")
    assert mo.status == 404
