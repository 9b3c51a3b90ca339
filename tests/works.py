"""Pictures and works for tests, made the way people make them."""

import io
import secrets
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import select

from server import artworks, posts, uploads
from server.artworks import Draft, Picture
from server.models import Account, Audience, Media, Post, Rendition
from server.site import Site

_numbers = iter(range(1, 10**6))


def picture(width: int = 900, height: int = 600, kind: str = "PNG") -> bytes:
    """A small picture, each time another one."""
    number = next(_numbers)
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    image.paste((number % 256, number // 256 % 256, 90), (0, 0, width // 3, height // 3))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def arrive(site: Site, content: bytes) -> Path:
    """A file as the network leaves it: in `incoming`, under a name of ours."""
    file = site.incoming / f"part-{secrets.token_hex(6)}"
    file.write_bytes(content)
    return file


async def upload(site: Site, account: Account, content: bytes | None = None, **more: Any) -> Media:
    """One accepted picture of `account`."""
    return await uploads.accept(
        site, account.actor, arrive(site, picture() if content is None else content), "ferry.png", **more
    )


async def publish(
    site: Site, account: Account, *, audience: Audience = Audience.EVERYONE, media: Media | None = None, **said: Any
) -> Post:
    """A published work with one picture; it is ready once the jobs have run."""
    media = media or await upload(site, account)
    draft = Draft(
        audience=audience, pictures=(Picture(media.id, "A ferry at dusk."),), **{"title": "The Last Ferry", **said}
    )
    async with site.db.write() as tx:
        post = await artworks.start(tx, account.actor, secrets.token_urlsafe(18))
        await artworks.publish(tx, post, draft, urls=site.urls)
        return await posts.get(tx, post.id, account.actor)


async def renditions_of(site: Site, media_id: int) -> list[Rendition]:
    """The sizes of a picture, narrowest first."""
    async with site.db.read() as tx:
        query = select(Rendition).where(Rendition.media_id == media_id)
        return list(await tx.scalars(query.order_by(Rendition.width, Rendition.format)))


async def one(site: Site, model: Any, key: Any) -> Any:
    """A row as it is stored now."""
    async with site.db.read() as tx:
        return await tx.get(model, key)


def files_in(folder: Path) -> list[str]:
    """Every file below `folder`."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
