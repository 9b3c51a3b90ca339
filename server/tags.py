"""Hashtags: words under which posts are found. One tag is one word, whatever its case."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.db import insert_once
from server.errors import Invalid, NotFound
from server.models import Post, PostTag, Tag
from server.spelling import composed

MOST = 50
LONGEST = 100
UNUSED = "Nobody has used this tag yet."
# Built once: every work that comes in asks for its tags.
_KNOWN = select(Tag.name, Tag.id).where(Tag.name.in_(bindparam("names", expanding=True)))
_POST_TAGS: Any = PostTag.__table__


def fold(name: str) -> str:
    """The one spelling by which a tag is found: composed, without the sign, lower case."""
    return composed(name.strip().lstrip("#＃"), "NFKC").casefold()


def is_tag(label: str) -> bool:
    """Whether `label` can be a tag: letters, digits and underscores of any script, not digits alone."""
    name = fold(label)
    return bool(name) and len(name) <= LONGEST and re.fullmatch(r"\w+", name) is not None and not name.isdecimal()


def parse(text: str) -> list[str]:
    """The labels in what somebody typed into the tags field: `#ink #PictureBook, sea` → ink, PictureBook, sea.

    Commas, semicolons and spaces separate. Raises Invalid for a word that cannot be a tag, and for more than MOST.
    """
    labels: dict[str, str] = {}
    for word in re.split(r"[\s,;]+", text):
        label = composed(word.strip().lstrip("#＃"), "NFKC")
        if not label:
            continue
        if not is_tag(label):
            raise Invalid(
                tags=f"“{label[:40]}” cannot be a tag: use letters, digits and underscores, at most {LONGEST}."
            )
        labels.setdefault(fold(label), label)
    if len(labels) > MOST:
        raise Invalid(tags=f"These are {len(labels)} tags; a work can have {MOST}.")
    return list(labels.values())


async def put(tx: AsyncSession, post: Post, labels: Iterable[str], *, is_new: bool = False) -> None:
    """`post` carries exactly these tags afterwards. What cannot be a tag is left out, and so is what exceeds MOST.

    `is_new` says that it carries none so far.
    """
    wanted: dict[str, str] = {}
    for label in labels:
        if is_tag(label):
            wanted.setdefault(fold(label), composed(label.strip().lstrip("#＃"), "NFKC"))
    wanted = dict(list(wanted.items())[:MOST])
    await tx.flush()
    if not is_new:
        await tx.execute(delete(PostTag).where(PostTag.post_id == post.id))
    if not wanted:
        return
    found = await _ids(tx, wanted)
    missing = sorted(wanted.keys() - found)
    for name in missing:  # always in the same order: two posts with the same new tags cannot wait for each other
        await insert_once(tx, Tag(name=name, label=wanted[name]))
    if missing:
        found |= await _ids(tx, missing)
    await tx.execute(insert(_POST_TAGS), [{"post_id": post.id, "tag_id": found[name]} for name in wanted])


async def _ids(tx: AsyncSession, names: Iterable[str]) -> dict[str, int]:
    rows = await tx.execute(_KNOWN, {"names": list(names)})
    return {row.name: row.id for row in rows}


async def get(tx: AsyncSession, name: str) -> Tag:
    """The tag of that name, whatever its case; raises NotFound where nobody used it yet."""
    tag = await tx.scalar(select(Tag).where(Tag.name == fold(name)))
    if tag is None:
        raise NotFound(UNUSED)
    return tag
