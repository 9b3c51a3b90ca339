"""People of the Fedify peer, and the fixtures of tests in which they meet ours."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import DATABASES
from tests.peers.kit import FedifySite

_numbers = itertools.count(1)

# For tests that are about the wire, and not about what a database does.
ON_SQLITE = pytest.mark.parametrize("database_url", [name for name in ("sqlite",) if name in DATABASES], indirect=True)
# The sites of the peer, by what makes each of them worth a test.
FAMILIES = {"fedify.test": "rfc9421", "cavage.test": "cavage", "secure.test": "secure"}


@dataclass
class Them:
    """Somebody on the other server."""

    site: FedifySite
    name: str
    id: str
    inbox: str
    handle: str
    followers: str

    async def do(self, verb: str, **body: Any) -> Any:
        """Carry out an order as this person."""
        return await self.site.ask(verb, by=self.name, **body)

    async def gets(self, type: str, **expected: Any) -> dict[str, Any]:
        """The newest activity of a type that arrived there."""
        return await self.site.until(type, **expected)


async def somebody(site: FedifySite, **changes: Any) -> Them:
    """A new person of the peer, under a name of their own."""
    name = f"ann{next(_numbers)}"
    made = await site.ask("actor", name=name, **changes)
    return Them(site, name, made["id"], made["inbox"], made["handle"], made["followers"])
