"""Looking for people and words; what is found elsewhere is found for people of this house alone."""

import re

import pytest
from quart import Quart
from sqlalchemy import select

from server import blocks, elsewhere, hosts, posts, tags
from server.models import Account, Audience, Favourite, Follow, HostLevel
from server.site import Site
from tests.browsing import Browser
from tests.fediverse import Fediverse, House
from tests.hung import hang
from tests.server.test_elsewhere import person

LONG = "x" * 3000


async def bob_of(house: House) -> Browser:
    return await Browser(house.app, house.name).as_somebody(await house.account("bob", name="Bob Reader"))


async def test_the_beginning_of_a_name_finds_people_and_tags(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    open_work, secret = await hang(site, alice), await hang(site, alice, audience=Audience.FOLLOWERS)
    async with site.db.write() as tx:
        await tags.put(tx, await posts.get(tx, open_work.id, alice.actor), ["Alpine"])
        await tags.put(tx, await posts.get(tx, secret.id, alice.actor), ["Alone"])
    browser = Browser(app)
    page = await browser.get("/search?q=AL")
    assert "Alice Painter" in page and 'href="http://art.test/tags/alpine">#Alpine' in page
    assert "Alone" not in page and "Bob" not in page, "a word of private works is no word (row 41)"
    assert "Alice Painter" in await browser.get("/search?q=alice+p") and "Alice Painter" in await browser.get(
        "/search?q=%40ali"
    )
    assert "No person and no tag here begins with “zz”." in await browser.get("/search?q=zz")
    assert "begins with" not in await browser.get("/search") and browser.status == 200
    assert "Alice" not in await browser.get("/search?q=%25") and "Alice" not in await browser.get("/search?q=_lice")


async def test_nobody_finds_whom_they_block_or_who_blocks_them(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    """Row 51."""
    his, hers = await Browser(app).as_somebody(bob), await Browser(app).as_somebody(alice)
    assert "Alice Painter" in await his.get("/search?q=alice")
    async with site.db.write() as tx:
        await blocks.block(tx, alice.actor, bob.actor)
    for browser, name in ((his, "alice"), (hers, "bob")):
        page = await browser.get(f"/search?q={name}")
        assert f"@{name}@art.test" not in page, name
    assert "There is nobody with this name." in await his.get("/search?q=@alice@art.test")
    assert his.status == 404


async def test_strangers_find_nobody_of_another_server(app: Quart, site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        await elsewhere.put_person(tx, person("mia"))
    browser = Browser(app)
    assert "@mia@far.example" not in await browser.get("/search?q=mia")
    for words in ("@mia@far.example", "https://far.example/users/mia", "far.example/users/mia"):
        assert "Sign in to look up somebody" in await browser.get(f"/search?q={words}")
        assert browser.status == 404 and f'value="{words}"' in browser.page
    await browser.as_somebody(alice)
    assert "@mia@far.example" in await browser.get("/search?q=mi")
    async with site.db.write() as tx:
        await hosts.set_rule(tx, None, "far.example", HostLevel.SUSPEND)
    assert "@mia@far.example" not in await browser.get("/search?q=mi")


async def test_names_and_addresses_of_this_house_lead_there(app: Quart, site: Site, alice: Account) -> None:
    work = await hang(site, alice)
    page = f"http://art.test/@alice/{work.id}-the-last-ferry"
    browser = Browser(app)
    for signed_in in (False, True):
        for words, target in (
            ("@alice@art.test", "http://art.test/@alice"), ("acct:alice@art.test", "http://art.test/@alice"),
            ("http://art.test/users/alice", "http://art.test/@alice"), (f"http://art.test/works/{work.id}", page),
        ):  # fmt: skip
            await browser.get(f"/search?q={words}")
            assert (browser.status, browser.location) == (303, target), (signed_in, words)
        await browser.as_somebody(alice)
    assert "Alice Painter" in await browser.get("/@alice@art.test"), "a whole handle of ours is one of ours"


async def test_somebody_of_another_server_is_found_by_name_and_by_address(village: Fediverse) -> None:
    a, b = village.houses.values()
    alice = await a.account("alice", name="Alice Painter")
    work = await hang(a.site, alice)
    bob = await bob_of(b)
    for words in ("@alice@a.test", "alice@a.test", "https://a.test/users/alice", "a.test/@alice"):
        await bob.get(f"/search?q={words}")
        assert (bob.status, bob.location) == (303, "https://b.test/@alice@a.test"), words
    await bob.get(f"/search?q=https://a.test/works/{work.id}")
    assert bob.status == 303 and bob.location.startswith("https://b.test/@alice@a.test/")
    assert "The Last Ferry" in await bob.get(bob.location.removeprefix("https://b.test"))
    # A profile of whom nothing is known yet is looked up, too.
    await a.account("carol")
    await bob.get("/@carol@a.test")
    assert bob.location == "/search?q=%40carol%40a.test"
    await bob.get(bob.location)
    assert bob.location == "https://b.test/@carol@a.test"


async def test_what_cannot_be_found_is_said_and_what_was_typed_is_kept(village: Fediverse) -> None:
    b = village.houses["b.test"]
    bob = await bob_of(b)
    for words, status, sentence in (
        ("@nobody@a.test", 404, "Nobody with this name was found."),
        (
            "@mia@gone.test",
            400,
            "gone.test cannot be reached. Look whether its name is spelled right, or try again later.",
        ),
        ("https://a.test/works/1", 404, "Nothing was found at this address."),
    ):
        page = await bob.get(f"/search?q={words}")
        assert bob.status == status and sentence in page and f'value="{words}"' in page, words
    for _ in range(30):
        page = await bob.get("/search?q=@nobody@a.test")
    assert bob.status == 429 and "You looked up very much elsewhere just now." in page


@pytest.mark.parametrize(
    "uri",
    [
        "", "javascript:alert(1)", "data:text/html,x", "//evil.test/x", "file:///etc/passwd", "https://u:p@a.test/",
        "\\\\a.test", LONG, "https://a.test/\r\nX: y", "acct:", "http://[::1", "http://127.0.0.1/x", "https://10.0.0.1/",
    ],
)  # fmt: skip
async def test_arriving_with_something_hostile_gets_a_sentence(app: Quart, alice: Account, uri: str) -> None:
    browser = await Browser(app).as_somebody(alice)
    response = await browser.client.get(
        "/authorize_interaction", query_string={"uri": uri}, headers={"Host": "art.test"}
    )
    text = await response.get_data(as_text=True)
    assert response.status_code == 404 and "Location" not in response.headers
    sentence = "Nothing was found at this address." if uri else "There is no address to go to."
    said = re.search(r'<small class="wrong"[^>]*>.*?<span>([^<]*)</span>', text)
    assert said and said[1].startswith(sentence)


async def test_arriving_from_another_server_puts_the_button_at_hand(village: Fediverse) -> None:
    a, b = village.houses.values()
    alice = await a.account("alice", name="Alice Painter")
    work = await hang(a.site, alice)
    bob = await bob_of(b)
    stranger = Browser(b.app, "b.test")
    await stranger.get("/authorize_interaction?uri=https%3A%2F%2Fa.test%2Fusers%2Falice")
    assert stranger.status == 302
    assert (
        stranger.location == "/login?next=/authorize_interaction%3Furi%3Dhttps%253A%252F%252Fa.test%252Fusers%252Falice"
    )
    for uri in ("https://a.test/users/alice", "acct:alice@a.test", "@alice@a.test"):
        await bob.get(f"/authorize_interaction?uri={uri}")
        assert bob.location == "https://b.test/@alice@a.test?focus=follow"
    page = await bob.get("/@alice@a.test?focus=follow")
    assert 'aria-pressed="false" autofocus>Follow' in page
    for intent, focus in (("", "like"), ("Announce", "boost"), ("Create", "reply"), ("nonsense", "like")):
        await bob.get(f"/authorize_interaction?uri=https://a.test/works/{work.id}&intent={intent}")
        assert bob.status == 303 and bob.location.endswith(f"?focus={focus}")
        page = await bob.get(bob.location.removeprefix("https://b.test"))
        assert page.count(" autofocus") == 1
    assert 'action="https://b.test/@alice@a.test/' in page, "nothing is done before the button is pressed"
    async with b.site.db.read() as tx:
        assert list(await tx.scalars(select(Favourite))) == list(await tx.scalars(select(Follow))) == []
