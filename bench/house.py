"""Time to the first page, idle memory, and a 24-megapixel JPEG from upload to visible (goals G8, G10, G11).

    .venv/bin/python -m bench.house [PICTURE …]

Pictures named on the command line (Debian's wallpaper packages hold large ones) are uploaded too and listed by name and size.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import _measure as measure
from tests import paint
from tests.running import PASSWORD, Browser, House, card

ROUNDS = 5
STACK = "quart hypercorn.asyncio sqlalchemy.ext.asyncio aiosqlite aiohttp cryptography.hazmat.primitives.asymmetric.rsa"
IMPORTS = "import " + STACK.replace(" ", ", ")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [*starting(Path(folder)), "", *uploading(Path(folder), [Path(name) for name in sys.argv[1:]])]
    measure.write("house", "The house: start, idle, upload", ".venv/bin/python -m bench.house", lines)


def starting(folder: Path) -> list[str]:
    """G10 and G11: second start to first page, and memory at rest, beside a process that has only imported the stack."""
    house = House(folder / "start")
    house.start()
    house.stop()
    seconds, cpu, idle, import_cpu, import_memory = [], [], [], [], []
    for _ in range(ROUNDS):
        began = time.monotonic()
        house.start()
        assert house.get("/").status == 200
        seconds.append(time.monotonic() - began)
        assert house.process is not None
        cpu.append(measure.cpu_seconds(house.process.pid))
        time.sleep(3)
        idle.append(measure.memory_mb(house.process.pid))
        house.stop()
        code = f"{IMPORTS}\nprint(flush=True)\ninput()"
        bare = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert bare.stdout is not None
        bare.stdout.readline()
        import_cpu.append(measure.cpu_seconds(bare.pid))
        import_memory.append(measure.memory_mb(bare.pid))
        bare.communicate(b"\n")
    middle = statistics.median
    return [
        "| what | measured | reference: only the imports | ratio | goal |",
        "|---|---|---|---|---|",
        f"| start to first page, CPU s | {middle(cpu):.2f} | {middle(import_cpu):.2f} | {middle(cpu) / middle(import_cpu):.2f} "
        "| G11: 1.3, at most 1.2 s |",
        f"| start to first page, wall s | {middle(seconds):.2f} | | | less than 3 s |",
        f"| memory at rest (PSS), MB | {middle(idle):.0f} | {middle(import_memory):.0f} "
        f"| {middle(idle) / middle(import_memory):.2f} | G10: 1.25, at most 85 MB |",
    ]


def uploading(folder: Path, others: list[Path]) -> list[str]:
    """G8: from the first byte sent until the work can be seen, with the most memory the whole family held meanwhile."""
    password = folder / "password"
    password.write_text(PASSWORD)
    house = House(folder / "upload", {"CARTELLINO_LOG_LEVEL": "error"})
    house.run("user", "create", "ada", "--email", "ada@mail.test", "--password-file", str(password))
    lines = [
        "| picture | MB | upload s | until shown s | until ready s | peak PSS MB, whole family |",
        "|---|---|---|---|---|---|",
    ]
    samples = [(f"painterly 6000×4000 JPEG ({n + 1})", paint.jpeg(6000, 4000, seed=n)) for n in range(3)]
    samples += [(path.name, path.read_bytes()) for path in others]
    with house:
        assert house.process is not None
        browser = Browser(house).sign_in("ada")
        token = browser.csrf()
        for name, content in samples:
            peak = [0.0]
            done = threading.Event()
            watcher = threading.Thread(target=_watch, args=(house.process.pid, peak, done))
            watcher.start()
            began = time.monotonic()
            answer = browser.upload(content, name, token)
            sent = time.monotonic() - began
            assert answer.status == 201, answer.text
            media, _ = card(answer)
            times: dict[str, float] = {}
            while "ready" not in times and time.monotonic() - began < 60:
                _, state = card(browser.get(f"/uploads/{media}"))
                for stage in ("shown", "ready"):
                    if state == stage or (stage == "shown" and state == "ready"):
                        times.setdefault(stage, time.monotonic() - began)
                assert state != "failed", name
                time.sleep(0.02)
            done.set()
            watcher.join()
            figures = (len(content) / 1e6, sent, times["shown"], times["ready"])
            lines.append(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + f" | {peak[0]:.0f} |")
    return lines


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.05):
        peak[0] = max(peak[0], measure.memory_mb(pid))


if __name__ == "__main__":
    main()
