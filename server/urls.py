"""Every address of this site, built and parsed in one place. Ids never move; pages may.

Objects (ids of the fediverse) and pages live at different addresses: `/works/<id>` and `/@alice/<id>-the-last-ferry`.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from server import ids
from server.models import Actor, Audience, Gallery, Kind, Media, Post, Rendition
from server.spelling import composed

# Where a file ending differs from the format's name.
ENDINGS = {"jpeg": "jpg"}
# Below which path the objects of each kind lie.
PATHS = {Kind.WORK: "works", Kind.NOTE: "notes", Kind.BOOST: "boosts"}


@dataclass(frozen=True)
class Urls:
    """`base` and `media_base` are origins without a trailing slash; `handle_domain` stands in @name@domain."""

    base: str
    media_base: str
    handle_domain: str
    # Signs the addresses of pictures that are not for everybody.
    secret: bytes

    # -- people ------------------------------------------------------------------------------------------------------
    def actor(self, actor: Actor) -> str:
        """The id of a person on the fediverse; of the house itself it is `/actor`."""
        if actor.uri is not None:
            return actor.uri
        return self.house if actor.is_house else f"{self.base}/users/{actor.handle}"

    @property
    def house(self) -> str:
        """The id of the house's own actor, which signs fetches and reports."""
        return f"{self.base}/actor"

    def inbox(self, actor: Actor) -> str:
        return actor.inbox if actor.uri else f"{self.actor(actor)}/inbox"

    @property
    def shared_inbox(self) -> str:
        return f"{self.base}/inbox"

    def outbox(self, actor: Actor) -> str:
        return actor.outbox if actor.uri else f"{self.actor(actor)}/outbox"

    def followers(self, actor: Actor) -> str:
        return actor.followers if actor.uri else f"{self.actor(actor)}/followers"

    def featured(self, actor: Actor) -> str:
        """What an actor pinned to the top of their profile."""
        return actor.featured if actor.uri else f"{self.actor(actor)}/collections/featured"

    def featured_tags(self, actor: Actor) -> str:
        return f"{self.actor(actor)}/collections/tags"

    def main_key(self, actor: Actor) -> str:
        """The id of the RSA key; every signature names it."""
        return f"{self.actor(actor)}#main-key"

    def ed25519_key(self, actor: Actor) -> str:
        """The id of the Ed25519 key (FEP-521a), with which proofs are made."""
        return f"{self.actor(actor)}#ed25519-key"

    def following(self, actor: Actor) -> str:
        return f"{self.actor(actor)}/following"

    def streams(self, actor: Actor) -> str:
        return f"{self.actor(actor)}/galleries"

    def profile(self, actor: Actor, tab: str = "") -> str:
        """The page of a person; `tab` is galleries, posts or about."""
        return f"{self.base}/{self.at(actor)}" + (f"/{tab}" if tab else "")

    def at(self, actor: Actor) -> str:
        """@name for ours, @name@domain for others: as it stands in a page's address."""
        return f"@{actor.handle}" + (f"@{actor.domain}" if actor.domain else "")

    def handle(self, actor: Actor) -> str:
        """The full handle, as people give it to each other."""
        return f"@{actor.handle}@{actor.domain or self.handle_domain}"

    # -- posts -------------------------------------------------------------------------------------------------------
    def post(self, post: Post) -> str:
        """The id of a work, a note, or a boost (which is an activity)."""
        return post.uri or f"{self.base}/{PATHS[post.kind]}/{post.id}"

    def context(self, thread_id: int) -> str:
        """The id of a conversation that began here (FEP-7888)."""
        return f"{self.base}/contexts/{thread_id}"

    def activity_of(self, activity_id: int) -> str:
        """The id of an activity that has no address of its own below a post."""
        return f"{self.base}/activities/{activity_id}"

    def post_page(self, post: Post, action: str = "") -> str:
        """The page of a work or a note; needs `post.author` and, for a work, `post.artwork`. `action` is edit, like, …"""
        title = post.artwork.title if post.kind is Kind.WORK and post.artwork else ""
        name = slug(title)
        page = f"{self.profile(post.author)}/{post.id}"
        return f"{page}/{action}" if action else page + (f"-{name}" if name else "")

    def activity(self, post: Post, verb: str = "create") -> str:
        return f"{self.post(post)}/activity/{verb}"

    def rights(self, post: Post) -> str:
        """The page that explains the rights in one work, ours or another server's."""
        return f"{self.base}/works/{post.id}/rights"

    def policy(self, post: Post) -> str:
        """What this server offers machines for one work, or for its copy of another server's (ODRL, rights 2.5)."""
        return f"{self.base}/works/{post.id}/policy.json"

    def licensing(self, actor: Actor) -> str:
        """Where one asks an artist for a licence."""
        return f"{self.profile(actor)}/licensing"

    # -- galleries and tags --------------------------------------------------------------------------------------------
    def gallery(self, gallery: Gallery) -> str:
        """The id of a gallery; needs `gallery.owner`."""
        return self.gallery_of(gallery.owner, gallery.id)

    def gallery_of(self, owner: Actor, gallery_id: int) -> str:
        """The id of a gallery of `owner`, also where its row is gone."""
        return f"{self.actor(owner)}/galleries/{gallery_id}"

    def gallery_page(self, gallery: Gallery, action: str = "") -> str:
        return f"{self.profile(gallery.owner)}/galleries/{gallery.slug}" + (f"/{action}" if action else "")

    def tag(self, name: str) -> str:
        return f"{self.base}/tags/{quote(name)}"

    # -- for programs that read pages ------------------------------------------------------------------------------------
    def feed(self, page: str, form: str) -> str:
        """The feed beside a page: of a person, a gallery or a tag, as atom, rss or json."""
        return f"{page}/feed.{form}"

    def oembed(self, post: Post, form: str) -> str:
        """What a page that embeds the work asks, as json or xml."""
        return f"{self.base}/api/oembed?{urlencode({'url': self.post_page(post), 'format': form})}"

    # -- pictures ------------------------------------------------------------------------------------------------------
    def rendition(self, rendition: Rendition, viewer: Actor | None = None, until: int = 0) -> str:
        """The address of one public file (decision 11).

        For a picture that is not for everybody (decision 12) give the viewer and the end of validity in Unix seconds: the
        address is then signed for that viewer alone.
        """
        path = f"/media/{rendition.media_id}/{self.rendition_name(rendition)}"
        if viewer is None:
            return self.media_base + path
        query = urlencode({"for": viewer.id, "until": until, "sig": self.signature(path, viewer.id, until)})
        return f"{self.media_base}{path}?{query}"

    def shared(self, rendition: Rendition, audience: Audience) -> str:
        """The address of a file for other servers and for clients (decision 12).

        Of a work that is not for everybody it holds a key that nobody can guess, made from the audience as well: it is void once
        the work is deleted or for fewer people.
        """
        if audience in (Audience.EVERYONE, Audience.UNLISTED):
            return self.rendition(rendition)
        name, ending = self.rendition_name(rendition).rsplit(".", 1)
        key = self.sharing_key(rendition, audience)
        return f"{self.media_base}/media/{rendition.media_id}/{name}-{key}.{ending}"

    def sharing_key(self, rendition: Rendition, audience: Audience, name: str = "") -> str:
        """24 hexadecimal digits that open a file for whoever was told of its work; `name` is what it was called then."""
        told = f"{rendition.media_id}/{name or self.rendition_name(rendition)}\n{audience}"
        return hmac.digest(self.secret, told.encode(), hashlib.sha256)[:12].hex()

    def picture_proxy(self, media: Media, width: int, viewer: Actor | None = None, until: int = 0) -> str:
        """Where a picture of another server can be had from us, about `width` pixels wide, fetched if it is not here.

        Always signed, so that only what our own pages show can be asked for (security.md row 80); for a picture that is not for
        everybody also for the viewer and the end of validity, as `rendition`.
        """
        path = f"/elsewhere/{media.id}/{width}"
        signed = {"for": viewer.id, "until": until} if viewer is not None else {}
        sig = self.signature(path, viewer.id if viewer is not None else 0, until if viewer is not None else 0)
        return f"{self.media_base}{path}?{urlencode({**signed, 'sig': sig})}"

    def media(self, media: Media) -> str:
        """The id of one picture as an object of its own (FEP-1311)."""
        return f"{self.base}/media/{media.id}"

    def rendition_name(self, rendition: Rendition) -> str:
        """`<hash>-<width>.<ext>`; 20 hexadecimal digits of the hash are 80 bits: enough to be one of a kind."""
        return f"{rendition.hash[:20]}-{rendition.width}.{ENDINGS.get(rendition.format, rendition.format)}"

    def signature(self, path: str, viewer_id: int, until: int) -> str:
        """Ties a picture's address to one viewer and one hour."""
        digest = hmac.digest(self.secret, f"{path}\n{viewer_id}\n{until}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def is_signed(self, path: str, viewer_id: int, until: int, signature: str) -> bool:
        """Whether we made this signature; the caller checks the time and asks for the viewer's right again."""
        return hmac.compare_digest(self.signature(path, viewer_id, until), signature)

    # -- the house -----------------------------------------------------------------------------------------------------
    def page(self, path: str) -> str:
        """The absolute address of one of the house's own pages, such as `/rights`."""
        return f"{self.base}{path}"

    @property
    def rsl(self) -> str:
        """The house's terms as RSL."""
        return f"{self.base}/rights/rsl.xml"

    @property
    def seal_root(self) -> str:
        """The certificate by which others know this house's seal (C2PA)."""
        return f"{self.base}/rights/c2pa-root.pem"

    # -- parsing -------------------------------------------------------------------------------------------------------
    def parse_post(self, uri: str) -> int | None:
        """The id in an object or page address of ours, or None where it is none."""
        path = self._path(uri)
        found = path and re.fullmatch(r"/(?:works|notes|boosts|@[A-Za-z0-9_]{1,30})/(\d{1,19})(?:-[^/]*)?", path)
        return ids.parse(found[1]) if found else None

    def parse_actor(self, uri: str) -> str | None:
        """The handle in an actor or profile address of ours, or None."""
        path = self._path(uri)
        found = path and re.fullmatch(r"/(?:users/|@)([A-Za-z0-9_]{1,30})", path)
        return found[1] if found else None

    def parse_followers(self, uri: str) -> str | None:
        """The handle whose followers collection that is, or None where it is none of ours."""
        path = self._path(uri)
        found = path and re.fullmatch(r"/users/([A-Za-z0-9_]{1,30})/followers", path)
        return found[1] if found else None

    def is_ours(self, uri: str) -> bool:
        """Whether an address lies on this server, whatever it names (security.md row 34)."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            return False
        return (parts.netloc.lower() or "-") in {urlsplit(self.base).netloc, urlsplit(self.media_base).netloc}

    def parse_acct(self, resource: str) -> str | None:
        """The handle that `acct:name@domain` names here, whatever its case (RFC 7565); None where it is not ours."""
        found = re.fullmatch(r"(?:acct:)?@?([A-Za-z0-9_.-]{1,100})@([^@/\s]{1,255})", resource)
        hosts = {self.handle_domain.lower(), urlsplit(self.base).netloc.lower()}
        return found[1] if found and found[2].lower() in hosts else None

    def _path(self, uri: str) -> str | None:
        try:
            parts = urlsplit(uri)
        except ValueError:  # such as an address with half a bracket
            return None
        if f"{parts.scheme}://{parts.netloc.lower()}" != self.base or parts.query or parts.fragment:
            return None
        return parts.path


def slug(text: str, length: int = 60) -> str:
    """A readable piece of an address: `The Last Ferry` → `the-last-ferry`. Empty for titles without a letter or digit."""
    # An English possessive is one word: keepers-loop, while l’été stays l-été.
    plain = re.sub(r"['’](?=s\b)", "", composed(text, "NFKC").lower())
    return re.sub(r"[^\w]+", "-", plain, flags=re.UNICODE).strip("-_")[:length].strip("-")


ACTIVITY_TYPES = ("application/activity+json", "application/ld+json")


def prefers_activity(accept: str) -> bool:
    """Whether a reader that sends this Accept header wants the ActivityPub document rather than the page.

    The first of the two kinds that it names wins; browsers name text/html first, servers of the fediverse never do.
    """
    for part in accept.lower().split(","):
        kind = part.split(";")[0].strip()
        if kind in ACTIVITY_TYPES:
            return True
        if kind in ("text/html", "application/xhtml+xml"):
            return False
    return False


def prefers_page(accept: str) -> bool:
    """Whether a reader at an object's address would rather have the page: it names HTML before any activity kind."""
    return "text/html" in accept.lower() and not prefers_activity(accept)
