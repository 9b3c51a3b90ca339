"""Our signatures in the eyes of others, and theirs in ours: apsig, http-message-signatures and bovine (decision record 17)."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apsig import ProofSigner, ProofVerifier
from apsig.draft import Signer, Verifier
from apsig.rfc9421 import RFC9421Signer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.algorithms import ED25519, RSA_PSS_SHA512, RSA_V1_5_SHA256

from federation import signatures
from federation.signatures import BadSignature
from server import clock
from server.elsewhere import PublicKey
from tests.signing import BODY, INBOX, KEY, OURS, Private, ed25519_key, public, rsa_key

URL = f"https://art.test{INBOX}"
METHOD = "https://peer.test/users/bob#ed25519-key"
NOTE: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"],
    "id": "https://peer.test/notes/1",
    "type": "Create",
    "object": {"type": "Note", "content": "<p>Grüße 🎨</p>", "focalPoint": [-0.5, 1e-7], "\ufb33": 1, "😀": 10},
}


def read(method: str, headers: dict[str, str], body: bytes, key: PublicKey, target: str = INBOX) -> None:
    """Take a request of theirs; raises BadSignature."""
    incoming = signatures.Incoming(method, target.encode(), list(headers.items()), body)
    signatures.read(incoming, ours=OURS, scheme="https", now=clock.now()).verify(key)


# -- apsig -------------------------------------------------------------------------------------------------------------------
def test_apsig_reads_what_we_sign() -> None:
    headers = signatures.sign_cavage("POST", URL, BODY, rsa_key(), KEY, clock.now())
    assert Verifier(rsa_key().public_key(), "POST", URL, headers, BODY).verify(raise_on_fail=True) == KEY
    assert Verifier(rsa_key("eve").public_key(), "POST", URL, headers, BODY).verify() is None


def test_we_read_what_apsig_signs() -> None:
    headers = Signer({}, rsa_key(), "POST", URL, KEY, BODY).sign()
    read("POST", headers, BODY, public(rsa_key()))
    with pytest.raises(BadSignature):
        read("POST", headers, BODY + b" ", public(rsa_key()))


def test_we_read_what_apsig_signs_in_the_new_way() -> None:
    """A GET: it signs no digest, and writes one that nobody can read."""
    made = RFC9421Signer(rsa_key(), KEY).sign(
        "GET", INBOX, "art.test", {"Content-Type": "application/json", "Host": "art.test"}
    )
    made.pop("content-digest")
    read("GET", made, b"", public(rsa_key()))
    with pytest.raises(BadSignature):
        read("GET", made, b"", public(rsa_key()), "/users/eve/inbox")


def test_apsig_and_we_agree_about_proofs() -> None:
    proved = signatures.prove(NOTE, ed25519_key(), METHOD, clock.now())
    verifier = ProofVerifier(ed25519_key().public_key())
    assert verifier.verify(json.loads(json.dumps(proved)), raise_on_fail=True) == METHOD
    assert verifier.verify({**json.loads(json.dumps(proved)), "type": "Delete"}) is None
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "2026-01-01T00:00:00Z",
        "verificationMethod": METHOD,
        "proofPurpose": "assertionMethod",
    }
    theirs = ProofSigner(ed25519_key()).sign(NOTE, options)
    signatures.check_proof(theirs, public(ed25519_key(), METHOD), clock.now())
    with pytest.raises(BadSignature):
        signatures.check_proof({**theirs, "type": "Delete"}, public(ed25519_key(), METHOD), clock.now())


# -- http-message-signatures ---------------------------------------------------------------------------------------------------
class Resolver(HTTPSignatureKeyResolver):
    def __init__(self, private: Private) -> None:
        self.private = private

    def resolve_public_key(self, key_id: str) -> Any:
        assert key_id == KEY
        return self.private.public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        return self.private


@pytest.mark.parametrize(
    ("algorithm", "private"), [(ED25519, ed25519_key), (RSA_V1_5_SHA256, rsa_key)], ids=["ed25519", "rsa"]
)
def test_http_message_signatures_reads_what_we_sign(algorithm: Any, private: Any) -> None:
    headers = signatures.sign_rfc9421("POST", URL, BODY, private(), KEY, clock.now())
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver(private()))
    message = SimpleNamespace(method="POST", url=URL, headers=headers)
    [result] = verifier.verify(message, max_age=timedelta(minutes=5))
    assert set(result.covered_components) == {'"@method"', '"@target-uri"', '"content-digest"', '"@signature-params"'}
    with pytest.raises(InvalidSignature):
        moved = SimpleNamespace(method="POST", url=URL + "s", headers=headers)
        verifier.verify(moved, max_age=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [(ED25519, ed25519_key), (RSA_V1_5_SHA256, rsa_key), (RSA_PSS_SHA512, rsa_key)],
    ids=["ed25519", "rsa", "pss"],
)
def test_we_read_what_http_message_signatures_signs(algorithm: Any, private: Any) -> None:
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Resolver(private()))
    message = SimpleNamespace(method="POST", url=URL + "?a=b", headers={"Host": "art.test"})
    parts = ("@method", "@authority", "@path", "@query")
    signer.sign(message, key_id=KEY, created=clock.now(), label="x", covered_component_ids=parts, body=BODY)
    read("POST", message.headers, BODY, public(private()), INBOX + "?a=b")
    with pytest.raises(BadSignature):
        read("POST", message.headers, BODY, public(private()), INBOX + "?a=c")
    with pytest.raises(BadSignature):
        read("POST", message.headers, b"{}", public(private()), INBOX + "?a=b")


def private_pem(key: Private) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# -- bovine --------------------------------------------------------------------------------------------------------------------
def test_bovine_and_we_agree(tmp_path: Path) -> None:
    """draft-cavage in both directions, Multikeys, and the proofs that it makes.

    Its reader of RFC 9421 is the one that record 3 speaks of; its reader of proofs leaves out a proof's own context, so that it
    holds none by Fedify or by us.
    """
    owner = KEY.partition("#")[0]
    ours = signatures.sign_cavage("POST", URL, BODY, rsa_key(), KEY, clock.now())
    asked = {
        "public_pem": rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "private_pem": private_pem(rsa_key()),
        "ed25519_pem": private_pem(ed25519_key()),
        "owner": owner,
        "key_id": KEY,
        "ed25519_id": METHOD,
        "url": URL,
        "body": BODY.decode(),
        "headers": ours,
        "to_sign": [
            ["(request-target)", f"post {INBOX}"],
            *([name.lower(), ours[name]] for name in ("Host", "Date", "Digest")),
        ],
        "document": NOTE,
        "multibase": signatures.to_multibase(ed25519_key().public_key()),
    }
    program = Path(__file__).with_name("bovine_signatures.py")
    ran = subprocess.run(
        [sys.executable, program], input=json.dumps(asked), capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["signer"] == owner
    read("POST", {**ours, "Signature": answer["signature"]}, BODY, public(rsa_key()))
    signatures.check_proof(answer["proved"], public(ed25519_key(), METHOD), clock.now())
    assert answer["multibase"] == asked["multibase"]
