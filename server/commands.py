"""What each command of `cartellino` does. Answers are printed to stdout, progress to stderr; mistakes are raised."""

import argparse
import getpass
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from server import (
    accounts,
    actors,
    app,
    demo,
    doctor,
    hanging,
    hosts,
    keys,
    migrations,
    moderation,
    seals,
    serving,
    settings,
    worker,
)
from server.db import Session
from server.errors import Problem
from server.models import Account, Actor, HostLevel
from server.rights import crawlers
from server.settings import Settings
from server.site import Site


class _Open:
    """The site of a command: migrated, and closed at the end."""

    def __init__(self, chosen: Settings) -> None:
        self.settings = chosen

    async def __aenter__(self) -> Site:
        self.site = app.build_site(self.settings)
        await migrations.upgrade(self.site.db)
        await accounts.check_base_url(self.site)
        return self.site

    async def __aexit__(self, *_: object) -> None:
        await app.close(self.site)


# -- the house -----------------------------------------------------------------------------------------------------------
async def serve(chosen: Settings, _: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        await serving.serve(site, app.create_app(site), app.JOBS)


async def work(chosen: Settings, _: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        await serving.work(site, app.JOBS)


async def migrate(chosen: Settings, _: argparse.Namespace) -> None:
    site = app.build_site(chosen)
    try:
        changed = await migrations.upgrade(site.db)
    finally:
        await app.close(site)
    print("The database is migrated." if changed else "The database is up to date.", file=sys.stderr)


async def config(_: Settings, wanted: argparse.Namespace) -> None:
    print(settings.as_markdown() if wanted.markdown else settings.as_toml(), end="")


async def examine(chosen: Settings, wanted: argparse.Namespace) -> None:
    site = app.build_site(chosen)
    try:
        wanted.exit_code = await doctor.examine(site, as_json=wanted.json)
    finally:
        await app.close(site)


async def demonstrate(chosen: Settings, _: argparse.Namespace) -> None:
    shown = demo.settings_for(chosen)
    async with _Open(shown) as site:
        await demo.populate(site, app.JOBS)
        await serving.serve(site, app.create_app(site), app.JOBS)


# -- works ---------------------------------------------------------------------------------------------------------------
async def post_work(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        address = await hanging.hang(
            site,
            wanted.handle,
            wanted.files,
            title=wanted.title,
            alts=tuple(wanted.alt),
            description=wanted.description,
            tags=tuple(wanted.tag),
            galleries=tuple(wanted.gallery),
            audience=wanted.audience,
            licence=wanted.licence,
            reservation=wanted.reservation,
            rating=wanted.rating,
            warning=wanted.warning,
            source_type=wanted.source_type,
            objection=wanted.objection,
            handlers=None if wanted.no_wait else app.JOBS,
            say=_progress,
        )
    print(address)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- people --------------------------------------------------------------------------------------------------------------
async def create_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    password = _password(wanted.password_file)
    async with _Open(chosen) as site:
        await accounts.create_by_hand(
            site, handle=wanted.handle, email=wanted.email, password=password, role=wanted.role, name=wanted.name
        )
    print(f"{wanted.handle} can sign in.", file=sys.stderr)


async def list_users(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.read() as tx:
        for account in await accounts.everybody(tx, wanted.state):
            print(f"{account.actor.handle}\t{account.state}\t{account.role}\t{account.email}")


async def approve_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        async with site.db.write() as tx:
            await accounts.approve(tx, site, await accounts.by_handle(tx, wanted.handle))
        await worker.drain(site, app.JOBS, ("mail",))
    print(f"{wanted.handle} is let in.", file=sys.stderr)


async def reject_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        async with site.db.write() as tx:
            await accounts.reject(tx, site, await accounts.by_handle(tx, wanted.handle), wanted.reason)
        await worker.drain(site, app.JOBS, ("mail",))
    print(f"{wanted.handle} is turned away.", file=sys.stderr)


async def password_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    password = _password(wanted.password_file)
    async with _Open(chosen) as site:
        await accounts.set_password(site, wanted.handle, password)
    print(f"The password of {wanted.handle} is changed; they are signed out everywhere.", file=sys.stderr)


async def role_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        account: Account = await accounts.by_handle(tx, wanted.handle)
        await accounts.set_role(tx, account, wanted.role)
    print(f"{wanted.handle} is {wanted.role} now.", file=sys.stderr)


async def token_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        account = await accounts.by_handle(tx, wanted.handle)
        token = await accounts.make_token(tx, account, name="made on the command line")
    print(token)


async def suspend_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        await moderation.suspend(tx, None, await _actor(tx, site, wanted.handle), wanted.reason)
    print(f"Nothing of {wanted.handle} is shown any more.", file=sys.stderr)


async def unsuspend_user(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        await moderation.unsuspend(tx, None, await _actor(tx, site, wanted.handle), wanted.reason)
    print(f"{wanted.handle} is shown again.", file=sys.stderr)


async def rotate_keys(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        fresh = await keys.make()
        house = await actors.house(site) if wanted.house else None
        async with site.db.write() as tx:
            actor = house or (await accounts.by_handle(tx, wanted.handle)).actor
            await keys.rotate(tx, site.secret, actor, fresh)
            actors.tell(tx, actor)
    name = "The house" if house else wanted.handle
    print(f"{name} signs with new keys; other servers are told by the worker.", file=sys.stderr)


async def _actor(tx: Session, site: Site, name: str) -> Actor:
    """Somebody here, or elsewhere as NAME@DOMAIN."""
    handle, _, domain = name.removeprefix("@").partition("@")
    ours = not domain or site.urls.parse_acct(f"{handle}@{domain}")
    return await actors.by_handle(tx, handle, None if ours else domain)


# -- the seal ----------------------------------------------------------------------------------------------------------
async def show_seal(chosen: Settings, _: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        seal = await seals.current(site)
        if seal is None:
            raise Problem("Files are not sealed here; cartellino doctor says why.")
        print(f"Sealed by {seal.host} until {seal.expires_at:%Y-%m-%d}; root: {site.urls.seal_root}", file=sys.stderr)
        print(seal.root, end="")


async def rotate_seal(chosen: Settings, _: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        seal = await seals.rotate(site)
    print(f"A new key seals until {seal.expires_at:%Y-%m-%d}.", file=sys.stderr)


# -- crawlers ------------------------------------------------------------------------------------------------------------
async def list_crawlers(chosen: Settings, _: argparse.Namespace) -> None:
    refused = crawlers.switched_on(chosen)
    for crawler in crawlers.in_use(chosen).crawlers:
        state = "turned away" if crawler.set in refused else "let in"
        print(f"{crawler.token}\t{crawler.set}\t{state}\t{crawler.operator or '-'}")


async def update_crawlers(chosen: Settings, wanted: argparse.Namespace) -> None:
    roll = crawlers.update(chosen, wanted.file)
    sizes = Counter(crawler.set.value for crawler in roll.crawlers)
    sets = ", ".join(f"{sizes[purpose.value]} {purpose.value}" for purpose in crawlers.Purpose)
    print(f"{len(roll.crawlers)} crawlers are known from now on: {sets}.", file=sys.stderr)


# -- other servers -------------------------------------------------------------------------------------------------------
async def list_hosts(chosen: Settings, _: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.read() as tx:
        rules = {rule.host: rule for rule in await hosts.rules(tx)}
        queues = {queue.name: queue for queue in (await hosts.overview(tx, sys.maxsize)).queues}
    for name in sorted({*rules, *queues}):
        rule, queue = rules.get(name), queues.get(name)
        does = [rule.level.value] if rule and rule.level is not HostLevel.NONE else []
        level = ", ".join([*does, *(["no media"] if rule and rule.rejects_media else [])]) or "-"
        state = "paused" if queue and queue.is_paused else "resting" if queue and queue.is_resting else "-"
        reason = (queue.host.reason if queue and queue.host else "") or (rule.reason if rule else "")
        print(f"{name}\t{level}\t{state}\t{queue.waiting if queue else 0}\t{' '.join(reason.split())}")


async def suspend_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        async with site.db.write() as tx:
            name = hosts.check_host(wanted.host)
            ended = sum(tie.follows + tie.followed_by for tie in await hosts.ties(tx, name))
            await _set_rule(tx, site, HostLevel.SUSPEND, wanted)
    print(f"{name} is suspended; {_many(ended, 'follow')} ended.", file=sys.stderr)


async def limit_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site:
        async with site.db.write() as tx:
            await _set_rule(tx, site, HostLevel.LIMIT, wanted)
    print(f"{hosts.check_host(wanted.host)} is limited.", file=sys.stderr)


async def _set_rule(tx: Session, site: Site, level: HostLevel, wanted: argparse.Namespace) -> None:
    await hosts.set_rule(
        tx,
        None,
        wanted.host,
        level,
        rejects_media=wanted.no_media,
        reason=wanted.reason,
        public_reason=wanted.public_reason,
        own=urlsplit(site.settings.base_url).netloc,
    )


async def allow_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    name = hosts.check_host(wanted.host)
    async with _Open(chosen) as site, site.db.write() as tx:
        await hosts.remove_rule(tx, None, name, wanted.reason)
    print(f"There is no rule for {name} any more.", file=sys.stderr)


async def pause_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        name = await hosts.named(tx, wanted.host)
        await hosts.pause(tx, None, name)
    print(f"Nothing is sent to {name} until you resume it.", file=sys.stderr)


async def resume_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        name = await hosts.named(tx, wanted.host)
        await hosts.resume(tx, None, name)
    print(f"{name} is sent to again.", file=sys.stderr)


async def retry_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        name = await hosts.named(tx, wanted.host)
        count = await hosts.retry(tx, name)
    print(f"Tried now by the worker: {_many(count, 'delivery', 'deliveries')} to {name}.", file=sys.stderr)


async def forget_host(chosen: Settings, wanted: argparse.Namespace) -> None:
    async with _Open(chosen) as site, site.db.write() as tx:
        name = await hosts.named(tx, wanted.host)
        count = await hosts.forget(tx, None, name)
    print(f"Given up: {_many(count, 'delivery', 'deliveries')} to {name}.", file=sys.stderr)


def _many(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _password(file: Path | None) -> str:
    if file is not None:
        return (file.read_text("utf-8").splitlines() or [""])[0]
    if not sys.stdin.isatty():
        raise Problem("Give the password with --password-file FILE.")
    return getpass.getpass("Password: ")
