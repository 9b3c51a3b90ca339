"""The browser of somebody who runs the house: presses one button after the other, as from several open tabs."""

from quart import Quart

from server.models import Account
from tests.browsing import Browser


class Desk(Browser):
    """A browser that goes on using the proof of a form that it has seen, when the last answer had no form."""

    kept = ""

    @property
    def csrf(self) -> str:
        self.kept = super().csrf or self.kept
        return self.kept


async def desk(app: Quart, account: Account) -> Desk:
    """A desk at which `account` has signed in and seen a form."""
    made = Desk(app)
    await made.as_somebody(account)
    await made.get("/settings/profile")
    assert made.csrf
    return made
