"""One workshop for all picture tests of a run, as one server has one."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from server.media.pixels import Pixels


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pixels(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pixels]:
    """The workshop with its ordinary limits."""
    scratch = tmp_path_factory.mktemp("pixels") / "scratch"
    scratch.mkdir()  # where only heads are read no order makes it
    workshop = Pixels(scratch)
    yield workshop
    await workshop.close()
    assert list(workshop.scratch.iterdir()) == [], "an order left its folder behind"


@pytest.fixture
def requires() -> Callable[[str], Path]:
    """Find a tool, or skip; where CARTELLINO_REQUIRE names it, a missing tool is a failure."""

    def find(tool: str) -> Path:
        found = shutil.which(tool)
        if found is None:
            if tool in os.environ.get("CARTELLINO_REQUIRE", "").split(","):
                pytest.fail(f"{tool} is required here and missing")
            pytest.skip(f"{tool} is not installed")
        return Path(found)

    return find
