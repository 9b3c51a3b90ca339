"""Scenes under the sky: ridges, the lighthouse and its ferry, seas, cities, dunes, forests and a planet."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from server.demo_art.canvas import Canvas, Colour, Grid, Point, mix, rgb

Disc = tuple[float, float, float]


def pines(s: Canvas, ys: Grid, count: int, colour: Colour, low: float, high: float) -> None:
    """A row of firs standing on the line `ys`; heights are shares of the canvas's height."""
    shapes: list[list[Point]] = []
    for _ in range(count):
        x, h = s.r.uniform(0, 1), s.r.uniform(low, high)
        base = float(ys[int(np.clip(x, 0, 0.999) * s.w)]) + h * 0.12
        for k in range(7):
            f = k / 7
            wide = h * 0.2 * (f + 0.12) * s.r.uniform(0.8, 1.15) / s.k
            top = base - h + h * f * 0.9
            shapes.append([(x, top - h * 0.1), (x - wide, top + h * 0.16), (x + wide, top + h * 0.16)])
    s.put(s.polys(shapes), colour)


def ridges(
    s: Canvas,
    sky: Sequence[str],
    far: str,
    near: str,
    sun: Disc = (0.68, 0.3, 0.07),
    light: str = "#fff1d6",
    n: int = 6,
    trees: int = 60,
    top: float = 0.38,
) -> Image.Image:
    """Mountain ridges one behind the other, mist between them, firs in front."""
    s.grad(*sky, wobble=0.04)
    clouds = s.noise(3, 9, 5)
    s.put(np.clip(clouds - 0.15, 0, 1) * np.clip(1.1 - s.v * 1.6, 0, 1), sky[-1], 0.55)
    s.glow(sun[0], sun[1], sun[2] * 4.5, light, 0.45)
    s.put(s.disc(*sun), light)
    for i in range(n):
        t = i / (n - 1)
        ys = s.line(top + (0.96 - top) * t**1.15, 0.11 * (1 - t * 0.45), 2 + i * 0.6)
        mask = s.below(ys)
        colour = mix(far, near, t)
        s.put(mask, colour)
        s.put(mask * np.clip((s.v - ys[None, :]) * 4.2, 0, 1), sky[-1], 0.41 * (1 - t))
        if trees and i >= n - 2:
            shade = colour * np.float32(0.9 if i == n - 1 else 1)
            pines(s, ys, trees, shade, 0.05 + 0.05 * t, 0.1 + 0.1 * t)
    return s.image()


def lighthouse(s: Canvas, stage: str = "final") -> Image.Image:
    """The lighthouse and the last ferry at dusk; `stage` is final, values, line or block."""
    sky = ("#0f2540", "#23476a", "#5f7f98", "#d99a78", "#f3c58f", "#3a5a72", "#1c3850", "#10263b")
    s.grad(*sky)
    hz = 0.62
    s.put(np.clip(s.noise(3, 12, 5) * 1.3 - 0.05, 0, 1) * np.clip((hz - s.v) * 3, 0, 1), "#38597a", 0.55)
    veil = np.clip(s.noise(2, 8, 5) * 1.5 - 0.35, 0, 1)
    s.put(veil * (np.clip((s.v - 0.25) * 4, 0, 1) * (s.v < hz)), "#f7d6a8", 0.5)
    s.glow(0.3, hz - 0.03, 0.3, "#ffc98a", 0.5, 0.5)
    s.put(s.disc(0.3, hz - 0.055, 0.028), "#fff0cf")
    for _ in range(90):
        x, y = s.r.random(), s.r.random() ** 1.6 * 0.34
        s.glow(x, y, 0.0022 * s.r.uniform(0.5, 1), "#e8efff", s.r.uniform(0.3, 0.9) * (1 - y * 2))
    s.put(s.below(s.line(hz - 0.035, 0.03, 3)) * (s.v < hz + 0.002), "#4b6a80")
    dip = 0.03 * np.clip((0.56 - np.linspace(0, 1, s.w)) / 0.1, 0, 1) ** 2
    s.put(s.below(s.line(hz - 0.012, 0.02, 4) + dip) * (s.v < hz + 0.002), "#355468")
    _water(s, hz)
    _cliff(s)
    _tower(s)
    _ferry(s)
    _gulls(s, 13)
    if stage == "final":
        return s.image()
    return _stage(s, stage)


def _water(s: Canvas, hz: float) -> None:
    water = np.clip((s.v - hz) * s.h + 0.5, 0, 1)
    d = np.clip((s.v - hz) / (1 - hz), 0, 1)
    s.put(water * np.ones_like(s.u), "#29506a")
    s.put(water * d * np.ones_like(s.u), "#0c2136", 0.92)
    streaks = s.noise(4, 90, 3) * (0.35 + d) + 0.4 * s.noise(9, 40, 3)
    s.put(water * np.clip(streaks - 0.25, 0, 1), "#7fa3b3", 0.38)
    s.put(water * np.clip(-streaks - 0.3, 0, 1), "#071829", 0.55)
    lane = np.exp(-(((s.u - 0.3) / (0.022 + 0.10 * d)) ** 2)) * water
    s.put(lane * np.clip(s.noise(7, 110, 2) + 0.35 - d * 0.35, 0, 1), "#ffd9a0", 0.9)


def _cliff(s: Canvas) -> None:
    places = [0, 0.56, 0.6, 0.66, 0.7, 0.76, 0.86, 1]
    edge = np.interp(np.linspace(0, 1, s.w), places, [1.3, 1.3, 0.80, 0.66, 0.52, 0.485, 0.47, 0.44])
    edge = (edge + s.line(0, 0.018, 9, 6)).astype(np.float32)
    mask = s.below(edge)
    s.put(mask, "#16202c")
    s.put(mask * np.clip(s.noise(24, 8, 5), 0, 1), "#2d3c48", 0.8)
    s.put(np.clip(1 - np.abs(s.v - edge[None, :]) * 55, 0, 1) * mask, "#d8986c", 0.55)
    s.put(np.clip((s.v - edge[None, :] - 0.22) * 5, 0, 1) * mask, "#0a1826", 0.9)
    surf = np.exp(-(((s.v - 0.86 - 0.05 * (s.u - 0.6)) / 0.05) ** 2)) * np.clip((s.u - 0.56) / 0.08, 0, 1)
    s.put(np.clip(s.noise(12, 60, 3) - 0.1, 0, 1) * surf, "#b9ccd2", 0.4)


def _tower(s: Canvas) -> None:
    lx, ly = 0.80, 0.18
    for tx, strength, fall, ends in ((-0.5, 0.34, 1.15, (0.02, 0.17)), (1.5, 0.16, 3.0, (-0.09, 0.05))):
        beam = s.poly([(lx, ly - 0.004), (tx, ly + ends[0]), (tx, ly + ends[1]), (lx, ly + 0.004)], 0.006)
        s.add(beam * np.clip(1.05 - np.abs(s.u - lx) * fall, 0, 1), "#ffe8b8", strength)
    s.put(s.poly([(lx - 0.019, 0.485), (lx + 0.019, 0.485), (lx + 0.0125, 0.215), (lx - 0.0125, 0.215)]), "#e9e1d2")
    for a, b in ((0.44, 0.40), (0.35, 0.31), (0.27, 0.24)):
        wa, wb = (0.0125 + 0.0065 * (y - 0.215) / 0.27 for y in (a, b))
        s.put(s.poly([(lx - wa, a), (lx + wa, a), (lx + wb, b), (lx - wb, b)]), "#b4483c")
    shade = [(lx + 0.002, 0.485), (lx + 0.019, 0.485), (lx + 0.0125, 0.215), (lx + 0.002, 0.215)]
    s.put(s.poly(shade), "#0f2031", 0.38)
    s.rect(lx - 0.018, 0.207, 0.036, 0.01, "#1a2733")
    s.rect(lx - 0.0095, 0.16, 0.019, 0.047, "#fff3c9")
    s.put(s.poly([(lx - 0.0125, 0.162), (lx + 0.0125, 0.162), (lx, 0.128)]), "#8d3a33")
    s.glow(lx, ly, 0.07, "#ffe9b0", 1.0)
    s.glow(lx, ly, 0.2, "#ffcf8f", 0.35)
    s.put(s.poly([(0.845, 0.478), (0.905, 0.474), (0.905, 0.435), (0.845, 0.437)]), "#d9cfc0")
    s.put(s.poly([(0.84, 0.439), (0.91, 0.436), (0.897, 0.405), (0.853, 0.406)]), "#6f3a35")
    for x in (0.857, 0.873, 0.888):
        s.rect(x, 0.449, 0.007, 0.015, "#ffd98a")


def _ferry(s: Canvas) -> None:
    fx, fy, k = 0.405, 0.685, 1.25

    def hull(colour: str, *points: Point) -> None:
        s.put(s.poly([(fx + x * k, fy + y * k) for x, y in points]), colour)

    hull("#f0e7d8", (-0.052, 0), (0.05, 0), (0.062, -0.022), (-0.06, -0.02))
    hull("#9c3f37", (-0.052, 0), (0.05, 0), (0.054, -0.008), (-0.055, -0.008))
    hull("#dcd3c4", (-0.04, -0.02), (0.038, -0.021), (0.034, -0.043), (-0.036, -0.043))
    hull("#e9e1d3", (-0.02, -0.043), (0.02, -0.043), (0.016, -0.06), (-0.014, -0.06))
    hull("#9c3f37", (-0.004, -0.06), (0.008, -0.06), (0.009, -0.082), (-0.002, -0.082))
    for i in range(9):
        x = -0.034 + i * 0.0077
        hull("#ffdb8c", (x, -0.027), (x + 0.0045, -0.027), (x + 0.0045, -0.036), (x, -0.036))
    s.glow(fx, fy - 0.04, 0.06, "#ffcf80", 0.4, 0.6)
    wake = np.exp(-(((s.v - fy - 0.006) / 0.01) ** 2)) * np.exp(-(((s.u - fx + 0.06) / 0.12) ** 2))
    s.put(wake * np.clip(s.noise(20, 80, 2) + 0.5, 0, 1), "#cfe0e2", 0.6)
    glow = np.exp(-(((s.u - fx) / 0.05) ** 2)) * (np.clip((s.v - fy) * 60, 0, 1) * np.exp(-np.abs(s.v - fy) / 0.07))
    s.put(glow * np.clip(s.noise(10, 120, 2) + 0.3, 0, 1), "#ffd28a", 0.65)


def _gulls(s: Canvas, count: int) -> None:
    for _ in range(count):
        x, y, z = s.r.uniform(0.5, 0.74), s.r.uniform(0.22, 0.47), s.r.uniform(0.004, 0.010)
        rise = z * s.k
        for side in (-1, 1):
            wing = [
                (x + side * z * t, y - rise * 0.5 * math.sin(math.pi * min(t * 0.72, 1))) for t in np.linspace(0, 1, 9)
            ]
            s.put(s.stroke(wing, 0.0011), "#f3e6d3", 0.85)


def _stage(s: Canvas, stage: str) -> Image.Image:
    """How the picture came about: six greys, pencil, or blocks of colour."""
    grey = s.a.mean(0)
    flat = Image.fromarray((np.clip(grey, 0, 1) * 255).astype(np.uint8))
    if stage == "values":
        small = np.asarray(flat.filter(ImageFilter.MedianFilter(9)), np.float32)
        steps = np.floor(small / 255 * 6) / 6 * 0.82 + 0.12
        s.a = np.stack([steps, steps * 0.985, steps * 0.96])
        return s.image(0.02, 0.02)
    if stage == "line":
        calm = flat.filter(ImageFilter.MedianFilter(7)).filter(ImageFilter.GaussianBlur(2))
        b = np.asarray(calm, np.float32) / 255
        gy, gx = np.gradient(b)
        edge = np.clip(np.hypot(gx, gy) * 34 - 0.06, 0, 1) ** 0.7
        rows = np.arange(s.h, dtype=np.float32)[:, None] + np.arange(s.w, dtype=np.float32)[None, :]
        hatch = (np.sin(rows * 0.55 + s.noise(20)) > 0.55) * np.clip(0.42 - b, 0, 1) * 1.1
        t = np.clip(edge * 0.85 + hatch * 0.5, 0, 1) * (0.75 + 0.25 * s.noise(60))
        s.fill("#f2ede3")
        s.put(np.clip(t, 0, 1), "#3a3f4a")
        return s.image(0.02, 0.02)
    plate = Image.fromarray((np.clip(s.a, 0, 1).transpose(1, 2, 0) * 255).astype(np.uint8))
    half = plate.reduce(2).filter(ImageFilter.MedianFilter(7)).quantize(18).convert("RGB")
    blocks = half.filter(ImageFilter.ModeFilter(5)).resize(plate.size, Image.Resampling.NEAREST)
    blocks = blocks.filter(ImageFilter.ModeFilter(3))
    s.a = np.ascontiguousarray(np.asarray(blocks, np.float32).transpose(2, 0, 1) / 255)
    return s.image(0.02, 0.05)


def sea(
    s: Canvas, sky: Sequence[str], water: Sequence[str], sun: float, hz: float = 0.52, light: str = "#fff3da"
) -> Image.Image:
    """Open water under a low sun, one sailing boat; `sun` is how far across it stands."""
    s.grad(*sky, wobble=0.03)
    s.put(np.clip(s.noise(2, 9, 5) - 0.1, 0, 1) * (s.v < hz), sky[-1], 0.5)
    s.glow(sun, hz - 0.1, 0.34, light, 0.5)
    s.put(s.disc(sun, hz - 0.12, 0.075), light)
    mask = np.clip((s.v - hz) * s.h + 0.5, 0, 1) * np.ones_like(s.u)
    d = np.clip((s.v - hz) / (1 - hz), 0, 1)
    s.put(mask, water[0])
    s.put(mask * d, water[1])
    streaks = s.noise(3, 60, 3) * (0.4 + d)
    s.put(mask * np.clip(streaks - 0.1, 0, 1), sky[-1], 0.45)
    s.put(mask * np.clip(-streaks - 0.25, 0, 1), water[1], 0.7)
    lane = mask * np.exp(-(((s.u - sun) / (0.05 + 0.14 * d)) ** 2))
    s.put(lane * np.clip(s.noise(6, 70, 2) + 0.3, 0, 1), light, 0.85)
    x, y, k = (0.3 if sun > 0.5 else 0.7), hz + 0.1, s.k / 1.5
    s.put(
        s.poly(
            [(x - 0.05, y + 0.024), (x + 0.05, y + 0.024), (x + 0.03, y + 0.09 * k), (x - 0.03, y + 0.09 * k)], 0.006
        ),
        water[1],
        0.6,
    )
    s.put(s.poly([(x - 0.06, y), (x + 0.06, y), (x + 0.045, y + 0.026 * k), (x - 0.045, y + 0.026 * k)]), "#2b1d1d")
    s.put(s.poly([(x - 0.003, y - 0.004), (x - 0.003, y - 0.19 * k), (x + 0.06, y - 0.012)]), "#f6ead7")
    s.put(s.poly([(x - 0.01, y - 0.006), (x - 0.01, y - 0.155 * k), (x - 0.05, y - 0.012)]), "#e7c9a2")
    return s.image()


def city(s: Canvas, sky: Sequence[str], hue: Sequence[str], lit: str = "#ffd27a", n: int = 4) -> Image.Image:
    """Towers in rows under a full moon, windows lit here and there."""
    s.grad(*sky, wobble=0.05)
    s.put(s.disc(0.27, 0.2, 0.085), "#fbe9cf", 0.92)
    s.glow(0.27, 0.2, 0.3, "#fbd9a8", 0.35)
    for i in range(n):
        t = i / (n - 1)
        x, colour = -0.02, mix(hue[0], hue[1], t)
        s.put(np.clip((s.v - 0.35 - 0.1 * t) * 2.2, 0, 1) * np.ones_like(s.u), sky[-1], 0.28)
        while x < 1.02:
            wide, top = s.r.uniform(0.05, 0.13) * (0.7 + 0.5 * t), s.r.uniform(0.30, 0.62) + 0.17 * t
            s.put(s.poly([(x, 1), (x, top), (x + wide, top), (x + wide, 1)]), colour)
            s.rect(x + wide * 0.82, top, wide * 0.18, 1 - top, "#0a0a16", 0.16)
            if s.r.random() < 0.4:
                s.put(s.poly([(x + wide * 0.48, top), (x + wide * 0.5, top - 0.07), (x + wide * 0.52, top)]), colour)
            if t > 0.2:
                gx, gy = 0.0135 + 0.004 * t, 0.018 + 0.006 * t
                for wy in np.arange(top + 0.02, 1.0, gy * 1.25).tolist():
                    for wx in np.arange(x + 0.008, x + wide - gx, gx * 1.2).tolist():
                        if s.r.random() < 0.17 + 0.1 * t:
                            warm = lit if s.r.random() < 0.85 else "#f08f7a"
                            s.rect(wx, wy, gx * 0.55, gy * 0.5, warm, 0.45 + 0.5 * t)
            x += wide + s.r.uniform(-0.004, 0.012)
    s.glow(0.5, 1.02, 0.6, lit, 0.28, 0.35)
    return s.image()


def dunes(
    s: Canvas, sky: Sequence[str], light: str, dark: str, sun: Disc = (0.26, 0.24, 0.06), picnic: bool = False
) -> Image.Image:
    """Dunes, each with its lit and its shaded side; `picnic` sets a blanket and two people down."""
    s.grad(*sky, wobble=0.03)
    s.put(s.disc(*sun), "#fff4df", 0.95)
    s.glow(sun[0], sun[1], 0.25, "#ffe9c4", 0.4)
    xs, n = np.linspace(0, 1, s.w), 6
    for i in range(n):
        t, p = i / (n - 1), s.r.uniform(0, 6.28)
        ys = 0.46 + 0.44 * t + 0.05 * np.sin(xs * (5 - 2.6 * t) + p) + 0.025 * np.sin(xs * 9 + p * 2)
        mask = s.below(ys)
        s.put(mask, mix(light, sky[-1], 0.55 * (1 - t)))
        slope = np.clip(np.gradient(ys) * s.w * 2.2, 0, 1)[None, :].astype(np.float32)
        under = np.clip(1 - (s.v - ys[None, :].astype(np.float32)) * (3.2 - t), 0, 1) ** 0.6
        s.put(mask * slope * under, mix(dark, sky[-1], 0.45 * (1 - t)), 0.95)
        s.put(mask * np.clip(s.noise(3, 80, 2) - 0.2, 0, 1), dark, 0.10 * t)
    if picnic:
        s.put(s.poly([(0.2, 0.83), (0.36, 0.815), (0.4, 0.86), (0.22, 0.88)]), "#f2e3cf")
        for i in range(5):
            s.put(
                s.poly(
                    [
                        (0.212 + i * 0.034, 0.829),
                        (0.226 + i * 0.034, 0.828),
                        (0.246 + i * 0.036, 0.876),
                        (0.231 + i * 0.036, 0.878),
                    ]
                ),
                "#c33b46",
                0.85,
            )
        for x, y, tint in ((0.24, 0.84, "#26375a"), (0.335, 0.83, "#e7b54a")):
            s.put(
                s.poly([(x, y + 0.02), (x + 0.12, y + 0.05), (x + 0.12, y + 0.06), (x, y + 0.03)], 0.003),
                "#1a0c18",
                0.4,
            )
            s.put(s.oval(x, y - 0.01, 0.013, 0.035), tint)
            s.put(s.disc(x, y - 0.06, 0.012), "#f7efe2")
            s.put(s.disc(x + 0.003, y - 0.06, 0.008), "#2b3c58")
    return s.image()


def forest(s: Canvas, fog: Sequence[str], trunk: str, leaf: str, cabin: bool = True) -> Image.Image:
    """Tall trunks in fog, a lit cabin among them or not."""
    s.grad(*fog)
    s.glow(0.56, 0.34, 0.42, "#fff2cf", 0.45)
    for i in range(6):
        t = i / 5
        colour = mix(fog[1], trunk, 0.16 + 0.84 * t)
        for _ in range(int(15 - 9 * t)):
            x = s.r.uniform(-0.03, 1.03)
            if t > 0.5 and abs(x - 0.55) < 0.17:
                continue
            w, lean, foot = 0.006 + 0.034 * t * s.r.uniform(0.6, 1.2), s.r.uniform(-0.03, 0.03), 0.66 + 0.3 * t
            top = (x + w * 0.55 + lean, -0.02), (x - w * 0.55 + lean, -0.02)
            s.put(s.poly([(x - w, foot), (x + w, foot), *top]), colour)
        s.put(s.below(s.line(0.66 + 0.28 * t, 0.02, 4)), mix(fog[2], leaf, 0.25 + 0.75 * t))
        s.put(np.exp(-(((s.v - 0.62 - 0.2 * t) / 0.12) ** 2)) * np.ones_like(s.u), fog[1], 0.4 * (1 - t))
        if cabin and i == 2:
            s.put(s.poly([(0.49, 0.76), (0.62, 0.76), (0.62, 0.675), (0.49, 0.675)]), "#3b2f2c")
            s.put(s.poly([(0.475, 0.68), (0.635, 0.68), (0.555, 0.6)]), "#57342c")
            s.rect(0.515, 0.7, 0.025, 0.025, "#ffd98c")
            s.rect(0.575, 0.705, 0.025, 0.055, "#f2b766")
            s.glow(0.54, 0.72, 0.12, "#ffc873", 0.5)
    return s.image()


def planet(
    s: Canvas, sky: Sequence[str], bands: Sequence[str], hills: Sequence[str], people: bool = True
) -> Image.Image:
    """A ringed planet over dark hills, two people looking up."""
    s.grad(*sky)
    s.put(np.clip(s.noise(3, 8, 5) - 0.1, 0, 1), sky[2], 0.35)
    for _ in range(160):
        s.glow(s.r.random(), s.r.random() * 0.55, 0.0016, "#ffffff", s.r.uniform(0.2, 0.9))
    ball = s.disc(0.62, 0.36, 0.27)
    b = s.noise(2, 26, 4) + 0.5 * np.sin(s.v * 60 + s.noise(3) * 2)
    s.put(ball, bands[0])
    s.put(ball * np.clip(b, 0, 1), bands[1], 0.7)
    s.put(ball * np.clip(-b - 0.2, 0, 1), bands[2], 0.6)
    dx, dy = (s.u - 0.62) * s.w, (s.v - 0.36) * s.h
    shade = np.hypot(dx + 0.07 * s.w, dy + 0.05 * s.h) / s.w
    s.put(ball * np.clip((shade - 0.24) * 9, 0, 1), hills[1], 0.85)
    reach = np.hypot(dx * 0.93 + dy * 0.35, (dy - dx * 0.3) * 4.6) / s.w
    ring = np.clip(1 - np.abs(reach - 0.43) * 18, 0, 1) * (0.6 + 0.4 * np.sin(reach * 220))
    front = np.ones((s.h, s.w), np.float32)
    front[ball.rows, ball.cols] -= ball.mask * (s.v < 0.36 + (s.u - 0.62) * 0.3)[ball.rows, ball.cols]
    s.put(ring * front, bands[2], 0.8)
    for i in range(4):
        t = i / 3
        ys = s.line(0.72 + 0.2 * t, 0.05, 3 + i)
        if people and i == 3:
            for x, tall in ((0.24, 0.06), (0.264, 0.05)):
                y = float(ys[int(x * s.w)]) + 0.006
                body = [(x - 0.007, y), (x + 0.007, y), (x + 0.004, y - tall), (x - 0.004, y - tall)]
                s.put(s.poly(body), "#0d0818")
                s.put(s.disc(x, y - tall - 0.007, 0.0052), "#0d0818")
        s.put(s.below(ys), mix(hills[0], hills[1], t))
    return s.image()


def flow(s: Canvas, ground: str, colours: Sequence[str], strokes: int = 5200) -> Image.Image:
    """Thousands of short brush strokes that follow an invisible wind."""
    field, hue = s.noise(2.2, octaves=3) * 3.4, s.noise(2, octaves=2)
    paper = _strokes(s, field, hue, ground, colours, strokes)
    s.a = np.ascontiguousarray(np.asarray(paper, np.float32).transpose(2, 0, 1) / 255)
    return s.image(0.008, 0.03)


def _strokes(s: Canvas, field: Grid, hue: Grid, ground: str, colours: Sequence[str], strokes: int) -> Image.Image:
    paper = Image.new("RGB", (s.w, s.h), ground)
    draw = ImageDraw.Draw(paper)
    for _ in range(strokes):
        x, y = s.r.random() * s.w, s.r.random() * s.h
        place = (hue[int(y), int(x)] + 1) / 2 * len(colours) + s.r.normal(0, 0.6)
        colour = rgb(colours[int(np.clip(place, 0, len(colours) - 1))]) * 255 * s.r.uniform(0.88, 1.1)
        points = []
        for _ in range(26):
            if not (0 <= x < s.w and 0 <= y < s.h):
                break
            points.append((x, y))
            a = float(field[int(y), int(x)])
            x += math.cos(a) * s.w / 190
            y += math.sin(a) * s.w / 190
        if len(points) > 3:
            r, g, b = (int(v) for v in np.clip(colour, 0, 255))
            draw.line(points, fill=(r, g, b), width=int(s.w / 170 * s.r.uniform(0.5, 1.4)), joint="curve")
    return paper
