"""Galleries: names and addresses, what hangs in them, in which order, and who sees it."""

import pytest

from server import clock, galleries, posts
from server.errors import Invalid, NotFound
from server.models import Account, Audience, Gallery, Post, Rating
from server.site import Site
from tests import abroad
from tests.hung import hang, statements


async def put(site: Site, owner: Account, post: Post, *names: str) -> None:
    async with site.db.write() as tx:
        await galleries.put(tx, await posts.get(tx, post.id, owner.actor), owner.actor, names)


async def shown(site: Site, owner: Account, slug: str, viewer: Account | None = None) -> list[int]:
    async with site.db.read() as tx:
        gallery = await galleries.get(tx, owner.actor, slug)
        return [post.id for post in await galleries.works(tx, gallery, viewer.actor if viewer else None)]


async def test_two_galleries_of_one_name_have_two_addresses(site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        first = await galleries.create(tx, alice.actor, "  La   Gardienne ")
        second = await galleries.create(tx, alice.actor, "La Gardienne")
        his = await galleries.create(tx, bob.actor, "La Gardienne")
        wordless = await galleries.create(tx, alice.actor, "!!!")
    assert (first.name, first.slug, second.slug, his.slug) == (
        "La Gardienne",
        "la-gardienne",
        "la-gardienne-2",
        "la-gardienne",
    )
    assert wordless.slug == "gallery"


@pytest.mark.parametrize(
    ("name", "text", "field"), [(" ", "", "name"), ("x" * 121, "", "name"), ("x", "y" * 5001, "text")]
)
async def test_what_cannot_be_a_gallery_is_said_at_the_field(
    site: Site, alice: Account, name: str, text: str, field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        async with site.db.write() as tx:
            await galleries.create(tx, alice.actor, name, text)
    assert list(wrong.value.fields) == [field]
    async with site.db.read() as tx:
        assert await galleries.of(tx, alice.actor, alice.actor) == []


async def test_the_address_survives_another_name(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        await galleries.create(tx, alice.actor, "Boats")
    async with site.db.write() as tx:
        await galleries.edit(tx, await galleries.get(tx, alice.actor, "boats"), "Ships", "All of them.")
    async with site.db.read() as tx:
        kept = await galleries.get(tx, alice.actor, "boats")
        assert (kept.name, kept.text) == ("Ships", "All of them.")
        with pytest.raises(NotFound):
            await galleries.get(tx, alice.actor, "ships")


async def test_a_work_hangs_in_exactly_the_galleries_that_were_named(site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    await put(site, alice, work, "Boats", "Dusk", "boats", "")
    async with site.db.read() as tx:
        assert await galleries.names(tx, alice.actor) == ["Boats", "Dusk"]
    await put(site, alice, work, "Dusk", "Sea")
    assert await shown(site, alice, "boats") == []
    assert await shown(site, alice, "dusk") == await shown(site, alice, "sea") == [work.id]


@pytest.mark.parametrize(
    ("where", "order"),
    [("start", "cabd"), ("up", "acbd"), ("down", "abdc"), ("end", "abdc")],
)
async def test_a_work_moves(site: Site, alice: Account, where: str, order: str) -> None:
    works = {letter: await hang(site, alice, letter) for letter in "abcd"}
    for work in works.values():
        await put(site, alice, work, "Series")
    async with site.db.write() as tx:
        gallery = await galleries.get(tx, alice.actor, "series")
        await galleries.move(tx, gallery, works["c"], where)  # type: ignore[arg-type]
    assert await shown(site, alice, "series") == [works[letter].id for letter in order]


async def test_the_ends_of_a_row_stay_the_ends(site: Site, alice: Account) -> None:
    one, two = await hang(site, alice), await hang(site, alice)
    for work in (one, two):
        await put(site, alice, work, "Pair")
    for work, where in ((one, "up"), (one, "start"), (two, "down"), (two, "end")):
        async with site.db.write() as tx:
            await galleries.move(tx, await galleries.get(tx, alice.actor, "pair"), work, where)  # type: ignore[arg-type]
        assert await shown(site, alice, "pair") == [one.id, two.id]


async def test_what_does_not_hang_there_cannot_move(site: Site, alice: Account) -> None:
    work, other = await hang(site, alice), await hang(site, alice)
    await put(site, alice, work, "Boats")
    for post, where, error in ((other, "up", NotFound), (work, "sideways", Invalid)):
        with pytest.raises(error):
            async with site.db.write() as tx:
                await galleries.move(tx, await galleries.get(tx, alice.actor, "boats"), post, where)  # type: ignore[arg-type]


async def test_a_gallery_shows_each_viewer_only_what_they_may_see(site: Site, alice: Account, bob: Account) -> None:
    for audience in Audience:
        await put(site, alice, await hang(site, alice, audience=audience), "All")
    draft = await hang(site, alice, published=False)
    await put(site, alice, draft, "All")
    assert len(await shown(site, alice, "all")) == len(await shown(site, alice, "all", bob)) == 1
    assert len(await shown(site, alice, "all", alice)) == 4
    async with site.db.read() as tx:
        assert [count for _, count, _ in await galleries.of(tx, alice.actor, None)] == [1]
        assert [count for _, count, _ in await galleries.of(tx, alice.actor, alice.actor)] == [4]


async def test_the_cover_is_the_first_picture_that_needs_no_warning(site: Site, alice: Account) -> None:
    works = [
        await hang(site, alice, audience=Audience.FOLLOWERS),
        await hang(site, alice, rating=Rating.MATURE),
        await hang(site, alice, warning="Blood"),
        await hang(site, alice, pictures=2),
    ]
    for work in works:
        await put(site, alice, work, "Boats")
    async with site.db.read() as tx:
        _, count, cover = (await galleries.of(tx, alice.actor, None))[0]
        assert count == 3 and cover and (cover.post_id, cover.position) == (works[3].id, 0)
        _, _, own = (await galleries.of(tx, alice.actor, alice.actor))[0]
        assert own and own.post_id == works[0].id


async def test_a_work_knows_where_it_hangs(site: Site, alice: Account) -> None:
    work, other = await hang(site, alice), await hang(site, alice)
    await put(site, alice, work, "Boats", "Dusk")
    await put(site, alice, other, "Boats")
    async with site.db.read() as tx:
        found = await galleries.holding(tx, await posts.get(tx, work.id, None), None)
    assert [(gallery.name, count) for gallery, count in found] == [("Boats", 2), ("Dusk", 1)]


async def test_a_gallery_goes_and_its_works_stay(site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    await put(site, alice, work, "Boats")
    async with site.db.write() as tx:
        gallery: Gallery = await galleries.get(tx, alice.actor, "boats")
        await galleries.remove(tx, gallery)
    async with site.db.read() as tx:
        assert await galleries.of(tx, alice.actor, alice.actor) == []
        assert (await posts.get(tx, work.id, None)).id == work.id


async def test_of_a_gallery_that_goes_each_work_is_told_as_taken_down(site: Site, alice: Account) -> None:
    first, hidden, second, new = (
        await hang(site, alice), await hang(site, alice, audience=Audience.FOLLOWERS),
        await hang(site, alice), await hang(site, alice),
    )  # fmt: skip
    for work in (first, hidden, second, new):
        await put(site, alice, work, "Boats", "Dusk")
    async with site.db.write() as tx:
        for work in (first, hidden, second):
            (await tx.get_one(Post, work.id)).told_at = clock.now()
        gallery: Gallery = await galleries.get(tx, alice.actor, "boats")
        await galleries.remove(tx, gallery)
    told = [(job.verb, job.post_id, job.subject_id) for job in await abroad.told(site)]
    assert told == [("Remove", first.id, gallery.id), ("Remove", second.id, gallery.id)]


async def test_many_galleries_ask_as_few_questions_as_one(site: Site, alice: Account) -> None:
    prices = []
    for number in range(2):
        for name in ("a", "b", "c"):
            await put(site, alice, await hang(site, alice), f"{name}{number}")
        with statements(site) as asked:
            async with site.db.read() as tx:
                await galleries.of(tx, alice.actor, None)
        prices.append(len(asked))
    assert prices[0] == prices[1] <= 4


async def test_names_and_texts_hold_nothing_that_turns_or_hides(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        made = await galleries.create(tx, alice.actor, "Ink\u202e\u200b gnp\x07", " \u202eWinter\x00\r\nSpring ")
    assert (made.name, made.text) == ("Ink gnp", "Winter\nSpring")


async def test_hanging_and_taking_down_are_told_of_what_everybody_may_see(site: Site, alice: Account) -> None:
    known, hidden, new = (
        await hang(site, alice),
        await hang(site, alice, audience=Audience.FOLLOWERS),
        await hang(site, alice),
    )
    async with site.db.write() as tx:
        for work in (known, hidden):
            (await tx.get_one(Post, work.id)).told_at = clock.now()
        gallery = await galleries.create(tx, alice.actor, "Sea")
    for work in (known, hidden, new):
        await put(site, alice, work, "Sea")
        await put(site, alice, work, "Sea")
        await put(site, alice, work)
    told = [(job.verb, job.post_id, job.subject_id) for job in await abroad.told(site)]
    assert told == [("Add", known.id, gallery.id), ("Remove", known.id, gallery.id)]
