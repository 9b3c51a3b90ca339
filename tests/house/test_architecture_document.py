"""docs/architecture.md leads to what is there: every file that it names, and every hop of its walks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:server|federation|web)/[\w/]*(?:\.\w+)?)`", PAGE)))


def module(path: str) -> Path | None:
    """The file of a module or package named as in the walks."""
    return next((file for file in (ROOT / f"{path}.py", ROOT / path / "__init__.py") if file.is_file()), None)


def names(file: Path) -> set[str]:
    """Everything that a module defines or offers at its top level."""
    found: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_every_file_and_every_hop_is_there() -> None:
    assert len(NAMED) > 80
    for name in NAMED:
        if name.endswith(("/", ".py")):
            assert (ROOT / name).exists(), name
            continue
        path, dot, attribute = name.rpartition(".")
        file = module(path if dot else name)
        assert file, name
        assert not dot or attribute in names(file), f"{file.relative_to(ROOT)} has no {attribute}"


@pytest.mark.parametrize("folder", ["federation", "server", "server/media", "server/rights", "web"])
def test_every_part_is_on_the_map(folder: str) -> None:
    parts = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert len(parts) > 5
    assert [part for part in sorted(parts - {"__init__"}) if not re.search(rf"`{folder}/{part}\b", PAGE)] == []
