"""What an artist allows: a licence (for people) and a reservation (for machines), described once, rendered per channel.

`describe` is the only reader of a work's columns for it; `channels` alone speaks wire words. Nothing here is legal advice; it is
what the artist said, said well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from server import clock
from server.models import Actor, Artwork, Licence, Media, Post, Reservation, SourceType
from server.rights.sentences import sentence_of
from server.rights.stated import Stated, from_json, is_address, merge, stated_year
from server.rights.tables import LICENCES, RESERVATIONS, Signals, Terms, allowed, check, stricter
from server.site import Site
from server.urls import Urls

__all__ = [
    "LICENCES",
    "RESERVATIONS",
    "Rights",
    "Signals",
    "Subject",
    "Terms",
    "allowed",
    "check",
    "describe",
    "house",
    "minimum",
    "of",
    "of_media",
    "preferred",
    "sentence",
    "stricter",
    "together",
]


@dataclass(frozen=True)
class Subject:
    """What a statement is about, and where the rest of it lies. Addresses are absolute; what there is not is empty."""

    title: str = ""
    # The work's id on the fediverse, and where its own server answers with its ActivityPub document.
    uri: str = ""
    document: str = ""
    page: str = ""
    # The page that explains its rights to people, the offer for machines (ODRL), and the page on which to ask for a licence.
    explained: str = ""
    policy: str = ""
    licensing: str = ""
    actor: str = ""
    profile: str = ""
    # The house's own terms (RSL) and address.
    rsl: str = ""
    house: str = ""


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
    subject: Subject = Subject()
    # How the work came to be; None: not said. Declared by its artist, or else what a generator's mark in its file says.
    source_type: SourceType | None = None
    source_declared: bool = True
    # The artist's language (BCP 47); pages say the sentence in it, wire formats in English.
    language: str = "en"
    # The work is of another server, whose statement this repeats: nobody here signs anything in its author's name.
    is_local: bool = True

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
        return (self.licence_text if is_address(self.licence_text) else "") if self.licence_text else self.terms.uri

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


def describe(artwork: Artwork, *, holder: str, year: int, least: Reservation | None = None) -> Rights:
    """The rights in a work of `holder`, made in `year`. The only reader of the columns that say so.

    `least` is the least that this house reserves for every work; it can only make a work's reservation stricter, and leaves alone
    what is in the public domain.
    """
    # Columns of a row that is not written yet are None.
    return Rights(
        artwork.licence,
        _at_least(artwork.reservation, artwork.licence, least),
        holder,
        year,
        licence_stated=artwork.licence_stated is not False,
        reservation_stated=artwork.reservation_stated is not False,
        licence_text=artwork.licence_text or "",
        source_type=artwork.came_to_be,
        source_declared=artwork.came_to_be is artwork.source_type,
    )


def of(post: Post, urls: Urls, least: Reservation = Reservation.OPEN) -> Rights:
    """The rights in the work that `post` is; needs `post.author` and `post.artwork`. `least` is `minimum` of the house.

    The year is the work's own where the artist gave one, else that of its first appearance. What another server states for a
    work of its own counts as it is: the house's least is for works that are posted here. Raises ValueError for a note, which has
    neither licence nor reservation.
    """
    if post.artwork is None:
        raise ValueError("only a work has rights of its own")
    author = post.author
    said = from_json(post.artwork.stated or {})
    year = post.artwork.year or stated_year(said) or (post.published_at or post.created_at).year
    subject = Subject(
        title=post.artwork.title,
        uri=urls.post(post),
        document=urls.post(post) if is_address(urls.post(post)) else "",
        page=urls.post_page(post),
        explained=urls.rights(post),
        policy=said.tdm_policy or urls.policy(post),
        licensing=urls.licensing(author),
        actor=urls.actor(author),
        profile=urls.profile(author),
        rsl=urls.rsl,
        house=urls.base,
    )
    described = describe(post.artwork, holder=author.display_name, year=year, least=least if post.is_local else None)
    return replace(described, subject=subject, language=author.language or "en", is_local=post.is_local)


def of_media(media: Media, post: Post, urls: Urls, least: Reservation = Reservation.OPEN) -> Rights:
    """The rights in one picture of `post`. Ours are the work's; a picture of another server may state its own (rights 2.4).

    What is stated for the picture stands together with what is stated for its work, the strictest first; a picture of which
    nothing is said has the terms of its work.
    """
    own = from_json(media.stated or {})
    if post.artwork is None:
        return _of_note(own, post, urls)
    whole = of(post, urls, least)
    if post.is_local or own == from_json({}):
        return whole
    said = merge(from_json(post.artwork.stated or {}), own)
    return _stating(whole, own if own.licence or own.licence_text else said, said, own)


def _of_note(own: Stated, post: Post, urls: Urls) -> Rights:
    """A picture in a note of another server has no work whose terms it could share: what is stated for it, else the customary."""
    author = preferred(post.author, urls)
    subject = replace(author.subject, title="", uri=urls.post(post), document="", page=urls.post_page(post))
    customary = replace(author, subject=subject, year=(post.published_at or post.created_at).year, source_type=None)
    return _stating(customary, own, own, own)


def _stating(whole: Rights, licence: Stated, reservation: Stated, own: Stated) -> Rights:
    """`whole` with the licence of one statement and the reservation of another; what is `own` to the picture stands before it."""
    return replace(
        whole,
        licence=licence.licence or Licence.ARR,
        licence_stated=bool(licence.licence or licence.licence_text),
        licence_text="" if licence.licence else licence.licence_text,
        reservation=reservation.reservation or Reservation.NO_AI,
        reservation_stated=reservation.reservation is not None,
        source_type=own.source_type or whole.source_type,
        subject=replace(whole.subject, policy=own.tdm_policy or whole.subject.policy),
    )


def together(several: Iterable[Rights], site: Site, page: str = "") -> Rights:
    """What a page that shows several works says of itself: the strictest reservation of all of them, and no licence.

    A page without a work says what the house says.
    """
    own = house(site)
    tiers = [one.reservation for one in several]
    strictest = tiers[0] if tiers else own.reservation
    for tier in tiers[1:]:
        strictest = stricter(strictest, tier)
    return replace(own, reservation=strictest, subject=replace(own.subject, page=page))


def house(site: Site) -> Rights:
    """What the house itself states for everything below its address (rights 2.2)."""
    urls, settings = site.urls, site.settings
    subject = Subject(
        title=settings.server.name,
        page=urls.page("/"),
        explained=urls.page("/rights"),
        policy=urls.page("/rights/tdm-policy.json"),
        actor=urls.house,
        profile=urls.page("/about"),
        rsl=urls.rsl,
        house=urls.base,
    )
    return Rights(
        Licence.ARR,
        Reservation(settings.rights.house),
        settings.server.name,
        clock.now().year,
        licence_stated=False,
        subject=subject,
    )


def preferred(actor: Actor, urls: Urls, least: Reservation = Reservation.OPEN) -> Rights:
    """What `actor`'s next work starts with; never a fallback for one that exists (FEP-6757)."""
    reservation = _at_least(actor.default_reservation, actor.default_licence, least if actor.is_local else None)
    subject = Subject(
        title=actor.display_name,
        uri=urls.actor(actor),
        document=urls.actor(actor) if actor.is_local else "",
        page=urls.profile(actor),
        explained=urls.page("/rights"),
        policy=urls.page("/rights/tdm-policy.json"),
        licensing=urls.licensing(actor),
        actor=urls.actor(actor),
        profile=urls.profile(actor),
        rsl=urls.rsl,
        house=urls.base,
    )
    return Rights(
        actor.default_licence,
        reservation,
        actor.display_name,
        actor.created_at.year,
        subject=subject,
        language=actor.language or "en",
        is_local=actor.is_local,
    )


def minimum(site: Site) -> Reservation:
    """The least that is reserved for every work posted here; artists may only raise it."""
    return Reservation(site.settings.rights.minimum)


def sentence(rights: Rights, language: str = "en") -> str:
    """The one sentence that goes, word for word, into every text field (docs/rights.md); pages say it in the artist's language.

    Where nothing is reserved it claims no reservation, and where nobody holds a copyright it claims none.
    """
    return sentence_of(
        language,
        sign="© " if rights.terms.claims else "",
        year=rights.year,
        holder=rights.holder,
        licence=rights.licence if rights.licence_stated and not rights.licence_text else None,
        licence_text=rights.licence_text,
        reserved=rights.is_reserved,
        stated=rights.reservation_stated,
    )


def _at_least(reservation: Reservation, licence: Licence, least: Reservation | None) -> Reservation:
    return stricter(reservation, least) if least and least in allowed(licence) else reservation
