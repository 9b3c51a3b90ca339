"""draft-cavage-http-signatures-12, as the fediverse speaks it: what nearly every peer sends and understands."""

import binascii
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from federation.signatures import digests, grammar, outgoing
from federation.signatures.refusal import MALFORMED, WRONG, BadSignature
from federation.signatures.request import (
    Claim,
    Message,
    check_date,
    check_expiry,
    check_keyid,
    check_time,
    encode,
    field_value,
)

# "hs2019" means "ask the key"; the fediverse reads it as rsa-sha256 for RSA keys.
ALGORITHMS = ("rsa-sha256", "hs2019", "")
MOST_COVERED = 64


def sign(
    method: str,
    url: str,
    body: bytes | None,
    key: RSAPrivateKey,
    key_id: str,
    now: datetime,
    *,
    with_query: bool = True,
) -> dict[str, str]:
    """The headers that sign a request: Host, Date, Digest where there is a body, Signature. Exactly as federation.md 6.1 says.

    `now` must be the moment of sending: some receivers tolerate one minute. `url` must be in canonical form (ValueError).
    Peers disagree about the query: it is signed unless `with_query` is false, which is worth one attempt after a 401.
    """
    address = outgoing.split(url)
    target = address.target if with_query else address.target.partition("?")[0]
    headers = {"Host": address.authority, "Date": grammar.http_date(now)}
    covered = "(request-target) host date"
    base = f"(request-target): {method.lower()} {target}\nhost: {headers['Host']}\ndate: {headers['Date']}"
    if body is not None:
        headers["Digest"] = digests.digest(body)
        covered += " digest"
        base += f"\ndigest: {headers['Digest']}"
    signature = binascii.b2a_base64(key.sign(base.encode(), PKCS1v15(), SHA256()), newline=False).decode()
    # One line without a space after a comma and with the algorithm: parsers out there split and compare naively.
    headers["Signature"] = f'keyId="{key_id}",algorithm="rsa-sha256",headers="{covered}",signature="{signature}"'
    return headers


def read(message: Message, now: datetime) -> Claim:
    """What the Signature header of a request claims; raises BadSignature unless it covers enough and is of these hours."""
    fields = message.fields
    stated = grammar.parameters(fields["signature"])
    keyid = check_keyid(stated.get("keyid"))
    algorithm = stated.get("algorithm", "").lower()
    if algorithm not in ALGORITHMS:
        raise BadSignature(WRONG, "The algorithm must be rsa-sha256 or hs2019.")
    signature = grammar.base64(stated.get("signature", ""), "The signature")
    if not signature:
        raise BadSignature(MALFORMED, "The signature is empty.")
    # What the draft takes where nothing is listed; it never suffices here.
    covered, text = _covered(stated.get("headers", "(created)"))
    _check_body(message, covered)
    at = _check_times(message, stated, covered, now)
    digests.check(fields, message.body)

    method = message.method.lower()
    values: list[str] = []
    for name in covered:
        if name[0] != "(":
            values.append(field_value(message, name))
        elif name == "(request-target)":
            values.append(f"{method} {message.target}")
        else:
            values.append(_pseudo(stated, algorithm, name))
    bases: tuple[bytes, ...] = (encode(text % tuple(values)),)
    if "?" in message.target:
        values[covered.index("(request-target)")] = f"{method} {message.path}"
        bases += (encode(text % tuple(values)),)
    return Claim(keyid, "cavage", algorithm, at, bases, signature)


@lru_cache(256)
def _covered(listed: str) -> tuple[tuple[str, ...], str]:
    """The names that are signed: (request-target), host and a time among them, none twice; and the signed text with a place for
    each value. Peers send few different lists."""
    covered = tuple(listed.lower().split())
    if not covered or len(covered) > MOST_COVERED:
        raise BadSignature(MALFORMED, "The signature covers nothing, or too much.")
    if len(set(covered)) < len(covered):
        raise BadSignature(MALFORMED, "The signature covers something twice.")
    for name in ("(request-target)", "host"):
        if name not in covered:
            raise BadSignature(WRONG, f"The signature does not cover {name}.")
    if "date" not in covered and "(created)" not in covered:
        raise BadSignature(WRONG, "The signature covers neither date nor (created).")
    return covered, "\n".join([f"{name.replace('%', '%%')}: %s" for name in covered])


def _check_body(message: Message, covered: tuple[str, ...]) -> None:
    """Every digest there is must be covered, and with a body there must be one (security.md rows 4 and 5)."""
    there = False
    for name in digests.FIELDS:
        if name in message.fields:
            there = True
            if name not in covered:
                raise BadSignature(WRONG, f"The signature does not cover {name}.")
    if message.body and not there:
        raise BadSignature(WRONG, "The signature does not cover the body: there is no digest.")


def _check_times(message: Message, stated: dict[str, str], covered: tuple[str, ...], now: datetime) -> datetime:
    """Every time that is stated must hold, covered or not; returns the earliest of those that were signed."""
    moments: list[datetime] = []
    if "created" in stated:
        created = grammar.seconds(stated["created"], "created")
        check_time(created, now)
        if "(created)" in covered:
            moments.append(created)
    if "expires" in stated:
        check_expiry(grammar.seconds(stated["expires"], "expires"), now)
    if "date" in message.fields:
        date = check_date(message, now)
        if "date" in covered:
            moments.append(date)
    if not moments:
        raise BadSignature(MALFORMED, "The signature covers a time that is not there.")
    return min(moments)


def _pseudo(stated: dict[str, str], algorithm: str, name: str) -> str:
    """The value of (created) or (expires), which the draft forbids with an algorithm that names a hash."""
    if name in ("(created)", "(expires)") and algorithm != "rsa-sha256" and (value := stated.get(name[1:-1])):
        return value
    raise BadSignature(MALFORMED, f"The signature covers {name}, which is not there.")
