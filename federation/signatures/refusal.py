"""How a signature is refused: always with one of two statuses, so that peers know to try the other form of signing."""

from typing import Literal

from server.errors import Problem

MALFORMED: Literal[400] = 400
WRONG: Literal[401] = 401


class BadSignature(Problem):
    """A request, a key or a proof that does not prove what it should; `str(problem)` is the reason, safe to send back.

    `status` is 400 for what cannot be read and 401 for what was read and does not hold. Peers that know two ways of signing
    try the other one after either (federation.md 6.3), therefore it is never 403 nor 5xx.
    """

    def __init__(self, status: Literal[400, 401], reason: str) -> None:
        super().__init__(reason)
        self.status = status
