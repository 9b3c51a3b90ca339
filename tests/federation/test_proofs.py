"""Proofs inside documents (FEP-8b32, eddsa-jcs-2022) and the canonical form under them. Attacks are in tests/security."""

import json
import math
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import jcs
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation import signatures
from federation.signatures import BadSignature, keys, proofs
from federation.signatures.canonical import canonical, number
from tests.signing import NOW, ed25519_key, public

VECTORS = Path(__file__).with_name("vectors")
W3C = json.loads((VECTORS / "eddsa-jcs-2022.json").read_text())
JCS = json.loads((VECTORS / "rfc8785.json").read_text())
METHOD = "https://peer.test/users/bob#ed25519-key"
KEY = public(ed25519_key(), METHOD)
FOLLOW = {"id": "https://peer.test/1", "type": "Follow", "actor": "https://peer.test/users/bob"}


# -- RFC 8785 ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bits", JCS["numbers"])
def test_rfc_8785_appendix_b(bits: str) -> None:
    [value] = struct.unpack(">d", bytes.fromhex(bits))
    if JCS["numbers"][bits] is None:
        for write in (number, canonical):
            with pytest.raises(ValueError, match="number"):
                write(value)
    else:
        assert number(value) == JCS["numbers"][bits] and canonical([value]) == f"[{JCS['numbers'][bits]}]".encode()


@pytest.mark.parametrize("vector", JCS["documents"], ids=lambda vector: vector["name"])
def test_rfc_8785_3_2(vector: dict[str, str]) -> None:
    assert canonical(json.loads(vector["input"])) == bytes.fromhex(vector["output"])


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_the_canonical_form_is_that_of_two_other_implementations(value: Any) -> None:
    made = canonical(value)
    assert made == jcs.canonicalize(value)
    # It refuses integers of exactly 2^53, which are the same number for every reader.
    if all(abs(n) < 2**53 for n in _integers(value)):
        assert made == rfc8785.dumps(value)
    assert canonical(json.loads(made)) == made


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [n for one in value for n in _integers(one)]
    return [value] if isinstance(value, int) else []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_the_same_after_reading(value: float) -> None:
    text = number(value)
    assert float(text) == value and (value == 0) == (text == "0") and not text.startswith("0x")


def test_numbers_that_readers_would_disagree_about_have_no_canonical_form() -> None:
    assert canonical([2**53, 2**60, 1152921504606847000, 10**21, -(2**70)]) == (
        b"[9007199254740992,1152921504606847000,1152921504606847000,1e+21,-1.1805916207174113e+21]"
    )
    for wrong in (2**53 + 1, -(2**63) + 1, 10**400, math.nan, math.inf, "\ud800", {"\udfff": 1}, {1}, b"x"):
        with pytest.raises(ValueError):
            canonical(wrong)
        with pytest.raises(ValueError):
            canonical({"a": [wrong, 0.5]})


# -- the vectors of W3C ----------------------------------------------------------------------------------------------------
def w3c_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.from_multibase(W3C["private_key"])[2:])


def test_w3c_vector_is_what_we_make() -> None:
    created = datetime.fromisoformat(W3C["created"])
    assert signatures.to_multibase(w3c_key().public_key()) == W3C["public_key"]
    proved = signatures.prove(W3C["unsigned"], w3c_key(), W3C["method"], created)
    assert proved["proof"]["proofValue"] == W3C["proof_value"]
    assert {**W3C["unsigned"], "proof": proved["proof"]} == proved
    config = {name: text for name, text in proved["proof"].items() if name != "proofValue"}
    assert proofs._hash(W3C["unsigned"], config).hex() == W3C["proof_hash"] + W3C["document_hash"]
    assert keys.from_base58(W3C["proof_value"][1:]).hex() == W3C["signature"]


def test_w3c_vector_is_what_we_accept() -> None:
    proved = signatures.prove(W3C["unsigned"], w3c_key(), W3C["method"], datetime.fromisoformat(W3C["created"]))
    assert signatures.proof_method(proved) == W3C["method"]
    key = signatures.public_key(W3C["method"], W3C["public_key"])
    signatures.check_proof(proved, key, NOW)
    with pytest.raises(BadSignature):
        signatures.check_proof({**proved, "name": "Alumni"}, key, NOW)


# -- as peers do it ----------------------------------------------------------------------------------------------------------
def test_an_ld_signature_that_was_added_afterwards_does_not_matter() -> None:
    """Fedify adds one after the proof (peers-and-tools.md 6)."""
    proved = signatures.prove(FOLLOW, ed25519_key(), METHOD, NOW)
    signatures.check_proof({**proved, "signature": {"type": "RsaSignature2017"}}, KEY, NOW)
    again = signatures.prove({**FOLLOW, "signature": {"type": "RsaSignature2017"}}, ed25519_key(), METHOD, NOW)
    assert again == proved


def test_of_several_proofs_the_one_that_we_can_check_counts() -> None:
    """Mastodon 4.7 signs with mldsa44-jcs-2024 as well."""
    proved = signatures.prove(FOLLOW, ed25519_key(), METHOD, NOW)
    other = {**proved["proof"], "cryptosuite": "mldsa44-jcs-2024", "verificationMethod": "https://peer.test/x"}
    for both in ([proved["proof"], other], [other, proved["proof"]]):
        assert signatures.proof_method({**proved, "proof": both}) == METHOD
        signatures.check_proof({**proved, "proof": both}, KEY, NOW)


def test_the_context_of_the_document_is_under_the_proof() -> None:
    with_context = signatures.prove({"@context": ["https://a.test"], **FOLLOW}, ed25519_key(), METHOD, NOW)
    assert with_context["proof"]["@context"] == ["https://a.test"]
    signatures.check_proof(with_context, KEY, NOW)
    assert "@context" not in signatures.prove(FOLLOW, ed25519_key(), METHOD, NOW)["proof"]


def test_proving_again_replaces_the_proof_and_leaves_the_document_alone() -> None:
    document = dict(FOLLOW)
    once = signatures.prove(document, ed25519_key(), METHOD, NOW)
    assert document == FOLLOW
    assert signatures.prove(once, ed25519_key(), METHOD, NOW) == once
    assert once["proof"]["created"] == "2026-11-24T09:00:00Z"
