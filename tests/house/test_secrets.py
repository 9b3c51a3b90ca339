"""security.md row 70: whoever measures how long a comparison takes learns a secret letter by letter, if it is made with `==`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = [path for name in ("server", "federation", "web") for path in sorted((ROOT / name).rglob("*.py"))]
# What things are called that nobody else may learn, or make.
SECRET = re.compile(r"(?:.*_)?(?:token|secret|password|csrf|cookie|mac|sharing_key|signature)(?:_hash)?", re.IGNORECASE)
# Each with the reason why nothing can be measured.
HARMLESS = {
    "SignIn.token_hash == hash_token(token)": "a condition on a column: the database looks up the hash of what was sent",
    "Letter.token_hash == hash_token(token)": "the same",
    "OriginalLink.token_hash == _hash(token)": "the same",
    "kept.password_hash != account.password_hash": "two states of one row, neither of them sent by anybody",
    "host.signature != family": "the name of a way to sign, and no signature",
}


def name_of(side: ast.expr) -> str:
    """What one side of a comparison is called: the last word of a name, of a call or of a key."""
    if isinstance(side, ast.Call):
        return name_of(side.func)
    if isinstance(side, ast.Subscript):
        return str(side.slice.value) if isinstance(side.slice, ast.Constant) else name_of(side.value)
    return side.id if isinstance(side, ast.Name) else side.attr if isinstance(side, ast.Attribute) else ""


def compared(source: str) -> Iterator[str]:
    """Every comparison by `==` or `!=` in which one side is called like a secret and none is a fixed word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            sides = [node.left, *node.comparators]
            is_fixed = any(isinstance(side, ast.Constant) for side in sides)
            if not is_fixed and any(SECRET.fullmatch(name_of(side)) for side in sides):
                yield ast.unparse(node)


def test_row_70_no_secret_is_compared_with_equals() -> None:
    found = {text: path.name for path in CODE for text in compared(path.read_text("utf-8"))}
    unsafe = {text: file for text, file in found.items() if text not in HARMLESS}
    assert not unsafe, "compare these with hmac.compare_digest, or say in HARMLESS why not"
    assert not HARMLESS.keys() - found.keys(), "what is not there any more needs no excuse"


def test_row_70_the_search_finds_what_it_should() -> None:
    for text in (
        "token == given", "form['csrf'] != kept", "self.setup_token(x) == sent", "row.password_hash == made",
        "given == site.urls.sharing_key(file, audience)", "a.signature == b",
    ):  # fmt: skip
        assert list(compared(f"if {text}: pass")) == [text]
    assert list(compared("if kind == 'token' or hmac.compare_digest(token, given) or tokens == 3: pass")) == []
