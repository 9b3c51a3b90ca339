"""Open sessions."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from server import accounts, clock, sign_ins
from server.models import Account, AccountState, Actor, SignIn, Token
from server.site import Site


async def opened(site: Site, account: Account) -> str:
    async with site.db.write() as tx:
        return await sign_ins.open(tx, account, "Firefox on Linux")


async def found(site: Site, token: str) -> SignIn | None:
    async with site.db.read() as tx:
        return await sign_ins.find(tx, token)


async def test_a_session_is_found_by_its_token_and_the_token_is_not_stored(site: Site, alice: Account) -> None:
    token = await opened(site, alice)
    session = await found(site, token)
    assert session is not None
    assert session.account.actor.handle == "alice"
    assert session.account.actor.face is None  # loaded: a page may ask
    assert token not in session.token_hash
    assert await found(site, session.token_hash) is None
    assert await found(site, "") is None


async def test_thirty_days_without_being_seen_end_a_session(site: Site, alice: Account) -> None:
    token = await opened(site, alice)
    start = clock.now()
    clock.set_source(lambda: start + timedelta(days=29))
    session = await found(site, token)
    assert session is not None
    assert sign_ins.is_stale(session)
    async with site.db.write() as tx:
        await sign_ins.touch(tx, session)
    clock.set_source(lambda: start + timedelta(days=58))  # sliding: 29 days after it was seen last
    assert await found(site, token) is not None
    clock.set_source(lambda: start + timedelta(days=60))
    assert await found(site, token) is None


@pytest.mark.parametrize(
    ("state", "may"),
    [
        (AccountState.ACTIVE, True),
        (AccountState.WAITING, True),  # to see how far they have come; `is_active` keeps them from acting
        (AccountState.REJECTED, True),
        (AccountState.DISABLED, False),
    ],
)
async def test_who_may_have_a_session(site: Site, alice: Account, state: AccountState, may: bool) -> None:
    """Row 45, the part of the matrix that the session decides."""
    token = await opened(site, alice)
    async with site.db.write() as tx:
        await tx.execute(update(Account).where(Account.id == alice.id).values(state=state))
    session = await found(site, token)
    assert (session is not None) is may
    assert session is None or session.account.is_active is (state is AccountState.ACTIVE)


async def test_suspension_ends_an_open_session(site: Site, alice: Account) -> None:
    """Rows 45 and 46: the next request of a suspended person is a stranger's."""
    token = await opened(site, alice)
    async with site.db.write() as tx:
        await tx.execute(update(Actor).where(Actor.id == alice.actor_id).values(suspended_at=clock.now()))
    assert await found(site, token) is None


async def test_disabling_closes_sessions_and_tokens(site: Site, alice: Account) -> None:
    token = await opened(site, alice)
    async with site.db.write() as tx:
        await accounts.make_token(tx, alice)
        await accounts.disable(tx, alice)
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(SignIn.id))) == []
        assert list(await tx.scalars(select(Token.id))) == []
    assert await found(site, token) is None


async def test_closing_is_for_ones_own_devices(site: Site, alice: Account, bob: Account) -> None:
    """Row 42: another person's id does nothing."""
    first, second, others = await opened(site, alice), await opened(site, alice), await opened(site, bob)
    bobs = await found(site, others)
    here = await found(site, second)
    assert bobs is not None
    assert here is not None
    async with site.db.write() as tx:
        await sign_ins.close_by_id(tx, alice, bobs.id)
        await sign_ins.close_all(tx, alice, keep=here)
    assert await found(site, others) is not None
    assert await found(site, first) is None
    async with site.db.read() as tx:
        assert [session.id for session in await sign_ins.of(tx, alice)] == [here.id]
    async with site.db.write() as tx:
        await sign_ins.close(tx, here)
        await sign_ins.close(tx, here)
    assert await found(site, second) is None


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile/15E148 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Something", "A browser on macOS"),
        ("curl/8.0", "curl"),
        ("", "An unknown device"),
        ("<script>alert(1)</script>" * 50, "An unknown device"),
    ],
)  # fmt: skip
def test_devices_have_names_that_people_know(user_agent: str, name: str) -> None:
    assert sign_ins.device_name(user_agent) == name
