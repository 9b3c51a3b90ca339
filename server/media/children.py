"""How a child that touches foreign files is started: a fresh interpreter that knows nothing of the server but one socket."""

import json
import socket
import subprocess
import sys
from pathlib import Path

# Isolated mode ignores PYTHON* variables and the working directory; the code's own place is handed over by name.
_BOOT = (
    "import importlib, json, sys; sys.path.insert(0, sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).main(int(sys.argv[3]), json.loads(sys.argv[4]))"
)
_PACKAGES = str(Path(__file__).resolve().parents[2])


def launch(module: str, handed: socket.socket, number: int | float) -> subprocess.Popen[bytes]:
    """Start `module`, whose `main` gets the descriptor of `handed` and `number`. The caller closes its own copy of the socket."""
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOT, _PACKAGES, module, str(handed.fileno()), json.dumps(number)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[handed.fileno()],
        # Nothing of the server's environment, which may hold secrets. One memory arena keeps limits true.
        env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
        cwd="/",
        start_new_session=True,
    )
