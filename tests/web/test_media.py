"""Pictures as bytes: who gets them, under which headers (security.md rows 39 to 42, 52, 114; decisions 11 and 12)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from quart import Quart

from server import artworks, blocks, clock, follows, posts, urls, worker
from server.app import JOBS
from server.artworks import Draft, Picture
from server.models import Account, Actor, Audience, Follow, Licence, Post, Purpose, Rendition
from server.site import Site
from tests.conftest import make_account, signed_in
from tests.works import picture, publish, renditions_of, upload
from web.pictures import until


async def file_of(site: Site, post: Post) -> tuple[Rendition, str]:
    rendition = (await renditions_of(site, post.media[0].id))[0]
    return rendition, f"/media/{rendition.media_id}/{site.urls.rendition_name(rendition)}"


def signed(site: Site, rendition: Rendition, viewer: Actor, end: int | None = None) -> str:
    return site.urls.rendition(rendition, viewer, until() if end is None else end).removeprefix("http://art.test")


async def raw(app: Quart, method: str, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """What goes over the wire; the test client would count the length itself."""
    sent: list[Any] = []
    waiting = asyncio.Event()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await waiting.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "query_string": b"",
        "headers": [(b"host", b"art.test")], "root_path": "", "asgi": {}, "extensions": {}, "client": None, "server": None,
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {name.lower(): value for name, value in sent[0]["headers"]}, body


async def status(client: Any, path: str, **headers: str) -> int:
    return int((await client.get(path, headers={"Host": "art.test", **headers})).status_code)


async def test_a_public_file(site: Site, client: Any, alice: Account, run_jobs: Any) -> None:
    """Row 114 and table D: type from our table, sandboxed, cacheable for ever under the hash of its bytes."""
    post = await publish(site, alice)
    await run_jobs(site)
    rendition, path = await file_of(site, post)
    answer = await client.get(path)
    body = await answer.get_data()
    assert answer.status_code == 200 and len(body) == rendition.bytes
    assert body == site.storage.path(rendition.key).read_bytes()
    headers = answer.headers
    assert headers["Content-Type"] == "image/webp"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == f'inline; filename="{rendition.media_id}-{rendition.width}.webp"'
    assert headers["ETag"] == f'"{rendition.hash}"'
    assert headers["Content-Length"] == str(rendition.bytes)
    assert "Set-Cookie" not in headers and "Cookie" not in headers.get("Vary", "")


async def test_head_range_and_conditional(site: Site, client: Any, alice: Account, run_jobs: Any) -> None:
    post = await publish(site, alice)
    await run_jobs(site)
    rendition, path = await file_of(site, post)
    whole = site.storage.path(rendition.key).read_bytes()
    code, headers, body = await raw(client.app, "HEAD", path)
    assert (code, headers[b"content-length"], body) == (200, str(len(whole)).encode(), b"")
    for asked, expected in (
        ("bytes=0-9", (206, whole[:10], f"bytes 0-9/{len(whole)}")),
        ("bytes=-5", (206, whole[-5:], f"bytes {len(whole) - 5}-{len(whole) - 1}/{len(whole)}")),
        (f"bytes={len(whole) - 3}-", (206, whole[-3:], f"bytes {len(whole) - 3}-{len(whole) - 1}/{len(whole)}")),
        (f"bytes={len(whole)}-", (416, b"", f"bytes */{len(whole)}")),
        ("bytes=0-1,4-5", (200, whole, None)),
        ("lines=1-2", (200, whole, None)),
        ("nonsense", (200, whole, None)),
    ):
        answer = await client.get(path, headers={"Range": asked})
        assert (answer.status_code, await answer.get_data(), answer.headers.get("Content-Range")) == expected, asked
    stale = await client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert stale.status_code == 200
    for tag in (f'"{rendition.hash}"', f'"x", W/"{rendition.hash}"', "*"):
        known = await client.get(path, headers={"If-None-Match": tag})
        assert known.status_code == 304 and not await known.get_data()
    assert await status(client, path, **{"If-None-Match": '"other"'}) == 200


@pytest.mark.parametrize("audience", [Audience.FOLLOWERS, Audience.MENTIONED])
async def test_a_private_file_opens_for_whom_its_address_was_signed(
    site: Site, client: Any, alice: Account, bob: Account, run_jobs: Any, audience: Audience
) -> None:
    cleo = await make_account(site, "cleo")
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    post = await publish(site, alice, audience=audience, text="for @bob")
    await run_jobs(site)
    rendition, path = await file_of(site, post)
    good = signed(site, rendition, bob.actor)
    answer = await client.get(good)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].startswith("private")
    assert await status(client, path) == 404
    assert await status(client, signed(site, rendition, alice.actor)) == 200
    # Signed for somebody who may not see it: a signature is no right.
    assert await status(client, signed(site, rendition, cleo.actor)) == 404
    # Nor can one be made into another.
    now = int(clock.now().timestamp())
    for forged in (
        good.replace(f"for={bob.actor.id}", f"for={alice.actor.id}"),
        good.replace("until=", "until=1"),
        good[:-4] + "AAAA",
        good.split("&sig=")[0],
        signed(site, rendition, bob.actor, now - 1),
        signed(site, rendition, bob.actor, now + 7300),
        signed(site, rendition, bob.actor, 2**62),
        path + "?for=x&until=y&sig=z",
        good.replace("/media/", "/media/0"),
    ):
        assert await status(client, forged) == 404, forged
    # The address knows an hour; row 41: with or without a known tag, a closed door looks the same.
    start = clock.now()
    clock.set_source(lambda: start + timedelta(hours=2, minutes=1))
    assert await status(client, good, **{"If-None-Match": f'"{rendition.hash}"'}) == 404
    assert await status(client, good, **{"If-None-Match": "*", "Range": "bytes=0-1"}) == 404
    assert await status(client, signed(site, rendition, bob.actor)) == 200


async def test_a_cookie_opens_nothing(site: Site, app: Quart, alice: Account, run_jobs: Any) -> None:
    """Media are served without looking at cookies: a picture cannot be asked for in somebody's name from elsewhere."""
    post = await publish(site, alice, audience=Audience.FOLLOWERS)
    await run_jobs(site)
    _, path = await file_of(site, post)
    assert await status(await signed_in(app, alice), path) == 404


@pytest.mark.parametrize("change", ["narrow", "delete", "block", "unfollow", "suspend author", "suspend viewer"])
async def test_every_change_voids_an_address_at_once(
    site: Site, client: Any, alice: Account, bob: Account, run_jobs: Any, change: str
) -> None:
    """Row 52 and decision 12: plain and signed addresses alike, without waiting for an hour to end."""
    async with site.db.write() as tx:
        await follows.follow(tx, bob.actor, alice.actor)
    public = await publish(site, alice)
    private = await publish(site, alice, audience=Audience.FOLLOWERS)
    await run_jobs(site)
    (open_file, plain), (closed_file, _) = await file_of(site, public), await file_of(site, private)
    opened = {
        "plain": plain,
        "signed": signed(site, closed_file, bob.actor),
        "both": signed(site, open_file, bob.actor),
    }
    assert {await status(client, path) for path in opened.values()} == {200}
    async with site.db.write() as tx:
        if change == "narrow":
            for post in (public, private):
                said = Draft(audience=Audience.MENTIONED, pictures=(Picture(post.media[0].id),))
                await artworks.edit(tx, await posts.mine(tx, post.id, alice.actor), said, urls=site.urls)
        elif change == "delete":
            for post in (public, private):
                await posts.remove(tx, await posts.mine(tx, post.id, alice.actor), alice.actor)
        elif change == "block":
            await blocks.block(tx, alice.actor, bob.actor)
            await tx.merge(Follow(follower_id=bob.actor.id, followed_id=alice.actor.id, accepted=True))
        elif change == "unfollow":
            await follows.unfollow(tx, bob.actor, alice.actor)
        else:
            actor = alice.actor if change == "suspend author" else bob.actor
            (await tx.get_one(Actor, actor.id)).suspended_at = clock.now()
    everybody = change in ("narrow", "delete", "suspend author")
    assert await status(client, opened["signed"]) == 404
    assert await status(client, opened["plain"]) == (404 if everybody else 200)
    assert await status(client, opened["both"]) == (404 if everybody else 200)


async def test_a_picture_without_a_work_is_its_owners(
    site: Site, client: Any, alice: Account, bob: Account, run_jobs: Any
) -> None:
    media = await upload(site, alice)
    await run_jobs(site)
    rendition = (await renditions_of(site, media.id))[0]
    assert await status(client, f"/media/{media.id}/{site.urls.rendition_name(rendition)}") == 404
    assert await status(client, signed(site, rendition, alice.actor)) == 200
    assert await status(client, signed(site, rendition, bob.actor)) == 404


async def test_a_face_is_public_while_it_is_worn(site: Site, client: Any, alice: Account, run_jobs: Any) -> None:
    media = await upload(site, alice, purpose=Purpose.FACE)
    await run_jobs(site)
    paths = [f"/media/{media.id}/{site.urls.rendition_name(r)}" for r in await renditions_of(site, media.id)]
    assert {await status(client, path) for path in paths} == {404}
    async with site.db.write() as tx:
        (await tx.get_one(Actor, alice.actor.id)).face_id = media.id
    assert {await status(client, path) for path in paths} == {200}


@pytest.mark.parametrize(
    "path",
    [
        "/media/1/x.webp", "/media/x/0123456789abcdef0123-320.webp", "/media/99999999999999999999/0123456789abcdef0123-320.webp",
        "/media/1/0123456789abcdef0123-320.svg", "/media/1/0123456789abcdef0123-0320.webp", "/media/1/..%2f..%2fsecrets%2fkey",
        "/media/1/0123456789abcdef0123-320.webp%00", "/media/1/0123456789ABCDEF0123-320.webp", "/media/1/%25-320.webp",
    ],
)  # fmt: skip
async def test_no_other_address_leads_anywhere(client: Any, site: Site, path: str) -> None:
    """Row 121: names are parsed, never joined to a path."""
    assert await status(client, path) == 404


async def test_the_master_is_never_served(site: Site, client: Any, alice: Account, run_jobs: Any) -> None:
    """Row 115: what was uploaded is kept bit for bit, and no address leads to it."""
    content = picture(1200, 900, "JPEG")
    post = await publish(site, alice, media=await upload(site, alice, content))
    await run_jobs(site)
    for rendition in await renditions_of(site, post.media[0].id):
        body = await (await client.get(f"/media/{rendition.media_id}/{site.urls.rendition_name(rendition)}")).get_data()
        assert body != content
    name = f"{post.media[0].master_hash[:20]}-1200.{urls.ENDINGS['jpeg']}"
    assert await status(client, f"/media/{post.media[0].id}/{name}") == 404


async def test_who_asks_while_a_picture_is_stamped_anew_gets_the_new_file(
    site: Site, client: Any, alice: Account, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the row and the opening of its file that file may be replaced."""
    post = await publish(site, alice)
    await run_jobs(site)
    rendition, path = await file_of(site, post)
    find = site.storage.path

    def late(key: str) -> Any:
        found = find(key)
        if key == rendition.key and key not in gone:
            gone.append(key)
            asyncio.run_coroutine_threadsafe(change(), loop).result(60)
        return found

    async def change() -> None:
        async with site.db.write() as tx:
            mine = await posts.mine(tx, post.id, alice.actor)
            draft = Draft(title="Another title", pictures=(Picture(mine.media[0].id, "A ferry."),), licence=Licence.BY)
            await artworks.edit(tx, mine, draft, urls=site.urls)
        await worker.drain(site, JOBS, ("stamp",))

    gone: list[str] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(site.storage, "path", late)
    answer = await client.get(path)
    assert answer.status_code == 200 and gone == [rendition.key]
    new, _ = await file_of(site, post)
    assert new.hash != rendition.hash and await answer.get_data() == find(new.key).read_bytes()
    assert not find(new.key).with_name(rendition.key.rsplit("/", 1)[1]).exists()
