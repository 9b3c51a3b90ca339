"""The post office: ActivityPub. So far it only answers: people, works, notes and galleries can be read from outside."""

from quart import Quart

from federation import discovery, routes

BLUEPRINTS = (
    discovery.blueprint,  # /.well-known/… · /nodeinfo/…
    routes.blueprint,  # /users/<name> and its collections · /works/<id> · /notes/<id>
)


def mount(app: Quart) -> None:
    """Hang the machine-readable addresses into `app`; the site must be in `app.extensions["site"]`."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


__all__ = ["BLUEPRINTS", "mount"]
