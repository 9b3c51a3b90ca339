"""Colour profiles of our own, and other people's profiles with everything but colour taken out. No Pillow here.

A published picture carries one of two profiles that this file writes: sRGB or Display P3, some 480 bytes each
(ICC.1:2022, matrix/TRC). The "untagged" four-ink profile is ours as well: it stands in where a CMYK file brings none.
"""

import struct
from collections.abc import Callable, Sequence
from functools import cache

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

D50: Vector = (0.9642, 1.0, 0.8249)
D65_XY = (0.3127, 0.3290)

SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
REC2020: Primaries = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""Parameters g, a, b, c, d of the parametric curve type 3 (IEC 61966-2-1)."""

CICP_PRIMARIES: dict[int, Primaries] = {1: SRGB, 9: REC2020, 12: P3}
"""Colour primaries of ITU-T H.273 that a PNG's cICP chunk or an AVIF's colr box may name."""

_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

_COLOUR_TAGS = frozenset(
    b"wtpt bkpt chad rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 "
    b"B2D0 B2D1 B2D2 B2D3 gamt lumi".split()
)
_LARGEST = 8_000_000


def _times(matrix: Matrix, vector: Vector) -> Vector:
    return tuple(sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)  # type: ignore[return-value]


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = [_times(left, column) for column in zip(*right, strict=True)]
    return tuple(zip(*columns, strict=True))  # type: ignore[return-value]


def inverse(m: Matrix) -> Matrix:
    """Inverse of a 3 by 3 matrix (adjugate over determinant)."""
    (a, b, c), (d, e, f), (g, h, i) = m
    scale = 1 / (a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    return (
        ((e * i - f * h) * scale, (c * h - b * i) * scale, (b * f - c * e) * scale),
        ((f * g - d * i) * scale, (a * i - c * g) * scale, (c * d - a * f) * scale),
        ((d * h - e * g) * scale, (b * g - a * h) * scale, (a * e - b * d) * scale),
    )


def _xyz(xy: tuple[float, float]) -> Vector:
    return (xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1])


def adaptation(white: tuple[float, float]) -> Matrix:
    """Bradford matrix that takes colours seen under `white` (x, y) to the D50 of profile space (ICC.1 annex E)."""
    source, target = _times(_BRADFORD, _xyz(white)), _times(_BRADFORD, D50)
    scale: Matrix = (
        (target[0] / source[0], 0.0, 0.0),
        (0.0, target[1] / source[1], 0.0),
        (0.0, 0.0, target[2] / source[2]),
    )
    return _product(inverse(_BRADFORD), _product(scale, _BRADFORD))


def rgb_to_xyz(primaries: Primaries, white: tuple[float, float] = D65_XY) -> Matrix:
    """Matrix from linear RGB to XYZ relative to D50."""
    columns: Matrix = tuple(zip(*(_xyz(p) for p in primaries), strict=True))  # type: ignore[assignment]
    sums = _times(inverse(columns), _xyz(white))
    unadapted: Matrix = tuple(  # type: ignore[assignment]
        tuple(value * s for value, s in zip(row, sums, strict=True)) for row in columns
    )
    return _product(adaptation(white), unadapted)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(words: str) -> bytes:
    raw = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(raw), 28) + raw


def _assemble(
    device_class: bytes, space: bytes, pcs: bytes, tags: Sequence[tuple[bytes, bytes]], version: int
) -> bytes:
    """A profile from its tags; equal contents are stored once."""
    table, body, places = b"", b"", {}
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        if content not in places:
            places[content] = start + len(body)
            body += content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    header = struct.pack(">I", start + len(body)) + b"\0\0\0\0" + struct.pack(">I", version)
    header += device_class + space + pcs + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    header = header.ljust(64, b"\0") + struct.pack(">I", 1) + _fixed(*D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def matrix_profile(
    name: str,
    primaries: Primaries,
    curve: Sequence[float] = SRGB_CURVE,
    white: tuple[float, float] = D65_XY,
) -> bytes:
    """An RGB display profile. `curve` is one gamma, or the five parameters of a curve with a linear foot."""
    matrix = rgb_to_xyz(primaries, white)
    red, green, blue = zip(*matrix, strict=True)
    kind = 0 if len(curve) == 1 else 3
    trc = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*curve)
    tags = [
        (b"desc", _text(name)),
        (b"cprt", _text("CC0")),
        (b"wtpt", b"XYZ \0\0\0\0" + _fixed(*D50)),
        (b"chad", b"sf32\0\0\0\0" + _fixed(*(v for row in adaptation(white) for v in row))),
        (b"rXYZ", b"XYZ \0\0\0\0" + _fixed(*red)),
        (b"gXYZ", b"XYZ \0\0\0\0" + _fixed(*green)),
        (b"bXYZ", b"XYZ \0\0\0\0" + _fixed(*blue)),
        (b"rTRC", trc),
        (b"gTRC", trc),
        (b"bTRC", trc),
    ]
    return _assemble(b"mntr", b"RGB ", b"XYZ ", tags, 0x04300000)


@cache
def srgb() -> bytes:
    """The profile of every copy whose master stays within sRGB."""
    return matrix_profile("sRGB", SRGB)


@cache
def display_p3() -> bytes:
    """The profile of every copy whose master reaches beyond sRGB."""
    return matrix_profile("Display P3", P3)


def grey_profile(gamma: float) -> bytes:
    """A grey display profile with one gamma (for PNGs that state a gamma, and for tests)."""
    trc = b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(gamma)
    tags = [
        (b"desc", _text("Grey")),
        (b"cprt", _text("CC0")),
        (b"wtpt", b"XYZ \0\0\0\0" + _fixed(*D50)),
        (b"kTRC", trc),
    ]
    return _assemble(b"mntr", b"GRAY", b"XYZ ", tags, 0x04300000)


# Colours of paper and solid inks on coated paper, CIE L*a*b* (D50), as ISO 12647-2 states them for offset printing;
# combinations with black are close to black, as measured prints are.
_INKS: dict[tuple[int, int, int], Vector] = {
    (0, 0, 0): (95.0, 0.0, -2.0),
    (1, 0, 0): (55.0, -37.0, -50.0),
    (0, 1, 0): (48.0, 74.0, -3.0),
    (0, 0, 1): (89.0, -5.0, 93.0),
    (0, 1, 1): (47.0, 68.0, 48.0),
    (1, 0, 1): (50.0, -68.0, 25.0),
    (1, 1, 0): (24.0, 22.0, -46.0),
    (1, 1, 1): (23.0, 0.0, 0.0),
}
_BLACK: Vector = (16.0, 0.0, 0.0)
_YULE_NIELSEN = 1.7
_DOT_GAIN = 0.16


def _lab_to_xyz(lab: Vector) -> Vector:
    fy = (lab[0] + 16) / 116
    parts = (fy + lab[1] / 500, fy, fy - lab[2] / 200)
    return tuple(  # type: ignore[return-value]
        w * (f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29)) for w, f in zip(D50, parts, strict=True)
    )


def _xyz_to_lab(xyz: Vector) -> Vector:
    def f(t: float) -> float:
        return t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29

    x, y, z = (f(v / w) for v, w in zip(xyz, D50, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def printed_colour() -> Callable[[float, float, float, float], Vector]:
    """A model of offset print on coated paper: ink shares (0 to 1) to L*a*b*.

    Yule and Nielsen's form of Neugebauer's equations: dots overlap by chance, paper shows between them, and light
    spreads under them. White paper is taken as the white of the screen.
    """
    paper = _lab_to_xyz(_INKS[(0, 0, 0)])
    corners: list[tuple[tuple[int, int, int, int], Vector]] = []
    for inks, lab in _INKS.items():
        for black in (0, 1):
            xyz = _lab_to_xyz(lab)
            if black:
                dark = _lab_to_xyz(_BLACK)
                # Ink under black still takes a little light away.
                xyz = tuple(d * (0.4 + 0.6 * x / p) for d, x, p in zip(dark, xyz, paper, strict=True))  # type: ignore[assignment]
            root: Vector = tuple((x / p) ** (1 / _YULE_NIELSEN) for x, p in zip(xyz, paper, strict=True))
            corners.append(((*inks, black), root))

    def colour(c: float, m: float, y: float, k: float) -> Vector:
        dots = [ink + 4 * _DOT_GAIN * ink * (1 - ink) * 0.7 for ink in (c, m, y, k)]
        x_, y_, z_ = 0.0, 0.0, 0.0
        for inks, root in corners:
            share = 1.0
            for dot, there in zip(dots, inks, strict=True):
                share *= dot if there else 1 - dot
            x_ += share * root[0]
            y_ += share * root[1]
            z_ += share * root[2]
        xyz: Vector = tuple(w * max(0.0, v) ** _YULE_NIELSEN for w, v in zip(D50, (x_, y_, z_), strict=True))
        return _xyz_to_lab(xyz)

    return colour


@cache
def coated_paper(steps: int = 9) -> bytes:
    """A four-ink profile for CMYK files that bring none: `printed_colour` on a grid (ICC.1 lut16Type, L*a*b*)."""
    colour = printed_colour()
    axis = [i / (steps - 1) for i in range(steps)]
    grid = bytearray()
    for c in axis:
        for m in axis:
            for y in axis:
                for k in axis:
                    lightness, a, b = colour(c, m, y, k)
                    values = (lightness * 652.8, (a + 128) * 256, (b + 128) * 256)
                    grid += struct.pack(">3H", *(min(65535, max(0, round(v))) for v in values))
    lut = b"mft2\0\0\0\0" + bytes((4, 3, steps, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += struct.pack(">HH", 2, 2) + struct.pack(">2H", 0, 65535) * 4 + bytes(grid) + struct.pack(">2H", 0, 65535) * 3
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 13) + b"Coated paper\0" + b"\0" * 78),
        (b"cprt", b"text\0\0\0\0CC0\0"),
        (b"wtpt", b"XYZ \0\0\0\0" + _fixed(*D50)),
        (b"A2B0", lut),
    ]
    return _assemble(b"prtr", b"CMYK", b"Lab ", tags, 0x02400000)


def without_names(profile: bytes) -> bytes | None:
    """`profile` with only what makes colour: no description, device name, date, maker or calibration notes.

    A profile of one person's monitor or scanner names them; its curves and matrices do not. None where the profile is
    broken, which a reader treats as sRGB.
    """
    if not 132 <= len(profile) <= _LARGEST or profile[36:40] != b"acsp":
        return None
    count = struct.unpack_from(">I", profile, 128)[0]
    if count > 100 or len(profile) < 132 + 12 * count:
        return None
    major = profile[8]
    words = _text("Colours of the original") if major >= 4 else b"desc\0\0\0\0" + struct.pack(">I", 24)
    if major < 4:
        words += b"Colours of the original\0" + b"\0" * 78
    tags = [(b"desc", words), (b"cprt", _text("") if major >= 4 else b"text\0\0\0\0\0")]
    for i in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        if name in _COLOUR_TAGS:
            if offset + length > len(profile) or length < 8:
                return None
            tags.append((name, profile[offset : offset + length]))
    version = struct.unpack_from(">I", profile, 8)[0] & 0xFFF00000
    rebuilt = bytearray(_assemble(profile[12:16], profile[16:20], profile[20:24], tags, version))
    rebuilt[64:68] = profile[64:68]  # The rendering intent is part of how colours are meant.
    return bytes(rebuilt)
