"""What an artist allows: a licence (for people) and a reservation (for machines), described once, rendered per channel.

`describe` is the only reader of a work's columns for it; `channels` alone speaks wire words. Both tables are those of
docs/rights.md, row by row (a test compares). Nothing here is legal advice; it is what the artist said, said well.
"""

from dataclasses import dataclass

from server.errors import Invalid
from server.models import Actor, Artwork, Licence, Post, Reservation

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


@dataclass(frozen=True)
class Rights:
    """What holds for one work: everything that any channel says is made from this value alone."""

    licence: Licence
    reservation: Reservation
    holder: str  # the artist's name as people read it
    year: int
    # What the author of a work elsewhere did not state; then the two above are what we assume (duty 4), and are said to be that.
    licence_stated: bool = True
    reservation_stated: bool = True
    # A licence elsewhere that is none of ours, as it was stated; `licence` is then what we assume.
    licence_text: str = ""

    @property
    def terms(self) -> Terms:
        """The licence's row."""
        return LICENCES[self.licence]

    @property
    def licence_name(self) -> str:
        """The licence as people read it: ours by its name, another one as it was stated, or that there is none."""
        if not self.licence_stated:
            return "Licence not stated by the author"
        return self.licence_text or self.terms.name

    @property
    def licence_uri(self) -> str:
        """The licence as machines read it; empty where none was stated, or where it was stated in words alone."""
        if not self.licence_stated:
            return ""
        return (self.licence_text if _is_address(self.licence_text) else "") if self.licence_text else self.terms.uri

    @property
    def signals(self) -> Signals:
        """The reservation's row."""
        return RESERVATIONS[self.reservation]

    @property
    def is_reserved(self) -> bool:
        """Whether anything is reserved against machines."""
        return bool(self.signals.tdm)

    @property
    def is_indexed(self) -> bool:
        """Whether search engines may list the work."""
        return self.reservation is not Reservation.NO_AI_NO_INDEX


def describe(artwork: Artwork, *, holder: str, year: int, house: Reservation | None = None) -> Rights:
    """The rights in a work of `holder`, made in `year`. The only reader of the columns that say so.

    `house` is the least that this house reserves for every work; it can only make a work's reservation stricter, and
    leaves alone what is in the public domain.
    """
    reservation = artwork.reservation
    if house and house in allowed(artwork.licence):
        reservation = stricter(reservation, house)
    # Columns of a row that is not written yet are None.
    return Rights(
        artwork.licence,
        reservation,
        holder,
        year,
        licence_stated=artwork.licence_stated is not False,
        reservation_stated=artwork.reservation_stated is not False,
        licence_text=artwork.licence_text or "",
    )


def of(post: Post, house: Reservation | None = None) -> Rights:
    """The rights in the work that `post` is; needs `post.author` and `post.artwork`.

    The year is the work's own where the artist gave one, else that of its first appearance here. Raises ValueError for
    a note: it has neither licence nor reservation.
    """
    if post.artwork is None:
        raise ValueError("only a work has rights of its own")
    year = post.artwork.year or (post.published_at or post.created_at).year
    return describe(post.artwork, holder=post.author.display_name, year=year, house=house)


def preferred(actor: Actor) -> Rights:
    """What `actor`'s next work starts with; never a fallback for one that exists (FEP-6757)."""
    return Rights(actor.default_licence, actor.default_reservation, actor.display_name, actor.created_at.year)


def sentence(rights: Rights) -> str:
    """The one sentence that goes, word for word, into every text field (docs/rights.md).

    Where nothing is reserved it claims no reservation, and where nobody holds a copyright it claims none.
    """
    sign = "© " if rights.terms.claims else ""
    if not rights.reservation_stated:
        machines = "No AI training or text and data mining (not stated by the author, reserved as a precaution)."
    elif rights.is_reserved:
        machines = "No AI training or text and data mining (rights reserved, Art. 4(3) Directive (EU) 2019/790)."
    else:
        machines = "AI training and text and data mining are not reserved."
    return f"{sign}{rights.year} {rights.holder}. {rights.licence_name}. {machines}"


def stricter(one: Reservation, other: Reservation) -> Reservation:
    """The stricter of two reservations: readers combine statements that way, and so do we."""
    return max(one, other, key=ALL.index)


def allowed(licence: Licence) -> tuple[Reservation, ...]:
    """The reservations that may stand beside `licence`, from laxest to strictest."""
    return LICENCES[licence].allowed


def _is_address(text: str) -> bool:
    """Whether it is one address that a page may link to, and nothing else."""
    return text.startswith(("https://", "http://")) and text.isprintable() and not any(c in text for c in " \"'<>")


def check(licence: Licence, reservation: Reservation) -> None:
    """Raises Invalid for a pair that contradicts itself."""
    if reservation not in allowed(licence):
        raise Invalid(
            reservation=f"“{LICENCES[licence].name}” cannot be combined with a reservation: nobody can reserve such a work. "
            f"Choose “{RESERVATIONS[Reservation.OPEN].name}”, or another licence."
        )
