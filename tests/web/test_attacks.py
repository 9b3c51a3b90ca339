"""What strangers tried on a running house, each with the row of security.md that it belongs to."""

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from quart import Quart, request
from sqlalchemy import select

from server import accounts, galleries, joining, notes
from server.log import _People
from server.models import Account, Audience, Letter, Post
from server.notes import Note
from server.settings import SettingsError
from server.site import Site, secret
from tests.conftest import make_account, signed_in
from tests.hung import hang
from tests.works import files_in, one
from web import body, page
from web.auth import client_address

HEAD = b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=XX"}


async def test_files_of_strangers_never_touch_the_disk(app: Quart, client: Any, site: Site, alice: Account) -> None:
    """Row 99: the form comes back with its words, its files were let go as they came."""
    written: list[str] = []
    fresh = body.Request._fresh_file

    def noted(self: body.Request) -> Any:
        written.append(str(self.path))
        return fresh(self)

    content = (
        b'--XX\r\nContent-Disposition: form-data; name="title"\r\n\r\nHarbour\r\n' + HEAD + b"\r\n" + b"x" * 70_000
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body.Request, "_fresh_file", noted)
        answer = await client.post("/new", data=content + b"\r\n--XX--\r\n", headers=FORM)
        assert answer.status_code == 401 and "Harbour" in await answer.get_data(as_text=True)
        assert written == [] and files_in(site.incoming) == []
        member = await signed_in(app, alice)
        await member.post("/new", data=content + b"\r\n--XX--\r\n", headers=FORM)
        assert written == ["/new"], "the spy sees nothing"


@pytest.mark.parametrize("start", [HEAD + b"X-Long: ", b"before the first boundary ", b"--XX--\r\n"])
async def test_a_form_cannot_fill_the_memory(client: Any, start: bytes) -> None:
    """Rows 99 and 124: headers, what stands before the first boundary and behind the last one are bounded."""
    answer = await client.post("/new", data=start + b"x" * 3_000_000, headers=FORM)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/x/%00", 404),
        ("/static/x/./icons.svg", 404),
        ("/static/x/fonts/../icons.svg", 404),
        ("/tags/a%00b", 404),
        ("/@a%00b", 404),
        ("/@alice/galleries/%00", 404),
        ("/.well-known/webfinger?resource=http://[", 404),
        (f"/uploads/{2**63}", 404),
    ],
)
async def test_no_address_breaks_the_house(client: Any, alice: Account, path: str, status: int) -> None:
    """Row 92: what neither database nor file system can be asked for is simply not there."""
    assert (await client.get(path)).status_code == status


async def test_ids_beyond_the_database(app: Quart, alice: Account) -> None:
    """Row 42: also where an id stands in a form's address."""
    client = await signed_in(app, alice)
    csrf = re.search(r'name="csrf" value="(\w+)"', await (await client.get("/settings/account")).get_data(as_text=True))
    assert csrf
    answer = await client.post(f"/settings/devices/{2**64}/sign-out", form={"csrf": csrf[1]})
    assert answer.status_code == 404


def test_one_copy_of_a_static_file() -> None:
    """A name that leads to the same file in another way would be kept as a file of its own, without end."""
    for name in ("./site.css", "fonts/../icons.svg", "/etc/passwd", "..", "icons.svg/", "a\0.svg"):
        with pytest.raises(FileNotFoundError):
            page.asset(name)
    assert page.asset("icons.svg")


async def test_an_earlier_line_of_x_forwarded_for_is_not_believed(app: Quart, site: Site) -> None:
    """Row 62: some proxies append a line of their own instead of lengthening the client's."""
    trusting = site.settings.server.model_copy(update={"proxies": 1})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"server": trusting}))
    headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.7")]
    async with app.test_request_context("/", headers=headers):
        assert request.headers.getlist("X-Forwarded-For") == ["6.6.6.6", "192.0.2.7"]
        assert client_address() == "192.0.2.7"


async def test_a_new_password_voids_a_pending_address(site: Site, alice: Account) -> None:
    """Row 47: whoever knew the old password cannot take the account by the link of a letter they asked for before."""
    async with site.db.write() as tx:
        await joining.ask_email(tx, site, alice, "thief@mail.test")
    await accounts.set_password(site, "alice", "another long password")
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Letter))) == []


async def test_a_gallery_without_public_works_is_no_gallery(
    app: Quart, client: Any, site: Site, alice: Account
) -> None:
    """Row 39: neither its name, nor its number, nor its address."""
    post = await hang(site, alice, audience=Audience.FOLLOWERS)
    async with site.db.write() as tx:
        await galleries.put(tx, post, alice.actor, ["Commission for Acme"])
        made = (await galleries.of(tx, alice.actor, None))[0][0]
    json = {"Accept": "application/activity+json"}
    for path in ("/@alice", "/@alice/galleries", "/users/alice", "/users/alice/galleries"):
        answer = await client.get(path, headers=json if path.startswith("/users") else {})
        text = await answer.get_data(as_text=True)
        assert answer.status_code == 200 and "ommission" not in text and str(made.id) not in text, path
    for path in (f"/@alice/galleries/{made.slug}", f"/users/alice/galleries/{made.id}"):
        assert (await client.get(path, headers=json)).status_code == 404, path
    mine = await signed_in(app, alice)
    assert (await mine.get(f"/@alice/galleries/{made.slug}")).status_code == 200


async def test_a_word_of_private_works_is_an_unused_word(app: Quart, client: Any, site: Site, alice: Account) -> None:
    """Row 41: the same answer, whether the word stands under something private or nowhere."""
    async with site.db.write() as tx:
        await notes.write(
            tx, alice.actor, Note("Do not tell #Embargo", "", Audience.MENTIONED), "k" * 20, urls=site.urls
        )
    known, unknown = await client.get("/tags/embargo"), await client.get("/tags/nothing")
    assert known.status_code == unknown.status_code == 404
    texts = [(await answer.get_data(as_text=True)) for answer in (known, unknown)]
    assert texts[0].replace("embargo", "nothing") == texts[1]


async def test_private_answers_are_not_counted_in_public(client: Any, site: Site, alice: Account) -> None:
    """Row 39: no private count; one that is opened later counts from then on, and only once."""
    bob = await make_account(site, "bob")
    async with site.db.write() as tx:
        above = await notes.write(tx, alice.actor, Note("What do you think?"), "a" * 20, urls=site.urls)
        quiet = await notes.write(
            tx, bob.actor, Note("Between us.", "", Audience.MENTIONED, above), "b" * 20, urls=site.urls
        )
    assert (await one(site, Post, above.id)).replies == 0
    async with site.db.write() as tx:
        kept = (await tx.scalars(select(Post).where(Post.id == quiet.id))).one()
        await notes.edit(tx, kept, Note("For all.", "", Audience.EVERYONE, above), urls=site.urls)
    assert (await one(site, Post, above.id)).replies == 1


async def test_an_answer_does_not_name_what_was_narrowed(client: Any, site: Site, alice: Account) -> None:
    """Row 39: the id of a post that is not public any more is not told by the documents of its answers."""
    async with site.db.write() as tx:
        above = await notes.write(tx, alice.actor, Note("For all."), "a" * 20, urls=site.urls)
        answer = await notes.write(tx, alice.actor, Note("Yes.", reply_to=above), "b" * 20, urls=site.urls)
    json = {"Accept": "application/activity+json"}
    assert (await (await client.get(f"/notes/{answer.id}", headers=json)).get_json())["inReplyTo"]
    async with site.db.write() as tx:
        kept = (await tx.scalars(select(Post).where(Post.id == above.id))).one()
        await notes.edit(tx, kept, Note("For few.", "", Audience.FOLLOWERS), urls=site.urls)
    text = await (await client.get(f"/notes/{answer.id}", headers=json)).get_data(as_text=True)
    assert f"/notes/{above.id}" not in text


def test_one_event_is_one_line() -> None:
    """Row 71: neither a fact nor an exception can write a line that looks like an event, or speak to the terminal."""
    try:
        raise ValueError("wrong\ninfo    signed in  who=admin\x1b[2J\u2028")
    except ValueError as wrong:
        record = logging.makeLogRecord(
            {
                "msg": "refused",
                "levelname": "INFO",
                "name_of": "a\r\nerror   forged\x1b[31m",
                "exc_info": (ValueError, wrong, wrong.__traceback__),
            }
        )
    lines = _People().format(record).split("\n")
    assert lines[0].startswith("info    refused") and all(line.startswith("    ") for line in lines[1:])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2028]", "\n".join(lines))


def test_the_secret_is_never_half_a_secret(tmp_path: Path) -> None:
    """A kill or a full disk at the first start, or two first starts at once, must not leave an empty key that signs."""
    assert len(secret(tmp_path)) == 32 and secret(tmp_path) == secret(tmp_path)
    assert files_in(tmp_path / "secrets") == ["key"]
    for damaged in ("", "ab" * 31, "no key"):
        (tmp_path / "secrets" / "key").write_text(damaged)
        with pytest.raises(SettingsError, match="damaged"):
            secret(tmp_path)


async def test_two_first_starts_have_one_secret(tmp_path: Path) -> None:
    found = await asyncio.gather(*(asyncio.to_thread(secret, tmp_path) for _ in range(20)))
    assert len(set(found)) == 1
