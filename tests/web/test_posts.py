"""Writing, commenting and changing words by form."""

from typing import Any

import pytest
from quart import Quart
from sqlalchemy import func, select

from server import posts
from server.models import Account, Audience, Post
from server.site import Site
from tests.conftest import signed_in
from tests.works import one, publish


async def csrf_of(client: Any) -> str:
    page = await (await client.get("/post")).get_data(as_text=True)
    return str(page.split('name="csrf" value="', 1)[1].split('"', 1)[0])


async def send(client: Any, path: str, **fields: str) -> Any:
    return await client.post(path, form={"csrf": await csrf_of(client), **fields})


async def count(site: Site) -> int:
    async with site.db.read() as tx:
        return await tx.scalar(select(func.count(Post.id))) or 0


async def test_a_post_is_written_once_per_form(app: Quart, site: Site, alice: Account) -> None:
    client = await signed_in(app, alice)
    said = {"text": "Open studio <b>Friday</b> #Studio", "audience": "everyone", "form_key": "f" * 20}
    first = await send(client, "/post", **said)
    again = await send(client, "/post", **said)
    assert first.status_code == again.status_code == 303
    assert first.headers["Location"] == again.headers["Location"]
    assert await count(site) == 1
    page = await (await app.test_client().get(first.headers["Location"].removeprefix("http://art.test"))).get_data(
        as_text=True
    )
    assert "&lt;b&gt;Friday&lt;/b&gt;" in page and "<b>Friday" not in page


async def test_what_is_wrong_keeps_what_was_typed(app: Quart, site: Site, alice: Account) -> None:
    client = await signed_in(app, alice)
    for fields, sentence in (
        ({"text": " ", "audience": "everyone", "warning": "kept"}, "Write something first."),
        ({"text": "kept", "audience": "everybody"}, "Choose who sees it."),
        ({"text": "kept" + "x" * 5000, "audience": "followers"}, "at most 5,000 fit"),
    ):
        answer = await send(client, "/post", **fields)
        html = await answer.get_data(as_text=True)
        assert answer.status_code == 422 and sentence in html and "kept" in html
    assert await count(site) == 0


async def test_a_comment_hangs_under_its_work(
    app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    work = await publish(site, alice)
    await run_jobs(site)
    client = await signed_in(app, bob)
    answer = await send(client, f"/@alice/{work.id}/comment", text="What a sky.", form_key="c" * 20)
    assert answer.status_code == 303
    comment_id = int(answer.headers["Location"].rsplit("#p", 1)[1])
    nested = await send(
        await signed_in(app, alice), f"/@alice/{work.id}/comment", text="Thank you", reply_to=str(comment_id)
    )
    assert nested.status_code == 303
    async with site.db.read() as tx:
        thread = await posts.replies(tx, await posts.get(tx, work.id, None), None)
    assert [(p.text, p.reply_to_id) for p in thread] == [("What a sky.", work.id), ("Thank you", comment_id)]
    assert (await one(site, Post, work.id)).replies == 1
    page = await (await app.test_client().get(site.urls.post_page(work).removeprefix("http://art.test"))).get_data(
        as_text=True
    )
    assert "What a sky." in page and "Thank you" in page


async def test_a_comment_is_heard_by_no_more_people_than_what_it_answers(
    app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    work = await publish(site, alice, audience=Audience.MENTIONED, text="for @bob")
    await run_jobs(site)
    answer = await send(await signed_in(app, bob), f"/@alice/{work.id}/comment", text="Secret?", audience="everyone")
    made = await one(site, Post, int(answer.headers["Location"].rsplit("#p", 1)[1]))
    assert made.audience is Audience.MENTIONED
    async with site.db.read() as tx:
        assert (await posts.get(tx, made.id, alice.actor)).text == "Secret?"
        with pytest.raises(posts.NotFound):
            await posts.get(tx, made.id, None)


async def test_nobody_comments_on_what_they_may_not_see(
    app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    """security.md rows 41 and 51."""
    hidden = await publish(site, alice, audience=Audience.FOLLOWERS)
    work, other = await publish(site, alice), await publish(site, alice)
    await run_jobs(site)
    client = await signed_in(app, bob)
    before = await count(site)
    for path, fields in (
        (f"/@alice/{hidden.id}/comment", {}),
        (f"/@alice/{work.id}/comment", {"reply_to": str(hidden.id)}),
        (f"/@alice/{work.id}/comment", {"reply_to": str(other.id)}),
        (f"/@bob/{work.id}/comment", {}),
        (f"/@alice/{2**80}/comment", {}),
    ):
        assert (await send(client, path, text="x", **fields)).status_code == 404, path
    assert await count(site) == before


async def test_a_wrong_comment_keeps_its_place(
    app: Quart, site: Site, alice: Account, bob: Account, run_jobs: Any
) -> None:
    work = await publish(site, alice)
    await run_jobs(site)
    answer = await send(await signed_in(app, bob), f"/@alice/{work.id}/comment", text="y" * 5001)
    html = await answer.get_data(as_text=True)
    assert answer.status_code == 422 and "y" * 5001 in html
    assert f'action="http://art.test/@alice/{work.id}/comment"' in html and f'name="reply_to" value="{work.id}"' in html


async def test_a_note_is_changed_and_deleted_by_its_author_alone(
    app: Quart, site: Site, alice: Account, bob: Account
) -> None:
    client = await signed_in(app, alice)
    made = await send(client, "/post", text="Before", audience="everyone")
    path = made.headers["Location"].removeprefix("http://art.test")
    page = await (await client.get(f"{path}/edit")).get_data(as_text=True)
    assert "Before" in page
    assert (await send(client, f"{path}/edit", text="", audience="everyone")).status_code == 422
    assert (await send(client, f"{path}/edit", text="After", audience="followers")).status_code == 303
    row = await one(site, Post, int(path.rsplit("/", 1)[1]))
    assert (row.text, row.audience) == ("After", Audience.FOLLOWERS) and row.edited_at
    his = await signed_in(app, bob)
    for action in ("edit", "delete"):
        assert (await his.get(f"{path}/{action}")).status_code == 404
        assert (await send(his, f"{path}/{action}", text="x", audience="everyone")).status_code == 404
    assert "Delete this post?" in await (await client.get(f"{path}/delete")).get_data(as_text=True)
    assert (await send(client, f"{path}/delete")).status_code == 303
    assert (await app.test_client().get(path)).status_code == 410  # it was public once


async def test_strangers_write_nothing(app: Quart, site: Site, alice: Account) -> None:
    client = app.test_client()
    assert (await client.get("/post")).status_code == 302
    await client.post("/post", form={"text": "x", "audience": "everyone"})
    signed = await signed_in(app, alice)
    assert (await signed.post("/post", form={"text": "x", "audience": "everyone"})).status_code == 403  # row 67
    assert await count(site) == 0
