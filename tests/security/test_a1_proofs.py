"""security.md A1, row 17: what a proof inside a document proves, and what it does not."""

from federation import signatures
from tests.signing import (
    NOW,
    ed25519_key,
    public,
    rsa_key,
)
from tests.tampering import (
    CONTEXT,
    METHOD,
    proved,
    refuse,
    with_proof,
)


def test_row_17_what_a_json_reader_sees_is_what_was_signed() -> None:
    good = proved()
    signatures.check_proof(good, public(ed25519_key(), METHOD), NOW)
    renamed = {"content": "https://evil.test/ignored", "summary": "as:content"}
    note = good["object"]
    for changed in (
        {**good, "@context": [*CONTEXT, renamed]},  # remapped content
        {**good, "@context": [renamed, *CONTEXT]},
        {**good, "@context": CONTEXT[0]},
        {**good, "@context": CONTEXT[::-1]},
        {**good, "type": "Delete"},
        {**good, "type": ["Create", "Delete"]},
        {**good, "object": {**note, "content": "Goodbye"}},
        {**good, "object": {**note, "as:content": "Goodbye"}},
        {**good, "object": [note]},
        {**good, "as:object": {"type": "Note"}},
        {**good, "@graph": [note]},
        {**good, "@included": [note]},
        {**good, "object": {**note, "@reverse": {"object": note}}},
        {name: value for name, value in good.items() if name != "object"},
        {name: value for name, value in good.items() if name != "@context"},
    ):
        assert refuse(changed) == 401, changed


def test_row_17_only_jcs_suites_count() -> None:
    good = proved()
    for suite in ("eddsa-rdfc-2022", "eddsa-2022", "ecdsa-jcs-2019", "", None, ["eddsa-jcs-2022"], 7):
        assert refuse(with_proof(good, cryptosuite=suite)) == 400
    for kind in ("RsaSignature2017", "Ed25519Signature2020", None, ["DataIntegrityProof"]):
        assert refuse(with_proof(good, type=kind)) == 400
    for none in (None, "", [], {}, "proof", 7, [good["proof"], good["proof"]], [[good["proof"]]]):
        assert refuse({**good, "proof": none}) == 400


def test_row_17_purpose_times_and_method_are_checked() -> None:
    good = proved()
    assert refuse(with_proof(good, proofPurpose="authentication")) == 401
    assert refuse(with_proof(good, proofPurpose=None)) == 401
    assert refuse(with_proof(good, previousProof="urn:uuid:1")) == 401
    assert refuse(with_proof(good, created="2026-11-24T10:00:01Z")) == 401
    assert refuse(with_proof(good, expires="2026-11-24T08:59:59Z")) == 401
    assert refuse(with_proof(good, expires="2026-11-24T09:59:59+01:00")) == 401
    for wrong in ("yesterday", 7, "2026-11-24T09:00:00", "", ["2026-11-24T09:00:00Z"]):
        assert refuse(with_proof(good, created=wrong)) == 400
    assert refuse(with_proof(good, verificationMethod=None)) == 400
    # The key that was found is not the one that is named; the proof itself would hold.
    assert refuse(good, key=public(ed25519_key(), "https://evil.test/users/eve#ed25519-key")) == 401
    assert refuse(good, key=public(ed25519_key("eve"), METHOD)) == 401
    assert refuse(good, key=public(rsa_key(), METHOD)) == 401
    for old in (None, "2020-01-01T00:00:00.123456Z", "2026-11-24T10:59:59+01:00"):
        signatures.check_proof(with_proof(good, created=old), public(ed25519_key(), METHOD), NOW)
