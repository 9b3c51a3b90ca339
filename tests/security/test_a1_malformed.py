"""security.md B, what no row of A1 has, and whatever comes at random: nothing but a BadSignature is raised."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation import signatures
from federation.signatures import BadSignature, keys
from tests.signing import (
    ALL,
    DATE,
    KEY,
    NOW,
    OURS,
    TARGET,
    Wire,
    cavage,
    ed25519_key,
    public,
    rfc9421,
    rsa_key,
)
from tests.tampering import (
    METHOD,
    SIGNED_DIGEST,
    at,
    proved,
    refuse,
    status,
    with_proof,
)


def test_b_malformed_input_two_labels_and_missing_keys_are_refused_without_an_error() -> None:
    new = rfc9421()
    for broken in (
        "sig1",
        "sig1=",
        "=()",
        "sig1=(",
        "sig1=()x",
        "sig1=1",
        "sig1=?1",
        'sig1=("a"',
        "sig1=();a=",
        "1=()",
        "é=()",
    ):
        assert status(new.set("Signature-Input", broken)) == 400
    for broken in (
        "sig1",
        "sig1=:::",
        "sig1=:a:",
        "sig1=AAAA",
        "sig1=(:AAAA:)",
        "sig1=:AAAA:;a=1",
        'sig1="AAAA"',
        "SIG1=:AA==:",
    ):
        assert status(new.set("Signature", broken)) == 400


@pytest.mark.parametrize("keyid", ["", " ", "https://a b", "https://peer.test/\x7f", "é", "x" * 2049])
def test_b_a_key_id_that_cannot_be_fetched_is_refused_before_anything_is_asked(keyid: str) -> None:
    assert status(cavage().edit("Signature", KEY, keyid)) == 400
    assert status(rfc9421().edit("Signature-Input", KEY, keyid)) == 400


@pytest.mark.parametrize(
    "date",
    [
        "",
        "today",
        "2026-11-24T09:00:00Z",
        "Tue, 24 Nov 2026 09:00:00",
        "Tue, 24 Nov 2026 09:00:00 +0000",
        "Tue, 24 Nov 2026 09:00:00 CET",
        "Di, 24 Nov 2026 09:00:00 GMT",
        "Tue, 24 Dez 2026 09:00:00 GMT",
        "Tue, 31 Feb 2026 09:00:00 GMT",
        "Tue, 24 Nov 0000 09:00:00 GMT",
        "Tue, 24 Nov 2026 25:00:00 GMT",
        "Tue, ٢٤ Nov 2026 09:00:00 GMT",
        f"{DATE}, {DATE}",
    ],
)
def test_b_dates_that_are_none_are_malformed(date: str) -> None:
    assert status(cavage().set("Date", date).but(private=rsa_key()).set("Signature", cavage().get("Signature"))) == 400


def test_b_nothing_in_a_header_can_forge_lines_of_the_signed_text() -> None:
    forged = SIGNED_DIGEST.set("X-Note", f"hello\nhost: art.test\ndate: {DATE}")
    assert status(forged.cavage(ALL + " x-note")) == 400
    assert status(SIGNED_DIGEST.set("X-Note", "a\rb").cavage(ALL + " x-note")) == 400
    assert status(SIGNED_DIGEST.set("X-Note", "Ω").set("Signature", "").set(
        "Signature", f'keyId="{KEY}",headers="{ALL} x-note",signature="AAAA"')) == 400  # fmt: skip
    assert SIGNED_DIGEST.set("X-Note", "a\tb é").cavage(ALL + " x-note").check()


@pytest.mark.parametrize("target", ["", "users/ann", "https://art.test/inbox", "*", "/a b", "/a\nb", "/a#b", "/\x00"])
def test_b_request_targets_that_are_no_paths_are_malformed(target: str) -> None:
    assert status(cavage(target=target)) == 400


# -- fuzz ------------------------------------------------------------------------------------------------------------------
TEXT = st.text(st.characters(max_codepoint=0x2FF), max_size=60) | st.sampled_from(
    ["sig1", "sig1=", "()", '("@method" "@target-uri")', ";created=1", ";keyid=", '"', "\\", ",", "=", ":", "A" * 300]
)
NAMES = st.sampled_from(
    ["Signature", "Signature-Input", "Digest", "Content-Digest", "Date", "Host", "X", "signature", "HOST"]
)
PIECES = st.sampled_from(
    [cavage().get("Signature"), cavage().get("Digest"), rfc9421().get("Signature"), rfc9421().get("Signature-Input"),
     rfc9421().get("Content-Digest"), DATE, "art.test", KEY, ALL, TARGET, f'keyId="{KEY}"', f"created={at()}"]
)  # fmt: skip
VALUES = st.one_of(
    PIECES,
    TEXT,
    st.lists(PIECES | TEXT, max_size=4).map("".join),
    st.tuples(PIECES, st.integers(0, 400), TEXT).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]),
    st.tuples(PIECES, st.integers(0, 400), st.integers(1, 9)).map(lambda t: t[0][: t[1]] + t[0][t[1] + t[2] :]),
)
ALIVE = [("Host", "art.test"), ("Date", DATE)]


@given(
    st.sampled_from(["POST", "GET"]) | TEXT,
    st.sampled_from([b"/users/ann/inbox", b"/a?b=c"]) | st.binary(max_size=40),
    st.lists(st.tuples(NAMES | TEXT, VALUES), max_size=6),
    st.booleans(),
    st.sampled_from([b"", Wire().body]) | st.binary(max_size=30),
)
def _nothing_but_bad_signature(
    method: str, target: bytes, headers: list[tuple[str, str]], alive: bool, body: bytes
) -> None:
    whole = [*ALIVE, *(h for h in headers if h[0].lower() not in ("host", "date"))] if alive else headers
    try:
        claim = signatures.read(signatures.Incoming(method, target, whole, body), ours=OURS, scheme="https", now=NOW)
        for key in (public(rsa_key()), public(ed25519_key())):
            claim.verify(key)
    except BadSignature as refused:
        assert refused.status in (400, 401) and str(refused)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
TERMS = [
    "type",
    "cryptosuite",
    "created",
    "expires",
    "verificationMethod",
    "proofPurpose",
    "proofValue",
    "@context",
    "id",
]


@given(
    JSON, st.dictionaries(st.sampled_from(TERMS), JSON | VALUES, max_size=3), st.dictionaries(st.text(max_size=5), JSON)
)
def _no_document_but_bad_signature(proof: Any, terms: dict[str, Any], members: dict[str, Any]) -> None:
    good = proved()
    for document in (
        {**members, "proof": proof},
        {**good, **members, "proof": {**good["proof"], **terms}},
        with_proof({**good, **{name: "x" for name in members if name != "proof"}}),
    ):
        try:
            signatures.proof_method(document)
            signatures.check_proof(document, public(ed25519_key(), METHOD), NOW)
        except BadSignature as refused:
            assert refused.status in (400, 401) and str(refused)


@given(TEXT | VALUES | st.binary(max_size=120).map(lambda data: "z" + keys.base58(data)))
def _no_key_but_bad_signature(text: str) -> None:
    for prefix in ("", "z", "u", "-----BEGIN PUBLIC KEY-----\n"):
        try:
            signatures.public_key(KEY, prefix + text)
        except BadSignature as refused:
            assert refused.status in (400, 401) and str(refused)


@pytest.mark.timeout(900)  # the full count takes minutes
@pytest.mark.parametrize(
    ("property_", "share"),
    [(_nothing_but_bad_signature, 1), (_no_document_but_bad_signature, 10), (_no_key_but_bad_signature, 10)],
)
def test_b_whatever_comes_only_a_bad_signature_is_raised(property_: Any, share: int, long: bool) -> None:
    count = (20_000 if long else 2_000) // share
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    settings(max_examples=count, deadline=None, database=None, suppress_health_check=quiet)(property_)()


def test_b_nesting_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    good = proved()
    assert refuse({**good, "object": deep}) == 400
    assert refuse({**good, "@context": deep, "proof": {**good["proof"], "@context": deep}}) == 400
    for number in (float("nan"), float("inf"), 10**400, 2**63 - 1, "\ud800"):
        assert refuse({**good, "object": number}) == 400
