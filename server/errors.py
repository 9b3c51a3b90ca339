"""Everything that goes wrong on purpose.

Problem            the caller's fault: said to them in words, not logged as an error
├─ NotFound        404, also for what the viewer may not know of
├─ Gone            410, for what was public and has been deleted
├─ Unauthenticated 401, sign in first
├─ Forbidden       403
├─ Conflict        409, somebody was faster
├─ Invalid         422, one message per field; what was typed is kept
├─ TooLarge        413, a file or a body beyond its limit
├─ TooMany         429, with the seconds to wait
└─ Full            507, the person's quota or the server's disk
Trouble            the world's fault: the worker decides
├─ TryLater        retry, at a given time if known
└─ GiveUp          never retry; kept, with its reason, for the administrator

The text of a Problem is safe to show to the person who caused it. Nothing else of an exception ever leaves the server.
"""

from datetime import datetime


class Problem(Exception):
    """The caller asked for something that cannot be; `str(problem)` is one sentence for them."""

    sentence = "That did not work."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class NotFound(Problem):
    """There is no such thing, or the viewer may not know that there is."""

    sentence = "There is nothing at this address."


class Gone(Problem):
    """It was public once and its author removed it."""

    sentence = "This was here, and its author has removed it."


class Unauthenticated(Problem):
    """Only signed-in people may do this."""

    sentence = "Sign in first."


class Forbidden(Problem):
    """The person is known and may not do this."""

    sentence = "You may not do this."


class Conflict(Problem):
    """Somebody, or an earlier click, was faster."""

    sentence = "This was changed in the meantime."


class Invalid(Problem):
    """What was typed cannot be accepted: `fields` maps a field's name to one sentence about it."""

    def __init__(self, sentence: str | None = None, /, **fields: str) -> None:
        super().__init__(sentence or " ".join(fields.values()))
        self.fields = fields


class TooLarge(Problem):
    """A file or a request body beyond its limit."""

    sentence = "This is larger than this server accepts."


class TooMany(Problem):
    """Too many attempts; `wait` is the number of seconds after which the next one is welcome."""

    def __init__(self, sentence: str, wait: int) -> None:
        super().__init__(sentence)
        self.wait = wait


class Full(Problem):
    """No room: the person's quota, or the server's disk."""

    sentence = "There is no room left on this server. Nothing was changed; please try again later."


class Trouble(Exception):
    """The world's fault. Raised in jobs; the worker decides what follows."""


class TryLater(Trouble):
    """Worth another attempt, at `at` if the reason knows when."""

    def __init__(self, reason: str, at: datetime | None = None) -> None:
        super().__init__(reason)
        self.at = at


class GiveUp(Trouble):
    """Never worth another attempt. The job is kept with this reason for the administrator."""
