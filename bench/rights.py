"""What the rights in headers, in the head of a page and in its data for search engines cost, beside the same page without them.

.venv/bin/python -m bench.rights
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from bench import _measure as measure
from server import migrations, posts, rights
from server.app import build_site, close, create_app
from server.db import Database
from server.models import Post
from server.rights import channels
from server.settings import load
from server.site import Site
from tests import conftest
from tests.hung import hang

ROUNDS = 7
CALLS = 2000
PAGES = 60


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(Path(folder)))


async def measured(folder: Path) -> None:
    wanted = {"CARTELLINO_BASE_URL": "http://art.test", "CARTELLINO_UPLOADS_RESERVE_MEGABYTES": "1"}
    settings = load(wanted, folder)
    site = build_site(settings)
    await migrations.upgrade(Database(settings.database_url))
    try:
        alice = await conftest.make_account(site, "alice", name="Alice Painter")
        work = await hang(site, alice)
        async with site.db.read() as tx:
            post = await posts.get(tx, work.id, alice.actor)
        calls = of_calls(site, post)
        pages = await of_pages(site, f"/@alice/{work.id}")
    finally:
        await close(site)
    lines = ["| what, CPU µs per call | measured |", "|---|---|"]
    lines += [f"| {name} | {measure.median(values)} |" for name, values in calls.items()]
    with_them, without = pages["with"], pages["without"]
    ratio = statistics.median(with_them[0]) / statistics.median(without[0])
    lines += [
        "",
        "| page of a work for a stranger, not kept | CPU ms | bytes of headers | bytes of HTML |",
        "|---|---|---|---|",
        f"| with rights in headers, head and data | {measure.median(with_them[0])} | {with_them[1]} | {with_them[2]} |",
        f"| the same without them | {measure.median(without[0])} | {without[1]} | {without[2]} |",
        "",
        f"The page with them costs {ratio:.2f} times the page without.",
    ]
    measure.write("rights", "Rights on a page", ".venv/bin/python -m bench.rights", lines)


def of_calls(site: Site, post: Post) -> dict[str, list[float]]:
    """Each renderer alone."""
    described = rights.of(post, site.urls)
    jobs: dict[str, Callable[[], Any]] = {
        "describe the work": lambda: rights.of(post, site.urls),
        "headers": lambda: channels.http(described),
        "head of the page": lambda: channels.head(described),
        "data for search engines": lambda: channels.schema_org(described),
        "words for people": lambda: channels.words(described),
    }
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            before = time.process_time()
            for _ in range(CALLS):
                job()
            spent[name].append((time.process_time() - before) / CALLS * 1e6)
    return spent


async def of_pages(site: Site, path: str) -> dict[str, tuple[list[float], int, int]]:
    """The same page with and without them, alternating."""
    app = create_app(site)
    app.extensions["shelf"].find = lambda: None  # a stranger's page is made anew each time
    nothing = mock.patch.multiple(
        channels, http=lambda *_, **__: [], head=lambda *_: {"meta": {}, "links": []}, schema_org=lambda *_: {}
    )
    found: dict[str, tuple[list[float], int, int]] = {}
    for number in range(ROUNDS + 1):
        for name in ("with", "without"):
            if name == "without":
                nothing.start()
            before = time.process_time()
            for _ in range(PAGES):
                answer = await app.test_client().get(path, headers={"Host": "art.test"})
            used = (time.process_time() - before) / PAGES * 1e3
            if name == "without":
                nothing.stop()
            assert answer.status_code == 200
            body = await answer.get_data(as_text=False)
            headers = sum(len(key) + len(value) + 4 for key, value in answer.headers)
            values, _, _ = found.get(name, ([], 0, 0))
            if number:  # the first round warms up
                values.append(used)
            found[name] = (values, headers, len(body))
    return found


if __name__ == "__main__":
    main()
