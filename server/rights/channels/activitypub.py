"""Terms in ActivityPub documents (docs/rights.md 2.4)."""

from typing import Any

from server.rights import Rights, sentence

Json = dict[str, Any]
DATA_MINING = "http://ns.useplus.org/ldf/vocab/"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# What people look for who look for works that are reserved; it ends a text in which no term of ours survives.
HASHTAG = "NoAI"
# What our terms mean in ActivityPub documents (docs/rights.md). All are reused; they are defined inside each document,
# since a context that has to be fetched from somewhere can fail. Only terms that some document carries stand here.
CONTEXT: Json = {
    "license": {"@id": "http://purl.org/dc/terms/license", "@type": "@id"},
    "rights": "http://purl.org/dc/terms/rights",
    "schema": "http://schema.org/",
    "creditText": "schema:creditText",
    "copyrightNotice": "schema:copyrightNotice",
    "usageInfo": {"@id": "schema:usageInfo", "@type": "@id"},
    "acquireLicensePage": {"@id": "schema:acquireLicensePage", "@type": "@id"},
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "dataMining": {"@id": "plus:DataMining", "@type": "@id"},
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "digitalSourceType": {"@id": "Iptc4xmpExt:DigitalSourceType", "@type": "@id"},
    "tdm": "http://www.w3.org/ns/tdmrep#",
    "tdmReservation": "tdm:reservation",
    "tdmPolicy": {"@id": "tdm:policy", "@type": "@id"},
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "hasPolicy": {"@id": "odrl:hasPolicy", "@type": "@id"},
    # FEP-5e53 publishes no address for its term; this follows the pattern of the others.
    "xRobotsTag": "https://w3id.org/fep/5e53#xRobotsTag",
    "searchableBy": {"@id": "http://fedibird.com/ns#searchableBy", "@type": "@id"},
}
CONTEXT_OF_ACTORS: Json = {
    "preferredLicense": {"@id": "https://w3id.org/fep/6757#preferredLicense", "@type": "@id"},
    "xRobotsTag": CONTEXT["xRobotsTag"],
}
# What NodeInfo lists as spoken here (FEP-6481).
EXTENSIONS = ("https://w3id.org/fep/6757", "https://w3id.org/fep/5e53")


def activitypub_attachment(rights: Rights) -> Json:
    """For each picture inside a work: readers of FEP-6757 do not look at the parent."""
    return _present(
        {
            "license": rights.licence_uri,
            "rights": sentence(rights),
            "dataMining": DATA_MINING + rights.signals.data_mining,
            "tdmReservation": rights.signals.tdm,
            "xRobotsTag": rights.signals.x_robots_tag,
        }
    )


def activitypub(rights: Rights) -> Json:
    """For a work, as an ActivityPub object; the meaning of the terms is CONTEXT."""
    subject = rights.subject
    return activitypub_attachment(rights) | _present(
        {
            "creditText": rights.holder,
            "copyrightNotice": sentence(rights),
            "tdmPolicy": subject.policy,
            "hasPolicy": subject.policy,
            "usageInfo": subject.policy,
            "acquireLicensePage": subject.licensing,
            "digitalSourceType": SOURCE_TYPE + rights.source_type if rights.source_type else "",
        }
    )


def activitypub_actor(rights: Rights) -> Json:
    """For a person: the licence that their next work starts with. The meaning of the terms is CONTEXT_OF_ACTORS."""
    return _present({"preferredLicense": rights.terms.uri, "xRobotsTag": rights.signals.x_robots_tag})


def _present(terms: Json) -> Json:
    """Without the terms that have nothing to say."""
    return {name: value for name, value in terms.items() if value != ""}
