"""Scenes made at a table: windows, still lifes, cut paper, a pond, tiles and a carnival mask."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from server.demo_art.canvas import Canvas, Patch, Point


def windowlight(s: Canvas, wall: str, light: str, shade: str) -> Image.Image:
    """Six panes of sun on a wall, a plant in a clay pot in front of them."""
    s.fill(wall)
    s.put(np.clip(s.v - 0.1, 0, 1) * np.ones_like(s.u), shade, 0.4)
    panes: list[list[Point]] = []
    for i in range(2):
        for j in range(3):
            x, y, lean = 0.22 + i * 0.25, 0.14 + j * 0.19, 0.10
            low, high = y + lean * i, y + lean * (i + 0.86)
            panes.append([(x, low), (x + 0.215, high), (x + 0.215, high + 0.165), (x, low + 0.165)])
    lit = s.polys(panes, 0.003)
    s.put(lit, light, 0.92)
    shadow: list[list[Point]] = []
    for _ in range(13):
        a = -1.57 + s.r.uniform(-1.05, 1.05)
        shadow.append(s.leafy(0.57, 0.78, a, s.r.uniform(0.2, 0.46), 0.022, s.r.uniform(-0.7, 0.7)))
    s.put(s.polys(shadow, 0.004) * lit, wall, 0.8)
    s.put(s.below(0.83), shade)
    s.put(s.below(0.83) * np.clip((s.v - 0.83) * 5, 0, 1), wall, 0.35)
    s.put(s.poly([(0.55, 0.905), (0.9, 0.93), (0.9, 0.95), (0.6, 0.925)], 0.008), "#4a3626", 0.45)
    s.put(s.poly([(0.53, 0.9), (0.71, 0.9), (0.735, 0.755), (0.75, 0.735), (0.49, 0.735), (0.505, 0.755)]), "#b5563c")
    s.put(s.poly([(0.64, 0.9), (0.71, 0.9), (0.735, 0.755), (0.75, 0.735), (0.65, 0.735)]), "#8e3f2d", 0.7)
    for i in range(15):
        a, length = -1.57 + s.r.uniform(-1.2, 1.2), s.r.uniform(0.16, 0.36)
        blade = s.leafy(0.62, 0.74, a, length, 0.02, s.r.uniform(-0.6, 0.6))
        s.put(s.poly(blade), ("#3f5b46", "#587a5a", "#2c4436")[i % 3])
    return s.image(0.012, 0.05)


def still(s: Canvas, ground: str, table: str, cols: Sequence[str]) -> Image.Image:
    """Three vessels and three fruits on a table."""
    s.fill(ground)
    s.put(s.below(0.66), table)

    def vessel(x: float, base: float, w: float, h: float, colour: str, profile: Sequence[Point]) -> None:
        left = [(x - w * p, base - h * t) for t, p in profile]
        right = [(x + w * p, base - h * t) for t, p in reversed(profile)]
        cast = [(x - w, base - 0.01), (x + w, base - 0.01), (x + w * 2.6, base + 0.03), (x + w, base + 0.035)]
        s.put(s.poly(cast, 0.004), "#000000", 0.16)
        s.put(s.poly(left + right), colour)
        s.put(s.poly([(x + w * p * 0.25, base - h * t) for t, p in profile] + right), "#1a1420", 0.2)

    vessel(
        0.33,
        0.80,
        0.13,
        0.44,
        cols[0],
        [(0, 0.55), (0.1, 0.8), (0.3, 1), (0.5, 0.92), (0.7, 0.5), (0.85, 0.32), (0.95, 0.36), (1, 0.45)],
    )
    vessel(0.62, 0.84, 0.15, 0.26, cols[1], [(0, 0.7), (0.2, 0.95), (0.5, 1), (0.8, 0.85), (1, 0.6)])
    vessel(0.82, 0.78, 0.07, 0.36, cols[2], [(0, 0.5), (0.4, 0.62), (0.7, 0.7), (0.9, 0.4), (1, 0.42)])
    for x, y, r, colour in ((0.47, 0.87, 0.055, cols[3]), (0.555, 0.9, 0.05, cols[4]), (0.2, 0.86, 0.06, cols[3])):
        ry = r * s.k
        cast = [(x - r, y + ry * 0.7), (x + r, y + ry * 0.7), (x + r * 2.2, y + ry), (x, y + ry)]
        s.put(s.poly(cast, 0.004), "#000000", 0.16)
        s.put(s.disc(x, y, r), colour)
        s.put(s.disc(x + r * 0.3, y + r * 0.1, r) * s.disc(x, y, r), "#1a1420", 0.16)
        s.put(s.oval(x - r * 0.35, y - ry * 0.4, r * 0.22, ry * 0.14, 6), "#ffffff", 0.22)
    for i in range(9):
        length = 0.2 + 0.08 * s.r.random()
        s.put(s.poly(s.leafy(0.33, 0.38, -1.57 + (i - 4) * 0.22, length, 0.02, (i - 4) * 0.1)), cols[5])
    return s.image(0.014, 0.06)


def botanical(s: Canvas, ground: str, cols: Sequence[str], n: int = 9) -> Image.Image:
    """Cut-paper ferns before a round sun."""
    s.fill(ground)
    s.put(s.disc(s.r.uniform(0.35, 0.65), s.r.uniform(0.28, 0.4), 0.3), cols[-1], 0.9)
    for i in range(n):
        x, y = s.r.uniform(0.05, 0.95), s.r.uniform(0.85, 1.1)
        a = -math.pi / 2 + (x - 0.5) * -0.5 + s.r.uniform(-0.25, 0.25)
        length, b = s.r.uniform(0.5, 0.85), s.r.uniform(-0.5, 0.5)
        shapes: list[list[Point]] = []
        for j in range(11):
            t = 0.2 + 0.8 * j / 11
            px, py = x + math.cos(a + b * t) * length * t * 0.7, y + math.sin(a + b * t) * length * t
            for side in (1, -1):
                turn, size = a + b * t + side * (1.05 - 0.3 * t), 1.15 - t
                shapes.append(s.leafy(px, py, turn, 0.2 * size + 0.05, 0.03 * size + 0.012))
        rib = [
            (x + math.cos(a + b * t) * length * t * 0.7, y + math.sin(a + b * t) * length * t)
            for t in np.linspace(0, 1, 20).tolist()
        ]
        shapes.append([(x - 0.006, y), (x + 0.006, y), *rib])
        fern = s.polys(shapes)
        s.put(Patch(fern.rows, fern.cols, _soft(fern)), "#101014", 0.18)
        s.put(fern, cols[i % (len(cols) - 1)])
    return s.image(0.014, 0.07)


def _soft(patch: Patch) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """The shadow cut paper throws: the same shape, a little down and to the right."""
    step = max(2, patch.mask.shape[0] // 240)
    out = np.zeros_like(patch.mask)
    out[step:, step:] = patch.mask[:-step, :-step]
    return out


def koi(s: Canvas) -> Image.Image:
    """Koi and lily pads from above."""
    s.grad("#1f4a4c", "#17393f", "#0f2a33", wobble=0.15)
    s.put(np.clip(s.noise(5, octaves=5) - 0.1, 0, 1), "#3f7a72", 0.45)
    for i in range(7):
        x, y, a = s.r.uniform(0.15, 0.85), s.r.uniform(0.12, 0.88), s.r.uniform(0, 6.28)
        size, bend = s.r.uniform(0.2, 0.3), s.r.uniform(-0.9, 0.9)
        outline = s.leafy(x, y, a, size, 0.045, bend)
        s.put(s.poly([(p + 0.02, q + 0.03) for p, q in outline], 0.008), "#04161c", 0.5)
        body = s.poly(outline)
        s.put(body, "#f3ece0")
        ex, ey = x + math.cos(a + bend) * size * 0.93, y + math.sin(a + bend) * size * 0.93 * s.k
        for d in (0.45, -0.45):
            s.put(s.poly(s.leafy(ex, ey, a + bend + d, 0.085, 0.018)), "#f3ece0", 0.85)
        for d in (1.2, -1.2):
            fx, fy = x + math.cos(a) * 0.08, y + math.sin(a) * 0.08 * s.k
            s.put(s.poly(s.leafy(fx, fy, a + d, 0.06, 0.014)), "#f3ece0", 0.8)
        s.put(body * np.clip(s.noise(9) * 3 - 0.3, 0, 1), ("#d9532c", "#e58a2f", "#c23b2a")[i % 3])
        for side in (1, -1):
            ox, oy = math.cos(a + side * 0.55) * 0.028, math.sin(a + side * 0.55) * 0.028 * s.k
            s.put(s.disc(x + ox, y + oy, 0.0045), "#1b2226")
    for i in range(9):
        x, y, r, gap = s.r.random(), s.r.random(), s.r.uniform(0.05, 0.1), s.r.uniform(0, 6.28)
        pad = s.disc(x, y, r)
        angle = np.arctan2((s.v[pad.rows] - y) * s.h, (s.u[:, pad.cols] - x) * s.w)
        open_at = np.abs((angle - gap + np.pi) % (2 * np.pi) - np.pi)
        pad.mask = pad.mask * np.clip((open_at - 0.22) * 30, 0, 1)
        s.put(s.disc(x + 0.012, y + 0.012, r), "#04161c", 0.35)
        s.put(pad, ("#5d8a55", "#7ba164", "#43744f")[i % 3])
        pad.mask = pad.mask * (np.abs(np.sin(angle * 7)) > 0.985)
        s.put(pad, "#a9c48a", 0.5)
    return s.image()


def tiles(s: Canvas, ground: str, cols: Sequence[str]) -> Image.Image:
    """A grid of quarter circles, discs and triangles."""
    s.fill(ground)
    across = 5
    down = round(across / s.k)
    w, h = 1 / across, 1 / down
    for j in range(down):
        for i in range(across):
            x, y, kind = i * w, j * h, int(s.r.integers(0, 6))
            a, b = (int(v) for v in s.r.choice(len(cols), 2, replace=False))
            cell = s.poly([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
            s.put(cell, cols[a])
            qx, qy = ((0, 0), (1, 0), (0, 1), (1, 1))[int(s.r.integers(0, 4))]
            if kind < 3:
                s.put(cell * s.disc(x + qx * w, y + qy * h, w), cols[b])
                s.put(cell * s.disc(x + qx * w, y + qy * h, w * 0.5), cols[a if kind else (a + 1) % len(cols)])
            elif kind == 3:
                s.put(cell * s.disc(x + w / 2, y + h / 2, w * 0.42), cols[b])
            elif kind == 4:
                s.put(s.poly([(x, y), (x + w, y), (x, y + h)]), cols[b])
            else:
                s.put(s.poly([(x, y + h * 0.5), (x + w, y + h * 0.5), (x + w, y + h), (x, y + h)]), cols[b])
    return s.image(0.02, 0.06)


def carnival(s: Canvas, ground: str, cols: Sequence[str]) -> Image.Image:
    """A dancer in a feathered mask, bare to the waist, in flat cut paper."""
    s.fill(ground)
    skin, dark = cols[3], cols[4]
    body = [
        (0.4, 0.6),
        (0.4, 0.68),
        (0.28, 0.72),
        (0.16, 0.76),
        (0.1, 0.87),
        (0.06, 1.02),
        (0.94, 1.02),
        (0.9, 0.87),
        (0.84, 0.76),
        (0.72, 0.72),
        (0.6, 0.68),
        (0.6, 0.6),
    ]
    s.put(s.poly(body), skin)
    s.put(
        s.poly(
            [(0.5, 0.6), (0.5, 1.02), (0.94, 1.02), (0.9, 0.87), (0.84, 0.76), (0.72, 0.72), (0.6, 0.68), (0.6, 0.6)]
        ),
        dark,
        0.5,
    )
    s.put(s.poly([(0.4, 0.6), (0.6, 0.6), (0.58, 0.69), (0.5, 0.71), (0.42, 0.69)]), dark, 0.55)
    for side in (-1, 1):
        x = 0.5 + side * 0.17
        s.put(
            s.stroke(
                [(0.5 + side * (0.02 + 0.13 * t), 0.745 - 0.02 * t) for t in np.linspace(0, 1, 9).tolist()], 0.008, 0.9
            ),
            dark,
        )
        arc = [(x + 0.115 * math.cos(t), 0.885 + 0.07 * math.sin(t)) for t in np.linspace(0.25, 2.9, 16).tolist()]
        s.put(s.stroke(arc, 0.008, 0.9), dark)
        s.put(s.disc(x, 0.91, 0.019), cols[0])
        s.put(
            s.stroke([(0.5 + side * 0.335, 1.0), (0.5 + side * 0.315, 0.93), (0.5 + side * 0.31, 0.88)], 0.007, 0.8),
            dark,
        )
    cy, z = 0.38, 0.8

    def face(x: float, y: float, rx: float, ry: float) -> Patch:
        return s.oval(0.5 + (x - 0.5) * z, cy + (y - 0.52) * z, rx * z, ry * z)

    for i in range(22):
        a = -math.pi - 0.25 + (math.pi + 0.5) * (i + 0.5) / 22
        length = 0.46 - 0.06 * (i % 2)
        s.put(s.poly(s.leafy(0.5, cy - 0.06, a, length * z, 0.034 * z)), cols[i % 3])
        tip = (0.5 + math.cos(a) * length * z * 0.72, cy - 0.06 + math.sin(a) * length * z * 0.72 * s.k)
        s.put(s.disc(*tip, 0.011), ground)
    s.put(face(0.5, 0.52, 0.3, 0.33), skin)
    s.put(face(0.5, 0.56, 0.3, 0.33) * face(0.5, 0.52, 0.3, 0.33) * (s.u > 0.5), dark, 0.55)
    plate = [
        (-0.27, 0.40),
        (-0.1, 0.375),
        (0, 0.41),
        (0.1, 0.375),
        (0.27, 0.40),
        (0.25, 0.55),
        (0.1, 0.575),
        (0, 0.53),
        (-0.1, 0.575),
        (-0.25, 0.55),
    ]
    s.put(s.poly([(0.5 + x * z, cy + (y - 0.52) * z) for x, y in plate]), cols[5])
    for side in (-1, 1):
        s.put(face(0.5 + side * 0.125, 0.49, 0.075, 0.04), cols[2])
        s.put(face(0.5 + side * 0.125, 0.49, 0.028, 0.03), cols[5])
        s.put(face(0.5 + side * 0.19, 0.64, 0.045, 0.03), cols[0])
        for j in range(4):
            s.put(face(0.5 + side * (0.06 + j * 0.05), 0.395 + j * 0.004, 0.012, 0.009), cols[1])
    nose = [(0.5, 0.5), (0.545, 0.63), (0.455, 0.63)]
    s.put(s.poly([(0.5 + (x - 0.5) * z, cy + (y - 0.52) * z) for x, y in nose]), cols[1])
    s.put(face(0.5, 0.72, 0.085, 0.035), cols[0])
    s.put(face(0.5, 0.715, 0.085, 0.008), cols[4])
    return s.image(0.016, 0.06)
