"""A full disk (security.md P11): a clear answer, nothing half-written, and everything goes on once there is room again.

The data directory is a small file system of its own, so that the kernel itself says that there is no room. SQLite lies on it too:
database, originals, sizes and what arrives all meet the same end.
"""

import http.client
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import paint
from tests.running import PASSWORD, Answer, Browser, House, card
from tests.tools import fill, free, small_disk
from tests.works import files_in

MB = 1_000_000
MEGABYTES = 40


def emptied(folder: Path) -> bool:
    """Whether nothing is left in `folder`; what a request brought goes a moment after its answer."""
    until = time.monotonic() + 10
    while files_in(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not files_in(folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB."""
    with small_disk(tmp_path / "data", MEGABYTES) as folder:
        yield folder


def house_on(disk: Path, reserve: int) -> House:
    """A house with one member, ada, whose disk keeps `reserve` MB for everything but uploads."""
    environ = {"CARTELLINO_UPLOADS_RESERVE_MEGABYTES": str(reserve), "CARTELLINO_LOG_LEVEL": "warning"}
    house = House(disk, environ)  # its log lies beside the disk
    password = disk.parent / "password"
    password.write_text(PASSWORD)
    house.run("user", "create", "ada", "--email", "ada@mail.test", "--password-file", str(password))
    return house


def write(browser: Browser, text: str) -> Answer:
    """Publish a note."""
    return browser.post("/post", {"text": text, "audience": "everyone"})


def send_form(browser: Browser, csrf: str, title: str, content: bytes) -> Answer:
    """Send the form of a new work with one file, as a browser without scripts does."""
    fields = {"csrf": csrf, "form_key": "x" * 24, "title": title, "do": "draft"}
    parts = [
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    file = '--XX\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    body = "".join(parts).encode() + file.encode() + content + b"\r\n--XX--\r\n"
    return browser.request("POST", "/new", body, {"Content-Type": "multipart/form-data; boundary=XX"})


def until_ready(browser: Browser, media_id: int, wanted: str = "ready", seconds: float = 60) -> str:
    """Ask for the card of a picture until it is in the wanted state."""
    end = time.monotonic() + seconds
    while (state := card(browser.get(f"/uploads/{media_id}"))[1]) != wanted:
        assert time.monotonic() < end, state
        time.sleep(0.1)
    return state


def is_sound(house: House) -> None:
    """The database is whole and every row has its file, and every file its row. The house must be stopped."""
    files = house.data / "files"
    with sqlite3.connect(house.data / "cartellino.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        masters = {key for (key,) in db.execute("SELECT master_key FROM media")}
        sizes = {key for (key,) in db.execute("SELECT key FROM renditions")}
        used = db.execute("SELECT used_bytes FROM accounts").fetchone()[0]
        assert used == db.execute("SELECT coalesce(sum(master_bytes), 0) FROM media").fetchone()[0]
    assert set(files_in(files)) == masters | sizes
    assert emptied(house.data / "incoming") and emptied(house.data / "scratch")


def test_the_reserve_is_kept(disk: Path) -> None:
    """P11: below the reserve uploads get 507 in words, and everything else goes on."""
    house = house_on(disk, reserve=8)
    small, large = paint.jpeg(700, 500, seed=1), os.urandom(4 * MB)
    with house:
        ada = Browser(house).sign_in("ada")
        csrf = ada.csrf()
        kept = card(ada.upload(small, "kept.jpg", csrf))[0]
        until_ready(ada, kept)
        filler = fill(disk, leave=10 * MB)

        before = free(disk)
        answer = ada.upload(large, "large.jpg", csrf)
        assert answer.status == 507 and "no room left on this server" in answer.text
        # Nobody announces the length here, so that only the writing can notice.
        assert chunked(ada, csrf, large) == 507
        answer = send_form(ada, csrf, "Kept as it was typed", large)
        assert answer.status == 507
        assert "Kept as it was typed" in answer.text and "no room left" in answer.text
        assert emptied(house.data / "incoming")
        assert before - free(disk) < MB, "refused bytes take room"

        assert write(ada, "Words still fit.").status == 303
        assert Browser(house).sign_in("ada").get("/home").status == 200
        filler.unlink()
        began = time.monotonic()
        assert ada.upload(paint.jpeg(600, 500, seed=2), "after.jpg", csrf).status == 201
        assert time.monotonic() - began < 10
    is_sound(house)


def chunked(browser: Browser, csrf: str, content: bytes) -> int:
    """Upload without saying how much will come; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", browser.house.port, timeout=60)
    pieces = (content[at : at + 100_000] for at in range(0, len(content), 100_000))
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"X-CSRF": csrf, "X-File-Name": "large.jpg", "Cookie": cookie}
    try:
        connection.request("POST", "/uploads", pieces, headers, encode_chunked=True)
        return connection.getresponse().status
    finally:
        connection.close()


def test_not_one_byte_left(disk: Path) -> None:
    """P11 without a reserve: what writes is refused whole, what reads goes on, and room brings everything back."""
    house = house_on(disk, reserve=0)
    with house:
        ada = Browser(house).sign_in("ada")
        csrf = ada.csrf()
        kept = card(ada.upload(paint.jpeg(700, 500, seed=1), "kept.jpg", csrf))[0]
        until_ready(ada, kept)
        assert write(ada, "Before it was full.").status == 303
        filler = fill(disk, leave=0)

        for content in (paint.jpeg(600, 400, seed=3), os.urandom(3 * MB)):
            answer = ada.upload(content, "no-room.jpg", csrf)
            assert answer.status == 507 and "no room" in answer.text, answer.text
        assert send_form(ada, csrf, "No room", b"x" * 5000).status == 507
        statuses = {write(ada, "x" * 4900).status for _ in range(60)}
        assert 507 in statuses and statuses <= {303, 507}, statuses
        for path in ("/", "/@ada", "/@ada/posts", "/users/ada", "/explore", "/about", f"/uploads/{kept}", "/home"):
            assert ada.get(path).status == 200, path
        assert house.get("/readyz").status in (200, 503)
        assert emptied(house.data / "incoming")

        filler.unlink()
        began = time.monotonic()
        new = card(ada.upload(paint.jpeg(600, 500, seed=4), "after.jpg", csrf))[0]
        assert write(ada, "After it was full.").status == 303
        assert time.monotonic() - began < 10
        until_ready(ada, new)
        assert house.get("/readyz").status == 200
        assert ada.post(f"/uploads/{new}/discard", {}).status == 204
    is_sound(house)


def test_full_while_sizes_are_made(disk: Path) -> None:
    """P11: the original is safe, the artist is told the truth, and the picture is finished once there is room."""
    house = house_on(disk, reserve=0)
    content = paint.jpeg(3200, 2400, seed=5, quality=95)
    with house:
        ada = Browser(house).sign_in("ada")
        csrf = ada.csrf()
        done = threading.Event()
        filler = disk / "filler"

        def eat() -> None:
            """Leave hardly any room from the moment on at which the first size is being written."""
            while not done.is_set() and not any((house.data / "scratch").glob("order-*/copy-*")):
                time.sleep(0.002)
            fill(disk, leave=700_000)  # the database needs some to say so

        eating = threading.Thread(target=eat)
        eating.start()
        answer = ada.upload(content, "large.jpg", csrf)
        assert answer.status == 201, answer.text
        media = card(answer)[0]
        eating.join(60)
        done.set()
        assert filler.exists()
        until_ready(ada, media, "failed")
        assert "no room left on this server" in ada.get(f"/uploads/{media}").text
        filler.unlink()
        assert ada.post(f"/uploads/{media}/retry", {}).status == 200
        until_ready(ada, media)
    is_sound(house)
    (master,) = (house.data / "files" / "masters").iterdir()
    assert master.read_bytes() == content
