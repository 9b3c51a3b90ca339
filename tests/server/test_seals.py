"""The house's seal: made once, kept shut, renewed in time, published, and never in the way where it is missing."""

import asyncio
import base64
import io
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store
from sqlalchemy import func, select

from server import clock, doctor, jobs, seals, sweep, vault
from server.media.sealing import Sealer
from server.models import Account, Licence, Reservation, Seal, SourceType
from server.rights import Rights, Subject, channels
from server.site import Site
from tests import works
from tests.running import House
from tests.server.media.pictures import photo

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PEM_END = "-----END CERTIFICATE-----\n"


async def count(site: Site) -> int:
    async with site.db.read() as tx:
        return int(await tx.scalar(select(func.count(Seal.id))) or 0)


async def rows(site: Site) -> list[Seal]:
    async with site.db.read() as tx:
        return list(await tx.scalars(select(Seal).order_by(Seal.id)))


def leaf_of(seal: seals.Sealing) -> x509.Certificate:
    return x509.load_pem_x509_certificates(seal.chain.encode())[0]


def rights(**changes: Any) -> Rights:
    subject = Subject(title="Heron", explained="https://art.example/works/42/rights")
    return replace(
        Rights(
            Licence.BY,
            Reservation.NO_TRAINING,
            "Ada Ink",
            2026,
            subject=subject,
            source_type=SourceType.DIGITAL_CREATION,
        ),
        **changes,
    )


# -- one seal ----------------------------------------------------------------------------------------------------------
async def test_it_is_made_once_however_many_ask_at_once(site: Site) -> None:
    found = await asyncio.gather(*(seals.current(site) for _ in range(6)))
    assert await count(site) == 1
    assert [seal.chain for seal in found if seal] == [(await _current(site)).chain] * 6
    assert (await _current(site)).id == seals.FIRST


async def _current(site: Site) -> seals.Sealing:
    found = await seals.current(site)
    assert found is not None
    return found


async def test_the_certificates_are_what_c2pa_asks_for(site: Site) -> None:
    seal = await _current(site)
    leaf, root = x509.load_pem_x509_certificates(seal.chain.encode())
    assert root.public_bytes(Encoding.PEM).decode() == seal.root
    for certificate in (leaf, root):
        assert certificate.version is x509.Version.v3
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        assert certificate.not_valid_before_utc < clock.now()
    leaf.verify_directly_issued_by(root)
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == seal.host == "art.test"
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.EMAIL_PROTECTION
    ]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    limits = root.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert limits.ca and limits.path_length == 0
    assert timedelta(days=3650) < root.not_valid_after_utc - clock.now() < timedelta(days=3654)
    assert leaf.not_valid_after_utc < root.not_valid_after_utc
    assert abs(leaf.not_valid_after_utc - seal.expires_at) < timedelta(seconds=1)
    # And another reader of certificates builds the chain by itself.
    above, below = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.permit_all()
    building = PolicyBuilder().store(Store([root])).extension_policies(ca_policy=above, ee_policy=below)
    verifier = building.build_client_verifier()
    assert verifier.verify(leaf, []).chain == [leaf, root]


async def test_private_keys_lie_sealed_and_bound_to_their_certificate(site: Site) -> None:
    seal = await _current(site)
    (row,) = await rows(site)
    for kept, certificate in ((row.root_key, row.root_pem), (row.leaf_key, row.leaf_pem)):
        assert kept.startswith(vault.SEALED) and "PRIVATE" not in kept
        opened = seals._unseal(site.secret, certificate, kept)
        assert opened.public_key() == x509.load_pem_x509_certificate(certificate.encode()).public_key()
        der = opened.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert base64.b64encode(der)[8:40] not in kept.encode()
    with pytest.raises(vault.Unreadable):
        seals._unseal(site.secret, row.root_pem, row.leaf_key)
    with pytest.raises(vault.Unreadable):
        seals._unseal(bytes(32), row.leaf_pem, row.leaf_key)
    with pytest.raises(vault.Unreadable):
        seals._unseal(site.secret, row.leaf_pem, "rot13:abc")
    assert "PRIVATE" not in repr(seal) and "sign" not in repr(seal)


# -- another one -------------------------------------------------------------------------------------------------------
async def test_a_new_leaf_comes_under_the_same_root(site: Site) -> None:
    before = await _current(site)
    after = await seals.rotate(site)
    assert (await _current(site)).chain == after.chain != before.chain and after.root == before.root
    assert after.id > before.id and await count(site) == 2
    leaf_of(after).verify_directly_issued_by(x509.load_pem_x509_certificate(before.root.encode()))
    assert await seals.roots(site) == [before.root]


async def test_the_hourly_round_renews_a_year_before_the_end(site: Site) -> None:
    before = await _current(site)
    assert await seals.renew(site) is False
    late = before.expires_at - timedelta(days=seals.RENEW_DAYS - 1)
    clock.set_source(lambda: late)
    await sweep.sweep(site, jobs.Sweep())
    after = await _current(site)
    assert after.id > before.id and after.root == before.root
    assert after.expires_at - late > timedelta(days=1800)
    await sweep.sweep(site, jobs.Sweep())
    assert await count(site) == 2


async def test_a_root_that_would_not_outlive_the_leaf_is_followed_by_another(site: Site) -> None:
    first = await _current(site)
    clock.set_source(lambda: datetime.now(UTC) + timedelta(days=seals.ROOT_DAYS - seals.LEAF_DAYS + 10))
    second = await seals.rotate(site)
    assert second.root != first.root
    leaf_of(second).verify_directly_issued_by(x509.load_pem_x509_certificate(second.root.encode()))
    # Both are published for as long as something holds under them.
    async with site.db.write() as tx:
        (await tx.get_one(Seal, first.id)).expires_at = clock.after(days=1)
    assert await seals.roots(site) == [second.root, first.root]
    clock.set_source(lambda: datetime.now(UTC) + timedelta(days=seals.ROOT_DAYS - seals.LEAF_DAYS + 12))
    assert await seals.roots(site) == [second.root]


async def test_a_lost_secret_leaves_files_unsealed_until_the_next_rotation(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    before = await _current(site)
    other = replace(site, secret=bytes(32))
    with caplog.at_level(logging.ERROR):
        assert await seals.current(other) is None
    assert "not sealed" in caplog.text
    assert (await doctor._seal(other)).state == "trouble"
    after = await seals.rotate(other)
    assert after.root != before.root and (await seals.current(other) or before).chain == after.chain
    assert (await doctor._seal(other)).state == "ok"


# -- sealing -----------------------------------------------------------------------------------------------------------
async def test_a_file_is_sealed_by_this_house(site: Site, tmp_path: Path) -> None:
    seal = await _current(site)
    source, target = tmp_path / "a.webp", tmp_path / "b.webp"
    photo(300, 200).save(source, "WEBP")
    async with Sealer() as sealer:
        assert await seals.seal(sealer, seal, rights(), source, target, "webp") is True
        found = await sealer.read(target, anchors=seal.root)
        assert found is not None and (found.state, found.signer, found.failures) == ("Trusted", "art.test", ())
        assert found.training_mining == {
            f"{prefix}.{name}": "notAllowed" for prefix in ("cawg", "c2pa") for name in ("ai_training", "ai_generative_training")
        }  # fmt: skip
        # Nobody here signs in the name of somebody elsewhere.
        assert await seals.seal(sealer, seal, rights(is_local=False), source, tmp_path / "c.webp", "webp") is False
        assert not (tmp_path / "c.webp").exists()


async def test_a_leaf_that_is_over_seals_nothing_and_the_log_says_so(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock.set_source(lambda: datetime.now(UTC) - timedelta(days=seals.LEAF_DAYS + 2))
    old = await seals.rotate(site)
    clock.set_source(None)
    source = tmp_path / "a.jpeg"
    photo(300, 200).save(source)
    async with Sealer() as sealer:
        with caplog.at_level(logging.WARNING):
            assert await seals.seal(sealer, old, rights(), source, tmp_path / "b.jpeg", "jpeg") is False
    assert "could not be sealed" in caplog.text and not (tmp_path / "b.jpeg").exists()
    said = await doctor._seal(site)
    assert said.state == "trouble" and "ended on" in said.words


def test_a_history_goes_along_as_far_as_there_is_room() -> None:
    keeps = seals.keeps_parent
    assert [keeps(size, is_largest=False) for size in (0, 1, 5_000, 16_384, 16_385)] == [False, True, True, True, False]
    assert [keeps(size, is_largest=True) for size in (0, 16_385, 1_048_576, 1_048_577)] == [False, True, True, False]


def test_a_manifest_says_only_what_is_so() -> None:
    said = channels.c2pa(rights())
    assert said["assertions"][0]["data"]["actions"][0]["digitalSourceType"].endswith("/digitalCreation")
    assert "ingredients" not in said
    unsaid = channels.c2pa(rights(source_type=None), steps=channels.FULL_SIZE)
    assert [one["action"] for one in unsaid["assertions"][0]["data"]["actions"]] == [
        "c2pa.opened",
        "c2pa.edited.metadata",
    ]
    assert "digitalsourcetype" not in json.dumps(unsaid) and len(unsaid["ingredients"]) == 1
    assert channels.c2pa(rights(is_local=False)) == {}
    assert channels.c2pa(rights(subject=Subject()))["title"] == "Untitled"


async def test_a_published_work_is_sealed_where_it_matters(site: Site, alice: Account, run_jobs: Any) -> None:
    """Decision 14: above 640 pixels, and always in the largest public file and in the JPEG for other servers."""
    post = await works.publish(site, alice, media=await works.upload(site, alice, works.picture(1500, 1000)))
    await run_jobs(site)
    seal = await _current(site)
    rows = await works.renditions_of(site, post.media[0].id)
    assert {row.format for row in rows} >= {"webp", "jpeg"} and any(row.width == 320 for row in rows)
    async with Sealer() as sealer:
        for row in rows:
            found = await sealer.read(site.storage.path(row.key), anchors=seal.root)
            assert (found is not None) is row.is_sealed is (row.purpose != "wall" or row.width > 640), row.key
            assert found is None or (found.state, found.signer) == ("Trusted", "art.test"), row.key
            assert site.storage.path(row.key).stat().st_size == row.bytes


async def test_the_history_of_an_upload_is_kept_in_what_is_shown(site: Site, alice: Account, run_jobs: Any) -> None:
    stranger = seals._make(replace(site, secret=bytes(32)), None)
    key = seals._unseal(bytes(32), stranger.leaf_pem, stranger.leaf_key)
    source = {"action": "c2pa.created", "digitalSourceType": f"{IPTC}digitalCapture"}
    definition = {"title": "Étude", "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [source]}}]}
    quiet = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    signer = c2pa.Signer.from_callback(
        lambda claim: seals._signed(key, claim), c2pa.C2paSigningAlg.ES256, stranger.leaf_pem + stranger.root_pem
    )
    out = io.BytesIO()
    with c2pa.Builder.from_json(json.dumps(definition), context=quiet) as builder:
        builder.sign(signer, "image/jpeg", io.BytesIO(works.picture(1500, 1000, "JPEG")), out)
    media = await works.upload(site, alice, out.getvalue())
    assert media.manifest["source_types"] == [f"{IPTC}digitalCapture"] and 0 < media.manifest["size"] < 16_384
    post = await works.publish(site, alice, media=media)
    await run_jobs(site)
    sealed = [row for row in await works.renditions_of(site, post.media[0].id) if row.is_sealed]
    assert len(sealed) >= 3
    async with Sealer() as sealer:
        for row in sealed:
            found = await sealer.read(site.storage.path(row.key), anchors=(await _current(site)).root)
            assert found is not None and (found.state, found.manifests) == ("Trusted", 2), row.key
            assert found.source_types == (f"{IPTC}digitalCapture",)


# -- what others see ---------------------------------------------------------------------------------------------------
async def test_the_root_is_published_and_nodeinfo_leads_to_it(site: Site, client: Any) -> None:
    about = await (await client.get("/nodeinfo/2.1")).get_json()
    address = about["metadata"]["c2pa"]["root"]
    assert address == site.urls.seal_root == "http://art.test/rights/c2pa-root.pem"
    answer = await client.get("/rights/c2pa-root.pem")
    assert answer.status_code == 200 and answer.mimetype == "application/x-pem-file"
    text = await answer.get_data(as_text=True)
    assert text == (await _current(site)).root and "PRIVATE" not in text
    # Whoever pins what was fetched there trusts what the house sealed.
    out = io.BytesIO()
    photo(100, 100).save(out, "PNG")
    source = site.incoming / "a.png"
    source.write_bytes(out.getvalue())
    async with Sealer() as sealer:
        assert await seals.seal(sealer, await _current(site), rights(), source, site.incoming / "b.png", "png")
    pinned = c2pa.Context.from_dict({"trust": {"user_anchors": text}, "verify": {"remote_manifest_fetch": False}})
    with (site.incoming / "b.png").open("rb") as file, c2pa.Reader("image/png", file, context=pinned) as reader:
        assert reader.get_validation_state() == "Trusted"


async def test_without_the_library_the_house_runs_and_says_so_once(
    site: Site, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seals._say_once.cache_clear()
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with caplog.at_level(logging.WARNING):
        assert await seals.current(site) is None and await seals.current(site) is None
        assert await seals.renew(site) is False
    assert caplog.text.count("the C2PA library is missing") == 1
    assert (await client.get("/rights/c2pa-root.pem")).status_code == 404
    assert "c2pa" not in (await (await client.get("/nodeinfo/2.0")).get_json())["metadata"]
    said = await doctor._seal(site)
    assert said.state == "note" and "no signed manifest" in said.words and await count(site) == 0


async def test_the_command_shows_and_rotates(tmp_path: Path, database_url: str) -> None:
    house = House(tmp_path / "data", {"CARTELLINO_DATABASE_URL": database_url})
    first = await asyncio.to_thread(house.run, "seal", "show")
    assert first.stdout.startswith("-----BEGIN CERTIFICATE-----") and first.stdout.count(PEM_END) == 1
    assert "Sealed by 127.0.0.1" in first.stderr and "/rights/c2pa-root.pem" in first.stderr
    assert "A new key seals until" in (await asyncio.to_thread(house.run, "seal", "rotate")).stderr
    assert "files are sealed by 127.0.0.1" in (await asyncio.to_thread(house.run, "doctor", check=False)).stdout
