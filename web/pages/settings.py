"""What people decide about themselves: profile, rights, account, devices. One short page each."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar, cast

from quart import Blueprint, Response, redirect, request

from server import accounts, actors, joining, rights, sign_ins, stamps, throttle, timelines, uploads
from server.actors import Defaults, Profile
from server.errors import Full, Invalid, TooLarge
from server.models import Actor, Audience, Licence, Media, Purpose, Reservation
from server.rights.sentences import LANGUAGES
from web import auth, body, terms
from web.auth import client_address, signed_in
from web.current import me, my_account, sign_in, site
from web.page import hint, page

blueprint = Blueprint("settings", __name__)

W = TypeVar("W", bound=StrEnum)

AUDIENCES = (
    (Audience.EVERYONE, "Everyone", "On the public walls of this server and on other servers."),
    (
        Audience.UNLISTED,
        "Anyone with the link",
        "Not in lists, not on your portfolio; whoever has the address sees it.",
    ),
    (Audience.FOLLOWERS, "Followers", "People who follow you."),
    (Audience.MENTIONED, "Only me", "You, and the people whom you name in the text."),
)


@blueprint.get("/settings")
@signed_in
async def first() -> Response:
    """The settings begin with the profile."""
    return _go("profile")


# -- profile -------------------------------------------------------------------------------------------------------------
@blueprint.get("/settings/profile")
@signed_in
async def profile() -> Response:
    """What one says of oneself."""
    person = me()
    typed = {"name": person.name, "lede": person.lede, "about": person.about, "place": person.place}
    return _profile(typed, [(link["label"], link["url"]) for link in person.links], {})


@blueprint.post("/settings/profile")
@body.accepts(body.FILES)
@signed_in
async def save_profile() -> Response:
    """Keep the profile. A face that is no picture is told so, and nothing of the rest is lost."""
    form = await request.form
    rows = list(zip(form.getlist("label"), form.getlist("url"), strict=False))
    face: Media | None = None
    try:
        wanted = Profile(
            name=form.get("name", ""),
            lede=form.get("lede", ""),
            about=form.get("about", ""),
            place=form.get("place", ""),
            links=actors.links_of(form.getlist("label"), form.getlist("url")),
        )
        face = await _face(me())
    except Invalid as wrong:
        return _profile(form, rows, wrong.fields)
    keys: list[str] = []
    async with site().db.write() as tx:
        name = me().display_name
        person = await actors.edit(tx, me(), wanted)
        if person.display_name != name:  # every file of theirs names them
            await stamps.rename(tx, person)
        if face or form.get("remove_face"):
            before = await actors.set_face(tx, me(), face)
            keys = await uploads.discard(tx, before) if before else []
    for key in keys:
        await asyncio.to_thread(site().storage.delete, key)
    return hint(_go("profile"), "saved")


async def _face(person: Actor) -> Media | None:
    """The face in the form, taken over; None where none was chosen. Raises Invalid(face=…)."""
    sent = (await request.files).get("face")
    if sent is None or not sent.filename:
        return None
    try:
        file = cast(body.Arrived, sent)
        file.check(site().settings)
        return await uploads.accept(site(), person, file.path, sent.filename, purpose=Purpose.FACE)
    except (Invalid, TooLarge, Full) as wrong:
        raise Invalid(face=str(wrong)) from wrong


def _profile(typed: Mapping[str, str], rows: list[tuple[str, str]], wrong: dict[str, str]) -> Response:
    return page(
        "settings/profile.html",
        422 if wrong else 200,
        tab="profile",
        form={name: typed.get(name, "") for name in ("name", "lede", "about", "place")},
        # Two more rows than there are links: eight empty ones are a wall of boxes on a phone.
        links=[*rows, ("", ""), ("", "")][: actors.MAX_LINKS],
        errors=wrong,
    )


# -- rights --------------------------------------------------------------------------------------------------------------
@blueprint.get("/settings/rights")
@signed_in
async def defaults() -> Response:
    """What a new work starts with."""
    person = me()
    return _rights(
        {
            "licence": person.default_licence,
            "reserved": "" if person.default_reservation is Reservation.OPEN else "yes",
            "reservation": person.default_reservation,
            "audience": person.default_audience,
            "public_max": str(person.public_max),
            "language": person.language,
        },
        {},
    )


@blueprint.post("/settings/rights")
@signed_in
async def save_defaults() -> Response:
    """Keep the defaults; works that exist keep what they have, except for how large the public sees them."""
    form = await request.form
    try:
        # The box decides whether anything is reserved, the list below it only how much.
        tier = _word(Reservation, form, "reservation") if form.get("reserved") else Reservation.OPEN
        size = form.get("public_max", "").strip()
        wanted = Defaults(
            licence=_word(Licence, form, "licence"),
            reservation=tier,
            audience=_word(Audience, form, "audience"),
            public_max=int(size) if size.isascii() and size.isdigit() and len(size) < 7 else 0,
            language=form.get("language", "en"),
        )
    except Invalid as wrong:
        return _rights(form, wrong.fields)
    async with site().db.write() as tx:
        person = await actors.set_defaults(tx, me(), wanted)
        if person.public_max != me().public_max:
            await uploads.narrow(tx, person)
        if person.language != me().language:
            await stamps.rename(tx, person)
    return hint(_go("rights"), "saved")


def _rights(typed: Mapping[str, str], wrong: dict[str, str]) -> Response:
    tier = typed.get("reservation", "")
    return page(
        "settings/rights.html",
        422 if wrong else 200,
        tab="rights",
        form={
            "licence": typed.get("licence", ""),
            "reserved": bool(typed.get("reserved")),
            "reservation": Reservation.NO_AI if tier in ("", Reservation.OPEN) else tier,
            "audience": typed.get("audience", ""),
            "public_max": typed.get("public_max", ""),
            "language": typed.get("language", ""),
        },
        errors=wrong,
        licences=[(key, terms.name, terms.words) for key, terms in rights.LICENCES.items()],
        reservations=[
            (key, signals.name, signals.words)
            for key, signals in rights.RESERVATIONS.items()
            if key is not Reservation.OPEN
        ],
        languages=[(key, language.name) for key, language in LANGUAGES.items()],
        house=terms.of_house(),
        audiences=AUDIENCES,
        smallest=actors.MIN_PUBLIC,
        largest=actors.MAX_PUBLIC,
    )


def _word(kind: type[W], form: Mapping[str, str], field: str) -> W:
    try:
        return kind(form.get(field, ""))
    except ValueError as wrong:
        raise Invalid(**{field: "Choose one of these."}) from wrong


# -- account -------------------------------------------------------------------------------------------------------------
@blueprint.get("/settings/account")
@signed_in
async def account() -> Response:
    """E-mail, password, and how much room is used."""
    return await _account({}, {})


@blueprint.post("/settings/email")
@signed_in
async def change_email() -> Response:
    """Ask for another address; the letter goes to the new one, which is used once somebody opened its link."""
    form = await request.form
    await throttle.limit(site(), "letter-network", client_address())
    try:
        await accounts.prove(site(), my_account(), form.get("email_password", ""), "email_password")
        await throttle.limit(site(), "letter-email", form.get("email", ""))
        async with site().db.write() as tx:
            await joining.ask_email(tx, site(), my_account(), form.get("email", ""))
    except Invalid as wrong:
        return await _account(form, wrong.fields)
    return hint(_go("account"), "letter")


@blueprint.post("/settings/password")
@signed_in
async def change_password() -> Response:
    """Another password. Every other device is signed out, and this one gets a new session (rows 47 and 68)."""
    form = await request.form
    try:
        token = await accounts.change_password(
            site(),
            my_account(),
            form.get("old_password", ""),
            form.get("password", ""),
            device=sign_ins.device_name(request.headers.get("User-Agent", "")),
        )
    except Invalid as wrong:
        return await _account(form, wrong.fields)
    return hint(auth.set_session(_go("account"), token), "password")


async def _account(typed: Mapping[str, str], wrong: dict[str, str]) -> Response:
    async with site().db.read() as tx:
        person = await accounts.get(tx, my_account().id)
        works = (await timelines.counts(tx, me(), me())).works
    room = uploads.quota(site(), person)
    return page(
        "settings/account.html",
        422 if wrong else 200,
        tab="account",
        person=person,
        works=works,
        room=room,
        used=f"{_room(person.used_bytes)} of {_room(room)}",
        form={"email": typed.get("email", "")},
        errors=wrong,
    )


# -- devices -------------------------------------------------------------------------------------------------------------
@blueprint.get("/settings/devices")
@signed_in
async def devices() -> Response:
    """Where one is signed in."""
    async with site().db.read() as tx:
        sessions = await sign_ins.of(tx, my_account())
    return page("settings/devices.html", tab="devices", sessions=sessions, this=_session_id())


@blueprint.post("/settings/devices/<id:sign_in_id>/sign-out")
@signed_in
async def sign_out(sign_in_id: int) -> Response:
    """Sign one device out."""
    async with site().db.write() as tx:
        await sign_ins.close_by_id(tx, my_account(), sign_in_id)
    return hint(_go("devices"), "revoked")


@blueprint.post("/settings/devices/sign-out-others")
@signed_in
async def sign_out_others() -> Response:
    """Sign every device out but this one."""
    async with site().db.write() as tx:
        await sign_ins.close_all(tx, my_account(), keep=sign_in())
    return hint(_go("devices"), "saved")


def _room(count: int) -> str:
    """`38 MB` below a gigabyte, `1.2 GB` above."""
    return f"{round(count / 1e6)} MB" if count < 1e9 else f"{round(count / 1e9, 1):g} GB"


def _session_id() -> int:
    session = sign_in()
    return session.id if session else 0


def _go(tab: str) -> Response:
    return cast(Response, redirect(f"/settings/{tab}", 303))
