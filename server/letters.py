"""Links that are sent by letter: each works once, until it expires, and only its hash is kept."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from server import clock
from server.errors import NotFound
from server.models import Account, Letter
from server.sign_ins import hash_token

CONFIRM = "confirm"
RESET = "reset"
LIFE = {CONFIRM: timedelta(days=3), RESET: timedelta(hours=1)}
EXPIRED = "This link has been used already, or it is too old. Ask for a new one."


async def write(tx: AsyncSession, account: Account, purpose: str, email: str) -> str:
    """A new link for `account`; returns its token. Earlier links for the same purpose stop working."""
    await tx.execute(delete(Letter).where(Letter.account_id == account.id, Letter.purpose == purpose))
    token = secrets.token_urlsafe(32)
    expires_at = clock.now() + LIFE[purpose]
    tx.add(
        Letter(account_id=account.id, purpose=purpose, email=email, token_hash=hash_token(token), expires_at=expires_at)
    )
    await tx.flush()
    return token


async def look(tx: AsyncSession, token: str, purpose: str) -> Letter:
    """The letter behind a link, without using it up; raises NotFound for unknown, used and old ones alike."""
    found: Letter | None = await tx.scalar(
        select(Letter).where(
            Letter.token_hash == hash_token(token), Letter.purpose == purpose, Letter.expires_at > clock.now()
        )
    )
    if found is None:
        raise NotFound(EXPIRED)
    return found


async def use(tx: AsyncSession, token: str, purpose: str) -> Letter:
    """Use a link up. Of two that try at once one gets NotFound, on both databases: the row can be deleted only once."""
    letter = await look(tx, token, purpose)
    gone = await tx.execute(delete(Letter).where(Letter.id == letter.id).returning(Letter.id))
    if gone.first() is None:
        raise NotFound(EXPIRED)
    return letter


async def void(tx: AsyncSession, account: Account, purpose: str) -> None:
    """No earlier link for this purpose works any more."""
    await tx.execute(delete(Letter).where(Letter.account_id == account.id, Letter.purpose == purpose))


async def forget(tx: AsyncSession) -> None:
    """Remove links that do not work any more; for the hourly sweep."""
    await tx.execute(delete(Letter).where(Letter.expires_at < clock.now()))


async def void_changes(tx: AsyncSession, account: Account) -> None:
    """No link that would give `account` another e-mail address works any more; one that confirms its own stays."""
    other = (Letter.account_id == account.id, Letter.purpose == CONFIRM, Letter.email != account.email)
    await tx.execute(delete(Letter).where(*other))
