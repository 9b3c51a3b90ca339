"""`Site`: what one house has at hand. Built by server.app, handed to edges and jobs, never global."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from server.db import Database
from server.media.pixels import Pixels
from server.media.storage import Storage
from server.settings import Settings
from server.urls import Urls


@dataclass(frozen=True)
class Site:
    """Settings, database, files, addresses and the children that touch pixels."""

    settings: Settings
    db: Database
    storage: Storage
    urls: Urls
    pixels: Pixels
    # Ties cookies, forms and signed addresses to this house; 32 bytes.
    secret: bytes

    @property
    def incoming(self) -> Path:
        """Where uploads arrive; on the same disk as the storage, so that keeping one is a rename."""
        return self.settings.data_dir / "incoming"


def secret(data_dir: Path) -> bytes:
    """The house's secret, created with mode 0600 at first start."""
    folder = data_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "key"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(file.read_text("ascii"))
    with os.fdopen(handle, "w") as out:
        out.write(secrets.token_hex(32))
        out.flush()
        os.fsync(out.fileno())
    return bytes.fromhex(file.read_text("ascii"))
