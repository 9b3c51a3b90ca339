"""What others state of a work’s rights: their words and ours, read back; several statements taken together (docs/rights.md)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import rights
from server.models import Licence, Reservation, SourceType
from server.rights import LICENCES, RESERVATIONS, Rights, channels, stated
from server.rights.stated import Stated

PAIRS = [(licence, reservation) for licence in Licence for reservation in rights.allowed(licence)]
CC = "https://creativecommons.org/licenses"


@pytest.mark.parametrize(("licence", "reservation"), PAIRS)
@pytest.mark.parametrize("channel", ["activitypub", "activitypub-attachment"])
def test_what_we_state_is_read_back_as_it_was(licence: Licence, reservation: Reservation, channel: str) -> None:
    described = Rights(licence, reservation, "Ada Ink", 2026)
    read = stated.read(channels.CHANNELS[channel](described))
    assert (read.licence, read.reservation) == (licence, reservation)
    assert (read.rights, read.tdm_reservation) == (rights.sentence(described), described.signals.tdm)
    assert read.x_robots_tag == described.signals.x_robots_tag
    assert read.licence_text == described.terms.uri


@pytest.mark.parametrize("licence", Licence)
def test_an_address_is_known_however_it_is_written(licence: Licence) -> None:
    uri = LICENCES[licence].uri
    for spelled in (
        uri,
        uri.rstrip("/"),
        uri.replace("https", "http"),
        LICENCES[licence].deed,
        uri.replace("://", "://www."),
    ):
        assert stated.known_licence(spelled) is licence, spelled
    if spdx := LICENCES[licence].spdx:
        for spelled in (
            spdx,
            spdx.lower(),
            f"https://spdx.org/licenses/{spdx}",
            f"http://spdx.org/licenses/{spdx}.html",
        ):
            assert stated.known_licence(spelled) is licence, spelled


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("CC BY", Licence.BY), ("CC BY-NC-ND", Licence.BY_NC_ND), ("CC BY-SA 4.0", Licence.BY_SA), ("cc-by-nc", Licence.BY_NC),
        ("Creative Commons Attribution-ShareAlike 4.0 International", Licence.BY_SA), ("Attribution", Licence.BY),
        ("Attribution - Non Commercial - No Derivatives", Licence.BY_NC_ND), ("Public Domain Dedication", Licence.CC0),
        ("All Rights Reserved", Licence.ARR), ("© All rights reserved.", Licence.ARR), ("CC0 1.0", Licence.CC0),
        (f"{CC}/by/4.0/legalcode", Licence.BY), (f"{CC}/by-nc/4.0/deed.pl", Licence.BY_NC),
    ],
)  # fmt: skip
def test_a_title_names_a_licence(words: str, licence: Licence) -> None:
    assert stated.known_licence(words) is licence


@pytest.mark.parametrize(
    "words",
    [
        # Another version, or one of a country, is another contract.
        f"{CC}/by/3.0/", f"{CC}/by-sa/2.0/de/", f"{CC}/by/1.0/", "CC BY 3.0", "CC-BY-3.0", "Attribution 2.5 Generic",
        f"{CC}/by-nc-sa/3.0/igo/", f"{CC}/sampling/4.0/", "https://creativecommons.org/publicdomain/zero/2.0/",
        "https://evil.example/creativecommons.org/licenses/by/4.0/", f"{CC}.evil.example/by/4.0/", f"{CC}/by/4.0/../../x",
        "MIT", "https://rightsstatements.org/vocab/NoC-US/1.0/", "https://rightsstatements.org/vocab/InC-EDU/1.0/",
        "Public domain", "free", "", "1", "by", "CC", "not all rights reserved to CC BY",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_of_ours_stays_words(words: str) -> None:
    assert stated.known_licence(words) is None
    read = stated.read({"license": words})
    assert (read.licence, read.licence_text) == (None, words)


@pytest.mark.parametrize(
    "document",
    [
        {"license": f"{CC}/by/4.0/"},
        {"license": {"id": f"{CC}/by/4.0/"}},
        {"dcterms:license": {"@id": f"{CC}/by/4.0/"}},
        {"http://purl.org/dc/terms/license": [{"@id": f"{CC}/by/4.0/"}]},
        {"https://schema.org/license": f"{CC}/by/4.0"},
        {"schema:license": {"type": "CreativeWork", "name": "Attribution", "url": f"{CC}/by/4.0/"}},
        {"cc:license": f"{CC}/by/4.0/"},
        {"licence": {"identifier": "1", "name": "Attribution"}},
        {"spdx:license": {"@id": "http://spdx.org/licenses/CC-BY-4.0", "spdx:licenseId": "CC-BY-4.0"}},
        {"spdx:license": {"spdx:licenseId": "CC-BY-4.0"}},
        {"license": "CC BY"},
        {"license": None, "cc:license": "CC BY"},
        # The order of duty 2: what comes first counts.
        {"cc:license": "CC BY-ND", "license": "CC BY"},
    ],
)
def test_every_known_place_of_a_licence_is_read(document: dict[str, Any]) -> None:
    assert stated.read(document).licence is Licence.BY


def test_of_several_licences_the_strictest_is_taken_and_all_are_kept() -> None:
    read = stated.read({"license": [f"{CC}/by/4.0/", f"{CC}/by-nc/4.0/"]})
    assert (read.licence, read.licence_text) == (Licence.BY_NC, f"{CC}/by/4.0/ {CC}/by-nc/4.0/")
    assert stated.read({"license": ["CC BY", "something else"]}).licence is None
    assert set(stated.STRICTEST_FIRST) == set(Licence)


OPEN, GENAI, TRAINING, AI, INDEX = Reservation


@pytest.mark.parametrize(
    ("document", "reservation"),
    [
        ({}, None),
        ({"tdmReservation": 0}, OPEN),
        ({"tdmReservation": 1}, AI),
        ({"tdmReservation": "1"}, AI),
        ({"tdm:reservation": True}, AI),
        ({"tdmReservation": 2}, None),
        ({"tdmReservation": [1]}, AI),
        ({"xRobotsTag": "noai"}, AI),
        ({"xRobotsTag": "NoAI, noimageai"}, AI),
        ({"xRobotsTag": ["noarchive", "noindex"]}, INDEX),
        ({"xRobotsTag": "none"}, INDEX),
        ({"xRobotsTag": "noarchive"}, None),
        ({"xRobotsTag": "all"}, None),
        ({"contentUsage": "train-ai=n, search=y"}, TRAINING),
        ({"contentUsage": "train-ai=n, search=n"}, INDEX),
        ({"contentUsage": "train-ai=y"}, OPEN),
        ({"contentSignal": "search=yes, ai-input=no, ai-train=no"}, AI),
        ({"dataMining": "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"}, TRAINING),
        ({"dataMining": "plus:DMI-PROHIBITED"}, INDEX),
        ({"dataMining": {"@id": "http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"}}, OPEN),
        ({"dataMining": "DMI-PROHIBITED-SEECONSTRAINT"}, AI),
        ({"dataMining": "DMI-UNSPECIFIED"}, None),
        ({"dataMining": "anything"}, None),
        # Several together: the strictest.
        ({"dataMining": "DMI-ALLOWED", "tdmReservation": 1}, GENAI),
        ({"dataMining": "DMI-PROHIBITED-GENAIMLTRAINING", "xRobotsTag": "noai, noindex"}, INDEX),
        ({"dataMining": "DMI-PROHIBITED-GENAIMLTRAINING", "xRobotsTag": "noai, noarchive"}, TRAINING),
        ({"tdmReservation": 0, "xRobotsTag": "noai"}, AI),
        ({"dataMining": "DMI-PROHIBITED-GENAIMLTRAINING", "contentSignal": "ai-input=no"}, AI),
    ],
)
def test_signals_imply_a_reservation(document: dict[str, Any], reservation: Reservation | None) -> None:
    assert stated.read(document).reservation is reservation


@pytest.mark.parametrize("one", [None, *Reservation])
@pytest.mark.parametrize("other", [None, *Reservation])
def test_the_strictest_reservation_holds_whoever_says_it(one: Reservation | None, other: Reservation | None) -> None:
    said = [each for each in (one, other) if each]
    strictest = max(said, key=list(Reservation).index, default=None)
    assert stated.merge(Stated(reservation=one), Stated(reservation=other)).reservation is strictest


def test_merging_takes_the_strictest_licence_and_adds_up_the_rest() -> None:
    one = stated.read({"license": "CC BY", "rights": "© Ann", "xRobotsTag": "noai"})
    other = stated.read(
        {"license": "CC BY-NC", "tdmReservation": 1, "xRobotsTag": "noai, noindex", "dataMining": "DMI-PROHIBITED"}
    )
    for both in (stated.merge(one, other), stated.merge(other, one)):
        assert (both.licence, both.licence_text, both.rights) == (Licence.BY_NC, "CC BY-NC", "© Ann")
        assert (both.tdm_reservation, both.x_robots_tag) == (1, "noai, noindex")
        assert (both.reservation, both.data_mining) == (INDEX, "DMI-PROHIBITED")
    unknown = stated.merge(one, stated.read({"license": "Ask me"}))
    assert (unknown.licence, unknown.licence_text) == (None, "Ask me")
    assert stated.merge() == stated.merge(Stated()) == Stated()
    assert stated.merge(one) == one


@pytest.mark.parametrize(("licence", "reservation"), PAIRS)
def test_a_statement_survives_its_column(licence: Licence, reservation: Reservation) -> None:
    read = stated.read(channels.activitypub(Rights(licence, reservation, "Ada Ink", 2026)))
    assert stated.from_json(json.loads(json.dumps(stated.as_json(read)))) == read
    assert stated.as_json(Stated()) == {}
    assert stated.from_json({}) == Stated()


TERMS = [
    *stated.LICENCE_TERMS, *stated.RIGHTS_TERMS, *stated.MINING_TERMS, *stated.TDM_TERMS, *stated.POLICY_TERMS,
    *stated.ROBOTS_TERMS, *stated.USAGE_TERMS,
]  # fmt: skip
WORDS = st.sampled_from(
    [
        "x" * 5000,
        "\u202enoai",
        "noai",
        "https://a.example/p",
        "javascript:x",
        "DMI-PROHIBITED",
        "train-ai=n",
        "CC BY",
        *(row.x_robots_tag for row in RESERVATIONS.values()),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=12) | st.dictionaries(st.sampled_from(["@id", "id", "name", "@value"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(TERMS), VALUES, max_size=6))
def test_whatever_stands_there_is_read_within_limits(document: dict[str, Any]) -> None:
    read = stated.read(document)
    assert len(read.licence_text) <= stated.LONGEST_LICENCE and len(read.rights) <= stated.LONGEST_RIGHTS
    assert len(read.x_robots_tag) <= stated.LONGEST_RIGHTS and len(read.data_mining) <= stated.LONGEST_WORD
    assert read.tdm_reservation in (None, 0, 1)
    assert read.tdm_policy == "" or read.tdm_policy.startswith(("https://", "http://"))
    shown = json.dumps(stated.as_json(read), ensure_ascii=False)
    assert not set(shown) & set("\u202e\x00\u200b")
    assert stated.from_json(json.loads(shown)) == read
    assert stated.merge(read, read).reservation is read.reservation


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia", SourceType.GENERATOR),
        ("https://schema.org/DigitalArtDigitalSource", SourceType.DIGITAL_CREATION),
        ({"@id": "http://cv.iptc.org/newscodes/digitalsourcetype/minorHumanEdits"}, SourceType.HUMAN_EDITS),
        (["print", "compositeWithTrainedAlgorithmicMedia"], SourceType.COMPOSITE_WITH_GENERATOR),
        ("https://schema.org/ImageObject", None),
        (7, None),
    ],
)
def test_how_a_work_came_to_be_is_read(value: Any, source: SourceType | None) -> None:
    read = stated.read({"digitalSourceType": value})
    assert read.source_type is source
    assert stated.from_json(json.loads(json.dumps(stated.as_json(read)))) == read
    assert stated.merge(stated.Stated(), read).source_type is source


@pytest.mark.parametrize(
    ("rights", "year"),
    [("© 2011 Mia. Ask.", 2011), ("2019 Ada. CC0.", 2019), ("(c) 1987 Mia", 1987), ("Copyright 2001", 2001),
     ("© Mia 2011", None), ("© 20111 Mia", None), ("", None)],
)  # fmt: skip
def test_the_year_of_the_authors_sentence_is_read(rights: str, year: int | None) -> None:
    assert stated.stated_year(stated.read({"rights": rights})) == year


@pytest.mark.parametrize(
    "word", ["https://a.example/żółw", "https://a.example/ x", "ftp://a.example/", 'https://a"b', "https://a>"]
)
def test_what_fits_into_no_header_is_no_address(word: str) -> None:
    assert not stated.is_address(word) and stated.read({"tdmPolicy": word}).tdm_policy == ""
