"""`cartellino serve` and `cartellino worker`: one process, one loop, a calm end."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys

from hypercorn.asyncio import serve as hypercorn
from hypercorn.config import Config
from quart import Quart

from server import accounts, sweep
from server.site import Site
from server.worker import Handlers, Worker

log = logging.getLogger(__name__)

# Seconds that requests in flight get at the end; hypercorn's own three would cut an upload (P14).
GRACE = 30


class CannotServe(Exception):
    """The address cannot be listened on, or Python runs in a way that is not safe; the text says why."""


async def serve(site: Site, app: Quart, handlers: Handlers) -> None:
    """Answer requests, and run the worker beside them, until SIGTERM or SIGINT. Raises CannotServe."""
    _check_hashing()
    _shout(site)
    server = site.settings.server
    _check_port(server.bind, server.port)
    stopping = _stop_signal()
    worker = Worker(site, handlers)
    working = asyncio.create_task(_work(site, worker)) if site.settings.jobs.inside_serve else None

    config = Config()
    config.bind = [f"[{server.bind}]:{server.port}" if ":" in server.bind else f"{server.bind}:{server.port}"]
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = 5
    config.keep_alive_max_requests = 1000
    config.h11_max_incomplete_size = 32 * 1024
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    answering = asyncio.create_task(hypercorn(app, config, shutdown_trigger=stopping.wait))
    await _announce(site)
    try:
        await asyncio.wait({answering, *({working} if working else ())}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.set()
        await answering
        worker.stop()
        if working:
            await working


async def work(site: Site, handlers: Handlers) -> None:
    """Run the worker alone until SIGTERM or SIGINT. Raises CannotServe."""
    _check_hashing()
    _shout(site)
    stopping = _stop_signal()
    worker = Worker(site, handlers)
    working = asyncio.create_task(_work(site, worker))
    print("Working.", file=sys.stderr, flush=True)
    await stopping.wait()
    worker.stop()
    await working


async def _work(site: Site, worker: Worker) -> None:
    async with site.db.write() as tx:
        await sweep.ensure(tx)
    await asyncio.to_thread(site.pixels.sweep)
    await worker.run()


def _shout(site: Site) -> None:
    """Nobody should have opened the gate of the network without knowing it."""
    if ranges := site.settings.network.private_ranges:
        log.warning("federation may reach addresses that are not public", extra={"ranges": ranges})


async def _announce(site: Site) -> None:
    """The lines that an administrator looks for (decision 1)."""
    async with site.db.read() as tx:
        has_admin = await accounts.has_admin(tx)
    print(f"Address: {site.settings.base_url}", flush=True)
    if not has_admin:
        print(f"Set-up: {site.urls.page('/setup/' + accounts.setup_token(site.secret))}", flush=True)


def _check_hashing() -> None:
    """Whoever knows how Python hashes can send a document whose keys all collide, and one is enough (security.md row 103)."""
    seed = "" if sys.flags.ignore_environment else os.environ.get("PYTHONHASHSEED", "")
    if seed not in ("", "random"):
        raise CannotServe(f"PYTHONHASHSEED is set to {seed[:20]}: strangers could slow this server down. Take it out.")


def _check_port(bind: str, port: int) -> None:
    """Say in one sentence what hypercorn would say in twenty lines."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as wrong:
            reasons = {
                errno.EADDRINUSE: "Something else listens there already; choose another with PORT=…",
                errno.EACCES: "Ports below 1024 need a privilege; choose another with PORT=… and put a proxy in front.",
            }
            reason = reasons.get(wrong.errno or 0, f"{wrong.strerror}.")
            raise CannotServe(f"Cannot listen on {bind}:{port}. {reason}") from wrong


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping
