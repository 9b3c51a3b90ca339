"""Colour: every picture becomes sRGB, or Display P3 where its own colour space reaches beyond sRGB.

Decided here, and compared with independent arithmetic by the tests:

* Where the master states no colour space it is sRGB; four inks without a profile are offset print on coated paper.
* A PNG without a profile is read as browsers do: cICP, then sRGB, then gAMA with cHRM. AVIF: its colr box.
* Conversions are relative colorimetric with black point compensation: colours that both spaces have stay as they are,
  and paper white becomes the screen's white. Between our matrix profiles "perceptual" would be the same.
* Whether a space is wider than sRGB is found by trying: a grid of its colours is taken to P3, and any of them outside
  sRGB decides. A profile that hardly differs from sRGB or P3 is replaced by ours without touching a pixel.
* Pillow converts with 8 bits per channel, so pictures are made smaller first and converted after.
"""

import io
import itertools
from dataclasses import dataclass

from PIL import Image, ImageCms

from server.media import icc, metadata
from server.media.images.opening import Picture

_RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC
_FAMILY = {
    "1": "GRAY",
    "L": "GRAY",
    "LA": "GRAY",
    "I;16": "GRAY",
    "I;16B": "GRAY",
    "I": "GRAY",
    "CMYK": "CMYK",
    "LAB": "Lab ",
}


@dataclass
class Colour:
    """How one picture's colours become public ones."""

    transform: ImageCms.ImageCmsTransform | None
    """None where the pixels are right as they are."""
    reads: str
    """The mode that the transform takes: "RGB", "L", "CMYK" or "LAB"."""
    to_srgb: ImageCms.ImageCmsTransform | None
    """The same straight to sRGB, where `transform` leads to Display P3 or `wide` pixels stay."""
    wide: bool
    description: str | None
    keep: bytes | None
    """Profile for the full-size copy, whose pixels stay: the master's own, without names."""

    @property
    def profile(self) -> bytes:
        """The profile that every converted copy carries."""
        return icc.display_p3() if self.wide else icc.srgb()

    def apply(self, image: Image.Image, *, srgb: bool = False) -> Image.Image:
        """`image` as RGB, or RGBA where it has transparency, in `profile` or in sRGB."""
        transform = self.to_srgb if srgb and self.wide else self.transform
        alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
        if alpha is not None:
            image = image.convert("L" if image.mode == "LA" else "RGB")
        if transform is not None:
            if image.mode != self.reads:
                image = image.convert(self.reads)
            converted = ImageCms.applyTransform(image, transform)
            assert converted is not None
            image = converted
        elif image.mode != "RGB":
            image = image.convert("RGB")
        if alpha is not None:
            image.putalpha(alpha)
        image.info = {}  # Savers would pick comments and profiles from it.
        return image


def _load(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _stated(picture: Picture) -> tuple[bytes | None, bytes | None]:
    """(profile to read with, profile to keep in a full-size copy); None means sRGB, or nothing to keep."""
    box, image = picture.box, picture.image
    family = _FAMILY.get(image.mode, "RGB ")
    stated = image.info.get("icc_profile")
    if isinstance(stated, bytes) and (clean := icc.without_names(stated)) is not None:
        space = stated[16:20].decode("latin-1")
        if space == family or (family == "GRAY" and space == "RGB "):
            return stated, clean
    if family == "CMYK":
        return icc.coated_paper(), None
    if family == "Lab ":
        return b"LAB", None
    if box.cicp and box.cicp[0] in icc.CICP_PRIMARIES and box.cicp[1] in (1, 6, 13, 14, 15):
        # The camera curves 1, 6, 14 and 15 are shown by browsers with sRGB's curve as well.
        if box.cicp[0] == 1:
            return None, None
        made = icc.matrix_profile("RGB", icc.CICP_PRIMARIES[box.cicp[0]])
        return made, made
    if picture.kind == "png" and not box.says_srgb and box.gamma and 0.1 <= box.gamma <= 2:
        return _from_gamma(picture, family, box.gamma), None
    interop = picture.exif.get_ifd(0xA005).get(1) if picture.kind == "jpeg" and len(picture.exif) else None
    if interop == "R03":  # Cameras mark Adobe RGB so and often embed no profile (DCF 2.0).
        made = icc.matrix_profile("RGB", icc.ADOBE_RGB, (563 / 256,))
        return made, made
    return None, None


def _from_gamma(picture: Picture, family: str, gamma: float) -> bytes | None:
    usual = abs(gamma - 1 / 2.2) < 0.005
    curve = icc.SRGB_CURVE if usual else (1 / gamma,)
    if family == "GRAY":
        return None if usual else icc.grey_profile(1 / gamma)
    points = picture.box.chromaticities
    if points is None:
        return None if usual else icc.matrix_profile("RGB", icc.SRGB, curve)
    white, red, green, blue = zip(points[0::2], points[1::2], strict=True)
    known = (icc.D65_XY, *icc.SRGB)
    near = all(
        abs(a - b) < 0.002
        for got, want in zip((white, red, green, blue), known, strict=True)
        for a, b in zip(got, want, strict=True)
    )
    if usual and near:
        return None
    try:
        return icc.matrix_profile("RGB", (red, green, blue), curve, white)
    except (ZeroDivisionError, OverflowError):
        return None


def colour_of(picture: Picture) -> Colour:
    """Decide how `picture`'s colours are to be read and shown."""
    stated = picture.image.info.get("icc_profile")
    description = None
    source, keep = _stated(picture)
    if isinstance(stated, bytes):
        try:
            description = metadata.tidy(ImageCms.getProfileDescription(_load(stated)))
        except (OSError, ImageCms.PyCMSError):
            source, keep = (source, keep) if source is not stated else (None, None)
    if source is None:
        return Colour(None, "RGB", None, False, description, keep)
    try:
        return _decide(source, keep, description)
    except (OSError, ImageCms.PyCMSError, ValueError):
        return Colour(None, "RGB", None, False, description, None)  # A profile nobody can use: as if there were none.


def _decide(source: bytes, keep: bytes | None, description: str | None) -> Colour:
    profile = ImageCms.createProfile("LAB") if source == b"LAB" else _load(source)
    space = "Lab " if source == b"LAB" else source[16:20].decode("latin-1")
    reads = {"GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}.get(space, "RGB")

    def towards(target: bytes) -> ImageCms.ImageCmsTransform:
        return ImageCms.buildTransform(profile, _load(target), reads, "RGB", _RELATIVE, _FLAGS)

    if reads == "L":
        return Colour(towards(icc.srgb()), reads, None, False, description, keep)
    if reads == "LAB":
        return Colour(towards(icc.display_p3()), reads, towards(icc.srgb()), True, description, keep)
    grid = _grid(4 if reads == "CMYK" else 3)
    to_p3, to_srgb = towards(icc.display_p3()), towards(icc.srgb())
    seen = _colours(grid, reads, to_p3)
    wide = _beyond_srgb(seen)
    if not wide:
        seen = _colours(grid, reads, to_srgb)
    same = reads == "RGB" and all(
        abs(a - b) <= 2 for was, now in zip(grid, seen, strict=True) for a, b in zip(was, now, strict=True)
    )
    return Colour(None if same else to_p3 if wide else to_srgb, reads, to_srgb, wide, description, keep)


def _grid(channels: int) -> list[tuple[int, ...]]:
    return list(itertools.product((0, 64, 128, 191, 255), repeat=channels))


def _colours(grid: list[tuple[int, ...]], mode: str, transform: ImageCms.ImageCmsTransform) -> list[tuple[int, ...]]:
    strip = Image.frombytes(mode, (len(grid), 1), bytes(value for colour in grid for value in colour))
    shown = ImageCms.applyTransform(strip, transform)
    assert shown is not None
    raw = shown.tobytes()
    return [tuple(raw[i : i + 3]) for i in range(0, len(raw), 3)]


def _linear(value: int) -> float:
    v = value / 255
    return float(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)


def _beyond_srgb(p3: list[tuple[int, ...]]) -> bool:
    """True where any of these Display P3 colours lies clearly outside sRGB (2 % of full light on some channel)."""
    into_xyz, out_of_xyz = icc.rgb_to_xyz(icc.P3), icc.inverse(icc.rgb_to_xyz(icc.SRGB))
    for colour in p3:
        light = [_linear(value) for value in colour]
        xyz = [sum(m * v for m, v in zip(row, light, strict=True)) for row in into_xyz]
        srgb = [sum(m * v for m, v in zip(row, xyz, strict=True)) for row in out_of_xyz]
        if min(srgb) < -0.02 or max(srgb) > 1.02:
            return True
    return False


def p3_to_srgb(image: Image.Image) -> Image.Image:
    """A Display P3 picture (RGB or RGBA) as sRGB, for the average colour and BlurHash."""
    transform = ImageCms.buildTransform(_load(icc.display_p3()), _load(icc.srgb()), "RGB", "RGB", _RELATIVE, _FLAGS)
    return Colour(transform, "RGB", None, False, None, None).apply(image)
