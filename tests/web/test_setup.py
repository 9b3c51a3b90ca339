"""The first administrator."""

import asyncio

from quart import Quart

from server import accounts
from server.models import Role
from server.site import Site
from tests.browsing import Browser

FORM = {"handle": "boss", "email": "boss@mail.test", "password": "seven blue herons", "name": "The Boss"}


async def test_the_link_makes_an_administrator_and_signs_them_in(site: Site, app: Quart) -> None:
    path = f"/setup/{accounts.setup_token(site.secret)}"
    browser = Browser(app)
    page = await browser.get(path)
    assert "http://art.test" in page and "cannot change afterwards" in page
    assert "no-store" in browser.headers["Cache-Control"]
    await browser.post(path, {**FORM, "password": "short"})
    assert browser.status == 422 and 'value="The Boss"' in browser.page
    await browser.post(path, FORM)
    assert (browser.status, browser.location) == (303, "/settings/profile")
    assert "The Boss" in await browser.get("/settings/profile")
    await browser.get("/admin/waiting")
    assert browser.status == 200
    async with site.db.read() as tx:
        [admin] = await accounts.everybody(tx)
    assert admin.role is Role.ADMIN and admin.is_active and admin.confirmed_at


async def test_the_link_works_once(site: Site, app: Quart) -> None:
    path = f"/setup/{accounts.setup_token(site.secret)}"
    await Browser(app).post(path, FORM)
    late = Browser(app)
    await late.get(path)
    assert late.location == "/login"
    await late.post(path, {**FORM, "handle": "thief", "email": "thief@mail.test"})
    assert late.status == 409 and "session" not in late.cookies


async def test_two_browsers_at_once_make_one_administrator(site: Site, app: Quart) -> None:
    path = f"/setup/{accounts.setup_token(site.secret)}"
    browsers = [Browser(app) for _ in range(3)]
    forms = [{**FORM, "handle": f"boss{n}", "email": f"boss{n}@mail.test"} for n in range(3)]
    await asyncio.gather(*(browser.post(path, form) for browser, form in zip(browsers, forms, strict=True)))
    assert sorted(browser.status for browser in browsers) == [303, 409, 409]
    async with site.db.read() as tx:
        assert len(await accounts.everybody(tx)) == 1


async def test_another_link_is_nothing(site: Site, app: Quart) -> None:
    browser = Browser(app)
    for token in ("x", accounts.setup_token(bytes(32)), accounts.setup_token(site.secret).upper() + "0"):
        await browser.get(f"/setup/{token}")
        assert browser.status == 404
        await browser.post(f"/setup/{token}", FORM)
        assert browser.status == 404
    async with site.db.read() as tx:
        assert not await accounts.has_admin(tx)
