"""One renderer per channel: every wire word for rights in the house can be read and judged in this folder.

A new channel is one function, one line in CHANNELS, and what it says in the golden files under tests/golden/rights: each of them
has one licence and one reservation in the words of all channels.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from server.rights import Rights
from server.rights.channels.activitypub import (
    CONTEXT,
    CONTEXT_OF_ACTORS,
    EXTENSIONS,
    HASHTAG,
    activitypub,
    activitypub_actor,
    activitypub_attachment,
)
from server.rights.channels.c2pa import COPY, FULL_SIZE, c2pa
from server.rights.channels.client import client
from server.rights.channels.feeds import atom, json_feed, rss
from server.rights.channels.html import head, schema_org
from server.rights.channels.http import http
from server.rights.channels.odrl import policy
from server.rights.channels.oembed import oembed
from server.rights.channels.page import Words, spelled_out, words
from server.rights.channels.xmp import iptc, xmp, xmp_short

__all__ = [
    "CHANNELS",
    "CONTEXT",
    "CONTEXT_OF_ACTORS",
    "COPY",
    "EXTENSIONS",
    "FULL_SIZE",
    "HASHTAG",
    "Words",
    "activitypub",
    "activitypub_actor",
    "activitypub_attachment",
    "atom",
    "c2pa",
    "client",
    "head",
    "http",
    "iptc",
    "json_feed",
    "oembed",
    "policy",
    "rss",
    "schema_org",
    "spelled_out",
    "words",
    "xmp",
    "xmp_short",
]

# What a channel says is text, or what JSON can hold.
CHANNELS: dict[str, Callable[[Rights], Any]] = {
    "page": lambda rights: asdict(words(rights)),
    "http": http,
    "html": head,
    "schema-org": schema_org,
    "activitypub": activitypub,
    "activitypub-attachment": activitypub_attachment,
    "activitypub-actor": activitypub_actor,
    "policy": policy,
    "client": client,
    "c2pa": c2pa,
    "atom": atom,
    "rss": rss,
    "json-feed": json_feed,
    "oembed": oembed,
    "xmp": xmp,
    "xmp-short": xmp_short,
    "iptc": iptc,
}
