"""Step 16 of the scenario: what a real person of another server sends, and what somebody else makes of it, over real HTTP.

Her key lies in the folder of the peer, so that the good requests are hers; everything else about them can be bent.
"""

import asyncio
import base64
import http.client
import itertools
import json
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from server import clock
from server.models import Account, Favourite, Job, Post, Received
from tests import signing
from tests.peers.front import Front
from tests.peers.home import Home
from tests.peers.them import ON_SQLITE, Them
from tests.signing import Wire, content_digest, digest
from tests.works import publish

pytestmark = pytest.mark.one_database

_numbers = itertools.count(1)


def key_of(folder: Path, ann: Them) -> rsa.RSAPrivateKey:
    """Her RSA key, as the peer keeps it: a JSON Web Key (RFC 7518, section 6.3)."""
    kept = json.loads((folder / "fedify" / f"{ann.site.name}-{ann.name}.json").read_text())[0]["private"]
    n, e, d, p, q, dp, dq, qi = (
        int.from_bytes(base64.urlsafe_b64decode(kept[name] + "=="), "big")
        for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
    )
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()


class Knock:
    """Requests to an inbox of ours in the name of `ann`, signed in one family."""

    def __init__(self, art: Home, front: Front, ann: Them, private: rsa.RSAPrivateKey, family: str) -> None:
        self.art, self.front, self.ann, self.private, self.family = art, front, ann, private, family

    def like(self, work: Post) -> dict[str, Any]:
        """A new Like of hers."""
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"https://{self.ann.site.name}/activities/by-hand-{next(_numbers)}",
            "type": "Like",
            "actor": self.ann.id,
            "object": self.art.site.urls.post(work),
        }

    def unsigned(self, activity: dict[str, Any], when: datetime) -> Wire:
        headers = (
            ("Host", self.art.name),
            ("Date", format_datetime(when, usegmt=True)),
            ("Content-Type", "application/activity+json"),
        )
        return Wire(target="/users/alice/inbox", headers=headers, body=json.dumps(activity).encode())

    def signed(
        self,
        activity: dict[str, Any],
        *,
        private: rsa.RSAPrivateKey | None = None,
        when: datetime | None = None,
        said: bytes | None = None,
    ) -> Wire:
        """The request with a signature; `said` is the body that the digest is of, where it is another one."""
        when = when or clock.now()
        wire = self.unsigned(activity, when).but(private=private or self.private)
        said = wire.body if said is None else said
        name = f"{self.ann.id}#main-key"
        if self.family == "cavage":
            return wire.set("Digest", digest(said)).cavage().edit("Signature", signing.KEY, name)
        wire = wire.set("Content-Digest", content_digest(said))
        return wire.rfc9421(keyid=name, created=int(when.timestamp()))

    async def send(self, wire: Wire) -> int:
        """Over TLS, exactly as it stands; the status."""
        return await asyncio.to_thread(self._send, wire)

    def _send(self, wire: Wire) -> int:
        line = http.client.HTTPSConnection(self.art.name, 443, context=self.front.trusting(), timeout=20)
        try:
            line.putrequest(wire.method, wire.target, skip_host=True, skip_accept_encoding=True)
            for name, value in (*wire.headers, ("Content-Length", str(len(wire.body)))):
                line.putheader(name, value)
            line.endheaders(wire.body)
            return line.getresponse().status
        finally:
            line.close()


@ON_SQLITE
@pytest.mark.parametrize("family", ["cavage", "rfc9421"])
@pytest.mark.parametrize("site_name", ["cavage.test"], indirect=True, ids=["fedify"])
async def test_what_is_not_hers_is_refused_and_what_she_repeats_has_no_effect(
    art: Home, alice: Account, ann: Them, front: Front, peers_folder: Path, family: str
) -> None:
    work = await publish(art.site, alice)
    await art.rest()
    knock = Knock(art, front, ann, key_of(peers_folder, ann), family)
    old = clock.now() - timedelta(days=730)
    stranger = signing.rsa_key("mallory")
    genuine = knock.signed(knock.like(work))
    refused = {
        "unsigned": knock.unsigned(knock.like(work), clock.now()),
        "wrong key": knock.signed(knock.like(work), private=stranger),
        "false digest, which is signed": knock.signed(knock.like(work), said=b"{}"),
        "another body": genuine.but(body=json.dumps(knock.like(work)).encode()),
        "two years old": knock.signed(knock.like(work), when=old),
        "another inbox": genuine.but(target="/inbox"),
    }
    for why, wire in refused.items():
        assert await knock.send(wire) in (400, 401), why
    assert await art.count(Received) == 0 and await art.count(Job, Job.lane == "inbox") == 0
    assert await art.count(Favourite) == 0

    # The same request, rightly made, and then again: taken, and taken without an effect.
    assert await knock.send(genuine) == 202
    await art.done(json.loads(genuine.body)["id"])
    assert (await art.row(Post, work.id)).likes == 1
    assert [await knock.send(genuine) for _ in range(3)] == [202, 202, 202]
    again = knock.signed(json.loads(genuine.body))
    assert await knock.send(again.but()) == 202
    await art.rest()
    assert await art.count(Received) == await art.count(Favourite) == 1
    assert (await art.row(Post, work.id)).likes == 1
