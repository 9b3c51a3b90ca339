"""What the gallery asks of other servers while a person waits (decision 23). What goes wrong is one sentence for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from federation.remote import fingers, people, pieces
from federation.remote.documents import Absent, get_document, within
from federation.vocabulary import ACTORS
from server import actors, hosts, origins, posts, throttle
from server.errors import Forbidden, GiveUp, NotFound, Problem, TryLater
from server.models import Actor
from server.site import Site

# security.md, table D: how often one person may have something looked up elsewhere.
TRIES, SECONDS = 30, 5 * 60
VERBS = ("Follow", "Like", "Announce", "Create", "Object")
INTENT = "https://w3id.org/fep/3b86/"
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"
# Names that a template may have for the address it is about.
_PLACES = ("{uri}", "{object}", "{target}", "{inReplyTo}")

NOBODY = "Nobody with this name was found. Look whether it is spelled like @name@server.example."
NOTHING = "Nothing was found at this address."
NOT_WELCOME = "The people who run this server exchange nothing with that one."


class Neighbours:
    """server.site.Network, over federation."""

    async def find_person(self, site: Site, name: str) -> int:
        """The id of the person behind `@name@domain`, or behind an address; read from their server where they are not known."""
        with _for_people(NOBODY), within():
            return (await _person(site, name.strip())).id

    async def find(self, site: Site, words: str, viewer: Actor) -> tuple[str, int]:
        """What a handle or an address names: ("actor" or "post", its row's id). Only people of this house may ask.

        Raises NotFound, Forbidden, TooMany, or a Problem that says that the other server does not answer.
        """
        words = words.strip()
        if not viewer.is_local:
            raise Forbidden("Only people of this server can have something looked up elsewhere.")
        if fingers.parse_handle(words) is not None or words.startswith("@"):
            await _count(site, viewer)
            with _for_people(NOBODY), within():
                return "actor", (await _person(site, words)).id
        with _for_people(NOTHING), within():
            address = origins.canonical(words)
            if site.urls.is_ours(address):
                return await _ours(site, address, viewer)
            await _count(site, viewer)
            return await _address(site, address, viewer)

    async def intent(self, site: Site, home: str, verb: str, subject: str) -> str:
        """Where somebody of `home` (`me@social.example`, or a host alone) does `verb` to `subject` (ux.md 4.1).

        First match wins: WebFinger's FEP-3b86 link for the verb, OStatus' subscribe, FEP-3b86's Object, the address that most
        servers have. Only an address on the host that was asked, or on the one that its WebFinger names; https unless this is a
        test.
        """
        handle = fingers.parse_handle(home)
        if handle is None:
            with _for_people("Type the name of your server, or your whole name there: @me@social.example."):
                host = origins.domain(home.strip().removeprefix("@"))
                if "." not in host and ":" not in host:  # somebody's name, most likely
                    raise Absent("This is no host.")
                return _usual(site, host, subject)
        with _for_people(NOBODY), within():
            try:
                found = await fingers.finger(site, handle)
            except Absent:
                raise
            except GiveUp:  # it answers, only not as we would have it
                return _usual(site, handle.domain, subject)
            allowed = {handle.domain, origins.host(found.actor)}
            wanted = [f"{INTENT}{verb}" if verb in VERBS else "", SUBSCRIBE, f"{INTENT}Object"]
            for rel in filter(None, wanted):
                for named, template in found.links:
                    if named == rel and (address := _filled(site, template, subject, allowed)):
                        return address
            return _usual(site, origins.host(found.actor), subject)

    async def fetch_picture(self, site: Site, url: str, file: Path) -> None:
        """Put the picture at `url` into `file`; its kind is what the other server says, and nobody has looked inside yet."""
        with _for_people("There is no picture at this address."):
            async with site.db.read() as tx:
                unwelcome = await hosts.unwelcome_names(tx)

            def admit(address: str) -> None:
                if not unwelcome.isdisjoint(hosts.names(origins.host(address))):
                    raise Forbidden(NOT_WELCOME)

            await site.transport.download(url, file, admit=admit)


async def _count(site: Site, viewer: Actor) -> None:
    sentence = "You looked up very much elsewhere just now. Wait a few minutes."
    await throttle.check(site, f"resolve:{viewer.id}", TRIES, SECONDS, sentence)


async def _person(site: Site, name: str) -> Actor:
    handle = fingers.parse_handle(name)
    if handle is None:
        if "://" not in name:
            raise Absent(NOBODY)
        return await _met(site, origins.canonical(name))
    short = site.urls.parse_acct(str(handle))
    async with site.db.read() as tx:
        if short is not None:
            return await actors.seen(tx, short, None, None)
        await _check_host(site, handle.domain)
        known = await actors.find(tx, handle.name, handle.domain, actors.in_good_standing())
    if known is not None and known.uri is not None:
        try:
            return await people.actor(site, known.uri)
        except TryLater:
            return known
    found = await fingers.settle(site, handle)
    row = await _met(site, found.actor)
    # The actor's own server must name them as their handle's domain does (security.md row 32).
    if not found.subject.same(fingers.Handle(row.handle, row.domain or "")):
        raise Absent(NOBODY)
    return row


async def _met(site: Site, uri: str) -> Actor:
    """The person; where nobody here knew them, their latest posts follow."""
    await _check_host(site, origins.host(uri))
    async with site.db.read() as tx:
        is_known = await actors.by_uri(tx, uri) is not None
    row = await people.actor(site, uri)
    if not is_known and row.uri is not None:
        async with site.db.write() as tx:
            await pieces.queue(tx, "outbox", [row.uri])
            await pieces.queue(tx, "featured", [row.uri])
    return row


async def _check_host(site: Site, host: str) -> None:
    async with site.db.read() as tx:
        if await hosts.is_suspended(tx, host):
            raise Forbidden(NOT_WELCOME)


async def _ours(site: Site, address: str, viewer: Actor) -> tuple[str, int]:
    """An address of this very server: nothing is fetched, and only what the viewer may see is found (row 34)."""
    async with site.db.read() as tx:
        if handle := site.urls.parse_actor(address):
            return "actor", (await actors.seen(tx, handle, None, viewer)).id
        return "post", (await posts.get(tx, site.urls.parse_post(address) or 0, viewer)).id


async def _address(site: Site, address: str, viewer: Actor) -> tuple[str, int]:
    await _check_host(site, origins.host(address))
    async with site.db.read() as tx:
        person = await actors.by_uri(tx, address)
    if person is not None:
        return "actor", (await _met(site, address)).id
    row = await pieces.known(site, address)
    if row is None:
        document = await get_document(site, address)
        if document.get("type") in ACTORS:
            return "actor", (await _met(site, str(document["id"]))).id
        row = await pieces.post(site, str(document["id"]))
    if row is None:
        raise Absent(NOTHING)
    async with site.db.read() as tx:
        return "post", (await posts.get(tx, row.id, viewer)).id


def _usual(site: Site, host: str, subject: str) -> str:
    return f"{fingers.schemes(site)[0]}://{host}/authorize_interaction?uri={quote(subject, safe='')}"


def _filled(site: Site, template: str, subject: str, allowed: set[str]) -> str:
    """The address that a template gives, where it leads to one of the allowed hosts, else empty."""
    for place in _PLACES:
        template = template.replace(place, quote(subject, safe=""))
    if "{" in template or "}" in template or quote(subject, safe="") not in template:
        return ""
    try:
        address = origins.canonical(template)
    except GiveUp:
        return ""
    scheme = urlsplit(address).scheme
    return address if scheme in fingers.schemes(site) and origins.host(address) in allowed else ""


@contextmanager
def _for_people(nothing: str) -> Iterator[None]:
    """Turn what goes wrong on the network into a sentence for whoever waits."""
    try:
        yield
    except TryLater as later:
        raise Problem(
            f"{str(later).rstrip('.')}. Look whether its name is spelled right, or try again later."
        ) from later
    except Absent as absent:
        raise NotFound(nothing) from absent
    except GiveUp as wrong:
        raise NotFound(f"{nothing} ({wrong})") from wrong
