"""FEDERATION.md says what the code does: its tables are held against the code's own, row by row and number by number."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation import answers, deliver, discovery, inbox, intake, policy, remote, transport
from federation.deliver import queue, verdicts
from federation.handlers import flag
from federation.outbox import VERBS
from federation.parse import activities, people, pictures, pieces, strict, wordings
from federation.receivers import RECEIVERS
from federation.remote import crawl, documents, keyring
from federation.remote import pieces as remote_pieces
from federation.routes import inboxes
from federation.signatures import AHEAD, BACK, cavage, keys, request, rfc9421
from federation.signatures.proofs import SUITE
from federation.signatures.refusal import MALFORMED, WRONG
from federation.vocabulary import ACTIVITIES, IMPLEMENTS, READS_IMAGES
from server import cache, clock, jobs, origins, sweep
from server.elsewhere import pieces as stored
from server.errors import TooMany
from server.models import Dialect

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "FEDERATION.md").read_text("utf-8")


def section(title: str) -> str:
    """What stands below a heading, up to the next one of the same rank or above."""
    rank = len(title.partition(" ")[0])
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{rank}}} |\Z)", PAGE, re.M | re.S)
    assert found, f"FEDERATION.md has no section {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table in a text, without heads and rulers."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("|") or set(line) <= set("|-: "):
            continue
        if number + 1 < len(lines) and set(lines[number + 1]) <= set("|-: ") and lines[number + 1].startswith("|"):
            continue
        found.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return found


def words(text: str) -> str:
    """A text as one line, however it is wrapped."""
    return " ".join(text.split())


# -- activities ----------------------------------------------------------------------------------------------------------
def test_every_activity_that_is_understood_has_its_row() -> None:
    listed = [row[0].strip("`") for row in rows(section("## Activities received")) if len(row) == 4]
    assert listed == sorted(inbox.HANDLERS)


def test_every_verb_that_is_sent_has_its_row() -> None:
    table = rows(section("## Activities sent"))
    assert [row[0].strip("`") for row in table] == list(VERBS)
    sent = {kind for row in table for kind in re.findall(r"`([A-Z]\w+)`", row[1])}
    assert sent == set(ACTIVITIES), "the second column names the types that go over the wire"
    for verb, kinds, *_ in table:
        first = re.findall(r"`(\w+)`", kinds)[0]
        expected = {"Profile": "Update"}.get(verb.strip("`"), verb.strip("`"))
        assert first == ("Undo" if expected.startswith("Undo") else expected), verb


def test_what_is_dropped_is_really_not_understood() -> None:
    said = section("## Activities received")
    dropped = re.search(r"\*\*Every other type\*\* \((.*?)\)", said, re.S)
    assert dropped and "202" in said
    assert not set(re.findall(r"`(\w+)`", dropped[1])) & set(inbox.HANDLERS)


def test_types_of_posts_are_those_that_are_read() -> None:
    create = next(row for row in rows(section("## Activities received")) if row[0] == "`Create`")
    assert set(re.findall(r"`(\w+)`", create[1])) == set(pieces.TYPES)


def test_groups_and_undo_name_what_the_handlers_know() -> None:
    table = {row[0].strip("`"): row for row in rows(section("## Activities received"))}
    assert set(inbox.announce.WRAPPED) <= set(re.findall(r"`(\w+)`", table["Announce"][1]))
    undone = {"Follow", "Like", "EmojiReact", "Announce", "Block"}
    assert set(re.findall(r"`([A-Z]\w+)`", table["Undo"][1])) == undone
    known = ast.parse((ROOT / "federation/handlers/undo.py").read_text("utf-8"))
    by_subject = next(
        one for one in ast.walk(known) if isinstance(one, ast.AsyncFunctionDef) and one.name == "_by_subject"
    )
    texts = {one.value for one in ast.walk(by_subject) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    assert {text for text in texts if re.fullmatch(r"[A-Z]\w+", text)} == undone


def test_answers_of_an_inbox_are_those_of_its_door() -> None:
    """Collected from the code: the table of errors, what is returned beside it, and what a signature is refused with."""
    given = {MALFORMED, WRONG, *answers.STATUS.values()}
    for node in ast.walk(ast.parse((ROOT / "federation/routes/inboxes.py").read_text("utf-8"))):
        match node:
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=int(status)), *_])):
                given.add(status)
            case ast.keyword(arg="status", value=ast.Constant(value=int(status))):
                given.add(status)
    listed = [row[0].strip("`") for row in rows(section("## Activities received")) if len(row) == 2]
    assert listed == [str(status) for status in sorted(given)]
    assert f"longer than {inboxes.PATIENCE} seconds" in PAGE
    assert inboxes.MAX_BYTES == strict.MAX_BYTES


def test_pauses_and_attempts_of_what_is_received() -> None:
    said = words(section("## Activities received"))
    minutes = [str(int(pause.total_seconds() // 60)) for pause in inbox.PAUSES]
    assert f"after {', '.join(minutes[:-1])} and {minutes[-1]} minutes" in said
    assert inbox.ATTEMPTS == 3 and "breaks its handler three times" in said


# -- dialects and receivers ----------------------------------------------------------------------------------------------
def test_every_dialect_has_its_row_and_the_capability_is_named() -> None:
    said = section("## Dialects of a work, and how to ask for one")
    listed = [row[0].strip("`") for row in rows(said.partition("###")[0])]
    assert listed == [dialect.value for dialect in Dialect]
    assert READS_IMAGES in said and IMPLEMENTS[READS_IMAGES] in said


def test_the_table_of_receivers_is_the_one_that_is_used() -> None:
    listed = [
        (software, since, dialect.strip("`"), verified, evidence)
        for software, since, dialect, verified, evidence in rows(section("### What is known of other software"))
    ]
    used = [
        (line.software, ".".join(map(str, line.since)) or "any", line.dialect.value, line.verified, line.evidence)
        for line in RECEIVERS.values()
    ]
    assert listed == used
    assert policy.KNOWN_FOR.days == 7 and "again after a week" in section("### What is known of other software")


# -- signatures ----------------------------------------------------------------------------------------------------------
def test_signatures_are_those_that_are_read_and_sent() -> None:
    said = section("## Signatures")
    table = {row[0]: row for row in rows(said)}
    assert set(filter(None, cavage.ALGORITHMS)) <= set(re.findall(r"`([\w-]+)`", said))
    assert set(filter(None, rfc9421.ALGORITHMS)) == set(re.findall(r"`((?:rsa|ed)[\w-]+)`", table["RFC 9421"][1]))
    assert f"`{SUITE}`" in table["FEP-8b32"][1]
    assert "never" in table["Linked-data signatures (`RsaSignature2017` and kin)"][2]
    flat = words(said)
    assert f"{BACK.total_seconds() / 3600:.0f} hours back and {AHEAD.total_seconds() / 3600:.0f} hour ahead" in flat
    assert f"RSA of {keys.FEWEST_BITS} to {keys.MOST_BITS} bits" in flat
    assert keys.LARGEST_EXPONENT == 2**32 and "at most 2^32" in flat
    assert keyring.AGAIN.total_seconds() == 300 and "at most once in five minutes" in flat
    assert keyring.GONE.total_seconds() == 3600 and "(410) for an hour" in flat
    assert f"remembered for {sweep.RECEIVED.days} days" in flat
    assert inbox.PROOF_HOLDS < sweep.RECEIVED and f"within {inbox.PROOF_HOLDS.days} days" in table["FEP-8b32"][1]
    doubled = re.search(r"\*\*Twice:\*\* two headers (.*?), or a parameter", flat)
    assert doubled and {name.lower() for name in re.findall(r"`([\w-]+)`", doubled[1])} == request.SINGLE


def test_what_the_server_declares_is_named() -> None:
    for address in IMPLEMENTS:
        base, _, fragment = address.partition("#")
        assert base in PAGE and (not fragment or f"#{fragment}" in PAGE), address


# -- delivery ------------------------------------------------------------------------------------------------------------
def test_the_schedule_of_deliveries() -> None:
    said = words(section("## Delivery"))
    minutes = [int(pause.total_seconds() // 60) for pause in policy.PAUSES]
    short = [str(pause) for pause in minutes if pause < 60]
    long = [str(pause // 60) for pause in minutes if 60 <= pause < 1440]
    assert f"{', '.join(short)} minutes, {', '.join(long)} hours, then a day each" in said
    assert minutes[-1] == 1440
    assert f"at most {deliver.PARALLEL} requests to a host" in said
    assert f"a lane of {jobs.LANES['deliver']}, the others in one of {jobs.LANES['slow']}" in said
    assert policy.LIVELY.total_seconds() == 3600 and "answered within the last hour" in said
    assert f"After {policy.FAILURES} failures in a row" in said
    assert f"after {queue.POISON} such answers" in said
    assert policy.LONGEST.days == 1 and "`Retry-After`** is obeyed, up to a day" in said
    last = ", ".join(f"`{kind}`" for kind in queue.LASTING[:-1]) + f" and `{queue.LASTING[-1]}`"
    assert f"after {queue.LIFETIME.days} days; {last} after {queue.LASTING_LIFETIME.days}" in said
    assert f"all the time for {policy.DORMANT.days} days" in said


def test_answers_that_mean_that_a_host_is_away() -> None:
    said = re.search(r"\*\*Away:\*\* .*?, or (.*?)\. Then", words(section("## Delivery")))
    assert said
    listed: set[int] = set()
    for first, last in re.findall(r"(\d{3})(?: to (\d{3}))?", said[1]):
        listed |= set(range(int(first), int(last or first) + 1))
    redirects = {status for status in verdicts.AWAY if status < 400}
    assert listed == verdicts.AWAY - redirects
    assert "a redirect (never followed)" in words(section("## Delivery"))


# -- limits --------------------------------------------------------------------------------------------------------------
LIMITS: dict[str, int | float] = {
    "Bytes of an activity or a document": strict.MAX_BYTES,
    "Levels of nesting": strict.MAX_DEPTH,
    "Keys in one object": strict.MAX_KEYS,
    "Items in all its lists": strict.MAX_ITEMS,
    "Characters of one string": strict.MAX_STRING,
    "Addresses in `to` and `cc` together": activities.MAX_ADDRESSED,
    "Mentions": pieces.MAX_MENTIONS,
    "Characters of an activity's id and its actor's together": inbox.LONGEST_IDS,
    "Characters of an address": origins.LONGEST,
    "Hashtags": pieces.MAX_TAGS,
    "Pictures": pictures.MAX_PICTURES,
    "Characters of `content`": wordings.MAX_CONTENT,
    "Characters of a title": wordings.MAX_TITLE,
    "Characters of a content warning": wordings.MAX_WARNING,
    "Characters of an alt text": pictures.MAX_ALT,
    "Answers of a poll": wordings.MAX_OPTIONS,
    "Characters of a person's name": people.MAX_NAME,
    "Characters of a person's `summary`": people.MAX_ABOUT,
    "Profile links": people.MAX_LINKS,
    "Keys of each kind": people.MAX_KEYS,
    "Entries of `implements`": people.MAX_IMPLEMENTS,
    "Objects of a `Flag`": flag.MAX_OBJECTS,
    "Characters of a report": flag.MAX_COMMENT,
    "Bytes of a picture": cache.LARGEST,
    "Fetches caused by one activity": documents.FETCHES,
    "Fetches from one host in a minute": documents.PER_HOST,
    "Redirects of a fetch": transport.REDIRECTS,
    "Seconds of a fetch": transport.TOTAL,
    "Pages of a collection": crawl.PAGES,
    "Items of a collection": crawl.ITEMS,
    "Seconds for a collection": crawl.SECONDS,
    "Levels above a post": remote_pieces.LEVELS,
    "Answers fetched for one conversation": crawl.MOST_ANSWERS,
    "Posts fetched of somebody new": crawl.NEWEST,
}
# What has a number, or words, that are tried out instead.
RATES = (
    "Activities in a minute of a host that proved who it is, from one network",
    "The same before it proved that from there",
    "Signed reads in a minute",
)


def test_every_limit_is_the_one_in_the_code() -> None:
    table = {row[0]: row for row in rows(section("## Limits"))}
    assert set(table) == {*LIMITS, *RATES}
    for name, value in LIMITS.items():
        assert table[name][1] == f"{value:,}", name
        assert len(table[name]) == 3 and table[name][2], f"{name}: what happens beyond it?"


@pytest.mark.usefixtures("stopped")
def test_the_rates_are_those_of_the_inbox() -> None:
    """Counted, not read: the bucket of a stranger and that of a host that proved who it is."""
    table = {row[0]: row[1] for row in rows(section("## Limits"))}
    budget = intake.Budget()
    assert table[RATES[1]] == str(_until_full(budget))
    budget.know("friend.example")
    burst = _until_full(budget)
    assert table[RATES[0]].endswith(f"bursts of {burst:,}")
    per_minute = int(table[RATES[0]].partition(",")[0])
    later = clock.after(minutes=1)
    clock.set_source(lambda: later)
    assert _until_full(budget) == per_minute


def _until_full(budget: intake.Budget) -> int:
    for count in range(10_000):
        try:
            budget.take("friend.example")
        except TooMany:
            return count
    raise AssertionError("the budget has no end")


@pytest.fixture
def stopped() -> Iterator[None]:
    """A clock that stands still, so that nothing is filled up meanwhile."""
    now = clock.now()
    clock.set_source(lambda: now)
    yield
    clock.set_source(None)


# -- what is fetched, deletion -------------------------------------------------------------------------------------------
def test_what_is_fetched_is_what_there_are_fetchers_for() -> None:
    said = section("## What is fetched")
    assert set(remote.FETCHERS) == {"actor", "featured", "host", "outbox", "post", "thread"}
    for word in ("actors", "`outbox`, `featured`", "NodeInfo", "posts", "`replies` and `context`", "keys", "pictures"):
        assert any(word in row[0] for row in rows(said)), word
    assert f"up to {remote_pieces.LEVELS} levels above it" in said


def test_deletion_is_remembered_as_long_as_it_says() -> None:
    assert f"remembered for {stored.LATE.days} days" in words(section("## Deletion"))


def test_intents_and_protocols_are_named() -> None:
    for intent in discovery.INTENTS:
        assert f"`{intent}`" in section("## Supported FEPs")


def test_what_is_not_spoken_is_not() -> None:
    said = section("## Not spoken")
    named = set(re.findall(r"`([A-Z]\w+)`", said)) - {"POST"}
    assert named and not named & {*inbox.HANDLERS, *ACTIVITIES}
