"""docs/security.md names the test of every row, and the tests that it names exist."""

import re
from pathlib import Path

from docs import security_tests
from docs.security_tests import NOTE, PAGE, ROW, by_row, collect, fill, keys, read

TESTS = collect()
TEXT = PAGE.read_text("utf-8")
ROWS = {row[1]: line for line in TEXT.splitlines() if (row := ROW.match(line))}


def cell(key: str) -> str:
    return ROWS[key].removesuffix(" |").rpartition(" | ")[2]


def test_the_page_lists_every_test_that_names_a_row() -> None:
    """Put right by `python docs/security_tests.py`."""
    wrong = [
        (mine, theirs)
        for mine, theirs in zip(TEXT.splitlines(), fill(TEXT, TESTS).splitlines(), strict=True)
        if mine != theirs
    ]
    assert not wrong, "run `python docs/security_tests.py`, and name a test for every row that lost its own"


def test_no_test_names_a_row_that_is_not_there() -> None:
    assert set(by_row(TESTS)) <= set(ROWS)


def test_every_listed_test_exists_where_the_page_says() -> None:
    for key in ROWS:
        listed, _ = read(cell(key))
        for file, names in listed.items():
            assert names, f"row {key} names a file without a test: {file}"
            assert set(names) <= set(TESTS.get(file, [])), f"row {key}: {file}"


def test_every_row_has_a_test_or_says_why_not() -> None:
    for key in ROWS:
        listed, missing = read(cell(key))
        assert listed or missing, f"row {key} has neither a test nor a reason"
        assert not missing or missing.endswith("."), f"row {key}: {NOTE}{missing}"


def test_rows_are_numbered_without_a_gap() -> None:
    for mark, head in (("", "## A."), ("B", "## B."), ("P", "## C.")):
        numbers = [int(key.removeprefix(mark)) for key in ROWS if re.fullmatch(rf"{mark}\d+", key)]
        assert numbers == list(range(1, len(numbers) + 1)), head


def test_the_search_finds_tests_and_reads_their_names(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("async def test_row_07_x(): ...\nclass A:\n    def test_y(self): ...\n")
    assert security_tests.collect(tmp_path) == {"test_a.py": ["test_row_07_x", "test_y"]}
    assert keys("test_row_33_and_82_x") == ["33", "82"]
    assert keys("test_p5_bytes_and_p6_in_order") == ["P5", "P6"]
    assert keys("test_rows_are_numbered") == []


def test_a_row_that_loses_its_test_is_found() -> None:
    page = "| 1 | a | b | c | test_a.py: `test_row_01_x`, `test_y`; Not yet: all of it. |\n"
    assert fill(page, {"test_a.py": ["test_row_01_x", "test_y"]}) == page
    assert fill(page, {"test_a.py": ["test_y"]}) == "| 1 | a | b | c | test_a.py: `test_y`; Not yet: all of it. |\n"
    assert fill(page, {}) == "| 1 | a | b | c | Not yet: all of it. |\n"
    assert fill("| 1 | a | b | c |  |\n", {"t.py": ["test_row_01_z"]}) == "| 1 | a | b | c | t.py: `test_row_01_z` |\n"
