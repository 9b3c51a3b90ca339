"""Key pairs of our actors. Private keys lie in the `keys` table, sealed with a key that is derived from the house's secret.

Sealed means AES-256-GCM over the PKCS #8 DER, with the public key as associated data, so that a sealed key cannot be moved to
another row. Password-encrypted PEM would do the same with a slow derivation at every load; our secret has 256 random bits and
needs none. Without `secrets/key` of the data directory nobody, ourselves included, can read them: back both up.
"""

import asyncio
import base64
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from server.models import Key

BITS = 2048  # what every server of the fediverse can verify
SEALED = "aes256gcm:"
NONCE = 12


class Unreadable(Exception):
    """A private key was sealed with another house secret, or was changed."""


@dataclass(frozen=True)
class Pair:
    """A fresh key pair: the public key as PEM (SubjectPublicKeyInfo), the private one as PKCS #8 DER, not sealed yet."""

    public_pem: str
    private_der: bytes = field(repr=False)


async def make() -> Pair:
    """An RSA-2048 pair, made in a thread: it takes a tenth of a second. Call it before the transaction begins."""
    return await asyncio.to_thread(_make)


def row(secret: bytes, actor_id: int, pair: Pair) -> Key:
    """The row that keeps `pair` for an actor, its private key sealed."""
    nonce = secrets.token_bytes(NONCE)
    sealed = nonce + _box(secret).encrypt(nonce, pair.private_der, pair.public_pem.encode())
    private_pem = SEALED + base64.b64encode(sealed).decode()
    return Key(actor_id=actor_id, kind="rsa", public_pem=pair.public_pem, private_pem=private_pem)


def load_private(secret: bytes, key: Key) -> rsa.RSAPrivateKey:
    """The private key in a row; raises Unreadable where the house's secret does not open it."""
    if not key.private_pem.startswith(SEALED):
        raise Unreadable(f"Key {key.id} is not sealed in a way that this version knows.")
    blob = base64.b64decode(key.private_pem.removeprefix(SEALED))
    try:
        der = _box(secret).decrypt(blob[:NONCE], blob[NONCE:], key.public_pem.encode())
    except InvalidTag as wrong:
        raise Unreadable(f"Key {key.id} was sealed with another secret than the one in secrets/key.") from wrong
    # We wrote it and nobody changed it: testing the primes again would cost more than a signature.
    loaded = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise Unreadable(f"Key {key.id} is not an RSA key.")
    return loaded


def _make() -> Pair:
    private = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Pair(public_pem, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _box(secret: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"cartellino: private keys of actors").derive(secret))
