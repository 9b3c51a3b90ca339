"""One spelling for what looks the same: Unicode normalisation that no text can make slow.

Normalising sorts every run of combining marks, and the sort takes the square of the run's length, with the interpreter's lock
held: half a megabyte of marks in a password would stop the whole house for minutes. Written language needs a handful of marks on
one letter, so what exceeds LONGEST_RUN of them is left out first (the number is that of the stream-safe text format, UAX #15).
"""

import unicodedata
from functools import lru_cache
from typing import Literal

Form = Literal["NFC", "NFKC"]

LONGEST_RUN = 30


def composed(text: str, form: Form = "NFC") -> str:
    """`text` in one Unicode form, in time that grows with its length alone (security.md row 93)."""
    if text.isascii():
        return text
    return unicodedata.normalize(form, _without_long_runs(text))


def _without_long_runs(text: str) -> str:
    run = 0
    kept: list[str] = []
    for char in text:
        run = run + 1 if _is_mark(char) else 0
        if run <= LONGEST_RUN:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _is_mark(char: str) -> bool:
    """Whether it joins the run before it; some characters do so only once they are taken apart."""
    return unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) != 0
