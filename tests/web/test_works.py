"""The page of a work, and of a note."""

import re

import pytest
from quart import Quart

from server import blocks, follows, galleries, posts, tags
from server.models import Account, Audience, Licence, MediaState, Rating, Reservation
from server.site import Site
from tests.browsing import Browser
from tests.hung import hang, say, statements


async def test_a_work_has_its_label_facts_rights_and_surroundings(app: Quart, site: Site, alice: Account) -> None:
    other = await hang(site, alice, "Quarry Lake")
    work = await hang(
        site, alice, year=2024, medium="Gouache", tools="Brush", size="60 × 40 cm", licence=Licence.BY_NC,
        reservation=Reservation.NO_TRAINING,
    )  # fmt: skip
    async with site.db.write() as tx:
        post = await posts.get(tx, work.id, alice.actor)
        await galleries.put(tx, post, alice.actor, ["Boats"])
        await tags.put(tx, post, ["PictureBook"])
    page = await Browser(app).get(f"/@alice/{work.id}-whatever")
    assert "<h1>The Last Ferry</h1>" in page
    for fact in ("<dd>2024</dd>", "<dd>Gouache</dd>", "<dd>Brush</dd>", "<dd>60 × 40 cm</dd>", "2048 × 1365 pixels"):
        assert fact in page
    assert "© 2024 Alice Painter." in page and "Attribution-NonCommercial" in page
    assert "Not for AI training of any kind." in page and f'href="http://art.test/works/{work.id}/rights"' in page
    assert 'href="http://art.test/@alice/galleries/boats">Boats</a>, 1 work' in page
    assert 'href="http://art.test/tags/picturebook">#PictureBook' in page
    assert f"/@alice/{other.id}-quarry-lake" in page
    assert f'<link rel="canonical" href="http://art.test/@alice/{work.id}-the-last-ferry">' in page
    assert f'type="application/activity+json" href="http://art.test/works/{work.id}"' in page


async def test_link_previews_only_for_what_everybody_may_see_unasked(app: Quart, site: Site, alice: Account) -> None:
    browser = Browser(app)
    open_work = await hang(site, alice)
    page = await browser.get(f"/@alice/{open_work.id}")
    image = re.search(r'<meta property="og:image" content="([^"]+)"', page)
    assert image and re.fullmatch(r"http://art\.test/media/\d+/[0-9a-f]{20}-2048\.jpg", image[1])
    assert 'name="twitter:card" content="summary_large_image"' in page
    for work in (
        await hang(site, alice, rating=Rating.MATURE), await hang(site, alice, warning="Blood"),
        await hang(site, alice, audience=Audience.UNLISTED),
    ):  # fmt: skip
        page = await browser.get(f"/@alice/{work.id}")
        assert browser.status == 200 and "og:image" not in page


async def test_the_stage_is_preloaded_and_offers_avif_webp_and_jpeg(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    page = await Browser(app).get(f"/@alice/{work.id}")
    preload = re.search(
        r'<link rel="preload" as="image" type="image/avif" imagesrcset="([^"]+)" imagesizes="([^"]+)"', page
    )
    stage = re.search(r'<a class="canvas.*?</a>', page, re.S)
    assert preload and stage
    assert f'srcset="{preload[1]}" sizes="{preload[2]}"' in stage[0]
    assert 'type="image/webp"' in stage[0] and "-2048.jpg" in stage[0] and 'fetchpriority="high"' in stage[0]
    assert re.search(r'href="/media/\d+/[0-9a-f]{20}-2048\.webp" data-width="2048"', stage[0])


async def test_the_other_pictures_are_reached_by_links(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, pictures=3)
    browser = Browser(app)
    marks = []
    for number in ("1", "2", "3", "99", "0", "x"):
        page = await browser.get(f"/@alice/{work.id}?image={number}")
        stage = re.search(r'<a class="canvas m(\d+)', page)
        assert browser.status == 200 and stage
        marks.append(stage[1])
    assert len(set(marks[:3])) == 3 and marks[3] == marks[2] and marks[4] == marks[5] == marks[0]
    assert f'href="/@alice/{work.id}-the-last-ferry?image=2"' in page


async def test_the_description_can_be_read_by_everybody(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, alt="First sentence. <Second> one.")
    page = await Browser(app).get(f"/@alice/{work.id}")
    assert 'popovertarget="alt"' in page and '<p class="prose">First sentence. &lt;Second&gt; one.</p>' in page
    bare = await hang(site, alice, alt="")
    assert 'alt="No description, by Alice Painter"' in await Browser(app).get(f"/@alice/{bare.id}")


async def test_a_warned_picture_is_fetched_only_when_asked_for(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, rating=Rating.EXPLICIT, warning="nudity", pictures=2)
    browser = Browser(app)
    page = await browser.get(f"/@alice/{work.id}")
    assert "Explicit: nudity" in page and "Show the pictures" in page
    assert "/media/" not in page and "preload" not in page and "A small lit ferry" not in page
    page = await browser.get(f"/@alice/{work.id}?show=1")
    assert "/media/" in page and 'alt="A small lit ferry' in page
    assert "?image=2&amp;show=1" in page


@pytest.mark.parametrize(
    ("state", "words"), [(MediaState.WAITING, "Waiting for its turn"), (MediaState.MADE, "Being prepared")]
)
async def test_while_pictures_are_made_only_the_author_sees_the_page_and_it_looks_again(
    app: Quart, site: Site, alice: Account, bob: Account, state: MediaState, words: str
) -> None:
    work = await hang(site, alice, ready=False, state=state)
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get(f"/@alice/{work.id}")
    assert words in page and browser.headers["Refresh"] == "5"
    for other in (Browser(app), await Browser(app).as_somebody(bob)):
        await other.get(f"/@alice/{work.id}")
        assert other.status == 404 and "Refresh" not in other.headers


async def test_a_failed_picture_says_why_and_can_be_tried_again(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice, ready=False, state=MediaState.FAILED)
    async with site.db.write() as tx:
        post = await posts.get(tx, work.id, alice.actor)
        post.media[0].failure = "The file ends too early."
        tx.add(post.media[0])
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get(f"/@alice/{work.id}")
    assert "The file ends too early." in page and "Refresh" not in browser.headers
    assert f'action="http://art.test/uploads/{post.media[0].id}/retry"' in page


@pytest.mark.parametrize("audience", [Audience.FOLLOWERS, Audience.MENTIONED])
async def test_a_private_work_is_not_there_for_others(
    app: Quart, site: Site, alice: Account, bob: Account, audience: Audience
) -> None:
    work = await hang(site, alice, audience=audience)
    for browser in (Browser(app), await Browser(app).as_somebody(bob)):
        page = await browser.get(f"/@alice/{work.id}")
        assert browser.status == 404 and "The Last Ferry" not in page
    mine = await (await Browser(app).as_somebody(alice)).get(f"/@alice/{work.id}")
    # Addresses of its pictures are signed for who looks (decision 12).
    addresses = re.findall(r"/media/\d+/[^ \"]+", mine)
    assert addresses and all(f"for={alice.actor_id}&amp;until=" in address for address in addresses)


async def test_a_follower_sees_what_is_for_followers(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice, audience=Audience.FOLLOWERS)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    page = await (await Browser(app).as_somebody(bob)).get(f"/@alice/{work.id}")
    assert "<dt>Seen by</dt><dd>Followers</dd>" in page and f"for={bob.actor_id}" in page


async def test_addresses_that_lead_nowhere(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    browser = Browser(app)
    for path in (
        "/@alice/1",
        "/@alice/x",
        f"/@alice/{work.id}x",
        "/@alice/99999999999999999999",
        f"/@nobody/{work.id}",
    ):
        await browser.get(path)
        assert browser.status == 404, path
    await browser.get(f"/@bob/{work.id}")
    assert (browser.status, browser.location) == (301, f"http://art.test/@alice/{work.id}-the-last-ferry")


async def test_what_was_public_and_is_deleted_is_gone(app: Quart, site: Site, alice: Account) -> None:
    work, secret = await hang(site, alice), await hang(site, alice, audience=Audience.FOLLOWERS)
    for post, status in ((work, 410), (secret, 404)):
        async with site.db.write() as tx:
            await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
        browser = Browser(app)
        assert "Alice" not in await browser.get(f"/@alice/{post.id}")
        assert browser.status == status


async def test_the_conversation_is_a_tree(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    first = await say(site, bob, "Was that planned?", work)
    answer = await say(site, alice, "It was.", first)
    await say(site, bob, "Lovely.", work)
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"/@alice/{work.id}")
    assert page.index("Was that planned?") < page.index("It was.") < page.index("Lovely.")
    nested = page[page.index(f'id="p{first.id}"') : page.index("Lovely.")]
    assert f'id="p{answer.id}"' in nested and 'class="chip tiny">Artist' in nested
    page = await browser.get(f"/@alice/{work.id}?reply={answer.id}")
    assert "Your answer to Alice Painter" in page and browser.hidden("reply_to") == str(answer.id)
    await browser.post(f"/@alice/{work.id}/comment", {"text": "I thought so.", "reply_to": str(answer.id)})
    assert browser.status == 303
    assert "I thought so." in await browser.get(f"/@alice/{work.id}")


async def test_a_blocked_persons_comments_are_not_shown_to_who_blocked_them(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    work = await hang(site, alice)
    await say(site, bob, "Rude words", work)
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
    assert "Rude words" not in await (await Browser(app).as_somebody(alice)).get(f"/@alice/{work.id}")


async def test_a_note_has_a_page_with_what_it_answers(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    work = await hang(site, alice)
    note = await say(site, bob, "Look at <this> https://example.test/x", work)
    page = await Browser(app).get(f"/@bob/{note.id}")
    assert "Look at &lt;this&gt;" in page and "Answer to" in page and "<cite>The Last Ferry</cite>" in page
    assert f'type="application/activity+json" href="http://art.test/notes/{note.id}"' in page


async def test_a_long_conversation_asks_as_few_questions_as_a_short_one(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    work = await hang(site, alice)
    prices = []
    for _ in range(2):
        for _ in range(4):
            await say(site, bob, "Lovely.", await say(site, alice, "Well?", work))
        with statements(site) as asked:
            await Browser(app).get(f"/@alice/{work.id}")
        prices.append(len(asked))
    assert prices[0] == prices[1] <= 16
