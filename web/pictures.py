"""Which files a page offers for a picture, and under which addresses."""

from dataclasses import dataclass

from server import clock
from server.models import Actor, Audience, Media, Post, Purpose, Rating, Rendition, RenditionPurpose
from server.urls import Urls

LADDER = (RenditionPurpose.WALL, RenditionPurpose.STAGE)
OPEN = (Audience.EVERYONE, Audience.UNLISTED)
HOUR = 3600
# A description in a wall is heard between many others: its first sentence, at most this many characters.
SHORT = 125
# How wide a tile is: on phones rows are 34vw high, elsewhere 18rem, and a row is stretched by up to a quarter.
ROW_PHONE, ROW = 52, 22.7
# Screens with three dots a pixel take the file of those with two: nobody sees the difference, everybody would load it.
THRIFT = 0.67
# The widest size that is made of a picture of another server.
FULL = 2048


@dataclass(frozen=True)
class Addresses:
    """Addresses of pictures as `viewer` may use them. Needs `media.renditions` loaded."""

    urls: Urls
    viewer: Actor | None = None

    def of(self, rendition: Rendition, post: Post | None = None, *, public: bool = False) -> str:
        """The address of one file: plain for what everybody may see, signed for this viewer otherwise (decision 12).

        Relative where pictures come from this very origin: it takes a third off the weight of a wall's page.
        """
        is_open = public or (
            post is not None and post.audience in OPEN and post.published_at is not None and post.ready_at is not None
        )
        if is_open or self.viewer is None:
            address = self.urls.rendition(rendition)
        else:
            address = self.urls.rendition(rendition, self.viewer, until())
        return self.local(address)

    def local(self, address: str) -> str:
        """The address without our own origin."""
        return address.removeprefix(self.urls.base)

    def page(self, post: Post) -> str:
        """The path of a post's page."""
        return self.local(self.urls.post_page(post))

    def ladder(self, media: Media, format: str = "", widest: int = 0) -> list[Rendition]:
        """The files between which a browser may choose, narrowest first."""
        return sorted(
            (
                rendition
                for rendition in media.renditions
                if rendition.purpose in LADDER
                and (not format or rendition.format == format)
                and (not widest or rendition.width <= widest or rendition.width == min_width(media, format))
            ),
            key=lambda rendition: rendition.width,
        )

    def srcset(self, media: Media, post: Post | None, format: str, widest: int = 0) -> str:
        """`address 320w,address 640w,…` of one format; empty where it is not made (yet)."""
        public = media.purpose is Purpose.FACE
        return ",".join(
            f"{self.of(rendition, post, public=public)} {rendition.width}w"
            for rendition in self.ladder(media, format, widest)
        )

    def fallback(self, media: Media, post: Post | None, widest: int = 0) -> str:
        """The one address for browsers that cannot choose; empty while nothing is made.

        On a wall (`widest` given) the WebP that is nearest to 640 pixels, which every living browser reads; else the
        file that also goes to other servers, JPEG as a rule. A picture of another server that is not here at the moment is
        fetched when that address is asked for.
        """
        public = media.purpose is Purpose.FACE
        if widest and (webp := self.ladder(media, "webp", widest)):
            return self.of(min(webp, key=lambda rendition: abs(rendition.width - 640)), post, public=public)
        chosen = (
            federated(media) or next(iter(reversed(self.ladder(media))), None) or next(iter(media.renditions), None)
        )
        return self.of(chosen, post, public=public) if chosen else self.proxy(media, 640 if widest else FULL)

    def proxy(self, media: Media, width: int) -> str:
        """Where this viewer gets a picture of another server that is not here; empty for ours, and for strangers (row 80)."""
        if not media.source or self.viewer is None:
            return ""
        return self.local(self.urls.picture_proxy(media, width, self.viewer, until()))

    def largest(self, media: Media, post: Post | None) -> str:
        """The address of the largest file that people may see: full size where the artist allows it; empty if none."""
        rendition = largest(media)
        return self.of(rendition, post) if rendition else self.proxy(media, FULL)

    def sizes(self, media: Media, square: bool = False) -> str:
        """The `sizes` of a tile: how wide it will be, known from its ratio alone."""
        ratio = 1.0 if square else min(3.2, max(0.4, media.width / max(1, media.height)))
        phone = 42 if square else min(92, round(ROW_PHONE * ratio))
        wide = 22 if square else min(46, round(ROW * ratio))
        return (
            f"(max-width:40rem) and (min-resolution:2.5dppx) {round(phone * THRIFT)}vw,"
            f"(max-width:40rem) {phone}vw,{wide}rem"
        )

    def stage(self, media: Media) -> str:
        """The `sizes` of the picture on the stage: it fits the window (76svh high) and is never blown up."""
        width = media.width if media.width > 1 else FULL
        high = round(76 * min(3.2, max(0.4, media.width / max(1, media.height))))
        return (
            f"(max-width:40rem) and (min-resolution:2.5dppx) min(67vw, {high}svh, {width}px), "
            f"min(100vw, {high}svh, {width}px)"
        )

    def short_alt(self, post: Post, media: Media) -> str:
        """The description for a wall: the first sentence; who made it where nobody described it."""
        if not media.alt.strip():
            return f"No description, by {post.author.display_name}"
        return first_sentence(media.alt)

    def warning(self, post: Post) -> str:
        """The words on the plate of a work that is not shown unasked."""
        return warning(post)


def until() -> int:
    """The end of the next full hour in Unix seconds: stable for an hour, so that a browser's cache works."""
    return (int(clock.now().timestamp()) // HOUR + 2) * HOUR


def min_width(media: Media, format: str) -> int:
    """The narrowest file of the ladder: what a wall shows of a picture that has no small size."""
    return min(
        (r.width for r in media.renditions if r.purpose in LADDER and (not format or r.format == format)), default=0
    )


def federated(media: Media) -> Rendition | None:
    """The sRGB file that other servers and old readers get."""
    return next((r for r in media.renditions if r.purpose is RenditionPurpose.FEDERATION), None)


def largest(media: Media) -> Rendition | None:
    """The largest file that people may see; WebP before AVIF of the same size, since it opens anywhere."""
    full = [r for r in media.renditions if r.purpose is RenditionPurpose.FULL]
    ladder = [r for r in media.renditions if r.purpose in LADDER]
    preference = {"webp": 2, "jpeg": 1}
    return max(full or ladder, key=lambda r: (r.width, preference.get(r.format, 0)), default=None)


def warning(post: Post) -> str:
    """`Mature: nudity`, `Explicit`, or the artist's own words."""
    rating = "" if post.rating is Rating.GENERAL else post.rating.value.capitalize()
    return f"{rating}: {post.warning}" if rating and post.warning else rating or post.warning or "Not ready yet"


def first_sentence(text: str, length: int = SHORT) -> str:
    """The first sentence, cut at a word where it is longer than `length`."""
    plain = " ".join(text.split())
    for end in (". ", "! ", "? ", "; "):
        place = plain.find(end)
        if 0 < place < length:
            plain = plain[: place + 1].rstrip(";")
    if len(plain) <= length:
        return plain
    return plain[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
