"""Who really sent this: HTTP signatures of both families, and proofs inside documents. Pure: no network, no database, no clock.

Reading a request: `read` does steps 2 to 5 of security.md B and gives a Claim; whoever has found the key of `Claim.keyid` calls
`Claim.verify`. Whether that key's owner may say what the body says is decided by the inbox. Everything that is wrong raises
BadSignature with 400 or 401, and nothing else is ever raised.

Order of reading: refusal, grammar and structured (what headers look like), digests, keys, request (rules that both families
share), cavage, rfc9421, reading; canonical and proofs stand beside them.
"""

from federation.signatures.cavage import sign as sign_cavage
from federation.signatures.keys import public_key, to_multibase
from federation.signatures.proofs import check_proof, proof_method, proof_time, prove
from federation.signatures.reading import read
from federation.signatures.refusal import BadSignature
from federation.signatures.request import AHEAD, BACK, Claim, Incoming
from federation.signatures.rfc9421 import sign as sign_rfc9421

__all__ = [
    "AHEAD",
    "BACK",
    "BadSignature",
    "Claim",
    "Incoming",
    "check_proof",
    "proof_method",
    "proof_time",
    "prove",
    "public_key",
    "read",
    "sign_cavage",
    "sign_rfc9421",
    "to_multibase",
]
