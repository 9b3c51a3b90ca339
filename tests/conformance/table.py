"""One cell, one table of cells, and somebody who asks for what stands in it."""

from dataclasses import dataclass
from typing import Any

from server import sign_ins
from server.models import Account
from tests.conformance import expected, readers
from tests.conformance.fixture import Fixture, Row
from tests.conformance.readers import ALLOWED, NOTHING, REFUSED, Answer, Pairs
from tests.fediverse import House


@dataclass(frozen=True)
class Cell:
    """One thing that one reader read of one work in one channel."""

    work: str
    channel: str
    reader: str
    term: str
    expected: str
    read: str

    @property
    def is_right(self) -> bool:
        return self.expected == self.read


@dataclass
class Asking:
    """Somebody who asks a house: a stranger, or its reader with an open session."""

    house: House
    client: Any

    async def get(self, path: str, *, method: str = "GET", status: int = 200, **headers: str) -> Answer:
        """One answer of the status that it has to have; `path` may be an absolute address of the house."""
        base = self.house.site.settings.base_url
        path = path.removeprefix(base)
        sent = {"Host": self.house.name} | {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.open(path, method=method, headers=sent)
        assert response.status_code == status, (path, response.status_code)
        body = await response.get_data(as_text=False)
        return readers.received(response.status_code, list(response.headers.items()), body, base + path)


async def stranger(house: House) -> Asking:
    return Asking(house, house.app.test_client())


async def reader(made: Fixture) -> Asking:
    """The one who looks at the second house, signed in."""
    return await signed_in(made.away, made.reader)


async def signed_in(house: House, account: Account) -> Asking:
    """A browser of `house` with an open session."""
    async with house.site.db.write() as tx:
        token = await sign_ins.open(tx, account, "Firefox on Linux")
    client = house.app.test_client()
    name = "__Host-session" if house.site.settings.is_https else "session"
    client.set_cookie(house.name, name, token, secure=house.site.settings.is_https)
    return Asking(house, client)


@dataclass(frozen=True)
class Place:
    """The addresses of a work where it is asked for; `files` is whose rights page its files point to."""

    page: str
    explained: str
    policy: str
    licensing: str
    document: str
    rsl: str


class Table:
    """The cells of one work at one place."""

    def __init__(self, work: str, row: Row, place: Place | None) -> None:
        self.work, self.row, self.says, self._place = work, row, expected.of(row), place
        self.cells: list[Cell] = []

    @property
    def place(self) -> Place:
        assert self._place is not None
        return self._place

    def put(self, channel: str, reader: str, term: str, wanted: str, read: str) -> None:
        self.cells.append(Cell(self.work, channel, reader, term, wanted or NOTHING, read))

    def compare(self, channel: str, reader: str, wanted: dict[str, str], pairs: Pairs) -> None:
        """Every pair that was read, against what is wanted; both must name the same terms."""
        assert set(wanted) == {term for term, _ in pairs}, (channel, reader)
        for term, read in pairs:
            self.put(channel, reader, term, wanted[term], read)

    def http(self, channel: str, answer: Answer) -> None:
        """The headers of one answer, as four readers take them (2.3)."""
        says, place, channel = self.says, self.place, f"HTTP, {channel}"
        verdict = REFUSED if says.robots else ALLOWED
        self.compare(channel, "http-sf", {"Content-Usage": says.usage}, readers.by_http_sf(answer))
        wanted = {
            "X-Robots-Tag": says.robots,
            "tdm-reservation": says.tdm,
            "tdm-policy": place.policy,
            "Link, license": says.licence,
            "Link, RSL": place.rsl,
            "Link, describedby": place.document,
        }
        self.compare(channel, "requests", wanted, readers.by_requests(answer))
        wanted = {"X-Robots-Tag": verdict, "tdm-reservation": REFUSED if says.is_reserved else ALLOWED}
        self.compare(channel, "datadiligence", wanted, readers.by_datadiligence(answer))
        self.compare(channel, "img2dataset's rule", {"X-Robots-Tag": verdict}, readers.by_img2dataset(answer))
