"""security.md A4, row 66: under which names the house answers, and what it says its own address is."""

import pytest

from tests.fediverse import House, asgi


@pytest.mark.parametrize(
    "path", ["/", "/about", "/login", "/actor", "/.well-known/webfinger?resource=acct:ines@art.test"]
)
async def test_row_66_another_name_is_not_answered(house: House, path: str) -> None:
    for host in ("evil.test", "art.test.evil.test", "evil.test:443", "art.test:8443", ""):
        reply = await asgi(house.app, "GET", f"https://art.test{path}", {"Host": host})
        assert reply.status in (400, 421), host
        assert b"evil" not in reply.body
    assert (await asgi(house.app, "GET", f"https://art.test{path}", {"Host": "ART.test"})).status != 421


async def test_row_66_ids_name_the_configured_address_whoever_asks(house: House) -> None:
    forwarded = {
        "Host": "art.test",
        "X-Forwarded-Host": "evil.test",
        "Forwarded": "host=evil.test",
        "Accept": "application/json",
    }
    reply = await asgi(house.app, "GET", "https://art.test/actor", forwarded)
    assert reply.status == 200 and b"https://art.test/actor" in reply.body and b"evil" not in reply.body
