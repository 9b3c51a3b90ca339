"""Open a stranger's file as far as its head, learn what it is, and refuse what we cannot or should not show.

Nothing here decodes pixels. The order matters: size, first bytes, structure, pixel count, and only then Pillow, with
the one format that the first bytes named.
"""

import mmap
import os
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from server.media import inscriptions, markers, metadata
from server.media.containers import Broken, Container, sniff, walk
from server.media.orders import DAMAGED, MIME, TOO_HEAVY, UNKNOWN, Credits, Format, Limits, Probe, Refused

try:
    import pillow_heif
except ImportError:
    pillow_heif = None  # type: ignore[assignment]
else:
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener()

PLUGINS = {
    "jpeg": JpegImagePlugin.JpegImageFile.format,
    "png": PngImagePlugin.PngImageFile.format,
    "webp": WebPImagePlugin.WebPImageFile.format,
    "avif": AvifImagePlugin.AvifImageFile.format,
    "gif": GifImagePlugin.GifImageFile.format,
    "tiff": TiffImagePlugin.TiffImageFile.format,
    "heic": "HEIF",
    "mpo": MpoImagePlugin.MpoImageFile.format,  # Pillow calls a JPEG with a second picture behind it so.
}

NAMES = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF", "gif": "GIF", "tiff": "TIFF", "heic": "HEIC"}

HEIC_HERE = pillow_heif is not None

_UNWANTED = {
    "no-svg": "This is an SVG drawing, which can carry programs. Please export it as PNG and upload that.",
    "no-psd": "This is a Photoshop document. Please export it as JPEG or PNG and upload that.",
    "no-pdf": "This is a PDF. Please export the page as JPEG or PNG and upload that.",
    "no-jxl": "This is a JPEG XL picture, which most browsers cannot show yet. Please export it as JPEG, PNG or AVIF.",
    "no-video": "This is a film, and we show still and animated pictures only. Please upload a picture from it.",
}
_NO_HEIC = (
    "This is a HEIC photo, which this server cannot read. Please export it as JPEG "
    "(on an iPhone: Settings, Camera, Formats, Most Compatible) and upload that."
)


@dataclass
class Picture:
    """An opened file whose pixels have not been read yet."""

    image: Image.Image
    data: mmap.mmap
    box: Container
    kind: Format
    orientation: int
    """Exif's number, 1 to 8, that still has to be applied."""
    credits: Credits
    exif: Image.Exif
    animated: bool
    stored: tuple[int, int]
    """Width and height in the file; Pillow's own `size` changes when a JPEG is decoded smaller."""
    xmp: bytes = b""
    """The XMP packet of the file, as it is."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as people see it."""
        width, height = self.stored
        return (height, width) if self.orientation >= 5 else (width, height)


def prepare_pillow(limits: Limits) -> None:
    """Settings of Pillow that hold for the whole process: what is a warning elsewhere is an error here."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # Orders run side by side already; threads would only add memory.
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_ALWAYS
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def open_picture(file: BinaryIO, limits: Limits) -> Picture:
    """Open `file` up to its head. Raises `Refused` with a sentence for the artist."""
    prepare_pillow(limits)
    size = os.fstat(file.fileno()).st_size
    if size > limits.file_bytes:
        raise Refused(
            f"This file has {size / 1e6:.0f} MB; the most we take is {limits.file_bytes / 1e6:.0f} MB. "
            "Please export it as JPEG, or with fewer pixels, and upload that."
        )
    if size == 0:
        raise Refused("This file is empty. Please export the picture again and upload the new copy.")
    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    kind = sniff(data[:1024])
    if kind is None or kind in _UNWANTED:
        raise Refused(_UNWANTED.get(kind or "", UNKNOWN))
    if kind == "heic" and not HEIC_HERE:
        raise Refused(_NO_HEIC)
    try:
        box = walk(data, kind)
    except Broken as cause:
        raise Refused(DAMAGED, f"{kind}: {cause}") from cause
    # The walk has touched every page of the file; they need not count as this process's memory while it decodes.
    data.madvise(mmap.MADV_DONTNEED)
    if kind == "jpeg" and box.bits != 8:
        raise Refused("This JPEG has 12 bits per colour, which browsers cannot show. Please export it with 8 bits.")
    if box.size is not None:
        _check_size(box.size, box.frames, kind, False, limits)
    image = _open(file, kind, limits)
    picture = _describe(image, data, box, cast(Format, kind))
    frames = getattr(image, "n_frames", 1) if kind == "avif" else box.frames
    picture.animated = frames > 1
    box.frames = frames
    _check_size(image.size, frames, kind, has_alpha(image), limits)
    _check_whole(picture, size)
    return picture


def _open(file: BinaryIO, kind: str, limits: Limits) -> Image.Image:
    formats = [PLUGINS[kind]] + ([PLUGINS["mpo"]] if kind == "jpeg" else [])
    file.seek(0)
    try:
        return Image.open(file, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise Refused(_too_many_pixels(kind, limits.pixels), str(cause)) from cause
    except MemoryError as cause:
        raise Refused(TOO_HEAVY, "memory") from cause
    except Exception as cause:  # Pillow's plugins raise almost anything on hostile bytes.
        raise Refused(DAMAGED, f"{kind}: {type(cause).__name__}: {cause}") from cause


def _too_many_pixels(kind: str, most: int, has: int = 0) -> str:
    start = f"This picture has {has / 1e6:,.0f} megapixels; " if has else "This picture is too large; "
    return (
        f"{start}the most we take as {NAMES[kind]} is {most / 1e6:g} megapixels. "
        "Please export it with fewer pixels and upload that."
    )


def _check_size(size: tuple[int, int], frames: int, kind: str, alpha: bool, limits: Limits) -> None:
    pixels = size[0] * size[1]
    if pixels == 0:
        raise Refused(DAMAGED, "no pixels")
    most = limits.heavy_pixels if kind in ("webp", "heic") or (kind == "avif" and alpha) else limits.pixels
    if pixels > most:
        raise Refused(_too_many_pixels(kind, most, pixels))
    if frames > limits.frames:
        raise Refused(
            f"This animation has {frames:,} frames; the most we take is {limits.frames}. "
            "Please export it with fewer frames and upload that."
        )
    if frames > 1 and pixels * frames > limits.animation_pixels:
        raise Refused(
            f"This animation has {pixels * frames / 1e6:,.0f} megapixels in all its frames together; the most we take "
            f"is {limits.animation_pixels / 1e6:g}. Please export it smaller or shorter and upload that."
        )


def has_alpha(image: Image.Image) -> bool:
    """True where some pixels may be transparent."""
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _describe(image: Image.Image, data: mmap.mmap, box: Container, kind: Format) -> Picture:
    exif = Image.Exif()
    if kind == "tiff":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        xmp, block, iim = (_bytes(tags.get(tag)) for tag in (700, 34377, 33723))
        written = Credits(metadata.tidy(tags.get(metadata.ARTIST)), metadata.tidy(tags.get(metadata.COPYRIGHT)))
        # Pillow turns a TIFF itself while it loads, so nothing is left to do.
        orientation = 1
        credits = metadata.merge(
            metadata.from_xmp(xmp), metadata.from_photoshop(block), metadata.from_iim(iim), written
        )
        return Picture(image, data, box, kind, orientation, credits, exif, False, image.size, xmp)
    raw = image.info.get("exif") or box.exif
    try:
        exif.load(raw)
        orientation = int(exif.get(metadata.ORIENTATION, 1))
        written = Credits(metadata.tidy(exif.get(metadata.ARTIST)), metadata.tidy(exif.get(metadata.COPYRIGHT)))
    except Exception:  # Broken metadata is no reason to refuse a picture.
        exif, orientation, written = Image.Exif(), 1, Credits()
    if kind == "heic":
        orientation = 1  # Its reader has turned it already.
    if kind == "png":
        text = Credits(metadata.tidy(image.info.get("Author")), metadata.tidy(image.info.get("Copyright")))
        written = metadata.merge(written, text)
    xmp = _bytes(image.info.get("xmp")) or box.xmp
    credits = metadata.merge(metadata.from_xmp(xmp), metadata.from_photoshop(box.photoshop), written)
    orientation = orientation if 1 <= orientation <= 8 else 1
    return Picture(image, data, box, kind, orientation, credits, exif, False, image.size, xmp)


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


def _check_whole(picture: Picture, size: int) -> None:
    """A TIFF names where its strips or tiles lie: refuse it where they lie behind the end of the file."""
    if picture.kind != "tiff":
        return
    tags: Any = picture.image.tag_v2  # type: ignore[attr-defined]
    for offsets, counts in ((273, 279), (324, 325)):
        starts, lengths = tags.get(offsets, ()), tags.get(counts, ())
        starts, lengths = (value if isinstance(value, tuple) else (value,) for value in (starts, lengths))
        if any(start + length > size for start, length in zip(starts, lengths, strict=False)):
            raise Refused(DAMAGED, "tiff: strips behind the end")


def bits_per_channel(picture: Picture) -> int:
    """Bits per channel as the file says."""
    if picture.kind == "tiff":
        bits: Any = picture.image.tag_v2.get(258, 8)  # type: ignore[attr-defined]
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    if picture.kind == "heic":
        return int(picture.image.info.get("bit_depth", 8))
    return picture.box.bits


def probe_of(picture: Picture, profile: str | None, wide_gamut: bool) -> Probe:
    """The picture's description for the server."""
    width, height = picture.size
    box = picture.box
    said = _said(picture)
    return Probe(
        format=picture.kind,
        mime=MIME[picture.kind],
        width=width,
        height=height,
        frames=box.frames,
        duration_ms=sum(box.durations),
        has_alpha=has_alpha(picture.image),
        mode=picture.image.mode,
        bits=bits_per_channel(picture),
        profile=profile,
        wide_gamut=wide_gamut,
        size_bytes=len(picture.data),
        creator=picture.credits.creator,
        rights=picture.credits.rights,
        credit=picture.credits.credit,
        markers=markers.find(said),
        source_type=markers.declared(said),
        camera=markers.camera(said),
    )


def _said(picture: Picture) -> list[inscriptions.Inscription]:
    """What the file says in words, wherever it says it."""
    if picture.kind == "tiff":  # it is an Exif block itself
        return inscriptions.read(b"", picture.box, exif=picture.data)
    exif = _bytes(picture.image.info.get("exif")) or picture.box.exif
    return inscriptions.read(picture.data, picture.box, exif=exif, xmp=picture.xmp, iim=picture.box.photoshop)


def refusal(cause: BaseException, kind: str) -> Refused:
    """The sentence for whatever a decoder raised."""
    if isinstance(cause, Refused):
        return cause
    detail = f"{kind}: {type(cause).__name__}: {cause}"
    if isinstance(cause, MemoryError) or "memory" in str(cause).lower():
        return Refused(TOO_HEAVY, detail)
    return Refused(DAMAGED, detail)
