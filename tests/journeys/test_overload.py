"""Ten times more than one server may send (security.md P10): it is refused politely, and nobody else notices."""

import http.client
import statistics
import threading
import time
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from server.models import Favourite, Received, ReceivedState
from tests.books import Books
from tests.crowd import Crowd, Letter, a_work
from tests.running import House

pytestmark = pytest.mark.one_database

# Table D: what one server may send at once, and then in a minute.
BURST, A_MINUTE = 1000, 300
SENT, LINES = 1600, 4


@dataclass(frozen=True)
class Said:
    """How one letter was answered."""

    id: str
    status: int
    retry_after: str
    seconds: float


def post(port: int, letters: list[Letter], said: list[Said]) -> None:
    """Send one after the other over one connection."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for letter in letters:
        began = time.monotonic()
        line.request("POST", letter.path, letter.body, letter.headers)
        reply = line.getresponse()
        reply.read()
        if reply.will_close:
            line.close()
        said.append(Said(letter.id, reply.status, reply.getheader("Retry-After", ""), time.monotonic() - began))
    line.close()


@pytest.mark.timeout(600)
def test_p10_too_much_from_one_server_is_refused_politely(house: House, crowd: Crowd, database_url: str) -> None:
    work, books, inbox = a_work(house), Books(database_url), f"{house.address}/inbox"
    loud_host = crowd.senders[0].host
    loud = [sender for sender in crowd.senders if sender.host == loud_host]
    calm = [sender for sender in crowd.senders if sender.host != loud_host]
    house.start()
    greetings: list[Said] = []
    post(house.port, [sender.letter(inbox, sender.activity("Like", work)) for sender in (*loud, *calm)], greetings)
    assert {said.status for said in greetings} == {202}, "everybody has proved who they are"

    flood = [
        loud[number % len(loud)].letter(inbox, loud[number % len(loud)].activity("Like", work))
        for number in range(SENT)
    ]
    few = [calm[number % len(calm)].letter(inbox, calm[number % len(calm)].answer(work)) for number in range(40)]
    answers: list[Said] = []
    theirs: list[Said] = []
    began = time.monotonic()
    lines = [threading.Thread(target=post, args=(house.port, flood[start::LINES], answers)) for start in range(LINES)]
    for line in lines:
        line.start()
    while not any(said.status == 429 for said in list(answers)) and any(line.is_alive() for line in lines):
        time.sleep(0.01)
    post(house.port, few, theirs)
    for line in lines:
        line.join()
    took = time.monotonic() - began

    refused = [said for said in answers if said.status == 429]
    accepted = [said for said in answers if said.status == 202]
    assert len(accepted) + len(refused) == SENT, "no other answer, no broken connection"
    assert BURST - len(loud) - 1 <= len(accepted) <= BURST + A_MINUTE * took / 60 + 1
    assert all(said.retry_after.isdigit() and 1 <= int(said.retry_after) <= 60 for said in refused)
    assert statistics.median(said.seconds for said in refused) < 0.5, "a refusal costs next to nothing"
    assert [said.status for said in theirs] == [202] * len(few), "whoever sends little is served"

    books.wait(120)
    states = dict(books.ask(select(Received.activity_uri, Received.state))[0])
    done = {said.id for said in (*greetings, *accepted, *theirs)}
    assert done <= states.keys() and {states[uri] for uri in done} == {ReceivedState.DONE}, "what was taken is done"
    assert not states.keys() & {said.id for said in refused}, "what was refused left nothing"
    assert books.count(Favourite) == len(crowd.senders)
    assert house.get("/readyz").status == 200
