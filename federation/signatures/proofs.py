"""Proofs inside documents: Data Integrity with eddsa-jcs-2022, as FEP-8b32 uses it.

The suites that canonicalise RDF are not accepted: a `@context` that renames terms changes what a JSON reader sees and leaves
their hash as it was (security.md row 17). Here every key and value that we read is under the signature as it stands.
"""

import hashlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.signatures import keys
from federation.signatures.canonical import canonical
from federation.signatures.refusal import MALFORMED, WRONG, BadSignature
from federation.signatures.request import AHEAD
from federation.vocabulary import Json
from server.elsewhere.read import PublicKey

TYPE, SUITE, PURPOSE = "DataIntegrityProof", "eddsa-jcs-2022", "assertionMethod"
# A proof is never part of what it proves; nor is an LD signature, which peers add afterwards and nobody here believes.
ADDED = ("proof", "signature")


def prove(document: Json, key: Ed25519PrivateKey, method: str, created: datetime) -> Json:
    """`document` with a proof by `key`, whose id is `method`; one that was there is replaced.

    Raises ValueError for a document that has no canonical form.
    """
    proof: Json = {
        "type": TYPE,
        "cryptosuite": SUITE,
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verificationMethod": method,
        "proofPurpose": PURPOSE,
    }
    if "@context" in document:
        proof = {"@context": document["@context"], **proof}
    bare = {name: value for name, value in document.items() if name not in ADDED}
    made = key.sign(_hash(bare, proof))
    return {**bare, "proof": {**proof, "proofValue": "z" + keys.base58(made)}}


def proof_method(document: Json) -> str:
    """The id of the key that the document's proof names, to be looked up. Raises BadSignature (400) without a usable proof."""
    return str(_proof(document)["verificationMethod"])


def proof_time(document: Json) -> datetime | None:
    """When the document's proof says that it was made; None where it does not. Raises BadSignature (400)."""
    return _moment(_proof(document), "created")


def check_proof(document: Json, key: PublicKey, now: datetime) -> None:
    """Hold the proof of `document` against `key`; raises BadSignature, 400 for what cannot be read, 401 for what does not hold.

    That the key belongs to the actor of the document, and may make assertions for them, is the caller's to know.
    """
    proof = _proof(document)
    if proof["verificationMethod"] != key.uri:
        raise BadSignature(WRONG, "The proof names another key.")
    if (created := _moment(proof, "created")) and created > now + AHEAD:
        raise BadSignature(WRONG, "The proof was made in the future.")
    if (expires := _moment(proof, "expires")) and expires < now:
        raise BadSignature(WRONG, "The proof has expired.")
    signature = keys.from_base58(proof["proofValue"][1:])
    try:
        # The recommendation lets contexts be added behind those that were signed. Nobody does, and readers that expand the
        # document would read other words than were signed.
        if "@context" in proof and document.get("@context") != proof["@context"]:
            raise BadSignature(WRONG, "The proof was made for another context.")
        message = _hash(
            {name: value for name, value in document.items() if name not in ADDED},
            {name: value for name, value in proof.items() if name != "proofValue"},
        )
    except (ValueError, RecursionError) as wrong:
        raise BadSignature(MALFORMED, "The document has no canonical form.") from wrong
    if not keys.verifies(key, "ed25519", signature, message):
        raise BadSignature(WRONG, "The proof is not that of this key over this document.")


def _hash(document: Json, proof: Json) -> bytes:
    """What is signed (vc-di-eddsa, 3.3.4): the digests of the proof's own terms and of the document."""
    return hashlib.sha256(canonical(proof)).digest() + hashlib.sha256(canonical(document)).digest()


def _proof(document: Json) -> Json:
    """The one proof that we can check, of several if there are; its terms are of the right kind."""
    proofs = document.get("proof")
    of_suite = [
        proof
        for proof in (proofs if isinstance(proofs, list) else [proofs])
        if isinstance(proof, dict) and proof.get("type") == TYPE and proof.get("cryptosuite") == SUITE
    ]
    if len(of_suite) != 1:
        raise BadSignature(MALFORMED, f"There must be exactly one proof of {SUITE}.")
    [proof] = of_suite
    method, value = proof.get("verificationMethod"), proof.get("proofValue")
    if not isinstance(method, str) or not method:
        raise BadSignature(MALFORMED, "The proof names no key.")
    # 64 bytes in base58 are 86 to 88 characters, fewer if they begin with zeros.
    if not isinstance(value, str) or not value.startswith("z") or len(value) > 89:
        raise BadSignature(MALFORMED, "The proof holds no signature.")
    if proof.get("proofPurpose") != PURPOSE:
        raise BadSignature(WRONG, f"The purpose of the proof is not {PURPOSE}.")
    if "previousProof" in proof:
        raise BadSignature(WRONG, "Chained proofs are not accepted.")
    return proof


def _moment(proof: Json, name: str) -> datetime | None:
    text = proof.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError) as wrong:
        raise BadSignature(MALFORMED, f"The proof's {name} is not a moment.") from wrong
    if at.tzinfo is None:
        raise BadSignature(MALFORMED, f"The proof's {name} does not say in which time zone.")
    return at
