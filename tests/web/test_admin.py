"""Letting people in."""

import pytest
from quart import Quart

from server import accounts, joining
from server.joining import Joining
from server.models import Account, AccountState, Role
from server.site import Site
from tests.browsing import Browser, queued
from tests.conftest import make_account


async def asked(site: Site, handle: str = "ines", reason: str = "I <b>paint</b>.\nEvery day.") -> Account:
    wish = Joining(handle=handle, email=f"{handle}@mail.test", password="seven blue herons", reason=reason)
    await joining.join(site, wish, network=f"198.51.100.{len(handle)}")
    async with site.db.read() as tx:
        return await accounts.by_handle(tx, handle)


async def state(site: Site, account: Account) -> AccountState:
    async with site.db.read() as tx:
        return (await accounts.get(tx, account.id)).state


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
async def test_somebody_is_let_in(site: Site, app: Quart, role: Role) -> None:
    browser = await Browser(app).as_somebody(await make_account(site, "boss", role=role))
    assert "Nobody waits" in await browser.get("/admin/waiting")
    account = await asked(site)
    page = await browser.get("/admin/waiting")
    assert "I &lt;b&gt;paint&lt;/b&gt;." in page and "ines@mail.test" in page and "(not confirmed yet)" in page
    await browser.post(f"/admin/waiting/{account.id}/let-in", {"sentence": "Welcome."})
    assert (browser.status, browser.location) == (303, "/admin/waiting")
    assert await state(site, account) is AccountState.ACTIVE
    letter = (await queued(site))[-1]
    assert letter.to == "ines@mail.test" and "Welcome." in letter.text
    assert "Let in. They get a letter." in await browser.get("/admin/waiting")
    assert "Nobody waits" in browser.page


async def test_somebody_is_turned_away(site: Site, app: Quart) -> None:
    browser = await Browser(app).as_somebody(await make_account(site, "boss", role=Role.ADMIN))
    account = await asked(site)
    await browser.get("/admin/waiting")
    await browser.post(f"/admin/waiting/{account.id}/turn-away", {"sentence": "x" * 1001})
    assert browser.status == 422
    assert await state(site, account) is AccountState.WAITING
    await browser.get("/admin/waiting")
    await browser.post(f"/admin/waiting/{account.id}/turn-away")
    assert browser.status == 303
    assert await state(site, account) is AccountState.REJECTED
    assert "do not let you in" in (await queued(site))[-1].text


async def test_whoever_decides_second_is_told(site: Site, app: Quart) -> None:
    one = await Browser(app).as_somebody(await make_account(site, "one", role=Role.ADMIN))
    two = await Browser(app).as_somebody(await make_account(site, "two", role=Role.MODERATOR))
    account = await asked(site)
    for browser in (one, two):
        await browser.get("/admin/waiting")
    await one.post(f"/admin/waiting/{account.id}/turn-away")
    await two.post(f"/admin/waiting/{account.id}/let-in")
    assert two.status == 409 and "decided about this request already" in two.page
    assert await state(site, account) is AccountState.REJECTED


async def test_members_and_strangers_decide_nothing(site: Site, app: Quart, alice: Account) -> None:
    """Row 43: denied by default; e-mail addresses appear to nobody else."""
    account = await asked(site)
    member = await Browser(app).as_somebody(alice)
    assert "ines@mail.test" not in await member.get("/admin/waiting")
    assert member.status in (403, 404)
    await member.get("/settings/profile")
    for verb in ("let-in", "turn-away"):
        await member.post(f"/admin/waiting/{account.id}/{verb}")
        assert member.status in (403, 404)
    stranger = Browser(app)
    await stranger.get("/admin/waiting")
    assert stranger.location.startswith("/login")
    await stranger.post(f"/admin/waiting/{account.id}/let-in")
    assert stranger.status == 401
    assert await state(site, account) is AccountState.WAITING


async def test_an_account_that_is_not_there(site: Site, app: Quart) -> None:
    browser = await Browser(app).as_somebody(await make_account(site, "boss", role=Role.ADMIN))
    await browser.get("/admin/waiting")
    await browser.post("/admin/waiting/7/let-in")
    assert browser.status == 404
