"""The pictures of a post, wherever its server puts them: attachments, the object's own files, a preview."""

import re
from collections.abc import Iterator
from typing import Any

from federation.parse import shapes
from federation.vocabulary import Json
from server import text
from server.elsewhere import Picture
from server.rights import stated

MAX_PICTURES = 32
MAX_ALT = 10_000
MAX_SIDE = 100_000

# The types that are shown, each with the name that it is kept under. Everything else becomes a link.
_TYPES = {kind: kind for kind in ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif")} | {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/apng": "image/png",
}
_ENDINGS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
# How some say that they do not know the type of a file.
_UNKNOWN = frozenset({"", "application/octet-stream"})
# Types of which `image` is a picture of the thing itself, not of a moment in it.
_WITH_PREVIEW = frozenset({"Image", "Article", "Page", "Event"})
_BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,64}")


def pictures(document: Json, kind: str) -> list[Picture]:
    """Attachments in their order; of an Image without any, its own files (Pleroma, FEP-1311); else the preview (Lemmy)."""
    found = []
    for one in shapes.many(document.get("attachment")):
        if isinstance(one, dict) and is_picture(one) and (picture := _picture(one)):
            found.append(picture)
            if len(found) == MAX_PICTURES:
                break
    if not found and kind == "Image" and (picture := _picture(document)):
        found.append(picture)
    if not found and kind in _WITH_PREVIEW:
        for one in shapes.many(document.get("image"))[:1]:
            listed = one if isinstance(one, dict) else {"type": "Image", "url": one}
            found += [picture] if (picture := _picture(listed)) else []
    return found


def others(document: Json) -> Iterator[tuple[str, str]]:
    """Attachments that cannot be shown here: address and name, the name empty where there is none."""
    for one in shapes.many(document.get("attachment"))[:MAX_PICTURES]:
        if isinstance(one, dict) and not is_picture(one):
            for at, _ in shapes.links(one.get("url") or one.get("href")):
                yield at, text.line(shapes.words(one.get("name"))[:500])
                break


def is_picture(listed: Json) -> bool:
    """An Image, or a Document or a Link whose type or ending is that of one."""
    found = shapes.kinds(listed)
    if not {"Image", "Document", "Link"} & set(found):
        return False
    return bool(_file(listed)[0]) and ("Link" not in found or bool(listed.get("mediaType")))


def is_sensitive(document: Json) -> bool:
    """Whether the post, or a picture of it, is marked (Misskey marks files)."""
    marked = (document, *(one for one in shapes.many(document.get("attachment")) if isinstance(one, dict)))
    return any(one.get("sensitive") is True for one in marked)


def _file(listed: Json) -> tuple[str, str, Json]:
    """The file of a picture, its type, and the object that tells its measures: of several the widest that is a picture.

    Where nothing says of what type it is, its ending does.
    """
    given = _media(listed.get("mediaType"))
    options: list[tuple[int, str, str, Json]] = []
    for one in shapes.many(listed.get("url") or listed.get("href")):
        link = one if isinstance(one, dict) and "width" in one else listed
        width = shapes.whole(link.get("width"), MAX_SIDE)
        for at, media in shapes.links(one):
            ending = at.partition("?")[0].rsplit(".", 1)[-1].lower()
            # A page may stand among the files of an Image; the type of the whole is not its.
            guess = _ENDINGS.get(ending, "image/jpeg" if "Image" in shapes.kinds(listed) else "")
            said = next((kind for kind in (media, given) if kind not in _UNKNOWN), guess)
            if said in _TYPES:
                options.append((width, at, _TYPES[said], link))
    return max(options, key=lambda option: option[0], default=(0, "", "", listed))[1:]


def _media(value: Any) -> str:
    return shapes.words(value).split(";")[0].strip().lower()


def _picture(listed: Json) -> Picture | None:
    at, media, measured = _file(listed)
    if not at:
        return None
    alt = shapes.words(listed.get("name")) or shapes.words(listed.get("summary"))
    x, y = _focus(listed.get("focalPoint"))
    return Picture(
        url=at,
        media_type=media,
        alt=text.clean(alt[: 2 * MAX_ALT])[:MAX_ALT],
        width=shapes.whole(measured.get("width"), MAX_SIDE),
        height=shapes.whole(measured.get("height"), MAX_SIDE),
        blurhash=_blurhash(listed.get("blurhash")),
        focus_x=x,
        focus_y=y,
        rights=stated.read(listed),
    )


def _blurhash(value: Any) -> str:
    """A placeholder of at most 64 characters whose length says how many parts it has; "" for anything else."""
    if not isinstance(value, str) or not _BLURHASH.fullmatch(value):
        return ""
    size = _BASE83.index(value[0])
    return value if len(value) == 4 + 2 * (size % 9 + 1) * (size // 9 + 1) else ""


def _focus(value: Any) -> tuple[float, float]:
    """Theirs counts from the middle, right and up; ours from the upper left corner."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(at, int | float) for at in value):
        x, y = (float(at) for at in value)
        if -1 <= x <= 1 and -1 <= y <= 1:
            return (x + 1) / 2, (1 - y) / 2
    return 0.5, 0.5
