"""The server's side of the picture workshop: ask for a probe or for copies, get values back, never touch a pixel.

One helper process (`easel.py`) is started when first needed and leaves when idle; it forks a confined child per order.
Whatever happens in there — a crash, too much memory, too much time — ends as `Refused` with a sentence for the artist,
and the next order finds a working easel.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.errors import Full
from server.media import children, storage
from server.media.orders import (
    DAMAGED,
    FAILED,
    MIME,
    TOO_HEAVY,
    TOO_SLOW,
    WORDS,
    Confinement,
    Facts,
    Limits,
    Made,
    Marker,
    Plan,
    Probe,
    Refused,
)

__all__ = ["Confinement", "Facts", "Limits", "Made", "Pixels", "Plan", "Probe", "Refused"]

log = logging.getLogger(__name__)

_OUTPUTS = 8
"""No order makes more copies than this."""
_ANSWER_BYTES = 1 << 20
_FORGOTTEN_SECONDS = 3600
MOST_MARKERS = 20
MOST_TEXT = 120
STRENGTHS = ("strong", "medium", "weak")
_PURPOSES = {"wall", "stage", "federation", "full", "face"}


class _Big(Exception):
    """The picture needs the workshop for itself."""


class _NoEasel(Exception):
    """The helper process was gone before it took the order."""


class Pixels:
    """The workshop. One per process; belongs to the event loop that first uses it.

    `scratch` is a private folder for half-made files. At most `workers` orders run at once, and only one at a time for
    pictures above `limits.big_pixels` (decision 13).
    """

    def __init__(
        self, scratch: Path, *, workers: int = 2, limits: Limits | None = None, idle_seconds: float = 60.0
    ) -> None:
        self.scratch = scratch
        self.limits = limits or Limits()
        self.idle_seconds = idle_seconds
        self._slots = asyncio.Semaphore(workers)
        self._big = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def easel_pid(self) -> int | None:
        """Process id of the helper while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def probe(self, path: Path) -> Probe:
        """What the file at `path` is, from its head alone. Raises `Refused`. Give an absolute path."""
        order = {"do": "probe", "memory": self.limits.probe_memory, "outputs": []}
        async with self._slots, contextlib.aclosing(self._ask(order, path, self.limits.probe_seconds)) as answers:
            async for answer in answers:
                if "probe" in answer:
                    return _probe(answer["probe"])
        raise Refused(DAMAGED, "the child said nothing")

    async def render(self, path: Path, plan: Plan) -> AsyncGenerator[Facts | Made, None]:
        """`Facts` once, then every copy as it is written: small ones first, AVIF not at all.

        A `Made.file` lives until the next item is asked for: move or read it inside the loop. Leaving the loop early
        stops the work (wrap in `contextlib.aclosing` where that may happen). Raises `Refused`, at any point.
        """
        async for item in self._make({"do": "render", "plan": asdict(plan)}, path):
            yield item

    async def render_avif(self, path: Path, plan: Plan, existing: dict[int, int]) -> AsyncGenerator[Made, None]:
        """AVIF copies that are smaller than the WebP ones; `existing` holds the bytes of those by width.

        The same rules for files and errors as `render`.
        """
        order = {"do": "avif", "plan": asdict(plan), "existing": {str(width): size for width, size in existing.items()}}
        async for item in self._make(order, path):
            if isinstance(item, Made):
                yield item

    async def confinement(self) -> Confinement:
        """Try to get out of the sandbox on this machine and report what held. For `cartellino doctor`."""
        with self._order_folder() as folder, socket.create_server(("127.0.0.1", 0)) as open_port:
            canary = folder / "canary"
            canary.write_text("alive")
            order = {
                "do": "try the walls",
                "memory": self.limits.probe_memory,
                "outputs": [],
                "port": open_port.getsockname()[1],
                "canary": str(canary),
                "server": os.getpid(),
            }
            async with self._slots, contextlib.aclosing(self._ask(order, canary, self.limits.probe_seconds)) as answers:
                found = [answer["walls"] async for answer in answers if "walls" in answer]
            untouched = canary.exists() and canary.read_text() == "alive"
        walls = found[0] if found else {}
        tried = {
            name: walls.get(name) for name in ("network", "write", "read", "remove", "process", "signal", "memory")
        }
        return Confinement(
            seccomp=bool(walls.get("seccomp")),
            landlock=int(walls.get("landlock", 0)),
            namespaces=bool(walls.get("namespaces")),
            network_closed=tried["network"] not in ("open", None),
            files_closed=untouched and all(tried[name] not in ("open", None) for name in ("write", "read", "remove")),
            memory_limited=tried["memory"] not in ("open", None),
            notes=tuple(f"{name}: {outcome}" for name, outcome in tried.items() if outcome in ("open", None)),
        )

    async def close(self) -> None:
        """Stop the helper and everything it works on."""
        if self._control is not None:
            self._control.close()
        process, self._process, self._control = self._process, None, None
        if process is not None:
            try:
                await asyncio.to_thread(process.wait, 5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                await asyncio.to_thread(process.wait)

    def sweep(self) -> None:
        """Remove folders of orders that an earlier process left behind when it was killed. Call it at the start."""
        with self._order_folder() as fresh:
            now = fresh.stat().st_mtime  # The file system's own clock, which the old folders were stamped by.
            for folder in self.scratch.glob("order-*"):
                with contextlib.suppress(OSError):
                    if now - folder.stat().st_mtime > _FORGOTTEN_SECONDS:
                        shutil.rmtree(folder)

    # --- one order -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _order_folder(self) -> Any:
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="order-", dir=self.scratch))
        except OSError as wrong:
            raise storage.full(wrong) from wrong
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _make(self, order: dict[str, Any], path: Path) -> AsyncIterator[Facts | Made]:
        try:
            async with self._slots:
                async for item in self._attempt(order | {"big": False, "memory": self.limits.memory}, path):
                    yield item
        except _Big:
            async with self._big, self._slots:
                async for item in self._attempt(order | {"big": True, "memory": self.limits.big_memory}, path):
                    yield item

    async def _attempt(self, order: dict[str, Any], path: Path) -> AsyncIterator[Facts | Made]:
        with self._order_folder() as folder:
            outputs = [folder / f"copy-{number}" for number in range(_OUTPUTS)]
            order = order | {"outputs": [str(output) for output in outputs]}
            async with contextlib.aclosing(self._ask(order, path, self.limits.wall_seconds)) as answers:
                async for answer in answers:
                    if "big" in answer:
                        raise _Big
                    if "facts" in answer:
                        found = answer["facts"]
                        yield Facts(**found | {"probe": _probe(found["probe"])})
                    if "made" in answer:
                        made = await _made(answer["made"], outputs[int(answer["output"])])
                        yield made
                        made.file.unlink(missing_ok=True)

    async def _ask(self, order: dict[str, Any], path: Path, seconds: float) -> AsyncGenerator[dict[str, Any], None]:
        """Send one order and yield its answers. Ends quietly only when the child did its work."""
        order = order | {"path": str(path), "limits": asdict(self.limits)}
        for attempt in range(3):
            try:
                async for answer in self._converse(order, seconds):
                    yield answer
                return
            except _NoEasel:
                # It left in the moment in which we wrote to it, or was killed: a new one does the same work.
                if attempt == 2:
                    raise Refused(TOO_HEAVY, "the easel would not start") from None

    async def _converse(self, order: dict[str, Any], seconds: float) -> AsyncGenerator[dict[str, Any], None]:
        reader, writer = await self._send(order)
        clock = asyncio.get_running_loop().time
        started, refused, is_full = False, None, False
        try:
            while True:
                before = clock()
                try:
                    line = await asyncio.wait_for(reader.readline(), max(0.0, seconds))
                except TimeoutError:
                    raise Refused(TOO_SLOW, "wall clock") from None
                except (ValueError, ConnectionError):
                    line = b""
                seconds -= clock() - before  # Only waiting counts, not what the caller does between two answers.
                if not line:
                    # The easel reports every end of a child; silence means that it is gone itself.
                    if not started:
                        raise _NoEasel
                    log.error("the easel was killed")
                    raise Refused(TOO_HEAVY, "the easel was killed")
                answer = _parsed(line)
                if "started" in answer:
                    started = True
                elif "refused" in answer:
                    refused = Refused(str(answer["refused"]), str(answer.get("detail", "")))
                elif "full" in answer:
                    is_full = True
                elif "failed" in answer:
                    log.error("picture order failed", extra={"detail": str(answer["failed"])})
                    refused = Refused(FAILED, str(answer["failed"]))
                elif "ended" in answer:
                    if is_full:
                        raise Full
                    if refused is None and answer["ended"] != 0:
                        refused = _death(int(answer["ended"]))
                    if refused is not None:
                        log.info("picture refused", extra={"detail": refused.detail})
                        raise refused
                    return
                else:
                    yield answer
        finally:
            writer.close()  # The easel takes this as the order to kill the child, if it still lives.

    # --- the easel -------------------------------------------------------------------------------------------------

    async def _send(self, order: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        with theirs:
            for attempt in range(2):
                try:
                    control = self._start()
                    socket.send_fds(control, [json.dumps(order).encode()], [theirs.fileno()])
                    break
                except OSError:
                    self._drop()
                    if attempt:
                        ours.close()
                        raise _NoEasel from None
        return await asyncio.open_unix_connection(sock=ours, limit=_ANSWER_BYTES)

    def _start(self) -> socket.socket:
        """The control socket of a running easel; starts one if there is none."""
        if self._process is not None and self._process.poll() is not None:
            self._drop()
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = children.launch("server.media.easel", theirs, self.idle_seconds)
            self._control = ours
        return self._control

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self._process, self._control = None, None


def _parsed(line: bytes) -> dict[str, Any]:
    """One answer. The child may have been taken over, so that anything odd is a refusal, not an error of ours."""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused(DAMAGED, "the child talks nonsense")
    return answer


def _probe(found: dict[str, Any]) -> Probe:
    try:
        probe = Probe(**found | {"markers": tuple(map(_marker, found.get("markers", ())[:MOST_MARKERS]))})
        if probe.format not in MIME or min(probe.width, probe.height, probe.frames) < 1:
            raise ValueError
        texts: tuple[Any, ...] = (found.get("camera"), found.get("source_type"))
        if any(text is not None and (not isinstance(text, str) or len(text) > MOST_TEXT) for text in texts):
            raise ValueError
    except (TypeError, ValueError, KeyError, AttributeError) as cause:
        raise Refused(DAMAGED, "the child talks nonsense") from cause
    return probe


def _marker(found: dict[str, Any]) -> Marker:
    """One mark as the child tells it, which may have been taken over: short text or nothing."""
    texts: tuple[Any, ...] = (found["generator"], found["where"], found["words"], found["source_type"] or "")
    if found["strength"] not in STRENGTHS or any(not isinstance(text, str) or len(text) > WORDS for text in texts):
        raise ValueError
    return Marker(**found)


async def _made(found: dict[str, Any], output: Path) -> Made:
    """One finished copy under a telling name; its size and hash are taken here, not believed."""
    if found["purpose"] not in _PURPOSES or found["format"] not in MIME:
        raise Refused(DAMAGED, "the child talks nonsense")
    width, height = int(found["width"]), int(found["height"])
    file = output.with_name(f"{found['purpose']}-{width}.{found['format']}")

    def take() -> tuple[int, str]:
        output.rename(file)
        with file.open("rb") as finished:
            return os.fstat(finished.fileno()).st_size, hashlib.file_digest(finished, "sha256").hexdigest()

    size, digest = await asyncio.to_thread(take)
    return Made(found["purpose"], width, height, found["format"], file, size, digest, int(found["frames"]))


def _death(code: int) -> Refused:
    detail = f"the child ended with {code}"
    if code == -signal.SIGXCPU:
        return Refused(TOO_SLOW, detail)
    if code in (-signal.SIGKILL, 1):
        return Refused(TOO_HEAVY, detail)
    return Refused(DAMAGED, detail)
