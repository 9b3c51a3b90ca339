"""People and works of other servers as they are shown here, what can be done with them, and what strangers find."""

import dataclasses
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from quart import Quart
from sqlalchemy import select

from federation.transport import Transport
from server import blocks, boosts, cache, clock, elsewhere, favourites, follows, jobs, mutes, origins, posts
from server.app import create_app
from server.elsewhere import Link, Piece
from server.models import (
    Account,
    Activity,
    Actor,
    Audience,
    Delivery,
    DeliveryState,
    HostBlock,
    Job,
    Kind,
    Licence,
    Media,
    Post,
    Report,
    Reservation,
)
from server.rights.stated import Stated
from server.site import Site
from tests.browsing import Browser
from tests.fediverse import Fediverse
from tests.hung import hang, say
from tests.neighbours import Neighbour, neighbour
from tests.server.test_cache import Shelf
from tests.server.test_elsewhere import person, piece, put, work
from tests.works import publish

MIA = "/@mia@far.example"


async def meet(site: Site, thing: Piece | None = None, **changes: Any) -> Post:
    """Somebody elsewhere called Mia, with a post."""
    said: dict[str, Any] = {"name": "Mia Far", "page": "https://far.example/@mia", **changes}
    post = await put(site, thing or work(page="https://far.example/@mia/1"), person(**said))
    assert post is not None
    return post


async def one(site: Site, name: str = "mia") -> Actor:
    async with site.db.read() as tx:
        return (await tx.scalars(select(Actor).where(Actor.handle == name))).one()


# -- people --------------------------------------------------------------------------------------------------------------
async def test_somebody_elsewhere_looks_like_one_of_ours(app: Quart, site: Site, bob: Account) -> None:
    links = (Link("Shop", "https://shop.test/"), Link("Pronouns", "", "she"), Link("Bad", "javascript:alert(1)"))
    await meet(site, links=links, about_html="<p>I draw <strong>herons</strong>.</p>", about="I draw herons.")
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(MIA)
    assert "<h1>Mia Far</h1>" in page and "@mia@far.example" in page and "Heron" in page
    assert 'href="https://far.example/@mia" rel="nofollow noopener">On far.example, open the original' in page
    assert 'rel="nofollow noopener ugc">https://shop.test/' in page and "javascript:" not in page
    assert '<meta name="robots" content="noindex">' in page and "og:title" not in page
    assert '<link rel="canonical" href="https://far.example/@mia">' in page
    about = await browser.get(f"{MIA}/about")
    assert "<strong>herons</strong>" in about and "<dt>Pronouns</dt><dd>she</dd>" in about
    await put(site, piece(2, words="A day at the lake", html="<p>A day at the lake</p>"), person(name="Mia Far"))
    assert "A day at the lake" in await browser.get(f"{MIA}/posts")


@pytest.mark.parametrize("tab", ["", "/posts", "/about", "/galleries"])
async def test_strangers_are_told_where_somebody_lives_and_nothing_else(app: Quart, site: Site, tab: str) -> None:
    await meet(site, about_html="<p>Herons</p>")
    browser = Browser(app)
    page = await browser.get(MIA + tab)
    assert browser.status == 200 and "Mia Far lives on far.example" in page
    assert 'rel="nofollow noopener" href="https://far.example/@mia"' in page and "Heron" not in page
    assert "/media/" not in page and "/elsewhere/" not in page
    assert 'content="noindex"' in page
    await browser.get("/@nobody@far.example" + tab)
    assert browser.status == 404, "nothing is fetched for strangers"


async def test_following_waits_for_the_other_server(village: Fediverse) -> None:
    a, b = village.houses.values()
    await a.account("alice", name="Alice Painter")
    bob = await Browser(b.app, "b.test").as_somebody(await b.account("bob"))
    await bob.get("/search?q=@alice@a.test")
    assert "Follow" in await bob.get("/@alice@a.test")
    await bob.post("/@alice@a.test/follow")
    page = await bob.get("/@alice@a.test")
    assert "They will be asked." in page and "Asked<span" in page
    await village.settle()
    assert "Following<span" in await bob.get("/@alice@a.test")
    assert "@alice@a.test" in await bob.get("/following")
    await bob.post("/@alice@a.test/unfollow")
    await village.settle()
    assert 'aria-pressed="false">Follow' in await bob.get("/@alice@a.test")


async def test_mute_block_and_the_whole_server(app: Quart, site: Site, bob: Account) -> None:
    await meet(site)
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(MIA)
    for action in ("mute", "block", "report"):
        assert f"{MIA}/{action}" in page
    await browser.post(f"{MIA}/mute")
    page = await browser.get(MIA)
    assert "You have muted Mia Far" in page and f"{MIA}/unmute" in page
    assert "Mia Far" in await browser.get("/settings/privacy")
    await browser.post(f"{MIA}/unmute", {"next": "/settings/privacy"})
    assert browser.location == "/settings/privacy" and "Mia Far" not in await browser.get("/settings/privacy")
    assert "Or all of far.example?" in await browser.get(f"{MIA}/block")
    await browser.post("/settings/privacy/servers", {"host": "far.example", "how": "block"})
    page = await browser.get(MIA)
    assert "You have blocked far.example" in page and "Heron" not in page
    assert "far.example" in await browser.get("/settings/privacy")
    await browser.post("/settings/privacy/servers/remove", {"host": "far.example", "next": MIA})
    assert browser.location == MIA and "Heron" in await browser.get(MIA)
    await browser.post(f"{MIA}/block")
    assert "You have blocked Mia Far" in await browser.get(MIA)


async def test_the_privacy_page_adds_by_name_and_keeps_what_was_typed(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    await meet(site)
    browser = await Browser(app).as_somebody(alice)
    await browser.get("/settings/privacy")
    await browser.post("/settings/privacy/people", {"person": "bob", "how": "mute"})
    assert browser.location == "/settings/privacy" and "Bob Reader" in await browser.get("/settings/privacy")
    await browser.post("/settings/privacy/people", {"person": "@bob", "how": "block"})
    assert browser.location == "/@bob/block"
    for typed in ("", "nobody", "@alice", "@x@127.0.0.1"):
        await browser.get("/settings/privacy")
        page = await browser.post("/settings/privacy/people", {"person": typed, "how": "mute"})
        assert browser.status == 422 and 'id="person-error"' in page and f'value="{typed}"' in page, typed
    for host in ("", "x", "http://art.test", "a/b"):
        await browser.get("/settings/privacy")
        page = await browser.post("/settings/privacy/servers", {"host": host, "how": "block"})
        assert browser.status == 422 and 'id="host-error"' in page
    await browser.get("/settings/privacy")
    await browser.post("/settings/privacy/servers", {"host": "https://loud.example/@x", "how": "mute"})
    async with site.db.read() as tx:
        kept = (await tx.scalars(select(HostBlock))).one()
        assert (kept.host, kept.mutes_only) == ("loud.example", True)
    await browser.get("/settings/privacy")
    await browser.post("/settings/privacy", {"shows_follows": "yes"})
    async with site.db.read() as tx:
        person = await tx.get_one(Actor, alice.actor_id)
    assert (person.shows_follows, person.announces_blocks) == (True, False)


async def test_row_51_who_blocked_each_other_can_take_it_back(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
        await blocks.block(tx, bob.actor, alice.actor)
    browser = await Browser(app).as_somebody(alice)
    await browser.get("/settings/privacy")
    await browser.post("/@bob/unblock", {"next": "/settings/privacy"})
    assert browser.status == 303 and "Bob Reader" not in await browser.get("/settings/privacy")


async def test_followers_can_be_sent_away(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    browser = await Browser(app).as_somebody(alice)
    assert "Bob Reader" in await browser.get("/followers")
    await browser.post("/@bob/send-away")
    assert browser.location == "/followers" and "Nobody follows you yet." in await browser.get("/followers")
    assert "You do not follow anybody yet." in await browser.get("/following")


# -- reports -------------------------------------------------------------------------------------------------------------
async def test_a_report_is_sent_on_only_if_wanted(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    post = await meet(site)
    note = await say(site, alice, "Rude words")
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"{MIA}/{post.id}/report")
    assert "Also send it to far.example" in page and "<cite>Heron</cite>" in page
    await browser.post(f"{MIA}/{post.id}/report", {"comment": "Stolen.", "forward": "yes"})
    assert browser.location == f"http://art.test{MIA}"
    assert "Thank you." in await browser.get(MIA)
    page = await browser.get(f"/@alice/{note.id}/report")
    assert "Also send it" not in page and "Rude words" in page
    await browser.post(f"/@alice/{note.id}/report", {"forward": "yes"})
    await browser.get("/@alice/report")
    page = await browser.post("/@alice/report", {"comment": ""})
    assert browser.status == 422 and "Say in a few words what is wrong." in page
    page = await browser.post("/@alice/report", {"comment": "x" * 5001})
    assert browser.status == 422 and "5,000 are possible" in page and "x" * 5001 in page
    async with site.db.read() as tx:
        found = list(await tx.scalars(select(Report).order_by(Report.id)))
    assert [(row.comment, row.forwarded, row.post_ids) for row in found] == [
        ("Stolen.", True, [post.id]), ("", False, [note.id])
    ]  # fmt: skip
    await browser.get("/@bob/report")
    page = await browser.post("/@bob/report", {"comment": "Me"})
    assert browser.status == 422 and "You cannot report yourself." in page


# -- works ---------------------------------------------------------------------------------------------------------------
async def test_a_work_crosses_with_its_label_its_rights_and_its_conversation(village: Fediverse) -> None:
    a, b = village.houses.values()
    alice = await a.account("alice", name="Alice Painter")
    made = await publish(a.site, alice, licence=Licence.BY_NC, reservation=Reservation.NO_TRAINING, text="Oil.")
    await village.settle()
    bob = await Browser(b.app, "b.test").as_somebody(await b.account("bob", name="Bob Reader"))
    await bob.get("/search?q=@alice@a.test")
    await bob.get("/@alice@a.test")
    await bob.post("/@alice@a.test/follow")
    await bob.get(f"/search?q=https://a.test/works/{made.id}")
    path = bob.location.removeprefix("https://b.test")
    await village.settle()
    page = await bob.get(path)
    assert "<h1>The Last Ferry</h1>" in page and "Attribution-NonCommercial" in page and "<p>Oil.</p>" in page
    assert "Not for AI training of any kind." in page and "not stated" not in page
    assert f'href="https://a.test/@alice/{made.id}-the-last-ferry">On a.test, open the original' in page
    assert '<meta name="robots" content="noai, noimageai, noarchive, noindex">' in page and "og:image" not in page
    for action in ("like", "boost", "comment"):
        await bob.get(path)
        await bob.post(f"{path.split('-')[0]}/{action}", {"text": "Light!"})
        assert bob.status == 303, action
    await village.settle()
    page = await bob.get(path)
    assert "Liked<" in page and "Boosted<" in page and "Light!" in page and "see the conversation on a.test" in page
    hers = await Browser(a.app, "a.test").as_somebody(alice)
    page = await hers.get(f"/@alice/{made.id}")
    assert "Light!" in page and "@bob@b.test" in page
    await hers.post(f"/@alice/{made.id}/comment", {"text": "Thank you, @bob@b.test"})
    await village.settle()
    assert "Thank you" in await bob.get(path), "answers of both sides"
    # A stranger finds where it lives.
    stranger = Browser(b.app, "b.test")
    page = await stranger.get(path)
    assert "This work lives on a.test" in page and "The Last Ferry" not in page
    assert f'href="https://a.test/@alice/{made.id}-the-last-ferry"' in page


async def test_what_the_author_does_not_state_is_said_to_be_that(app: Quart, site: Site, bob: Account) -> None:
    post = await meet(site)
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"{MIA}/{post.id}")
    assert "Licence not stated by the author" in page and "Not stated by the author." in page
    other = work(2, rights=Stated(licence_text="CC BY 2.0 DE", reservation=Reservation.NO_AI))
    post = await meet(site, other)
    page = await browser.get(f"{MIA}/{post.id}")
    assert "CC BY 2.0 DE" in page and "ot stated" not in page


async def test_answers_from_elsewhere_show_their_pictures_to_people_here(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    mine = await hang(site, alice)
    uri = site.urls.post(mine)
    shown = work(3).pictures
    answer = piece(3, reply_to=uri, pictures=shown, words="Like this one", html="<p>Like this one</p>")
    note = await meet(site, answer)
    assert note.kind is Kind.NOTE and note.reply_to_id == mine.id
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"/@alice/{mine.id}")
    assert "Like this one" in page and 'alt="A heron"' in page and re.search(r'src="/elsewhere/\d+/640\?', page)
    assert 'alt="A heron"' in await browser.get(f"{MIA}/{note.id}")
    page = await Browser(app).get(f"/@alice/{mine.id}")
    assert "Like this one" in page and "1 picture, to be seen on far.example" in page and "/elsewhere/" not in page


async def test_strangers_find_no_works_of_other_servers_under_a_tag(app: Quart, site: Site, bob: Account) -> None:
    await meet(site, work(tags=("Heronry",)))
    stranger, browser = Browser(app), await Browser(app).as_somebody(bob)
    assert "Heron<" in await browser.get("/tags/heronry") and "#Heronry" in await browser.get("/search?q=heronr")
    assert "Heron<" not in await stranger.get("/tags/heronry") and stranger.status == 404
    assert "#Heronry" not in await stranger.get("/search?q=heronr")


# -- pictures ------------------------------------------------------------------------------------------------------------
@pytest.fixture
async def there() -> AsyncIterator[Neighbour]:
    async with neighbour(Shelf().answer) as made:
        yield made


@pytest.fixture
async def house(site: Site) -> AsyncIterator[Site]:
    """The house, with its gate open towards loopback."""
    transport = Transport(user_agent="Test", private=origins.ranges("127.0.0.0/8"))
    yield dataclasses.replace(site, transport=transport)
    await transport.close()


async def test_row_80_a_picture_is_fetched_when_somebody_here_looks_and_by_nobody_else(
    house: Site, there: Neighbour, alice: Account, bob: Account
) -> None:
    app = create_app(house)
    picture = elsewhere.Picture(there.url("/a.jpg"), "image/jpeg", alt="A heron")
    post = await meet(house, work(pictures=(picture,), audience=Audience.FOLLOWERS))
    async with house.db.write() as tx:
        await follows.follow(tx, bob.actor, await tx.get_one(Actor, post.author_id))
        await follows.accept(tx, bob.actor, await tx.get_one(Actor, post.author_id))
        media = (await tx.scalars(select(Media).where(Media.post_id == post.id))).one()
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"{MIA}/{post.id}")
    assert there.asked == [], "the page itself does not wait for it"
    found = re.search(rf'src="(/elsewhere/{media.id}/2048\?for={bob.actor_id}&amp;until=\d+&amp;sig=[^"]+)"', page)
    assert found
    address = found[1].replace("&amp;", "&")
    stranger = app.test_client()
    for wrong in (
        address.split("?")[0], address.replace("sig=", "sig=x"), address.replace("/2048?", "/1?"),
        address.replace(f"for={bob.actor_id}", f"for={alice.actor_id}"), address.replace(f"/{media.id}/", "/1/"),
        f"/elsewhere/{media.id}/2048?sig={house.urls.signature(f'/elsewhere/{media.id}/2048', 0, 0)}",
        house.urls.picture_proxy(media, 640, alice.actor, int(clock.now().timestamp()) + 600).removeprefix("http://art.test"),
        "/elsewhere/x/y", f"/elsewhere/{2**64}/1", f"/elsewhere/{media.id}/{'9' * 30}",
    ):  # fmt: skip
        answer = await stranger.get(wrong, headers={"Host": "art.test"})
        assert answer.status_code == 404, wrong
    assert there.asked == [], "nothing was fetched for any of them"
    answer = await stranger.get(address, headers={"Host": "art.test"})
    assert answer.status_code == 200 and answer.mimetype == "image/webp"
    assert (
        answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    )
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert [asked.target for asked in there.asked] == ["/a.jpg"]
    page = await browser.get(f"{MIA}/{post.id}")
    assert "/elsewhere/" not in page.split("More by")[0] and f"/media/{media.id}/" in page
    # A signed address is void once the viewer may not see it any more.
    async with house.db.write() as tx:
        await blocks.block(tx, bob.actor, await tx.get_one(Actor, post.author_id))
    answer = await stranger.get(address, headers={"Host": "art.test"})
    assert answer.status_code == 404


async def test_a_picture_that_cannot_be_fetched_is_404_and_the_page_says_so(
    house: Site, there: Neighbour, bob: Account
) -> None:
    app = create_app(house)
    picture = elsewhere.Picture(there.url("/gone.jpg"), "image/jpeg", alt="A heron")
    post = await meet(house, work(pictures=(picture,), page="https://far.example/@mia/1"))
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"{MIA}/{post.id}")
    address = re.search(r'src="(/elsewhere/[^"]+)"', page)
    assert address
    await browser.get(address[1].replace("&amp;", "&"))
    assert browser.status == 404
    page = await browser.get(f"{MIA}/{post.id}")
    assert "This picture could not be fetched." in page and 'href="https://far.example/@mia/1"' in page


async def test_a_picture_here_is_noted_as_looked_at(house: Site, there: Neighbour, bob: Account) -> None:
    """What people look at is not thrown away."""
    app = create_app(house)
    picture = elsewhere.Picture(there.url("/a.jpg"), "image/jpeg", alt="A heron")
    post = await meet(house, work(pictures=(picture,)))
    async with house.db.read() as tx:
        media = (await tx.scalars(select(Media).where(Media.post_id == post.id))).one()
    await cache.cache(house, jobs.Cache(media.id))
    page = await (await Browser(app).as_somebody(bob)).get(f"{MIA}/{post.id}")
    address = re.search(rf'"(/media/{media.id}/[^" ]+)', page)
    assert address
    at = clock.after(days=3)
    clock.set_source(lambda: at)
    answer = await app.test_client().get(address[1], headers={"Host": "art.test"})
    assert answer.status_code == 200
    async with house.db.read() as tx:
        seen = (await tx.get_one(Media, media.id)).seen_at
    assert seen is not None and seen >= at


# -- boosts, pins, reach -------------------------------------------------------------------------------------------------
async def test_boosts_stand_in_home_with_who_boosted(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    post = await meet(site)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    hers, his = await Browser(app).as_somebody(alice), await Browser(app).as_somebody(bob)
    await hers.get(f"{MIA}/{post.id}")
    await hers.post(f"{MIA}/{post.id}/boost")
    assert hers.location == f"http://art.test{MIA}/{post.id}-heron#acts"
    page = await his.get("/home")
    assert "Alice Painter</a> boosted" in page and "Heron" in page and "Mia Far" in page
    assert "You</a> boosted" in await hers.get("/home")
    # And from there it is liked and boosted, without leaving the place.
    await his.post(f"{MIA}/{post.id}/like", {"next": f"/home#p{post.id}"})
    assert his.location == f"/home#p{post.id}"
    fragment = await his.get("/home") and await his.post(f"{MIA}/{post.id}/boost", X_Fragment="1")
    assert fragment.startswith('<form class="swap"') and 'aria-pressed="true"' in fragment and "unboost" in fragment
    async with site.db.read() as tx:
        assert (
            await boosts.boosted(tx, bob.actor, [post.id])
            == await favourites.liked(tx, bob.actor, [post.id])
            == {post.id}
        )
    await his.get("/home")
    await his.post(f"{MIA}/{post.id}/unboost")
    async with site.db.read() as tx:
        assert (await posts.get(tx, post.id, bob.actor)).boosts == 1
    async with site.db.write() as tx:
        await mutes.mute(tx, bob.actor, await one(site))
    assert "Heron" not in await his.get("/home")


async def test_what_is_not_public_has_no_boost_button(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    """Row 49."""
    work_ = await hang(site, alice, audience=Audience.FOLLOWERS)
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    browser = await Browser(app).as_somebody(bob)
    page = await browser.get(f"/@alice/{work_.id}")
    assert "/boost" not in page and "/like" in page
    await browser.post(f"/@alice/{work_.id}/boost")
    assert browser.status == 403


async def test_pinned_works_come_first_and_once(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    first = await hang(site, alice, "First")
    later = [await hang(site, alice, f"Number {number}") for number in range(30)]
    note = await say(site, alice, "Commissions are open")
    await say(site, alice, "Later words")
    browser = await Browser(app).as_somebody(alice)
    await browser.get(f"/@alice/{first.id}")
    for post in (first, note):
        await browser.get(f"/@alice/{post.id}")
        await browser.post(f"/@alice/{post.id}/pin")
        assert browser.status == 303
    assert "Pinned to the top of your profile." in await browser.get(f"/@alice/{first.id}") and "Unpin" in browser.page
    page = await Browser(app).get("/@alice")
    assert page.index("first") < page.index("number-29") and page.count(f"/@alice/{first.id}-first") == 1
    assert 'aria-label="Pinned"' in page and "pinned ones first" in page
    older = await Browser(app).get(f"/@alice?before={later[5].id}")
    assert "Number 4" in older and f"{first.id}-first" not in older
    words = await Browser(app).get("/@alice/posts")
    assert words.index("Commissions are open") < words.index("Later words") and words.count("Commissions are open") == 1
    await browser.get(f"/@alice/{first.id}")
    await browser.post(f"/@alice/{first.id}/unpin")
    page = await Browser(app).get("/@alice")
    assert 'aria-label="Pinned"' not in page
    # Nobody pins what is somebody else's, and not more than five.
    stranger = await Browser(app).as_somebody(bob)
    await stranger.get(f"/@alice/{first.id}")
    await stranger.post(f"/@alice/{first.id}/pin")
    assert stranger.status == 404 and "/pin" not in await stranger.get(f"/@alice/{first.id}")
    for post in later[:4]:
        await browser.get(f"/@alice/{post.id}")
        await browser.post(f"/@alice/{post.id}/pin")
        assert browser.status == 303
    await browser.get(f"/@alice/{first.id}")
    assert "5 posts are pinned, and more do not fit." in await browser.post(f"/@alice/{first.id}/pin")
    assert browser.status == 422


async def test_the_artist_sees_how_far_a_work_has_come(app: Quart, site: Site, alice: Account, bob: Account) -> None:
    made = await hang(site, alice)
    hers = await Browser(app).as_somebody(alice)
    assert 'class="reach' not in await hers.get(f"/@alice/{made.id}")
    async with site.db.write() as tx:
        activity = Activity(
            id=made.id + 1, uri="http://art.test/activities/1", actor_id=alice.actor_id, type="Create", post_id=made.id,
            subject=f"Create:{made.id}",
        )  # fmt: skip
        tx.add(activity)
        await tx.flush()
        for host, state, reason in (
            ("one.example", DeliveryState.DONE, ""), ("two.example", DeliveryState.WAITING, "It did not answer in time."),
            ("three.example", DeliveryState.REFUSED, "It answers 403."),
        ):  # fmt: skip
            tx.add(
                Delivery(
                    activity_id=activity.id,
                    actor_id=alice.actor_id,
                    inbox=f"https://{host}/inbox",
                    host=host,
                    state=state,
                    reason=reason,
                )
            )
    page = await hers.get(f"/@alice/{made.id}")
    assert "Reached 1 of 3 servers" in page
    assert "<b>two.example</b>: It did not answer in time." in page and "<b>three.example</b>: It answers 403." in page
    assert "two.example" not in await (await Browser(app).as_somebody(bob)).get(f"/@alice/{made.id}")
    assert "two.example" not in await Browser(app).get(f"/@alice/{made.id}")


async def test_opening_a_page_asks_its_server_what_was_answered_there(app: Quart, site: Site, bob: Account) -> None:
    """Now and then, not at every look."""
    post = await meet(site)
    browser = await Browser(app).as_somebody(bob)

    async def asked() -> list[str]:
        async with site.db.read() as tx:
            rows = await tx.scalars(select(Job.payload).where(Job.kind == "Fetch"))
            return [row["uri"] for row in rows if row["what"] == "thread"]

    await browser.get(f"{MIA}/{post.id}")
    assert await asked() == [], "it was read a moment ago"
    start = clock.now()
    clock.set_source(lambda: start + elsewhere.LOOKED * 2)
    for _ in range(3):
        await browser.get(f"{MIA}/{post.id}")
    assert await asked() == [post.uri]
