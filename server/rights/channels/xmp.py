"""What a picture file says of itself: an XMP packet, and three fields for readers that are older than XMP (docs/rights.md 2.6).

`credits` is what the uploaded file said of its maker ("creator", "rights", "credit"). Its creator and its credit line are said
on; its rights line is not: a file has one rights line, and what the artist chose here is newer than what a camera or a drawing
program wrote there, and must not be contradicted by it. The row of the picture keeps it.
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from server.media.metadata import tidy
from server.rights import Rights, sentence
from server.rights.channels.activitypub import DATA_MINING, SOURCE_TYPE
from server.rights.channels.odrl import MEDIA_TYPE
from server.rights.sentences import LANGUAGES

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "cc": "http://creativecommons.org/ns#",
    # With a slash, as the report spells it for files; documents of JSON-LD spell it with a hash. Both are right.
    "tdm": "http://www.w3.org/ns/tdmrep/",
}
ODRL = "http://www.w3.org/ns/odrl/2/"
COMMONS = "https://creativecommons.org/"
# The longest copyright line of IPTC-IIM, in bytes (2:116).
LONGEST_NOTICE = 128
Credits = Mapping[str, Any] | None


def xmp(rights: Rights, credits: Credits = None) -> str:
    """The whole packet, with its wrapper: Dublin Core, XMP Rights, IPTC and PLUS, Creative Commons, TDMRep."""
    subject, signals = rights.subject, rights.signals
    said = _sentences(rights)
    is_commons = rights.licence_uri.startswith(COMMONS)
    simple = {
        "photoshop:Credit": (credits or {}).get("credit") or rights.holder,
        # True: somebody holds rights; False: the public domain (XMP, part 2).
        "xmpRights:Marked": "True" if rights.terms.claims else "False",
        "xmpRights:WebStatement": subject.explained,
        "plus:DataMining": DATA_MINING + signals.data_mining,
        "Iptc4xmpExt:DigitalSourceType": SOURCE_TYPE + rights.source_type if rights.source_type else "",
        "tdm:reservation": str(signals.tdm),
        "tdm:policy": subject.policy,
        "cc:license": rights.licence_uri if is_commons else "",
        "cc:attributionName": rights.holder if is_commons else "",
        "cc:attributionURL": subject.page if is_commons else "",
    }
    licensor = {"plus:LicensorName": rights.holder, "plus:LicensorURL": subject.licensing}
    expression = {
        "Iptc4xmpExt:LinkedRightsExpr": subject.policy,
        "Iptc4xmpExt:RightsExprEncType": MEDIA_TYPE,
        "Iptc4xmpExt:RightsExprLangId": ODRL,
    }
    parts = [
        _list("dc:creator", "Seq", _creator(rights, credits)),
        _alternatives("dc:title", [("x-default", subject.title)] if tidy(subject.title) else []),
        _alternatives("dc:rights", said),
        _list("xmpRights:Owner", "Bag", rights.holder if rights.terms.claims else ""),
        _alternatives("xmpRights:UsageTerms", said),
        _alternatives("plus:OtherConstraints", said[:1] if rights.is_reserved else []),
        f"<plus:Licensor><rdf:Seq><rdf:li{_attributes(licensor)}/></rdf:Seq></plus:Licensor>",
    ]
    if subject.policy:
        inner = f"<rdf:Bag><rdf:li{_attributes(expression)}/></rdf:Bag>"
        parts.append(f"<Iptc4xmpExt:LinkedEncRightsExpr>{inner}</Iptc4xmpExt:LinkedEncRightsExpr>")
    return _packet(simple, parts)


def xmp_short(rights: Rights, credits: Credits = None) -> str:
    """The least that a small copy says, in at most 1 kB where names are not very long: who, the sentence, where it is explained,
    and what machines may do."""
    simple = {
        "xmpRights:WebStatement": rights.subject.explained,
        "plus:DataMining": DATA_MINING + rights.signals.data_mining,
    }
    parts = [
        _list("dc:creator", "Seq", _creator(rights, credits)),
        _alternatives("dc:rights", _sentences(rights)[:1]),
    ]
    return _packet(simple, parts)


def iptc(rights: Rights, credits: Credits = None) -> dict[str, str]:
    """For old readers of JPEG: Artist and Copyright of Exif, and of IPTC-IIM by-line (2:80), copyright (2:116), credit (2:110).

    The copyright line of IIM holds 128 bytes: where the sentence is longer, its whole parts that fit.
    """
    creator, notice = _creator(rights, credits), tidy(sentence(rights)) or ""
    return {
        "Artist": creator,
        "Copyright": notice,
        "2:80": creator,
        "2:116": _shortened(notice, rights.licence_name),
        "2:110": tidy((credits or {}).get("credit")) or tidy(rights.holder) or "",
    }


def _creator(rights: Rights, credits: Credits) -> str:
    return tidy((credits or {}).get("creator")) or tidy(rights.holder) or ""


def _sentences(rights: Rights) -> list[tuple[str, str]]:
    """(language, sentence): English for everybody, then the artist's language where we speak it."""
    said = [("x-default", sentence(rights))]
    spoken = rights.language.split("-")[0].lower()
    if spoken != "en" and spoken in LANGUAGES:
        said.append((rights.language, sentence(rights, rights.language)))
    return said


def _shortened(notice: str, licence: str) -> str:
    """What fits of the sentence: first without the law that it cites, then without the licence, which takes nothing away from the
    artist, at last cut between words."""
    if len(notice.encode()) > LONGEST_NOTICE:
        notice = notice.split(" (")[0]
    if len(notice.encode()) > LONGEST_NOTICE:
        notice = notice.replace(f" {licence}.", "", 1)
    while len(notice.encode()) > LONGEST_NOTICE:
        # Nothing to cut at is one endless name; then between characters.
        end = notice.rfind(" ")
        notice = notice[: end if end > 0 else len(notice) - 1]
    return notice


def _text(value: object) -> str:
    return escape(tidy(value) or "", {'"': "&quot;"})


def _attributes(said: Mapping[str, Any]) -> str:
    """Simple values stand as attributes, which is a third shorter than elements and read alike (XMP, part 1)."""
    return "".join(f' {name}="{words}"' for name, value in said.items() if (words := _text(value)))


def _list(name: str, kind: str, item: str) -> str:
    words = _text(item)
    return f"<{name}><rdf:{kind}><rdf:li>{words}</rdf:li></rdf:{kind}></{name}>" if words else ""


def _alternatives(name: str, said: list[tuple[str, str]]) -> str:
    inner = "".join(f'<rdf:li xml:lang="{language}">{_text(words)}</rdf:li>' for language, words in said)
    return f"<{name}><rdf:Alt>{inner}</rdf:Alt></{name}>" if inner else ""


def _packet(simple: Mapping[str, Any], parts: list[str]) -> str:
    inner, attributes = "".join(parts), _attributes(simple)
    whole = attributes + inner
    names = {name for name in NAMESPACES if f" {name}:" in whole or f"<{name}:" in whole}
    used = "".join(f' xmlns:{name}="{address}"' for name, address in NAMESPACES.items() if name in names)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{used}{attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="r"?>'
    )
