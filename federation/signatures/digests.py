"""Digests of a body, as `Digest` (RFC 3230, with draft-cavage) and as `Content-Digest` (RFC 9530, with RFC 9421).

Whoever signs one and leaves room for the other lets the body be swapped (security.md row 5), therefore every digest header that
is there must match and must be signed; the readers of both families ask `check` for the names to look for.
"""

import binascii
import hashlib
from collections.abc import Callable, Mapping

from federation.signatures import grammar, structured
from federation.signatures.refusal import MALFORMED, WRONG, BadSignature

FIELDS = ("digest", "content-digest")
_KNOWN: dict[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}


def digest(body: bytes) -> str:
    """`body` as `Digest` header, in exactly the case that peers compare with (federation.md 6.1)."""
    return f"SHA-256={_sha256(body)}"


def content_digest(body: bytes) -> str:
    """`body` as `Content-Digest` header."""
    return f"sha-256=:{_sha256(body)}:"


def check(fields: Mapping[str, str], body: bytes) -> None:
    """Hold every digest header against `body`.

    Each must have SHA-256 or SHA-512; of both, both must match. Others (MD5, SHA-1, sums) prove nothing and are left alone.
    Raises BadSignature: 400 for what cannot be read or stands there twice, 401 for what does not match.
    """
    stated = fields.get("digest")
    # Nearly all of them are written as we write them: then comparing the text is enough.
    if stated is not None and stated != digest(body):
        _match(_read_digest(stated), body, "Digest")
    stated = fields.get("content-digest")
    if stated is not None and stated != content_digest(body):
        _match(_read_content_digest(stated), body, "Content-Digest")


def _match(stated: Mapping[str, bytes], body: bytes, what: str) -> None:
    if not stated:
        raise BadSignature(WRONG, f"The {what} header has no SHA-256.")
    for name, value in stated.items():
        if _KNOWN[name](body) != value:
            raise BadSignature(WRONG, f"The {what} header is not that of the body.")


def _read_digest(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    if len(text) > grammar.LONGEST:
        raise BadSignature(MALFORMED, "The Digest header is too long.")
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            raise BadSignature(MALFORMED, "The Digest header cannot be read.")
        if name in seen:
            raise BadSignature(MALFORMED, f"The Digest header has {name} twice.")
        seen.add(name)
        if name in _KNOWN:
            found[name] = grammar.base64(value.strip(), "The Digest header")
    return found


def _read_content_digest(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, member in structured.dictionary(text, "Content-Digest").items():
        if name in _KNOWN:
            if not isinstance(member, structured.Item) or not isinstance(member.value, bytes):
                raise BadSignature(MALFORMED, "The Content-Digest header cannot be read.")
            found[name] = member.value
    return found


def _sha256(body: bytes) -> str:
    return binascii.b2a_base64(hashlib.sha256(body).digest(), newline=False).decode()
