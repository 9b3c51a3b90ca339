"""HTTP signatures: what we send, to the letter, and what we take from others. What we refuse is in tests/security."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from federation import signatures
from federation.signatures import BadSignature, grammar, keys, request, rfc9421, structured
from tests.signing import (
    ALL,
    BODY,
    COMPONENTS,
    DATE,
    INBOX,
    KEY,
    NOW,
    Wire,
    cavage,
    content_digest,
    digest,
    ed25519_key,
    public,
    rsa_key,
    sha256,
)

VECTORS = Path(__file__).with_name("vectors")
URL = f"https://art.test{INBOX}"
SHA512 = base64.b64encode(hashlib.sha512(BODY).digest()).decode()


def received(method: str, url: str, headers: dict[str, str], body: bytes = b"", *, scheme: str = "https") -> Any:
    """What a house at the host of `url` reads of a request that we sent there."""
    target = url.partition("://")[2]
    host, slash, rest = target.partition("/")
    incoming = signatures.Incoming(method, f"{slash or '/'}{rest}".encode(), list(headers.items()), body)
    return signatures.read(incoming, ours=frozenset({host.lower()}), scheme=scheme, now=NOW)


# -- what we send --------------------------------------------------------------------------------------------------------
def test_a_post_is_signed_exactly_as_every_known_receiver_reads_it() -> None:
    headers = signatures.sign_cavage("POST", URL, BODY, rsa_key(), KEY, NOW)
    assert list(headers) == ["Host", "Date", "Digest", "Signature"]
    assert headers["Host"] == "art.test" and headers["Date"] == DATE
    assert headers["Digest"] == f"SHA-256={sha256(BODY)}"
    start = f'keyId="{KEY}",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="'
    assert headers["Signature"].startswith(start) and headers["Signature"].endswith('"')
    assert " ," not in headers["Signature"] and ", " not in headers["Signature"]
    value = headers["Signature"].removeprefix(start).rstrip('"')
    # RSA with PKCS #1 v1.5 has one signature for one text.
    assert headers["Signature"] == Wire().set("Digest", digest(BODY)).cavage().get("Signature")
    assert len(base64.b64decode(value, validate=True)) == 256


def test_a_get_is_signed_without_a_digest_and_with_its_query_unless_asked_otherwise() -> None:
    url = "https://art.test/users/ann/outbox?page=1"
    headers = signatures.sign_cavage("GET", url, None, rsa_key(), KEY, NOW)
    assert (
        list(headers) == ["Host", "Date", "Signature"]
        and 'headers="(request-target) host date"' in headers["Signature"]
    )
    claim = received("GET", url, headers)
    claim.verify(public(rsa_key()))
    assert claim.bases[0].startswith(b"(request-target): get /users/ann/outbox?page=1\nhost: art.test\ndate: ")
    short = signatures.sign_cavage("GET", url, None, rsa_key(), KEY, NOW, with_query=False)
    received("GET", url.partition("?")[0], short).verify(public(rsa_key()))


def test_the_new_way_is_the_profile_that_mastodon_and_mitra_read() -> None:
    headers = signatures.sign_rfc9421("POST", URL, BODY, ed25519_key(), KEY, NOW)
    assert list(headers) == ["Host", "Content-Digest", "Signature-Input", "Signature"]
    assert headers["Content-Digest"] == f"sha-256=:{sha256(BODY)}:"
    created = int(NOW.timestamp())
    assert headers["Signature-Input"] == f'sig1=({COMPONENTS});created={created};keyid="{KEY}";alg="ed25519"'
    assert headers["Signature"] == Wire(private=ed25519_key()).set(
        "Content-Digest", content_digest(BODY)
    ).rfc9421().get("Signature")
    by_rsa = signatures.sign_rfc9421("GET", URL + "?page=1", None, rsa_key(), KEY, NOW)
    assert by_rsa["Signature-Input"] == (
        f'sig1=("@method" "@target-uri");created={created};keyid="{KEY}";alg="rsa-v1_5-sha256"'
    )
    received("GET", URL + "?page=1", by_rsa).verify(public(rsa_key()))


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://art.test", "art.test", "/"),
        ("https://ART.test:443/a", "art.test", "/a"),
        ("http://art.test:80/a", "art.test", "/a"),
        ("https://art.test:8443/a?b=c#d", "art.test:8443", "/a?b=c"),
        ("http://127.0.0.1:8000/a%20b", "127.0.0.1:8000", "/a%20b"),
        ("https://[2001:db8::1]/~a/@b", "[2001:db8::1]", "/~a/@b"),
        ("https://art.test?page=1", "art.test", "/?page=1"),
    ],
)
def test_host_and_target_are_those_that_go_over_the_wire(url: str, host: str, target: str) -> None:
    headers = signatures.sign_cavage("GET", url, None, rsa_key(), KEY, NOW)
    assert headers["Host"] == host
    scheme = url.partition(":")[0]
    for signed in (headers, signatures.sign_rfc9421("GET", url, None, rsa_key(), KEY, NOW)):
        received("GET", f"{scheme}://{host}{target}", signed, scheme=scheme).verify(public(rsa_key()))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "art.test/a",
        "ftp://art.test/",
        "https://a@art.test/",
        "https://art.test/a b",
        "https://ärt.test/",
        "https:///a",
    ],
)
def test_an_address_that_is_not_canonical_is_not_signed(url: str) -> None:
    for sign in (signatures.sign_cavage, signatures.sign_rfc9421):
        with pytest.raises(ValueError, match="canonical"):
            sign("GET", url, None, rsa_key(), KEY, NOW)


def test_the_date_is_in_english_and_in_greenwich() -> None:
    east = datetime(2026, 3, 1, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert grammar.http_date(east) == "Sat, 28 Feb 2026 23:02:03 GMT"


# -- what we take ----------------------------------------------------------------------------------------------------------
WILD: dict[str, Wire] = {
    "hs2019": cavage().cavage(algorithm="hs2019"),
    "no algorithm": cavage().cavage(algorithm=""),
    "content-type added": cavage().set("Content-Type", "application/activity+json").cavage(f"{ALL} content-type"),
    "another order": cavage().cavage("host digest date (request-target)"),
    "user-agent added": cavage().set("User-Agent", "http.rb/5.1 (Peer/1.0)").cavage(f"{ALL} user-agent"),
    "spaces after commas": cavage().set("Signature", cavage().get("Signature").replace('",', '", ')),
    "spaces around everything": cavage().set(
        "Signature", cavage().get("Signature").replace('",', '" , ').replace('keyId="', 'keyId = "')
    ),
    "created without quotes": cavage().cavage(
        "(request-target) (created) host digest", algorithm="hs2019", created=str(int(NOW.timestamp()))
    ),
    "created with quotes": cavage().set(
        "Signature", f'created="{int(NOW.timestamp())}",' + cavage().get("Signature")
    ),
    "mixed case": cavage().set(
        "Signature", cavage().get("Signature").replace("keyId", "keyid").replace("headers", "Headers").replace("host", "Host")
    ),
    "listed in mixed case": cavage().cavage(listed="(Request-Target) Host Date Digest"),
    "unknown parameters": cavage().set("Signature", cavage().get("Signature") + ',version="1",opaque=x'),
    "escaped quotes": cavage().set("Signature", cavage().get("Signature") + ',opaque="a\\"b\\\\"'),
    "two digests in one header": cavage()
    .set("Digest", f"SHA-512={SHA512},{digest(BODY)}")
    .cavage(),
    "an old digest beside": cavage().set("Digest", f"MD5=Q2hlY2s=, {digest(BODY)}").cavage(),
    "digest in lower case": cavage().set("Digest", digest(BODY).replace("SHA", "sha")).cavage(),
    "header names in lower case": cavage().but(headers=tuple((name.lower(), text) for name, text in cavage().headers)),
    "host with the usual port": cavage().set("Host", "ART.test:443").cavage(),
    "a date of 1850": cavage().set("Date", "Tuesday, 24-Nov-26 09:00:00 GMT").cavage(),
    "a date of C": cavage().set("Date", "Tue Nov 24 09:00:00 2026").cavage(),
    "Ed25519": Wire(private=ed25519_key()).set("Digest", digest(BODY)).cavage(algorithm="hs2019"),
    "content-digest": Wire().set("Content-Digest", content_digest(BODY)).cavage(
        "(request-target) host date content-digest"
    ),
    "rfc: date and host as well": Wire()
    .set("Content-Digest", content_digest(BODY))
    .rfc9421('"@method" "@target-uri" "@authority" "host" "date" "content-digest"'),
    "rfc: another label": Wire(private=ed25519_key())
    .set("Content-Digest", content_digest(BODY))
    .rfc9421()
    .edit("Signature", "sig1", "pyhms")
    .edit("Signature-Input", "sig1", "pyhms"),
    "rfc: spelled otherwise": Wire(private=ed25519_key())
    .set("Content-Digest", content_digest(BODY))
    .rfc9421()
    .edit("Signature-Input", '("@method" "', '(  "@method"   "')
    .edit("Signature-Input", ";created", "; created"),
}  # fmt: skip


@pytest.mark.parametrize("form", WILD)
def test_forms_that_are_met_in_the_wild_are_read(form: str) -> None:
    """peers-and-tools.md 5 and security.md B: tolerant grammar, strict semantics."""
    claim = WILD[form].check()
    assert claim.keyid == KEY and claim.at == NOW
    with pytest.raises(BadSignature):
        WILD[form].but(body=BODY + b" ").check()
    with pytest.raises(BadSignature):
        WILD[form].but(target=INBOX + "s").check()


def test_a_claim_tells_what_it_claims() -> None:
    claim = cavage().read()
    assert (claim.keyid, claim.family, claim.algorithm, claim.at) == (KEY, "cavage", "rsa-sha256", NOW)


def test_whether_a_request_is_signed_can_be_asked_before_anything_else() -> None:
    assert not signatures.Incoming("GET", b"/", [("Host", "art.test")]).signed
    for name in ("Signature", "signature-input"):
        assert signatures.Incoming("GET", b"/", [(name, "")]).signed


def test_a_house_on_loopback_reads_its_own_port() -> None:
    url = "http://127.0.0.1:8000/inbox"
    for headers in (
        signatures.sign_cavage("POST", url, BODY, rsa_key(), KEY, NOW),
        signatures.sign_rfc9421("POST", url, BODY, rsa_key(), KEY, NOW),
    ):
        received("POST", url, headers, BODY, scheme="http").verify(public(rsa_key()))
        with pytest.raises(BadSignature):
            received("POST", "http://127.0.0.1:8001/inbox", headers, BODY, scheme="http")
    with pytest.raises(BadSignature):  # behind a proxy that speaks TLS: another address
        received("POST", url, headers, BODY, scheme="https").verify(public(rsa_key()))


@given(st.integers(-2_000_000_000, 250_000_000_000))
def test_dates_come_back_as_they_went(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert grammar.date(grammar.http_date(at), NOW) == at
    assert grammar.date(f"{at:%a %b} {at.day:2} {at:%H:%M:%S} {at.year:04}", NOW) == at


def test_years_of_two_digits_lie_within_fifty_years() -> None:
    for text, year in (("26", 2026), ("76", 2076), ("77", 1977), ("99", 1999)):
        assert grammar.date(f"Tuesday, 24-Nov-{text} 09:00:00 GMT", NOW).year == year
    assert grammar.date("Tue, 30 Jun 2026 23:59:60 GMT", NOW).second == 59


# -- structured fields -------------------------------------------------------------------------------------------------------
def test_a_dictionary_is_read_in_all_the_forms_that_signatures_have() -> None:
    text = 'sig1=( "a"  "b\\"\\\\";x;y=?0 );created=-12;k="v";t=tok/en;b=:AAE=:,  n;p=1 , z=*t'
    assert structured.dictionary(text, "X") == {
        "sig1": structured.InnerList(
            (structured.Item("a", {}), structured.Item('b"\\', {"x": True, "y": False})),
            {"created": -12, "k": "v", "t": structured.Token("tok/en"), "b": b"\0\1"},
        ),
        "n": structured.Item(True, {"p": 1}),
        "z": structured.Item(structured.Token("*t"), {}),
    }
    for wrong in (
        "",
        ",",
        "a,",
        "a=1.5",
        "a=@1",
        "a=%",
        "a=1234567890123456",
        "a;=1",
        "A",
        "a=(1",
        "a=()b",
        "a=(1 2)3",
        "a=:A:",
    ):
        with pytest.raises(BadSignature) as refused:
            structured.dictionary(wrong, "X")
        assert refused.value.status == 400


INPUT = '("@method" "@target-uri" "content-digest");created=1618884473;keyid="https://a.example/users/ann#main-key";alg="ed25519"'


@pytest.mark.parametrize(
    ("stated", "signature", "is_usual"),
    [
        (f"sig1={INPUT}", "sig1=:AAAA:", True),
        ('a=("date");created=0', "a=:AAAA:", False),
        ('a=("date");created=7', "a=:AAAA:", True),
        ('a=("date");created=007', "a=:AAAA:", False),
        ('a=("date");created=-7', "a=:AAAA:", False),
        ('a=("date");expires=9;nonce="x;created=1";created=8', "a=:AAAA:", True),
        ('a=("date");nonce="";created=8', "a=:AAAA:", True),
        ('a=("date");nonce="\\"";created=8', "a=:AAAA:", False),
        ('a=("date"); created=8', "a=:AAAA:", False),
        ('a=( "date" );created=8', "a=:AAAA:", False),
        ('a=("date"  "host");created=8', "a=:AAAA:", False),
        ("a=();created=8", "a=:AAAA:", False),
        (f"a={INPUT} ", "a=:AAAA:", False),
        (f"a={INPUT}", "a=:AAAA: ", False),
        (f"a={INPUT}", "a=:AAAA:;x=1", False),
        (f"a={INPUT}", "a=:AAAA:, a2=:AAAA:", False),
        (f"a={INPUT}", "a2=:AAAA:", False),
        (f"a={INPUT}", "a=:AA:AA:", False),
        (f"a={INPUT}, b={INPUT}", "a=:AAAA:", False),
        ('a=("date" "date");created=8', "a=:AAAA:", False),
        ('a=("Date");created=8', "a=:AAAA:", False),
        ('a=("date";sf);created=8', "a=:AAAA:", False),
        ('a=("date");created=8;created=9', "a=:AAAA:", False),
        ('a=("date");created="8"', "a=:AAAA:", False),
        ('a=("date");created=8;tag="x"', "a=:AAAA:", False),
        ('a=("date");keyid=7', "a=:AAAA:", False),
        (f"a=({' '.join([chr(34) + 'x' + str(number) + chr(34) for number in range(65)])})", "a=:AAAA:", False),
        (f'a=("date");nonce="{"x" * structured.LONGEST}"', "a=:AAAA:", False),
    ],
)
def test_the_short_way_to_read_rfc_9421_finds_what_the_parser_finds(
    stated: str, signature: str, is_usual: bool
) -> None:
    read = rfc9421._usual(stated, signature)
    assert (read is not None) == is_usual
    if read is not None:
        covered, *rest = rfc9421._parsed(stated, signature)
        assert (list(read[0]), *read[1:]) == (list(covered), *rest)


# -- vectors -----------------------------------------------------------------------------------------------------------------
RFC = json.loads((VECTORS / "rfc9421.json").read_text())


@pytest.mark.parametrize("vector", RFC["signatures"], ids=lambda vector: vector["section"])
def test_rfc_9421_appendix_b(vector: dict[str, Any]) -> None:
    """The base and the verification of the test cases, of which our policy would refuse most for covering too little."""
    asked = RFC["request"]
    message = request.examine(
        signatures.Incoming(asked["method"], asked["target"].encode(), asked["headers"], asked["body"].encode()),
        ours=frozenset({"example.com"}),
        scheme="https",
    )
    [members] = structured.dictionary(f"x={vector['input']}", "Signature-Input").values()
    assert isinstance(members, structured.InnerList)
    base = "\n".join([*vector["lines"], f'"@signature-params": {vector["input"]}']).encode()
    if not any(item.parameters for item in members.items):
        covered = [str(item.value) for item in members.items]
        assert rfc9421.base(message, covered, rfc9421.written(covered, members.parameters)) == base
    key = signatures.public_key(vector["key"], RFC["keys"][vector["key"]])
    signature = base64.b64decode(vector["signature"])
    scheme = {"rsa-pss-sha512": "pss"}.get(vector["algorithm"], vector["algorithm"])
    assert keys.verifies(key, scheme, signature, base)
    assert not keys.verifies(key, scheme, signature, base + b" ")
    assert not keys.verifies(key, scheme, signature[:-1] + bytes([signature[-1] ^ 1]), base)


def test_rfc_9421_b_2_6_is_what_we_would_have_made() -> None:
    """Ed25519 signs one text in one way."""
    [vector] = [one for one in RFC["signatures"] if one["algorithm"] == "ed25519"]
    private = load_pem_private_key(RFC["ed25519_private"].encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    base = "\n".join([*vector["lines"], f'"@signature-params": {vector["input"]}']).encode()
    assert base64.b64encode(private.sign(base)).decode() == vector["signature"]


@pytest.mark.parametrize(
    "vector", json.loads((VECTORS / "rfc8032.json").read_text()), ids=lambda vector: vector["name"]
)
def test_rfc_8032_7_1(vector: dict[str, str]) -> None:
    raw, message, signature = (bytes.fromhex(vector[name]) for name in ("public", "message", "signature"))
    key = signatures.public_key("x", signatures.to_multibase(Ed25519PublicKey.from_public_bytes(raw)))
    assert keys.verifies(key, "ed25519", signature, message)
    assert not keys.verifies(key, "ed25519", signature, message + b"\0")
    # S + L instead of S: the same signature written otherwise would pass for another one.
    order = 2**252 + 27742317777372353535851937790883648493
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not keys.verifies(key, "ed25519", other, message)


# -- keys --------------------------------------------------------------------------------------------------------------------
def test_a_key_is_read_from_pem_of_both_kinds_and_from_a_multikey() -> None:
    whole = rsa_key().public_key()
    expected = public(rsa_key())
    for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        text = whole.public_bytes(Encoding.PEM, form).decode()
        for spelled in (text, text.strip(), text.replace("\n", "\r\n"), f"\n{text}\n"):
            assert signatures.public_key(KEY, spelled) == expected
        data = keys.RSA + whole.public_bytes(Encoding.DER, form)
        assert signatures.public_key(KEY, "z" + keys.base58(data)) == expected
        url = "u" + base64.urlsafe_b64encode(data).decode().rstrip("=")
        assert signatures.public_key(KEY, url) == expected
    multibase = signatures.to_multibase(ed25519_key().public_key())
    assert multibase.startswith("z6Mk")
    assert signatures.public_key(KEY, multibase) == public(ed25519_key())


@pytest.mark.parametrize(
    "text", ["", "z", "z0OIl", "u!", "m6Mk", "-----BEGIN", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "x" * 9000, "zé"]
)
def test_what_is_no_key_is_malformed(text: str) -> None:
    with pytest.raises(BadSignature) as refused:
        signatures.public_key(KEY, text)
    assert refused.value.status in (400, 401)


@given(st.binary(max_size=80))
def test_base58_comes_back_as_it_went(data: bytes) -> None:
    assert keys.from_base58(keys.base58(data)) == data


def test_base58_is_bitcoins() -> None:
    assert keys.base58(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert keys.base58(bytes.fromhex("0000287fb4cd")) == "11233QC4"


@given(st.data())
def test_the_quick_way_through_the_usual_header_reads_what_the_slow_one_reads(data: Any) -> None:
    values = [
        data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\')))
        for _ in range(4)
    ]
    names = ("keyId", "algorithm", "headers", "signature")
    parts = [f'{name}="{value}"' for name, value in zip(names, values, strict=True)]
    assert grammar.parameters(",".join(parts)) == grammar.parameters(", ".join(parts))
    assert grammar.parameters(",".join(parts)) == dict(zip(("keyid", *names[1:]), values, strict=True))
