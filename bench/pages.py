"""CPU per request of the portfolio (24 works) and of a work page, beside a bare Quart route on the same server; and their weight.

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
PHONE = 390 * 2  # pixels across, at a density of two


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
            weight = phone_weight(house)
        bare.terminate()
        bare.wait()
    base = sorted(spent["bare"])[ROUNDS // 2]
    lines = ["| page | CPU µs per request | times bare | bytes |", "|---|---|---|---|"]
    for name, values in spent.items():
        times = sorted(values)[ROUNDS // 2] / base
        lines.append(f"| {name} | {measure.median(values)} | {times:.1f} | {sizes[name]:,} |")
    lines += [
        "",
        "Weight of the portfolio on a phone, cold, everything it needs (budget 500 KB of pictures once AVIF is ready):",
        "",
    ]
    lines += ["| part | bytes |", "|---|---|", *(f"| {part} | {size:,} |" for part, size in weight.items())]
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


def phone_weight(house: House) -> dict[str, int]:
    """What a phone of 390 px at density 2 fetches: the page, its style, fonts, icons, and for each picture the smallest
    file that is wide enough (AVIF where the page offers it)."""
    page = house.get("/@ada", Accept_Encoding="br")
    text = house.get("/@ada").text
    weight = {"html": len(page.body), "style, fonts, icons": 0, "pictures": 0}
    for asset in sorted(set(re.findall(r'"(/static/[^"#]+)', text))):
        weight["style, fonts, icons"] += len(house.get(asset).body)
    for kind in ("avif", "webp"):
        sets = re.findall(rf'type="image/{kind}"[^>]*?srcset="([^"]+)"|srcset="([^"]+)"[^>]*?type="image/{kind}"', text)
        if sets:
            for found in sets:
                choices = [part.split() for part in (found[0] or found[1]).split(",")]
                wanted = sorted((int(width.rstrip("w")), address) for address, width in choices)
                # Tiles of a wall take between a third and all of the width; 0.67 is what `sizes` asks of dense screens.
                need = PHONE * 0.5
                address = next((address for width, address in wanted if width >= need), wanted[-1][1])
                weight["pictures"] += len(house.get(re.sub(r"^https?://[^/]+", "", address)).body)
            break
    return weight


if __name__ == "__main__":
    main()
