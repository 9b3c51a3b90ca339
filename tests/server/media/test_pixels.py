"""Hostile files and the walls around the decoder: each costs one sentence, and the next order works."""

import asyncio
import contextlib
import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from server.media import orders
from server.media.pixels import Facts, Limits, Pixels, Plan, Refused
from tests.server.media import pictures

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """A picture that nobody would refuse."""
    path = tmp_path / "fine.jpg"
    pictures.photo(400, 300).save(path)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def strict(tmp_path: Path) -> AsyncIterator[Pixels]:
    """A workshop with small limits of its own."""
    workshop = Pixels(
        tmp_path / "strict", limits=Limits(cpu_seconds=1, wall_seconds=30, memory=300 << 20, big_memory=300 << 20)
    )
    yield workshop
    await workshop.close()


def single_thread(kind: str) -> dict[str, Any]:
    """Options that keep the AVIF encoder of the tests from starting a thread per core."""
    return {"max_threads": 1} if kind == "avif" else {}


async def refused(pixels: Pixels, path: Path) -> str:
    """The sentence; the file must fail in the probe or in the render, and the workshop must work on."""
    with pytest.raises(Refused) as caught:
        await pixels.probe(path)
        await pictures.everything(pixels, path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and sentence[0].isupper() and "Error" not in sentence
    return sentence


def alive(pid: int) -> bool:
    """True while a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until_gone(pid: int, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while alive(pid):
            await asyncio.sleep(0.02)


async def test_the_child_cannot_get_out(pixels: Pixels) -> None:
    """Row 113: no network, no file opened, read, written or removed, no process, no signal, no more memory."""
    walls = await pixels.confinement()
    assert walls.network_closed and walls.files_closed and walls.memory_limited, walls
    assert walls.seccomp or walls.landlock
    if walls.seccomp:
        assert walls.notes == ()


async def test_the_helper_inherits_neither_environment_nor_files(
    pixels: Pixels, fine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARTELLINO_SECRET", "do-not-pass-on")
    own = Pixels(tmp_path / "own")
    secret = (tmp_path / "secret").open("w")
    os.set_inheritable(secret.fileno(), True)
    with secret:
        await own.probe(fine)
        assert b"SECRET" not in Path(f"/proc/{own.easel_pid}/environ").read_bytes()
        held = []
        for descriptor in Path(f"/proc/{own.easel_pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed between the listing and the look
                held.append(str(descriptor.readlink()))
        assert held and not [target for target in held if "secret" in target]
        with contextlib.suppress(FileNotFoundError):
            tasks = len(list(Path(f"/proc/{own.easel_pid}/task").iterdir()))
            assert tasks == 1, "forking is safe only from a single thread"
    await own.close()


async def test_the_server_process_loads_no_decoder() -> None:
    code = "import sys; import server.media.pixels; print([m for m in sys.modules if m.split('.')[0] == 'PIL'])"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(orders.__file__).parents[2],
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not a picture"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "not a picture"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "SVG"),
        (b"8BPS\0\1" + b"\0" * 100, "Photoshop"),
        (b"%PDF-1.7\n" + b"\0" * 100, "PDF"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 100, "film"),
        (b"\xff\x0a" + b"\0" * 100, "JPEG XL"),
        (b"BM" + b"\0" * 100, "not a picture"),
        (b"SIMPLE  =                    T" + b" " * 3000, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n" + b" " * 100, "not a picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100, "not a picture"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"RIFF\x20\0\0\0WEBPVP8 " + b"\xff" * 30, "damaged"),
        (b"GIF89a" + b"\xff" * 40, "damaged"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 100, "damaged"),
        (b"\0\0\0\x20ftypavif" + b"\0" * 300, "damaged"),
    ],
)
async def test_what_is_not_a_picture_is_named(pixels: Pixels, tmp_path: Path, content: bytes, word: str) -> None:
    """Rows 114, 117 and 123: the type comes from the bytes, and only our formats reach a decoder."""
    file = tmp_path / "upload.jpg"
    file.write_bytes(content)
    assert word in await refused(pixels, file)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "gif", "tiff"])
async def test_half_a_file_is_refused_in_words(pixels: Pixels, tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole.{kind}"
    pictures.photo(330, 220).save(whole, **single_thread(kind))
    data = whole.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.95):
        half = tmp_path / "half"
        half.write_bytes(data[: int(len(data) * share)])
        assert "export it again" in await refused(pixels, half), share
    assert (await pixels.probe(whole)).width == 330


async def test_noise_inside_files_never_harms(pixels: Pixels, tmp_path: Path) -> None:
    """Rows 117 and 118: whatever a damaged file does to a decoder, it ends as a picture or as a sentence."""
    randomness = random.Random(4711)
    ends = []
    for kind in ("jpeg", "png", "webp", "avif", "gif", "tiff"):
        whole = tmp_path / f"whole.{kind}"
        pictures.moving(1)[0].convert("RGB").save(whole, **single_thread(kind))
        for number in range(8):
            data = bytearray(whole.read_bytes())
            for _ in range(1 + number):
                data[randomness.randrange(len(data))] = randomness.randrange(256)
            file = tmp_path / "noisy"
            file.write_bytes(data)
            try:
                await pictures.everything(pixels, file, full=True)
                ends.append("shown")
            except Refused as sentence:
                assert str(sentence) != orders.FAILED, sentence.detail
                ends.append("refused")
    assert {"shown", "refused"} == set(ends)


async def test_polyglots_come_out_as_pictures_only(pixels: Pixels, tmp_path: Path) -> None:
    """Row 115: HTML behind a GIF and a ZIP behind a JPEG are in no public file."""
    for kind, tail in (
        ("gif", b"<html><script>alert(1)</script>"),
        ("jpeg", b"PK\x03\x04" + b"Z" * 500 + b"PK\x05\x06"),
    ):
        file = tmp_path / f"both.{kind}"
        pictures.photo(400, 300).save(file)
        file.write_bytes(file.read_bytes() + tail)
        for copy in (await pictures.everything(pixels, file, full=True)).copies:
            assert b"<script" not in copy.data and b"PK\x03\x04" not in copy.data
            ends = {"jpeg": b"\xff\xd9", "gif": b";"}.get(copy.format, b"")
            assert copy.data.endswith(ends)
            if copy.format == "webp":
                assert len(copy.data) == 8 + struct.unpack_from("<I", copy.data, 4)[0]


async def test_bombs_are_refused_from_their_head(pixels: Pixels, tmp_path: Path, fine: Path) -> None:
    """Row 116 with decision 13 and G8: no decode, at most 50 ms once the helper runs (200 here, for a shared machine)."""
    await pixels.probe(fine)
    bombs = [
        pictures.bomb_png(tmp_path / "bomb.png", 12_000, 9_000),
        pictures.raw_png(tmp_path / "huge.png", 1, 1, b"\0\0\0"),
        tmp_path / "huge.jpg",
    ]
    head = bytearray(bombs[1].read_bytes())
    head[16:24] = struct.pack(">II", 100_000, 100_000)
    bombs[1].write_bytes(head)
    jpeg = bytearray(fine.read_bytes())
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    bombs[2].write_bytes(jpeg)
    for bomb in bombs:
        took = []
        for _ in range(3):
            before = time.perf_counter()
            assert "megapixels" in await refused(pixels, bomb)
            took.append(time.perf_counter() - before)
        assert min(took) < 0.2, (bomb.name, took)


async def test_animations_are_bounded(pixels: Pixels, tmp_path: Path) -> None:
    """Row 120: frames are counted from the structure, before anything is decoded."""
    empty = pictures.gif_of_empty_frames(tmp_path / "many.gif", 20_000)
    assert "20,000 frames" in await refused(pixels, empty)
    large = pictures.gif_of_empty_frames(tmp_path / "large.gif", 60, (4000, 4000))
    assert "960 megapixels" in await refused(pixels, large)
    few = pictures.gif_of_empty_frames(tmp_path / "few.gif", 3)
    assert (await pixels.probe(few)).frames == 3


async def test_a_file_beyond_the_limit_is_refused_by_its_size(tmp_path: Path, fine: Path) -> None:
    """Row 124: the limit in the settings is the limit that holds."""
    small = Pixels(tmp_path / "small", limits=Limits(file_bytes=1000))
    assert "MB" in await refused(small, fine)
    await small.close()


async def test_too_much_memory_is_refused_and_the_next_order_works(strict: Pixels, tmp_path: Path, fine: Path) -> None:
    """Rows 116 and 118: the limit kills the child's wish, not the server."""
    file = tmp_path / "large.png"
    Image.new("RGBA", (9000, 9000), (1, 2, 3, 4)).save(file, compress_level=1)
    with pytest.raises(Refused) as caught:
        await pictures.everything(strict, file)
    assert str(caught.value) == orders.TOO_HEAVY, caught.value.detail
    assert (await pictures.everything(strict, fine)).facts.public_width == 400


async def test_too_much_processor_time_is_refused(tmp_path: Path, fine: Path) -> None:
    """Row 120: the processor limit ends an endless decode. A progressive JPEG of many scans is the published case."""
    quick = Pixels(tmp_path / "quick", limits=Limits(cpu_seconds=1))
    file = tmp_path / "scans.jpg"
    pictures.photo(1500, 1000).save(file, progressive=True, quality=95)
    data = file.read_bytes()
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    file.write_bytes(data[:-2] + scan * 200 + b"\xff\xd9")
    with pytest.raises(Refused) as caught:
        await pictures.everything(quick, file)
    assert str(caught.value) == orders.TOO_SLOW, caught.value.detail
    assert (await pictures.everything(quick, fine)).facts.public_width == 400
    await quick.close()


async def test_too_much_wall_time_kills_the_child(tmp_path: Path, fine: Path) -> None:
    """A child that does nothing but wait is killed by the server's own clock."""
    hasty = Pixels(tmp_path / "hasty", limits=Limits(wall_seconds=0.3))
    await hasty.probe(fine)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # Opening it waits for a writer that never comes.
    with pytest.raises(Refused) as caught:
        await pictures.everything(hasty, pipe)
    assert str(caught.value) == orders.TOO_SLOW
    easel = hasty.easel_pid
    assert easel is not None
    children = Path(f"/proc/{easel}/task/{easel}/children")
    async with asyncio.timeout(5):
        while children.read_text().strip():
            await asyncio.sleep(0.02)
    assert (await pixels_width(hasty, fine)) == 400
    assert list(hasty.scratch.iterdir()) == []
    await hasty.close()


async def pixels_width(pixels: Pixels, path: Path) -> int:
    return (await pixels.probe(path)).width


async def test_a_killed_child_and_a_killed_helper_are_survived(tmp_path: Path, fine: Path) -> None:
    """Row 118: a crash in the decoder is a sentence; the helper is started again when it dies."""
    own = Pixels(tmp_path / "own")
    await own.probe(fine)
    easel = own.easel_pid
    assert easel is not None
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    children = Path(f"/proc/{easel}/task/{easel}/children")
    while children.read_text().strip():  # The probe's child may still be on its way out.
        await asyncio.sleep(0.01)
    for number in (signal.SIGSEGV, signal.SIGKILL):
        order = asyncio.create_task(pictures.everything(own, pipe))
        while not children.read_text().strip():
            await asyncio.sleep(0.01)
        os.kill(int(children.read_text()), number)
        with pytest.raises(Refused):
            await order
    assert own.easel_pid == easel, "only the child died"
    order = asyncio.create_task(pictures.everything(own, pipe))
    while not children.read_text().strip():
        await asyncio.sleep(0.01)
    child = int(children.read_text())
    os.kill(easel, signal.SIGKILL)
    with pytest.raises(Refused):
        await order
    await until_gone(child)
    assert await pixels_width(own, fine) == 400
    assert own.easel_pid not in (None, easel)
    await own.close()


async def test_leaving_early_stops_the_work(tmp_path: Path) -> None:
    own = Pixels(tmp_path / "own")
    master = tmp_path / "m.png"
    pictures.photo(1500, 1000).save(master, compress_level=1)
    async with contextlib.aclosing(own.render(master, Plan())) as items:
        async for item in items:
            assert isinstance(item, Facts)
            break
    easel = own.easel_pid
    children = Path(f"/proc/{easel}/task/{easel}/children")
    async with asyncio.timeout(5):
        while children.read_text().strip():
            await asyncio.sleep(0.01)
    assert list(own.scratch.iterdir()) == []
    await own.close()


async def test_orders_run_side_by_side_but_large_ones_alone(tmp_path: Path, fine: Path) -> None:
    """Decision 13: two at once, and only one above the size that needs much memory."""
    own = Pixels(tmp_path / "own", limits=Limits(big_pixels=100_000))
    await own.probe(fine)  # 120,000 pixels: large under this limit.
    small = tmp_path / "small.jpg"
    pictures.photo(200, 150).save(small)
    most_large, running = 0, 0

    async def large() -> int:
        nonlocal most_large, running
        copies, counted = 0, False
        async for item in own.render(fine, Plan()):
            if not counted:
                running, counted = running + 1, True
                most_large = max(most_large, running)
            await asyncio.sleep(0)
            copies += not isinstance(item, Facts)
        running -= 1
        return copies

    async def little() -> int:
        return len((await pictures.everything(own, small)).copies)

    results = await asyncio.gather(*(large() for _ in range(4)), *(little() for _ in range(6)))
    assert results == [3] * 4 + [2] * 6
    assert most_large == 1
    await own.close()


async def test_the_idle_helper_leaves_and_comes_back(tmp_path: Path, fine: Path) -> None:
    own = Pixels(tmp_path / "own", idle_seconds=0.2)
    await own.probe(fine)
    first = own.easel_pid
    assert first is not None
    async with asyncio.timeout(10):
        while own.easel_pid is not None:
            await asyncio.sleep(0.02)
    assert await pixels_width(own, fine) == 400
    assert own.easel_pid != first
    await own.close()


async def test_the_helper_and_its_children_follow_a_killed_server(tmp_path: Path) -> None:
    """Nothing is left running when the server dies by kill -9 in the middle of an order."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from server.media.pixels import Pixels, Plan
        async def main():
            pixels = Pixels(Path({str(tmp_path / "scratch")!r}))
            async def order():
                async for item in pixels.render(Path({str(pipe)!r}), Plan()): pass
            task = asyncio.create_task(order())
            while pixels.easel_pid is None: await asyncio.sleep(0.01)
            easel = pixels.easel_pid
            children = Path(f"/proc/{{easel}}/task/{{easel}}/children")
            while not children.read_text().strip(): await asyncio.sleep(0.01)
            print(easel, children.read_text(), flush=True)
            await task
        asyncio.run(main())
    """
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(program),
        stdout=subprocess.PIPE,
        cwd=Path(orders.__file__).parents[2],
    )
    assert server.stdout is not None
    easel, child = map(int, (await server.stdout.readline()).split())
    server.kill()
    await server.wait()
    await until_gone(easel)
    await until_gone(child)


async def test_forgotten_folders_are_swept(tmp_path: Path) -> None:
    own = Pixels(tmp_path / "own")
    old, new = own.scratch / "order-old", own.scratch / "order-new"
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (0, 0))
    own.sweep()
    assert list(own.scratch.iterdir()) == [new]


async def test_a_vanished_file_is_our_fault_and_said_so(pixels: Pixels, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        await pixels.probe(tmp_path / "gone.jpg")
    assert str(caught.value) == orders.FAILED
