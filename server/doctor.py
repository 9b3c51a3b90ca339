"""`cartellino doctor`: what could keep this server from working, said in words. Changes nothing."""

import json
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib
from sqlalchemy import func, select, text

from server import accounts, clock, hosts, keys, migrations, seals, vault
from server.jobs import Deliver
from server.media.sealing import NotSealed, Sealer
from server.models import Actor, ActorKind, Job, Key
from server.site import Site


@dataclass(frozen=True)
class Finding:
    """One look: `state` is ok, note or trouble; `advice` says what to do where something is to be done."""

    what: str
    state: str
    words: str
    advice: str = ""


async def examine(site: Site, *, as_json: bool) -> int:
    """Print every finding; exit code 1 where one is trouble."""
    worst = 0
    async for finding in look(site):
        worst = max(worst, int(finding.state == "trouble"))
        if as_json:
            print(json.dumps(asdict(finding)))
        else:
            mark = {"ok": "ok     ", "note": "note   ", "trouble": "TROUBLE"}[finding.state]
            print(f"{mark} {finding.what}: {finding.words}" + (f" {finding.advice}" if finding.advice else ""))
    return worst


async def look(site: Site) -> AsyncIterator[Finding]:
    """Every finding, the cheap ones first."""
    yield _python()
    yield _address(site)
    yield _secrets(site.settings.data_dir)
    yield _disk(site)
    yield await _database(site)
    yield await _queue(site)
    yield await _federation(site)
    yield await _post(site)
    yield await _pictures(site)
    yield await _seal(site)
    yield await _mail(site)
    yield await _people(site)
    yield _clock()


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", "ok" if sys.version_info >= (3, 11) else "trouble", found)


def _address(site: Site) -> Finding:
    parts = urlsplit(site.settings.base_url)
    if parts.hostname in ("127.0.0.1", "localhost"):
        return Finding("Address", "note", f"{site.settings.base_url} is for this machine alone.",
                       "Set server.base_url before the first account, if others shall come.")  # fmt: skip
    if not site.settings.is_https:
        return Finding("Address", "trouble", f"{site.settings.base_url} is not https.",
                       "Put a proxy with a certificate in front: passwords and cookies travel in the open.")  # fmt: skip
    return Finding("Address", "ok", site.settings.base_url)


def _secrets(data_dir: Path) -> Finding:
    key = data_dir / "secrets" / "key"
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o077:
        return Finding("Secrets", "trouble", f"{key} can be read by others ({mode:o}).", f"chmod 600 {key}")
    return Finding("Secrets", "ok", "readable by this user alone")


def _disk(site: Site) -> Finding:
    free = site.storage.free()
    reserve = site.settings.uploads.reserve_megabytes * 1_000_000
    words = f"{free / 1e9:.1f} GB free"
    if free < reserve:
        return Finding("Disk", "trouble", f"{words}, below the reserve.", "Uploads are refused until there is room.")
    return Finding("Disk", "note" if free < 5 * reserve else "ok", words)


async def _database(site: Site) -> Finding:
    kind = "SQLite" if site.db.is_sqlite else "PostgreSQL"
    try:
        async with site.db.read() as tx:
            query = "SELECT version_num FROM alembic_version"
            found = await tx.scalar(text(query))
            if site.db.is_sqlite and (problem := await tx.scalar(text("PRAGMA quick_check"))) != "ok":
                return Finding(
                    "Database", "trouble", f"SQLite finds itself damaged: {problem}.", "Restore the last backup."
                )
    except Exception as wrong:
        return Finding(
            "Database", "trouble", f"{kind} does not answer: {type(wrong).__name__}.", "Run cartellino migrate."
        )
    if found != migrations.head():
        return Finding("Database", "trouble", f"{kind} is at revision {found}.", "Run cartellino migrate.")
    return Finding("Database", "ok", f"{kind}, revision {found}")


async def _queue(site: Site) -> Finding:
    try:
        async with site.db.read() as tx:
            waiting = await tx.scalar(select(func.count()).select_from(Job).where(Job.failed_at.is_(None)))
            oldest = await tx.scalar(select(func.min(Job.due_at)).where(Job.failed_at.is_(None)))
            failed = await tx.scalar(select(func.count()).select_from(Job).where(Job.failed_at.is_not(None)))
    except Exception as wrong:
        return Finding("Work", "trouble", f"cannot be counted: {type(wrong).__name__}.")
    late = (clock.now() - oldest).total_seconds() if oldest else 0
    words = f"{waiting} waiting, {failed} given up"
    if late > 600:
        return Finding(
            "Work", "trouble", f"{words}, the oldest for {late / 60:.0f} minutes.", "Is serve or worker running?"
        )
    return Finding("Work", "note" if failed else "ok", words)


async def _federation(site: Site) -> Finding:
    """Whether other servers can reach and verify this one. The house's own keys are looked at, never made."""
    try:
        async with site.db.read() as tx:
            ours = select(Actor.id).where(Actor.uri.is_(None), Actor.kind == ActorKind.APPLICATION)
            signs = list(await tx.scalars(select(Key).where(Key.actor_id.in_(ours))))
    except Exception as wrong:
        return Finding("Federation", "trouble", f"cannot be read: {type(wrong).__name__}.")
    for key in signs:
        try:
            keys.load_private(site.secret, key)
        except vault.Unreadable as wrong:
            return Finding("Federation", "trouble", str(wrong), "Take secrets/key from the backup of this database.")
    if site.settings.network.ranges:
        words = f"reaches into private networks: {site.settings.network.private_ranges}."
        return Finding("Federation", "note", words, "On a public server empty network.private_ranges.")
    if not site.settings.is_https:
        return Finding("Federation", "note", "needs https: no other server will speak with this one.")
    return Finding(
        "Federation", "ok", "keys open" if signs else "ready; the house makes its keys when it first needs them"
    )


async def _post(site: Site) -> Finding:
    """What waits for other servers, and whether somebody carries it: each queue has a job of its own."""
    try:
        async with site.db.read() as tx:
            post = await hosts.overview(tx, sys.maxsize)
            carried = set(
                await tx.scalars(select(Job.key).where(Job.kind == Deliver.__name__, Job.failed_at.is_(None)))
            )
    except Exception as wrong:
        return Finding("Post", "trouble", f"cannot be counted: {type(wrong).__name__}.")
    held = sum(queue.is_paused or queue.is_resting for queue in post.queues)
    words = f"{post.waiting} waiting, servers at rest or paused: {held}, received and set aside: {post.set_aside}"
    if post.oldest:
        words += f", the oldest for {(clock.now() - post.oldest).total_seconds() / 3600:.1f} hours"
    if left := [queue.name for queue in post.queues if queue.waiting and Deliver(queue.name).key not in carried]:
        return Finding(
            "Post", "trouble", f"{words}; nobody carries what waits for {left[0]}.", f"cartellino host retry {left[0]}"
        )
    return Finding("Post", "note" if held or post.set_aside else "ok", words)


async def _pictures(site: Site) -> Finding:
    walls = await site.pixels.confinement()
    held = {"network": walls.network_closed, "files": walls.files_closed, "memory": walls.memory_limited}
    if open_ones := [name for name, holds in held.items() if not holds]:
        return Finding(
            "Pictures",
            "trouble" if "memory" in open_ones else "note",
            f"are read in children that this system cannot keep from {' and '.join(open_ones)} ({', '.join(walls.notes)}).",
            "A kernel with Landlock and seccomp closes them.",
        )
    return Finding("Pictures", "ok", "are read in children without network, files of others, or memory without end")


async def _seal(site: Site) -> Finding:
    """Whether files of works are sealed. Loads the library in its child; makes no seal, which the first work does."""
    try:
        async with Sealer() as sealer:
            library = f"library {await sealer.start()}"
        async with site.db.read() as tx:
            found = await seals.newest(tx)
        if found is None:
            return Finding("Seal", "ok", f"{library}; the house makes its seal when it first needs one")
        seal = seals.opened(site, found)
    except NotSealed as wrong:
        return Finding(
            "Seal",
            "note",
            f"files carry no signed manifest: {wrong}.",
            "Install c2pa-python and they will, from then on.",
        )
    except vault.Unreadable as wrong:
        return Finding(
            "Seal", "trouble", str(wrong), "Take secrets/key from the backup, or run cartellino seal rotate."
        )
    except Exception as wrong:
        return Finding("Seal", "trouble", f"cannot be read: {type(wrong).__name__}.")
    if seal.expires_at <= clock.now():
        return Finding(
            "Seal", "trouble", f"ended on {seal.expires_at:%Y-%m-%d}: files stay unsealed.", "cartellino seal rotate"
        )
    words = f"{library}; files are sealed by {seal.host} until {seal.expires_at:%Y-%m-%d}"
    return Finding("Seal", "ok", f"{words}, and another one takes over a year before")


async def _mail(site: Site) -> Finding:
    smtp = site.settings.smtp
    if not smtp.host:
        return Finding(
            "Mail", "note", f"goes to files under {site.settings.data_dir / 'mail'}.", "Set smtp.host to send it."
        )
    client = aiosmtplib.SMTP(
        hostname=smtp.host, port=smtp.port, use_tls=smtp.security == "tls",
        start_tls=smtp.security == "starttls", timeout=10,
    )  # fmt: skip
    try:
        async with client:
            if smtp.user:
                await client.login(smtp.user, smtp.password)
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as wrong:
        return Finding("Mail", "trouble", f"{smtp.host}:{smtp.port} refuses: {wrong}.")
    return Finding("Mail", "ok", f"{smtp.host} answers")


async def _people(site: Site) -> Finding:
    try:
        async with site.db.read() as tx:
            has_admin = await accounts.has_admin(tx)
    except Exception as wrong:
        return Finding("People", "trouble", f"cannot be read: {type(wrong).__name__}.")
    if not has_admin:
        link = site.urls.page("/setup/" + accounts.setup_token(site.secret))
        return Finding("People", "note", "There is no administrator yet.", f"Open {link}")
    return Finding("People", "ok", f"sign-up is {site.settings.accounts.sign_up}")


def _clock() -> Finding:
    # Without the network the clock can only be compared with what is known for sure: this version's own age.
    if clock.now() < datetime(2026, 11, 1, tzinfo=UTC):
        return Finding(
            "Clock", "trouble", f"says {clock.now():%Y-%m-%d}: before this version was made.", "Set it; use NTP."
        )
    return Finding("Clock", "ok", f"{clock.now():%Y-%m-%d %H:%M} UTC")
