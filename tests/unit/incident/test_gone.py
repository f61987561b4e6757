"""A site that was taken out: what lasted has ended, and what comes later begins anew."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from sitemon.incident.gone import ended
from sitemon.incident.machine import NOTHING
from sitemon.incident.memory import Memory, Refolded, just_before, refold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row
from sitemon.model.outcome import Outcome

START: Final = datetime(2026, 11, 24, 7, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
OUTCOMES: Final = {"u": Outcome.UP, "d": Outcome.DOWN}
LEFT_AT: Final = START + 4.5 * MINUTE


def rows(letters: str, start: int = 0) -> list[Row]:
    return [
        Row(START + minute * MINUTE, "eu", "scheduled", OUTCOMES[letter])
        for minute, letter in enumerate(letters, start)
        if letter != " "
    ]


def folded(letters: str, folded_again: timedelta = 2 * MINUTE) -> Refolded:
    return refold(Policy(), just_before(START), rows(letters), folded_again)


@pytest.mark.parametrize("letters", ["udddd", "ud dd", "u ddd"])
def test_its_incident_ends_when_it_left(letters: str) -> None:
    before = folded(letters)
    found = ended(before, LEFT_AT, START + 4 * MINUTE)
    [incident] = found.incidents
    assert (incident.started_at, incident.ended_at) == (before.incidents[0].started_at, LEFT_AT)
    assert incident.closed_by == LEFT_AT
    assert found.state == NOTHING


def test_one_that_was_over_stays_as_it_was() -> None:
    before = folded("ddduu")
    found = ended(before, LEFT_AT, START + 4 * MINUTE)
    assert found.incidents == before.incidents
    assert found.state == NOTHING


def test_it_does_not_end_before_it_was_decided() -> None:
    found = ended(folded("uddd"), START + 2 * MINUTE, START + 3 * MINUTE)
    assert [one.ended_at for one in found.incidents] == [START + 3 * MINUTE]


def test_once_it_is_back_it_takes_as_many_failures_as_of_a_new_site() -> None:
    kept = ended(folded("udddd"), LEFT_AT, START + 4 * MINUTE).kept
    assert kept == Memory(NOTHING, LEFT_AT)
    assert refold(Policy(), kept, rows("dd", 30), MINUTE).incidents == ()
    [again] = refold(Policy(), kept, rows("ddd", 30), MINUTE).incidents
    assert again.started_at == START + 30 * MINUTE
