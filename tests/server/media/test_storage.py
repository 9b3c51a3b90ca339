"""The local disk: whole or not at all, and nothing outside its folder."""

import errno
from pathlib import Path

import pytest

from server.errors import Full
from server.media.storage import Disk, full


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    (tmp_path / "files").mkdir()
    return Disk(tmp_path / "files")


def file(tmp_path: Path, content: bytes) -> Path:
    made = tmp_path / "arrived"
    made.write_bytes(content)
    return made


def test_a_put_moves_the_file(disk: Disk, tmp_path: Path) -> None:
    source = file(tmp_path, b"picture")
    disk.put("masters/1-ab", source)
    assert disk.path("masters/1-ab").read_bytes() == b"picture" and disk.size("masters/1-ab") == 7
    assert not source.exists()


def test_the_same_key_again_replaces_it_whole(disk: Disk, tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        disk.put("media/1/x.webp", file(tmp_path, content))
    assert disk.path("media/1/x.webp").read_bytes() == b"two"
    assert [key for key, _ in disk.keys("media")] == ["media/1/x.webp"]


def test_what_is_not_there_is_said(disk: Disk) -> None:
    with pytest.raises(FileNotFoundError):
        disk.path("masters/none")
    disk.delete("masters/none")


@pytest.mark.parametrize("key", ["../outside", "masters/../../outside", "/etc/passwd", "masters/\0x"])
def test_no_key_leads_outside(disk: Disk, tmp_path: Path, key: str) -> None:
    """security.md row 121."""
    with pytest.raises(ValueError):
        disk.put(key, file(tmp_path, b"x"))
    assert not (tmp_path / "outside").exists()


def test_a_full_disk_is_a_problem_and_another_error_is_not() -> None:
    assert isinstance(full(OSError(errno.ENOSPC, "no space")), Full)
    assert not isinstance(full(OSError(errno.EIO, "broken")), Full)
