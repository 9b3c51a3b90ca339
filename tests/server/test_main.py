"""The `cartellino` command as a shell sees it: what is printed where, and the exit code (decision 3)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from server import accounts, actors, keys, moderation, settings
from server.app import build_site, close
from server.models import Activity, Actor, Delivery, Host, Job, Key
from server.site import Site
from tests import abroad, paint
from tests.running import PASSWORD, House

# The command is a process of its own for each step; what it asks of the database is asked in other tests.
pytestmark = pytest.mark.one_database


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> House:
    (tmp_path / "password").write_text(PASSWORD + "\nnot this line\n")
    return House(tmp_path / "data", {"CARTELLINO_DATABASE_URL": database_url})


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Site]:
    """The same house from within, between two commands."""
    environ = {"CARTELLINO_BASE_URL": house.address, **house.environ}
    site = build_site(settings.load(environ, house.data))
    yield site
    await close(site)


def create(house: House, name: str, *more: str) -> None:
    secret = str(house.data.parent / "password")
    house.run("user", "create", name, "--email", f"{name}@mail.test", "--password-file", secret, *more)


def test_people_by_hand(house: House) -> None:
    create(house, "ada", "--role", "admin")
    create(house, "bea")
    assert house.run("user", "list").stdout == "ada\tactive\tadmin\tada@mail.test\nbea\tactive\tmember\tbea@mail.test\n"
    house.run("user", "role", "bea", "moderator")
    house.run("user", "password", "bea", "--password-file", str(house.data.parent / "password"))
    assert "bea\tactive\tmoderator" in house.run("user", "list").stdout
    token = house.run("user", "token", "bea").stdout
    assert re.fullmatch(r"[A-Za-z0-9_-]{20,}\n", token)


MISTAKES = (
    (("user", "create", "ada", "--email", "x@mail.test", "--password-file", "{secret}"), "Somebody has this name"),
    (("user", "create", "a b", "--email", "x@mail.test", "--password-file", "{secret}"), "[Ll]etters"),
    (("user", "create", "zoe", "--email", "no address", "--password-file", "{secret}"), "address"),
    (("user", "create", "zoe", "--email", "x@mail.test", "--password-file", "{missing}"), "No such file"),
    (("user", "approve", "nobody"), "nobody called nobody"),
    (("user", "approve", "ada"), "."),
    (("post", "{missing}", "--as", "ada"), "is not a file"),
    (("post", "{secret}", "--as", "ada"), "not a picture"),
    (("post", "{picture}", "--as", "nobody"), "nobody"),
    (("post", "{picture}", "--as", "ada", "--licence", "cc0", "--reservation", "no-ai"), "."),
    (("post", "{picture}", "--as", "ada", "--alt", "one", "--alt", "two"), "2 descriptions for 1 file"),
)

MISTAKES_ELSEWHERE = (
    (("user", "rotate-keys", "nobody"), "nobody called nobody"),
    (("user", "suspend", "mia@far.example"), "nobody"),
    (("host", "suspend", "x y"), "Name a server"),
    (("host", "suspend", "127.0.0.1"), "your own server"),
    (("host", "allow", "far.example"), "no rule"),
    (("host", "resume", "far.example"), "not paused"),
)


def test_an_error_about_other_servers_too(house: House) -> None:
    for arguments, sentence in MISTAKES_ELSEWHERE:
        done = house.run(*arguments, check=False)
        assert done.returncode == 1 and done.stdout == "", arguments
        assert len(done.stderr.splitlines()) == 1 and re.search(sentence, done.stderr), (arguments, done.stderr)


def test_an_error_is_exit_1_and_one_sentence(house: House) -> None:
    create(house, "ada")
    folder = house.data.parent
    (folder / "picture.jpg").write_bytes(paint.jpeg(60, 40, seed=1))
    names = {"secret": folder / "password", "missing": folder / "missing", "picture": folder / "picture.jpg"}
    for arguments, sentence in MISTAKES:
        done = house.run(*(argument.format(**names) for argument in arguments), check=False)
        assert done.returncode == 1 and done.stdout == "", arguments
        said = [line for line in done.stderr.splitlines() if not re.match(r"\d+ of \d+  ", line)]
        assert len(said) == 1 and re.search(sentence, said[0]), (arguments, done.stderr)
    assert house.run("user", "list").stdout.count("\n") == 1, "nobody was made by mistake"


def test_other_servers_by_hand(house: House) -> None:
    assert house.run("host", "list").stdout == ""
    done = house.run(
        "host", "suspend", "@mallory@Evil.example", "--reason", "harasses", "--public-reason", "Harassment."
    )
    assert done.stdout == "" and "evil.example is suspended; 0 follows ended." in done.stderr
    house.run("host", "limit", "loud.example", "--no-media", "--reason", "much\nadvertising")
    house.run("host", "pause", "slow.example")
    assert house.run("host", "list").stdout == (
        "evil.example\tsuspend\t-\t0\tharasses\n"
        "loud.example\tlimit, no media\t-\t0\tmuch advertising\n"
        "slow.example\t-\tpaused\t0\t\n"
    )
    house.run("host", "resume", "slow.example")
    house.run("host", "allow", "loud.example", "--reason", "quiet now")
    assert house.run("host", "list").stdout == "evil.example\tsuspend\t-\t0\tharasses\n"


async def test_what_waits_for_a_server_is_counted_and_given_up(house: House) -> None:
    create(house, "ada")
    async with opened(house) as site:
        async with site.db.write() as tx:
            ada = await accounts.by_handle(tx, "ada")
            activity = Activity(uri="http://here/1", type="Create", actor_id=ada.actor_id, bodies={})
            tx.add_all([activity, Host(name="far.example", implements=[], reason="It answered 503.")])
            await tx.flush()
            tx.add(
                Delivery(
                    activity_id=activity.id, actor_id=ada.actor_id, host="far.example", inbox="https://far.example/i"
                )
            )
    assert house.run("host", "list").stdout == "far.example\t-\t-\t1\tIt answered 503.\n"
    doctor = house.run("doctor", check=False)
    assert doctor.returncode == 1 and "nobody carries what waits for far.example" in doctor.stdout
    assert "Tried now by the worker: 1 delivery to far.example." in house.run("host", "retry", "far.example").stderr
    assert "1 waiting" in house.run("doctor").stdout
    assert "Given up: 1 delivery to far.example." in house.run("host", "forget", "far.example").stderr
    assert house.run("host", "list").stdout == ""


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize("seed", ["0", "4711"])
def test_row_103_a_fixed_hash_seed_is_refused(house: House, command: str, seed: str) -> None:
    house.environ["PYTHONHASHSEED"] = seed
    refused = house.run(command, check=False)
    assert refused.returncode == 1 and refused.stdout == ""
    assert f"PYTHONHASHSEED is set to {seed}" in refused.stderr and "Traceback" not in refused.stderr


def test_row_103_random_hashes_are_welcome(house: House) -> None:
    house.environ["PYTHONHASHSEED"] = "random"
    with house:
        assert house.get("/livez").status == 200


async def test_new_keys_sign_and_are_told(house: House) -> None:
    create(house, "ada")
    async with opened(house) as site, site.db.read() as tx:
        before = [(key.kind, key.public_pem) for key in await tx.scalars(select(Key).order_by(Key.id))]
    assert "signs with new keys" in house.run("user", "rotate-keys", "ada").stderr
    async with opened(house) as site, site.db.read() as tx:
        ada = await accounts.by_handle(tx, "ada")
        assert len(list(await tx.scalars(select(Key)))) == 4, "the old ones stay for what is on its way"
        for kind, old in before:
            newest = await keys.newest(tx, ada.actor_id, kind)
            assert newest is not None and newest.public_pem != old
            keys.load_private(site.secret, newest)
        told = list(await tx.scalars(select(Job).where(Job.kind == "Federate")))
        assert [(job.payload["verb"], job.payload["actor_id"]) for job in told] == [("Profile", ada.actor_id)]


async def test_new_keys_of_the_house_sign_and_are_told(house: House) -> None:
    create(house, "ada")
    # The command makes both: ids of this process may be of another time, since earlier tests set its clock.
    house.run("user", "rotate-keys", "--house")
    async with opened(house) as site:
        itself = await actors.house(site)
        async with site.db.write() as tx:
            await tx.execute(delete(Job).where(Job.kind == "Federate"))
        async with site.db.read() as tx:
            before = {kind: await keys.newest(tx, itself.id, kind) for kind in (keys.RSA, keys.ED25519)}
    assert "The house signs with new keys" in house.run("user", "rotate-keys", "--house").stderr
    async with opened(house) as site, site.db.read() as tx:
        for kind, old in before.items():
            newest = await keys.newest(tx, itself.id, kind)
            assert old is not None and newest is not None and newest.id > old.id and newest.public_pem != old.public_pem
        told = list(await tx.scalars(select(Job).where(Job.kind == "Federate")))
        assert [(job.payload["verb"], job.payload["actor_id"]) for job in told] == [("Profile", itself.id)]
    for both_or_none in (("--house", "ada"), ()):
        refused = house.run("user", "rotate-keys", *both_or_none, check=False)
        assert refused.returncode == 2 and "--house" in refused.stderr


async def test_somebody_is_suspended_by_hand(house: House) -> None:
    create(house, "ada")
    async with opened(house) as site:
        await abroad.person(site)
    for name in ("ada", "@mia@far.example"):
        assert "is shown any more" in house.run("user", "suspend", name, "--reason", "stolen art").stderr
    async with opened(house) as site, site.db.read() as tx:
        gone = set(await tx.scalars(select(Actor.handle).where(Actor.suspended_at.is_not(None))))
        assert gone == {"ada", "mia"}
        log = [(row.action, row.about, row.reason, row.moderator_id) for row in await moderation.decisions(tx)]
        assert log == [("suspend", "@mia@far.example", "stolen art", None), ("suspend", "@ada", "stolen art", None)]
    assert "already" in house.run("user", "suspend", "ada", check=False).stderr
    house.run("user", "unsuspend", "ada")


def test_hanging_a_work_with_the_server_stopped(house: House) -> None:
    create(house, "ada")
    files = []
    for number in range(2):
        file = house.data.parent / f"{number}.jpg"
        file.write_bytes(paint.jpeg(900, 600, seed=number))
        files.append(str(file))
    done = house.run(
        "post", *files, "--as", "ada", "--title", "Two Herons", "--alt", "One heron", "--alt", "Another", "--tag", "heron",
        "--gallery", "Birds", "--licence", "by-nc", "--reservation", "no-training", "--description", "At dusk.",
    )  # fmt: skip
    assert re.fullmatch(rf"{house.address}/@ada/\d+-two-herons\n", done.stdout), (
        "stdout is exactly the address of the page"
    )
    assert "2 of 2  1.jpg: ready" in done.stderr, "progress goes to stderr"
    with house:
        page = house.get(done.stdout.strip().removeprefix(house.address)).text
        for expected in (
            "Two Herons",
            "At dusk.",
            'alt="One heron"',
            "Birds",
            "#heron",
            "creativecommons.org/licenses/by-nc/4.0",
        ):
            assert expected in page


def test_hanging_a_work_beside_a_running_server(house: House) -> None:
    create(house, "ada")
    file = house.data.parent / "1.jpg"
    file.write_bytes(paint.jpeg(900, 600, seed=7))
    with house:
        done = house.run("post", str(file), "--as", "ada", "--title", "Beside")
        assert "Beside" in house.get(done.stdout.strip().removeprefix(house.address)).text
        quick = house.run("post", str(file), "--as", "ada", "--title", "Not waited for", "--no-wait")
        assert quick.stdout.startswith(f"{house.address}/@ada/") and "ready" not in quick.stderr


def test_config_prints_the_documented_file(house: House) -> None:
    assert house.run("config").stdout == settings.as_toml()


def test_doctor_says_what_is_wrong_and_changes_nothing(house: House) -> None:
    before = house.run("doctor", check=False)
    assert "There is no administrator yet" in before.stdout or "cartellino migrate" in before.stdout
    house.run("migrate")
    create(house, "ada", "--role", "admin")
    after = house.run("doctor", check=False)
    assert after.returncode == 0, after.stdout
    assert "TROUBLE" not in after.stdout and "sign-up is approval" in after.stdout
    (house.data / "secrets/key").chmod(0o644)
    assert "can be read by others" in house.run("doctor", check=False).stdout


def test_doctor_looks_at_federation(house: House) -> None:
    create(house, "ada", "--role", "admin")
    said = house.run("doctor").stdout
    assert "Federation: needs https" in said and "ok      Post: 0 waiting" in said
    house.environ["CARTELLINO_NETWORK_PRIVATE_RANGES"] = "10.0.0.0/8"
    assert "note    Federation: reaches into private networks: 10.0.0.0/8." in house.run("doctor").stdout


async def test_doctor_says_when_the_house_cannot_open_its_keys(house: House) -> None:
    create(house, "ada", "--role", "admin")
    async with opened(house) as site:
        await actors.house(site)
    house.run("doctor")
    (house.data / "secrets/key").write_text("ab" * 32)
    done = house.run("doctor", check=False)
    assert done.returncode == 1 and "TROUBLE Federation: Key" in done.stdout and "from the backup" in done.stdout


def test_an_unknown_setting_stops_with_the_nearest_known_one(house: House) -> None:
    house.environ["CARTELLINO_SERVER_NAM"] = "Atelier"
    done = house.run("migrate", check=False)
    assert done.returncode == 1 and "Did you mean CARTELLINO_SERVER_NAME?" in done.stderr


def test_another_base_url_stops_with_one_sentence(house: House) -> None:
    """Decision 1: ids would change."""
    create(house, "ada")
    house.environ["CARTELLINO_BASE_URL"] = "https://art.example"
    done = house.run("serve", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and house.address in done.stderr


def test_a_port_that_is_taken_is_said_in_one_sentence(house: House, tmp_path: Path) -> None:
    create(house, "ada")
    with house:
        second = House(tmp_path / "second", port=house.port)
        done = second.run("serve", check=False)
    assert done.returncode == 1 and "Something else listens there already" in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_are_readable_by_their_owner_alone(house: House) -> None:
    create(house, "ada")
    assert (house.data / "secrets/key").stat().st_mode & 0o777 == 0o600
    assert (house.data / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_server_ends_calmly(house: House) -> None:
    create(house, "ada")
    house.start()
    assert house.stop() == 0
