"""People of this house, and the house itself."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from federation.render.documents import moment
from federation.signatures import to_multibase
from federation.vocabulary import AS2, IMPLEMENTS, MEDIA_TYPES, SHARED_FORMATS, Json
from server import rights, text
from server.models import Actor, Gallery, Key, Rendition, Reservation
from server.rights import channels
from server.urls import Urls


def actor(
    person: Actor,
    urls: Urls,
    keys: Sequence[Key],
    galleries: Sequence[Gallery] = (),
    *,
    least: Reservation = Reservation.OPEN,
) -> Json:
    """A person of this house, with what other software was seen to read; needs `person.face` and its renditions.

    Of each kind of key the newest is shown.
    """
    described = rights.preferred(person, urls, least)
    lede = f"<p>{escape(person.lede)}</p>" if person.lede else ""
    whole: Json = (
        {"id": urls.actor(person), "type": person.kind.value, "preferredUsername": person.handle}
        | {"name": person.display_name, "summary": lede + text.to_html(person.about, urls, {})}
        | {"url": urls.profile(person), "webfinger": urls.handle(person).removeprefix("@")}
        | {"published": moment(person.created_at)}
        | _boxes(person, urls)
        | {
            "followers": urls.followers(person),
            "following": urls.following(person),
            "featured": urls.featured(person),
            "featuredTags": urls.featured_tags(person),
            "streams": [urls.gallery(gallery) for gallery in galleries],
            "attachment": [_property(link) for link in person.links if _is_web(link)],
            "tag": [],
            "manuallyApprovesFollowers": person.approves_follows,
            "discoverable": True,
            "indexable": described.is_indexed,
            "attributionDomains": [urlsplit(urls.base).hostname],
        }
        | channels.activitypub_actor(described)
        | _keys(person, urls, keys)
    )
    if face := face_of(person):
        whole["icon"] = {"type": "Image", "mediaType": MEDIA_TYPES[face.format], "url": urls.rendition(face)}
    return whole | {"generator": {"id": urls.house, "type": "Application", "implements": _implements()}}


def house(itself: Actor, urls: Urls, keys: Sequence[Key], name: str, description: str) -> Json:
    """The house's own actor: it signs what we fetch and what we report, follows nobody and is followed by nobody."""
    host = urlsplit(urls.base).netloc
    return (
        {"id": urls.actor(itself), "type": "Application", "preferredUsername": itself.handle, "name": name}
        | {"summary": f"<p>{escape(description)}</p>" if description else ""}
        | {"url": urls.page("/about"), "webfinger": f"{itself.handle}@{host}", "published": moment(itself.created_at)}
        | _boxes(itself, urls)
        | {"manuallyApprovesFollowers": True, "discoverable": False, "indexable": False}
        | _keys(itself, urls, keys)
        | {"implements": _implements()}
    )


def gone(uri: str, kind: str, when: datetime) -> Json:
    """What stays of somebody who left: nothing but that they were here."""
    return {"@context": AS2, "id": uri, "type": "Tombstone", "formerType": kind, "deleted": moment(when)}


def face_of(person: Actor) -> Rendition | None:
    """The portrait as every receiver can show it: the largest but AVIF; needs `person.face` and its renditions."""
    usable = [r for r in person.face.renditions if r.format in SHARED_FORMATS] if person.face else []
    return max(usable, key=lambda rendition: rendition.width, default=None)


def _boxes(person: Actor, urls: Urls) -> Json:
    return {
        "inbox": urls.inbox(person),
        "outbox": urls.outbox(person),
        "endpoints": {"sharedInbox": urls.shared_inbox},
    }


def _keys(person: Actor, urls: Urls, keys: Sequence[Key]) -> Json:
    """The RSA key that signs requests, as everybody reads it, and the Ed25519 key that proves documents (FEP-521a)."""
    uri = urls.actor(person)
    shown: Json = {}
    newest = {key.kind: key for key in sorted(keys, key=lambda key: key.id)}
    if rsa := newest.get("rsa"):
        shown["publicKey"] = {"id": urls.main_key(person), "owner": uri, "publicKeyPem": rsa.public_pem}
    if ed25519 := newest.get("ed25519"):
        loaded = load_pem_public_key(ed25519.public_pem.encode())
        if not isinstance(loaded, Ed25519PublicKey):
            raise ValueError(f"key {ed25519.id} is not what its row says")
        key = {"id": urls.ed25519_key(person), "type": "Multikey", "controller": uri}
        shown["assertionMethod"] = [key | {"publicKeyMultibase": to_multibase(loaded)}]
    return shown


def _implements() -> list[Json]:
    return [{"type": "Link", "href": href, "name": name} for href, name in IMPLEMENTS.items()]


def _is_web(link: Json) -> bool:
    return str(link.get("url", "")).startswith(("https://", "http://"))


def _property(link: Json) -> Json:
    """A profile link. One `<a>` whose text is its address: only so can others verify that the page links back."""
    href = escape(str(link["url"]))
    anchor = f'<a href="{href}" rel="me nofollow noopener">{href}</a>'
    return {"type": "PropertyValue", "name": str(link.get("label") or link["url"]), "value": anchor}
