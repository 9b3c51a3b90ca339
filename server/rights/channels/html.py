"""What stands in the head of a page that shows a work: meta elements, links, and schema.org (docs/rights.md 2.3)."""

from typing import Any

from server.models import SourceType
from server.rights import Rights, sentence
from server.rights.channels.http import RSL

Json = dict[str, Any]

# schema.org has members of its own for what the IPTC vocabulary tells apart more finely (digitalSourceType).
SCHEMA_SOURCES: dict[SourceType, str] = {
    SourceType.DIGITAL_CREATION: "DigitalArtDigitalSource",
    SourceType.DIGITAL_CAPTURE: "DigitalCaptureDigitalSource",
    SourceType.HUMAN_EDITS: "MinorHumanEditsDigitalSource",
    SourceType.PRINT: "PrintDigitalSource",
    SourceType.POSITIVE_FILM: "PositiveFilmDigitalSource",
    SourceType.NEGATIVE_FILM: "NegativeFilmDigitalSource",
    SourceType.COMPOSITE: "CompositeDigitalSource",
    SourceType.COMPOSITE_CAPTURE: "CompositeCaptureDigitalSource",
    SourceType.SCREEN_CAPTURE: "ScreenCaptureDigitalSource",
    SourceType.ALGORITHMIC_MEDIA: "AlgorithmicMediaDigitalSource",
    SourceType.COMPOSITE_WITH_GENERATOR: "CompositeWithTrainedAlgorithmicMediaDigitalSource",
    SourceType.GENERATOR: "TrainedAlgorithmicMediaDigitalSource",
}


def head(rights: Rights) -> Json:
    """`meta`: name and content; `links`: attributes of `link` elements. Templates only write them down.

    Large previews are allowed in the page alone: in X-Robots-Tag a colon would hide everything beside it from some readers.
    """
    signals, subject = rights.signals, rights.subject
    robots = signals.x_robots_tag
    if not rights.is_local and rights.is_indexed:
        # Search engines belong to the author's own page, whatever the tier.
        robots = ", ".join(part for part in (robots, "noindex") if part)
    meta = {"robots": robots, "googlebot": "max-image-preview:large" if rights.is_indexed and rights.is_local else ""}
    meta |= {"tdm-reservation": str(signals.tdm), "tdm-policy": subject.policy}
    links = [{"rel": "license", "href": rights.licence_uri}, {"rel": "license", "type": RSL, "href": subject.rsl}]
    return {
        "meta": {name: content for name, content in meta.items() if content},
        "links": [link for link in links if link["href"]],
    }


def schema_org(rights: Rights) -> Json:
    """A work as an ImageObject (schema.org; what Google Images calls licensable). The page adds `contentUrl` and sizes."""
    subject = rights.subject
    person = {"@type": "Person", "name": rights.holder, "url": subject.profile}
    found: Json = {
        "@context": "https://schema.org",
        "@type": ["ImageObject", "VisualArtwork"],
        "@id": f"{subject.page}#image" if subject.page else "",
        "url": subject.page,
        "name": subject.title,
        "creator": person,
        "copyrightHolder": {"@type": "Person", "name": rights.holder} if rights.terms.claims else "",
        "copyrightYear": rights.year if rights.terms.claims else "",
        "copyrightNotice": sentence(rights),
        "creditText": rights.holder,
        "license": rights.licence_uri,
        "acquireLicensePage": subject.licensing,
        "usageInfo": subject.policy,
        "digitalSourceType": f"https://schema.org/{SCHEMA_SOURCES[rights.source_type]}" if rights.source_type else "",
    }
    return {name: value for name, value in found.items() if value != ""}
