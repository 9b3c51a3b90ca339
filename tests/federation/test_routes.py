"""What a stranger's program can read, and what not."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from quart import Quart

from federation import lint, render
from federation.vocabulary import IMPLEMENTS, PUBLIC, READS_IMAGES
from server import boosts, clock, ids, pins, posts
from server.models import Account, Activity, Actor, Origin, Post
from server.site import Site
from tests.federation.conftest import Shelf, a_note, elsewhere

AS_PROGRAM = {"Accept": 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'}
AS_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def read(client: Any, path: str, status: int = 200) -> dict[str, Any]:
    """The document at `path`, which must keep every rule of lint."""
    response = await client.get(path, headers=AS_PROGRAM)
    assert response.status_code == status, path
    document: dict[str, Any] = await response.get_json(force=True)
    if status == 200:
        assert response.headers["Content-Type"] == "application/activity+json"
        assert lint.check(document) == []
    return document


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def addresses(value: Any) -> Iterator[str]:
    """Every address of ours in a document: terms and HTML alike; the inbox takes no GET and is left out."""
    if isinstance(value, dict):
        for term, inner in value.items():
            if term not in ("@context", "inbox", "sharedInbox"):
                yield from addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from addresses(inner)
    elif isinstance(value, str):
        yield from (found.split("#")[0] for found in re.findall(r"http://art\.test[^\s\"<>]*", value))


async def test_a_work_is_an_image_with_licence_and_no_ai_terms(client: Any, shelf: Shelf) -> None:
    work = await read(client, f"/works/{shelf.work}")
    assert work["type"] == "Image"
    assert work["id"] == f"http://art.test/works/{shelf.work}"
    assert (work["name"], work["content"]) == ("The Last Ferry", "<p>Evening at the pier.</p>")
    assert (work["summary"], work["sensitive"]) == ("Cold water", True)
    assert work["license"] == "https://creativecommons.org/licenses/by-nc-nd/4.0/"
    assert work["tdmReservation"] == 1
    assert work["to"] == [PUBLIC]
    assert [tag["name"] for tag in work["tag"]] == ["#Boats"]
    assert [link["mediaType"] for link in work["url"]] == ["text/html", "image/jpeg"]
    assert [picture["name"] for picture in work["attachment"]] == ["Boat 0", "Boat 1"]
    for picture in work["attachment"]:
        assert (picture["mediaType"], picture["width"], picture["focalPoint"]) == ("image/jpeg", 1600, [0.0, 0.5])
        for term in ("license", "rights", "dataMining", "tdmReservation", "xRobotsTag"):
            assert picture[term] == work[term]


async def test_an_untitled_work_says_so(client: Any, shelf: Shelf) -> None:
    work = await read(client, f"/works/{shelf.unlisted}")
    assert (work["name"], work["content"], work["summary"]) == ("Untitled", "<p>Untitled</p>", None)
    assert work["cc"] == [PUBLIC]
    assert work["searchableBy"] == work["attributedTo"]


async def test_a_comment_names_what_it_answers(client: Any, shelf: Shelf) -> None:
    comment = await read(client, f"/notes/{shelf.comment}")
    assert comment["type"] == "Note" and "name" not in comment and "license" not in comment
    assert comment["inReplyTo"] == f"http://art.test/works/{shelf.work}"
    assert comment["tag"] == [{"type": "Mention", "href": "http://art.test/users/alice", "name": "@alice@art.test"}]
    assert "http://art.test/users/alice" in comment["cc"]


async def test_a_person_can_be_read(client: Any, shelf: Shelf) -> None:
    person = await read(client, "/users/alice")
    assert (person["type"], person["preferredUsername"], person["name"]) == ("Person", "alice", "Alice Painter")
    assert person["publicKey"]["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert person["streams"] == [f"http://art.test/users/alice/galleries/{shelf.gallery}"]
    assert person["summary"].startswith("<p>Paints &lt;boats&gt;.</p><p>More at ")
    (link,) = person["attachment"]
    href = "https://alice.example/?a=1&amp;b=&lt;2&gt;"
    assert link["value"] == f'<a href="{href}" rel="me nofollow noopener">{href}</a>'


async def test_everything_we_link_can_be_opened(app: Quart, shelf: Shelf) -> None:
    """From the person through every document and page: no address of ours leads nowhere."""
    client = app.test_client()
    waiting, seen, documents = ["http://art.test/users/alice", "http://art.test/users/bob"], set(), 0
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        response = await client.get(path_of(address), headers=AS_PROGRAM)
        if response.status_code in (302, 303):  # a page leads a program to the document
            response = await client.get(path_of(address), headers=AS_BROWSER)
        assert response.status_code == 200, address
        if response.mimetype == "application/activity+json":
            documents += 1
            document = await response.get_json(force=True)
            assert lint.check(document) == [], address
            if not address.endswith("?page=1"):
                assert document["id"] == address
            waiting += addresses(document)
    assert documents >= 30
    for hidden in (shelf.followers, shelf.draft, shelf.deleted):
        assert not any(str(hidden) in address for address in seen)


async def test_what_is_not_for_everybody_is_not_there(client: Any, shelf: Shelf) -> None:
    paths = [f"/works/{shelf.followers}", f"/works/{shelf.draft}", f"/works/{shelf.deleted_private}", "/works/12345",
             f"/works/{shelf.note}", f"/notes/{shelf.work}", "/works/99999999999999999999999", "/works/x",
             f"/boosts/{shelf.work}", f"/contexts/{shelf.followers}", "/contexts/12345", "/media/12345",
             "/activities/12345"]  # fmt: skip
    answers = [
        await read(client, path + part, 404)
        for path in paths
        for part in ("", "/likes", "/shares", "/replies", "/activity/create")
        if part == "" or path.startswith(("/works", "/notes"))
    ]
    assert all(answer == {"error": "There is nothing at this address."} for answer in answers)


async def test_a_removed_work_leaves_a_tombstone(client: Any, shelf: Shelf) -> None:
    response = await client.get(f"/works/{shelf.deleted}", headers=AS_PROGRAM)
    assert response.status_code == 410
    assert response.headers["Content-Type"] == "application/activity+json"
    stone = await response.get_json(force=True)
    assert (stone["type"], stone["formerType"]) == ("Tombstone", "Image")
    assert stone["id"] == f"http://art.test/works/{shelf.deleted}"
    assert set(stone) == {"@context", "id", "type", "formerType", "deleted"}
    assert "error" in await read(client, f"/works/{shelf.deleted}/likes", 410)
    assert "error" in await read(client, f"/notes/{shelf.deleted}", 404)


@pytest.mark.parametrize("trouble", ["suspended", "disabled", "waiting", "rejected"])
async def test_people_who_may_not_be_seen_are_like_people_who_never_were(
    site: Site, client: Any, shelf: Shelf, alice: Account, trouble: str
) -> None:
    async with site.db.write() as tx:
        if trouble == "suspended":
            (await tx.get_one(Actor, alice.actor_id)).suspended_at = clock.now()
        else:
            (await tx.get_one(Account, alice.id)).state = trouble  # type: ignore[assignment]
    unknown = await read(client, "/users/nobody", 404)
    for path in ("", "/outbox", "/followers", "/following", "/galleries", f"/galleries/{shelf.gallery}"):
        assert await read(client, f"/users/alice{path}", 404) == unknown
    assert await read(client, f"/works/{shelf.work}", 404) == unknown


@pytest.mark.parametrize("handle", ["a%00b", "alice%27", "%F0%9F%90%99", "a" * 200])
async def test_a_handle_that_cannot_be_is_unknown(client: Any, handle: str) -> None:
    assert (await client.get(f"/users/{handle}", headers=AS_PROGRAM)).status_code == 404


async def test_the_outbox_lists_what_is_public_newest_first(
    client: Any, site: Site, shelf: Shelf, alice: Account
) -> None:
    async with site.db.write() as tx:
        for number in range(25):
            post = Post(kind="note", author_id=alice.actor_id, text=str(number), html=f"<p>{number}</p>", was_public=True,
                        published_at=clock.now(), ready_at=clock.now(), thread_id=0)  # fmt: skip
            tx.add(post)
    whole = await read(client, "/users/alice/outbox")
    assert whole["totalItems"] == 28
    first = await read(client, path_of(whole["first"]))
    second = await read(client, path_of(first["next"]))
    assert "next" not in second
    activities = first["orderedItems"] + second["orderedItems"]
    assert [one["type"] for one in activities] == ["Create"] * 28
    ids = [int(one["object"]["id"].rsplit("/", 1)[1]) for one in activities]
    assert ids == sorted(ids, reverse=True)
    assert {shelf.work, shelf.unlisted, shelf.note} < set(ids)
    assert not {shelf.followers, shelf.draft, shelf.deleted, shelf.comment} & set(ids)
    alone = await read(client, path_of(activities[0]["id"]))
    alone.pop("@context")
    assert alone == activities[0]


async def test_followers_are_counted_and_never_named(client: Any, shelf: Shelf) -> None:
    whole = await read(client, "/users/alice/followers")
    whole.pop("@context")
    assert whole == {
        "id": "http://art.test/users/alice/followers",
        "type": "OrderedCollection",
        "totalItems": 1,
        "followersOf": "http://art.test/users/alice",
    }
    assert (await read(client, "/users/alice/following"))["totalItems"] == 0


async def test_a_gallery_is_an_ordered_collection_of_visible_works(client: Any, shelf: Shelf) -> None:
    whole = await read(client, f"/users/alice/galleries/{shelf.gallery}")
    assert (whole["type"], whole["name"], whole["totalItems"]) == ("OrderedCollection", "Harbours", 1)
    assert whole["url"] == "http://art.test/@alice/galleries/harbours"
    page = await read(client, path_of(whole["first"]))
    assert page["orderedItems"] == [f"http://art.test/works/{shelf.work}"]
    listed = await read(client, "/users/alice/galleries")
    assert listed["orderedItems"] == [whole["id"]]
    await read(client, f"/users/bob/galleries/{shelf.gallery}", 404)


async def test_replies_and_likes_can_be_read(client: Any, shelf: Shelf) -> None:
    work = await read(client, f"/works/{shelf.work}")
    assert (await read(client, path_of(work["likes"]["id"])))["totalItems"] == work["likes"]["totalItems"] == 1
    page = await read(client, path_of(work["replies"]["first"]))
    assert page["items"] == [f"http://art.test/notes/{shelf.comment}"]
    assert (await read(client, path_of(work["replies"]["id"])))["totalItems"] == 1
    shares = await read(client, path_of(work["shares"]["id"]))
    assert (shares["totalItems"], shares["sharesOf"]) == (work["shares"]["totalItems"], work["id"])


async def test_boosts_are_announced_in_the_outbox_and_have_an_address(
    site: Site, client: Any, shelf: Shelf, bob: Account
) -> None:
    async with site.db.write() as tx:
        await boosts.add(tx, bob.actor, await posts.get(tx, shelf.work, bob.actor))
    page = await read(client, "/users/bob/outbox?page=1")
    assert [one["type"] for one in page["orderedItems"]] == ["Announce", "Create"]
    announce = page["orderedItems"][0]
    assert announce["object"] == f"http://art.test/works/{shelf.work}"
    assert (announce["to"], announce["cc"]) == (
        [PUBLIC],
        ["http://art.test/users/bob/followers", "http://art.test/users/alice"],
    )
    alone = await read(client, path_of(announce["id"]))
    alone.pop("@context")
    assert alone == announce
    assert (await read(client, f"/works/{shelf.work}/shares"))["totalItems"] == 1
    assert (await read(client, "/users/bob/outbox"))["totalItems"] == 2
    usage = (await (await client.get("/nodeinfo/2.1")).get_json(force=True))["usage"]
    assert (usage["localPosts"], usage["localComments"]) == (3, 1)


async def test_what_is_pinned_is_listed_by_address(site: Site, client: Any, shelf: Shelf, alice: Account) -> None:
    async with site.db.write() as tx:
        for post_id in (shelf.work, shelf.note):
            await pins.pin(tx, await tx.get_one(Post, post_id), alice.actor)
    featured = await read(client, "/users/alice/collections/featured")
    assert featured["orderedItems"] == [f"http://art.test/notes/{shelf.note}", f"http://art.test/works/{shelf.work}"]
    tags = await read(client, "/users/alice/collections/tags")
    assert [(tag["type"], tag["name"]) for tag in tags["items"]] == [("Hashtag", "#Boats")]


async def test_a_conversation_is_a_collection_its_first_post_first(
    site: Site, client: Any, shelf: Shelf, alice: Account, bob: Account, eve: Actor
) -> None:
    """FEP-7888 and FEP-f228. What answers a removed comment still belongs to it."""
    async with site.db.write() as tx:
        hers, answer = elsewhere(eve, reply_to_id=shelf.comment, thread_id=shelf.work), ids.new()
        tx.add(hers)
        await tx.flush()
        tx.add(a_note(alice.actor, id=answer, reply_to_id=hers.id, thread_id=shelf.work))
        await tx.flush()
        await posts.remove(tx, await tx.get_one(Post, shelf.comment), bob.actor)
    work = await read(client, f"/works/{shelf.work}")
    assert work["context"] == work["conversation"] == f"http://art.test/contexts/{shelf.work}"
    whole = await read(client, path_of(work["context"]))
    assert (whole["attributedTo"], whole["totalItems"]) == ("http://art.test/users/alice", 3)
    page = await read(client, path_of(whole["first"]))
    assert page["orderedItems"] == [work["id"], hers.uri, f"http://art.test/notes/{answer}"]
    note = await read(client, f"/notes/{answer}")
    assert (note["context"], note["inReplyTo"]) == (work["context"], hers.uri)


async def test_an_answer_elsewhere_keeps_the_conversation_that_was_stated_there(
    site: Site, client: Any, alice: Account, eve: Actor
) -> None:
    async with site.db.write() as tx:
        root, answer = elsewhere(eve), ids.new()
        tx.add(root)
        await tx.flush()
        tx.add(Origin(post_id=root.id, context="https://far.test/contexts/7"))
        tx.add(a_note(alice.actor, id=answer, reply_to_id=root.id, thread_id=root.id))
    note = await read(client, f"/notes/{answer}")
    assert note["context"] == note["conversation"] == "https://far.test/contexts/7"
    assert note["inReplyTo"] == root.uri
    assert note["cc"] == ["http://art.test/users/alice/followers", eve.uri]
    await read(client, f"/contexts/{root.id}", 404)


async def test_a_picture_is_an_object_of_its_own(client: Any, shelf: Shelf) -> None:
    """FEP-1311: whoever fetches a file can tell whether it arrived whole."""
    work = await read(client, f"/works/{shelf.work}")
    for attached in work["attachment"]:
        picture = await read(client, path_of(attached["id"]))
        assert (picture["type"], picture["name"], picture["context"]) == ("Image", attached["name"], work["id"])
        assert picture["url"][0] == {"type": "Link", "href": work["url"][0]["href"], "mediaType": "text/html"}
        assert attached["url"] in [link["href"] for link in picture["url"]]
        assert all(link["digestMultibase"].startswith("zQm") and link["size"] for link in picture["url"][1:])
        assert picture["license"] == work["license"]
        page = await client.get(path_of(attached["id"]), headers=AS_BROWSER)
        assert (page.status_code, page.headers["Location"]) == (302, work["url"][0]["href"])


async def test_an_activity_can_be_read_and_carries_what_it_is_about_as_that_is_today(
    site: Site, client: Any, shelf: Shelf, alice: Account
) -> None:
    async def keep(part: dict[str, Any], post_id: int | None = None) -> str:
        async with site.db.write() as tx:
            row = Activity(id=ids.new(), type=part["type"], actor_id=alice.actor_id, post_id=post_id)
            row.uri = part["id"] = site.urls.activity_of(row.id)
            row.bodies = {"note": render.document(part)}
            tx.add(row)
        return path_of(part["id"])

    work = await read(client, f"/works/{shelf.work}")
    actor = work["attributedTo"]
    before = work | {"content": "<p>What was there before an edit.</p>"}
    update = {"type": "Update", "actor": actor, "to": [PUBLIC], "object": before}
    told = await read(client, await keep(update, shelf.work))
    work.pop("@context")
    assert (told["type"], told["object"]) == ("Update", work)
    await read(client, await keep(update, shelf.followers), 404)
    await read(client, await keep(update, shelf.deleted), 404)
    old = {"id": actor, "type": "Person", "inbox": f"{actor}/inbox", "summary": "Once."}
    profile = await read(client, await keep({"type": "Update", "actor": actor, "to": [PUBLIC], "object": old}))
    assert profile["object"]["summary"].startswith("<p>Paints")
    secret = {"type": "Like", "actor": actor, "to": ["https://far.test/u/eve"], "object": "https://far.test/notes/1"}
    await read(client, await keep(secret), 404)
    gone = {"type": "Delete", "actor": actor, "to": [PUBLIC], "object": {"id": work["id"], "type": "Tombstone"}}
    assert (await read(client, await keep(gone, shelf.deleted)))["object"] == gone["object"]


async def test_the_house_itself_can_be_read_without_a_signature(client: Any, site: Site) -> None:
    house = await read(client, "/actor")
    assert (house["id"], house["type"], house["preferredUsername"]) == (
        "http://art.test/actor",
        "Application",
        "art.test",
    )
    assert house["publicKey"]["id"] == "http://art.test/actor#main-key"
    assert house["manuallyApprovesFollowers"] is True
    assert READS_IMAGES in [link["href"] for link in house["implements"]]
    assert (await read(client, "/actor/outbox"))["totalItems"] == 0
    assert (await read(client, "/actor")) == house
    await read(client, "/users/art.test", 404)


async def test_an_actor_says_what_their_server_can_do_and_where_they_are_found(client: Any, alice: Account) -> None:
    person = await read(client, "/users/alice")
    assert person["generator"]["id"] == "http://art.test/actor"
    assert set(IMPLEMENTS) == {link["href"] for link in person["generator"]["implements"]}
    assert person["endpoints"] == {"sharedInbox": "http://art.test/inbox"}
    assert person["attributionDomains"] == ["art.test"]


async def test_somebody_who_left_leaves_a_tombstone(site: Site, client: Any, alice: Account) -> None:
    async with site.db.write() as tx:
        (await tx.get_one(Actor, alice.actor_id)).gone_at = clock.now()
    stone = await read(client, "/users/alice", 410)
    assert (stone["id"], stone["type"], stone["formerType"]) == ("http://art.test/users/alice", "Tombstone", "Person")
    assert "error" in await read(client, "/users/alice/outbox", 410)
    response = await client.get("/.well-known/webfinger?resource=acct:alice@art.test")
    assert response.status_code == 410


async def test_people_are_sent_to_the_page(client: Any, shelf: Shelf) -> None:
    pages = {
        "/users/alice": "/@alice",
        "/users/ALICE": "/@alice",
        "/users/alice/galleries": "/@alice/galleries",
        f"/users/alice/galleries/{shelf.gallery}": "/@alice/galleries/harbours",
        f"/works/{shelf.work}": f"/@alice/{shelf.work}-the-last-ferry",
        f"/notes/{shelf.comment}": f"/@bob/{shelf.comment}",
    }
    for path, page in pages.items():
        response = await client.get(path, headers=AS_BROWSER)
        assert (response.status_code, response.headers["Location"]) == (302, f"http://art.test{page}")
        assert "Accept" in response.headers["Vary"]


async def test_a_handle_in_other_letters_leads_to_the_one_id(client: Any, alice: Account) -> None:
    response = await client.get("/users/ALICE", headers=AS_PROGRAM)
    assert (response.status_code, response.headers["Location"]) == (302, "http://art.test/users/alice")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/activity+json", ""])
async def test_whoever_does_not_ask_for_a_page_gets_the_document(client: Any, shelf: Shelf, accept: str) -> None:
    response = await client.get(f"/works/{shelf.work}", headers={"Accept": accept} if accept else {})
    assert response.headers["Content-Type"] == "application/activity+json"


async def test_a_document_may_be_kept_and_is_asked_for_again(client: Any, shelf: Shelf) -> None:
    path = f"/works/{shelf.work}"
    response = await client.get(path, headers=AS_PROGRAM)
    assert response.headers["Cache-Control"] == "public, max-age=0, s-maxage=5, must-revalidate"
    assert "Accept" in response.headers["Vary"]
    assert "Set-Cookie" not in response.headers
    again = await client.get(path, headers=AS_PROGRAM | {"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, await again.get_data()) == (304, b"")
    head = await client.head(path, headers=AS_PROGRAM)
    assert (head.status_code, head.headers["ETag"]) == (200, response.headers["ETag"])


async def test_every_inbox_that_we_name_is_there(client: Any, alice: Account) -> None:
    person, house = await read(client, "/users/alice"), await read(client, "/actor")
    for address in (person["inbox"], house["inbox"], person["endpoints"]["sharedInbox"]):
        response = await client.post(path_of(address), data=b"{}", headers={"Content-Type": "text/plain"})
        assert response.status_code in (405, 415), address


async def test_every_view_names_its_policy(app: Quart) -> None:
    ours = {
        name: view for name, view in app.view_functions.items() if name.split(".")[0] in ("federation", "discovery")
    }
    assert len(ours) >= 15
    assert {getattr(view, "policy", None) for view in ours.values()} == {"machine"}
