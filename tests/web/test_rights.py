"""Every answer that carries or describes a work says its rights, and they are the same in all of them (docs/rights.md 2.3)."""

import json
import re
from typing import Any

import pytest
from quart import Quart

from server import artworks, posts, rights, worker
from server.app import JOBS
from server.artworks import Draft, Picture
from server.models import Account, Audience, Licence, Media, Post, Reservation
from server.rights import RESERVATIONS
from server.site import Site
from tests import works
from tests.browsing import Browser
from tests.hung import hang

DOCUMENT = {"Accept": "application/activity+json"}


def said(response: Any) -> dict[str, Any]:
    """What an answer's headers say of rights."""
    names = ("Content-Usage", "tdm-reservation", "tdm-policy", "X-Robots-Tag")
    found: dict[str, Any] = {name: response.headers.get(name) for name in names}
    found["links"] = [link for link in response.headers.getlist("Link") if "license" in link or "describedby" in link]
    assert all(len(response.headers.getlist(name)) < 2 for name in names)
    return found


async def drawn(site: Site, alice: Account, **more: Any) -> tuple[Post, Media]:
    """A work whose files are really there."""
    post = await works.publish(site, alice, **more)
    await worker.drain(site, JOBS, ("render", "federate"))
    async with site.db.read() as tx:
        found = await posts.get(tx, post.id, alice.actor)
    return found, found.media[0]


async def every_answer(site: Site, client: Any, post: Post, media: Media) -> dict[str, Any]:
    """All kinds of answers about one work."""
    urls = site.urls
    page = urls.post_page(post).removeprefix(urls.base)
    file = urls.rendition(media.renditions[-1]).removeprefix(urls.base)
    small = urls.rendition(media.renditions[0]).removeprefix(urls.base)
    answers = {
        "page": await client.get(page),
        "page, HEAD": await client.head(page),
        "page, kept": await client.get(page),
        "rights page": await client.get(f"/works/{post.id}/rights"),
        "policy": await client.get(f"/works/{post.id}/policy.json"),
        "document": await client.get(f"/works/{post.id}", headers=DOCUMENT),
        "create": await client.get(f"/works/{post.id}/activity/create", headers=DOCUMENT),
        "picture, as an object": await client.get(f"/media/{media.id}", headers=DOCUMENT),
        "picture": await client.get(file),
        "thumbnail": await client.get(small),
        "picture, HEAD": await client.head(file),
        "picture, part": await client.get(file, headers={"Range": "bytes=0-9"}),
    }
    for name, status in (("page", 304), ("document", 304), ("picture", 304)):
        etag = answers[name].headers["ETag"]
        path, more = {"page": (page, {}), "document": (f"/works/{post.id}", DOCUMENT), "picture": (file, {})}[name]
        answers[f"{name}, {status}"] = await client.get(path, headers={"If-None-Match": etag, **more})
        assert answers[f"{name}, {status}"].status_code == status
    assert answers["picture, part"].status_code == 206
    assert {answer.status_code for answer in answers.values()} == {200, 206, 304}
    return answers


@pytest.mark.parametrize(
    ("licence", "reservation"),
    [
        (Licence.ARR, Reservation.NO_AI), (Licence.BY_NC_ND, Reservation.NO_TRAINING), (Licence.BY, Reservation.NO_GENAI),
        (Licence.CC0, Reservation.OPEN), (Licence.ARR, Reservation.NO_AI_NO_INDEX),
    ],
)  # fmt: skip
async def test_all_answers_about_a_work_say_the_same(
    site: Site, client: Any, alice: Account, licence: Licence, reservation: Reservation
) -> None:
    post, media = await drawn(site, alice, licence=licence, reservation=reservation)
    row = RESERVATIONS[reservation]
    for name, answer in (await every_answer(site, client, post, media)).items():
        found = said(answer)
        assert found["Content-Usage"] == row.content_usage, name
        assert found["tdm-reservation"] == str(row.tdm), name
        assert found["tdm-policy"] == f"http://art.test/works/{post.id}/policy.json", name
        assert found["X-Robots-Tag"] == (row.x_robots_tag or None), name
        assert found["links"] == [
            f'<{rights.LICENCES[licence].uri}>; rel="license"',
            '<http://art.test/rights/rsl.xml>; rel="license"; type="application/rsl+xml"',
            f'<http://art.test/works/{post.id}>; rel="describedby"; type="application/activity+json"',
        ], name


async def test_the_head_of_the_page_says_it_too_and_describes_the_image(
    site: Site, client: Any, alice: Account
) -> None:
    post, _ = await drawn(site, alice, title="A <b> & 1/2 of </script>")
    page = await (await client.get(f"/@alice/{post.id}-{'x'}")).get_data(as_text=True)
    metas = dict(re.findall(r'<meta name="([^"]+)" content="([^"]*)">', page))
    assert metas["robots"] == "noai, noimageai, noarchive" and metas["googlebot"] == "max-image-preview:large"
    assert metas["tdm-reservation"] == "1" and metas["tdm-policy"].endswith(f"/works/{post.id}/policy.json")
    assert page.count('name="robots"') == 1
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    assert block
    image = json.loads(block[1])
    assert image["name"] == "A <b> & 1/2 of </script>" and image["license"].startswith("https://rightsstatements.org/")
    assert image["contentUrl"].startswith("http://art.test/media/") and image["width"] == 900
    assert image["acquireLicensePage"] == "http://art.test/@alice/licensing" and image["creditText"] == "Alice Painter"
    assert (await client.get("/@alice/licensing")).status_code == 200


async def test_a_wall_says_the_strictest_of_what_hangs_there(site: Site, client: Any, alice: Account) -> None:
    await hang(site, alice, licence=Licence.BY, reservation=Reservation.OPEN, title="Open")
    for path in ("/", "/explore", "/@alice", "/users/alice/outbox?page=1"):
        assert (
            said(await client.get(path, headers={} if "outbox" not in path else DOCUMENT))["tdm-reservation"] == "0"
        ), path
    await hang(site, alice, reservation=Reservation.NO_TRAINING, title="Not for training")
    for path in ("/", "/explore", "/@alice", "/users/alice/outbox?page=1"):
        found = said(await client.get(path, headers={} if "outbox" not in path else DOCUMENT))
        assert found["X-Robots-Tag"] == "noai, noimageai, noarchive" and found["tdm-reservation"] == "1", path
        assert found["links"] == ['<http://art.test/rights/rsl.xml>; rel="license"; type="application/rsl+xml"'], path


async def test_the_least_of_the_house_holds_in_every_answer(
    site: Site, app: Quart, client: Any, alice: Account
) -> None:
    """An instance minimum, which artists may only raise."""
    post, media = await drawn(site, alice, licence=Licence.BY, reservation=Reservation.OPEN)
    stricter = site.settings.rights.model_copy(update={"minimum": "no-training"})
    object.__setattr__(site.settings, "rights", stricter)
    for name, answer in (await every_answer(site, client, post, media)).items():
        assert said(answer)["X-Robots-Tag"] == "noai, noimageai, noarchive", name
    document = await (await client.get(f"/works/{post.id}", headers=DOCUMENT)).get_json(force=True)
    assert document["dataMining"].endswith("DMI-PROHIBITED-AIMLTRAINING")


async def test_the_policy_asks_for_consent_and_names_whom_to_ask(site: Site, client: Any, alice: Account) -> None:
    post = await hang(site, alice)
    answer = await client.get(f"/works/{post.id}/policy.json")
    assert answer.headers["Content-Type"] == "application/ld+json"
    offer = json.loads(await answer.get_data())
    assert offer["permission"] == [
        {"target": f"http://art.test/works/{post.id}", "action": "tdm:mine", "duty": [{"action": "obtainConsent"}]}
    ]
    assert offer["assigner"]["vcard:hasURL"] == "http://art.test/@alice/licensing"
    hidden = await hang(site, alice, audience=Audience.FOLLOWERS)
    assert (await client.get(f"/works/{hidden.id}/policy.json")).status_code == 404
    assert (await client.get(f"/works/{hidden.id}/rights")).status_code == 404


async def test_the_sentence_is_said_in_the_language_of_the_artist(site: Site, app: Quart, alice: Account) -> None:
    async with site.db.write() as tx:
        (await tx.merge(alice.actor)).language = "fr"
    work = await hang(site, alice)
    page = await Browser(app).get(f"/@alice/{work.id}")
    assert "Alice Painter. Tous droits réservés. Pas d’entraînement d’IA" in page and '<p lang="fr">' in page
    explained = await Browser(app).get(f"/works/{work.id}/rights")
    assert "droits réservés" in explained and "No AI training or text and data mining (rights reserved" in explained


async def test_a_face_carries_what_its_owner_starts_with_and_a_form_carries_nothing(client: Any) -> None:
    answer = await client.get("/login")
    assert said(answer) == {
        "Content-Usage": None, "tdm-reservation": None, "tdm-policy": None, "X-Robots-Tag": None, "links": [],
    }  # fmt: skip


async def test_the_artist_sees_what_held_before(site: Site, app: Quart, alice: Account, bob: Account) -> None:
    post, media = await drawn(site, alice)
    draft = Draft(
        title="The Last Ferry",
        licence=Licence.BY,
        reservation=Reservation.NO_GENAI,
        pictures=(Picture(media.id, "A ferry."),),
    )
    async with site.db.write() as tx:
        await artworks.edit(tx, await posts.get(tx, post.id, alice.actor), draft, urls=site.urls)
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get(f"/works/{post.id}/rights")
    assert (
        "“All rights reserved” became “Creative Commons Attribution 4.0”; “Not for AI” became “Not for generative AI”"
        in page
    )
    assert "became" not in await (await Browser(app).as_somebody(bob)).get(f"/works/{post.id}/rights")


async def test_the_artist_chooses_the_language_of_the_sentence(site: Site, app: Quart, alice: Account) -> None:
    browser = await Browser(app).as_somebody(alice)
    page = await browser.get("/settings/rights")
    assert 'name="language"' in page and "Français" in page and "“Not for AI” for everything here" in page
    form = {"licence": "arr", "reserved": "yes", "reservation": "no-ai", "audience": "everyone", "public_max": "2048"}
    await browser.post("/settings/rights", form | {"language": "fr"})
    assert browser.status == 303
    work = await hang(site, alice)
    assert "Tous droits réservés" in await Browser(app).get(f"/@alice/{work.id}")
    await browser.get("/settings/rights")
    assert "Choose one of these languages." in await browser.post("/settings/rights", form | {"language": "tlh"})
