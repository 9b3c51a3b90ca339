"""One renderer per channel: every wire word for rights in the house can be read and judged on this page.

A new channel is one function, one line in CHANNELS and its golden files under tests/golden/rights.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from server.rights import Rights, sentence

Json = dict[str, Any]

# What our terms mean in ActivityPub documents (docs/rights.md). All are reused; they are defined inside each document,
# since a context that has to be fetched from somewhere can fail. Only terms that some document carries stand here.
CONTEXT: Json = {
    "license": {"@id": "http://purl.org/dc/terms/license", "@type": "@id"},
    "rights": "http://purl.org/dc/terms/rights",
    "schema": "http://schema.org/",
    "creditText": "schema:creditText",
    "copyrightNotice": "schema:copyrightNotice",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "dataMining": {"@id": "plus:DataMining", "@type": "@id"},
    "tdm": "http://www.w3.org/ns/tdmrep#",
    "tdmReservation": "tdm:reservation",
    # FEP-5e53 publishes no address for its term; this follows the pattern of the others.
    "xRobotsTag": "https://w3id.org/fep/5e53#xRobotsTag",
    "searchableBy": {"@id": "http://fedibird.com/ns#searchableBy", "@type": "@id"},
}
CONTEXT_OF_ACTORS: Json = {
    "preferredLicense": {"@id": "https://w3id.org/fep/6757#preferredLicense", "@type": "@id"},
    "xRobotsTag": CONTEXT["xRobotsTag"],
}
# What NodeInfo lists as spoken here (FEP-6481).
EXTENSIONS = ("https://w3id.org/fep/6757", "https://w3id.org/fep/5e53")

_DATA_MINING = "http://ns.useplus.org/ldf/vocab/"


@dataclass(frozen=True)
class Words:
    """What a page says to people about one work."""

    licence: str
    licence_words: str
    licence_uri: str  # what rel="license" points to
    deed: str  # the licence's page for people; like the address above empty where there is none
    reservation: str  # the wish, in one plain sentence
    reservation_name: str
    reserved: bool
    sentence: str
    # False: it is not what the author said, but what is assumed of a work elsewhere of which nothing is said.
    licence_stated: bool
    reservation_stated: bool


def words(rights: Rights) -> Words:
    """For pages."""
    meaning = rights.terms.words
    if not rights.licence_stated:
        meaning = "Nothing is said, so all rights are reserved. For anything but looking at this work, ask the author."
    elif rights.licence_text:
        meaning = "The author chose this licence; what it allows is said there, in its own words."
    reservation = rights.signals.words
    if not rights.reservation_stated:
        reservation = f"Not stated by the author. Until they say otherwise it is passed on like this: {reservation}"
    return Words(
        licence=rights.licence_name,
        licence_words=meaning,
        licence_uri=rights.licence_uri,
        deed=rights.terms.deed if rights.licence_uri == rights.terms.uri else rights.licence_uri,
        reservation=reservation,
        reservation_name=rights.signals.name if rights.reservation_stated else "Not stated by the author",
        reserved=rights.is_reserved,
        sentence=sentence(rights),
        licence_stated=rights.licence_stated,
        reservation_stated=rights.reservation_stated,
    )


def activitypub_attachment(rights: Rights) -> Json:
    """For each picture inside a work: readers of FEP-6757 do not look at the parent."""
    terms: Json = {
        **({"license": rights.licence_uri} if rights.licence_uri else {}),
        "rights": sentence(rights),
        "dataMining": _DATA_MINING + rights.signals.data_mining,
        "tdmReservation": rights.signals.tdm,
    }
    if rights.signals.x_robots_tag:
        terms["xRobotsTag"] = rights.signals.x_robots_tag
    return terms


def activitypub(rights: Rights) -> Json:
    """For a work, as an ActivityPub object; the meaning of the terms is CONTEXT."""
    return activitypub_attachment(rights) | {"creditText": rights.holder, "copyrightNotice": sentence(rights)}


def activitypub_actor(rights: Rights) -> Json:
    """For a person: the licence that their next work starts with. The meaning of the terms is CONTEXT_OF_ACTORS."""
    terms: Json = {"preferredLicense": rights.terms.uri}
    if rights.signals.x_robots_tag:
        terms["xRobotsTag"] = rights.signals.x_robots_tag
    return terms


CHANNELS: dict[str, Callable[[Rights], Json]] = {
    "page": lambda rights: asdict(words(rights)),
    "activitypub": activitypub,
    "activitypub-attachment": activitypub_attachment,
    "activitypub-actor": activitypub_actor,
}
