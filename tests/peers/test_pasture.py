"""fediverse-pasture: six probe actors that look at one of ours, and every example of its inputs delivered to our inbox."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from server import follows
from server.models import Account, Kind, Post, Received, ReceivedState
from tests.peers.home import Home
from tests.peers.kit import Pasture, inputs
from tests.peers.them import ON_SQLITE


@ON_SQLITE
async def test_the_probes_see_a_server_that_verifies(art: Home, alice: Account, pasture: Pasture) -> None:
    """Signed POSTs are taken, also from actors without WebFinger and from one that wants our GETs signed; unsigned ones are not."""
    seen = await asyncio.to_thread(pasture.verify, f"alice@{art.name}")

    messages = seen.pop("messages")
    assert seen.pop("webfinger") is True, messages
    assert {name: one["get_actor"] for name, one in seen.items()} == dict.fromkeys(seen, True), messages
    taken = {name for name, one in seen.items() if one["post_inbox"]}
    assert taken == {"bob", "claire", "emily", "frank"} and set(seen) - taken == {"alice", "dean"}, messages


class Tags(HTMLParser):
    """Every element and attribute of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


ALLOWED = {
    "a": {"href", "rel", "class", "target"}, "p": set(), "br": set(), "span": {"class"},
    **dict.fromkeys(("b", "strong", "i", "em", "u", "del", "s", "ins", "mark", "code", "pre", "blockquote", "ul", "ol", "li"), set()),
}  # fmt: skip


def harmless(html: str) -> None:
    """Nothing in `html` runs, looks like ours, or is fetched."""
    for tag, attributes in Tags(html).found:
        assert tag in ALLOWED, html
        assert set(attributes) <= ALLOWED[tag], html
        assert (attributes.get("href") or "https://").startswith(("https://", "http://", "/")), html
