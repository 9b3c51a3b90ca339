"""“Reached 61 of 63 servers”: each server once, with the reason in words where it does not have the post."""

from server import clock, ids, reach
from server.models import Account, Activity, Delivery, DeliveryState, Host, Post
from server.site import Site
from tests.hung import say

DONE, WAITING, REFUSED = DeliveryState.DONE, DeliveryState.WAITING, DeliveryState.REFUSED


async def tell(site: Site, post: Post, kind: str, *sent: tuple[str, DeliveryState, str], actor: int = 0) -> None:
    """One activity about `post`, and what became of it at each host."""
    async with site.db.write() as tx:
        activity = Activity(
            id=ids.new(), uri=f"http://art.test/activities/{ids.new()}", type=kind,
            actor_id=actor or post.author_id, post_id=post.id,
        )  # fmt: skip
        tx.add(activity)
        await tx.flush()
        for number, (host, state, reason) in enumerate(sent):
            tx.add(
                Delivery(
                    id=ids.new(), activity_id=activity.id, actor_id=activity.actor_id, host=host, state=state,
                    inbox=f"https://{host}/inbox/{number}", reason=reason,
                )
            )  # fmt: skip


async def of(site: Site, post: Post) -> reach.Reach:
    async with site.db.read() as tx:
        return await reach.of(tx, post)


async def test_each_server_counts_once_and_the_missing_are_named(site: Site, alice: Account, bob: Account) -> None:
    post = await say(site, alice, "Hello")
    assert await of(site, post) == reach.Reach(0, 0)
    await tell(
        site, post, "Create", ("a.example", DONE, ""), ("a.example", WAITING, ""), ("b.example", WAITING, ""),
        ("c.example", WAITING, "It answers 503."), ("d.example", REFUSED, "It answers 403."),
        ("e.example", DeliveryState.EXPIRED, ""), ("f.example", WAITING, ""), ("g.example", WAITING, ""),
    )  # fmt: skip
    await tell(site, post, "Announce", ("z.example", DONE, ""), actor=bob.actor_id)
    async with site.db.write() as tx:
        tx.add(Host(name="f.example", paused_at=clock.now()))
        tx.add(Host(name="g.example", resting_until=clock.after(hours=1), reason="Its certificate has expired."))
    found = await of(site, post)
    assert (found.total, found.reached) == (7, 1)
    assert [(row.host, row.reason) for row in found.waiting] == [
        ("b.example", "On its way."), ("c.example", "It answers 503."),
        ("f.example", "An administrator paused what goes there."), ("g.example", "Its certificate has expired."),
    ]  # fmt: skip
    assert all(row.since <= clock.now() for row in found.waiting)
    assert [(row.host, row.reason) for row in found.refused] == [
        ("d.example", "It answers 403."), ("e.example", "It did not answer for 14 days."),
    ]  # fmt: skip


async def test_an_update_that_arrives_brings_the_post_along(site: Site, alice: Account) -> None:
    post = await say(site, alice, "Hello")
    await tell(site, post, "Create", ("a.example", REFUSED, "It answers 403."))
    await tell(site, post, "Update", ("a.example", DONE, ""))
    found = await of(site, post)
    assert (found.total, found.reached, found.refused) == (1, 1, ())
