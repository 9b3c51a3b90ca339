"""The address of a request that we sign, taken apart once for both families."""

import re
from typing import NamedTuple

from federation.signatures import request

_URL = re.compile(r"(https?)://([A-Za-z0-9.:\[\]_-]+)(/[!-\"$->@-~]*)?(\?[!-\"$-~]*)?(?:#[!-~]*)?", re.ASCII)


class Address(NamedTuple):
    """`target` is path and query, as they stand on the request line."""

    scheme: str
    authority: str
    target: str

    @property
    def url(self) -> str:
        """The whole address, without a fragment."""
        return f"{self.scheme}://{self.authority}{self.target}"


def split(url: str) -> Address:
    """An address in its canonical form (ASCII, percent-encoded, no user name); raises ValueError for anything else.

    What is signed must be what is sent, so nothing is repaired here.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"Not an address in canonical form: {url!r}")
    scheme, authority, path, query = found.groups()
    return Address(scheme, request.normal(authority, scheme), (path or "/") + (query or ""))
