"""Pictures as generators save them, and works published under each of the house's rules for those."""

import io
from typing import Any

from PIL import Image, PngImagePlugin

from server import artworks, posts
from server.artworks import Draft, Picture
from server.models import Account, Post
from server.site import Site
from tests.works import picture, upload

RECIPE = "a lighthouse\nNegative prompt: blurry\nSteps: 28, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 64x48"


def marked(software: str = "") -> bytes:
    """A small picture as a generator saves it; with `software` only a name in passing."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Software" if software else "parameters", software or RECIPE)
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(64, 48))).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def set_rule(site: Site, rule: str) -> None:
    """The house decides otherwise, as after a restart with another setting."""
    rights = site.settings.rights.model_copy(update={"generated": rule})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"rights": rights}))


async def send(site: Site, account: Account, rule: str, *contents: bytes, **said: Any) -> Post:
    """Publish a work of these files under that rule of the house, as the form does."""
    media = [await upload(site, account, content) for content in contents]
    pictures = tuple(Picture(one.id, "A ferry.") for one in media)
    async with site.db.write() as tx:
        post = await artworks.start(tx, account.actor, f"form-{media[0].id}")
        draft = Draft(title="The Last Ferry", pictures=pictures, **said)
        await artworks.publish(tx, post, draft, urls=site.urls, generated_rule=rule)  # type: ignore[arg-type]
        return await posts.get(tx, post.id, account.actor)
