"""References for bench.inbox: what any inbox on this server costs at least, and what a plain one costs.

`bound`: raw ASGI, read the body, one RSA verification with a cached key, rows written together (WAL, FULL), 202 after the commit.
`naive`: Quart, bovine's verifier, one ORM transaction for each activity on async SQLAlchemy.

python -m bench._inboxes bound|naive PORT FOLDER
"""

import asyncio
import base64
import hashlib
import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

from bovine.crypto import build_validate_http_signature
from bovine.crypto.types import CryptographicIdentifier
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, request
from sqlalchemy import LargeBinary, String
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of the plain implementation."""


class Received(Base):
    """What it keeps."""

    __tablename__ = "received"
    id: Mapped[str] = mapped_column(String(500), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


def keys(folder: Path) -> dict[str, str]:
    """Public keys as PEM by key id, written by the bench."""
    found: dict[str, str] = json.loads((folder / "keys.json").read_text())
    return found


def bound(folder: Path) -> Any:
    loaded = {key: load_pem_public_key(pem.encode()) for key, pem in keys(folder).items()}
    database = sqlite3.connect(folder / "bound.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE received (id TEXT PRIMARY KEY, body BLOB)")
    waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
    state: dict[str, asyncio.Task[None] | None] = {"task": None}
    padding, digest = PKCS1v15(), SHA256()

    def commit(batch: list[tuple[str, bytes, asyncio.Future[None]]]) -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT OR IGNORE INTO received VALUES (?, ?)", [(one[0], one[1]) for one in batch])
        database.execute("COMMIT")

    async def write() -> None:
        while waiting:
            batch = waiting[:200]
            del waiting[:200]
            await asyncio.to_thread(commit, batch)
            for _, _, done in batch:
                done.set_result(None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        stated = dict(re.findall(r'(\w+)="([^"]*)"', headers["signature"]))
        made = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert headers["digest"] == made
        text = (
            f"(request-target): post {scope['path']}\nhost: {headers['host']}\ndate: {headers['date']}\n"
            f"digest: {headers['digest']}"
        )
        key: Any = loaded[stated["keyId"]]
        key.verify(base64.b64decode(stated["signature"]), text.encode(), padding, digest)
        activity = json.loads(body)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append((activity["id"], body, done))
        if state["task"] is None or state["task"].done():
            state["task"] = asyncio.create_task(write())
        await done
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def naive(folder: Path) -> Any:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'naive.db'}", pool_size=1, max_overflow=0)
    app = Quart(__name__, static_folder=None)
    known = keys(folder)

    async def retriever(key_id: str) -> Any:
        return CryptographicIdentifier.from_pem(known[key_id], key_id)

    check = build_validate_http_signature(retriever)

    @app.before_serving
    async def begin() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    @app.post("/<path:path>")
    async def inbox(path: str) -> Any:
        if await check(request) is None:
            return "", 401
        activity = json.loads(await request.get_data())
        async with AsyncSession(engine) as session, session.begin():
            session.add(Received(id=activity["id"], body=await request.get_data()))
        return "", 202

    return app


def main() -> None:
    kind, port, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.include_server_header = False
    config.accesslog = None
    config.keep_alive_max_requests = 100_000
    asyncio.run(serve({"bound": bound, "naive": naive}[kind](folder), config))


if __name__ == "__main__":
    main()
