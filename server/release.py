"""Which version of the program this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


@cache
def version() -> str:
    """The version as installed; a checkout that is run as it lies has none."""
    try:
        return metadata("cartellino")["Version"]
    except PackageNotFoundError:
        return "unreleased"
