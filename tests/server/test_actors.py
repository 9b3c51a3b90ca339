"""The house's own actor, who is in good standing, and that a change of a profile is told."""

import asyncio

import pytest
from sqlalchemy import func, select

from server import actors, clock, follows, keys
from server.actors import Defaults, Profile
from server.errors import NotFound
from server.models import Account, AccountState, Actor, ActorKind, Audience, HostLevel, Key, Licence, Reservation
from server.site import Site
from tests import abroad
from tests.conftest import make_account


async def test_the_house_is_made_once_with_keys_that_open(site: Site) -> None:
    made = await asyncio.gather(*(actors.house(site) for _ in range(4)))
    assert len({actor.id for actor in made}) == 1
    house = made[0]
    assert house.is_house and house.kind is ActorKind.APPLICATION and house.handle == "art.test"
    assert site.urls.actor(house) == "http://art.test/actor"
    async with site.db.read() as tx:
        rows = list(await tx.scalars(select(Key).where(Key.actor_id == house.id)))
    assert sorted(row.kind for row in rows) == ["ed25519", "rsa"]
    assert keys.load_private(site.secret, next(row for row in rows if row.kind == "rsa"))
    assert (await actors.house(site)).id == house.id


async def test_the_house_is_nobody_whom_one_could_meet(site: Site, bob: Account) -> None:
    house = await actors.house(site)
    async with site.db.write() as tx:
        assert await actors.find(tx, house.handle) is None
        for viewer in (None, bob.actor):
            with pytest.raises(NotFound):
                await actors.seen(tx, house.handle, None, viewer)
        with pytest.raises(NotFound):
            await follows.follow(tx, bob.actor, house)
        standing = select(func.count()).select_from(Actor).where(actors.in_good_standing())
        assert await tx.scalar(standing) == 1  # Bob


@pytest.mark.parametrize(
    ("changes", "stands"),
    [({}, True), ({"suspended_at": clock.now()}, False), ({"gone_at": clock.now()}, False),
     ({"host_level": HostLevel.SUSPEND}, False)],
)  # fmt: skip
async def test_who_elsewhere_is_in_good_standing(
    site: Site, bob: Account, changes: dict[str, object], stands: bool
) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        kept = await tx.get_one(Actor, mia.id)
        for name, value in changes.items():
            setattr(kept, name, value)
    async with site.db.read() as tx:
        if stands:
            assert (await actors.seen(tx, "Mia", "FAR.example", bob.actor)).id == mia.id
        else:
            with pytest.raises(NotFound):
                await actors.seen(tx, "mia", "far.example", bob.actor)


async def test_strangers_do_not_meet_people_of_a_limited_server(site: Site, bob: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.write() as tx:
        (await tx.get_one(Actor, mia.id)).host_level = HostLevel.LIMIT
    async with site.db.read() as tx:
        assert (await actors.seen(tx, "mia", "far.example", bob.actor)).id == mia.id
        with pytest.raises(NotFound):
            await actors.seen(tx, "mia", "far.example", None)


async def test_who_waits_is_not_in_good_standing(site: Site) -> None:
    waiting = await make_account(site, "wanda", state=AccountState.WAITING)
    async with site.db.read() as tx:
        with pytest.raises(NotFound):
            await actors.seen(tx, waiting.actor.handle, None, None)


async def test_a_changed_profile_is_told_once_for_each_transaction(site: Site, alice: Account) -> None:
    async with site.db.write() as tx:
        await actors.edit(tx, alice.actor, Profile(name="Alice P."))
        await actors.set_face(tx, alice.actor, None)
        await actors.set_defaults(
            tx, alice.actor, Defaults(Licence.BY, Reservation.NO_AI, Audience.EVERYONE, 2048)
        )  # fmt: skip
        await follows.approve_each(tx, alice.actor, True)
    assert [(job.verb, job.actor_id) for job in await abroad.told(site)] == [("Profile", alice.actor_id)]
    async with site.db.write() as tx:
        await actors.edit(tx, alice.actor, Profile(name="Alice"))
    assert len(await abroad.told(site, "Profile")) == 2


async def test_people_elsewhere_are_found_by_their_uri(site: Site, alice: Account) -> None:
    mia = await abroad.person(site)
    async with site.db.read() as tx:
        found = await actors.by_uri(tx, str(mia.uri))
        assert found and found.id == mia.id
        assert await actors.by_uri(tx, site.urls.actor(alice.actor)) is None
