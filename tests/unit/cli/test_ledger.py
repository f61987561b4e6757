"""What ``sitemon ledger`` prints when it is uneven."""

from datetime import UTC, datetime

import pytest

from sitemon.cli.ledger import SHOWN, show
from sitemon.store.read import LedgerHour

HOUR_AT = datetime(2026, 11, 24, 7, tzinfo=UTC)


def uneven(site: str, unaccounted: int) -> LedgerHour:
    return LedgerHour(site, "default", HOUR_AT, 60, 60 - unaccounted, 0, unaccounted, 0)


def test_the_worst_hours_are_shown_first_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    hours = [uneven(f"site{number}", number) for number in range(1, SHOWN + 4)]
    show(hours, hours)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1 : SHOWN + 1]] == [f"site{number}" for number in range(SHOWN + 3, 3, -1)]
    assert lines[SHOWN + 1 :] == [
        "… and 3 more, which --json has all of",
        "1380 expected = 1104 real + 0 missed + 276 unaccounted; 0 unexpected",
    ]


def test_few_are_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show([uneven("shop", 2)], [uneven("shop", 2)])
    assert len(capsys.readouterr().out.splitlines()) == 3
