"""The public copies: which there are, in which order, and how each is encoded (decisions 13 and 14).

Read top to bottom. One decode per order; small copies first, because a work may appear once they exist. Nothing is
enlarged, and nothing of the master's metadata comes along: each copy gets our colour profile. What a copy says of rights is
stamped into the finished file (`server.stamps`); only AVIF gets its packet here, from the plan, and a face the maker's credits.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from blurhash_rs import blurhash_encode
from PIL import Image

from server.media import icc, metadata
from server.media.images import decoding
from server.media.images.colour import Colour, colour_of, p3_to_srgb
from server.media.images.opening import Picture, has_alpha, open_picture, probe_of
from server.media.orders import (
    AVIF_QUALITY,
    FACE_WIDTHS,
    SHORT_UP_TO,
    WALL_WIDTHS,
    Credits,
    Facts,
    Limits,
    Plan,
    Purpose,
    public_size,
    size_at_width,
)
from server.media.rebuilding import rebuild

Size = tuple[int, int]
Deliver = Callable[[Purpose, Size, str, Iterable[bytes], int], None]
"""(purpose, size, format, bytes in pieces, frames): write one finished copy and tell the server."""

WALL = {"quality": 80, "method": 2}
STAGE = {"quality": 84, "method": 2}
"""WebP has half the colour resolution whatever its quality; a little more quality is what the stage can get from it."""
FEDERATION = {"quality": 85, "progressive": True, "optimize": True, "subsampling": "4:4:4"}
FULL = {"quality": 95, "progressive": True, "optimize": True, "subsampling": "4:4:4"}
AVIF_SPEED = 8
NOBODY = Credits()


def warm_up() -> None:
    """Use every codec and colour path once, so that no order has to load a module after its doors are closed."""
    picture = Image.new("RGBA", (16, 16), (200, 40, 40, 128))
    for kind, mode in (
        ("WEBP", "RGBA"),
        ("AVIF", "RGBA"),
        ("PNG", "RGBA"),
        ("JPEG", "RGB"),
        ("GIF", "P"),
        ("TIFF", "RGB"),
    ):
        out = io.BytesIO()
        extra: dict[str, Any] = {"max_threads": 1, "speed": 10} if kind == "AVIF" else {}
        picture.convert(mode).save(out, kind, **extra)
        Image.open(io.BytesIO(out.getvalue()), formats=[kind]).load()
    p3_to_srgb(picture)
    blurhash_encode(picture.convert("RGB"), 4, 4)
    metadata.from_xmp(b"<a/>")
    for encoding in ("ascii", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"):
        "".encode(encoding)


def render(file: BinaryIO, plan: Plan, limits: Limits, facts: Callable[[Facts], None], deliver: Deliver) -> None:
    """Make every copy that `plan` asks for, except AVIF. Raises whatever the decoder raises."""
    picture = open_picture(file, limits)
    colour = colour_of(picture)
    if plan.kind == "face":
        _faces(picture, colour, facts, deliver)
    elif picture.animated:
        _animation(picture, colour, plan, facts, deliver)
    else:
        _still(picture, colour, plan, facts, deliver)


def _still(picture: Picture, colour: Colour, plan: Plan, facts: Callable[[Facts], None], deliver: Deliver) -> None:
    public = public_size(*picture.size, plan.public_max)
    keeps_pixels = plan.full and picture.kind not in ("tiff", "heic", "avif")
    raw = decoding.decode(picture, None if plan.full and not keeps_pixels else _stored(picture, public))

    def finished(source: Image.Image, size: Size, srgb: bool = False) -> Image.Image:
        small = decoding.straight(decoding.shrink(source, _stored(picture, size)))
        return decoding.turn(colour.apply(small, srgb=srgb), picture.orientation)

    widths = [width for width in WALL_WIDTHS if width < public[0]]
    sizes = [size_at_width(public, width) for width in widths] + [public]
    small = [size for size in sizes if size[0] <= 640] or [sizes[0]]
    start = finished(raw, small[-1])
    copies = {size: decoding.shrink(start, size) for size in small}
    facts(_facts(picture, colour, public, copies[small[0]]))
    for size in small:
        if size != public:
            deliver("wall", size, "webp", [_webp(copies[size], colour, WALL)], 1)
    large = decoding.shrink(raw, _stored(picture, public))
    if not plan.full or keeps_pixels:
        raw = large  # The largest thing in memory goes; what follows is made from this.
    whole = copies.get(public) or finished(large, public)
    for size in sizes[len(small) : -1] if public not in small else []:
        deliver("wall", size, "webp", [_webp(decoding.shrink(whole, size), colour, WALL)], 1)
    exact = public == picture.size and picture.kind in ("png", "gif", "webp") and whole.getcolors(256) is not None
    # Pixel art and flat drawings at their own size: lossless is both smaller and exact.
    stage = {"lossless": True, "method": 2} if exact else STAGE
    deliver("stage", public, "webp", [_webp(whole, colour, stage)], 1)
    # From the master's own colours, not from the wide copy: what a P3 copy has clipped would come out wrong twice.
    _federation(finished(large, federation_size(public), srgb=True), deliver)
    if plan.full and keeps_pixels:
        _rebuilt(picture, colour, deliver)
    elif plan.full:
        _reencoded(finished(raw, picture.size), colour, deliver)


def _stored(picture: Picture, size: Size) -> Size:
    """`size` as the file stores it, before turning."""
    return (size[1], size[0]) if picture.orientation >= 5 else size


CLEAR = "#0000"
"""The placeholder of a picture with transparent parts: none, as CSS writes it."""


def _facts(picture: Picture, colour: Colour, public: Size, small: Image.Image) -> Facts:
    tiny = decoding.shrink(small, public_size(*small.size, 32))
    if colour.wide:
        tiny = p3_to_srgb(tiny)
    dot = tiny.convert("RGBA").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(dot, tuple)
    red, green, blue, opacity = dot
    average = f"#{red:02x}{green:02x}{blue:02x}"
    if opacity < 255 or ("A" in tiny.getbands() and any(tiny.getchannel("A").histogram()[:255])):
        # What can be looked through shows the wall, never a colour of ours behind it.
        average = CLEAR
    probe = probe_of(picture, colour.description, colour.wide)
    return Facts(average, blurhash_encode(on_white(tiny), 4, 4), *public, probe)


def on_white(image: Image.Image) -> Image.Image:
    """`image` without transparency, on white."""
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


# --- encoders -----------------------------------------------------------------------------------------------------


def _save(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _webp(image: Image.Image, colour: Colour, options: dict[str, Any], credits: Credits = NOBODY) -> bytes:
    return _save(
        image, "WEBP", icc_profile=colour.profile, exif=metadata.exif(credits), xmp=metadata.xmp(credits), **options
    )


def _jpeg(image: Image.Image, profile: bytes, options: dict[str, Any], credits: Credits = NOBODY) -> bytes:
    exif, block = metadata.exif(credits), metadata.iim(credits)
    extra = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block if block else b""
    return _save(
        image,
        "JPEG",
        icc_profile=profile,
        exif=b"Exif\0\0" + exif if exif else b"",
        xmp=metadata.xmp(credits),
        extra=extra,
        **options,
    )


def federation_size(public: Size) -> Size:
    """At most 2048 pixels, and never more than the public may see."""
    return public_size(*public, 2048)


def _federation(image: Image.Image, deliver: Deliver) -> None:
    """One sRGB JPEG on white: everybody can show it."""
    flat = on_white(image)
    deliver("federation", flat.size, "jpeg", [_jpeg(flat, icc.srgb(), FEDERATION)], 1)


def _rebuilt(picture: Picture, colour: Colour, deliver: Deliver) -> None:
    """Full size, pixel for pixel as uploaded, in a clean container."""
    parts = rebuild(
        picture.data,
        picture.kind,
        orientation=picture.orientation,
        profile=colour.keep,
        alpha=has_alpha(picture.image),
    )
    deliver("full", picture.size, picture.kind, parts, picture.box.frames)


def _reencoded(image: Image.Image, colour: Colour, deliver: Deliver) -> None:
    """Full size of a TIFF, HEIC or AVIF: JPEG, or PNG where something is transparent."""
    if image.mode == "RGBA":
        encoded = _save(image, "PNG", icc_profile=colour.profile, compress_level=4)
        deliver("full", image.size, "png", [encoded], 1)
    else:
        deliver("full", image.size, "jpeg", [_jpeg(image, colour.profile, FULL)], 1)


# --- the other kinds ----------------------------------------------------------------------------------------------


def _animation(picture: Picture, colour: Colour, plan: Plan, facts: Callable[[Facts], None], deliver: Deliver) -> None:
    """The same ladder with every frame, its timing and its number of runs; the federation's copy is the first frame."""
    public = public_size(*picture.size, plan.public_max)
    stored = _stored(picture, public)
    lengths: list[int] = []
    whole: list[Image.Image] = []
    for frame, length in decoding.frames(picture):
        if not whole:
            small = decoding.shrink(frame, _stored(picture, federation_size(public)))
            still = decoding.turn(colour.apply(small.copy(), srgb=True), picture.orientation)
        whole.append(decoding.turn(colour.apply(decoding.shrink(frame, stored)), picture.orientation))
        lengths.append(length)
    facts(_facts(picture, colour, public, whole[0]))
    for width in [width for width in WALL_WIDTHS if width < public[0]] + [public[0]]:
        size = size_at_width(public, width) if width != public[0] else public
        images = [decoding.shrink(frame, size) for frame in whole]
        options = dict(WALL if width != public[0] else STAGE)
        encoded = _moving(images, lengths, picture, colour, options)
        deliver("wall" if width != public[0] else "stage", size, "webp", [encoded], len(images))
    _federation(still, deliver)
    if plan.full and picture.kind == "avif":
        images = [frame for frame, _ in decoding.frames(picture)]
        images = [decoding.turn(colour.apply(frame), picture.orientation) for frame in images]
        encoded = _moving(images, lengths, picture, colour, {"quality": 95, "method": 2})
        deliver("full", picture.size, "webp", [encoded], len(images))
    elif plan.full:
        _rebuilt(picture, colour, deliver)


def _moving(
    images: list[Image.Image], lengths: list[int], picture: Picture, colour: Colour, options: dict[str, Any]
) -> bytes:
    options |= {"save_all": True, "append_images": images[1:], "duration": lengths, "loop": picture.box.plays}
    # Equal frames are joined by the encoder, which keeps the time they take together.
    return _webp(images[0], colour, options | {"background": (0, 0, 0, 0)})


def _faces(picture: Picture, colour: Colour, facts: Callable[[Facts], None], deliver: Deliver) -> None:
    """Square copies of a profile picture: WebP in two sizes, and one JPEG for everybody else. Always still."""
    width, height = picture.size
    largest = min(FACE_WIDTHS[-1], width, height)
    scale = largest / min(width, height)
    fitted = (max(largest, round(width * scale)), max(largest, round(height * scale)))
    raw = decoding.decode(picture, _stored(picture, fitted))
    small = decoding.straight(decoding.shrink(raw, _stored(picture, fitted)))
    whole = decoding.square(decoding.turn(colour.apply(small), picture.orientation), largest)
    facts(_facts(picture, colour, (largest, largest), whole))
    for side in [side for side in FACE_WIDTHS if side < largest] + [largest]:
        face = decoding.shrink(whole, (side, side))
        deliver("face", face.size, "webp", [_webp(face, colour, STAGE, picture.credits)], 1)
    flat = on_white(p3_to_srgb(whole) if colour.wide else whole)
    deliver("face", flat.size, "jpeg", [_jpeg(flat, icc.srgb(), FEDERATION, picture.credits)], 1)


def render_avif(file: BinaryIO, plan: Plan, existing: dict[int, int], limits: Limits, deliver: Deliver) -> None:
    """AVIF for the wall, kept only where it saves something.

    A width that exists as WebP is kept when its AVIF is smaller than `existing[width]` bytes. A width that has no WebP
    (480, 960) follows the next larger width that has one; the widest follows the next smaller. Animations get none.
    """
    picture = open_picture(file, limits)
    if picture.animated:
        return
    colour = colour_of(picture)
    public = public_size(*picture.size, plan.public_max)
    widths = [width for width in AVIF_QUALITY if width <= public[0]]
    if not widths:
        return
    largest = size_at_width(public, widths[-1]) if widths[-1] != public[0] else public
    raw = decoding.decode(picture, _stored(picture, largest))
    small = decoding.straight(decoding.shrink(raw, _stored(picture, largest)))
    whole = decoding.turn(colour.apply(small), picture.orientation)
    del raw, small
    measured = [width for width in widths if width in existing]
    kept: set[int] = set()
    for width in measured + [width for width in widths if width not in existing]:
        if width not in existing:
            leader = min((w for w in measured if w > width), default=max((w for w in measured if w < width), default=0))
            if leader not in kept:
                continue
        image = decoding.shrink(whole, size_at_width(public, width) if width != largest[0] else largest)
        encoded = _save(
            image,
            "AVIF",
            quality=AVIF_QUALITY[width],
            speed=AVIF_SPEED,
            max_threads=1,
            icc_profile=colour.profile,
            xmp=(plan.packet if width > SHORT_UP_TO else plan.short_packet).encode(),
        )
        if width in existing and len(encoded) >= existing[width]:
            continue
        kept.add(width)
        deliver("wall", image.size, "avif", [encoded], 1)
