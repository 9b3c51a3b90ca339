"""The part of structured fields (RFC 9651) that signatures use: dictionaries of items and inner lists, with parameters.

Dates, decimals and display strings do not occur there and are refused. Stricter than the RFC in one point: of two members or
parameters with one name it keeps the last, we refuse both, because another reader may keep the first (security.md row 10).
"""

import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

from federation.signatures.refusal import MALFORMED, BadSignature

LONGEST = 8192  # characters of a field that is parsed at all
MOST = 64  # members, items of a list, parameters of an item

_BARE_TEXT = r"""(?:
    "(?P<string>[\x20\x21\x23-\x5b\x5d-\x7e]*(?:\\["\\][\x20\x21\x23-\x5b\x5d-\x7e]*)*)"
  | (?P<number>-?[0-9]{1,15})(?![0-9.])
  | :(?P<bytes>[A-Za-z0-9+/=]*):
  | \?(?P<truth>[01])
  | (?P<token>[A-Za-z*][A-Za-z0-9!\#$%&'*+.^_`|~:/-]*)
)"""
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_BARE = re.compile(_BARE_TEXT, re.VERBOSE)
_ITEM = re.compile(r"[ ]*" + _BARE_TEXT, re.VERBOSE)
_PARAMETER = re.compile(r";[ ]*(?P<key>[a-z*][a-z0-9_.*-]*)(?:=" + _BARE_TEXT + ")?", re.VERBOSE)
_CLOSE = re.compile(r" *\)")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_ESCAPED = re.compile(r"\\(.)")


class Token(str):
    """A bare word, as opposed to a string in quotes."""

    __slots__ = ()


Bare = int | str | bytes | bool
Parameters = Mapping[str, Bare]


class Item(NamedTuple):
    """One value with its parameters."""

    value: Bare
    parameters: Parameters


class InnerList(NamedTuple):
    """A list in parentheses with its parameters."""

    items: tuple[Item, ...]
    parameters: Parameters


def dictionary(text: str, what: str) -> dict[str, Item | InnerList]:
    """The members of a dictionary field in order. Raises BadSignature (400) that names the field, `what`."""
    reader = _Reader(text, what)
    if len(text) > LONGEST:
        raise reader.wrong("too long")
    return reader.dictionary()


def serialise(parameters: Parameters) -> str:
    """The canonical text of parameters (RFC 9651, 4.1.1.2): what is signed, however the sender spelled it."""
    return "".join([f";{name}" if value is True else f";{name}={_bare(value)}" for name, value in parameters.items()])


def _bare(value: Bare) -> str:
    kind = type(value)
    if kind is str:
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if kind is bool:
        return "?1" if value else "?0"
    if isinstance(value, bytes):
        return f":{binascii.b2a_base64(value, newline=False).decode()}:"
    return str(value)  # a number, or a token


class _Reader:
    """A place in a field."""

    __slots__ = ("place", "text", "what")

    def __init__(self, text: str, what: str) -> None:
        self.text, self.what, self.place = text.strip(" "), what, 0

    def wrong(self, how: str) -> BadSignature:
        return BadSignature(MALFORMED, f"The {self.what} header is {how}.")

    def dictionary(self) -> dict[str, Item | InnerList]:
        text, found = self.text, dict[str, Item | InnerList]()
        while True:
            key = _KEY.match(text, self.place)
            if key is None:
                raise self.wrong("not a dictionary")
            name, self.place = key[0], key.end()
            if name in found:
                raise self.wrong(f"ambiguous: it has {name} twice")
            if len(found) == MOST:
                raise self.wrong("too long")
            if text.startswith("=(", self.place):
                self.place += 2
                found[name] = self.inner_list()
            elif text.startswith("=", self.place):
                self.place += 1
                found[name] = self.item(_BARE)
            else:
                found[name] = Item(True, self.parameters())
            if self.place == len(text):
                return found
            comma = _COMMA.match(text, self.place)
            if comma is None:
                raise self.wrong("not a dictionary")
            self.place = comma.end()

    def inner_list(self) -> InnerList:
        items: list[Item] = []
        while (close := _CLOSE.match(self.text, self.place)) is None:
            if (items and not self.text.startswith(" ", self.place)) or len(items) == MOST:
                raise self.wrong("not a dictionary of lists")
            items.append(self.item(_ITEM))
        self.place = close.end()
        return InnerList(tuple(items), self.parameters())

    def item(self, form: re.Pattern[str]) -> Item:
        found = form.match(self.text, self.place)
        if found is None:
            raise self.wrong("not made of values that signatures have")
        self.place = found.end()
        return Item(self.bare(found), self.parameters())

    def parameters(self) -> Parameters:
        found: dict[str, Bare] = {}
        while self.text.startswith(";", self.place):
            part = _PARAMETER.match(self.text, self.place)
            if part is None:
                raise self.wrong("not made of parameters that signatures have")
            name, self.place = part["key"], part.end()
            if name in found or len(found) == MOST:
                raise self.wrong(f"ambiguous: it has the parameter {name} twice")
            found[name] = True if part.lastgroup == "key" else self.bare(part)
        return found

    def bare(self, found: re.Match[str]) -> Bare:
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "string":
            return _ESCAPED.sub(r"\1", text) if "\\" in text else text
        if kind == "number":
            return int(text)
        if kind == "truth":
            return text == "1"
        if kind == "token":
            return Token(text)
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError as wrong:
            raise self.wrong("not base64 where it should be") from wrong
