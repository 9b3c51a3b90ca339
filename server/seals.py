"""The house's own seal: a root certificate, and the leaf under it that signs manifests (C2PA) in files of local works.

Nobody but this house vouches for it: elsewhere a sealed file reads "valid, signer unknown", until somebody pins the root, which
/rights/c2pa-root.pem publishes. Private keys lie in the `seals` table, sealed as those of people are (server.vault). The newest
row signs. Rows stay: what an older leaf signed holds until that leaf's last day.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, vault
from server.db import insert_once
from server.media import sealing
from server.media.orders import Format
from server.media.sealing import NotSealed, Sealer
from server.models import Seal
from server.rights import Rights, channels
from server.site import Site
from server.vault import Unreadable

log = logging.getLogger(__name__)

ROOT_DAYS = 3653  # ten years
# There is no time stamp from outside: after the leaf's last day its signatures do not hold. So it lives long, and another one
# takes over while a year is left, in which what the old one signed is signed anew.
LEAF_DAYS = 1826
RENEW_DAYS = 366
# Clocks of readers may be behind.
EARLY = timedelta(days=1)
# The first seal's id is always this one, so that two processes that start at once make one.
FIRST = 1
PURPOSE = "private keys of the seal"  # in server.vault
NAME = 64  # characters that a name in a certificate may have

# How large a kept manifest of the uploaded file may be, in bytes: in every sealed file, and in the largest public one and the
# JPEG for other servers alone (docs/decisions).
PARENT_EVERYWHERE = 16_384
PARENT_AT_MOST = 1_048_576


@dataclass(frozen=True)
class Sealing:
    """What it takes to seal: certificates as PEM, and a function that signs with a key that stays in this process."""

    id: int
    host: str
    """Whom the leaf names: pages say "sealed by" this host."""
    chain: str
    """The leaf, then the root."""
    root: str
    expires_at: datetime
    sign: Callable[[bytes], bytes] = field(repr=False)


# -- having one --------------------------------------------------------------------------------------------------------
async def current(site: Site) -> Sealing | None:
    """The seal that signs, made when it is first asked for. None where files stay unsealed, and the log says why: the C2PA
    library is missing, or the house's secret does not open the key."""
    if not sealing.is_installed():
        _say_once()
        return None
    async with site.db.read() as tx:
        found = await newest(tx)
    if found is None:
        made = _make(site, None)
        made.id = FIRST
        async with site.db.write() as tx:
            if await insert_once(tx, made):
                log.info("the house has a seal", extra={"until": f"{made.expires_at:%Y-%m-%d}"})
            found = await newest(tx)
        assert found is not None
    try:
        return opened(site, found)
    except Unreadable as wrong:
        log.error("files are not sealed", extra={"detail": str(wrong)})
        return None


def opened(site: Site, seal: Seal) -> Sealing:
    """A row, ready to sign. Raises Unreadable."""
    key = _unseal(site.secret, seal.leaf_pem, seal.leaf_key)
    return Sealing(
        seal.id,
        host(site),
        seal.leaf_pem + seal.root_pem,
        seal.root_pem,
        seal.expires_at,
        lambda claim: _signed(key, claim),
    )


def host(site: Site) -> str:
    """Whom a sealed file names: a page may say "sealed by" this, and never "verified"."""
    return urlsplit(site.settings.base_url).netloc


async def newest(tx: AsyncSession) -> Seal | None:
    """The row that signs. Ids grow with time."""
    found: Seal | None = await tx.scalar(select(Seal).order_by(Seal.id.desc()).limit(1))
    return found


async def roots(site: Site) -> list[str]:
    """The root certificates under which something of this house holds, the newest first, as PEM; made where there is none."""
    await current(site)
    async with site.db.read() as tx:
        rows = await tx.scalars(select(Seal).where(Seal.expires_at > clock.now()).order_by(Seal.id.desc()))
        return list(dict.fromkeys(row.root_pem for row in rows))


async def rotate(site: Site) -> Sealing:
    """Make a new leaf, which signs from now on; what older ones signed holds until they expire, and long before that
    `stamps.overdue` has it signed anew.

    It comes under the same root, or under a new one where the old one would not outlive it or nobody can open its key any more.
    """
    async with site.db.read() as tx:
        before = await newest(tx)
    made = _make(site, before)
    async with site.db.write() as tx:
        tx.add(made)
    log.info("the house's seal was renewed", extra={"until": f"{made.expires_at:%Y-%m-%d}"})
    return opened(site, made)


async def renew(site: Site) -> bool:
    """For the hourly round: rotate where little time is left. Whether it did."""
    if not sealing.is_installed():
        return False
    async with site.db.read() as tx:
        found = await newest(tx)
    if found is None or found.expires_at > clock.after(days=RENEW_DAYS):
        return False
    await rotate(site)
    return True


# -- using it ----------------------------------------------------------------------------------------------------------
async def seal(
    sealer: Sealer,
    with_what: Sealing,
    rights: Rights,
    source: Path,
    target: Path,
    kind: Format,
    *,
    steps: Sequence[str] = channels.COPY,
    master: Path | None = None,
    master_kind: Format | None = None,
) -> bool:
    """Write `source`, which carries its stamp already, with a sealed manifest into the new file `target`; whether it could.

    `master` is the uploaded file, given where its own manifest shall go along (`keeps_parent`). Nothing may be written into
    `target` afterwards. Where sealing fails the log says why, there is no `target`, and the unsealed file is good as it is.
    """
    definition = channels.c2pa(rights, steps=steps, has_parent=master is not None)
    if not definition:
        return False
    try:
        done = await sealer.seal(
            source,
            target,
            kind,
            definition,
            sign=with_what.sign,
            chain=with_what.chain,
            anchors=with_what.root,
            parent=master,
            parent_kind=master_kind,
        )
    except NotSealed as wrong:
        if wrong.why == "library":
            _say_once()
        else:
            log.warning("a file could not be sealed", extra={"why": wrong.why, "detail": str(wrong)[:300]})
        return False
    if master is not None and not done.with_parent:
        log.info("the manifest of an upload could not be kept", extra={"format": kind})
    return True


def keeps_parent(size: int, *, is_largest: bool) -> bool:
    """Whether the uploaded file's own manifest of `size` bytes goes along into a sealed copy.

    `is_largest` is true for the largest public copy, the full size and the JPEG for other servers.
    """
    return 0 < size <= (PARENT_AT_MOST if is_largest else PARENT_EVERYWHERE)


# -- making ------------------------------------------------------------------------------------------------------------
def _make(site: Site, before: Seal | None) -> Seal:
    """A row with a fresh leaf. P-256 keys take a tenth of a millisecond."""
    now = clock.now()
    name = host(site)[:NAME]
    leaf_until = now + timedelta(days=LEAF_DAYS)
    old = x509.load_pem_x509_certificate(before.root_pem.encode()) if before else None
    root_key = _root_key(site, before) if before and old and old.not_valid_after_utc >= leaf_until else None
    if before and old and root_key:
        root, root_sealed = old, before.root_key
    else:
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = certificate(
            _named(f"{name[: NAME - 5]} root", name), root_key, now - EARLY, now + timedelta(days=ROOT_DAYS)
        )
        root_sealed = _sealed(site.secret, _pem(root), root_key)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate(_named(name, name), leaf_key, now - EARLY, leaf_until, above=(root, root_key))
    return Seal(
        root_pem=_pem(root),
        leaf_pem=_pem(leaf),
        root_key=root_sealed,
        leaf_key=_sealed(site.secret, _pem(leaf), leaf_key),
        created_at=now,
        expires_at=leaf_until,
    )


def _root_key(site: Site, seal: Seal) -> ec.EllipticCurvePrivateKey | None:
    try:
        return _unseal(site.secret, seal.root_pem, seal.root_key)
    except Unreadable as wrong:
        log.warning("the house gets another root certificate", extra={"detail": str(wrong)})
        return None


def certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: datetime,
    end: datetime,
    *,
    above: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> x509.Certificate:
    """A certificate as C2PA 2.x asks for: a root that may sign leaves and nothing below them, or a leaf under `above`.

    Readers with default settings know one extended key usage that a house of its own can have: e-mail protection.
    """
    issuer, signer = (above[0].subject, above[1]) if above else (name, key)
    building = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=above is None, path_length=0 if above is None else None), critical=True)
        .add_extension(_usage(signs_certificates=above is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if above:
        building = building.add_extension(x509.ExtendedKeyUsage([use]), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above[1].public_key()), critical=False
        )
    return building.sign(signer, SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str, house: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, house), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def _pem(made: x509.Certificate) -> str:
    return made.public_bytes(Encoding.PEM).decode()


# -- sealing keys ------------------------------------------------------------------------------------------------------
def _sealed(secret: bytes, certificate_pem: str, key: ec.EllipticCurvePrivateKey) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return vault.seal(secret, PURPOSE, der, certificate_pem)


@lru_cache(16)
def _unseal(secret: bytes, certificate_pem: str, sealed: str) -> ec.EllipticCurvePrivateKey:
    """The private key beside a certificate, to which it is bound: it cannot be moved to another row."""
    try:
        key = load_der_private_key(vault.unseal(secret, PURPOSE, sealed, certificate_pem), None)
    except (Unreadable, ValueError) as wrong:
        raise Unreadable(
            "The house's seal was made with another secret than the one in secrets/key, or changed."
        ) from wrong
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Unreadable("The house's seal is of a kind that this version does not know.")
    return key


def _signed(key: ec.EllipticCurvePrivateKey, claim: bytes) -> bytes:
    """ES256 as COSE writes it (RFC 9053, 2.1): r and s, 32 bytes each."""
    r, s = decode_dss_signature(key.sign(claim, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@lru_cache(1)
def _say_once() -> None:
    log.warning("the C2PA library is missing here: files are not sealed; `cartellino doctor` says more")
