"""Tables only, no logic."""

from server.models.accounts import Account, House, Letter, SignIn, Throttle, Token
from server.models.actors import Actor, Key
from server.models.base import Base, Id, Moment, Word
from server.models.jobs import Job
from server.models.posts import (
    Artwork,
    Gallery,
    Hanging,
    Media,
    Mention,
    Post,
    PostTag,
    Rendition,
    Tag,
)
from server.models.social import Block, Favourite, Follow
from server.models.words import (
    AccountState,
    Audience,
    Kind,
    Licence,
    MediaState,
    Purpose,
    Rating,
    RenditionPurpose,
    Reservation,
    Role,
)

__all__ = [
    "Account",
    "AccountState",
    "Actor",
    "Artwork",
    "Audience",
    "Base",
    "Block",
    "Favourite",
    "Follow",
    "Gallery",
    "Hanging",
    "House",
    "Id",
    "Job",
    "Key",
    "Kind",
    "Letter",
    "Licence",
    "Media",
    "MediaState",
    "Mention",
    "Moment",
    "Post",
    "PostTag",
    "Purpose",
    "Rating",
    "Rendition",
    "RenditionPurpose",
    "Reservation",
    "Role",
    "SignIn",
    "Tag",
    "Throttle",
    "Token",
    "Word",
]
