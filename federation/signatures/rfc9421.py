"""HTTP Message Signatures (RFC 9421) in the profile of federation.md 6.3.

The RFC leaves to the verifier what a signature must cover. Here: the method, the whole address, the time, and the digest of a
body.
One signature per request: with two, readers would have to agree which one speaks (security.md row 10).
"""

import binascii
import re
from collections.abc import Sequence
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

# How we and most others write it: as the RFC serialises it, so that nothing has to be written anew to be verified.
_WORDS = r"[\x20\x21\x23-\x5b\x5d-\x7e]*"
_NUMBER = r"[1-9][0-9]{0,14}"
_USUAL = re.compile(
    r"([a-z*][a-z0-9_.*-]*)=(\((\"[a-z@][a-z0-9-]*\"(?: \"[a-z@][a-z0-9-]*\")*)\)"
    rf'((?:;(?:created|expires)={_NUMBER}|;(?:keyid|alg|nonce)="{_WORDS}")*))'
)
_USUAL_PARAMETER = re.compile(rf';([a-z]+)=(?:"({_WORDS})"|({_NUMBER}))')
# What is covered, the parameters, the text that lists both, and the signature.
Stated = tuple[Sequence[str], structured.Parameters, str, bytes]


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
    stated = message.fields.get("signature")
    if stated is None:
        raise BadSignature(MALFORMED, "There is a Signature-Input, but no Signature.")
    covered, params, listed, signature = _usual(message.fields["signature-input"], stated) or _parsed(
        message.fields["signature-input"], stated
    )
    keyid = check_keyid(params.get("keyid"))
    algorithm = params.get("alg", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadSignature(WRONG, "The algorithm is not one that is accepted here.")
    if "tag" in params:
        raise BadSignature(WRONG, "The signature was made for another application.")
    _check_coverage(message, covered)
    at = _check_times(message, params, covered, now)
    digests.check(message.fields, message.body)
    return Claim(keyid, "rfc9421", algorithm, at, (base(message, covered, listed),), signature)


def base(message: Message, covered: Sequence[str], listed: str) -> bytes:
    """The signature base of RFC 9421, 2.5: what is signed, with what `written` gives as its last line.

    Raises BadSignature (400) for a component that is not there.
    """
    lines = [f'"{name}": {_component(message, name)}\n' for name in covered]
    return encode("".join(lines) + f'"@signature-params": {listed}')


def _usual(stated: str, signature: str) -> Stated | None:
    """What the two headers say where they are written as we write them; None where they are written in any other way.

    One expression reads that in a third of the time of a whole parser, and it stands there as it was signed.
    """
    found = _USUAL.fullmatch(stated) if len(stated) <= structured.LONGEST else None
    if found is None:
        return None
    label, listed, names, text = found.groups()
    params: dict[str, structured.Bare] = {}
    for name, words, number in _USUAL_PARAMETER.findall(text):
        if name in params:
            return None
        params[name] = int(number) if number else words
    begin = f"{label}=:"
    if not signature.startswith(begin) or signature.find(":", len(begin)) != len(signature) - 1:
        return None
    covered = tuple(names[1:-1].split('" "'))
    if len(set(covered)) < len(covered) or len(covered) > structured.MOST:
        return None
    return covered, params, listed, grammar.base64(signature[len(begin) : -1], "The signature")


def _parsed(stated: str, signature: str) -> Stated:
    """The same, however they are written. Raises BadSignature."""
    inputs = structured.dictionary(stated, "Signature-Input")
    signatures = structured.dictionary(signature, "Signature")
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise BadSignature(MALFORMED, "There must be exactly one signature, with one label.")
    [(label, members)] = inputs.items()
    value = signatures[label]
    if not isinstance(members, structured.InnerList):
        raise BadSignature(MALFORMED, "The Signature-Input header does not list what is signed.")
    if not isinstance(value, structured.Item) or not isinstance(value.value, bytes) or value.parameters:
        raise BadSignature(MALFORMED, "The Signature header holds no signature.")
    covered, params = _covered(members), _parameters(members.parameters)
    return covered, params, written(covered, params), value.value


def written(covered: Sequence[str], params: structured.Parameters) -> str:
    """What is covered, and the parameters, as the RFC serialises them."""
    # Names that are there need no escapes.
    names = '"' + '" "'.join(covered) + '"' if covered else ""
    return f"({names}){structured.serialise(params)}"


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


def _check_coverage(message: Message, covered: Sequence[str]) -> None:
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


def _check_times(message: Message, params: structured.Parameters, covered: Sequence[str], now: datetime) -> datetime:
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
