"""A server that we did not let behave: it serves whatever a test puts into it and signs whatever a test wants signed."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import func, select

from federation import signatures
from federation.signatures import to_multibase
from federation.transport import Reply
from federation.vocabulary import AS2, PUBLIC
from server import clock
from server.site import Site
from tests.fediverse import Fediverse, Headers

ACTIVITY = "application/activity+json"
# The artist of the house under attack (tests/security/conftest.py).
INES = "https://art.test/users/ines"
INBOX = f"{INES}/inbox"
_numbers = itertools.count(1)
_rsa: list[rsa.RSAPrivateKey] = []


async def count(site: Site, model: Any, *conditions: Any) -> int:
    """How many rows there are."""
    async with site.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(model).where(*conditions)) or 0)


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """One of a few real keys of a run: making one takes longer than most tests."""
    while len(_rsa) <= number:
        _rsa.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return _rsa[number]


class Peer:
    """One host of the village. `documents` maps addresses to what is answered there, `received` is what came to its inboxes."""

    def __init__(self, village: Fediverse, host: str) -> None:
        self.village = village
        self.host = host
        self.documents: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.status = 202
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.proof_keys: dict[str, ed25519.Ed25519PrivateKey] = {}
        village.peers[host] = self

    # -- what it has --------------------------------------------------------------------------------------------------
    def url(self, path: str) -> str:
        return f"https://{self.host}{path}"

    def actor(self, name: str, *, key: int = 0, **more: Any) -> str:
        """A person with keys, a WebFinger answer and an inbox; returns the uri."""
        uri = self.url(f"/users/{name}")
        private, proving = rsa_key(key), ed25519.Ed25519PrivateKey.generate()
        self.keys[uri], self.proof_keys[uri] = private, proving
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        method = {"id": f"{uri}#ed25519-key", "type": "Multikey", "controller": uri}
        self.documents[uri] = {
            "@context": [AS2, "https://w3id.org/security/v1"],
            "id": uri,
            "type": "Person",
            "preferredUsername": name,
            "name": name.capitalize(),
            "inbox": f"{uri}/inbox",
            "outbox": f"{uri}/outbox",
            "followers": f"{uri}/followers",
            "featured": f"{uri}/featured",
            "endpoints": {"sharedInbox": self.url("/inbox")},
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": pem},
            "assertionMethod": [method | {"publicKeyMultibase": to_multibase(proving.public_key())}],
            **more,
        }
        self.finger(name, uri)
        return uri

    def finger(self, name: str, uri: str) -> None:
        """The WebFinger answer for `name`."""
        link = {"rel": "self", "type": ACTIVITY, "href": uri}
        self.documents[self.url(f"/.well-known/webfinger?resource=acct:{name}@{self.host}")] = {
            "subject": f"acct:{name}@{self.host}",
            "links": [link],
        }

    def note(self, author: str, text: str = "Hello.", **more: Any) -> dict[str, Any]:
        """A public Note, served at its address."""
        uri = self.url(f"/notes/{next(_numbers)}")
        made = {
            "@context": AS2,
            "id": uri,
            "type": "Note",
            "attributedTo": author,
            "content": f"<p>{text}</p>",
            "to": [PUBLIC],
            "cc": [f"{author}/followers"],
            "published": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "inReplyTo": None,
            **more,
        }
        self.documents[uri] = made
        return made

    def activity(self, kind: str, actor: str, obj: Any, **more: Any) -> dict[str, Any]:
        """An activity with an id of this host."""
        addressed = {term: obj[term] for term in ("to", "cc") if isinstance(obj, dict) and term in obj}
        uri = self.url(f"/activities/{next(_numbers)}")
        return {"@context": AS2, "id": uri, "type": kind, "actor": actor, "object": obj, **addressed, **more}

    # -- what it does -------------------------------------------------------------------------------------------------
    def sign(
        self, url: str, body: bytes, actor: str, *, family: str = "cavage", key_id: str = "", key: Any = None
    ) -> dict[str, str]:
        """The headers of a signed POST; `key_id` and `key` may lie."""
        private, name = key or self.keys[actor], key_id or f"{actor}#main-key"
        if family == "cavage":
            signed = signatures.sign_cavage("POST", url, body, private, name, clock.now())
        else:
            signed = signatures.sign_rfc9421("POST", url, body, private, name, clock.now())
        return {"Content-Type": ACTIVITY, **signed}

    async def send(
        self, inbox: str, activity: Mapping[str, Any] | bytes, *, actor: str = "", family: str = "cavage", **more: Any
    ) -> Reply:
        """POST an activity, signed by its actor (or by `actor`)."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        signer = actor or str(activity["actor"])  # type: ignore[index]
        return await self.village.ask("POST", inbox, self.sign(inbox, body, signer, family=family, **more), body)

    async def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """What it says to others."""
        self.asked.append(f"{method} {url}")
        if method == "POST":
            self.received.append(json.loads(body))
            return Reply(self.status, Headers(), b"", url)
        found = self.documents.get(url.replace("%3A", ":").replace("%40", "@"))
        if isinstance(found, int):
            return Reply(found, Headers(), b"", url)
        if isinstance(found, Reply):
            return found
        if found is None:
            return Reply(404, Headers(), b"", url)
        kind = "application/jrd+json" if "/.well-known/webfinger" in url else ACTIVITY
        return Reply(200, Headers({"content-type": kind}), json.dumps(found).encode(), url)
