"""The server's side of the signet: have a file sealed, or ask what the manifest in a file says. Never touches C2PA itself.

A `Sealer` holds one confined child (`signet.py`) for the files of one picture; it starts with the first order. Files are opened
here and handed over, the private key stays here, and what the child wants signed is looked at first. Whatever happens in there
ends as `NotSealed`: a picture without a seal is still a picture, so the caller logs it and goes on with the unsealed file.
"""

import asyncio
import base64
import contextlib
import importlib.util
import json
import logging
import mmap
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from server import release
from server.media import children
from server.media.orders import MIME, Format

__all__ = ["Manifest", "NotSealed", "Sealed", "Sealer", "Why", "is_installed", "manifest_bytes"]

log = logging.getLogger(__name__)

Json = dict[str, Any]
# Signs the bytes of a claim with ES256 and returns r and s, 32 bytes each.
Sign = Callable[[bytes], bytes]
Why = Literal["library", "refused", "slow", "died"]

_MESSAGE_BYTES = 65_536
_CLAIM = b"\x84\x6aSignature1"  # a COSE Sig_structure (RFC 9052, 4.4), as no certificate begins
_CLAIM_BYTES = 32_768
_STORE = re.compile(rb".{4}jumb.{4}jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71", re.DOTALL)
MEMORY = 1 << 30
"""Address space of the child in bytes. A JPEG of 230 MB takes 733 MB of it, a PNG of 194 MB 454 MB."""


class NotSealed(Exception):
    """There is no sealed file: `why` is the kind of reason, the text is for the log."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why = why


@dataclass(frozen=True)
class Sealed:
    """One sealed file: how many bytes its manifest added, and whether it kept the manifest of what it was made from."""

    added: int
    with_parent: bool


@dataclass(frozen=True)
class Manifest:
    """What the C2PA manifest of a file says, in short. It is what some signer said, not what is true."""

    state: str
    """Trusted, Valid, Invalid or Unreadable. A signer that nobody here knows is Valid with `signingCredential.untrusted`."""
    failures: tuple[str, ...]
    """Codes of the C2PA specification, of the newest manifest and of what it was made from."""
    generators: tuple[str, ...]
    """The programs that wrote the manifests, the newest first."""
    agents: tuple[str, ...]
    """The programs that did the work (softwareAgent), of every manifest in the file."""
    source_types: tuple[str, ...]
    """Addresses of the digital source types of every action in every manifest."""
    training_mining: Mapping[str, str]
    """"cawg.ai_training" → "notAllowed" …; of the newest manifest, under the labels of CAWG and of C2PA 1."""
    signer: str
    """Common name of the newest manifest's signer."""
    manifests: int
    size: int
    """Bytes of the manifest store."""

    def as_json(self) -> Json:
        """As `Media.manifest` keeps it."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def is_installed() -> bool:
    """Whether the C2PA library is there; it is not loaded here."""
    return importlib.util.find_spec("c2pa") is not None


def manifest_bytes(path: Path) -> int:
    """How large the manifest store in a file is; 0 where there is none. Looks for its head, in any container; parses nothing."""
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size
        if not whole:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _STORE.search(data)
            if found is None:
                return 0
            at = found.start()
            del found  # it holds the map open
            length = int.from_bytes(data[at : at + 4], "big")
    # 0 and 1 mean "to the end" and "the length comes later"; a length beyond the file is a lie.
    return length if 1 < length < whole else whole


class Sealer:
    """The signet for the files of one picture: `async with Sealer() as sealer`. One order at a time."""

    def __init__(self, *, memory: int = MEMORY, seconds: float = 120.0) -> None:
        self.memory = memory
        self.seconds = seconds
        # Version of the library, and which walls stand around it, once the child runs.
        self.library = ""
        self.walls: Json = {}
        self._turn = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def seal(
        self,
        source: Path,
        target: Path,
        kind: Format,
        manifest: Json,
        *,
        sign: Sign,
        chain: str,
        anchors: str,
        parent: Path | None = None,
        parent_kind: Format | None = None,
    ) -> Sealed:
        """Write `source` with `manifest` (server.rights.channels.c2pa) into the new file `target`; nothing may be written later.

        `chain` is the signing certificate and those above it as PEM, `anchors` the root by which the finished file is checked:
        only one that reads as Trusted counts. `parent` is the file that the work was made from: where it carries a manifest, that
        goes along as the ingredient which `manifest` names, unless it tells more than how the work came to be (row 119).
        Raises NotSealed; `target` does not exist then.
        """
        if not manifest.get("assertions"):
            raise ValueError("nothing to say, nothing to seal")
        if parent is not None and not manifest.get("ingredients"):
            raise ValueError("the manifest names nothing that it was made from")
        generator = {"name": "Cartellino", "version": release.version()}
        order = {
            "do": "seal",
            "kind": MIME[kind],
            "manifest": {"claim_generator_info": [generator]} | manifest,
            "chain": chain,
            "anchors": anchors,
            "parent_kind": MIME[parent_kind] if parent_kind else "",
        }
        with _opened(source, target, parent) as fds:
            answer = await self._ask(order, fds, sign)
            if answer.get("sealed") is not True:
                raise NotSealed("refused", str(answer.get("failed", ""))[:300])
            added = os.fstat(fds[1]).st_size - os.fstat(fds[0]).st_size
        return Sealed(added, answer.get("with_parent") is True)

    async def read(self, path: Path, *, anchors: str = "") -> Manifest | None:
        """What the manifest in the file at `path` says; None where there is none, which costs no child.

        `anchors` are root certificates (PEM) whose signers count as known. Nothing is fetched, whatever the file asks for. A file
        that the child could not bear is Unreadable. Raises NotSealed("library") where the library is missing.
        """
        size = await asyncio.to_thread(manifest_bytes, path)
        if not size:
            return None
        try:
            with path.open("rb") as file:
                answer = await self._ask({"do": "read", "anchors": anchors}, [file.fileno()], None)
        except NotSealed as wrong:
            if wrong.why == "library":
                raise
            answer = {"failed": str(wrong)}
        return _manifest(answer, size)

    async def start(self) -> str:
        """Start the child and say which library it loaded. Raises NotSealed("library")."""
        async with self._turn:
            await self._channel_to()
        return self.library

    async def close(self) -> None:
        """Send the child away."""
        if self._channel is not None:
            self._channel.close()
        process, self._process, self._channel = self._process, None, None
        if process is not None:
            try:
                await asyncio.to_thread(process.wait, 2)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    # -- one order -------------------------------------------------------------------------------------------------------
    async def _ask(self, order: Json, fds: list[int], sign: Sign | None) -> Json:
        async with self._turn:
            try:
                async with asyncio.timeout(self.seconds):
                    return await self._converse(order, fds, sign)
            except BaseException as wrong:
                await self._kill()  # whatever it was in the middle of: the next order finds a fresh one
                if isinstance(wrong, TimeoutError):
                    raise NotSealed("slow", f"no answer within {self.seconds:.0f} seconds") from None
                if isinstance(wrong, OSError):
                    raise NotSealed("died", f"the child does not listen: {wrong.strerror}") from wrong
                raise

    async def _converse(self, order: Json, fds: list[int], sign: Sign | None) -> Json:
        channel = await self._channel_to()
        raw = json.dumps(order, ensure_ascii=False).encode()
        if len(raw) > _MESSAGE_BYTES:
            raise NotSealed("refused", "more to say than fits into one order")
        socket.send_fds(channel, [raw], fds)
        signatures = 0
        while True:
            answer = await self._hear(channel)
            if "sign" not in answer:
                return answer
            signatures += 1
            # A file may need a second attempt, and no more. What was taken over in there must not have anything else signed.
            if sign is None or signatures > 2:
                raise NotSealed("died", "the child wants more signatures than there are files")
            claim = _claim(answer["sign"])
            signature = base64.b64encode(sign(claim)).decode()
            await asyncio.get_running_loop().sock_sendall(channel, json.dumps({"signature": signature}).encode())

    async def _hear(self, channel: socket.socket) -> Json:
        raw = await asyncio.get_running_loop().sock_recv(channel, _MESSAGE_BYTES)
        if not raw:
            raise NotSealed("died", "the child is gone")
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):  # nested deeper than anything that is meant
            answer = None
        if not isinstance(answer, dict):
            raise NotSealed("died", "the child talks nonsense")
        return answer

    async def _channel_to(self) -> socket.socket:
        """The socket to a running child; starts one where there is none."""
        if self._channel is not None:
            return self._channel
        if not is_installed():
            raise NotSealed("library", "the C2PA library is not installed")
        ours = self._channel = self._launch()
        try:
            ready = await self._hear(ours)
        except NotSealed as gone:
            raise NotSealed("library", "the C2PA library cannot be loaded here") from gone
        self.library = str(ready.get("ready", ""))[:40]
        self.walls = ready.get("walls") or {}
        return ours

    def _launch(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = children.launch("server.media.signet", theirs, self.memory)
        return ours

    async def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        await self.close()


@contextlib.contextmanager
def _opened(source: Path, target: Path, parent: Path | None) -> Iterator[list[int]]:
    """The descriptors for one order; an order that fails leaves no `target`."""
    with contextlib.ExitStack() as files:
        fds = [files.enter_context(source.open("rb")).fileno()]
        fds.append(files.enter_context(target.open("x+b")).fileno())
        target.chmod(0o600)
        if parent is not None:
            fds.append(files.enter_context(parent.open("rb")).fileno())
        try:
            yield fds
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _claim(text: object) -> bytes:
    """What the child wants signed, if it is a claim: the key that seals must not be made to sign anything else."""
    try:
        claim = base64.b64decode(str(text), validate=True)
    except ValueError:
        claim = b""
    if not claim.startswith(_CLAIM) or len(claim) > _CLAIM_BYTES:
        raise NotSealed("died", "the child wants something signed that is no claim")
    return claim


def _manifest(answer: Json, size: int) -> Manifest:
    """The child's summary, or that it failed. The child may have been taken over: shapes are checked, texts bounded."""
    found = answer.get("manifest")
    if not isinstance(found, dict):
        return Manifest("Unreadable", (str(answer.get("failed", ""))[:200],), (), (), (), {}, "", 0, size)

    def texts(name: str) -> tuple[str, ...]:
        listed = found.get(name)
        return tuple(str(one)[:200] for one in listed[:40]) if isinstance(listed, list) else ()

    entries = found.get("training_mining")
    count = found.get("manifests")
    return Manifest(
        state=str(found.get("state", ""))[:20],
        failures=texts("failures"),
        generators=texts("generators"),
        agents=texts("agents"),
        source_types=texts("source_types"),
        training_mining={str(key)[:80]: str(value)[:20] for key, value in entries.items()}
        if isinstance(entries, dict)
        else {},
        signer=str(found.get("signer", ""))[:200],
        manifests=count if isinstance(count, int) else 0,
        size=size,
    )
