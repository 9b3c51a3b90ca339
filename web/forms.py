"""What people type into the form of a work, as they typed it, and the `Draft` that comes of it."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict

from server import generated, ids, tags
from server.artworks import Draft, Picture
from server.errors import Invalid
from server.models import Actor, Audience, Licence, Media, Post, Rating, Reservation, SourceType

Word = TypeVar("Word", bound=StrEnum)

TEXTS = ("title", "text", "medium", "tools", "year", "size", "tags", "warning", "gallery_new", "objection")
# A form's own key: the same form sent twice is the same post.
FORM_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
# What the box "Reserve against AI training" means where somebody's own default is to reserve nothing.
USUAL = Reservation.NO_AI


@dataclass
class Card:
    """One picture on the page, with what was typed beside it. Focal point in hundredths."""

    media: Media
    alt: str = ""
    x: int = 50
    y: int = 50

    @property
    def found(self) -> list[tuple[str, str]]:
        """What its file says of how it came to be: sentences, each with the words in the file."""
        return generated.found(self.media)


@dataclass
class Sheet:
    """The whole page as it stands. Words are kept as typed, also wrong ones: nothing that was typed is lost."""

    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(TEXTS, ""))
    rating: str = Rating.GENERAL
    audience: str = Audience.EVERYONE
    licence: str = Licence.ARR
    # Whether the box is ticked, the tier it stands for, and the tier chosen under "More precisely" ("" means: as ticked).
    reserve: bool = True
    tier: Reservation = USUAL
    precisely: str = ""
    full_size: bool = False
    says_rights: bool = True
    # How the work came to be; "" is not said.
    source_type: str = ""
    galleries: list[str] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    @property
    def suggested(self) -> SourceType | None:
        """What the artist may want to declare, by what the files say."""
        return generated.suggestion(card.media for card in self.cards) if self.cards else None

    @property
    def undescribed(self) -> int:
        """How many pictures have no description yet."""
        return sum(not card.alt.strip() for card in self.cards)

    def draft(self) -> Draft:
        """The same as a Draft. Raises Invalid with one sentence per field, all of them at once."""
        wrong: dict[str, str] = {}
        labels: list[str] = []
        try:
            labels = tags.parse(self.texts["tags"])
        except Invalid as invalid:
            wrong |= invalid.fields
        year = self.texts["year"].strip()
        if year and not re.fullmatch(r"\d{1,4}", year, re.ASCII):
            wrong["year"] = "Give the year as a number, such as 2026."
        rating = _word(Rating, self.rating, "rating", wrong)
        audience = _word(Audience, self.audience, "audience", wrong)
        licence = _word(Licence, self.licence, "licence", wrong)
        ticked = self.tier if self.reserve else Reservation.OPEN
        reservation = _word(Reservation, self.precisely or ticked, "reservation", wrong)
        source = _word(SourceType, self.source_type, "source_type", wrong) if self.source_type else None
        words = {name: self.texts[name] for name in ("title", "text", "medium", "tools", "size", "warning")}
        try:
            draft = Draft(
                words["title"],
                words["text"],
                words["medium"],
                words["tools"],
                int(year) if year and "year" not in wrong else None,
                words["size"],
                tuple(labels),
                rating,
                words["warning"],
                audience,
                licence,
                reservation,
                self.full_size,
                self.says_rights,
                galleries=(*self.galleries, *self.texts["gallery_new"].split(",")),
                pictures=tuple(Picture(card.media.id, card.alt, card.x / 100, card.y / 100) for card in self.cards),
                removed=tuple(self.removed),
                source_type=source,
                objection=self.texts["objection"],
            )
        except Invalid as invalid:
            raise Invalid(**(invalid.fields | wrong)) from None
        if wrong:
            raise Invalid(**wrong)
        return draft


def blank(actor: Actor) -> Sheet:
    """An empty page with the person's own defaults."""
    reserve, tier = _box(actor, actor.default_reservation)
    return Sheet(audience=actor.default_audience, licence=actor.default_licence, reserve=reserve, tier=tier)


def of(post: Post, galleries: Iterable[str], actor: Actor) -> Sheet:
    """The page of a post that exists; needs `posts.full`."""
    work = post.artwork
    assert work is not None
    reserve, tier = _box(actor, work.reservation)
    texts = {
        "title": work.title,
        "text": post.text,
        "medium": work.medium,
        "tools": work.tools,
        "year": str(work.year or ""),
        "size": work.size,
        "tags": " ".join(f"#{tag.label}" for tag in post.tags),
        "warning": post.warning,
        "gallery_new": "",
        "objection": work.objection,
    }
    return Sheet(
        texts=texts,
        rating=post.rating,
        audience=post.audience,
        licence=work.licence,
        reserve=reserve,
        tier=tier,
        precisely="" if work.reservation in (tier, Reservation.OPEN) else work.reservation,
        full_size=work.full_size,
        says_rights=work.says_rights,
        source_type=work.source_type or "",
        galleries=list(galleries),
        cards=[card(media) for media in post.media],
    )


def card(media: Media) -> Card:
    """A picture as it is stored."""
    return Card(media, media.alt, round(media.focus_x * 100), round(media.focus_y * 100))


def typed(form: "MultiDict[str, str]", pictures: Mapping[int, Media], actor: Actor) -> Sheet:
    """The page as it was sent. `pictures` are those of `picture_ids` that belong to the sender."""
    _, tier = _box(actor, actor.default_reservation)
    removed = [number for number in map(ids.parse, form.getlist("removed")) if number is not None]
    cards = []
    for number in picture_ids(form):
        if (media := pictures.get(number)) is not None and number not in removed:
            x, y = (_hundredth(form.get(f"{axis}-{number}", "")) for axis in ("fx", "fy"))
            cards.append(Card(media, form.get(f"alt-{number}", ""), x, y))
    return Sheet(
        texts={name: form.get(name, "") for name in TEXTS},
        rating=form.get("rating", Rating.GENERAL),
        audience=form.get("audience", actor.default_audience),
        licence=form.get("licence", actor.default_licence),
        reserve=bool(form.get("reserve")),
        tier=tier,
        precisely=form.get("precisely", ""),
        full_size=bool(form.get("full_size")),
        says_rights=bool(form.get("says_rights")),
        source_type=form.get("source_type", ""),
        galleries=form.getlist("gallery"),
        cards=cards,
        removed=removed,
    )


def picture_ids(form: "MultiDict[str, str]") -> list[int]:
    """The pictures on the page, in their order, each once."""
    return list(dict.fromkeys(number for number in map(ids.parse, form.getlist("picture")) if number is not None))


def move(cards: list[Card], media_id: int, by: int) -> None:
    """Exchange a picture with its neighbour: -1 up, 1 down. At the ends nothing happens."""
    place = next((index for index, card in enumerate(cards) if card.media.id == media_id), None)
    if place is not None and 0 <= place + by < len(cards):
        cards[place], cards[place + by] = cards[place + by], cards[place]


def _box(actor: Actor, reservation: Reservation) -> tuple[bool, Reservation]:
    """Whether the box is ticked for this reservation, and the tier that the box stands for."""
    tier = USUAL if actor.default_reservation is Reservation.OPEN else actor.default_reservation
    return reservation is not Reservation.OPEN, tier


def _word(words: type[Word], value: str, name: str, wrong: dict[str, str]) -> Word:
    """The member that `value` names; a sentence in `wrong`, and any member, where it names none."""
    try:
        return words(value)
    except ValueError:
        wrong[name] = "Choose one of the list."
        return next(iter(words))


def _hundredth(value: str) -> int:
    """A focal point as the slider sends it; the middle for what is no number."""
    try:
        number = float(value[:8])
    except ValueError:
        return 50
    return min(100, max(0, round(number))) if math.isfinite(number) else 50
