"""What known server software makes of a work: the table behind `policy.dialect`. One line per software, with its evidence.

FEP-0151 asks not to infer abilities from a software's name, and no receiver declares which types of objects it shows. So the
table only chooses how well a post is shown, never whether it is sent, and what a server declares itself stands above it. Every
line was read from the code of the version it names; what is not in the table, or older than its line, gets a Note.
"""

import re
from typing import NamedTuple

from server.models import Dialect


class Receiver(NamedTuple):
    """One line. `since` is the first version that it holds for, `verified` the one that was read."""

    software: str
    dialect: Dialect
    since: tuple[int, ...]
    verified: str
    evidence: str


_IMAGE, _MASTODON, _NOTE = Dialect.IMAGE, Dialect.IMAGE_MASTODON, Dialect.NOTE
_ANY: tuple[int, ...] = ()

_TABLE = (
    Receiver("cartellino", _IMAGE, _ANY, "0.1.0", "our own nodes: federation/parse reads all three dialects"),
    Receiver("misskey", _IMAGE, _ANY, "2025.4.1", "activitypub/type.ts: validPost lists Image; name and content are shown"),
    Receiver("sharkey", _IMAGE, _ANY, "2025.5.2", "core/activitypub/type.ts, as Misskey"),
    Receiver("friendica", _IMAGE, _ANY, "2024.10", "ActivityPub/Receiver.php: CONTENT_TYPES holds as:Image"),
    Receiver("mitra", _IMAGE, _ANY, "2026-08-20", "handlers/note.rs: an Image is converted; name is the title"),
    # Before 4.3 the summary of a converted type was plain text and stood as the content warning.
    Receiver("mastodon", _MASTODON, (4, 3), "4.7.0-alpha.2", "status_parser.rb: shows name, summary as HTML, and a link"),
    Receiver("pixelfed", _NOTE, _ANY, "0.12.6", "Inbox.php handleCreateActivity: object type must be Note"),
    Receiver("gotosocial", _NOTE, _ANY, "0.20", "astointernal.go: without a summary the name becomes the content warning"),
    Receiver("akkoma", _NOTE, _ANY, "3.16", "transmogrifier.ex: Image is none of the types it guards for"),
    Receiver("pleroma", _NOTE, _ANY, "2026", "audio_image_video_validator.ex: an array of url destroys the attachments"),
    Receiver("lemmy", _NOTE, _ANY, "1.0-beta", "protocol/page.rs: PageType has no Image"),
    Receiver("piefed", _NOTE, _ANY, "2026-04-14", "activitypub/routes.py: Image is dropped"),
    Receiver("takahe", _NOTE, _ANY, "2024-08-28", "activities/models/post.py: name becomes the content warning"),
    Receiver("snac", _NOTE, _ANY, "2.94", "activitypub.c: the Create branch knows Note, Article, Question, Audio, Video, Event"),
    Receiver("hollo", _NOTE, _ANY, "0.10", "src/federation/inbox.ts: Create of Note, Article, Question only"),
    Receiver("vernissage", _NOTE, _ANY, "2026-05-19", "ActivityPubService.swift: Image is logged as not supported"),
    Receiver("bonfire", _NOTE, _ANY, "2026-08", "ap_activities.ex: Image is a card of an unknown activity"),
    Receiver("wordpress", _NOTE, _ANY, "4.0", "handler/class-create.php: only replies, which become comments"),
    Receiver("bookwyrm", _NOTE, _ANY, "2026-08-22", "models/status.py: only Notes that answer or name somebody there"),
    Receiver("iceshrimp.net", _NOTE, _ANY, "2025-02-27", "ASNote.cs: Image is answered 422"),
)  # fmt: skip
RECEIVERS: dict[str, Receiver] = {line.software: line for line in _TABLE}


def read(software: str, version: str) -> Dialect:
    """The dialect that the table names for a server, by its NodeInfo."""
    line = RECEIVERS.get(software.lower())
    return line.dialect if line and numbers(version) >= line.since else Dialect.NOTE


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: "4.3.0-beta.2+glitch" is (4, 3, 0)."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9}){0,5})", version.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()
