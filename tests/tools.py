"""Tools that a test needs and a machine may lack."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = frozenset(filter(None, os.environ.get("CARTELLINO_REQUIRE", "").split(",")))


def requires(name: str, is_here: bool) -> None:
    """Skip the test when the tool is not here, unless CARTELLINO_REQUIRE says that it must be (decision 7)."""
    if is_here:
        return
    if name in REQUIRED:
        pytest.fail(f"{name} is required here and was not found")
    pytest.skip(f"{name} is not installed")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own at `folder`, so that the kernel itself says that there is no room."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    try:
        is_here = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_here = False
    requires("tmpfs", is_here)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Take the room of `disk` but for `leave` bytes; returns the file to remove afterwards."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out:
        while (over := free(disk) - leave) > 0:
            try:
                out.write(b"\0" * min(over, 1_000_000))
            except OSError:
                break
    return filler


def free(disk: Path) -> int:
    """How many bytes still fit."""
    return shutil.disk_usage(disk).free
