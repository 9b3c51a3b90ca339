"""The workshop's process: holds Pillow ready and forks one short-lived child per order.

Started by `pixels.py` with one socket. Forking this small process takes a few milliseconds, where starting a fresh
interpreter takes 200. Each order arrives with a socket of its own for the answers; when the server closes that, the
child is killed, and when the server itself is gone, everything here is. Leaves by itself when idle.

    server ── control socket ──▶ easel ── fork ──▶ child: limits, opens its files, closes its doors, decodes
       ◀──────────── answers as lines of JSON ─────────────┘
"""

import contextlib
import errno
import gc
import json
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from server.media import sandbox
from server.media.images import open_picture, render, render_avif, warm_up
from server.media.images.colour import colour_of
from server.media.images.opening import probe_of, refusal
from server.media.orders import Facts, Limits, Plan, Purpose

_ORDER_BYTES = 65_536


@dataclass
class _Child:
    pid: int
    answers: socket.socket


def main(control_fd: int, idle_seconds: float) -> None:
    """Take orders until the server closes the control socket or nothing was asked for `idle_seconds`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which closes the socket then.
    control = socket.socket(fileno=control_fd)
    warm_up()
    gc.freeze()  # Children share this memory as long as nobody rewrites it.
    children: dict[int, _Child] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(control, selectors.EVENT_READ, "order")
        while True:
            ready = waiting.select(None if children else idle_seconds)
            if not ready and not children:
                return
            for key, _ in ready:
                if key.data == "order":
                    raw, fds, _, _ = socket.recv_fds(control, _ORDER_BYTES, 1)
                    if not raw:
                        _kill(children.values())
                        return
                    if fds:
                        _start(json.loads(raw), fds[0], waiting, children)
                elif key.data == "cancelled":
                    # The child never reads and the server never writes here: readable means closed.
                    for child in children.values():
                        if child.answers is key.fileobj:
                            waiting.unregister(child.answers)
                            _kill([child])
                else:
                    _finish(children.pop(key.data), key.fd, waiting)


def _kill(children: Iterable[_Child]) -> None:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


def _start(
    order: dict[str, Any], answers_fd: int, waiting: selectors.BaseSelector, children: dict[int, _Child]
) -> None:
    answers = socket.socket(fileno=answers_fd)
    try:
        _tell(answers_fd, {"started": True})  # From here on nobody tries this order a second time.
    except OSError:
        answers.close()
        return
    pid = os.fork()
    if pid == 0:
        _work(order, answers_fd)
    watched = os.pidfd_open(pid)
    children[watched] = _Child(pid, answers)
    waiting.register(watched, selectors.EVENT_READ, watched)
    waiting.register(answers, selectors.EVENT_READ, "cancelled")


def _finish(child: _Child, watched: int, waiting: selectors.BaseSelector) -> None:
    waiting.unregister(watched)
    os.close(watched)
    with contextlib.suppress(KeyError):
        waiting.unregister(child.answers)
    _, status = os.waitpid(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(OSError):
        _tell(child.answers.fileno(), {"ended": code})
    child.answers.close()


def _tell(fd: int, answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[os.write(fd, line) :]


# --- inside the child ---------------------------------------------------------------------------------------------


def _work(order: dict[str, Any], answers: int) -> None:
    """Do one order and leave; never returns to the loop of the parent."""
    code = 1
    try:
        _obey(order, answers)
        code = 0
    except Exception as cause:
        # Not the picture’s fault: a full disk, which is tried again; a missing file. The log learns of it, the artist a general
        # sentence.
        if _is_full(cause):
            _tell(answers, {"full": True})
        _tell(answers, {"failed": f"{type(cause).__name__}: {cause} {_place(cause)}"[:300]})
    finally:
        os._exit(code)


def _obey(order: dict[str, Any], answers: int) -> None:
    limits = Limits(**order["limits"])
    memory = order["memory"]
    sandbox.follow_parent()
    sandbox.keep_only({answers})
    sandbox.limit(memory, limits.cpu_seconds, limits)
    if order["do"] == "try the walls":
        _tell(answers, {"walls": _try_walls(order)})
        return
    with Path(order["path"]).open("rb", buffering=0) as raw:
        outputs = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) for path in order["outputs"]]
        sandbox.close_doors()
        try:
            _draw(order, raw, limits, outputs, answers)
        except PermissionError:
            raise  # The walls are in the way of something harmless: ours to mend.
        except Exception as cause:
            if _is_full(cause):
                raise
            refused = refusal(cause, order["do"])
            _tell(answers, {"refused": str(refused), "detail": refused.detail[:300]})


def _is_full(cause: Exception) -> bool:
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _draw(order: dict[str, Any], raw: Any, limits: Limits, outputs: list[int], answers: int) -> None:
    file: BinaryIO = raw
    if order["do"] == "probe":
        picture = open_picture(file, limits)
        colour = colour_of(picture)
        _tell(answers, {"probe": asdict(probe_of(picture, colour.description, colour.wide))})
        return
    if not order["big"]:
        picture = open_picture(file, limits)
        width, height = picture.size
        if width * height * picture.box.frames > limits.big_pixels:
            _tell(answers, {"big": True})
            return
        file.seek(0)

    waiting = iter(enumerate(outputs))

    def facts(found: Facts) -> None:
        _tell(answers, {"facts": asdict(found)})

    def deliver(purpose: Purpose, size: tuple[int, int], kind: str, pieces: Iterable[bytes], frames: int) -> None:
        number, fd = next(waiting)
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]
        os.close(fd)
        made = {"purpose": purpose, "width": size[0], "height": size[1], "format": kind, "frames": frames}
        _tell(answers, {"made": made, "output": number})

    plan = Plan(**order["plan"])
    if order["do"] == "avif":
        existing = {int(width): size for width, size in order["existing"].items()}
        render_avif(file, plan, existing, limits, deliver)
    else:
        render(file, plan, limits, facts, deliver)


def _try_walls(order: dict[str, Any]) -> dict[str, Any]:
    """Close the doors, then try to get out by each of them."""
    walls: dict[str, Any] = dict(sandbox.close_doors())
    escapes: dict[str, Callable[[], object]] = {
        "network": lambda: socket.socket().connect(("127.0.0.1", order["port"])),
        "write": lambda: Path(order["canary"]).write_text("escaped"),
        "read": lambda: Path(order["canary"]).read_text(),
        "remove": lambda: Path(order["canary"]).unlink(),
        "process": _fork,
        "signal": lambda: os.kill(order["server"], 0),
        "memory": lambda: bytearray(order["memory"] + 1),
    }
    for name, escape in escapes.items():
        try:
            escape()
            walls[name] = "open"
        except (OSError, MemoryError) as cause:
            walls[name] = type(cause).__name__
    return walls


def _place(cause: BaseException) -> str:
    """Where it was raised: the last three steps. A traceback would need to open files."""
    steps, at = [], cause.__traceback__
    while at is not None:
        steps.append(f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}")
        at = at.tb_next
    return " ".join(steps[-3:])


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
