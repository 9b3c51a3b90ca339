"""security.md row 48, on the way out: with whom this house exchanges nothing is not asked, wherever a redirect leads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from federation import remote
from federation.vocabulary import ACTIVITY_JSON
from server import cache, elsewhere, hosts, jobs
from server.errors import Forbidden, GiveUp, Problem, TryLater
from server.models import HostLevel, Media, MediaState
from server.settings import Settings
from server.site import Site
from tests.conftest import settings_for
from tests.neighbours import reply
from tests.server.test_elsewhere import person, work
from tests.strangers import Stranger, stranger


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return settings_for(tmp_path, database_url, CARTELLINO_NETWORK_PRIVATE_RANGES="127.0.0.0/8")


@pytest.fixture
async def evil() -> AsyncIterator[Stranger]:
    async with stranger() as made:
        made.person("eve")
        yield made


@pytest.fixture
async def good() -> AsyncIterator[Stranger]:
    """A server that answers everything with a redirect to the same place at evil's."""
    async with stranger() as made:
        yield made


async def document(site: Site, good: Stranger) -> None:
    await remote.get_document(site, good.url("/posts/1"))


async def actor(site: Site, good: Stranger) -> None:
    await remote.actor(site, good.url("/users/eve"))


async def key(site: Site, good: Stranger) -> None:
    await remote.key(site, good.url("/users/eve#main-key"))


async def post(site: Site, good: Stranger) -> None:
    await remote.post(site, good.url("/posts/1"))


async def handle(site: Site, good: Stranger) -> None:
    await remote.finger(site, remote.Handle("eve", good.host))


async def software(site: Site, good: Stranger) -> None:
    await remote.nodeinfo(site, good.host)


async def picture(site: Site, good: Stranger) -> None:
    """A picture of a work; what went wrong stands in its row."""
    shown = (elsewhere.Picture(good.url("/heron.png"), "image/png"),)
    async with site.db.write() as tx:
        author = await elsewhere.put_person(tx, person())
        made = await elsewhere.put_post(tx, work(pictures=shown), author, urls=site.urls)
        assert made is not None
    async with site.db.read() as tx:
        media = (await tx.scalars(select(Media).where(Media.post_id == made.id))).one()
    await cache.cache(site, jobs.Cache(media.id))
    async with site.db.read() as tx:
        row = await tx.get_one(Media, media.id)
    assert (row.state, row.failure) == (MediaState.FAILED, cache.NOT_WELCOME)


async def looked_up(site: Site, good: Stranger) -> None:
    await remote.Neighbours().fetch_picture(site, good.url("/heron.png"), site.incoming / "picture")


Caller = Callable[[Site, Stranger], Awaitable[None]]
PATHS = ("/posts/1", "/users/eve", "/heron.png", "/.well-known/nodeinfo", "/.well-known/host-meta")


def lead(good: Stranger, evil: Stranger) -> None:
    """Let every address that the callers ask lead to evil's server."""
    finger = f"/.well-known/webfinger?resource={quote(f'acct:eve@{good.host}', safe='')}"
    for path in (*PATHS, finger):
        good.pages[path] = reply(302, Location=evil.url(path))
        evil.put(path, {"id": evil.url(path), "type": "Note"}, kind=ACTIVITY_JSON)
    evil.pages["/heron.png"] = reply(200, b"no picture", Content_Type="image/png")


@pytest.mark.parametrize("ask", [document, actor, key, post, handle, software, picture, looked_up])
@pytest.mark.parametrize("is_suspended", [True, False], ids=["suspended", "welcome"])
async def test_row_48_a_redirect_leads_to_nobody_who_is_suspended(
    site: Site, good: Stranger, evil: Stranger, ask: Caller, is_suspended: bool
) -> None:
    lead(good, evil)
    if is_suspended:
        async with site.db.write() as tx:
            await hosts.set_rule(tx, None, evil.host, HostLevel.SUSPEND)
    with suppress(GiveUp, Problem, TryLater, AssertionError):  # who is welcome is asked, whatever they then say
        await ask(site, good)
    assert good.asked, "it was asked"
    assert (evil.asked == []) is is_suspended


@pytest.mark.parametrize("ask", [picture, looked_up])
async def test_row_48_pictures_that_are_not_wanted_come_by_no_detour(
    site: Site, good: Stranger, evil: Stranger, ask: Caller
) -> None:
    lead(good, evil)
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, evil.host, HostLevel.NONE, rejects_media=True)
    if ask is looked_up:
        with pytest.raises(Forbidden):
            await ask(site, good)
    else:
        await ask(site, good)
    assert len(good.asked) == 1 and evil.asked == []
