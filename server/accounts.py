"""People with a key to this house: making accounts, finding them, their state, role, password and tokens.

How they come to one is in `joining`, how they sign in below. Whoever may not act here (waiting, turned away, disabled, suspended)
is told apart in one place each: `sign_ins.find` for who has a session, `Account.is_active` for who may do something.
"""

import hashlib
import hmac
import secrets

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from server import actors, clock, ids, letters, mail, passwords, sign_ins, text, throttle
from server import keys as key_pairs
from server.db import insert_once
from server.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from server.models import Account, AccountState, Actor, House, Role, SignIn, Token
from server.passwords import hash_password as hash_password
from server.site import Site

SCOPES = "read write follow push"  # every scope but admin
WRONG = "The name or the password is not right."
TAKEN = "Somebody has this name already. Please choose another one."


class EmailTaken(Invalid):
    """The address belongs to an account. Said to administrators only: strangers must not learn who has one (row 63)."""


# -- making ------------------------------------------------------------------------------------------------------------
async def make_keys() -> key_pairs.Pairs:
    """The key pairs of a new actor. It takes a moment: make it before the transaction begins."""
    return await key_pairs.make()


async def create(
    tx: AsyncSession,
    *,
    site: Site,
    handle: str,
    email: str,
    password_hash: str,
    keys: key_pairs.Pairs,
    name: str = "",
    role: Role = Role.MEMBER,
    state: AccountState = AccountState.ACTIVE,
    reason: str = "",
    confirmed: bool = True,
) -> Account:
    """A new account with its actor and keys. The first one ties the house to its base URL (decision 1).

    Raises Invalid for a name or an address that cannot be or is taken (EmailTaken for the latter), Conflict where the house
    was tied to another base URL. Two that want the same name at once: one gets it, on both databases.
    """
    handle, email = actors.check_handle(handle), mail.address(email)
    name = actors.Profile(name=name).name
    await claim_base_url(tx, site.settings.base_url)
    actor_id, account_id = ids.new(), ids.new()
    if not await insert_once(tx, Actor(id=actor_id, handle=handle, name=name)):
        raise Invalid(handle=TAKEN)
    account = Account(
        id=account_id,
        actor_id=actor_id,
        email=email,
        password_hash=password_hash,
        role=role,
        state=state,
        reason=reason,
        confirmed_at=clock.now() if confirmed else None,
    )
    if not await insert_once(tx, account):
        raise EmailTaken(email="There is an account with this e-mail address.")
    tx.add_all(key_pairs.rows(site.secret, actor_id, keys))
    await tx.flush()
    return await get(tx, account_id)


async def create_by_hand(
    site: Site, *, handle: str, email: str, password: str, role: Role = Role.MEMBER, name: str = ""
) -> Account:
    """An active, confirmed account: for the command line and the set-up page."""
    password_hash, pair = await _prepare(site, handle, email, password)
    async with site.db.write() as tx:
        return await create(
            tx, site=site, handle=handle, email=email, password_hash=password_hash, keys=pair, role=role, name=name
        )


async def create_first(
    site: Site, token: str, *, handle: str, email: str, password: str, name: str = "", device: str = ""
) -> str:
    """The first administrator, by the one-time set-up link; returns the token of their session.

    The question whether there is one already is asked inside the writing transaction, behind the lock on the remembered base
    URL: of two people who hold the link at once, one becomes administrator. Raises NotFound for a wrong link, Conflict after
    the set-up.
    """
    check_setup_token(site.secret, token)
    password_hash, pair = await _prepare(site, handle, email, password)
    async with site.db.write() as tx:
        await claim_base_url(tx, site.settings.base_url)
        if await has_admin(tx):
            raise Conflict(SET_UP)
        account = await create(
            tx,
            site=site,
            handle=handle,
            email=email,
            password_hash=password_hash,
            keys=pair,
            role=Role.ADMIN,
            name=name,
        )
        return await sign_ins.open(tx, account, device)


async def _prepare(site: Site, handle: str, email: str, password: str) -> tuple[str, key_pairs.Pairs]:
    """What takes time and needs no transaction; raises Invalid before it does."""
    handle, email = actors.check_handle(handle), mail.address(email)
    passwords.check(password, handle, email, site.settings.server.name)
    return await passwords.hash_password(password), await make_keys()


# -- the house -----------------------------------------------------------------------------------------------------------
SET_UP = "This server has its administrator already. Sign in with that account."


async def has_admin(tx: AsyncSession) -> bool:
    """Whether there is an administrator, in whatever state."""
    return await tx.scalar(select(Account.id).where(Account.role == Role.ADMIN).limit(1)) is not None


def setup_token(secret: bytes) -> str:
    """The secret part of the set-up link. It works while no administrator exists, and only in this house."""
    return hmac.digest(secret, b"set-up", hashlib.sha256)[:20].hex()


def check_setup_token(secret: bytes, token: str) -> None:
    """Raises NotFound for anything but the set-up token."""
    if not hmac.compare_digest(setup_token(secret).encode(), token.encode()):
        raise NotFound


async def claim_base_url(tx: AsyncSession, base_url: str) -> None:
    """Remember the base URL, which is part of every id from now on (decision 1); raises Conflict where it is another one.

    Also the lock behind which the first administrator is made: on PostgreSQL the row stays locked until the end of `tx`.
    """
    await insert_once(tx, House(name="base_url", value=base_url))
    kept = await tx.scalar(select(House.value).where(House.name == "base_url").with_for_update())
    if kept != base_url:
        raise Conflict(_other_base(kept, base_url))


async def check_base_url(site: Site) -> None:
    """Raises Problem where the configured base URL is not the one that this house's ids were made with (decision 1)."""
    async with site.db.read() as tx:
        kept = await tx.scalar(select(House.value).where(House.name == "base_url"))
    if kept is not None and kept != site.settings.base_url:
        raise Problem(_other_base(kept, site.settings.base_url))


def _other_base(kept: str | None, wanted: str) -> str:
    return f"This house began as {kept} and its ids say so; server.base_url is {wanted} now. Set it back to {kept}."


# -- finding -------------------------------------------------------------------------------------------------------------
async def get(tx: AsyncSession, account_id: int, *, lock: bool = False) -> Account:
    """The account with its actor; `lock` keeps others from changing it until the transaction ends. Raises NotFound."""
    rows = select(Account).where(Account.id == account_id).options(joinedload(Account.actor))
    rows = rows.execution_options(populate_existing=lock)
    found: Account | None = await tx.scalar(rows.with_for_update(of=Account) if lock else rows)
    if found is None:
        raise NotFound("There is no such account.")
    return found


async def find(tx: AsyncSession, name: str) -> Account | None:
    """The account behind what somebody typed: an e-mail address, or a handle with or without its @."""
    name = name.strip()
    if "\0" in name:  # PostgreSQL cannot even be asked
        return None
    if "@" in name[1:]:
        return await find_by_email(tx, name)
    actor = await actors.find(tx, name.removeprefix("@")) if name else None
    if actor is None:
        return None
    rows = select(Account).where(Account.actor_id == actor.id).options(joinedload(Account.actor))
    found: Account | None = await tx.scalar(rows)
    return found


async def find_by_email(tx: AsyncSession, email: str) -> Account | None:
    """The account with this address, or None."""
    if "\0" in email:
        return None
    rows = select(Account).where(Account.email == email.strip().lower()).options(joinedload(Account.actor))
    found: Account | None = await tx.scalar(rows)
    return found


async def by_handle(tx: AsyncSession, handle: str) -> Account:
    """The account of one of our people; raises NotFound."""
    account = None if "@" in handle[1:] else await find(tx, handle)
    if account is None:
        raise NotFound(f"There is nobody called {text.line(handle)[:40]} here.")
    return account


async def everybody(tx: AsyncSession, state: AccountState | None = None) -> list[Account]:
    """All accounts, or those in one state, the oldest first."""
    rows = select(Account).options(joinedload(Account.actor)).order_by(Account.id)
    return list(await tx.scalars(rows if state is None else rows.where(Account.state == state)))


# -- coming in -----------------------------------------------------------------------------------------------------------
async def sign_in(site: Site, name: str, password: str, *, device: str, network: str) -> str:
    """Open a session for whoever knows `password`; returns its token. `network` is the address they come from.

    An unknown name and a wrong password get the same answer after the same time (row 63). A hash made with other parameters is
    made again. Raises Invalid, TooMany, and Forbidden for a right password of somebody who may not sign in any more.
    """
    await throttle.limit(site, "login-network", network)
    async with site.db.read() as tx:
        account = await find(tx, name)
    await throttle.limit(site, "login-account", str(account.id) if account else name.strip().removeprefix("@"))
    right = await passwords.is_right(account.password_hash if account else None, password)
    if account is None or not right:
        raise Invalid(password=WRONG)
    if account.state not in sign_ins.MAY_SIGN_IN or account.actor.suspended_at:
        raise Forbidden(
            "This account is closed. Write to the people who run this server if you think that is a mistake."
        )
    fresh = await passwords.hash_password(password) if passwords.is_outdated(account.password_hash) else ""
    async with site.db.write() as tx:
        kept = await _unchanged(tx, account)
        if fresh:
            kept.password_hash = fresh
        return await sign_ins.open(tx, kept, device)


async def _unchanged(tx: AsyncSession, account: Account) -> Account:
    """The same account, locked, provided that its password is still the one that was just proved (row 47)."""
    kept = await get(tx, account.id, lock=True)
    if kept.password_hash != account.password_hash:
        raise Invalid(password=WRONG)
    return kept


# -- passwords -----------------------------------------------------------------------------------------------------------
async def prove(site: Site, account: Account, password: str, field: str = "password") -> None:
    """Ask for the password again before something grave; raises Invalid(field=…), or TooMany after many tries."""
    await throttle.limit(site, "password-account", str(account.id))
    if not await passwords.is_right(account.password_hash, password):
        raise Invalid(**{field: "This is not your password."})


async def change_password(site: Site, account: Account, old: str, new: str, *, device: str) -> str:
    """Another password for somebody who knows the old one. Every session and token ends; returns a new session's token."""
    await prove(site, account, old, "old_password")
    new_hash = await _checked_hash(site, account, new)
    async with site.db.write() as tx:
        kept = await _unchanged(tx, account)
        await _put_password(tx, site, kept, new_hash)
        return await sign_ins.open(tx, kept, device)


async def ask_reset(site: Site, email: str) -> None:
    """Send the link for a new password to whoever has this address. Nobody learns whether somebody has (row 63)."""
    async with site.db.write() as tx:
        account = await find_by_email(tx, email)
        if account and account.state in sign_ins.MAY_SIGN_IN:
            token = await letters.write(tx, account, letters.RESET, account.email)
            link = site.urls.page(f"/reset/{token}")
            mail.queue(tx, site.settings, account.email, "reset", handle=account.actor.handle, link=link)


async def reset_password(site: Site, token: str, new: str) -> None:
    """A new password by a letter's link; every session and token ends. Raises NotFound for a link that is used or old."""
    async with site.db.read() as tx:
        letter = await letters.look(tx, token, letters.RESET)
        account = await get(tx, letter.account_id)
    new_hash = await _checked_hash(site, account, new)
    async with site.db.write() as tx:
        await letters.use(tx, token, letters.RESET)
        await _put_password(tx, site, await get(tx, account.id, lock=True), new_hash)


async def set_password(site: Site, handle: str, new: str) -> None:
    """A new password set by an administrator; every session and token ends."""
    async with site.db.read() as tx:
        account = await by_handle(tx, handle)
    new_hash = await _checked_hash(site, account, new)
    async with site.db.write() as tx:
        await _put_password(tx, site, await get(tx, account.id, lock=True), new_hash)


async def _checked_hash(site: Site, account: Account, new: str) -> str:
    passwords.check(new, account.actor.handle, account.email, site.settings.server.name)
    return await passwords.hash_password(new)


async def _put_password(tx: AsyncSession, site: Site, account: Account, new_hash: str) -> None:
    """Row 47: with the old password dies everything that it opened."""
    account.password_hash = new_hash
    await _end_everything(tx, account)
    await letters.void(tx, account, letters.RESET)
    # Whoever knew the old password may have asked for another address; its link would hand them the account back.
    await letters.void_changes(tx, account)
    mail.queue(tx, site.settings, account.email, "password_changed", handle=account.actor.handle)


async def _end_everything(tx: AsyncSession, account: Account) -> None:
    await tx.execute(delete(SignIn).where(SignIn.account_id == account.id))
    await tx.execute(delete(Token).where(Token.account_id == account.id))


# -- deciding ------------------------------------------------------------------------------------------------------------
async def waiting(tx: AsyncSession) -> list[Account]:
    """Who waits to be let in, the longest first."""
    rows = select(Account).where(Account.state == AccountState.WAITING).options(joinedload(Account.actor))
    return list(await tx.scalars(rows.order_by(Account.id)))


async def get_waiting(tx: AsyncSession, account_id: int) -> Account:
    """Somebody who waits, locked for the decision; raises Conflict where somebody else decided first."""
    account = await get(tx, account_id, lock=True)
    if account.state is not AccountState.WAITING:
        raise Conflict("Somebody has decided about this request already.")
    return account


async def approve(tx: AsyncSession, site: Site, account: Account, sentence: str = "") -> None:
    """Let somebody in; they get a letter. Also for somebody who was turned away and asks again in another way."""
    kept = await get(tx, account.id, lock=True)
    if kept.state not in (AccountState.WAITING, AccountState.REJECTED):
        raise Conflict(f"{kept.actor.handle} does not wait to be let in: the account is {kept.state}.")
    kept.state = AccountState.ACTIVE
    mail.queue(tx, site.settings, kept.email, "let_in", handle=kept.actor.handle, sentence=_sentence(sentence))


async def reject(tx: AsyncSession, site: Site, account: Account, sentence: str = "") -> None:
    """Turn somebody away who waits; they get a letter, with `sentence` where there is one."""
    kept = await get(tx, account.id, lock=True)
    if kept.state is not AccountState.WAITING:
        raise Conflict(f"{kept.actor.handle} does not wait to be let in: the account is {kept.state}.")
    kept.state = AccountState.REJECTED
    await sign_ins.close_all(tx, kept)
    mail.queue(tx, site.settings, kept.email, "turned_away", handle=kept.actor.handle, sentence=_sentence(sentence))


def _sentence(typed: str) -> str:
    sentence = text.clean(typed)
    if len(sentence) > 1000:
        raise Invalid(sentence=f"This has {len(sentence):,} characters; 1,000 are possible.")
    return sentence


# -- roles, states and tokens --------------------------------------------------------------------------------------------
async def set_role(tx: AsyncSession, account: Account, role: Role) -> None:
    """Change what somebody may do. Sessions end, so that a new one begins with the new rights (row 68)."""
    kept = await get(tx, account.id, lock=True)
    if kept.role is not role:
        kept.role = role
        await sign_ins.close_all(tx, kept)


async def disable(tx: AsyncSession, account: Account) -> None:
    """Nobody signs in to this account any more; every session and token ends now (row 46)."""
    await tx.execute(update(Account).where(Account.id == account.id).values(state=AccountState.DISABLED))
    await _end_everything(tx, account)


async def make_token(tx: AsyncSession, account: Account, scopes: str = SCOPES, name: str = "") -> str:
    """A bearer token for the client API; only its hash is kept. Raises Forbidden for somebody who may not act here."""
    if not account.is_active or account.actor.suspended_at:
        raise Forbidden(f"{account.actor.handle} is {account.state} and may not act here.")
    token = secrets.token_urlsafe(32)
    tx.add(Token(account_id=account.id, token_hash=sign_ins.hash_token(token), scopes=scopes, name=name))
    await tx.flush()
    return token
