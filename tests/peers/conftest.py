"""Peers for tests, one set for each process of the run. Take fresh names of people in every test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.models import Account
from tests.peers.front import Front
from tests.peers.home import Home, living
from tests.peers.kit import Fedify, Pasture, node_is_here
from tests.peers.loopback import sitecustomize
from tests.peers.them import FAMILIES, Them, somebody
from tests.tools import requires


@pytest.fixture(scope="session")
def peers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and logs of the peers."""
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="session")
def front(peers_folder: Path) -> Iterator[Front]:
    with Front(peers_folder) as made:
        yield made


@pytest.fixture(scope="session")
def fedify(front: Front, peers_folder: Path) -> Iterator[Fedify]:
    """The sites fedify.test, cavage.test and secure.test."""
    requires("node", node_is_here())
    with Fedify(front, peers_folder) as made:
        yield made


@pytest.fixture(scope="session")
def pasture(front: Front, peers_folder: Path) -> Iterator[Pasture]:
    with Pasture(front, peers_folder) as made:
        yield made


@pytest.fixture
def resolving(front: Front) -> Iterator[None]:
    """This process itself reaches `https://*.test` through the front, for a house inside the test."""
    undo = sitecustomize.install(front.port)
    yield
    undo()


@pytest.fixture
async def art(front: Front, resolving: None, tmp_path: Path, database_url: str) -> AsyncIterator[Home]:
    """A house of ours that answers and works while the test runs."""
    async with living(front, tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def alice(art: Home) -> Account:
    return await art.person("alice", name="Alice Painter")


@pytest.fixture(params=["fedify.test", "cavage.test"], ids=lambda name: FAMILIES[name])
def site_name(request: pytest.FixtureRequest) -> str:
    """The server of the other side: it knocks with the signature that names the test."""
    return str(request.param)


@pytest.fixture
async def ann(fedify: Fedify, site_name: str) -> Them:
    """Somebody of that server."""
    return await somebody(fedify[site_name])
