"""A server of the fediverse on loopback, good or hostile: its people, posts and collections are what a test puts there."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation.vocabulary import ACTIVITY_JSON, JRD_JSON, PUBLIC, Json
from tests.neighbours import Answer, Asked, neighbour, reply

AS2 = "https://www.w3.org/ns/activitystreams"


@cache
def pem() -> str:
    """A public key that everybody accepts; made once for a run, since making one takes long."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return made.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Stranger:
    """One server. `pages` maps targets to answers, or to functions that make them; everything else is 404."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Answer] = {}
        self.asked: list[Asked] = []
        self.base = ""
        self.pem = pem()

    @property
    def host(self) -> str:
        return self.base.removeprefix("http://")

    def url(self, path: str) -> str:
        return self.base + path

    def answer(self, asked: Asked) -> bytes | AsyncIterator[bytes]:
        self.asked.append(asked)
        page = self.pages.get(asked.target, reply(404))
        return page(asked) if callable(page) else page

    def count(self, target: str) -> int:
        """How often something was asked for."""
        return Counter(asked.target for asked in self.asked)[target]

    def put(self, path: str, document: Any, *, kind: str = ACTIVITY_JSON, status: int = 200, **headers: str) -> str:
        """Let `document` lie at `path`; its address."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.pages[path] = reply(status, body, Content_Type=kind, **headers)
        return self.url(path)

    def say(self, path: str, page: Callable[[Asked], bytes]) -> str:
        """Let a function answer at `path`."""
        self.pages[path] = page
        return self.url(path)

    def person(self, handle: str, *, finger: bool = True, **changes: Any) -> Json:
        """An actor at /users/<handle>, and WebFinger for the handle; changes of the document win, None takes a term away."""
        uri = self.url(f"/users/{handle}")
        key = {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": self.pem}
        document: Json = {
            "@context": [AS2, "https://w3id.org/security/v1"],
            "id": uri,
            "type": "Person",
            "preferredUsername": handle,
            "name": handle.capitalize(),
            "inbox": f"{uri}/inbox",
            "outbox": f"{uri}/outbox",
            "followers": f"{uri}/followers",
            "featured": f"{uri}/featured",
            "endpoints": {"sharedInbox": self.url("/inbox")},
            "publicKey": key,
        }
        document = {name: value for name, value in (document | changes).items() if value is not None}
        self.put(f"/users/{handle}", document)
        if finger:
            self.finger(f"{handle}@{self.host}", uri)
        return document

    def finger(self, handle: str, actor: str, *, subject: str = "", links: list[Json] | None = None) -> None:
        """What WebFinger says of a handle here."""
        own = [{"rel": "self", "type": ACTIVITY_JSON, "href": actor}]
        document = {"subject": f"acct:{subject or handle}", "links": own if links is None else links}
        self.put(f"/.well-known/webfinger?resource={quote(f'acct:{handle}', safe='')}", document, kind=JRD_JSON)

    def note(self, path: str, author: str = "mia", **changes: Any) -> str:
        """A public note at `path`; its address."""
        return self.put(path, self.note_of(path, author, **changes))

    def note_of(self, path: str, author: str = "mia", **changes: Any) -> Json:
        uri = self.url(path)
        document: Json = {
            "@context": AS2,
            "id": uri,
            "type": "Note",
            "attributedTo": self.url(f"/users/{author}"),
            "content": f"<p>At {path}</p>",
            "published": "2026-11-20T12:00:00Z",
            "to": [PUBLIC],
            "cc": [self.url(f"/users/{author}/followers")],
        }
        return {name: value for name, value in (document | changes).items() if value is not None}


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    """A server that is there until the test is over."""
    made = Stranger()
    async with neighbour(made.answer) as near:
        made.base = near.url("")
        yield made
