"""What we ask of other servers, and what we believe of the answers. The others are real servers on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sqlalchemy import func, select

from federation import remote
from federation.remote import documents, people
from federation.signatures import Incoming, public_key, read, to_multibase
from federation.vocabulary import ACTIVITY_JSON
from server import actors, clock, hosts, jobs
from server.errors import Forbidden, GiveUp, NotFound, Problem, TooMany, TryLater
from server.models import Account, Actor, Host, HostLevel, Job, Key, Post
from server.models import PublicKey as KeyRow
from server.settings import Settings
from server.site import Site
from tests.conftest import settings_for
from tests.neighbours import Asked, reply
from tests.strangers import Stranger, stranger

PROFILED = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """A house that tests: its gate is open towards loopback."""
    return settings_for(tmp_path, database_url, CARTELLINO_NETWORK_PRIVATE_RANGES="127.0.0.0/8")


@pytest.fixture
async def far() -> AsyncIterator[Stranger]:
    """Another server, where Mia lives."""
    async with stranger() as made:
        made.person("mia")
        yield made


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    """A third server."""
    async with stranger() as made:
        yield made


async def count(site: Site, table: Any, *where: Any) -> int:
    async with site.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(*where)) or 0)


def later(**parts: float) -> None:
    at = clock.now() + timedelta(**parts)
    clock.set_source(lambda: at)


# -- documents ---------------------------------------------------------------------------------------------------------
async def test_the_house_signs_what_it_asks_for(site: Site, far: Stranger) -> None:
    await remote.get_document(site, far.url("/users/mia"))
    asked = far.asked[-1]
    assert asked.headers["accept"] == f"{ACTIVITY_JSON}, {PROFILED}"
    claim = read(
        Incoming("GET", asked.target.encode(), list(asked.headers.items())),
        ours=frozenset({far.host}),
        scheme="http",
        now=clock.now(),
    )
    house = await actors.house(site)
    assert (claim.keyid, claim.family) == (site.urls.main_key(house), "cavage")
    async with site.db.read() as tx:
        row = (await tx.scalars(select(Key).where(Key.actor_id == house.id, Key.kind == "rsa"))).one()
    claim.verify(public_key(claim.keyid, row.public_pem))


async def test_who_wants_the_newer_signature_gets_it_and_is_remembered(site: Site, far: Stranger) -> None:
    document = far.note_of("/posts/1")

    def strict(asked: Asked) -> bytes:
        if "signature-input" not in asked.headers:
            return reply(401)
        return reply(200, json.dumps(document).encode(), Content_Type=ACTIVITY_JSON)

    far.say("/posts/1", strict)
    await remote.get_document(site, far.url("/posts/1"))
    assert len(far.asked) == 2
    async with site.db.read() as tx:
        assert (await tx.get_one(Host, far.host)).signature == "rfc9421"
    await remote.get_document(site, far.url("/posts/1"))
    assert len(far.asked) == 3


async def test_row_20_only_activitypub_counts(site: Site, far: Stranger) -> None:
    for kind in ("application/json", "text/html", "image/jpeg", "application/ld+json", "text/plain", ""):
        far.put("/posts/1", far.note_of("/posts/1"), kind=kind)
        with pytest.raises(GiveUp):
            await remote.get_document(site, far.url("/posts/1"))
    for kind in (ACTIVITY_JSON, f"{ACTIVITY_JSON}; charset=utf-8", PROFILED, PROFILED.replace("; ", " ; ")):
        far.put("/posts/1", far.note_of("/posts/1"), kind=kind)
        assert (await remote.get_document(site, far.url("/posts/1")))["type"] == "Note"


async def test_row_19_a_document_counts_at_its_own_address_alone(site: Site, far: Stranger, other: Stranger) -> None:
    real = other.note("/posts/1", "zoe", content="<p>real</p>")
    other.person("zoe")
    far.put("/forged", other.note_of("/posts/1", "zoe", content="<p>forged</p>"))
    document = await remote.get_document(site, far.url("/forged"))
    assert document["content"] == "<p>real</p>" and other.count("/posts/1") == 1
    post = await remote.post(site, far.url("/forged"))
    assert post is not None and post.text == "real" and post.uri == real
    far.put("/forged2", other.note_of("/nowhere", "zoe"))
    far.put("/circle", {"id": far.url("/circle2"), "type": "Note"})
    far.put("/circle2", {"id": far.url("/circle"), "type": "Note"})
    far.put("/anonymous", {"type": "Note"})
    for path in ("/forged2", "/circle", "/anonymous"):
        with pytest.raises(GiveUp):
            await remote.get_document(site, far.url(path))


async def test_a_page_that_redirects_leads_to_the_object(site: Site, far: Stranger) -> None:
    far.note("/posts/1")
    far.pages["/@mia/1"] = reply(302, Location=far.url("/posts/1"))
    assert (await remote.get_document(site, far.url("/@mia/1")))["id"] == far.url("/posts/1")


async def test_row_34_nobody_else_speaks_for_us(site: Site, far: Stranger, alice: Account) -> None:
    ours = f"{site.urls.base}/users/alice"
    for uri in (ours, f"{site.urls.base}/works/1", f"{site.urls.base.upper()}/x"):
        with pytest.raises(GiveUp):
            await remote.get_document(site, uri)
    far.put("/claims", far.note_of("/claims", id=f"{site.urls.base}/works/1"))
    far.put("/actor", far.person("eve", finger=False, id=ours))
    for path in ("/claims", "/actor"):
        with pytest.raises(GiveUp):
            await remote.get_document(site, far.url(path))
    with pytest.raises(GiveUp):
        await remote.actor(site, ours)
    with pytest.raises(GiveUp):
        await remote.key(site, f"{ours}#main-key")
    assert await remote.post(site, f"{site.urls.base}/works/1") is None


async def test_what_a_refusal_means(site: Site, far: Stranger) -> None:
    for status, wrong in (
        (404, remote.Absent),
        (403, remote.Absent),
        (410, remote.Vanished),
        (400, GiveUp),
        (500, TryLater),
        (429, TryLater),
    ):
        far.pages["/posts/1"] = reply(status, Retry_After="120")
        with pytest.raises(wrong) as raised:
            await remote.get_document(site, far.url("/posts/1"))
        if isinstance(raised.value, TryLater):
            assert raised.value.at is not None and clock.after(seconds=100) < raised.value.at < clock.after(seconds=121)


async def test_a_suspended_server_is_not_asked(site: Site, far: Stranger) -> None:
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "127.0.0.1", HostLevel.SUSPEND)
    for ask in (remote.get_document, remote.actor, remote.key, remote.post):
        with pytest.raises(GiveUp):
            await ask(site, far.url("/users/mia"))  # type: ignore[operator]
    assert far.asked == []


async def test_a_host_is_asked_so_often_in_a_minute(site: Site, far: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PER_HOST", 3)
    monkeypatch.setattr(documents, "_pace", documents.Pace(most=2))
    for _ in range(3):
        await remote.get_document(site, far.url("/users/mia"))
    with pytest.raises(TryLater):
        await remote.get_document(site, far.url("/users/mia"))
    later(seconds=61)
    await remote.get_document(site, far.url("/users/mia"))
    assert len(far.asked) == 4


# -- people ------------------------------------------------------------------------------------------------------------
async def test_a_person_is_read_once_a_day(site: Site, far: Stranger) -> None:
    uri = far.url("/users/mia")
    rows = await asyncio.gather(*(remote.actor(site, uri) for _ in range(20)))
    assert {row.id for row in rows} == {rows[0].id} and far.count("/users/mia") == 1
    assert (rows[0].handle, rows[0].domain, rows[0].host) == ("mia", far.host, far.host)
    far.person("mia", name="Mia B.")
    assert (await remote.actor(site, uri)).name == "Mia"
    later(hours=25)
    assert (await remote.actor(site, uri)).name == "Mia B."
    far.person("mia", name="Mia C.")
    later(minutes=1)
    assert (await remote.actor(site, uri, fresh=True)).name == "Mia C."


async def test_a_person_whose_server_is_away_stays_as_they_are(site: Site, far: Stranger) -> None:
    uri = far.url("/users/mia")
    await remote.actor(site, uri)
    far.pages["/users/mia"] = reply(503)
    later(hours=25)
    assert (await remote.actor(site, uri)).name == "Mia"
    assert (await remote.actor(site, uri)).name == "Mia"
    assert far.count("/users/mia") == 2  # not again within the hour
    later(minutes=61)
    await remote.actor(site, uri)
    assert far.count("/users/mia") == 3


async def test_a_person_who_is_gone_takes_everything_along(site: Site, far: Stranger) -> None:
    far.note("/posts/1")
    post = await remote.post(site, far.url("/posts/1"))
    assert post is not None
    far.pages["/users/mia"] = reply(410)
    later(hours=25)
    with pytest.raises(remote.Vanished):
        await remote.actor(site, far.url("/users/mia"))
    async with site.db.read() as tx:
        assert (await tx.get_one(Actor, post.author_id)).gone_at is not None
        assert (await tx.get_one(Post, post.id)).deleted_at is not None


async def test_what_a_server_declares_is_kept_with_it(site: Site, far: Stranger) -> None:
    said = [{"href": "urn:uuid:3be9930b-a675-4d13-91a7-a5a9f1689d94", "name": "works"}]
    far.person("mia", generator={"type": "Application", "implements": said})
    await remote.actor(site, far.url("/users/mia"))
    async with site.db.read() as tx:
        assert (await tx.get_one(Host, far.host)).implements == [said[0]["href"]]


# -- handles -----------------------------------------------------------------------------------------------------------
async def test_a_handle_finds_its_person_whatever_its_case(site: Site, far: Stranger) -> None:
    far.finger(f"MIA@{far.host}", far.url("/users/mia"), subject=f"mia@{far.host}")
    near = remote.Neighbours()
    first = await near.find_person(site, f"@MIA@{far.host}")
    assert (
        first == await near.find_person(site, f"mia@{far.host}") == await near.find_person(site, far.url("/users/mia"))
    )
    # Nobody here knew her: what she made lately follows.
    async with site.db.read() as tx:
        waiting = sorted(job.payload["what"] for job in await tx.scalars(select(Job).where(Job.kind == "Fetch")))
    assert waiting == ["featured", "outbox"]


async def test_row_32_a_handle_counts_where_both_sides_agree(site: Site, far: Stranger, other: Stranger) -> None:
    mia = far.url("/users/mia")
    own = {"rel": "self", "type": ACTIVITY_JSON, "href": mia}
    other.person("zoe")
    cases: list[tuple[Stranger, str, dict[str, Any]]] = [
        (far, "a", {"subject": f"mia@{far.host}"}),  # subject is another handle, which is right: she is no "a"
        (other, "b", {}),  # another host, without a back-reference
        (far, "c", {"links": [own, own | {"href": other.url("/users/zoe")}]}),  # two actors
        (far, "d", {"links": [own | {"type": "text/html"}]}),  # no actor
        (far, "e", {"links": [own | {"href": "ftp://far.example/mia"}]}),
        (far, "f", {"links": [own | {"href": f"{site.urls.base}/users/alice"}]}),
        (far, "g", {"subject": "nobody"}),
        (other, "h", {"subject": f"mia@{far.host}", "links": [own | {"href": other.url("/users/zoe")}]}),
    ]
    near = remote.Neighbours()
    for server, name, said in cases[1:]:
        server.finger(f"{name}@{server.host}", mia, **said)
        with pytest.raises(NotFound):
            await near.find_person(site, f"@{name}@{server.host}")
    far.finger(f"a@{far.host}", mia, subject=f"mia@{far.host}")
    async with site.db.read() as tx:
        found = await tx.get_one(Actor, await near.find_person(site, f"@a@{far.host}"))
    assert (found.handle, found.domain) == ("mia", far.host)  # never under the name that was asked for


async def test_a_handle_may_live_on_another_domain_than_its_server(site: Site, far: Stranger, other: Stranger) -> None:
    """@mia@guild, served by far: each of the two names the other."""
    mia = far.url("/users/mia")
    other.finger(f"mia@{other.host}", mia)
    far.finger(f"mia@{far.host}", mia, subject=f"mia@{other.host}")
    async with site.db.read() as tx:
        found = await tx.get_one(Actor, await remote.Neighbours().find_person(site, f"@mia@{other.host}"))
    assert (found.handle, found.domain, found.host) == ("mia", other.host, far.host)


async def test_a_domain_may_keep_webfinger_elsewhere(site: Site, far: Stranger, other: Stranger) -> None:
    mia = far.url("/users/mia")
    template = far.url("/finger?q={uri}")
    xrd = f'<?xml version="1.0"?><XRD><Link rel="lrdd" template="{template}"/></XRD>'
    other.put("/.well-known/host-meta", xrd.encode(), kind="application/xrd+xml")
    links = [{"rel": "self", "type": ACTIVITY_JSON, "href": mia}]
    far.put(
        f"/finger?q={quote(f'acct:mia@{other.host}', safe='')}", {"subject": f"acct:mia@{other.host}", "links": links}
    )
    far.person("mia", webfinger=f"mia@{other.host}")
    async with site.db.read() as tx:
        found = await tx.get_one(Actor, await remote.Neighbours().find_person(site, f"@mia@{other.host}"))
    assert (found.domain, found.host) == (other.host, far.host)


async def test_nobody_takes_a_handle_of_ours(site: Site, far: Stranger, alice: Account) -> None:
    far.person("alice", webfinger="alice@art.test")
    far.finger(f"alice@{far.host}", far.url("/users/alice"), subject="alice@art.test")
    found = await remote.actor(site, far.url("/users/alice"))
    assert found.domain == far.host


async def test_a_host_that_says_that_it_is_somebody_else_is_believed(site: Site, far: Stranger) -> None:
    far.put("/users/eve", far.person("mia") | {"id": far.url("/users/eve")})
    with pytest.raises(GiveUp):
        await remote.actor(site, far.url("/users/eve"))
    assert await count(site, Actor, Actor.host == far.host) == 0


async def test_row_77_what_is_no_handle_and_no_address_is_told_so(site: Site, alice: Account) -> None:
    async with site.db.read() as tx:
        viewer = await tx.get_one(Actor, alice.actor_id)
    for words in (
        "@mia@far.example/path",
        "@mia@far.example:99999",
        "@mia@user@far.example",
        "@mia@far.example?x=",
        "@@far.example",
        "mia@",
        "@mia",
        "https://",
        "file:///etc/passwd",
        "@mia@fa r.example",
        "@mia@127.1",
        "@" + "x" * 300 + "@far.example",
    ):
        with pytest.raises(NotFound):
            await remote.Neighbours().find(site, words, viewer)


# -- keys --------------------------------------------------------------------------------------------------------------
async def test_a_key_is_read_once_and_then_kept(site: Site, far: Stranger) -> None:
    key_id = far.url("/users/mia#main-key")
    found = await asyncio.gather(*(remote.key(site, key_id) for _ in range(20)))
    assert {(key.uri, owner.uri) for key, owner in found} == {(key_id, far.url("/users/mia"))}
    assert found[0][0] == public_key(key_id, far.pem) and far.count("/users/mia") == 1


async def test_row_02_a_key_is_its_owners_only_where_they_list_it(site: Site, far: Stranger, other: Stranger) -> None:
    mia = far.url("/users/mia")
    forged = [
        other.put("/keys/1", {"id": other.url("/keys/1"), "type": "Key", "owner": mia, "publicKeyPem": other.pem}),
        far.put("/keys/2", {"id": far.url("/keys/2"), "type": "Key", "owner": mia, "publicKeyPem": far.pem}),
        other.put("/keys/3", {"id": other.url("/keys/3"), "publicKey": {"id": other.url("/keys/3"), "owner": mia}}),
        other.put("/keys/4", {"id": other.url("/keys/4"), "type": "Key", "publicKeyPem": other.pem}),
        far.url("/users/mia#another"),
    ]
    other.person("zoe", publicKey={"id": f"{mia}#main-key", "owner": mia, "publicKeyPem": other.pem})
    forged.append(other.url("/users/zoe#main-key"))
    for key_id in forged:
        with pytest.raises(GiveUp):
            await remote.key(site, key_id)
    async with site.db.read() as tx:
        owners = set(await tx.scalars(select(Actor.uri).join(KeyRow, KeyRow.actor_id == Actor.id)))
    assert owners <= {mia}


async def test_keys_with_an_address_of_their_own(site: Site, far: Stranger) -> None:
    """GoToSocial's stub of the actor, a key alone, and a Multikey: each listed by the actor, each found."""
    mia = far.url("/users/mia")
    key_id = far.url("/users/mia/main-key")
    listed = {"id": key_id, "owner": mia, "publicKeyPem": far.pem}
    far.person("mia", publicKey=listed)
    stub = {"id": mia, "type": "Person", "preferredUsername": "mia", "publicKey": listed}
    far.put("/users/mia/main-key", stub)
    key, owner = await remote.key(site, key_id)
    assert (key.uri, owner.uri) == (key_id, mia)

    zoe = far.url("/users/zoe")
    alone = {"id": far.url("/keys/zoe"), "type": "Key", "owner": zoe, "publicKeyPem": far.pem}
    far.put("/keys/zoe", alone)
    far.person("zoe", publicKey=alone)
    assert (await remote.key(site, far.url("/keys/zoe")))[1].uri == zoe

    kim = far.url("/users/kim")
    multikey = {
        "id": far.url("/keys/kim"),
        "type": "Multikey",
        "controller": kim,
        "publicKeyMultibase": to_multibase(Ed25519PrivateKey.generate().public_key()),
    }
    far.put("/keys/kim", multikey)
    far.person("kim", assertionMethod=[multikey])
    key, owner = await remote.key(site, far.url("/keys/kim"))
    assert (key.kind, owner.uri) == ("ed25519", kim)


async def test_row_13_a_key_that_does_not_fit_is_read_anew_once_in_five_minutes(site: Site, far: Stranger) -> None:
    key_id = far.url("/users/mia#main-key")
    old, _ = await remote.key(site, key_id)
    later(minutes=6)
    far.pem = load_new_pem(far.pem)
    far.person("mia")
    found = [await remote.key(site, key_id, refetch=True) for _ in range(1000)]
    assert far.count("/users/mia") == 2
    assert all(key.der != old.der for key, _ in found)
    assert (await remote.key(site, key_id))[0].der == found[0][0].der
    later(minutes=6)
    await remote.key(site, key_id, refetch=True)
    assert far.count("/users/mia") == 3


def load_new_pem(old: str) -> str:
    """Another key."""
    made = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert load_pem_public_key(made) is not None and made.decode() != old
    return made.decode()


async def test_row_14_a_dead_key_is_asked_for_once(site: Site, far: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = far.url("/users/nobody#main-key")
    for number in range(1000):
        with pytest.raises(GiveUp):
            await remote.key(site, dead, refetch=bool(number % 2))
    assert far.count("/users/nobody") == 1
    later(minutes=6)
    with pytest.raises(GiveUp):
        await remote.key(site, dead)
    assert far.count("/users/nobody") == 2
    far.pages["/loop"] = reply(302, Location=far.url("/loop"))
    with pytest.raises(GiveUp):
        await remote.key(site, far.url("/loop#main-key"))
    assert far.count("/loop") == 4  # the first, and three hops
    # However many dead keys there are, what is remembered of them is bounded (row 96).
    memory = people.Memory(most=10)
    for number in range(100):
        memory.note(site, str(number), clock.after(hours=1), GiveUp("dead"))
    assert memory.of(site, "89") is None and memory.of(site, "90") is not None and len(memory._houses[site.db]) == 10


async def test_row_15_a_server_that_is_away_is_no_refusal(site: Site, far: Stranger) -> None:
    far.pages["/users/mia"] = reply(503)
    key_id = far.url("/users/mia#main-key")
    for _ in range(10):
        with pytest.raises(TryLater):
            await remote.key(site, key_id)
    assert far.count("/users/mia") == 1
    far.person("mia")
    later(seconds=40)
    assert (await remote.key(site, key_id))[1].handle == "mia"
    far.pages["/users/eve"] = reply(410)
    with pytest.raises(remote.Vanished):
        await remote.key(site, far.url("/users/eve#main-key"))


# -- posts -------------------------------------------------------------------------------------------------------------
async def test_a_post_comes_with_its_author_and_what_it_answers(site: Site, far: Stranger, other: Stranger) -> None:
    other.person("zoe")
    root = other.note("/posts/1", "zoe")
    middle = far.note("/posts/2", inReplyTo=root)
    leaf = other.note("/posts/3", "zoe", inReplyTo=middle)
    post = await remote.post(site, leaf)
    assert post is not None
    async with site.db.read() as tx:
        rows = {row.uri: row for row in await tx.scalars(select(Post))}
    assert rows[leaf].reply_to_id == rows[middle].id and rows[middle].reply_to_id == rows[root].id
    assert {row.thread_id for row in rows.values()} == {rows[root].id}
    asked = len(far.asked) + len(other.asked)
    assert (await remote.post(site, leaf)) is not None and len(far.asked) + len(other.asked) == asked


async def test_a_create_leads_to_its_object(site: Site, far: Stranger) -> None:
    uri = far.note("/posts/1")
    far.put(
        "/posts/1/activity", {"id": far.url("/posts/1/activity"), "type": "Create", "object": far.note_of("/posts/1")}
    )
    post = await remote.post(site, far.url("/posts/1/activity"))
    assert post is not None and post.uri == uri


async def test_a_post_of_another_servers_author_is_refused(site: Site, far: Stranger, other: Stranger) -> None:
    other.person("zoe")
    uri = far.note("/posts/1", attributedTo=other.url("/users/zoe"))
    with pytest.raises(GiveUp):
        await remote.post(site, uri)
    assert await count(site, Post) == 0


async def test_a_post_that_is_gone_is_gone_here(site: Site, far: Stranger) -> None:
    uri = far.note("/posts/1")
    assert await remote.post(site, uri) is not None
    far.pages["/posts/1"] = reply(410)
    assert await remote.post(site, uri) is not None  # nobody asked to look again
    later(minutes=1)
    assert await remote.post(site, uri, fresh=True) is None
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Post))).one().deleted_at is not None
    assert await remote.post(site, uri, fresh=True) is None


async def test_a_parent_that_cannot_be_reached_follows_later(site: Site, far: Stranger, run_jobs: Any) -> None:
    far.pages["/posts/1"] = reply(503)
    leaf = far.note("/posts/2", inReplyTo=far.url("/posts/1"))
    assert await remote.post(site, leaf) is not None
    async with site.db.read() as tx:
        job = (await tx.scalars(select(Job).where(Job.kind == "Fetch"))).one()
    assert job.payload == {"what": "thread", "uri": leaf} and job.due_at > clock.now()
    far.note("/posts/1")
    await remote.fetch(site, jobs.Fetch("thread", leaf))
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Post.reply_to_id).where(Post.uri == leaf))).one() is not None


async def test_answers_are_fetched_as_their_posts_server_lists_them(site: Site, far: Stranger, other: Stranger) -> None:
    other.person("zoe")
    first, second = other.note("/posts/1", "zoe"), far.note("/posts/2", inReplyTo=far.url("/posts/0"))
    page = {"type": "CollectionPage", "id": far.url("/replies?page=1"), "items": [first, far.note_of("/posts/2")]}
    root = far.note("/posts/0", replies={"id": far.url("/replies"), "type": "Collection", "first": page})
    await remote.fetch(site, jobs.Fetch("thread", root))
    async with site.db.read() as tx:
        waiting = {job.payload["uri"] for job in await tx.scalars(select(Job).where(Job.kind == "Fetch"))}
    assert waiting == {first, second}
    await remote.fetch(site, jobs.Fetch("post", second))
    assert await count(site, Post, Post.reply_to_id.is_not(None)) == 1


async def test_the_latest_of_somebody_new(site: Site, far: Stranger, other: Stranger) -> None:
    """Whole posts in the author's own collection are believed, others are read at their own address; boosts are left out."""
    made = [
        {
            "type": "Create",
            "id": far.url(f"/c/{n}"),
            "actor": far.url("/users/mia"),
            "object": far.note_of(f"/posts/{n}"),
        }
        for n in range(30)
    ]
    boost = {"type": "Announce", "id": far.url("/b"), "object": other.url("/posts/1")}
    alien = {"type": "Create", "object": other.note_of("/posts/2", "mia")}
    outbox = {
        "id": far.url("/users/mia/outbox"),
        "type": "OrderedCollection",
        "first": far.url("/users/mia/outbox?page=1"),
    }
    far.put("/users/mia/outbox", outbox)
    items = [boost, alien, far.url("/posts/77"), *made]
    far.put(
        "/users/mia/outbox?page=1",
        {"type": "OrderedCollectionPage", "orderedItems": items, "next": far.url("/users/mia/outbox?page=2")},
    )
    await remote.fetch(site, jobs.Fetch("outbox", far.url("/users/mia")))
    assert await count(site, Post) == 18
    async with site.db.read() as tx:
        waiting = {job.payload["uri"] for job in await tx.scalars(select(Job).where(Job.kind == "Fetch"))}
    assert waiting == {other.url("/posts/2"), far.url("/posts/77")}


async def test_what_somebody_pinned(site: Site, far: Stranger) -> None:
    first, second, third = (far.note(f"/posts/{n}") for n in range(3))
    far.put(
        "/users/mia/featured",
        {
            "id": far.url("/users/mia/featured"),
            "type": "OrderedCollection",
            "orderedItems": [first, far.note_of("/posts/1")],
        },
    )
    await remote.fetch(site, jobs.Fetch("featured", far.url("/users/mia")))
    await remote.post(site, third)
    far.put(
        "/users/mia/featured",
        {"id": far.url("/users/mia/featured"), "type": "OrderedCollection", "orderedItems": [third]},
    )
    async with site.db.read() as tx:
        pinned = list(
            await tx.scalars(select(Post.uri).where(Post.pinned_at.is_not(None)).order_by(Post.pinned_at.desc()))
        )
    assert pinned == [first, second]
    await remote.fetch(site, jobs.Fetch("featured", far.url("/users/mia")))
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Post.uri).where(Post.pinned_at.is_not(None)))) == [third]


async def test_an_edit_that_is_only_hinted_at_is_read_at_its_origin(site: Site, far: Stranger) -> None:
    uri = far.note("/posts/1")
    await remote.post(site, uri)
    far.note("/posts/1", content="<p>changed</p>", updated="2026-11-20T13:00:00Z")
    later(minutes=1)
    await remote.fetch(site, jobs.Fetch("post", uri))
    async with site.db.read() as tx:
        assert (await tx.scalars(select(Post.text))).one() == "changed"


# -- servers -----------------------------------------------------------------------------------------------------------
async def test_row_76_nodeinfo_is_read_through_the_gate(site: Site, far: Stranger) -> None:
    schema = "http://nodeinfo.diaspora.software/ns/schema/"

    def links(*hrefs: str) -> None:
        found = [{"rel": f"{schema}2.{number}", "href": href} for number, href in enumerate(hrefs)]
        far.put("/.well-known/nodeinfo", {"links": found}, kind="application/json")

    software = {"name": "Mastodon", "version": "4.5.0"}
    links(far.url("/old"), far.put("/nodeinfo/2.1", {"software": software}, kind="application/json"))
    await remote.fetch(site, jobs.Fetch("host", far.host))
    async with site.db.read() as tx:
        host = await tx.get_one(Host, far.host)
    assert (host.software, host.version) == ("mastodon", "4.5.0") and host.asked_at is not None
    assert far.count("/old") == 0
    for hostile in (
        "data:application/json,{}",
        "http://169.254.169.254/",
        f"{site.urls.base}/nodeinfo/2.1",
        "file:///x",
    ):
        links(hostile)
        await remote.fetch(site, jobs.Fetch("host", far.host))
        async with site.db.read() as tx:
            assert (await tx.get_one(Host, far.host)).software == ""
    far.pages["/.well-known/nodeinfo"] = reply(503)
    with pytest.raises(TryLater):
        await remote.fetch(site, jobs.Fetch("host", far.host))


# -- while a person waits ----------------------------------------------------------------------------------------------
async def test_an_address_or_a_handle_finds_people_and_posts(site: Site, far: Stranger, alice: Account) -> None:
    near = remote.Neighbours()
    async with site.db.read() as tx:
        viewer = await tx.get_one(Actor, alice.actor_id)
    uri = far.note("/posts/1")
    far.pages["/@mia"] = reply(302, Location=far.url("/users/mia"))
    what, post = await near.find(site, f" {uri} ", viewer)
    assert what == "post"
    what, mia = await near.find(site, f"@mia@{far.host}", viewer)
    assert what == "actor"
    assert await near.find(site, far.url("/@mia"), viewer) == ("actor", mia)
    assert await near.find(site, uri, viewer) == ("post", post)
    assert await near.find(site, f"{site.urls.base}/@alice", viewer) == ("actor", viewer.id)
    assert await near.find(site, "@alice@art.test", viewer) == ("actor", viewer.id)
    secret = far.note("/posts/2", to=[far.url("/users/mia/followers")], cc=[])
    with pytest.raises(NotFound):  # her server shows it to ours; it is for her followers all the same
        await near.find(site, secret, viewer)


async def test_looking_up_elsewhere_is_counted_and_told_in_words(site: Site, far: Stranger, alice: Account) -> None:
    near = remote.Neighbours()
    async with site.db.read() as tx:
        viewer = await tx.get_one(Actor, alice.actor_id)
    far.pages["/posts/1"] = reply(503)
    with pytest.raises(Problem, match=r"answers 503\. Look whether its name is spelled right, or try again later"):
        await near.find(site, far.url("/posts/1"), viewer)
    stranger_here = await remote.actor(site, far.url("/users/mia"))
    with pytest.raises(Forbidden):
        await near.find(site, far.url("/posts/1"), stranger_here)
    for _ in range(29):
        with pytest.raises(NotFound):
            await near.find(site, far.url("/nothing"), viewer)
    with pytest.raises(TooMany):
        await near.find(site, far.url("/nothing"), viewer)
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "127.0.0.1", HostLevel.SUSPEND)
    with pytest.raises(Forbidden):
        await near.find_person(site, f"@mia@{far.host}")


async def test_where_somebody_follows_from_elsewhere(site: Site, far: Stranger, other: Stranger) -> None:
    """ux.md 4.1: the verb's own link, OStatus' subscribe, the link for objects, the usual address; never anywhere else."""
    near = remote.Neighbours()
    mia, me = far.url("/users/mia"), f"me@{far.host}"
    own = {"rel": "self", "type": ACTIVITY_JSON, "href": mia}
    subject = f"{site.urls.base}/users/alice"
    quoted = quote(subject, safe="")

    def links(*pairs: tuple[str, str]) -> None:
        far.finger(me, mia, links=[own, *({"rel": rel, "template": template} for rel, template in pairs)])

    follow = ("https://w3id.org/fep/3b86/Follow", far.url("/follow?who={object}"))
    old = ("http://ostatus.org/schema/1.0/subscribe", far.url("/subscribe?uri={uri}"))
    thing = ("https://w3id.org/fep/3b86/Object", far.url("/object?uri={object}"))
    links(thing, old, follow)
    assert await near.intent(site, me, "Follow", subject) == far.url(f"/follow?who={quoted}")
    assert await near.intent(site, f"@{me}", "Like", subject) == far.url(f"/subscribe?uri={quoted}")
    links(thing, (follow[0], other.url("/follow?who={object}")))
    assert await near.intent(site, me, "Follow", subject) == far.url(f"/object?uri={quoted}")
    for hostile in ("javascript:alert(1)//{uri}", "https://evil.example/{uri}", far.url("/x?{unknown}"), far.url("/x")):
        links((follow[0], hostile))
        assert await near.intent(site, me, "Follow", subject) == far.url(f"/authorize_interaction?uri={quoted}")
    assert await near.intent(site, far.host, "Follow", subject) == far.url(f"/authorize_interaction?uri={quoted}")
    for nonsense in ("", "me", "a b", "x/y"):
        with pytest.raises(NotFound):
            await near.intent(site, nonsense, "Follow", subject)
    with pytest.raises(NotFound):
        await near.intent(site, f"nobody@{far.host}", "Follow", subject)


async def test_a_picture_for_somebody_who_waits(site: Site, far: Stranger, tmp_path: Path) -> None:
    near = remote.Neighbours()
    far.put("/a.png", b"bytes", kind="image/png")
    await near.fetch_picture(site, far.url("/a.png"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"bytes"
    far.put("/a.html", b"bytes", kind="text/html")
    for url in (far.url("/a.html"), far.url("/none"), "http://169.254.169.254/latest"):
        with pytest.raises(NotFound):
            await near.fetch_picture(site, url, tmp_path / "b")
    assert not (tmp_path / "b").exists()
