"""Works that a generator made, as their files say or their artists declare: what this house does with them (`rights.generated`).

A file says so by marks in its metadata (server.media.markers), the artist by the work's source type; both count alike. That
nothing is said accuses nobody. `label` shows the work with that label, `refuse` does not publish it, and `hold` keeps it for a
moderator: a held work has no `ready_at`, which is why every rule about who sees what leaves it out by itself. Its author sees it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock, notifications
from server.errors import Invalid
from server.media import markers
from server.models import Actor, Artwork, Hearing, Media, Post, SourceType

Rule = Literal["label", "hold", "refuse"]
Mark = Mapping[str, Any]

# What an artist may declare, in plain words.
LABELS = {
    SourceType.DIGITAL_CREATION: "Made by hand on a computer or tablet",
    SourceType.HUMAN_EDITS: "Made by hand, then edited with a program",
    SourceType.DIGITAL_CAPTURE: "Photographed with a digital camera",
    SourceType.COMPOSITE_CAPTURE: "Put together of several photographs",
    SourceType.COMPOSITE: "Put together of several pictures",
    SourceType.PRINT: "Made on paper or canvas, then scanned or photographed",
    SourceType.NEGATIVE_FILM: "Photographed on film, scanned from the negative",
    SourceType.POSITIVE_FILM: "Photographed on slide film, scanned",
    SourceType.SCREEN_CAPTURE: "Captured from a screen",
    SourceType.ALGORITHMIC_MEDIA: "Made by a program that its artist wrote, without a trained model",
    SourceType.COMPOSITE_WITH_GENERATOR: "Partly made with a generator (a trained model)",
    SourceType.GENERATOR: "Made with a generator (a trained model)",
}


@dataclass(frozen=True)
class Evidence:
    """What speaks for a generator in one work: by picture its name and its strongest mark, and what the artist declares."""

    marks: Mapping[int, tuple[str, Mark]] = field(default_factory=dict)
    declared: SourceType | None = None

    def __bool__(self) -> bool:
        return bool(self.marks or self.declared)

    def beyond(self, earlier: "Evidence") -> "Evidence":
        """What `earlier` did not have: marks of other pictures, and a declaration where there was none."""
        fresh = {media_id: mark for media_id, mark in self.marks.items() if media_id not in earlier.marks}
        return Evidence(fresh, None if earlier.declared else self.declared)

    def refusal(self, kept: str = "") -> Invalid:
        """Why this house does not publish the work, and what can be done about it; `kept` says what became of it."""
        if self.marks:
            name, mark = next(iter(self.marks.values()))
            return Invalid(pictures=f"{says(mark, name)} {NOT_HERE} {WRONG} {kept}".strip())
        declares = "You declare that a generator made this work or a part of it."
        return Invalid(source_type=f"{declares} {NOT_HERE} {kept}".strip())


NOT_HERE = "This server does not publish what a generator made."
WRONG = "Add another file instead; if the mark is wrong, write to the people who run this server."


def counted(marks: Iterable[Mark]) -> list[Mark]:
    """The marks that count: strong and medium ones that no moderator found to be wrong. The artist is told of weak ones too."""
    return [mark for mark in marks if mark.get("strength") in ("strong", "medium") and not mark.get("wrong")]


def implied(pictures: Iterable[Media]) -> SourceType | None:
    """What the marks in these pictures say of the work as a whole: that a generator made it where each of them says so, a part of
    it where some do."""
    kinds = {next((mark.get("source_type") for mark in counted(media.markers or ())), None) for media in pictures}
    if kinds == {markers.GENERATOR}:
        return SourceType.GENERATOR
    return SourceType.COMPOSITE_WITH_GENERATOR if kinds - {None} else None


def says(mark: Mark, name: str = "") -> str:
    """One mark as a sentence: `The file says that it was made with Midjourney (in the PNG text "Description").`"""
    file = f"The file “{name}”" if name else "The file"
    made = "partly made" if mark.get("source_type") == markers.COMPOSITE else "made"
    return f"{file} says that it was {made} with {mark.get('generator') or 'a generator'} (in {mark.get('where')})."


def found(media: Media) -> list[tuple[str, str]]:
    """What a file says of how it came to be, for its artist: sentences, each with the words in the file ("" for none)."""
    lines = [(says(mark), str(mark.get("words", ""))) for mark in counted(media.markers or ())[:3]]
    for mark in (media.markers or ())[:3]:
        if mark.get("wrong"):
            lines.append((f"A moderator found that the mark in {mark.get('where')} is wrong. It does not count.", ""))
        elif mark.get("strength") == "weak":
            lines.append(
                (f"The name {mark.get('generator')} stands in {mark.get('where')}. That alone does not count.", "")
            )
    credits = media.credits or {}
    stated = _word(credits.get("source_type"))
    if stated is not None and not stated.is_generated:
        lines.append((f"The file says how it came to be: {LABELS[stated].lower()}.", ""))
    elif credits.get("camera"):
        lines.append((f"Taken with a {credits['camera']}, as the file says.", ""))
    return lines


def suggestion(pictures: Iterable[Media]) -> SourceType | None:
    """What the artist may want to declare, by what the files say; None where they say nothing, or different things."""
    several = set()
    for media in pictures:
        credits = media.credits or {}
        known = implied([media]) or _word(credits.get("source_type"))
        several.add(known or (SourceType.DIGITAL_CAPTURE if credits.get("camera") else None))
    return several.pop() if len(several) == 1 else None


def check_upload(rule: Rule, marks: Iterable[Mark]) -> None:
    """Raises Invalid (field `files`) for a file with such a mark, where this house refuses what a generator made."""
    if rule == "refuse" and (strong := counted(marks)):
        raise Invalid(files=f"{says(strong[0])} {NOT_HERE} {WRONG}")


async def look(tx: AsyncSession, post: Post) -> Evidence:
    """What speaks for a generator in the work as it stands now; writes down what its files say of it (`Artwork.marked`)."""
    artwork = await tx.get_one(Artwork, post.id)
    query = select(Media).where(Media.post_id == post.id).order_by(Media.position, Media.id)
    pictures = list(await tx.scalars(query))
    artwork.marked = implied(pictures)
    marks = {media.id: (media.name, strong[0]) for media in pictures if (strong := counted(media.markers or ()))}
    declared = artwork.source_type
    return Evidence(marks, declared if declared is not None and declared.is_generated else None)


async def judge(tx: AsyncSession, post: Post, evidence: Evidence, rule: Rule) -> None:
    """Apply the house's rule to a work that its author publishes or changes; `evidence` is what is new about it.

    A held work stays held while something speaks for a generator, and goes to the moderators anew where they had sent it back; it
    is free once nothing does. Raises Invalid where the house refuses it.
    """
    artwork = await tx.get_one(Artwork, post.id)
    if not evidence:
        post.held_at, artwork.sent_back = None, ""
        return
    if rule == "refuse":
        raise evidence.refusal()
    if rule != "hold" and post.held_at is None:
        return
    if post.held_at is None or artwork.sent_back:
        await notifications.notify_moderators(tx, await tx.get_one(Actor, post.author_id), Hearing.HELD)
    post.held_at = post.held_at or clock.now()
    post.ready_at, artwork.sent_back = None, ""


def dismiss(pictures: Iterable[Media]) -> None:
    """A moderator found the marks in these pictures to be wrong: they are kept, and count no more."""
    for media in pictures:
        media.markers = [{**mark, "wrong": True} for mark in media.markers or ()]


def _word(value: object) -> SourceType | None:
    return next((known for known in SourceType if known == value), None)
