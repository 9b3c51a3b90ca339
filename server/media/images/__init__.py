"""Pixels: everything that Pillow does for us. Runs only inside a sandboxed child (`easel.py`), never in the server.

`opening` recognises a file and refuses what we do not show, `colour` brings every colour space to sRGB or Display P3,
`decoding` reads the pixels, `ladder` makes the public copies. Refusals are sentences for the artist (`orders.Refused`).
"""

from server.media.images.ladder import render, render_avif, warm_up
from server.media.images.opening import open_picture
from server.media.orders import Refused

__all__ = ["Refused", "open_picture", "render", "render_avif", "warm_up"]
