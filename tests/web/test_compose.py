"""Making a work without a script: an ordinary form, whatever is pressed, loses nothing (ux.md 5; decision 18)."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from quart import Quart
from sqlalchemy import func, select

from server import posts, throttle
from server.models import Account, Actor, Artwork, Audience, Kind, Licence, Media, MediaState, Post, Rating, Reservation
from server.site import Site
from tests.conftest import signed_in
from tests.works import files_in, one, picture, publish, upload
from web import forms


class Form(HTMLParser):
    """The form of a page as a browser would send it: every field with its value."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self.buttons: list[str] = []
        self.area: str | None = None
        self.select: str | None = None
        self.inside = False
        self.action = ""
        self.html = html
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = said.get("id") == "work" or said.get("action", "").endswith(
                ("/new", "/delete", "/post", "/edit", "/comment")
            )
            self.action = said.get("action", "") if self.inside else self.action
        if not self.inside:
            return
        if tag == "input" and said.get("name") and said.get("type") != "file":
            if said.get("type") not in ("checkbox", "radio") or "checked" in said:
                self.values.append((said["name"], said.get("value", "")))
        elif tag == "textarea":
            self.area = said["name"]
            self.values.append((self.area, ""))
        elif tag == "select":
            self.select = said["name"]
        elif tag == "option" and self.select and "selected" in said:
            self.values.append((self.select, said["value"]))
        elif tag == "button" and said.get("name") == "do" and "disabled" not in said:
            self.buttons.append(said["value"])

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[-1] = (self.area, self.values[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area:
            self.values[-1] = (self.area, self.values[-1][1].removeprefix("\n"))
            self.area = None
        self.select = None if tag == "select" else self.select
        self.inside = self.inside and tag != "form"

    def get(self, name: str) -> str:
        return next(value for key, value in self.values if key == name)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.values if key == name]

    def set(self, **changes: str) -> None:
        for name, value in changes.items():
            name = name.replace("__", "-")
            self.values = [pair for pair in self.values if pair[0] != name]
            self.values.append((name, value))


class Desk:
    """A person at the page, pressing buttons."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.form = Form("")
        self.status = 0
        self.location = ""

    async def open(self, path: str = "/new") -> "Desk":
        return await self._take(await self.client.get(path))

    async def press(self, do: str | None, *files: tuple[str, bytes], **changes: str) -> "Desk":
        self.form.set(**changes)
        fields: dict[str, list[str]] = {}
        for name, value in [*self.form.values, *([("do", do)] if do else [])]:
            fields.setdefault(name, []).append(value)
        body, kind = _multipart(fields, files)
        path = self.form.action.removeprefix("http://art.test")
        return await self._take(
            await self.client.post(path, data=body, headers={"Content-Type": kind, "Host": "art.test"})
        )

    async def follow(self) -> "Desk":
        return await self._take(await self.client.get(self.location.removeprefix("http://art.test")))

    async def _take(self, answer: Any) -> "Desk":
        self.status, self.location = answer.status_code, answer.headers.get("Location", "")
        if self.status in (200, 422):
            self.form = Form(await answer.get_data(as_text=True))
        return self


def _multipart(fields: dict[str, list[str]], files: tuple[tuple[str, bytes], ...]) -> tuple[bytes, str]:
    parts = [
        f'--XYZ\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, values in fields.items()
        for value in values
    ]
    for name, content in files or (("", b""),):
        parts.append(
            f'--XYZ\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
            + content
            + b"\r\n"
        )
    return b"".join(parts) + b"--XYZ--\r\n", "multipart/form-data; boundary=XYZ"


async def at_desk(app: Quart, account: Account, path: str = "/new") -> Desk:
    return await Desk(await signed_in(app, account)).open(path)


async def only_work(site: Site, account: Account) -> Post:
    async with site.db.read() as tx:
        query = select(Post.id).where(
            Post.author_id == account.actor.id, Post.kind == Kind.WORK, Post.deleted_at.is_(None)
        )
        return await posts.get(tx, (await tx.scalars(query)).one(), account.actor)


async def count(site: Site, model: Any) -> int:
    async with site.db.read() as tx:
        return await tx.scalar(select(func.count()).select_from(model)) or 0


async def test_looking_creates_nothing(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    assert desk.status == 200 and len(desk.form.get("form_key")) >= 16
    assert await count(site, Post) == 0
    assert (await app.test_client().get("/new")).status_code in (302, 303)


async def test_from_two_files_to_a_published_work(app: Quart, site: Site, alice: Account, run_jobs: Any) -> None:
    desk = await at_desk(app, alice)
    await desk.press(
        "upload",
        ("one.png", picture()),
        ("two.jpg", picture(640, 480, "JPEG")),
        title="The <Last> Ferry",
        tags="#PictureBook sea",
    )
    assert desk.status == 200
    first, second = desk.form.all("picture")
    assert desk.form.get("title") == "The <Last> Ferry" and desk.form.get("tags") == "#PictureBook sea"
    assert "one.png" in desk.form.html and "2 images to describe" in desk.form.html
    await desk.press(f"down-{first}", **{f"alt__{first}": "The beam.", f"fx__{first}": "79", f"fy__{first}": "27"})
    assert desk.form.all("picture") == [second, first] and desk.form.get(f"alt-{first}") == "The beam."
    await desk.press(f"up-{first}", **{f"alt__{second}": "A line."})
    assert desk.form.all("picture") == [first, second]
    await desk.press(
        "publish",
        text="For #Harbour",
        medium="Gouache",
        year="2026",
        licence="by-nc",
        gallery_new="La Gardienne",
        audience="unlisted",
    )
    assert desk.status == 303 and desk.location.endswith("the-last-ferry")
    await run_jobs(site)
    post = await only_work(site, alice)
    work = post.artwork
    assert (
        work
        and post.ready_at
        and (work.title, work.medium, work.year, work.licence) == ("The <Last> Ferry", "Gouache", 2026, Licence.BY_NC)
    )
    assert post.audience is Audience.UNLISTED and {t.label for t in post.tags} == {"PictureBook", "sea", "Harbour"}
    assert [(m.alt, m.focus_x, m.focus_y) for m in post.media] == [("The beam.", 0.79, 0.27), ("A line.", 0.5, 0.5)]
    page = await (await app.test_client().get(desk.location.removeprefix("http://art.test"))).get_data(as_text=True)
    assert "The &lt;Last&gt; Ferry" in page and "The <Last>" not in page


async def test_a_double_click_publishes_once(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    await desk.press("upload", ("a.png", picture()))
    image = desk.form.get("picture")
    await desk.press("publish", **{f"alt__{image}": "x"})
    address = desk.location
    await desk.press("publish", title="Another title in an old window")
    assert desk.status == 303 and desk.location == address
    assert await count(site, Post) == 1
    assert (await only_work(site, alice)).artwork.title == ""  # type: ignore[union-attr]


async def test_an_old_window_does_not_unpublish(app: Quart, site: Site, alice: Account) -> None:
    """A draft that saves itself after the work went out changes nothing and says where the work is."""
    desk = await at_desk(app, alice)
    await desk.press("upload", ("a.png", picture()))
    await desk.press("publish", **{f"alt__{desk.form.get('picture')}": "x"})
    body, kind = _multipart({**{k: [v] for k, v in desk.form.values}, "title": ["late"], "do": ["draft"]}, ())
    answer = await desk.client.post("/new", data=body, headers={"Content-Type": kind, "Accept": "application/json"})
    assert answer.status_code == 200 and (await answer.get_json())["published"].startswith("http://art.test/@alice/")
    assert (await only_work(site, alice)).artwork.title == ""  # type: ignore[union-attr]


async def test_drafts_save_themselves(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    for title in ("One", "Two"):
        desk.form.set(title=title, do="draft")
        body, kind = _multipart({k: [v] for k, v in desk.form.values}, ())
        answer = await desk.client.post("/new", data=body, headers={"Content-Type": kind, "Accept": "application/json"})
        assert answer.status_code == 200 and set(await answer.get_json()) == {"saved", "edit"}
    post = await only_work(site, alice)
    assert post.artwork and post.artwork.title == "Two" and post.is_draft
    desk.form.set(year="soon")
    body, kind = _multipart({k: [v] for k, v in desk.form.values}, ())
    answer = await desk.client.post("/new", data=body, headers={"Content-Type": kind, "Accept": "application/json"})
    assert answer.status_code == 422 and "year" in (await answer.get_json())["error"]
    listed = await (await desk.client.get("/drafts")).get_data(as_text=True)
    assert "Two" in listed and f"/@alice/{post.id}/edit" in listed
    edit = await Desk(desk.client).open(f"/@alice/{post.id}/edit")
    assert edit.form.get("title") == "Two" and edit.form.get("form_key") == desk.form.get("form_key")


async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    await desk.press("upload", ("a.png", picture()))
    image = desk.form.get("picture")
    typed = {
        "title": "T" * 201,
        "year": "last year",
        "tags": "#ok #no-good!",
        "warning": "w" * 301,
        "text": " two\n\nlines ",
    }
    await desk.press(
        "publish", **typed, **{f"alt__{image}": "a" * 1501}, precisely="no-ai-no-index", audience="followers"
    )
    assert desk.status == 422
    for name, value in typed.items():
        assert desk.form.get(name) == value, name
    assert desk.form.get(f"alt-{image}") == "a" * 1501
    assert (desk.form.get("precisely"), desk.form.get("audience")) == ("no-ai-no-index", "followers")
    assert desk.form.html.count('class="wrong"') >= 5
    assert await count(site, Post) == 1  # the draft of before; nothing was published
    assert (await only_work(site, alice)).is_draft


async def test_files_that_are_no_pictures_are_named(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    await desk.press(
        "publish", ("good.png", picture()), ("evil.svg", b"<svg onload='x'/>"), ("empty.png", b""), title="Kept"
    )
    assert desk.status == 422  # not published behind their back
    text = unescape(re.sub(r"<[^>]+>", "", desk.form.html))
    assert "2 files were not added" in text and "evil.svg: " in text and "empty.png: This file is empty." in text
    assert len(desk.form.all("picture")) == 1 and desk.form.get("title") == "Kept"
    assert (await only_work(site, alice)).is_draft
    assert files_in(site.incoming) == []


async def test_the_first_time_one_page_asks_for_a_description(app: Quart, site: Site, alice: Account) -> None:
    """ux.md 4.3: a nudge, never a wall, and only once."""
    desk = await at_desk(app, alice)
    await desk.press("upload", ("a.png", picture()), title="Bare", tags="#x", gallery_new="Box")
    await desk.press("publish")
    assert desk.status == 200 and "Publish without a description?" in desk.form.html
    assert (await only_work(site, alice)).is_draft
    await desk.press("undescribed")
    assert desk.status == 303
    post = await only_work(site, alice)
    assert post.published_at and post.artwork and post.artwork.title == "Bare" and [t.name for t in post.tags] == ["x"]
    again = await at_desk(app, alice)
    await again.press("upload", ("b.png", picture()))
    await again.press("publish")
    assert again.status == 303


async def test_a_published_work_changes_only_with_save(app: Quart, site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice, galleries=("Box",), text="words")
    await run_jobs(site)
    old = str(post.media[0].id)
    desk = await at_desk(app, alice, f"/@alice/{post.id}/edit")
    assert (
        desk.form.get("title") == "The Last Ferry"
        and desk.form.all("gallery") == ["Box"]
        and desk.form.get("text") == "words"
    )
    await desk.press("upload", ("new.png", picture()), title="Renamed")
    new = desk.form.all("picture")[1]
    await desk.press(f"remove-{old}")
    assert desk.form.all("picture") == [new] and desk.form.all("removed") == [old]
    kept = await only_work(site, alice)
    assert [str(m.id) for m in kept.media] == [old] and kept.artwork.title == "The Last Ferry"  # type: ignore[union-attr]
    await desk.press("save", **{f"alt__{new}": "New."})
    assert desk.status == 303
    changed = await only_work(site, alice)
    assert [str(m.id) for m in changed.media] == [new] and changed.edited_at and changed.artwork.title == "Renamed"  # type: ignore[union-attr]
    assert await one(site, Media, int(old)) is None and not any(old in key for key in files_in(site.storage.root))  # type: ignore[attr-defined]


async def test_a_failed_picture_says_why_and_can_be_tried_again(
    app: Quart, site: Site, alice: Account, run_jobs: Any
) -> None:
    media = await upload(site, alice, content := picture())
    file = site.storage.path(media.master_key)
    file.write_bytes(b"broken")
    await publish(site, alice, media=media)
    await run_jobs(site)
    client = await signed_in(app, alice)
    assert "failed" in await (await client.get("/drafts")).get_data(as_text=True)
    post = await only_work(site, alice)
    desk = await Desk(client).open(f"/@alice/{post.id}/edit")
    reason = (await one(site, Media, media.id)).failure
    assert reason in unescape(desk.form.html) and f"retry-{media.id}" in desk.form.buttons
    file.write_bytes(content)
    await desk.press(f"retry-{media.id}")
    await run_jobs(site)
    assert (await one(site, Media, media.id)).state is MediaState.READY


async def test_the_scripts_addresses(app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any) -> None:
    """/uploads and what follows; row 42: nobody else's, row 67: not without the form's secret."""
    desk = await at_desk(app, alice)
    csrf = desk.form.get("csrf")
    client, headers = desk.client, {"X-CSRF": csrf, "X-File-Name": "%C3%A9tude%20%3Cb%3E.png"}
    assert (await client.post("/uploads", data=picture(), headers={"X-File-Name": "a"})).status_code == 403
    made = await client.post("/uploads", data=picture(), headers=headers)
    html = await made.get_data(as_text=True)
    assert made.status_code == 201 and "étude &lt;b&gt;.png" in html and 'data-state="waiting"' in html
    media_id = int(re.search(r'data-id="(\d+)"', html)[1])  # type: ignore[index]
    await run_jobs(site)
    card = await (await client.get(f"/uploads/{media_id}")).get_data(as_text=True)
    assert 'data-state="ready"' in card
    picture_address = re.search(r'<img src="([^"]+)"', card)[1]  # type: ignore[index]
    assert (await app.test_client().get(unescape(picture_address))).status_code == 200
    his = await signed_in(app, bob)
    other = (await Desk(his).open()).form.get("csrf")
    for method, path in (("get", ""), ("post", "/retry"), ("post", "/discard")):
        answer = await getattr(his, method)(f"/uploads/{media_id}{path}", headers={"X-CSRF": other})
        assert answer.status_code == 404
    refused = await client.post("/uploads", data=b"no", headers={**headers, "Accept": "application/json"})
    assert refused.status_code == 422 and (await refused.get_json())["error"].endswith(".")
    assert (await client.post(f"/uploads/{media_id}/discard", headers={"X-CSRF": csrf})).status_code == 204
    assert (await client.get(f"/uploads/{media_id}")).status_code == 404
    assert (await client.get(f"/uploads/{2**80}")).status_code == 404
    assert files_in(site.storage.root) == []  # type: ignore[attr-defined]
    public = await publish(site, alice)
    assert (await client.post(f"/uploads/{public.media[0].id}/discard", headers={"X-CSRF": csrf})).status_code == 404


async def test_an_importer_may_upload_much_but_not_without_end(
    app: Quart, site: Site, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(throttle.LIMITS, "upload", (2, 1800))
    desk = await at_desk(app, alice)
    await desk.press("upload", *[(f"{n}.png", picture(9, 9)) for n in range(3)], title="Kept")
    assert desk.status == 422 and len(desk.form.all("picture")) == 2 and desk.form.get("title") == "Kept"
    assert "very many images" in desk.form.html


async def test_only_the_author_edits_and_deletes(
    app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    """security.md rows 41 and 42: others get the same 404 as for nothing at all."""
    post = await publish(site, alice)
    await run_jobs(site)
    desk = await at_desk(app, bob)
    csrf = desk.form.get("csrf")
    for name in ("alice", "bob"):
        for action in ("edit", "delete"):
            assert (await desk.client.get(f"/@{name}/{post.id}/{action}")).status_code == 404
            answer = await desk.client.post(f"/@{name}/{post.id}/{action}", form={"csrf": csrf, "do": "save"})
            assert answer.status_code == 404
    assert (await only_work(site, alice)).artwork.title == "The Last Ferry"  # type: ignore[union-attr]


async def test_deleting_asks_and_leaves_a_tombstone(app: Quart, site: Site, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    address = site.urls.post_page(post).removeprefix("http://art.test")
    desk = await at_desk(app, alice, f"/@alice/{post.id}/delete")
    assert "Delete this work?" in desk.form.html and (await app.test_client().get(address)).status_code == 200
    await desk.press(None)
    assert desk.status == 303
    assert (await app.test_client().get(address)).status_code == 410
    assert files_in(site.storage.root) == []  # type: ignore[attr-defined]
    await desk.press(None)
    assert desk.status == 410


@pytest.mark.parametrize(
    ("default", "reserve", "precisely", "expected"),
    [
        (Reservation.NO_AI, True, "", Reservation.NO_AI),
        (Reservation.NO_AI, False, "", Reservation.OPEN),
        (Reservation.NO_TRAINING, True, "", Reservation.NO_TRAINING),
        (Reservation.OPEN, True, "", Reservation.NO_AI),
        (Reservation.NO_AI, False, "no-genai", Reservation.NO_GENAI),
        (Reservation.NO_AI, True, "open", Reservation.OPEN),
    ],
)
def test_the_box_and_more_precisely(
    alice_like: Any, default: Reservation, reserve: bool, precisely: str, expected: Reservation
) -> None:
    """Decision 18: the box stands for the profile's tier; a choice below it is more precise, and wins."""
    sheet = forms.blank(alice_like(default))
    sheet.reserve, sheet.precisely = reserve, precisely
    assert sheet.draft().reservation is expected


@pytest.fixture
def alice_like() -> Any:
    return lambda default: Actor(
        handle="a",
        default_reservation=default,
        default_licence=Licence.ARR,
        default_audience=Audience.EVERYONE,
        public_max=2048,
    )


async def test_every_reservation_comes_back_as_it_was_saved(
    app: Quart, site: Site, alice: Account, run_jobs: Any
) -> None:
    client = await signed_in(app, alice)
    for reservation in Reservation:
        post = await publish(site, alice, reservation=reservation, rating=Rating.MATURE)
        await run_jobs(site)
        desk = await Desk(client).open(f"/@alice/{post.id}/edit")
        assert desk.form.get("rating") == "mature"
        await desk.press("save")
        assert desk.status == 303
        assert (await one(site, Artwork, post.id)).reservation is reservation


async def test_a_free_licence_cannot_be_reserved(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    await desk.press("draft", licence="cc0")
    assert desk.status == 422 and "cannot be combined" in desk.form.html
    desk.form.values = [pair for pair in desk.form.values if pair[0] != "reserve"]
    await desk.press("draft")
    assert desk.status == 303


@pytest.mark.parametrize(
    "do", ["explode", "up-", "up-x", "remove-99999999999999999999999", "remove-9999999999999999999", "publish; drop"]
)
async def test_unknown_buttons_change_nothing(app: Quart, site: Site, alice: Account, do: str) -> None:
    desk = await at_desk(app, alice)
    await desk.press(do, title="x")
    assert desk.status == 422 and await count(site, Post) == 0


async def test_a_form_without_its_key_is_refused(app: Quart, site: Site, alice: Account) -> None:
    desk = await at_desk(app, alice)
    await desk.press("draft", form_key="short")
    assert desk.status == 422 and await count(site, Post) == 0
