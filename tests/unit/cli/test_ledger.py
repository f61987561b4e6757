"""What ``sitemon ledger`` prints when it is uneven."""

from datetime import UTC, datetime

import pytest

from sitemon.cli.ledger import SHOWN, show
from sitemon.store.read import LedgerHour

HOUR_AT = datetime(2026, 11, 24, 7, tzinfo=UTC)


def uneven(site: str, unaccounted: int) -> LedgerHour:
    return LedgerHour(site, "default", HOUR_AT, 60, 55 - unaccounted, 3, 2, 1, unaccounted, 0)


def test_the_worst_hours_are_shown_first_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    hours = [uneven(f"site{number}", number) for number in range(1, SHOWN + 4)]
    show(hours, hours)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1 : SHOWN + 1]] == [f"site{number}" for number in range(SHOWN + 3, 3, -1)]
    assert lines[SHOWN + 1 :] == [
        "… and 3 more, which --json has all of",
        "1380 expected = 989 real + 69 told + 46 derived (23 lost) + 276 unaccounted; 0 unexpected",
    ]


def test_few_are_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show([uneven("shop", 2)], [uneven("shop", 2)])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_without_any_hour_the_sum_is_zero(capsys: pytest.CaptureFixture[str]) -> None:
    show([], [])
    assert capsys.readouterr().out == (
        "0 expected = 0 real + 0 told + 0 derived (0 lost) + 0 unaccounted; 0 unexpected\n"
    )
