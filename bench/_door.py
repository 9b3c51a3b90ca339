"""A house for `bench.deny`: what `cartellino serve` answers with, with the doorkeeper or without it."""

import asyncio
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

from server.app import build_site, create_app
from server.settings import load
from web import body, guard


def main() -> None:
    app = create_app(build_site(load()))
    layer = app.asgi_app
    assert isinstance(layer, body.Flow) and isinstance(layer.app, guard.Guard)
    if sys.argv[2] == "without":
        layer.app = layer.app.app
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.include_server_header = False
    config.accesslog = None
    config.keep_alive_max_requests = 1_000_000
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
