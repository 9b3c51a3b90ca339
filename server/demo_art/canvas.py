"""The canvas of the demo's pictures: noise, masks and opaque paint, on numpy and Pillow alone.

Coordinates are shares of the width and of the height, 0 to 1 from the top left corner, so that one scene can be
painted at any size. Every random number comes from the canvas's own seeded generator: the same seed, the same picture.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

# Shares of 0 to 1 need no more, and half the memory is half the time.
SHARE = np.float32
Grid = npt.NDArray[Any]
Point = tuple[float, float]
Colour = str | Grid


def rgb(colour: Colour) -> Grid:
    """`#rrggbb` as three shares of 0 to 1; an array is returned as it is."""
    if isinstance(colour, str):
        return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], SHARE) / 255
    return np.asarray(colour, SHARE)


def mix(one: Colour, other: Colour, share: float) -> Grid:
    """The colour `share` of the way from `one` to `other`."""
    return rgb(one) * (1 - share) + rgb(other) * share


def eased(places: Grid, values: Grid) -> Grid:
    """`values` at even distances, read at `places` (0 to 1) with soft steps between them."""
    t = places * (len(values) - 1)
    i = np.minimum(t.astype(int), len(values) - 2)
    f = t - i
    f = f * f * (3 - 2 * f)
    return np.asarray(values[i] * (1 - f) + values[i + 1] * f)


def curve(points: Sequence[Point], closed: bool = True, steps: int = 12) -> list[Point]:
    """A smooth line through `points` (Catmull and Rom's): how every living outline is drawn."""
    n = len(points)

    def at(i: int) -> Point:
        return points[i % n] if closed else points[min(max(i, 0), n - 1)]

    out: list[Point] = []
    for i in range(n if closed else n - 1):
        p0, p1, p2, p3 = (np.array(at(i + k)) for k in (-1, 0, 1, 2))
        for t in np.linspace(0, 1, steps, endpoint=False):
            q = (
                p1
                + (p2 - p0) * t / 2
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 / 2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3 / 2
            )
            out.append((float(q[0]), float(q[1])))
    return out if closed else [*out, points[-1]]


def hanging(x0: float, y0: float, x1: float, y1: float, sag: float = 0.0) -> list[Point]:
    """A line that hangs between two points, `sag` deep: a wire, an eyelid."""
    ts = np.linspace(0, 1, 24).tolist()
    return [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + sag * math.sin(math.pi * t)) for t in ts]


def leaf(cx: float, cy: float, angle: float, length: float, width: float, bend: float = 0.0) -> list[Point]:
    """The outline of a leaf from its stalk at (cx, cy), as if the canvas were square."""
    out: list[Point] = []
    for side, ts in ((1, np.linspace(0, 1, 28)), (-1, np.linspace(1, 0, 28))):
        for t in ts.tolist():
            w, a = width * math.sin(math.pi * t**0.8) * side, angle + bend * t
            out.append(
                (cx + math.cos(a) * length * t - math.sin(a) * w, cy + math.sin(a) * length * t + math.cos(a) * w)
            )
    return out


class Patch:
    """A mask that covers only a part of the canvas, so that a star does not cost a whole sky."""

    def __init__(self, rows: slice, cols: slice, mask: Grid) -> None:
        self.rows, self.cols, self.mask = rows, cols, mask

    def __mul__(self, other: "Patch | Grid | float") -> "Patch":
        if isinstance(other, Patch):
            rows = slice(max(self.rows.start, other.rows.start), min(self.rows.stop, other.rows.stop))
            cols = slice(max(self.cols.start, other.cols.start), min(self.cols.stop, other.cols.stop))
            if rows.stop <= rows.start or cols.stop <= cols.start:
                return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), SHARE))
            return Patch(rows, cols, self._cut(rows, cols) * other._cut(rows, cols))
        if isinstance(other, np.ndarray):
            part = other[self.rows] if other.shape[0] > 1 else other
            other = part[:, self.cols] if part.shape[1] > 1 else part
        return Patch(self.rows, self.cols, self.mask * other)

    def _cut(self, rows: slice, cols: slice) -> Grid:
        top, left = self.rows.start, self.cols.start
        return self.mask[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]


class Canvas:
    """`width` by `height` pixels; `a` holds red, green and blue planes of 0 to 1."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.w, self.h, self.k = width, height, width / height
        self.seed, self.r = seed, np.random.default_rng(seed)
        self.u: Grid = (np.arange(width, dtype=SHARE) / width)[None, :]
        self.v: Grid = (np.arange(height, dtype=SHARE) / height)[:, None]
        self.a: Grid = np.zeros((3, height, width), SHARE)

    # Noise and masks.

    def noise(self, across: float, down: float | None = None, octaves: int = 4, gain: float = 0.5) -> Grid:
        """Fractal value noise, about -1.6 to 1.6; `across` and `down` count the cells of the first octave.

        It is drawn at half size and enlarged: no cell is finer than a few pixels, and it is four times as quick.
        """
        down = down or max(1, round(across * self.h / self.w))
        w, h = (self.w + 1) // 2, (self.h + 1) // 2
        out, amp, total = np.zeros((h, w), SHARE), 1.0, 0.0
        for _ in range(octaves):
            cells = self.r.random((int(down) + 2, int(across) + 2)).astype(SHARE)
            out += amp * np.asarray(Image.fromarray(cells).resize((w, h), Image.Resampling.BICUBIC))
            total, amp, across, down = total + amp, amp * gain, across * 2, down * 2
        out = np.clip(out / total * 2 - 1, -1, 1) * 1.6
        return np.asarray(Image.fromarray(out).resize((self.w, self.h), Image.Resampling.BILINEAR))

    def line(self, base: float, amp: float, cells: float, octaves: int = 5, gain: float = 0.5) -> Grid:
        """A wandering horizon: a height (0 to 1) for every column."""
        xs, out, a = np.linspace(0, 1, self.w), np.zeros(self.w), 1.0
        for octave in range(octaves):
            k = max(2, int(cells * 2**octave)) + 2
            p = self.r.random(k) * 2 - 1
            out += a * (np.interp(xs, np.linspace(0, 1, k), p) if octave > 1 else eased(xs, p))
            a *= gain
        return (base + amp * out).astype(SHARE)

    def below(self, ys: Grid | float, soft: float = 1.2) -> Grid:
        """Everything under a line of `line`, with an edge `soft` pixels wide."""
        line = np.broadcast_to(np.asarray(ys, SHARE), (self.w,))
        return np.asarray(np.clip((self.v - line[None, :]) * (self.h / soft) + 0.5, 0, 1))

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice] | None:
        """The pixels between two corners, or None where that is off the canvas."""
        c = slice(max(math.floor(x0), 0), min(math.ceil(x1), self.w))
        r = slice(max(math.floor(y0), 0), min(math.ceil(y1), self.h))
        return (r, c) if r.stop > r.start and c.stop > c.start else None

    def disc(self, cx: float, cy: float, radius: float, soft: float = 1.5) -> Patch:
        """A round mask; the radius is a share of the width."""
        return self.oval(cx, cy, radius, radius * self.k, soft)

    def oval(self, cx: float, cy: float, rx: float, ry: float, soft: float = 1.5) -> Patch:
        """An oval mask; each radius is a share of its own side."""
        x, y, px, py = cx * self.w, cy * self.h, max(rx * self.w, 0.5), max(ry * self.h, 0.5)
        box = self._box(x - px - soft, y - py - soft, x + px + soft + 1, y + py + soft + 1)
        if not box:
            return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), SHARE))
        dx = (np.arange(box[1].start, box[1].stop, dtype=SHARE) - x)[None, :] / px
        dy = (np.arange(box[0].start, box[0].stop, dtype=SHARE) - y)[:, None] / py
        return Patch(*box, np.clip((1 - np.hypot(dx, dy)) * (min(px, py) / soft) + 0.5, 0, 1))

    def poly(self, points: Sequence[Point], blur: float = 0) -> Patch:
        """A polygon, drawn at three times its size; `blur` is a share of the width."""
        return self.polys([points], blur)

    def polys(self, shapes: Sequence[Sequence[Point]], blur: float = 0) -> Patch:
        """Several polygons as one mask: a whole forest in one go."""
        pad = blur * self.w * 3 + 2
        px = [[(x * self.w, y * self.h) for x, y in shape] for shape in shapes if len(shape) > 2]
        xs, ys = [x for shape in px for x, _ in shape], [y for shape in px for _, y in shape]
        box = self._box(min(xs) - pad, min(ys) - pad, max(xs) + pad, max(ys) + pad) if px else None
        if not box:
            return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), SHARE))
        y0, x0, w, h = box[0].start, box[1].start, box[1].stop - box[1].start, box[0].stop - box[0].start
        scale = 3 if w * h < 2_000_000 else 2
        plate = Image.new("L", (w * scale, h * scale))
        draw = ImageDraw.Draw(plate)
        for shape in px:
            draw.polygon([((x - x0) * scale, (y - y0) * scale) for x, y in shape], fill=255)
        plate = plate.reduce(scale)
        if blur:
            plate = plate.filter(ImageFilter.GaussianBlur(blur * self.w))
        return Patch(*box, np.asarray(plate, SHARE) / 255)

    def stroke(self, points: Sequence[Point], width: float, taper: float = 0.0) -> Patch:
        """A brush line; `width` is a share of the canvas's width and falls by `taper` (0 to 1) towards both ends."""
        px = [(x, y / self.k) for x, y in points]
        left: list[Point] = []
        right: list[Point] = []
        for i, (x, y) in enumerate(px):
            (ax, ay), (bx, by) = px[max(i - 1, 0)], px[min(i + 1, len(px) - 1)]
            n = math.hypot(bx - ax, by - ay) or 1
            t = i / max(len(px) - 1, 1)
            w = width / 2 * (1 - taper + taper * math.sin(math.pi * t))
            nx, ny = -(by - ay) / n * w, (bx - ax) / n * w
            left.append((x + nx, (y + ny) * self.k))
            right.append((x - nx, (y - ny) * self.k))
        return self.poly(left + right[::-1])

    def leafy(self, cx: float, cy: float, angle: float, length: float, width: float, bend: float = 0.0) -> list[Point]:
        """The outline of `leaf` on this canvas, whatever its ratio; lengths are shares of the width."""
        return [(x, cy + (y - cy) * self.k) for x, y in leaf(cx, cy, angle, length, width, bend)]

    # Paint.

    def put(self, mask: Patch | Grid | float, colour: Colour, alpha: float = 1.0) -> None:
        """Opaque paint where the mask is 1."""
        if isinstance(mask, Patch):
            rows, cols, m = mask.rows, mask.cols, mask.mask * SHARE(alpha)
        else:
            rows, cols, m = slice(None), slice(None), np.asarray(mask, SHARE) * SHARE(alpha)
            if m.ndim == 2 and m.shape[0] == self.h:
                used = np.flatnonzero(m.any(1))
                if not len(used):
                    return
                rows = slice(int(used[0]), int(used[-1]) + 1)
                m = m[rows]
        for plane, value in zip(self.a, rgb(colour), strict=True):
            part = plane[rows, cols]
            part += (value - part) * m

    def add(self, mask: Patch | Grid, colour: Colour, strength: float = 1.0) -> None:
        """Light: it brightens what is there and never passes white."""
        patch = mask if isinstance(mask, Patch) else Patch(slice(0, self.h), slice(0, self.w), mask)
        for plane, value in zip(self.a, rgb(colour), strict=True):
            part = plane[patch.rows, patch.cols]
            part += (1 - part) * (patch.mask * SHARE(value * strength))

    def fill(self, colour: Colour) -> None:
        """The whole canvas in one colour."""
        self.a[:] = rgb(colour)[:, None, None]

    def grad(self, *stops: Colour, wobble: float = 0.0) -> None:
        """The whole canvas from the first colour at the top to the last at the bottom."""
        at = np.clip(self.v + (self.noise(3) * wobble if wobble else 0), 0, 1)
        places, colours = np.linspace(0, 1, len(stops)), np.array([rgb(c) for c in stops])
        for i in range(3):
            self.a[i] = np.interp(at, places, colours[:, i])

    def glow(self, cx: float, cy: float, radius: float, colour: Colour, strength: float = 1.0, sy: float = 1.0) -> None:
        """A soft light; the radius is a share of the width, `sy` squeezes it."""
        x, y, r = cx * self.w, cy * self.h, radius * self.w
        box = self._box(x - r * 2, y - r * 2 * sy, x + r * 2, y + r * 2 * sy)
        if not box:
            return
        dx = (np.arange(box[1].start, box[1].stop, dtype=SHARE) - x)[None, :] / r
        dy = (np.arange(box[0].start, box[0].stop, dtype=SHARE) - y)[:, None] / (r * sy)
        self.add(Patch(*box, np.exp(-2.2 * dx * dx) * np.exp(-2.2 * dy * dy)), colour, strength)

    def rect(self, x: float, y: float, w: float, h: float, colour: Colour, alpha: float = 1.0) -> None:
        """An upright rectangle on whole pixels."""
        box = self._box(x * self.w, y * self.h, (x + w) * self.w, (y + h) * self.h)
        if box:
            self.put(Patch(*box, np.ones((1, 1), SHARE)), colour, alpha)

    def image(self, grain: float = 0.012, wash: float = 0.035) -> Image.Image:
        """The gouache finish: a slow wash of pigment and a little paper tooth, then 8 bits."""
        return Image.fromarray((self.finished(grain, wash) * 255 + 0.5).astype(np.uint8))

    def finished(self, grain: float = 0.012, wash: float = 0.035) -> Grid:
        """As `image`, still in shares of 0 to 1, rows by columns by three."""
        n = self.r.standard_normal((self.h + 1, self.w + 1), dtype=np.float32)
        tooth = (n[1:, 1:] + n[:-1, 1:] + n[1:, :-1] + n[:-1, :-1]) * SHARE(grain / 2)
        slow = 1 + SHARE(wash) * self.noise(5, octaves=5)
        return np.ascontiguousarray(np.clip(self.a * slow + tooth, 0, 1).transpose(1, 2, 0))
