"""What a picture costs: the public copies of a 24-megapixel master, beside the least possible and the naive way.

    python -m bench.renditions

Every figure is the processor time of one fresh child process (user and system, start-up taken off), the best of three;
memory is that child's highest resident set. The three ways run in turn in the same session, because only ratios from one
session can be trusted.
"""

import asyncio
import contextlib
import importlib
import io
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from bench._measure import RESULTS
from server.media import orders
from server.media.images import ladder, warm_up
from server.media.pixels import Facts, Pixels, Plan, Refused

WIDTHS = (2048, 1280, 640, 320)


def reference(path: Path) -> None:
    """Decode at half size and resize in a cascade: what no pipeline can go below. No file is written."""
    image: Image.Image = Image.open(path)
    height = round(2048 * image.height / image.width)
    image.draft("RGB", (2048, height))
    for width in WIDTHS:
        image = image.resize((width, round(width * height / 2048)), Image.Resampling.LANCZOS, reducing_gap=2.0)


def naive(path: Path) -> None:
    """Full decode, every size from the original, WebP at Pillow's default effort."""
    image = Image.open(path).convert("RGB")
    for width in WIDTHS:
        small = image.resize((width, round(width * image.height / image.width)), Image.Resampling.LANCZOS)
        small.save(io.BytesIO(), "WEBP", quality=80, method=4)


def ours(path: Path, *, webp_only: bool = False, first_two: bool = False) -> None:
    """The product's own code, in this process, without the sandbox."""

    class Enough(Exception):
        pass

    def deliver(purpose: str, size: tuple[int, int], kind: str, pieces: object, frames: int) -> None:
        list(pieces)  # type: ignore[call-overload]
        if (first_two and size[0] == 640) or (webp_only and purpose == "stage"):
            raise Enough

    with path.open("rb") as file:
        with contextlib.suppress(Enough):
            ladder.render(file, Plan(), orders.Limits(), lambda _: None, deliver)


def avif(path: Path) -> None:
    """The background copies."""
    with path.open("rb") as file:
        existing = dict.fromkeys((320, 640, 1280), 10**9)
        ladder.render_avif(file, Plan(), existing, orders.Limits(), lambda *_: None)


WAYS: dict[str, Callable[[Path], None]] = {
    "reference": reference,
    "naive": naive,
    "WebP ladder": lambda path: ours(path, webp_only=True),
    "first two": lambda path: ours(path, first_two=True),
    "everything": ours,
    "AVIF": avif,
}


def one(way: str, path: Path) -> tuple[float, float]:
    """(CPU seconds, peak MB) of one way in a process of its own, which holds no picture of ours."""
    done = subprocess.run([sys.executable, "-m", "bench.renditions", way, path], check=True, capture_output=True)
    used, peak = json.loads(done.stdout)
    return used, peak


def measured(way: str, path: Path) -> None:
    """Inside that process: one way, once, and print what it took."""
    warm_up()
    before = resource.getrusage(resource.RUSAGE_SELF)
    WAYS[way](path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Not ru_maxrss: it remembers the process that started this one.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps((used, peak)))


def psnr(left: Image.Image, right: Image.Image) -> float:
    """Peak signal to noise ratio in dB."""
    error = statistics.mean(rms**2 for rms in ImageStat.Stat(ImageChops.difference(left, right)).rms)
    return 10 * math.log10(255**2 / error)


async def through_the_sandbox(path: Path, bomb: Path, folder: Path) -> dict[str, float]:
    """Wall time of the whole way, child and hashes included, with the helper running."""
    pixels = Pixels(folder / "scratch")
    started = time.perf_counter()
    await pixels.probe(path)
    cold = time.perf_counter() - started
    started = time.perf_counter()
    await pixels.probe(path)
    times = {"cold probe": cold, "probe": time.perf_counter() - started}
    started = time.perf_counter()
    async for item in pixels.render(path, Plan()):
        name = "facts" if isinstance(item, Facts) else f"{item.purpose} {item.width}"
        times[name] = time.perf_counter() - started
    refusals = []
    for _ in range(5):
        started = time.perf_counter()
        try:
            await pixels.probe(bomb)
        except Refused:
            refusals.append(time.perf_counter() - started)
    times["bomb refused"] = statistics.median(refusals)
    await pixels.close()
    return times


def main() -> None:
    """Measure, print, and write `results/renditions.md`."""
    # Only here: the measured processes must not carry numpy in their memory.
    pictures = importlib.import_module("tests.server.media.pictures")
    lines = [
        "# Renditions",
        "",
        "`python -m bench.renditions`; 6000 by 4000 pixels, CPU seconds of one child, best of 3.",
        "",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bomb = pictures.bomb_png(folder / "bomb.png", 12_000, 9_000)
        masters = {"photo JPEG": (pictures.photo, "jpg"), "painting JPEG": (pictures.painting, "jpg")}
        masters["photo PNG"] = (pictures.photo, "png")
        table = [["master", *WAYS], ["---"] * (1 + len(WAYS))]
        ratios, quality = [], []
        for title, (draw, kind) in masters.items():
            path = folder / f"master.{kind}"
            picture = draw(6000, 4000)
            picture.save(path, **({"quality": 92} if kind == "jpg" else {"compress_level": 3}))
            runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for _ in range(3):
                for way in WAYS:
                    runs[way].append(one(way, path))
            best = {way: min(results) for way, results in runs.items()}
            table.append([title, *(f"{best[way][0]:.2f} s, {best[way][1]:.0f} MB" for way in WAYS)])
            cpu = {way: best[way][0] for way in WAYS}
            ratios.append(
                f"- {title}: WebP ladder {cpu['WebP ladder'] / cpu['reference']:.2f}x the reference (goal 2.2), "
                f"{cpu['WebP ladder'] / cpu['naive']:.2f}x the naive way (goal 0.6); "
                f"320 and 640 after {cpu['first two'] / cpu['WebP ladder']:.2f} of the ladder, "
                f"{cpu['first two'] / cpu['naive']:.2f} of the naive way (goal 0.3)"
            )
            if kind == "jpg":
                quality += asyncio.run(compare(path, picture, folder, title))
                sandboxed = asyncio.run(through_the_sandbox(path, bomb, folder))
                timing = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in sandboxed.items())
                quality.append(f"- {title}, wall time through the sandbox: {timing}")
        lines += ["| " + " | ".join(row) + " |" for row in table] + [
            "",
            "G8:",
            "",
            *ratios,
            "",
            "G9 and times:",
            "",
            *quality,
        ]
        lines += [
            "",
            "SSIMULACRA2 was not at hand; PSNR of the resize alone is against a direct Lanczos from the master.",
        ]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "renditions.md").write_text(text)


async def compare(path: Path, picture: Image.Image, folder: Path, title: str) -> list[str]:
    """Sizes of the copies, and how close the cascade and the coded copies come to a direct Lanczos."""
    pixels = Pixels(folder / "compare")
    made: dict[str, tuple[int, float]] = {}
    existing = {}
    master = Image.open(path).convert("RGB")

    def near(file: Path) -> float:
        copy = Image.open(file).convert("RGB")
        return psnr(copy, master.resize(copy.size, Image.Resampling.LANCZOS))

    async for item in pixels.render(path, Plan()):
        if not isinstance(item, Facts):
            made[f"{item.format} {item.width}"] = (item.size, near(item.file))
            if item.format == "webp":
                existing[item.width] = item.size
    async for item in pixels.render_avif(path, Plan(), existing):
        made[f"{item.format} {item.width}"] = (item.size, near(item.file))
    await pixels.close()
    drafted = Image.open(path)
    drafted.draft("RGB", (2458, 1638))
    cascade = drafted.resize((2048, 1365), Image.Resampling.LANCZOS, reducing_gap=2.0)
    resize = []
    for width in WIDTHS:
        size = orders.size_at_width((2048, 1365), width)
        cascade = cascade if width == 2048 else cascade.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        resize.append(f"{width}: {psnr(cascade, master.resize(size, Image.Resampling.LANCZOS)):.1f} dB")
    files = ", ".join(f"{name} {size / 1000:.0f} kB ({near:.1f} dB)" for name, (size, near) in made.items())
    return [f"- {title}, resize alone: {', '.join(resize)}", f"- {title}, copies: {files}"]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measured(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
