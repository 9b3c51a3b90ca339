"""What another server states of a work's rights: reading the words of `channels` and of others back (docs/rights.md, duties 1 to 4)."""

from dataclasses import dataclass

from server.models import Licence, Reservation


@dataclass(frozen=True)
class Stated:
    """The rights of one object as its origin stated them. None and "" mean: not stated."""

    licence: Licence | None = None
    licence_text: str = ""  # word for word, also where it is none of ours
    reservation: Reservation | None = None
    rights: str = ""
    data_mining: str = ""
    tdm_reservation: int | None = None
    tdm_policy: str = ""
    x_robots_tag: str = ""
