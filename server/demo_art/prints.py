"""Ink and woodblock: a comic strip, crows on wires, umbrellas from above, waves, bamboo and a heron."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from server.demo_art.canvas import Canvas, Point, curve, hanging, mix

INK, PAPER, OCHRE, BLUE = "#1c2230", "#f3ecdd", "#e2a33b", "#33507a"


def cat(s: Canvas, at: Callable[[float, float], Point], size: float, colour: str, flip: float = 1) -> None:
    """A sitting cat, feet at (0, 0) of `at`, `size` tall."""

    def p(*points: Point) -> list[Point]:
        return [at(x * size * flip, -y * size) for x, y in points]

    s.put(
        s.poly(curve(p((-0.3, 0), (-0.33, 0.3), (-0.2, 0.55), (0.02, 0.62), (0.16, 0.5), (0.2, 0.2), (0.22, 0)))),
        colour,
    )
    s.put(
        s.poly(curve(p((-0.1, 0.75), (-0.1, 0.9), (0.08, 0.97), (0.26, 0.9), (0.25, 0.7), (0.08, 0.52), (-0.06, 0.6)))),
        colour,
    )
    s.put(s.polys([p((-0.1, 0.84), (-0.08, 1.06), (0.06, 0.95)), p((0.12, 0.95), (0.26, 1.06), (0.27, 0.84))]), colour)
    s.put(
        s.poly(
            curve(
                p(
                    (-0.26, 0.0),
                    (-0.5, 0.05),
                    (-0.62, 0.3),
                    (-0.55, 0.5),
                    (-0.51, 0.48),
                    (-0.53, 0.3),
                    (-0.44, 0.13),
                    (-0.24, 0.12),
                )
            )
        ),
        colour,
    )


def comic(s: Canvas) -> Image.Image:
    """Six panels, one above the other: the cat who kept the keys."""
    s.fill(PAPER)
    count, left, gap = 6, 0.055, 0.012
    tall = (1 - gap * (count + 1)) / count

    def panel(i: int, ground: str) -> Callable[[float, float], Point]:
        top = gap + i * (tall + gap)
        s.put(
            s.poly(
                [
                    (left - 0.006, top - 0.0013),
                    (1 - left + 0.006, top - 0.0013),
                    (1 - left + 0.006, top + tall + 0.0013),
                    (left - 0.006, top + tall + 0.0013),
                ]
            ),
            INK,
        )
        s.rect(left, top, 1 - 2 * left, tall, ground)
        return lambda x, y: (left + x * (1 - 2 * left), top + y * tall)

    def box(at: Callable[[float, float], Point], x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        (a, b), (c, d) = at(x0, y0), at(x1, y1)
        s.rect(a, b, c - a, d - b, colour)

    def poly(at: Callable[[float, float], Point], colour: str, *points: Point, alpha: float = 1.0) -> None:
        s.put(s.poly([at(*p) for p in points]), colour, alpha)

    def from_foot(at: Callable[[float, float], Point], x: float, y: float) -> Callable[[float, float], Point]:
        return lambda dx, dy: at(x + dx * 0.75, y + dy)

    at = panel(0, BLUE)
    s.put(s.disc(*at(0.74, 0.26), 0.075), PAPER)
    for _ in range(26):
        s.put(s.disc(*at(s.r.random(), s.r.uniform(0.03, 0.55)), s.r.uniform(0.001, 0.003)), PAPER)
    box(at, 0, 0.82, 1, 1, INK)
    poly(at, INK, (0.12, 0.84), (0.12, 0.42), (0.5, 0.42), (0.5, 0.84))
    poly(at, INK, (0.07, 0.44), (0.31, 0.16), (0.55, 0.44))
    box(at, 0.4, 0.16, 0.45, 0.36, INK)
    box(at, 0.2, 0.52, 0.3, 0.66, OCHRE)
    box(at, 0.247, 0.52, 0.253, 0.66, INK)
    at = panel(1, "#d8c9a8")
    box(at, 0.16, 0.08, 0.84, 0.78, BLUE)
    s.put(s.disc(*at(0.66, 0.26), 0.06), PAPER)
    poly(at, "#27405f", (0.16, 0.78), (0.16, 0.6), (0.34, 0.5), (0.52, 0.62), (0.7, 0.52), (0.84, 0.6), (0.84, 0.78))
    for x0, y0, x1, y1 in (
        (0.14, 0.06, 0.17, 0.8),
        (0.83, 0.06, 0.86, 0.8),
        (0.14, 0.05, 0.86, 0.09),
        (0.49, 0.06, 0.51, 0.8),
    ):
        box(at, x0, y0, x1, y1, "#7b4a33")
    box(at, 0.06, 0.78, 0.94, 0.84, "#7b4a33")
    cat(s, from_foot(at, 0.35, 0.79), 0.5, INK)
    at = panel(2, "#c98f4d")
    box(at, 0.1, 0.14, 0.9, 0.22, "#7b4a33")
    for i, (x, drop) in enumerate(((0.26, 0.36), (0.5, 0.46), (0.74, 0.3))):
        ink = OCHRE if i == 1 else INK
        tone = "#f6d27c" if i == 1 else INK
        s.put(s.stroke([at(x, 0.18), at(x, 0.3)], 0.006), INK)
        cx, cy = at(x, 0.38)
        s.put(s.disc(cx, cy, 0.055), tone)
        s.put(s.disc(cx, cy, 0.03), "#c98f4d")
        box(at, x - 0.016, 0.44, x + 0.016, 0.46 + drop, tone)
        box(at, x + 0.01, 0.4 + drop, x + 0.07, 0.43 + drop, tone)
        box(at, x + 0.01, 0.34 + drop, x + 0.055, 0.37 + drop, tone)
        if ink == OCHRE:
            s.glow(cx, cy + 0.02, 0.12, "#ffe7b0", 0.45, 0.9)
    at = panel(3, PAPER)
    for _ in range(22):
        y = s.r.uniform(0.08, 0.92)
        x = s.r.uniform(0, 0.6)
        s.put(s.stroke([at(x, y), at(x + s.r.uniform(0.1, 0.4), y - 0.05)], 0.004, 0.9), BLUE, 0.7)
    leap = [
        (0.1, 0.72),
        (0.26, 0.6),
        (0.42, 0.44),
        (0.6, 0.36),
        (0.7, 0.38),
        (0.74, 0.46),
        (0.86, 0.52),
        (0.9, 0.58),
        (0.86, 0.6),
        (0.72, 0.56),
        (0.6, 0.56),
        (0.46, 0.62),
        (0.36, 0.72),
        (0.3, 0.84),
        (0.25, 0.86),
        (0.27, 0.72),
        (0.2, 0.76),
    ]
    s.put(s.poly(curve([at(*p) for p in leap])), INK)
    s.put(s.disc(*at(0.76, 0.36), 0.062), INK)
    poly(at, INK, (0.7, 0.3), (0.7, 0.16), (0.77, 0.26))
    poly(at, INK, (0.77, 0.26), (0.84, 0.17), (0.83, 0.32))
    s.put(
        s.stroke(curve([at(0.14, 0.75), at(0.06, 0.64), at(0.06, 0.5), at(0.12, 0.4)], closed=False), 0.024, 0.4), INK
    )
    s.put(s.disc(*at(0.785, 0.345), 0.009), OCHRE)
    at = panel(4, INK)
    poly(at, OCHRE, (0.42, 0.7), (0.6, 0.7), (0.94, 1.0), (0.2, 1.0))
    box(at, 0.42, 0.1, 0.6, 0.7, "#f6d27c")
    poly(at, "#7b4a33", (0.42, 0.1), (0.3, 0.04), (0.3, 0.78), (0.42, 0.7))
    s.put(s.disc(*at(0.33, 0.42), 0.012), OCHRE)
    cat(s, from_foot(at, 0.53, 0.72), 0.22, INK)
    poly(at, INK, (0.5, 0.72), (0.56, 0.72), (0.66, 1.0), (0.44, 1.0), alpha=0.8)
    at = panel(5, BLUE)
    s.put(s.disc(*at(0.5, 0.46), 0.26), PAPER)
    poly(at, INK, (0, 1), (0, 0.8), (0.3, 0.74), (0.6, 0.76), (1, 0.7), (1, 1))
    poly(at, INK, (0.4, 0.78), (0.43, 0.44), (0.53, 0.44), (0.57, 0.78))
    s.put(s.disc(*at(0.48, 0.36), 0.042), INK)
    s.put(s.stroke([at(0.52, 0.47), at(0.6, 0.56), at(0.64, 0.58)], 0.022), INK)
    cat(s, from_foot(at, 0.7, 0.76), 0.24, INK, -1)
    s.put(s.disc(*at(0.645, 0.6), 0.012), OCHRE)
    return s.image(0.016, 0.025)


def bird(s: Canvas, x: float, y: float, size: float, colour: str, flip: float) -> None:
    """A crow on its wire, feet at (x, y); `size` is a share of the width."""
    outline = [
        (-0.75, 0.16),
        (-0.5, 0.3),
        (-0.2, 0.62),
        (0.1, 0.82),
        (0.22, 0.98),
        (0.4, 1.0),
        (0.5, 0.93),
        (0.74, 0.84),
        (0.5, 0.8),
        (0.42, 0.6),
        (0.3, 0.28),
        (0.06, 0.1),
        (-0.2, 0.12),
        (-0.45, 0.05),
    ]
    s.put(s.poly(curve([(x + px * size * flip, y - py * size * s.k) for px, py in outline], steps=6)), colour)
    for dx in (0.0, 0.12):
        s.put(
            s.stroke([(x + dx * size * flip, y - 0.15 * size * s.k), (x + dx * size * flip, y + 0.03)], size * 0.05),
            colour,
        )


def wires(s: Canvas) -> Image.Image:
    """Crows on five wires, and one that is not a crow."""
    s.grad("#d9dfdc", "#e9e4d6", "#f1d9bd", wobble=0.05)
    s.put(np.clip(s.noise(2.5, 7, 5) - 0.1, 0, 1), "#b9c3c4", 0.5)
    for i, (x0, x1, top) in enumerate(((0.06, 0.085, 0.05), (0.79, 0.825, -0.02))):
        s.put(s.poly([(x0, 1.02), (x0 + 0.004, top), (x1 - 0.004, top), (x1, 1.02)]), INK)
        for y in (0.12, 0.24):
            s.put(
                s.poly(
                    [
                        (x0 - 0.06, y + top),
                        (x1 + 0.06, y + top),
                        (x1 + 0.06, y + top + 0.022),
                        (x0 - 0.06, y + top + 0.022),
                    ]
                ),
                INK,
            )
            for k in range(4):
                s.rect(x0 - 0.052 + k * 0.038, y + top - 0.03, 0.008, 0.032, INK)
        s.put(s.disc((x0 + x1) / 2, top + 0.36, 0.018 + i * 0.004), INK)
    perches: list[tuple[float, float, int]] = []
    for i in range(5):
        y0, y1 = 0.2 + i * 0.13, 0.14 + i * 0.15
        line = hanging(-0.02, y0, 1.02, y1, 0.07 + i * 0.012)
        s.put(s.stroke(line, 0.0022 + i * 0.0002), INK)
        for _ in range(2 + i % 2 + i // 3):
            t = s.r.uniform(0.08, 0.92)
            place = line[int(t * 23)]
            if all(abs(place[0] - px) > 0.085 or pi != i for px, _, pi in perches) and abs(place[0] - 0.8) > 0.05:
                perches.append((place[0], place[1], i))
    chosen = len(perches) * 2 // 3
    for n, (x, y, i) in enumerate(perches):
        bird(s, x, y, 0.032 + 0.006 * i, "#f7f1e4" if n == chosen else INK, 1 if s.r.random() < 0.6 else -1)
    return s.image(0.02, 0.05)


def umbrellas(s: Canvas, accent: str = "#d8382e", dark: bool = True) -> Image.Image:
    """A wet square from above: umbrellas, all grey but one."""
    s.grad(*(("#5d6a74", "#46525e", "#36414c") if dark else ("#cfd6d4", "#b9c4c6", "#a3b0b5")), wobble=0.2)
    s.put(np.clip(s.noise(9, octaves=5) - 0.1, 0, 1), "#8d9aa2", 0.35)
    for i in range(16):
        y = i / 15
        s.put(s.stroke(hanging(-0.02, y, 1.02, y - 0.22, 0), 0.0016), "#2a333c", 0.35)
    spots: list[tuple[float, float, float]] = []
    for _ in range(900):
        x, y, r = s.r.uniform(0, 1), s.r.uniform(0, 1), s.r.uniform(0.075, 0.115)
        if all(math.hypot(x - a, (y - b) / s.k) > (r + c) * 0.96 for a, b, c in spots):
            spots.append((x, y, r))
    nearest = min(range(len(spots)), key=lambda i: math.hypot(spots[i][0] - 0.62, spots[i][1] - 0.4))
    greys = (
        ("#20262e", "#2d3640", "#39444f", "#151a20", "#4a5560")
        if dark
        else ("#37475a", "#51677a", "#2b3846", "#6d8291", "#445a6b")
    )
    for i, (x, y, r) in enumerate(spots):
        base, turn = accent if i == nearest else greys[i % 5], s.r.uniform(0, 0.8)
        rim = [
            (x + math.cos(turn + j * math.pi / 4) * r, y + math.sin(turn + j * math.pi / 4) * r * s.k) for j in range(8)
        ]
        s.put(s.poly([(a + 0.016, b + 0.03) for a, b in rim], 0.007), "#0c1016", 0.6)
        for j in range(8):
            (ax, ay), (bx, by) = rim[j], rim[(j + 1) % 8]
            mid = ((ax + bx) / 2 * 0.94 + x * 0.06, (ay + by) / 2 * 0.94 + y * 0.06)
            shine = 0.5 + 0.5 * math.cos(turn + (j + 0.5) * math.pi / 4 + 2.2)
            s.put(s.poly([(x, y), (ax, ay), mid, (bx, by)]), mix(base, "#ffffff", 0.04 + 0.24 * shine))
            s.put(s.stroke([(x, y), (ax, ay)], 0.0014), "#0c1016", 0.5)
        s.put(s.disc(x, y, 0.006), "#e9e4d6")
    for _ in range(420):
        x, y, z = s.r.random(), s.r.random(), s.r.uniform(0.015, 0.045)
        s.put(s.stroke([(x, y), (x - z * 0.25, y + z * s.k)], 0.0012, 0.9), "#e8eef2", 0.4)
    return s.image(0.014, 0.04)


def waves(s: Canvas, sun: str = "#d2452f") -> Image.Image:
    """Rows of wave scales in nine indigos, a red sun behind them."""
    s.grad("#f1e6cf", "#efdcbd", "#e9cfa9", wobble=0.06)
    s.put(s.disc(0.66, 0.3, 0.19), sun)
    s.put(s.disc(0.66, 0.3, 0.19) * np.clip(s.noise(30, octaves=3) - 0.35, 0, 1), "#f1e6cf", 0.55)
    tones = ("#9db8c4", "#7fa3b8", "#5f8aa8", "#4a7596", "#3a6186", "#2d4f74", "#233f62", "#1b3251", "#14263f")
    rows = 15
    for i in range(rows):
        t = i / (rows - 1)
        y, r = 0.4 + 0.66 * t, 0.062 + 0.05 * t
        swell = 0.055 * (1 - t * 0.6)
        tone = tones[min(int(t * 9), 8)]
        count = int(1 / r) + 3
        for j in range(-1, count):
            x = (j + (i % 2) / 2) * r * 1.86
            top = y + swell * math.sin(x * 5.2 + i * 0.55)
            for k, share in enumerate((1.0, 0.9, 0.72, 0.62, 0.44, 0.34, 0.16)):
                s.put(s.disc(x, top + r * s.k, r * share), "#f3ead8" if k % 2 == 0 else tone)
    return s.image(0.02, 0.07)


def bamboo(s: Canvas) -> Image.Image:
    """Bamboo in fog, near stalks dark, far stalks pale."""
    s.grad("#e7ecdf", "#d5dfcd", "#bccdb9", "#a9bfa8", wobble=0.08)
    s.put(s.disc(0.64, 0.2, 0.2), "#f7efd2", 0.8)
    for depth in range(3):
        t = depth / 2
        colour = mix("#b3c8ac", "#1f4a3a", t)
        for _ in range(6 - depth):
            x, w, lean = s.r.uniform(0.02, 0.98), 0.02 + 0.03 * t, s.r.uniform(-0.06, 0.06)
            y, joint = 1.05, 0
            while y > -0.1:
                step = s.r.uniform(0.1, 0.13)
                a, b = x + lean * (1 - y), x + lean * (1 - y + step)
                s.put(
                    s.poly(
                        [(a - w, y), (a + w, y), (b + w * 0.92, y - step + 0.006), (b - w * 0.92, y - step + 0.006)]
                    ),
                    colour,
                )
                s.put(
                    s.poly(
                        [
                            (a + w * 0.3, y),
                            (a + w, y),
                            (b + w * 0.92, y - step + 0.006),
                            (b + w * 0.3, y - step + 0.006),
                        ]
                    ),
                    "#0a1f18",
                    0.22,
                )
                s.put(s.oval(b, y - step + 0.003, w * 1.1, 0.003), mix(colour, "#f2f5e6", 0.45))
                if joint % 2 == depth % 2 and s.r.random() < 0.75:
                    side = 1 if s.r.random() < 0.5 else -1
                    bx, by = b + side * s.r.uniform(0.12, 0.24), y - step - s.r.uniform(0.0, 0.04)
                    s.put(s.stroke([(b, y - step), (bx, by)], 0.006, 0.3), colour)
                    fan = [
                        s.leafy(bx, by, 1.35 - side * s.r.uniform(-0.3, 1.3), s.r.uniform(0.12, 0.26), 0.016)
                        for _ in range(5)
                    ]
                    s.put(s.polys(fan), mix(colour, "#6f9a5c", s.r.uniform(0, 0.5)))
                y, joint = y - step, joint + 1
        s.put(
            np.exp(-(((s.v - 0.86 + 0.3 * t) / 0.22) ** 2)) * np.clip(s.noise(2, 5, 4) + 0.6, 0, 1),
            "#eef2e4",
            0.5 * (1 - t),
        )
    return s.image(0.016, 0.05)


def heron(s: Canvas) -> Image.Image:
    """A heron in still water under a large moon, its reflection below."""
    s.grad("#2c3f55", "#48607a", "#8ba0a8", "#c9c3ae", "#5d7484", "#33485c", wobble=0.03)
    moon = s.disc(0.62, 0.36, 0.25)
    s.glow(0.62, 0.36, 0.5, "#f7e9c8", 0.3)
    s.put(moon, "#f4e6c4")
    s.put(moon * np.clip(s.noise(7, octaves=4) - 0.2, 0, 1), "#d9c39a", 0.45)
    s.put(np.clip(s.noise(2, 14, 4) - 0.15, 0, 1) * (s.v < 0.62), "#d8d4c2", 0.35)
    body = [
        (0.2, 0.615),
        (0.27, 0.56),
        (0.36, 0.49),
        (0.45, 0.45),
        (0.5, 0.46),
        (0.515, 0.42),
        (0.485, 0.37),
        (0.47, 0.31),
        (0.49, 0.255),
        (0.53, 0.235),
        (0.575, 0.245),
        (0.7, 0.285),
        (0.575, 0.272),
        (0.535, 0.275),
        (0.515, 0.3),
        (0.53, 0.35),
        (0.56, 0.41),
        (0.565, 0.48),
        (0.52, 0.55),
        (0.44, 0.59),
        (0.36, 0.6),
        (0.28, 0.61),
    ]
    wing = [(0.2, 0.615), (0.3, 0.545), (0.4, 0.49), (0.48, 0.5), (0.47, 0.545), (0.4, 0.58), (0.3, 0.6)]

    def paint(up: float, alpha: float) -> None:
        def flip(points: list[Point]) -> list[Point]:
            return [(x, 0.8 + (y - 0.8) * up) for x, y in points]

        for x, knee in ((0.43, 0.44), (0.475, 0.5)):
            s.put(s.stroke(flip([(x, 0.57), (knee, 0.67), (x + 0.01, 0.8)]), 0.008), "#2a3340", alpha)
        s.put(s.poly(curve(flip(body), steps=8)), "#eef0ea", alpha)
        s.put(s.poly(curve(flip(wing), steps=8)), "#7d93a4", alpha)
        for i in range(5):
            s.put(
                s.stroke(
                    flip([(0.22 + i * 0.012, 0.612 - i * 0.004), (0.34 + i * 0.02, 0.56 - i * 0.012)]), 0.004, 0.9
                ),
                "#44586b",
                alpha,
            )
        s.put(s.poly(flip([(0.555, 0.242), (0.71, 0.287), (0.56, 0.274)])), "#e0a33a", alpha)
        s.put(
            s.poly(curve(flip([(0.56, 0.246), (0.5, 0.243), (0.42, 0.3), (0.49, 0.262), (0.55, 0.257)]), steps=6)),
            "#1f2833",
            alpha,
        )
        s.put(s.disc(0.548, 0.8 + (0.254 - 0.8) * up, 0.005), "#f7e9c8", alpha)

    water = np.clip((s.v - 0.76) * s.h / 3 + 0.5, 0, 1) * np.ones_like(s.u)
    s.put(water, "#3a5268")
    s.put(water * np.clip((s.v - 0.76) * 4, 0, 1), "#1d2d40", 0.9)
    paint(-0.62, 0.28)
    s.put(water * np.exp(-(((s.u - 0.62) / 0.2) ** 2)) * np.clip(s.noise(3, 90, 2) + 0.1, 0, 1), "#f4e6c4", 0.55)
    s.put(water * np.clip(s.noise(3, 70, 3) - 0.15, 0, 1), "#8ba0a8", 0.35)
    paint(1, 1)
    for x, z in ((0.445, 0.055), (0.485, 0.05)):
        s.put(s.oval(x, 0.8, z, 0.004), "#c9d2d0", 0.6)
    for i in range(34):
        x = s.r.uniform(-0.02, 0.26) if i % 3 else s.r.uniform(0.84, 1.02)
        blade = [
            (x, 1.02),
            (x + s.r.uniform(-0.03, 0.05), 0.8),
            (x + s.r.uniform(-0.08, 0.14), s.r.uniform(0.42, 0.68)),
        ]
        s.put(s.stroke(curve(blade, closed=False), 0.009, 0.8), mix("#16222e", "#2f4a4c", s.r.random()))
    return s.image(0.014, 0.05)
