"""Decision 12: pictures of works that are not for everybody have addresses for other servers, which a change makes void."""

from typing import Any

import pytest
from quart import Quart

from server import artworks, posts
from server.artworks import Draft, Picture
from server.models import Account, Audience, Rendition
from server.site import Site
from tests.conftest import browser
from tests.works import publish, renditions_of


async def status(app: Quart, address: str) -> int:
    return (await browser(app).get(address.removeprefix("http://art.test"))).status_code  # type: ignore[no-any-return]


@pytest.fixture
async def shared(site: Site, alice: Account, run_jobs: Any) -> tuple[int, Rendition, str]:
    """A work for followers: its id, one of its files, and the address that other servers get."""
    work = await publish(site, alice, audience=Audience.FOLLOWERS)
    await run_jobs(site)
    async with site.db.read() as tx:
        media = (await posts.get(tx, work.id, alice.actor)).media[0]
    file = (await renditions_of(site, media.id))[0]
    return work.id, file, site.urls.shared(file, Audience.FOLLOWERS)


async def narrow(site: Site, author: Account, post_id: int, audience: Audience) -> None:
    async with site.db.write() as tx:
        post = await posts.mine(tx, post_id, author.actor)
        pictures = tuple(Picture(media.id, media.alt) for media in post.media)
        await artworks.edit(tx, post, Draft(title="x", pictures=pictures, audience=audience), urls=site.urls)


async def test_only_the_whole_address_opens_it(site: Site, app: Quart, shared: tuple[int, Rendition, str]) -> None:
    _, file, address = shared
    reply = await browser(app).get(address.removeprefix("http://art.test"))
    assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "private, max-age=3600")
    assert "?" not in address, "a query would make some servers drop the post (rule 6)"
    forged = [
        site.urls.rendition(file),
        site.urls.shared(file, Audience.MENTIONED),
        address.replace(f"-{site.urls.sharing_key(file, Audience.FOLLOWERS)}", f"-{'0' * 24}"),
    ]
    assert [await status(app, one) for one in forged] == [404, 404, 404]


@pytest.mark.parametrize("change", ["narrowed", "deleted"])
async def test_it_is_void_at_once(
    site: Site, app: Quart, alice: Account, shared: tuple[int, Rendition, str], change: str
) -> None:
    post_id, file, address = shared
    assert await status(app, address) == 200
    if change == "narrowed":
        await narrow(site, alice, post_id, Audience.MENTIONED)
        assert await status(app, site.urls.shared(file, Audience.MENTIONED)) == 200
    else:
        async with site.db.write() as tx:
            await posts.remove(tx, await posts.mine(tx, post_id, alice.actor), alice.actor)
    assert await status(app, address) == 404


async def test_what_is_for_everybody_has_its_plain_address(site: Site, shared: tuple[int, Rendition, str]) -> None:
    _, file, _ = shared
    assert site.urls.shared(file, Audience.UNLISTED) == site.urls.rendition(file)
