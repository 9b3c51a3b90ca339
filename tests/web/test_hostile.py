"""Hostile addresses and parameters: whatever stands in them, the answer is an answer and never a crash (security.md row 126)."""

import itertools
from typing import Any
from urllib.parse import quote

import pytest
from quart import Quart

from server.models import Account
from tests.conftest import signed_in

TEXTS = (
    "'", '"', "1' OR '1'='1' --", "'; DROP TABLE posts; --", "\0", "%00", "../../etc/passwd", "<script>", "{{7*7}}", "-1", "0",
    "1.5", "9" * 19, "9" * 40, str(2**63), "٣", "💥", "a" * 3000, "\r\nX: y", "%", "_%", "\\", "null", "[]", "true", "",
)  # fmt: skip
PARAMETERS = (
    "before", "page", "view", "image", "reply", "show", "next", "for", "until", "sig", "resource", "rel", "min_id", "form_key",
)  # fmt: skip


def addresses(app: Quart) -> list[str]:
    """Every address that can be asked for, with each hostile text in each place."""
    made = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        if not rule.arguments:
            made += [
                f"{rule.rule}?{name}={quote(text)}"
                for name, text in zip(PARAMETERS, itertools.cycle(TEXTS), strict=False)
            ]
            continue
        for number, text in enumerate(TEXTS):
            path = rule.rule
            for argument in rule.arguments:
                for form in (f"<{argument}>", f"<int:{argument}>", f"<path:{argument}>"):
                    value = "alice" if argument == "handle" and number % 2 else quote(text, safe="")
                    path = path.replace(
                        form, value if "int:" not in form or not text.isascii() else quote(text, safe="")
                    )
            made.append(f"{path}?{PARAMETERS[number % len(PARAMETERS)]}={quote(text)}")
    return made


@pytest.mark.timeout(300)
async def test_no_address_breaks_the_house(app: Quart, client: Any, alice: Account) -> None:
    """As a stranger and as somebody signed in; SQL, templates, numbers beyond 63 bits, NUL, line breaks, other scripts."""
    member = await signed_in(app, alice)
    crashed = []
    for number, address in enumerate(addresses(app)):
        answer = await (client, member)[number % 2].get(address)
        if answer.status_code >= 500:
            crashed.append((answer.status_code, address[:200]))
    assert not crashed


@pytest.mark.timeout(300)
async def test_no_parameter_breaks_a_page(app: Quart, alice: Account) -> None:
    """Every text in every parameter, each on one of the pages that read parameters."""
    member = await signed_in(app, alice)
    pages = itertools.cycle(("/", "/explore", "/home", "/@alice", "/@alice/posts", "/tags/ink", "/users/alice/outbox"))
    for parameter, text in itertools.product(PARAMETERS, TEXTS):
        path = next(pages)
        answer = await member.get(f"{path}?{parameter}={quote(text)}")
        assert answer.status_code < 500, (path, parameter, text[:40])
