"""What does not go on by itself has words for whoever decides, whatever it is."""

from dataclasses import MISSING, fields

from federation.outbox import VERBS
from server import clock, jobs, stuck
from server.models import Job
from server.site import Site


def test_every_lane_but_those_of_deliveries_has_words() -> None:
    assert set(stuck.LANES) == set(jobs.LANES) - {"deliver", "slow"}


def test_everything_that_other_servers_are_told_has_words() -> None:
    assert set(stuck.TELLS) == set(VERBS)


async def test_every_kind_of_job_has_words(site: Site) -> None:
    made = [
        kind(**{one.name: "" for one in fields(kind) if one.default is MISSING is one.default_factory})
        for kind in jobs.KINDS.values()
    ]
    async with site.db.write() as tx:
        tx.add_all(Job(**jobs.values(job), failed_at=clock.now()) for job in made)
    async with site.db.read() as tx:
        found = await stuck.given_up(tx)
    assert {one.kind for one in found} == set(jobs.KINDS)
    assert [one.kind for one in found if " " not in one.words] == []
