"""HTTP headers on everything that carries or describes a work (docs/rights.md 2.3)."""

from server.rights import Rights

Header = tuple[str, str]
RSL = "application/rsl+xml"


def http(rights: Rights, *, listed: bool = True) -> list[Header]:
    """The headers, in this order; `Link` may come several times.

    Content-Usage is a Dictionary (RFC 9651) of the AIPREF drafts. X-Robots-Tag is one line in lower case without a directive that
    holds a colon: readers are known that ignore all of it then. Links are RFC 8288. What is not `listed` is for one person, and
    no search engine may list it, whatever the work says.
    """
    signals, subject = rights.signals, rights.subject
    headers = [("Content-Usage", signals.content_usage), ("tdm-reservation", str(signals.tdm))]
    if subject.policy:
        headers.append(("tdm-policy", subject.policy))
    robots = signals.x_robots_tag
    if not listed and "noindex" not in robots:
        robots = f"{robots}, noindex" if robots else "noindex"
    if robots:
        headers.append(("X-Robots-Tag", robots))
    if rights.licence_uri:
        headers.append(("Link", f'<{rights.licence_uri}>; rel="license"'))
    if subject.rsl:
        headers.append(("Link", f'<{subject.rsl}>; rel="license"; type="{RSL}"'))
    if subject.document:
        headers.append(("Link", f'<{subject.document}>; rel="describedby"; type="application/activity+json"'))
    return headers
