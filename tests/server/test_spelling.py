"""Normalising is never slow (security.md row 93), and changes nothing that people write."""

import time
import unicodedata

import pytest

from server import passwords
from server.spelling import LONGEST_RUN, Form, composed

MARKS = ("\u0315\u0300", "\u0300\uff9e", "\u0f73", "\u0345\u0300\u0327")


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
@pytest.mark.parametrize("marks", MARKS)
def test_a_megabyte_of_marks_takes_no_time(marks: str, form: Form) -> None:
    """Unbounded, half of this took minutes with the interpreter's lock held."""
    began = time.perf_counter()
    composed("a" + marks * (400_000 // len(marks)), form)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    "text", ["plain", "Zoë", "Zoe\u0308", "Tiếng Việt", "ﬁn", "ｶﾞ", "한국어", "ก็", "a" + "\u0301" * LONGEST_RUN]
)
def test_what_people_write_is_normalised_as_ever(text: str) -> None:
    assert composed(text) == unicodedata.normalize("NFC", text)
    assert composed(text, "NFKC") == unicodedata.normalize("NFKC", text)


async def test_a_password_of_marks_is_wrong_at_once() -> None:
    began = time.perf_counter()
    assert not await passwords.is_right(None, "a" + "\u0315\u0300" * 200_000)
    assert time.perf_counter() - began < 5
