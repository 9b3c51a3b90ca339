"""The post office: ActivityPub, in and out."""

from functools import partial

from quart import Quart

from federation import discovery, inbox, routes
from federation.intake import Intake

BLUEPRINTS = (
    discovery.blueprint,  # /.well-known/… · /nodeinfo/…
    routes.blueprint,  # /users/<name> and its collections · /works/<id> · /notes/<id> · inboxes
)


def mount(app: Quart) -> None:
    """Hang the machine-readable addresses into `app`; the site must be in `app.extensions["site"]`."""
    app.extensions["intake"] = intake = Intake(app.extensions["site"])
    app.extensions["reader"] = partial(inbox.reader, intake)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.asgi_app = routes.Door(app.asgi_app, app.extensions["site"], intake)  # type: ignore[method-assign]


__all__ = ["BLUEPRINTS", "mount"]
