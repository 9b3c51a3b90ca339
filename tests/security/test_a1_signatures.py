"""security.md A1, rows 3 to 8: what must never pass for a signature. Rows about actors and replay are with the inbox."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.signing import (
    ALL,
    COMPONENTS,
    KEY,
    NOW,
    Wire,
    cavage,
    content_digest,
    digest,
    ed25519_key,
    public,
    rfc9421,
    rsa_key,
)
from tests.tampering import (
    NEW,
    OLD,
    OTHER,
    SIGNED_CONTENT,
    SIGNED_DIGEST,
    at,
    drop,
    status,
    twice,
)

MATRIX: dict[str, Callable[[], Wire]] = {
    # partial
    "no signature": lambda: SIGNED_DIGEST,
    "no host": lambda: OLD().set("Host"),
    "no date": lambda: OLD().set("Date"),
    "no digest": lambda: OLD().set("Digest"),
    "no key": lambda: drop(OLD(), "keyId"),
    "no list": lambda: drop(OLD(), "headers"),
    "no signature value": lambda: drop(OLD(), "signature"),
    "half a header": lambda: OLD().set("Signature", OLD().get("Signature")[:200]),
    "an open quote": lambda: OLD().set("Signature", OLD().get("Signature")[:-1]),
    "half a signature": lambda: OLD().set("Signature", OLD().get("Signature")[:-41] + '"'),
    "target not covered": lambda: SIGNED_DIGEST.cavage("host date digest"),
    "host not covered": lambda: SIGNED_DIGEST.cavage("(request-target) date digest"),
    "date not covered": lambda: SIGNED_DIGEST.cavage("(request-target) host digest"),
    "digest not covered": lambda: SIGNED_DIGEST.cavage("(request-target) host date"),
    "only the date": lambda: SIGNED_DIGEST.cavage("date"),
    "rfc: no signature": lambda: NEW().set("Signature"),
    "rfc: no input": lambda: NEW().set("Signature-Input"),
    "rfc: no digest": lambda: NEW().set("Content-Digest"),
    "rfc: no host": lambda: NEW().set("Host"),
    "rfc: half an input": lambda: NEW().set("Signature-Input", NEW().get("Signature-Input")[:40]),
    "rfc: method not covered": lambda: SIGNED_CONTENT.rfc9421('"@target-uri" "content-digest"'),
    "rfc: address not covered": lambda: SIGNED_CONTENT.rfc9421('"@method" "content-digest"'),
    "rfc: only the path": lambda: SIGNED_CONTENT.rfc9421('"@method" "@path" "content-digest"'),
    "rfc: only the host": lambda: SIGNED_CONTENT.rfc9421('"@method" "@authority" "content-digest"'),
    "rfc: query not covered": lambda: SIGNED_CONTENT.but(target="/inbox?a=1").rfc9421(
        '"@method" "@authority" "@path" "content-digest"'
    ),
    "rfc: body not covered": lambda: SIGNED_CONTENT.rfc9421('"@method" "@target-uri"'),
    "rfc: no key": lambda: SIGNED_CONTENT.rfc9421(COMPONENTS, {"created": at()}),
    "rfc: not created": lambda: SIGNED_CONTENT.rfc9421(COMPONENTS, {"keyid": KEY}),
    # reordered
    "target last": lambda: SIGNED_DIGEST.cavage(listed="host date digest (request-target)"),
    "host and date exchanged": lambda: SIGNED_DIGEST.cavage(listed="(request-target) date host digest"),
    "digest first": lambda: SIGNED_DIGEST.cavage(listed="digest (request-target) host date"),
    "rfc: components exchanged": lambda: NEW().edit(
        "Signature-Input", '"@method" "@target-uri"', '"@target-uri" "@method"'
    ),
    "rfc: parameters exchanged": lambda: NEW().edit(
        "Signature-Input", f';created={at()};keyid="{KEY}"', f';keyid="{KEY}";created={at()}'
    ),
    # duplicated
    "key twice": lambda: OLD().set("Signature", f'keyId="{KEY}",' + OLD().get("Signature")),
    "another key first": lambda: OLD().set("Signature", 'keyId="https://evil.test/k",' + OLD().get("Signature")),
    "another key last": lambda: OLD().set("Signature", OLD().get("Signature") + ',keyId="https://evil.test/k"'),
    "key twice in other case": lambda: OLD().set("Signature", OLD().get("Signature") + ',keyid="https://evil.test/k"'),
    "list twice": lambda: OLD().set("Signature", OLD().get("Signature") + ',headers="date"'),
    "signature value twice": lambda: OLD().set("Signature", OLD().get("Signature") + ',signature="AAAA"'),
    "signature twice": lambda: twice(OLD(), "Signature"),
    "host twice": lambda: twice(OLD(), "Host"),
    "date twice": lambda: twice(OLD(), "Date"),
    "digest twice": lambda: twice(OLD(), "Digest"),
    "host covered twice": lambda: SIGNED_DIGEST.cavage("(request-target) host host date digest"),
    "rfc: input twice": lambda: twice(NEW(), "Signature-Input"),
    "rfc: signature twice": lambda: twice(NEW(), "Signature"),
    "rfc: digest twice": lambda: twice(NEW(), "Content-Digest"),
    "rfc: label twice": lambda: NEW().set("Signature-Input", ", ".join([NEW().get("Signature-Input")] * 2)),
    "rfc: created twice": lambda: NEW().edit("Signature-Input", ";keyid", f";created={at()};keyid"),
    "rfc: component twice": lambda: SIGNED_CONTENT.rfc9421('"@method" "@method" "@target-uri" "content-digest"'),
    # empty
    "empty header": lambda: OLD().set("Signature", ""),
    "empty key": lambda: OLD().edit("Signature", KEY, ""),
    "empty list": lambda: OLD().edit("Signature", ALL, ""),
    "blank list": lambda: OLD().edit("Signature", ALL, "  "),
    "empty signature value": lambda: SIGNED_DIGEST.set("Signature", f'keyId="{KEY}",headers="{ALL}",signature=""'),
    "empty date": lambda: SIGNED_DIGEST.set("Date", "").cavage(),
    "empty digest": lambda: SIGNED_DIGEST.set("Digest", "").cavage(),
    "empty host": lambda: SIGNED_DIGEST.set("Host", "").cavage(),
    "rfc: empty input": lambda: NEW().set("Signature-Input", ""),
    "rfc: empty list": lambda: SIGNED_CONTENT.rfc9421(""),
    "rfc: empty signature": lambda: NEW().set("Signature", "sig1=::"),
    "rfc: empty key": lambda: SIGNED_CONTENT.rfc9421(COMPONENTS, {"created": at(), "keyid": ""}),
    # mixed
    "old value under a new input": lambda: OLD().set("Signature-Input", NEW().get("Signature-Input")),
    "new value without an input": lambda: OLD().set("Signature", NEW().get("Signature")),
    "both values in one header": lambda: NEW().set("Signature", NEW().get("Signature") + ", " + OLD().get("Signature")),
    "two labels": lambda: (
        NEW()
        .set("Signature-Input", NEW().get("Signature-Input") + ", sig2=()")
        .set("Signature", NEW().get("Signature") + ", sig2=:AAAA:")
    ),
    "labels that differ": lambda: NEW().set("Signature", NEW().get("Signature").replace("sig1", "sig2")),
    "one input for two values": lambda: NEW().set("Signature", NEW().get("Signature") + ", sig2=:AAAA:"),
    "signature of another body": lambda: OLD().set("Signature", OLD(body=OTHER).get("Signature")),
    "signature of another person": lambda: OLD().set("Signature", OLD(private=rsa_key("eve")).get("Signature")),
    "signature of another path": lambda: OLD().but(target="/users/eve/inbox"),
    "signature of another method": lambda: OLD().but(method="DELETE"),
    "rfc: another body": lambda: NEW().but(body=OTHER),
    "rfc: another path": lambda: NEW().but(target="/users/eve/inbox"),
    "rfc: another method": lambda: NEW().but(method="PUT"),
    "rfc: another person": lambda: NEW(private=ed25519_key("eve")).but(private=ed25519_key()),
    "an unknown pseudo header": lambda: SIGNED_DIGEST.cavage(ALL + " (forwarded)"),
    "a header that is not there": lambda: SIGNED_DIGEST.cavage(ALL + " x-custom").set("X-Custom"),
}


@pytest.mark.parametrize("case", MATRIX)
def test_row_03_no_partial_reordered_duplicated_empty_or_mixed_signature_passes(case: str) -> None:
    assert len(MATRIX) >= 60
    wire = MATRIX[case]()
    assert status(wire, key=public(wire.private)) in (400, 401)


def test_row_03_the_requests_that_the_matrix_starts_from_are_good() -> None:
    assert OLD().check().keyid == NEW().check().keyid == KEY


# -- rows 4 to 8 ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_row_04_a_body_without_a_right_and_signed_digest_is_refused_for_every_method(method: str) -> None:
    bare = Wire(method=method)
    assert status(bare.cavage("(request-target) host date")) == 401
    assert status(bare.set("Digest", digest(bare.body)).cavage("(request-target) host date")) == 401
    assert status(bare.set("Digest", digest(OTHER)).cavage()) == 401
    new = bare.but(private=ed25519_key())
    assert status(new.rfc9421('"@method" "@target-uri"')) == 401
    assert status(new.set("Content-Digest", content_digest(new.body)).rfc9421('"@method" "@target-uri"')) == 401
    assert status(new.set("Content-Digest", content_digest(OTHER)).rfc9421()) == 401
    assert cavage(method=method).check() and rfc9421(method=method).check()


def test_row_05_an_unsigned_second_digest_does_not_let_the_body_be_swapped() -> None:
    """Every digest that is there must be signed and must match."""
    old, new = cavage(), rfc9421()
    assert status(old.but(body=OTHER).set("Content-Digest", content_digest(OTHER))) == 401
    assert status(new.but(body=OTHER).set("Digest", digest(OTHER))) == 401
    assert status(old.set("Content-Digest", content_digest(old.body))) == 401
    assert status(new.set("Digest", digest(new.body))) == 401
    # Signed digests of which only one is true.
    both = old.set("Content-Digest", content_digest(OTHER))
    assert status(both.cavage(ALL + " content-digest")) == 401
    assert status(old.set("Digest", f"{digest(old.body)},SHA-512={'A' * 86}==").cavage()) == 401
    right = old.set("Content-Digest", content_digest(old.body)).cavage(ALL + " content-digest")
    assert right.check()
    assert status(right.but(body=OTHER)) == 401


@pytest.mark.parametrize(
    "host", ["mallory.test", "art.test.mallory.test", "art.test:8443", "127.0.0.1", "localhost", "art.test."]
)
def test_row_06_a_request_signed_for_another_host_is_refused(host: str) -> None:
    assert status(cavage().set("Host", host).cavage()) == 401
    assert status(rfc9421().set("Host", host).rfc9421()) == 401
    # Replayed here: the host that was signed is not the one that stands there.
    assert status(cavage().set("Host", host).cavage().set("Host", "art.test")) == 401
    assert status(rfc9421().set("Host", host).rfc9421().set("Host", "art.test")) == 401


def test_row_06_the_host_must_be_covered() -> None:
    assert status(SIGNED_DIGEST.cavage("(request-target) date digest")) == 401
    assert status(SIGNED_CONTENT.rfc9421('"@method" "@path" "content-digest"')) == 401


def test_row_07_a_signed_query_cannot_be_changed_and_paths_are_taken_raw() -> None:
    get = Wire(method="GET", body=b"", target="/users/ann/outbox?page=1")
    old = get.cavage("(request-target) host date")
    new = get.but(private=ed25519_key()).rfc9421('"@method" "@target-uri"')
    parts = get.but(private=ed25519_key()).rfc9421('"@method" "@authority" "@path" "@query"')
    for signed in (old, new, parts):
        assert signed.check()
        assert status(signed.but(target="/users/ann/outbox?page=2")) == 401
        assert status(signed.but(target="/users/ann/outbox")) == 401
        assert status(signed.but(target="/users/ann/outbox?")) == 401
    for signed_path, asked in [("/a%2Fb", "/a/b"), ("/a/b", "/a%2Fb"), ("/%61", "/a"), ("/a%2fb", "/a%2Fb")]:
        assert status(get.but(target=signed_path).cavage("(request-target) host date").but(target=asked)) == 401


def test_row_07_a_query_outside_the_signature_is_accepted_as_mastodon_does_and_counted(caplog: Any) -> None:
    """Mitra, PieFed, Takahē and Fedify sign the path alone; federation.md 6.1."""
    caplog.set_level("INFO")
    exact = Wire(method="GET", body=b"", target="/users/ann/outbox?page=1").cavage("(request-target) host date")
    assert exact.check() and not caplog.records
    path = Wire(method="GET", body=b"", target="/users/ann/outbox").cavage("(request-target) host date")
    assert path.but(target="/users/ann/outbox?page=1").check()
    assert [(record.message, vars(record)["keyid"]) for record in caplog.records] == [
        ("signature without the query", KEY)
    ]


@pytest.mark.parametrize(
    ("seconds", "good"),
    [(12 * 3600 - 1, True), (12 * 3600 + 1, False), (-3600, True), (-3601, False), (50 * 60, True), (-50 * 60, True)],
)
def test_row_08_twelve_hours_back_and_one_hour_ahead(seconds: int, good: bool) -> None:
    """Decision 22. `seconds` is how long ago the request says that it was signed."""
    now = NOW + timedelta(seconds=seconds)
    created = SIGNED_DIGEST.cavage("(request-target) host (created) digest", algorithm="hs2019", created=str(at()))
    for signed in (cavage(), rfc9421(), created.set("Date")):
        if good:
            assert signed.check(now)
        else:
            assert status(signed, now=now) == 401


def test_row_08_created_and_expires_are_enforced_whether_signed_or_not() -> None:
    listed = "(request-target) host date digest (expires)"
    ok = SIGNED_DIGEST.cavage(listed, algorithm="hs2019", created=str(at(minutes=5)), expires=str(at(minutes=-5)))
    assert ok.check()
    for wrong in (
        {"expires": str(at(seconds=1))},
        {"expires": str(at(days=365 * 54))},
        {"created": "1", "expires": str(at(hours=-1))},
        {"created": str(at(hours=-2)), "expires": str(at(hours=-3))},
    ):
        assert status(SIGNED_DIGEST.cavage(listed, algorithm="hs2019", **wrong)) == 401
        unsigned = ",".join(f"{name}={text}" for name, text in wrong.items())
        assert status(cavage().set("Signature", f"{unsigned},{cavage().get('Signature')}")) == 401
    for more in ({"expires": at(seconds=1)}, {"created": 1, "expires": at(hours=-1)}, {"created": at(hours=-2)}):
        assert status(SIGNED_CONTENT.rfc9421(COMPONENTS, **more)) == 401
    assert SIGNED_CONTENT.rfc9421(COMPONENTS, expires=at(minutes=-5)).check()
    # A date that is signed beside `created` must hold as well.
    old_date = SIGNED_CONTENT.set("Date", "Mon, 23 Nov 2026 09:00:00 GMT")
    assert status(old_date.rfc9421(COMPONENTS + ' "date"')) == 401
