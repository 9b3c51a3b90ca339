"""Public keys of others: which are accepted, how they are written down (PEM, Multikey), and what they verify.

The policy is that of security.md row 12: RSA of 2048 to 4096 bits with an exponent of at most 2^32, and Ed25519, nothing else.
It is applied when a key is read, so that no other key ever reaches a row.
"""

import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from federation.signatures.refusal import MALFORMED, WRONG, BadSignature
from server.elsewhere.read import PublicKey

LONGEST = 8192  # characters of a key that is read at all
FEWEST_BITS, MOST_BITS = 2048, 4096
LARGEST_EXPONENT = 2**32

# Multicodec prefixes of public keys, as varints (Multikey of W3C Controlled Identifiers).
ED25519 = b"\xed\x01"
RSA = b"\x85\x24"

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_NONE = 255
_DIGITS = bytes(ALPHABET.find(chr(code)) % 256 for code in range(256))  # -1, for what is no digit, becomes _NONE
_CHUNK = 10  # 58^10 still is a small number, with which most of the sums are done

_PKCS1, _SHA256 = PKCS1v15(), SHA256()
_PSS = PSS(MGF1(SHA512()), 64)

# Encodings of the points whose order divides 8, without their sign bit: with such a key one signature fits many messages.
_SMALL_ORDER = {
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
}


def public_key(uri: str, text: str) -> PublicKey:
    """The key `uri` from its text: PEM (SubjectPublicKeyInfo, or PKCS #1) or a Multikey in multibase (`z…`, `u…`).

    Raises BadSignature: 400 for what cannot be read, 401 for a key that the policy does not accept.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise BadSignature(MALFORMED, "The key is too long.")
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
        elif text[:1] in ("z", "u"):
            key = _from_multikey(from_multibase(text))
        else:
            raise BadSignature(MALFORMED, "The key is neither PEM nor multibase.")
    except UnsupportedAlgorithm as unknown:
        raise BadSignature(WRONG, "Only RSA and Ed25519 keys are accepted.") from unknown
    except ValueError as wrong:
        raise BadSignature(MALFORMED, "The key cannot be read.") from wrong
    match key:
        case RSAPublicKey():
            _check_rsa(key)
            kind = "rsa"
        case Ed25519PublicKey():
            raw = key.public_bytes_raw()
            if raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
                raise BadSignature(WRONG, "This Ed25519 key fits every message.")
            kind = "ed25519"
        case _:
            raise BadSignature(WRONG, "Only RSA and Ed25519 keys are accepted.")
    return PublicKey(uri, kind, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def verifies(key: PublicKey, scheme: str, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is that of `message` by `key`. `scheme` is "pkcs1", "pss" or "ed25519"."""
    try:
        rsa, ed25519 = _load(key.der)
        if rsa is not None and scheme == "pkcs1":
            rsa.verify(signature, message, _PKCS1, _SHA256)
        elif rsa is not None and scheme == "pss":
            rsa.verify(signature, message, _PSS, SHA512())
        elif ed25519 is not None and scheme == "ed25519":
            ed25519.verify(signature, message)
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(1024)
def _load(der: bytes) -> tuple[RSAPublicKey | None, Ed25519PublicKey | None]:
    """A key ready for use, as what it is. What OpenSSL prepares at the first use of an RSA key costs half a verification, so keys
    are kept."""
    key = load_der_public_key(der)
    return key if isinstance(key, RSAPublicKey) else None, key if isinstance(key, Ed25519PublicKey) else None


def to_multibase(key: Ed25519PublicKey) -> str:
    """`key` as `publicKeyMultibase` of a Multikey (FEP-521a): `z6Mk…`."""
    return "z" + base58(ED25519 + key.public_bytes_raw())


def from_multibase(text: str) -> bytes:
    """The bytes of a multibase text in base58btc (`z`) or base64url without padding (`u`). Raises BadSignature (400)."""
    kind, rest = text[:1], text[1:]
    if len(rest) <= LONGEST // 4 and rest.isascii():
        if kind == "z":
            return from_base58(rest)
        if kind == "u":
            padded = rest.translate({ord("-"): "+", ord("_"): "/"}) + "=" * (-len(rest) % 4)
            try:
                return binascii.a2b_base64(padded, strict_mode=True)
            except ValueError as wrong:
                raise BadSignature(MALFORMED, "This is not base64url.") from wrong
    raise BadSignature(MALFORMED, "This is not multibase.")


def base58(data: bytes) -> str:
    """`data` in base58 with Bitcoin's alphabet."""
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def from_base58(text: str) -> bytes:
    """The bytes of a text in base58. Raises BadSignature (400)."""
    digits = text.encode("ascii", "replace").translate(_DIGITS)
    if _NONE in digits:
        raise BadSignature(MALFORMED, "This is not base58.")
    number = 0
    for start in range(0, len(digits), _CHUNK):
        chunk, part = digits[start : start + _CHUNK], 0
        for digit in chunk:
            part = part * 58 + digit
        number = number * 58 ** len(chunk) + part
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _from_multikey(data: bytes) -> PublicKeyTypes:
    """The key behind multicodec bytes; raises ValueError for what is no key."""
    if data.startswith(ED25519):
        return Ed25519PublicKey.from_public_bytes(data[2:])
    if data.startswith(RSA):
        return load_der_public_key(data[2:])
    raise BadSignature(WRONG, "Only RSA and Ed25519 keys are accepted.")


def _check_rsa(key: RSAPublicKey) -> None:
    if not FEWEST_BITS <= key.key_size <= MOST_BITS:
        raise BadSignature(WRONG, f"RSA keys must have {FEWEST_BITS} to {MOST_BITS} bits.")
    if key.public_numbers().e > LARGEST_EXPONENT:
        raise BadSignature(WRONG, "The exponent of this RSA key is too large.")
