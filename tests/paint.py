"""Pictures as files, for tests and benches that send them."""

import io

from PIL import Image

from tests.server.media.pictures import painting


def jpeg(width: int, height: int, seed: int, quality: int = 92) -> bytes:
    """A painterly JPEG: strokes, texture and grain, so that it compresses like art and not like a gradient.

    Large ones are put together of a smaller painting and fresh grain: drawing 24 megapixels of strokes takes a minute.
    """
    small = painting(min(width, 1500), max(1, min(width, 1500) * height // width), seed)
    image = small.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    if width > 1500:
        grain = Image.effect_noise((width, height), 18).convert("RGB")
        image = Image.blend(image, grain, 0.06)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
