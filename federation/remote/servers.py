"""What another server runs: NodeInfo (FEP-f1d5), through the same gate as everything else (security.md row 76)."""

import json
import logging
import re
from typing import Any

from sqlalchemy import update

from federation import policy
from federation.remote.documents import ask, within
from federation.remote.fingers import schemes
from server import clock, origins
from server.errors import GiveUp, TryLater
from server.models import Host
from server.site import Site

log = logging.getLogger(__name__)

_REL = re.compile(r"http://nodeinfo\.diaspora\.software/ns/schema/(\d\.\d)")
LONGEST = 200_000


async def nodeinfo(site: Site, host: str) -> None:
    """Read what `host` runs and write it into its row. A server that does not say so is asked again in a week all the same.

    Raises TryLater where it does not answer, GiveUp where it is not to be asked.
    """
    name = origins.domain(host)
    with within():
        try:
            software, version = await _software(site, name)
        except GiveUp as wrong:
            log.info("no NodeInfo", extra={"host": name, "reason": str(wrong)})
            software, version = "", ""
    async with site.db.write() as tx:
        await policy.know(tx, [name])
        said: dict[str, Any] = {"software": software, "version": version, "asked_at": clock.now()}
        row = update(Host).where(Host.name == name).values(**said)
        await tx.execute(row.execution_options(synchronize_session=False))


async def _software(site: Site, name: str) -> tuple[str, str]:
    first: TryLater | None = None
    for scheme in schemes(site):
        try:
            links = (await _json(site, f"{scheme}://{name}/.well-known/nodeinfo")).get("links")
        except TryLater as later:
            first = first or later
            continue
        found = {
            match[1]: link["href"]
            for link in (links if isinstance(links, list) else [])[:20]
            if isinstance(link, dict)
            and (match := _REL.fullmatch(str(link.get("rel"))))
            and isinstance(link.get("href"), str)
        }
        if not found:
            raise GiveUp(f"{name} names no NodeInfo.")
        software = (await _json(site, found[max(found)])).get("software")
        if not isinstance(software, dict):
            raise GiveUp(f"{name} does not say what it runs.")
        return _word(software.get("name"), 60).lower(), _word(software.get("version"), 120)
    raise first or GiveUp(f"{name} cannot be asked.")


async def _json(site: Site, url: str) -> dict[str, Any]:
    reply = await ask(site, url, {"Accept": "application/json"}, signed=False)
    try:
        document = json.loads(reply.body[:LONGEST])
    except (ValueError, RecursionError) as wrong:
        raise GiveUp("NodeInfo cannot be read.") from wrong
    if not isinstance(document, dict):
        raise GiveUp("NodeInfo cannot be read.")
    return document


def _word(value: object, most: int) -> str:
    """A short printable text, or nothing."""
    text = value if isinstance(value, str) else ""
    return "".join(char for char in text if char.isprintable())[:most]
