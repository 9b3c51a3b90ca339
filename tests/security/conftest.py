"""A house and two servers that do not behave, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.models import Account
from tests.fediverse import Fediverse, House
from tests.peer import Peer


@pytest.fixture
async def village(database_url: str, tmp_path: Path) -> AsyncIterator[Fediverse]:
    async with Fediverse() as made:
        await made.house("art.test", database_url, tmp_path / "art")
        yield made


@pytest.fixture
def house(village: Fediverse) -> House:
    """The house that is attacked."""
    return village.houses["art.test"]


@pytest.fixture
def evil(village: Fediverse) -> Peer:
    """Mallory's server."""
    return Peer(village, "evil.test")


@pytest.fixture
def good(village: Fediverse) -> Peer:
    """A server whose people are impersonated."""
    return Peer(village, "good.test")


@pytest.fixture
async def artist(house: House) -> Account:
    """Somebody of the house."""
    return await house.account("ines", name="Ines")
