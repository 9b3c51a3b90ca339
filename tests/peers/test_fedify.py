"""Another server's complete stack and ours, in both directions, over TLS: whatever passes between people, step by step.

What is asserted is what Fedify understood, and our own rows. Each test runs twice: with a peer that knocks with RFC 9421 first,
and with one that knocks with draft-cavage first. `test_core` runs on both databases, the rest on SQLite: it is about the wire.
"""

import base64
import io
import json
import secrets
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from server import (
    actors,
    artworks,
    blocks,
    boosts,
    favourites,
    follows,
    moderation,
    notes,
    notifications,
    posts,
    timelines,
)
from server.actors import Profile
from server.artworks import Draft, Picture
from server.models import (
    Account,
    Actor,
    Audience,
    Block,
    Delivery,
    Favourite,
    Hearing,
    Kind,
    Licence,
    Post,
    Received,
    ReceivedState,
    Report,
    Reservation,
    Role,
)
from server.notes import Note
from tests.conftest import DATABASES
from tests.peers.home import Home, eventually
from tests.peers.kit import Failed, Fedify
from tests.peers.them import FAMILIES, ON_SQLITE, Them, somebody
from tests.works import publish, upload

# Peers see documents and signatures; which database they came from they cannot see.
pytestmark = pytest.mark.one_database

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"


async def befriended(art: Home, us: Account, them: Them) -> Actor:
    """`them` follow one of ours; their row here."""
    sent = await them.do("follow", whom=f"@{us.actor.handle}@{art.name}")
    await them.gets("Accept", actor=art.url(f"/users/{us.actor.handle}"), object=sent["id"])
    return await art.known(them.id)


async def following(art: Home, us: Account, them: Them) -> Actor:
    """One of ours follows `them`; their row here."""
    actor = await art.find(them.handle)
    async with art.site.db.write() as tx:
        await follows.follow(tx, us.actor, actor)
    await them.gets("Follow", actor=art.url(f"/users/{us.actor.handle}"), object=them.id)

    async def accepted() -> bool:
        return await state(art, us.actor, actor) == "following"

    await eventually(accepted, what="their Accept")
    return actor


async def state(art: Home, follower: Actor, followed: Actor) -> str:
    async with art.site.db.read() as tx:
        return await follows.state(tx, follower, followed)


async def heard(art: Home, who: Account) -> list[tuple[Hearing, str]]:
    """What somebody of ours was told, oldest first."""
    async with art.site.db.read() as tx:
        return [(told.hearing, told.sender.handle) for told in await notifications.list(tx, who.actor)][::-1]


async def counters(art: Home, post: Post) -> tuple[int, int, int]:
    """Likes, boosts and replies."""
    kept = await art.row(Post, post.id)
    return kept.likes, kept.boosts, kept.replies


async def hang(art: Home, who: Account, **said: Any) -> Post:
    """Publish a work of several pictures."""
    async with art.site.db.write() as tx:
        post = await artworks.start(tx, who.actor, secrets.token_urlsafe(18))
        await artworks.publish(tx, post, Draft(**said), urls=art.site.urls)
        return await posts.get(tx, post.id, who.actor)


def png(colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (48, 36), colour).save(file, "PNG")
    return file.getvalue()


# -- the core story --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("database_url", "site_name"),
    [
        (database, name)
        for database, name in (("sqlite", "fedify.test"), ("sqlite", "cavage.test"), ("postgresql", "cavage.test"))
        if database in DATABASES
    ],
    indirect=True,
    ids=lambda value: FAMILIES.get(value, value),
)
async def test_core(art: Home, alice: Account, ann: Them) -> None:
    """Steps 1 to 9: found, followed, a work with everything, Like and Announce and their undoing, a reply, changes and ends."""
    # 1: who we are, through WebFinger and the actor.
    found = await ann.do("lookup", what=f"@alice@{art.name}")
    assert found["understood"]["name"] == "Alice Painter" and found["raw"]["type"] == "Person"
    assert found["inbox"] == art.url("/users/alice/inbox")
    finger = await ann.do("webfinger", what=f"acct:alice@{art.name}")
    assert finger["subject"] == f"acct:alice@{art.name}"
    # 2 and 3: a signed Follow, and our Accept of it.
    there = await befriended(art, alice, ann)
    asked = [one for one in ann.site.state()["requests"] if art.name in json.dumps(one["headers"])]
    assert await state(art, there, alice.actor) == "following"
    assert [one["accepted"] for one in ann.site.state(ann.name)["following"]] == [True]
    assert await heard(art, alice) == [(Hearing.FOLLOW, ann.name)]
    assert (there.host, there.domain, there.name) == (ann.site.name, ann.site.name, ann.name)
    signed = {one["signed"] for one in asked if one["path"].startswith("/users/")}
    assert signed and signed <= {"cavage", "rfc9421"}, "what we ask for and send is signed"

    # 4: a work, its pictures in order, with what they show, whose they are and what may be done with them.
    shown = [await upload(art.site, alice) for _ in range(2)]
    pictures = tuple(Picture(media.id, alt) for media, alt in zip(shown, ("A ferry.", "Its wake."), strict=True))
    work = await hang(
        art, alice, title="The Last Ferry", text="Oil on wood. #Ferry", warning="Deep water", tags=("Harbour",),
        licence=Licence.BY_NC_ND, reservation=Reservation.NO_AI_NO_INDEX, pictures=pictures,
    )  # fmt: skip
    uri = art.site.urls.post(work)
    create = await ann.gets("Create", object=uri)
    seen, sent = create["understood"], create["raw"]["object"]
    assert create["actor"] == seen["by"] == art.url("/users/alice")
    assert (seen["type"], seen["url"]) == ("Note", art.site.urls.post_page(work))
    assert (seen["to"], seen["cc"]) == ([PUBLIC], [art.url("/users/alice/followers")])
    assert (seen["summary"], seen["sensitive"]) == ("Deep water", True)
    assert "The Last Ferry" in seen["content"] and "Oil on wood." in seen["content"]
    assert [(one["type"], one["alt"]) for one in seen["attachments"]] == [("Image", "A ferry."), ("Image", "Its wake.")]
    assert {(one["mediaType"], one["width"], one["height"]) for one in seen["attachments"]} == {
        ("image/jpeg", 900, 600)
    }
    assert {(one["type"], one["name"].lower()) for one in seen["tags"]} == {
        ("Hashtag", "#ferry"),
        ("Hashtag", "#harbour"),
        ("Hashtag", "#noai"),  # how the text ends for whoever keeps nothing else
    }
    for said in (sent, *sent["attachment"]):
        assert said["license"] == "https://creativecommons.org/licenses/by-nc-nd/4.0/"
        assert said["tdmReservation"] == 1 and "noai" in said["xRobotsTag"]
        assert said["rights"].startswith("© ") and "Alice Painter" in said["rights"]
    assert create["raw"]["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    assert (await ann.do("lookup", what=uri))["understood"]["attachments"] == seen["attachments"]
    picture = await art.site.transport.get(seen["attachments"][0]["url"])
    assert (picture.status, picture.headers["Content-Type"], picture.body[:2]) == (200, "image/jpeg", b"\xff\xd8")

    # 5 and 6: Like, Announce, and taken back.
    for verb, undo in (("like", "unlike"), ("announce", "unannounce")):
        sent = await ann.do(verb, object=uri)
        await art.done(sent["id"])
        assert await counters(art, work) == ((1, 0, 0) if verb == "like" else (0, 1, 0))
        undone = await ann.do(undo, object=uri)
        await art.done(undone["id"])
        assert await counters(art, work) == (0, 0, 0)
    assert [hearing for hearing, _ in await heard(art, alice)] == [Hearing.FOLLOW, Hearing.LIKE, Hearing.BOOST]
    # 7 and 8: a reply with a mention, edited and deleted.
    reply = await ann.do(
        "note",
        content="<p>What a <b>light</b>!<script>alert(1)</script></p>",
        replyTo=uri,
        mentions=[f"@alice@{art.name}"],
    )
    await art.done(reply["activity"])
    kept = await art.post(reply["id"], alice)
    assert kept is not None and (kept.reply_to_id, kept.author.handle) == (work.id, ann.name)
    assert "light" in kept.html and "script" not in kept.html and "alert" not in kept.html
    assert (Hearing.REPLY, ann.name) in await heard(art, alice)
    assert await counters(art, work) == (0, 0, 1)
    edited = await ann.do("edit", note=reply["id"], content="<p>Better words</p>")
    await art.done(edited["id"])
    kept = await art.post(reply["id"], alice)
    assert kept is not None and "Better words" in kept.html and kept.edited_at is not None
    removed = await ann.do("delete", note=reply["id"])
    await art.done(removed["id"])
    assert await art.count(Post, Post.uri == reply["id"], Post.deleted_at.is_not(None), Post.html == "") == 1
    assert await counters(art, work) == (0, 0, 0)

    # 9: our Update, our profile, our Delete with a Tombstone.
    async with art.site.db.write() as tx:
        mine = await posts.mine(tx, work.id, alice.actor)
        pictures = tuple(Picture(media.id, media.alt) for media in reversed(mine.media))
        draft = Draft(title="The First Ferry", pictures=pictures, licence=Licence.BY, reservation=Reservation.OPEN)
        await artworks.edit(tx, mine, draft, urls=art.site.urls)
    update = await ann.gets("Update", object=uri)
    assert "The First Ferry" in update["understood"]["content"] and update["understood"]["updated"]
    assert [one["alt"] for one in update["understood"]["attachments"]] == ["Its wake.", "A ferry."]
    assert (update["understood"]["summary"], update["understood"]["sensitive"]) == (None, False)
    assert update["raw"]["object"]["tdmReservation"] == 0
    async with art.site.db.write() as tx:
        await actors.edit(tx, alice.actor, Profile(name="Alice of the Sea", about="Paints boats."))
    changed = await ann.gets("Update", object=art.url("/users/alice"))
    assert changed["understood"]["name"] == "Alice of the Sea"
    async with art.site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, work.id, alice.actor), alice.actor)
    gone = await ann.gets("Delete", object=uri)
    assert gone["understood"]["type"] == "Tombstone" and gone["raw"]["object"]["id"] == uri
    await art.rest()
    assert await art.count(Received, Received.state != ReceivedState.DONE) == 0
    assert await art.count(Delivery, Delivery.attempts > 0, Delivery.reason != "") == 0


# -- following -------------------------------------------------------------------------------------------------------------
@ON_SQLITE
async def test_a_locked_artist_decides(art: Home, alice: Account, ann: Them) -> None:
    """Step 10 from the other side: their Follow waits until our artist says yes; no and a later no are told."""
    async with art.site.db.write() as tx:
        await follows.approve_each(tx, alice.actor, True)
    alice.actor.approves_follows = True
    asked = await ann.do("follow", whom=f"@alice@{art.name}")
    await art.done(asked["id"])
    there = await art.known(ann.id)
    assert await state(art, there, alice.actor) == "requested"
    assert await heard(art, alice) == [(Hearing.ASK, ann.name)]
    async with art.site.db.write() as tx:
        await follows.accept(tx, there, await tx.get_one(Actor, alice.actor.id))
    await ann.gets("Accept", object=asked["id"])
    assert [one["accepted"] for one in ann.site.state(ann.name)["following"]] == [True]
    # A follower is sent away again, and one who asks anew is refused.
    async with art.site.db.write() as tx:
        await follows.remove_follower(tx, alice.actor, there)
    await ann.gets("Reject", object=asked["id"])
    assert ann.site.state(ann.name)["following"] == []
    again = await ann.do("follow", whom=f"@alice@{art.name}")
    await art.done(again["id"])
    async with art.site.db.write() as tx:
        await follows.reject(tx, there, await tx.get_one(Actor, alice.actor.id))
    await ann.gets("Reject", object=again["id"])
    assert ann.site.state(ann.name)["following"] == []


@ON_SQLITE
async def test_an_unfollow_arrives_in_both_directions(art: Home, alice: Account, ann: Them) -> None:
    there = await befriended(art, alice, ann)
    taken_back = await ann.do("unfollow", whom=f"@alice@{art.name}")
    await art.done(taken_back["id"])
    assert await state(art, there, alice.actor) == "none"
    await following(art, alice, ann)
    assert ann.site.state(ann.name)["followers"] == [art.url("/users/alice")]
    async with art.site.db.write() as tx:
        await follows.unfollow(tx, alice.actor, there)
    await ann.gets("Undo", actor=art.url("/users/alice"))
    assert ann.site.state(ann.name)["followers"] == []


@ON_SQLITE
async def test_we_follow_and_their_posts_arrive(art: Home, alice: Account, fedify: Fedify, site_name: str) -> None:
    """Step 10: a locked person lets us in; then what they post is in the home feed, with its picture from here."""
    bea = await somebody(fedify[site_name], locked=True, about="<p>I <em>draw</em>.</p>")
    actor = await art.find(bea.handle)
    async with art.site.db.write() as tx:
        await follows.follow(tx, alice.actor, actor)
    await bea.gets("Follow", object=bea.id)
    assert await state(art, alice.actor, actor) == "requested"
    answer = await bea.do("accept", follower=art.url("/users/alice"))
    await art.done(answer["id"])
    assert await state(art, alice.actor, actor) == "following"
    assert (Hearing.ACCEPTED, bea.name) in await heard(art, alice)

    images = [
        {"data": base64.b64encode(png(colour)).decode(), "type": "image/png", "alt": colour, "width": 48, "height": 36}
        for colour in ("teal", "navy")
    ]
    sent = await bea.do("note", content="<p>New</p>", images=images, tags=["Sea"], warning="Water")
    await art.done(sent["activity"])
    await art.rest()
    kept = await art.post(sent["id"], alice)
    assert kept is not None and kept.kind is Kind.WORK and kept.artwork is not None
    assert [media.alt for media in kept.media] == ["teal", "navy"]
    assert all(media.renditions for media in kept.media), "its pictures are here"
    assert (kept.warning, kept.is_sensitive, [tag.label for tag in kept.tags]) == ("Water", True, ["Sea"])
    # Nothing was said of machines: what is assumed is the stricter, and it is marked as assumed.
    assert not kept.artwork.licence_stated and kept.artwork.licence is Licence.ARR
    assert not kept.artwork.reservation_stated and kept.artwork.reservation is Reservation.NO_AI
    async with art.site.db.read() as tx:
        assert [post.id for post in await timelines.home(tx, alice.actor)] == [kept.id]
    boosted = await bea.do("announce", object=sent["id"])
    await art.done(boosted["id"])
    private = await bea.do("note", content="<p>For you</p>", audience="followers")
    await art.done(private["activity"])
    inner = await art.post(private["id"], alice)
    assert inner is not None and inner.audience is Audience.FOLLOWERS
    answer = await bea.do("reject", follower=art.url("/users/alice"))
    await art.done(answer["id"])
    assert await state(art, alice.actor, actor) == "none"


@ON_SQLITE
async def test_our_like_boost_and_reply_arrive_and_are_taken_back(art: Home, alice: Account, ann: Them) -> None:
    """Step 11."""
    await following(art, alice, ann)
    await befriended(art, alice, ann)
    sent = await ann.do("note", content="<p>Hello</p>")
    await art.done(sent["activity"])
    note = await art.post(sent["id"], alice)
    assert note is not None
    me = art.url("/users/alice")
    async with art.site.db.write() as tx:
        note = await posts.get(tx, note.id, alice.actor)
        await favourites.add(tx, alice.actor, note)
        await boosts.add(tx, alice.actor, note)
        answer = await notes.write(tx, alice.actor, Note("A fine one", reply_to=note), "key-1", urls=art.site.urls)
    like = await ann.gets("Like", actor=me, object=sent["id"])
    boost = await ann.gets("Announce", actor=me, object=sent["id"])
    assert boost["raw"]["to"] in ("as:Public", PUBLIC, [PUBLIC]) and ann.id in boost["raw"]["cc"]
    uri = art.site.urls.post(answer)
    reply = (await ann.gets("Create", actor=me, object=uri))["understood"]
    assert (reply["type"], reply["inReplyTo"]) == ("Note", sent["id"])
    assert [(tag["type"], tag["href"]) for tag in reply["tags"]] == [("Mention", ann.id)]
    assert ann.id in (*reply["to"], *reply["cc"]) and "A fine one" in reply["content"]
    async with art.site.db.write() as tx:
        note = await posts.get(tx, note.id, alice.actor)
        await favourites.remove(tx, alice.actor, note)
        await boosts.remove(tx, alice.actor, note)
        await posts.remove(tx, await posts.get(tx, answer.id, alice.actor), alice.actor)
    for undone in (like, boost):
        taken = await ann.gets("Undo", actor=me, object=undone["id"])
        assert taken["raw"]["object"]["type"] == undone["type"]
    assert (await ann.gets("Delete", object=uri))["understood"]["type"] == "Tombstone"


@ON_SQLITE
async def test_reactions_are_likes_with_a_face(art: Home, alice: Account, ann: Them) -> None:
    work = await publish(art.site, alice)
    await art.rest()
    uri = art.site.urls.post(work)
    sent = await ann.do("react", object=uri, emoji="🎨")
    await art.done(sent["id"])
    there = await art.known(ann.id)
    kept = await art.row(Favourite, (there.id, work.id))
    assert kept.emoji == "🎨" and await counters(art, work) == (1, 0, 0)
    undone = await ann.do("unreact", object=uri)
    await art.done(undone["id"])
    assert await counters(art, work) == (0, 0, 0)


# -- what ends it ----------------------------------------------------------------------------------------------------------
@ON_SQLITE
async def test_blocks_in_both_directions(art: Home, alice: Account, ann: Them) -> None:
    """Step 14."""
    there = await befriended(art, alice, ann)
    await following(art, alice, ann)
    sent = await ann.do("block", whom=f"@alice@{art.name}")
    await art.done(sent["id"])
    assert await art.count(Block, Block.blocker_id == there.id, Block.blocked_id == alice.actor.id) == 1
    assert (await state(art, there, alice.actor), await state(art, alice.actor, there)) == ("none", "none")
    undone = await ann.do("unblock", whom=f"@alice@{art.name}")
    await art.done(undone["id"])
    assert await art.count(Block) == 0

    # Ours tells nobody unless its person wants that.
    await befriended(art, alice, ann)
    async with art.site.db.write() as tx:
        await actors.set_privacy(tx, alice.actor, shows_follows=True, announces_blocks=True)
    me = await art.row(Actor, alice.actor.id)
    async with art.site.db.write() as tx:
        await blocks.block(tx, me, there)
    blocked = await ann.gets("Block", object=ann.id)
    assert blocked["actor"] == art.url("/users/alice")
    assert ann.site.state(ann.name)["following"] == []
    # Whoever is blocked can do nothing here.
    work = await publish(art.site, alice)
    await art.rest()
    with pytest.raises(Failed, match="was not found"):
        await ann.do("like", object=art.site.urls.post(work))
    for kind, about in (("Like", art.site.urls.post(work)), ("Follow", art.url("/users/alice"))):
        uri = f"https://{ann.site.name}/activities/{ann.name}-{kind}"
        unasked = {"@context": AS2, "id": uri, "type": kind, "actor": ann.id, "object": about}
        await ann.do("send", whom=f"@alice@{art.name}", activity=unasked)
        settled, _ = await art.settled(uri)
        assert settled is ReceivedState.DROPPED, kind
    assert await counters(art, work) == (0, 0, 0) and await state(art, there, alice.actor) == "none"
    async with art.site.db.write() as tx:
        await blocks.unblock(tx, me, there)
    await ann.gets("Undo", object=blocked["id"])


@ON_SQLITE
async def test_reports_in_both_directions(art: Home, alice: Account, ann: Them) -> None:
    """Step 15: ours is by the house, so that nobody there learns who reported; theirs waits for our moderators."""
    moderator = await art.person("minna", role=Role.MODERATOR)
    await following(art, alice, ann)
    sent = await ann.do("note", content="<p>Rude</p>")
    await art.done(sent["activity"])
    note, there = await art.post(sent["id"], alice), await art.known(ann.id)
    assert note is not None
    async with art.site.db.write() as tx:
        await moderation.report(tx, alice.actor, there, [note], "This is rude.", forward=True)
    flag = await ann.gets("Flag", actor=art.url("/actor"))
    about = {one if isinstance(one, str) else one["id"] for one in flag["raw"]["object"]}
    assert flag["raw"]["content"] == "This is rude." and about == {ann.id, sent["id"]}
    assert "alice" not in json.dumps(flag["raw"])
    [came] = [
        one
        for one in ann.site.state()["requests"]
        if "/actor#main-key" in json.dumps(one["headers"]) and one["method"] == "POST"
    ]
    assert art.name in came["headers"]["signature"]

    work = await publish(art.site, alice)
    await art.rest()
    uri = art.site.urls.post(work)
    said = await ann.site.ask("flag", whom=f"@alice@{art.name}", objects=[uri], content="Not hers.")
    await art.done(said["id"])
    async with art.site.db.read() as tx:
        [theirs] = await tx.scalars(select(Report).where(Report.uri == said["id"]))
        reporter = await tx.get_one(Actor, theirs.reporter_id)
    assert (theirs.target_id, theirs.post_ids, theirs.comment) == (alice.actor.id, [work.id], "Not hers.")
    assert reporter.uri == f"https://{ann.site.name}/users/{ann.site.name}"
    assert Hearing.REPORT in [hearing for hearing, _ in await heard(art, moderator)]


@ON_SQLITE
async def test_their_profile_changes(art: Home, alice: Account, ann: Them) -> None:
    there = await following(art, alice, ann)
    changed = await ann.site.ask(
        "profile", name=ann.name, title="Ann of the Sea", about="<p>Boats<script>x</script></p>"
    )
    await art.done(changed["id"])
    kept = await art.row(Actor, there.id)
    assert kept.name == "Ann of the Sea" and "Boats" in kept.about_html and "script" not in kept.about_html


@ON_SQLITE
@pytest.mark.parametrize("site_name", ["secure.test"], indirect=True, ids=["secure"])
async def test_a_server_that_shows_itself_to_signed_requests_only(art: Home, alice: Account, ann: Them) -> None:
    """Step 3 with authorised fetch: we can only read its people because the house signs what it asks for."""
    there = await befriended(art, alice, ann)
    await following(art, alice, ann)
    asked = [one for one in ann.site.state()["requests"] if one["path"] == f"/users/{ann.name}" and one["signed"]]
    assert {(one["status"], art.url("/actor#main-key") in json.dumps(one["headers"])) for one in asked} >= {(200, True)}
    assert not [
        one for one in ann.site.state()["requests"] if one["path"] == f"/users/{ann.name}" and not one["signed"]
    ]
    sent = await ann.do("note", content="<p>Hello</p>")
    await art.done(sent["activity"])
    note = await art.post(sent["id"], alice)
    assert note is not None and note.author_id == there.id
    # And they read ours, of which some is for followers alone.
    work = await publish(art.site, alice, audience=Audience.FOLLOWERS)
    seen = (await ann.gets("Create", object=art.site.urls.post(work)))["understood"]
    assert seen["to"] == [art.url("/users/alice/followers")] and seen["attachments"][0]["alt"] == "A ferry at dusk."
