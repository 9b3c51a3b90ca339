"""Where files lie. The local disk here; anything that can put, open, size and delete by key can take its place.

Keys are made by us (`masters/…`, `media/…`), never from a name somebody sent. A put is whole or not at all: temporary file in
the same file system, fsync, rename, fsync of the folder (a rename is only durable once its folder is).
"""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from server.errors import Full


class Storage(Protocol):
    """What the house asks of its store. All methods may block; call them in a thread."""

    def put(self, key: str, source: Path) -> None:
        """Move `source` to `key`. Putting the same key again replaces it whole."""

    def path(self, key: str) -> Path:
        """A local file with the content of `key`; raises FileNotFoundError."""

    def size(self, key: str) -> int:
        """Bytes of `key`; raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove `key`; a key that is not there is no error."""

    def keys(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Every key below `prefix` with its age stamp (Unix seconds of the last change)."""

    def free(self) -> int:
        """Bytes that can still be written."""


class Disk:
    """Storage in one folder of the local disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, source: Path) -> None:
        target = self._path(key)
        near = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if source.stat().st_dev != target.parent.stat().st_dev:
                shutil.copyfile(source, near)
                source.unlink()
                source = near
            fsync(source)
            source.replace(target)
        except OSError as wrong:
            near.unlink(missing_ok=True)
            raise full(wrong) from wrong
        fsync(target.parent)

    def path(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        return path

    def size(self, key: str) -> int:
        return self._path(key).stat().st_size

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[tuple[str, float]]:
        for path in sorted((self.root / prefix).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.root)), path.stat().st_mtime

    def free(self) -> int:
        return shutil.disk_usage(self.root).free

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ValueError(f"not a key: {key!r}")
        return path


def fsync(path: Path) -> None:
    """Make what lies at `path` (a file or a folder) survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def full(wrong: OSError) -> Exception:
    """Full where the disk (or a quota of the system) has no room, else the error itself."""
    return Full() if wrong.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else wrong
