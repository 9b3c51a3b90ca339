"""activitypub-testing, which holds an actor against the MUSTs of ActivityPub, on an actor of ours and on the house itself."""

import asyncio

import pytest

from server.models import Account
from tests.peers.front import Front
from tests.peers.home import Home
from tests.peers.kit import conformance, node_is_here
from tests.peers.them import ON_SQLITE
from tests.tools import requires
from tests.works import publish

pytestmark = pytest.mark.one_database


@ON_SQLITE
@pytest.mark.parametrize("path", ["/users/alice", "/actor"])
async def test_activitypub_testing_finds_no_fault(art: Home, alice: Account, front: Front, path: str) -> None:
    requires("node", node_is_here())
    await publish(art.site, alice)
    await art.rest()

    found = await asyncio.to_thread(conformance, front, art.url(path))

    assert len(found) == 15
    assert {slug: one for slug, one in found.items() if one[0] not in ("passed", "inapplicable")} == {}
    passed = {slug for slug, (outcome, _) in found.items() if outcome == "passed"}
    assert "actor-objects-must-have-inbox-outbox-properties" in passed and len(passed) >= 3, found
