"""A server killed with `kill -9` during uploads and renditions starts again and finishes (security.md P2).

After each kill: every acknowledged upload is there with its master's hash equal, nothing is half-written, and every rendition is
ready within 60 seconds of the restart.
"""

import asyncio
import hashlib
import http.client
import random
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from server.db import Database
from server.models import Account, Media, MediaState
from tests import paint
from tests.running import PASSWORD, Browser, House, card

SECONDS = 60


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> House:
    return House(tmp_path / "data", {"CARTELLINO_DATABASE_URL": database_url, "CARTELLINO_LOG_LEVEL": "warning"})


@pytest.mark.timeout(1800)
def test_a_killed_server_loses_no_picture(house: House, tmp_path: Path, database_url: str, long: bool) -> None:
    """P2, with 3 kills (50 in the long run); the moment of each is random, the seed is printed."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    house.run("user", "create", "ada", "--email", "ada@mail.test", "--password-file", str(password))
    files = [paint.jpeg(700 + 200 * n, 500 + 150 * n, seed=n) for n in range(4)]
    acknowledged: dict[int, str] = {}

    for turn in range(50 if long else 3):
        house.start()
        browser = Browser(house).sign_in("ada")
        token = browser.csrf()
        uploads = threading.Thread(target=_upload, args=(browser, token, files, acknowledged, turn))
        uploads.start()
        time.sleep(chance.uniform(0.15, 1.6))
        house.kill()
        uploads.join()

        house.start()
        began = time.monotonic()
        asyncio.run(_everything_is_there(database_url, house, acknowledged, until=began + SECONDS))
        house.stop()
    assert acknowledged, "no upload was acknowledged: the test saw nothing"


def _upload(browser: Browser, token: str, files: list[bytes], acknowledged: dict[int, str], turn: int) -> None:
    """Upload until the server dies; remember what it said 201 to."""
    for number, content in enumerate(files * 10):
        try:
            answer = browser.upload(content, f"{turn}-{number}.jpg", token)
        except (OSError, http.client.HTTPException):  # the line broke: nothing was said
            return
        assert answer.status == 201, answer.text
        acknowledged[card(answer)[0]] = hashlib.sha256(content).hexdigest()


async def _everything_is_there(url: str, house: House, acknowledged: dict[int, str], until: float) -> None:
    db = Database(url)
    try:
        while True:
            async with db.read() as tx:
                found = {
                    media.id: media for media in await tx.scalars(select(Media).options(selectinload(Media.renditions)))
                }
            assert acknowledged.keys() <= found.keys(), "an acknowledged upload is gone"
            if all(media.state is MediaState.READY for media in found.values()):
                break
            assert time.monotonic() < until, {media.id: (media.state, media.failure) for media in found.values()}
            await asyncio.sleep(0.3)
        files = house.data / "files"
        for media in found.values():
            master = (files / media.master_key).read_bytes()
            assert (
                hashlib.sha256(master).hexdigest() == media.master_hash == acknowledged.get(media.id, media.master_hash)
            )
            assert media.renditions
            for rendition in media.renditions:
                content = (files / rendition.key).read_bytes()
                assert len(content) == rendition.bytes
                assert hashlib.sha256(content).hexdigest() == rendition.hash
        async with db.read() as tx:
            account = (await tx.scalars(select(Account))).one()
        assert account.used_bytes == sum(media.master_bytes for media in found.values()), "the quota lost count"
    finally:
        await db.close()
