"""`Site`: what one house has at hand. Built by server.app, handed to edges and jobs, never global."""

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.db import Database
from server.media import storage
from server.media.pixels import Pixels
from server.media.storage import Storage
from server.settings import Settings, SettingsError
from server.urls import Urls

SECRET_BYTES = 32


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
    """The house's secret, created with mode 0600 at first start.

    It is written whole beside its place and linked there: neither a full disk, nor a kill, nor a second process that starts at
    the same moment can leave or read an empty one. Raises SettingsError for a file that is no secret of ours.
    """
    folder = data_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "key"
    if not file.exists():
        fresh = folder / f"key.{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_hex(SECRET_BYTES))
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):  # somebody was faster, and theirs holds
                os.link(fresh, file)
        finally:
            fresh.unlink(missing_ok=True)
        storage.fsync(folder)
    kept = file.read_text("ascii", "replace").strip()
    if not re.fullmatch(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}", kept):
        raise SettingsError(
            f"{file} is damaged: it holds {2 * SECRET_BYTES} hexadecimal digits. Take it from your backup."
        )
    return bytes.fromhex(kept)
