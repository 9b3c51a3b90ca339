"""Rows 43 and 44: the desk of the house is closed to everybody else, and being refused costs nothing."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from quart import Quart
from sqlalchemy import event

from server.models import Account, Role
from server.site import Site
from tests.browsing import Browser
from tests.conftest import make_account
from tests.desk import desk

# What administrators alone may do; everything else at the desk is for moderators too.
ADMINS = ("/admin/federation", "/retry", "/pause", "/resume", "/forget", "/dialect", "/admin/received/", "/admin/jobs/")


def doors(app: Quart) -> list[tuple[str, str]]:
    """(method, path) of every route of the desk, so that a new one is asked without being listed here."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule == "/admin" or rule.rule.startswith("/admin/"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: "far.example" if name[1] == "host" else "7", rule.rule)
            found += [(method, path) for method in sorted(rule.methods or ()) if method in ("GET", "POST")]
    assert len(found) > 20
    return found


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """Every statement that either engine runs meanwhile."""
    seen: list[str] = []

    def note(_c: object, _cur: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engines = (site.db.writer.sync_engine, site.db._reader.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def ask(browser: Browser, method: str, path: str) -> None:
    await (browser.get(path) if method == "GET" else browser.post(path, {"reason": "x"}))


async def test_row_44_strangers_are_refused_before_any_query(site: Site, app: Quart) -> None:
    stranger = Browser(app)
    await stranger.get("/admin/reports")  # the first request of a process compiles templates
    await stranger.post("/admin/reports/7/close")
    with statements(site) as seen:
        for method, path in doors(app):
            began = time.perf_counter()
            await ask(stranger, method, path)
            spent = time.perf_counter() - began
            assert stranger.status in (302, 303, 401), (method, path, stranger.status)
            assert not seen, (method, path, seen)
            assert spent < 0.2, (method, path, spent)  # 20 ms on a machine of its own; here two cores are shared


async def test_row_43_members_are_refused_with_nothing_asked_but_who_they_are(
    site: Site, app: Quart, alice: Account
) -> None:
    member = await desk(app, alice)
    with statements(site) as seen:
        await member.get("/admin/reports")
        of_the_session = len(seen)
        for method, path in doors(app):
            seen.clear()
            await ask(member, method, path)
            assert member.status == 403, (method, path, member.status)
            assert len(seen) <= of_the_session, (method, path, seen)


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
async def test_row_43_the_queues_are_for_administrators_and_the_rest_for_moderators(
    site: Site, app: Quart, role: Role
) -> None:
    browser = await desk(app, await make_account(site, "mo", role=role))
    for method, path in doors(app):
        await ask(browser, method, path)
        closed = role is Role.MODERATOR and any(part in path for part in ADMINS)
        assert (browser.status == 403) is closed, (method, path, browser.status)
        assert browser.status < 500, (method, path)
