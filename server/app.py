"""Composition root: builds the Site, mounts the doors, owns JOBS. The only module that knows web and federation."""

from collections.abc import Callable

from quart import Quart
from quart.routing import QuartRule

import federation
import web
from federation import deliver, inbox, outbox, remote
from federation.transport import transport_for
from server import cache, jobs, mail, renditions, stamping, sweep
from server.db import Database
from server.media.orders import Limits
from server.media.pixels import Pixels
from server.media.storage import Disk
from server.settings import Settings
from server.site import Site, secret
from server.urls import Urls
from server.worker import Handlers

JOBS: Handlers = {
    jobs.Render: renditions.render,
    jobs.RenderAvif: renditions.render_avif,
    jobs.Stamp: stamping.stamp,
    jobs.Mail: mail.send,
    jobs.Sweep: sweep.sweep,
    jobs.Process: inbox.process,
    jobs.Federate: outbox.federate,
    jobs.Deliver: deliver.deliver,
    jobs.Fetch: remote.fetch,
    jobs.Cache: cache.cache,
}


def build_site(settings: Settings) -> Site:
    """Everything one house needs, in its data directory; nothing is started and nothing is migrated."""
    for folder in ("", "incoming", "scratch", "files", "mail"):
        (settings.data_dir / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secret(settings.data_dir)
    return Site(
        settings=settings,
        db=Database(settings.database_url, settings.database.pool),
        storage=Disk(settings.data_dir / "files"),
        urls=Urls(settings.base_url, settings.media_url, settings.handle_domain, key),
        pixels=Pixels(
            settings.data_dir / "scratch",
            workers=settings.uploads.parallel,
            limits=Limits(
                pixels=settings.uploads.max_megapixels * 1_000_000,
                heavy_pixels=settings.uploads.max_megapixels * 500_000,
                file_bytes=settings.uploads.max_megabytes * 1_000_000,
            ),
        ),
        transport=transport_for(settings),
        network=remote.Neighbours(),
        secret=key,
    )


def create_app(site: Site) -> Quart:
    """The house's doors: a plain ASGI application."""
    app = Quart("web", static_folder=None, template_folder=None)
    app.url_rule_class = Address
    app.extensions["site"] = site
    federation.mount(app)
    web.mount(app)
    return app


class Address(QuartRule):
    """A rule that is matched and never built: `Urls` alone makes addresses. What Werkzeug compiles for building them is most of
    the time that an application takes to begin."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _never


def _never(*_: object, **__: object) -> tuple[str, str]:
    raise RuntimeError("addresses are made by server.urls")


async def close(site: Site) -> None:
    """Give everything back."""
    await site.transport.close()
    await site.sealers.close()
    await site.pixels.close()
    await site.db.close()
