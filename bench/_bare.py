"""The reference: one Quart route with constant bytes, on the same server with the same settings as the house."""

import asyncio
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response

app = Quart(__name__, static_folder=None)
BODY = b"x" * 2000


@app.get("/")
async def bare() -> Response:
    return Response(BODY, mimetype="text/html")


def main() -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.include_server_header = False
    config.accesslog = None
    config.keep_alive_max_requests = 100_000
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
