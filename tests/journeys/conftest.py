"""A house in a process of its own, and a crowd of other servers around it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crowd import ENVIRON, Crowd
from tests.running import House


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with Crowd() as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    """It does not run yet, and is stopped at the end."""
    made = House(tmp_path / "data", {"CARTELLINO_DATABASE_URL": database_url, **ENVIRON})
    made.environ["CARTELLINO_BASE_URL"] = made.address
    yield made
    made.stop()
