"""Key pairs of our actors. Private keys lie in the `keys` table, sealed (server.vault).

Each actor has two: RSA for requests, since every server verifies it, and Ed25519 for proofs inside documents and for peers that
take it. Without `secrets/key` of the data directory nobody, ourselves included, can read them: back both up.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import vault
from server.models import Actor, Key
from server.vault import Unreadable

log = logging.getLogger(__name__)

BITS = 2048  # what every server of the fediverse can verify
RSA, ED25519 = "rsa", "ed25519"
PURPOSE = "private keys of actors"  # in server.vault
KEPT = 512  # opened keys that stay in memory

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Pair:
    """A fresh key pair: the public key as PEM (SubjectPublicKeyInfo), the private one as PKCS #8 DER, not sealed yet."""

    kind: str
    public_pem: str
    private_der: bytes = field(repr=False)


Pairs = tuple[Pair, ...]  # one of each kind


# -- making ------------------------------------------------------------------------------------------------------------
async def make() -> Pairs:
    """An RSA-2048 and an Ed25519 pair, made in a thread: RSA takes a tenth of a second. Call it before the transaction begins."""
    return await asyncio.to_thread(_make)


def rows(secret: bytes, actor_id: int, pairs: Pairs) -> list[Key]:
    """The rows that keep `pairs` for an actor, their private keys sealed."""
    return [_row(secret, actor_id, pair) for pair in pairs]


async def rotate(tx: AsyncSession, secret: bytes, actor: Actor, pairs: Pairs) -> None:
    """Give an actor fresh keys: from the commit on, they sign and the actor's document lists them in place of the old ones.

    The old rows stay: requests that are on their way were signed with them. Whoever has cached the document asks for it again
    after the first signature that does not hold; tell the followers with an Update besides.
    """
    tx.add_all(rows(secret, actor.id, pairs))
    await tx.flush()
    log.info("keys rotated", extra={"actor": actor.id})


# -- using -------------------------------------------------------------------------------------------------------------
async def newest(tx: AsyncSession, actor_id: int, kind: str) -> Key | None:
    """The key of that kind that signs for an actor of ours and that its document lists. Ids grow with time."""
    return await tx.scalar(
        select(Key).where(Key.actor_id == actor_id, Key.kind == kind).order_by(Key.id.desc()).limit(1)
    )


def load_private(secret: bytes, key: Key) -> Private:
    """The private key in a row; raises Unreadable where the house's secret does not open it, or it was changed.

    Opened keys are kept in memory, as many as a burst of deliveries needs at once.
    """
    try:
        return _unseal(secret, key.public_pem, key.private_pem)
    except (Unreadable, ValueError) as wrong:
        raise Unreadable(
            f"Key {key.id} was sealed with another secret than the one in secrets/key, or changed."
        ) from wrong


# -- sealing -----------------------------------------------------------------------------------------------------------
def _make() -> Pairs:
    privates: Sequence[tuple[str, Private]] = (
        (RSA, rsa.generate_private_key(public_exponent=65537, key_size=BITS)),
        (ED25519, ed25519.Ed25519PrivateKey.generate()),
    )
    return tuple(
        Pair(
            kind,
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        )
        for kind, private in privates
    )


def _row(secret: bytes, actor_id: int, pair: Pair) -> Key:
    private_pem = vault.seal(secret, PURPOSE, pair.private_der, pair.public_pem)
    return Key(actor_id=actor_id, kind=pair.kind, public_pem=pair.public_pem, private_pem=private_pem)


# Kept by what was opened and not by the row's id: a row that was changed is another key, and other secrets open nothing.
@lru_cache(KEPT)
def _unseal(secret: bytes, public_pem: str, private_pem: str) -> Private:
    der = vault.unseal(secret, PURPOSE, private_pem, public_pem)
    # We wrote it and nobody changed it: testing the primes again would cost more than a hundred signatures.
    private = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("of a kind that this version does not know")
    return private
