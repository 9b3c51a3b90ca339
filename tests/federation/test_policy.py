"""How each server is spoken to, and when it is left in peace."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from federation import policy, receivers
from federation.vocabulary import READS_IMAGES, RFC9421, RFC9421_ED25519
from server import clock, jobs
from server.errors import TryLater
from server.models import Dialect, Host, Job
from server.site import Site
from tests.federation.neighbourhood import host_of

IMAGE, MASTODON, NOTE = Dialect.IMAGE, Dialect.IMAGE_MASTODON, Dialect.NOTE


def a_host(software: str = "", version: str = "", **more: Any) -> Host:
    given: dict[str, Any] = {"implements": [], "dialect": None, "signature": "", "failures": 0}
    return Host(name="h.test", software=software, version=version, **(given | more))


# -- dialects --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("software", "version", "dialect"),
    [
        ("cartellino", "0.1.0", IMAGE),
        ("Misskey", "2025.4.1", IMAGE),
        ("sharkey", "", IMAGE),
        ("mastodon", "4.3.0", MASTODON),
        ("mastodon", "4.7.0-alpha.2+glitch", MASTODON),
        ("mastodon", "v10.0", MASTODON),
        ("mastodon", "4.2.9", NOTE),
        ("mastodon", "4", NOTE),
        ("mastodon", "main", NOTE),
        ("pixelfed", "0.12.6", NOTE),
        ("gotosocial", "0.20.0", NOTE),
        ("never heard of", "1", NOTE),
        ("", "", NOTE),
    ],
)
def test_the_table_knows_who_shows_what(software: str, version: str, dialect: Dialect) -> None:
    assert policy.dialect(a_host(software, version), warned=False) is dialect


def test_the_first_that_matches_wins() -> None:
    declared = a_host("pixelfed", "0.12.6", implements=[RFC9421, READS_IMAGES])
    assert policy.dialect(declared, warned=False) is IMAGE
    declared.dialect = NOTE
    assert policy.dialect(declared, warned=False) is NOTE


def test_mastodon_drops_the_warning_of_an_image_so_it_gets_a_note() -> None:
    for host in (a_host("mastodon", "4.5.0"), a_host(dialect=MASTODON)):
        assert policy.dialect(host, warned=True) is NOTE
    assert policy.dialect(a_host("misskey", "2025.4.1"), warned=True) is IMAGE


def test_every_line_of_the_table_has_its_evidence() -> None:
    for name, line in receivers.RECEIVERS.items():
        assert name == line.software == name.lower() and line.verified and len(line.evidence) > 10
    assert len(receivers.RECEIVERS) == len(receivers._TABLE), "one line per software"


@pytest.mark.parametrize(
    ("host", "families"),
    [
        (None, ("cavage", "rfc9421")),
        (a_host(), ("cavage", "rfc9421")),
        (a_host(signature="rfc9421"), ("rfc9421", "cavage")),
        (a_host(implements=[RFC9421]), ("rfc9421", "cavage")),
        (a_host(implements=[RFC9421, RFC9421_ED25519]), ("ed25519", "cavage")),
        (a_host(implements=[RFC9421], signature="cavage"), ("cavage", "rfc9421")),
    ],
)
def test_what_was_accepted_last_is_tried_first(host: Host | None, families: tuple[str, str]) -> None:
    assert policy.families(host) == families


# -- the breaker -------------------------------------------------------------------------------------------------------------
def test_pauses_grow_to_a_day_with_a_fifth_of_jitter() -> None:
    minutes = (1, 5, 15, 60, 180, 360, 720, 1440, 1440, 1440)
    for failures, expected in enumerate(minutes, 1):
        pauses = [policy.pause(failures) / timedelta(minutes=1) for _ in range(50)]
        assert all(0.8 * expected <= pause <= 1.2 * expected for pause in pauses) and max(pauses) > min(pauses)


async def get(site: Site, name: str = "h.test") -> Host:
    async with site.db.read() as tx:
        return (await tx.scalars(select(Host).where(Host.name == name))).one()


async def fail(site: Site, **facts: Any) -> Host:
    async with site.db.write() as tx:
        policy.failed(await host_of(tx, "h.test"), "It answered 500.", **facts)
    return await get(site)


async def test_five_failures_in_a_row_open_it_and_one_of_the_network_does_at_once(site: Site) -> None:
    for _ in range(4):
        host = await fail(site, whole=False)
        policy.check_awake(host)
    host = await fail(site, whole=False)
    with pytest.raises(TryLater, match="It answered 500"):
        policy.check_awake(host)
    async with site.db.write() as tx:
        await policy.note_success(tx, ["h.test", "unknown.test"])
    host = await get(site)
    assert host.failures == 0 and host.answered_at and not host.reason and policy.is_lively(host)
    host = await fail(site, whole=True)
    with pytest.raises(TryLater) as raised:
        policy.check_awake(host)
    assert raised.value.at == host.resting_until and not policy.is_lively(host)


async def test_a_wish_for_peace_is_obeyed_up_to_a_day(site: Site) -> None:
    host = await fail(site, whole=True, wait=timedelta(hours=3))
    assert host.resting_until and timedelta(hours=2.9) < host.resting_until - clock.now() < timedelta(hours=3.1)
    host = await fail(site, whole=True, wait=timedelta(days=30))
    assert host.resting_until and host.resting_until - clock.now() <= timedelta(days=1)


def test_a_pause_by_the_administrator_is_no_rest() -> None:
    with pytest.raises(TryLater, match="administrator"):
        policy.check_awake(a_host(paused_at=clock.now()))


async def test_dormant_is_who_failed_all_the_time_for_two_weeks(site: Site) -> None:
    began = clock.now()
    host = await fail(site, whole=True)
    clock.set_source(lambda: began + timedelta(days=13))
    assert not policy.is_dormant(host)
    clock.set_source(lambda: began + timedelta(days=14, minutes=1))
    assert policy.is_dormant(await fail(site, whole=True)), "a failure does not begin the time anew"


def test_a_rule_holds_for_every_name_below_it() -> None:
    assert policy.parents("a.evil.test:8443") == ["a.evil.test:8443", "a.evil.test", "evil.test", "test"]
    assert policy.parents("evil.test") == ["evil.test", "test"]
    assert policy.parents("[2001:db8::1]") == ["[2001:db8::1]"]


# -- hearing -----------------------------------------------------------------------------------------------------------------
async def at_rest(site: Site) -> None:
    """Wait until nothing that was heard is still being written."""
    await asyncio.gather(*policy._watches[site.db].tasks.values())


async def until_heard(site: Site, name: str) -> None:
    for _ in range(200):
        if (await get(site, name)).heard_at is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not heard")


async def test_hearing_from_a_host_ends_its_rest_and_costs_nothing_otherwise(site: Site) -> None:
    statements: list[str] = []
    for engine in {site.db._reader.sync_engine, site.db._writer.sync_engine}:
        event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for _ in range(3):
        await fail(site, whole=True)
    async with site.db.write() as tx:
        await policy.know(tx, ["well.test"])
        jobs.enqueue(tx, jobs.Deliver("h.test", slow=True), due=clock.after(hours=1))
    policy.heard(site, "well.test")
    await at_rest(site)
    before = len(statements)
    for number in range(1000):
        policy.heard(site, f"{number}.test")
    await at_rest(site)
    assert len(statements) == before, "a set in memory answers for half a minute"
    policy.heard(site, "h.test")
    await until_heard(site, "h.test")
    host = await get(site)
    assert host.resting_until is None and host.failures == 0 and host.failing_since is not None
    async with site.db.read() as tx:
        [job] = (await tx.scalars(select(Job))).all()
    assert job.due_at <= clock.now()


async def test_a_host_that_another_process_found_away_is_heard_within_half_a_minute(site: Site) -> None:
    began = clock.now()
    policy.heard(site, "h.test")
    await at_rest(site)
    await fail(site, whole=True)
    policy.heard(site, "h.test")
    await at_rest(site)
    assert (await get(site)).heard_at is None
    clock.set_source(lambda: began + timedelta(seconds=31))
    policy.heard(site, "h.test")
    await until_heard(site, "h.test")


async def test_who_rests_is_remembered_within_bounds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "REMEMBERED", 3)
    async with site.db.write() as tx:
        for number in range(6):
            policy.failed(await host_of(tx, f"{number}.test"), "away", whole=True)
    policy.heard(site, "well.test")
    await at_rest(site)
    assert len(policy._watches[site.db].resting) == 3
