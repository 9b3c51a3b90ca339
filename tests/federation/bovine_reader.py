"""A reader of the fediverse that we did not write: bovine's client and readers, run as a program of its own.

    python bovine_reader.py http://127.0.0.1:8000 alice

It finds the person by WebFinger, follows everything down to the newest work, and prints what it understood as JSON. bovine.parse
is left alone: importing it asks for contexts over the network and leaves a cache in the working directory.
"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import aiohttp
from bovine.activitystreams.utils import actor_for_object, fediverse_handle_from_actor, is_public, recipients_for_object
from bovine.clients.lookup_account import lookup_with_webfinger
from bovine.crypto.types import CryptographicIdentifier

ACTIVITY = {"Accept": "application/activity+json"}


async def main(base: str, handle: str) -> None:
    async with aiohttp.ClientSession(headers=ACTIVITY) as session:

        async def fetch(address: str) -> dict:
            async with session.get(address, allow_redirects=False) as response:
                assert response.status == 200, (address, response.status)
                assert response.content_type == "application/activity+json"
                return json.loads(await response.read())

        host = urlsplit(base).netloc
        finger = f"{base}/.well-known/webfinger"
        found = await lookup_with_webfinger(session, finger, {"resource": f"acct:{handle}@{host}"})
        data = await fetch(found)
        key = CryptographicIdentifier.from_public_key(data["publicKey"])
        page = await fetch((await fetch(data["outbox"]))["first"])
        work = next(
            one["object"] for one in page["orderedItems"] if one["object"]["type"] == "Image" and one["object"]["tag"]
        )
        fetched = await fetch(work["id"])
        async with session.head(work["id"]) as head:
            head_body = await head.read()
            head_length = int(head.headers["Content-Length"])
    print(
        json.dumps(
            {
                "actor": data["id"],
                "handle": fediverse_handle_from_actor(data),
                "key_owner": key.controller,
                "key_bits": key.public_key.key_size,
                "activities": len(page["orderedItems"]),
                "work": fetched["id"],
                "author": actor_for_object(fetched),
                "public": is_public(fetched),
                "recipients": sorted(recipients_for_object(fetched)),
                "same": {k: v for k, v in fetched.items() if k != "@context"} == work,
                "head": [len(head_body), head_length > 1000],
            }
        )
    )


asyncio.run(main(sys.argv[1], sys.argv[2]))
