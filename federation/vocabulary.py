"""Words of ActivityPub: types, contexts and media types.

Contexts are well-known addresses plus one map inside the document (FEDERATION.md, rule 7): nobody has to fetch anything of ours
to understand us, and what need not be fetched cannot fail. The map of a document holds the terms that it uses and no others.
"""

from collections.abc import Iterator
from typing import Any

from server.rights import channels

Json = dict[str, Any]

AS2 = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
PUBLIC = f"{AS2}#Public"

ACTIVITY_JSON = "application/activity+json"
LD_JSON = "application/ld+json"
JRD_JSON = "application/jrd+json"
XRD_XML = "application/xrd+xml"

ACTORS = ("Person", "Service", "Group", "Organization", "Application")
ACTIVITIES = (
    "Accept", "Add", "Announce", "Block", "Create", "Delete", "Flag", "Follow", "Like", "Reject", "Remove", "Undo", "Update",
)  # fmt: skip

# What we can do that no property of ours says (FEP-844e); other servers read it in `generator.implements`.
RFC9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
RFC9421_ED25519 = f"{RFC9421}#name-eddsa-using-curve-edwards25"
# Reads works in the `image` dialect and keeps the rights stated in it. Minted once, never changed (decision 26).
READS_IMAGES = "urn:uuid:3be9930b-a675-4d13-91a7-a5a9f1689d94"
IMPLEMENTS = {
    RFC9421: "RFC-9421: HTTP Message Signatures",
    RFC9421_ED25519: "RFC-9421 signatures using the Ed25519 algorithm",
    READS_IMAGES: "Works of art as Image objects with licence and reservation",
}

_SEC = "https://w3id.org/security#"


def _address(uri: str) -> Json:
    return {"@id": uri, "@type": "@id"}


# What the fediverse agreed on outside the ActivityStreams context.
_SOCIAL: Json = {
    "sensitive": "as:sensitive",
    "Hashtag": "as:Hashtag",
    "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
    "toot": "http://joinmastodon.org/ns#",
    "blurhash": "toot:blurhash",
    "focalPoint": {"@id": "toot:focalPoint", "@container": "@list"},
    "discoverable": "toot:discoverable",
    "indexable": "toot:indexable",
    "featured": _address("toot:featured"),
    "featuredTags": _address("toot:featuredTags"),
    "attributionDomains": "toot:attributionDomains",
    "ostatus": "http://ostatus.org#",
    "conversation": "ostatus:conversation",
    # With "#", as every implementation spells it; schema.org itself has "/" there.
    "PropertyValue": "http://schema.org#PropertyValue",
    "value": "http://schema.org#value",
    "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
    "implements": _address("https://w3id.org/fep/844e/implements") | {"@container": "@set"},
    # FEP-1311: what a file must be once it is there.
    "size": "https://joinpeertube.org/ns#size",
    "digestMultibase": {"@id": f"{_SEC}digestMultibase", "@type": f"{_SEC}multibase"},
    # FEP-5711: which property of what a collection is.
    **{name: _address(f"https://w3id.org/fep/5711#{name}") for name in (
        "likesOf", "sharesOf", "repliesOf", "outboxOf", "followersOf", "followingOf",
    )},
}  # fmt: skip
# FEP-521a. The words of Controlled Identifiers, here instead of by their address: not every reader has that one at hand.
_KEYS: Json = {
    "assertionMethod": _address(f"{_SEC}assertionMethod") | {"@container": "@set"},
    "Multikey": f"{_SEC}Multikey",
    "controller": _address(f"{_SEC}controller"),
    "publicKeyMultibase": {"@id": f"{_SEC}publicKeyMultibase", "@type": f"{_SEC}multibase"},
}
# FEP-8b32. Without the `@graph` of the published context, which readers of JSON-LD 1.0 refuse together with the whole document.
_PROOF: Json = {
    "proof": _address(f"{_SEC}proof"),
    "DataIntegrityProof": f"{_SEC}DataIntegrityProof",
    "cryptosuite": f"{_SEC}cryptosuite",
    "created": {"@id": "http://purl.org/dc/terms/created", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
    "proofPurpose": {"@id": f"{_SEC}proofPurpose", "@type": "@vocab"},
    "assertionMethod": _KEYS["assertionMethod"],
    "verificationMethod": _address(f"{_SEC}verificationMethod"),
    "proofValue": {"@id": f"{_SEC}proofValue", "@type": f"{_SEC}multibase"},
}
TERMS: Json = _SOCIAL | _KEYS | _PROOF | channels.CONTEXT | channels.CONTEXT_OF_ACTORS
# Terms that the security context explains.
_SECURED = {"publicKey", "publicKeyPem", "owner"}

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


def context(part: Json, *, proved: bool = False) -> list[Any]:
    """The `@context` that gives each term in `part` its meaning, and those of a proof where one will be added."""
    used = set(_words(part)) | (set(_PROOF) if proved else set())
    wanted = [name for name in TERMS if name in used]
    prefixes = {_prefix(TERMS[name]) for name in wanted} & set(TERMS)
    given: list[Any] = [AS2, *([SECURITY] if used & _SECURED else [])]
    inside = {name: meaning for name, meaning in TERMS.items() if name in wanted or name in prefixes}
    return [*given, inside] if inside else given


def _words(value: Any) -> Iterator[str]:
    """Every term and type in a document."""
    if isinstance(value, dict):
        for term, inner in value.items():
            yield term
            if term == "type" and isinstance(inner, str):
                yield inner
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def _prefix(meaning: Any) -> str:
    return str(meaning["@id"] if isinstance(meaning, dict) else meaning).partition(":")[0]
