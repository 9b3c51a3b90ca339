"""Readers that others wrote, each asked one question: what does this answer, document or file say of rights?

Every function gives (term, value) pairs as that reader understood them; "-" is what a reader says where it found nothing. None
of them knows anything of the server's own code. img2dataset installs a downloader that is not wanted here, so its documented
rule is written down again.
"""

import http.client
import io
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.robotparser import RobotFileParser

import c2pa
import encypher_c2pa
import extruct
import feedparser
import http_sf
import requests
import robotstxt
from datadiligence.rules import C2PAMetadataRule, TDMRepHeader, XRobotsTagHeader
from lxml import etree, html
from protego import Protego
from pyld import jsonld
from sd_parsers import ParserManager
from urllib3 import HTTPHeaderDict, HTTPResponse

from tests.tools import requires

CONTEXTS = Path(__file__).parents[1] / "contexts"
FILES = {
    "https://www.w3.org/ns/activitystreams": "activitystreams.json",
    "https://w3id.org/security/v1": "security-v1.json",
}
# As it is published on npm, so that its age does not depend on the machine: `make peers` installs it.
EXIFTOOL = Path(__file__).parents[1] / "peers/node/node_modules/exiftool-vendored.pl/bin/exiftool"
NOTHING = "-"
NS = {
    "atom": "http://www.w3.org/2005/Atom",
    "dc": "http://purl.org/dc/elements/1.1/",
    "rsl": "https://rslstandard.org/rsl",
}
REFUSED, ALLOWED = "refused", "allowed"
Pairs = list[tuple[str, str]]


# -- HTTP ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """One answer as `requests` and `http.client` hold it after they read it from a wire."""

    response: requests.Response
    message: http.client.HTTPMessage

    @property
    def text(self) -> str:
        return self.response.content.decode()


def received(status: int, headers: Iterable[tuple[str, str]], body: bytes, url: str) -> Answer:
    """What a client makes of an answer whose header lines are these, in this order."""
    lines = list(headers)
    wire = "".join(f"{name}: {value}\r\n" for name, value in lines).encode("latin-1") + b"\r\n"
    raw = HTTPResponse(io.BytesIO(body), HTTPHeaderDict(lines), status, preload_content=False, decode_content=False)
    response = requests.adapters.HTTPAdapter().build_response(requests.Request("GET", url).prepare(), raw)
    assert response.content == body
    return Answer(response, http.client.parse_headers(io.BytesIO(wire)))


def by_http_sf(answer: Answer) -> Pairs:
    """Content-Usage as a Dictionary of Structured Fields (RFC 9651)."""
    value = answer.response.headers.get("Content-Usage")
    if value is None:
        return [("Content-Usage", NOTHING)]
    found: Any = http_sf.parse(value.encode(), tltype="dictionary")
    return [("Content-Usage", ", ".join(f"{key}={token}" for key, (token, _) in found.items()))]


def by_requests(answer: Answer) -> Pairs:
    """The header fields as such; each must come once, but for Link."""
    found = []
    for name in ("X-Robots-Tag", "tdm-reservation", "tdm-policy"):
        lines = answer.message.get_all(name) or [NOTHING]
        found.append((name, " AND ".join(lines)))
    links = requests.utils.parse_header_links(answer.response.headers.get("Link", ""))
    licences = [link["url"] for link in links if link.get("rel") == "license" and "type" not in link]
    terms = [link["url"] for link in links if link.get("type") == "application/rsl+xml"]
    documents = [link["url"] for link in links if link.get("rel") == "describedby"]
    found += [("Link, license", _one(licences)), ("Link, RSL", _one(terms)), ("Link, describedby", _one(documents))]
    return found


def by_datadiligence(answer: Answer) -> Pairs:
    """Spawning's rules over a response of `requests`, and over the message of `http.client`."""
    found = []
    for name, rule in (("X-Robots-Tag", XRobotsTagHeader()), ("tdm-reservation", TDMRepHeader())):
        said = {rule.is_allowed(response=answer.response), rule.is_allowed(headers=answer.message)}
        found.append((name, " AND ".join(sorted(ALLOWED if one else REFUSED for one in said))))
    return found


def by_img2dataset(answer: Answer) -> Pairs:
    """What the README of img2dataset says it does by default: a picture is left out where an X-Robots-Tag line, after what
    stands before its first colon (which is then taken for the name of a bot), holds one of four words."""
    words = {"noai", "noimageai", "noindex", "noimageindex"}
    for line in answer.message.get_all("X-Robots-Tag") or []:
        name, colon, rest = line.partition(":")
        directives = {word.strip().lower() for word in (rest if colon else line).split(",")}
        if (not colon or name.strip().lower() == "img2dataset") and directives & words:
            return [("X-Robots-Tag", REFUSED)]
    return [("X-Robots-Tag", ALLOWED)]


# -- pages -----------------------------------------------------------------------------------------------------------------
def by_lxml(page: str, url: str) -> Pairs:
    """The meta elements and license links of the head of the page at `url`."""
    tree = html.document_fromstring(page, base_url=url)
    tree.make_links_absolute()
    found = []
    for name in ("robots", "tdm-reservation", "tdm-policy"):
        found.append((f"meta {name}", _one(tree.xpath("//head/meta[@name=$name]/@content", name=name))))
    found.append(("link license", _one(tree.xpath("//head/link[@rel='license' and not(@type)]/@href"))))
    found.append(("link RSL", _one(tree.xpath("//head/link[@rel='license' and @type='application/rsl+xml']/@href"))))
    return found


def visible(page: str) -> str:
    """The text of a page as people see it, with single spaces."""
    body = html.document_fromstring(page).body
    return " ".join(" ".join(body.xpath(".//text()[not(ancestor::script) and not(ancestor::style)]")).split())


def by_extruct(page: str, url: str) -> Pairs:
    """The work in JSON-LD (schema.org), and rel=license as RDFa understands it."""
    found = extruct.extract(page, base_url=url, syntaxes=["json-ld", "rdfa"])
    images = [one for one in found["json-ld"] if "ImageObject" in one.get("@type", [])]
    image: dict[str, Any] = images[0] if len(images) == 1 else {}
    names = ("license", "copyrightNotice", "creditText", "usageInfo", "acquireLicensePage", "digitalSourceType", "name")
    pairs = [(name, str(image.get(name, NOTHING))) for name in names]
    pairs.append(("creator", image.get("creator", {}).get("name", NOTHING)))
    licences = {
        value["@id"]
        for one in found["rdfa"]
        for value in one.get("http://www.w3.org/1999/xhtml/vocab#license", [])
        if not value["@id"].endswith(".xml")
    }
    return [*pairs, ("rel=license (RDFa)", " AND ".join(sorted(licences)) or NOTHING)]


# -- ActivityPub -------------------------------------------------------------------------------------------------------------
TERMS = {
    "license": "http://purl.org/dc/terms/license",
    "rights": "http://purl.org/dc/terms/rights",
    "dataMining": "http://ns.useplus.org/ldf/xmp/1.0/DataMining",
    "tdmReservation": "http://www.w3.org/ns/tdmrep#reservation",
    "xRobotsTag": "https://w3id.org/fep/5e53#xRobotsTag",
}
OF_THE_WORK = {
    "creditText": "http://schema.org/creditText",
    "copyrightNotice": "http://schema.org/copyrightNotice",
    "tdmPolicy": "http://www.w3.org/ns/tdmrep#policy",
    "hasPolicy": "http://www.w3.org/ns/odrl/2/hasPolicy",
    "usageInfo": "http://schema.org/usageInfo",
    "acquireLicensePage": "http://schema.org/acquireLicensePage",
    "digitalSourceType": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/DigitalSourceType",
    "searchableBy": "http://fedibird.com/ns#searchableBy",
}
AS = "https://www.w3.org/ns/activitystreams#"


def _load(address: str, options: dict[str, Any]) -> dict[str, Any]:
    document = json.loads((CONTEXTS / FILES[address]).read_text("utf-8"))
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": address, "document": document}


def expanded(document: str) -> dict[str, Any]:
    """A document with every term as the address that it stands for; contexts come from files, and nothing is fetched."""
    (whole,) = jsonld.expand(json.loads(document), {"documentLoader": _load})
    found: dict[str, Any] = whole
    return found


def by_pyld(node: dict[str, Any], terms: dict[str, str]) -> Pairs:
    """The terms of one expanded object."""
    pairs = []
    for name, iri in terms.items():
        values = [str(one.get("@id", one.get("@value"))) for one in node.get(iri, [])]
        pairs.append((name, " AND ".join(values) or NOTHING))
    return pairs


# -- files of the house ------------------------------------------------------------------------------------------------------
def robots_verdicts(robots: str, url: str, agents: Sequence[str]) -> dict[str, dict[str, str]]:
    """For each parser, what it tells each agent of `url`."""
    protego, stdlib = Protego.parse(robots), RobotFileParser()
    stdlib.parse(robots.splitlines())
    ask = {
        "protego": lambda agent: protego.can_fetch(url, agent),
        "urllib.robotparser": lambda agent: stdlib.can_fetch(agent, url),
        "fast-robotstxt": lambda agent: robotstxt.RobotsMatcher().is_allowed(robots, agent, url),
    }
    return {name: {agent: ALLOWED if verdict(agent) else REFUSED for agent in agents} for name, verdict in ask.items()}


def by_xml(text: str, path: str) -> str:
    """What stands at an XPath in a document; every prefix of NS may be used."""
    return _one([" ".join(found.split()) for found in etree.fromstring(text.encode()).xpath(path, namespaces=NS)])


def by_feedparser(text: str) -> tuple[Any, Any]:
    """The feed, and its only entry."""
    found = feedparser.parse(text)
    assert not found.bozo, found.bozo_exception
    assert len(found.entries) == 1, [entry.title for entry in found.entries]
    return found.feed, found.entries[0]


def feed_pairs(part: Any) -> Pairs:
    """A feed or an entry: what it says as `rights`, and its license links."""
    # RSS says it in two modules, which are one kind of link to this reader.
    licences = list(dict.fromkeys(link.href for link in part.get("links", []) if link.rel == "license"))
    return [("rights", part.get("rights", NOTHING)), ("link license", _one(licences))]


# -- picture files -----------------------------------------------------------------------------------------------------------
FIELDS = {
    "plus:DataMining": "XMP-plus:DataMining",
    "dc:rights": "XMP-dc:Rights",
    "dc:creator": "XMP-dc:Creator",
    "xmpRights:WebStatement": "XMP-xmpRights:WebStatement",
}
FULL_FIELDS = FIELDS | {
    "dc:title": "XMP-dc:Title",
    "xmpRights:UsageTerms": "XMP-xmpRights:UsageTerms",
    "photoshop:Credit": "XMP-photoshop:Credit",
    "cc:license": "XMP-cc:License",
    "Iptc4xmpExt:DigitalSourceType": "XMP-iptcExt:DigitalSourceType",
    "tdm:reservation": "XMP-tdm:Reservation",
    "tdm:policy": "XMP-tdm:Policy",
}
OLD_FIELDS = {"Exif Copyright": "IFD0:Copyright", "Exif Artist": "IFD0:Artist", "IIM by-line": "IPTC:By-line"}


def exiftool() -> Path:
    """The program, or the test is skipped where it is not installed."""
    requires("node", EXIFTOOL.exists())
    return EXIFTOOL


def by_exiftool(files: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Every field of every file, by its exact name and with its exact value; of words of the PLUS vocabulary their last part."""
    command = ["perl", str(exiftool()), "-json", "-G1", "-a", "-n", "-struct", "-validate", "-all", *map(str, files)]
    run = subprocess.run(command, check=True, capture_output=True)
    return {Path(one["SourceFile"]): one for one in json.loads(run.stdout)}


def exif_pairs(found: dict[str, Any], fields: dict[str, str]) -> Pairs:
    """Some fields of one file; a list with one item is that item."""
    pairs = []
    for name, field in fields.items():
        value = found.get(field, NOTHING)
        pairs.append((name, str(value[0] if isinstance(value, list) and len(value) == 1 else value)))
    return pairs


def by_c2pa(data: bytes, media_type: str, root: str = "") -> tuple[str, list[str], dict[str, Any]]:
    """The state, the failures' codes and the assertions of the active manifest; "none" where there is no manifest."""
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    if root:
        settings["trust"] = {"user_anchors": root}
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=c2pa.Context.from_dict(settings)) as reader:
            found = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return "none", [], {}
    active = found["manifests"][found["active_manifest"]]
    results = found.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    assertions = {one["label"]: one["data"] for one in active["assertions"]}
    return found["validation_state"], [one["code"] for one in results], assertions


def by_encypher(file: Path, media_type: str, root: str) -> tuple[str, dict[str, str]]:
    """A second reader of C2PA: the state and the effective uses."""
    found = encypher_c2pa.verify(str(file), media_type, trust_pem=root, telemetry=False)
    uses = {
        name: use["effectiveUse"]
        for one in found["validation_results"]["informational"]
        if one["code"].endswith(".effectiveUse")
        for name, use in one["details"]["entries"].items()
    }
    return found["validation_state"], uses


def by_old_label(data: bytes) -> str:
    """datadiligence over the file itself: it knows the label of C2PA 1.x alone."""
    return ALLOWED if C2PAMetadataRule().is_allowed(body=data) else REFUSED


def generator_of(file: Path) -> str:
    """Which generator sd-parsers finds in a file."""
    found = ParserManager().parse(file)
    return str(found.generator) if found is not None else NOTHING


def uses_of(assertions: dict[str, Any], label: str) -> str:
    """The entries of a training-mining assertion, as `use=word` in the order of the table."""
    return spelled({name.partition(".")[2]: use["use"] for name, use in _entries(assertions, label)})


def spelled(uses: dict[str, str]) -> str:
    """Uses in one line, sorted."""
    return ", ".join(f"{name}={uses[name]}" for name in sorted(uses)) or NOTHING


def _entries(assertions: dict[str, Any], label: str) -> Iterator[tuple[str, Any]]:
    yield from assertions.get(label, {}).get("entries", {}).items()


def _one(values: Sequence[str]) -> str:
    return " AND ".join(values) or NOTHING
