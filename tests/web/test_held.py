"""What artists and moderators see of what a generator made: on the compose page, beside the work, and on /admin/held."""

import re

import pytest
from quart import Quart

from server import moderation
from server.models import Account, Artwork, Media, Post, Role, SourceType
from server.site import Site
from tests.browsing import Browser
from tests.conftest import make_account, signed_in
from tests.desk import desk
from tests.generators import marked, send, set_rule
from tests.web.test_compose import at_desk
from tests.works import one, picture


@pytest.fixture
async def mo(site: Site, app: Quart) -> Browser:
    return await desk(app, await make_account(site, "mo", role=Role.MODERATOR))


async def held(site: Site) -> list[Post]:
    async with site.db.read() as tx:
        return await moderation.held(tx)


async def test_the_artist_sees_what_was_found_and_declares_how_it_came_to_be(
    site: Site, app: Quart, alice: Account
) -> None:
    page = await (await at_desk(app, alice)).press("upload", ("a.png", marked()), title="Lighthouse")
    html = page.form.html
    assert (
        "The file says that it was made with Automatic1111" in html and "<q>Negative prompt: blurry Steps: 28, " in html
    )
    assert "What the file says suggests: Made with a generator" in html and "is labelled as that" in html
    assert "A file says so wrongly?" not in html, "nobody would read it"
    assert page.form.get("source_type") == "", "nothing is declared in the artist's name"
    await page.press("undescribed", source_type="compositeWithTrainedAlgorithmicMedia")
    assert page.status == 303
    await page.follow()
    assert "Partly made with a generator, as its file says and its artist declares." in page.form.html
    await page.open(
        re.sub(r"-.*", "", page.form.html.split('rel="canonical" href="http://art.test')[1].split('"')[0]) + "/edit"
    )
    assert page.form.get("source_type") == "compositeWithTrainedAlgorithmicMedia", "it is there again"


async def test_the_declared_origin_stands_beside_the_work(site: Site, app: Quart, alice: Account) -> None:
    page = await (await at_desk(app, alice)).press(
        "undescribed", ("a.png", picture(64, 48)), title="Heron", source_type=SourceType.PRINT
    )
    await page.follow()
    assert "Made on paper or canvas, then scanned or photographed, as its artist declares." in page.form.html
    page = await (await at_desk(app, alice)).press("undescribed", ("a.png", marked()), source_type="digitalCapture")
    await page.follow()
    assert "as its file says. Its artist declares otherwise: photographed with a digital camera." in page.form.html
    page = await (await at_desk(app, alice)).press("draft", source_type="by magic")
    assert page.status == 422 and "Choose one of the list." in page.form.html
    page = await (await at_desk(app, alice)).press("undescribed", ("a.png", picture(64, 48)), title="Nothing said")
    await page.follow()
    assert "How it was made" not in page.form.html


async def test_a_house_that_refuses_says_why_and_keeps_the_draft(site: Site, app: Quart, alice: Account) -> None:
    page = await (await at_desk(app, alice)).press("upload", ("a.png", marked()))  # before the house decided so
    set_rule(site, "refuse")
    await page.press("undescribed", title="Typed with care", text="Every word of it.")
    html = page.form.html
    assert page.status == 422 and "says that it was made with Automatic1111" in html and "kept as a draft" in html
    assert page.form.get("title") == "Typed with care"
    async with site.db.read() as tx:
        from_database = (await tx.execute(Artwork.__table__.select())).one()
    assert from_database.title == "Typed with care", "it is written down, too"
    await page.press("upload", ("b.png", marked()))
    assert page.status == 422 and "This server does not publish what a generator made" in page.form.html
    await page.press(f"remove-{page.form.get('picture')}")
    await page.press("undescribed", ("c.png", picture(64, 48)), source_type="trainedAlgorithmicMedia")
    assert page.status == 422 and "You declare that a generator made this work" in page.form.html
    await page.press("undescribed", source_type="digitalCreation")
    assert page.status == 303


async def test_a_moderator_lets_a_held_work_in(
    site: Site, app: Quart, alice: Account, mo: Browser, run_jobs: object
) -> None:
    set_rule(site, "hold")
    page = await (await at_desk(app, alice)).press("upload", ("a.png", marked()))
    assert "a moderator looks at before others see it" in page.form.html and "A file says so wrongly?" in page.form.html
    await page.press("undescribed", title="Lighthouse", objection="The agency <b>wrote</b> it.")
    await run_jobs(site)  # type: ignore[operator]
    await page.follow()
    assert "a moderator looks at that first" in page.form.html
    assert "A moderator looks at it before others see it." in (await page.open("/drafts")).form.html
    (post,) = await held(site)
    stranger = await app.test_client().get(f"/@alice/{post.id}", headers={"Host": "art.test"})
    document = await app.test_client().get(
        f"/works/{post.id}", headers={"Host": "art.test", "Accept": "application/activity+json"}
    )
    assert (stranger.status_code, document.status_code) == (404, 404)

    assert "published a work that" in await mo.get("/notifications")
    html = await mo.get("/admin/held")
    assert "Lighthouse" in html and "made with Automatic1111" in html and "Steps: 28" in html
    assert "The agency &lt;b&gt;wrote&lt;/b&gt; it." in html
    source = re.search(r'<img[^>]*src="([^"]*/media/[^"]*)"', html)
    assert source is not None
    assert (await mo.client.get(source[1].replace("&amp;", "&"), headers={"Host": "art.test"})).status_code == 200
    await mo.get(f"/@alice/{post.id}")
    assert mo.status == 404, "on this page alone"
    assert (await app.test_client().get(source[1].split("?")[0], headers={"Host": "art.test"})).status_code == 404

    await mo.post(f"/admin/held/{post.id}/let-in", {"reason": " ", "wrong": "yes"})
    assert mo.status == 422 and "Say why" in mo.page and re.search(r'name="wrong"[^>]*checked', mo.page)
    await mo.post(f"/admin/held/{post.id}/let-in", {"reason": "Looks right.", "wrong": "yes"})
    assert mo.status == 303
    await run_jobs(site)  # type: ignore[operator]
    shown = await (await app.test_client().get(f"/@alice/{post.id}", headers={"Host": "art.test"})).get_data(
        as_text=True
    )
    if "Lighthouse" not in shown:
        shown = await mo.get(f"/@alice/{post.id}-lighthouse")
    assert "Lighthouse" in shown and "How it was made" not in shown
    assert "Looks right." in await mo.get("/admin/decisions")
    assert "Nothing waits." in await mo.get("/admin/held")
    await mo.post(f"/admin/held/{post.id}/let-in", {"reason": "Twice."})
    assert mo.status == 404


async def test_what_is_sent_back_tells_its_artist_why(site: Site, app: Quart, alice: Account, mo: Browser) -> None:
    set_rule(site, "hold")
    post = await send(site, alice, "hold", marked())
    await mo.get("/admin/held")
    await mo.post(f"/admin/held/{post.id}/send-back", {"reason": "Tell <i>which</i> tool."})
    assert mo.status == 303
    page = await at_desk(app, alice, f"/@alice/{post.id}/edit")
    assert (
        "A moderator sent this work back" in page.form.html and "Tell &lt;i&gt;which&lt;/i&gt; tool." in page.form.html
    )
    assert "A moderator sent it back" in (await page.open("/drafts")).form.html
    await page.open(f"/@alice/{post.id}/edit")
    await page.press("undescribed", tools="Painter 3")
    assert page.status == 303 and [found.id for found in await held(site)] == [post.id]


async def test_the_page_is_for_those_who_run_the_house(site: Site, app: Quart, alice: Account, bob: Account) -> None:
    post = await send(site, alice, "hold", marked())
    client = await signed_in(app, bob)
    assert (await client.get("/admin/held", headers={"Host": "art.test"})).status_code == 403
    bobs = await desk(app, bob)
    for verb in ("let-in", "send-back"):
        await bobs.post(f"/admin/held/{post.id}/{verb}", {"reason": "Mine now."})
        assert bobs.status == 403
    assert (await one(site, Post, post.id)).held_at is not None
    assert (await one(site, Media, post.media[0].id)).markers[0].get("wrong") is None
