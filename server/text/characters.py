"""Which characters are kept of what people type, here and elsewhere."""

import re

from server.spelling import composed

# Characters that turn the direction of writing around, and controls that no person types: they disguise links and names.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# Cannot be seen at all. A long text may break its words with them; in a name they only help to pretend to be somebody else.
INVISIBLE = re.compile("[\u00ad\u200b\u2060-\u2064\ufeff]")


def clean(text: str) -> str:
    """What is kept of a typed text: NFC, one kind of line break, no control or direction characters, no blank ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return composed(HIDDEN.sub("", text)).strip()


def line(text: str) -> str:
    """`clean`, on one line and without what cannot be seen: for titles and names."""
    return " ".join(INVISIBLE.sub("", clean(text)).split())
