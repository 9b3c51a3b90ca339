"""What a stranger's program can read, and what not."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from quart import Quart

from federation import lint
from federation.vocabulary import PUBLIC
from server import clock
from server.models import Account, Actor, Post
from server.site import Site
from tests.federation.conftest import Shelf

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
            if term not in ("@context", "inbox"):
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
    assert documents >= 20
    for hidden in (shelf.followers, shelf.draft, shelf.deleted):
        assert not any(str(hidden) in address for address in seen)


async def test_what_is_not_for_everybody_is_not_there(client: Any, shelf: Shelf) -> None:
    paths = [f"/works/{shelf.followers}", f"/works/{shelf.draft}", f"/works/{shelf.deleted_private}", "/works/12345",
             f"/works/{shelf.note}", f"/notes/{shelf.work}", "/works/99999999999999999999999", "/works/x"]  # fmt: skip
    answers = [
        await read(client, path + part, 404)
        for path in paths
        for part in ("", "/likes", "/replies", "/activity/create")
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
    assert whole == {"id": "http://art.test/users/alice/followers", "type": "OrderedCollection", "totalItems": 1}
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


async def test_the_inbox_says_that_it_takes_nothing_yet(client: Any, alice: Account) -> None:
    person = await read(client, "/users/alice")
    response = await client.post(
        path_of(person["inbox"]), data=b'{"type":"Follow"}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 405
    assert "Allow" in response.headers
    assert (await response.get_json())["error"] == "This server does not take messages from other servers yet."


async def test_every_view_names_its_policy(app: Quart) -> None:
    ours = {
        name: view for name, view in app.view_functions.items() if name.split(".")[0] in ("federation", "discovery")
    }
    assert len(ours) >= 15
    assert {getattr(view, "policy", None) for view in ours.values()} == {"machine"}
