"""What a house does with what a generator made: it labels it, holds it for a moderator, or refuses it (`rights.generated`)."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from server import artworks, generated, hanging, moderation, posts, uploads, viewing
from server.artworks import Draft, Picture
from server.errors import Forbidden, Invalid, NotFound
from server.media.sealing import Sealer
from server.models import (
    Account,
    Artwork,
    Hearing,
    Job,
    Licence,
    Media,
    Notification,
    Post,
    Reservation,
    Role,
    SourceType,
)
from server.rights import Rights, channels
from server.rights import of as rights_of
from server.site import Site
from tests.browsing import queued
from tests.conftest import make_account
from tests.generators import marked, send, set_rule
from tests.server.media.test_sealing import wax
from tests.works import arrive, one, picture, publish, upload

COMPOSITE = SourceType.COMPOSITE_WITH_GENERATOR


async def change(site: Site, account: Account, post: Post, rule: str, *media: Media, **said: Any) -> Post:
    """Save a published work with these pictures."""
    async with site.db.write() as tx:
        found = await posts.mine(tx, post.id, account.actor)
        pictures = tuple(Picture(one.id) for one in (*found.media, *media))
        draft = Draft(title="The Last Ferry", pictures=pictures, **said)
        await artworks.edit(tx, found, draft, urls=site.urls, generated_rule=rule)  # type: ignore[arg-type]
        return await posts.get(tx, post.id, account.actor)


async def told(site: Site) -> list[str]:
    """What waits to be told to other servers."""
    async with site.db.read() as tx:
        rows = await tx.scalars(select(Job).where(Job.kind == "Federate").order_by(Job.id))
        return [row.payload["verb"] for row in rows]


async def seen(site: Site, post: Post, by: Account | None = None) -> bool:
    async with site.db.read() as tx:
        return await posts.may_see(tx, post.id, by.actor if by else None)


async def decide(site: Site, moderator: Account, post: Post, *, is_in: bool, is_wrong: bool = False) -> None:
    async with site.db.write() as tx:
        found = await moderation.get_held(tx, post.id)
        if is_in:
            await moderation.let_in(tx, site, moderator.actor, found, "It is a photo.", is_wrong=is_wrong)
        else:
            await moderation.send_back(tx, site, moderator.actor, found, "Say which tool it was.")


@pytest.fixture
async def mo(site: Site) -> Account:
    return await make_account(site, "mo", role=Role.MODERATOR)


# -- what is known of a file ---------------------------------------------------------------------------------------------
async def test_an_upload_keeps_what_its_file_says(site: Site, alice: Account) -> None:
    media = await one(site, Media, (await upload(site, alice, marked())).id)
    (mark,) = media.markers
    assert (
        mark["generator"] == "Automatic1111"
        and mark["where"] == 'the PNG text "parameters"'
        and "Steps: 28" in mark["words"]
    )
    ((sentence, words),) = generated.found(media)
    assert (
        sentence == 'The file says that it was made with Automatic1111 (in the PNG text "parameters").'
        and "Steps: 28" in words
    )
    assert generated.suggestion([media]) is SourceType.GENERATOR
    plain = await one(site, Media, (await upload(site, alice)).id)
    assert (plain.markers, plain.manifest, plain.credits, generated.found(plain)) == ([], {}, {}, [])
    assert generated.suggestion([plain]) is None and generated.suggestion([plain, media]) is None


async def test_a_weak_mark_is_told_to_the_artist_and_has_no_effect(site: Site, alice: Account) -> None:
    media = await upload(site, alice, marked("Exported from Midjourney"))
    assert [mark["strength"] for mark in media.markers] == ["weak"]
    ((sentence, _),) = generated.found(media)
    assert "That alone does not count." in sentence
    assert generated.counted(media.markers) == [] and generated.implied([media]) is None


async def test_a_photo_is_suggested_as_one(site: Site, alice: Account) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    exif.get_ifd(0x8769)[0x829A] = (1, 250)
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(64, 48))).save(out, "JPEG", exif=exif.tobytes())
    media = await upload(site, alice, out.getvalue())
    assert media.credits == {"camera": "Canon EOS R5"} and generated.suggestion([media]) is SourceType.DIGITAL_CAPTURE
    assert generated.found(media) == [("Taken with a Canon EOS R5, as the file says.", "")]


@pytest.mark.parametrize("declared", [SourceType.GENERATOR, COMPOSITE, SourceType.DIGITAL_CREATION])
async def test_a_manifest_is_read_when_its_file_comes_in(
    site: Site, alice: Account, tmp_path: Path, declared: SourceType
) -> None:
    """Somebody else's seal, as other houses and other programs write it (C2PA)."""
    stranger, source, sealed = wax(host="stranger.example"), tmp_path / "a.png", tmp_path / "sealed.png"
    source.write_bytes(picture(64, 48))
    said = channels.c2pa(Rights(Licence.ARR, Reservation.NO_AI, "Ada Ink", 2026, source_type=declared))
    async with Sealer() as sealer:
        await sealer.seal(source, sealed, "png", said, sign=stranger.sign, chain=stranger.chain, anchors=stranger.root)
    media = await one(site, Media, (await upload(site, alice, sealed.read_bytes())).id)
    assert media.manifest["signer"] == "stranger.example" and media.credits["source_type"] == declared
    marks = [(mark["where"], mark["strength"], mark["source_type"]) for mark in media.markers]
    assert marks == ([("its C2PA manifest", "strong", declared)] if declared.is_generated else [])
    assert generated.suggestion([media]) is declared


# -- label ---------------------------------------------------------------------------------------------------------------
async def test_label_says_it_and_lets_it_out(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await send(site, alice, "label", marked())
    await run_jobs(site)
    assert await seen(site, post) and post.artwork is not None
    assert (post.artwork.marked, post.artwork.source_type, post.artwork.is_generated) == (
        SourceType.GENERATOR,
        None,
        True,
    )
    document = channels.activitypub(rights_of(post, site.urls))
    assert document["digitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    (first, *_) = channels.c2pa(rights_of(post, site.urls))["assertions"][0]["data"]["actions"]
    assert first["action"] == "c2pa.opened", "what nobody declared the house does not sign as the beginning"
    mixed = await send(site, alice, "label", marked(), picture(64, 48))
    assert mixed.artwork is not None and mixed.artwork.marked is COMPOSITE, "one of its two pictures says so"


@pytest.mark.parametrize(
    ("declared", "told_onwards"),
    [(SourceType.DIGITAL_CAPTURE, SourceType.GENERATOR), (COMPOSITE, COMPOSITE), (None, SourceType.GENERATOR)],
)
async def test_what_the_artist_declares_stands_beside_what_the_file_says(
    site: Site, alice: Account, declared: SourceType | None, told_onwards: SourceType
) -> None:
    post = await send(site, alice, "label", marked(), source_type=declared)
    assert post.artwork is not None and post.artwork.source_type is declared
    assert post.artwork.came_to_be is told_onwards and rights_of(post, site.urls).source_type is told_onwards
    plain = await send(site, alice, "label", picture(64, 48), source_type=declared)
    assert plain.artwork is not None and plain.artwork.came_to_be is declared


# -- refuse --------------------------------------------------------------------------------------------------------------
async def test_refuse_takes_neither_the_file_nor_the_declaration(site: Site, alice: Account) -> None:
    before = await upload(site, alice, marked())
    set_rule(site, "refuse")
    with pytest.raises(Invalid) as refused:
        await uploads.accept(site, alice.actor, arrive(site, marked()), "a.png")
    sentence = refused.value.fields["files"]
    assert (
        "made with Automatic1111" in sentence and "does not publish" in sentence and "if the mark is wrong" in sentence
    )
    assert (await one(site, Account, alice.id)).used_bytes == before.master_bytes, "nothing is counted"
    async with site.db.write() as tx:
        post = await artworks.start(tx, alice.actor, "a form of before")
        await artworks.save(tx, post, Draft(pictures=(Picture(before.id),)), urls=site.urls)
    with pytest.raises(Invalid, match="does not publish what a generator made"):
        async with site.db.write() as tx:
            mine = await posts.mine(tx, post.id, alice.actor)
            await artworks.publish(
                tx, mine, Draft(pictures=(Picture(before.id),)), urls=site.urls, generated_rule="refuse"
            )
    assert (await one(site, Post, post.id)).published_at is None, "it is a draft as before"
    with pytest.raises(Invalid) as declared:
        await send(site, alice, "refuse", picture(64, 48), source_type=COMPOSITE)
    assert "You declare" in declared.value.fields["source_type"]
    await send(site, alice, "refuse", picture(64, 48), source_type=SourceType.DIGITAL_CREATION)
    await uploads.accept(site, alice.actor, arrive(site, marked("Exported from Midjourney")), "weak.png")


async def test_what_was_published_before_the_rule_stays(site: Site, alice: Account, run_jobs: Any) -> None:
    post = await send(site, alice, "label", marked())
    fresh = await upload(site, alice, marked())
    await run_jobs(site)
    for rule in ("refuse", "hold"):
        await change(site, alice, post, rule)
        assert await seen(site, post) and (await one(site, Post, post.id)).held_at is None, "nothing about it is new"
    with pytest.raises(Invalid):
        await change(site, alice, post, "refuse", fresh)
    with pytest.raises(Invalid):
        await change(site, alice, post, "refuse", source_type=SourceType.GENERATOR)
    await change(site, alice, post, "hold", fresh)
    assert not await seen(site, post), "a new picture is"


# -- hold ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_declared", [False, True])
async def test_hold_shows_it_to_nobody_until_a_moderator_has_looked(
    site: Site, alice: Account, bob: Account, mo: Account, run_jobs: Any, is_declared: bool
) -> None:
    content, said = (picture(64, 48), {"source_type": SourceType.GENERATOR}) if is_declared else (marked(), {})
    post = await send(site, alice, "hold", content, **said)
    await run_jobs(site)
    stored = await one(site, Post, post.id)
    assert stored.published_at is not None and stored.held_at is not None and stored.ready_at is None
    assert await seen(site, post, alice) and not await seen(site, post) and not await seen(site, post, bob)
    assert not await seen(site, post, mo), "moderators see it on their own page alone"
    assert await told(site) == []
    async with site.db.read() as tx:
        assert await tx.scalar(select(Post.id).where(Post.id == post.id, posts.listed())) is None
        assert [found.id for found in await moderation.held(tx)] == [post.id]
        pictures = [await viewing.may_see(tx, post.media[0].id, who.actor) for who in (alice, mo, bob)]
        assert [*pictures, await viewing.may_see(tx, post.media[0].id, None)] == [True, True, False, False]
        notices = list(await tx.scalars(select(Notification).where(Notification.hearing == Hearing.HELD)))
    assert [(row.actor_id, row.from_id) for row in notices] == [(mo.actor_id, alice.actor_id)]
    await decide(site, mo, post, is_in=True)
    await run_jobs(site)
    assert await seen(site, post) and await seen(site, post, bob) and (await one(site, Post, post.id)).held_at is None
    assert (await one(site, Artwork, post.id)).is_generated, "it is labelled as what it is"
    async with site.db.read() as tx:
        (decision,) = await moderation.decisions(tx)
        assert await moderation.held(tx) == []
    assert (decision.action, decision.reason) == ("let-in-work", "It is a photo.") and "@alice" in decision.about


async def test_other_servers_hear_of_it_once_it_is_let_in(
    site: Site, alice: Account, mo: Account, run_jobs: Any
) -> None:
    post = await send(site, alice, "hold", marked())
    await run_jobs(site)
    assert await told(site) == [] and (await one(site, Post, post.id)).told_at is None
    await decide(site, mo, post, is_in=True)
    assert await told(site) == ["Create"]
    (letter,) = await queued(site)
    assert letter.to == alice.email and "It is a photo." in letter.text and f"/{post.id}" in letter.text


async def test_a_wrong_mark_is_dismissed_and_its_work_has_no_label(
    site: Site, alice: Account, mo: Account, run_jobs: Any
) -> None:
    why = "I took this photo; the agency wrote the line."
    post = await send(site, alice, "hold", marked(), objection=why, source_type=SourceType.DIGITAL_CAPTURE)
    await run_jobs(site)
    async with site.db.read() as tx:
        (waiting,) = await moderation.held(tx)
    assert waiting.artwork is not None and waiting.artwork.objection == why
    await decide(site, mo, post, is_in=True, is_wrong=True)
    await run_jobs(site)
    work = await one(site, Artwork, post.id)
    assert (work.marked, work.is_generated, work.came_to_be) == (None, False, SourceType.DIGITAL_CAPTURE)
    media = await one(site, Media, post.media[0].id)
    assert media.markers[0]["wrong"] is True and "does not count" in generated.found(media)[0][0]
    await change(site, alice, post, "hold", source_type=SourceType.DIGITAL_CAPTURE)
    assert await seen(site, post), "the mark that was dismissed does not hold it again"


async def test_what_is_sent_back_is_a_draft_with_a_reason(site: Site, alice: Account, mo: Account) -> None:
    post = await send(site, alice, "hold", marked())
    await decide(site, mo, post, is_in=False)
    stored, work = await one(site, Post, post.id), await one(site, Artwork, post.id)
    assert (stored.published_at, stored.held_at, work.sent_back) == (None, None, "Say which tool it was.")
    (letter,) = await queued(site)
    assert "Say which tool it was." in letter.text and letter.text.count("/edit") == 1
    with pytest.raises(NotFound):
        await decide(site, mo, post, is_in=True)
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, alice.actor)
        again = Draft(title="The Last Ferry", tools="Painter 3", pictures=(Picture(post.media[0].id),))
        await artworks.publish(tx, mine, again, urls=site.urls, generated_rule="hold")
    async with site.db.read() as tx:
        assert [found.id for found in await moderation.held(tx)] == [post.id]


async def test_a_work_that_others_know_stays_away_until_it_is_changed(
    site: Site, alice: Account, mo: Account, run_jobs: Any
) -> None:
    post = await send(site, alice, "hold", picture(64, 48))
    await run_jobs(site)
    assert await seen(site, post)
    fresh = await upload(site, alice, marked())
    held = await change(site, alice, post, "hold", fresh)
    await run_jobs(site)
    assert not await seen(site, post)
    before = await told(site)
    await decide(site, mo, held, is_in=False)
    stored = await one(site, Post, post.id)
    assert stored.published_at is not None and stored.held_at is not None, "it is no draft: other servers have it"
    assert not await seen(site, post)
    async with site.db.read() as tx:
        assert await moderation.held(tx) == []
    assert await told(site) == before
    async with site.db.write() as tx:
        mine = await posts.mine(tx, post.id, alice.actor)
        draft = Draft(title="The Last Ferry", pictures=(Picture(post.media[0].id),), removed=(fresh.id,))
        await artworks.edit(tx, mine, draft, urls=site.urls, generated_rule="hold")
    await run_jobs(site)
    assert await seen(site, post) and (await one(site, Artwork, post.id)).sent_back == ""


async def test_who_may_decide(site: Site, alice: Account, mo: Account) -> None:
    admin = await make_account(site, "ida", role=Role.ADMIN)
    own, hers, of_admin = [await send(site, who, "hold", marked()) for who in (mo, alice, admin)]
    for nobody, post in ((mo, own), (alice, hers), (mo, of_admin)):
        with pytest.raises(Forbidden):
            await decide(site, nobody, post, is_in=True)
    await decide(site, admin, own, is_in=True)
    await decide(site, admin, of_admin, is_in=True)
    with pytest.raises(NotFound):
        await decide(site, admin, of_admin, is_in=True)


# -- the command line ----------------------------------------------------------------------------------------------------
async def test_the_command_line_stands_under_the_same_rule(
    site: Site, alice: Account, mo: Account, tmp_path: Path
) -> None:
    file = tmp_path / "ferry.png"
    file.write_bytes(marked())
    set_rule(site, "hold")
    lines: list[str] = []
    said: dict[str, Any] = {
        "handlers": None,
        "say": lines.append,
        "source_type": COMPOSITE,
        "objection": "Only the sky.",
    }
    address = await hanging.hang(site, "alice", [file], **said)
    async with site.db.read() as tx:
        (post,) = await moderation.held(tx)
    assert site.urls.post_page(post) == address and any("moderator" in line for line in lines)
    assert post.artwork is not None and (post.artwork.source_type, post.artwork.objection) == (
        COMPOSITE,
        "Only the sky.",
    )
    set_rule(site, "refuse")
    with pytest.raises(Invalid):
        await hanging.hang(site, "alice", [file], handlers=None)
    file.write_bytes(picture(64, 48))
    with pytest.raises(Invalid):
        await hanging.hang(site, "alice", [file], **said)


async def test_a_draft_keeps_what_its_artist_declares(site: Site, alice: Account) -> None:
    post = await publish(site, alice, source_type=SourceType.PRINT)
    assert post.artwork is not None and post.artwork.source_type is SourceType.PRINT
    with pytest.raises(Invalid, match="1,001 characters"):
        Draft(objection="x" * 1001)
