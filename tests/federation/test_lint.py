"""Each rule catches what it is there for: one good document, spoiled in one way at a time."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation import lint, render
from federation.signatures import prove
from federation.vocabulary import ACTIVITIES
from server import rights
from server.models import Dialect
from tests.federation.rows import KEYS, THEN, URLS, a_boost, a_comment, a_work, an_actor, eve, her_note, the_house

Json = dict[str, Any]
ADA, TAG = "http://art.test/users/ada", "http://art.test/users/ada/galleries/5"


def good(kind: str) -> Json:
    """A document that keeps every rule."""
    work, uri = a_work(), "http://art.test/activities/9"
    boost = render.announce(a_boost(), her_note(), URLS)
    profile = render.actor(an_actor(), URLS, KEYS)
    deleted = a_work(deleted_at=THEN)
    parts: dict[str, Callable[[], Json]] = {
        "work": lambda: render.create(work, URLS, render.post_object(work, URLS)),
        "mastodon": lambda: render.create(work, URLS, render.post_object(work, URLS, Dialect.IMAGE_MASTODON)),
        "work-note": lambda: render.create(work, URLS, render.post_object(work, URLS, Dialect.NOTE)),
        "note": lambda: render.create(a_comment(), URLS, render.post_object(a_comment(), URLS)),
        "update": lambda: render.update(uri, work, URLS, render.post_object(work, URLS)),
        "delete": lambda: render.delete(uri, deleted, URLS, [lint.PUBLIC], []),
        "announce": lambda: boost,
        "like": lambda: render.like(uri, an_actor(), her_note(), URLS),
        "follow": lambda: render.follow(uri, an_actor(), eve(), URLS),
        "accept": lambda: render.accept(uri, an_actor(), eve(), "https://far.test/follows/1", URLS),
        "reject": lambda: render.reject(uri, an_actor(), eve(), "https://far.test/follows/1", URLS),
        "undo": lambda: render.undo(uri, render.document(boost)),
        "block": lambda: render.block(uri, an_actor(), eve(), URLS),
        "flag": lambda: render.flag(uri, the_house(), eve(), [her_note()], "Rude.", URLS),
        "add": lambda: render.add(uri, an_actor(), work, TAG, URLS),
        "remove": lambda: render.remove(uri, an_actor(), work, TAG, URLS),
        "profile": lambda: render.update_actor(uri, an_actor(), URLS, profile, THEN),
        "leave": lambda: {"id": uri, "type": "Delete", "actor": ADA, "object": ADA, "to": [lint.PUBLIC]},
        "house-profile": lambda: render.update_actor(
            uri, the_house(), URLS, render.house(the_house(), URLS, KEYS, "Art", "Of art."), THEN
        ),
        "picture": lambda: render.media_object(work.media[0], work, URLS, rights.of(work, URLS)),
        "actor": lambda: profile,
        "house": lambda: render.house(the_house(), URLS, KEYS, "Art", "Of art."),
    }
    return render.document(parts[kind]())


GOOD = [
    "work", "mastodon", "work-note", "note", "update", "delete", "announce", "like", "follow", "accept", "reject", "undo",
    "block", "flag", "add", "remove", "profile", "house-profile", "leave", "picture", "actor", "house",
]  # fmt: skip


def dialect(kind: str) -> Dialect:
    return Dialect.IMAGE_MASTODON if kind == "mastodon" else Dialect.IMAGE


def whole(**changes: Any) -> Callable[[Json], None]:
    """Spoil the document itself."""
    return lambda document: document.update(changes)


def of(**changes: Any) -> Callable[[Json], None]:
    """Spoil the post inside the activity."""
    return lambda document: document["object"].update(changes)


def picture(**changes: Any) -> Callable[[Json], None]:
    return lambda document: document["object"]["attachment"][0].update(changes)


def without(term: str) -> Callable[[Json], None]:
    return lambda document: document["object"].pop(term)


def deep(levels: int) -> Json:
    return {"x": deep(levels - 1)} if levels else {}


SPOILED: list[tuple[int, str, Callable[[Json], None]]] = [
    (1, "work", of(type=["Image", "Note"])),
    (1, "work", of(attributedTo=["http://art.test/users/ada"])),
    (1, "work", of(url="http://art.test/@ada/1")),
    (1, "work", of(url=[{"type": "Link", "href": "http://art.test/x.jpg", "mediaType": "image/jpeg"}])),
    (1, "work", of(url=[{"type": "Link", "href": "http://other.test/@ada/1", "mediaType": "text/html"}])),
    (1, "note", of(url=["http://art.test/@ada/1"])),
    (1, "note", of(url="http://other.test/@ada/1")),
    (1, "mastodon", of(url=[{"type": "Link", "href": "http://art.test/@ada/1", "mediaType": "text/html"}])),
    (1, "picture", whole(url="http://art.test/media/1/a.jpg")),
    (1, "actor", whole(url="http://other.test/@ada")),
    (2, "note", of(name="A title")),
    (2, "work-note", of(name="A title")),
    (2, "note", of(content="<p> </p>")),
    (2, "work", without("content")),
    (3, "work", of(summary="Blood", sensitive=False)),
    (3, "note", of(summary="")),
    (3, "mastodon", of(summary="Blood")),
    (3, "work-note", of(summary="Blood")),
    (4, "work", of(to="https://www.w3.org/ns/activitystreams#Public")),
    (4, "work", of(to=["as:Public"])),
    (4, "note", of(tag={"type": "Hashtag"})),
    (4, "note", without("attachment")),
    (5, "work", without("inReplyTo")),
    (5, "work", of(published="2026-01-01T00:00:00+00:00")),
    (5, "work", of(published="2026-13-01T00:00:00Z")),
    (5, "work", of(updated="2001-01-01T00:00:00Z")),
    (6, "work", picture(type="Document")),
    (6, "work", picture(url=[{"type": "Link"}])),
    (6, "work", picture(url="http://art.test/media/1/a.jpg?sig=1")),
    (6, "work", picture(url="https://art.test/media/1/a.jpg")),
    (6, "work", picture(mediaType="image/avif")),
    (6, "work", picture(name=None)),
    (6, "work", picture(width=5001)),
    (6, "work", picture(height="800")),
    (6, "work", picture(focalPoint=[0, 0])),
    (6, "work", picture(focalPoint=[0.0, 1.5])),
    (6, "mastodon", lambda document: document["object"].update(attachment=document["object"]["attachment"] * 3)),
    (6, "work", picture(digestMultibase="zAbc")),
    (7, "work", lambda document: document.update({"@context": "https://art.test/context"})),
    (7, "work", lambda document: document["@context"].append({"more": "x:y"})),
    (7, "work", lambda document: document["@context"][1].update(cc="http://creativecommons.org/ns#")),
    (7, "work", of(**{"@context": "https://www.w3.org/ns/activitystreams"})),
    (8, "work", of(x=deep(8))),
    (8, "work", of(content="x" * 256_000)),
    (8, "work", of(**{"@graph": []})),
    (9, "work", lambda document: document.update(actor="http://other.test/users/ada")),
    (9, "work", of(id="http://other.test/works/1")),
    (9, "accept", whole(actor="http://other.test/users/ada")),
    (9, "undo", of(id="https://far.test/likes/1")),
    (10, "work", without("context")),
    (10, "work", lambda document: [document["object"].pop(term) for term in ("context", "conversation")] and None),
    (10, "work", of(conversation="http://art.test/contexts/1")),
    (10, "note", of(context="http://art.test/contexts", conversation="http://art.test/contexts")),
    (10, "note", of(context="https://far.test/contexts/43", conversation="https://far.test/contexts/43")),
    (10, "note", of(context=["http://art.test/contexts/43"], conversation=["http://art.test/contexts/43"])),
    (11, "like", whole(actor="")),
    *(
        (11, kind, whole(object={"id": "https://far.test/notes/1", "type": "Note"}))
        for kind in ("like", "announce", "follow", "block", "add", "remove")
    ),
    (11, "add", whole(target={"id": TAG, "type": "OrderedCollection"})),
    (11, "flag", whole(object="https://far.test/u/eve")),
    (11, "flag", whole(object=[{"id": "https://far.test/u/eve"}])),
    (11, "work", whole(object="http://art.test/works/42")),
    (11, "update", whole(object="http://art.test/works/42")),
    (11, "delete", whole(object="http://art.test/works/42")),
    (11, "delete", of(type="Image")),
    (11, "leave", whole(object="http://art.test/users/other")),
    (11, "undo", whole(object="http://art.test/boosts/44")),
    (11, "undo", without("object")),
    (11, "undo", of(actor="http://art.test/users/other")),
    (11, "accept", whole(object="https://far.test/follows/1")),
    (11, "accept", of(type="Like")),
    (11, "reject", of(object="http://art.test/users/other")),
    (12, "actor", lambda document: document.update(publicKey=[document["publicKey"]])),
    (12, "actor", lambda document: document["publicKey"].update(id="http://art.test/users/bob#main-key")),
    (12, "actor", lambda document: document["assertionMethod"][0].update(publicKeyMultibase="uAbc")),
    (12, "actor", lambda document: document["assertionMethod"][0].update(controller="http://art.test/users/bob")),
    (12, "actor", whole(icon={"type": "Image", "url": [{"type": "Link"}]})),
    (12, "house", whole(endpoints={})),
    (12, "profile", lambda document: document["object"].pop("outbox")),
]


@pytest.mark.parametrize("kind", GOOD)
def test_what_we_emit_is_good(kind: str) -> None:
    assert lint.check(good(kind), dialect(kind)) == []


def test_every_activity_that_we_have_a_word_for_is_tried() -> None:
    assert {good(kind)["type"] for kind in GOOD} - {"Image", "Person", "Application"} == set(ACTIVITIES)


def test_a_proof_changes_nothing_for_the_rules() -> None:
    document = good("announce")
    key = Ed25519PrivateKey.generate()
    proved = prove(document, key, f"{ADA}#ed25519-key", THEN)
    assert "@context" in proved["proof"]
    assert lint.check(proved) == []


@pytest.mark.parametrize(("rule", "kind", "spoil"), SPOILED)
def test_a_spoiled_document_is_caught(rule: int, kind: str, spoil: Callable[[Json], None]) -> None:
    document = copy.deepcopy(good(kind))
    spoil(document)
    found = lint.check(document, dialect(kind))
    assert any(wrong.startswith(f"rule {rule}:") for wrong in found), found


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _, _ in SPOILED} == set(lint.RULES)


def test_the_rules_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "FEDERATION.md").read_text("utf-8")
    listed = {int(number) for number in re.findall(r"^\| (\d+) \| ", page.partition("## Rules")[2], re.M)}
    assert listed == set(lint.RULES)
