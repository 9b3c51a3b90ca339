"""The objects of the fediverse: people and their collections, works, notes, boosts, conversations, pictures.

Whoever signs a request reads what that person may see; everybody else what a stranger may see. A reader that prefers HTML is sent
to the page.
"""

from federation.routes import inboxes, people, posts
from federation.routes.desk import blueprint
from federation.routes.inboxes import Door

__all__ = ["Door", "blueprint", "inboxes", "people", "posts"]
