"""Each rule catches what it is there for: one good document, spoiled in one way at a time."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from federation import lint, render
from tests.federation.rows import URLS, a_comment, a_work

Json = dict[str, Any]


def good(kind: str) -> Json:
    post = a_work() if kind == "work" else a_comment()
    return render.document(render.create(post, URLS, render.post_object(post, URLS)))


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
    (2, "note", of(name="A title")),
    (2, "note", of(content="<p> </p>")),
    (2, "work", without("content")),
    (3, "work", of(summary="Blood", sensitive=False)),
    (3, "note", of(summary="")),
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
    (7, "work", lambda document: document.update({"@context": "https://art.test/context"})),
    (7, "work", lambda document: document["@context"].append({"more": "x:y"})),
    (7, "work", lambda document: document["@context"][1].update(cc="http://creativecommons.org/ns#")),
    (7, "work", of(**{"@context": "https://www.w3.org/ns/activitystreams"})),
    (8, "work", of(x=deep(8))),
    (8, "work", of(content="x" * 256_000)),
    (8, "work", of(**{"@graph": []})),
    (9, "work", lambda document: document.update(actor="http://other.test/users/ada")),
    (9, "work", of(id="http://other.test/works/1")),
]


@pytest.mark.parametrize("kind", ["work", "note"])
def test_what_we_emit_is_good(kind: str) -> None:
    assert lint.check(good(kind)) == []


@pytest.mark.parametrize(("rule", "kind", "spoil"), SPOILED)
def test_a_spoiled_document_is_caught(rule: int, kind: str, spoil: Callable[[Json], None]) -> None:
    document = copy.deepcopy(good(kind))
    spoil(document)
    assert any(wrong.startswith(f"rule {rule}:") for wrong in lint.check(document)), lint.check(document)


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _, _ in SPOILED} == set(lint.RULES)


def test_the_rules_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "FEDERATION.md").read_text("utf-8")
    listed = {int(number) for number in re.findall(r"^\| (\d+) \| ", page.partition("## Rules")[2], re.M)}
    assert listed == {*lint.RULES, 10}
