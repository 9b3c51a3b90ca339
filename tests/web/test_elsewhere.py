"""Following, liking and answering from one's own server (ux.md 4.1): where it leads, how often, and that no form leads astray."""

from urllib.parse import quote

import pytest
from quart import Quart

from server import clock, elsewhere, throttle
from server.models import Account, Audience
from server.site import Site
from tests.browsing import Browser
from tests.fediverse import Fediverse, House
from tests.hung import hang, say
from tests.server.test_elsewhere import person


@pytest.fixture
def a(village: Fediverse) -> House:
    return village.houses["a.test"]


@pytest.fixture
async def alice_of_a(a: House) -> Account:
    return await a.account("alice", name="Alice Painter")


def visitor(house: House) -> Browser:
    return Browser(house.app, house.name)


async def test_the_follow_button_of_a_stranger_asks_for_their_server(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    assert 'href="http://art.test/@alice/follow">Follow' in await browser.get("/@alice")
    page = await browser.get("/@alice/follow")
    assert browser.status == 200 and "Follow Alice Painter" in page
    assert 'action="http://art.test/@alice/from-elsewhere"' in page and 'name="home"' in page
    assert "@alice@art.test</b>" in page and "/login?next=/%40alice" in page and "/join" in page
    assert 'name="remember" value="yes">' in page, "the box is not ticked"
    assert "noindex" in page and browser.headers["Cache-Control"] == "private, no-cache"
    await browser.as_somebody(alice)
    await browser.get("/@alice/follow")
    assert (browser.status, browser.location) == (303, "http://art.test/@alice?focus=follow")


async def test_the_answer_is_a_page_that_goes_on_by_itself_and_never_a_redirect(
    village: Fediverse, a: House, alice_of_a: Account
) -> None:
    """The trap of ux.md 4.1: under `form-action 'self'` browsers block a form whose answer redirects to another site."""
    await village.houses["b.test"].account("bob")
    browser = visitor(a)
    target = "https://b.test/authorize_interaction?uri=" + quote("https://a.test/users/alice", safe="")
    target += "&intent=Follow"
    for home in ("bob@b.test", "@bob@b.test", "b.test", " b.test "):
        page = await browser.post("/@alice/from-elsewhere", {"home": home})
        assert browser.status == 200 and not browser.location, home
        assert browser.headers["Refresh"].replace("&amp;", "&") in (
            f"1;url={target}",
            f"1;url={target.partition('&')[0]}",
        )
        assert (
            f'href="{browser.headers["Refresh"].removeprefix("1;url=").replace("&", "&amp;")}">Continue to b.test</a>'
            in page
        )
        assert "form-action 'self'" in browser.headers["Content-Security-Policy"]
    # And there the button is at hand.
    bob = await Browser(village.houses["b.test"].app, "b.test").as_somebody(
        await village.houses["b.test"].account("carol")
    )
    await bob.get(target.removeprefix("https://b.test"))
    assert bob.location == "https://b.test/@alice@a.test?focus=follow"


@pytest.mark.parametrize("verb", ["like", "boost", "reply"])
async def test_works_too(village: Fediverse, a: House, alice_of_a: Account, verb: str) -> None:
    work = await hang(a.site, alice_of_a)
    await village.houses["b.test"].account("bob")
    browser = visitor(a)
    assert f"/@alice/{work.id}/from-elsewhere?verb={verb}" in await browser.get(f"/@alice/{work.id}")
    page = await browser.get(f"/@alice/{work.id}/from-elsewhere?verb={verb}")
    assert "<cite>The Last Ferry</cite>" in page and f'name="verb" value="{verb}"' in page
    await browser.post(f"/@alice/{work.id}/from-elsewhere", {"home": "bob@b.test", "verb": verb})
    subject = quote(f"https://a.test/works/{work.id}", safe="")
    assert browser.headers["Refresh"].startswith(f"1;url=https://b.test/authorize_interaction?uri={subject}")
    for wrong in ("", "follow", "Delete", "../x"):
        await browser.get(f"/@alice/{work.id}/from-elsewhere?verb={wrong}")
        assert browser.status == 404
        await browser.post(f"/@alice/{work.id}/from-elsewhere", {"home": "b.test", "verb": wrong})
        assert browser.status == 404


async def test_what_is_not_public_is_not_told_to_strangers(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, "Secret", audience=Audience.FOLLOWERS)
    browser = Browser(app)
    assert "Secret" not in await browser.get(f"/@alice/{work.id}/from-elsewhere?verb=like") and browser.status == 404
    await browser.post(f"/@alice/{work.id}/from-elsewhere", {"verb": "like", "home": "b.test"})
    assert browser.status == 404


async def test_a_wrong_server_gets_a_sentence_and_keeps_what_was_typed(
    village: Fediverse, a: House, alice_of_a: Account
) -> None:
    browser = visitor(a)
    for home, status, sentence in (
        ("", 422, "Type your address, or the name of your server."),
        ("javascript:alert(1)", 404, "Type the name of your server"),
        ("b.test/evil", 404, "Type the name of your server"),
        ("nobody@b.test", 404, "Nobody with this name was found."),
        ("me@gone.test", 400, "gone.test cannot be reached."),
    ):
        page = await browser.post("/@alice/from-elsewhere", {"home": home})
        assert browser.status == status and sentence in page and "Refresh" not in browser.headers, home
        assert f'value="{home}"' in page and 'aria-invalid="true"' in page


async def test_the_server_is_remembered_on_this_device_only_if_wanted(
    village: Fediverse, a: House, alice_of_a: Account
) -> None:
    browser = visitor(a)
    await browser.post("/@alice/from-elsewhere", {"home": "b.test"})
    assert "home" not in browser.cookies
    await browser.post("/@alice/from-elsewhere", {"home": "b.test", "remember": "yes"})
    assert browser.cookies["home"] == "b.test"
    kept = browser.headers["Set-Cookie"]
    assert "HttpOnly" in kept and "SameSite=Lax" in kept and "Secure" in kept and "Max-Age=31536000" in kept
    page = await browser.get("/@alice/follow")
    assert 'value="b.test"' in page and 'value="yes" checked' in page
    await browser.post("/@alice/from-elsewhere", {"home": "b.test"})
    assert "home" not in browser.cookies


async def test_row_61_ten_tries_a_minute_and_each_server_has_peace(
    app: Quart, site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    clock.set_source(lambda: now)  # counts end with the minute; this one does not
    browser = Browser(app)
    for _ in range(throttle.LIMITS["intent-network"][0]):
        await browser.post("/@alice/from-elsewhere", {"home": "social.test"})
        assert browser.status == 200
    page = await browser.post("/@alice/from-elsewhere", {"home": "social.test"})
    assert browser.status == 429 and "That was tried very often." in page and 'value="social.test"' in page
    # Somebody else is not held up, until it is one server that is asked for by everybody.
    addresses = iter(f"192.0.2.{number}" for number in range(1, 250))
    monkeypatch.setattr("web.pages.elsewhere.client_address", lambda: next(addresses))
    seen = set()
    for number in range(throttle.LIMITS["intent-host"][0]):
        await browser.post("/@alice/from-elsewhere", {"home": "me@SOCIAL.test" if number % 2 else "social.test"})
        seen.add(browser.status)
    assert 429 in seen
    await browser.post("/@alice/from-elsewhere", {"home": "other.test"})
    assert browser.status == 200


async def test_row_67_a_form_of_another_site_is_refused(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    for header in ({"Origin": "https://evil.test"}, {"Sec_Fetch_Site": "cross-site"}):
        await browser.post("/@alice/from-elsewhere", {"home": "social.test"}, **header)
        assert browser.status == 403 and "Refresh" not in browser.headers


async def test_what_lives_elsewhere_is_acted_on_there(app: Quart, site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        await elsewhere.put_person(tx, person("mia"))
    browser = Browser(app)
    page = await browser.post("/@mia@far.example/from-elsewhere", {"home": "social.test"})
    assert browser.status == 422 and "lives on far.example" in page


async def test_a_note_can_be_answered_from_elsewhere(app: Quart, site: Site, alice: Account) -> None:
    note = await say(site, alice, "In the studio")
    page = await Browser(app).get(f"/@alice/{note.id}/from-elsewhere?verb=reply")
    assert "Comment on a post by Alice Painter" in page
