"""What the house says of itself, and that every page keeps to one inline style and no inline script."""

import io
import re
import tarfile

import pytest
from quart import Quart

from server import galleries, posts, rights, tags
from server.models import Account, Rating
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang, say
from web.page import style_hash


async def test_about_says_who_is_here_and_offers_the_source(app: Quart, site: Site, alice: Account) -> None:
    await hang(site, alice)
    page = await Browser(app).get("/about")
    assert "1 person, 1 public work" in page and "let in whom they can look after" in page
    assert "GNU Affero General Public License" in page and 'href="http://art.test/source"' in page


async def test_the_source_is_what_runs_here_and_nothing_private(app: Quart, site: Site) -> None:
    response = await app.test_client().get("/source", headers={"Host": "art.test"})
    assert response.status_code == 200 and response.mimetype == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(await response.get_data())) as packed:
        names = packed.getnames()
        assert {entry.uname for entry in packed} == {""}
    for name in (
        "server/app.py",
        "web/pages/about.py",
        "federation/__init__.py",
        "templates/base.html",
        "web/static/site.css",
    ):
        assert f"cartellino/{name}" in names
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|/data/|\.db$|secrets/|\.git/|\.venv", name)]


async def test_rights_explains_every_licence_and_every_reservation_and_their_limits(app: Quart) -> None:
    page = await Browser(app).get("/rights")
    for terms in rights.LICENCES.values():
        assert terms.words in page and terms.deed.replace("&", "&amp;") in page
    for signals in rights.RESERVATIONS.values():
        assert signals.name in page and signals.words in page
    assert "a legal reservation, not a lock" in page


async def test_light_and_dark_are_the_readers_choice(app: Quart) -> None:
    browser = Browser(app)
    assert "data-theme" not in await browser.get("/about")
    await browser.post("/theme", {"theme": "dark", "next": "/about"})
    assert (browser.status, browser.location) == (303, "/about")
    assert '<html lang="en" data-theme="dark">' in await browser.get("/about")
    await browser.post("/theme", {"theme": "system", "next": "//evil.test"})
    assert browser.location == "/"
    assert "data-theme" not in await browser.get("/about")
    await browser.post("/theme", {"theme": "<script>", "next": "/about"})
    assert "data-theme" not in await browser.get("/about")


@pytest.mark.parametrize("who", ["stranger", "author", "reader"])
async def test_no_page_has_a_style_attribute_or_an_inline_script(
    app: Quart, site: Site, alice: Account, bob: Account, who: str
) -> None:
    work = await hang(site, alice, pictures=2)
    veiled = await hang(site, alice, rating=Rating.MATURE)
    wet = await hang(site, alice, ready=False)
    note = await say(site, alice, "In the studio")
    await say(site, bob, "Lovely.", work)
    async with site.db.write() as tx:
        post = await posts.get(tx, work.id, alice.actor)
        await galleries.put(tx, post, alice.actor, ["Boats"])
        await tags.put(tx, post, ["ink"])
    browser = Browser(app)
    if who != "stranger":
        await browser.as_somebody(alice if who == "author" else bob)
    paths = [
        "/", "/explore", "/home", "/@alice", "/@alice?view=grid", "/@alice/posts", "/@alice/about", "/@alice/galleries",
        "/@alice/galleries/boats", "/@alice/galleries/boats/edit", f"/@alice/{work.id}", f"/@alice/{veiled.id}",
        f"/@alice/{veiled.id}?show=1", f"/@alice/{wet.id}", f"/@alice/{note.id}", "/tags/ink", "/about", "/rights",
        "/requests", "/@alice/block", "/nothing",
    ]  # fmt: skip
    for path in paths:
        page = await browser.get(path)
        assert browser.status < 500, path
        if browser.status in (302, 303):
            continue
        assert " style=" not in page and not re.search(r"\son\w+=", page), path
        # A block of data for search engines is no script: no browser runs it (HTML, 4.12.1).
        scripts = [tag for tag in re.findall(r"<script[^>]*>", page) if tag != '<script type="application/ld+json">']
        assert all(" src=" in tag for tag in scripts), path
        styles = re.findall(r"<style>(.*?)</style>", page, re.S)
        assert len(styles) <= 1
        for style in styles:
            assert style_hash(style) in browser.headers["Content-Security-Policy"], path
            assert re.fullmatch(r"(\.m\d+\{[-a-z0-9:;.%#]+\})*", style), path
        assert "unsafe" not in browser.headers["Content-Security-Policy"]
        assert all(
            re.search(r'width="\d+" height="\d+"', image) for image in re.findall(r"<img [^>]*src=[^>]*>", page)
        ), path
        assert all(" alt=" in image for image in re.findall(r"<img [^>]*>", page)), path
