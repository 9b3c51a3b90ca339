"""Passwords: what is accepted, and how they are kept (argon2id, 64 MiB, three passes, one lane).

Hashing costs a tenth of a second and 64 MiB, so it runs in four threads of its own. Whoever comes when fifty wait already is
asked to come back: a flood of sign-ins must not take the memory of the house.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import Invalid, TooMany
from server.spelling import composed

MIN_LENGTH = 10
MAX_LENGTH = 1000
MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 1
PARALLEL = 4
QUEUE = 50

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
# Verifying against it costs what verifying a real one costs and never succeeds: an unknown name answers as slowly as a known one.
_NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"
_threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="password")
_pending = 0

Result = TypeVar("Result")

# What people who must type ten characters type first. Compared without case, and without what is put before and behind a word.
COMMON = frozenset(
    """
    0000000000 0123456789 0987654321 1029384756 1111111111 1122334455 1212121212 1223334444 123123123123 1231231234
    1234512345 1234554321 12345678900 1234567890 12345678901 123456789012 1234567891 12345678910 123456789123 123456789a
    123456789q 123456789z 1234567899 1234567asd 1234qwerasdf 123qweasdzxc 12qwaszx34erdfcv 147258369 1472583690 1597534682
    1q2w3e4r5t 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc 2222222222 3141592653 3141592654
    5555555555 7777777777 789456123 7894561230 9876543210 987654321a 9999999999 a123456789 a1b2c3d4e5 aa12345678
    aaaaaaaaaa abc123456789 abcd123456 abcde12345 abcdefghij abcdefghijk abcdefghijklmnopqrstuvwxyz administrator
    alexander1 artist12345 asd123asd123 asdasdasdasd asdfasdfasdf asdfghjkl1 asdfghjkl asdfghjkl123 asdfghjklö azertyuiop
    baseball123 basketball butterfly1 changeme changemenow charlie123 chocolate1 christopher computer123 correcthorse
    correcthorsebatterystaple dragon12345 elizabeth1 facebook123 fedcba9876 football123 fuckyou123 gfhjkm12345 hello12345
    helloworld hello-world iloveyou iloveyou123 iloveyou12 iloveyou1234 iloveyouforever internet123 jordan12345 justinbieber
    letmein letmein123 letmein1234 letmeinnow liverpool1 liverpoolfc london2012 loveyou123 loveyou4ever lovelovelove
    manchester manchesterunited mastodon123 michael123 microsoft1 minecraft1 monkey12345 motdepasse motdepasse1 mustang123
    mypassword mypassword1 myspace123 nopassword passord123 passpasspass passwort passwort123 passw0rd passw0rd123
    passw0rd1234 password password1 password12 password123 password1234 password12345 password123456 passwordpassword
    p@ssw0rd p@ssw0rd123 p@ssword p@ssword123 pa$$w0rd photography photoshop1 picture123 pokemon123 princess123 q1w2e3r4t5
    q1w2e3r4t5y6 qazwsxedc qazwsxedc123 qazwsxedcrfv qazxswedc qq123456789 qw12345678 qwe123qwe123 qweasdzxc qweasdzxc123
    qwer1234qwer qwerasdfzxcv qwert12345 qwerty qwerty12345 qwerty123456 qwerty1234567890 qwertyqwerty qwertyuiop
    qwertyuiop1 qwertyuiop123 qwertyuiopasdfghjkl qwertyuiop[] qwertyuiopasdfghjklzxcvbnm qwertz12345 qwertzuiop
    rockyou123 samsung123 secretpassword september1 shadow12345 snowball123 spiderman1 starwars123 strongpassword
    sunshine123 superman123 superstar1 supersecret temppassword testtest test123456 test1234567 testpassword thisisapassword
    trustno1 trustno1trustno1 unbelievable veronica123 verysecret victoria123 wachtwoord welcome welcome123 welcome1234
    whatever123 yourpassword zaq12wsxcde3 zaq1zaq1zaq1 zxcvbnm123 zxcvbnmasdfghjkl zxcvbnmzxcvbnm
    """.split()  # noqa: SIM905  # a list of words, not of strings
)
_AROUND = "0123456789!?.,;:-_*#+=$%&@/()[]{}<>^~'\" "


def check(password: str, *others: str) -> str:
    """Accept `password` or raise Invalid(password=…). `others` are what everybody may guess: handle, e-mail, server's name.

    At least ten characters and none of the common ones; nothing is asked of their kind (security.md, part D).
    """
    password = normalise(password)
    if len(password) < MIN_LENGTH:
        raise Invalid(
            password=f"A password needs at least {MIN_LENGTH} characters. A few words in a row are easy to keep in mind."
        )
    if len(password) > MAX_LENGTH:
        raise Invalid(password=f"A password has at most {MAX_LENGTH:,} characters.")
    folded = password.casefold()
    inner = folded.strip(_AROUND)
    if len(set(folded)) < 4 or folded in COMMON or inner in COMMON:
        raise Invalid(
            password="This is one of the first passwords that anybody would try. Please think of another one."
        )
    guesses = {part.casefold() for other in others for part in (other, other.partition("@")[0]) if len(part) > 2}
    if folded in guesses or inner in guesses:
        raise Invalid(password="Your name or e-mail address is easy to guess. Please think of another password.")
    return password


def normalise(password: str) -> str:
    """The same characters typed on another keyboard are the same password."""
    return composed(password, "NFKC")


async def hash_password(password: str) -> str:
    """The argon2id hash of `password`, made in a thread. Raises TooMany when the queue is full."""
    return await _in_thread(lambda: _hasher.hash(normalise(password)))


async def is_right(kept: str | None, password: str) -> bool:
    """Whether `password` belongs to the hash `kept`; for None it takes the same time and says no. Raises TooMany."""
    return await _in_thread(lambda: _verify(kept or _NOBODYS, normalise(password)))


def is_outdated(kept: str) -> bool:
    """Whether `kept` was made with other parameters than today's and should be made again at the next sign-in."""
    return _hasher.check_needs_rehash(kept)


def _verify(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


async def _in_thread(work: Callable[[], Result]) -> Result:
    global _pending
    if _pending >= PARALLEL + QUEUE:
        raise TooMany("Many people are signing in at this moment. Please try again in a minute.", 60)
    _pending += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _pending -= 1
