"""What bovine makes of our signatures, and signatures of its own, in a program of its own: importing bovine costs 40 MB,
most of a second, and a database of JSON-LD contexts in the working directory.

Reads one JSON object from the standard input, writes one to the standard output; test_second_opinions.py says what is in them.
"""

import asyncio
import json
import sys

from bovine.crypto.http_signature import HttpSignature
from bovine.crypto.multibase import decode_multibase_public_key, encode_public_key_to_multibase
from bovine.crypto.signature_checker import SignatureChecker
from bovine.crypto.types import CryptographicIdentifier, CryptographicSecret


async def main(asked: dict) -> dict:
    identifier = CryptographicIdentifier.from_pem(asked["public_pem"], asked["owner"])
    body = asked["body"].encode()

    async def find(_key_id: str) -> CryptographicIdentifier:
        return identifier

    async def read() -> bytes:
        return body

    headers = {name.lower(): value for name, value in asked["headers"].items()}
    checker = SignatureChecker(find)
    signer = await checker.validate_signature("post", asked["url"], headers, read)

    theirs = HttpSignature()
    for name, value in asked["to_sign"]:
        theirs.with_field(name, value)
    ed25519 = CryptographicSecret.from_pem(asked["ed25519_id"], asked["ed25519_pem"])
    return {
        "signer": signer,
        "signature": theirs.sign_for_http_draft(CryptographicSecret.from_pem(asked["key_id"], asked["private_pem"])),
        "proved": ed25519.sign_document(asked["document"]),
        "multibase": encode_public_key_to_multibase(decode_multibase_public_key(asked["multibase"])),
    }


print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
