"""Pictures: as attachments of a post, and as objects of their own."""

from typing import Any

from federation.signatures.keys import base58
from federation.vocabulary import MAX_SIDE, MEDIA_TYPES, SHARED_FORMATS, Json
from server.models import Media, Post, Rendition, RenditionPurpose
from server.rights import Rights, channels
from server.urls import Urls

# Multihash: SHA-256, 32 bytes.
_SHA256 = b"\x12\x20"


def attachments(post: Post, urls: Urls, described: Rights) -> list[Json]:
    """The pictures of a work in the artist's order, the cover first; one that no receiver could show is left out."""
    return [_attachment(media, shared, post, urls, described) for media in post.media if (shared := shared_file(media))]


def links(post: Post, urls: Urls) -> list[Json]:
    """The page of a work, then the cover's files: what goes round, and the full size where the artist allows it."""
    found = [_page(post, urls)]
    cover = next(((media, shared) for media in post.media if (shared := shared_file(media))), None)
    if cover:
        full = [file for file in cover[0].renditions if file.purpose is RenditionPurpose.FULL]
        found += [_link(file, post, urls) for file in [cover[1], *full]]
    return found


def media_object(media: Media, post: Post, urls: Urls, described: Rights) -> Json:
    """One picture of a work as an object of its own, with all its files (FEP-1311)."""
    files = sorted(media.renditions, key=lambda file: (file.width, file.format))
    return (
        {"id": urls.media(media), "type": "Image", "name": media.alt}
        | {"attributedTo": urls.actor(post.author), "context": urls.post(post)}
        | {"url": [_page(post, urls), *(_link(file, post, urls) | _integrity(file) for file in files)]}
        | _looks(media)
        | channels.activitypub_attachment(described)
    )


def shared_file(media: Media) -> Rendition | None:
    """The file that goes to the fediverse: the federation JPEG, or until it is made the largest size that will do."""
    usable = [
        rendition
        for rendition in media.renditions
        if rendition.format in SHARED_FORMATS
        and rendition.purpose is not RenditionPurpose.FULL
        and max(rendition.width, rendition.height) <= MAX_SIDE
    ]
    return max(usable, key=lambda r: (r.purpose is RenditionPurpose.FEDERATION, r.width), default=None)


def _attachment(media: Media, shared: Rendition, post: Post, urls: Urls, described: Rights) -> Json:
    return (
        {"id": urls.media(media), "type": "Image", "mediaType": MEDIA_TYPES[shared.format]}
        | {"url": urls.shared(shared, post.audience), "name": media.alt, "width": shared.width, "height": shared.height}
        | _looks(media)
        | _integrity(shared)
        | channels.activitypub_attachment(described)
    )


def _looks(media: Media) -> Json:
    # ActivityPub counts from the middle, right and up; we from the upper left corner.
    looks: Json = {"focalPoint": [round(2 * media.focus_x - 1, 4), round(1 - 2 * media.focus_y, 4)]}
    return looks | ({"blurhash": media.blurhash} if media.blurhash else {})


def _integrity(file: Rendition) -> Json:
    """What tells a reader whether the file arrived whole (FEP-1311)."""
    return {"digestMultibase": "z" + base58(_SHA256 + bytes.fromhex(file.hash)), "size": file.bytes}


def _page(post: Post, urls: Urls) -> Json:
    return {"type": "Link", "href": urls.post_page(post), "mediaType": "text/html"}


def _link(rendition: Rendition, post: Post, urls: Urls) -> dict[str, Any]:
    return {
        "type": "Link",
        "href": urls.shared(rendition, post.audience),
        "mediaType": MEDIA_TYPES[rendition.format],
        "width": rendition.width,
        "height": rendition.height,
    }
