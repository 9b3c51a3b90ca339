"""The page of one work or one note: the work on its wall, its label, its rights, and the conversation."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from quart import Blueprint, Response, redirect, request

from server import (
    bookmarks,
    boosts,
    elsewhere,
    favourites,
    follows,
    galleries,
    generated,
    ids,
    posts,
    reach,
    text,
    timelines,
)
from server.errors import NotFound
from server.media.orders import MIME
from server.models import Audience, Kind, MediaState, Post, Rendition
from server.rights import Rights, channels
from web import terms
from web.auth import public
from web.current import site, viewer
from web.page import page
from web.pages.profiles import wants_document
from web.paging import covers
from web.people import original, person
from web.pictures import Addresses, federated, first_sentence, largest

blueprint = Blueprint("works", __name__)

# How often the page of a work that is being prepared asks again, in seconds; only its author's browser does.
REFRESH = 5
MORE = 6
# Servers that are named one by one as not reached; of a larger number the artist wants the number.
MOST_NAMED = 20


@dataclass
class Branch:
    """A comment and what was answered to it."""

    post: Post
    branches: list["Branch"] = field(default_factory=list)


def tree(replies: list[Post], root: int) -> list[Branch]:
    """The conversation below `root`. An answer to something that the viewer may not see moves up to the top."""
    known = {reply.id: Branch(reply) for reply in replies}
    top: list[Branch] = []
    for reply in replies:
        parent = known.get(reply.reply_to_id or 0)
        (parent.branches if parent and reply.reply_to_id != root else top).append(known[reply.id])
    return top


@blueprint.get("/@<handle>/<key>")
@public
async def show(handle: str, key: str) -> Response:
    """`key` is the id, with or without a readable rest that does not matter (decision 19)."""
    found = re.fullmatch(r"(\d{1,19})(?:-.*)?", key)
    post_id = ids.parse(found[1]) if found else None
    if post_id is None:
        raise NotFound
    me = viewer()
    async with site().db.read() as tx:
        post = await posts.get(tx, post_id, me)
        if site().urls.at(post.author).lower() != f"@{handle}".lower():
            await person(tx, handle, me)  # under a name that nobody has there is nothing, not even a redirect
            return redirect(site().urls.post_page(post), 301)  # type: ignore[return-value]
        if wants_document():
            return redirect(site().urls.post(post), 302)  # type: ignore[return-value]
        if me is None and not post.is_local:
            to = original(post)
            return page("elsewhere/away.html", shared=True, actor=post.author, post=post, to=to)
        if elsewhere.is_stale(post):
            await _look_again(post)
        answers = await posts.replies(tx, post, me)
        shown = [post.id, *(answer.id for answer in answers)]
        mine = me is not None and me.id == post.author_id
        values: dict[str, Any] = {
            "post": post,
            "mine": mine,
            "liked": await favourites.liked(tx, me, shown) if me else set(),
            "boosted": await boosts.boosted(tx, me, shown) if me else set(),
            "is_saved": bool(me and await bookmarks.kept(tx, me, [post.id])),
            "original": "" if post.is_local else original(post),
            "focus": request.args.get("focus", "") if me else "",
            # What this viewer may read is shown and counted; how many talk among themselves is theirs (row 39).
            "branches": tree(answers, post.id),
            "answers": len(answers),
            "answering": await timelines.find(tx, ids.parse(request.args.get("reply", "")), me),
            "addresses": Addresses(site().urls, me),
            # One form, one comment: sent twice it is found again.
            "form_key": secrets.token_urlsafe(18) if me else "",
            "show": request.args.get("show") == "1" or not post.is_sensitive,
            "description": _description(post),
        }
        if post.kind is Kind.NOTE:
            parent = await timelines.find(tx, post.reply_to_id, me)
            pictures = [*post.media, *covers(answers)]
            return page("work/note.html", shared=True, pictures=pictures, parent=parent, **values)
        values["state"] = await follows.state(tx, me, post.author)
        values["hangs"] = await galleries.holding(tx, post, me)
        values["came"] = await reach.of(tx, post) if mine and post.published_at else None
        more = await timelines.portfolio(tx, post.author, me, None, MORE + 1)
    more = [other for other in more if other.id != post.id][:MORE]
    number = _number(post)
    settled = terms.of(post)
    return page(
        "work/work.html",
        shared=True,
        pictures=[*post.media, *covers(more), *covers(answers)],
        headers={"Refresh": str(REFRESH)} if values["mine"] and _is_being_made(post) else None,
        number=number,
        media=post.media[number - 1] if post.media else None,
        big=largest(post.media[number - 1]) if post.media else None,
        card=_card(post),
        rights=settled,
        words=channels.words(settled),
        labels=generated.LABELS,
        schema=_schema(post, settled),
        sealed=terms.sealed_by(post),
        more=more,
        most_named=MOST_NAMED,
        **values,
    )


def _schema(post: Post, settled: Rights) -> dict[str, Any]:
    """The work for search engines (schema.org), with its largest public file where everybody may have it."""
    found = channels.schema_org(settled)
    file = (
        largest(post.media[0]) if post.media and post.audience is Audience.EVERYONE and not post.is_sensitive else None
    )
    if file is not None and post.is_local:
        found |= {"contentUrl": site().urls.rendition(file), "width": file.width, "height": file.height}
        found |= {"encodingFormat": MIME[file.format]}
    return found


async def _look_again(post: Post) -> None:
    """Ask the post's own server what was answered there; it stands here when the page is opened next."""
    async with site().db.write() as tx:
        await elsewhere.look_again(tx, post)


def _number(post: Post) -> int:
    """Which picture stands on the stage, from 1; `?image=2` chooses."""
    wanted = ids.parse(request.args.get("image", "")) or 1
    return min(max(1, wanted), max(1, len(post.media)))


def _is_being_made(post: Post) -> bool:
    return any(media.state in (MediaState.WAITING, MediaState.MADE) for media in post.media)


def _card(post: Post) -> Rendition | None:
    """The file for link previews elsewhere: of works for everyone, without a warning, once it is made."""
    if post.audience is not Audience.EVERYONE or post.is_sensitive or not post.ready_at:
        return None
    return federated(post.media[0]) if post.media else None


def _description(post: Post) -> str:
    """For search engines and previews: what it is, and its first sentence. Says nothing of what carries a warning."""
    if post.is_sensitive:
        return f"By {post.author.display_name}."
    work = post.artwork
    facts = ", ".join(str(fact) for fact in (work.medium, work.year) if fact) if work else ""
    words = first_sentence(text.plain(post.html), 200)
    if not words and post.media:
        words = first_sentence(post.media[0].alt, 200)
    return " ".join(part for part in (f"{facts}." if facts else "", words) if part) or f"By {post.author.display_name}."
