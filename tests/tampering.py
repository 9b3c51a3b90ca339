"""Requests and documents that a forger changed: what the rows of security.md A1 begin with, and how they are refused."""

from datetime import timedelta
from typing import Any

import pytest

from federation import signatures
from federation.signatures import BadSignature, keys, proofs
from tests.signing import (
    NOW,
    Wire,
    cavage,
    content_digest,
    digest,
    ed25519_key,
    public,
    rfc9421,
)

OTHER = b'{"type":"Block"}'


def status(wire: Wire, **how: Any) -> int:
    """With which status a request is refused; it must be."""
    with pytest.raises(BadSignature) as refused:
        wire.check(**how)
    assert str(refused.value)
    return refused.value.status


def at(**back: float) -> int:
    """Seconds since 1970, so long ago."""
    return int((NOW - timedelta(**back)).timestamp())


# -- requests -------------------------------------------------------------------------------------------------------------
OLD, NEW = cavage, rfc9421
WITHOUT_DIGEST = Wire()
SIGNED_DIGEST = Wire().set("Digest", digest(Wire().body))
SIGNED_CONTENT = Wire(private=ed25519_key()).set("Content-Digest", content_digest(Wire().body))


def twice(wire: Wire, name: str) -> Wire:
    return wire.set(name, wire.get(name), wire.get(name))


def drop(wire: Wire, name: str) -> Wire:
    """Without one parameter of its Signature header."""
    parts = wire.get("Signature").split('",')
    kept = [part.rstrip('"') for part in parts if not part.startswith(f"{name}=")]
    assert len(kept) == len(parts) - 1
    return wire.set("Signature", '",'.join(kept) + '"')


# -- documents with a proof ------------------------------------------------------------------------------------------------
METHOD = "https://peer.test/users/bob#ed25519-key"
CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"]
NOTE: dict[str, Any] = {
    "@context": CONTEXT,
    "id": "https://peer.test/notes/1",
    "type": "Create",
    "actor": "https://peer.test/users/bob",
    "object": {"type": "Note", "content": "Hello", "tag": [{"type": "Mention", "href": "https://art.test/users/ann"}]},
}


def proved(**changes: Any) -> dict[str, Any]:
    return signatures.prove({**NOTE, **changes}, ed25519_key(), METHOD, NOW)


def refuse(document: dict[str, Any], **how: Any) -> int:
    with pytest.raises(BadSignature) as refused:
        signatures.check_proof(document, **{"key": public(ed25519_key(), METHOD), "now": NOW, **how})
    return refused.value.status


def with_proof(document: dict[str, Any], **terms: Any) -> dict[str, Any]:
    """With other terms in its proof, signed anew where the signature itself is not one of them."""
    bare = {name: value for name, value in document.items() if name != "proof"}
    config = {name: value for name, value in {**document["proof"], **terms}.items() if value is not None}
    config.pop("proofValue", None)
    value = terms.get("proofValue") or "z" + keys.base58(ed25519_key().sign(proofs._hash(bare, config)))
    return {**bare, "proof": {**config, "proofValue": value}}
