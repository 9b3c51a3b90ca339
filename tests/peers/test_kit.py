"""The kit proves itself: peers talk to one another through it, so that a failure of ours is a failure of ours."""

import asyncio
import base64
import io
import itertools
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.app import build_site, close, create_app
from tests.conftest import make_account, settings_for
from tests.peers import kit
from tests.peers.front import Front
from tests.peers.kit import NODE, Failed, Fedify, FedifySite, Pasture, conformance, node_is_here, serving
from tests.tools import requires

pytestmark = pytest.mark.one_database

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
UNSIGNED = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Accept": "application/activity+json"}))
"""
_numbers = itertools.count()


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    return file.getvalue()


def person(site: FedifySite, **changes: Any) -> dict[str, Any]:
    """A new person of the peer, under a name of its own."""
    name = f"p{next(_numbers)}"
    return {"name": name, **site.do("actor", name=name, **changes)}


@pytest.fixture(params=[("fedify.test", "cavage.test"), ("cavage.test", "fedify.test")], ids=["rfc9421", "cavage"])
def pair(request: pytest.FixtureRequest, fedify: Fedify) -> tuple[FedifySite, FedifySite]:
    """Two servers: the first knocks with the signature that names the test."""
    here, there = request.param
    return fedify[here], fedify[there]


def test_a_follow_is_accepted_with_the_signature_that_was_asked_for(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there)

    sent = here.do("follow", by=ann["name"], whom=bea["handle"])

    assert here.arrived("Accept", actor=bea["id"])["to"] == ann["name"]
    assert here.state(ann["name"])["following"] == [{"id": bea["id"], "accepted": True, "follow": sent["id"]}]
    assert there.state(bea["name"])["followers"] == [ann["id"]]
    posts = [one for one in there.state()["requests"] if one["path"] == f"/users/{bea['name']}/inbox"]
    assert [(one["signed"], one["status"]) for one in posts] == [
        ("rfc9421" if here.name == "fedify.test" else "cavage", 202)
    ]

    here.do("unfollow", by=ann["name"], whom=bea["handle"])
    there.arrived("Undo", actor=ann["id"])
    assert there.state(bea["name"])["followers"] == []


def test_a_note_with_a_picture_is_understood_edited_and_deleted(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there)
    there.do("follow", by=bea["name"], whom=ann["id"])
    there.arrived("Accept", actor=ann["id"])

    picture = {"data": base64.b64encode(png()).decode(), "type": "image/png", "alt": "A sea", "width": 40, "height": 30}
    note = here.do("note", by=ann["name"], content="<p>New</p>", images=[picture], tags=["sea"], warning="Water")
    understood = there.arrived("Create", actor=ann["id"])["understood"]

    assert understood["content"] == "<p>New</p>"
    assert (understood["summary"], understood["sensitive"]) == ("Water", True)
    assert (understood["to"], understood["cc"]) == ([PUBLIC], [ann["followers"]])
    assert understood["tags"] == [{"type": "Hashtag", "name": "#sea", "href": f"https://{here.name}/tags/sea"}]
    [image] = understood["attachments"]
    assert (image["type"], image["mediaType"], image["alt"], image["width"]) == ("Document", "image/png", "A sea", 40)
    items = there.do("collection", by=bea["name"], what=f"{ann['id']}/outbox")["items"]
    assert items == [{"type": "Create", "id": f"{note['id']}#create"}]

    here.do("edit", by=ann["name"], note=note["id"], content="<p>Better</p>")
    changed = there.arrived("Update", object=note["id"])["understood"]
    assert changed["content"] == "<p>Better</p>" and changed["updated"]
    here.do("delete", by=ann["name"], note=note["id"])
    assert there.arrived("Delete", object=note["id"])["understood"]["type"] == "Tombstone"
    with pytest.raises(Failed, match="was not found"):
        there.do("lookup", by=bea["name"], what=note["id"])


def test_everything_else_one_does_to_a_note_arrives(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there)
    note = here.do("note", by=ann["name"], content="<p>Hello</p>")["id"]

    for verb, undo, kind in [
        ("like", "unlike", "Like"),
        ("announce", "unannounce", "Announce"),
        ("react", "unreact", "EmojiReact"),
    ]:
        sent = there.do(verb, by=bea["name"], object=note, **({"emoji": "🎨"} if verb == "react" else {}))
        assert here.arrived(kind, id=sent["id"])["object"] == note
        undone = there.do(undo, by=bea["name"], object=note)
        assert here.arrived("Undo", id=undone["id"])["object"] == sent["id"]

    reply = there.do(
        "note", by=bea["name"], content="<p>Nice</p>", replyTo=note, mentions=[ann["handle"]], audience="mentioned"
    )
    understood = here.arrived("Create", id=reply["activity"])["understood"]
    assert (understood["inReplyTo"], understood["to"]) == (note, [ann["id"]])
    assert understood["tags"] == [{"type": "Mention", "name": ann["handle"], "href": ann["id"]}]


def test_people_change_block_report_and_move(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there)
    there.do("follow", by=bea["name"], whom=ann["id"])
    there.arrived("Accept", actor=ann["id"])

    here.do("profile", name=ann["name"], title="Ann of the Sea")
    assert there.arrived("Update", object=ann["id"])["understood"]["name"] == "Ann of the Sea"
    flag = here.do("flag", whom=bea["id"], objects=[f"{bea['id']}/notes/1"], content="Rude")
    assert there.arrived("Flag", id=flag["id"])["raw"]["content"] == "Rude"
    new = person(there, aliases=[ann["id"]])
    here.do("move", by=ann["name"], to=new["id"])
    assert there.arrived("Move", actor=ann["id"])["raw"]["target"] == new["id"]
    here.do("block", by=ann["name"], whom=bea["id"])
    there.arrived("Block", object=bea["id"])
    assert there.state(bea["name"])["following"] == [] and here.state(ann["name"])["followers"] == []
    here.do("unblock", by=ann["name"], whom=bea["id"])
    there.arrived("Undo", actor=ann["id"])


def test_a_locked_person_accepts_rejects_and_removes(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there, locked=True)

    for answer, kind in [("reject", "Reject"), ("accept", "Accept"), ("reject", "Reject")]:
        if answer == "accept" or not there.state(bea["name"])["followers"]:
            here.do("follow", by=ann["name"], whom=bea["id"])
            assert there.state(bea["name"])["asking"] == [ann["id"]]
        sent = there.do(answer, by=bea["name"], follower=ann["id"])
        here.arrived(kind, id=sent["id"])
        assert there.state(bea["name"])["followers"] == ([ann["id"]] if answer == "accept" else [])
        assert len(here.state(ann["name"])["following"]) == (answer == "accept")


def test_anything_can_be_sent(pair: tuple[FedifySite, FedifySite]) -> None:
    here, there = pair
    ann, bea = person(here), person(there)
    activity = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": f"{ann['id']}#arrive", "type": "Arrive", "actor": ann["id"],
    }  # fmt: skip
    here.do("send", by=ann["name"], whom=bea["id"], activity=activity)
    assert there.arrived("Arrive", actor=ann["id"])["id"] == activity["id"]


def test_a_secure_site_shows_itself_to_signed_requests_only(fedify: Fedify, front: Front) -> None:
    cleo, ann = person(fedify["secure.test"]), person(fedify["fedify.test"])

    assert fedify["fedify.test"].do("lookup", by=ann["name"], what=cleo["handle"])["raw"]["id"] == cleo["id"]
    unsigned = subprocess.run(
        [sys.executable, "-c", UNSIGNED, cleo["id"]],
        env=front.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "HTTP Error 401" in unsigned.stderr


def test_a_failed_delivery_and_a_long_wait_are_failures(fedify: Fedify) -> None:
    site = fedify["fedify.test"]
    ann = person(site)

    with pytest.raises(Failed, match=r"nobody@nowhere\.test was not found"):
        site.do("follow", by=ann["name"], whom="@nobody@nowhere.test")
    with pytest.raises(Failed, match=r'no \{"type":"Like","object":"x"\} within 0\.05 s'):
        site.arrived("Like", 0.05, object="x")


def test_a_restarted_peer_has_the_keys_it_had(front: Front, tmp_path: Path) -> None:
    requires("node", node_is_here())
    keys = []
    for _ in range(2):
        with Fedify(front, tmp_path, (("again.test", kit.CAVAGE, False),)) as peer:
            site = peer["again.test"]
            site.do("actor", name="ann")
            keys.append(site.do("lookup", by="ann", what="@ann@again.test")["raw"]["publicKey"]["publicKeyPem"])
    assert keys[0] == keys[1]


def test_a_peer_ends_with_the_process_that_started_it(front: Front, tmp_path: Path) -> None:
    requires("node", node_is_here())
    for peer in (Fedify(front, tmp_path, (("short.test", kit.CAVAGE, False),)), Pasture(front, tmp_path)):
        with peer:
            assert peer.process is not None and peer.process.stdin is not None
            peer.process.stdin.close()
            assert peer.process.wait(10) == 0
            peer.process.stdin = None


def test_pasture_sees_of_fedify_what_is_wanted_of_us(fedify: Fedify, pasture: Pasture) -> None:
    ann = person(fedify["cavage.test"])

    seen = pasture.verify(ann["handle"].removeprefix("@"))

    assert seen.pop("webfinger") is True, seen["messages"]
    messages = seen.pop("messages")
    assert {name: one["get_actor"] for name, one in seen.items()} == dict.fromkeys(seen, True), messages
    taken = {name for name, one in seen.items() if one["post_inbox"]}
    assert taken == {"bob", "claire", "emily", "frank"}, messages


def test_every_input_of_pasture_reaches_fedify(fedify: Fedify, pasture: Pasture) -> None:
    site = fedify["cavage.test"]
    ann = person(site)
    families = kit.inputs()

    for family, examples in families.items():
        if family == "recommended_attachments":
            continue  # its context is fetched from the web by those who, like Fedify, expand JSON-LD
        sent = pasture.send(ann["id"], examples[0])
        assert sent["status"] == 202, family
        arrived = site.arrived("Create", id=sent["activity"]["id"])["raw"]["object"]
        expected = {key: value for key, value in examples[0].items() if key not in ("@context", "to")}
        assert {key: arrived.get(key) for key in expected} == expected, family
    assert len(families) == 22 and sum(map(len, families.values())) > 250


def test_activitypub_testing_finds_no_fault_with_fedify(fedify: Fedify, front: Front) -> None:
    found = conformance(front, person(fedify["fedify.test"])["id"])

    assert len(found) == 15
    assert {slug: one for slug, one in found.items() if one[0] in ("failed", "cantTell")} == {}
    assert found["actor-objects-must-have-inbox-outbox-properties"][0] == "passed"


async def test_a_house_inside_the_test_is_found_by_a_peer(
    fedify: Fedify, front: Front, resolving: None, tmp_path: Path, database_url: str
) -> None:
    site = build_site(settings_for(tmp_path, database_url, CARTELLINO_BASE_URL="https://art.test"))
    await make_account(site, "alice", name="Alice Painter")
    peer = fedify["cavage.test"]
    async with serving(front, "art.test", create_app(site)):
        ann = await asyncio.to_thread(person, peer)
        found = await peer.ask("lookup", by=ann["name"], what="@alice@art.test")
    await close(site)

    assert found["understood"]["name"] == "Alice Painter"
    assert found["inbox"].startswith("https://art.test/")


def test_a_house_in_a_process_of_its_own_is_found_by_a_peer(fedify: Fedify, front: Front, tmp_path: Path) -> None:
    peer = fedify["fedify.test"]
    ann = person(peer)
    with kit.house(front, "house.test", tmp_path / "data") as house:
        (tmp_path / "password").write_text("a long enough password")
        house.run("user", "create", "alice", "--email", "a@mail.test", "--password-file", str(tmp_path / "password"))
        found = peer.do("lookup", by=ann["name"], what="@alice@house.test")
        assert found["raw"]["preferredUsername"] == "alice"
        house.kill()
        with pytest.raises(Failed, match="was not found"):
            peer.do("lookup", by=ann["name"], what="@alice@house.test")
        house.start()
        assert peer.do("lookup", by=ann["name"], what="@alice@house.test")["raw"] == found["raw"]


def test_names_lead_to_the_front_and_nowhere_else(front: Front, resolving: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        front.route("plain.test", server.getsockname()[1])
        trusting = ssl.create_default_context(cafile=front.ca_file)
        with socket.create_connection(("plain.test", 443), 10) as raw:
            with trusting.wrap_socket(raw, server_hostname="plain.test") as client:
                client.sendall(b"hello")
                behind, _ = server.accept()
                with behind:
                    assert behind.recv(5) == b"hello"
                    behind.sendall(b"and back")
                    assert client.recv(8) == b"and back"
                assert client.recv(1) == b""  # the end is passed on, too
        with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("plain.test", 443), 10) as raw:
            ssl.create_default_context().wrap_socket(raw, server_hostname="plain.test")
        front.close("plain.test")
        with (
            pytest.raises(ssl.SSLError, match=r"EOF|UNRECOGNIZED_NAME"),
            socket.create_connection(("plain.test", 443), 10) as raw,
        ):
            trusting.wrap_socket(raw, server_hostname="plain.test")
    with pytest.raises(socket.gaierror, match=r"example\.com is not a name under \.test"):
        socket.create_connection(("example.com", 443), 10)


def test_node_and_python_children_stay_on_the_machine(front: Front) -> None:
    requires("node", node_is_here())
    asked = "try { await fetch('https://example.com/') } catch (error) { console.log(error.cause.message) }"
    by_node = subprocess.run(
        [NODE, "--input-type=module", "-e", asked], env=front.environment(), capture_output=True, text=True, timeout=30
    )
    by_python = subprocess.run(
        [sys.executable, "-c", "import urllib.request; urllib.request.urlopen('https://example.com/')"],
        env=front.environment(), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert by_node.stdout == "example.com:443 is not port 443 of a name under .test\n", by_node.stderr
    assert "example.com is not a name under .test" in by_python.stderr
