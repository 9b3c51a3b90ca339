"""What it costs to read and verify a signature, beside the bare arithmetic of the key. Goal G17, and the signing half of G2.

.venv/bin/python -m bench.verifier

The bare operation alternates with ours, call by call, in one process: a key whose tables have left the processor's caches
costs more than one that is used a thousand times in a row, and no server does the latter. Reading covers everything: headers,
grammar, times, digest of the body, coverage.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import _measure as measure
from federation import signatures
from federation.signatures.canonical import canonical
from server.elsewhere import PublicKey

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
URL = "https://art.example/users/ann/inbox"
OURS = frozenset({"art.example"})
KEY = "https://peer.example/users/bob#main-key"
REQUESTS = 60  # different ones, a second apart: nothing is read twice in a row
ROUNDS, CALLS = 9, 400
NOTE: dict[str, Any] = {
    "@context": [
        "https://www.w3.org/ns/activitystreams",
        "https://w3id.org/security/v1",
        {"sensitive": "as:sensitive", "Hashtag": "as:Hashtag", "toot": "http://joinmastodon.org/ns#"},
    ],
    "id": "https://peer.example/users/bob/notes/1/activity",
    "type": "Create",
    "actor": "https://peer.example/users/bob",
    "published": "2026-11-24T09:00:00Z",
    "to": ["https://www.w3.org/ns/activitystreams#Public"],
    "cc": ["https://peer.example/users/bob/followers"],
    "object": {
        "id": "https://peer.example/users/bob/notes/1",
        "type": "Note",
        "attributedTo": "https://peer.example/users/bob",
        "url": "https://peer.example/@bob/1",
        "content": "<p>" + "Wie schön: eine Ausstellung. " * 30 + "</p>",
        "sensitive": False,
        "tag": [{"type": "Hashtag", "name": "#art", "href": "https://peer.example/tags/art"}] * 3,
    },
}


def main() -> None:
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    by_rsa, by_ed25519 = public(rsa, "rsa"), public(ed25519, "ed25519")
    body = json.dumps(NOTE, ensure_ascii=False).encode()
    times = [NOW + timedelta(seconds=number) for number in range(REQUESTS)]
    old = [incoming(signatures.sign_cavage("POST", URL, body, rsa, KEY, at), body) for at in times]
    new = [incoming(signatures.sign_rfc9421("POST", URL, body, ed25519, KEY, at), body) for at in times]
    proved = [
        signatures.prove({**NOTE, "id": f"{NOTE['id']}/{number}"}, ed25519, KEY, NOW) for number in range(REQUESTS)
    ]
    text = b"x" * 200
    rsa_signature, ed25519_signature = rsa.sign(text, PKCS1v15(), SHA256()), ed25519.sign(text)
    rsa_public, ed25519_public = rsa.public_key(), ed25519.public_key()

    def pure_rsa(_number: int) -> None:
        rsa_public.verify(rsa_signature, text, PKCS1v15(), SHA256())

    def pure_ed25519(_number: int) -> None:
        ed25519_public.verify(ed25519_signature, text)

    def read(requests: list[signatures.Incoming], key: PublicKey) -> Callable[[int], None]:
        return lambda number: signatures.read(requests[number], ours=OURS, scheme="https", now=NOW).verify(key)

    cases: list[tuple[str, str, Callable[[int], Any], Callable[[int], Any], str]] = [
        ("draft-cavage, RSA-2048: read and verify", "verify", pure_rsa, read(old, by_rsa), "1.5"),
        ("RFC 9421, Ed25519: read and verify", "verify", pure_ed25519, read(new, by_ed25519), "1.3"),
        (
            "eddsa-jcs-2022: check a proof",
            "verify",
            pure_ed25519,
            lambda number: signatures.check_proof(proved[number], by_ed25519, NOW),
            "1.2",
        ),
        (
            "draft-cavage, RSA-2048: sign a delivery",
            "sign",
            lambda _number: rsa.sign(text, PKCS1v15(), SHA256()),
            lambda number: signatures.sign_cavage("POST", URL, body, rsa, KEY, times[number]),
            "1.05",
        ),
        (
            "RFC 9421, Ed25519: sign a delivery",
            "sign",
            lambda _number: ed25519.sign(text),
            lambda number: signatures.sign_rfc9421("POST", URL, body, ed25519, KEY, times[number]),
            "",
        ),
    ]
    lines = [
        f"A body of {len(body):,} bytes. CPU microseconds, median [least-most] of {ROUNDS} rounds.",
        "",
        "| what | bare operation | ours | times bare | goal | ours less bare |",
        "|---|---|---|---|---|---|",
    ]
    for name, operation, bare, whole, goal in cases:
        without, with_all = alternate(bare, whole)
        ratio = median(with_all) / median(without)
        least, most = measure.median(without), measure.median(with_all)
        extra = median(with_all) - median(without)
        lines.append(f"| {name} | {operation} {least} | {most} | {ratio:.2f} | {goal} | {extra:.0f} |")
    spent, _ = alternate(lambda number: canonical(proved[number]), lambda number: None)
    lines += ["", f"Canonical form of the document alone: {measure.median(spent)}."]
    measure.write("verifier", "Signatures: reading, verifying, signing", ".venv/bin/python -m bench.verifier", lines)


def public(private: Any, kind: str) -> PublicKey:
    return PublicKey(KEY, kind, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def incoming(headers: dict[str, str], body: bytes) -> signatures.Incoming:
    """The request as a server gets it, with the headers that every client sends besides."""
    usual = {
        "User-Agent": "http.rb/5.2.0 (Mastodon/4.5.0; +https://peer.example/)",
        "Accept-Encoding": "gzip",
        "Content-Type": "application/activity+json",
        "Content-Length": str(len(body)),
    }
    return signatures.Incoming("POST", b"/users/ann/inbox", [*headers.items(), *usual.items()], body)


def alternate(first: Callable[[int], Any], second: Callable[[int], Any]) -> tuple[list[float], list[float]]:
    """CPU microseconds per call of two functions that take turns; one value a round."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        sums = [0, 0]
        for call in range(CALLS):
            for place, function in enumerate((first, second)):
                before = time.process_time_ns()
                function(call % REQUESTS)
                sums[place] += time.process_time_ns() - before
        for place in (0, 1):
            spent[place].append(sums[place] / CALLS / 1000)
    return spent


if __name__ == "__main__":
    main()
