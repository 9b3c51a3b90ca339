"""docs/rights.md says where each duty towards works of others is done, what becomes of bad input, and which tests hold it."""

import re
from pathlib import Path

from docs.security_tests import collect, read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rights.md").read_text("utf-8")
DUTIES = re.findall(r"^\| (\d) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)


def test_all_eight_duties_are_there_with_a_place_and_a_test() -> None:
    tests = collect()
    assert [number for number, *_ in DUTIES] == list("12345678")
    for number, _, where, listed in DUTIES:
        found, _ = read(listed)
        assert found, number
        for file, names in found.items():
            assert names and set(names) <= set(tests.get(file, [])), (number, file)
        for path in re.findall(r"`([\w/.]+)`", where):
            assert (ROOT / path).exists(), (number, path)


def test_every_bad_input_has_an_outcome_and_a_test() -> None:
    tests = collect()
    section = PAGE.split("## Bad input")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!What comes in)([^|]+) \| ([^|]+) \| ([^|]+) \|$", section, re.M)
    assert len(rows) >= 9
    for what, _, listed in rows:
        found, _ = read(listed)
        assert found, what
        for file, names in found.items():
            assert names and set(names) <= set(tests.get(file, [])), (what, file, names)
