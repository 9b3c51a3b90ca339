"""Feeds: what stands in Atom (RFC 4287, RFC 4946), RSS 2.0 with its modules, and JSON Feed 1.1 (docs/rights.md 2.5).

A feed and each of its entries say it for themselves. XML is given as elements that whoever writes the feed only writes down.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from server.rights import Rights, sentence
from server.rights.channels.site import RSL_NAMESPACE

Json = dict[str, Any]

CREATIVE_COMMONS = "https://creativecommons.org/"
NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/",
    "rsl": RSL_NAMESPACE,
    "creativeCommons": "http://backend.userland.com/creativeCommonsRssModule",
}
EACH = "Each work has its own licence"


def of_feed(whole: Rights, entries: Iterable[Rights], holder: str) -> Rights:
    """What a feed says of itself; `whole` is what `together` says of its entries, `holder` whose works they are.

    Where all entries have one licence that is the feed's; else it names none and says so: a reader of the feed alone must not
    take the licence of one work for that of another.
    """
    found = list(entries)
    licences = {(one.licence, one.licence_stated, one.licence_text) for one in found}
    years = [one.year for one in found] or [whole.year]
    held = replace(whole, holder=holder, year=max(years))
    if len(licences) != 1:
        return replace(held, licence_stated=True, licence_text=EACH)
    licence, is_stated, text = licences.pop()
    return replace(held, licence=licence, licence_stated=is_stated, licence_text=text)


def atom(rights: Rights) -> list[Json]:
    """Elements for `feed` and for `entry`."""
    return [
        _element("rights", sentence(rights), type="text"),
        *([_element("link", rel="license", href=rights.licence_uri)] if rights.licence_uri else []),
    ]


def rss(rights: Rights) -> dict[str, list[Json]]:
    """Elements for `channel` and for `item`; their prefixes are those of NAMESPACES. Only a channel has `copyright`."""
    subject, uri = rights.subject, rights.licence_uri
    said = [_element("dc:rights", sentence(rights))]
    if uri:
        said.append(_element("atom:link", rel="license", href=uri))
        deed = rights.terms.deed if uri == rights.terms.uri else uri
        said.append(_element("media:license", rights.licence_name, type="text/html", href=deed))
    said.append(_element("media:copyright", sentence(rights), url=subject.explained))
    if uri.startswith(CREATIVE_COMMONS):
        said.append(_element("creativeCommons:license", uri))
    signals = rights.signals
    usages = [
        _element(f"rsl:{verb}", ",".join(words), type="usage")
        for verb, words in (("permits", signals.rsl_permits), ("prohibits", signals.rsl_prohibits))
        if words
    ]
    said.append(_element("rsl:content", [_element("rsl:license", usages)], url=subject.page))
    return {"channel": [_element("copyright", sentence(rights)), *said], "item": said}


def json_feed(rights: Rights) -> Json:
    """The member that a feed and an item get: names that begin with `_` are extensions (JSON Feed 1.1)."""
    subject, signals = rights.subject, rights.signals
    found = {
        "about": subject.explained,
        "rights": sentence(rights),
        "license": rights.licence_uri,
        "license_name": rights.licence_name,
        "content_usage": signals.content_usage,
        "tdm_reservation": signals.tdm,
        "tdm_policy": subject.policy,
        "robots": signals.x_robots_tag,
    }
    return {"_rights": {name: value for name, value in found.items() if value != ""}}


def _element(name: str, content: str | list[Json] = "", /, **attributes: str) -> Json:
    """`content` is text, or the elements inside."""
    return {"name": name, "attributes": {key: value for key, value in attributes.items() if value}, "content": content}
