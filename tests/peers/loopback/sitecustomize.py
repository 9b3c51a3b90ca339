"""Names under `.test` for a Python program, without the hosts file and without root.

Every name under `.test` is 127.0.0.1, and what would go to its port 443 goes to the TLS front (tests/peers/front.py), whose
port stands in LOOPBACK_FRONT. So addresses and ids look as they do in the world, `https://art.test/...`, without a port.
Any other name cannot be resolved: nothing a test starts can leave the machine.

Python imports a module of this name by itself when its folder is on PYTHONPATH, which is how a child process gets it.
"""

import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any


def install(front: int) -> Callable[[], None]:
    """Send `https://*.test` of this process to `front`; the function returned undoes it."""
    resolve, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name == "localhost" or _is_address(name):
            return resolve(host, *arguments, **named)
        if name.rstrip(".").lower().endswith(".test"):
            return resolve("127.0.0.1", *arguments, **named)
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is not a name under .test")

    def elsewhere(address: Any) -> Any:
        return ("127.0.0.1", front) if address[:2] == ("127.0.0.1", 443) else address

    socket.getaddrinfo = getaddrinfo
    socket.socket.connect = lambda self, address: connect(self, elsewhere(address))  # type: ignore[method-assign]
    socket.socket.connect_ex = lambda self, address: connect_ex(self, elsewhere(address))  # type: ignore[method-assign]

    def undo() -> None:
        socket.getaddrinfo = resolve
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]

    return undo


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


if "LOOPBACK_FRONT" in os.environ:
    install(int(os.environ["LOOPBACK_FRONT"]))
