"""How often something may be tried."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from server import clock, throttle
from server.errors import TooMany
from server.models import Throttle
from server.site import Site


async def test_the_limit_holds_within_the_window_and_ends_with_it(site: Site) -> None:
    now = clock.now()
    clock.set_source(lambda: now)
    for _ in range(3):
        await throttle.check(site, "knock:alice", 3, 60)
    with pytest.raises(TooMany) as wrong:
        await throttle.check(site, "knock:alice", 3, 60)
    assert 1 <= wrong.value.wait <= 60
    await throttle.check(site, "knock:bob", 3, 60)  # somebody else's count
    clock.set_source(lambda: now + timedelta(seconds=wrong.value.wait))
    await throttle.check(site, "knock:alice", 3, 60)


async def test_of_many_at_once_exactly_as_many_pass_as_may(site: Site) -> None:
    """Counters are atomic (security.md, part D): fifty at once, ten may."""
    now = clock.now()
    clock.set_source(lambda: now)
    tries = [throttle.check(site, "knock:alice", 10, 600) for _ in range(50)]
    refused = [result for result in await asyncio.gather(*tries, return_exceptions=True) if result is not None]
    assert len(refused) == 40
    assert all(isinstance(result, TooMany) for result in refused)


async def test_neither_addresses_nor_names_are_stored(site: Site) -> None:
    await throttle.limit(site, "letter-email", "ines@mail.test")
    await throttle.limit(site, "login-network", "203.0.113.7")
    async with site.db.read() as tx:
        keys = list(await tx.scalars(select(Throttle.key)))
    assert sorted(key.partition(":")[0] for key in keys) == ["letter-email", "login-network"]
    assert not any("ines" in key or "203.0.113.7" in key for key in keys)


async def test_counts_are_forgotten_after_their_window(site: Site) -> None:
    await throttle.check(site, "knock:alice", 3, 60)
    await throttle.check(site, "knock:alice", 3, 86400)
    later = clock.now() + timedelta(seconds=120)
    clock.set_source(lambda: later)
    async with site.db.write() as tx:
        await throttle.forget(tx)
    async with site.db.read() as tx:
        assert len(list(await tx.scalars(select(Throttle.key)))) == 1


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_household_counts_once(address: str, counted: str) -> None:
    """IPv6 is counted by /64 (security.md, part D)."""
    assert throttle.network(address) == counted
