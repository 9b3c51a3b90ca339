"""What people decide about themselves."""

import re
from typing import Any

import pytest
from quart import Quart
from sqlalchemy import select, update

from server import accounts, keys, passwords
from server.models import Account, Actor, Audience, Licence, Media, Purpose, Reservation, SignIn
from server.site import Site
from tests.browsing import Browser, link_in, queued
from tests.works import picture

PASSWORD = "seven blue herons"
_made: list[tuple[str, keys.Pairs]] = []


@pytest.fixture
async def ines(site: Site) -> Account:
    """An active account with PASSWORD; the real hash and keys are made once for all tests."""
    if not _made:
        _made.append((await passwords.hash_password(PASSWORD), await accounts.make_keys()))
    [(password_hash, pair)] = _made
    async with site.db.write() as tx:
        return await accounts.create(
            tx, site=site, handle="ines", email="ines@mail.test", password_hash=password_hash, keys=pair
        )


@pytest.fixture
async def browser(app: Quart, ines: Account) -> Browser:
    return await Browser(app).as_somebody(ines)


async def actor(site: Site) -> Actor:
    async with site.db.read() as tx:
        return (await accounts.by_handle(tx, "ines")).actor


def filled(browser: Browser) -> dict[str, Any]:
    """The rows of links as the page has them."""
    return {"label": re.findall(r'name="label" value="([^"]*)"', browser.page),
            "url": re.findall(r'name="url" value="([^"]*)"', browser.page)}  # fmt: skip


async def test_the_settings_begin_with_the_profile(browser: Browser) -> None:
    await browser.get("/settings")
    assert browser.location == "/settings/profile"
    page = await browser.get("/settings/profile")
    assert page.count('aria-current="page"') == 1
    assert page.count('name="url"') == 2


async def test_a_profile_is_kept_and_shown_again(site: Site, browser: Browser) -> None:
    await browser.get("/settings/profile")
    form = {"name": "Ines Bellec", "lede": "Gouache & ink", "place": "Brest", "about": "One.\r\n\r\nTwo.",
            "label": ["Shop", "", ""], "url": ["shop.test", "https://ines.test/a", ""]}  # fmt: skip
    await browser.post("/settings/profile", form)
    assert (browser.status, browser.location) == (303, "/settings/profile")
    page = await browser.get("/settings/profile")
    assert "Saved." in page and "Gouache &amp; ink" in page
    kept = await actor(site)
    assert kept.about == "One.\n\nTwo."
    assert kept.links == [
        {"label": "Shop", "url": "https://shop.test"},
        {"label": "ines.test", "url": "https://ines.test/a"},
    ]
    assert filled(browser)["url"][:2] == ["https://shop.test", "https://ines.test/a"]


async def test_a_mistake_loses_nothing_that_was_typed(site: Site, browser: Browser) -> None:
    await browser.get("/settings/profile")
    form = {"name": "Ines", "lede": "x" * 301, "about": "Long work", "label": ["Shop"], "url": ["javascript:alert(1)"]}
    await browser.post("/settings/profile", form)
    assert browser.status == 422
    assert "Long work" in browser.page and 'value="javascript:alert(1)"' in browser.page
    assert 'href="#lede"' in browser.page and 'href="#link_0"' in browser.page
    assert 'href="javascript:' not in browser.page
    assert (await actor(site)).name == ""


async def test_a_face_is_put_on_changed_and_taken_off(site: Site, browser: Browser) -> None:
    await browser.get("/settings/profile")
    await browser.upload("/settings/profile", {"name": "Ines"}, {"face": ("me.png", picture(300, 200))})
    assert browser.status == 303
    first = (await actor(site)).face_id
    async with site.db.read() as tx:
        media = await tx.get(Media, first)
    assert media is not None and media.purpose is Purpose.FACE and media.owner_id == (await actor(site)).id
    await browser.get("/settings/profile")
    assert "Show no picture of me" in browser.page
    await browser.upload("/settings/profile", {"name": "Ines"}, {"face": ("again.png", picture(300, 200))})
    second = (await actor(site)).face_id
    assert second not in (None, first)
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Media.id))) == [second]
    await browser.get("/settings/profile")
    await browser.post("/settings/profile", {"name": "Ines", "remove_face": "yes"})
    assert (await actor(site)).face_id is None
    assert list(site.incoming.iterdir()) == []


async def test_a_face_that_is_no_picture(site: Site, browser: Browser) -> None:
    await browser.get("/settings/profile")
    await browser.upload("/settings/profile", {"name": "Typed"}, {"face": ("me.png", b"no picture")})
    assert browser.status == 422
    assert 'id="face-error"' in browser.page and 'value="Typed"' in browser.page
    assert (await actor(site)).face_id is None and (await actor(site)).name == ""


# -- rights --------------------------------------------------------------------------------------------------------------
RIGHTS = {
    "licence": "by-nc",
    "reserved": "yes",
    "reservation": "no-training",
    "audience": "followers",
    "public_max": "1600",
}


async def test_what_a_new_work_starts_with(site: Site, browser: Browser) -> None:
    page = await browser.get("/settings/rights")
    assert "It is a legal reservation, not a lock" in page
    await browser.post("/settings/rights", RIGHTS)
    assert browser.status == 303
    kept = await actor(site)
    assert kept.default_licence is Licence.BY_NC
    assert kept.default_reservation is Reservation.NO_TRAINING
    assert kept.default_audience is Audience.FOLLOWERS
    assert kept.public_max == 1600
    page = await browser.get("/settings/rights")
    for value in ("by-nc", "no-training", "followers"):
        assert f'value="{value}" checked' in page


async def test_an_empty_box_reserves_nothing_whatever_the_list_says(site: Site, browser: Browser) -> None:
    """Decision 18: the box decides whether, the list how much; the public domain cannot be reserved (rights.md 2.1)."""
    await browser.get("/settings/rights")
    await browser.post("/settings/rights", {**RIGHTS, "licence": "cc0"})
    assert browser.status == 422 and "cannot be combined with a reservation" in browser.page
    assert (await actor(site)).default_licence is Licence.ARR
    await browser.post("/settings/rights", {**RIGHTS, "licence": "cc0", "reserved": ""})
    assert browser.status == 303
    assert (await actor(site)).default_reservation is Reservation.OPEN


@pytest.mark.parametrize(
    "change",
    [{"licence": "mine"}, {"licence": ""}, {"reservation": "?"}, {"audience": "all"}, {"public_max": "639"},
     {"public_max": "8193"}, {"public_max": "-1"}, {"public_max": "many"},
     {"public_max": "²"}, {"public_max": "9" * 40}, {"public_max": ""}],
)  # fmt: skip
async def test_rights_that_cannot_be(site: Site, browser: Browser, change: dict[str, str]) -> None:
    await browser.get("/settings/rights")
    await browser.post("/settings/rights", RIGHTS | change)
    assert browser.status == 422
    assert (await actor(site)).public_max == 2048


# -- account -------------------------------------------------------------------------------------------------------------
async def test_the_account_tells_how_much_room_is_used(site: Site, browser: Browser, ines: Account) -> None:
    async with site.db.write() as tx:
        await tx.execute(update(Account).where(Account.id == ines.id).values(used_bytes=1_234_567_890))
    page = await browser.get("/settings/account")
    assert "1.2 GB of 5 GB" in page and "<meter" in page
    assert "<dt>Works</dt><dd>0</dd>" in page and "@ines@art.test" in page


async def test_another_password_signs_the_other_devices_out(
    site: Site, app: Quart, browser: Browser, ines: Account
) -> None:
    """Rows 47 and 68: everything ends, this browser gets a session with another id."""
    other = await Browser(app).as_somebody(ines)
    before = browser.cookies["session"]
    await browser.get("/settings/account")
    await browser.post("/settings/password", {"old_password": "wrong", "password": "eight grey herons"})
    assert browser.status == 422 and "This is not your password" in browser.page
    await browser.post("/settings/password", {"old_password": PASSWORD, "password": "ines"})
    assert browser.status == 422 and "at least 10 characters" in browser.page
    await browser.post("/settings/password", {"old_password": PASSWORD, "password": "eight grey herons"})
    assert browser.status == 303 and browser.cookies["session"] != before
    assert "Every other device is signed out" in await browser.get("/settings/account")
    await other.get("/settings/account")
    assert other.location.startswith("/login")
    thief = Browser(app)
    thief.client.set_cookie("art.test", "session", before)
    await thief.get("/settings/account")
    assert thief.location.startswith("/login")


async def test_another_address(site: Site, browser: Browser) -> None:
    await browser.get("/settings/account")
    await browser.post("/settings/email", {"email": "new@mail.test", "email_password": "wrong"})
    assert browser.status == 422 and 'value="new@mail.test"' in browser.page
    await browser.post("/settings/email", {"email": "new%x@mail.test", "email_password": PASSWORD})
    assert browser.status == 422
    await browser.post("/settings/email", {"email": "new@mail.test", "email_password": PASSWORD})
    assert browser.status == 303
    [letter] = await queued(site)
    assert letter.to == "new@mail.test"
    assert "new@mail.test" in await browser.get(link_in(letter))
    await browser.post(link_in(letter))
    assert browser.location == "/settings/account"
    assert "new@mail.test" in await browser.get("/settings/account")
    assert (await queued(site))[-1].to == "ines@mail.test"


async def test_a_known_address_and_a_new_one_get_the_same_answer(site: Site, browser: Browser, bob: Account) -> None:
    """Row 63, in the settings too."""
    answers = []
    for email in (bob.email, "free@mail.test"):
        await browser.get("/settings/account")
        await browser.post("/settings/email", {"email": email, "email_password": PASSWORD})
        answers.append((browser.status, browser.location, browser.page))
    assert answers[0] == answers[1]
    assert [letter.to for letter in await queued(site)] == [bob.email, "free@mail.test"]


# -- devices -------------------------------------------------------------------------------------------------------------
async def test_devices_are_listed_and_signed_out(site: Site, app: Quart, browser: Browser, ines: Account) -> None:
    second = await Browser(app).as_somebody(ines)
    third = await Browser(app).as_somebody(ines)
    page = await browser.get("/settings/devices")
    assert page.count("Firefox on Linux</b>") == 3 and page.count("This device") == 1
    paths = re.findall(r"/settings/devices/\d+/sign-out", page)
    assert len(paths) == 2
    await browser.post(paths[0])
    assert browser.status == 303
    open_now = [other for other in (second, third) if "Profile" in await other.get("/settings/profile")]
    assert len(open_now) == 1
    await browser.get("/settings/devices")
    await browser.post("/settings/devices/sign-out-others")
    await open_now[0].get("/settings/profile")
    assert open_now[0].location.startswith("/login")
    assert browser.status == 303
    async with site.db.read() as tx:
        assert len(list(await tx.scalars(select(SignIn.id)))) == 1


async def test_nobody_signs_others_out(site: Site, app: Quart, browser: Browser, bob: Account) -> None:
    """Row 42: somebody else's id does nothing."""
    bobs = await Browser(app).as_somebody(bob)
    async with site.db.read() as tx:
        session = await tx.scalar(select(SignIn.id).where(SignIn.account_id == bob.id))
    await browser.get("/settings/devices")
    await browser.post(f"/settings/devices/{session}/sign-out")
    await bobs.get("/settings/devices")
    assert bobs.status == 200


async def test_every_page_has_labels_and_one_heading(browser: Browser) -> None:
    """ux.md 9: a visible label for every field, one main heading a page."""
    for tab in ("profile", "rights", "account", "devices"):
        page = await browser.get(f"/settings/{tab}")
        assert page.count("<h1") == 1
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), tab
        for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' in control or 'type="radio"' in control or "aria-label=" in control:
                continue
            name = re.search(r'\bid="([^"]+)"', control)
            assert name and (f'for="{name[1]}"' in page or 'type="checkbox"' in control), control


@pytest.mark.parametrize(
    "path", ["/settings/devices/{id}/sign-out", "/uploads/{id}/retry", "/uploads/{id}/discard", "/@ines/{id}/like"]
)
async def test_a_number_that_no_database_holds_is_no_address(app: Quart, ines: Account, path: str) -> None:
    browser = await Browser(app).as_somebody(ines)
    await browser.get("/settings/devices")
    await browser.post(path.format(id=2**63))
    assert browser.status == 404
