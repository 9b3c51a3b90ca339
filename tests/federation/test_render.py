"""Rows → JSON. Each golden file is a document that somebody has read and found good; a change of form shows as a diff."""

import hashlib
import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm.attributes import set_committed_value

from federation import lint, render
from federation.audience import addresses
from federation.conversations import Place
from federation.vocabulary import ACTIVITIES, PUBLIC
from server import rights
from server.models import Audience, Dialect, Key, Kind, Licence, Rating, RenditionPurpose, Reservation, Tag
from tests.federation.rows import (
    KEYS,
    PROVING,
    THEN,
    URLS,
    a_boost,
    a_comment,
    a_face,
    a_gallery,
    a_picture,
    a_work,
    an_actor,
    an_artwork,
    eve,
    her_note,
    silent,
    the_house,
)

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


def a_large_work() -> Any:
    """Six pictures, a warning, and of its two tags one that the description mentions."""
    files = [(RenditionPurpose.FEDERATION, "jpeg", 1600, 1200)]
    return a_work(
        media=[a_picture(number, files) for number in range(1, 7)],
        warning="Deep <water>",
        text="Six views of the #Harbour.",
        html="<p>Six views of the #Harbour.</p>",
        tags=[Tag(id=1, name="harbour", label="Harbour"), Tag(id=2, name="grösse", label="Größe")],
    )


def dialect(work: Any, of: Dialect) -> Any:
    return lambda: render.post_object(work(), URLS, of)


NEW = "http://art.test/activities/9"
THEIR_FOLLOW = "https://far.test/follows/1"
THEIR_CONTEXT = Place(her_note(), "https://far.test/contexts/7")
GALLERY = URLS.gallery(a_gallery())
DOCUMENTS = {
    "work": dialect(a_work, Dialect.IMAGE),
    "work.image-mastodon": dialect(a_work, Dialect.IMAGE_MASTODON),
    "work.note": dialect(a_work, Dialect.NOTE),
    "work-large": dialect(a_large_work, Dialect.IMAGE),
    "work-large.image-mastodon": dialect(a_large_work, Dialect.IMAGE_MASTODON),
    "work-large.note": dialect(a_large_work, Dialect.NOTE),
    "work-edited-warned-untitled-open": dialect(an_edited_warned_work, Dialect.IMAGE),
    "work-edited-warned-untitled-open.note": dialect(an_edited_warned_work, Dialect.NOTE),
    "comment": lambda: render.note(a_comment(reply_to_id=42), URLS, Place(a_work(), URLS.context(42))),
    "comment-elsewhere": lambda: render.note(a_comment(reply_to_id=40), URLS, THEIR_CONTEXT),
    "picture": lambda: render.media_object(a_work().media[0], a_work(), URLS, rights.of(a_work(), URLS)),
    "create": lambda: render.create(a_work(), URLS, render.post_object(a_work(), URLS)),
    "update": lambda: render.update(
        NEW, an_edited_warned_work(), URLS, render.post_object(an_edited_warned_work(), URLS, Dialect.NOTE)
    ),
    "delete": lambda: render.delete(
        NEW, a_work(deleted_at=THEN), URLS, [PUBLIC], ["http://art.test/users/ada/followers"]
    ),
    "announce": lambda: render.announce(a_boost(), her_note(), URLS),
    "undo-announce": lambda: render.undo(NEW, render.document(render.announce(a_boost(), her_note(), URLS))),
    "like": lambda: render.like(NEW, an_actor(), her_note(), URLS),
    "follow": lambda: render.follow(NEW, an_actor(), eve(), URLS),
    "accept": lambda: render.accept(NEW, an_actor(), eve(), THEIR_FOLLOW, URLS),
    "reject": lambda: render.reject(NEW, an_actor(), eve(), THEIR_FOLLOW, URLS),
    "block": lambda: render.block(NEW, an_actor(), eve(), URLS),
    "flag": lambda: render.flag(NEW, the_house(), eve(), [her_note()], "Copies my works.", URLS),
    "add": lambda: render.add(NEW, an_actor(), a_work(), GALLERY, URLS),
    "remove": lambda: render.remove(NEW, an_actor(), a_work(), URLS.featured(an_actor()), URLS),
    "update-actor": lambda: render.update_actor(NEW, an_actor(), URLS, render.actor(an_actor(), URLS, KEYS), THEN),
    "update-house": lambda: render.update_actor(
        NEW, the_house(), URLS, render.house(the_house(), URLS, KEYS, "Art & more", "Of a <few>."), THEN
    ),
    "actor": lambda: render.actor(an_actor(), URLS, KEYS, [a_gallery()]),
    "actor-with-face": lambda: render.actor(actor_with_face(), URLS, KEYS),
    "house": lambda: render.house(the_house(), URLS, KEYS, "Art & more", "Of a <few>."),
    "gallery": lambda: render.gallery(a_gallery(), URLS, 2),
    "featured-tags": lambda: render.featured_tags(an_actor(), URLS, a_work().tags),
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
    wanted = Dialect.IMAGE_MASTODON if name.endswith(".image-mastodon") else Dialect.IMAGE
    assert lint.check(document, wanted) == []


def test_there_is_a_golden_document_of_every_activity() -> None:
    assert {make()["type"] for make in DOCUMENTS.values()} >= set(ACTIVITIES)


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


def test_a_boost_is_for_everybody_and_told_to_the_author() -> None:
    boost = render.announce(a_boost(), her_note(), URLS)
    assert (boost["to"], boost["cc"]) == ([PUBLIC], ["http://art.test/users/ada/followers", "https://far.test/u/eve"])


def test_the_three_dialects_are_one_post_with_one_licence() -> None:
    made = [render.post_object(silent(a_large_work()), URLS, each) for each in Dialect]
    same = (
        "id attributedTo published to cc tag context conversation license rights dataMining tdmReservation xRobotsTag"
    )
    for term in [
        *same.split(),
        "searchableBy",
        "creditText",
        "copyrightNotice",
        "sensitive",
        "likes",
        "shares",
        "replies",
        "inReplyTo",
    ]:
        assert made[0][term] == made[1][term] == made[2][term], term
    by_dialect = dict(zip(Dialect, made, strict=True))
    assert by_dialect[Dialect.NOTE]["attachment"] == by_dialect[Dialect.IMAGE]["attachment"]
    assert by_dialect[Dialect.IMAGE_MASTODON]["attachment"] == by_dialect[Dialect.IMAGE]["attachment"][:4]


def test_mastodon_reads_the_description_of_an_image_in_its_summary_after_the_warning() -> None:
    work = render.post_object(silent(a_large_work()), URLS, Dialect.IMAGE_MASTODON)
    assert work["summary"] == "<p>Deep &lt;water&gt;</p><p>Six views of the #Harbour.</p>" == work["content"]
    bare = render.post_object(silent(a_work(html="")), URLS, Dialect.IMAGE_MASTODON)
    assert (bare["summary"], bare["content"]) == (None, "<p>Heron at Dusk</p>")


def test_a_work_as_a_note_ends_with_the_tags_that_it_does_not_mention() -> None:
    content = render.post_object(silent(a_large_work()), URLS, Dialect.NOTE)["content"]
    title, description, more, tags = re.findall(r"<p>.*?</p>", content)
    assert (title, description) == ("<p><strong>Heron at Dusk</strong></p>", "<p>Six views of the #Harbour.</p>")
    assert ">+2 more</a>" in more and 'href="http://art.test/@ada/42-heron-at-dusk"' in more
    assert re.sub(r"<[^>]*>", "", tags) == "#Größe"
    small = render.post_object(silent(a_work(tags=[])), URLS, Dialect.NOTE)["content"]
    assert small == "<p><strong>Heron at Dusk</strong></p><p>Reeds.</p>"


def test_a_text_ends_with_the_rights_for_receivers_that_drop_every_term() -> None:
    """docs/rights.md 2.4: on the artist's wish, and only in the dialects of those who keep nothing else."""
    canonical, mastodon, note = (render.post_object(a_work(), URLS, each) for each in Dialect)
    sentence = rights.sentence(rights.of(a_work(), URLS))
    assert sentence not in canonical["content"] and "#NoAI" not in [tag["name"] for tag in canonical["tag"]]
    for said in (mastodon["summary"], note["content"]):
        assert f'<a href="http://art.test/works/42/rights" rel="nofollow noopener noreferrer">{sentence}</a>' in said
    for work in (mastodon, note):
        assert {"type": "Hashtag", "href": "http://art.test/tags/noai", "name": "#NoAI"} in work["tag"]
    assert re.sub(r"<[^>]*>", "", note["content"].rsplit("<p>", 1)[1]).endswith("#NoAI")
    laxer = a_work()
    laxer.artwork.licence, laxer.artwork.reservation = Licence.BY, Reservation.OPEN
    free = render.post_object(laxer, URLS, Dialect.NOTE)
    assert "are not reserved." in free["content"] and "#NoAI" not in [tag["name"] for tag in free["tag"]]


def test_notes_are_alike_in_all_dialects() -> None:
    assert len({json.dumps(render.post_object(a_comment(), URLS, each)) for each in Dialect}) == 1


def test_the_author_of_what_is_answered_is_told_even_where_the_text_does_not_name_them() -> None:
    note = render.note(a_comment(mentions=[]), URLS, THEIR_CONTEXT)
    assert note["inReplyTo"] == "https://far.test/notes/1"
    assert note["cc"] == ["http://art.test/users/ada/followers", "https://far.test/u/eve"]
    assert [tag["href"] for tag in note["tag"]] == ["https://far.test/u/eve"]


def test_nobody_is_added_to_a_note_that_is_not_for_everybody() -> None:
    note = render.note(a_comment(mentions=[], audience=Audience.MENTIONED), URLS, THEIR_CONTEXT)
    assert (note["to"], note["cc"], note["tag"]) == ([], [], [])


def test_a_conversation_without_a_name_is_given_none() -> None:
    note = render.note(a_comment(), URLS, Place(her_note(), ""))
    assert not {"context", "conversation"} & set(note)
    assert lint.check(render.document(note)) == []


def test_of_several_keys_the_newest_is_shown() -> None:
    older = Key(id=0, kind="rsa", public_pem="an older key", private_pem="")
    shown = render.actor(an_actor(), URLS, [KEYS[0], older, PROVING])
    assert shown["publicKey"]["publicKeyPem"] == KEYS[0].public_pem
    # RFC 8032's key as did:key and others write it.
    assert shown["assertionMethod"][0]["publicKeyMultibase"] == "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"


def test_a_digest_is_a_multihash_of_the_file() -> None:
    """FEP-1311: every SHA-256 begins with zQm; sha2-256 of nothing is a well-known one."""
    media = a_picture(3, [(RenditionPurpose.FEDERATION, "jpeg", 640, 640)])
    media.renditions[0].hash = hashlib.sha256(b"").hexdigest()
    (picture,) = render.post_object(a_work(media=[media]), URLS)["attachment"]
    assert picture["digestMultibase"] == "zQmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"
    assert picture["size"] == 1


def test_the_context_of_a_document_holds_the_terms_that_it_uses_and_no_others() -> None:
    like = render.document(render.like(NEW, an_actor(), her_note(), URLS))
    assert like["@context"] == ["https://www.w3.org/ns/activitystreams"]
    announce = render.document(render.announce(a_boost(), her_note(), URLS))
    assert {"proof", "cryptosuite", "proofPurpose", "assertionMethod"} <= set(announce["@context"][1])
    note = render.document(render.note(a_comment(), URLS))
    assert set(note["@context"][1]) == {"sensitive", "ostatus", "conversation"}


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
        return str(render.work_image(work, URLS, rights.of(work, URLS))["searchableBy"])

    assert found_by(Reservation.NO_AI, Audience.EVERYONE) == PUBLIC
    assert found_by(Reservation.NO_AI_NO_INDEX, Audience.EVERYONE) == "http://art.test/users/ada"
    assert found_by(Reservation.NO_AI, Audience.UNLISTED) == "http://art.test/users/ada"


def test_drafts_and_notes_are_not_rendered_as_works() -> None:
    with pytest.raises(ValueError, match="draft"):
        render.post_object(a_work(published_at=None), URLS)
    with pytest.raises(ValueError, match="only a work"):
        render.work_image(a_comment(), URLS, rights.of(a_work(), URLS))
