"""How people come to an account: they ask, confirm their address, wait, are let in or turned away.

Three modes (`accounts.sign_up`). *open*: whoever confirms the e-mail address is active. *approval*: whoever a moderator lets in
is active, with a confirmed address or without, since somebody has looked at them; the letter to confirm goes out all the
same. *closed*: only `cartellino user create`. The mode of the moment at which somebody confirms decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from server import accounts, actors, clock, letters, mail, passwords, text, throttle
from server.accounts import EmailTaken
from server.errors import Conflict, Forbidden, Invalid
from server.models import Account, AccountState, Actor, Role
from server.site import Site

CLOSED = "This server takes nobody new at the moment."
# A name that somebody asked for stays theirs this long, whether an account was made or not: otherwise asking for the name again
# would tell whether the address was known (row 63).
HELD = 30 * 86400
# An open sign-up whose address nobody confirmed is forgotten after that.
UNCONFIRMED = timedelta(days=7)


@dataclass(frozen=True)
class Joining:
    """Somebody's wish to join. Building it raises Invalid with a sentence for each field that cannot be accepted."""

    handle: str
    email: str
    password: str
    name: str = ""
    reason: str = ""
    asks: bool = True  # a reason is needed: somebody will read it
    server: str = ""  # the house's name, which is no password

    def __post_init__(self) -> None:
        wrong: dict[str, str] = {}
        parts: dict[str, Callable[[], str]] = {
            "handle": lambda: actors.check_handle(self.handle),
            "name": lambda: actors.Profile(name=self.name).name,
            "email": lambda: mail.address(self.email),
            "password": lambda: passwords.check(self.password, self.handle, self.email, self.server),
            "reason": self._reason,
        }
        for field, accept in parts.items():
            try:
                object.__setattr__(self, field, accept())
            except Invalid as bad:
                wrong |= bad.fields
        if wrong:
            raise Invalid(**wrong)

    def _reason(self) -> str:
        reason = text.clean(self.reason)
        if self.asks and not reason:
            raise Invalid(reason="Write a sentence or two about yourself: a person reads it and decides.")
        if len(reason) > 2000:
            raise Invalid(reason=f"This has {len(reason):,} characters; 2,000 are possible.")
        return reason


async def join(site: Site, joining: Joining, *, network: str, form_key: str = "") -> None:
    """Make a waiting account and send the letter that confirms its address.

    Where the address belongs to somebody already, they get a letter that says so instead, and the caller cannot tell (row 63):
    both ways hash, make keys, hold the name and queue one letter. The same form sent twice is one sign-up. Raises Invalid for a
    name that is taken, Forbidden where nobody can join, TooMany.
    """
    mode = site.settings.accounts.sign_up
    if mode == "closed":
        raise Forbidden(CLOSED)
    await throttle.limit(site, "join-network", network)
    await throttle.limit(site, "join-email", joining.email)
    password_hash, pair = await accounts.hash_password(joining.password), await accounts.make_keys()
    async with site.db.write() as tx:
        if form_key and await throttle.count(tx, f"join-form:{form_key[:64]}", 3600) > 1:
            return
        if await throttle.count(tx, f"join-handle:{joining.handle.lower()}", HELD) > 1:
            raise Invalid(handle=accounts.TAKEN)
        try:
            async with tx.begin_nested():
                account = await accounts.create(
                    tx,
                    site=site,
                    handle=joining.handle,
                    email=joining.email,
                    password_hash=password_hash,
                    keys=pair,
                    name=joining.name,
                    state=AccountState.WAITING,
                    reason=joining.reason,
                    confirmed=False,
                )
        except EmailTaken:
            await _tell_owner(tx, site, joining.email)
            return
        await _ask_to_confirm(tx, site, account)
        if mode == "approval":
            await _tell_moderators(tx, site, account)


async def send_again(tx: AsyncSession, site: Site, account: Account) -> None:
    """The letter that confirms the address once more; the earlier link stops working."""
    if account.confirmed_at is None:
        await _ask_to_confirm(tx, site, account)


async def ask_email(tx: AsyncSession, site: Site, account: Account, email: str) -> None:
    """Send the letter that confirms another address of `account`; until then the earlier one stays in use.

    An address that belongs to somebody else gets the letter that says so, and the answer is the same (row 63).
    """
    email = mail.address(email)
    if email == account.email:
        raise Invalid(email="This is your address already.")
    if await accounts.find_by_email(tx, email):
        await _tell_owner(tx, site, email)
        return
    token = await letters.write(tx, account, letters.CONFIRM, email)
    link = site.urls.page(f"/confirm/{token}")
    mail.queue(tx, site.settings, email, "confirm_new", handle=account.actor.handle, link=link)


async def confirm(tx: AsyncSession, site: Site, token: str) -> Account:
    """Somebody opened the link in a letter: the address is theirs. Raises NotFound for a link that is used or old.

    An open house lets them in now. A letter for another address than the account's changes the address: the earlier one gets a
    notice, and links for a new password that went there stop working.
    """
    letter = await letters.use(tx, token, letters.CONFIRM)
    account = await accounts.get(tx, letter.account_id, lock=True)
    if letter.email != account.email:
        before = account.email
        try:
            async with tx.begin_nested():
                account.email = letter.email
                await tx.flush()
        except IntegrityError as wrong:
            raise Conflict("Another account has this e-mail address by now.") from wrong
        await letters.void(tx, account, letters.RESET)
        mail.queue(tx, site.settings, before, "email_changed", handle=account.actor.handle)
    account.confirmed_at = clock.now()
    if account.state is AccountState.WAITING and site.settings.accounts.sign_up == "open":
        account.state = AccountState.ACTIVE
    return account


async def forget(tx: AsyncSession) -> None:
    """Remove open sign-ups that nobody confirmed; for the hourly sweep. Requests with a reason wait for a decision instead."""
    old = select(Account.actor_id).where(
        Account.state == AccountState.WAITING,
        Account.confirmed_at.is_(None),
        Account.reason == "",
        Account.created_at < clock.now() - UNCONFIRMED,
    )
    await tx.execute(delete(Actor).where(Actor.id.in_(old)).execution_options(synchronize_session=False))


async def _ask_to_confirm(tx: AsyncSession, site: Site, account: Account) -> None:
    token = await letters.write(tx, account, letters.CONFIRM, account.email)
    link = site.urls.page(f"/confirm/{token}")
    asks = site.settings.accounts.sign_up == "approval"
    mail.queue(tx, site.settings, account.email, "confirm", handle=account.actor.handle, link=link, asks=asks)


async def _tell_owner(tx: AsyncSession, site: Site, email: str) -> None:
    owner = await accounts.find_by_email(tx, email)
    if owner:
        mail.queue(tx, site.settings, owner.email, "known_address", handle=owner.actor.handle)


async def _tell_moderators(tx: AsyncSession, site: Site, account: Account) -> None:
    rows = select(Account).where(Account.role.in_([Role.ADMIN, Role.MODERATOR]), Account.state == AccountState.ACTIVE)
    link = site.urls.page("/admin/waiting")
    for moderator in await tx.scalars(rows):
        mail.queue(tx, site.settings, moderator.email, "waiting_admin", handle=account.actor.handle, link=link)
