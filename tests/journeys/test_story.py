"""The story in a real browser: from the set-up link to a work on the wall, with scripts and without.

It fails on any console error, any request to a foreign host, any axe-core violation, any report of the content security policy,
and any page wider than its window, in both themes, at 390 and 1440 pixels.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import paint
from tests.eyes import CHROMIUM, DESK, Eyes, chromium
from tests.running import PASSWORD, House
from tests.server.media.pictures import painting
from tests.tools import requires


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    requires("chromium", bool(CHROMIUM))
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    requires("chromium", bool(CHROMIUM))
    with House(tmp_path_factory.mktemp("story") / "data", is_new=True, starts_quickly=False) as made:
        yield made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three files as artists have them: a large JPEG, a cut-out PNG, a tall WebP."""
    folder = tmp_path_factory.mktemp("files")
    ferry, figure, strip = folder / "ferry.jpg", folder / "figure.png", folder / "strip.webp"
    ferry.write_bytes(paint.jpeg(2600, 1700, seed=3))
    cut = painting(900, 900, 4).convert("RGBA")
    cut.putalpha(Image.radial_gradient("L").resize((900, 900)).point(lambda value: 255 if value < 180 else 0))
    cut.save(figure)
    painting(700, 1500, 5).convert("RGB").save(strip, quality=90)
    return [ferry, figure, strip]


def person(browser: Browser, house: House, **options: object) -> Eyes:
    """Somebody with a browser of their own."""
    return Eyes(browser.new_context(viewport=DESK, color_scheme="light", **options), house.address)  # type: ignore[arg-type]


def sign_in(eyes: Eyes, name: str) -> None:
    eyes.go("/login")
    eyes.page.get_by_label("Name or e-mail address").fill(name)
    eyes.page.get_by_label("Password").fill(PASSWORD)
    eyes.page.get_by_role("button", name="Sign in").click()
    eyes.page.wait_for_load_state("networkidle")


def published(page: Page, title: str) -> None:
    """Wait until the work's own page shows its picture; while it is being made, the page comes back by itself."""
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator(".stage img").first).to_be_visible(timeout=30_000)


@pytest.mark.timeout(600)
def test_from_the_set_up_link_to_a_work_on_the_wall(browser: Browser, house: House, files: list[Path]) -> None:
    ada = person(browser, house)

    # The first administrator.
    ada.go(house.setup_link)
    ada.look("set-up")
    ada.page.get_by_label("Name in your address").fill("ada")
    ada.page.get_by_label("Name to show").fill("Ada Ink")
    ada.page.get_by_label("E-mail address").fill("ada@mail.test")
    ada.page.get_by_label("Password").fill(PASSWORD)
    ada.page.get_by_role("button", name="Begin").click()
    expect(ada.page.get_by_label("One line")).to_be_visible()
    ada.page.get_by_label("One line").fill("Ink, gouache, the sea.")
    ada.page.get_by_role("button", name=re.compile("Save")).first.click()
    expect(ada.page.get_by_text("Saved.")).to_be_visible()

    # Somebody asks to join and is let in.
    bea = person(browser, house)
    bea.go("/join")
    bea.look("join")
    bea.page.get_by_label("Name in your address").fill("bea")
    bea.page.get_by_label("Name to show").fill("Bea Lindqvist")
    bea.page.get_by_label("E-mail address").fill("bea@mail.test")
    bea.page.get_by_label("Password").fill(PASSWORD)
    bea.page.get_by_label("About you").fill("I cut paper, and I come from a place that trains on it.")
    bea.page.get_by_role("button", name="Ask to join").click()
    bea.page.wait_for_load_state("networkidle")
    bea.look("waiting")
    ada.go("/admin/waiting")
    ada.look("who asks to join")
    ada.page.get_by_role("button", name="Let in bea").click()
    expect(ada.page.get_by_text("Nobody waits.")).to_be_visible()

    # Three files, descriptions, a focal point, and a nudge.
    sign_in(bea, "bea")
    bea.go("/new")
    bea.look("new work, empty")
    page = bea.page
    page.set_input_files("#files", [str(file) for file in files])
    expect(page.locator("#cards .card")).to_have_count(3, timeout=30_000)
    for name in ("ferry.jpg", "figure.png", "strip.webp"):
        expect(page.get_by_role("img", name=f"Preview of {name}")).to_be_visible(timeout=30_000)
    names = page.locator("#cards .card .name b").all_inner_texts()
    assert sorted(names) == sorted(file.name for file in files)
    page.get_by_label("Description of ferry.jpg").fill("A red lighthouse over a calm sea.")
    page.get_by_label("Description of figure.png").fill("A round figure cut out of blue strokes.")
    page.get_by_role("img", name="Preview of ferry.jpg").click(position={"x": 20, "y": 20})
    page.get_by_label("Title", exact=True).fill("The Last Ferry")
    page.get_by_label("About this work").fill("The evening she counts one too few. #Lighthouse\n\nFor @ada.")
    page.get_by_label("Medium").fill("Gouache")
    page.get_by_label("Year").fill("2026")
    page.get_by_label("Tags").fill("#PictureBook")
    page.get_by_label("A new gallery").fill("La Gardienne")
    bea.look("new work, three images")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name="Publish without a description?")).to_be_visible()
    bea.look("publish without a description")
    page.get_by_role("link", name="Describe it").click()
    page.get_by_label("Description of strip.webp").fill("Nine panels, top to bottom, without words.")
    page.get_by_role("button", name="Publish").click()
    published(page, "The Last Ferry")
    work = page.url
    page.wait_for_load_state("networkidle")
    bea.look("work, by its artist")

    # Another person looks closely, likes, follows, says something.
    ada.go(work)
    ada.look("work")
    ada.page.locator("a.canvas").click()
    expect(ada.page.get_by_role("dialog", name=re.compile("close up"))).to_be_visible()
    ada.look("zoom")
    ada.page.keyboard.press("Escape")
    ada.page.get_by_role("button", name="Like").first.click()
    expect(ada.page.get_by_role("button", name=re.compile("Liked"))).to_be_visible()
    ada.page.get_by_role("button", name="Follow").first.click()
    expect(ada.page.get_by_role("button", name=re.compile("Following|Unfollow"))).to_be_visible()
    ada.page.get_by_label("Your comment").fill("The beam stops where the ferry’s light begins.")
    ada.page.get_by_role("button", name="Send").click()
    expect(ada.page.get_by_text("The beam stops where")).to_be_visible()
    ada.page.wait_for_load_state("networkidle")
    ada.look("work with a comment")
    ada.go("/home")
    expect(ada.page.get_by_text("The Last Ferry").first).to_be_visible()
    ada.look("home")

    # Every other page.
    for name, path in {
        "landing": "/", "explore": "/explore", "portfolio": "/@bea", "grid": "/@bea?view=grid",
        "galleries": "/@bea/galleries", "gallery": "/@bea/galleries/la-gardienne",
        "posts": "/@bea/posts", "about a person": "/@bea/about",
        "tag": "/tags/lighthouse", "about": "/about", "rights": "/rights", "write a post": "/post", "drafts": "/drafts",
        "settings profile": "/settings/profile", "settings rights": "/settings/rights", "settings account": "/settings/account",
        "settings devices": "/settings/devices",
    }.items():  # fmt: skip
        ada.go(path)
        ada.look(name)
    bea.go(work.split("-the-")[0] + "/edit")
    bea.look("change a work")
    bea.go(work.split("-the-")[0] + "/delete")
    bea.look("delete a work")
    ada.expected.add("404")
    ada.go("/@nobody")
    ada.look("nobody")

    stranger = person(browser, house)
    for name, path in {
        "landing": "/",
        "portfolio": "/@bea",
        "work": work,
        "sign in": "/login",
        "forgot": "/forgot",
    }.items():
        stranger.go(path)
        stranger.look(f"{name}, a stranger")
    for eyes in (ada, bea, stranger):
        eyes.satisfied()


@pytest.mark.timeout(300)
def test_everything_again_without_scripts(browser: Browser, house: House, files: list[Path]) -> None:
    """Upload, order, publish, like, comment and delete by forms alone."""
    if "zoe" not in house.run("user", "list").stdout:
        secret = house.data.parent / "password"
        secret.write_text(PASSWORD)
        house.run("user", "create", "zoe", "--email", "zoe@mail.test", "--password-file", str(secret))
    zoe = person(browser, house, java_script_enabled=False)
    sign_in(zoe, "zoe")
    page = zoe.page
    zoe.go("/new")
    page.get_by_label("Title", exact=True).fill("Made of forms")
    page.set_input_files("#files", [str(file) for file in files[:2]])
    page.get_by_role("button", name="Upload the chosen files").click()
    expect(page.locator("#cards .card")).to_have_count(2)
    expect(page.get_by_label("Title", exact=True)).to_have_value("Made of forms")
    page.get_by_role("button", name="Move figure.png up").click()
    assert page.locator("#cards .name b").all_inner_texts() == ["figure.png", "ferry.jpg"]
    page.get_by_label("Description of figure.png").fill("A figure")
    page.get_by_label("Description of ferry.jpg").fill("A ferry")
    page.get_by_role("button", name="Publish").click()
    published(page, "Made of forms")
    work = page.url
    page.get_by_label("Your comment").fill("Said without a script.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Said without a script.")).to_be_visible()
    page.goto(work.split("-made-")[0] + "/delete")
    page.get_by_role("button", name=re.compile("Delete")).click()
    zoe.expected.add("410")
    answer = page.goto(work)
    assert answer is not None and answer.status == 410
    zoe.satisfied()


@pytest.mark.timeout(200)
def test_a_form_sent_after_the_session_ended_loses_nothing(browser: Browser, house: House) -> None:
    """An expired session in the middle of composing: sign in again, and what was typed goes on."""
    kim = person(browser, house)
    secret = house.data.parent / "password"
    secret.write_text(PASSWORD)
    house.run("user", "create", "kim", "--email", "kim@mail.test", "--password-file", str(secret))
    sign_in(kim, "kim")
    kim.go("/post")
    kim.page.get_by_label("Text").fill("Written for an hour.")
    kim.context.clear_cookies()
    kim.expected.add("401")
    kim.page.get_by_role("button", name=re.compile("Publish|Send")).click()
    kim.page.get_by_label("Name or e-mail address").fill("kim")
    kim.page.get_by_label("Password").fill(PASSWORD)
    kim.page.get_by_role("button", name="Sign in").click()
    kim.page.get_by_role("button", name="Continue").click()
    expect(kim.page.get_by_text("Written for an hour.")).to_be_visible()
    kim.satisfied()


def test_a_picture_arrives_in_its_own_colours(browser: Browser, house: House) -> None:
    """What Chromium shows of the public WebP is what was painted, within the loss of compression (8 of 255 on average)."""
    secret = house.data.parent / "password"
    secret.write_text(PASSWORD)
    house.run("user", "create", "lou", "--email", "lou@mail.test", "--password-file", str(secret))
    red = house.data.parent / "red.png"
    Image.new("RGB", (400, 300), (200, 60, 40)).save(red)
    address = house.run("post", str(red), "--as", "lou", "--title", "Red", "--alt", "Red").stdout.strip()
    lou = person(browser, house)
    lou.go(address)
    shot = Image.open(io.BytesIO(lou.page.locator(".stage img").first.screenshot())).convert("RGB")
    middle = shot.getpixel((shot.width // 2, shot.height // 2))
    assert isinstance(middle, tuple)
    assert max(abs(seen - painted) for seen, painted in zip(middle, (200, 60, 40), strict=True)) <= 8
    lou.satisfied()
