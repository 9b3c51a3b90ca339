"""Files in which the house states its own rule for every path (docs/rights.md 2.2, 2.5), for readers that ask for nothing else.

A new file is one function, one row of SITE_CHANNELS and its golden files under tests/golden/rights-site. Each takes the rights of
the house and the names that robots.txt turns away, and gives the text as it is sent.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from server.models import Reservation
from server.rights import Rights
from server.rights.channels.http import RSL
from server.rights.channels.odrl import MEDIA_TYPE, policy

RSL_NAMESPACE = "https://rslstandard.org/rsl"
# For how many days a reader may go by what it read (RSL 1.0).
RSL_DAYS = 7


def robots(rights: Rights, turned_away: Sequence[str]) -> str:
    """robots.txt (RFC 9309) with what grew around it: AIPREF, Content Signals, RSL, and Microsoft's expired draft.

    The order is for weak parsers: User-agent lines follow one another, no group holds an empty line, the narrower rule comes
    before the wider one, lines that not everybody knows come after both, and what belongs to no group comes last. Whoever is
    turned away may still read what the terms are.
    """
    house, signals = rights.subject.house, rights.signals
    terms = f"Terms of each work: its HTTP headers, and {rights.subject.explained}"
    if rights.is_reserved:
        said = f"# Rights reserved under Art. 4(3) Directive (EU) 2019/790. {terms}"
    else:
        said = f"# This server reserves nothing for itself. {terms}"
    no_training = ["DisallowAITraining: /"] if rights.is_reserved else []
    refused: list[str] = []
    if turned_away:
        refused = [f"User-agent: {token}" for token in turned_away]
        refused += ["Allow: /robots.txt", "Allow: /.well-known/", "Allow: /rights", "Disallow: /", *no_training, ""]
    lines = [
        said,
        *refused,
        "User-agent: *",
        "Disallow: /trap/",
        "Allow: /",
        f"Content-Usage: {signals.content_usage}",
        f"Content-Signal: {signals.content_signal}",
        *no_training,
        "",
        f"License: {rights.subject.rsl}",
        f"Sitemap: {house}/sitemap.xml",
    ]
    return "\n".join(lines) + "\n"


def tdmrep(rights: Rights, _: Sequence[str]) -> str:
    """The file of the TDM Reservation Protocol; a policy belongs to a reservation alone."""
    rule = {"location": "/", "tdm-reservation": rights.signals.tdm}
    if rights.is_reserved:
        rule |= {"tdm-policy": rights.subject.policy}
    return json.dumps([rule], indent=1) + "\n"


def tdm_policy(rights: Rights, _: Sequence[str]) -> str:
    """The offer to machines for everything of the house: it assigns, and there is no single target."""
    return json.dumps(policy(rights), indent=1, ensure_ascii=False) + "\n"


def rsl(rights: Rights, _: Sequence[str]) -> str:
    """RSL 1.0: what is permitted and what is prohibited below the house's address."""
    signals = rights.signals
    said = "".join(
        f'<{verb} type="usage">{",".join(usages)}</{verb}>'
        for verb, usages in (("permits", signals.rsl_permits), ("prohibits", signals.rsl_prohibits))
        if usages
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rsl xmlns="{RSL_NAMESPACE}" max-age="{RSL_DAYS}">\n'
        f' <content url="/">\n  <license>{said}</license>\n  <terms>{escape(rights.subject.explained)}</terms>\n </content>\n'
        "</rsl>\n"
    )


def ai_txt(rights: Rights, _: Sequence[str]) -> str:
    """Spawning's file, which is read when something is downloaded for a data set."""
    verb = "Disallow" if rights.is_reserved else "Allow"
    return f"User-Agent: *\n{verb}: /\n{verb}: *\n"


def trust_txt(rights: Rights, _: Sequence[str]) -> str:
    """The line of JournalList's trust.txt that speaks of training; the word knows no kinds of it."""
    return f"datatrainingallowed={'no' if rights.reservation is not Reservation.OPEN else 'yes'}\n"


@dataclass(frozen=True)
class SiteFile:
    """One file: where it lies, as what it is sent, and what stands in it."""

    paths: tuple[str, ...]
    media_type: str
    write: Callable[[Rights, Sequence[str]], str]


TEXT = "text/plain; charset=utf-8"
SITE_CHANNELS: dict[str, SiteFile] = {
    "robots": SiteFile(("/robots.txt",), TEXT, robots),
    "tdmrep": SiteFile(("/.well-known/tdmrep.json",), "application/json", tdmrep),
    "tdm-policy": SiteFile(("/rights/tdm-policy.json",), MEDIA_TYPE, tdm_policy),
    "rsl": SiteFile(("/rights/rsl.xml",), RSL, rsl),
    "ai": SiteFile(("/ai.txt",), TEXT, ai_txt),
    "trust": SiteFile(("/trust.txt", "/.well-known/trust.txt"), TEXT, trust_txt),
}
