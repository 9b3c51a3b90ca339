"""`Site`: what one house has at hand. Built by server.app, handed to edges and jobs, never global."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from server.db import Database
from server.media import storage
from server.media.pixels import Pixels
from server.media.sealers import Sealers
from server.media.storage import Storage
from server.models import Actor
from server.settings import Settings, SettingsError
from server.urls import Urls

SECRET_BYTES = 32


class Reply(Protocol):
    """An answer of another server: `headers` ignore case, `url` is the address that answered in the end."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def url(self) -> str: ...


# Gives the headers that sign one request, for a method and an address; asked anew for every hop of a redirect.
Signer = Callable[[str, str], Mapping[str, str]]
# Is told each address before it is asked, wherever a redirect leads, and raises for one that its caller does not want asked.
Admit = Callable[[str], None]


class Transport(Protocol):
    """The one door to the network: federation.transport says what it refuses and what it raises."""

    async def get(
        self, url: str, *, headers: Mapping[str, str] = ..., limit: int = ..., sign: Signer | None = None
    ) -> Reply: ...
    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str] = ...) -> Reply: ...
    async def download(self, url: str, file: Path, *, limit: int = ..., admit: Admit | None = None) -> object: ...
    async def close(self) -> None: ...


class Network(Protocol):
    """What the gallery asks of other servers while a person waits (decision 23); server.app fills it from federation.

    Each raises a Problem with a sentence for that person: NotFound, Forbidden for what the house's rules forbid, TooMany, or
    Unreachable's text as a Problem.
    """

    async def find_person(self, site: "Site", name: str) -> int:
        """The id of the actor row behind `@name@domain`, or behind an address; fetched where it is unknown or old."""

    async def find(self, site: "Site", words: str, viewer: Actor) -> tuple[str, int]:
        """What a handle or an address in the search field names: ("actor" or "post", the row's id)."""

    async def intent(self, site: "Site", home: str, verb: str, subject: str) -> str:
        """Where `home` (`me@social.example`, or a host) lets its people follow, like, … `subject`, an address of ours."""

    async def fetch_picture(self, site: "Site", url: str, file: Path) -> None:
        """Put the picture at `url` into `file`, within the limits for foreign pictures."""


@dataclass(frozen=True)
class Site:
    """Settings, database, files, addresses and the children that touch pixels."""

    settings: Settings
    db: Database
    storage: Storage
    urls: Urls
    pixels: Pixels
    transport: Transport
    network: Network
    # Ties cookies, forms and signed addresses to this house; 32 bytes.
    secret: bytes
    sealers: Sealers = field(default_factory=Sealers)

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
