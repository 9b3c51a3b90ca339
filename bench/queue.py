"""The queue of jobs: claim and finish (goal G12), beside the same statements on the bare driver, and how fast a bell is heard.

    .venv/bin/python -m bench.queue

PostgreSQL is that of CARTELLINO_BENCH_POSTGRES=postgresql://…, otherwise the tests' own where it is installed.
"""

import asyncio
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import func, insert, select

from bench import _measure as measure
from server import claims, jobs, migrations
from server.app import build_site, close
from server.models import Job
from server.settings import load
from server.site import Site
from server.worker import Worker
from tests import postgres

JOBS, BATCH, ROUNDS = 5000, 50, 5


def main() -> None:
    lines = asyncio.run(_all())
    measure.write("queue", "The queue: claim, finish, and the bell", ".venv/bin/python -m bench.queue", lines)


async def _all() -> list[str]:
    lines = [
        "| what, CPU µs of this process per job | measured | reference: the bare driver | goal |",
        "|---|---|---|---|",
    ]
    latencies: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        databases = [("SQLite", f"sqlite:///{folder}/queue.db", "15")]
        started = None
        url = os.environ.get("CARTELLINO_BENCH_POSTGRES", "")
        if not url and postgres.available():
            started = postgres.start()
            base = started.url.rsplit("/", 1)[0]
            connection = await asyncpg.connect(f"{base}/postgres")
            await connection.execute("CREATE DATABASE bench_queue")
            await connection.close()
            url = f"{base}/bench_queue"
        if url:
            databases.append(("PostgreSQL", url, "25"))
        for name, address, goal in databases:
            async with _house(address, Path(folder) / name) as site:
                ours = [await _per_job(site, _claim_and_finish) for _ in range(ROUNDS)]
                bare = [
                    _bare_sqlite(Path(folder)) if name == "SQLite" else await _bare_postgres(url) for _ in range(ROUNDS)
                ]
                whole = [await _per_job(site, _worker) for _ in range(3)]
                lines.append(
                    f"| {name}: claim + finish, {BATCH} at a time | {measure.median(ours)} | {measure.median(bare)} | {goal} |"
                )
                lines.append(
                    f"| {name}: through the worker, with a task and a handler for each | {measure.median(whole)} | | |"
                )
                latencies.append(
                    f"{name}: from the commit that enqueues to the handler, ms: {await _bell(site)}; goal: p99 at most 20."
                )
        if started:
            started.stop()
    return [*lines, "", *latencies]


@asynccontextmanager
async def _house(url: str, folder: Path) -> AsyncIterator[Site]:
    folder.mkdir()
    given = {"CARTELLINO_BASE_URL": "http://art.test", "CARTELLINO_DATABASE_URL": url, "CARTELLINO_LOG_LEVEL": "error"}
    site = build_site(load(given, folder))
    await migrations.upgrade(site.db)
    yield site
    await close(site)


async def _per_job(site: Site, work: Callable[[Site], Awaitable[None]]) -> float:
    async with site.db.write() as tx:
        rows = [jobs.values(jobs.Deliver(f"host{number}.test")) for number in range(JOBS)]
        for start in range(0, JOBS, 500):
            await tx.execute(insert(Job), rows[start : start + 500])
    before = _cpu()
    await work(site)
    return (_cpu() - before) / JOBS * 1e6


async def _claim_and_finish(site: Site) -> None:
    """As the worker does it: one transaction finishes what ended and claims what is due."""
    claimed: list[claims.Claimed] = []
    while True:
        async with site.db.write() as tx:
            if claimed:
                await claims.finish(tx, *(job.id for job in claimed))
            claimed = await claims.claim(tx, "deliver", BATCH)
        if not claimed:
            return


async def _worker(site: Site) -> None:
    async def nothing(_: Site, __: jobs.Deliver) -> None:
        return None

    worker = Worker(site, {jobs.Deliver: nothing})
    running = asyncio.create_task(worker.run())
    while True:
        await asyncio.sleep(0.05)
        async with site.db.read() as tx:
            if not await tx.scalar(select(func.count(Job.id))):
                break
    worker.stop()
    await running


def _bare_sqlite(folder: Path) -> float:
    """The same work with the standard library's sqlite3 in one thread, no ORM between."""
    file = folder / "bare.db"
    file.unlink(missing_ok=True)
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, lane TEXT, key TEXT, payload TEXT, due REAL, locked REAL)"
    )
    connection.execute("CREATE INDEX jobs_due ON jobs (lane, due)")
    connection.execute("CREATE INDEX jobs_key ON jobs (key)")
    rows = [("deliver", f"deliver:host{n}.test", '{"host": "host.test", "slow": false}', 0.0) for n in range(JOBS)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO jobs (lane, key, payload, due) VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    before = _cpu()
    while True:
        connection.execute("BEGIN IMMEDIATE")
        claimed = connection.execute(
            "UPDATE jobs SET locked = 1 WHERE id IN (SELECT id FROM jobs WHERE lane = 'deliver' AND due <= 1 AND locked IS NULL"
            " ORDER BY due, id LIMIT ?) RETURNING id, payload",
            (BATCH,),
        ).fetchall()
        connection.execute("COMMIT")
        if not claimed:
            break
        connection.execute("BEGIN IMMEDIATE")
        marks = ",".join("?" * len(claimed))
        connection.execute(f"DELETE FROM jobs WHERE id IN ({marks})", [row[0] for row in claimed])
        connection.execute("COMMIT")
    spent = _cpu() - before
    connection.close()
    return spent / JOBS * 1e6


async def _bare_postgres(url: str) -> float:
    """The same work with asyncpg alone; this process's share of it."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TEMP TABLE bare (id bigserial PRIMARY KEY, lane text, key text, payload text, locked boolean)"
    )
    await connection.executemany(
        "INSERT INTO bare (lane, key, payload) VALUES ($1, $2, $3)",
        [("deliver", f"deliver:host{n}.test", '{"host": "host.test", "slow": false}') for n in range(JOBS)],
    )
    before = _cpu()
    while True:
        claimed = await connection.fetch(
            "UPDATE bare SET locked = true WHERE id IN (SELECT id FROM bare WHERE lane = 'deliver' AND locked IS NULL"
            " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id, payload",
            BATCH,
        )
        if not claimed:
            break
        await connection.execute("DELETE FROM bare WHERE id = ANY($1)", [row["id"] for row in claimed])
    spent = _cpu() - before
    await connection.close()
    return spent / JOBS * 1e6


async def _bell(site: Site) -> str:
    began: dict[str, float] = {}
    waits: list[float] = []
    heard = asyncio.Event()

    async def handler(_: Site, job: jobs.Deliver) -> None:
        waits.append((time.perf_counter() - began[job.host]) * 1000)
        heard.set()

    worker = Worker(site, {jobs.Deliver: handler})
    running = asyncio.create_task(worker.run())
    for number in range(200):
        host = f"bell{number}.test"
        heard.clear()
        async with site.db.write() as tx:
            jobs.enqueue(tx, jobs.Deliver(host))
        began[host] = time.perf_counter()
        await heard.wait()
    worker.stop()
    await running
    waits.sort()
    return f"p50 {statistics.median(waits):.1f}, p99 {waits[int(len(waits) * 0.99)]:.1f}"


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
