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


async def outcomes(art: Home, sent: list[tuple[str, int, dict[str, Any]]]) -> dict[str, list[str]]:
    """What became of every example, by family: "work 2" and "note 0" with the number of pictures, or why there is nothing."""
    found: dict[str, list[str]] = {}
    async with art.site.db.read() as tx:
        received = {row.activity_uri: row for row in await tx.scalars(select(Received))}
        query = select(Post).where(Post.uri.is_not(None)).options(selectinload(Post.media), selectinload(Post.artwork))
        posts = {post.uri: post for post in await tx.scalars(query)}
    for family, status, activity in sent:
        row = received.get(activity["id"])
        kept = posts.get((activity.get("object") or {}).get("id"))
        if row is None:
            said = f"{status}"
        elif kept is None:
            said = f"{row.state.value}: {row.reason}"
        else:
            harmless(kept.html)
            said = f"{kept.kind.value} {len(kept.media)}"
        found.setdefault(family, []).append(said)
    return found


@ON_SQLITE
async def test_every_input_is_taken_and_becomes_what_it_should(art: Home, alice: Account, pasture: Pasture) -> None:
    examples = [(family, example) for family, listed in inputs().items() for example in listed]
    whom = art.url("/users/alice")

    def send(one: tuple[str, dict[str, Any]]) -> tuple[str, int, dict[str, Any]]:
        answer = pasture.send(whom, one[1])
        return one[0], answer["status"], answer["activity"]

    def send_all() -> list[tuple[str, int, dict[str, Any]]]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(send, examples))

    sent = await asyncio.to_thread(send_all)
    await art.rest()
    found = await outcomes(art, sent)
    for family, said in found.items():
        print(family, json.dumps(said))
    assert False
