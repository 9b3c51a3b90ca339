"""Files that programs ask a site for unasked: the house's rule for crawlers in all their languages, and the sitemap."""

from collections.abc import Awaitable, Callable, Iterable
from xml.sax.saxutils import escape

from quart import Blueprint, Response

from server import rights, sitemaps
from server.errors import NotFound
from server.rights import crawlers
from server.rights.channels.site import SITE_CHANNELS, SiteFile
from server.sitemaps import Entry
from web.answers import send
from web.auth import machine
from web.current import site

blueprint = Blueprint("machines", __name__)

SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
XML = "application/xml; charset=utf-8"
# Seconds for which caches may keep these: what an administrator changes holds soon, and crawlers ask often.
FRESH = 600


# -- the house's rule ----------------------------------------------------------------------------------------------------
def _view(file: SiteFile) -> Callable[[], Awaitable[Response]]:
    """The view of one file. They also answer under the handle domain where they lie below `/.well-known/`."""

    async def view() -> Response:
        house, settings = rights.house(site()), site().settings
        turned_away = [crawler.token for crawler in crawlers.blocked(settings)]
        return send(file.write(house, turned_away), file.media_type, house, seconds=FRESH)

    return machine(view)


for _name, _file in SITE_CHANNELS.items():
    for _number, _path in enumerate(_file.paths):
        blueprint.add_url_rule(_path, f"{_name}-{_number}", _view(_file))


# -- sitemap -------------------------------------------------------------------------------------------------------------
@blueprint.get("/sitemap.xml")
@machine
async def sitemap() -> Response:
    """The index of all parts."""
    async with site().db.read() as tx:
        starts = await sitemaps.parts(tx)
    addresses = [site().urls.page(f"/sitemap/{name}.xml") for name in (*(["people"] if starts else []), *starts)]
    inside = "".join(f"<sitemap><loc>{escape(address)}</loc></sitemap>\n" for address in addresses)
    return _xml(f'<sitemapindex xmlns="{SITEMAPS}">\n{inside}</sitemapindex>\n')


@blueprint.get("/sitemap/people.xml")
@machine
async def sitemap_of_people() -> Response:
    """The profiles of everybody who shows works."""
    async with site().db.read() as tx:
        return _urlset(await sitemaps.people(tx, site()))


@blueprint.get("/sitemap/<id:start>.xml")
@machine
async def sitemap_of_works(start: int) -> Response:
    """One part: works from the one with that id on."""
    async with site().db.read() as tx:
        if start not in await sitemaps.parts(tx):  # the index names those that there are, and no others
            raise NotFound
        return _urlset(await sitemaps.works(tx, site(), start))


def _urlset(entries: Iterable[Entry]) -> Response:
    inside = "".join(
        f"<url><loc>{escape(entry.url)}</loc><lastmod>{entry.changed:%Y-%m-%dT%H:%M:%SZ}</lastmod></url>\n"
        for entry in entries
    )
    return _xml(f'<urlset xmlns="{SITEMAPS}">\n{inside}</urlset>\n')


def _xml(inside: str) -> Response:
    return send(f'<?xml version="1.0" encoding="UTF-8"?>\n{inside}', XML, seconds=FRESH)
