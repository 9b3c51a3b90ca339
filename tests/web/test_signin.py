"""Joining, signing in and out, letters' links, and forms that outlive their session."""

import re
from datetime import timedelta

import pytest
from quart import Quart
from sqlalchemy import select, update

from server import accounts, clock, keys, passwords, sign_ins, throttle
from server.models import Account, AccountState, Actor, Role, SignIn, Token
from server.site import Site
from tests.browsing import Browser, link_in, queued
from web.auth import safe_next

PASSWORD = "seven blue herons"
_made: list[tuple[str, keys.Pairs]] = []


async def make(site: Site, handle: str = "ines", role: Role = Role.MEMBER) -> Account:
    """An active account with PASSWORD; the real hash and keys are made once for all tests."""
    if not _made:
        _made.append((await passwords.hash_password(PASSWORD), await accounts.make_keys()))
    [(password_hash, pair)] = _made
    async with site.db.write() as tx:
        return await accounts.create(
            tx, site=site, handle=handle, email=f"{handle}@mail.test", password_hash=password_hash, keys=pair, role=role
        )


def with_mode(site: Site, mode: str) -> None:
    chosen = site.settings.accounts.model_copy(update={"sign_up": mode})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"accounts": chosen}))


async def sessions(site: Site) -> int:
    async with site.db.read() as tx:
        return len(list(await tx.scalars(select(SignIn.id))))


async def enter(browser: Browser, name: str = "ines", password: str = PASSWORD, **more: str) -> str:
    await browser.get("/login")
    return await browser.post("/login", {"name": name, "password": password, **more})


WISH = {"handle": "ines", "email": "ines@mail.test", "password": PASSWORD, "name": "Ines", "reason": "I paint."}


# -- joining -------------------------------------------------------------------------------------------------------------
async def test_from_the_wish_to_the_first_sign_in(site: Site, app: Quart) -> None:
    with_mode(site, "open")
    browser = Browser(app)
    await browser.get("/join")
    assert browser.status == 200 and "Ask to join" not in browser.page
    await browser.post("/join", {**WISH, "form_key": browser.hidden("form_key")})
    assert (browser.status, browser.location) == (303, "/waiting")
    assert "A letter is on its way" in await browser.get("/waiting")
    await enter(browser)  # not confirmed yet: in, but no further than the waiting page
    assert browser.location == "/waiting"
    assert "ines@mail.test" in await browser.get("/waiting")
    await browser.get("/settings/profile")
    assert (browser.status, browser.location) == (302, "/waiting")
    link = link_in((await queued(site))[0])
    assert "Is this your address?" in await browser.get(link)
    await browser.get(link)  # a program that looks at every link has done no harm
    await browser.post(link)
    assert browser.status == 303
    assert "Thank you. Your e-mail address is confirmed." in await browser.get("/settings/profile")
    await browser.post(link)
    assert browser.status == 404  # once


async def test_a_wish_with_mistakes_comes_back_with_what_was_typed(site: Site, app: Quart) -> None:
    browser = Browser(app)
    await browser.get("/join")
    key = browser.hidden("form_key")
    await browser.post("/join", {**WISH, "handle": "in es", "password": "short", "form_key": key})
    assert browser.status == 422
    assert 'value="in es"' in browser.page and "I paint." in browser.page and 'value="ines@mail.test"' in browser.page
    assert "short" not in browser.page
    assert browser.hidden("form_key") == key
    assert await queued(site) == []


async def test_a_known_address_gets_the_same_answer(site: Site, app: Quart) -> None:
    """Row 63."""
    await make(site, "bea")
    answers = []
    for number, (handle, email) in enumerate((("first", "bea@mail.test"), ("second", "new@mail.test"))):
        browser = Browser(app)
        await browser.get("/join")
        await browser.post("/join", {**WISH, "handle": handle, "email": email, "form_key": f"key {number}"})
        answers.append((browser.status, browser.page, sorted(browser.headers.items())))
    assert answers[0] == answers[1]
    assert (await queued(site))[0].to == "bea@mail.test"


async def test_machines_fill_in_what_people_cannot_see(site: Site, app: Quart) -> None:
    browser = Browser(app)
    await browser.get("/join")
    await browser.post("/join", {**WISH, "website": "http://spam.test"})
    assert (browser.status, browser.location) == (303, "/waiting")
    assert await queued(site) == []


async def test_a_closed_house(site: Site, app: Quart) -> None:
    with_mode(site, "closed")
    browser = Browser(app)
    assert "nobody new" in await browser.get("/join")
    assert 'name="handle"' not in browser.page
    await browser.post("/join", WISH)
    assert browser.status == 403
    assert "/join" not in await browser.get("/login")


async def test_the_letter_once_more(site: Site, app: Quart) -> None:
    browser = Browser(app)
    await browser.get("/join")
    await browser.post("/join", WISH)
    await enter(browser)
    await browser.get("/waiting")
    await browser.post("/waiting/letter")
    assert browser.status == 303
    first, second = (link_in(letter) for letter in await queued(site) if letter.to == "ines@mail.test")
    await browser.get(first)
    assert browser.status == 404
    await browser.get(second)
    assert browser.status == 200


async def test_too_many_wishes_keep_what_was_typed(site: Site, app: Quart) -> None:
    """Row 61, and nothing typed is lost."""
    now = clock.now()
    clock.set_source(lambda: now)
    browser = Browser(app)
    for _ in range(5):
        await throttle.limit(site, "join-email", "ines@mail.test")
    await browser.get("/join")
    await browser.post("/join", WISH)
    assert browser.status == 429 and int(browser.headers["Retry-After"]) > 0
    assert "I paint." in browser.page


# -- signing in ----------------------------------------------------------------------------------------------------------
async def test_sign_in_gives_another_session_each_time(site: Site, app: Quart) -> None:
    """Row 68: no fixation: a token that somebody planted opens nothing, and the id changes at sign-in."""
    await make(site)
    browser = Browser(app)
    browser.client.set_cookie("art.test", "session", "planted")
    await enter(browser)
    first = browser.cookies["session"]
    assert first != "planted" and browser.location == "/home"
    await browser.get("/settings/devices")
    await browser.post("/login", {"name": "ines", "password": PASSWORD})
    assert browser.cookies["session"] != first
    assert await sessions(site) == 1  # the earlier one is closed, not left behind


async def test_the_same_answer_for_nobody_and_a_wrong_password(site: Site, app: Quart) -> None:
    """Row 63."""
    await make(site)
    known, unknown = Browser(app), Browser(app)
    await enter(known, "ines", "wrong password")
    await enter(unknown, "inés", "wrong password")
    assert known.status == unknown.status == 422
    assert known.page.replace("ines", "") == unknown.page.replace("inés", "")
    assert "session" not in known.cookies
    assert "wrong password" not in known.page


async def test_sign_out_is_for_good(site: Site, app: Quart) -> None:
    """Row 47: logout kills the session itself, not only the cookie."""
    await make(site)
    browser = Browser(app)
    await enter(browser)
    token = browser.cookies["session"]
    await browser.get("/settings/profile")
    await browser.post("/logout")
    assert browser.location == "/" and "session" not in browser.cookies
    thief = Browser(app)
    thief.client.set_cookie("art.test", "session", token)
    await thief.get("/settings/profile")
    assert thief.location.startswith("/login")
    assert await sessions(site) == 0


async def test_the_way_on_after_signing_in(site: Site, app: Quart) -> None:
    await make(site)
    browser = Browser(app)
    await browser.get("/settings/rights?a=1&b=2")
    assert browser.location == "/login?next=/settings/rights%3Fa%3D1%26b%3D2"
    await browser.get(browser.location)
    assert browser.hidden("next") == "/settings/rights?a=1&b=2"
    await browser.post("/login", {"name": "ines", "password": PASSWORD, "next": browser.hidden("next")})
    assert browser.location == "/settings/rights?a=1&b=2"
    await browser.get("/login?next=/settings/account")
    assert browser.location == "/settings/account"


BEGINNINGS = (
    *(
        "//",
        "///",
        "/\\",
        "\\\\",
        "\\/",
        "/\t/",
        "/\n/",
        "/\r/",
        "/ /",
        " //",
        "\t//",
        "//\\",
        "/\x00/",
        "/\\/",
        "\x01//",
    ),
    *(
        "http:",
        "https://",
        "HTTP://",
        "javascript:",
        "data:text/html,",
        "https:/",
        "https:",
        "//evil@",
        "/\u2028/",
        "ftp://",
    ),
)
ENDS = (
    *(
        "evil.test",
        "evil.test/",
        "evil.test/@art.test",
        "art.test@evil.test",
        "art.test.evil.test",
        "[::1]/",
        "evil%2etest",
    ),
    "evil.test?art.test",
)
HOSTILE = [beginning + end for beginning in BEGINNINGS for end in ENDS]


def test_the_corpus_is_large_enough() -> None:
    assert len(HOSTILE) == 200


@pytest.mark.parametrize("target", HOSTILE)
def test_no_way_leads_off_the_site(target: str) -> None:
    """Row 54: what remains is a path of this site, in the eyes of a browser too."""
    way = safe_next(target)
    assert way.startswith("/") and not re.match(r"[/\\]{2}", way)
    assert not re.search(r"[\x00-\x20\\]", way)


async def test_hostile_ways_through_the_real_door(site: Site, app: Quart) -> None:
    """Row 54, end to end for one of each kind."""
    account = await make(site)
    browser = await Browser(app).as_somebody(account)
    for target in (
        "//evil.test",
        "/%5Cevil.test",
        "https%3A%2F%2Fevil.test",
        "%2F%2Fevil.test",
        "/%09/evil.test",
        "%20//evil.test",
    ):
        await browser.get(f"/login?next={target}")
        assert browser.location == "/home", target
    assert safe_next("/@ines/galleries?before=1#x") == "/@ines/galleries?before=1#x"


# -- forms and sessions --------------------------------------------------------------------------------------------------
async def test_what_was_typed_survives_the_end_of_a_session(site: Site, app: Quart) -> None:
    account = await make(site)
    browser = await Browser(app).as_somebody(account)
    await browser.get("/settings/profile")
    async with site.db.write() as tx:
        await sign_ins.close_all(tx, account)
    typed = {
        "name": "Ines Bellec",
        "lede": "<b>Gouache</b> & ink",
        "about": "One.\n\n  Two.",
        "password": "secret 1",
        "label": "A",
        "url": "",
    }
    await browser.post("/settings/profile", typed)
    assert browser.status == 401
    assert "What you typed is still here" in browser.page
    assert "secret 1" not in browser.page and "kept.csrf" not in browser.page
    kept = {f"kept.{name}": browser.hidden(f"kept.{name}") for name in ("name", "lede", "about", "label", "url")}
    assert "kept.password" not in browser.page
    await browser.post("/login", {**kept, "to": browser.hidden("to"), "name": "ines", "password": "wrong password"})
    assert browser.status == 422
    assert browser.hidden("kept.about").replace("\r", "") == "One.\n\n  Two."  # a mistake loses nothing either
    await browser.post("/login", {**kept, "to": browser.hidden("to"), "name": "ines", "password": PASSWORD})
    assert browser.status == 200 and "What you typed is still here" in browser.page
    assert 'action="/settings/profile"' in browser.page
    assert browser.headers["Cache-Control"] == "private, no-store"
    await browser.post(
        "/settings/profile", {name: browser.hidden(name) for name in ("name", "lede", "about", "label", "url")}
    )
    assert browser.status == 303
    page = await browser.get("/settings/profile")
    assert "&lt;b&gt;Gouache&lt;/b&gt; &amp; ink" in page and "Ines Bellec" in page


async def test_kept_words_go_back_to_this_site_only(site: Site, app: Quart) -> None:
    """Row 54."""
    await make(site)
    browser = Browser(app)
    await enter(browser, **{"kept.text": "hello", "to": "//evil.test/post"})
    assert browser.status == 303 and browser.location == "/home"


async def test_a_script_is_told_in_its_own_words(app: Quart) -> None:
    browser = Browser(app)
    await browser.post("/settings/profile", {"name": "x"}, Accept="application/json")
    assert browser.status == 401
    assert browser.page.startswith("{")


MUTATIONS = ["/logout", "/settings/profile", "/settings/rights", "/settings/email", "/settings/password",
             "/settings/devices/1/sign-out", "/settings/devices/sign-out-others", "/waiting/letter", "/login"]  # fmt: skip


@pytest.mark.parametrize("path", MUTATIONS)
async def test_forms_of_others_change_nothing(site: Site, app: Quart, path: str) -> None:
    """Row 67: without the proof, with a foreign Origin, or from another site: 403 each."""
    browser = await Browser(app).as_somebody(await make(site))
    await browser.get("/settings/profile")
    proof = browser.csrf
    assert proof
    for csrf, headers in (
        ("", {}),
        ("00" * 32, {}),
        ("nonsense", {}),
        (proof, {"Origin": "https://evil.test"}),
        (proof, {"Origin": "null"}),
        (proof, {"Sec_Fetch_Site": "cross-site"}),
        (proof, {"Sec_Fetch_Site": "same-site"}),
    ):
        await browser.post(path, {"name": "x"}, csrf=csrf, **headers)
        assert browser.status == 403, (csrf, headers)
    assert await sessions(site) == 1


async def test_the_proof_of_one_session_is_none_in_another(site: Site, app: Quart) -> None:
    """Row 67."""
    account = await make(site)
    one, two = await Browser(app).as_somebody(account), await Browser(app).as_somebody(account)
    await one.get("/settings/profile")
    await two.get("/settings/profile")
    await two.post("/logout", csrf=one.csrf)
    assert two.status == 403


async def test_cookies_over_https(site: Site, app: Quart) -> None:
    """Row 68: `__Host-`, Secure, HttpOnly, SameSite=Lax, the whole site, no domain."""
    await make(site)
    server = site.settings.server.model_copy(update={"base_url": "https://art.test"})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"server": server}))
    browser = Browser(app)
    await enter(browser)
    [cookie] = browser.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    await browser.get("/settings/profile")
    await browser.post("/logout")
    for cookie in browser.headers.getlist("Set-Cookie"):
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")), cookie


async def test_answers_with_a_cookie_are_nobody_elses(site: Site, app: Quart) -> None:
    """Row 69: `no-store` and `Vary: Cookie` on whatever sets a cookie, also when a session is renewed on the way."""
    await make(site)
    browser = Browser(app)
    await enter(browser)
    seen = [browser.headers]
    start = clock.now()
    clock.set_source(lambda: start + timedelta(hours=2))
    await browser.get("/settings/profile")
    seen.append(browser.headers)
    await browser.post("/logout")
    seen.append(browser.headers)
    for headers in seen:
        assert "Set-Cookie" in headers
        assert "no-store" in headers["Cache-Control"]
        assert "Cookie" in headers["Vary"]
    [cookie] = [cookie for cookie in seen[2].getlist("Set-Cookie") if cookie.startswith("session=")]
    assert cookie.startswith("session=;")  # the renewal does not bring the closed session back


@pytest.mark.parametrize("path", ["/join", "/login", "/forgot", "/waiting"])
async def test_forms_lie_in_no_cache(app: Quart, path: str) -> None:
    browser = Browser(app)
    await browser.get(path)
    assert "no-store" in browser.headers["Cache-Control"]


@pytest.mark.parametrize(
    "host", ["evil.test", "art.test.evil.test", "art.test:81", "xart.test", "art.test@evil.test", ""]
)
async def test_letters_name_the_configured_host(site: Site, app: Quart, host: str) -> None:
    """Row 66: another Host is not answered, and links in letters never come from it."""
    await make(site)
    stranger = Browser(app, host)
    await stranger.post("/forgot", {"email": "ines@mail.test"}, X_Forwarded_Host="evil.test")
    assert stranger.status in (400, 421)
    assert await queued(site) == []
    browser = Browser(app)
    await browser.post("/forgot", {"email": "ines@mail.test"}, X_Forwarded_Host="evil.test", Forwarded="host=evil.test")
    [letter] = await queued(site)
    assert "evil" not in letter.text and "http://art.test/reset/" in letter.text


# -- a new password ------------------------------------------------------------------------------------------------------
async def test_a_forgotten_password(site: Site, app: Quart) -> None:
    """Row 47: whatever was open is closed."""
    account = await make(site)
    other = await Browser(app).as_somebody(account)
    async with site.db.write() as tx:
        await accounts.make_token(tx, account)
    browser = Browser(app)
    await browser.get("/forgot")
    await browser.post("/forgot", {"email": "Ines@mail.test"})
    assert "If there is an account with this address" in browser.page
    link = link_in((await queued(site))[0])
    await browser.get(link)
    await browser.post(link, {"password": "short"})
    assert browser.status == 422
    await browser.post(link, {"password": "eight grey herons"})
    assert browser.location == "/login"
    assert "Your password is changed" in await browser.get("/login")
    await other.get("/settings/profile")
    assert other.location.startswith("/login")
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Token.id))) == []
    await browser.get(link)
    assert browser.status == 404
    await enter(browser)
    assert browser.status == 422
    await enter(browser, password="eight grey herons")
    assert browser.location == "/home"


async def test_who_has_an_account_stays_unsaid(site: Site, app: Quart) -> None:
    """Row 63: the same page for a known address, an unknown one and none at all."""
    await make(site)
    pages = []
    for email in ("ines@mail.test", "nobody@mail.test", "not an address"):
        browser = Browser(app)
        await browser.post("/forgot", {"email": email})
        pages.append((browser.status, browser.page))
    assert pages[0] == pages[1] == pages[2]
    assert len(await queued(site)) == 1


async def test_letters_are_limited_by_address_and_by_network(site: Site, app: Quart) -> None:
    """Row 61: five in half an hour to one address, known or not; 25 in five minutes from one network."""
    now = clock.now()
    clock.set_source(lambda: now)
    browser = Browser(app)
    codes = []
    for email in ["nobody@mail.test"] * 6 + [f"n{number}@mail.test" for number in range(20)]:
        await browser.post("/forgot", {"email": email})
        codes.append(browser.status)
    assert codes == [200] * 5 + [429] + [200] * 19 + [429]


@pytest.mark.parametrize("path", ["/reset/x", "/confirm/x", "/setup/x"])
async def test_guessing_links_is_limited(app: Quart, path: str) -> None:
    """Row 61."""
    now = clock.now()
    clock.set_source(lambda: now)
    browser = Browser(app)
    codes = []
    for _ in range(12):
        await browser.post(path, {"password": PASSWORD})
        codes.append(browser.status)
    for number in range(15):
        await browser.post(f"{path}{number}", {"password": PASSWORD})
        codes.append(browser.status)
    assert codes == [404] * 10 + [429] * 2 + [404] * 13 + [429] * 2


# -- the matrix of states ------------------------------------------------------------------------------------------------
STATES = ["waiting", "unconfirmed", "rejected", "disabled", "suspended", "active"]


@pytest.mark.parametrize("state", STATES)
async def test_states_of_accounts_and_what_they_reach(site: Site, app: Quart, state: str) -> None:
    """Row 45: the account-state matrix over the pages of this area."""
    account = await make(site, role=Role.ADMIN)
    browser = await Browser(app).as_somebody(account)
    changes: dict[str, dict[str, object]] = {
        "waiting": {"state": AccountState.WAITING},
        "unconfirmed": {"state": AccountState.WAITING, "confirmed_at": None},
        "rejected": {"state": AccountState.REJECTED},
        "disabled": {"state": AccountState.DISABLED},
    }
    async with site.db.write() as tx:
        if state in changes:
            await tx.execute(update(Account).where(Account.id == account.id).values(changes[state]))
        if state == "suspended":
            await tx.execute(update(Actor).where(Actor.id == account.actor_id).values(suspended_at=clock.now()))
    reached = {}
    for path in ("/settings/profile", "/settings/rights", "/settings/account", "/settings/devices", "/admin/waiting"):
        await browser.get(path)
        reached[path] = browser.location.partition("?")[0] or browser.status
    expected = {"active": 200, "disabled": "/login", "suspended": "/login"}.get(state, "/waiting")
    assert set(reached.values()) == {expected}, reached
    await browser.get("/waiting")
    assert browser.status == (303 if state == "active" else 200)
    if state in ("waiting", "unconfirmed", "rejected"):
        await browser.post("/settings/profile", {"name": "Changed"})
        assert browser.location == "/waiting"
        async with site.db.read() as tx:
            assert (await accounts.get(tx, account.id)).actor.name != "Changed"
