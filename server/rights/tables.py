"""The two tables: licences for people, reservations for machines. They are those of docs/rights.md (a test compares)."""

from dataclasses import dataclass

from server.errors import Invalid
from server.models import Licence, Reservation

ALL = tuple(Reservation)
# What is in the public domain cannot be reserved: nobody has the right to.
NOTHING = (Reservation.OPEN,)


@dataclass(frozen=True)
class Terms:
    """One row of the licence table."""

    name: str
    uri: str  # what machines read; the same in every channel
    deed: str  # the page for people
    spdx: str
    allowed: tuple[Reservation, ...]
    words: str  # what others may do, in one plain sentence
    claims: bool = True  # whether somebody holds a copyright: only then does the sign © stand before the year


def _creative_commons(key: str, name: str, words: str) -> Terms:
    uri = f"https://creativecommons.org/licenses/{key}/4.0/"
    return Terms(f"Creative Commons {name} 4.0", uri, f"{uri}deed.en", f"CC-{key.upper()}-4.0", ALL, words)


# https where the canonical address of rightsstatements.org is http: one receiver drops every licence that is not https.
LICENCES: dict[Licence, Terms] = {
    Licence.ARR: Terms(
        "All rights reserved",
        "https://rightsstatements.org/vocab/InC/1.0/",
        "https://rightsstatements.org/page/InC/1.0/?language=en",
        "LicenseRef-InC",
        ALL,
        "You may look at this work. For anything else, ask the artist.",
    ),
    Licence.BY: _creative_commons(
        "by", "Attribution", "You may share and change this work, also commercially, if you name the artist."
    ),
    Licence.BY_SA: _creative_commons(
        "by-sa",
        "Attribution-ShareAlike",
        "You may share and change this work if you name the artist and give what you make of it the same licence.",
    ),
    Licence.BY_NC: _creative_commons(
        "by-nc",
        "Attribution-NonCommercial",
        "You may share and change this work if you name the artist and make no money with it.",
    ),
    Licence.BY_NC_SA: _creative_commons(
        "by-nc-sa",
        "Attribution-NonCommercial-ShareAlike",
        "You may share and change this work if you name the artist, make no money with it and give what you make of it "
        "the same licence.",
    ),
    Licence.BY_ND: _creative_commons(
        "by-nd",
        "Attribution-NoDerivatives",
        "You may share this work unchanged, also commercially, if you name the artist.",
    ),
    Licence.BY_NC_ND: _creative_commons(
        "by-nc-nd",
        "Attribution-NonCommercial-NoDerivatives",
        "You may share this work unchanged if you name the artist and make no money with it.",
    ),
    Licence.CC0: Terms(
        "Given to the public domain (CC0 1.0)",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "https://creativecommons.org/publicdomain/zero/1.0/deed.en",
        "CC0-1.0",
        NOTHING,
        "The artist has given up all rights: you may do with this work what you like.",
        claims=False,
    ),
    Licence.PDM: Terms(
        "In the public domain",
        "https://creativecommons.org/publicdomain/mark/1.0/",
        "https://creativecommons.org/publicdomain/mark/1.0/deed.en",
        "",  # the mark is no licence, so there is no identifier for it
        NOTHING,
        "No copyright is known to be left in this work: you may do with it what you like.",
        claims=False,
    ),
}


@dataclass(frozen=True)
class Signals:
    """One row of the reservation table: the same wish in every language that some machine reads."""

    name: str  # for lists and buttons
    words: str  # the wish, in one plain sentence
    content_usage: str
    content_signal: str
    tdm: int
    x_robots_tag: str
    data_mining: str  # suffix of plus:DataMining
    cawg: tuple[str, str, str, str]  # data mining, AI inference, AI training, generative training; "" says nothing
    rsl_permits: tuple[str, ...]
    rsl_prohibits: tuple[str, ...]


RESERVATIONS: dict[Reservation, Signals] = {
    Reservation.OPEN: Signals(
        "Open to machines",
        "AI training and text and data mining are not reserved.",
        "train-ai=y, search=y",
        "search=yes, ai-input=yes, ai-train=yes",
        0,
        "",
        "DMI-ALLOWED",
        ("allowed", "allowed", "allowed", "allowed"),
        ("all",),
        (),
    ),
    Reservation.NO_GENAI: Signals(
        "Not for generative AI",
        "Not for training AI that makes pictures or texts. Search engines may show it.",
        "train-ai=n, search=y",
        "search=yes, ai-train=no",
        1,
        "noai, noimageai",
        "DMI-PROHIBITED-GENAIMLTRAINING",
        ("", "", "allowed", "notAllowed"),
        ("search",),
        ("ai-train",),
    ),
    Reservation.NO_TRAINING: Signals(
        "Not for AI training",
        "Not for AI training of any kind. Search engines may show it.",
        "train-ai=n, search=y",
        "search=yes, ai-train=no",
        1,
        "noai, noimageai, noarchive",
        "DMI-PROHIBITED-AIMLTRAINING",
        ("", "", "notAllowed", "notAllowed"),
        ("search",),
        ("ai-train",),
    ),
    Reservation.NO_AI: Signals(
        "Not for AI",
        "Not for AI training, AI answers or text and data mining. Search engines may show it.",
        "train-ai=n, search=y",
        "search=yes, ai-input=no, ai-train=no",
        1,
        "noai, noimageai, noarchive",
        "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        ("notAllowed", "notAllowed", "notAllowed", "notAllowed"),
        ("search",),
        ("ai-all",),
    ),
    Reservation.NO_AI_NO_INDEX: Signals(
        "Not for AI, not for search engines",
        "Not for AI training, AI answers or text and data mining, and not for search engines.",
        "train-ai=n, search=n",
        "search=no, ai-input=no, ai-train=no",
        1,
        "noai, noimageai, noarchive, noindex, noimageindex",
        "DMI-PROHIBITED",
        ("notAllowed", "notAllowed", "notAllowed", "notAllowed"),
        (),
        ("all",),
    ),
}


def stricter(one: Reservation, other: Reservation) -> Reservation:
    """The stricter of two reservations: readers combine statements that way, and so do we."""
    return max(one, other, key=ALL.index)


def allowed(licence: Licence) -> tuple[Reservation, ...]:
    """The reservations that may stand beside `licence`, from laxest to strictest."""
    return LICENCES[licence].allowed


def check(licence: Licence, reservation: Reservation) -> None:
    """Raises Invalid for a pair that contradicts itself."""
    if reservation not in allowed(licence):
        raise Invalid(
            reservation=f"“{LICENCES[licence].name}” cannot be combined with a reservation: nobody can reserve such a work. "
            f"Choose “{RESERVATIONS[Reservation.OPEN].name}”, or another licence."
        )
