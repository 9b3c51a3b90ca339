"""Take the pictures of the documentation again, from a demo house of its own.

make screenshots
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.eyes import DESK, PHONE, chromium  # noqa: E402  # the checkout is not installed as `tests`
from tests.running import House, free_port  # noqa: E402

SHOTS = Path(__file__).parent / "screenshots"
PASSWORD = "a gallery of our own"
# name → path, and whether somebody is signed in
PAGES = {
    "landing": ("/", False),
    "portfolio": ("/@ines", False),
    "work": ("{work}", False),
    "compose": ("{edit}", True),
    "home": ("/home", True),
}


def main() -> None:
    """Start the demo, wait until every picture is prepared, and look."""
    SHOTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), port=free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "demo"],
            env={**house.environment, "PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        try:
            _wait(house)
            _shoot(house)
        finally:
            process.terminate()
            process.wait(60)


def _wait(house: House) -> None:
    for _ in range(600):
        try:
            if house.get("/readyz").status == 200:
                break
        except OSError:
            time.sleep(0.5)
    # The AVIF sizes follow in the background; the pictures are taken with what most people see, so wait for most of them.
    for _ in range(240):
        if house.get("/@ines").text.count("image/avif") >= 20:
            return
        time.sleep(1)


def _shoot(house: House) -> None:
    with chromium() as browser:
        for width, size in ((1440, DESK), (390, PHONE)):
            for theme in ("light", "dark"):
                context = browser.new_context(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
                page = context.new_page()
                page.goto(house.address + "/@ines")
                work = page.locator(".wall a.work").first.get_attribute("href") or ""
                for name, (path, is_signed_in) in PAGES.items():
                    if is_signed_in and not [cookie for cookie in context.cookies() if cookie.get("name") == "session"]:
                        page.goto(house.address + "/login")
                        page.get_by_label("Name or e-mail").fill("ines")
                        page.get_by_label("Password", exact=True).fill(PASSWORD)
                        page.locator("main button.main").click()
                    target = path.format(work=work, edit=re.sub(r"(/\d+)-[^/]*$", r"\1/edit", work))
                    page.goto(target if target.startswith("http") else house.address + target, wait_until="networkidle")
                    png = SHOTS / f"{name}-{theme}-{width}.png"
                    page.screenshot(path=png)
                    # 256 colours are enough for a page in a README, and a fifth of the bytes.
                    Image.open(png).convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
                        png, optimize=True
                    )
                context.close()


if __name__ == "__main__":
    main()
