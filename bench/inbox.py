"""G1: CPU for each verified, durable inbox activity, beside the least that this server could do and a plain implementation.

.venv/bin/python -m bench.inbox
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sqlalchemy import func, select

from bench import _measure as measure
from federation.signatures import sign_cavage
from server import clock, ids
from server.db import Database
from server.models import Actor, Follow, Job, PublicKey, Received, ReceivedState
from tests.running import PASSWORD, House, free_port

ROUNDS = 5
COUNT = 500  # activities in each round
KEYS = 20
CONNECTIONS = 64
HOST = "art.test"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(KEYS)]
        public = {
            f"{actor(number)}#main-key": pair.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
            for number, pair in enumerate(pairs)
        }
        (folder / "keys.json").write_text(json.dumps(public))
        spent: dict[str, list[float]] = {"bound": [], "ours, up to 202": [], "naive": [], "ours, done": []}
        away = measured_house(folder / "away", public, inside="false")
        whole = measured_house(folder / "whole", public, inside="true")
        ports = {"bound": free_port(), "naive": free_port()}
        others = {
            kind: subprocess.Popen([sys.executable, "-m", "bench._inboxes", kind, str(port), str(folder)])
            for kind, port in ports.items()
        }
        try:
            with away, whole:
                time.sleep(3)
                assert away.process is not None and whole.process is not None
                targets = {
                    "bound": (others["bound"].pid, ports["bound"]),
                    "ours, up to 202": (away.process.pid, away.port),
                    "naive": (others["naive"].pid, ports["naive"]),
                }
                memory = 0.0
                for number in range(ROUNDS + 1):
                    for kind, (pid, port) in targets.items():
                        requests = signed(pairs, COUNT, f"{number}-{kind}")
                        before = measure.cpu_seconds(pid)
                        asyncio.run(send(port, requests))
                        if number:  # the first round warms up
                            spent[kind].append((measure.cpu_seconds(pid) - before) / COUNT * 1e6)
                    requests = signed(pairs, COUNT // 3, f"{number}-whole")
                    before = measure.cpu_seconds(whole.process.pid)
                    asyncio.run(send(whole.port, requests))
                    until_done(folder / "whole")
                    if number:
                        used = measure.cpu_seconds(whole.process.pid) - before
                        spent["ours, done"].append(used / (COUNT // 3) * 1e6)
                memory = measure.memory_mb(whole.process.pid)
                check(folder / "whole", (ROUNDS + 1) * (COUNT // 3))
        finally:
            for process in others.values():
                process.terminate()
                process.wait()
    report(spent, memory)


def report(spent: dict[str, list[float]], memory: float) -> None:
    """The table, with the ratios of goal G1."""
    middle = {kind: statistics.median(values) for kind, values in spent.items()}
    lines = ["| path | CPU µs per activity | times bound | naive is … times dearer |", "|---|---|---|---|"]
    for kind, values in spent.items():
        bound, naive = middle[kind] / middle["bound"], middle["naive"] / middle[kind]
        lines.append(f"| {kind} | {measure.median(values)} | {bound:.2f} | {naive:.1f} |")
    lines += [
        "",
        f"{COUNT} activities of 1.9 KB by {KEYS} known keys over {CONNECTIONS} connections in each of {ROUNDS} rounds, SQLite, "
        "synchronous=FULL, hypercorn. “up to 202” is everything a sender waits for; “done” is that and the handler, with the "
        f"note kept and shown to a follower. Memory afterwards: {memory:.0f} MB.",
        "",
        "Goal G1 on hypercorn: at most 1.4 times bound, and naive at least 5 times dearer.",
    ]
    measure.write("inbox", "Inbox", ".venv/bin/python -m bench.inbox", lines)


def actor(number: int) -> str:
    """Each on a server of their own: one server alone may not send so much."""
    return f"https://p{number}.test/users/p"


def measured_house(data: Path, public: dict[str, str], *, inside: str) -> House:
    """A house that knows the senders and their keys; somebody in it follows all of them."""
    wanted = {
        "CARTELLINO_BASE_URL": f"https://{HOST}",
        "CARTELLINO_LOG_LEVEL": "error",
        "CARTELLINO_JOBS_INSIDE_SERVE": inside,
    }
    house = House(data, wanted)
    password = data.parent / "password"
    password.write_text(PASSWORD)
    house.run("user", "create", "ines", "--email", "ines@mail.test", "--password-file", str(password))
    asyncio.run(fill(data, public))
    return house


async def fill(data: Path, public: dict[str, str]) -> None:
    db = Database(f"sqlite:///{data / 'cartellino.db'}")
    async with db.write() as tx:
        ines = await tx.scalar(select(Actor).where(Actor.handle == "ines"))
        assert ines is not None
        for number, (key_id, pem) in enumerate(public.items()):
            row = Actor(
                id=ids.new(), uri=actor(number), handle="p", domain=f"p{number}.test", host=f"p{number}.test",
                inbox=f"{actor(number)}/inbox", followers=f"{actor(number)}/followers", fetched_at=clock.now(),
            )  # fmt: skip
            der = load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            tx.add(row)
            await tx.flush()
            tx.add(PublicKey(uri=key_id, actor_id=row.id, kind="rsa", der=der))
            tx.add(Follow(follower_id=ines.id, followed_id=row.id, accepted=True))
    await db.close()


def signed(pairs: list[rsa.RSAPrivateKey], count: int, series: str) -> list[bytes]:
    """Whole requests as bytes: notes of about 1.9 KB, each by the next key."""
    made = []
    for number in range(count):
        who = number % len(pairs)
        note = f"https://p{who}.test/notes/{series.replace(' ', '-').replace(',', '')}-{number}"
        document = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{note}/activity",
            "type": "Create",
            "actor": actor(who),
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "cc": [f"{actor(who)}/followers"],
            "object": {
                "id": note,
                "type": "Note",
                "attributedTo": actor(who),
                "content": f"<p>{'A sentence about light on water. ' * 36}</p>",
                "to": ["https://www.w3.org/ns/activitystreams#Public"],
                "cc": [f"{actor(who)}/followers"],
                "published": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "inReplyTo": None,
            },
        }
        body = json.dumps(document).encode()
        headers = sign_cavage("POST", f"https://{HOST}/inbox", body, pairs[who], f"{actor(who)}#main-key", clock.now())
        headers |= {"Content-Type": "application/activity+json", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        made.append(f"POST /inbox HTTP/1.1\r\n{head}\r\n".encode() + body)
    return made


async def send(port: int, requests: list[bytes]) -> None:
    """All of them, over CONNECTIONS kept-alive connections; every answer must be 202."""
    waiting = list(reversed(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while waiting:
                writer.write(waiting.pop())
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                assert b" 202" in head.split(b"\r\n", 1)[0], head
                if b"connection: close" in head.lower():
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    continue
                if b"transfer-encoding: chunked" in head.lower():
                    await reader.readuntil(b"0\r\n\r\n")
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


def until_done(data: Path) -> None:
    """Wait until nothing received waits any more; bounded."""
    for _ in range(1200):
        if asyncio.run(count(data, Job, Job.lane == "inbox")) == 0:
            return
        time.sleep(0.1)
    raise SystemExit("the inbox was not done within two minutes")


def check(data: Path, expected: int) -> None:
    done = asyncio.run(count(data, Received, Received.state == ReceivedState.DONE))
    assert done == expected, (done, expected)


async def count(data: Path, model: type, *conditions: object) -> int:
    db = Database(f"sqlite:///{data / 'cartellino.db'}")
    async with db.read() as tx:
        found = await tx.scalar(select(func.count()).select_from(model).where(*conditions))  # type: ignore[arg-type]
    await db.close()
    return int(found or 0)


if __name__ == "__main__":
    os.environ.pop("CARTELLINO_DATA_DIR", None)
    main()
