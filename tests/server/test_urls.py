"""Addresses: built and parsed in one place."""

import pytest

from server.models import Actor, Artwork, Audience, Kind, Post, Rendition
from server.urls import Urls, prefers_activity, slug

URLS = Urls("https://art.example", "https://media.example", "guild.example", b"k" * 32)
ADA = Actor(id=7, handle="ada")


def work(title: str = "The Last Ferry") -> Post:
    post = Post(id=42, kind=Kind.WORK, audience=Audience.EVERYONE, author=ADA)
    post.artwork = Artwork(post_id=42, title=title)
    return post


def test_objects_and_pages_have_addresses_of_their_own() -> None:
    assert URLS.post(work()) == "https://art.example/works/42"
    assert URLS.post_page(work()) == "https://art.example/@ada/42-the-last-ferry"
    assert URLS.post_page(work(""), "edit") == "https://art.example/@ada/42/edit"
    assert URLS.handle(ADA) == "@ada@guild.example"


@pytest.mark.parametrize("address", ["/works/42", "/@ada/42", "/@ada/42-the-last-ferry", "/notes/42"])
def test_a_post_is_found_by_each_of_its_addresses(address: str) -> None:
    assert URLS.parse_post("https://art.example" + address) == 42


@pytest.mark.parametrize(
    "address",
    ["https://other.example/works/42", "https://art.example/works/x", "https://art.example/works/42?page=1",
     "http://art.example/works/42", "https://art.example/works/42/../43", "https://art.example.evil/works/42", ""],
)  # fmt: skip
def test_what_is_not_ours_is_none(address: str) -> None:
    assert URLS.parse_post(address) is None


def test_a_handle_is_ours_on_both_domains_and_in_any_case() -> None:
    assert URLS.parse_acct("acct:Ada@Guild.Example") == "Ada"
    assert URLS.parse_acct("@ada@art.example") == "ada"
    assert URLS.parse_acct("acct:ada@evil.example") is None
    assert URLS.parse_acct("acct:ada") is None


def test_a_signed_address_holds_for_its_viewer_its_file_and_its_hour() -> None:
    rendition = Rendition(media_id=5, hash="ab" * 32, width=640, format="webp")
    address = URLS.rendition(rendition, ADA, until=1000)
    signature = address.rsplit("sig=", 1)[1]
    path = "/media/5/" + URLS.rendition_name(rendition)
    assert URLS.is_signed(path, 7, 1000, signature)
    assert not URLS.is_signed(path, 8, 1000, signature)
    assert not URLS.is_signed(path, 7, 2000, signature)
    assert not URLS.is_signed(path.replace("/5/", "/6/"), 7, 1000, signature)


@pytest.mark.parametrize(
    ("title", "expected"),
    [("The Last Ferry", "the-last-ferry"), ("Fenêtre de mars", "fenêtre-de-mars"), ("../../etc", "etc"), ("¿¡!?", ""),
     ("夜の港", "夜の港"), ("a" * 90, "a" * 60), ("x/y?z#w", "x-y-z-w")],
)  # fmt: skip
def test_a_slug_is_readable_and_harmless(title: str, expected: str) -> None:
    assert slug(title) == expected


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/activity+json", True),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        ("application/activity+json, text/html;q=0.1", True),
    ],
)
def test_a_browser_gets_pages_and_a_server_documents(accept: str, wanted: bool) -> None:
    assert prefers_activity(accept) is wanted
