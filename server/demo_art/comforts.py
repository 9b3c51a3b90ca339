"""Small things: die-cut stickers on transparent ground, and a lighthouse whose beam turns."""

import math

import numpy as np
from PIL import Image, ImageFilter

from server.demo_art.canvas import SHARE, Canvas, Colour, Grid, Patch, curve, hanging


class Cutout(Canvas):
    """A canvas without paper: what is never painted stays transparent."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        super().__init__(width, height, seed)
        self.alpha: Grid = np.zeros((height, width), SHARE)

    def put(self, mask: Patch | Grid | float, colour: Colour, alpha: float = 1.0) -> None:
        """As on every canvas, and remembers where paint lies."""
        super().put(mask, colour, alpha)
        if isinstance(mask, Patch) and mask.mask.size and alpha == 1.0:
            part = self.alpha[mask.rows, mask.cols]
            np.maximum(part, mask.mask, out=part)

    def sticker(self) -> Image.Image:
        """With the white border of a die-cut sticker, in red, green, blue and alpha."""
        shape = Image.fromarray((self.alpha * 255).astype(np.uint8))
        wide = np.asarray(shape.filter(ImageFilter.GaussianBlur(self.w * 0.014)), SHARE) / 255
        edge = np.clip((wide - 0.06) * 14, 0, 1)
        inside = np.clip(self.alpha, 0, 1)[..., None]
        grain = self.finished(0.01, 0.03)
        colour = grain * inside + np.array([0.99, 0.985, 0.97], SHARE) * (1 - inside)
        plate = np.concatenate([colour, np.maximum(edge, self.alpha)[..., None]], -1)
        return Image.fromarray((plate * 255 + 0.5).astype(np.uint8), "RGBA")


def fox(s: Canvas) -> Image.Image:
    """A sleeping fox, nose under its tail."""
    s.put(s.oval(0.5, 0.54, 0.36, 0.29), "#d9692f")
    s.put(s.oval(0.5, 0.54, 0.36, 0.29) * np.clip((s.v - 0.5) * 3.4, 0, 1), "#a9431f", 0.55)
    tail = [
        (0.86, 0.5),
        (0.87, 0.66),
        (0.78, 0.8),
        (0.6, 0.87),
        (0.4, 0.87),
        (0.25, 0.8),
        (0.2, 0.74),
        (0.32, 0.72),
        (0.5, 0.72),
        (0.66, 0.68),
        (0.74, 0.58),
    ]
    head = [
        (0.16, 0.58),
        (0.2, 0.46),
        (0.32, 0.4),
        (0.45, 0.45),
        (0.5, 0.56),
        (0.46, 0.67),
        (0.36, 0.75),
        (0.3, 0.78),
        (0.24, 0.72),
    ]
    s.put(s.polys([[(0.19, 0.49), (0.15, 0.29), (0.31, 0.41)], [(0.36, 0.4), (0.48, 0.27), (0.49, 0.5)]]), "#c9561f")
    s.put(s.polys([[(0.21, 0.46), (0.18, 0.35), (0.28, 0.42)], [(0.4, 0.42), (0.46, 0.34), (0.465, 0.47)]]), "#3a2228")
    s.put(s.poly(curve(head)), "#e67c39")
    s.put(
        s.poly(
            curve(
                [
                    (0.165, 0.6),
                    (0.24, 0.6),
                    (0.3, 0.66),
                    (0.36, 0.62),
                    (0.48, 0.6),
                    (0.46, 0.67),
                    (0.36, 0.75),
                    (0.3, 0.78),
                    (0.24, 0.73),
                ]
            )
        ),
        "#fbefdc",
    )
    s.put(s.poly(curve(tail)), "#cf5f2a")
    s.put(
        s.poly(curve([(0.46, 0.725), (0.4, 0.8), (0.46, 0.868), (0.4, 0.87), (0.25, 0.8), (0.2, 0.74), (0.32, 0.715)])),
        "#fbefdc",
    )
    for i in range(5):
        s.put(
            s.stroke(
                curve(
                    [
                        (0.84 - i * 0.06, 0.62 + i * 0.035),
                        (0.76 - i * 0.06, 0.73 + i * 0.02),
                        (0.64 - i * 0.05, 0.78 + i * 0.01),
                    ],
                    closed=False,
                ),
                0.006,
                0.9,
            ),
            "#a9431f",
            0.8,
        )
    for x0, x1 in ((0.215, 0.275), (0.365, 0.43)):
        s.put(s.stroke(hanging(x0, 0.575, x1, 0.575, 0.022), 0.0085, 0.6), "#2b1a1e")
    s.put(s.oval(0.302, 0.715, 0.022, 0.017), "#2b1a1e")
    for x, y in ((0.62, 0.36), (0.7, 0.42), (0.56, 0.31)):
        s.put(s.stroke([(x, y), (x + 0.03, y + 0.05)], 0.006, 0.9), "#f2a46a", 0.8)
    return s.sticker() if isinstance(s, Cutout) else s.image()


def mushroom(s: Canvas) -> Image.Image:
    """A red mushroom with a door and one lit window."""
    s.put(
        s.poly(
            curve(
                [
                    (0.38, 0.52),
                    (0.36, 0.7),
                    (0.33, 0.86),
                    (0.42, 0.9),
                    (0.6, 0.9),
                    (0.68, 0.86),
                    (0.64, 0.7),
                    (0.62, 0.52),
                ]
            )
        ),
        "#f3e4c6",
    )
    s.put(
        s.poly(curve([(0.53, 0.52), (0.54, 0.7), (0.55, 0.9), (0.68, 0.86), (0.64, 0.7), (0.62, 0.52)])), "#c9a97c", 0.6
    )
    s.put(
        s.poly(
            curve(
                [
                    (0.12, 0.54),
                    (0.16, 0.36),
                    (0.3, 0.19),
                    (0.5, 0.13),
                    (0.7, 0.19),
                    (0.84, 0.36),
                    (0.88, 0.54),
                    (0.7, 0.6),
                    (0.5, 0.62),
                    (0.3, 0.6),
                ]
            )
        ),
        "#cf3a30",
    )
    s.put(
        s.poly(
            curve([(0.56, 0.14), (0.72, 0.2), (0.84, 0.36), (0.88, 0.54), (0.72, 0.595), (0.78, 0.42), (0.7, 0.26)])
        ),
        "#8f2426",
        0.55,
    )
    s.put(
        s.poly(
            curve(
                [
                    (0.16, 0.555),
                    (0.34, 0.555),
                    (0.5, 0.575),
                    (0.66, 0.555),
                    (0.84, 0.555),
                    (0.68, 0.605),
                    (0.5, 0.622),
                    (0.32, 0.605),
                ]
            )
        ),
        "#f7dfb8",
    )
    for x, y, rx, ry in (
        (0.33, 0.36, 0.06, 0.05),
        (0.52, 0.25, 0.055, 0.045),
        (0.68, 0.4, 0.065, 0.055),
        (0.5, 0.45, 0.05, 0.04),
        (0.22, 0.47, 0.035, 0.03),
        (0.8, 0.5, 0.03, 0.028),
    ):
        s.put(s.oval(x, y, rx, ry), "#fdf3e0")
    s.put(s.poly(curve([(0.42, 0.895), (0.42, 0.77), (0.47, 0.72), (0.52, 0.77), (0.52, 0.895)])), "#6f3f2a")
    s.put(s.disc(0.505, 0.82, 0.008), "#f0b64a")
    s.put(s.disc(0.585, 0.71, 0.035), "#6f3f2a")
    s.put(s.disc(0.585, 0.71, 0.027), "#ffd977")
    s.put(s.stroke([(0.585, 0.683), (0.585, 0.737)], 0.006), "#6f3f2a")
    s.put(s.stroke([(0.558, 0.71), (0.612, 0.71)], 0.006), "#6f3f2a")
    for x, tall in ((0.27, 0.12), (0.31, 0.16), (0.7, 0.15), (0.74, 0.1), (0.36, 0.08), (0.65, 0.09)):
        s.put(s.poly(s.leafy(x, 0.92, -1.57 + (x - 0.5) * 0.8, tall, 0.014)), "#4f7a4a")
    return s.sticker() if isinstance(s, Cutout) else s.image()


def teapot(s: Canvas) -> Image.Image:
    """A blue teapot with white dots and two curls of steam."""
    s.put(
        s.stroke(curve([(0.7, 0.42), (0.86, 0.4), (0.9, 0.54), (0.82, 0.68), (0.7, 0.72)], closed=False), 0.05),
        "#274e73",
    )
    s.put(
        s.poly(curve([(0.3, 0.66), (0.2, 0.6), (0.15, 0.46), (0.08, 0.38), (0.17, 0.36), (0.23, 0.44), (0.34, 0.48)])),
        "#2f5f8a",
    )
    s.put(
        s.poly(
            curve(
                [
                    (0.3, 0.4),
                    (0.24, 0.56),
                    (0.26, 0.74),
                    (0.36, 0.85),
                    (0.64, 0.85),
                    (0.74, 0.74),
                    (0.76, 0.56),
                    (0.7, 0.4),
                ]
            )
        ),
        "#3a72a3",
    )
    s.put(
        s.poly(
            curve(
                [
                    (0.6, 0.4),
                    (0.66, 0.56),
                    (0.62, 0.74),
                    (0.52, 0.855),
                    (0.64, 0.85),
                    (0.74, 0.74),
                    (0.76, 0.56),
                    (0.7, 0.4),
                ]
            )
        ),
        "#1f4468",
        0.5,
    )
    s.put(s.oval(0.5, 0.395, 0.205, 0.045), "#274e73")
    s.put(s.poly(curve([(0.32, 0.39), (0.36, 0.33), (0.5, 0.305), (0.64, 0.33), (0.68, 0.39), (0.5, 0.41)])), "#3a72a3")
    s.put(s.disc(0.5, 0.29, 0.032), "#f0b64a")
    for x, y in (
        (0.36, 0.52),
        (0.46, 0.6),
        (0.56, 0.52),
        (0.36, 0.68),
        (0.56, 0.68),
        (0.66, 0.6),
        (0.46, 0.76),
        (0.3, 0.6),
    ):
        s.put(s.disc(x, y, 0.021), "#f7efe0")
    s.put(s.oval(0.5, 0.86, 0.17, 0.022), "#274e73")
    for x, flip in ((0.42, 1), (0.57, -1)):
        curl = [(x, 0.24), (x + 0.03 * flip, 0.2), (x - 0.02 * flip, 0.15), (x + 0.02 * flip, 0.1), (x, 0.07)]
        s.put(s.stroke(curve(curl, closed=False), 0.02, 0.7), "#b9d0de")
    return s.sticker() if isinstance(s, Cutout) else s.image()


def beam(s: Canvas, frames: int = 24) -> list[Image.Image]:
    """A lighthouse at night whose beam goes once around: flat colours for a small palette."""
    s.grad("#0c1430", "#162650", "#274272", "#3f5f8a")
    for _ in range(70):
        s.glow(s.r.random(), s.r.random() * 0.6, 0.003, "#ffffff", s.r.uniform(0.3, 1.0))
    s.put(s.disc(0.2, 0.16, 0.06), "#f4ecd0")
    s.put(s.disc(0.225, 0.15, 0.052), "#12204a")
    for i, tone in enumerate(("#1c3a5e", "#16304f", "#102640")):
        s.put(s.below(s.line(0.76 + i * 0.07, 0.014, 3 + i)), tone)
    s.put(
        s.poly(curve([(0.18, 1.02), (0.26, 0.86), (0.38, 0.79), (0.62, 0.78), (0.74, 0.86), (0.86, 1.02)])), "#0a1222"
    )
    tower = [(0.43, 0.8), (0.57, 0.8), (0.545, 0.36), (0.455, 0.36)]
    sky = s.a.copy()
    out: list[Image.Image] = []
    for i in range(frames):
        s.a = sky.copy()
        turn = 2 * math.pi * i / frames
        for a in (turn, turn + math.pi):
            reach, toward = math.cos(a), math.sin(a)
            half = 0.035 + 0.075 * (toward + 1) / 2
            light = s.poly(
                [
                    (0.5, 0.3),
                    (0.5 + reach * 0.9, 0.30 - half - 0.02),
                    (0.5 + reach * 0.9, 0.30 + half + 0.05 * (toward + 1) / 2),
                ],
                0.004,
            )
            fall = np.clip(1 - np.abs(s.u - 0.5) / max(abs(reach) * 0.6, 0.01), 0, 1)
            s.add(light * fall, "#ffe9a8", 0.62 + 0.2 * toward)
        s.put(s.poly(tower), "#efe6d4")
        for y0, y1 in ((0.72, 0.63), (0.54, 0.45)):
            w0, w1 = (0.045 + 0.025 * (y - 0.36) / 0.44 for y in (y0, y1))
            s.put(s.poly([(0.5 - w0, y0), (0.5 + w0, y0), (0.5 + w1, y1), (0.5 - w1, y1)]), "#c2452f")
        s.put(s.poly([(0.51, 0.8), (0.57, 0.8), (0.545, 0.36), (0.51, 0.36)]), "#1a2038", 0.3)
        s.rect(0.43, 0.345, 0.14, 0.018, "#18203a")
        s.rect(0.465, 0.265, 0.07, 0.08, "#ffe9a0")
        s.put(s.poly([(0.45, 0.268), (0.55, 0.268), (0.5, 0.205)]), "#8f2f28")
        s.rect(0.485, 0.74, 0.03, 0.06, "#3a2a2a")
        flash = max(0.0, math.sin(turn)) ** 6 + max(0.0, math.sin(turn + math.pi)) ** 6
        s.glow(0.5, 0.3, 0.12 + 0.1 * flash, "#fff3c8", 0.55 + 0.4 * flash)
        out.append(Image.fromarray((np.clip(s.a, 0, 1).transpose(1, 2, 0) * 255).astype(np.uint8)))
    return out
