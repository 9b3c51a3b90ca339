"""Actors: people, groups, and servers themselves."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from federation import signatures
from federation.parse import shapes
from federation.parse.shapes import BadDocument
from federation.signatures import BadSignature
from federation.vocabulary import ACTORS, Json
from server import origins, text
from server.elsewhere import Link, Person, PublicKey
from server.models import ActorKind

MAX_NAME = 120
MAX_ABOUT = 20_000
MAX_LINKS = 32
MAX_KEYS = 8
MAX_IMPLEMENTS = 50

# What others allow in names is wider than ours: dots, hyphens, letters of any script.
_HANDLE = re.compile(r"[\w](?:[\w.~+-]{0,118}[\w])?")
# The first link in safe HTML.
_LINK = re.compile(r'<a href="([^"]*)"')
_ACCT = re.compile(r"(?:acct:)?@?([\w.~+-]{1,120})@([^@/\s]{1,255})")


def person(document: Json, url: str) -> Person:
    """The actor that `url` shows. Its id is that address, or of the same server; so are its inbox and its keys.

    Raises BadDocument.
    """
    kind = next((one for one in shapes.kinds(document) if one in ACTORS), None)
    if kind is None:
        raise BadDocument("The document is no actor.")
    uri = shapes.uri(document.get("id"))
    if not shapes.same_origin(uri, url):
        raise BadDocument("The actor's id is of another server.")
    handle = text.line(shapes.words(document.get("preferredUsername")))
    if not _HANDLE.fullmatch(handle):
        handle = _made_up(uri)
    inbox = shapes.uri(document.get("inbox"))
    if not shapes.same_origin(inbox, uri):
        raise BadDocument("The actor has no inbox on their own server.")
    endpoints = document.get("endpoints")
    shared = shapes.uri(endpoints.get("sharedInbox")) if isinstance(endpoints, dict) else ""
    about = text.safe(shapes.words(document.get("summary"))[:MAX_ABOUT])

    def own(value: Any) -> str:
        found = shapes.uri(value)
        return found if shapes.same_origin(found, uri) else ""

    return Person(
        uri=uri,
        handle=handle,
        domain=origins.host(uri),
        kind=ActorKind(kind),
        inbox=inbox,
        name=text.line(shapes.words(document.get("name"))[:2000])[:MAX_NAME],
        about_html=about,
        about=text.plain(about),
        page=next((at for at, media in shapes.links(document.get("url")) if shapes.same_origin(at, uri)), ""),
        shared_inbox=shared if shapes.same_origin(shared, uri) else "",
        outbox=own(document.get("outbox")),
        followers=own(document.get("followers")),
        featured=own(document.get("featured")),
        icon=_icon(document.get("icon")),
        links=tuple(_links(document)),
        locked=document.get("manuallyApprovesFollowers") is True,
        indexable=document.get("indexable") is True,
        keys=tuple(_keys(document, uri)),
        webfinger=_webfinger(document.get("webfinger")),
        implements=tuple(_implements(document)),
        published=shapes.past(document.get("published")),
    )


def _made_up(uri: str) -> str:
    """A handle for an actor whose own cannot be one: the last piece of their address, or their host."""
    last = uri.rstrip("/").rsplit("/", 1)[-1].lstrip("@").partition("?")[0].partition("#")[0]
    return last if _HANDLE.fullmatch(last) else origins.name(uri)[:MAX_NAME]


def _webfinger(value: Any) -> str:
    found = _ACCT.fullmatch(value) if isinstance(value, str) and len(value) < 400 else None
    return f"{found[1]}@{found[2]}" if found else ""


def _icon(value: Any) -> str:
    """The address of a portrait, which may be an Image, several, or an address alone."""
    for one in shapes.many(value):
        if isinstance(one, dict):
            for at, _ in shapes.links(one.get("url") or one.get("href")):
                return at
        elif at := shapes.address(one):
            return at
    return ""


def _links(document: Json) -> Iterator[Link]:
    """Profile lines: PropertyValue, whose value is HTML or words."""
    for one in shapes.many(document.get("attachment"))[:MAX_LINKS]:
        if not isinstance(one, dict) or "PropertyValue" not in shapes.kinds(one):
            continue
        label = text.line(shapes.words(one.get("name"))[:500])[:60]
        value = text.safe(shapes.words(one.get("value"))[:3000])
        said = text.line(text.plain(value))[:300]
        href = _LINK.search(value)
        url = unescape(href[1]) if href else shapes.address(said)
        if label or said:
            yield Link(label, url, "" if url else said)


def _keys(document: Json, uri: str) -> Iterator[PublicKey]:
    """The keys that the document lists as this actor's own, in either of two ways, without those that the policy refuses."""
    for one in shapes.many(document.get("publicKey"))[:MAX_KEYS]:
        if isinstance(one, dict) and shapes.uri(one.get("owner")) in ("", uri):
            yield from _key(one, "publicKeyPem", uri)
    for one in shapes.many(document.get("assertionMethod"))[:MAX_KEYS]:
        if isinstance(one, dict) and shapes.uri(one.get("controller")) in ("", uri):
            yield from _key(one, "publicKeyMultibase", uri)


def _key(listed: Json, term: str, actor: str) -> Iterator[PublicKey]:
    at, words = shapes.address(listed.get("id")), listed.get(term)
    if isinstance(words, str) and shapes.same_origin(at, actor):
        try:
            yield signatures.public_key(at, words)
        except BadSignature:
            return


def _implements(document: Json) -> Iterator[str]:
    """What the server behind an actor says that it implements (FEP-844e): addresses, on the actor's generator."""
    for holder in (document, *shapes.many(document.get("generator"))):
        listed = holder.get("implements") if isinstance(holder, dict) else None
        for one in shapes.many(listed)[:MAX_IMPLEMENTS]:
            at = one.get("href") or one.get("id") if isinstance(one, dict) else one
            if isinstance(at, str) and 0 < len(at) <= 500 and at.isprintable():
                yield at
