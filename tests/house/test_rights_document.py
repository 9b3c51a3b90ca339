"""docs/rights.md says where each duty towards works of others is done, and by which tests it is held."""

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
        if listed.startswith("none yet"):
            assert number == "6"
            continue
        found, _ = read(listed)
        assert found, number
        for file, names in found.items():
            assert names and set(names) <= set(tests.get(file, [])), (number, file)
        for path in re.findall(r"`([\w/.]+)`", where):
            assert (ROOT / path).exists(), (number, path)
