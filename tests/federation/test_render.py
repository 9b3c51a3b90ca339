"""Rows → JSON. Each golden file is a document that somebody has read and found good; a change of form shows as a diff."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm.attributes import set_committed_value

from federation import lint, render
from federation.audience import addresses
from federation.vocabulary import PUBLIC
from server import rights
from server.models import Audience, Kind, Licence, Rating, RenditionPurpose, Reservation
from tests.federation.rows import KEY, THEN, URLS, a_comment, a_face, a_gallery, a_picture, a_work, an_actor, an_artwork

GOLDEN = Path(__file__).parents[1] / "golden" / "rendered"


def actor_with_face() -> Any:
    actor = an_actor(
        default_licence=Licence.BY_SA, default_reservation=Reservation.NO_AI_NO_INDEX, approves_follows=True
    )
    set_committed_value(actor, "face", a_face())
    return actor


def an_edited_warned_work() -> Any:
    artwork = an_artwork(title="", licence=Licence.CC0, reservation=Reservation.OPEN, year=None)
    return a_work(
        html="", warning="Blood", edited_at=THEN + timedelta(days=1), audience=Audience.UNLISTED, artwork=artwork
    )


DOCUMENTS = {
    "work": lambda: render.post_object(a_work(), URLS),
    "work-edited-warned-untitled-open": lambda: render.post_object(an_edited_warned_work(), URLS),
    "comment": lambda: render.note(a_comment(reply_to_id=42), URLS, a_work()),
    "create": lambda: render.create(a_work(), URLS, render.post_object(a_work(), URLS)),
    "actor": lambda: render.actor(an_actor(), URLS, KEY, [a_gallery()]),
    "actor-with-face": lambda: render.actor(actor_with_face(), URLS, KEY),
    "gallery": lambda: render.gallery(a_gallery(), URLS, 2),
    "page": lambda: render.page(
        "http://art.test/x?page=1", "http://art.test/x", ["http://art.test/works/42"], "http://art.test/x?page=2"
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_what_its_golden_file_says(name: str) -> None:
    document = json.loads(json.dumps(render.document(DOCUMENTS[name]())))
    file = GOLDEN / f"{name}.json"
    if os.environ.get("CARTELLINO_TEST_GOLDEN") == "write":
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert document == json.loads(file.read_text("utf-8"))
    assert lint.check(document) == []


def test_no_golden_document_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(DOCUMENTS)


def test_a_tombstone_keeps_nothing_but_that_it_was_there() -> None:
    stone = render.tombstone("http://art.test/notes/43", Kind.NOTE, THEN)
    assert stone == {
        "@context": "https://www.w3.org/ns/activitystreams", "id": "http://art.test/notes/43", "type": "Tombstone",
        "formerType": "Note", "deleted": "2026-05-04T10:30:15Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("audience", "to", "cc"),
    [
        (Audience.EVERYONE, [PUBLIC], ["http://art.test/users/ada/followers", "https://far.test/u/eve"]),
        (Audience.UNLISTED, ["http://art.test/users/ada/followers"], [PUBLIC, "https://far.test/u/eve"]),
        (Audience.FOLLOWERS, ["http://art.test/users/ada/followers"], ["https://far.test/u/eve"]),
        (Audience.MENTIONED, ["https://far.test/u/eve"], []),
    ],
)
def test_the_four_audiences_are_told_apart(audience: Audience, to: list[str], cc: list[str]) -> None:
    post = a_comment(audience=audience)
    assert addresses(post, URLS, post.mentions) == (to, cc)


def test_the_federation_jpeg_is_preferred_and_the_full_size_only_linked() -> None:
    work = render.post_object(a_work(), URLS)
    assert [picture["mediaType"] for picture in work["attachment"]] == ["image/jpeg", "image/webp"]
    assert [(link["mediaType"], link.get("width")) for link in work["url"]] == [
        ("text/html", None), ("image/jpeg", 1600), ("image/png", 8000)
    ]  # fmt: skip


def test_a_picture_that_no_receiver_shows_is_left_out() -> None:
    only_avif = a_picture(3, [(RenditionPurpose.WALL, "avif", 640, 640)])
    too_large = a_picture(4, [(RenditionPurpose.STAGE, "webp", 5001, 10)])
    assert render.post_object(a_work(media=[only_avif, too_large]), URLS)["attachment"] == []


@pytest.mark.parametrize(
    ("x", "y", "point"), [(0.5, 0.5, [0, 0]), (0, 0, [-1, 1]), (1, 1, [1, -1]), (0.5, 0.25, [0, 0.5])]
)
def test_focal_points_count_from_the_middle_and_upwards(x: float, y: float, point: list[float]) -> None:
    media = a_picture(3, [(RenditionPurpose.WALL, "webp", 640, 640)], focus_x=x, focus_y=y)
    (picture,) = render.post_object(a_work(media=[media]), URLS)["attachment"]
    assert picture["focalPoint"] == point


def test_a_mature_work_is_sensitive_without_inventing_a_warning() -> None:
    work = render.post_object(a_work(rating=Rating.MATURE), URLS)
    assert (work["sensitive"], work["summary"]) == (True, None)


def test_an_edit_in_the_second_of_publishing_is_no_edit() -> None:
    assert "updated" not in render.post_object(a_work(edited_at=THEN + timedelta(milliseconds=500)), URLS)


def test_search_is_only_for_what_is_listed_and_not_reserved() -> None:
    def found_by(reservation: Reservation, audience: Audience) -> str:
        work = a_work(artwork=an_artwork(reservation=reservation), audience=audience)
        return str(render.work_image(work, URLS, rights.of(work))["searchableBy"])

    assert found_by(Reservation.NO_AI, Audience.EVERYONE) == PUBLIC
    assert found_by(Reservation.NO_AI_NO_INDEX, Audience.EVERYONE) == "http://art.test/users/ada"
    assert found_by(Reservation.NO_AI, Audience.UNLISTED) == "http://art.test/users/ada"


def test_drafts_and_notes_are_not_rendered_as_works() -> None:
    with pytest.raises(ValueError, match="draft"):
        render.post_object(a_work(published_at=None), URLS)
    with pytest.raises(ValueError, match="only a work"):
        render.work_image(a_comment(), URLS, rights.of(a_work()))
