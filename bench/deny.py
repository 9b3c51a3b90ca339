"""The doorkeeper in front of pictures: requests a second with the deny list, paces and trap, beside the same house without them.

.venv/bin/python -m bench.deny
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import _measure as measure
from server.app import build_site, create_app
from server.settings import load
from tests import paint
from tests.agents import GPTBOT, PEOPLE
from tests.running import PASSWORD, House, free_port
from web import guard

ROUNDS = 7
COUNT = 400


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        path = picture(House(data, {"CARTELLINO_LOG_LEVEL": "error"}), Path(folder))
        environment = {**os.environ, "CARTELLINO_DATA_DIR": str(data), "CARTELLINO_LOG_LEVEL": "error"}
        # Behind one proxy, and each request from another address: the most that the paces have to do.
        environment |= {"CARTELLINO_SERVER_PROXIES": "1", "CARTELLINO_JOBS_INSIDE_SERVE": "false"}
        doors, ports = [], []
        for kind in ("without", "with"):
            port = free_port()
            environment["PORT"] = str(port)
            doors.append(subprocess.Popen([sys.executable, "-m", "bench._door", str(port), kind], env=environment))
            ports.append(port)
        time.sleep(8)
        cases: dict[str, tuple[int, str, int]] = {
            "without it, a browser": (0, PEOPLE[0], 200),
            "with it, a browser": (1, PEOPLE[0], 200),
            "without it, GPTBot": (0, GPTBOT, 200),
            "with it, GPTBot is turned away": (1, GPTBOT, 403),
        }
        rates: dict[str, list[float]] = {name: [] for name in cases}
        spent: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, (number, agent, status) in cases.items():
                rate, cost = many(doors[number].pid, ports[number], path, agent, status)
                rates[name].append(rate)
                spent[name].append(cost)
        for door in doors:
            door.terminate()
            door.wait()
        lines = ["| picture asked for | requests per second | CPU µs per request |", "|---|---|---|"]
        lines += [f"| {name} | {measure.median(rates[name])} | {measure.median(spent[name])} |" for name in cases]
        lines += ["", *alone(data)]
    measure.write("deny", "The doorkeeper in front of pictures", ".venv/bin/python -m bench.deny", lines)


def picture(house: House, folder: Path) -> str:
    """The path of a small WebP of a work."""
    password = folder / "password"
    password.write_text(PASSWORD)
    house.run("user", "create", "ada", "--email", "ada@mail.test", "--password-file", str(password))
    file = folder / "work.jpg"
    file.write_bytes(paint.jpeg(1500, 1000, seed=1))
    done = house.run("post", str(file), "--as", "ada", "--title", "Work", "--alt", "Strokes of colour")
    with house:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            page = house.get(re.sub(r"^https?://[^/]+", "", done.stdout.strip()))
            if found := re.search(r"/media/\d+/[0-9a-f]{20}-640\.webp", page.text):
                return found[0]
            time.sleep(0.5)
    raise SystemExit("the picture was not prepared in two minutes")


def many(pid: int, port: int, path: str, agent: str, status: int) -> tuple[float, float]:
    """Requests per second on one kept-alive connection, and CPU microseconds of the server for each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def fetch(number: int) -> None:
        address = f"198.{18 + number % 2}.{number // 250 % 250}.{number % 250}"
        connection.request("GET", path, headers={"User-Agent": agent, "X-Forwarded-For": address})
        reply = connection.getresponse()
        reply.read()
        assert reply.status == status, (reply.status, agent)

    for number in range(20):
        fetch(number)
    cpu, began = measure.cpu_seconds(pid), time.monotonic()
    for number in range(COUNT):
        fetch(number)
    took, used = time.monotonic() - began, measure.cpu_seconds(pid) - cpu
    connection.close()
    return COUNT / took, used / COUNT * 1e6


def alone(data: Path) -> list[str]:
    """What the layer itself costs, before a door that does nothing."""
    site = build_site(load({"CARTELLINO_SERVER_PROXIES": "1"}, data))
    app = create_app(site)

    async def nothing(scope: object, receive: object, send: object) -> None:
        return None

    door = guard.Guard(nothing, site, app.extensions["notebook"])
    others: list[tuple[bytes, bytes]] = [
        (b"host", b"art.example"), (b"accept", b"image/avif,image/webp,*/*"), (b"accept-encoding", b"gzip, br"),
        (b"accept-language", b"en"), (b"referer", b"https://art.example/@ada"), (b"sec-fetch-site", b"same-origin"),
    ]  # fmt: skip
    same = [*others, (b"user-agent", PEOPLE[0].encode()), (b"x-forwarded-for", b"198.18.0.1")]
    rows = {
        "a picture, a browser that came before": ("/media/1/00000000000000000000-640.webp", lambda number: same),
        "a picture, each from another address": (
            "/media/1/00000000000000000000-640.webp",
            lambda number: [*same[:-1], (b"x-forwarded-for", b"198.18.%d.%d" % (number // 250 % 250, number % 250))],
        ),
        "a document, each under another User-Agent": (
            "/works/1",
            lambda number: [*others, (b"user-agent", PEOPLE[0].encode() + b" %d" % number), same[-1]],
        ),
        "what is posted to an inbox": ("/inbox", lambda number: same),
    }
    lines = ["| the layer alone | µs per request |", "|---|---|"]
    for name, (path, headers) in rows.items():
        lines.append(f"| {name} | {_microseconds(door, path, headers)} |")
    return lines


def _microseconds(door: guard.Guard, path: str, headers: Callable[[int], list[tuple[bytes, bytes]]]) -> str:
    times = []
    for turn in range(ROUNDS):
        scopes = [
            {"type": "http", "method": "POST" if path == "/inbox" else "GET", "path": path, "client": ("127.0.0.1", 1),
             "headers": headers(turn * 1000 + number)} for number in range(1000)
        ]  # fmt: skip
        door.media.own.paid.clear()
        door.media.wide.paid.clear()
        began = time.perf_counter()
        for scope in scopes:
            _run(door(scope, None, None))
        times.append((time.perf_counter() - began) / len(scopes) * 1e6)
    return f"{statistics.median(times):.1f} [{min(times):.1f}-{max(times):.1f}]"


def _run(coroutine: object) -> None:
    """A coroutine that never waits, without a loop around it."""
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration:
        return
    raise AssertionError("it waited")


if __name__ == "__main__":
    main()
