"""Rows → JSON: one function for each thing and dialect. Pure: golden files test them, `lint` judges them.

Functions that return a part of a document leave `@context` to whoever makes the whole; `document` puts it in front.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from federation import audience
from federation.vocabulary import (
    ACTOR_CONTEXT,
    AS2,
    MAX_SIDE,
    MEDIA_TYPES,
    OBJECT_CONTEXT,
    PUBLIC,
    SHARED_FORMATS,
    Json,
)
from server import rights, text
from server.models import Actor, Audience, Gallery, Key, Kind, Media, Post, Rendition, RenditionPurpose, Tag
from server.rights import Rights, channels
from server.urls import Urls

UNTITLED = "Untitled"


# -- posts -------------------------------------------------------------------------------------------------------------
def work_image(post: Post, urls: Urls, described: Rights) -> Json:
    """A work as the `image` dialect, the canonical form: an `Image` with its licence and what machines may not do.

    Needs the post loaded by `posts.full`.
    """
    if post.artwork is None:
        raise ValueError("only a work is an Image")
    title = post.artwork.title or UNTITLED
    pictures = [(media, shared) for media in post.media if (shared := _shared(media))]
    links: list[Json] = [{"type": "Link", "href": urls.post_page(post), "mediaType": "text/html"}]
    if pictures:
        cover, shared = pictures[0]
        full = [r for r in cover.renditions if r.purpose is RenditionPurpose.FULL]
        links += [_link(rendition, urls) for rendition in [shared, *full]]
    return (
        _post(post, urls, "Image")
        | {
            "name": title,
            "content": post.html or f"<p>{escape(title)}</p>",
            "url": links,
            "attachment": [_picture(media, shared, urls, described) for media, shared in pictures],
        }
        | channels.activitypub(described)
        | {"searchableBy": _searchable_by(post, urls, described)}
    )


def note(post: Post, urls: Urls, parent: Post | None = None) -> Json:
    """A text post or a comment; `parent` is what it answers. Needs the post loaded by `posts.full`."""
    return _post(post, urls, "Note") | {
        "inReplyTo": urls.post(parent) if parent else None,
        "content": post.html or f"<p>{escape(post.text)}</p>",
        "url": urls.post_page(post),
        "attachment": [],
    }


def post_object(post: Post, urls: Urls, parent: Post | None = None) -> Json:
    """A post in the form that everybody gets who asks without saying who they are."""
    return work_image(post, urls, rights.of(post)) if post.kind is Kind.WORK else note(post, urls, parent)


def create(post: Post, urls: Urls, rendered: Json) -> Json:
    """The activity that brought `post` into the world, around `rendered`."""
    return {
        "id": urls.activity(post),
        "type": "Create",
        "actor": urls.actor(post.author),
        "published": rendered["published"],
        "to": rendered["to"],
        "cc": rendered["cc"],
        "object": rendered,
    }


def tombstone(post_uri: str, kind: Kind, deleted_at: datetime) -> Json:
    """What stays of a post that was public (FEP-4f05): nothing but that it was there."""
    return {
        "@context": AS2,
        "id": post_uri,
        "type": "Tombstone",
        "formerType": "Image" if kind is Kind.WORK else "Note",
        "deleted": moment(deleted_at),
    }


def _post(post: Post, urls: Urls, kind: str) -> Json:
    """What works and notes have in common."""
    if post.published_at is None:
        raise ValueError("a draft is nobody else's business")
    uri = urls.post(post)
    to, cc = audience.addresses(post, urls, post.mentions)
    common: Json = {
        "id": uri,
        "type": kind,
        "attributedTo": urls.actor(post.author),
        "inReplyTo": None,
        "published": moment(post.published_at),
        "to": to,
        "cc": cc,
        "summary": post.warning or None,
        "sensitive": post.is_sensitive,
        "tag": [_hashtag(tag, urls) for tag in post.tags] + [_mention(actor, urls) for actor in post.mentions],
        "likes": {"id": f"{uri}/likes", "type": "Collection", "totalItems": post.likes},
        "replies": {"id": f"{uri}/replies", "type": "Collection", "first": f"{uri}/replies?after=0"},
    }
    # An edit within the second of publishing is no edit to anybody else.
    if post.edited_at and moment(post.edited_at) > common["published"]:
        common["updated"] = moment(post.edited_at)
    return common


def _hashtag(tag: Tag, urls: Urls) -> Json:
    return {"type": "Hashtag", "href": urls.tag(tag.name), "name": f"#{tag.label}"}


def _mention(actor: Actor, urls: Urls) -> Json:
    return {"type": "Mention", "href": urls.actor(actor), "name": urls.handle(actor)}


def _searchable_by(post: Post, urls: Urls, described: Rights) -> str:
    """Search by strangers is for what is listed and not reserved against indexing; else only the author may search."""
    open_to_search = described.is_indexed and post.audience is Audience.EVERYONE
    return PUBLIC if open_to_search else urls.actor(post.author)


# -- pictures ----------------------------------------------------------------------------------------------------------
def _shared(media: Media) -> Rendition | None:
    """The file that goes to the fediverse: the federation JPEG, or until it is made the largest size that will do."""
    usable = [
        rendition
        for rendition in media.renditions
        if rendition.format in SHARED_FORMATS
        and rendition.purpose is not RenditionPurpose.FULL
        and max(rendition.width, rendition.height) <= MAX_SIDE
    ]
    return max(usable, key=lambda r: (r.purpose is RenditionPurpose.FEDERATION, r.width), default=None)


def _picture(media: Media, shared: Rendition, urls: Urls, described: Rights) -> Json:
    picture: Json = {
        "type": "Image",
        "mediaType": MEDIA_TYPES[shared.format],
        "url": urls.rendition(shared),
        "name": media.alt,
        "width": shared.width,
        "height": shared.height,
        # ActivityPub counts from the middle, right and up; we from the upper left corner.
        "focalPoint": [round(2 * media.focus_x - 1, 4), round(1 - 2 * media.focus_y, 4)],
    }
    if media.blurhash:
        picture["blurhash"] = media.blurhash
    return picture | channels.activitypub_attachment(described)


def _link(rendition: Rendition, urls: Urls) -> Json:
    return {
        "type": "Link",
        "href": urls.rendition(rendition),
        "mediaType": MEDIA_TYPES[rendition.format],
        "width": rendition.width,
        "height": rendition.height,
    }


# -- people ------------------------------------------------------------------------------------------------------------
def actor(person: Actor, urls: Urls, key: Key | None, galleries: Sequence[Gallery] = ()) -> Json:
    """A person of this house, with what other software was seen to read; needs `person.face` and its renditions.

    `featured` and `endpoints` come with what they point to.
    """
    uri = urls.actor(person)
    described = rights.preferred(person)
    lede = f"<p>{escape(person.lede)}</p>" if person.lede else ""
    whole: Json = {
        "id": uri,
        "type": "Person",
        "preferredUsername": person.handle,
        "name": person.display_name,
        "summary": lede + text.to_html(person.about, urls, {}),
        "url": urls.profile(person),
        "webfinger": urls.handle(person).removeprefix("@"),
        "published": moment(person.created_at),
        "inbox": urls.inbox(person),
        "outbox": urls.outbox(person),
        "followers": urls.followers(person),
        "following": urls.following(person),
        "streams": [urls.gallery(gallery) for gallery in galleries],
        "attachment": [_property(link) for link in person.links if _is_web(link)],
        "tag": [],
        "manuallyApprovesFollowers": person.approves_follows,
        "discoverable": True,
        "indexable": described.is_indexed,
    } | channels.activitypub_actor(described)
    if key:
        whole["publicKey"] = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": key.public_pem}
    if face := face_of(person):
        whole["icon"] = {"type": "Image", "mediaType": MEDIA_TYPES[face.format], "url": urls.rendition(face)}
    return whole


def face_of(person: Actor) -> Rendition | None:
    """The portrait as every receiver can show it: the largest but AVIF; needs `person.face` and its renditions."""
    usable = [r for r in person.face.renditions if r.format in SHARED_FORMATS] if person.face else []
    return max(usable, key=lambda rendition: rendition.width, default=None)


def _is_web(link: Json) -> bool:
    return str(link.get("url", "")).startswith(("https://", "http://"))


def _property(link: Json) -> Json:
    """A profile link. One `<a>` whose text is its address: only so can others verify that the page links back."""
    href = escape(str(link["url"]))
    anchor = f'<a href="{href}" rel="me nofollow noopener">{href}</a>'
    return {"type": "PropertyValue", "name": str(link.get("label") or link["url"]), "value": anchor}


# -- collections -------------------------------------------------------------------------------------------------------
def collection(uri: str, total: int, first: str = "", **more: Any) -> Json:
    """An ordered collection. Without `first` only the number is told."""
    return {"id": uri, "type": "OrderedCollection", "totalItems": total} | ({"first": first} if first else {}) | more


def page(uri: str, part_of: str, items: Sequence[Any], following: str = "") -> Json:
    """One page of an ordered collection; `following` is the address of the next one, if there is one."""
    whole: Json = {"id": uri, "type": "OrderedCollectionPage", "partOf": part_of, "orderedItems": list(items)}
    return whole | ({"next": following} if following else {})


def gallery(shown: Gallery, urls: Urls, total: int) -> Json:
    """A gallery: an ordered collection of its artist's works; needs `shown.owner`."""
    uri = urls.gallery(shown)
    return collection(
        uri,
        total,
        f"{uri}?page=1",
        attributedTo=urls.actor(shown.owner),
        name=shown.name,
        summary=text.to_html(shown.text, urls, {}),
        url=urls.gallery_page(shown),
    )


# -- whole documents ---------------------------------------------------------------------------------------------------
def document(part: Json) -> Json:
    """`part` with the context in front that gives each of its terms a meaning."""
    context = ACTOR_CONTEXT if part["type"] == "Person" else OBJECT_CONTEXT
    return {"@context": context} | part


def moment(when: datetime) -> str:
    """RFC 3339, UTC, whole seconds, with Z: the one spelling that nobody misreads."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
