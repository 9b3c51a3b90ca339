"""The pages of federation in a real browser, between two houses that really run: follow, like, boost, comment, and the way from a
stranger's own server. In both themes, at both widths, with axe, and no violation of the content security policy."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests import paint
from tests.eyes import CHROMIUM, DESK, Eyes, chromium
from tests.running import PASSWORD, House, free_port
from tests.tools import requires


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    requires("chromium", bool(CHROMIUM))
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    """Where Ines works, and where Bob reads."""
    requires("chromium", bool(CHROMIUM))
    folder = tmp_path_factory.mktemp("far")
    secret, ferry = folder / "password", folder / "ferry.jpg"
    secret.write_text(f"{PASSWORD}\n")
    ferry.write_bytes(paint.jpeg(1500, 1000, seed=5))
    made = []
    for place, handle, name in (("a", "ines", "Ines Valcourt"), ("b", "bob", "Bob Reader")):
        port = free_port()
        house = House(
            folder / place,
            {"CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.0/8", "CARTELLINO_BASE_URL": f"http://127.0.0.1:{port}"},
            port=port,
        )
        house.run(
            "user", "create", handle, "--email", f"{handle}@mail.test", "--password-file", str(secret), "--name", name
        )
        made.append(house)
    a, b = made
    a.run(
        "post", str(ferry), "--as", "ines", "--title", "The Last Ferry", "--alt", "A ferry at dusk.", "--tag", "Ferry"
    )
    with a, b:
        yield a, b


def person(browser: Browser, house: House, name: str = "") -> Eyes:
    """Somebody with a browser of their own, signed in where they have a name."""
    eyes = Eyes(browser.new_context(viewport=DESK, color_scheme="light"), house.address)  # type: ignore[arg-type]
    eyes.page.emulate_media(reduced_motion="reduce")
    if name:
        eyes.go("/login")
        eyes.page.get_by_label("Name or e-mail address").fill(name)
        eyes.page.get_by_label("Password").fill(PASSWORD)
        eyes.page.get_by_role("button", name="Sign in").click()
        eyes.page.wait_for_load_state("networkidle")
    return eyes


def look(eyes: Eyes, what: str) -> None:
    """See the page, and keep away from moving on: a transition that is broken off by the next look complains."""
    eyes.look(what)
    eyes.page.emulate_media(reduced_motion="reduce")


def until_seen(eyes: Eyes, path: str, words: str) -> None:
    """Open a page until it says so: what one house tells the other takes a moment."""
    for _ in range(60):
        eyes.go(path)
        if eyes.page.get_by_text(words).count():
            return
        time.sleep(0.5)
    raise AssertionError(f"{path} never says {words!r}")


@pytest.mark.timeout(600)
def test_two_people_on_two_servers(browser: Browser, houses: tuple[House, House]) -> None:
    a, b = houses
    host = a.address.removeprefix("http://")
    bob, ines = person(browser, b, "bob"), person(browser, a, "ines")

    # Bob looks for Ines and follows her.
    bob.go("/search")
    look(bob, "search")
    bob.page.get_by_label("A name, a tag, or an address").fill(f"@ines@{host}")
    bob.page.locator("main").get_by_role("button", name="Search").click()
    expect(bob.page.get_by_role("heading", name="Ines Valcourt")).to_be_visible()
    until_seen(bob, f"/@ines@{host}", "The Last Ferry")
    look(bob, "a profile elsewhere")
    bob.page.get_by_role("button", name=re.compile("^Follow")).click()
    until_seen(bob, f"/@ines@{host}", "Following")

    # Her work, and what can be done with it.
    bob.page.get_by_role("link", name=re.compile("The Last Ferry")).click()
    expect(bob.page.get_by_role("link", name=f"On {host}, open the original")).to_be_visible()
    path = bob.page.url.removeprefix(b.address)
    for before, after in (("Like", "Liked"), ("Boost", "Boosted")):
        bob.page.get_by_role("button", name=re.compile(f"^{before}")).click()
        expect(bob.page.get_by_role("button", name=re.compile(f"^{after}"))).to_be_visible()
    bob.page.get_by_label("Your comment").fill("What a light!")
    bob.page.get_by_role("button", name="Send").click()
    expect(bob.page.get_by_text("What a light!")).to_be_visible()
    look(bob, "a work elsewhere")
    bob.go("/home")
    expect(bob.page.get_by_text("You boosted")).to_be_visible()
    look(bob, "home")
    bob.go(f"{path.split('-')[0]}/report")
    look(bob, "report")
    bob.go(f"/@ines@{host}/block")
    look(bob, "block")

    # She is told, and sees where her work has gone.
    until_seen(ines, "/explore", "4 new")
    ines.go("/notifications")
    expect(ines.page.get_by_text("What a light!")).to_be_visible()
    look(ines, "notifications")
    for page in ("/settings/privacy", "/followers", "/requests"):
        ines.go(page)
        look(ines, page)
    bob.satisfied()
    ines.satisfied()

    # Somebody without an account is told where she lives.
    stranger = person(browser, b)
    stranger.go(f"/@ines@{host}")
    expect(stranger.page.get_by_role("heading", name=f"Ines Valcourt lives on {host}")).to_be_visible()
    look(stranger, "somebody elsewhere")
    stranger.satisfied()


@pytest.mark.timeout(300)
def test_a_stranger_goes_on_to_their_own_server(browser: Browser, houses: tuple[House, House]) -> None:
    """The trap of ux.md 4.1: no form may be answered by a redirect to another site; the browser arrives all the same."""
    a, b = houses
    stranger = person(browser, a)
    stranger.go("/@ines")
    stranger.page.get_by_role("link", name=re.compile("^Follow")).click()
    expect(stranger.page.get_by_role("heading", name="Follow Ines Valcourt")).to_be_visible()
    look(stranger, "follow")
    stranger.page.get_by_label("Your address").fill(f"bob@{b.address.removeprefix('http://')}")

    def stay(route: Route) -> None:
        """The page without its header, so that there is time to look at it."""
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
        route.fulfill(response=answer, headers=headers)

    stranger.page.route("**/from-elsewhere", stay)
    stranger.page.get_by_role("button", name="Continue").click()
    expect(stranger.page.get_by_role("heading", name="Continue to")).to_be_visible()
    look(stranger, "continue")
    stranger.satisfied()

    arriving = person(browser, a)
    arriving.go("/@ines/follow")
    arriving.page.get_by_label("Your address").fill(f"bob@{b.address.removeprefix('http://')}")
    arriving.page.get_by_role("button", name="Continue").click()
    arriving.page.wait_for_url(f"{b.address}/login?next=/authorize_interaction**", timeout=15_000)
    assert not [words for words in arriving.complaints if "CSP" in words]
