"""Rows with fixed ids and times, as the database would load them, for the pure functions of federation.render."""

from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.orm.attributes import set_committed_value

from server.models import (
    Actor,
    ActorKind,
    Artwork,
    Audience,
    Gallery,
    Key,
    Kind,
    Licence,
    Media,
    Post,
    Rating,
    Rendition,
    RenditionPurpose,
    Reservation,
    Tag,
)
from server.urls import Urls

URLS = Urls("http://art.test", "http://art.test", "art.test", b"secret")
THEN = datetime(2026, 5, 4, 10, 30, 15, 123456, UTC)
KEY = Key(
    id=1, kind="rsa", public_pem="-----BEGIN PUBLIC KEY-----\n(a key)\n-----END PUBLIC KEY-----\n", private_pem=""
)
# The public key of RFC 8032, section 7.1, test 1.
ED25519 = Ed25519PublicKey.from_public_bytes(
    bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
)
PROVING = Key(
    id=2,
    kind="ed25519",
    public_pem=ED25519.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    private_pem="",
)
KEYS = [KEY, PROVING]


def an_actor(**changes: Any) -> Actor:
    given: dict[str, Any] = {
        "id": 10, "uri": None, "handle": "ada", "domain": None, "name": "Ada Ink", "kind": ActorKind.PERSON,
        "lede": "Ink & paper.", "about": "Since 1998.\n\nBerlin.",
        "links": [{"label": "Shop", "url": "https://ink.example/"}, {"label": "Bad", "url": "javascript:alert(1)"}],
        "default_licence": Licence.ARR, "default_reservation": Reservation.NO_AI, "approves_follows": False, "created_at": THEN,
    }  # fmt: skip
    actor = Actor(**(given | changes))
    set_committed_value(actor, "face", None)
    return actor


def the_house() -> Actor:
    return an_actor(id=1, handle="art.test", kind=ActorKind.APPLICATION, name="Art", links=[], lede="", about="")


def eve() -> Actor:
    """Somebody elsewhere."""
    eve = Actor(id=11, uri="https://far.test/u/eve", handle="eve", domain="far.test", kind=ActorKind.PERSON)
    set_committed_value(eve, "face", None)
    return eve


def her_note(**changes: Any) -> Post:
    """A note of somebody elsewhere."""
    given = {"id": 40, "uri": "https://far.test/notes/1", "thread_id": 40}
    return a_post(Kind.NOTE, eve(), **(given | changes))


def a_boost() -> Post:
    return a_post(Kind.BOOST, an_actor(), id=44, boost_of_id=40)


def a_face() -> Media:
    return a_picture(7, [(RenditionPurpose.FACE, "avif", 400, 400), (RenditionPurpose.FACE, "jpeg", 400, 400),
                         (RenditionPurpose.FACE, "webp", 96, 96)])  # fmt: skip


def a_picture(number: int, files: list[tuple[RenditionPurpose, str, int, int]], **changes: Any) -> Media:
    given: dict[str, Any] = {
        "id": number, "alt": f"Picture {number}", "focus_x": 0.25, "focus_y": 0.5, "blurhash": "UBL_:rOpGG-o", "position": number,
    }  # fmt: skip
    media = Media(**(given | changes))
    renditions = [
        Rendition(id=number * 100 + place, media_id=number, purpose=purpose, format=kind, width=width, height=height, bytes=1,
                  hash=f"{place:064x}", key="")
        for place, (purpose, kind, width, height) in enumerate(files)
    ]  # fmt: skip
    set_committed_value(media, "renditions", renditions)
    return media


def a_post(kind: Kind, author: Actor, **changes: Any) -> Post:
    given: dict[str, Any] = {
        "id": 42, "uri": None, "kind": kind, "audience": Audience.EVERYONE, "reply_to_id": None, "text": "", "html": "",
        "rating": Rating.GENERAL, "warning": "", "published_at": THEN, "ready_at": THEN, "edited_at": None, "deleted_at": None,
        "likes": 3, "boosts": 2, "created_at": THEN,
    }  # fmt: skip
    loaded = {name: changes.pop(name, []) for name in ("media", "tags", "mentions")}
    artwork = changes.pop("artwork", None)
    post = Post(**(given | changes))
    for name, value in {"author": author, "artwork": artwork, **loaded}.items():
        set_committed_value(post, name, value)
    return post


def an_artwork(**changes: Any) -> Artwork:
    given = {"title": "Heron at Dusk", "year": 2025, "licence": Licence.ARR, "reservation": Reservation.NO_AI}
    return Artwork(**(given | changes))


def a_work(**changes: Any) -> Post:
    """Two pictures: one with everything made, one still waiting for its federation JPEG."""
    ready = a_picture(1, [
        (RenditionPurpose.WALL, "webp", 640, 480), (RenditionPurpose.STAGE, "avif", 1280, 960),
        (RenditionPurpose.FEDERATION, "jpeg", 1600, 1200), (RenditionPurpose.FULL, "png", 8000, 6000),
    ])  # fmt: skip
    waiting = a_picture(
        2, [(RenditionPurpose.WALL, "webp", 640, 900), (RenditionPurpose.WALL, "avif", 640, 900)], blurhash="", alt=""
    )
    given: dict[str, Any] = {
        "text": "Reeds.", "html": "<p>Reeds.</p>", "artwork": an_artwork(), "media": [ready, waiting],
        "tags": [Tag(id=1, name="zeichnung", label="Zeichnung"), Tag(id=2, name="größe", label="Größe")],
    }  # fmt: skip
    return a_post(Kind.WORK, an_actor(), **(given | changes))


def a_comment(**changes: Any) -> Post:
    given: dict[str, Any] = {"id": 43, "text": "Lovely!", "html": "<p>Lovely!</p>", "mentions": [eve()]}  # fmt: skip
    return a_post(Kind.NOTE, an_actor(), **(given | changes))


def a_gallery() -> Gallery:
    gallery = Gallery(id=5, slug="birds", name="Birds & reeds", text="All of them.")
    set_committed_value(gallery, "owner", an_actor())
    return gallery


def silent(work: Any) -> Any:
    """The same, whose text does not end with its rights sentence on other servers."""
    work.artwork.says_rights = False
    return work
