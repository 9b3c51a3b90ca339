"""Two houses as two processes over TLS, one on SQLite and one on the other database, killed with `kill -9` again and again.

Everything is done as people do it: by the command and by the forms of the pages. In the end both houses say the same.
"""

import html
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from server.models import (
    Actor,
    Artwork,
    Delivery,
    DeliveryState,
    Favourite,
    Follow,
    Job,
    Kind,
    Licence,
    Media,
    Post,
    Received,
    ReceivedState,
    Rendition,
    Reservation,
)
from server.rights import LICENCES, RESERVATIONS
from tests import paint
from tests.books import Books
from tests.conftest import DATABASES
from tests.peers import kit
from tests.peers.front import Front
from tests.running import PASSWORD, Answer, House
from tests.visiting import Visitor


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with Front(tmp_path) as made:
        yield made


@pytest.fixture
def houses(front: Front, tmp_path: Path, database_url: str) -> Iterator[tuple[House, House]]:
    quiet = {"CARTELLINO_LOG_LEVEL": "warning"}
    a = kit.house(front, "a.test", tmp_path / "a", **quiet)
    b = kit.house(front, "b.test", tmp_path / "b", CARTELLINO_DATABASE_URL=database_url, **quiet)
    yield a, b
    for house in (a, b):
        house.stop()


def again(*houses: House) -> None:
    """`kill -9`, one after the other, and start them anew."""
    for house in houses:
        house.kill()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda house: house.start(), houses))


def shows(*words: str) -> "Shows":
    return Shows(words)


class Shows:
    """Whether a page holds all these words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def __call__(self, answer: Answer) -> bool:
        seen = " ".join(html.unescape(re.sub(r"<[^>]*>", "", answer.text)).split())
        return answer.status == 200 and all(word in seen for word in self.words)


def rights(licence: Licence, reservation: Reservation) -> tuple[str, str]:
    """What the page of a work says of its rights."""
    return LICENCES[licence].name, RESERVATIONS[reservation].words


def link_to(page: Answer, title: str) -> str:
    """The path of the work with that title, as a wall links to it."""
    slug = re.sub(r"\W+", "-", title.lower())
    found = re.search(rf'href="(?:https://[a-z.]+)?(/@[^"?#]+/\d+-{slug})["?#]', html.unescape(page.text))
    assert found, title
    return found[1]


def look_at(visitor: Visitor, path: str) -> None:
    """Load the picture on the stage of a page, as a browser does, until it comes."""

    def is_there(answer: Answer) -> bool:
        stage = html.unescape(answer.text.partition('class="stage"')[2].partition("</section>")[0])
        found = re.search(r'<img[^>]* src="(?:https://[a-z.]+)?(/[^"]+)"', stage)
        return found is not None and visitor.get(found[1]).headers.get("content-type", "").startswith("image/")

    visitor.until(path, is_there, what="its picture")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database_url", DATABASES[-1:], indirect=True)
def test_two_houses_agree_whatever_is_killed(
    front: Front, houses: tuple[House, House], tmp_path: Path, database_url: str
) -> None:
    a, b = houses
    books_a, books_b = Books(f"sqlite:///{a.data / 'cartellino.db'}"), Books(database_url)
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    files = [tmp_path / f"{name}.jpg" for name in ("bow", "stern", "wake")]
    for number, file in enumerate(files):
        file.write_bytes(paint.jpeg(700, 500, seed=number))

    def move_in(house: House, handle: str) -> None:
        house.run("user", "create", handle, "--email", f"{handle}@mail.test", "--password-file", str(password))
        house.start()

    with ThreadPoolExecutor() as pool:
        list(pool.map(move_in, houses, ("ada", "bob")))
    ada, bob = Visitor(front, "a.test").sign_in("ada"), Visitor(front, "b.test").sign_in("bob")

    # Bob finds Ada and follows her; his house dies the moment it has said yes.
    found = bob.get("/search?q=@ada@a.test")
    assert found.status == 200 and bob.path.startswith("/@ada@a.test"), bob.path
    bob.send("/@ada@a.test", "/follow")
    again(b)
    bob.until("/@ada@a.test", shows("Following"), what="Ada's house says yes")
    ada.until("/notifications", shows("bob"), what="Ada is told")

    # Two works, hung by the command; her house dies the moment they are there.
    hang = (
        ("Ferry", files[:2], "A bow.", "by-nc-nd", "no-training"),
        ("Ebb", files[2:], "A wake.", "arr", "no-ai"),
    )
    for title, shown, alt, licence, reservation in hang:
        a.run("post", *map(str, shown), "--as", "ada", "--title", title, "--alt", alt, "--tag", "Sea", "--licence", licence,
              "--reservation", reservation)  # fmt: skip
    again(a)
    home = bob.until("/home", shows("Ferry", "Ebb"), what="both works are in Bob's home")
    ferry, ebb = link_to(home, "Ferry"), link_to(home, "Ebb")
    bob.until(ferry, shows("Ferry", "A bow.", *rights(Licence.BY_NC_ND, Reservation.NO_TRAINING)), what="every right")
    bob.until(ebb, shows("A wake.", *rights(Licence.ARR, Reservation.NO_AI)), what="every right")

    # Bob likes, boosts and comments; then nobody is there for a moment.
    bob.send(ferry, "/like")
    bob.send(ferry, "/boost")
    bob.send(ferry, "/comment", text="What a light!")
    again(b, a)
    at_home = link_to(ada.get("/@ada"), "Ferry")
    page = ada.until(at_home, shows("What a light!", "1 person likes", "1 person boosts"), what="all three came home")
    comment = re.search(r'name="reply_to"', page.text)
    assert comment, "a comment can be answered"
    [[answered]] = books_a.ask(select(Post.id).where(Post.kind == Kind.NOTE, Post.uri.is_not(None)))
    ada.send(f"{at_home}?reply={answered.id}", "/comment", text="Thank you, Bob.")
    bob.until(ferry, shows("Thank you, Bob."), what="her answer")

    # The reservation is raised, then lowered and the work changed.
    edit = re.sub(r"(/\d+)-.*", r"\1/edit", at_home)
    ada.send(edit, "/edit", do="save", precisely="no-ai-no-index")
    bob.until(ferry, shows(*rights(Licence.BY_NC_ND, Reservation.NO_AI_NO_INDEX)), what="the raised reservation")
    ada.send(edit, "/edit", do="save", precisely="open", licence="by", title="Ferry at rest")
    again(a)
    bob.until(ferry, shows("Ferry at rest", *rights(Licence.BY, Reservation.OPEN)), what="the lowered reservation")

    # A picture whose server went away while it was fetched is tried again in some minutes; here it is not waited for, because a
    # house that starts anew does not remember that it failed: whoever looks at it, sees it.
    again(b)
    for number in (1, 2):
        look_at(bob, f"{ferry}?image={number}")

    # A work goes, and then Bob does.
    ada.send(re.sub(r"(/\d+)-.*", r"\1/delete", link_to(ada.get("/@ada"), "Ebb")), "/delete")
    bob.until(ebb, lambda answer: answer.status in (404, 410), what="the deleted work is gone")
    for books in (books_a, books_b):
        books.rest()
    agree(books_a, books_b)
    ada.send("/@bob@b.test/block", "/@bob@b.test/block")
    again(a)
    bob.until("/@ada@a.test", lambda answer: "Following" not in answer.text, what="Bob is sent away")
    a.run("post", str(files[0]), "--as", "ada", "--title", "Without you", "--alt", secrets.token_hex(4))
    books_a.rest()
    assert a.stop() == b.stop() == 0
    assert books_b.count(Follow) == books_a.count(Follow) == 0
    assert books_b.count(Artwork, Artwork.title == "Without you") == 0
    for books in (books_a, books_b):
        books.is_sound()


def agree(a: Books, b: Books) -> None:
    """Both houses say the same, each thing once, and nothing is left undone."""
    [works, notes] = b.ask(
        select(Post.uri, Artwork.title, Artwork.licence, Artwork.reservation, Artwork.reservation_stated)
        .join(Artwork, Artwork.post_id == Post.id)
        .where(Post.uri.is_not(None)),
        select(Post.uri, Post.deleted_at).where(Post.uri.is_not(None), Post.kind != Kind.BOOST),
    )
    [[mine, gone]] = [a.ask(select(Post.id, Post.deleted_at).where(Post.kind == Kind.WORK).order_by(Post.id))[0]]
    assert gone.deleted_at is not None
    assert [tuple(work) for work in works] == [
        (f"https://a.test/works/{mine.id}", "Ferry at rest", Licence.BY, Reservation.OPEN, True)
    ]
    assert {uri for uri, deleted in notes if deleted} == {f"https://a.test/works/{gone.id}"}
    assert len(notes) == 3, "her two works and her answer"
    pictures = (
        select(Media.alt).join(Post, Post.id == Media.post_id).where(Post.uri.is_not(None)).order_by(Media.position)
    )
    assert [alt for (alt,) in b.ask(pictures)[0]] == ["A bow.", ""]
    made = select(Rendition.media_id).join(Media, Media.id == Rendition.media_id).where(Media.source != "").distinct()
    assert len(b.ask(made)[0]) == 2, "both pictures are there"
    for books, post in ((a, Post.id == mine.id), (b, Post.uri == f"https://a.test/works/{mine.id}")):
        [[row]] = books.ask(select(Post.likes, Post.boosts, Post.replies).where(post))
        assert tuple(row) == (1, 1, 1), books.url
        assert books.count(Favourite) == books.count(Post, Post.kind == Kind.BOOST) == 1
        assert books.count(Post, Post.kind == Kind.NOTE) == 2
        assert books.count(Actor, Actor.handle.in_(["ada", "bob"])) == 2
        assert books.count(Follow, Follow.accepted.is_(True)) == books.count(Follow) == 1
        assert books.ask(select(Job.kind, Job.error).where(Job.failed_at.is_not(None))) == [[]]
        assert books.count(Received, Received.state == ReceivedState.SET_ASIDE) == 0
        assert books.count(Delivery, Delivery.state.not_in([DeliveryState.DONE, DeliveryState.FORGOTTEN])) == 0
