"""One child seals for many pictures, and leaves when nobody wants it."""

import asyncio

import pytest

from server.media import sealing
from server.media.sealers import Sealers
from tests.tools import requires


@pytest.fixture(autouse=True)
def library() -> None:
    requires("c2pa", sealing.is_installed())


async def test_pictures_share_one_child_and_a_foreign_manifest_gets_its_own() -> None:
    sealers = Sealers()
    async with sealers.take() as first:
        await first.start()
        child = first._process
        async with sealers.take() as second, sealers.take(alone=True) as own:
            assert second is first and own is not first
    async with sealers.take() as third:
        await third.start()
        assert third._process is child and child is not None and child.poll() is None
    await sealers.close()
    assert child.poll() is not None


async def test_an_idle_child_leaves_and_another_comes() -> None:
    sealers = Sealers(idle_seconds=0.05)
    async with sealers.take() as sealer:
        await sealer.start()
        child = sealer._process
        await asyncio.sleep(0.1)
        assert child is not None and child.poll() is None  # it is not idle while somebody has it
    for _ in range(100):
        await asyncio.sleep(0.05)
        if child.poll() is not None:
            break
    assert child.poll() is not None
    async with sealers.take() as sealer:
        await sealer.start()
        assert sealer._process is not child
    await sealers.close()
