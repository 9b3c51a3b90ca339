"""From file to pixels: one decode, as small as it can be, in a mode that can be made smaller without damage."""

from collections.abc import Iterator

from PIL import Image, ImageChops, ImageOps

from server.media.images.opening import Picture, has_alpha
from server.media.orders import Refused

Size = tuple[int, int]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND = 256


def decode(picture: Picture, wanted: Size | None) -> Image.Image:
    """The first frame's pixels, not yet turned, in L, La, RGB, RGBa, CMYK or LAB.

    `wanted` is the largest size needed as the file stores it (before turning): a JPEG is then decoded at a half, a
    quarter or an eighth, but never below 1.2 times that size, because the decoder's own shrinking is coarser than ours.
    Transparent pictures come premultiplied, so that the colour of invisible pixels cannot bleed into visible ones.
    """
    image = picture.image
    if picture.kind == "jpeg" and wanted is not None:
        image.draft(None, (int(wanted[0] * 1.2), int(wanted[1] * 1.2)))
    if picture.kind == "png" and picture.box.hidden_first:
        image.seek(1)
    image.load()
    if image.mode == "CMYK" and picture.kind == "jpeg" and not picture.box.adobe:
        image = ImageChops.invert(image)  # Pillow takes every four-ink JPEG to be inverted, as Adobe writes them.
    return flat(image)


def flat(image: Image.Image) -> Image.Image:
    """`image` in a mode that resizes well: no palettes, no 16 bits, transparency premultiplied."""
    mode = image.mode
    if mode in ("I;16", "I;16B", "I;16L", "I"):
        return _grey_of_16_bits(image)
    if mode == "F":
        raise Refused(
            "This picture stores its colours as floating-point numbers, which are meant for further work. "
            "Please export it with 8 or 16 bits per channel and upload that."
        )
    if mode == "LA":
        return image.convert("La")
    if mode == "1" and not has_alpha(image):
        return image.convert("L")
    if mode in ("L", "RGB", "CMYK", "LAB") and not has_alpha(image):
        return image
    if has_alpha(image):
        return image.convert("RGBA").convert("RGBa")
    return image.convert("RGB")


def _grey_of_16_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit: divided by 257 and rounded, in bands to save memory (`convert("L")` clips to white)."""
    if image.mode == "I":
        low, high = image.getextrema()
        if low < 0 or high > 65535:  # type: ignore[operator]
            raise Refused("This picture has 32 bits per channel. Please export it with 8 or 16 bits and upload that.")
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _BAND):
        area = (0, top, image.width, min(top + _BAND, image.height))
        band = image.crop(area).convert("I").point(lambda value: value * (1 / 257) + 0.5)
        grey.paste(band.convert("L"), area)
    return grey


def shrink(image: Image.Image, size: Size) -> Image.Image:
    """`image` at `size`: Lanczos over a fast pre-reduction of at most half. Never used to enlarge."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def straight(image: Image.Image) -> Image.Image:
    """Premultiplied transparency as ordinary transparency."""
    return image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode]) if image.mode in ("La", "RGBa") else image


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """The picture upright (Exif orientation 1 to 8)."""
    way = _TURNS.get(orientation)
    return image if way is None else image.transpose(way)


def frames(picture: Picture) -> Iterator[tuple[Image.Image, int]]:
    """Every frame of an animation as RGBA or RGB, with its duration in milliseconds."""
    image, first = picture.image, int(picture.box.hidden_first)
    for number in range(picture.box.frames):
        image.seek(number + first)
        image.load()
        durations = picture.box.durations
        length = durations[number] if number < len(durations) else int(image.info.get("duration") or 100)
        yield image.convert("RGBA" if has_alpha(image) or image.mode == "P" else "RGB"), length


def square(image: Image.Image, side: int) -> Image.Image:
    """The middle of `image` as a square."""
    return ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
