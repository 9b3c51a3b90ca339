"""What a house of ours does with the statements of another server: kept for each picture, said again everywhere, never weaker."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from federation.parse import piece
from server import boosts, clock, elsewhere, follows, posts, worker
from server.app import JOBS, create_app
from server.models import Account, Licence, Media, Post, Reservation, RightsChange
from server.rights import history
from server.site import Site
from tests.conformance import cells, expected, readers
from tests.conformance.fixture import ROWS, built
from tests.conformance.readers import NOTHING
from tests.conformance.table import Asking, Cell, reader, signed_in
from tests.fediverse import House
from tests.neighbours import Neighbour, reply
from tests.server.test_cache import Shelf, house, photo, shelf, there
from tests.server.test_elsewhere import person

pytestmark = pytest.mark.one_database

__all__ = ["house", "shelf", "there"]
WORK = "https://far.example/posts/1"
VOCABULARY = expected.VOCABULARY
NO_INDEX = "noai, noimageai, noarchive, noindex, noimageindex"
BY = "https://creativecommons.org/licenses/by/4.0/"
INC = "https://rightsstatements.org/vocab/InC/1.0/"


def wrong(found: list[Cell]) -> list[Cell]:
    return [cell for cell in found if not cell.is_right]


# -- between two houses of ours --------------------------------------------------------------------------------------------
async def test_raising_holds_at_once_and_lowering_for_new_copies(
    database_url: str, another_database: str, tmp_path: Path
) -> None:
    """W3 is raised to no-ai and W2 lowered to open: afterwards every channel of both houses says so, files included."""
    readers.exiftool()
    only = {name: ROWS[name] for name in ("W2", "W3")}
    async with built(database_url, another_database, tmp_path, only, avif=False) as made:
        who, site = await reader(made), made.away.site
        raised, lowered = await made.at_the_second("W3"), await made.at_the_second("W2")
        old = {"W3": cells.widest(raised), "W2": cells.widest(lowered)}

        for name, tier in (("W3", Reservation.NO_AI), ("W2", Reservation.OPEN)):
            await made.edit(name, reservation=tier)
            # Everything but new copies: their files at home have new addresses, so these are fetched anew.
            while await made.home.work() + await worker.drain(site, JOBS, ("inbox", "federate", "deliver", "stamp")):
                pass
            page = await who.get(site.urls.post_page((await made.at_the_second(name)).post))
            says = expected.of(made.rows[name])
            assert readers.by_requests(page)[0] == ("X-Robots-Tag", says.robots or NOTHING)
            # No copy that was made under other terms is ever shown under these: it is gone.
            for row in old[name]:
                await who.get(site.urls.rendition(row), status=404)
        await made.village.settle()
        for name, section in (("origin", cells.origin), ("second", cells.second_node)):
            (tmp_path / name).mkdir()
            found = await section(made, tmp_path / name)
            assert wrong(found) == [] and {cell.work for cell in found} == {"W2", "W3"}
        async with site.db.read() as tx:
            changes = [await history.of(tx, shown.post) for shown in (raised, lowered)]
        assert [[(c.reservation_before, c.reservation_after) for c in found] for found in changes] == [
            [(Reservation.NO_GENAI, Reservation.NO_AI)],
            [(Reservation.NO_TRAINING, Reservation.OPEN)],
        ]
        text = readers.visible((await who.get(f"/works/{raised.post.id}/rights")).text)
        assert "What its author stated before" in text and "“Not for generative AI” became “Not for AI”" in text


async def test_a_laxer_work_does_not_loosen_what_a_boost_shows(
    database_url: str, another_database: str, tmp_path: Path
) -> None:
    """Duty 3: the second house's own rule, its reader's defaults and a boost change nothing of what the author stated."""
    only = {"W5": ROWS["W5"]}
    async with built(database_url, another_database, tmp_path, only, avif=False) as made:
        shown, site = await made.at_the_second("W5"), made.away.site
        eve = await made.away.account("eve")
        async with site.db.write() as tx:
            mine, other = await tx.merge(made.reader.actor), await tx.merge(eve.actor)
            mine.default_reservation, mine.default_licence = Reservation.OPEN, Licence.CC0
            await follows.follow(tx, other, mine)
            await boosts.add(tx, mine, await posts.get(tx, shown.post.id, mine))
        await made.village.settle()
        who = await signed_in(made.away, eve)
        for path in ("/home", site.urls.post_page(shown.post)):
            answer = await who.get(path)
            assert ROWS["W5"].title in readers.visible(answer.text)
            assert dict(readers.by_requests(answer))["X-Robots-Tag"] == NO_INDEX, path


# -- what others state, in all its forms --------------------------------------------------------------------------------------
@dataclass
class Hung:
    """A work of another server as it hangs here."""

    site: Site
    who: Asking
    post: Post
    media: list[Media]
    folder: Path

    async def page(self) -> dict[str, str]:
        """What the headers of its page say."""
        answer = await self.who.get(self.site.urls.post_page(self.post))
        return dict(readers.by_requests(answer) + readers.by_http_sf(answer))

    async def picture(self, number: int = 0) -> dict[str, str]:
        """What the headers of one proxied picture say, and what ExifTool reads inside it."""
        answer = await self.who.get(self.site.urls.picture_proxy(self.media[number], 900))
        file = self.folder / f"{number}.webp"
        file.write_bytes(answer.response.content)
        (found,) = readers.by_exiftool([file]).values()
        assert readers.by_c2pa(file.read_bytes(), "image/webp")[0] == "none"
        return dict(
            readers.by_requests(answer) + readers.by_http_sf(answer) + readers.exif_pairs(found, readers.FULL_FIELDS)
        )


@pytest.fixture
async def hang(house: Site, shelf: Shelf, there: Neighbour, bob: Account, tmp_path: Path) -> AsyncIterator[Any]:
    """`await hang(terms, pictures=[terms, …])`: a work arrives with these terms; each picture with its own."""
    readers.exiftool()

    async def arrive(terms: dict[str, Any], pictures: list[dict[str, Any]], **more: Any) -> Hung:
        shown = []
        for number, own in enumerate(pictures):
            shelf.files[f"/{number}.jpg"] = reply(200, photo(), Content_Type="image/jpeg")
            shown.append({"type": "Image", "mediaType": "image/jpeg", "url": there.url(f"/{number}.jpg")} | own)
        document = {
            "id": WORK, "type": "Note", "attributedTo": "https://far.example/users/mia", "content": "<p>Heron</p>",
            "to": ["https://www.w3.org/ns/activitystreams#Public"], "published": "2026-11-20T12:00:00Z", "attachment": shown,
        } | terms | more  # fmt: skip
        async with house.db.write() as tx:
            author = await elsewhere.put_person(tx, person())
            post = await elsewhere.put_post(tx, piece(document, "https://far.example"), author, urls=house.urls)
            assert post is not None
        await worker.drain(house, JOBS, ("fetch", "stamp"))
        async with house.db.read() as tx:
            post = await posts.get(tx, post.id, bob.actor)
        who = await signed_in(House("art.test", house, create_app(house)), bob)
        return Hung(house, who, post, list(post.media), tmp_path)

    yield arrive


async def test_a_picture_that_is_stricter_than_its_work_is_stricter_in_every_channel(hang: Any) -> None:
    """And the work's page, which shows both, says the strictest of all."""
    mine = {"license": BY, "dataMining": f"{VOCABULARY}DMI-PROHIBITED-GENAIMLTRAINING"}
    strict = {"license": INC, "dataMining": f"{VOCABULARY}DMI-PROHIBITED", "tdmPolicy": "https://far.example/ask"}
    hung = await hang(mine | {"rights": "© 2011 Mia. Ask me."}, [mine, strict])
    page, first, second = await hung.page(), await hung.picture(0), await hung.picture(1)
    assert (page["X-Robots-Tag"], page["Link, license"]) == (NO_INDEX, INC)
    assert (first["X-Robots-Tag"], first["Link, license"]) == ("noai, noimageai", BY)
    assert (first["plus:DataMining"], first["cc:license"]) == ("DMI-PROHIBITED-GENAIMLTRAINING", BY)
    assert (second["X-Robots-Tag"], second["Link, license"]) == (NO_INDEX, INC)
    assert (second["plus:DataMining"], second["cc:license"]) == ("DMI-PROHIBITED", NOTHING)
    assert second["tdm-policy"] == second["tdm:policy"] == "https://far.example/ask"
    assert first["dc:rights"].startswith("© 2011 "), "the year is the author's"
    assert first["Link, describedby"] == second["Link, describedby"] == WORK


async def test_what_is_not_stated_is_no_ai_and_said_to_be_not_stated(hang: Any) -> None:
    hung = await hang({}, [{}])
    page, picture = await hung.page(), await hung.picture()
    for said in (page, picture):
        assert (said["Content-Usage"], said["tdm-reservation"]) == ("train-ai=n, search=y", "1")
        assert (said["X-Robots-Tag"], said["Link, license"]) == ("noai, noimageai, noarchive", NOTHING)
    assert picture["plus:DataMining"] == "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"
    assert "Licence not stated by the author. No AI training" in picture["dc:rights"]
    assert "(not stated by the author, reserved as a precaution)" in picture["dc:rights"]
    text = readers.visible((await hung.who.get(hung.site.urls.post_page(hung.post))).text)
    assert "Not stated by the author" in text


FORMS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # what the work states: the licence link, the robots directives, and a piece of the sentence inside its files
    "a title": ({"license": "Attribution-NonCommercial"}, "https://creativecommons.org/licenses/by-nc/4.0/",
                "noai, noimageai, noarchive", "Creative Commons Attribution-NonCommercial 4.0."),
    "two licences": ({"license": [BY, INC]}, INC, "noai, noimageai, noarchive", "All rights reserved."),
    "schema.org over http": ({"http://schema.org/license": BY}, BY, "noai, noimageai, noarchive", "Attribution 4.0."),
    "PeerTube": ({"licence": {"identifier": "1", "name": "Attribution"}}, BY, "noai, noimageai, noarchive", "Attribution 4.0."),
    "an older version": ({"license": "https://creativecommons.org/licenses/by/3.0/"},
                         "https://creativecommons.org/licenses/by/3.0/", "noai, noimageai, noarchive", "licenses/by/3.0/."),
    "unknown words": ({"license": "Ask my grandmother"}, NOTHING, "noai, noimageai, noarchive", "Ask my grandmother."),
    "an address that fits into no header": ({"license": "https://far.example/żółw>", "tdmPolicy": "https://far.example/żółw"},
                                            NOTHING, "noai, noimageai, noarchive", "https://far.example/żółw"),
    "directives in the licence": ({"license": "https://far.example/\r\nX-Robots-Tag: all"}, NOTHING,
                                  "noai, noimageai, noarchive", "X-Robots-Tag: all"),
    "contradictory signals": ({"xRobotsTag": "noai", "tdmReservation": 0, "dataMining": f"{VOCABULARY}DMI-ALLOWED"},
                              NOTHING, "noai, noimageai", "No AI training"),
    "open and no index": ({"license": BY, "tdmReservation": 0, "xRobotsTag": "noindex"}, BY, NO_INDEX, "rights reserved"),
    "open, said clearly": ({"license": BY, "tdmReservation": 0, "dataMining": f"{VOCABULARY}DMI-ALLOWED"}, BY, NOTHING,
                           "are not reserved."),
    "nonsense": ({"license": {"@id": [1]}, "tdmReservation": "maybe", "dataMining": 7, "xRobotsTag": {}}, NOTHING,
                 "noai, noimageai, noarchive", "not stated by the author, reserved as a precaution"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_a_statement_has_one_clear_outcome(hang: Any, form: str) -> None:
    """Licences that the house does not know stay words; statements that contradict each other hold where they are strictest."""
    terms, licence, robots, words = FORMS[form]
    hung = await hang(terms, [{}])
    for said in (await hung.page(), picture := await hung.picture()):
        assert (said["Link, license"], said["X-Robots-Tag"]) == (licence, robots)
        assert said["tdm-reservation"] == ("0" if robots == NOTHING else "1")
        assert said["tdm-policy"] == f"http://art.test/works/{hung.post.id}/policy.json"
    assert words in picture["dc:rights"]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        ("https://schema.org/TrainedAlgorithmicMediaDigitalSource", "trainedAlgorithmicMedia"),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/minorHumanEdits", "humanEdits"),
        (["digitalCreation", "compositeWithTrainedAlgorithmicMedia"], "compositeWithTrainedAlgorithmicMedia"),
        ("https://far.example/made-by-elves", ""),
    ],
)
async def test_how_a_work_came_to_be_is_read_and_said_again(hang: Any, stated: Any, said: str) -> None:
    hung = await hang({"digitalSourceType": stated}, [{}])
    wanted = expected.SOURCES + said if said else NOTHING
    assert (await hung.picture())["Iptc4xmpExt:DigitalSourceType"] == wanted
    page = await hung.who.get(hung.site.urls.post_page(hung.post))
    image = dict(readers.by_extruct(page.text, page.response.url))
    assert (image["digitalSourceType"] != NOTHING) is bool(said)


async def test_a_picture_in_an_answer_says_what_is_stated_for_it(hang: Any) -> None:
    """It has no work whose terms it could share, and none of its author's defaults stands in for what was said."""
    hung = await hang(
        {}, [{"license": BY, "dataMining": f"{VOCABULARY}DMI-PROHIBITED"}], inReplyTo="https://far.example/posts/0"
    )
    assert hung.post.artwork is None
    said = await hung.picture()
    assert (said["X-Robots-Tag"], said["Link, license"], said["plus:DataMining"]) == (NO_INDEX, BY, "DMI-PROHIBITED")


async def test_a_change_of_one_picture_alone_is_kept_in_the_history(hang: Any) -> None:
    mine = {"license": BY, "dataMining": f"{VOCABULARY}DMI-PROHIBITED-GENAIMLTRAINING"}
    await hang(mine, [mine])
    later = (clock.now() + timedelta(minutes=1)).isoformat()
    hung = await hang(mine, [mine | {"dataMining": f"{VOCABULARY}DMI-PROHIBITED"}], updated=later)
    async with hung.site.db.read() as tx:
        (change,) = await tx.scalars(select(RightsChange))
    assert (change.reservation_before, change.reservation_after) == (Reservation.NO_GENAI, Reservation.NO_AI_NO_INDEX)
    assert (await hung.picture())["plus:DataMining"] == "DMI-PROHIBITED"
    assert (await hung.page())["X-Robots-Tag"] == NO_INDEX


async def test_the_history_says_that_nothing_was_stated(hang: Any) -> None:
    await hang({}, [{}])
    later = (clock.now() + timedelta(minutes=1)).isoformat()
    hung = await hang({"license": INC}, [{}], updated=later)
    text = readers.visible((await hung.who.get(f"/works/{hung.post.id}/rights")).text)
    assert "“Licence not stated by the author” became “All rights reserved”" in text
