"""Write the names of tests into the last column of docs/security.md: `python docs/security_tests.py`.

A test belongs to a row by its name (`test_row_07_…`, `test_row_33_and_82_…`), to a promise likewise (`test_p5_…_and_p6_…`). Such
names are added here. Tests with other names are written into the column by hand, and stay as long as they exist. A row without
any test says why ("Not yet: …"). `tests/house/test_security_document.py` holds the page to what this would write.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/security.md"
# The key of a row: 1 to 126 in part A, B1 … in part B, P1 … in part C.
ROW = re.compile(r"\| ([BP]?\d+) \| ")
NOTE = "Not yet: "

# For each file below tests/, its tests.
Tests = dict[str, list[str]]


def collect(folder: Path = ROOT / "tests") -> Tests:
    """Every test function there is, by file, in the order in which they stand."""
    found: Tests = {}
    for path in sorted(folder.rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        named = [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        found[str(path.relative_to(folder))] = named
    return found


def keys(name: str) -> list[str]:
    """The rows that a test names; none for most tests."""
    if row := re.match(r"test_rows?_(\d+)((?:_and_\d+)*)_", name):
        return [str(int(number)) for number in (row[1], *re.findall(r"\d+", row[2]))]
    if re.match(r"test_p\d+_", name):
        return [f"P{number}" for number in re.findall(r"_(?:and_)?p(\d+)_", f"{name}_")]
    return []


def by_row(tests: Tests) -> dict[str, Tests]:
    """The tests whose names say where they belong, by row."""
    found: dict[str, Tests] = {}
    for file, names in tests.items():
        for name in names:
            for key in keys(name):
                found.setdefault(key, {}).setdefault(file, []).append(name)
    return found


def read(cell: str) -> tuple[Tests, str]:
    """The tests that a cell lists, and the sentence that says what is still missing ("" where there is none)."""
    listed, _, missing = cell.partition(NOTE)
    found: Tests = {}
    for part in filter(None, (part.strip() for part in listed.split(";"))):
        file, _, names = part.partition(": ")
        found[file] = re.findall(r"`(\w+)`", names)
    return found, missing.strip()


def write(tests: Tests, missing: str) -> str:
    """A cell from what `read` gives."""
    listed = "; ".join(f"{file}: " + ", ".join(f"`{name}`" for name in names) for file, names in sorted(tests.items()))
    return "; ".join(filter(None, [listed, f"{NOTE}{missing}" if missing else ""]))


def fill(page: str, tests: Tests) -> str:
    """The page with every test in its row, and none that is not there."""
    named = by_row(tests)
    lines = []
    for line in page.splitlines():
        row = ROW.match(line)
        if row is None:
            lines.append(line)
            continue
        head, _, cell = line.removesuffix(" |").rpartition(" | ")
        by_hand, missing = read(cell)
        kept: Tests = {}
        for file in sorted({*by_hand, *named.get(row[1], {})}):
            there = tests.get(file, [])
            of_row = named.get(row[1], {}).get(file, [])
            wanted = [name for name in there if name in of_row or name in by_hand.get(file, [])]
            if wanted:
                kept[file] = list(dict.fromkeys(wanted))
        lines.append(f"{head} | {write(kept, missing)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text("utf-8"), collect()), "utf-8")
