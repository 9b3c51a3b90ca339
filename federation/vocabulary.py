"""Words of ActivityPub: types, contexts and media types.

Contexts are well-known addresses plus one map inside the document (FEDERATION.md, rule 7): nobody has to fetch anything of
ours to understand us.
"""

from typing import Any

from server.rights import channels

Json = dict[str, Any]

AS2 = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
PUBLIC = f"{AS2}#Public"

ACTIVITY_JSON = "application/activity+json"
JRD_JSON = "application/jrd+json"
XRD_XML = "application/xrd+xml"

# Terms that fediverse software agreed on outside the ActivityStreams context.
_SOCIAL: Json = {
    "sensitive": "as:sensitive",
    "Hashtag": "as:Hashtag",
    "toot": "http://joinmastodon.org/ns#",
    "blurhash": "toot:blurhash",
    "focalPoint": {"@id": "toot:focalPoint", "@container": "@list"},
}
OBJECT_CONTEXT: list[Any] = [AS2, _SOCIAL | channels.CONTEXT]
ACTOR_CONTEXT: list[Any] = [
    AS2,
    SECURITY,
    {
        "toot": "http://joinmastodon.org/ns#",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        # With "#", as every implementation spells it; schema.org itself has "/" there.
        "PropertyValue": "http://schema.org#PropertyValue",
        "value": "http://schema.org#value",
        "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
    }
    | channels.CONTEXT_OF_ACTORS,
]

MEDIA_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
# What every known receiver shows (federation rule 6).
SHARED_FORMATS = ("jpeg", "png", "webp", "gif")
MAX_SIDE = 5000
