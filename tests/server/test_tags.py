"""One tag is one word, whatever its case; a post carries exactly what was put."""

import asyncio

import pytest

from server import posts, tags
from server.errors import Invalid, NotFound
from server.models import Account
from server.site import Site
from tests.hung import hang


@pytest.mark.parametrize(
    ("typed", "labels"),
    [
        ("#ink #PictureBook, sea", ["ink", "PictureBook", "sea"]),
        ("  ", []),
        ("ink;INK,#Ink", ["ink"]),
        ("été ＃日本 plein_air", ["été", "日本", "plein_air"]),
        ("ﬁne", ["fine"]),
    ],
)
def test_the_field_is_read_as_people_write_it(typed: str, labels: list[str]) -> None:
    assert tags.parse(typed) == labels


@pytest.mark.parametrize("typed", ["two-words", "<b>", "2026", "x" * 101, "a#b", "@alice"])
def test_what_cannot_be_a_tag_is_named(typed: str) -> None:
    with pytest.raises(Invalid) as wrong:
        tags.parse(f"ink {typed}")
    assert typed[:40] in wrong.value.fields["tags"]


def test_fifty_tags_are_enough() -> None:
    assert len(tags.parse(" ".join(f"t{number}" for number in range(50)))) == 50
    with pytest.raises(Invalid):
        tags.parse(" ".join(f"t{number}" for number in range(51)))


async def test_a_post_carries_exactly_what_was_put(site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    for wanted, carried in ((["Ink", "sea", "not a tag"], {"ink", "sea"}), (["INK"], {"ink"}), ([], set())):
        async with site.db.write() as tx:
            await tags.put(tx, await posts.get(tx, work.id, alice.actor), wanted)
        async with site.db.read() as tx:
            assert {tag.name for tag in (await posts.get(tx, work.id, alice.actor)).tags} == carried
    async with site.db.read() as tx:
        assert (await tags.get(tx, "#INK")).label == "Ink"  # as it was first written
        with pytest.raises(NotFound):
            await tags.get(tx, "charcoal")


async def test_a_new_tag_used_twice_at_the_same_moment_is_one(site: Site, alice: Account) -> None:
    works = [await hang(site, alice) for _ in range(4)]

    async def put(post_id: int, words: list[str]) -> None:
        async with site.db.write() as tx:
            await tags.put(tx, await posts.get(tx, post_id, alice.actor), words)

    await asyncio.gather(*(put(work.id, ["sea", "ink"] if n % 2 else ["ink", "sea"]) for n, work in enumerate(works)))
    async with site.db.read() as tx:
        tag = await tags.get(tx, "ink")
        for work in works:
            assert tag.id in {carried.id for carried in (await posts.get(tx, work.id, None)).tags}
