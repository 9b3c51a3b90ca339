"""What those are told who are not let in: why, what the terms are, where to ask. For people, for programs, in plain text."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from server import rights
from server.rights import channels
from server.rights.crawlers import Crawler, Purpose
from server.site import Site
from server.urls import prefers_activity
from web.page import environment

Head = list[tuple[bytes, bytes]]

DOES = {
    Purpose.TRAINING: "collects what it finds for the training of AI",
    Purpose.ANSWERS: "fetches pages for the answers of AI assistants",
    Purpose.SEARCH: "searches for an engine that also feeds AI",
}
POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Refusal:
    """One answer: its status, what it says, and what else has to be known of it."""

    status: int
    title: str
    sentences: tuple[str, ...]
    wait: int = 0  # seconds after which it is worth coming again; 0: it never is
    # The second step of the trap, which only its page carries.
    trap: str = ""


def crawler(found: Crawler, site: Site) -> Refusal:
    """For a declared crawler of a set that this house turns away."""
    by = f" of {found.operator}" if found.operator else ""
    return Refusal(
        403,
        "Not for this crawler",
        (
            f"You call yourself {found.token}{by}, which {DOES[found.set]}. {site.settings.server.name} does not serve it.",
            f"What holds here: {_terms(site)}",
        ),
    )


def trapped(until: float, site: Site, now: float) -> Refusal:
    """For everything from a network whose program followed the trap."""
    end = datetime.fromtimestamp(until, UTC)
    contact = site.settings.server.contact
    return Refusal(
        403,
        "Kept out for a while",
        (
            "A program at your address followed a link that robots.txt forbids and that no person is shown. "
            f"Nothing else is answered there until {end:%d %B %Y, %H:%M} UTC.",
            "If you are a person, somebody you share the address with sent that program. You can still sign in"
            + (f", or write to {contact}." if contact else "."),
            f"What holds here: {_terms(site)}",
        ),
        wait=max(1, round(until - now)),
    )


def hurried(wait: float, what: str) -> Refusal:
    """For whoever asks for more in a minute than this house gives."""
    seconds = max(1, int(wait) + 1)
    return Refusal(
        429,
        "A little slower, please",
        (f"Those were very many {what} in a short time. Wait {seconds} second{'s' if seconds > 1 else ''} and go on.",),
        wait=seconds,
    )


def snare(second: str) -> Refusal:
    """The first page of the trap; `second` is the path that no person is shown and no program may follow."""
    return Refusal(
        200,
        "Nothing to see here",
        (
            "This page is for programs that follow every link and do not read robots.txt. It leads to a second one, which is "
            "hidden; a program that follows it too is kept out for hours.",
            "You need not do anything.",
        ),
        trap=second,
    )


def answer(refusal: Refusal, site: Site, accept: str, path: str) -> tuple[Head, bytes]:
    """Headers and body in the form that was asked for. No cache may keep it: it is for one address or one program alone."""
    house = rights.house(site)
    form = _form(accept, path)
    body = {"html": _html, "json": _json, "text": _text}[form](refusal, site).encode()
    kinds = {"html": "text/html; charset=utf-8", "json": "application/json", "text": "text/plain; charset=utf-8"}
    headers: list[tuple[str, str]] = [
        ("content-type", kinds[form]),
        ("content-length", str(len(body))),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        *channels.http(house),
    ]
    if form == "html":
        headers.append(("content-security-policy", POLICY))
    if refusal.wait:
        headers.append(("retry-after", str(refusal.wait)))
    if site.settings.is_https:
        headers.append(("strict-transport-security", "max-age=63072000"))
    return [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers], body


def _terms(site: Site) -> str:
    return channels.words(rights.house(site)).reservation


def _form(accept: str, path: str) -> str:
    """html, json or text. Who asks for a picture cannot show a page in its place."""
    accept = accept.lower()
    if prefers_activity(accept) or ("json" in accept and "text/html" not in accept):
        return "json"
    if "text/html" in accept or (("*/*" in accept or not accept) and not path.startswith(("/media/", "/elsewhere/"))):
        return "html"
    return "text"


def _links(site: Site) -> Iterable[tuple[str, str, str]]:
    """Where the terms are: a word for programs, a sentence for people, the address."""
    subject = rights.house(site).subject
    yield "terms", "The terms of this server, explained", subject.explained
    yield "offer", "How to ask for consent, for machines (ODRL)", subject.policy
    yield "license", "The terms for machines (RSL)", subject.rsl


def _html(refusal: Refusal, site: Site) -> str:
    return (
        environment()
        .get_template("pages/refused.html")
        .render(
            refusal=refusal, links=[(words, address) for _, words, address in _links(site)], site=site, urls=site.urls
        )
    )


def _json(refusal: Refusal, site: Site) -> str:
    said = {"error": " ".join(refusal.sentences), **{name: address for name, _, address in _links(site)}}
    return json.dumps(said, ensure_ascii=False) + "\n"


def _text(refusal: Refusal, site: Site) -> str:
    lines = [refusal.title, "", *refusal.sentences, "", *(f"{words}: {address}" for _, words, address in _links(site))]
    return "\n".join(lines) + "\n"
