"""CPU per request of the portfolio (24 works) and of a work page, beside a bare Quart route on the same server.

.venv/bin/python -m bench.pages
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import _measure as measure
from tests import paint
from tests.running import PASSWORD, Browser, House, free_port

ROUNDS = 5
COUNT = 300


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder) / "data", {"CARTELLINO_LOG_LEVEL": "error"})
        address = fill(house, Path(folder))
        port = free_port()
        bare = subprocess.Popen([sys.executable, "-m", "bench._bare", str(port)])
        time.sleep(2)
        with house:
            assert house.process is not None
            pages = {
                "portfolio, stranger": ("/@ada", {}),
                "work page, stranger": (address, {}),
                "portfolio, brotli": ("/@ada", {"Accept-Encoding": "br"}),
            }
            member = Browser(house).sign_in("ada")
            cookie = {"Cookie": "; ".join(f"{key}={value}" for key, value in member.cookies.items())}
            pages["portfolio, signed in"] = ("/@ada", cookie)
            spent: dict[str, list[float]] = {name: [] for name in ("bare", *pages)}
            sizes: dict[str, int] = {}
            for _ in range(ROUNDS):
                cost, sizes["bare"] = measure.cost_per_request(bare.pid, port, "/", COUNT)
                spent["bare"].append(cost)
                for name, (path, headers) in pages.items():
                    cost, sizes[name] = measure.cost_per_request(house.process.pid, house.port, path, COUNT, headers)
                    spent[name].append(cost)
        bare.terminate()
        bare.wait()
    base = sorted(spent["bare"])[ROUNDS // 2]
    lines = ["| page | CPU µs per request | times bare | bytes |", "|---|---|---|---|"]
    for name, values in spent.items():
        times = sorted(values)[ROUNDS // 2] / base
        lines.append(f"| {name} | {measure.median(values)} | {times:.1f} | {sizes[name]:,} |")
    measure.write("pages", "Pages", ".venv/bin/python -m bench.pages", lines)


def fill(house: House, folder: Path) -> str:
    """24 works of several ratios by one artist; the path of the newest work's page."""
    password = folder / "password"
    password.write_text(PASSWORD)
    house.run("user", "create", "ada", "--email", "ada@mail.test", "--password-file", str(password))
    shapes = [(1500, 1000), (1200, 1600), (1600, 1000), (1400, 1400), (1600, 900), (1280, 1600)]
    address = ""
    for number in range(24):
        file = folder / f"{number}.jpg"
        file.write_bytes(paint.jpeg(*shapes[number % len(shapes)], seed=number))
        done = house.run("post", str(file), "--as", "ada", "--title", f"Work {number}", "--alt", "Strokes of colour")
        address = done.stdout.strip()
    return re.sub(r"^https?://[^/]+", "", address)


if __name__ == "__main__":
    main()
