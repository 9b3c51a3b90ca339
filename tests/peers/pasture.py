"""The six probe actors of fediverse-pasture at https://pasture.test, as a program of its own: python pasture.py

It leaves its keys and a cache in the working directory, prints the port it listens on (plain HTTP, see front.py) and ends
with its standard input.
"""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import aiohttp
from bovine.jsonld import jsonld
from fediverse_pasture.data_provider import DataProvider, bovine_actor_for_actor_data
from fediverse_pasture.runner import ActivitySender
from fediverse_pasture.server.image_provider_blueprint import image_provider_blueprint
from fediverse_pasture.verify_actor import build_app
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, request

NAME = "pasture.test"
CONTEXTS = Path(__file__).parent.parent / "contexts"
KNOWN = {
    "https://www.w3.org/ns/activitystreams": CONTEXTS / "activitystreams.json",
    "https://w3id.org/security/v1": CONTEXTS / "security-v1.json",
}


def context(address: str, options: Any = None) -> dict[str, Any]:
    """A JSON-LD context without a network; of those we do not have nothing that pasture asks for depends."""
    found = json.loads(KNOWN[address].read_text()) if address in KNOWN else {"@context": {}}
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": address, "document": found}


async def send(by: str, whom: str, examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Notes of the probe `by`, changed as the examples say, posted to the inbox of `whom`: for each `status` and `activity`."""
    probe = next(one for one in DataProvider.load().possible_actors if one.actor_name == by)
    sender, actor = bovine_actor_for_actor_data(f"https://{NAME}/{by}", probe)
    async with aiohttp.ClientSession() as session:
        await sender.init(session=session)
        inbox = (await sender.get(whom))["inbox"]
        return [await deliver(sender, inbox, create(sender, actor, whom, example)) for example in examples]


def create(sender: Any, actor: Any, whom: str, example: dict[str, Any]) -> dict[str, Any]:
    """A Create of the note that an example describes, addressed to `whom` as well."""
    maker = ActivitySender.for_actor(sender, actor)
    maker.init_create_note(lambda note: {**note, **example})
    note = {**(maker.note or {})}
    note["to"] = [*note["to"], whom] if isinstance(note.get("to"), list) else note.get("to")
    made: dict[str, Any] = maker.activity_factory.create(note, id=maker.make_id(activity=True)).build()
    made["@context"] = note.get("@context", [made["@context"], {"Hashtag": "as:Hashtag", "sensitive": "as:sensitive"}])
    return made


async def deliver(sender: Any, inbox: str, activity: dict[str, Any]) -> dict[str, Any]:
    try:
        status = (await sender.post(inbox, data=activity)).status
    except aiohttp.ClientResponseError as error:
        status = error.status
    return {"status": status, "activity": activity}


def with_orders(app: Quart) -> Quart:
    """The probes, the pictures that examples speak of, and a door through which `send` is ordered."""
    app.register_blueprint(image_provider_blueprint, url_prefix="/images")

    @app.post("/send")
    async def ordered() -> list[dict[str, Any]]:
        return await send(**(await request.get_json()))

    return app


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


async def main() -> None:
    # The one that aiohttp takes where aiodns is installed asks name servers, past what loopback/ arranges.
    aiohttp.connector.DefaultResolver = aiohttp.ThreadedResolver
    jsonld.set_document_loader(context)
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.loglevel = "WARNING"
    listening = config.create_sockets().insecure_sockets[0]
    listening.listen()  # now, because the line below says that it does
    port = listening.getsockname()[1]
    config.bind = [f"fd://{listening.detach()}"]
    app = with_orders(build_app(False, NAME, True, 20))

    async def behind_tls(scope: Any, receive: Any, send: Any) -> None:
        # It writes its ids from what the request says; TLS ended at the front.
        await app({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)

    threading.Thread(target=_end_with_stdin, daemon=True).start()
    print(json.dumps({"doors": port}), flush=True)
    await serve(behind_tls, config)


if __name__ == "__main__":
    asyncio.run(main())
