"""Ids sort by time."""

from datetime import UTC, datetime, timedelta

import pytest

from server import clock, ids


def test_ids_rise_even_when_the_clock_goes_back() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    clock.set_source(lambda: later)
    first = ids.new()
    clock.set_source(lambda: later - timedelta(hours=1))
    assert ids.new() > first


def test_an_id_lies_between_the_moments_around_it() -> None:
    moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    clock.set_source(lambda: moment)
    assert ids.at(moment) <= ids.new() < ids.at(moment + timedelta(milliseconds=1))


def test_ids_fit_into_63_bits_for_sixty_years() -> None:
    assert ids.at(datetime(2086, 1, 1, tzinfo=UTC)) < 2**63


@pytest.mark.parametrize("text", ["", "-1", "1.5", "٣", "9" * 20, str(2**63), "12 ", "0x1"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert ids.parse(text) is None


def test_an_id_reads_back() -> None:
    assert ids.parse(str(2**63 - 1)) == 2**63 - 1
