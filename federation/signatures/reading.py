"""The one way in for a signed request: whichever family signed it."""

from datetime import datetime

from federation.signatures import cavage, rfc9421
from federation.signatures.refusal import WRONG, BadSignature
from federation.signatures.request import Claim, Incoming, examine


def read(request: Incoming, *, ours: frozenset[str], scheme: str, now: datetime) -> Claim:
    """What the signature of a request claims, after every check that needs no key; `Claim.verify` does the last one.

    `ours` are the host names that a request may be for, with the port where it is not the default one of `scheme`; loopback
    names are none, but for a house whose base URL has one (decision 1). `scheme` is that of our base URL: behind a proxy the
    request itself does not know it. Raises BadSignature (400 or 401) and nothing else, whatever the request holds. A request
    with the headers of both families is one of RFC 9421.
    """
    message = examine(request, ours=ours, scheme=scheme)
    if "signature-input" in message.fields:
        return rfc9421.read(message, now)
    if "signature" in message.fields:
        return cavage.read(message, now)
    raise BadSignature(WRONG, "This request must be signed.")
