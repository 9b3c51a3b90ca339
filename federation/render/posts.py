"""Works and notes. A work has three dialects, one function each, all from the same row and with the same id (FEDERATION.md)."""

from collections.abc import Callable
from datetime import datetime
from html import escape

from federation import audience
from federation.conversations import Place, alone
from federation.render.documents import moment
from federation.render.pictures import attachments, links
from federation.vocabulary import AS2, PUBLIC, Json
from server import rights, tags, text
from server.models import Actor, Audience, Dialect, Kind, Post, Reservation, Tag
from server.posts import OPEN
from server.rights import Rights, channels
from server.urls import Urls

UNTITLED = "Untitled"
# Mastodon shows four pictures of a post.
SHOWN = 4
# What each kind of post is in its canonical form.
TYPES = {Kind.WORK: "Image", Kind.NOTE: "Note", Kind.BOOST: "Announce"}


# -- the three dialects of a work ----------------------------------------------------------------------------------------
def work_image(post: Post, urls: Urls, described: Rights, place: Place | None = None) -> Json:
    """A work as the `image` dialect, the canonical form: an `Image` with its licence and what machines may not do.

    Needs the post loaded by `posts.full`.
    """
    return (
        _work(post, urls, "Image", described, place)
        | {"name": _title(post), "content": post.html or f"<p>{escape(_title(post))}</p>"}
        | {"url": links(post, urls), "attachment": attachments(post, urls, described)}
    )


def work_image_mastodon(post: Post, urls: Urls, described: Rights, place: Place | None = None) -> Json:
    """A work as Mastodon shows an `Image` best: it reads `name` and `summary`, the latter as HTML, and ignores `content`.

    The warning stands as a line before the description: of an `Image` Mastodon has no place for it. So for works with a warning
    the `note` dialect is the better one. Wrong for everybody else, who would take the description for a warning.
    """
    warning = f"<p>{escape(post.warning)}</p>" if post.warning else ""
    words = warning + post.html + _closing(post, urls, described)
    return (
        _said(_work(post, urls, "Image", described, place), post, urls, described)
        | {"name": _title(post), "summary": words or None, "content": words or f"<p>{escape(_title(post))}</p>"}
        | {"url": urls.post_page(post), "attachment": attachments(post, urls, described)[:SHOWN]}
    )


def work_note(post: Post, urls: Urls, described: Rights, place: Place | None = None) -> Json:
    """A work as a `Note` with pictures, for receivers that drop or mangle an `Image`.

    The title stands inside `content`: a name would hide the post in some of them and pass for a warning in others. The last
    paragraph holds nothing but hashtags, which Mastodon folds into its tag bar (D7).
    """
    pictures = attachments(post, urls, described)
    page = escape(urls.post_page(post))
    more = (
        f'<p><a href="{page}" rel="{text.REL}">+{len(pictures) - SHOWN} more</a></p>' if len(pictures) > SHOWN else ""
    )
    content = f"<p><strong>{escape(_title(post))}</strong></p>{post.html}{_closing(post, urls, described)}{more}"
    content += _hashtags(post, urls, described)
    return _said(_work(post, urls, "Note", described, place), post, urls, described) | {
        "content": content,
        "url": urls.post_page(post),
        "attachment": pictures,
    }


DIALECTS: dict[Dialect, Callable[[Post, Urls, Rights, Place | None], Json]] = {
    Dialect.IMAGE: work_image,
    Dialect.IMAGE_MASTODON: work_image_mastodon,
    Dialect.NOTE: work_note,
}


# -- notes, and both -----------------------------------------------------------------------------------------------------
def note(post: Post, urls: Urls, place: Place | None = None) -> Json:
    """A text post or a comment, alike in all dialects. Needs the post loaded by `posts.full`."""
    return _post(post, urls, "Note", place) | {
        "content": post.html or f"<p>{escape(post.text)}</p>",
        "url": urls.post_page(post),
        "attachment": [],
    }


def post_object(
    post: Post,
    urls: Urls,
    dialect: Dialect = Dialect.IMAGE,
    place: Place | None = None,
    *,
    least: Reservation = Reservation.OPEN,
) -> Json:
    """A work in `dialect`, or a note; `place` says what it answers and in which conversation (`conversations.places`), and is
    only left out for a post that answers nothing; `least` is what the house reserves at least. Needs the post loaded by
    `posts.full`."""
    if post.kind is Kind.NOTE:
        return note(post, urls, place)
    return DIALECTS[dialect](post, urls, rights.of(post, urls, least), place)


def tombstone(post_uri: str, kind: Kind, deleted_at: datetime) -> Json:
    """What stays of a post that was public (FEP-4f05): nothing but that it was there."""
    return {
        "@context": AS2,
        "id": post_uri,
        "type": "Tombstone",
        "formerType": TYPES[kind],
        "deleted": moment(deleted_at),
    }


def _work(post: Post, urls: Urls, kind: str, described: Rights, place: Place | None) -> Json:
    """What all dialects of a work share: its licence terms are the same in each."""
    if post.artwork is None:
        raise ValueError("only a work is an Image")
    terms = channels.activitypub(described) | {"searchableBy": _searchable_by(post, urls, described)}
    return _post(post, urls, kind, place) | terms


def _post(post: Post, urls: Urls, kind: str, place: Place | None) -> Json:
    """What works and notes have in common."""
    if post.published_at is None:
        raise ValueError("a draft is nobody else's business")
    place = place or alone(post, urls)
    uri, parent = urls.post(post), place.parent
    people = list(post.mentions)
    # Who is answered is named when the answer is written; this is for an answer whose parent came to be known later.
    named = {post.author.id, *(person.id for person in people)}
    if parent is not None and post.audience in OPEN and parent.author.id not in named:
        people.append(parent.author)
    to, cc = audience.addresses(post, urls, people)
    common: Json = {
        "id": uri,
        "type": kind,
        "attributedTo": urls.actor(post.author),
        "inReplyTo": urls.post(parent) if parent else None,
        "published": moment(post.published_at),
        "to": to,
        "cc": cc,
        "summary": post.warning or None,
        "sensitive": post.is_sensitive,
        "tag": [hashtag(tag, urls) for tag in post.tags] + [_mention(actor, urls) for actor in people],
        "likes": {"id": f"{uri}/likes", "type": "Collection", "totalItems": post.likes},
        "shares": {"id": f"{uri}/shares", "type": "Collection", "totalItems": post.boosts},
        "replies": {"id": f"{uri}/replies", "type": "Collection", "first": f"{uri}/replies?after=0"},
    }
    if place.context:
        common |= {"context": place.context, "conversation": place.context}
    # An edit within the second of publishing is no edit to anybody else.
    if post.edited_at and moment(post.edited_at) > common["published"]:
        common["updated"] = moment(post.edited_at)
    return common


def hashtag(tag: Tag, urls: Urls) -> Json:
    """A tag as an object."""
    return {"type": "Hashtag", "href": urls.tag(tag.name), "name": f"#{tag.label}"}


def _mention(actor: Actor, urls: Urls) -> Json:
    return {"type": "Mention", "href": urls.actor(actor), "name": urls.handle(actor)}


def _hashtags(post: Post, urls: Urls, described: Rights) -> str:
    """One paragraph of the tags that the description does not mention by itself."""
    said = {tags.fold(label) for label in text.tags_in(post.text)}
    labels = [tag.label for tag in post.tags if tag.name not in said]
    if _is_said(post) and described.is_reserved and tags.fold(channels.HASHTAG) not in {tag.name for tag in post.tags}:
        labels.append(channels.HASHTAG)
    links = [text.to_html(f"#{label}", urls, {}) for label in labels]
    return f"<p>{' '.join(link.removeprefix('<p>').removesuffix('</p>') for link in links)}</p>" if links else ""


def _closing(post: Post, urls: Urls, described: Rights) -> str:
    """The rights sentence as the last words of a text, for receivers that drop every licence term (docs/rights.md 2.4)."""
    if not _is_said(post):
        return ""
    page = escape(urls.rights(post))
    sentence = escape(rights.sentence(described, described.language))
    return f'<p><a href="{page}" rel="{text.REL}">{sentence}</a></p>'


def _said(whole: Json, post: Post, urls: Urls, described: Rights) -> Json:
    """With the hashtag of the reservation among the tags, where the text ends with it."""
    own = {tag.name for tag in post.tags}
    if not _is_said(post) or not described.is_reserved or tags.fold(channels.HASHTAG) in own:
        return whole
    tag = {"type": "Hashtag", "href": urls.tag(tags.fold(channels.HASHTAG)), "name": f"#{channels.HASHTAG}"}
    return whole | {"tag": [*whole["tag"], tag]}


def _is_said(post: Post) -> bool:
    # Of a row that is not written yet the column is None.
    return post.artwork is not None and post.artwork.says_rights is not False


def _title(post: Post) -> str:
    return (post.artwork.title if post.artwork else "") or UNTITLED


def _searchable_by(post: Post, urls: Urls, described: Rights) -> str:
    """Search by strangers is for what is listed and not reserved against indexing; else only the author may search."""
    open_to_search = described.is_indexed and post.audience is Audience.EVERYONE
    return PUBLIC if open_to_search else urls.actor(post.author)
