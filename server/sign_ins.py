"""Open sessions, one per device. The browser has a random token, we keep its hash: a copy of the database opens no session."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import clock
from server.models import Account, AccountState, Actor, Media, SignIn

LIFE = timedelta(days=30)  # since the device was seen last
STALE = timedelta(hours=1)

# Who may have an open session: people who wait may look at how far they have come.
MAY_SIGN_IN = (AccountState.ACTIVE, AccountState.WAITING, AccountState.REJECTED)

_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi", "Vivaldi"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chromium", "Chromium"), ("Chrome/", "Chrome"), ("Epiphany", "GNOME Web"),
    ("Safari/", "Safari"), ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"), ("BSD", "BSD"),
)  # fmt: skip


async def open(tx: AsyncSession, account: Account, device: str) -> str:
    """A new session for `account`; returns the token for the cookie, which nobody can read again."""
    token = secrets.token_urlsafe(32)
    tx.add(SignIn(account_id=account.id, token_hash=hash_token(token), device=device[:200]))
    await tx.flush()
    return token


async def find(tx: AsyncSession, token: str) -> SignIn | None:
    """The open session with this token, with `account`, `account.actor` and its face loaded.

    None for unknown and old tokens and for people who may not sign in any more (security.md row 45): disabled or suspended.
    """
    found: SignIn | None = await tx.scalar(
        select(SignIn)
        .join(SignIn.account)
        .join(Account.actor)
        .where(
            SignIn.token_hash == hash_token(token),
            SignIn.seen_at > clock.now() - LIFE,
            Account.state.in_(MAY_SIGN_IN),
            Actor.suspended_at.is_(None),
        )
        .options(
            joinedload(SignIn.account).joinedload(Account.actor).joinedload(Actor.face).selectinload(Media.renditions)
        )
    )
    return found


def is_stale(sign_in: SignIn) -> bool:
    """Whether it is time to write down that the device was seen; not at every request."""
    return sign_in.seen_at < clock.now() - STALE


async def touch(tx: AsyncSession, sign_in: SignIn) -> None:
    """The device was seen now; its 30 days begin again."""
    await tx.execute(update(SignIn).where(SignIn.id == sign_in.id).values(seen_at=clock.now()))


async def close(tx: AsyncSession, sign_in: SignIn) -> None:
    """End one session. Ending it twice is ending it once."""
    await tx.execute(delete(SignIn).where(SignIn.id == sign_in.id))


async def close_by_id(tx: AsyncSession, account: Account, sign_in_id: int) -> None:
    """End one of `account`'s own sessions; somebody else's id does nothing (security.md row 42)."""
    await tx.execute(delete(SignIn).where(SignIn.id == sign_in_id, SignIn.account_id == account.id))


async def close_all(tx: AsyncSession, account: Account, keep: SignIn | None = None) -> None:
    """End all sessions of `account`, except for `keep`."""
    condition = SignIn.account_id == account.id
    if keep is not None:
        condition &= SignIn.id != keep.id
    await tx.execute(delete(SignIn).where(condition))


async def forget(tx: AsyncSession) -> None:
    """Remove sessions that have ended by themselves; for the hourly sweep."""
    await tx.execute(delete(SignIn).where(SignIn.seen_at <= clock.now() - LIFE))


async def of(tx: AsyncSession, account: Account) -> list[SignIn]:
    """The open sessions of `account`, the one seen last first."""
    rows = select(SignIn).where(SignIn.account_id == account.id, SignIn.seen_at > clock.now() - LIFE)
    return list(await tx.scalars(rows.order_by(SignIn.seen_at.desc(), SignIn.id.desc())))


def device_name(user_agent: str) -> str:
    """How people would call it, "Firefox on Linux". The User-Agent itself is not kept: it tells more than we need."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"A browser on {system}" if system else "An unknown device")


def hash_token(token: str) -> str:
    """What we keep of a token. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
