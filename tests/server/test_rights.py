"""Rights are described once: tables, sentence, channels, and nobody else who names a signal."""

import json
import os
import re
from pathlib import Path

import pytest

from server import rights
from server.errors import Invalid
from server.models import Actor, Artwork, Kind, Licence, Post, Reservation, SourceType
from server.rights import LICENCES, RESERVATIONS, Rights, Subject, channels
from server.rights.channels import CHANNELS
from server.site import Site

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rights"
PAIRS = [(licence, reservation) for licence in Licence for reservation in rights.allowed(licence)]
# Words that only server/rights may say; elsewhere they would be a second, forgotten truth.
SIGNALS = re.compile(
    r"\bnoai\b|noimageai|noarchive|noimageindex|DMI-|tdm-?reserv|tdmrep|tdm:|rightsstatements|useplus|train-ai|ai-train|ai-input"
    r"|xRobotsTag|tdmReservation|copyrightNotice|X-Robots-Tag|Content-Usage|Content-Signal|creativecommons\.org",
    re.IGNORECASE,
)


def described(licence: Licence, reservation: Reservation) -> Rights:
    """Heron at Dusk by Ada Ink, with everything that a work of ours has."""
    base = "https://art.example"
    subject = Subject(
        title="Heron at Dusk",
        uri=f"{base}/works/42",
        document=f"{base}/works/42",
        page=f"{base}/@ada/42-heron-at-dusk",
        explained=f"{base}/works/42/rights",
        policy=f"{base}/works/42/policy.json",
        licensing=f"{base}/@ada/licensing",
        actor=f"{base}/users/ada",
        profile=f"{base}/@ada",
        rsl=f"{base}/rights/rsl.xml",
        house=base,
    )
    return Rights(
        licence, reservation, "Ada Ink", 2026, subject=subject, source_type=SourceType.DIGITAL_CREATION, language="fr"
    )


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the table in docs/rights.md whose first column is called `heading`, by their first cell."""
    lines = (ROOT / "docs" / "rights.md").read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        key, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[key] = cells
    return rows


def test_the_licence_table_is_the_one_in_the_docs() -> None:
    code = {
        licence.value: [
            terms.name,
            terms.uri,
            terms.spdx or "-",
            "all" if terms.allowed == tuple(Reservation) else ", ".join(terms.allowed),
        ]
        for licence, terms in LICENCES.items()
    }
    assert code == table("key")
    assert set(LICENCES) == set(Licence)


def test_the_reservation_table_is_the_one_in_the_docs() -> None:
    def rsl(permits: tuple[str, ...], prohibits: tuple[str, ...]) -> str:
        parts = [f"permits {', '.join(permits)}"] if permits else []
        return "; ".join(parts + ([f"prohibits {', '.join(prohibits)}"] if prohibits else []))

    code = {
        tier.value: [
            row.content_usage,
            row.content_signal,
            str(row.tdm),
            row.x_robots_tag or "-",
            row.data_mining,
            " / ".join(entry or "-" for entry in row.cawg),
            rsl(row.rsl_permits, row.rsl_prohibits),
        ]
        for tier, row in RESERVATIONS.items()
    }
    assert code == table("tier")
    assert list(RESERVATIONS) == list(Reservation)


def test_licences_are_https_and_have_a_page_for_people() -> None:
    for terms in LICENCES.values():
        assert terms.uri.startswith("https://") and terms.deed.startswith("https://")
        assert terms.words.endswith(".")


def test_the_sentence_is_word_for_word_the_one_in_the_docs() -> None:
    quoted = re.search(r"^> (.*)$", (ROOT / "docs" / "rights.md").read_text("utf-8"), re.M)
    assert quoted
    said = rights.sentence(Rights(Licence.ARR, Reservation.NO_AI, "Ada Ink", 2026))
    assert said == quoted[1].format_map({"year": 2026, "name": "Ada Ink"} | {"licence name": "All rights reserved"})


@pytest.mark.parametrize(("licence", "reservation"), PAIRS)
def test_the_sentence_claims_only_what_is_so(licence: Licence, reservation: Reservation) -> None:
    said = rights.sentence(Rights(licence, reservation, "Ada Ink", 2026))
    assert ("rights reserved, Art. 4(3)" in said) is (reservation is not Reservation.OPEN)
    assert ("not reserved" in said) is (reservation is Reservation.OPEN)
    assert said.startswith("©") is (licence not in (Licence.CC0, Licence.PDM))


@pytest.mark.parametrize(("licence", "reservation"), PAIRS)
def test_every_channel_says_what_the_golden_file_says(licence: Licence, reservation: Reservation) -> None:
    whole = described(licence, reservation)
    said = {name: json.loads(json.dumps(channel(whole))) for name, channel in CHANNELS.items()}
    file = GOLDEN / f"{licence}.{reservation}.json"
    if os.environ.get("CARTELLINO_TEST_GOLDEN") == "write":
        file.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert json.loads(file.read_text("utf-8")) == said


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{licence}.{tier}.json" for licence, tier in PAIRS}
    assert {file.name for file in GOLDEN.iterdir()} == wanted


def test_nobody_else_names_a_signal() -> None:
    found = []
    for folder in ("server", "web", "federation", "templates"):
        for file in sorted((ROOT / folder).rglob("*")):
            if (
                file.suffix in (".py", ".html", ".txt", ".xml", ".js")
                and "rights" not in file.relative_to(ROOT).parts[:2]
            ):
                found += [
                    f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
                    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
                    if SIGNALS.search(line)
                ]
    assert found == []


def test_the_grep_would_find_a_signal() -> None:
    assert all(SIGNALS.search(row.data_mining) for row in RESERVATIONS.values())
    assert all(SIGNALS.search(row.content_usage) for row in RESERVATIONS.values())
    assert all(SIGNALS.search(terms.uri) for terms in LICENCES.values())


def test_the_stricter_of_two_holds_whichever_comes_first() -> None:
    assert rights.stricter(Reservation.OPEN, Reservation.NO_GENAI) is Reservation.NO_GENAI
    assert rights.stricter(Reservation.NO_AI_NO_INDEX, Reservation.NO_AI) is Reservation.NO_AI_NO_INDEX
    assert rights.stricter(Reservation.NO_AI, Reservation.NO_AI) is Reservation.NO_AI


def test_a_house_can_only_raise_and_leaves_the_public_domain_alone() -> None:
    def tier(licence: Licence, own: Reservation, house: Reservation) -> Reservation:
        artwork = Artwork(licence=licence, reservation=own)
        return rights.describe(artwork, holder="Ada", year=2026, least=house).reservation

    assert tier(Licence.BY, Reservation.OPEN, Reservation.NO_AI) is Reservation.NO_AI
    assert tier(Licence.BY, Reservation.NO_AI_NO_INDEX, Reservation.NO_GENAI) is Reservation.NO_AI_NO_INDEX
    assert tier(Licence.CC0, Reservation.OPEN, Reservation.NO_AI) is Reservation.OPEN


@pytest.mark.parametrize("licence", list(Licence))
@pytest.mark.parametrize("reservation", list(Reservation))
def test_pairs_that_contradict_themselves_are_refused(licence: Licence, reservation: Reservation) -> None:
    if (licence, reservation) in PAIRS:
        rights.check(licence, reservation)
    else:
        with pytest.raises(Invalid) as wrong:
            rights.check(licence, reservation)
        assert set(wrong.value.fields) == {"reservation"}


def test_a_work_is_described_with_its_artist_and_its_year(site: Site) -> None:
    author = Actor(handle="ada", name="Ada Ink")
    artwork = Artwork(licence=Licence.BY, reservation=Reservation.NO_GENAI, year=1998, title="Heron")
    post = Post(id=42, kind=Kind.WORK, author=author, artwork=artwork)
    found = rights.of(post, site.urls, rights.minimum(site))
    assert (found.licence, found.reservation, found.holder, found.year) == (
        Licence.BY, Reservation.NO_GENAI, "Ada Ink", 1998,
    )  # fmt: skip
    assert found.subject.uri == found.subject.document == "http://art.test/works/42"
    assert found.subject.page == "http://art.test/@ada/42-heron"
    assert found.subject.policy == "http://art.test/works/42/policy.json"
    with pytest.raises(ValueError, match="only a work"):
        rights.of(Post(kind=Kind.NOTE, author=author), site.urls, Reservation.OPEN)


def test_what_nobody_stated_is_said_to_be_assumed() -> None:
    """Duty 4: unknown is passed on as no-ai, and nobody claims that the author said so."""
    artwork = Artwork(
        licence=Licence.ARR, reservation=Reservation.NO_AI, licence_stated=False, reservation_stated=False
    )
    unknown = rights.describe(artwork, holder="Mia", year=2026)
    words = channels.words(unknown)
    assert words.licence == "Licence not stated by the author" and words.licence_uri == words.deed == ""
    assert words.reservation.startswith("Not stated by the author.") and words.reserved
    assert not words.licence_stated and not words.reservation_stated
    assert "not stated by the author" in words.sentence and "2019/790" not in words.sentence
    assert "All rights reserved" not in words.sentence
    said = channels.activitypub(unknown)
    assert "license" not in said and said["tdmReservation"] == 1
    stated = channels.activitypub(Rights(Licence.ARR, Reservation.NO_AI, "Mia", 2026))
    assert said["dataMining"] == stated["dataMining"] and said["xRobotsTag"] == stated["xRobotsTag"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://creativecommons.org/licenses/by/3.0/", "https://creativecommons.org/licenses/by/3.0/"),
        ("Free Art License 1.3", ""), ("javascript:alert(1)", ""), ("https://a.example/ onclick=x", ""),
        ('https://a.example/"x', ""),
    ],
)  # fmt: skip
def test_a_licence_that_is_none_of_ours_stays_what_it_is(text: str, address: str) -> None:
    artwork = Artwork(licence=Licence.ARR, reservation=Reservation.OPEN, licence_text=text)
    words = channels.words(rights.describe(artwork, holder="Mia", year=2026))
    assert words.licence == text and words.licence_uri == words.deed == address and words.licence_stated
    assert "All rights reserved" not in words.sentence and text in words.sentence
    assert channels.activitypub(rights.describe(artwork, holder="Mia", year=2026)).get("license", "") == address
