"""security.md A1, rows 10 and 11: what stands twice, and what a signature must cover."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA512

from tests.signing import (
    COMPONENTS,
    KEY,
    Wire,
    cavage,
    content_digest,
    digest,
    ed25519_key,
    rfc9421,
    rsa_key,
)
from tests.tampering import (
    SIGNED_CONTENT,
    SIGNED_DIGEST,
    at,
    status,
    twice,
)


@pytest.mark.parametrize("name", ["Signature", "Digest", "Date", "Host"])
def test_row_10_a_header_that_is_there_twice_is_malformed(name: str) -> None:
    wire = cavage()
    assert status(twice(wire, name)) == 400
    assert status(wire.but(headers=(*wire.headers, (name.lower(), "something else")))) == 400
    assert status(wire.but(headers=((name.upper(), "something else"), *wire.headers))) == 400


@pytest.mark.parametrize("name", ["Signature-Input", "Signature", "Content-Digest", "Host"])
def test_row_10_the_same_for_the_new_family(name: str) -> None:
    assert status(twice(rfc9421(), name)) == 400


def test_row_10_parameters_that_are_there_twice_are_malformed() -> None:
    header = cavage().get("Signature")
    for again in ('keyId="https://evil.test/k"', 'KEYID="x"', 'headers="date"', "created=1,created=2", 'algorithm=""'):
        assert status(cavage().set("Signature", f"{header},{again}")) == 400
        assert status(cavage().set("Signature", f"{again},{header}")) == 400
    one = digest(Wire().body)
    assert status(cavage().set("Digest", f"{one},{one}").cavage()) == 400
    assert status(cavage().set("Digest", f"{one},sha-256={one[8:]}").cavage()) == 400
    two = content_digest(Wire().body)
    assert status(rfc9421().set("Content-Digest", f"{two}, {two}").rfc9421()) == 400
    assert status(SIGNED_CONTENT.rfc9421(COMPONENTS + ' "@method"')) == 400
    assert status(rfc9421().edit("Signature-Input", ";keyid", ';nonce="a";nonce="b";keyid')) == 400


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ("", 401),
        ('"@target-uri"', 401),
        ('"@method"', 401),
        ('"@method" "@authority"', 401),
        ('"@method" "@path"', 401),
        ('"@method" "@scheme" "@path"', 401),
        ('"@method" "@target-uri"', 401),  # there is a body
        ('"@method" "@target-uri" "digest"', 401),
        ('"@method" "@target-uri" "content-digest";req', 400),
        ('"@method";req "@target-uri" "content-digest"', 400),
        ('"@method" "@target-uri" "content-digest";bs', 400),
        ('"@method" "@target-uri" "content-digest";sf', 400),
        ('"@method" "@target-uri" "content-digest";key="sha-256"', 400),
        ('"@method" "@target-uri" "content-digest" "@query-param";name="page"', 400),
        ('"@method" "@target-uri" "content-digest" "@status"', 400),
        ('"@method" "@target-uri" "content-digest" "@signature-params"', 400),
        ('"@method" "@target-uri" "Content-Digest"', 400),
        ('"@METHOD" "@target-uri" "content-digest"', 400),
        ("@method @target-uri", 400),
        ("method", 400),
        ("1 2", 400),
        (":AAAA:", 400),
        ('"@method" "@target-uri" "content-digest" "x-none"', 400),
        ('"@method""@target-uri" "content-digest"', 400),
    ],
)
def test_row_11_a_minimum_of_components_and_none_with_parameters(components: str, code: int) -> None:
    assert status(SIGNED_CONTENT.rfc9421(components)) == code


@pytest.mark.parametrize(
    "components",
    [
        COMPONENTS,
        '"@method" "@authority" "@path" "content-digest"',
        '"@method" "@authority" "@request-target" "content-digest"',
        '"@method" "@target-uri" "@authority" "host" "date" "content-digest"',  # as met in the wild
        '"content-digest" "@scheme" "@query" "@path" "@target-uri" "@method"',
    ],
)
def test_row_11_more_and_equivalent_components_are_welcome(components: str) -> None:
    assert SIGNED_CONTENT.rfc9421(components).check()


def test_row_11_algorithms_must_fit_the_key_and_unknown_parameters_are_refused() -> None:
    rsa_signed = rfc9421(private=rsa_key())
    assert rsa_signed.check().algorithm == "rsa-v1_5-sha256"
    usual = {"created": at(), "keyid": KEY}
    assert SIGNED_CONTENT.rfc9421(COMPONENTS, usual).check().algorithm == ""
    assert SIGNED_CONTENT.rfc9421(COMPONENTS, usual, nonce="once").check()
    for lie in ("rsa-v1_5-sha256", "rsa-pss-sha512", "hmac-sha256", "ecdsa-p256-sha256", "none", "", "ED25519"):
        if lie:
            assert status(SIGNED_CONTENT.rfc9421(COMPONENTS, usual, alg=lie)) == 401
    for lie in ("ed25519", "rsa-pss-sha512"):
        assert status(rfc9421(private=rsa_key()).rfc9421(COMPONENTS, usual, alg=lie)) == 401
    for lie in ("ed25519", "rsa-sha512", "hmac-sha256", "none"):
        assert status(SIGNED_DIGEST.cavage(algorithm=lie)) == 401
    assert status(SIGNED_DIGEST.but(private=ed25519_key()).cavage(algorithm="rsa-sha256")) == 401
    assert SIGNED_DIGEST.but(private=ed25519_key()).cavage(algorithm="hs2019").check()
    # (created) may not be signed with an algorithm that is older than it.
    wrong = SIGNED_DIGEST.cavage("(request-target) host (created) digest", created=str(at()))
    assert status(wrong) == 400
    assert status(SIGNED_CONTENT.rfc9421(COMPONENTS, usual, tag="other-application")) == 401
    for more in ({"unknown": 1}, {"created": "today"}, {"expires": "x"}, {"nonce": 1}, {"keyid": 7}, {"alg": 1}):
        assert status(SIGNED_CONTENT.rfc9421(COMPONENTS, {**usual, **more})) == 400


def test_row_11_rsa_pss_is_read_where_it_is_stated() -> None:
    wire = rfc9421(private=rsa_key()).rfc9421(COMPONENTS, {"created": at(), "keyid": KEY}, alg="rsa-pss-sha512")
    [base] = wire.read().bases
    made = rsa_key().sign(base, PSS(MGF1(SHA512()), 64), SHA512())
    assert wire.set("Signature", f"sig1=:{base64.b64encode(made).decode()}:").check()
    assert status(wire) == 401
