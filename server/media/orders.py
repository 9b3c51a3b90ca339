"""What may be asked of the picture workshop and what comes back: plain values, no pixels, no Pillow.

`pixels.py` (the server's side) and `images/` (the sandboxed side) both stand on this file, so that the server process
never loads a decoder. The limits are decision 13; the ladder is decision 14 and part 0 of the performance notes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Format = Literal["jpeg", "png", "webp", "avif", "gif", "tiff", "heic"]
Purpose = Literal["wall", "stage", "federation", "full", "face"]

MIME: dict[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "heic": "image/heic",
}

WALL_WIDTHS = (320, 640, 1280)
"""WebP widths below the public maximum, in the order in which they are made."""

AVIF_QUALITY = {320: 63, 480: 63, 640: 55, 960: 48, 1280: 45}
"""AVIF widths and their quality: small, dense pictures forgive less bytes than large ones would."""

SHORT_UP_TO = 640
"""Copies up to this width say the least about rights that machines and people need (decision 14)."""

FACE_WIDTHS = (128, 400)
"""Sides of the square copies of a profile picture."""

DAMAGED = "This file is damaged or stops in the middle. Please export it again and upload the new copy."
UNKNOWN = (
    "This file is not a picture that we can read. "
    "Please export it as JPEG, PNG, WebP, AVIF, GIF or TIFF and upload that."
)
TOO_HEAVY = (
    "This picture needs more memory than we can give it. Please export it with fewer pixels and upload it again."
)
FAILED = "Something went wrong on our side while we read this picture. Please try again in a little while."
TOO_SLOW = "This picture takes too long to read. Please export it as a plain JPEG or PNG and upload it again."


class Refused(Exception):
    """We will not show this picture; `str()` is one sentence that tells the artist what to do instead.

    `detail` is for the log only: it names the technical cause and holds nothing of the picture's content.
    """

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


@dataclass(frozen=True)
class Limits:
    """How much one picture may cost (decision 13). Sizes in pixels or bytes, times in seconds."""

    pixels: int = 100_000_000
    """Largest JPEG, PNG, TIFF, GIF or opaque AVIF."""
    heavy_pixels: int = 50_000_000
    """Largest WebP, HEIC or AVIF with transparency: their decoders need two to three times the memory."""
    file_bytes: int = 200_000_000
    frames: int = 200
    animation_pixels: int = 100_000_000
    """Width times height times frames of an animation."""
    big_pixels: int = 40_000_000
    """Above this, a picture gets more memory and is worked on alone."""
    memory: int = 1 << 30
    big_memory: int = 2 << 30
    probe_memory: int = 512 << 20
    cpu_seconds: int = 90
    wall_seconds: float = 180.0
    probe_seconds: float = 20.0
    output_bytes: int = 400_000_000


@dataclass(frozen=True)
class Credits:
    """What the file itself says about its maker; kept in every public copy where the format has a place for it."""

    creator: str | None = None
    rights: str | None = None
    credit: str | None = None

    def __bool__(self) -> bool:
        return bool(self.creator or self.rights or self.credit)


@dataclass(frozen=True)
class Marker:
    """One mark of a generator in a file's metadata (docs/rights.md, table 2.7). It is what the file says, not a judgement."""

    generator: str
    """Its name as people know it; empty where the file says only that there was one."""
    where: str
    """The place in words: `the PNG text "parameters"`, `the XMP field photoshop:Credit`."""
    words: str
    """What stands there, cut to WORDS characters and one line."""
    strength: Literal["strong", "medium", "weak"]
    source_type: str | None = None
    """The IPTC digital source type that it implies, by its key ("trainedAlgorithmicMedia")."""


WORDS = 200
"""Characters of evidence that are kept of one mark."""


@dataclass(frozen=True)
class Probe:
    """What can be learned from the head of a file. Width and height are as people see it, after rotation."""

    format: Format
    mime: str
    width: int
    height: int
    frames: int
    duration_ms: int
    has_alpha: bool
    mode: str
    """Pillow's name for the colour model: "RGB", "CMYK", "I;16" …"""
    bits: int
    """Bits per channel in the file. Pillow reads colour pictures of 16 bits as 8; grey ones keep their precision."""
    profile: str | None
    """Description of the colour profile in the file, if it has one; never published."""
    wide_gamut: bool
    """True where the file's colour space reaches beyond sRGB: the copies are then Display P3."""
    size_bytes: int
    creator: str | None = None
    rights: str | None = None
    credit: str | None = None
    markers: tuple[Marker, ...] = ()
    """Marks of generators, the strongest first; no mark says nothing."""
    source_type: str | None = None
    """What the file itself states as its IPTC digital source type, by its key; None where it states none that we know."""
    camera: str | None = None
    """Maker and model of the camera, where the file also tells of an exposure."""


@dataclass(frozen=True)
class Facts:
    """What is known once the picture was decoded: its average colour, its BlurHash (4 by 4) and its final sizes."""

    average_colour: str
    """`#rrggbb`, sRGB; `#0000` where some of the picture can be looked through: nothing of ours stands behind it."""
    blurhash: str
    public_width: int
    public_height: int
    probe: Probe


@dataclass(frozen=True)
class Plan:
    """What to make. `public_max` is the longest side in pixels that strangers may see; nothing is ever enlarged."""

    public_max: int = 2048
    full: bool = False
    kind: Literal["work", "face"] = "work"
    packet: str = ""
    """What AVIF copies say of rights, as XMP; the other formats are stamped when they are finished (`server.stamps`)."""
    short_packet: str = ""
    """The same for copies of at most `SHORT_UP_TO` pixels across."""


@dataclass(frozen=True)
class Made:
    """One finished file. `file` exists only until the next item is asked for: move or read it before that."""

    purpose: Purpose
    width: int
    height: int
    format: Format
    file: Path
    size: int
    sha256: str
    frames: int = 1


@dataclass(frozen=True)
class Confinement:
    """Which walls hold around the decoder on this machine, as found by trying (`cartellino doctor` prints it)."""

    seccomp: bool
    landlock: int
    """Version of the kernel's Landlock interface, 0 where it has none."""
    namespaces: bool
    network_closed: bool
    files_closed: bool
    memory_limited: bool
    notes: tuple[str, ...] = field(default=())


def public_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size shown to strangers: the longest side at most `longest` pixels, never larger than the master."""
    longest = min(longest, 16383)  # WebP cannot hold a longer side.
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def size_at_width(full: tuple[int, int], width: int) -> tuple[int, int]:
    """The size `full` has when it is scaled to `width` pixels across."""
    return width, max(1, round(full[1] * width / full[0]))
