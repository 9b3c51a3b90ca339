"""Originals: untouched, for the artist and whom they allow, for a while; and nothing above the public size is public."""

import hashlib
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from quart import Quart

from server import clock, jobs, originals, posts, sweep
from server.errors import NotFound
from server.models import Account, Licence, OriginalLink, Post, RenditionPurpose, Reservation
from server.site import Site
from tests.asking import ask
from tests.browsing import Browser
from tests.works import one, publish, renditions_of, upload

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def photograph(width: int = 900, height: int = 600) -> bytes:
    """A JPEG that says where and with what it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Camera maker", "Camera 7"
    exif.get_ifd(0x8825)[2] = (52.0, 13.0, 48.0)
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, "JPEG", exif=exif.tobytes())
    return out.getvalue()


async def work(site: Site, account: Account, content: bytes, **said: Any) -> Post:
    media = await upload(site, account, content)
    return await publish(site, account, media=media, **said)


async def given(site: Site, alice: Account, post: Post, days: int = 7, label: str = "The printer") -> str:
    """The path of a fresh address."""
    async with site.db.write() as tx:
        link = await originals.create(tx, site, alice.actor, post.media[0].id, label, days)
    return f"/original/{originals.token(site, link)}"


async def test_the_artist_gives_an_address_and_ends_it(site: Site, app: Quart, alice: Account) -> None:
    content = photograph()
    post = await work(site, alice, content, title="Harbour")
    browser = await Browser(app).as_somebody(alice)
    assert f"/works/{post.id}/originals" in await browser.get(f"/@alice/{post.id}-harbour")
    page = await browser.get(f"/works/{post.id}/originals")
    assert "the place where a photograph was taken" in page and "Given so far" not in page
    await browser.post(
        f"/works/{post.id}/originals", {"picture": post.media[0].id, "label": "The <printer>", "days": "7"}
    )
    assert browser.status == 303
    page = await browser.get(f"/works/{post.id}/originals")
    assert "The &lt;printer&gt;" in page and "Not taken yet" in page
    found = re.search(r"http://art\.test(/original/[\w-]+)", page)
    assert found
    told = await ask(app, found[1])
    assert told.status == 200 and told.body == content, "byte for byte, with everything that the file holds"
    assert "Taken once" in await browser.get(f"/works/{post.id}/originals")
    async with site.db.read() as tx:
        (link,) = await originals.of(tx, post)
    await browser.post(f"/works/{post.id}/originals/{link.id}/end")
    assert browser.status == 303
    page = await browser.get(f"/works/{post.id}/originals")
    assert "Ended on" in page and found[1] not in page
    assert (await ask(app, found[1])).status == 404
    await browser.post(f"/works/{post.id}/originals/{link.id}/end")
    assert browser.status == 303, "twice is once"


async def test_what_the_answer_says(site: Site, app: Quart, alice: Account) -> None:
    content = photograph()
    post = await work(site, alice, content, licence=Licence.BY, reservation=Reservation.NO_GENAI)
    told = await ask(app, await given(site, alice, post))
    headers = told.headers
    assert headers["cache-control"] == "private, no-store" and headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noai, noimageai, noindex"
    assert headers["tdm-policy"].endswith(f"/works/{post.id}/policy.json") and headers["tdm-reservation"] == "1"
    assert headers["content-type"] == "image/jpeg" and headers["content-length"] == str(len(content))
    assert headers["content-disposition"] == (
        f"attachment; filename=\"original-{post.media[0].id}.jpeg\"; filename*=UTF-8''ferry.png"
    )
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff" and "set-cookie" not in headers
    lax = await work(site, alice, photograph(800), licence=Licence.CC0, reservation=Reservation.OPEN)
    told = await ask(app, await given(site, alice, lax))
    assert told.headers["x-robots-tag"] == "noindex" and told.headers["tdm-reservation"] == "0"


async def test_a_download_that_broke_off_goes_on_and_counts_once(site: Site, app: Quart, alice: Account) -> None:
    content = photograph()
    post = await work(site, alice, content)
    path = await given(site, alice, post)
    head = await ask(app, path, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(content)))
    first = await ask(app, path, range="bytes=0-99")
    assert (first.status, first.body) == (206, content[:100])
    rest = await ask(app, path, range="bytes=100-", if_range=first.headers["etag"])
    assert (rest.status, rest.body) == (206, content[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert (await ask(app, path, range=f"bytes={len(content)}-")).status == 416
    async with site.db.read() as tx:
        (link,) = await originals.of(tx, post)
    assert link.uses == 1 and link.used_at is not None


@pytest.mark.parametrize("days", originals.DAYS)
async def test_it_ends_by_itself(site: Site, app: Quart, alice: Account, days: int) -> None:
    clock.set_source(lambda: START)
    post = await work(site, alice, photograph())
    path = await given(site, alice, post, days)
    clock.set_source(lambda: START + timedelta(days=days, seconds=-1))
    assert (await ask(app, path)).status == 200
    clock.set_source(lambda: START + timedelta(days=days))
    assert (await ask(app, path)).status == 404
    # Later its row goes too.
    async with site.db.read() as tx:
        (link,) = await originals.of(tx, post)
    clock.set_source(lambda: START + timedelta(days=days) + originals.KEPT + timedelta(seconds=1))
    await sweep.sweep(site, jobs.Sweep())
    assert await one(site, OriginalLink, link.id) is None


async def test_it_is_void_with_the_work_its_hold_and_its_artist(site: Site, app: Quart, alice: Account) -> None:
    posts_of_hers = [await work(site, alice, photograph(900 + number)) for number in range(3)]
    paths = [await given(site, alice, post) for post in posts_of_hers]
    async with site.db.write() as tx:
        await posts.remove(tx, await posts.mine(tx, posts_of_hers[0].id, alice.actor), alice.actor)
    async with site.db.write() as tx:
        (await posts.mine(tx, posts_of_hers[1].id, alice.actor)).held_at = clock.now()
    assert [(await ask(app, path)).status for path in paths] == [404, 404, 200]
    async with site.db.write() as tx:
        person = await tx.get(type(alice.actor), alice.actor_id)
        assert person is not None
        person.suspended_at = clock.now()
    assert (await ask(app, paths[2])).status == 404


async def test_only_the_artist_and_nobody_else(site: Site, app: Quart, alice: Account, bob: Account) -> None:
    content = photograph()
    post = await work(site, alice, content)
    media = post.media[0].id
    own = await Browser(app).as_somebody(alice)
    answer = await own.client.get(f"/works/{post.id}/originals/{media}", headers={"Host": "art.test"})
    assert await answer.get_data() == content and answer.headers["Cache-Control"] == "private, no-store"
    async with site.db.write() as tx:
        link = await originals.create(tx, site, alice.actor, media, "A friend", 1)
    other, stranger = await Browser(app).as_somebody(bob), Browser(app)
    await other.get("/settings/account")
    for path in (f"/works/{post.id}/originals", f"/works/{post.id}/originals/{media}"):
        await other.get(path)
        assert other.status == 404
        await stranger.get(path)
        assert stranger.status == 302
    await other.get("/settings/account")
    proof = other.csrf
    await other.post(f"/works/{post.id}/originals", {"picture": media, "label": "x", "days": "7"}, csrf=proof)
    assert other.status == 404
    await other.post(f"/works/{post.id}/originals/{link.id}/end", csrf=proof)
    assert other.status == 404 and (await ask(app, f"/original/{originals.token(site, link)}")).status == 200
    theirs = await work(site, bob, photograph(700))
    await other.post(f"/works/{theirs.id}/originals", {"picture": media, "label": "x", "days": "7"}, csrf=proof)
    assert other.status == 404, "a picture of hers through a work of his"
    for guess in ("x", "0" * 32, str(link.id), link.token_hash, "%00"):
        assert (await ask(app, f"/original/{guess}")).status == 404


async def test_what_cannot_be_given_is_said(site: Site, app: Quart, alice: Account) -> None:
    post = await work(site, alice, photograph())
    browser = await Browser(app).as_somebody(alice)
    await browser.get(f"/works/{post.id}/originals")
    for form, sentence in (
        ({"label": "", "days": "7"}, "Say for whom it is"),
        ({"label": "x" * 121, "days": "7"}, "At most 120 characters; these are 121."),
        ({"label": "x", "days": "365"}, "Choose one of the list."),
        ({"label": "x", "days": "−1"}, "Choose one of the list."),
    ):
        page = await browser.post(f"/works/{post.id}/originals", {"picture": post.media[0].id, **form})
        assert browser.status == 422 and sentence in page, form
    for picture in ("", "7", "x"):
        await browser.post(
            f"/works/{post.id}/originals", {"picture": picture, "label": "x", "days": "7"}, csrf=browser.csrf
        )
        assert browser.status == 404
        await browser.get(f"/works/{post.id}/originals")
    async with site.db.write() as tx:
        for number in range(originals.MAX_LINKS):
            await originals.create(tx, site, alice.actor, post.media[0].id, str(number), 1)
    page = await browser.post(f"/works/{post.id}/originals", {"picture": post.media[0].id, "label": "x", "days": "7"})
    assert browser.status == 422 and "End one first" in page


async def test_the_database_opens_nothing(site: Site, alice: Account) -> None:
    post = await work(site, alice, photograph())
    async with site.db.write() as tx:
        link = await originals.create(tx, site, alice.actor, post.media[0].id, "A friend", 1)
    token = originals.token(site, link)
    assert link.token_hash == hashlib.sha256(token.encode()).hexdigest() and len(token) == 32
    object.__setattr__(site, "secret", b"another house's secret")
    assert originals.token(site, link) != token
    async with site.db.read() as tx:
        with pytest.raises(NotFound):
            await originals.find(tx, originals.token(site, link))


async def test_nothing_above_the_public_size_is_public(site: Site, app: Quart, alice: Account, run_jobs: Any) -> None:
    """By default the public sees at most `Actor.public_max` pixels, and no address of the master exists."""
    content = photograph(2600, 1700)
    assert alice.actor.public_max < 2600
    post = await work(site, alice, content)
    await run_jobs(site)
    made = await renditions_of(site, post.media[0].id)
    assert made and not [row for row in made if row.purpose is RenditionPurpose.FULL]
    assert max(max(row.width, row.height) for row in made) <= alice.actor.public_max
    for row in made:
        told = await ask(app, f"/media/{row.media_id}/{site.urls.rendition_name(row)}")
        with Image.open(io.BytesIO(told.body)) as picture:
            assert told.status == 200 and max(picture.size) <= alice.actor.public_max
            assert not picture.getexif().get_ifd(0x8825), "where it was taken is not said"
    digest = hashlib.sha256(content).hexdigest()
    for name in (f"{digest[:20]}-2600.jpg", f"{digest[:20]}-2600.jpeg", f"{digest}"):
        assert (await ask(app, f"/media/{post.media[0].id}/{name}")).status == 404
    page = (await ask(app, f"/@alice/{post.id}-the-last-ferry")).text
    document = (await ask(app, f"/works/{post.id}", accept="application/activity+json")).text
    named = [int(width) for width in re.findall(r"/media/\d+/[0-9a-f]{20}-(\d+)\.", page + document)]
    assert len(named) > 5 and max(named) <= alice.actor.public_max
    assert "/original" not in page + document and digest not in page + document
