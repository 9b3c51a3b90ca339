"""The wall of a tag."""

from quart import Quart

from server import posts, tags
from server.models import Account
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang


async def test_a_tag_is_found_whatever_its_case(app: Quart, site: Site, alice: Account) -> None:
    tagged, other = await hang(site, alice, "Tagged"), await hang(site, alice, "Other")
    async with site.db.write() as tx:
        await tags.put(tx, await posts.get(tx, tagged.id, alice.actor), ["PictureBook", "日本"])
    browser = Browser(app)
    for path in ("/tags/picturebook", "/tags/PICTUREBOOK"):
        page = await browser.get(path)
        assert '<h1 class="h">#PictureBook</h1>' in page
        assert f"/@alice/{tagged.id}" in page and f"/@alice/{other.id}" not in page
        assert '<link rel="canonical" href="http://art.test/tags/picturebook">' in page
    assert "#日本" in await browser.get("/tags/%E6%97%A5%E6%9C%AC")


async def test_a_tag_that_nobody_used(app: Quart) -> None:
    browser = Browser(app)
    assert "Nobody has used this tag yet." in await browser.get("/tags/<b>")
    assert browser.status == 404
