"""WebFinger, host-meta and NodeInfo, as strangers ask them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from server import actors, clock
from server.app import build_site, close, create_app
from server.models import Account, Actor, SignIn
from server.settings import Settings
from server.site import Site
from tests.federation.conftest import Shelf, elsewhere

SCHEMAS = Path(__file__).parent / "nodeinfo"


async def finger(client: Any, resource: str, status: int = 200) -> dict[str, Any]:
    response = await client.get("/.well-known/webfinger", query_string={"resource": resource})
    assert response.status_code == status, resource
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    if status == 200:
        assert response.headers["Content-Type"] == "application/jrd+json"
    found: dict[str, Any] = await response.get_json(force=True)
    return found


@pytest.mark.parametrize(
    "resource",
    [
        "acct:alice@art.test",
        "acct:ALICE@ART.TEST",
        "alice@art.test",
        "http://art.test/@alice",
        "http://art.test/users/alice",
    ],
)
async def test_webfinger_finds_a_person_by_every_name(client: Any, alice: Account, resource: str) -> None:
    jrd = await finger(client, resource)
    assert jrd["subject"] == "acct:alice@art.test"
    assert set(jrd["aliases"]) == {"http://art.test/@alice", "http://art.test/users/alice"}
    links = {link["rel"]: link for link in jrd["links"]}
    assert links["self"] == {"rel": "self", "type": "application/activity+json", "href": "http://art.test/users/alice"}
    assert links["http://webfinger.net/rel/profile-page"]["href"] == "http://art.test/@alice"


async def test_webfinger_gives_the_links_that_were_asked_for(client: Any, alice: Account) -> None:
    response = await client.get("/.well-known/webfinger?resource=acct:alice@art.test&rel=self&rel=other")
    assert [link["rel"] for link in (await response.get_json(force=True))["links"]] == ["self"]


@pytest.mark.parametrize(
    "resource",
    ["acct:art.test@art.test", "ART.test@ART.test", "http://art.test", "http://art.test/", "http://art.test/actor"],
)
async def test_webfinger_finds_the_house_itself(client: Any, resource: str) -> None:
    """FEP-d556."""
    jrd = await finger(client, resource)
    assert (jrd["subject"], jrd["aliases"]) == ("acct:art.test@art.test", ["http://art.test/actor"])
    links = {link["rel"]: link["href"] for link in jrd["links"]}
    assert links["self"] == links["https://www.w3.org/ns/activitystreams#Service"] == "http://art.test/actor"


async def test_webfinger_says_where_people_of_this_house_act_on_what_they_found_elsewhere(
    client: Any, alice: Account
) -> None:
    """FEP-3b86 and the older template that everybody reads."""
    jrd = await finger(client, "acct:alice@art.test")
    found = {link["rel"].rsplit("/", 1)[1]: link["template"] for link in jrd["links"] if "template" in link}
    landing = "http://art.test/authorize_interaction?uri="
    assert found == {
        "subscribe": f"{landing}{{uri}}",
        "Follow": f"{landing}{{object}}&intent=Follow",
        "Like": f"{landing}{{object}}&intent=Like",
        "Announce": f"{landing}{{object}}&intent=Announce",
        "Create": f"{landing}{{inReplyTo}}&intent=Create",
        "Object": f"{landing}{{object}}&intent=Object",
    }


@pytest.mark.parametrize("trouble", ["suspended", "disabled", "waiting", "rejected"])
async def test_webfinger_does_not_tell_why_somebody_is_not_there(
    site: Site, client: Any, alice: Account, trouble: str
) -> None:
    """Row 63."""
    async with site.db.write() as tx:
        if trouble == "suspended":
            (await tx.get_one(Actor, alice.actor_id)).suspended_at = clock.now()
        else:
            (await tx.get_one(Account, alice.id)).state = trouble  # type: ignore[assignment]
    unknown = await client.get("/.well-known/webfinger?resource=acct:nobody@art.test")
    hidden = await client.get("/.well-known/webfinger?resource=acct:alice@art.test")
    assert unknown.status_code == hidden.status_code == 404
    assert await unknown.get_data() == await hidden.get_data()
    assert dict(unknown.headers) == dict(hidden.headers)


@pytest.mark.parametrize(
    "resource", ["acct:alice@elsewhere.test", "http://elsewhere.test/@alice", "mailto:x", "acct:", "\x00"]
)
async def test_webfinger_knows_nobody_elsewhere(client: Any, alice: Account, resource: str) -> None:
    await finger(client, resource, 404)


async def test_webfinger_wants_to_know_whom(client: Any) -> None:
    response = await client.get("/.well-known/webfinger")
    assert response.status_code == 400
    assert "resource=acct:" in (await response.get_json())["error"]


async def test_a_handle_domain_of_its_own(settings: Settings, site: Site, alice: Account) -> None:
    """Decision 25: @alice@guild.test, served from art.test; both names find her, and both hosts answer."""
    server = settings.server.model_copy(update={"handle_domain": "guild.test"})
    other = build_site(settings.model_copy(update={"server": server}))
    client = create_app(other).test_client()
    for host in ("art.test", "guild.test"):
        for name in ("acct:alice@guild.test", "acct:alice@art.test"):
            response = await client.get(
                "/.well-known/webfinger", query_string={"resource": name}, headers={"Host": host}
            )
            assert response.status_code == 200
            assert (await response.get_json(force=True))["subject"] == "acct:alice@guild.test"
        meta = await client.get("/.well-known/host-meta", headers={"Host": host})
        assert b'template="http://art.test/.well-known/webfinger?resource={uri}"' in await meta.get_data()
    await close(other)


async def test_host_meta_points_to_webfinger(client: Any) -> None:
    response = await client.get("/.well-known/host-meta")
    assert response.mimetype == "application/xrd+xml"
    link = ElementTree.fromstring(await response.get_data())[0]
    meta = await (await client.get("/.well-known/host-meta.json")).get_json(force=True)
    assert (
        link.get("template") == meta["links"][0]["template"] == "http://art.test/.well-known/webfinger?resource={uri}"
    )


async def test_nodeinfo_keeps_its_schemas(client: Any, shelf: Shelf) -> None:
    links = (await (await client.get("/.well-known/nodeinfo")).get_json())["links"]
    assert [link["rel"].rsplit("/", 1)[1] for link in links] == ["2.1", "2.0"]
    for link in links:
        version = link["rel"].rsplit("/", 1)[1]
        response = await client.get(link["href"].removeprefix("http://art.test"))
        assert response.headers["Content-Type"] == f'application/json; profile="{link["rel"]}#"'
        document = await response.get_json(force=True)
        schema = json.loads((SCHEMAS / f"{version}.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(schema).validate(document)
        assert document["software"]["name"] == "cartellino"
        assert document["metadata"]["activitypub"]["extensions"]


async def test_nodeinfo_counts_only_what_strangers_can_see(
    site: Site, client: Any, shelf: Shelf, bob: Account, eve: Actor
) -> None:
    """Neither what came from elsewhere nor who lives there, nor the house itself."""
    await actors.house(site)
    async with site.db.write() as tx:
        tx.add(elsewhere(eve))
        for days, token in ((2, "a"), (3, "b"), (100, "c")):
            person = bob.id if days < 50 else (await tx.get_one(Account, bob.id)).id
            tx.add(SignIn(account_id=person, token_hash=token, seen_at=clock.now() - timedelta(days=days)))
    usage = (await (await client.get("/nodeinfo/2.1")).get_json(force=True))["usage"]
    assert usage["users"] == {"total": 2, "activeMonth": 1, "activeHalfyear": 1}
    assert (usage["localPosts"], usage["localComments"]) == (3, 1)


async def test_a_nodeinfo_that_does_not_exist_is_not_there(client: Any) -> None:
    assert (await client.get("/nodeinfo/3.0")).status_code == 404


@pytest.mark.parametrize(("sign_up", "is_open"), [("open", True), ("approval", True), ("closed", False)])
async def test_nodeinfo_says_whether_one_can_join(settings: Settings, sign_up: str, is_open: bool) -> None:
    accounts = settings.accounts.model_copy(update={"sign_up": sign_up})
    site = build_site(settings.model_copy(update={"accounts": accounts}))
    response = await create_app(site).test_client().get("/nodeinfo/2.0", headers={"Host": "art.test"})
    assert (await response.get_json(force=True))["openRegistrations"] is is_open
    await close(site)
