"""What a visitor's browser fetches of the demo's portfolio of 24 works, cold, scrolled to its end. Budgets: ux.md 8.

.venv/bin/python -m bench.weight
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Request

from bench import _measure as measure
from tests.eyes import chromium
from tests.running import House

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 1000}
# name → window, density, budget in KB for everything
SCREENS = {
    "phone, 390 px at 2x": (PHONE, 2, 500),
    "phone, 390 px at 3x": (PHONE, 3, 500),
    "desk, 1440 px at 1x": (DESK, 1, 600),
    "desk, 1440 px at 2x": (DESK, 2, 1300),
}


def main() -> None:
    lines = [
        "| screen | requests | page KB | style, script, fonts, icons KB | pictures KB | all KB | budget KB |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        command = [sys.executable, "-m", "server", "demo"]
        process = subprocess.Popen(command, env=house.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(house)
            with chromium() as browser:
                for name in SCREENS:
                    lines.append(look(browser, house, name))
        finally:
            process.terminate()
            process.wait(60)
    measure.write("weight", "Weight of a wall of 24 works", ".venv/bin/python -m bench.weight", lines)


def wait_for(house: House) -> None:
    """Until the demo is populated and the AVIF sizes of the portfolio are made."""
    for _ in range(1200):
        try:
            if house.get("/@ines").text.count("image/avif") >= 20:
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit("the demo did not become ready")


def look(browser: Browser, house: House, name: str) -> str:
    window, density, budget = SCREENS[name]
    context = browser.new_context(viewport=window, device_scale_factor=density)  # type: ignore[arg-type]
    page = context.new_page()
    sizes = {"document": 0, "other": 0, "image": 0}
    done: list[Request] = []
    page.on("requestfinished", lambda request: done.append(request))
    page.goto(house.address + "/@ines", wait_until="networkidle")
    for _ in range(40):
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(60)
    page.wait_for_load_state("networkidle")
    for request in done:
        kind = request.resource_type if "/static/" not in request.url else "other"
        sizes[kind if kind in sizes else "other"] += request.sizes()["responseBodySize"]
    context.close()
    shown = [*sizes.values(), sum(sizes.values())]
    return f"| {name} | {len(done)} | " + " | ".join(f"{size / 1000:.0f}" for size in shown) + f" | {budget} |"


if __name__ == "__main__":
    main()
