"""The offer for machines: an ODRL policy in the TDMRep profile (docs/rights.md 2.5)."""

from typing import Any

from server.rights import Rights

Json = dict[str, Any]
MEDIA_TYPE = "application/ld+json"


def policy(rights: Rights) -> Json:
    """What a machine may do with a work, or with everything of the house where there is no work.

    The profile wants no prohibitions in it: "mine only after consent" is how it says no. What is open asks for nothing.
    """
    subject = rights.subject
    permission: Json = {"action": "tdm:mine"}
    if subject.uri:
        permission = {"target": subject.uri} | permission
    if rights.is_reserved:
        permission["duty"] = [{"action": "obtainConsent"}]
    contact = subject.licensing or subject.profile
    return {
        "@context": ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"],
        "@type": "Offer",
        "profile": "http://www.w3.org/ns/tdmrep",
        "uid": subject.policy,
        "assigner": {"uid": subject.actor, "vcard:fn": rights.holder, "vcard:hasURL": contact},
        "permission": [permission],
    }
