"""Flag: another server passes on a report about one of ours."""

from federation.handlers import subjects
from federation.handlers.verified import Verified
from server import moderation
from server.errors import GiveUp
from server.models import Post
from server.site import Site

MAX_OBJECTS = 50
MAX_COMMENT = 5000


async def on_flag(site: Site, flag: Verified) -> None:
    """Written down for the moderators. It may name a person and posts of theirs in any order, as strings or objects."""
    reporter = await flag.sender(site)
    listed = flag.activity.raw.get("object")
    things = (listed if isinstance(listed, list) else [listed])[:MAX_OBJECTS]
    uris = [thing.get("id") if isinstance(thing, dict) else thing for thing in things]
    named = [uri for uri in uris if isinstance(uri, str)]
    async with flag.last(site) as tx:
        person, posts = None, []
        for uri in named:
            if (number := await subjects.post_id(tx, site.urls, uri)) and (post := await tx.get(Post, number)):
                posts.append(post)
            elif person is None and site.urls.parse_actor(uri):
                person = await subjects.resident(tx, site.urls, uri)
        if person is None:
            raise GiveUp("It reports nobody of this house.")
        theirs = [post for post in posts if post.author_id == person.id]
        comment = flag.activity.content[:MAX_COMMENT]
        await moderation.report(tx, reporter, person, theirs, comment, uri=flag.activity.id)
