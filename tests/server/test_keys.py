"""Key pairs of our actors: sealed in rows, opened once, replaced by newer ones."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from server import keys, vault
from server.models import Account, Key
from server.site import Site


def public_pem(private: keys.Private) -> str:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def of(site: Site, account: Account) -> list[Key]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Key).where(Key.actor_id == account.actor_id).order_by(Key.id)))


async def test_everybody_has_a_pair_of_each_kind_that_fits_together(site: Site, alice: Account) -> None:
    rsa, ed25519 = await of(site, alice)
    assert (rsa.kind, ed25519.kind) == (keys.RSA, keys.ED25519)
    assert isinstance(keys.load_private(site.secret, rsa), RSAPrivateKey)
    assert isinstance(keys.load_private(site.secret, ed25519), Ed25519PrivateKey)
    for row in (rsa, ed25519):
        assert public_pem(keys.load_private(site.secret, row)) == row.public_pem


async def test_a_key_is_opened_once_and_a_changed_row_is_not_opened_at_all(site: Site, alice: Account) -> None:
    [row, again] = (await of(site, alice))[0], (await of(site, alice))[0]
    opened = keys.load_private(site.secret, row)
    assert row is not again and keys.load_private(site.secret, again) is opened
    with pytest.raises(vault.Unreadable):
        keys.load_private(bytes(32), again)
    again.public_pem = again.public_pem.replace("\n-----END", " \n-----END")
    with pytest.raises(vault.Unreadable, match=str(again.id)):
        keys.load_private(site.secret, again)


@pytest.mark.parametrize("broken", ["", "aes256gcm:", "aes256gcm:AAAA", "aes256gcm:é", "aes256gcm:" + "A" * 4000])
async def test_a_broken_row_is_said_to_be_unreadable(site: Site, alice: Account, broken: str) -> None:
    row = (await of(site, alice))[0]
    row.private_pem = broken
    with pytest.raises(vault.Unreadable):
        keys.load_private(site.secret, row)


async def test_after_a_rotation_the_newest_keys_are_others_and_the_old_rows_remain(site: Site, alice: Account) -> None:
    before = await of(site, alice)
    pairs = await keys.make()
    async with site.db.write() as tx:
        await keys.rotate(tx, site.secret, alice.actor, pairs)
    async with site.db.read() as tx:
        newest = [await keys.newest(tx, alice.actor_id, kind) for kind in (keys.RSA, keys.ED25519)]
    assert [key.public_pem for key in newest if key] == [pair.public_pem for pair in pairs]
    after = await of(site, alice)
    assert len(after) == 4 and {key.id for key in before} < {key.id for key in after}
    assert not {key.public_pem for key in before} & {key.public_pem for key in newest if key}
