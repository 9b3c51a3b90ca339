"""How others find people and learn what runs here: WebFinger (RFC 7033), host-meta (RFC 6415), NodeInfo 2.0 and 2.1."""

from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from quart import Blueprint, Response, request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from federation import render
from federation.answers import answer, conditional, machine, on_problem, resident, send, site
from federation.vocabulary import ACTIVITY_JSON, AS2, JRD_JSON, MEDIA_TYPES, XRD_XML, Json
from server import actors, clock, posts, release
from server.errors import Invalid, NotFound, Problem
from server.media import sealing
from server.models import Account, Actor, Kind, Post, SignIn
from server.rights import channels
from server.site import Site
from server.urls import Urls

blueprint = Blueprint("discovery", __name__)
blueprint.after_request(conditional)
blueprint.register_error_handler(Problem, on_problem)

NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/"
PROFILE_PAGE = "http://webfinger.net/rel/profile-page"
# FEP-3b86: what somebody elsewhere may ask of this house's people, and the parameter that names what it is about.
INTENTS = {"Follow": "object", "Like": "object", "Announce": "object", "Create": "inReplyTo", "Object": "object"}
# Numbers of NodeInfo may be this old, in seconds: they are counted anew for each answer.
COUNTED = 600


@blueprint.get("/.well-known/webfinger")
@machine
async def webfinger() -> Response:
    resource = request.args.get("resource", "")
    if not resource:
        raise Invalid("Say whom you look for: ?resource=acct:name@domain.")
    if resource.removeprefix("acct:").lower() in names_of_house(site().urls):
        return answer(house_jrd(site().urls, request.args.getlist("rel")), JRD_JSON)
    handle = site().urls.parse_acct(resource) or site().urls.parse_actor(resource)
    if handle is None:
        raise NotFound
    async with site().db.read() as tx:
        person = await resident(tx, handle)
    return answer(jrd(person, site().urls, request.args.getlist("rel")), JRD_JSON)


def jrd(person: Actor, urls: Urls, wanted: list[str]) -> Json:
    """Who `person` is; `wanted` narrows the links to these relations, if any are named (RFC 7033, section 4.3)."""
    links: list[Json] = [
        {"rel": "self", "type": ACTIVITY_JSON, "href": urls.actor(person)},
        {"rel": PROFILE_PAGE, "type": "text/html", "href": urls.profile(person)},
    ]
    if face := render.face_of(person):
        avatar = {"type": MEDIA_TYPES[face.format], "href": urls.rendition(face)}
        links.append({"rel": "http://webfinger.net/rel/avatar", **avatar})
    # Where this person's own server lets them act on what they found elsewhere.
    landing = urls.page("/authorize_interaction?uri=")
    links.append({"rel": "http://ostatus.org/schema/1.0/subscribe", "template": f"{landing}{{uri}}"})
    links += [
        {"rel": f"https://w3id.org/fep/3b86/{intent}", "template": f"{landing}{{{about}}}&intent={intent}"}
        for intent, about in INTENTS.items()
    ]
    return {
        "subject": f"acct:{urls.handle(person).removeprefix('@')}",
        "aliases": [urls.profile(person), urls.actor(person)],
        "links": _narrowed(links, wanted),
    }


def names_of_house(urls: Urls) -> set[str]:
    """What the house's own actor is asked for by: its id, its handle, and the house's address itself (FEP-d556)."""
    host = urlsplit(urls.base).netloc
    return {urls.house, urls.base, f"{urls.base}/", f"{host}@{host}"}


def house_jrd(urls: Urls, wanted: list[str]) -> Json:
    """Who the house itself is."""
    host = urlsplit(urls.base).netloc
    links: list[Json] = [
        {"rel": "self", "type": ACTIVITY_JSON, "href": urls.house},
        {"rel": f"{AS2}#Service", "type": ACTIVITY_JSON, "href": urls.house},
        {"rel": PROFILE_PAGE, "type": "text/html", "href": urls.page("/about")},
    ]
    return {"subject": f"acct:{host}@{host}", "aliases": [urls.house], "links": _narrowed(links, wanted)}


def _narrowed(links: list[Json], wanted: list[str]) -> list[Json]:
    return [link for link in links if not wanted or link["rel"] in wanted]


@blueprint.get("/.well-known/host-meta")
@machine
async def host_meta() -> Response:
    template = escape(finger_template(site().urls))
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" type="{JRD_JSON}" template="{template}"/></XRD>\n'
    )
    return send(xml.encode(), XRD_XML, seconds=COUNTED)


@blueprint.get("/.well-known/host-meta.json")
@machine
async def host_meta_json() -> Response:
    link = {"rel": "lrdd", "type": JRD_JSON, "template": finger_template(site().urls)}
    return answer({"links": [link]}, JRD_JSON, seconds=COUNTED)


def finger_template(urls: Urls) -> str:
    """Where WebFinger is asked; also for a handle domain that is not this host's (decision 25)."""
    return f"{urls.base}/.well-known/webfinger?resource={{uri}}"


@blueprint.get("/.well-known/nodeinfo")
@machine
async def nodeinfo_links() -> Response:
    links = [{"rel": NODEINFO + number, "href": site().urls.page(f"/nodeinfo/{number}")} for number in ("2.1", "2.0")]
    return answer({"links": links}, "application/json", seconds=COUNTED)


@blueprint.get("/nodeinfo/<any('2.0', '2.1'):number>")
@machine
async def nodeinfo(number: str) -> Response:
    async with site().db.read() as tx:
        usage = await counted(tx)
    whole = about(number, site(), usage)
    return answer(whole, f'application/json; profile="{NODEINFO}{number}#"', seconds=COUNTED)


def about(number: str, here: Site, usage: Json) -> Json:
    """The NodeInfo document of version `number`. Where files are sealed, others learn here by which root to know the seal."""
    settings = here.settings
    seal = {"c2pa": {"root": here.urls.seal_root}} if sealing.is_installed() else {}
    return {
        "version": number,
        "software": {"name": "cartellino", "version": release.version()},
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": settings.accounts.sign_up != "closed",
        "usage": usage,
        "metadata": {
            "nodeName": settings.server.name,
            "nodeDescription": settings.server.description,
            "signUp": settings.accounts.sign_up,
            "activitypub": {"extensions": list(channels.EXTENSIONS)},
            **seal,
        },
    }


async def counted(tx: AsyncSession) -> Json:
    """How many people there are, how many were seen within 30 and 180 days, and how many posts strangers can read."""
    people = select(func.count(Account.id)).join(Actor, Actor.id == Account.actor_id).where(actors.in_good_standing())

    async def seen(days: int) -> int:
        since = clock.now() - timedelta(days=days)
        query = (
            select(func.count(func.distinct(SignIn.account_id)))
            .join(Account, Account.id == SignIn.account_id)
            .join(Actor, Actor.id == Account.actor_id)
            .where(actors.in_good_standing(), SignIn.seen_at >= since)
        )
        return int(await tx.scalar(query) or 0)

    async def written(*which: Any) -> int:
        own = (Post.uri.is_(None), Post.kind != Kind.BOOST, Post.published_at.is_not(None))
        mine = (*own, posts.visible_to(None))
        return int(await tx.scalar(select(func.count(Post.id)).where(*mine, *which)) or 0)

    return {
        "users": {
            "total": int(await tx.scalar(people) or 0),
            "activeMonth": await seen(30),
            "activeHalfyear": await seen(180),
        },
        "localPosts": await written(Post.reply_to_id.is_(None)),
        "localComments": await written(Post.reply_to_id.is_not(None)),
    }
