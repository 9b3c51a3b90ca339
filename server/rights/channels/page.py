"""What a page says to people about one work."""

from dataclasses import dataclass

from server.rights import Rights, sentence


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
    # The sentence in the artist's language, and which language that is.
    said: str
    language: str
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
        said=sentence(rights, rights.language),
        language=rights.language,
        licence_stated=rights.licence_stated,
        reservation_stated=rights.reservation_stated,
    )


def spelled_out(rights: Rights) -> list[tuple[str, str]]:
    """The same wish in each language that some machine reads, for the page that shows it to people: (what reads it, value)."""
    signals = rights.signals
    rows = [
        ("AIPREF (Content-Usage)", signals.content_usage),
        ("TDM Reservation Protocol", f"tdm-reservation: {signals.tdm}"),
        ("Robots directives", signals.x_robots_tag),
        ("IPTC and PLUS, inside the files", signals.data_mining),
        ("C2PA and CAWG, inside the files", _cawg(rights)),
        ("RSL", _rsl(rights)),
    ]
    return [(name, value) for name, value in rows if value]


def _cawg(rights: Rights) -> str:
    if not rights.is_local:
        return ""
    names = ("data mining", "AI inference", "AI training", "generative AI training")
    return ", ".join(f"{name}: {use}" for name, use in zip(names, rights.signals.cawg, strict=True) if use)


def _rsl(rights: Rights) -> str:
    signals = rights.signals
    parts = [f"permits {', '.join(signals.rsl_permits)}"] if signals.rsl_permits else []
    return "; ".join(parts + ([f"prohibits {', '.join(signals.rsl_prohibits)}"] if signals.rsl_prohibits else []))
