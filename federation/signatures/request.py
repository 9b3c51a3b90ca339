"""A request as it came, what a signature claims about it, and the rules that both families of signatures share."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from federation.signatures import grammar, keys
from federation.signatures.refusal import MALFORMED, WRONG, BadSignature
from server.elsewhere.read import PublicKey

log = logging.getLogger(__name__)

# Decision 22: Mastodon's margins. Whoever remembers signatures against replay does so for the sum of both.
BACK, AHEAD = timedelta(hours=12), timedelta(hours=1)

# Fields of which different layers would take different ones if there were two (security.md row 10).
SINGLE = frozenset({"signature", "signature-input", "digest", "content-digest", "date", "host"})

LONGEST_KEYID = 2048
_KEYID = re.compile(r"[\x21-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TARGET = re.compile(rb"/[^\x00-\x08\x0a-\x20\x7f#]*")
_METHOD = re.compile(r"[A-Za-z]{1,16}")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Algorithms that say more than "ask the key", with the kind of key that they need and how it verifies.
_NEEDS = {
    "rsa-sha256": ("rsa", "pkcs1"),
    "rsa-v1_5-sha256": ("rsa", "pkcs1"),
    "rsa-pss-sha512": ("rsa", "pss"),
    "ed25519": ("ed25519", "ed25519"),
}
_USUAL = {"rsa": "pkcs1", "ed25519": "ed25519"}


class Incoming(NamedTuple):
    """A request before anything was understood of it.

    `raw_path` is the request target exactly as it stood on the request line, query included and nothing decoded: whoever decodes
    first lets `/a%2fb` pass as `/a/b`. `headers` keep their order and their duplicates.
    """

    method: str
    raw_path: bytes
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    @property
    def signed(self) -> bool:
        """Whether somebody signed it at all, well or badly."""
        return any(name.lower() in ("signature", "signature-input") for name, _ in self.headers)


class Message(NamedTuple):
    """A request that passed the first look: one host, which is ours, and no ambiguous fields."""

    method: str
    target: str  # path and query, one character per byte
    fields: Mapping[str, str]  # names in lower case; several lines of one name are joined as RFC 9110 says
    body: bytes
    scheme: str
    authority: str  # lower case, without the default port

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Claim(NamedTuple):
    """What a signature says, with everything checked that needs no key (security.md B, steps 2 to 5).

    `bases` are the texts that may have been signed, the likelier first. `at` is when it says it was signed.
    """

    keyid: str
    family: Literal["cavage", "rfc9421"]
    algorithm: str  # as stated; empty where the key decides
    at: datetime
    bases: tuple[bytes, ...]
    signature: bytes

    def verify(self, key: PublicKey) -> None:
        """Hold the signature against a key; raises BadSignature (401) if it is not of that key.

        That `key` is the one that `keyid` names, and whose it is, is the caller's to know.
        """
        kind, scheme = _NEEDS.get(self.algorithm) or (key.kind, _USUAL.get(key.kind, ""))
        if kind != key.kind:
            raise BadSignature(WRONG, "The stated algorithm does not fit the key.")
        for base in self.bases:
            if keys.verifies(key, scheme, self.signature, base):
                if base is not self.bases[0]:
                    # Mastodon and GoToSocial accept this as well. The log tells how many peers still need it.
                    log.info("signature without the query", extra={"keyid": self.keyid})
                return
        raise BadSignature(WRONG, "The signature is not that of this key over this request.")


def examine(request: Incoming, *, ours: frozenset[str], scheme: str) -> Message:
    """The first look at a request: sane method, target and fields, and a host that is one of `ours`. Raises BadSignature.

    `ours` are host names, with the port where it is not the default of `scheme`, as they stand in our own addresses.
    """
    method, raw_path, headers, body = request
    if not _METHOD.fullmatch(method):
        raise BadSignature(MALFORMED, "This is not a method.")
    if not _TARGET.fullmatch(raw_path):
        if not raw_path.startswith(b"/") or b"#" in raw_path:
            raise BadSignature(MALFORMED, "The request target is not a path.")
        raise BadSignature(MALFORMED, "The request target holds characters that cannot be there.")
    target = raw_path.decode("latin-1")
    fields = {name.lower(): value.strip(" \t") for name, value in headers}
    if len(fields) < len(headers):
        fields = _joined(headers)
    authority = fields.get("host")
    if authority is None:
        raise BadSignature(MALFORMED, "There is no Host header.")
    if authority not in ours:
        authority = normal(authority, scheme)
        if authority not in ours:
            raise BadSignature(WRONG, "This request is for another host.")
    return Message(method, target, fields, body, scheme, authority)


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Headers of which some have the same name: their lines are joined, where that is allowed."""
    fields: dict[str, str] = {}
    for name, value in headers:
        name, value = name.lower(), value.strip(" \t")
        if name in fields:
            if name in SINGLE:
                raise BadSignature(MALFORMED, f"There are two headers called {name}.")
            value = f"{fields[name]}, {value}"
        fields[name] = value
    return fields


def normal(authority: str, scheme: str) -> str:
    """A host with its port in lower case, without the port that `scheme` implies."""
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))


def field_value(message: Message, name: str) -> str:
    """A field that a signature covers; raises BadSignature (400) where it is missing or could forge lines of the signed text."""
    value = message.fields.get(name)
    if value is None:
        raise BadSignature(MALFORMED, f"The signature covers {name}, which is not there.")
    if not value.isprintable() and _CONTROL.search(value):
        raise BadSignature(MALFORMED, f"The header {name} holds characters that cannot be there.")
    return value


def encode(base: str) -> bytes:
    """The signed text as bytes: header values come with one character per byte. Raises BadSignature (400)."""
    try:
        return base.encode("latin-1")
    except UnicodeEncodeError as wrong:
        raise BadSignature(MALFORMED, "A signed header holds characters that cannot be there.") from wrong


def check_time(at: datetime, now: datetime) -> None:
    """Refuse what was signed too long ago or in the future (security.md row 8, decision 22)."""
    age = now - at
    if age > BACK:
        raise BadSignature(WRONG, "This was signed more than twelve hours ago.")
    if age < -AHEAD:
        raise BadSignature(WRONG, "This was signed in the future.")


def check_expiry(expires: datetime, now: datetime) -> None:
    """Refuse what its signer did not want to hold any longer; the moment is theirs, so no margin is added."""
    if expires < now:
        raise BadSignature(WRONG, "This signature has expired.")


def check_date(message: Message, now: datetime) -> datetime:
    """The moment of the Date header, within the window."""
    at = grammar.date(field_value(message, "date"), now)
    check_time(at, now)
    return at


@lru_cache(1024)
def check_keyid(keyid: object) -> str:
    """A key id that could be an address; what stands behind it is for the caller to find out. Raises BadSignature."""
    if not isinstance(keyid, str) or not keyid:
        raise BadSignature(MALFORMED, "The signature names no key.")
    if len(keyid) > LONGEST_KEYID or not _KEYID.fullmatch(keyid):
        raise BadSignature(MALFORMED, "The signature names no key that could be fetched.")
    return keyid
