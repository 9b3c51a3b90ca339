"""Documents as software that we did not write understands them: pyld's JSON-LD expansion, bovine's client and readers."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypercorn.asyncio import serve
from hypercorn.config import Config
from pyld import jsonld

from federation.discovery import INTENTS
from federation.signatures import prove
from federation.vocabulary import IMPLEMENTS, PUBLIC, READS_IMAGES
from server import clock
from server.app import build_site, close, create_app
from server.models import Account
from server.rights import channels
from server.settings import Settings
from tests.federation.conftest import Shelf

CONTEXTS = Path(__file__).parents[1] / "contexts"
FILES = {
    "https://www.w3.org/ns/activitystreams": "activitystreams.json",
    "https://w3id.org/security/v1": "security-v1.json",
}
GOLDEN = Path(__file__).parents[1] / "golden" / "rendered"
AS = "https://www.w3.org/ns/activitystreams#"
SEC = "https://w3id.org/security#"
# docs/rights.md 2.4: what each of our terms must mean to somebody who follows the context.
MEANING = {
    "license": "http://purl.org/dc/terms/license",
    "rights": "http://purl.org/dc/terms/rights",
    "creditText": "http://schema.org/creditText",
    "copyrightNotice": "http://schema.org/copyrightNotice",
    "dataMining": "http://ns.useplus.org/ldf/xmp/1.0/DataMining",
    "tdmReservation": "http://www.w3.org/ns/tdmrep#reservation",
    "xRobotsTag": "https://w3id.org/fep/5e53#xRobotsTag",
    "usageInfo": "http://schema.org/usageInfo",
    "acquireLicensePage": "http://schema.org/acquireLicensePage",
    "digitalSourceType": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/DigitalSourceType",
    "tdmPolicy": "http://www.w3.org/ns/tdmrep#policy",
    "hasPolicy": "http://www.w3.org/ns/odrl/2/hasPolicy",
    "searchableBy": "http://fedibird.com/ns#searchableBy",
    "preferredLicense": "https://w3id.org/fep/6757#preferredLicense",
}


def load(address: str, options: dict[str, Any]) -> dict[str, Any]:
    """The contexts from files; anything else would be a fetch, which is the defect that this catches."""
    document = json.loads((CONTEXTS / FILES[address]).read_text("utf-8"))
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": address, "document": document}


def expand(document: dict[str, Any]) -> dict[str, Any]:
    (whole,) = jsonld.expand(document, {"documentLoader": load})
    expanded: dict[str, Any] = whole
    return expanded


def names(value: Any) -> Iterator[str]:
    """Every property and every type in an expanded document."""
    if isinstance(value, dict):
        yield from (key for key in value if not key.startswith("@"))
        yield from value.get("@type", []) if isinstance(value.get("@type"), list) else []
        for inner in value.values():
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def terms(value: Any) -> Iterator[str]:
    """Every term that a document uses as a key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not key.startswith("@"):
                yield key
                yield from terms(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from terms(inner)


def types(value: Any) -> Iterator[str]:
    """Every type that a document names."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        for inner in value.values():
            yield from types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from types(inner)


async def test_every_term_of_every_document_has_a_meaning(client: Any, shelf: Shelf) -> None:
    """JSON-LD renames or loses a term that no context defines; ActivityStreams turns it into a blank node."""
    post = f"/works/{shelf.work}"
    paths = [
        "/users/alice", "/users/alice/outbox", "/users/alice/outbox?page=1", "/users/alice/followers", "/users/alice/galleries",
        "/users/alice/following", "/users/alice/collections/featured", "/users/alice/collections/tags", "/actor", "/actor/outbox",
        f"{post}/shares", f"/contexts/{shelf.work}", f"/contexts/{shelf.work}?page=1",
        f"/users/alice/galleries/{shelf.gallery}", f"/users/alice/galleries/{shelf.gallery}?page=1", post, f"{post}/likes",
        f"{post}/replies", f"{post}/replies?after=0", f"{post}/activity/create", f"/works/{shelf.unlisted}",
        f"/works/{shelf.deleted}", f"/notes/{shelf.note}", f"/notes/{shelf.comment}",
    ]  # fmt: skip
    used: set[str] = set()
    for path in paths:
        document = await (await client.get(path)).get_json(force=True)
        found = set(names(expand(document)))
        assert found and not [name for name in found if name.startswith("_:") or ":" not in name], path
        used |= set(terms(document))
    assert set(MEANING) < used
    declared = {*channels.CONTEXT, *channels.CONTEXT_OF_ACTORS} - {"schema", "plus", "tdm", "odrl", "Iptc4xmpExt"}
    assert declared == set(MEANING), "a term is declared that no document carries, or carried and not in the table"


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.stem)
def test_every_term_of_every_golden_document_has_a_meaning(file: Path) -> None:
    """All dialects and activities; and the words in a document's own map are those that it uses."""
    document = json.loads(file.read_text("utf-8"))
    found = set(names(expand(document)))
    assert found and not [name for name in found if name.startswith("_:") or ":" not in name]
    inside = next((one for one in document["@context"] if isinstance(one, dict)), {})
    prefixes = {"toot", "ostatus", "schema", "plus", "tdm", "odrl", "Iptc4xmpExt"}
    unused = set(inside) - set(terms(document)) - set(types(document)) - prefixes
    assert unused <= {"proof", "DataIntegrityProof", "cryptosuite", "created", "proofPurpose", "assertionMethod",
                      "verificationMethod", "proofValue"}  # fmt: skip


def test_a_proof_means_what_data_integrity_says() -> None:
    """FEP-8b32: without a context of its own to fetch, and readable by JSON-LD 1.0."""
    document = json.loads((GOLDEN / "announce.json").read_text("utf-8"))
    proved = prove(document, Ed25519PrivateKey.generate(), "http://art.test/users/ada#ed25519-key", clock.now())
    (proof,) = expand(proved)[f"{SEC}proof"]
    assert proof["@type"] == [f"{SEC}DataIntegrityProof"]
    assert proof[f"{SEC}proofPurpose"] == [{"@id": f"{SEC}assertionMethod"}]
    assert proof[f"{SEC}verificationMethod"] == [{"@id": "http://art.test/users/ada#ed25519-key"}]
    assert proof[f"{SEC}cryptosuite"] == [{"@value": "eddsa-jcs-2022"}]
    assert proof[f"{SEC}proofValue"][0]["@type"] == f"{SEC}multibase"
    assert proof["http://purl.org/dc/terms/created"][0]["@type"] == "http://www.w3.org/2001/XMLSchema#dateTime"


def test_keys_and_capabilities_mean_what_their_proposals_say() -> None:
    """FEP-521a and FEP-844e."""
    person = expand(json.loads((GOLDEN / "actor.json").read_text("utf-8")))
    (key,) = person[f"{SEC}assertionMethod"]
    assert key["@type"] == [f"{SEC}Multikey"]
    assert key[f"{SEC}controller"] == [{"@id": "http://art.test/users/ada"}]
    assert key[f"{SEC}publicKeyMultibase"][0]["@value"].startswith("z6Mk")
    (program,) = person[f"{AS}generator"]
    hrefs = {link[f"{AS}href"][0]["@id"] for link in program["https://w3id.org/fep/844e/implements"]}
    assert hrefs == set(IMPLEMENTS)
    assert person["http://joinmastodon.org/ns#featured"] == [{"@id": "http://art.test/users/ada/collections/featured"}]


async def test_licence_and_reservation_mean_what_the_docs_say(client: Any, shelf: Shelf) -> None:
    document = await (await client.get(f"/works/{shelf.work}")).get_json(force=True)
    work = expand(document)
    assert work["@type"] == [f"{AS}Image"]
    pictures = work[f"{AS}attachment"]
    assert len(pictures) == 2
    for part, wanted in [(work, set(MEANING) - {"preferredLicense"}), *((picture, {
        "license", "rights", "dataMining", "tdmReservation", "xRobotsTag"}) for picture in pictures)]:  # fmt: skip
        for term in wanted:
            (value,) = part[MEANING[term]]
            is_address = isinstance(channels.CONTEXT[term], dict)
            assert value["@id" if is_address else "@value"] == document[term]
        assert not {MEANING[term] for term in set(MEANING) - wanted} & set(part)
    assert work["http://purl.org/dc/terms/license"] == [{"@id": "https://creativecommons.org/licenses/by-nc-nd/4.0/"}]
    person = expand(await (await client.get("/users/alice")).get_json(force=True))
    assert person[MEANING["preferredLicense"]] == [{"@id": "https://rightsstatements.org/vocab/InC/1.0/"}]
    assert person["https://w3id.org/security#publicKey"][0]["https://w3id.org/security#owner"] == [
        {"@id": "http://art.test/users/alice"}
    ]


def test_the_expansion_would_catch_a_term_without_a_meaning() -> None:
    document = {"@context": "https://www.w3.org/ns/activitystreams", "type": "Image", "tdmReservation": 1}
    assert "_:tdmReservation" in set(names(expand(document)))


# What must be there, in some document or answer, for a proposal that FEDERATION.md claims.
SPOKEN: dict[str, Callable[[str, str], object]] = {
    "67ff": lambda said, page: page.startswith("# Federation"),
    "f1d5": lambda said, page: '"http://art.test/nodeinfo/2.1"' in said,
    "2c59": lambda said, page: '"webfinger": "alice@art.test"' in said,
    "d556": lambda said, page: '"https://www.w3.org/ns/activitystreams#Service"' in said,
    "3b86": lambda said, page: all(f"https://w3id.org/fep/3b86/{intent}" in said for intent in INTENTS),
    "521a": lambda said, page: '"type": "Multikey"' in said,
    "8b32": lambda said, page: '"DataIntegrityProof"' in said,
    "844e": lambda said, page: all(f'"href": "{uri}"' in said for uri in IMPLEMENTS) and READS_IMAGES in page,
    "4f05": lambda said, page: '"type": "Tombstone"' in said,
    "7888": lambda said, page: '"context": "http://art.test/contexts/' in said,
    "f228": lambda said, page: '"id": "http://art.test/contexts/' in said,
    "5711": lambda said, page: all(f'"{name}": "http' in said for name in INVERSE if f"`{name}`" in page),
    "1311": lambda said, page: '"digestMultibase": "zQm' in said and '"size": ' in said,
    "eb48": lambda said, page: '"type": "Hashtag"' in said,
    "5feb": lambda said, page: '"indexable": true' in said,
    "268d": lambda said, page: '"searchableBy": ' in said,
    "5e53": lambda said, page: '"xRobotsTag": "noai' in said,
    "6757": lambda said, page: '"preferredLicense": ' in said,
}
INVERSE = ("likesOf", "sharesOf", "repliesOf", "outboxOf", "followersOf", "followingOf")


async def test_every_proposal_that_the_page_lists_is_spoken(client: Any, shelf: Shelf) -> None:
    post, page = f"/works/{shelf.work}", (Path(__file__).parents[2] / "FEDERATION.md").read_text("utf-8")
    paths = [
        post, f"{post}/likes", f"{post}/shares", f"{post}/replies", f"/contexts/{shelf.work}", f"/works/{shelf.deleted}",
        "/actor", "/users/alice", "/users/alice/outbox", "/users/alice/followers", "/users/alice/following", "/nodeinfo/2.1",
        "/.well-known/nodeinfo", "/.well-known/webfinger?resource=acct:alice@art.test",
        "/.well-known/webfinger?resource=http://art.test/", f"{post}/activity/create",
    ]  # fmt: skip
    said = json.dumps(
        [paths, *[await (await client.get(path)).get_json(force=True) for path in paths]], ensure_ascii=False
    )
    said += (GOLDEN / "actor.json").read_text(
        "utf-8"
    )  # people of the tests' houses share six RSA keys and have no other
    listed = re.findall(r"\[FEP-([0-9a-f]{4}):", page)
    assert sorted(listed) == sorted(set(listed))
    assert set(SPOKEN) <= set(listed)
    for proposal in listed:
        assert SPOKEN[proposal](said, page), proposal


async def test_bovine_finds_the_artist_and_understands_the_work(
    settings: Settings, shelf: Shelf, alice: Account, tmp_path: Path
) -> None:
    """Over a real connection, from a program of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    base = f"http://{host}"
    site = build_site(settings.model_copy(update={"server": settings.server.model_copy(update={"base_url": base})}))
    config, stop = Config(), asyncio.Event()
    config.bind, config.accesslog, config.errorlog = [host], None, None
    serving = asyncio.create_task(serve(create_app(site), config, shutdown_trigger=stop.wait))
    (tmp_path / "reader").mkdir()
    try:
        await _listening(host)
        reader = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("bovine_reader.py")), base, "alice",
            cwd=tmp_path / "reader", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, wrong = await asyncio.wait_for(reader.communicate(), 60)
    finally:
        stop.set()
        await serving
        await close(site)
    assert reader.returncode == 0, wrong.decode()
    assert json.loads(out) == {
        "actor": f"{base}/users/alice",
        "handle": f"alice@{host}",
        "key_owner": f"{base}/users/alice",
        "key_bits": 2048,
        "activities": 3,
        "work": f"{base}/works/{shelf.work}",
        "author": f"{base}/users/alice",
        "public": True,
        "recipients": sorted([PUBLIC, f"{base}/users/alice/followers"]),
        "same": True,
        "head": [0, True],
    }


async def _listening(host: str) -> None:
    name, port = host.split(":")
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection(name, int(port))
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail("the server does not listen")
