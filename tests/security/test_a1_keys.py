"""security.md A1, row 12: keys that are too weak, or of a kind that nobody needs."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation import signatures
from federation.signatures import BadSignature, keys
from tests.signing import (
    KEY,
)


def pem(key: Any) -> str:
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found.decode()


def rsa_numbers(bits: int, exponent: int) -> str:
    """The PEM of an RSA key that nobody has the private half of: its policy is decided by the numbers alone."""
    numbers = rsa.RSAPublicNumbers(exponent, (1 << bits) - 159)
    return numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


WEAK: dict[str, Callable[[], str]] = {
    "RSA-1024": lambda: rsa_numbers(1024, 65537),
    "RSA-2047": lambda: rsa_numbers(2047, 65537),
    "RSA-4097": lambda: rsa_numbers(4097, 65537),
    "RSA-16384": lambda: rsa_numbers(16384, 65537),
    "exponent": lambda: rsa_numbers(2048, 2**32 + 1),
    "P-256": lambda: pem(ec.generate_private_key(ec.SECP256R1())),
    "secp256k1": lambda: pem(ec.generate_private_key(ec.SECP256K1())),
    "P-521": lambda: pem(ec.generate_private_key(ec.SECP521R1())),
    "DSA": lambda: pem(dsa.generate_private_key(1024)),
    "Ed448": lambda: pem(ed448.Ed448PrivateKey.generate()),
    "X25519": lambda: pem(x25519.X25519PrivateKey.generate()),
}


@pytest.mark.parametrize("name", WEAK)
def test_row_12_weak_and_unusual_keys_are_refused_when_they_are_read(name: str) -> None:
    with pytest.raises(BadSignature) as refused:
        signatures.public_key(KEY, WEAK[name]())
    assert refused.value.status == 401


def test_row_12_curves_over_binary_fields_are_refused() -> None:
    """CVE-2026-26007: a small subgroup. cryptography makes no such keys any more; this one is OpenSSL's."""
    sect163k1 = (
        "-----BEGIN PUBLIC KEY-----\n"
        "MEAwEAYHKoZIzj0CAQYFK4EEAAEDLAAEBO6i20o14kT8pF0Y84MvrPfRgJm6AIiY\n"
        "9D3S4rhV5ShYnQkEyOmOwmAn\n-----END PUBLIC KEY-----\n"
    )
    with pytest.raises(BadSignature):
        signatures.public_key(KEY, sect163k1)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_row_12_usual_keys_are_read(bits: int) -> None:
    key = signatures.public_key(KEY, rsa_numbers(bits, 65537))
    assert (key.uri, key.kind) == (KEY, "rsa")
    assert signatures.public_key(KEY, rsa_numbers(bits, 2**32 - 1)).kind == "rsa"


def multiply(point: tuple[int, int], times: int) -> tuple[int, int]:
    """Points of edwards25519, slowly: what a small order is must not be taken from the list that is tested."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p

    def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        both = d * a[0] * b[0] * a[1] * b[1] % p
        x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + both, -1, p) % p
        return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - both, -1, p) % p

    result = (0, 1)
    for _ in range(times):
        result = add(result, point)
    return result


def test_row_12_ed25519_keys_of_small_order_are_refused() -> None:
    """With one of them, one signature would fit many messages; the eight points are computed here."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    found: set[bytes] = set()
    for y in {int.from_bytes(bytes(31) + b"\0"), 1, p - 1, *(int.from_bytes(e, "little") for e in keys._SMALL_ORDER)}:
        canonical = y % p
        square = (canonical**2 - 1) * pow(d * canonical**2 + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        if (x * x - square) % p:
            x = x * pow(2, (p - 1) // 4, p) % p
        assert (x * x - square) % p == 0 and multiply((x, canonical), 8) == (0, 1)
        found.add(y.to_bytes(32, "little"))
    assert found == keys._SMALL_ORDER
    for encoded in found:
        for raw in (encoded, encoded[:31] + bytes([encoded[31] | 0x80])):
            with pytest.raises(BadSignature):
                signatures.public_key(KEY, "z" + keys.base58(keys.ED25519 + raw))
