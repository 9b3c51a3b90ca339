"""Tools that a test needs and a machine may lack."""

import os

import pytest

REQUIRED = frozenset(filter(None, os.environ.get("CARTELLINO_REQUIRE", "").split(",")))


def requires(name: str, is_here: bool) -> None:
    """Skip the test when the tool is not here, unless CARTELLINO_REQUIRE says that it must be (decision 7)."""
    if is_here:
        return
    if name in REQUIRED:
        pytest.fail(f"{name} is required here and was not found")
    pytest.skip(f"{name} is not installed")
