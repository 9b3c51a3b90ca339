"""HTTP Message Signatures (RFC 9421) in the profile of federation.md 6.3.

The RFC leaves to the verifier what a signature must cover. Here: the method, the whole address, the time, and the digest of a
body.
One signature per request: with two, readers would have to agree which one speaks (security.md row 10).
"""

import binascii
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from federation.signatures import digests, grammar, outgoing, structured
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

ALGORITHMS = ("rsa-v1_5-sha256", "rsa-pss-sha512", "ed25519", "")
PARAMETERS = {"created": int, "expires": int, "nonce": str, "alg": str, "keyid": str, "tag": str}
LABEL = "sig1"
# @target-uri covers the whole address. So do the authority and the request target, in one piece or in parts.
_PARTS = ("@authority", "@path")


def sign(
    method: str,
    url: str,
    body: bytes | None,
    key: RSAPrivateKey | Ed25519PrivateKey,
    key_id: str,
    now: datetime,
) -> dict[str, str]:
    """The headers that sign a request: Host, Content-Digest where there is a body, Signature-Input, Signature.

    `url` must be in canonical form (ValueError).
    """
    address = outgoing.split(url)
    headers = {"Host": address.authority}
    names = '"@method" "@target-uri"'
    base = f'"@method": {method.upper()}\n"@target-uri": {address.url}\n'
    if body is not None:
        headers["Content-Digest"] = digests.content_digest(body)
        names += ' "content-digest"'
        base += f'"content-digest": {headers["Content-Digest"]}\n'
    algorithm = "ed25519" if isinstance(key, Ed25519PrivateKey) else "rsa-v1_5-sha256"
    params = f'({names});created={int(now.timestamp())};keyid="{key_id}";alg="{algorithm}"'
    message = f'{base}"@signature-params": {params}'.encode()
    made = key.sign(message) if isinstance(key, Ed25519PrivateKey) else key.sign(message, PKCS1v15(), SHA256())
    headers["Signature-Input"] = f"{LABEL}={params}"
    headers["Signature"] = f"{LABEL}=:{binascii.b2a_base64(made, newline=False).decode()}:"
    return headers


def read(message: Message, now: datetime) -> Claim:
    """What Signature-Input and Signature of a request claim; raises BadSignature unless they cover enough, and of these hours."""
    if "signature" not in message.fields:
        raise BadSignature(MALFORMED, "There is a Signature-Input, but no Signature.")
    inputs = structured.dictionary(message.fields["signature-input"], "Signature-Input")
    signatures = structured.dictionary(message.fields["signature"], "Signature")
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise BadSignature(MALFORMED, "There must be exactly one signature, with one label.")
    [(label, members)] = inputs.items()
    signature = signatures[label]
    if not isinstance(members, structured.InnerList):
        raise BadSignature(MALFORMED, "The Signature-Input header does not list what is signed.")
    if not isinstance(signature, structured.Item) or not isinstance(signature.value, bytes) or signature.parameters:
        raise BadSignature(MALFORMED, "The Signature header holds no signature.")

    covered = _covered(members)
    params = _parameters(members.parameters)
    keyid = check_keyid(params.get("keyid"))
    algorithm = params.get("alg", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadSignature(WRONG, "The algorithm is not one that is accepted here.")
    if "tag" in params:
        raise BadSignature(WRONG, "The signature was made for another application.")
    _check_coverage(message, covered)
    at = _check_times(message, params, covered, now)
    digests.check(message.fields, message.body)
    return Claim(keyid, "rfc9421", algorithm, at, (base(message, covered, params),), signature.value)


def base(message: Message, covered: list[str], params: structured.Parameters) -> bytes:
    """The signature base of RFC 9421, 2.5: what is signed. Raises BadSignature (400) for a component that is not there."""
    # Names that are there need no escapes.
    names = '"' + '" "'.join(covered) + '"' if covered else ""
    lines = [f'"{name}": {_component(message, name)}\n' for name in covered]
    return encode("".join(lines) + f'"@signature-params": ({names}){structured.serialise(params)}')


def _covered(members: structured.InnerList) -> list[str]:
    """The names that are signed; none twice, none with parameters, each a string in lower case (RFC 9421, 2.5)."""
    covered: list[str] = []
    for item in members.items:
        name = item.value
        if not isinstance(name, str) or isinstance(name, structured.Token) or name != name.lower():
            raise BadSignature(MALFORMED, "The Signature-Input header lists something that is no component.")
        if item.parameters:
            raise BadSignature(MALFORMED, "Components with parameters are not accepted here.")
        if name in covered:
            raise BadSignature(MALFORMED, f"The signature covers {name} twice.")
        covered.append(name)
    return covered


def _parameters(parameters: structured.Parameters) -> structured.Parameters:
    for name, value in parameters.items():
        if type(value) is not PARAMETERS.get(name):  # a truth value is an integer to isinstance
            raise BadSignature(MALFORMED, f"The parameter {name} is not one that a signature has.")
    return parameters


def _check_coverage(message: Message, covered: list[str]) -> None:
    """security.md row 11, and rows 4 and 5 for the body."""
    if "@method" not in covered:
        raise BadSignature(WRONG, "The signature does not cover @method.")
    whole = "@target-uri" in covered or ("@authority" in covered and "@request-target" in covered)
    if not whole:
        for name in (*_PARTS, "@query") if "?" in message.target else _PARTS:
            if name not in covered:
                raise BadSignature(WRONG, f"The signature covers neither @target-uri nor {name}.")
    if message.body and "content-digest" not in covered:
        raise BadSignature(WRONG, "The signature does not cover the body: it needs content-digest.")
    for name in digests.FIELDS:
        if name in message.fields and name not in covered:
            raise BadSignature(WRONG, f"The signature does not cover {name}.")


def _check_times(message: Message, params: structured.Parameters, covered: list[str], now: datetime) -> datetime:
    created, expires = params.get("created"), params.get("expires")
    if created is None:
        raise BadSignature(WRONG, "The signature does not say when it was created.")
    at = grammar.moment(int(created), "created")
    check_time(at, now)
    if expires is not None:
        check_expiry(grammar.moment(int(expires), "expires"), now)
    if "date" in covered:
        check_date(message, now)
    return at


def _component(message: Message, name: str) -> str:
    if name[:1] != "@":
        return field_value(message, name)
    if name == "@method":
        return message.method
    if name == "@target-uri":
        return f"{message.scheme}://{message.authority}{message.target}"
    if name == "@authority":
        return message.authority
    if name == "@path":
        return message.path
    if name == "@query":
        return f"?{message.target.partition('?')[2]}"
    if name == "@request-target":
        return message.target
    if name == "@scheme":
        return message.scheme
    raise BadSignature(MALFORMED, f"The signature covers {name}, which no request has.")
