"""Private keys at rest: sealed with a key that is derived from the house's secret, another one for each purpose.

Sealed means AES-256-GCM over the PKCS #8 DER. What stands beside the key in its row (a public key, a certificate) goes along as
associated data, so that a sealed key cannot be moved to another row. Password-encrypted PEM would do the same with a slow
derivation at every load; our secret has 256 random bits and needs none. Without `secrets/key` of the data directory nobody,
ourselves included, can read them.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEALED = "aes256gcm:"  # how what is sealed begins
NONCE = 12  # bytes


class Unreadable(Exception):
    """Something was sealed with another house secret, or was changed."""


def seal(secret: bytes, purpose: str, private_der: bytes, beside: str) -> str:
    """`private_der` as a row may keep it, next to `beside`."""
    nonce = secrets.token_bytes(NONCE)
    return (
        SEALED + base64.b64encode(nonce + _box(secret, purpose).encrypt(nonce, private_der, beside.encode())).decode()
    )


def unseal(secret: bytes, purpose: str, sealed: str, beside: str) -> bytes:
    """The DER that was sealed. Raises Unreadable."""
    if not sealed.startswith(SEALED):
        raise Unreadable("It is not sealed in a way that this version knows.")
    try:
        blob = base64.b64decode(sealed.removeprefix(SEALED))
        return _box(secret, purpose).decrypt(blob[:NONCE], blob[NONCE:], beside.encode())
    except (InvalidTag, ValueError) as wrong:
        raise Unreadable("It was sealed with another secret than the one in secrets/key, or changed.") from wrong


def _box(secret: bytes, purpose: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=f"cartellino: {purpose}".encode()).derive(secret))
