"""A house that really runs: `cartellino serve` in a process of its own, and a browser without scripts to talk to it."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.nursery import Child, Nursery

PASSWORD = "a long enough password"

# Where a command starts at once; without it each command is a Python of its own (`bench/`).
_nursery: list[Nursery] = []


@contextlib.contextmanager
def quick_starts() -> Iterator[None]:
    """Within it houses are forked from a process that has imported the server already."""
    made = Nursery()
    _nursery.append(made)
    try:
        yield
    finally:
        _nursery.remove(made)
        made.close()


@dataclass
class Answer:
    """What came back: status, headers (lower-case names) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def card(answer: Answer) -> tuple[int, str]:
    """The id and the state of the picture whose card this is."""
    found = re.search(r'data-id="(\d+)" data-state="(\w+)"', answer.text)
    assert found, answer.text
    return int(found[1]), found[2]


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """One data directory; start, kill and start it again as often as you like."""

    data: Path
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | Child | None = None
    # A house without an administrator prints its set-up link after its address.
    is_new: bool = False
    # Whether it may be forked from the nursery; otherwise each command is a Python of its own, as everywhere but in tests.
    starts_quickly: bool = True
    setup_link: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        # A developer's settings are not this house's; and a server that may not keep its bytecode starts twice as slowly.
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("CARTELLINO_", "PYTHONDONTWRITE"))
        }
        return {**kept, "PORT": str(self.port), "CARTELLINO_DATA_DIR": str(self.data), **self.environ}

    def run(self, *arguments: str, check: bool = True, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """One `cartellino` command beside the server."""
        if _nursery and self.starts_quickly:
            done = _nursery[-1].run(arguments, self.environment, input=input, timeout=120)
        else:
            command = [sys.executable, "-m", "server", *arguments]
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, input=input, timeout=120, check=False
            )
        if check:
            done.check_returncode()
        return done

    def start(self, wait: float = 30) -> "House":
        """Start the server and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        log = (self.data.parent / f"{self.data.name}.log").open("a")
        if _nursery and self.starts_quickly:
            self.process = _nursery[-1].serve(["serve"], self.environment, log)
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"],
                env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Address: "), f"the server did not start: {line!r}, see {log.name}"
        if self.is_new:
            self.setup_link = self.process.stdout.readline().strip().removeprefix("Set-up: ")
        until = time.monotonic() + wait
        while True:
            try:
                if self.get("/livez").status == 200:
                    return self
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9`: nothing is said, nothing is tidied."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM, and wait for the calm end; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.terminate()
        code = self.process.wait(40)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def get(self, path: str, **headers: str) -> Answer:
        return Browser(self).get(path, **headers)

    def __enter__(self) -> "House":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass
class Browser:
    """Cookies and forms, one request at a time, no scripts."""

    house: House
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, form: dict[str, str]) -> Answer:
        """Send a form as a browser does; proof of origin is added when signed in."""
        if "session" in self.cookies:
            form = {"csrf": self.csrf(), **form}
        body = urllib.parse.urlencode(form).encode()
        return self.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def csrf(self) -> str:
        """The proof that stands in every form of ours."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get("/settings/account").text)
        assert found, "no form with a proof on the settings page"
        return found[1]

    def sign_in(self, handle: str, password: str = PASSWORD) -> "Browser":
        answer = self.post("/login", {"name": handle, "password": password})
        assert answer.status in (302, 303), answer.text
        return self

    def upload(self, content: bytes, name: str, csrf: str) -> Answer:
        """Send one file as upload.js does; the answer is its card."""
        headers = {"X-CSRF": csrf, "X-File-Name": urllib.parse.quote(name)}
        return self.request("POST", "/uploads", content, headers)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request; cookies are kept, redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=60)
        wanted = {key.replace("_", "-"): value for key, value in (headers or {}).items()}
        if self.cookies:
            wanted["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        try:
            connection.request(method, path, body, wanted)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        for line in reply.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(reply.status, {key.lower(): value for key, value in reply.headers.items()}, content)
