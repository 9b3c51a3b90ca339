"""Pages for strangers are kept for the next stranger, and never a moment longer than they are true."""

from typing import Any

import brotli
import pytest
from quart import Quart

from server.models import Account
from server.site import Site
from tests.conftest import browser, signed_in
from tests.hung import hang, statements
from web import kept, page


async def test_the_second_stranger_costs_no_statement(site: Site, app: Quart, client: Any, alice: Account) -> None:
    await hang(site, alice, "The Last Ferry")
    first = await client.get("/@alice")
    with statements(site) as counted:
        second = await browser(app).get("/@alice")
    assert counted == []
    assert await first.get_data() == await second.get_data()
    for name in ("Content-Security-Policy", "ETag", "Cache-Control", "Vary", "X-Content-Type-Options"):
        assert first.headers[name] == second.headers[name]


async def test_any_commit_ends_it_at_once(site: Site, app: Quart, client: Any, alice: Account) -> None:
    await hang(site, alice, "The Last Ferry")
    assert "Night Watch" not in await (await client.get("/")).get_data(as_text=True)
    await hang(site, alice, "Night Watch")
    assert "Night Watch" in await (await client.get("/")).get_data(as_text=True)


async def test_five_seconds_end_it_too(client: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process committed is seen that late."""
    await client.get("/about")
    later = kept.time.monotonic() + kept.SECONDS + 1
    monkeypatch.setattr(kept.time, "monotonic", lambda: later)
    with statements(site) as counted:
        await client.get("/about")
    assert counted


async def test_nobody_gets_what_was_made_for_somebody(app: Quart, client: Any, alice: Account) -> None:
    """security.md row 69, in both directions."""
    member = await signed_in(app, alice)
    mine = await (await member.get("/")).get_data(as_text=True)
    theirs = await (await client.get("/")).get_data(as_text=True)
    again = await (await member.get("/")).get_data(as_text=True)
    assert "csrf" in mine and "Publish" in again
    assert "Sign in" in theirs and "Publish" not in theirs


async def test_forms_with_a_key_are_never_shared(app: Quart, client: Any) -> None:
    """Two people who ask to join at the same moment must not hold the same form: the second would be taken for a repeat."""
    first, second = await client.get("/join"), await browser(app).get("/join")
    assert await first.get_data() != await second.get_data()
    assert "public" not in first.headers["Cache-Control"]


async def test_a_kept_page_is_compared_and_compressed(app: Quart, client: Any) -> None:
    first = await client.get("/rights", headers={"Accept-Encoding": "br"})
    second = await browser(app).get("/rights", headers={"Accept-Encoding": "br"})
    assert second.headers["Content-Encoding"] == "br" and await second.get_data() == await first.get_data()
    known = await client.get("/rights", headers={"If-None-Match": first.headers["ETag"], "Accept-Encoding": "br"})
    assert known.status_code == 304 and await known.get_data() == b""


async def test_a_theme_is_a_page_of_its_own(client: Any) -> None:
    await client.get("/rights")
    client.set_cookie("art.test", "theme", "dark")
    assert 'data-theme="dark"' in await (await client.get("/rights")).get_data(as_text=True)


async def test_the_shelf_does_not_grow_without_end(app: Quart, client: Any) -> None:
    for number in range(kept.MOST + 20):
        await client.get(f"/rights?{number}")
    assert len(app.extensions["shelf"].pages) == kept.MOST


async def test_static_texts_travel_compressed(client: Any) -> None:
    """The stylesheet is most of what a first visit weighs beside the pictures."""
    address = page.static("site.css")
    plain = await client.get(address)
    small = await client.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert small.headers["Content-Encoding"] == "br" and "Accept-Encoding" in small.headers["Vary"]
    assert brotli.decompress(await small.get_data()) == await plain.get_data()
    assert len(await small.get_data()) < 12_000
    font = await client.get(page.static("fonts/newsreader-latin.woff2"), headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in font.headers
