"""The post office: ActivityPub, in and out."""

from quart import Quart

from federation import discovery, inbox, routes

BLUEPRINTS = (
    discovery.blueprint,  # /.well-known/… · /nodeinfo/…
    routes.blueprint,  # /users/<name> and its collections · /works/<id> · /notes/<id> · inboxes
)


def mount(app: Quart) -> None:
    """Hang the machine-readable addresses into `app`; the site must be in `app.extensions["site"]`."""
    app.extensions["intake"] = inbox.Intake(app.extensions["site"])
    app.extensions["reader"] = inbox.reader
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


__all__ = ["BLUEPRINTS", "mount"]
