"""Stone and light: a winding stair, arches, a coast and the last bus."""

import math

import numpy as np
from PIL import Image

from server.demo_art.canvas import SHARE, Canvas, Colour, Point, curve, mix


def stairs(s: Canvas, light: str = "#f1dcb4", dark: str = "#3a2018", steps: int = 26) -> Image.Image:
    """A winding stair seen from its top: steps, a rail, and the dark at the bottom."""
    dx, dy = (s.u - 0.52) * s.w, (s.v - 0.47) * s.h
    radius = np.hypot(dx, dy) / s.w + 1e-5
    angle = np.arctan2(dy, dx) / (2 * math.pi)
    turn = angle + 1.05 * np.log(radius / 0.9)
    across = turn - np.floor(turn)
    depth = np.clip(-(np.floor(turn) - angle) / 3.2 + 0.04, 0, 1)
    step = (angle + 0.5) * steps
    part = step - np.floor(step)
    lit = 0.5 + 0.5 * np.cos(2 * math.pi * (np.floor(step) / steps) + 0.9)
    s.fill(light)
    s.put(np.clip(1 - lit, 0, 1) * 0.75, "#b06a44")
    s.put(np.clip((part - 0.72) / 0.28, 0, 1) ** 1.5, dark, 0.6)
    s.put(np.clip((0.05 - part) / 0.03, 0, 1), "#fff6dd", 0.5)
    s.put(np.clip((0.4 - across) * 2.6, 0, 1), dark, 0.55)
    s.put(np.clip((across - 0.9) * 60, 0, 1), "#8a4a2f")
    s.put(np.clip((across - 0.93) * 90, 0, 1), dark)
    s.put(np.clip(1 - np.abs(across - 0.08) * 26, 0, 1), "#1f2b33", 0.95)
    s.put(np.clip(1 - np.abs(across - 0.072) * 90, 0, 1) * lit, "#f7e3b8", 0.8)
    s.put(depth, "#150d12", 0.94)
    s.put(np.clip(1 - radius / 0.03, 0, 1) ** 0.5, "#0c0a10")
    return s.image(0.016, 0.06)


def arches(s: Canvas) -> Image.Image:
    """Seven arches in a row, sun falling through each, the sea at the end."""
    s.fill("#c9774d")
    vx, vy = 0.56, 0.60
    for i in range(8):
        z = 0.80**i
        cx, wide, spring, foot = 0.5 + (vx - 0.5) * (1 - z), 0.39 * z, vy - 0.2 * z, vy + 0.46 * z
        rise = wide * s.k * 1.02
        ts = np.linspace(math.pi, 0, 40).tolist()
        outline = [
            (cx - wide, foot),
            *[(cx + wide * math.cos(t), spring - rise * math.sin(t)) for t in ts],
            (cx + wide, foot),
        ]
        hole = s.poly(outline)
        if i == 7:
            s.put(hole, "#9cc7d6")
            s.put(hole * (s.v > vy - 0.005), "#2f7f95")
            s.put(hole * (s.v > vy + 0.055), "#f0d9b0")
            continue
        warm = mix("#e8a468", "#8f4632", 0.5 + 0.5 * math.cos(i * math.pi))
        s.put(hole, mix(warm, "#7a4536", 0.12 * i / 7))
        inner = 0.93 if i % 2 else 0.95
        s.put(
            s.poly([(cx + (x - cx) * inner + 0.012 * z, y + (foot - y) * (1 - inner)) for x, y in outline]),
            mix("#b5603f", "#5b2b2a", i / 9),
        )
    floor: list[Point] = [(0.11, 1.07), (0.89, 1.07), (vx + 0.075, vy + 0.1), (vx - 0.085, vy + 0.1)]
    s.put(s.poly(floor), "#a45a3d")
    for i in range(7):
        z0, z1 = 0.80**i, 0.80 ** (i + 0.55)
        a, b = vy + 0.46 * z0, vy + 0.46 * z1
        x0, x1 = vx - 0.42 * z0 - (vx - 0.5) * z0, vx - 0.39 * z1 - (vx - 0.5) * z1
        s.put(
            s.poly([(x0 + 0.02, a), (x0 + 0.5 * z0, a), (x1 + 0.62 * z1, b), (x1 + 0.16 * z1, b)], 0.0015),
            "#f3c98a",
            0.85,
        )
    fx, fy = vx + 0.012, vy + 0.118
    s.put(s.poly([(fx - 0.05, fy + 0.012), (fx, fy - 0.003), (fx + 0.008, fy + 0.003)], 0.002), "#2a1518", 0.6)
    s.put(s.poly([(fx - 0.009, fy), (fx + 0.009, fy), (fx + 0.006, fy - 0.055), (fx - 0.006, fy - 0.055)]), "#2a1d2b")
    s.put(s.disc(fx, fy - 0.063, 0.007), "#2a1d2b")
    s.put(np.clip(s.noise(40, octaves=3) - 0.3, 0, 1), "#3a1c1a", 0.22)
    return s.image(0.018, 0.08)


def corniche(s: Canvas) -> Image.Image:
    """A long white town between hills and sea; the light goes from morning to noon."""
    s.grad("#7fb3c8", "#a9cfd6", "#dfe3cf", "#f2d9b4", "#f2d9b4", wobble=0.04)
    s.put(np.clip(1 - s.u * 2.2, 0, 1) * np.clip(1 - s.v * 0.8, 0, 1), "#f0b48a", 0.55)
    s.put(np.clip(s.noise(9, 5, 5) - 0.2, 0, 1) * (s.v < 0.6), "#fbf4e6", 0.7)
    for i, (base, tone) in enumerate(((0.46, "#9fb7b3"), (0.52, "#7d9c93"), (0.57, "#5f7f6f"))):
        s.put(s.below(s.line(base, 0.07 - i * 0.012, 7 + i * 3)), tone)
    shore, x = 0.72, -0.005
    walls = ("#f7f0e0", "#efe3cc", "#f4d9b6", "#e7b98f", "#d98f6a", "#f9f5ea", "#cfdcd6")
    for row in range(2):
        x = -0.005
        while x < 1.01:
            wide, top = s.r.uniform(0.012, 0.03), shore - (0.13 if row == 0 else 0.06) - s.r.uniform(0.02, 0.13)
            wall = walls[int(s.r.integers(0, len(walls)))]
            s.rect(x, top, wide, shore - top, mix(wall, "#a9cfd6", 0.18 if row == 0 else 0))
            s.rect(x + wide * 0.7, top, wide * 0.3, shore - top, "#6b5a62", 0.3)
            if s.r.random() < 0.14:
                s.put(s.oval(x + wide * 0.4, top, wide * 0.26, wide * 0.26 * s.k) * (s.v < top + 0.002), "#5f9a9c")
            for wy in np.arange(top + 0.03, shore - 0.03, 0.05).tolist():
                for wx in np.arange(x + 0.0025, x + wide * 0.62, 0.006).tolist():
                    if s.r.random() < 0.7:
                        s.rect(wx, wy, 0.0018, 0.02, ("#4a5f6b", "#3c7a80", "#8a4a3c")[int(s.r.integers(0, 3))], 0.85)
            x += wide + s.r.uniform(0, 0.002)
    for x in (0.165, 0.61):
        s.rect(x, 0.30, 0.008, 0.42, "#fbf6ea")
        s.rect(x + 0.0052, 0.30, 0.0028, 0.42, "#6b5a62", 0.35)
        s.rect(x - 0.0015, 0.38, 0.011, 0.014, "#c98b4a")
        s.put(s.poly([(x, 0.3), (x + 0.004, 0.22), (x + 0.008, 0.3)]), "#3c7a80")
    water = np.clip((s.v - shore) * s.h + 0.5, 0, 1) * np.ones_like(s.u)
    s.put(water, "#3f95a3")
    s.put(water * np.clip((s.v - shore) / 0.28, 0, 1), "#14536a", 0.95)
    s.rect(0, shore - 0.012, 1, 0.03, "#d9c3a0")
    s.rect(0, shore + 0.010, 1, 0.008, "#8f7a63")
    s.put(water * np.clip(s.noise(14, 44, 3) - 0.2, 0, 1), "#cfe8e4", 0.5)
    for _ in range(26):
        x, tall = s.r.random(), s.r.uniform(0.1, 0.2)
        trunk = [(x, shore), (x + 0.002, shore - tall * 0.5), (x + 0.005, shore - tall)]
        s.put(s.stroke(curve(trunk, closed=False), 0.0011), "#4b3a2f")
        fan = [
            s.leafy(x + 0.005, shore - tall, -1.57 + (k - 3) * 0.62, 0.0125, 0.0011, (k - 3) * 0.3) for k in range(7)
        ]
        s.put(s.polys(fan), "#2f5a45")
    for _ in range(17):
        x, y = s.r.uniform(0.02, 0.97), s.r.uniform(0.79, 0.95)
        z = 0.008 + 0.012 * (y - 0.78) / 0.17
        tint = ("#d8452f", "#efb13c", "#f4efe2", "#2f5a8a")[int(s.r.integers(0, 4))]
        deck = [
            (x - z * 1.2, y - z * 1.4),
            (x - z * 0.8, y + z),
            (x + z * 0.8, y + z),
            (x + z * 1.3, y - z * 1.9),
            (x + z * 0.75, y - z * 0.2),
            (x - z * 0.75, y - z * 0.2),
        ]
        s.put(s.oval(x, y + z * 1.4, z, z * 0.5, 6), "#0c3a4c", 0.5)
        s.put(s.poly(deck), tint)
        s.put(
            s.poly(
                [
                    (x - z * 0.78, y + z * 0.3),
                    (x + z * 0.8, y + z * 0.3),
                    (x + z * 0.8, y + z * 0.65),
                    (x - z * 0.78, y + z * 0.65),
                ]
            ),
            "#fbf6ea",
        )
    return s.image(0.012, 0.03)


def nightbus(s: Canvas) -> Image.Image:
    """The last bus on a wet street, five passengers in its windows."""
    s.grad("#10182b", "#1b2a45", "#2c3f5e", "#1d2b44")
    x = -0.02
    while x < 1.02:
        wide, top = s.r.uniform(0.08, 0.15), s.r.uniform(0.05, 0.3)
        s.rect(x, top, wide, 0.7 - top, mix("#182338", "#223150", s.r.random()))
        for wy in np.arange(top + 0.05, 0.6, 0.08).tolist():
            for wx in np.arange(x + 0.015, x + wide - 0.02, 0.03).tolist():
                if s.r.random() < 0.2:
                    s.rect(wx, wy, 0.013, 0.035, "#e9b66a", s.r.uniform(0.25, 0.75))
        x += wide
    s.rect(0, 0.7, 1, 0.3, "#0e1626")
    s.rect(0, 0.695, 1, 0.012, "#34435c")
    for lx in (0.09, 0.93):
        s.rect(lx - 0.003, 0.2, 0.006, 0.5, "#0a101c")
        s.put(s.poly([(lx - 0.02, 0.22), (lx + 0.02, 0.22), (lx + 0.01, 0.18), (lx - 0.01, 0.18)]), "#0a101c")
        s.glow(lx, 0.23, 0.035, "#fff0c0", 1.0)
        s.glow(lx, 0.25, 0.15, "#ffc878", 0.5, 1.4)

    def rounded(x0: float, y0: float, x1: float, y1: float, r: float, colour: Colour) -> None:
        ry, out = r * s.k, []
        for cx, cy, start in (
            (x1 - r, y0 + ry, -90),
            (x1 - r, y1 - ry, 0),
            (x0 + r, y1 - ry, 90),
            (x0 + r, y0 + ry, 180),
        ):
            out += [
                (cx + r * math.cos(math.radians(start + d)), cy + ry * math.sin(math.radians(start + d)))
                for d in range(0, 91, 10)
            ]
        s.put(s.poly(out), colour)

    rounded(0.17, 0.34, 0.85, 0.76, 0.025, "#b8392f")
    rounded(0.17, 0.62, 0.85, 0.76, 0.02, "#8f2a27")
    s.rect(0.175, 0.605, 0.672, 0.016, "#f0dcb0")
    s.rect(0.2, 0.325, 0.6, 0.025, "#7a2422")
    for i in range(6):
        wx = 0.2 + i * 0.097
        rounded(wx, 0.39, wx + 0.084, 0.575, 0.008, "#ffdf9a")
        s.put(s.poly([(wx + 0.004, 0.4), (wx + 0.03, 0.4), (wx + 0.012, 0.565), (wx + 0.004, 0.565)]), "#fff6da", 0.5)
        if i != 3:
            px, tone = (
                wx + 0.042 + s.r.uniform(-0.012, 0.012),
                ("#2b3352", "#5a3346", "#24453f", "#3d3030", "#40406a", "#2d4a63")[i],
            )
            s.put(s.oval(px, 0.585, 0.026, 0.075) * (s.v < 0.575), tone)
            s.put(s.disc(px, 0.475, 0.0145), ("#c98f6a", "#8a5a42", "#e3b592", "#5a3b2e", "#d9a57f", "#74493a")[i])
            s.put(s.oval(px, 0.462, 0.0155, 0.018) * (s.v < 0.468), "#1d1a22")
    rounded(0.79, 0.39, 0.842, 0.6, 0.01, "#a9c9d2")
    for wx in (0.3, 0.72):
        s.put(s.disc(wx, 0.76, 0.04), "#0a0d14")
        s.put(s.disc(wx, 0.76, 0.02), "#6b7686")
        s.put(s.disc(wx, 0.76, 0.009), "#1b222d")
    s.glow(0.85, 0.69, 0.03, "#fff3cf", 1.0)
    beam = s.poly([(0.852, 0.68), (1.02, 0.66), (1.02, 0.8), (0.852, 0.7)], 0.006)
    s.add(beam * np.clip(1.2 - (s.u - 0.85) * 6, 0, 1), "#ffe9b0", 0.5)
    s.rect(0.172, 0.64, 0.008, 0.04, "#ff7a5a")
    low = int(0.825 * s.h)
    rows = s.h - low
    mirror = s.a[:, low - rows : low][:, ::-1].copy()
    ripple = (s.noise(3, 60, 3)[low:] * 0.5 + 0.62).clip(0, 1)
    fade = np.linspace(0.62, 0.12, rows, dtype=SHARE)[:, None] * ripple
    s.a[:, low:] += (mirror - s.a[:, low:]) * fade
    for _ in range(520):
        rx, ry, z = s.r.random(), s.r.uniform(-0.05, 1), s.r.uniform(0.02, 0.07)
        s.put(s.stroke([(rx, ry), (rx - z * 0.16, ry + z)], 0.0009, 0.9), "#cfe0f0", s.r.uniform(0.12, 0.4))
    return s.image(0.014, 0.04)
