"""Commands that start at once: one process has imported the whole server, and each `cartellino …` is a fork of it.

Python needs a second of CPU to import the server, and the tests start it some four hundred times. A fork has its own id, its own
files and its own end, like any other process. The houses of tests/journeys/test_story.py start as people start them.
"""

import atexit
import contextlib
import gc
import json
import os
import random
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
_LARGEST = 1 << 20  # bytes of one request: arguments and environment


class Child:
    """A forked command, as much of subprocess.Popen as tests ask for."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.stdout: IO[str] | None = None
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        with self._lock:
            if self.returncode is None:
                with selectors.DefaultSelector() as waiting:
                    waiting.register(self._status, selectors.EVENT_READ)
                    if not waiting.select(timeout):
                        raise subprocess.TimeoutExpired("cartellino", timeout or 0)
                told = os.read(self._status, 16)
                os.close(self._status)
                self.returncode = int(told) if told else -signal.SIGKILL  # the nursery itself is gone
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks: started when the first child is wanted, it ends with whoever started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def _open(self) -> socket.socket:
        if self._channel is not None:
            return self._channel
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CARTELLINO_", "PYTHONDONT"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
            cwd=ROOT,
            env=kept,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        return self._channel

    def start(
        self, arguments: Sequence[str], environ: Mapping[str, str], *, stdin: Any, stdout: Any, stderr: Any
    ) -> Child:
        """Fork `cartellino ARGUMENTS` with exactly this environment, in the working directory of the caller."""
        read, write = os.pipe()
        order = json.dumps({"arguments": list(arguments), "environ": dict(environ), "cwd": str(Path.cwd())}).encode()
        with self._lock:
            fds = [stdin.fileno(), stdout.fileno(), stderr.fileno(), write]
            channel = self._open()
            socket.send_fds(channel, [order], fds)
            os.close(write)
            pid = int(channel.recv(32))
        return Child(pid, read)

    def serve(self, arguments: Sequence[str], environ: Mapping[str, str], log: IO[str]) -> Child:
        """The same with a pipe for what it prints, and `log` for what it says beside that."""
        read, write = os.pipe()
        with Path(os.devnull).open("rb") as nothing, os.fdopen(write, "w") as printed:
            child = self.start(arguments, environ, stdin=nothing, stdout=printed, stderr=log)
        child.stdout = os.fdopen(read)
        return child

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], *, input: str | None, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end. Raises subprocess.TimeoutExpired."""
        with (
            tempfile.TemporaryFile("w+") as said,
            tempfile.TemporaryFile("w+") as printed,
            tempfile.TemporaryFile("w+") as typed,
        ):
            typed.write(input or "")
            typed.seek(0)
            child = self.start(arguments, environ, stdin=typed, stdout=printed, stderr=said)
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
            for file in (printed, said):
                file.seek(0)
            return subprocess.CompletedProcess(list(arguments), code, printed.read(), said.read())

    def close(self) -> None:
        """Send it away; what it forked goes on."""
        if self._channel is not None and self._process is not None:
            self._channel.close()
            self._process.wait(10)


def main(number: int) -> None:
    """Import the server, then fork on demand until the other end closes."""
    from server import __main__ as server  # noqa: PLC0415 — only this process imports it

    channel = socket.socket(fileno=number)
    gc.collect()
    gc.freeze()  # what was imported is never looked at again, and stays shared
    statuses: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    waiting = selectors.DefaultSelector()
    waiting.register(channel, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not channel:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                _reap(statuses)
                continue
            raw, fds, _flags, _address = socket.recv_fds(channel, _LARGEST, 4)
            if not raw:
                return
            pid = os.fork()
            if pid == 0:
                for fd in (channel.fileno(), woken, wake, *statuses.values()):
                    os.close(fd)
                waiting.close()
                _become(json.loads(raw), fds, server.main)
            statuses[pid] = fds[3]
            for fd in fds[:3]:
                os.close(fd)
            channel.send(str(pid).encode())


def _reap(statuses: dict[int, int]) -> None:
    while statuses:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        told = statuses.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(told)


def _become(order: dict[str, Any], fds: list[int], command: Any) -> None:
    """What a fresh interpreter would be, in this process: never returns."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for to, fd in enumerate(fds[:3]):
            os.dup2(fd, to)
        for fd in fds:
            os.close(fd)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environ"])
        time.tzset()
        random.seed()
        for folder in filter(None, order["environ"].get("PYTHONPATH", "").split(os.pathsep)):
            if (custom := Path(folder) / "sitecustomize.py").exists():
                runpy.run_path(str(custom))
        sys.argv = ["cartellino", *order["arguments"]]
        code = command(order["arguments"])
    except SystemExit as wrong:
        code = wrong.code if isinstance(wrong.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]))
