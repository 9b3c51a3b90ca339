"""People with a key to this house: making accounts, passwords, joining, deciding, the first administrator."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import func, select, update

from server import accounts, actors, clock, joining, keys, letters, mail, passwords, sign_ins, throttle, vault
from server.errors import Conflict, Forbidden, Invalid, NotFound, Problem, TooMany
from server.joining import Joining
from server.models import Account, AccountState, Actor, Key, Letter, Role, SignIn, Token
from server.settings import Settings
from server.site import Site
from tests.browsing import link_in, queued

PASSWORD = "seven blue herons"
NETWORK = "203.0.113.7"


def with_mode(site: Site, mode: str) -> Site:
    chosen = site.settings.accounts.model_copy(update={"sign_up": mode})
    object.__setattr__(site, "settings", site.settings.model_copy(update={"accounts": chosen}))
    return site


def wish(handle: str = "ines", email: str = "ines@mail.test", *, asks: bool = True) -> Joining:
    return Joining(
        handle=handle, email=email, password=PASSWORD, name="Ines", reason="I paint." if asks else "", asks=asks
    )


async def by_handle(site: Site, handle: str) -> Account:
    async with site.db.read() as tx:
        return await accounts.by_handle(tx, handle)


async def make(site: Site, handle: str = "ines", role: Role = Role.MEMBER) -> Account:
    """An active account with PASSWORD. Its real hash and keys are made once for all tests: both take a while."""
    if not _made:
        _made.append((await passwords.hash_password(PASSWORD), await accounts.make_keys()))
    [(password_hash, pair)] = _made
    async with site.db.write() as tx:
        return await accounts.create(
            tx, site=site, handle=handle, email=f"{handle}@mail.test", password_hash=password_hash, keys=pair, role=role
        )


_made: list[tuple[str, keys.Pairs]] = []


async def enter(site: Site, name: str = "ines", password: str = PASSWORD, network: str = NETWORK) -> str:
    return await accounts.sign_in(site, name, password, device="Firefox on Linux", network=network)


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


# -- making ------------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("thorough_hashing")
async def test_an_account_comes_with_a_profile_and_sealed_keys(site: Site) -> None:
    account = await accounts.create_by_hand(site, handle="ines", email="ines@mail.test", password=PASSWORD)
    assert account.is_active and account.confirmed_at
    assert account.actor.display_name == "ines"
    assert account.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    async with site.db.read() as tx:
        found = {key.kind: key for key in await tx.scalars(select(Key).where(Key.actor_id == account.actor_id))}
    assert found.keys() == {"rsa", "ed25519"}
    key = found["rsa"]
    assert "PRIVATE" not in key.private_pem  # security.md, part D: encrypted at rest
    private = keys.load_private(site.secret, key)
    assert isinstance(private, RSAPrivateKey) and private.key_size == 2048
    public = load_pem_public_key(key.public_pem.encode())
    public.verify(private.sign(b"hello", padding.PKCS1v15(), SHA256()), b"hello", padding.PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg,arg-type]


async def test_keys_open_with_the_houses_secret_and_in_their_own_row_only(site: Site) -> None:
    first = await make(site)
    second = await accounts.create_by_hand(site, handle="bea", email="bea@mail.test", password=PASSWORD)
    async with site.db.read() as tx:
        one = await keys.newest(tx, first.actor_id, keys.RSA)
        two = await keys.newest(tx, second.actor_id, keys.RSA)
    assert one is not None and two is not None
    with pytest.raises(vault.Unreadable):
        keys.load_private(bytes(32), one)
    one.private_pem = two.private_pem
    with pytest.raises(vault.Unreadable):
        keys.load_private(site.secret, one)
    one.private_pem = "-----BEGIN PRIVATE KEY-----"
    with pytest.raises(vault.Unreadable):
        keys.load_private(site.secret, one)


@pytest.mark.parametrize(
    "handle", ["", "a b", "inés", "a" * 31, "a-b", "a.b", "ｉnes", "a\nb", "@", "admin", "Cartellino", "WWW"]
)
def test_names_that_cannot_be(handle: str) -> None:
    """Decision 3."""
    with pytest.raises(Invalid) as wrong:
        actors.check_handle(handle)
    assert "handle" in wrong.value.fields


@pytest.mark.parametrize("handle", ["a", "_", "Ines_2", "7", "a" * 30, " @ines "])
def test_names_that_can_be(handle: str) -> None:
    assert actors.check_handle(handle) == handle.strip().removeprefix("@")


async def test_a_name_is_one_person_whatever_the_case(site: Site) -> None:
    await make(site, "Ines")
    with pytest.raises(Invalid) as wrong:
        await accounts.create_by_hand(site, handle="iNES", email="other@mail.test", password=PASSWORD)
    assert wrong.value.fields == {"handle": accounts.TAKEN}
    assert (await by_handle(site, "INES")).actor.handle == "Ines"


async def test_two_who_want_one_name_at_once(site: Site) -> None:
    """house.md 7: decide by the unique constraint, on both databases."""
    results = await asyncio.gather(
        *(accounts.create_by_hand(site, handle="ines", email=f"i{n}@mail.test", password=PASSWORD) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Account) for result in results) == 1
    assert sum(isinstance(result, Invalid) for result in results) == 3
    async with site.db.read() as tx:
        assert await tx.scalar(select(func.count(Actor.id))) == 1


async def test_an_address_belongs_to_one_account(site: Site) -> None:
    await make(site)
    with pytest.raises(accounts.EmailTaken):
        await accounts.create_by_hand(site, handle="other", email="INES@mail.test", password=PASSWORD)
    with pytest.raises(NotFound):
        await by_handle(site, "other")  # nothing is half-made


async def test_the_first_account_ties_the_house_to_its_address(site: Site, settings: Settings) -> None:
    """Decision 1."""
    await accounts.check_base_url(site)  # nobody yet: anything goes
    await make(site)
    await accounts.check_base_url(site)
    moved = settings.server.model_copy(update={"base_url": "http://elsewhere.test"})
    object.__setattr__(site, "settings", settings.model_copy(update={"server": moved}))
    with pytest.raises(Problem, match=r"http://art\.test"):
        await accounts.check_base_url(site)
    with pytest.raises(Conflict, match=r"http://art\.test"):
        await accounts.create_by_hand(site, handle="bea", email="bea@mail.test", password=PASSWORD)


# -- passwords -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "password",
    ["", "short", "123456789", "1234567890", "aaaaaaaaaaaa", "Password123", "password!!!!", "qwertyuiop", "QWERTYUIOP123",
     "  password  ", "ines_bellec", "INES_BELLEC1", "ines.bellec@mail.test", "Ines.Bellec99", "1111111111", "ｐassword123",
     "a" * 1001, "abababababab"],
)  # fmt: skip
def test_passwords_that_anybody_would_try(password: str) -> None:
    """security.md, part D: at least ten characters, none of the common ones, not the name, not the address."""
    with pytest.raises(Invalid) as wrong:
        passwords.check(password, "ines_bellec", "ines.bellec@mail.test", "Cartellino")
    assert "password" in wrong.value.fields


@pytest.mark.parametrize(
    "password", ["seven blue herons", "lowercaseonly", "zwölf Boxkämpfer", "9038475610", "пароль мой длинный"]
)
def test_nothing_is_asked_of_their_kind(password: str) -> None:
    passwords.check(password, "ines", "ines@mail.test", "Cartellino")


async def test_the_same_characters_from_another_keyboard(site: Site) -> None:
    kept = await passwords.hash_password("caf\u00e9 au lait du soir")
    assert await passwords.is_right(kept, "cafe\u0301 au lait du soir")
    assert not await passwords.is_right(kept, "cafe au lait du soir")
    assert not await passwords.is_right(None, "anything at all")
    assert not await passwords.is_right("not a hash", "anything at all")


async def test_a_flood_of_sign_ins_is_told_to_wait() -> None:
    """security.md, part D: four at a time, fifty in the queue, then 429."""
    kept = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    tries = [passwords.is_right(kept, "wrong password") for _ in range(passwords.PARALLEL + passwords.QUEUE + 6)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, TooMany) for result in results) == 6
    assert sum(result is False for result in results) == passwords.PARALLEL + passwords.QUEUE
    assert await passwords.is_right(kept, PASSWORD)


async def test_signing_in_by_name_or_address(site: Site) -> None:
    await make(site)
    for name in ("ines", "@INES", " ines ", "ines@mail.test", "Ines@Mail.Test"):
        assert await enter(site, name)
    for name, password in (
        ("ines", "wrong password"),
        ("nobody", PASSWORD),
        ("", ""),
        ("@", ""),
        ("x" * 3000, PASSWORD),
    ):
        with pytest.raises(Invalid) as wrong:
            await enter(site, name, password)
        assert wrong.value.fields == {"password": accounts.WRONG}  # row 63: the same words for all


@pytest.mark.usefixtures("thorough_hashing")
async def test_an_unknown_name_takes_as_long_as_a_known_one(site: Site) -> None:
    """Row 63: the hash is computed for nobody, too. CPU time of all threads, medians of five, a third apart at most."""
    await make(site)
    await enter(site)  # from here on the password is kept as thoroughly as a house keeps it

    async def median(name: str) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()  # what else the machine does has no part in it
            with pytest.raises(Invalid):
                await enter(site, name, "wrong password")
            times.append(time.process_time() - start)
        return sorted(times)[2]

    known, unknown = await median("ines"), await median("nobody")
    assert 0.67 < known / unknown < 1.5, f"{known:.3f} s and {unknown:.3f} s"


@pytest.mark.usefixtures("thorough_hashing")
async def test_an_outdated_hash_is_made_again(site: Site) -> None:
    account = await make(site)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with site.db.write() as tx:
        await tx.execute(update(Account).where(Account.id == account.id).values(password_hash=weak))
    await enter(site)
    assert (await by_handle(site, "ines")).password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    await enter(site)


@pytest.mark.parametrize("state", list(AccountState))
async def test_who_may_sign_in(site: Site, state: AccountState) -> None:
    """Row 45: account states × signing in, tokens."""
    account = await make(site)
    async with site.db.write() as tx:
        await tx.execute(update(Account).where(Account.id == account.id).values(state=state))
    if state is AccountState.DISABLED:
        with pytest.raises(Forbidden):
            await enter(site)
    else:
        assert await enter(site)
    account = await by_handle(site, "ines")
    async with site.db.write() as tx:
        if state is AccountState.ACTIVE:
            assert await accounts.make_token(tx, account)
        else:
            with pytest.raises(Forbidden):
                await accounts.make_token(tx, account)


async def test_a_suspended_person_does_not_sign_in(site: Site) -> None:
    """Row 45."""
    account = await make(site)
    async with site.db.write() as tx:
        await tx.execute(update(Actor).where(Actor.id == account.actor_id).values(suspended_at=clock.now()))
    with pytest.raises(Forbidden):
        await enter(site)
    with pytest.raises(Invalid):  # who does not know the password does not learn of it
        await enter(site, password="wrong password")


async def test_sign_in_is_limited_by_network_and_by_account(site: Site) -> None:
    """Row 61: 25 in five minutes from one network, 25 an hour for one account, whatever network they come from."""
    now = clock.now()
    clock.set_source(lambda: now)
    account = await make(site)
    for _ in range(24):
        await throttle.limit(site, "login-account", str(account.id))
    with pytest.raises(Invalid):
        await enter(site, "ines@mail.test", "wrong password", network="198.51.100.1")
    with pytest.raises(TooMany):  # by either name: it is one account
        await enter(site, "ines", network="198.51.100.2")
    for number in range(24):
        await throttle.limit(site, "login-network", f"2001:db8::{number}")
    with pytest.raises(Invalid):
        await enter(site, "nobody", network="2001:db8::2")
    with pytest.raises(TooMany):  # the same /64
        await enter(site, "somebody", network="2001:db8::3")


async def everything_open(site: Site) -> tuple[int, int]:
    async with site.db.read() as tx:
        sessions, tokens = await tx.scalar(select(func.count(SignIn.id))), await tx.scalar(select(func.count(Token.id)))
        return sessions or 0, tokens or 0


async def opened(site: Site) -> Account:
    """An account with two sessions, a token and a letter for a new password."""
    account = await make(site)
    await enter(site)
    await enter(site)
    async with site.db.write() as tx:
        await accounts.make_token(tx, account)
    await accounts.ask_reset(site, "ines@mail.test")
    assert await everything_open(site) == (2, 1)
    return account


async def test_a_changed_password_ends_everything_that_the_old_one_opened(site: Site) -> None:
    """Row 47, by the page. The one new session is the browser's that changed it."""
    account = await opened(site)
    reset = token_of(link_in((await queued(site))[0]))
    token = await accounts.change_password(site, account, PASSWORD, "eight grey herons", device="Firefox on Linux")
    assert await everything_open(site) == (1, 0)
    async with site.db.read() as tx:
        assert await sign_ins.find(tx, token)
    with pytest.raises(NotFound):
        await accounts.reset_password(site, reset, "nine white herons")
    with pytest.raises(Invalid):
        await enter(site)
    assert await enter(site, password="eight grey herons")
    assert [letter.subject for letter in await queued(site)][-1] == "Your password was changed"


async def test_a_reset_ends_everything_and_works_once(site: Site) -> None:
    """Row 47, by the letter."""
    await opened(site)
    token = token_of(link_in((await queued(site))[0]))
    with pytest.raises(Invalid):
        await accounts.reset_password(site, token, "short")  # and the link still works
    results = await asyncio.gather(
        *(accounts.reset_password(site, token, f"{word} grey herons") for word in ("eight", "nine")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NotFound"]
    assert await everything_open(site) == (0, 0)
    with pytest.raises(NotFound):
        await accounts.reset_password(site, token, "ten grey herons")


async def test_an_administrators_password_ends_everything(site: Site) -> None:
    """Row 47, by the command line."""
    await opened(site)
    await accounts.set_password(site, "Ines", "eight grey herons")
    assert await everything_open(site) == (0, 0)
    with pytest.raises(NotFound):
        await accounts.set_password(site, "nobody", "eight grey herons")


async def test_a_password_that_changed_meanwhile_opens_nothing(site: Site) -> None:
    """Row 47: whoever proved the old password a moment before the reset does not get in a moment after it."""
    account = await make(site)
    async with site.db.write() as tx:
        await tx.execute(update(Account).where(Account.id == account.id).values(password_hash="changed"))
    with pytest.raises(Invalid):
        await accounts.change_password(site, account, PASSWORD, "eight grey herons", device="")
    assert await everything_open(site) == (0, 0)


async def test_a_reset_link_lives_for_one_hour(site: Site) -> None:
    await make(site)
    await accounts.ask_reset(site, "ines@mail.test")
    await accounts.ask_reset(site, "ines@mail.test")
    first, second = (token_of(link_in(letter)) for letter in await queued(site))
    with pytest.raises(NotFound):  # a later letter voids the earlier one
        await accounts.reset_password(site, first, "eight grey herons")
    start = clock.now()
    clock.set_source(lambda: start + timedelta(minutes=61))
    with pytest.raises(NotFound):
        await accounts.reset_password(site, second, "eight grey herons")
    clock.set_source(lambda: start + timedelta(minutes=59))
    await accounts.reset_password(site, second, "eight grey herons")
    async with site.db.read() as tx:
        assert list(await tx.scalars(select(Letter.id))) == []


async def test_letters_tokens_and_sessions_are_kept_as_hashes(site: Site) -> None:
    account = await make(site)
    session = await enter(site)
    async with site.db.write() as tx:
        token = await accounts.make_token(tx, account, name="a script")
        link = await letters.write(tx, account, letters.RESET, account.email)
    async with site.db.read() as tx:
        rows = [*await tx.scalars(select(SignIn)), *await tx.scalars(select(Token)), *await tx.scalars(select(Letter))]
    assert len(rows) == 3
    kept = " ".join(str(vars(row)) for row in rows)
    assert not any(secret in kept for secret in (session, token, link))
    assert rows[1].scopes == "read write follow push"  # decision 3: every scope but admin


# -- joining -------------------------------------------------------------------------------------------------------------
async def test_somebody_asks_and_is_let_in(site: Site) -> None:
    """Approval: a moderator's decision makes the account active, confirmed or not."""
    await make(site, "boss", Role.ADMIN)
    await make(site, "helper", Role.MODERATOR)
    await joining.join(site, wish(), network=NETWORK)
    account = await by_handle(site, "ines")
    assert (account.state, account.confirmed_at, account.reason) == (AccountState.WAITING, None, "I paint.")
    confirm, *others = await queued(site)
    assert confirm.to == "ines@mail.test"
    assert sorted(letter.to for letter in others) == ["boss@mail.test", "helper@mail.test"]
    async with site.db.write() as tx:
        assert [person.id for person in await accounts.waiting(tx)] == [account.id]
        await accounts.approve(tx, site, account, "Good to have you.")
    assert (await by_handle(site, "ines")).is_active
    assert "Good to have you." in (await queued(site))[-1].text
    async with site.db.write() as tx:
        with pytest.raises(Conflict):
            await accounts.approve(tx, site, account)


async def test_in_an_open_house_the_letter_lets_in(site: Site) -> None:
    with_mode(site, "open")
    await joining.join(site, wish(asks=False), network=NETWORK)
    [letter] = await queued(site)
    account = await by_handle(site, "ines")
    assert not account.is_active
    async with site.db.write() as tx:
        await joining.confirm(tx, site, token_of(link_in(letter)))
    account = await by_handle(site, "ines")
    assert account.is_active and account.confirmed_at
    with pytest.raises(NotFound):  # once
        async with site.db.write() as tx:
            await joining.confirm(tx, site, token_of(link_in(letter)))


async def test_in_a_house_with_approval_the_letter_confirms_and_no_more(site: Site) -> None:
    await joining.join(site, wish(), network=NETWORK)
    start = clock.now()
    link = link_in((await queued(site))[0])
    clock.set_source(lambda: start + timedelta(days=3, minutes=1))
    async with site.db.read() as tx:
        with pytest.raises(NotFound):
            await letters.look(tx, token_of(link), letters.CONFIRM)
    clock.set_source(lambda: start + timedelta(days=2))
    async with site.db.write() as tx:
        await joining.confirm(tx, site, token_of(link))
    account = await by_handle(site, "ines")
    assert account.confirmed_at and account.state is AccountState.WAITING


async def test_a_confirmation_is_no_reset(site: Site) -> None:
    """A link does what it was written for and nothing else."""
    await joining.join(site, wish(), network=NETWORK)
    link = link_in((await queued(site))[0])
    with pytest.raises(NotFound):
        await accounts.reset_password(site, token_of(link), "eight grey herons")


async def test_a_closed_house_takes_nobody(site: Site) -> None:
    with pytest.raises(Forbidden):
        await joining.join(with_mode(site, "closed"), wish(), network=NETWORK)
    assert await queued(site) == []


async def test_a_known_address_gets_a_letter_and_the_caller_learns_nothing(site: Site) -> None:
    """Row 63: also not by asking for the same name again, which is held in both cases."""
    await make(site, "host1")
    await joining.join(site, wish("first", "host1@mail.test"), network="198.51.100.1")
    await joining.join(site, wish("second", "new@mail.test"), network="198.51.100.2")
    known, fresh = (await queued(site))[:2]
    assert known.subject == "You have an account on Cartellino already" and "@host1" in known.text
    assert fresh.subject == "Please confirm your e-mail address"
    with pytest.raises(NotFound):
        await by_handle(site, "first")
    for number, handle in enumerate(("first", "FIRST", "second")):
        with pytest.raises(Invalid) as wrong:
            await joining.join(site, wish(handle, f"third{number}@mail.test"), network=f"198.51.100.{10 + number}")
        assert wrong.value.fields == {"handle": accounts.TAKEN}


async def test_the_same_form_sent_twice_is_one_request(site: Site) -> None:
    for _ in range(2):
        await joining.join(site, wish(), network=NETWORK, form_key="once")
    await joining.join(site, wish(), network=NETWORK, form_key="once")
    assert len(await queued(site)) == 1


async def test_a_form_that_was_refused_may_come_again(site: Site) -> None:
    await make(site, "taken")
    for _ in range(2):
        with pytest.raises(Invalid):
            await joining.join(site, wish("taken"), network=NETWORK, form_key="once")
    await joining.join(site, wish("ines"), network=NETWORK, form_key="once")
    assert not (await by_handle(site, "ines")).is_active


async def test_joining_is_limited_by_network_and_by_address(site: Site) -> None:
    """Row 61: five in half an hour."""
    now = clock.now()
    clock.set_source(lambda: now)
    for number in range(5):
        await joining.join(site, wish(f"ines{number}", "ines@mail.test"), network=f"198.51.100.{number}")
    with pytest.raises(TooMany):
        await joining.join(site, wish("ines6", "ines@mail.test"), network="198.51.100.66")
    await make(site, "bea")
    with pytest.raises(TooMany):
        for number in range(6):
            await joining.join(site, wish(f"bea{number}", f"bea{number}@mail.test"), network=NETWORK)


def test_a_wish_says_everything_that_is_wrong_at_once() -> None:
    with pytest.raises(Invalid) as wrong:
        Joining(handle="not good", email="nowhere", password="short", name="x" * 200, reason=" \n ")
    assert set(wrong.value.fields) == {"handle", "email", "password", "name", "reason"}


async def test_of_two_moderators_one_decides(site: Site) -> None:
    await joining.join(site, wish(), network=NETWORK)
    account = await by_handle(site, "ines")

    async def decide(how: str) -> None:
        async with site.db.write() as tx:
            person = await accounts.get_waiting(tx, account.id)
            await (accounts.approve if how == "in" else accounts.reject)(tx, site, person)

    results = await asyncio.gather(*(decide(how) for how in ("in", "away", "in", "away")), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 3
    assert (
        len([letter for letter in await queued(site) if letter.to == "ines@mail.test"]) == 2
    )  # confirm, and one decision


async def test_turned_away_with_a_reason_and_let_in_after_all(site: Site) -> None:
    await joining.join(site, wish(), network=NETWORK)
    account = await by_handle(site, "ines")
    token = await enter(site)
    async with site.db.write() as tx:
        await accounts.reject(tx, site, account, "We are only twelve people here.")
    assert "We are only twelve people here." in (await queued(site))[-1].text
    async with site.db.read() as tx:
        assert await sign_ins.find(tx, token) is None
        assert await accounts.everybody(tx, AccountState.REJECTED) != []
    async with site.db.write() as tx:
        await accounts.approve(tx, site, account)
    assert (await by_handle(site, "ines")).is_active


async def test_unconfirmed_sign_ups_of_an_open_house_are_forgotten(site: Site) -> None:
    await joining.join(site, wish("asks"), network=NETWORK)
    with_mode(site, "open")
    await joining.join(site, wish("ines", "other@mail.test", asks=False), network=NETWORK)
    start = clock.now()
    clock.set_source(lambda: start + timedelta(days=8))
    async with site.db.write() as tx:
        await joining.forget(tx)
    async with site.db.read() as tx:
        assert [account.actor.handle for account in await accounts.everybody(tx)] == ["asks"]
        assert await tx.scalar(select(func.count(Key.id))) == 2  # of one actor


async def test_another_address_is_confirmed_and_the_earlier_one_told(site: Site) -> None:
    account = await make(site)
    await accounts.ask_reset(site, "ines@mail.test")
    async with site.db.write() as tx:
        await joining.ask_email(tx, site, account, "New@mail.test")
    reset, letter = await queued(site)
    assert letter.to == "new@mail.test"
    assert (await by_handle(site, "ines")).email == "ines@mail.test"
    async with site.db.write() as tx:
        await joining.confirm(tx, site, token_of(link_in(letter)))
    assert (await by_handle(site, "ines")).email == "new@mail.test"
    notice = (await queued(site))[-1]
    assert (notice.to, notice.subject) == ("ines@mail.test", "Your e-mail address was changed")
    assert "new@mail.test" not in notice.text
    with pytest.raises(NotFound):  # whoever reads the earlier box gets in no more
        await accounts.reset_password(site, token_of(link_in(reset)), "eight grey herons")


async def test_an_address_that_was_taken_meanwhile(site: Site) -> None:
    account = await make(site)
    async with site.db.write() as tx:
        await joining.ask_email(tx, site, account, "bea@mail.test")
    link = link_in((await queued(site))[-1])
    await make(site, "bea")
    with pytest.raises(Conflict):
        async with site.db.write() as tx:
            await joining.confirm(tx, site, token_of(link))
    async with site.db.write() as tx:  # and asking for a known one tells its owner, nobody else
        await joining.ask_email(tx, site, account, "bea@mail.test")
    assert (await queued(site))[-1].to == "bea@mail.test"
    assert "@bea" in (await queued(site))[-1].text


# -- the first administrator, roles --------------------------------------------------------------------------------------
async def test_of_two_with_the_set_up_link_one_becomes_administrator(site: Site) -> None:
    token = accounts.setup_token(site.secret)
    results = await asyncio.gather(
        *(
            accounts.create_first(site, token, handle=f"boss{n}", email=f"boss{n}@mail.test", password=PASSWORD)
            for n in range(3)
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "str"]
    async with site.db.read() as tx:
        [admin] = await accounts.everybody(tx)
        assert await accounts.has_admin(tx)
    assert admin.role is Role.ADMIN and admin.is_active and admin.confirmed_at


async def test_the_set_up_link_belongs_to_this_house(site: Site) -> None:
    for token in ("", "x", accounts.setup_token(bytes(32)), accounts.setup_token(site.secret) + "0"):
        with pytest.raises(NotFound):
            await accounts.create_first(site, token, handle="boss", email="boss@mail.test", password=PASSWORD)


async def test_the_set_up_works_after_accounts_of_members(site: Site) -> None:
    """The lock is the remembered base URL, which the member's account has written already."""
    await make(site, "member")
    token = accounts.setup_token(site.secret)
    results = await asyncio.gather(
        *(
            accounts.create_first(site, token, handle=f"boss{n}", email=f"boss{n}@mail.test", password=PASSWORD)
            for n in range(2)
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "str"]


async def test_another_role_begins_with_another_session(site: Site) -> None:
    """Row 68: the session's id changes when privileges do."""
    account = await make(site)
    token = await enter(site)
    async with site.db.write() as tx:
        await accounts.set_role(tx, account, Role.MEMBER)
    async with site.db.read() as tx:
        assert await sign_ins.find(tx, token)
    async with site.db.write() as tx:
        await accounts.set_role(tx, account, Role.MODERATOR)
    async with site.db.read() as tx:
        assert await sign_ins.find(tx, token) is None
    assert (await by_handle(site, "ines")).role is Role.MODERATOR


# -- profiles ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://ines.test", "https://ines.test"),
        ("http://ines.test/a?b=c#d", "http://ines.test/a?b=c#d"),
        ("ines.test/works", "https://ines.test/works"),
        ("https://ünïcode.test/", "https://ünïcode.test/"),
    ],
)
def test_links_that_may_stand_on_a_profile(typed: str, kept: str) -> None:
    assert actors.check_link(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["javascript:alert(1)", "data:text/html,x", "ftp://ines.test", "https://", "https://user:pass@ines.test", "//ines.test",
     "https://ines.test/\n", "https://in es.test", "mailto:a@b.test", "https://[", "vbscript:x", "https://a.test/" + "x" * 500],
)  # fmt: skip
def test_links_that_may_not(typed: str) -> None:
    with pytest.raises(Invalid):
        actors.check_link(typed)


def test_a_profile_keeps_words_and_drops_tricks() -> None:
    """Characters that turn the reading direction, or that nobody sees, are good for posing as somebody else only."""
    profile = actors.Profile(
        name="  Ines\u202e\u200b\n Bellec\x00 ", about="One\r\n\r\nTwo\x07", links=(actors.Link("", "www.a.test"),)
    )
    assert profile.name == "Ines Bellec"
    assert profile.about == "One\n\nTwo"
    assert profile.links == (actors.Link("a.test", "https://www.a.test"),)
    with pytest.raises(Invalid) as wrong:
        actors.Profile(
            name="x" * 121, lede="x" * 301, place="x" * 121, about="x" * 5001, links=(actors.Link("a", "b"),) * 9
        )
    assert {"name", "lede", "place", "about", "links", "link_0"} <= set(wrong.value.fields)


def test_the_templates_of_letters_ship() -> None:
    assert (Path(mail.__file__).parent.parent / "templates" / "email" / "reset" / "body.txt").exists()
