"""What a seal costs: milliseconds and bytes for each format, with and without the history of an upload.

    python -m bench.seal

Wall-clock time as the server waits for it: one child, a picture of 2400 by 1800, the median of nine after a first one. Memory is
the child's highest resident set.
"""

import asyncio
import io
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import c2pa
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from bench._measure import RESULTS, write
from server import clock, seals
from server.media import sealing
from server.media.orders import MIME, Format
from server.media.sealing import Sealer
from server.models import Licence, Reservation, SourceType
from server.rights import Rights, Subject, channels

SIZE = (2400, 1800)
FORMATS = ("jpeg", "png", "webp", "avif", "gif")
TIMES = 9


@dataclass(frozen=True)
class House:
    """Certificates as a house makes them, and its key."""

    chain: str
    root: str
    key: ec.EllipticCurvePrivateKey

    def sign(self, claim: bytes) -> bytes:
        """ES256."""
        return seals._signed(self.key, claim)


def house(host: str) -> House:
    """Fresh certificates for `host`."""
    now, root_key, key = clock.now(), ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin, end = now - timedelta(days=1), now + timedelta(days=300)
    root = seals.certificate(seals._named(f"{host} root", host), root_key, begin, end)
    leaf = seals.certificate(seals._named(host, host), key, begin, end, above=(root, root_key))
    return House(seals._pem(leaf) + seals._pem(root), seals._pem(root), key)


def picture(seed: int = 7) -> Image.Image:
    """Gradients with a little grain."""
    grain = np.random.default_rng(seed).normal(0, 6, (SIZE[1], SIZE[0], 3))
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    base = np.stack([120 + 90 * np.sin(x / 400), 120 + 90 * np.cos(y / 300), 120 + 90 * np.sin((x + y) / 500)], axis=-1)
    return Image.fromarray((base + grain).clip(0, 255).astype(np.uint8), "RGB")


def uploads(folder: Path, by: House) -> dict[str, Path]:
    """What may arrive with a history: without a thumbnail, with one as the library makes it, edited again with thumbnails."""
    out = io.BytesIO()
    picture().save(out, "JPEG", quality=92)
    found, data = {}, out.getvalue()
    for name, thumbnail, again in (
        ("history", False, False),
        ("thumbnail", True, False),
        ("two thumbnails", True, True),
    ):
        settings = json.dumps({"builder": {"thumbnail": {"enabled": thumbnail}}, "trust": {"user_anchors": by.root}})
        signed = data
        for turn in range(2 if again else 1):
            action = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["it"]}} if turn else {
                "action": "c2pa.created",
                "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
            }  # fmt: skip
            definition = {
                "title": "upload",
                "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
            }
            builder = c2pa.Builder.from_json(json.dumps(definition), context=c2pa.Context.from_json(settings))
            if turn:
                builder.add_ingredient(
                    json.dumps({"title": "it", "relationship": "parentOf", "label": "it"}),
                    "image/jpeg",
                    io.BytesIO(signed),
                )
            made = io.BytesIO()
            signer = c2pa.Signer.from_callback(by.sign, c2pa.C2paSigningAlg.ES256, by.chain)
            builder.sign(signer, "image/jpeg", io.BytesIO(signed), made)
            signed = made.getvalue()
        found[name] = folder / f"{name}.jpeg"
        found[name].write_bytes(signed)
    return found


async def measured(folder: Path) -> list[str]:
    """The lines of the result."""
    ours, theirs = house("art.example"), house("camera.example")
    subject = Subject(title="Heron at Dusk", explained="https://art.example/works/42/rights")
    rights = Rights(
        Licence.ARR, Reservation.NO_AI, "Ada Ink", 2026, subject=subject, source_type=SourceType.DIGITAL_CREATION
    )
    lines = ["| format | size | seal | added | read |", "| --- | --- | --- | --- | --- |"]
    begun = time.perf_counter()
    async with Sealer() as sealer:
        await sealer.start()
        start = time.perf_counter() - begun

        async def once(source: Path, kind: Format, parent: Path | None = None) -> tuple[float, int]:
            target = folder / "sealed"
            target.unlink(missing_ok=True)
            before = time.perf_counter()
            done = await sealer.seal(
                source,
                target,
                kind,
                channels.c2pa(rights, has_parent=parent is not None),
                sign=ours.sign,
                chain=ours.chain,
                anchors=ours.root,
                parent=parent,
                parent_kind="jpeg" if parent else None,
            )
            return time.perf_counter() - before, done.added

        for name in FORMATS:
            kind = cast(Format, name)
            source = folder / f"source.{kind}"
            picture().save(source, MIME[kind].removeprefix("image/").upper(), quality=80)
            times = [await once(source, kind) for _ in range(TIMES + 1)][1:]
            reading = []
            for _ in range(TIMES):
                before = time.perf_counter()
                await sealer.read(folder / "sealed")
                reading.append(time.perf_counter() - before)
            median = statistics.median(seconds for seconds, _ in times)
            lines.append(
                f"| {kind} | {source.stat().st_size / 1000:.0f} kB | {median * 1000:.0f} ms | {times[0][1]} bytes "
                f"| {statistics.median(reading) * 1000:.0f} ms |"
            )
        lines += ["", "A JPEG whose upload carries a history:", ""]
        for name, upload in uploads(folder, theirs).items():
            store = sealing.manifest_bytes(upload)
            times = [await once(folder / "source.jpeg", "jpeg", upload) for _ in range(TIMES)]
            median = statistics.median(seconds for seconds, _ in times)
            lines.append(f"- {name}, {store} bytes: {median * 1000:.0f} ms, {times[0][1]} bytes added")
        assert sealer._process is not None
        status = Path(f"/proc/{sealer._process.pid}/status").read_text()
        peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
    lines += ["", f"The child starts in {start * 1000:.0f} ms and took {peak / 1000:.0f} MB at most."]
    return lines


def main() -> None:
    """Measure and keep the result."""
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        lines = asyncio.run(measured(Path(folder)))
    write("seal", "Seals", "python -m bench.seal", lines)


if __name__ == "__main__":
    main()
