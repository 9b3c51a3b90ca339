"""A house with something to read: works, notes and a gallery of Alice's, in every state that matters to a stranger."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server import clock, ids
from server.models import (
    Account,
    Actor,
    Artwork,
    Audience,
    Favourite,
    Follow,
    Gallery,
    Hanging,
    Kind,
    Licence,
    Media,
    MediaState,
    Mention,
    Post,
    PostTag,
    Purpose,
    Rendition,
    RenditionPurpose,
    Reservation,
    SourceType,
    Tag,
)
from server.site import Site

JPEG = b"\xff\xd8\xff\xe0 not looked into here \xff\xd9"


@dataclass(frozen=True)
class Shelf:
    """Ids of Alice's posts and of her gallery."""

    work: int
    unlisted: int
    followers: int
    draft: int
    deleted: int
    deleted_private: int
    note: int
    comment: int
    gallery: int


@pytest.fixture
async def eve(site: Site) -> Actor:
    """Somebody of another server."""
    actor = Actor(
        uri="https://far.test/u/eve",
        handle="eve",
        domain="far.test",
        host="far.test",
        inbox="https://far.test/u/eve/inbox",
    )
    async with site.db.write() as tx:
        tx.add(actor)
    return actor


def elsewhere(author: Actor, **more: Any) -> Post:
    """A note of somebody of another server, as it is stored here."""
    number = ids.new()
    given = {"id": number, "thread_id": number, "uri": f"https://far.test/notes/{number}"}
    return a_note(author, **(given | more))


def a_note(author: Actor, **more: Any) -> Post:
    """A published note."""
    given: dict[str, Any] = {
        "text": "Well",
        "html": "<p>Well</p>",
        "published_at": clock.now(),
        "ready_at": clock.now(),
    }
    return Post(kind=Kind.NOTE, author_id=author.id, was_public=True, **(given | more))


@pytest.fixture
async def shelf(site: Site, alice: Account, bob: Account, tmp_path: Path) -> Shelf:
    """Alice has works, Bob comments, likes and follows."""
    artist, reader = alice.actor, bob.actor
    then = clock.now() - timedelta(days=3)
    async with site.db.write() as tx:
        artist.links = [{"label": "Website", "url": "https://alice.example/?a=1&b=<2>"}]
        artist.lede, artist.about = "Paints <boats>.", "More at https://alice.example/about #boats"
        await tx.merge(artist)

        def work(title: str, **more: object) -> int:
            post = Post(kind=Kind.WORK, author_id=artist.id, id=ids.new(), published_at=then, ready_at=then, **more)
            post.thread_id = post.id
            tx.add(post)
            tx.add(Artwork(post_id=post.id, title=title, year=2024))
            return post.id

        main = work(
            "The Last Ferry", html="<p>Evening at the pier.</p>", warning="Cold water", was_public=True, likes=1
        )
        unlisted = work("", audience=Audience.UNLISTED, was_public=True)
        private = work("For friends", audience=Audience.FOLLOWERS)
        draft = work("Half done")
        gone = work("Gone", was_public=True, deleted_at=then)
        gone_private = work("Never known", audience=Audience.FOLLOWERS, deleted_at=then)
        note, comment = ids.new(), ids.new()
        tx.add(Post(id=note, thread_id=note, kind=Kind.NOTE, author_id=artist.id, text="Hello", html="<p>Hello</p>",
                    published_at=then, ready_at=then, was_public=True))  # fmt: skip
        await tx.flush()
        tx.add(Post(id=comment, thread_id=main, kind=Kind.NOTE, author_id=reader.id, reply_to_id=main, text="@alice Lovely!",
                    html="<p>Lovely!</p>", published_at=then, ready_at=then, was_public=True))  # fmt: skip
        await tx.flush()
        (await tx.get_one(Post, draft)).published_at = None
        artwork = await tx.get_one(Artwork, main)
        artwork.licence, artwork.source_type = Licence.BY_NC_ND, SourceType.DIGITAL_CREATION
        (await tx.get_one(Artwork, unlisted)).reservation = Reservation.NO_AI_NO_INDEX
        tag = Tag(name="boats", label="Boats")
        gallery = Gallery(owner_id=artist.id, slug="harbours", name="Harbours", text="Two summers.")
        tx.add_all([tag, gallery])
        await tx.flush()
        tx.add_all([
            PostTag(post_id=main, tag_id=tag.id),
            Mention(post_id=comment, actor_id=artist.id),
            Favourite(actor_id=reader.id, post_id=main),
            Follow(follower_id=reader.id, followed_id=artist.id, accepted=True),
            *(Hanging(gallery_id=gallery.id, post_id=post_id, position=place)
              for place, post_id in enumerate([private, draft, main])),
        ])  # fmt: skip
        for place in range(2):
            media = Media(
                owner_id=artist.id, post_id=main, purpose=Purpose.WORK, position=place, state=MediaState.READY,
                alt=f"Boat {place}",
                master_key=f"masters/{place}", master_hash="0" * 64, master_bytes=1, format="png", width=6000, height=4000,
                blurhash="UBL_:rOpGG-o", focus_x=0.5, focus_y=0.25,
            )  # fmt: skip
            tx.add(media)
            await tx.flush()
            for purpose, kind, width in (
                (RenditionPurpose.WALL, "webp", 640),
                (RenditionPurpose.STAGE, "webp", 1920),
                (RenditionPurpose.FEDERATION, "jpeg", 1600),
            ):
                digest = f"{place}{width:04}" + "a" * 59
                rendition = Rendition(media_id=media.id, purpose=purpose, format=kind, width=width, height=width * 2 // 3,
                                      bytes=len(JPEG), hash=digest, key=f"media/{media.id}/{width}")  # fmt: skip
                tx.add(rendition)
                file = tmp_path / f"{media.id}-{width}"
                file.write_bytes(JPEG)
                site.storage.put(rendition.key, file)
    return Shelf(main, unlisted, private, draft, gone, gone_private, note, comment, gallery.id)
