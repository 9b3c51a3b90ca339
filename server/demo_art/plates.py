"""Plates for walls and textbooks: moths, an aurora, an eclipse and an island."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from server.demo_art.canvas import SHARE, Canvas, Grid, Point, curve


def moth(s: Canvas, cx: float, cy: float, z: float, cols: Sequence[str]) -> None:
    """One pinned moth; `z` is half its span as a share of the width."""
    reach, drop, spot = s.r.uniform(0.92, 1.05), s.r.uniform(0.7, 1.0), s.r.uniform(0.1, 0.16)
    bands = int(s.r.integers(2, 5))
    fore = [
        (0.06, -0.12),
        (0.35, -0.5),
        (0.75, -0.66),
        (reach, -0.6),
        (0.92, -0.3),
        (0.7, -0.04),
        (0.4, 0.1),
        (0.08, 0.08),
    ]
    hind = [(0.06, 0.02), (0.4, 0.06), (0.68, 0.12), (0.72, 0.4), (0.52, drop * 0.75), (0.28, drop * 0.7), (0.1, 0.34)]
    for side in (-1, 1):

        def at(
            points: Sequence[Point], f: float = 1.0, ox: float = 0.0, oy: float = 0.0, side: int = side
        ) -> list[Point]:
            return [(cx + side * (ox + (x - ox) * f) * z, cy + (oy + (y - oy) * f) * z * s.k) for x, y in points]

        s.put(
            s.polys([curve(at([(x + 0.03 * side, y + 0.05) for x, y in w])) for w in (fore, hind)], 0.003),
            "#3a2c20",
            0.35,
        )
        for wing, ox, oy, first in ((hind, 0.08, 0.1, 1), (fore, 0.06, -0.05, 0)):
            s.put(s.poly(curve(at(wing))), cols[3])
            for k in range(bands):
                s.put(s.poly(curve(at(wing, 0.93 - k * 0.17, ox, oy))), cols[(first + k) % 3])
            for t in np.linspace(0.15, 0.9, 6).tolist():
                x, y = np.array(wing[2]) * (1 - t) + np.array(wing[5]) * t
                s.put(
                    s.stroke(
                        [(cx + side * ox * z, cy + oy * z * s.k), (cx + side * x * z * 0.95, cy + y * z * s.k * 0.95)],
                        z * 0.008,
                    ),
                    cols[3],
                    0.45,
                )
        for x, y, r in ((0.62, -0.36, spot), (0.44, 0.34, spot * 0.85)):
            for f, tone in ((1.0, cols[3]), (0.78, cols[4]), (0.48, cols[3]), (0.2, "#f7f1e4")):
                s.put(s.disc(cx + side * x * z, cy + y * z * s.k, r * z * f), tone)
        feeler = curve([(0.02, -0.3), (0.12, -0.52), (0.3, -0.74)], closed=False)
        s.put(s.stroke(at(feeler), z * 0.016), cols[3])
        for t in range(4, len(feeler), 2):
            x, y = feeler[t]
            s.put(s.stroke(at([(x, y), (x + 0.06, y + 0.05)]), z * 0.009), cols[3])
    s.put(s.oval(cx, cy + 0.2 * z * s.k, z * 0.085, z * 0.34 * s.k), cols[3])
    for k in range(5):
        s.put(s.oval(cx, cy + (0.12 + k * 0.09) * z * s.k, z * (0.075 - k * 0.008), z * 0.02 * s.k), cols[0], 0.8)
    s.put(s.oval(cx, cy - 0.1 * z * s.k, z * 0.11, z * 0.17 * s.k), cols[1])
    s.put(s.oval(cx, cy - 0.28 * z * s.k, z * 0.065, z * 0.065 * s.k), cols[3])


MOTHS: tuple[tuple[str, ...], ...] = (
    ("#c9803f", "#e8c48a", "#8f4a2c", "#3a221c", "#2f6a7a"),
    ("#7d9a7a", "#dfe3c4", "#4a6a52", "#22302a", "#d98a3c"),
    ("#b8a6c9", "#efe4ee", "#7a5a8c", "#2f2238", "#e0b64a"),
    ("#d9b45a", "#f6e7b8", "#b0762c", "#4a2f1c", "#8f2f2a"),
    ("#c4574a", "#f0bfa0", "#7f2a30", "#2a181c", "#e9c25a"),
    ("#6f93ad", "#dbe6e8", "#3a5f80", "#1b2836", "#d9643a"),
)


def moths(s: Canvas) -> Image.Image:
    """A plate of twelve moths in three columns."""
    s.fill("#efe6d2")
    s.put(np.clip(s.noise(6, octaves=5) - 0.1, 0, 1), "#d9c8a4", 0.4)
    for j in range(4):
        for i in range(3):
            moth(s, 0.2 + i * 0.3, 0.15 + j * 0.235, 0.125, MOTHS[(i + j * 3 + j) % 6])
            s.rect(0.2 + i * 0.3 - 0.03, 0.246 + j * 0.235, 0.06, 0.0012, "#6b5a44")
            s.rect(0.2 + i * 0.3 - 0.018, 0.251 + j * 0.235, 0.036, 0.0010, "#6b5a44", 0.6)
    for x0, y0, x1, y1 in (
        (0.035, 0.028, 0.965, 0.0295),
        (0.035, 0.9705, 0.965, 0.972),
        (0.035, 0.028, 0.037, 0.972),
        (0.963, 0.028, 0.965, 0.972),
    ):
        s.rect(x0, y0, x1 - x0, y1 - y0, "#6b5a44")
    return s.image(0.016, 0.05)


def one_moth(s: Canvas, which: int) -> Image.Image:
    """One moth of the plate, large, on the colour of its box."""
    s.fill(("#e9dcc2", "#dfe0cf", "#e6dde6", "#efe3c0", "#ecd9cc", "#d9e0e2")[which])
    s.put(np.clip(s.noise(6, octaves=5) - 0.1, 0, 1), "#b8a684", 0.25)
    moth(s, 0.5, 0.5, 0.4, MOTHS[which])
    return s.image(0.014, 0.05)


def aurora(s: Canvas) -> Image.Image:
    """Green and violet light over a black lake; meant for a Display P3 screen."""
    s.grad("#030716", "#061a2c", "#0a3140", "#04141f")
    for _ in range(220):
        s.glow(s.r.random(), s.r.random() * 0.6, 0.0013, "#ffffff", s.r.uniform(0.2, 0.9))
    hz = 0.72
    for i, (base, tint, tip) in enumerate(
        ((0.5, "#00ff62", "#ff00c8"), (0.58, "#00ffa0", "#6a00ff"), (0.42, "#20ff20", "#ff0090"))
    ):
        foot = s.line(base, 0.13, 2.4, 3)
        rays = np.clip(0.62 + 0.6 * s.noise(60, 1, 3) + 0.35 * s.noise(6, 1, 2), 0, 1.3)[:1]
        up = foot[None, :] - s.v
        light = np.exp(-np.clip(up, 0, None) / (0.13 + 0.05 * i)) * np.clip(up * 40 + 1, 0, 1) * rays
        s.add(np.clip(light, 0, 1) * (s.v < hz), tint, 0.9)
        s.add(np.clip(np.exp(-(((up - 0.27) / 0.13) ** 2)) * rays, 0, 1) * (s.v < hz), tip, 0.5)
    ys = s.line(hz - 0.05, 0.05, 4)
    s.put(s.below(ys) * (s.v < hz + 0.002), "#02060c")
    low = int(hz * s.h)
    rows = s.h - low
    take = np.clip(low - 1 - (np.arange(rows) * 1.9).astype(int), 0, low - 1)
    shade = np.linspace(0.75, 0.4, rows, dtype=SHARE)[:, None] * (0.8 + 0.3 * s.noise(4, 70, 3)[low:]).clip(0.3, 1)
    s.a[:, low:] = s.a[:, take] * shade
    s.put(s.poly([(0.18, 0.8), (0.3, 0.8), (0.285, 0.822), (0.195, 0.822)]), "#01030a")
    s.put(s.poly([(0.232, 0.8), (0.25, 0.8), (0.246, 0.752), (0.236, 0.752)]), "#01030a")
    s.put(s.disc(0.241, 0.742, 0.0065), "#01030a")
    s.glow(0.29, 0.79, 0.012, "#ff5a00", 1.0)
    return s.image(0.006, 0.0)


def eclipse(s: Canvas) -> Grid:
    """The black sun in its corona, in shares of 0 to 1: so many greys that eight bits would show steps."""
    dx, dy = s.u - 0.5, (s.v - 0.5) / s.k
    radius = np.hypot(dx, dy) / 0.19
    angle = np.arctan2(dy, dx)
    waves = sum(
        a * np.cos(n * angle + p)
        for n, a, p in (
            (2, 0.34, 0.4),
            (3, 0.2, 1.9),
            (5, 0.14, 0.2),
            (11, 0.09, 2.2),
            (23, 0.05, 1.1),
            (47, 0.03, 0.6),
        )
    )
    corona = np.exp(-(radius - 1) / (0.62 + 0.42 * waves))
    out = 0.02 + 0.9 * np.clip(corona, 0, 1) ** 1.25 + 0.35 * np.exp(-(((radius - 1) / 0.03) ** 2))
    out = out * np.clip((radius - 0.995) * 160, 0, 1) + 0.004
    bead = np.hypot(dx - 0.19 * math.cos(-0.8), dy - 0.19 * math.sin(-0.8))
    out = out + np.exp(-((bead / 0.012) ** 2)) + 0.3 * np.exp(-((bead / 0.05) ** 2))
    return np.clip(out, 0, 1)


def island(s: Canvas) -> Image.Image:
    """The map of an island that is nowhere: heights in tints, contours and water lines."""
    height = (
        s.noise(3.2, octaves=6, gain=0.52) * 0.62 + 0.62 - 3.6 * (((s.u - 0.46) / 0.8) ** 2 + ((s.v - 0.5) / 0.84) ** 2)
    )
    steps = (
        (-9.0, "#9fc3c4"),
        (-0.28, "#b1d0cc"),
        (-0.12, "#c6ddd3"),
        (0.0, "#e9e2bd"),
        (0.03, "#c7d3a0"),
        (0.14, "#a9c08c"),
        (0.26, "#d3c58d"),
        (0.4, "#c9a56f"),
        (0.55, "#b0825a"),
        (0.72, "#e9dfd0"),
    )
    for level, tint in steps:
        s.put(np.clip((height - level) * 260 + 0.5, 0, 1), tint)
    gy, gx = np.gradient(height)
    steep = np.hypot(gx, gy) + 1e-6
    shade = np.clip((gx + gy) * s.w / 9, -1, 1)
    land = np.clip(height * 260 + 0.5, 0, 1)
    s.put(land * np.clip(shade, 0, 1), "#fffbe8", 0.35)
    s.put(land * np.clip(-shade, 0, 1), "#4a3a3a", 0.35)
    for gap, width, tone, alpha in ((0.045, 0.9, "#6f5a3f", 0.55), (0.225, 1.7, "#4f3d2a", 0.8)):
        off = np.abs((height / gap) - np.round(height / gap)) * gap / steep
        s.put(land * np.clip(width - off, 0, 1), tone, alpha)
    off = np.abs((height / 0.035) - np.round(height / 0.035)) * 0.035 / steep
    s.put((1 - land) * np.clip(0.9 - off, 0, 1) * np.clip(1 + height * 4, 0, 1), "#3f7a80", 0.7)
    s.put(np.clip(1.8 - np.abs(height) / steep, 0, 1), "#2f4a50")
    for i in range(1, 8):
        s.rect(i / 8, 0, 0.0006, 1, "#3f6a70", 0.3)
        if i < 6:
            s.rect(0, i / 6, 1, 0.0009, "#3f6a70", 0.3)
    for x0, y0, x1, y1 in (
        (0.015, 0.022, 0.985, 0.026),
        (0.015, 0.974, 0.985, 0.978),
        (0.015, 0.022, 0.0175, 0.978),
        (0.9825, 0.022, 0.985, 0.978),
    ):
        s.rect(x0, y0, x1 - x0, y1 - y0, "#2f4a50")
    for k in range(4):
        a = k * math.pi / 2
        tip = (0.91 + math.cos(a) * 0.04, 0.86 + math.sin(a) * 0.04 * s.k)
        for side, tone in ((1, "#2f4a50"), (-1, "#f3ecd8")):
            s.put(
                s.poly(
                    [
                        (0.91, 0.86),
                        tip,
                        (0.91 + math.cos(a + side * 0.785) * 0.012, 0.86 + math.sin(a + side * 0.785) * 0.012 * s.k),
                    ]
                ),
                tone,
            )
    return s.image(0.012, 0.03)
